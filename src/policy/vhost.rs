//! Requests for one virtual host on a connection made with the terms of
//! another (RFC 9110, section 15.5.20).

use crate::config::protocol::Protocols;
use crate::config::server::ConfCmd;
use std::path::PathBuf;

/// `SSLVHostSNIPolicy`: how much two vhosts must share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Both certificates and ciphers, and client authentication.
    Secure,
}

/// What a server shows a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerIdentity {
    /// Versions.
    pub protocols: Protocols,
    /// Ciphers up to TLS 1.2; `None` is the library's list.
    pub cipher_suite: Option<String>,
    /// As above for TLS 1.3.
    pub cipher_suite_tls13: Option<String>,
    /// Certificates.
    pub certificates: Vec<PathBuf>,
    /// Keys.
    pub keys: Vec<PathBuf>,
}

/// How a server checks clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthGroup {
    /// OpenSSL's own commands, which can change everything.
    pub conf_cmds: Vec<ConfCmd>,
}

impl AuthGroup {
    /// Whether clients may have to show a certificate. OpenSSL's own commands
    /// can ask for one.
    #[must_use]
    pub fn verifies_clients(&self) -> bool {
        self.conf_cmds.iter().any(|cmd| {
            let name = cmd.name.to_ascii_lowercase();
            name.starts_with("verify") || name.contains("ca")
        })
    }
}

impl Policy {
    /// The word of the directive.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secure => "secure",
        }
    }

    /// Whether requests for `wanted` may be served on connections made with
    /// the terms of `made`.
    #[must_use]
    pub fn allows(self, made: (&ServerIdentity, &AuthGroup), wanted: (&ServerIdentity, &AuthGroup)) -> bool {
        match self {
            Self::Secure => made == wanted,
        }
    }
}

/// What is known about a request and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The client named a host in its ClientHello.
    pub sni: bool,
    /// The request names a host.
    pub hostname: bool,
    /// The request is for a forward proxy.
    pub forward_proxy: bool,
    /// Several name-based vhosts share the address.
    pub name_based: bool,
    /// `SSLStrictSNIVHostCheck` in the vhost of the handshake or the request.
    pub strict_sni: bool,
    /// The vhost of the request may be served here.
    pub compatible: bool,
}

/// What becomes of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Serve,
    /// 400: a name in the ClientHello but none in the request.
    NoHostname,
    /// 403: no name in the ClientHello.
    NoServerName,
    /// 421: not on this connection.
    Misdirected,
}

/// Text for the error page of [`Verdict::NoServerName`].
pub const NO_SERVER_NAME_HINT: &str = "Reason: The client software did not provide a hostname using Server Name Indication (SNI), which is required to access this server.<br />\n";

/// Checks a request against its connection; the order decides.
#[must_use]
pub const fn check(facts: &Facts) -> Verdict {
    if facts.forward_proxy {
        Verdict::Serve
    } else if facts.sni && !facts.hostname {
        Verdict::NoHostname
    } else if !facts.sni && facts.strict_sni && facts.name_based {
        Verdict::NoServerName
    } else if !facts.compatible {
        Verdict::Misdirected
    } else {
        Verdict::Serve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Facts = Facts {
        sni: true,
        hostname: true,
        forward_proxy: false,
        name_based: true,
        strict_sni: false,
        compatible: true,
    };

    #[test]
    fn the_order_of_checks() {
        for (facts, verdict) in [
            (FINE, Verdict::Serve),
            (Facts { hostname: false, ..FINE }, Verdict::NoHostname),
            (Facts { hostname: false, sni: false, ..FINE }, Verdict::Serve),
            (Facts { sni: false, strict_sni: true, ..FINE }, Verdict::NoServerName),
            (Facts { sni: false, strict_sni: true, compatible: false, ..FINE }, Verdict::NoServerName),
            (Facts { sni: false, strict_sni: true, name_based: false, ..FINE }, Verdict::Serve),
            (Facts { strict_sni: true, ..FINE }, Verdict::Serve),
            (Facts { compatible: false, ..FINE }, Verdict::Misdirected),
            (Facts { compatible: false, sni: false, ..FINE }, Verdict::Misdirected),
            (Facts { compatible: false, forward_proxy: true, ..FINE }, Verdict::Serve),
        ] {
            assert_eq!(check(&facts), verdict, "{facts:?}");
        }
    }

    #[test]
    fn what_must_be_equal() {
        let identity = ServerIdentity {
            protocols: Protocols::DEFAULT,
            cipher_suite: None,
            cipher_suite_tls13: None,
            certificates: vec!["c".into()],
            keys: vec!["k".into()],
        };
        let auth = AuthGroup::default();
        let allows = |other: &ServerIdentity, other_auth: &AuthGroup| {
            Policy::Secure.allows((&identity, &auth), (other, other_auth))
        };
        assert!(allows(&identity, &auth));
        for other in [
            ServerIdentity { protocols: Protocols::TLS1_2, ..identity.clone() },
            ServerIdentity { cipher_suite: Some("x".to_owned()), ..identity.clone() },
            ServerIdentity { cipher_suite_tls13: Some("x".to_owned()), ..identity.clone() },
            ServerIdentity { certificates: vec!["d".into()], ..identity.clone() },
            ServerIdentity { keys: vec!["d".into()], ..identity.clone() },
        ] {
            assert!(!allows(&other, &auth));
        }
        let conf = ConfCmd { name: "Curves".to_owned(), value: "X25519".to_owned() };
        assert!(!allows(&identity, &AuthGroup { conf_cmds: vec![conf] }));
    }

    #[test]
    fn commands_that_may_ask_for_certificates() {
        let with = |name: &str| AuthGroup {
            conf_cmds: vec![ConfCmd { name: name.to_owned(), value: String::new() }],
        };
        for (name, verifies) in
            [("VerifyMode", true), ("ClientCAFile", true), ("Curves", false), ("MinProtocol", false)]
        {
            assert_eq!(with(name).verifies_clients(), verifies, "{name}");
        }
    }
}
