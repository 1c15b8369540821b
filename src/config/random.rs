//! `SSLRandomSeed`.

use super::value::natural_number;
use std::path::PathBuf;
use thiserror::Error;

/// When a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At each start and restart.
    Startup,
    /// Before each TLS connection.
    Connect,
}

/// Where randomness comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Time, process and stack.
    Builtin,
    /// A file.
    File(PathBuf),
    /// What a program prints.
    Program(PathBuf),
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomSeed {
    /// When.
    pub when: When,
    /// Where from.
    pub source: Source,
    /// At most so many bytes; 0: no limit.
    pub bytes: usize,
}

/// The words of a line, before the path is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words<'w> {
    /// `builtin`.
    Builtin,
    /// The path after `file:`, or the whole word.
    File(&'w str),
    /// The path after `exec:`.
    Program(&'w str),
}

/// A line that cannot be accepted; the text is httpd's complaint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RandomSeedError {
    /// Neither `startup` nor `connect`.
    #[error("SSLRandomSeed: invalid context: `{0}'")]
    Context(String),
    /// The Entropy Gathering Daemon, which OpenSSL 3 does not know.
    #[error(
        "Invalid SSLRandomSeed entropy source `{0}': This version of OpenSSL does not support the Entropy Gathering Daemon (EGD)."
    )]
    Egd(String),
    /// A negative number.
    #[error("SSLRandomSeed: invalid number of bytes specified")]
    Bytes,
    /// A number after `builtin`.
    #[error("SSLRandomSeed: byte specification not allowed for builtin seed source")]
    BytesForBuiltin,
    /// The path does not exist.
    #[error("SSLRandomSeed: source path '{0}' does not exist")]
    Missing(String),
    /// The path, here with its prefix, cannot be made absolute.
    #[error("Invalid SSLRandomSeed path {0}")]
    Path(String),
}

/// Reads the first two words.
///
/// # Errors
/// See [`RandomSeedError`].
pub fn parse<'w>(when: &str, source: &'w str) -> Result<(When, Words<'w>), RandomSeedError> {
    let when = if when.eq_ignore_ascii_case("startup") {
        When::Startup
    } else if when.eq_ignore_ascii_case("connect") {
        When::Connect
    } else {
        return Err(RandomSeedError::Context(when.to_owned()));
    };
    // A prefix with nothing behind it is the name of a file.
    let after = |prefix| source.strip_prefix(prefix).filter(|rest: &&str| !rest.is_empty());
    let words = if let Some(path) = after("file:") {
        Words::File(path)
    } else if let Some(path) = after("exec:") {
        Words::Program(path)
    } else if after("egd:").is_some() {
        return Err(RandomSeedError::Egd(source.to_owned()));
    } else if source.eq_ignore_ascii_case("builtin") {
        Words::Builtin
    } else {
        Words::File(source)
    };
    Ok((when, words))
}

/// Reads the third word.
///
/// # Errors
/// See [`RandomSeedError`].
pub fn parse_bytes(words: &Words<'_>, bytes: Option<&str>) -> Result<usize, RandomSeedError> {
    let Some(bytes) = bytes else { return Ok(0) };
    if *words == Words::Builtin {
        return Err(RandomSeedError::BytesForBuiltin);
    }
    let number = natural_number(bytes).ok_or(RandomSeedError::Bytes)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (when, source, parsed) in [
            ("startup", "builtin", (When::Startup, Words::Builtin)),
            ("CONNECT", "BUILTIN", (When::Connect, Words::Builtin)),
            ("startup", "file:/x", (When::Startup, Words::File("/x"))),
            ("startup", "/x", (When::Startup, Words::File("/x"))),
            ("startup", "exec:", (When::Startup, Words::File("exec:"))),
            ("startup", "FILE:/x", (When::Startup, Words::File("FILE:/x"))),
            ("connect", "exec:/x", (When::Connect, Words::Program("/x"))),
        ] {
            assert_eq!(parse(when, source), Ok(parsed));
        }
    }

    #[test]
    fn complaints() {
        assert_eq!(parse("x", "builtin").unwrap_err().to_string(), "SSLRandomSeed: invalid context: `x'");
        assert_eq!(
            parse("startup", "egd:/s").unwrap_err().to_string(),
            "Invalid SSLRandomSeed entropy source `egd:/s': This version of OpenSSL does not support the Entropy Gathering Daemon (EGD)."
        );
        let file = Words::File("/x");
        assert_eq!(parse_bytes(&file, Some("-1")), Err(RandomSeedError::Bytes));
        assert_eq!(parse_bytes(&file, Some("512")), Ok(512));
        assert_eq!(parse_bytes(&file, Some("many")), Ok(0));
        assert_eq!(parse_bytes(&Words::Builtin, None), Ok(0));
        assert_eq!(parse_bytes(&Words::Builtin, Some("1")), Err(RandomSeedError::BytesForBuiltin));
    }
}
