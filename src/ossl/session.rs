//! Sessions: what a resumption continues.

use super::ffi;
use libc::{c_long, c_uchar, c_void};
use openssl_sys as o;
use std::ops::Deref;
use std::ptr::NonNull;
use zeroize::Zeroizing;

/// A reference-counted session.
pub struct Session(NonNull<o::SSL_SESSION>);

/// A borrowed session.
pub struct SessionRef(std::marker::PhantomPinned);

impl Session {
    /// Decodes what [`SessionRef::to_der`] wrote.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let len = c_long::try_from(der.len()).ok()?;
        let mut start = der.as_ptr();
        // SAFETY: start and length describe the slice.
        let session = NonNull::new(unsafe { o::d2i_SSL_SESSION(std::ptr::null_mut(), &raw mut start, len) });
        if session.is_none() {
            super::error::clear();
        }
        session.map(Self)
    }

    /// Gives the reference away.
    #[must_use]
    pub fn into_ptr(self) -> *mut o::SSL_SESSION {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }
}

impl Deref for Session {
    type Target = SessionRef;

    fn deref(&self) -> &SessionRef {
        // SAFETY: the session lives as long as this reference to it.
        unsafe { SessionRef::from_ptr(self.0.as_ptr()) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: this value owns one reference.
        unsafe { o::SSL_SESSION_free(self.0.as_ptr()) }
    }
}

impl SessionRef {
    /// # Safety
    /// `raw` is a session that lives during `'s`.
    pub unsafe fn from_ptr<'s>(raw: *mut o::SSL_SESSION) -> &'s Self {
        // SAFETY: promised by the caller; the type is only an address.
        unsafe { &*raw.cast::<Self>() }
    }

    /// The session for a call into OpenSSL.
    #[must_use]
    pub fn as_ptr(&self) -> *mut o::SSL_SESSION {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// The session id.
    #[must_use]
    pub fn id(&self) -> &[u8] {
        let mut len = 0;
        // SAFETY: the session is alive.
        let id = unsafe { o::SSL_SESSION_get_id(self.as_ptr(), &raw mut len) };
        if id.is_null() {
            return &[];
        }
        // SAFETY: OpenSSL gives `len` bytes inside the session.
        unsafe { std::slice::from_raw_parts(id, len as usize) }
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn time(&self) -> i64 {
        // SAFETY: the session is alive.
        unsafe { o::SSL_SESSION_get_time(self.as_ptr()) }
    }

    /// How long it may be resumed, in seconds.
    #[must_use]
    pub fn timeout(&self) -> i64 {
        // SAFETY: the session is alive.
        unsafe { o::SSL_SESSION_get_timeout(self.as_ptr()) }
    }

    /// Compression inside TLS: 0 for none.
    #[must_use]
    pub fn compression(&self) -> u32 {
        // SAFETY: the session is alive.
        unsafe { ffi::SSL_SESSION_get_compress_id(self.as_ptr()) }
    }

    /// The DER form (`i2d_SSL_SESSION`); it holds the master secret.
    #[must_use]
    pub fn to_der(&self) -> Option<Zeroizing<Vec<u8>>> {
        // SAFETY: the session is alive; NULL asks for the length.
        let len = unsafe { o::i2d_SSL_SESSION(self.as_ptr(), std::ptr::null_mut()) };
        let len = usize::try_from(len).ok().filter(|len| *len > 0)?;
        let mut der = Zeroizing::new(vec![0_u8; len]);
        let mut end: *mut c_uchar = der.as_mut_ptr();
        // SAFETY: the buffer has the length that OpenSSL asked for.
        let written = unsafe { o::i2d_SSL_SESSION(self.as_ptr(), &raw mut end) };
        (usize::try_from(written) == Ok(len)).then_some(der)
    }

    /// Ties the session to a policy (`SSL_SESSION_set1_ticket_appdata`): that
    /// travels in tickets and in the DER form.
    pub fn set_binding(&self, binding: &Binding) {
        let bytes = binding.to_bytes();
        // SAFETY: the session is alive; OpenSSL copies the bytes.
        unsafe { ffi::SSL_SESSION_set1_ticket_appdata(self.as_ptr(), bytes.as_ptr().cast(), bytes.len()) };
    }

    /// What the session is tied to; `None` when nobody tied it.
    #[must_use]
    pub fn binding(&self) -> Option<Binding> {
        let (mut data, mut len): (*mut c_void, usize) = (std::ptr::null_mut(), 0);
        // SAFETY: the session is alive; both outputs are valid places.
        if unsafe { ffi::SSL_SESSION_get0_ticket_appdata(self.as_ptr(), &raw mut data, &raw mut len) } != 1 {
            return None;
        }
        if data.is_null() || len == 0 {
            return None;
        }
        // SAFETY: OpenSSL gives `len` bytes inside the session.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
        Some(Binding::from_bytes(bytes))
    }
}

/// What a session may only be resumed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Digest of the policy in force when it was made.
    pub policy: [u8; 32],
    /// State of client authentication then; 0: none was asked for.
    pub client: u8,
}

impl Binding {
    const VERSION: u8 = 1;
    /// A binding that fits nothing: what cannot be understood is not resumed.
    const FOREIGN: Self = Self { policy: [0; 32], client: u8::MAX };

    fn to_bytes(&self) -> [u8; 34] {
        let mut bytes = [0; 34];
        bytes[0] = Self::VERSION;
        bytes[1..33].copy_from_slice(&self.policy);
        bytes[33] = self.client;
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        match bytes {
            [Self::VERSION, policy @ .., client] => match policy.try_into() {
                Ok(policy) => Self { policy, client: *client },
                Err(_) => Self::FOREIGN,
            },
            _ => Self::FOREIGN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_survive_and_foreign_ones_fit_nothing() {
        let binding = Binding { policy: [7; 32], client: 1 };
        assert_eq!(Binding::from_bytes(&binding.to_bytes()), binding);
        for foreign in [&b""[..], b"x", &[1; 33], &[2; 34], &[1; 35]] {
            assert_eq!(Binding::from_bytes(foreign), Binding::FOREIGN, "{foreign:?}");
        }
    }

    #[test]
    fn garbage_is_no_session() {
        for garbage in [&b""[..], b"\x30", b"\x30\x82\xff\xff", &[0; 100]] {
            assert!(Session::from_der(garbage).is_none());
        }
    }
}
