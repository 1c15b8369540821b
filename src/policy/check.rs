//! What `-t -DSSL_CHECK` says of a certificate: everything about it that would
//! make clients refuse it, or soon will.

use super::identity;
use std::fmt;

/// From so many seconds before its end a certificate is mentioned: two weeks.
const SOON: i64 = 14 * 86_400;
/// Seconds of a day.
const DAY: i64 = 86_400;
/// The least bits of an RSA or DSA key that today's clients accept.
const RSA_BITS: u32 = 2_048;
/// The least bits of a key on an elliptic curve that today's clients accept.
const CURVE_BITS: u32 = 224;

/// Kinds of keys that are measured differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA or DSA: the size of the modulus.
    Modulus,
    /// On an elliptic curve: the size of the group.
    Curve,
}

/// A certificate and what it is followed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts<'f> {
    /// Seconds from now to the beginning of its validity; negative when that is past.
    pub begins_in: i64,
    /// Seconds from now to its end; negative when that is past.
    pub ends_in: i64,
    /// The names it stands for.
    pub names: &'f [String],
    /// Kind of its key.
    pub key: Option<KeyKind>,
    /// Bits of its key.
    pub key_bits: u32,
    /// Whether it is signed with a digest that is broken (MD5, SHA-1).
    pub weak_digest: bool,
    /// Whether it is its own issuer.
    pub self_signed: bool,
    /// For each certificate that follows, whether it has issued the one before.
    pub issued_the_one_before: &'f [bool],
}

/// A host name of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName<'n> {
    /// `ServerName`.
    Name(&'n str),
    /// `ServerAlias`, which may have wildcards (`*`, `?`).
    Alias(&'n str),
}

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is not valid yet; for so many seconds.
    NotYetValid(i64),
    /// It is not valid any more; since so many seconds.
    Expired(i64),
    /// The key has too few bits.
    SmallKey(u32),
    /// The signature uses a digest that is broken.
    WeakDigest,
    /// `ServerName` is not among its names.
    NameMissing(String),
    /// A `ServerAlias` is not among its names.
    AliasMissing(String),
    /// The certificate with this number, from 1, has not issued the one before it.
    ChainBroken(usize),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYetValid(seconds) => {
                write!(f, "is not valid yet, for another {}", duration(*seconds))
            }
            Self::Expired(seconds) => write!(f, "has expired, {} ago", duration(*seconds)),
            Self::SmallKey(bits) => write!(f, "has a key of only {bits} bits"),
            Self::WeakDigest => write!(f, "is signed with a digest that nobody accepts any more"),
            Self::NameMissing(name) => write!(f, "is not for the ServerName {name}"),
            Self::AliasMissing(name) => write!(f, "is not for the ServerAlias {name}"),
            Self::ChainBroken(number) => write!(
                f,
                "has a chain in the wrong order or with a gap: certificate {} of the file was not issued by the next",
                number
            ),
        }
    }
}

/// Something to know, which is right as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// It ends within two weeks; in so many seconds.
    EndsSoon(i64),
    /// It is not self-signed, and its issuer does not follow.
    NoChain,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsSoon(seconds) => write!(f, "expires in {}", duration(*seconds)),
            Self::NoChain => write!(
                f,
                "comes without its issuer: clients need the intermediate certificates, unless the root itself has issued it"
            ),
        }
    }
}

/// Everything to mend about a certificate of a server with these names.
#[must_use]
pub fn findings(facts: &Facts<'_>, names: &[HostName<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.begins_in > 0 {
        findings.push(Finding::NotYetValid(facts.begins_in));
    }
    if facts.ends_in < 0 {
        findings.push(Finding::Expired(-facts.ends_in));
    }
    let least = match facts.key {
        Some(KeyKind::Modulus) => RSA_BITS,
        Some(KeyKind::Curve) => CURVE_BITS,
        None => 0,
    };
    if facts.key_bits < least {
        findings.push(Finding::SmallKey(facts.key_bits));
    }
    // Nobody looks at the signature of a certificate that is trusted as it is.
    if facts.weak_digest && !facts.self_signed {
        findings.push(Finding::WeakDigest);
    }
    findings.extend(names.iter().filter_map(|name| missing(facts.names, *name)));
    if let Some(place) = facts.issued_the_one_before.iter().position(|issued| !issued) {
        findings.push(Finding::ChainBroken(place + 1));
    }
    findings
}

/// What to know about a certificate.
#[must_use]
pub fn notes(facts: &Facts<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    if (0..SOON).contains(&facts.ends_in) {
        notes.push(Note::EndsSoon(facts.ends_in));
    }
    if facts.issued_the_one_before.is_empty() && !facts.self_signed {
        notes.push(Note::NoChain);
    }
    notes
}

fn missing(certified: &[String], name: HostName<'_>) -> Option<Finding> {
    let is_certified = |name: &str| certified.iter().any(|id| identity::matches(id, name));
    match name {
        HostName::Name(name) => (!is_certified(name)).then(|| Finding::NameMissing(name.to_owned())),
        HostName::Alias(name) => {
            // A wildcard label is covered by the same wildcard; other patterns cannot be compared.
            let known = if name.contains(['*', '?']) {
                !name.starts_with("*.")
                    || name[1..].contains(['*', '?'])
                    || certified.iter().any(|id| id.eq_ignore_ascii_case(name))
            } else {
                is_certified(name)
            };
            (!known).then(|| Finding::AliasMissing(name.to_owned()))
        }
    }
}

fn duration(seconds: i64) -> String {
    match seconds / DAY {
        0 => format!("{} hours", seconds / 3_600),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts<'static> {
        Facts {
            begins_in: -1,
            ends_in: 90 * DAY,
            names: &[],
            key: Some(KeyKind::Modulus),
            key_bits: 2_048,
            weak_digest: false,
            self_signed: false,
            issued_the_one_before: &[true],
        }
    }

    #[test]
    fn what_there_is_to_mend() {
        for (facts, findings) in [
            (good(), vec![]),
            (Facts { begins_in: 1, ..good() }, vec![Finding::NotYetValid(1)]),
            (Facts { ends_in: -1, ..good() }, vec![Finding::Expired(1)]),
            (Facts { ends_in: 0, ..good() }, vec![]),
            (Facts { key_bits: 1_024, ..good() }, vec![Finding::SmallKey(1_024)]),
            (Facts { key: Some(KeyKind::Curve), key_bits: 256, ..good() }, vec![]),
            (Facts { key: Some(KeyKind::Curve), key_bits: 192, ..good() }, vec![Finding::SmallKey(192)]),
            (Facts { key: None, key_bits: 0, ..good() }, vec![]),
            (Facts { weak_digest: true, ..good() }, vec![Finding::WeakDigest]),
            (Facts { weak_digest: true, self_signed: true, ..good() }, vec![]),
            (Facts { issued_the_one_before: &[true, false, false], ..good() }, vec![Finding::ChainBroken(2)]),
            (
                Facts { ends_in: -5, key_bits: 512, ..good() },
                vec![Finding::Expired(5), Finding::SmallKey(512)],
            ),
        ] {
            assert_eq!(super::findings(&facts, &[]), findings, "{facts:?}");
        }
    }

    #[test]
    fn names() {
        let certified = ["a.test".to_owned(), "*.b.test".to_owned()];
        let facts = Facts { names: &certified, ..good() };
        for (name, is_missing) in [
            (HostName::Name("A.test"), false),
            (HostName::Name("x.b.test"), false),
            (HostName::Name("b.test"), true),
            (HostName::Alias("a.test"), false),
            (HostName::Alias("c.test"), true),
            (HostName::Alias("*.b.test"), false),
            (HostName::Alias("*.a.test"), true),
            (HostName::Alias("?.x"), false),
            (HostName::Alias("*"), false),
        ] {
            assert_eq!(!findings(&facts, &[name]).is_empty(), is_missing, "{name:?}");
        }
    }

    #[test]
    fn what_there_is_to_know() {
        for (facts, noted) in [
            (good(), vec![]),
            (Facts { ends_in: -1, ..good() }, vec![]),
            (Facts { ends_in: 0, ..good() }, vec![Note::EndsSoon(0)]),
            (Facts { ends_in: SOON - 1, ..good() }, vec![Note::EndsSoon(SOON - 1)]),
            (Facts { ends_in: SOON, ..good() }, vec![]),
            (Facts { issued_the_one_before: &[], ..good() }, vec![Note::NoChain]),
            (Facts { issued_the_one_before: &[], self_signed: true, ..good() }, vec![]),
            (
                Facts { ends_in: 5, issued_the_one_before: &[], ..good() },
                vec![Note::EndsSoon(5), Note::NoChain],
            ),
        ] {
            assert_eq!(notes(&facts), noted, "{facts:?}");
        }
        assert_eq!(Note::EndsSoon(3 * DAY + 7).to_string(), "expires in 3 days");
        assert_eq!(Finding::Expired(7_200).to_string(), "has expired, 2 hours ago");
    }
}
