//! Sessions (`SSL_SESSION`): what a resumption starts from.

use std::cell::UnsafeCell;
use std::ffi::{c_long, c_uint, c_void};
use std::ops::Deref;
use std::ptr::{self, NonNull};

use openssl::x509::X509;
use openssl_sys as sys;
use zeroize::Zeroizing;

use super::ctx::identity::owned_cert;
use super::ctx::static_str;
use super::error::{self, LibraryError};
use super::ffi;
use super::lib::bytes_from;

mod binding;
mod encoded;

pub use binding::{Binding, BindingVerdict};
pub use encoded::has_extended_master_secret;

/// An owned reference to a session.
pub struct Session(NonNull<sys::SSL_SESSION>);

/// A borrowed session.
#[repr(transparent)]
pub struct SessionRef(UnsafeCell<[u8; 0]>);

// SAFETY: OpenSSL counts references to sessions atomically and guards what changes in them with a lock; connections
// of several threads may resume the same one.
unsafe impl Send for Session {}

impl Session {
    /// Decodes what [`SessionRef::to_der`] has made. `None` for anything else, also if something follows.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let length = c_long::try_from(der.len()).ok()?;
        let mut at = der.as_ptr();
        // SAFETY: `at` leads to `length` bytes, which d2i_SSL_SESSION reads and copies from.
        let session = unsafe { sys::d2i_SSL_SESSION(ptr::null_mut(), &mut at, length) };
        let session = NonNull::new(session).map(Session);
        if session.is_none() {
            error::clear();
        }
        session.filter(|_| at == der.as_ptr_range().end)
    }

    /// Takes over a reference.
    ///
    /// # Safety
    /// `session` is a live session, and the caller's reference to it is given away.
    pub(super) unsafe fn from_ptr(session: NonNull<sys::SSL_SESSION>) -> Self {
        Session(session)
    }

    /// Gives the reference away.
    #[must_use]
    pub(super) fn into_ptr(self) -> *mut sys::SSL_SESSION {
        let session = self.0.as_ptr();
        std::mem::forget(self);
        session
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        // SAFETY: this value holds a reference.
        unsafe { sys::SSL_SESSION_up_ref(self.0.as_ptr()) };
        Session(self.0)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: this value holds a reference, which ends here.
        unsafe { sys::SSL_SESSION_free(self.0.as_ptr()) };
    }
}

impl Deref for Session {
    type Target = SessionRef;

    fn deref(&self) -> &SessionRef {
        // SAFETY: this value holds a reference as long as it is borrowed.
        unsafe { SessionRef::from_ptr(self.0.as_ptr()) }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:p})", self.0)
    }
}

impl SessionRef {
    /// Looks at a session that somebody else holds.
    ///
    /// # Safety
    /// `session` is a live session, and stays alive as long as the answer is used.
    pub unsafe fn from_ptr<'a>(session: *mut sys::SSL_SESSION) -> &'a Self {
        // SAFETY: the type has no bytes of its own, it only names what is behind the pointer.
        unsafe { &*session.cast::<SessionRef>() }
    }

    /// An owned reference to the same session.
    #[must_use]
    pub fn to_owned(&self) -> Session {
        // SAFETY: a borrowed session is alive.
        unsafe { sys::SSL_SESSION_up_ref(self.as_ptr()) };
        // SAFETY: a reference is never NULL.
        Session(unsafe { NonNull::new_unchecked(self.as_ptr()) })
    }

    /// The pointer for functions that are not wrapped.
    #[must_use]
    pub fn as_ptr(&self) -> *mut sys::SSL_SESSION {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// The session as DER (`i2d_SSL_SESSION`), with its secrets; wiped when it is dropped. `None` if the
    /// session cannot be encoded.
    #[must_use]
    pub fn to_der(&self) -> Option<Zeroizing<Vec<u8>>> {
        // SAFETY: a borrowed session is alive. So for all calls with `as_ptr` below. NULL asks for the size.
        let size = unsafe { sys::i2d_SSL_SESSION(self.as_ptr(), ptr::null_mut()) };
        let Ok(size @ 1..) = usize::try_from(size) else {
            error::clear();
            return None;
        };
        let mut der = Zeroizing::new(vec![0; size]);
        let mut at = der.as_mut_ptr();
        // SAFETY: the buffer has the size that the first call has asked for.
        let written = unsafe { sys::i2d_SSL_SESSION(self.as_ptr(), &raw mut at) };
        (usize::try_from(written) == Ok(size)).then_some(der)
    }

    /// The session id: at most 32 bytes, empty if there is none.
    #[must_use]
    pub fn id(&self) -> &[u8] {
        let mut length: c_uint = 0;
        // SAFETY: see to_der. The bytes are the session's own.
        let id = unsafe { sys::SSL_SESSION_get_id(self.as_ptr(), &mut length) };
        // SAFETY: as above; an id is never replaced while others look at the session.
        unsafe { bytes_from(id, length as usize) }
    }

    /// The name of its cipher, if it has one already.
    #[must_use]
    pub fn cipher_name(&self) -> Option<&'static str> {
        // SAFETY: see to_der. Ciphers are static records of the library.
        let cipher = unsafe { ffi::SSL_SESSION_get0_cipher(self.as_ptr()) };
        if cipher.is_null() {
            return None;
        }
        // SAFETY: as above.
        let name = unsafe { sys::SSL_CIPHER_get_name(cipher) };
        // SAFETY: the names are string constants of the library.
        unsafe { static_str(name) }
    }

    /// The number of its cipher as it is on the wire, if it has one already.
    #[must_use]
    pub fn cipher_number(&self) -> Option<u16> {
        // SAFETY: see to_der. Ciphers are static records of the library.
        let cipher = unsafe { ffi::SSL_SESSION_get0_cipher(self.as_ptr()) };
        // SAFETY: as above.
        (!cipher.is_null()).then(|| unsafe { sys::SSL_CIPHER_get_protocol_id(cipher) })
    }

    /// Bytes of its secret: 48 up to TLS 1.2, those of the cipher's hash with TLS 1.3.
    #[must_use]
    pub fn secret_length(&self) -> usize {
        // SAFETY: see to_der. Without a buffer the function gives the length.
        unsafe { sys::SSL_SESSION_get_master_key(self.as_ptr(), ptr::null_mut(), 0) }
    }

    /// The session-id context it belongs to.
    #[must_use]
    pub fn id_context(&self) -> &[u8] {
        let mut length: c_uint = 0;
        // SAFETY: see to_der. The bytes are the session's own.
        let id = unsafe { ffi::SSL_SESSION_get0_id_context(self.as_ptr(), &mut length) };
        // SAFETY: as above.
        unsafe { bytes_from(id, length as usize) }
    }

    /// Puts the session into another context, of at most 32 bytes; says whether that was done. For one that nobody else
    /// has yet.
    #[must_use]
    pub fn set_id_context(&self, context: &[u8]) -> bool {
        let Ok(length) = c_uint::try_from(context.len()) else { return false };
        // SAFETY: see to_der. The bytes are copied; more than 32 are refused.
        let done = unsafe { ffi::SSL_SESSION_set1_id_context(self.as_ptr(), context.as_ptr(), length) };
        if done != 1 {
            error::clear();
        }
        done == 1
    }

    /// When the session was made, in seconds since 1970.
    #[must_use]
    pub fn time(&self) -> i64 {
        // SAFETY: see to_der.
        unsafe { sys::SSL_SESSION_get_time(self.as_ptr()) }
    }

    /// How long the session lives after [`time`](Self::time), in seconds.
    #[must_use]
    pub fn timeout(&self) -> i64 {
        // SAFETY: see to_der.
        unsafe { sys::SSL_SESSION_get_timeout(self.as_ptr()) }
    }

    /// Sets how long the session lives, in seconds.
    pub fn set_timeout(&self, seconds: i64) {
        // SAFETY: see to_der.
        unsafe { ffi::SSL_SESSION_set_timeout(self.as_ptr(), seconds) };
    }

    /// The protocol version the session was made with, as it is on the wire.
    #[must_use]
    pub fn protocol_version(&self) -> i32 {
        // SAFETY: see to_der.
        unsafe { sys::SSL_SESSION_get_protocol_version(self.as_ptr()) }
    }

    /// Whether the session can be resumed at all.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        // SAFETY: see to_der.
        unsafe { ffi::SSL_SESSION_is_resumable(self.as_ptr()) == 1 }
    }

    /// Whether the session has a ticket (client's side).
    #[must_use]
    pub fn has_ticket(&self) -> bool {
        // SAFETY: see to_der.
        unsafe { ffi::SSL_SESSION_has_ticket(self.as_ptr()) == 1 }
    }

    /// The ticket's lifetime hint in seconds (client's side).
    #[must_use]
    pub fn ticket_lifetime_hint(&self) -> u64 {
        // SAFETY: see to_der.
        unsafe { ffi::SSL_SESSION_get_ticket_lifetime_hint(self.as_ptr()) }
    }

    /// The number of the compression method, 0 for none.
    #[must_use]
    pub fn compression(&self) -> u32 {
        // SAFETY: see to_der.
        unsafe { ffi::SSL_SESSION_get_compress_id(self.as_ptr()) }
    }

    /// The certificate that the peer has shown when the session was made.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<X509> {
        // SAFETY: see to_der. The certificate is the session's.
        let cert = unsafe { ffi::SSL_SESSION_get0_peer(self.as_ptr()) };
        // SAFETY: `cert` is NULL or alive as long as the session.
        unsafe { owned_cert(cert) }
    }

    /// Our own bytes that travel with the session, in a ticket as in DER; empty if there are none.
    #[must_use]
    pub fn ticket_appdata(&self) -> Vec<u8> {
        // SAFETY: copied before anything can replace them.
        unsafe { self.appdata() }.to_vec()
    }

    /// # Safety
    /// Nothing replaces the bytes as long as the answer is used.
    unsafe fn appdata(&self) -> &[u8] {
        let mut data: *mut c_void = ptr::null_mut();
        let mut length = 0;
        // SAFETY: see to_der; both places are ours.
        let done = unsafe { ffi::SSL_SESSION_get0_ticket_appdata(self.as_ptr(), &mut data, &mut length) };
        if done <= 0 {
            return &[];
        }
        // SAFETY: the bytes are the session's own.
        unsafe { bytes_from(data.cast(), length) }
    }

    /// Replaces [`ticket_appdata`](Self::ticket_appdata).
    ///
    /// # Errors
    /// No memory.
    pub fn set_ticket_appdata(&self, data: &[u8]) -> Result<(), Vec<LibraryError>> {
        let (bytes, length) = (data.as_ptr().cast(), data.len());
        // SAFETY: see to_der; the bytes are copied.
        error::check(unsafe { ffi::SSL_SESSION_set1_ticket_appdata(self.as_ptr(), bytes, length) })
    }

    /// Ties the session to a policy; that travels in tickets and in the DER form. Without memory it stays
    /// untied, and is not resumed where a binding is wanted.
    pub fn set_binding(&self, binding: &Binding) {
        if self.set_ticket_appdata(&binding.encode()).is_err() {
            error::clear();
        }
    }

    /// What the session is tied to; `None` when nobody tied it. Bytes that are no binding tie it to
    /// something that nothing else is equal to.
    #[must_use]
    pub fn binding(&self) -> Option<Binding> {
        // SAFETY: a binding is a copy.
        match unsafe { self.appdata() } {
            [] => None,
            bytes => Some(Binding::parse(bytes).unwrap_or(Binding::FOREIGN)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_session() {
        for garbage in [&b""[..], b"\x30", b"\x30\x82\xff\xff", &[0; 100]] {
            assert!(Session::from_der(garbage).is_none());
        }
    }
}
