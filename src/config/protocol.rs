//! `SSLProtocol`.

use bitflags::bitflags;
use thiserror::Error;

bitflags! {
    /// A set of protocol versions.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Protocols: u8 {
        /// SSL 3.0
        const SSL3 = 1;
        /// TLS 1.0
        const TLS1_0 = 2;
        /// TLS 1.1
        const TLS1_1 = 4;
        /// TLS 1.2
        const TLS1_2 = 8;
        /// TLS 1.3
        const TLS1_3 = 16;
        /// What a server speaks that has no line for it.
        const DEFAULT = 2 | 4 | 8 | 16;
    }
}

/// What the TLS library was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Library {
    /// SSL 3.0 is there.
    pub ssl3: bool,
}

/// A line that cannot be accepted; the text is httpd's complaint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// `SSLv2`, in whatever directive.
    #[error("SSLProtocol: SSLv2 is no longer supported")]
    Ssl2,
    /// The library has no SSL 3.0.
    #[error("SSLv3 not supported by this version of OpenSSL")]
    Ssl3,
    /// Not a version.
    #[error("{directive}: Illegal protocol '{word}'")]
    Illegal {
        /// The directive.
        directive: String,
        /// The word.
        word: String,
    },
}

/// The versions with their words and their numbers on the wire, oldest first.
const VERSIONS: [(Protocols, &str, i32); 5] = [
    (Protocols::SSL3, "SSLv3", 0x300),
    (Protocols::TLS1_0, "TLSv1", 0x301),
    (Protocols::TLS1_1, "TLSv1.1", 0x302),
    (Protocols::TLS1_2, "TLSv1.2", 0x303),
    (Protocols::TLS1_3, "TLSv1.3", 0x304),
];

/// Reads one line. The warnings go to the log.
///
/// # Errors
/// See [`ProtocolError`].
pub fn parse(
    directive: &str,
    words: &[String],
    library: Library,
) -> Result<(Protocols, Vec<String>), ProtocolError> {
    let mut set = Protocols::empty();
    let mut warnings = Vec::new();
    for full in words {
        let (sign, word) = match full.strip_prefix(['+', '-']) {
            Some(rest) => (full.chars().next(), rest),
            None => (None, full.as_str()),
        };
        let Some(named) = named(directive, sign, word, library)? else { continue };
        match sign {
            Some('-') => set.remove(named),
            Some(_) => set.insert(named),
            None => {
                if !set.is_empty() {
                    warnings.push(format!(
                        "AH02532: {directive}: Protocol '{word}' overrides already set parameter(s). Check if a +/- prefix is missing."
                    ));
                }
                set = named;
            }
        }
    }
    Ok((set, warnings))
}

/// The versions a word stands for; `None` for one that changes nothing.
fn named(
    directive: &str,
    sign: Option<char>,
    word: &str,
    library: Library,
) -> Result<Option<Protocols>, ProtocolError> {
    if word.eq_ignore_ascii_case("SSLv2") {
        return if sign == Some('-') { Ok(None) } else { Err(ProtocolError::Ssl2) };
    }
    if word.eq_ignore_ascii_case("SSLv3") && !library.ssl3 {
        return if sign == Some('-') { Ok(None) } else { Err(ProtocolError::Ssl3) };
    }
    if word.eq_ignore_ascii_case("all") {
        let missing = if library.ssl3 { Protocols::empty() } else { Protocols::SSL3 };
        return Ok(Some(Protocols::all() - missing));
    }
    let found = VERSIONS.iter().find(|(_, name, _)| word.eq_ignore_ascii_case(name));
    found
        .map(|(version, ..)| Some(*version))
        .ok_or_else(|| ProtocolError::Illegal { directive: directive.to_owned(), word: word.to_owned() })
}

impl Protocols {
    /// The numbers of the lowest and highest version that are negotiated: down
    /// from the highest one in the set, as far as there is no gap. `None` for
    /// the empty set.
    #[must_use]
    pub fn range(self) -> Option<(i32, i32)> {
        let mut range = None;
        for (version, _, number) in VERSIONS.iter().rev() {
            range = match (range, self.contains(*version)) {
                (None, false) => None,
                (None, true) => Some((*number, *number)),
                (Some((_, max)), true) => Some((*number, max)),
                (Some(_), false) => return range,
            };
        }
        range
    }

    /// The words, for messages.
    #[must_use]
    pub fn names(self) -> String {
        let names: Vec<_> = VERSIONS
            .iter()
            .filter(|(version, ..)| self.contains(*version))
            .map(|(_, name, _)| *name)
            .collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODERN: Library = Library { ssl3: false };

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn set(line: &str) -> Protocols {
        parse("SSLProtocol", &words(line), MODERN).unwrap().0
    }

    #[test]
    fn sets_are_computed() {
        use Protocols as P;
        for (line, expected) in [
            ("all", P::DEFAULT),
            ("ALL -SSLv3", P::DEFAULT),
            ("-SSLv3", P::empty()),
            ("-all", P::empty()),
            ("", P::empty()),
            ("TLSv1.2 +TLSv1.3", P::TLS1_2 | P::TLS1_3),
            ("+tlsv1.2", P::TLS1_2),
            ("all -SSLv2 -TLSv1 -TLSv1.1", P::TLS1_2 | P::TLS1_3),
            ("TLSv1.2 TLSv1.3", P::TLS1_3),
        ] {
            assert_eq!(set(line), expected, "{line}");
        }
    }

    #[test]
    fn a_bare_word_that_overrides_is_warned_about() {
        let (_, warnings) = parse("SSLProtocol", &words("TLSv1.2 TLSv1.3"), MODERN).unwrap();
        assert_eq!(
            warnings,
            [
                "AH02532: SSLProtocol: Protocol 'TLSv1.3' overrides already set parameter(s). Check if a +/- prefix is missing."
            ]
        );
        assert!(parse("SSLProtocol", &words("TLSv1.2 +TLSv1.3"), MODERN).unwrap().1.is_empty());
    }

    #[test]
    fn bad_words_are_refused() {
        for (line, text) in [
            ("SSLv2", "SSLProtocol: SSLv2 is no longer supported"),
            ("+SSLv2", "SSLProtocol: SSLv2 is no longer supported"),
            ("SSLv3", "SSLv3 not supported by this version of OpenSSL"),
            ("none", "SSLProxyProtocol: Illegal protocol 'none'"),
            ("all TLSv9", "SSLProxyProtocol: Illegal protocol 'TLSv9'"),
        ] {
            assert_eq!(parse("SSLProxyProtocol", &words(line), MODERN).unwrap_err().to_string(), text);
        }
        let empty = [String::new()];
        assert!(parse("SSLProtocol", &empty, MODERN).is_err());
        assert_eq!(parse("SSLProtocol", &words("SSLv3"), Library { ssl3: true }).unwrap().0, Protocols::SSL3);
    }

    #[test]
    fn ranges_stop_at_gaps() {
        for (line, range) in [
            ("all", Some((0x301, 0x304))),
            ("TLSv1.2", Some((0x303, 0x303))),
            ("TLSv1.1 +TLSv1.3", Some((0x304, 0x304))),
            ("TLSv1 +TLSv1.1", Some((0x301, 0x302))),
            ("-all", None),
        ] {
            assert_eq!(set(line).range(), range, "{line}");
        }
        assert_eq!(set("all").names(), "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3");
    }
}
