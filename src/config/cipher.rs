//! `SSLCipherSuite`.

use thiserror::Error;

/// What no cipher list may bring back: no authentication, no encryption, keys
/// weakened for export.
pub const SUFFIX: &str = ":!aNULL:!eNULL:!EXP";

/// OpenSSL's own list when there is no line for it (`OSSL_default_cipher_list`).
pub const LIBRARY_DEFAULT: &str = "ALL:!COMPLEMENTOFDEFAULT:!eNULL";

/// Which list a line sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Everything up to TLS 1.2.
    UpToTls12,
    /// TLS 1.3.
    Tls13,
}

/// The first word is not a protocol.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("protocol '{0}' not supported")]
pub struct UnknownFamily(pub String);

/// Reads `[SSL|TLSv1.3] list`. The list of TLS 1.3 is taken as it is.
///
/// # Errors
/// When the first of two words is not one of these.
pub fn parse(first: &str, second: Option<&str>) -> Result<(Family, String), UnknownFamily> {
    match (first, second) {
        (list, None) | ("SSL", Some(list)) => Ok((Family::UpToTls12, restricted(list))),
        ("TLSv1.3", Some(list)) => Ok((Family::Tls13, list.to_owned())),
        (word, Some(_)) => Err(UnknownFamily(word.to_owned())),
    }
}

/// A list with [`SUFFIX`].
#[must_use]
pub fn restricted(list: &str) -> String {
    format!("{list}{SUFFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let suffixed = |list: &str| (Family::UpToTls12, format!("{list}:!aNULL:!eNULL:!EXP"));
        assert_eq!(parse("HIGH", None), Ok(suffixed("HIGH")));
        assert_eq!(parse("SSL", Some("HIGH")), Ok(suffixed("HIGH")));
        assert_eq!(parse("TLSv1.3", Some("X")), Ok((Family::Tls13, "X".to_owned())));
        for word in ["ssl", "tlsv1.3", "TLSv1.2"] {
            assert_eq!(
                parse(word, Some("X")).unwrap_err().to_string(),
                format!("protocol '{word}' not supported")
            );
        }
    }
}
