//! Keys that session tickets are sealed with, when they are not the library's own.

use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::cipher::Cipher;
use openssl_sys as sys;
use zeroize::{Zeroize, Zeroizing};

use super::error::{self, LibraryError};
use super::ffi;

/// Bytes of a key's name, which every ticket begins with.
pub const NAME_LENGTH: usize = 16;

/// Bytes of the block that encryption starts from.
pub(super) const IV_LENGTH: usize = 16;

/// One key: HMAC with SHA-256, and AES in CBC mode.
struct TicketKey {
    name: [u8; NAME_LENGTH],
    mac: Zeroizing<Vec<u8>>,
    cipher: Zeroizing<Vec<u8>>,
    algorithm: Cipher,
}

/// The keys of a server. The first one seals; all of them open.
pub struct TicketKeys(Vec<TicketKey>);

impl TicketKeys {
    /// A key of its parts; `cipher` has 16 bytes for AES-128 or 32 for AES-256.
    ///
    /// # Errors
    /// A library without that cipher.
    pub fn new(name: [u8; NAME_LENGTH], mac: &[u8], cipher: &[u8]) -> Result<Self, Vec<LibraryError>> {
        error::clear();
        let algorithm = if cipher.len() == 32 { "AES-256-CBC" } else { "AES-128-CBC" };
        // Fetched once: looking an algorithm up for each ticket costs more than using it.
        let algorithm = Cipher::fetch(None, algorithm, None).map_err(|_| error::drain())?;
        let (mac, cipher) = (Zeroizing::new(mac.to_vec()), Zeroizing::new(cipher.to_vec()));
        Ok(Self(vec![TicketKey { name, mac, cipher, algorithm }]))
    }

    /// A key that nobody knows.
    ///
    /// # Errors
    /// A library without randomness, or as for [`new`](Self::new).
    pub fn random() -> Result<Self, Vec<LibraryError>> {
        error::clear();
        let mut bytes = [0; 64];
        let keys = openssl::rand::rand_bytes(&mut bytes).map_err(|_| error::drain()).and_then(|()| {
            let mut name = [0; NAME_LENGTH];
            name.copy_from_slice(&bytes[..16]);
            Self::new(name, &bytes[16..32], &bytes[32..])
        });
        bytes.zeroize();
        keys
    }

    /// Prepares the encryption of a ticket: writes name and IV, and sets the key of both contexts.
    ///
    /// # Safety
    /// Places and contexts are what OpenSSL passes to its ticket key callback.
    pub(super) unsafe fn seal(
        &self,
        name: *mut u8,
        iv: *mut u8,
        cipher: *mut sys::EVP_CIPHER_CTX,
        mac: *mut sys::EVP_MAC_CTX,
    ) -> bool {
        let Some(key) = self.0.first() else { return false };
        let mut fresh = [0; IV_LENGTH];
        if openssl::rand::rand_bytes(&mut fresh).is_err() {
            return false;
        }
        // SAFETY: the caller promises a place of this size.
        unsafe { ptr::copy_nonoverlapping(key.name.as_ptr(), name, NAME_LENGTH) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(fresh.as_ptr(), iv, IV_LENGTH) };
        let (algorithm, secret) = (key.algorithm.as_ptr(), key.cipher.as_ptr());
        // SAFETY: the context is alive; key and IV have the length of the algorithm, and are copied.
        let done = unsafe { sys::EVP_EncryptInit_ex(cipher, algorithm, ptr::null_mut(), secret, iv) };
        // SAFETY: the caller promises a live context.
        done == 1 && unsafe { key.set_mac(mac) }
    }

    /// Prepares the decryption of a ticket: `None` when no key has its name, else whether it was done, and
    /// with the key that seals.
    ///
    /// # Safety
    /// As for [`seal`](Self::seal); name and IV are those of the ticket.
    pub(super) unsafe fn open(
        &self,
        name: &[u8],
        iv: *const u8,
        cipher: *mut sys::EVP_CIPHER_CTX,
        mac: *mut sys::EVP_MAC_CTX,
    ) -> Option<Opened> {
        let (index, key) = self.0.iter().enumerate().find(|(_, key)| key.name == name)?;
        let (algorithm, secret) = (key.algorithm.as_ptr(), key.cipher.as_ptr());
        // SAFETY: the context is alive; key and IV have the length of the algorithm, and are copied.
        let done = unsafe { sys::EVP_DecryptInit_ex(cipher, algorithm, ptr::null_mut(), secret, iv) };
        // SAFETY: the caller promises a live context.
        if done != 1 || !unsafe { key.set_mac(mac) } {
            return Some(Opened::Failed);
        }
        Some(if index == 0 { Opened::Current } else { Opened::Old })
    }
}

/// What came of [`TicketKeys::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// With the key that seals.
    Current,
    /// With another one.
    Old,
    /// The library cannot use the key.
    Failed,
}

impl TicketKey {
    /// Gives the context of a MAC its key.
    ///
    /// # Safety
    /// `ctx` is a live context of HMAC.
    unsafe fn set_mac(&self, ctx: *mut sys::EVP_MAC_CTX) -> bool {
        let digest = c"SHA256".as_ptr().cast_mut();
        let secret = self.mac.as_ptr().cast_mut().cast();
        // SAFETY: describes a C string, whose length OpenSSL finds.
        let digest = unsafe { ffi::OSSL_PARAM_construct_utf8_string(c"digest".as_ptr(), digest, 0) };
        // SAFETY: describes the key by its length.
        let secret =
            unsafe { sys::OSSL_PARAM_construct_octet_string(c"key".as_ptr(), secret, self.mac.len()) };
        // SAFETY: makes a mark.
        let end = unsafe { sys::OSSL_PARAM_construct_end() };
        let params = [digest, secret, end];
        // SAFETY: the caller promises the context. OpenSSL reads the parameters and copies what they describe.
        unsafe { sys::EVP_MAC_CTX_set_params(ctx, params.as_ptr()) == 1 }
    }
}
