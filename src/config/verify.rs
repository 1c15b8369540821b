//! How clients are asked for a certificate.

use thiserror::Error;

/// How long a chain may be without `SSLVerifyDepth`: the certificate and a CA
/// above it.
pub const DEFAULT_DEPTH: u32 = 1;

/// `SSLVerifyClient`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VerifyClient {
    /// Not at all.
    #[default]
    None,
    /// Asked; one that is sent must be good.
    Optional,
    /// Asked; there must be one, and it must be good.
    Require,
    /// Asked; nobody needs to vouch for one that is sent.
    OptionalNoCa,
}

/// The argument of `SSLVerifyClient` or `SSLVerifyDepth` means nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{directive}: Invalid argument '{argument}'")]
pub struct Invalid {
    /// The directive.
    pub directive: &'static str,
    /// The argument.
    pub argument: String,
}

impl VerifyClient {
    /// Reads the argument. mod_ssl 2.8 had numbers as well, which `legacy` lets in.
    ///
    /// # Errors
    /// A word that it does not know.
    pub fn parse(directive: &'static str, word: &str, legacy: bool) -> Result<Self, Invalid> {
        let words = [
            ("none", "0", Self::None),
            ("off", "0", Self::None),
            ("optional", "1", Self::Optional),
            ("require", "2", Self::Require),
            ("on", "2", Self::Require),
            ("optional_no_ca", "3", Self::OptionalNoCa),
        ];
        words
            .into_iter()
            .find(|(name, digit, _)| word.eq_ignore_ascii_case(name) || (legacy && word == *digit))
            .map(|(.., verify)| verify)
            .ok_or_else(|| Invalid { directive, argument: word.to_owned() })
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Require => "require",
            Self::OptionalNoCa => "optional_no_ca",
        }
    }
}

/// Which certificates of a chain must be in no list of revoked ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CrlScope {
    /// None: lists are not looked at.
    #[default]
    None,
    /// The client's own.
    Leaf,
    /// All of the chain.
    Chain,
}

/// `SSLCARevocationCheck`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CrlCheck {
    /// What is checked.
    pub scope: CrlScope,
    /// A certificate passes when its issuer has no list (`no_crl_for_cert_ok`).
    pub missing_ok: bool,
}

impl CrlCheck {
    /// Reads the words of a line.
    ///
    /// # Errors
    /// The first word that means nothing; no word at all is an empty one.
    pub fn parse(directive: &'static str, words: &[String]) -> Result<Self, Invalid> {
        let invalid = |word: &str| Invalid { directive, argument: word.to_owned() };
        let scopes = [("none", CrlScope::None), ("leaf", CrlScope::Leaf), ("chain", CrlScope::Chain)];
        let first = words.first().map_or("", String::as_str);
        let found = scopes.into_iter().find(|(name, _)| first.eq_ignore_ascii_case(name));
        let (_, scope) = found.ok_or_else(|| invalid(first))?;
        let flags = words.get(1..).unwrap_or_default();
        match flags.iter().find(|flag| !flag.eq_ignore_ascii_case("no_crl_for_cert_ok")) {
            Some(flag) => Err(invalid(flag)),
            None => Ok(Self { scope, missing_ok: !flags.is_empty() }),
        }
    }

    /// The word and the number that log lines have.
    #[must_use]
    pub const fn describe(self) -> (&'static str, u32) {
        let (word, bit) = match self.scope {
            CrlScope::None => ("none", 0),
            CrlScope::Leaf => ("leaf", 1),
            CrlScope::Chain => ("chain", 2),
        };
        (word, if self.missing_ok { bit | 4 } else { bit })
    }
}

/// Reads the argument of `SSLVerifyDepth`.
///
/// # Errors
/// A negative number.
pub fn parse_depth(directive: &'static str, word: &str) -> Result<u32, Invalid> {
    let depth = super::value::natural_number(word).and_then(|depth| u32::try_from(depth).ok());
    depth.ok_or_else(|| Invalid { directive, argument: word.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, legacy, verify) in [
            ("none", false, Some(VerifyClient::None)),
            ("OFF", false, Some(VerifyClient::None)),
            ("Optional", false, Some(VerifyClient::Optional)),
            ("require", false, Some(VerifyClient::Require)),
            ("on", false, Some(VerifyClient::Require)),
            ("optional_no_CA", false, Some(VerifyClient::OptionalNoCa)),
            ("2", false, None),
            ("0", true, Some(VerifyClient::None)),
            ("1", true, Some(VerifyClient::Optional)),
            ("2", true, Some(VerifyClient::Require)),
            ("3", true, Some(VerifyClient::OptionalNoCa)),
            ("4", true, None),
            ("require", true, Some(VerifyClient::Require)),
            ("", true, None),
            ("required", false, None),
        ] {
            let parsed = VerifyClient::parse("SSLVerifyClient", word, legacy);
            assert_eq!(parsed.clone().ok(), verify, "{word}");
            if let Err(error) = parsed {
                assert_eq!(error.to_string(), format!("SSLVerifyClient: Invalid argument '{word}'"));
            }
        }
        assert_eq!(
            VerifyClient::parse("D", VerifyClient::OptionalNoCa.name(), false).unwrap().name(),
            "optional_no_ca"
        );
    }

    #[test]
    fn revocation_checks() {
        let check = |scope, missing_ok| Some(CrlCheck { scope, missing_ok });
        for (line, parsed, wrong) in [
            ("none", check(CrlScope::None, false), ""),
            ("LEAF", check(CrlScope::Leaf, false), ""),
            ("chain no_crl_for_cert_ok", check(CrlScope::Chain, true), ""),
            ("leaf No_CRL_for_cert_OK no_crl_for_cert_ok", check(CrlScope::Leaf, true), ""),
            ("", None, ""),
            ("all", None, "all"),
            ("chain x", None, "x"),
        ] {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            match CrlCheck::parse("D", &words) {
                Ok(found) => assert_eq!(Some(found), parsed, "{line}"),
                Err(error) => {
                    assert_eq!(parsed, None, "{line}");
                    assert_eq!(error.to_string(), format!("D: Invalid argument '{wrong}'"));
                }
            }
        }
        assert_eq!(CrlCheck { scope: CrlScope::Chain, missing_ok: true }.describe(), ("chain", 6));
    }

    #[test]
    fn depths() {
        for (word, depth) in
            [("0", Some(0)), ("10", Some(10)), ("3x", Some(3)), ("-1", None), ("2147483648", None)]
        {
            let parsed = parse_depth("SSLVerifyDepth", word);
            assert_eq!(parsed.clone().ok(), depth, "{word}");
            if let Err(error) = parsed {
                assert_eq!(error.to_string(), format!("SSLVerifyDepth: Invalid argument '{word}'"));
            }
        }
    }
}
