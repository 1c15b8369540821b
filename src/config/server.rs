//! What is configured for a server or virtual host.

use super::certificates;
use super::handshake::HandshakeConfig;
use super::ocsp::OcspConfig;
use super::preset::Preset;
use super::protocol::Protocols;
use super::stapling::StaplingConfig;
use super::verify::{CrlCheck, VerifyClient};
use std::borrow::Cow;
use std::path::PathBuf;

/// `SSLEngine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// TLS.
    On,
    /// No TLS.
    Off,
    /// TLS on request (RFC 2817), which is no longer supported: no TLS.
    Optional,
}

impl Engine {
    /// Reads the argument.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let words = [("on", Self::On), ("off", Self::Off), ("optional", Self::Optional)];
        words.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, engine)| engine)
    }
}

/// One `SSLOpenSSLConfCmd`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConfCmd {
    /// The command.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The values of a server; `None`: no line says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each field is the directive of its name")]
pub struct ServerConfig {
    pub preset: Option<Preset>,
    pub engine: Option<Engine>,
    pub certificate_files: Vec<PathBuf>,
    pub certificate_key_files: Vec<PathBuf>,
    pub certificate_chain_file: Option<PathBuf>,
    pub protocol: Option<Protocols>,
    pub cipher_suite: Option<String>,
    pub cipher_suite_tls13: Option<String>,
    pub honor_cipher_order: Option<bool>,
    pub compression: Option<bool>,
    pub insecure_renegotiation: Option<bool>,
    pub session_cache_timeout: Option<i64>,
    pub session_tickets: Option<bool>,
    pub session_ticket_key_files: Vec<PathBuf>,
    pub strict_sni_vhost_check: Option<bool>,
    pub client_hello_vars: Option<bool>,
    pub handshake: HandshakeConfig,
    pub async_output: Option<bool>,
    pub openssl_conf_cmds: Vec<ConfCmd>,
    pub srp_verifier_file: Option<PathBuf>,
    pub srp_unknown_user_seed: Option<String>,
    pub ocsp: OcspConfig,
    pub stapling: StaplingConfig,
    pub verify_client: Option<VerifyClient>,
    pub verify_depth: Option<u32>,
    pub ca_certificate_file: Option<PathBuf>,
    pub ca_certificate_path: Option<PathBuf>,
    pub ca_dn_request_file: Option<PathBuf>,
    pub ca_dn_request_path: Option<PathBuf>,
    pub ca_revocation_file: Option<PathBuf>,
    pub ca_revocation_path: Option<PathBuf>,
    pub ca_revocation_check: Option<CrlCheck>,
}

impl ServerConfig {
    /// The values with those of `SSLPolicy` where no line has set one.
    #[must_use]
    pub fn complete(&self) -> Cow<'_, Self> {
        let mut config = Cow::Borrowed(self);
        if let Some(preset) = self.preset {
            preset.fill(config.to_mut());
        }
        config
    }

    /// A vhost inside the main server.
    #[must_use]
    pub fn merge(base: &Self, own: &Self) -> Self {
        let files = certificates::merge;
        // The policy of the vhost comes before what the main server's lines say.
        let (base, own) = (base.complete(), own.complete());
        Self {
            preset: own.preset.or(base.preset),
            engine: own.engine.or(base.engine),
            certificate_files: files(&base.certificate_files, &own.certificate_files),
            certificate_key_files: files(&base.certificate_key_files, &own.certificate_key_files),
            certificate_chain_file: own
                .certificate_chain_file
                .as_ref()
                .or(base.certificate_chain_file.as_ref())
                .cloned(),
            protocol: own.protocol.or(base.protocol),
            cipher_suite: own.cipher_suite.as_ref().or(base.cipher_suite.as_ref()).cloned(),
            cipher_suite_tls13: own.cipher_suite_tls13.as_ref().or(base.cipher_suite_tls13.as_ref()).cloned(),
            ocsp: OcspConfig::merge(&base.ocsp, &own.ocsp),
            stapling: StaplingConfig::merge(&base.stapling, &own.stapling),
            honor_cipher_order: own.honor_cipher_order.or(base.honor_cipher_order),
            compression: own.compression.or(base.compression),
            insecure_renegotiation: own.insecure_renegotiation.or(base.insecure_renegotiation),
            session_cache_timeout: own.session_cache_timeout.or(base.session_cache_timeout),
            session_tickets: own.session_tickets.or(base.session_tickets),
            session_ticket_key_files: if own.session_ticket_key_files.is_empty() {
                base.session_ticket_key_files.clone()
            } else {
                own.session_ticket_key_files.clone()
            },
            client_hello_vars: own.client_hello_vars.or(base.client_hello_vars),
            handshake: HandshakeConfig::merge(base.handshake, own.handshake),
            async_output: own.async_output.or(base.async_output),
            strict_sni_vhost_check: own.strict_sni_vhost_check.or(base.strict_sni_vhost_check),
            openssl_conf_cmds: base.openssl_conf_cmds.iter().chain(&own.openssl_conf_cmds).cloned().collect(),
            srp_verifier_file: own.srp_verifier_file.as_ref().or(base.srp_verifier_file.as_ref()).cloned(),
            srp_unknown_user_seed: own
                .srp_unknown_user_seed
                .as_ref()
                .or(base.srp_unknown_user_seed.as_ref())
                .cloned(),
            verify_client: own.verify_client.or(base.verify_client),
            verify_depth: own.verify_depth.or(base.verify_depth),
            ca_certificate_file: own
                .ca_certificate_file
                .as_ref()
                .or(base.ca_certificate_file.as_ref())
                .cloned(),
            ca_certificate_path: own
                .ca_certificate_path
                .as_ref()
                .or(base.ca_certificate_path.as_ref())
                .cloned(),
            ca_dn_request_file: own.ca_dn_request_file.as_ref().or(base.ca_dn_request_file.as_ref()).cloned(),
            ca_dn_request_path: own.ca_dn_request_path.as_ref().or(base.ca_dn_request_path.as_ref()).cloned(),
            ca_revocation_file: own.ca_revocation_file.as_ref().or(base.ca_revocation_file.as_ref()).cloned(),
            ca_revocation_path: own.ca_revocation_path.as_ref().or(base.ca_revocation_path.as_ref()).cloned(),
            ca_revocation_check: own.ca_revocation_check.or(base.ca_revocation_check),
        }
    }

    /// The part of the values that a context is made of: servers for which it
    /// is equal share one. Certificates and keys are put on each connection,
    /// unless commands of the library put them into the context.
    #[must_use]
    pub fn context_key(&self) -> Self {
        let mut key = self.clone();
        key.preset = None;
        key.engine = None;
        key.strict_sni_vhost_check = None;
        key.client_hello_vars = None;
        key.stapling = StaplingConfig::default();
        key.handshake = HandshakeConfig::default();
        key.async_output = None;
        if !self.has_certificate_commands() {
            key.certificate_files.clear();
            key.certificate_key_files.clear();
            key.certificate_chain_file = None;
        }
        key
    }

    /// Whether `SSLOpenSSLConfCmd` loads certificates or keys, or something that
    /// goes with them: the certificates must be in the context when it is carried
    /// out. So they must when it raises the level that keys have to meet, which
    /// does not concern certificates that are there already.
    #[must_use]
    pub fn has_certificate_commands(&self) -> bool {
        self.openssl_conf_cmds.iter().any(|cmd| {
            let is = |name: &str| cmd.name.eq_ignore_ascii_case(name);
            ["Certificate", "PrivateKey", "ServerInfoFile"].into_iter().any(is)
                || (is("CipherString") && cmd.value.to_ascii_uppercase().contains("SECLEVEL"))
        })
    }

    /// Whether TLS is on: by `SSLEngine`, or without such a line because the
    /// server's protocol is https and it has a certificate.
    #[must_use]
    pub fn is_enabled(&self, protocol: &str) -> bool {
        match self.engine {
            Some(engine) => engine == Engine::On,
            None => protocol == "https" && !self.certificate_files.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmd(name: &str) -> ConfCmd {
        ConfCmd { name: name.to_owned(), value: "v".to_owned() }
    }

    #[test]
    fn own_values_win_and_lists_grow() {
        let base = ServerConfig {
            engine: Some(Engine::On),
            protocol: Some(Protocols::TLS1_2),
            cipher_suite: Some("A".to_owned()),
            cipher_suite_tls13: Some("B".to_owned()),
            session_tickets: Some(false),
            openssl_conf_cmds: vec![cmd("a")],
            ..ServerConfig::default()
        };
        let own = ServerConfig {
            engine: Some(Engine::Optional),
            cipher_suite: Some("C".to_owned()),
            openssl_conf_cmds: vec![cmd("b")],
            ..ServerConfig::default()
        };
        let merged = ServerConfig::merge(&base, &own);
        assert_eq!(merged.engine, Some(Engine::Optional));
        assert_eq!(merged.protocol, Some(Protocols::TLS1_2));
        assert_eq!(merged.cipher_suite.as_deref(), Some("C"));
        assert_eq!(merged.cipher_suite_tls13.as_deref(), Some("B"));
        assert_eq!(merged.session_tickets, Some(false));
        assert_eq!(merged.openssl_conf_cmds, [cmd("a"), cmd("b")]);
        assert_eq!(ServerConfig::merge(&base, &ServerConfig::default()), base);
        assert_eq!(ServerConfig::merge(&ServerConfig::default(), &base), base);
    }

    #[test]
    fn what_a_context_is_made_of() {
        let with =
            |name: &str| ServerConfig { openssl_conf_cmds: vec![cmd(name)], ..ServerConfig::default() };
        for (one, other, shared) in [
            (
                ServerConfig::default(),
                ServerConfig { engine: Some(Engine::On), ..ServerConfig::default() },
                true,
            ),
            (
                ServerConfig { certificate_files: vec!["a".into()], ..with("Curves") },
                ServerConfig { certificate_files: vec!["b".into()], ..with("Curves") },
                true,
            ),
            (
                ServerConfig { certificate_files: vec!["a".into()], ..with("privatekey") },
                ServerConfig { certificate_files: vec!["b".into()], ..with("privatekey") },
                false,
            ),
            (with("Curves"), with("Options"), false),
            (
                ServerConfig {
                    handshake: HandshakeConfig { timeout: Some(1), without_thread: Some(false) },
                    async_output: Some(false),
                    ..ServerConfig::default()
                },
                ServerConfig::default(),
                true,
            ),
            (
                ServerConfig { protocol: Some(Protocols::DEFAULT), ..ServerConfig::default() },
                ServerConfig::default(),
                false,
            ),
        ] {
            assert_eq!(one.context_key() == other.context_key(), shared, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_policy_comes_after_lines_of_its_own_place() {
        let base = ServerConfig {
            preset: Some(Preset::Modern),
            session_tickets: Some(true),
            ..ServerConfig::default()
        };
        let own = ServerConfig {
            preset: Some(Preset::Intermediate),
            cipher_suite: Some("A".to_owned()),
            ..ServerConfig::default()
        };
        let (both, inner, outer) = (
            ServerConfig::merge(&base, &own),
            ServerConfig::merge(&ServerConfig { preset: None, ..base.clone() }, &own),
            ServerConfig::merge(&base, &ServerConfig { preset: None, ..own.clone() }),
        );
        let two = Some(Protocols::TLS1_2 | Protocols::TLS1_3);
        for (config, protocol, tickets) in
            [(&both, two, false), (&inner, two, false), (&outer, Some(Protocols::TLS1_3), true)]
        {
            assert_eq!((config.protocol, config.session_tickets), (protocol, Some(tickets)), "{config:?}");
            assert_eq!(config.cipher_suite.as_deref(), Some("A"));
            assert_eq!(*config.complete(), *config);
        }
    }

    #[test]
    fn when_tls_is_on() {
        let with = |engine, certificates: &[&str]| ServerConfig {
            engine,
            certificate_files: certificates.iter().map(PathBuf::from).collect(),
            ..ServerConfig::default()
        };
        for (config, protocol, on) in [
            (with(Some(Engine::On), &[]), "http", true),
            (with(Some(Engine::Off), &["c"]), "https", false),
            (with(Some(Engine::Optional), &["c"]), "https", false),
            (with(None, &["c"]), "https", true),
            (with(None, &[]), "https", false),
            (with(None, &["c"]), "http", false),
        ] {
            assert_eq!(config.is_enabled(protocol), on, "{config:?} {protocol}");
        }
    }

    #[test]
    fn engine_words() {
        assert_eq!(Engine::parse("ON"), Some(Engine::On));
        assert_eq!(Engine::parse("Optional"), Some(Engine::Optional));
        assert_eq!(Engine::parse("yes"), None);
    }
}
