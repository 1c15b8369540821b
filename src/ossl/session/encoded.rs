//! What the DER form of a session says that OpenSSL does not tell.

/// `[13] EXPLICIT INTEGER`, the flags (`SSL_SESS_FLAG_...`).
const FLAGS: u8 = 0xad;
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const EXTENDED_MASTER_SECRET: u8 = 1;

/// Whether the session was made with the extended master secret (RFC 7627). A client that does not offer that
/// cannot have such a session: OpenSSL ends the handshake when it is resumed. `true` for what cannot be read.
#[must_use]
pub fn has_extended_master_secret(der: &[u8]) -> bool {
    flags(der).is_none_or(|flags| flags & EXTENDED_MASTER_SECRET != 0)
}

/// The last byte of the flags, 0 without any.
fn flags(der: &[u8]) -> Option<u8> {
    let (tag, mut fields, _) = element(der)?;
    if tag != SEQUENCE {
        return None;
    }
    while !fields.is_empty() {
        let (tag, contents, rest) = element(fields)?;
        if tag == FLAGS {
            return match element(contents)? {
                (INTEGER, number, _) => number.last().copied(),
                _ => None,
            };
        }
        fields = rest;
    }
    Some(0)
}

/// The tag and the contents of the first element, and what follows it. Tags of more than one byte are not in use.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = der else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*tag, contents, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_found_behind_other_fields() {
        for (der, wanted) in [
            (&b"\x30\x0a\x02\x01\x01\xad\x05\x02\x03\x00\x00\x01"[..], true),
            (b"\x30\x0a\x02\x01\x01\xad\x05\x02\x03\x00\x00\x02", false),
            (b"\x30\x81\x08\x02\x01\x01\xad\x03\x02\x01\x03", true),
            (b"\x30\x08\x02\x01\x01\xad\x03\x04\x01\x02", true),
            (b"\x30\x03\x02\x01\x01", false),
            (b"\x30\x00", false),
            (b"\x30\x03\x02\x09\x01", true),
            (b"\x30\x80\x02\x01\x01\x00\x00", true),
            (b"\x31\x05\xad\x03\x02\x01\x02", true),
            (b"\x30\x05\xad\x03\x02\x84\x01", true),
            (b"\x30", true),
            (b"", true),
        ] {
            assert_eq!(has_extended_master_secret(der), wanted, "{der:x?}");
        }
    }
}
