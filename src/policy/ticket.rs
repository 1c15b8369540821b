//! The file of `SSLSessionTicketKeyFile`.

/// Bytes of a key: name, MAC key and cipher key, 16 each. What follows in the
/// file is not looked at.
pub const KEY_LENGTH: usize = 48;

/// The parts of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyParts<'b> {
    /// In clear at the start of each ticket.
    pub name: [u8; 16],
    /// For HMAC with SHA-256.
    pub mac: &'b [u8],
    /// For AES-128 in CBC mode.
    pub cipher: &'b [u8],
}

impl<'b> KeyParts<'b> {
    /// The parts of the bytes of a file.
    #[must_use]
    pub fn of(bytes: &'b [u8; KEY_LENGTH]) -> Self {
        let mut name = [0; 16];
        name.copy_from_slice(&bytes[..16]);
        Self { name, mac: &bytes[16..32], cipher: &bytes[32..] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_parts() {
        let bytes = std::array::from_fn(|index| index as u8);
        let parts = KeyParts::of(&bytes);
        assert_eq!(parts.name, std::array::from_fn(|index| index as u8));
        assert_eq!((parts.mac, parts.cipher), (&bytes[16..32], &bytes[32..48]));
    }
}
