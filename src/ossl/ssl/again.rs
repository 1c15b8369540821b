//! Handshakes in the middle of a connection: renegotiation, and certificates asked for afterwards.

use std::ffi::CStr;

use super::SslRef;
use crate::ossl::ctx::names_in;
use crate::ossl::error::{self, LibraryError};
use crate::ossl::ffi;

/// The longest value of a Finished message (TLS 1.3 with SHA-512; RFC 8446, 4.4.4).
const FINISHED: usize = 64;

impl SslRef {
    /// Server: asks for a certificate after the handshake (TLS 1.3); the request leaves with
    /// [`do_handshake`](Self::do_handshake).
    ///
    /// # Errors
    /// Among others, that the client has not agreed to it.
    pub fn request_certificate(&self) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: see is_renegotiating.
        error::check(unsafe { ffi::SSL_verify_client_post_handshake(self.as_ptr()) })
    }

    /// Marks a new handshake as due (TLS 1.2 and before); [`do_handshake`](Self::do_handshake) starts it.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn renegotiate(&self) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: see is_renegotiating.
        error::check(unsafe { ffi::SSL_renegotiate(self.as_ptr()) })
    }

    /// Whether a handshake that [`renegotiate`](Self::renegotiate) has marked is not finished.
    #[must_use]
    pub fn is_renegotiating(&self) -> bool {
        // SAFETY: a borrowed connection is alive. So for all calls with `as_ptr` below.
        unsafe { ffi::SSL_renegotiate_pending(self.as_ptr()) != 0 }
    }

    /// The peer's latest Finished message. It changes when the peer ends another handshake: also one that
    /// [`request_certificate`](Self::request_certificate) began, about which OpenSSL tells nothing else.
    #[must_use]
    pub fn peer_finished(&self) -> Vec<u8> {
        let mut bytes = [0_u8; FINISHED];
        // SAFETY: see is_renegotiating; OpenSSL writes at most so many bytes.
        let length =
            unsafe { ffi::SSL_get_peer_finished(self.as_ptr(), bytes.as_mut_ptr().cast(), FINISHED) };
        bytes[..length.min(FINISHED)].to_vec()
    }

    /// Allows the ciphers of `list` for TLS 1.2 and before (ciphers(1)), from the next handshake on.
    ///
    /// # Errors
    /// A list that names no cipher at all.
    pub fn set_cipher_list(&self, list: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: see is_renegotiating; the list is a C string and is copied.
        error::check(unsafe { ffi::SSL_set_cipher_list(self.as_ptr(), list.as_ptr()) })
    }

    /// The names of all ciphers that are allowed, in order of preference.
    #[must_use]
    pub fn cipher_names(&self) -> Vec<&'static str> {
        // SAFETY: see is_renegotiating. The stack belongs to the connection or its context.
        let stack = unsafe { ffi::SSL_get_ciphers(self.as_ptr()) };
        // SAFETY: as above.
        unsafe { names_in(stack) }
    }
}
