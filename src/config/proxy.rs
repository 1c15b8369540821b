//! What is configured for TLS to other servers: a server's values, or those of
//! a `<Proxy>` section.

use super::protocol::Protocols;
use super::verify::{CrlCheck, VerifyClient};
use std::path::PathBuf;

/// How long a chain may be without `SSLProxyVerifyDepth`.
pub const DEFAULT_DEPTH: u32 = 1;

/// The values of `SSLProxy...`; `None`: no line says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each field is the directive of its name")]
pub struct ProxyConfig {
    pub engine: Option<bool>,
    pub protocol: Option<Protocols>,
    pub cipher_suite: Option<String>,
    pub cipher_suite_tls13: Option<String>,
    pub verify: Option<VerifyClient>,
    pub verify_depth: Option<u32>,
    pub ca_certificate_file: Option<PathBuf>,
    pub ca_certificate_path: Option<PathBuf>,
    pub ca_revocation_file: Option<PathBuf>,
    pub ca_revocation_path: Option<PathBuf>,
    pub ca_revocation_check: Option<CrlCheck>,
    pub machine_certificate_file: Option<PathBuf>,
    pub machine_certificate_path: Option<PathBuf>,
    pub machine_certificate_chain_file: Option<PathBuf>,
    pub check_peer_cn: Option<bool>,
    pub check_peer_expire: Option<bool>,
    pub check_peer_name: Option<bool>,
}

impl ProxyConfig {
    /// A vhost inside the main server, or a section inside its server.
    #[must_use]
    pub fn merge(base: &Self, own: &Self) -> Self {
        fn either<T: Clone>(own: &Option<T>, base: &Option<T>) -> Option<T> {
            own.as_ref().or(base.as_ref()).cloned()
        }
        Self {
            engine: own.engine.or(base.engine),
            protocol: own.protocol.or(base.protocol),
            cipher_suite: either(&own.cipher_suite, &base.cipher_suite),
            cipher_suite_tls13: either(&own.cipher_suite_tls13, &base.cipher_suite_tls13),
            verify: own.verify.or(base.verify),
            verify_depth: own.verify_depth.or(base.verify_depth),
            ca_certificate_file: either(&own.ca_certificate_file, &base.ca_certificate_file),
            ca_certificate_path: either(&own.ca_certificate_path, &base.ca_certificate_path),
            ca_revocation_file: either(&own.ca_revocation_file, &base.ca_revocation_file),
            ca_revocation_path: either(&own.ca_revocation_path, &base.ca_revocation_path),
            ca_revocation_check: own.ca_revocation_check.or(base.ca_revocation_check),
            machine_certificate_file: either(&own.machine_certificate_file, &base.machine_certificate_file),
            machine_certificate_path: either(&own.machine_certificate_path, &base.machine_certificate_path),
            machine_certificate_chain_file: either(
                &own.machine_certificate_chain_file,
                &base.machine_certificate_chain_file,
            ),
            check_peer_cn: own.check_peer_cn.or(base.check_peer_cn),
            check_peer_expire: own.check_peer_expire.or(base.check_peer_expire),
            check_peer_name: own.check_peer_name.or(base.check_peer_name),
        }
    }

    /// Whether TLS to other servers is on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.engine.unwrap_or(false)
    }

    /// Which name a backend's certificate must have, after both directives.
    #[must_use]
    pub fn name_check(&self) -> NameCheck {
        match (self.check_peer_name, self.check_peer_cn) {
            (Some(true), _) | (None, None | Some(true)) => NameCheck::Any,
            (Some(false), Some(true)) => NameCheck::FirstCn,
            (Some(false), None | Some(false)) | (None, Some(false)) => NameCheck::None,
        }
    }
}

/// Where the name of a backend is looked for in its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameCheck {
    /// Nowhere.
    None,
    /// In its alternative names and common names.
    Any,
    /// In its first common name, as before 2.4.5.
    FirstCn,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_values_win() {
        let base = ProxyConfig {
            engine: Some(true),
            verify: Some(VerifyClient::Require),
            ca_certificate_file: Some("a".into()),
            check_peer_name: Some(false),
            ..ProxyConfig::default()
        };
        let own = ProxyConfig {
            verify: Some(VerifyClient::None),
            ca_certificate_file: Some("b".into()),
            ..ProxyConfig::default()
        };
        let merged = ProxyConfig::merge(&base, &own);
        assert_eq!((merged.engine, merged.verify), (Some(true), Some(VerifyClient::None)));
        assert_eq!(merged.ca_certificate_file, Some("b".into()));
        assert_eq!(merged.check_peer_name, Some(false));
        assert_eq!(ProxyConfig::merge(&base, &ProxyConfig::default()), base);
        assert_eq!(ProxyConfig::merge(&ProxyConfig::default(), &base), base);
    }

    #[test]
    fn two_directives_say_which_name_is_looked_for() {
        let (on, off, unset) = (Some(true), Some(false), None);
        for (name, cn, check) in [
            (unset, unset, NameCheck::Any),
            (unset, on, NameCheck::Any),
            (unset, off, NameCheck::None),
            (on, unset, NameCheck::Any),
            (on, on, NameCheck::Any),
            (on, off, NameCheck::Any),
            (off, unset, NameCheck::None),
            (off, on, NameCheck::FirstCn),
            (off, off, NameCheck::None),
        ] {
            let config = ProxyConfig { check_peer_name: name, check_peer_cn: cn, ..ProxyConfig::default() };
            assert_eq!(config.name_check(), check, "{name:?} {cn:?}");
        }
    }
}
