//! Requests for one virtual host on a connection made with the terms of
//! another (RFC 9110, section 15.5.20).

use super::verify;
use crate::config::ocsp::OcspCheck;
use crate::config::protocol::Protocols;
use crate::config::server::ConfCmd;
use crate::config::sni_policy::SniPolicy;
use crate::config::verify::VerifyClient;
use std::path::PathBuf;

/// What a server shows a client. Two vhosts are the same to a client when all
/// fields are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerIdentity {
    /// Versions.
    pub protocols: Protocols,
    /// Ciphers up to TLS 1.2; `None` is the library's list.
    pub cipher_suite: Option<String>,
    /// As above for TLS 1.3.
    pub cipher_suite_tls13: Option<String>,
    /// Certificates and keys.
    pub files: Files,
}

/// A file by what is in it: a copy under another name is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileId {
    /// SHA-256 of the contents.
    Contents([u8; 32]),
    /// What cannot be read as a file is only equal to itself.
    Name(PathBuf),
}

/// Certificates and keys of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// SHA-256 of their ids: there may be many servers.
    Digest([u8; 32]),
    /// The ids themselves, first of certificates, then of keys.
    Ids(Box<(Vec<FileId>, Vec<FileId>)>),
}

impl Files {
    /// Of a server with these certificates and keys. `digest` may fail.
    #[must_use]
    pub fn of(
        certificates: Vec<FileId>,
        keys: Vec<FileId>,
        digest: impl FnOnce(&[u8]) -> Option<[u8; 32]>,
    ) -> Self {
        let mut bytes = Vec::new();
        for ids in [&certificates, &keys] {
            bytes.extend_from_slice(&(ids.len() as u64).to_be_bytes());
            for id in ids {
                bytes.push(matches!(id, FileId::Contents(_)).into());
                bytes.extend_from_slice(&(id.as_bytes().len() as u64).to_be_bytes());
                bytes.extend_from_slice(id.as_bytes());
            }
        }
        match digest(&bytes) {
            Some(digest) => Self::Digest(digest),
            None => Self::Ids(Box::new((certificates, keys))),
        }
    }
}

impl FileId {
    /// The id for a digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Contents(digest) => digest,
            Self::Name(name) => name.as_os_str().as_encoded_bytes(),
        }
    }
}

/// Where things come from, by the names of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// A file.
    pub file: Option<PathBuf>,
    /// A directory.
    pub path: Option<PathBuf>,
}

/// How a server checks clients. Two vhosts let in the same ones when all
/// fields are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthGroup {
    /// `SSLVerifyClient`, `SSLVerifyDepth`, `SSLCARevocationCheck`.
    pub verify: verify::Terms,
    /// `SSLCACertificate...`.
    pub ca_certificates: Places,
    /// `SSLCADNRequest...`.
    pub ca_names: Places,
    /// `SSLCARevocation...`.
    pub revocation_lists: Places,
    /// `SSLSRPVerifierFile`.
    pub srp_verifier_file: Option<PathBuf>,
    /// `SSLOCSPEnable`.
    pub ocsp: Option<OcspCheck>,
    /// `SSLOCSPOverrideResponder`.
    pub ocsp_override_responder: bool,
    /// `SSLOCSPDefaultResponder`.
    pub ocsp_default_responder: Option<String>,
    /// OpenSSL's own commands, which can change everything.
    pub conf_cmds: Vec<ConfCmd>,
}

impl AuthGroup {
    /// Whether a certificate that one of the two has found good is good for the
    /// other: all but whether it is asked for and how long its chain may be.
    #[must_use]
    pub fn believes_alike(&self, other: &Self) -> bool {
        let Self {
            verify,
            ca_certificates,
            ca_names: _,
            revocation_lists,
            srp_verifier_file: _,
            ocsp,
            ocsp_override_responder,
            ocsp_default_responder,
            conf_cmds,
        } = other;
        self.verify.crl == verify.crl
            && self.ca_certificates == *ca_certificates
            && self.revocation_lists == *revocation_lists
            && self.ocsp == *ocsp
            && self.ocsp_override_responder == *ocsp_override_responder
            && self.ocsp_default_responder == *ocsp_default_responder
            && self.conf_cmds == *conf_cmds
    }

    /// Whether clients may have to show a certificate. OpenSSL's own commands
    /// can ask for one.
    #[must_use]
    pub fn verifies_clients(&self) -> bool {
        let asks = self.verify.mode != VerifyClient::None;
        asks || self.conf_cmds.iter().any(|cmd| {
            let name = cmd.name.to_ascii_lowercase();
            name.starts_with("verify") || name.contains("ca")
        })
    }
}

/// What is compared of a vhost; `None` without TLS.
pub type Terms<'t> = Option<(&'t ServerIdentity, &'t AuthGroup)>;

/// Whether requests for one vhost may be served on connections made with the
/// terms of another one.
#[must_use]
pub fn allows(policy: SniPolicy, made: Terms<'_>, wanted: Terms<'_>) -> bool {
    let (made, wanted) = match (policy, made, wanted) {
        // The directory of the request asks clients for what its server wants to know.
        (SniPolicy::Insecure, _, _) => return true,
        (SniPolicy::Strict, _, _) | (_, None, _) | (_, _, None) => return false,
        (SniPolicy::Secure | SniPolicy::AuthOnly, Some(made), Some(wanted)) => (made, wanted),
    };
    made.1 == wanted.1 && (policy == SniPolicy::AuthOnly || made.0 == wanted.0)
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
    use crate::config::verify::{CrlCheck, CrlScope};

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

    /// With a digest that is as good as the bytes, as long as there are few.
    fn files(certificates: &[FileId], keys: &[FileId]) -> Files {
        Files::of(certificates.to_vec(), keys.to_vec(), |bytes| {
            let mut digest = [0_u8; 32];
            for (place, byte) in bytes.iter().enumerate() {
                let turned = digest[place % 32].rotate_left(3);
                digest[place % 32] = turned.wrapping_mul(31).wrapping_add(*byte);
            }
            Some(digest)
        })
    }

    #[test]
    fn files_are_equal_by_their_ids() {
        let contents = |byte| FileId::Contents([byte; 32]);
        let name = |text: &str| FileId::Name(text.into());
        let lists: [(Vec<FileId>, Vec<FileId>); 7] = [
            (vec![], vec![]),
            (vec![contents(1)], vec![]),
            (vec![], vec![contents(1)]),
            (vec![contents(1), contents(2)], vec![]),
            (vec![contents(1)], vec![contents(2)]),
            (vec![name("a"), name("b")], vec![]),
            (vec![name("ab")], vec![]),
        ];
        for (index, (certificates, keys)) in lists.iter().enumerate() {
            for (other, (certificates_there, keys_there)) in lists.iter().enumerate() {
                let same = index == other;
                assert_eq!(files(certificates, keys) == files(certificates_there, keys_there), same);
                let undigested = |certificates: &Vec<_>, keys: &Vec<_>| {
                    Files::of(certificates.clone(), keys.clone(), |_| None)
                };
                let equal = undigested(certificates, keys) == undigested(certificates_there, keys_there);
                assert_eq!(equal, same);
            }
        }
    }

    #[test]
    fn what_must_be_equal() {
        let identity = ServerIdentity {
            protocols: Protocols::DEFAULT,
            cipher_suite: None,
            cipher_suite_tls13: None,
            files: files(&[FileId::Contents([1; 32])], &[FileId::Contents([2; 32])]),
        };
        let auth = AuthGroup::default();
        let (one, other) = ([FileId::Contents([1; 32])], [FileId::Name("pkcs11:x".into())]);
        let some = Some("x".to_owned());
        let identities = [
            ServerIdentity { protocols: Protocols::TLS1_2, ..identity.clone() },
            ServerIdentity { cipher_suite: some.clone(), ..identity.clone() },
            ServerIdentity { cipher_suite_tls13: some, ..identity.clone() },
            ServerIdentity { files: files(&other, &one), ..identity.clone() },
            ServerIdentity { files: files(&one, &other), ..identity.clone() },
            ServerIdentity { files: files(&[], &one), ..identity.clone() },
        ];
        let conf = ConfCmd { name: "Curves".to_owned(), value: "X25519".to_owned() };
        let there = Places { file: Some("/ca".into()), path: None };
        let auths = [
            AuthGroup { conf_cmds: vec![conf], ..AuthGroup::default() },
            AuthGroup { srp_verifier_file: Some("/srp".into()), ..AuthGroup::default() },
            AuthGroup {
                verify: verify::Terms { mode: VerifyClient::Require, ..verify::Terms::default() },
                ..AuthGroup::default()
            },
            AuthGroup {
                verify: verify::Terms { depth: 3, ..verify::Terms::default() },
                ..AuthGroup::default()
            },
            AuthGroup { ca_certificates: there.clone(), ..AuthGroup::default() },
            AuthGroup { ca_names: there.clone(), ..AuthGroup::default() },
            AuthGroup { revocation_lists: there, ..AuthGroup::default() },
        ];
        let same = (identity.clone(), auth.clone());
        let other_identities = identities.map(|other| (other, auth.clone())).to_vec();
        let other_auths = auths.map(|other| (identity.clone(), other)).to_vec();
        for (policy, equal, other_identity, other_auth, without_tls) in [
            (SniPolicy::Strict, false, false, false, false),
            (SniPolicy::Secure, true, false, false, false),
            (SniPolicy::AuthOnly, true, true, false, false),
            (SniPolicy::Insecure, true, true, true, true),
        ] {
            let ours: Terms<'_> = Some((&identity, &auth));
            let check = |others: &[(ServerIdentity, AuthGroup)], allowed| {
                for (identity, auth) in others {
                    let theirs = Some((identity, auth));
                    assert_eq!(allows(policy, ours, theirs), allowed, "{policy:?} {theirs:?}");
                    assert_eq!(allows(policy, theirs, ours), allowed, "{policy:?} {theirs:?}");
                }
            };
            check(std::slice::from_ref(&same), equal);
            check(&other_identities, other_identity);
            check(&other_auths, other_auth);
            for pair in [(ours, None), (None, ours), (None, None)] {
                assert_eq!(allows(policy, pair.0, pair.1), without_tls, "{policy:?}");
            }
        }
    }

    #[test]
    fn who_believes_alike() {
        let there = Places { file: Some("/ca".into()), path: None };
        let plain = AuthGroup::default;
        let terms = |mode, depth, crl| verify::Terms { mode, depth, crl };
        let (crl, checks) = (CrlCheck::default(), CrlCheck { scope: CrlScope::Chain, ..CrlCheck::default() });
        let conf = ConfCmd { name: "VerifyCAFile".to_owned(), value: "/ca".to_owned() };
        for (other, alike) in [
            (plain(), true),
            (AuthGroup { verify: terms(VerifyClient::Require, 3, crl), ..plain() }, true),
            (AuthGroup { ca_names: there.clone(), ..plain() }, true),
            (AuthGroup { srp_verifier_file: Some("/srp".into()), ..plain() }, true),
            (AuthGroup { verify: terms(VerifyClient::None, 0, checks), ..plain() }, false),
            (AuthGroup { ca_certificates: there.clone(), ..plain() }, false),
            (AuthGroup { revocation_lists: there, ..plain() }, false),
            (AuthGroup { ocsp: Some(OcspCheck::default()), ..plain() }, false),
            (AuthGroup { ocsp_override_responder: true, ..plain() }, false),
            (AuthGroup { ocsp_default_responder: Some("http://r/".to_owned()), ..plain() }, false),
            (AuthGroup { conf_cmds: vec![conf], ..plain() }, false),
        ] {
            assert_eq!(plain().believes_alike(&other), alike, "{other:?}");
            assert_eq!(other.believes_alike(&plain()), alike, "{other:?}");
        }
    }

    #[test]
    fn commands_that_may_ask_for_certificates() {
        let with = |name: &str| AuthGroup {
            conf_cmds: vec![ConfCmd { name: name.to_owned(), value: String::new() }],
            ..AuthGroup::default()
        };
        for (name, verifies) in
            [("VerifyMode", true), ("ClientCAFile", true), ("Curves", false), ("MinProtocol", false)]
        {
            assert_eq!(with(name).verifies_clients(), verifies, "{name}");
        }
    }
}
