//! Contexts: what all connections of a vhost share.

use super::error::{self, LibraryError};
use super::ffi;
use foreign_types::{ForeignType, ForeignTypeRef};
use libc::{c_int, c_long, c_ulong, c_void};
use openssl::pkey::{PKeyRef, Private};
use openssl::stack::Stack;
use openssl::x509::{X509, X509Ref};
use openssl_sys as o;
use std::ffi::CStr;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// Options of contexts and connections (`SSL_OP_*`).
pub mod options {
    /// Work around bugs of other implementations.
    pub const ALL: u64 = 0x8000_0850;
    /// Take a missing close_notify for one.
    pub const IGNORE_UNEXPECTED_EOF: u64 = 1 << 7;
    /// No tickets in TLS 1.2, stateful ones in TLS 1.3.
    pub const NO_TICKET: u64 = 1 << 14;
    /// A renegotiation does not resume.
    pub const NO_SESSION_RESUMPTION_ON_RENEGOTIATION: u64 = 1 << 16;
    /// No compression inside TLS.
    pub const NO_COMPRESSION: u64 = 1 << 17;
    /// Renegotiate with peers that do not know RFC 5746.
    pub const ALLOW_UNSAFE_LEGACY_RENEGOTIATION: u64 = 1 << 18;
    /// The server's order of ciphers counts.
    pub const CIPHER_SERVER_PREFERENCE: u64 = 1 << 22;
    /// The client cannot start a renegotiation.
    pub const NO_RENEGOTIATION: u64 = 1 << 30;
}

/// How sessions are kept on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionCacheMode {
    /// Not at all.
    Off,
    /// Only by callbacks; OpenSSL's own table is not used.
    External,
}

/// Why a key could not be used.
#[derive(Debug)]
pub enum KeyError {
    /// It is not the certificate's.
    Mismatch(Vec<LibraryError>),
    /// OpenSSL refuses it.
    Refused(Vec<LibraryError>),
}

/// A reference-counted context.
pub struct SslCtx(NonNull<o::SSL_CTX>);

// SAFETY: OpenSSL locks what connections of several threads share; it is configured by one thread before that.
unsafe impl Send for SslCtx {}
// SAFETY: as above.
unsafe impl Sync for SslCtx {}

/// A borrowed context.
pub struct SslCtxRef(std::marker::PhantomPinned);

impl SslCtx {
    /// For servers, any version of TLS.
    ///
    /// # Errors
    /// OpenSSL's reasons, e.g. FIPS mode without a FIPS provider.
    pub fn server() -> Result<Self, Vec<LibraryError>> {
        // SAFETY: the method table is static.
        Self::new(unsafe { o::TLS_server_method() })
    }

    /// For clients, any version of TLS.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn client() -> Result<Self, Vec<LibraryError>> {
        // SAFETY: the method table is static.
        Self::new(unsafe { o::TLS_client_method() })
    }

    fn new(method: *const o::SSL_METHOD) -> Result<Self, Vec<LibraryError>> {
        error::clear();
        // SAFETY: the method table is static.
        NonNull::new(unsafe { o::SSL_CTX_new(method) }).map(Self).ok_or_else(error::drain)
    }
}

impl Clone for SslCtx {
    fn clone(&self) -> Self {
        // SAFETY: the context is alive; the new reference is the clone's.
        unsafe { o::SSL_CTX_up_ref(self.0.as_ptr()) };
        Self(self.0)
    }
}

impl Drop for SslCtx {
    fn drop(&mut self) {
        // SAFETY: this value owns one reference.
        unsafe { o::SSL_CTX_free(self.0.as_ptr()) }
    }
}

impl Deref for SslCtx {
    type Target = SslCtxRef;

    fn deref(&self) -> &SslCtxRef {
        // SAFETY: the context lives as long as this reference to it.
        unsafe { SslCtxRef::from_ptr(self.0.as_ptr()) }
    }
}

/// One error-queue result: 1 is success.
fn check(result: impl Into<c_long>) -> Result<(), Vec<LibraryError>> {
    if result.into() > 0 { Ok(()) } else { Err(error::drain()) }
}

impl SslCtxRef {
    /// # Safety
    /// `raw` is a context that lives during `'c`.
    pub unsafe fn from_ptr<'c>(raw: *mut o::SSL_CTX) -> &'c Self {
        // SAFETY: promised by the caller; the type is only an address.
        unsafe { &*raw.cast::<Self>() }
    }

    /// The context for a call into OpenSSL.
    #[must_use]
    pub fn as_ptr(&self) -> *mut o::SSL_CTX {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    fn ctrl(&self, command: c_int, number: c_long, pointer: *mut c_void) -> c_long {
        // SAFETY: the context is alive; callers pass what the command takes.
        unsafe { o::SSL_CTX_ctrl(self.as_ptr(), command, number, pointer) }
    }

    /// Limits the versions that are negotiated, both ends included.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn set_protocol_range(&self, min: i32, max: i32) -> Result<(), Vec<LibraryError>> {
        let null = std::ptr::null_mut();
        check(self.ctrl(o::SSL_CTRL_SET_MIN_PROTO_VERSION, c_long::from(min), null))?;
        check(self.ctrl(o::SSL_CTRL_SET_MAX_PROTO_VERSION, c_long::from(max), null))
    }

    /// Adds options.
    pub fn set_options(&self, options: u64) {
        // SAFETY: the context is alive.
        unsafe { o::SSL_CTX_set_options(self.as_ptr(), options) };
    }

    /// The options in force.
    #[must_use]
    pub fn options(&self) -> u64 {
        // SAFETY: the context is alive.
        unsafe { o::SSL_CTX_get_options(self.as_ptr()) }
    }

    /// Modes that suit a caller who keeps no buffers of idle connections and
    /// looks after messages that carry no data itself.
    pub fn set_modes(&self) {
        let null = std::ptr::null_mut();
        self.ctrl(ffi::SSL_CTRL_MODE, ffi::SSL_MODE_RELEASE_BUFFERS, null);
        self.ctrl(ffi::SSL_CTRL_CLEAR_MODE, ffi::SSL_MODE_AUTO_RETRY, null);
    }

    /// Ciphers up to TLS 1.2.
    ///
    /// # Errors
    /// OpenSSL's reasons: usually that nothing matches.
    pub fn set_cipher_list(&self, list: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: context and list are alive.
        check(unsafe { o::SSL_CTX_set_cipher_list(self.as_ptr(), list.as_ptr()) })
    }

    /// Cipher suites of TLS 1.3.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn set_ciphersuites(&self, list: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: context and list are alive.
        check(unsafe { o::SSL_CTX_set_ciphersuites(self.as_ptr(), list.as_ptr()) })
    }

    /// How sessions are kept.
    pub fn set_session_cache_mode(&self, mode: SessionCacheMode) {
        let mode = match mode {
            SessionCacheMode::Off => ffi::SSL_SESS_CACHE_OFF,
            SessionCacheMode::External => ffi::SSL_SESS_CACHE_SERVER | ffi::SSL_SESS_CACHE_NO_INTERNAL,
        };
        self.ctrl(ffi::SSL_CTRL_SET_SESS_CACHE_MODE, mode, std::ptr::null_mut());
    }

    /// How long sessions and tickets may be resumed, in seconds.
    pub fn set_session_timeout(&self, seconds: i64) {
        // SAFETY: the context is alive.
        unsafe { ffi::SSL_CTX_set_timeout(self.as_ptr(), seconds) };
    }

    /// How many TLS 1.3 tickets follow a handshake.
    pub fn set_num_tickets(&self, count: usize) {
        // SAFETY: the context is alive.
        unsafe { o::SSL_CTX_set_num_tickets(self.as_ptr(), count) };
    }

    /// Diffie-Hellman groups chosen by the strength of key and cipher.
    pub fn set_automatic_dh(&self) {
        self.ctrl(ffi::SSL_CTRL_SET_DH_AUTO, 1, std::ptr::null_mut());
    }

    /// Adds a certificate besides those of other key types. `own_chain`:
    /// replace the chain of this certificate.
    ///
    /// # Errors
    /// OpenSSL's reasons, e.g. a key that is too small for the security level.
    pub fn use_certificate(
        &self,
        certificate: &X509Ref,
        own_chain: Option<&[X509]>,
    ) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: both are alive; OpenSSL takes a reference of its own.
        check(unsafe { o::SSL_CTX_use_certificate(self.as_ptr(), certificate.as_ptr()) })?;
        own_chain.map_or(Ok(()), |chain| self.set_chain(chain))
    }

    /// Adds the key of the certificate added last.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn use_key(&self, certificate: &X509Ref, key: &PKeyRef<Private>) -> Result<(), KeyError> {
        error::clear();
        // A key of another type would be put beside the certificate, silently.
        let same = certificate.public_key().is_ok_and(|public| public.public_eq(key));
        if !same {
            return Err(KeyError::Mismatch(error::drain()));
        }
        // SAFETY: both are alive; OpenSSL takes a reference of its own.
        check(unsafe { o::SSL_CTX_use_PrivateKey(self.as_ptr(), key.as_ptr()) }).map_err(KeyError::Refused)
    }

    /// The chain of the certificate added last (`SSL_CTX_set1_chain`).
    fn set_chain(&self, chain: &[X509]) -> Result<(), Vec<LibraryError>> {
        let mut stack = Stack::new().map_err(|_| error::drain())?;
        for certificate in chain {
            stack.push(certificate.clone()).map_err(|_| error::drain())?;
        }
        check(self.ctrl(ffi::SSL_CTRL_CHAIN, 1, stack.as_ptr().cast()))
    }

    /// Adds a certificate that is sent after every certificate without a chain
    /// of its own (`SSL_CTX_add_extra_chain_cert`).
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn add_extra_chain(&self, certificate: X509) -> Result<(), Vec<LibraryError>> {
        check(self.ctrl(ffi::SSL_CTRL_EXTRA_CHAIN_CERT, 0, certificate.as_ptr().cast()))?;
        // The context owns the reference now.
        std::mem::forget(certificate);
        Ok(())
    }

    /// Whether at least one certificate has its key.
    #[must_use]
    pub fn has_key_pair(&self) -> bool {
        // SAFETY: the context is alive.
        let found = unsafe { o::SSL_CTX_check_private_key(self.as_ptr()) } == 1;
        error::clear();
        found
    }

    /// Stores a pointer, for callbacks that only get the context.
    pub fn set_app_data(&self, data: NonNull<c_void>) {
        // SAFETY: the index was made for contexts; OpenSSL only keeps the pointer.
        unsafe { o::SSL_CTX_set_ex_data(self.as_ptr(), index(), data.as_ptr()) };
    }

    /// What [`SslCtxRef::set_app_data`] stored.
    #[must_use]
    pub fn app_data(&self) -> Option<NonNull<c_void>> {
        // SAFETY: the index was made for contexts.
        NonNull::new(unsafe { o::SSL_CTX_get_ex_data(self.as_ptr(), index()) })
    }
}

/// The place of the application's pointer in contexts. No free callback:
/// OpenSSL would keep its address for ever.
fn index() -> c_int {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    *INDEX.get_or_init(|| {
        // SAFETY: no callbacks are given.
        unsafe { o::SSL_CTX_get_ex_new_index(0, std::ptr::null_mut(), None, None, None) }
    })
}

const _: () = assert!(size_of::<c_ulong>() == 8, "options need 64 bits");
