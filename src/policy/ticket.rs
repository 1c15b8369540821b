//! Keys of session tickets: what is in a file, and how keys that nobody chose follow each other.

pub mod ring;
pub mod tree;

/// Bytes of a key's name.
pub const NAME: usize = 16;
/// Bytes of a key for AES-128 in a file: name, MAC key and cipher key, 16 each.
pub const SHORT: usize = 48;
/// Bytes of a key for AES-256 in a file: name, MAC key and cipher key, 16, 32 and 32.
pub const LONG: usize = 80;

/// The parts of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyParts<'b> {
    /// In clear at the start of each ticket.
    pub name: [u8; NAME],
    /// For HMAC with SHA-256.
    pub mac: &'b [u8],
    /// For AES in CBC mode.
    pub cipher: &'b [u8],
}

impl<'b> KeyParts<'b> {
    /// The parts of the bytes of a file (`SSLSessionTicketKeyFile`): a key for AES-256 if there are exactly so many, else
    /// one for AES-128; more is not looked at. `None` if they are too few.
    #[must_use]
    pub fn of(bytes: &'b [u8]) -> Option<Self> {
        let (name, rest) = bytes.split_first_chunk()?;
        let half = if bytes.len() == LONG { (LONG - NAME) / 2 } else { (SHORT - NAME) / 2 };
        let (mac, rest) = rest.split_at_checked(half)?;
        Some(Self { name: *name, mac, cipher: rest.get(..half)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_parts() {
        let bytes: [u8; 100] = std::array::from_fn(|index| index as u8);
        for (length, halves) in [
            (47, None),
            (48, Some(16)),
            (79, Some(16)),
            (80, Some(32)),
            (81, Some(16)),
            (15, None),
            (0, None),
        ] {
            let parts = KeyParts::of(&bytes[..length]);
            assert_eq!(parts.is_some(), halves.is_some(), "{length}");
            let (Some(parts), Some(half)) = (parts, halves) else { continue };
            assert_eq!(parts.name, bytes[..16]);
            assert_eq!((parts.mac, parts.cipher), (&bytes[16..16 + half], &bytes[16 + half..16 + 2 * half]));
        }
    }
}
