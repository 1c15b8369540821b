//! `SSLPolicy`: settings to start from.
//!
//! They are those of Mozilla's "Server Side TLS" guidelines: `modern` and
//! `intermediate` of version 6.0, `old` of version 5.8, the last one that has
//! it.

use super::cipher::restricted;
use super::protocol::Protocols;
use super::server::{ConfCmd, ServerConfig};
use std::fmt::Write as _;
use thiserror::Error;

/// A set of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Clients since about 2018.
    Modern,
    /// Nearly all clients.
    Intermediate,
    /// Clients that know no better.
    Old,
}

/// There is none of that name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("An SSLPolicy with the name '{0}' does not exist")]
pub struct UnknownPreset(pub String);

const TLS13: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// TLS 1.0 and 1.1 need a security level of 0 with OpenSSL 3.
const OLD: &str = "@SECLEVEL=0:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA256:\
ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:\
ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:\
AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA";

/// The post-quantum group came with OpenSSL 3.5.
#[cfg(openssl_350)]
const GROUPS: &str = "X25519MLKEM768:X25519:prime256v1:secp384r1";
#[cfg(not(openssl_350))]
const GROUPS: &str = "X25519:prime256v1:secp384r1";

impl Preset {
    /// All of them, by name.
    const ALL: [Self; 3] = [Self::Intermediate, Self::Modern, Self::Old];

    /// Reads the argument.
    ///
    /// # Errors
    /// A name that is none.
    pub fn parse(word: &str) -> Result<Self, UnknownPreset> {
        let found = Self::ALL.into_iter().find(|preset| word.eq_ignore_ascii_case(preset.name()));
        found.ok_or_else(|| UnknownPreset(word.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Intermediate => "intermediate",
            Self::Old => "old",
        }
    }

    const fn guideline(self) -> &'static str {
        match self {
            Self::Modern | Self::Intermediate => "6.0",
            Self::Old => "5.8",
        }
    }

    const fn protocols(self) -> Protocols {
        match self {
            Self::Modern => Protocols::TLS1_3,
            Self::Intermediate => Protocols::TLS1_2.union(Protocols::TLS1_3),
            Self::Old => Protocols::DEFAULT,
        }
    }

    /// Ciphers up to TLS 1.2, where there is such a version.
    const fn ciphers(self) -> Option<&'static str> {
        match self {
            Self::Modern => None,
            Self::Intermediate => Some(INTERMEDIATE),
            Self::Old => Some(OLD),
        }
    }

    /// Whether the server's order of ciphers counts.
    const fn orders_ciphers(self) -> bool {
        matches!(self, Self::Old)
    }

    /// Sets what no line has set.
    pub fn fill(self, config: &mut ServerConfig) {
        config.protocol.get_or_insert(self.protocols());
        if config.cipher_suite.is_none() {
            config.cipher_suite = self.ciphers().map(restricted);
        }
        config.cipher_suite_tls13.get_or_insert_with(|| TLS13.to_owned());
        config.honor_cipher_order.get_or_insert(self.orders_ciphers());
        config.compression.get_or_insert(false);
        config.session_tickets.get_or_insert(false);
        let names_groups =
            |cmd: &ConfCmd| ["groups", "curves"].contains(&cmd.name.to_ascii_lowercase().as_str());
        if !config.openssl_conf_cmds.iter().any(names_groups) {
            let groups = ConfCmd { name: "Groups".to_owned(), value: GROUPS.to_owned() };
            config.openssl_conf_cmds.insert(0, groups);
        }
    }

    /// All presets as text, for `-t -DDUMP_SSL_POLICIES`.
    #[must_use]
    pub fn describe_all() -> String {
        let mut text = String::from("SSLPolicies: {");
        let on_off = |on| if on { "on" } else { "off" };
        for (index, preset) in Self::ALL.into_iter().enumerate() {
            let fields = [
                ("guideline", preset.guideline().to_owned()),
                ("SSLProtocol", preset.protocols().names().replace(", ", " ")),
                ("SSLCipherSuite", preset.ciphers().unwrap_or_default().to_owned()),
                ("SSLCipherSuite TLSv1.3", TLS13.to_owned()),
                ("SSLOpenSSLConfCmd Groups", GROUPS.to_owned()),
                ("SSLHonorCipherOrder", on_off(preset.orders_ciphers()).to_owned()),
                ("SSLCompression", on_off(false).to_owned()),
                ("SSLSessionTickets", on_off(false).to_owned()),
            ];
            let fields: Vec<_> = fields
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("    \"{name}\": \"{value}\""))
                .collect();
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}\n  \"{}\": {{\n{}\n  }}", preset.name(), fields.join(",\n"));
        }
        text.push_str("\n}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (word, preset) in
            [("modern", Preset::Modern), ("Intermediate", Preset::Intermediate), ("OLD", Preset::Old)]
        {
            assert_eq!(Preset::parse(word), Ok(preset));
        }
        assert_eq!(
            Preset::parse("none").unwrap_err().to_string(),
            "An SSLPolicy with the name 'none' does not exist"
        );
        let all = Preset::describe_all();
        let places: Vec<_> = ["\"intermediate\"", "\"modern\"", "\"old\""].map(|name| all.find(name)).into();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{all}");
    }

    #[test]
    fn only_what_is_not_set() {
        let mut config = ServerConfig::default();
        Preset::Intermediate.fill(&mut config);
        assert_eq!(config.protocol, Some(Protocols::TLS1_2 | Protocols::TLS1_3));
        assert_eq!(config.cipher_suite, Some(restricted(INTERMEDIATE)));
        assert_eq!((config.session_tickets, config.honor_cipher_order), (Some(false), Some(false)));
        assert_eq!(config.openssl_conf_cmds.len(), 1);
        let filled = config.clone();
        Preset::Old.fill(&mut config);
        assert_eq!(config, filled);
        let curves = ConfCmd { name: "Curves".to_owned(), value: "P-384".to_owned() };
        let mut config = ServerConfig { openssl_conf_cmds: vec![curves], ..ServerConfig::default() };
        Preset::Modern.fill(&mut config);
        assert_eq!(config.openssl_conf_cmds.len(), 1);
        assert_eq!(config.cipher_suite, None);
    }
}
