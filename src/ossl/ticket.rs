//! Keys that session tickets are sealed with, in place of the library's own.
//!
//! A ticket is the name of its key, an IV, the session encrypted by AES in CBC mode, and the HMAC-SHA-256 of all before
//! (RFC 5077, section 4).

use std::ptr;
use std::sync::OnceLock;

use foreign_types::ForeignTypeRef;
use openssl::cipher::{Cipher, CipherRef};
use openssl_sys as sys;
use zeroize::Zeroize;

use super::error;
use super::ffi;
use super::lib;

/// Bytes of a key's name, which every ticket begins with.
pub const NAME_LENGTH: usize = 16;

/// Bytes of the block that encryption starts from.
pub(super) const IV_LENGTH: usize = 16;

/// The longest part of a key in bytes.
const LONGEST: usize = 32;

/// One key: HMAC with SHA-256, and AES in CBC mode. It is erased when it is dropped.
#[derive(Clone)]
pub struct TicketKey {
    name: [u8; NAME_LENGTH],
    mac: [u8; LONGEST],
    cipher: [u8; LONGEST],
    /// Bytes of either part that are in use.
    length: usize,
}

impl Drop for TicketKey {
    fn drop(&mut self) {
        self.mac.zeroize();
        self.cipher.zeroize();
    }
}

impl TicketKey {
    /// A key of its parts, 16 bytes each for AES-128 or 32 bytes each for AES-256. `None` for other lengths.
    #[must_use]
    pub fn new(name: [u8; NAME_LENGTH], mac: &[u8], cipher: &[u8]) -> Option<Self> {
        let length = mac.len();
        if !matches!((length, cipher.len()), (16, 16) | (LONGEST, LONGEST)) {
            return None;
        }
        let mut key = Self { name, mac: [0; LONGEST], cipher: [0; LONGEST], length };
        key.mac[..length].copy_from_slice(mac);
        key.cipher[..length].copy_from_slice(cipher);
        Some(key)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8; NAME_LENGTH] {
        &self.name
    }

    /// Whether the library can use keys of both lengths.
    #[must_use]
    pub fn is_supported() -> bool {
        algorithm(16).is_some() && algorithm(LONGEST).is_some()
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
        let Some(algorithm) = algorithm(self.length) else { return false };
        let mut fresh = [0; IV_LENGTH];
        if openssl::rand::rand_bytes(&mut fresh).is_err() {
            return false;
        }
        // SAFETY: the caller promises a place of this size.
        unsafe { ptr::copy_nonoverlapping(self.name.as_ptr(), name, NAME_LENGTH) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(fresh.as_ptr(), iv, IV_LENGTH) };
        let (algorithm, secret) = (algorithm.as_ptr(), self.cipher.as_ptr());
        // SAFETY: the context is alive; key and IV have the length of the algorithm, and are copied.
        let done = unsafe { sys::EVP_EncryptInit_ex(cipher, algorithm, ptr::null_mut(), secret, iv) };
        // SAFETY: the caller promises a live context.
        done == 1 && unsafe { self.set_mac(mac) }
    }

    /// Prepares the decryption of a ticket; says whether that was done.
    ///
    /// # Safety
    /// As for [`seal`](Self::seal); the IV is that of the ticket.
    pub(super) unsafe fn open(
        &self,
        iv: *const u8,
        cipher: *mut sys::EVP_CIPHER_CTX,
        mac: *mut sys::EVP_MAC_CTX,
    ) -> bool {
        let Some(algorithm) = algorithm(self.length) else { return false };
        let (algorithm, secret) = (algorithm.as_ptr(), self.cipher.as_ptr());
        // SAFETY: the context is alive; key and IV have the length of the algorithm, and are copied.
        let done = unsafe { sys::EVP_DecryptInit_ex(cipher, algorithm, ptr::null_mut(), secret, iv) };
        // SAFETY: the caller promises a live context.
        done == 1 && unsafe { self.set_mac(mac) }
    }

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
        let secret = unsafe { sys::OSSL_PARAM_construct_octet_string(c"key".as_ptr(), secret, self.length) };
        // SAFETY: makes a mark.
        let end = unsafe { sys::OSSL_PARAM_construct_end() };
        let params = [digest, secret, end];
        // SAFETY: the caller promises the context. OpenSSL reads the parameters and copies what they describe.
        unsafe { sys::EVP_MAC_CTX_set_params(ctx, params.as_ptr()) == 1 }
    }
}

/// AES in CBC mode for keys of this length. Fetched once, and once more in FIPS mode: looking an algorithm up for each
/// ticket costs more than using it.
fn algorithm(length: usize) -> Option<&'static CipherRef> {
    static FETCHED: [OnceLock<Cipher>; 4] = [const { OnceLock::new() }; 4];
    let (index, name) = if length == LONGEST { (0, "AES-256-CBC") } else { (1, "AES-128-CBC") };
    let place = &FETCHED[index + if lib::is_fips() { 2 } else { 0 }];
    if let Some(known) = place.get() {
        return Some(known);
    }
    let fetched = Cipher::fetch(None, name, None).ok();
    error::clear();
    let fetched = fetched?;
    Some(place.get_or_init(|| fetched))
}

/// A key that opens a ticket.
pub struct Opening {
    /// The key.
    pub key: TicketKey,
    /// Another one seals now: the client gets a new ticket.
    pub is_old: bool,
}

/// The keys of a file or several. The first one seals; all of them open.
pub struct TicketKeys(Vec<TicketKey>);

impl TicketKeys {
    /// `None` without any.
    #[must_use]
    pub fn new(keys: Vec<TicketKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The key for new tickets.
    #[must_use]
    pub fn sealing(&self) -> Option<TicketKey> {
        self.0.first().cloned()
    }

    /// The key of this name.
    #[must_use]
    pub fn opening(&self, name: &[u8]) -> Option<Opening> {
        let (index, key) = self.0.iter().enumerate().find(|(_, key)| key.name == name)?;
        Some(Opening { key: key.clone(), is_old: index > 0 })
    }
}
