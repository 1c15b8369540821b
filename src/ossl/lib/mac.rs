//! MACs with a key that lives as long as the configuration.

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_bytes;
use openssl::sign::Signer;
use zeroize::Zeroizing;

/// A key. The library wipes it when it is dropped.
pub struct MacKey(PKey<Private>);

impl MacKey {
    /// A new one; `None` if the library has no random numbers or no HMAC.
    #[must_use]
    pub fn random() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand_bytes(&mut *bytes).ok()?;
        Self::of(&bytes)
    }

    /// One of its bytes; `None` if the library has no HMAC.
    #[must_use]
    pub fn of(bytes: &[u8; 32]) -> Option<Self> {
        PKey::hmac(bytes).ok().map(Self)
    }

    /// HMAC-SHA256 of the pieces, one behind the other.
    #[must_use]
    pub fn mac(&self, pieces: &[&[u8]]) -> Option<[u8; 32]> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0).ok()?;
        for piece in pieces {
            signer.update(piece).ok()?;
        }
        let mut mac = [0; 32];
        (signer.sign(&mut mac).ok()? == mac.len()).then_some(mac)
    }
}

/// Whether two MACs are equal, in a time that does not depend on them (`CRYPTO_memcmp`).
#[must_use]
pub fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    openssl::memcmp::eq(one, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_contents_decide() {
        let (one, other) = (MacKey::random().unwrap(), MacKey::random().unwrap());
        let mac = one.mac(&[b"ab", b"c"]).unwrap();
        assert!(same(&mac, &one.mac(&[b"abc"]).unwrap()));
        assert!(!same(&mac, &one.mac(&[b"abd"]).unwrap()));
        assert!(!same(&mac, &other.mac(&[b"abc"]).unwrap()));
    }
}
