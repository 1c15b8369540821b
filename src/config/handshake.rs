//! How long handshakes may last, how many there may be, and whether they hold
//! a thread: `SSLHandshakeTimeout`, `SSLMaxHandshakes`, `SSLAsyncHandshake`.

use std::time::Duration;

/// Seconds from the acceptance of a connection to the end of its handshake,
/// without a line.
const SECONDS: u32 = 15;
/// The most of both numbers; a day, when it is seconds.
const MOST: u32 = 86_400;

/// The values of a server; `None`: no line says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HandshakeConfig {
    /// `SSLHandshakeTimeout`, in seconds; 0 for no limit.
    pub timeout: Option<u32>,
    /// `SSLAsyncHandshake`.
    pub without_thread: Option<bool>,
}

impl HandshakeConfig {
    /// A vhost inside the main server.
    #[must_use]
    pub fn merge(base: Self, own: Self) -> Self {
        Self {
            timeout: own.timeout.or(base.timeout),
            without_thread: own.without_thread.or(base.without_thread),
        }
    }

    /// How long a handshake may last.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        let seconds = self.timeout.unwrap_or(SECONDS);
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    /// Whether handshakes give their thread back while they wait, where that
    /// is possible.
    #[must_use]
    pub fn spares_threads(self) -> bool {
        self.without_thread.unwrap_or(true)
    }
}

/// Reads a number of one of these directives, in which 0 stands for "off".
///
/// # Errors
/// The complaint.
pub fn number(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number <= MOST);
    number.ok_or_else(|| format!("'{text}' is not a number from 0 (off) to {MOST}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_strict() {
        for (text, read) in [
            ("0", Some(0)),
            ("15", Some(15)),
            ("007", Some(7)),
            ("86400", Some(86_400)),
            ("86401", None),
            ("99999999999", None),
            ("+1", None),
            ("-1", None),
            ("5x", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(number(text).ok(), read, "{text}");
        }
    }

    #[test]
    fn own_values_win() {
        let none = HandshakeConfig::default();
        assert_eq!(none.limit(), Some(Duration::from_secs(15)));
        assert!(none.spares_threads());
        let base = HandshakeConfig { timeout: Some(0), without_thread: Some(false) };
        let own = HandshakeConfig { timeout: Some(3), without_thread: None };
        assert_eq!(HandshakeConfig::merge(base, none), base);
        assert_eq!(base.limit(), None);
        let merged = HandshakeConfig::merge(base, own);
        assert_eq!(merged.limit(), Some(Duration::from_secs(3)));
        assert!(!merged.spares_threads());
    }
}
