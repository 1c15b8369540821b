//! `SSLCryptoDevice`.

use thiserror::Error;

/// The library's own algorithms.
const BUILTIN: &str = "builtin";

/// Not an engine that the library knows.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("SSLCryptoDevice: Invalid argument; must be one of: 'builtin' (none){known}")]
pub struct UnknownDevice {
    known: String,
}

/// Reads the argument: the id of an engine, or `None` for the library's own
/// algorithms. `known` holds ids and names.
///
/// # Errors
/// A word that is not among them.
pub fn parse(word: &str, known: &[(String, String)]) -> Result<Option<String>, UnknownDevice> {
    if word.eq_ignore_ascii_case(BUILTIN) {
        return Ok(None);
    }
    match known.iter().find(|(id, _)| id == word) {
        Some((id, _)) => Ok(Some(id.clone())),
        None => Err(UnknownDevice {
            known: known.iter().map(|(id, name)| format!(", '{id}' ({name})")).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let known = [("dynamic", "Dynamic engine loading support"), ("x", "Y")]
            .map(|(id, name)| (id.to_owned(), name.to_owned()));
        assert_eq!(parse("Builtin", &known), Ok(None));
        assert_eq!(parse("x", &known), Ok(Some("x".to_owned())));
        assert_eq!(
            parse("X", &known).unwrap_err().to_string(),
            "SSLCryptoDevice: Invalid argument; must be one of: 'builtin' (none), 'dynamic' (Dynamic engine loading support), 'x' (Y)"
        );
        assert_eq!(
            parse("dynamic", &[]).unwrap_err().to_string(),
            "SSLCryptoDevice: Invalid argument; must be one of: 'builtin' (none)"
        );
    }
}
