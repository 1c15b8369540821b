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
