//! Objects of OpenSSL that other code in the process hands over, or is shown.

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Ref};
use openssl_sys as sys;

use super::ctx::identity::owned_cert;
use super::lib::bytes_from;

/// Counts a reference to a certificate that stays another's, too.
///
/// # Safety
/// `cert` is NULL or a live certificate.
#[must_use]
pub unsafe fn certificate(cert: *mut sys::X509) -> Option<X509> {
    // SAFETY: the caller's promise.
    unsafe { owned_cert(cert) }
}

/// Counts a reference to a private key that stays another's, too.
///
/// # Safety
/// `key` is NULL or a live private key.
#[must_use]
pub unsafe fn key(key: *mut sys::EVP_PKEY) -> Option<PKey<Private>> {
    if key.is_null() {
        return None;
    }
    // SAFETY: the caller promises a live key.
    unsafe { sys::EVP_PKEY_up_ref(key) };
    // SAFETY: the reference counted above is given away.
    Some(unsafe { PKey::from_ptr(key) })
}

/// The certificate for a call to others.
#[must_use]
pub fn pointer(cert: &X509Ref) -> *mut sys::X509 {
    cert.as_ptr()
}

/// The contents of a buffer, which is freed.
///
/// # Safety
/// `data` is NULL, or was allocated by `OPENSSL_malloc`, holds at least `length` bytes, and nobody else frees it.
#[must_use]
pub unsafe fn take_buffer(data: *mut u8, length: usize) -> Vec<u8> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes_from(data, length) }.to_vec();
    // SAFETY: as above; NULL may be freed.
    unsafe { sys::OPENSSL_free(data.cast()) };
    bytes
}
