//! The protocols a client offers (ALPN, RFC 7301).

use std::ffi::CStr;
use std::ops::Range;

/// The protocol that is only there to be agreed on: a challenge of a
/// certificate authority (RFC 8737).
pub const ACME_TLS_1: &CStr = c"acme-tls/1";

/// Why a list of protocols cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferError {
    /// There is no name in it.
    Empty,
    /// A name would go on behind the end.
    Overlong,
}

/// The places of the names in a list of names with a length byte each (`ProtocolNameList`); the byte itself
/// does not belong to the place.
///
/// # Errors
/// See [`OfferError`].
pub fn split_offer(offered: &[u8]) -> Result<Vec<Range<usize>>, OfferError> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(len) = offered.get(at) {
        let name = at + 1..at + 1 + usize::from(*len);
        if name.end > offered.len() {
            return Err(OfferError::Overlong);
        }
        at = name.end;
        names.push(name);
    }
    if names.is_empty() { Err(OfferError::Empty) } else { Ok(names) }
}

/// A name that does not fit a list: it is empty, or longer than 255 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong<'n>(pub &'n [u8]);

/// A list of names with a length byte each: what [`split_offer`] takes apart.
///
/// # Errors
/// A name that does not fit.
pub fn to_wire(names: &[Vec<u8>]) -> Result<Vec<u8>, TooLong<'_>> {
    let mut wire = Vec::new();
    for name in names {
        let length = u8::try_from(name.len()).ok().filter(|length| *length > 0).ok_or(TooLong(name))?;
        wire.push(length);
        wire.extend_from_slice(name);
    }
    Ok(wire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_made() {
        let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(to_wire(&names(&["h2", "http/1.1"])), Ok(b"\x02h2\x08http/1.1".to_vec()));
        assert_eq!(to_wire(&[]), Ok(Vec::new()));
        let long = "x".repeat(256);
        assert_eq!(to_wire(&names(&["h2", &long])), Err(TooLong(long.as_bytes())));
        assert!(to_wire(&names(&[&long[1..]])).is_ok());
        assert!(to_wire(&names(&[""])).is_err());
    }

    #[test]
    fn offers_are_split() {
        assert_eq!(split_offer(b"\x02h2\x08http/1.1"), Ok(vec![1..3, 4..12]));
        assert_eq!(split_offer(b"\x00"), Ok(std::iter::once(1..1).collect()));
        assert_eq!(split_offer(b""), Err(OfferError::Empty));
        assert_eq!(split_offer(b"\x03h2"), Err(OfferError::Overlong));
        assert_eq!(split_offer(b"\x02h2\xff"), Err(OfferError::Overlong));
    }

    #[test]
    fn no_offer_makes_it_look_outside() {
        // Every list of up to three bytes from a small alphabet.
        let alphabet = [0_u8, 1, 2, 3, 255];
        for a in alphabet {
            for b in alphabet {
                for c in alphabet {
                    let list = [a, b, c];
                    for names in split_offer(&list).iter().flatten() {
                        assert!(list.get(names.clone()).is_some());
                    }
                }
            }
        }
    }
}
