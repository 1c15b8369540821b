//! The dialect of mod_ssl 2.8, which `SSLLegacyDirectives on` lets in: what its
//! words mean today.

use super::protocol::Library;
use thiserror::Error;

/// A word of the old dialect that means nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{directive}: Invalid argument")]
pub struct Invalid {
    /// The directive.
    pub directive: &'static str,
}

/// Levels of the error log that stand for those of `SSLLogLevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `none`: errors went to the error log always.
    Error,
    /// `warn`.
    Warn,
    /// `info`.
    Info,
    /// `trace`: the steps of handshakes.
    Trace3,
    /// `debug`: the bytes of transfers.
    Trace7,
}

impl LogLevel {
    /// Reads the argument of `SSLLogLevel`.
    ///
    /// # Errors
    /// A word that is no level.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        let words = [
            ("none", Self::Error),
            ("error", Self::Error),
            ("warn", Self::Warn),
            ("info", Self::Info),
            ("trace", Self::Trace3),
            ("debug", Self::Trace7),
        ];
        let found = words.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        found.map(|(_, level)| level).ok_or(Invalid { directive: "SSLLogLevel" })
    }

    /// The word of `LogLevel`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Trace3 => "trace3",
            Self::Trace7 => "trace7",
        }
    }
}

/// The mechanism of `Mutex` for an argument of `SSLMutex`. A lock file was
/// named there; here it is its folder.
///
/// # Errors
/// A word that is no mechanism.
pub fn mutex(word: &str) -> Result<String, Invalid> {
    let invalid = Invalid { directive: "SSLMutex" };
    if let Some((mechanism, path)) = word.split_once(':') {
        let mechanism = mechanism.to_ascii_lowercase();
        if !matches!(mechanism.as_str(), "file" | "flock" | "fcntl") || path.is_empty() {
            return Err(invalid);
        }
        return Ok(match path.rsplit_once('/') {
            Some(("", _)) => format!("{mechanism}:/"),
            Some((folder, _)) => format!("{mechanism}:{folder}"),
            None => mechanism,
        });
    }
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        // Providers that need a lock have one.
        "none" | "no" | "yes" | "default" => Ok("default".to_owned()),
        "sem" | "sysvsem" | "posixsem" | "pthread" => Ok(word),
        _ => Err(invalid),
    }
}

/// The argument of `SSLSessionCache` that stands for one with the shared
/// memory of 2.8; `None` for all others.
#[must_use]
pub fn shared_memory(argument: &str) -> Option<String> {
    let (name, args) = match argument.split_once(':') {
        Some((name, args)) => (name, Some(args)),
        None => (argument, None),
    };
    if !matches!(name, "shm" | "shmht") {
        return None;
    }
    Some(args.map_or_else(|| "shmcb".to_owned(), |args| format!("shmcb:{args}")))
}

/// Takes from the words of `SSLProtocol` those that want what is gone, if there
/// are any.
#[must_use]
pub fn without_gone(words: &[String], library: Library) -> Option<Vec<String>> {
    let is_gone = |full: &String| {
        let word = full.strip_prefix('+').unwrap_or(full);
        word.eq_ignore_ascii_case("SSLv2") || (word.eq_ignore_ascii_case("SSLv3") && !library.ssl3)
    };
    words.iter().any(is_gone).then(|| words.iter().filter(|word| !is_gone(word)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (word, name) in [
            ("none", "error"),
            ("Error", "error"),
            ("warn", "warn"),
            ("trace", "trace3"),
            ("DEBUG", "trace7"),
        ] {
            assert_eq!(LogLevel::parse(word).unwrap().name(), name);
        }
        assert_eq!(LogLevel::parse("emerg").unwrap_err().to_string(), "SSLLogLevel: Invalid argument");
    }

    #[test]
    fn mechanisms() {
        for (word, mechanism) in [
            ("none", "default"),
            ("YES", "default"),
            ("sem", "sem"),
            ("PosixSem", "posixsem"),
            ("file:/var/run/ssl_mutex", "file:/var/run"),
            ("FILE:logs/ssl_mutex", "file:logs"),
            ("fcntl:/x", "fcntl:/"),
            ("flock:x", "flock"),
        ] {
            assert_eq!(mutex(word).unwrap(), mechanism, "{word}");
        }
        for word in ["", "file", "file:", "sem:/x", "x"] {
            assert_eq!(mutex(word).unwrap_err().to_string(), "SSLMutex: Invalid argument", "{word}");
        }
    }

    #[test]
    fn caches() {
        for (argument, today) in [
            ("shm:/x(512000)", Some("shmcb:/x(512000)")),
            ("shmht:/x", Some("shmcb:/x")),
            ("shm", Some("shmcb")),
            ("shmcb:/x", None),
            ("dbm:/x", None),
            ("none", None),
        ] {
            assert_eq!(shared_memory(argument).as_deref(), today, "{argument}");
        }
    }

    #[test]
    fn protocols() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, ssl3, left) in [
            ("all -SSLv2 -SSLv3", false, None),
            ("+SSLv2 +SSLv3 +TLSv1", false, Some("+TLSv1")),
            ("SSLv3 TLSv1", true, None),
            ("sslv2 SSLv3", true, Some("SSLv3")),
            ("all", false, None),
        ] {
            assert_eq!(without_gone(&words(line), Library { ssl3 }), left.map(words), "{line}");
        }
    }
}
