//! TLS-SRP (RFC 5054): logins by user name and password, below TLS 1.3.
//!
//! The library's functions for it are deprecated since 3.0, and builds may lack them: then `srp_absent.rs`
//! takes the place of this file.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use openssl_sys as sys;

use super::callback::trampoline;
use super::ctx::SslCtxRef;
use super::ssl::SslRef;

/// Opaque: SRP_VBASE.
enum Base {}

/// An entry of the database (SRP_user_pwd).
#[repr(C)]
struct Entry {
    id: *mut c_char,
    salt: *mut sys::BIGNUM,
    verifier: *mut sys::BIGNUM,
    generator: *const sys::BIGNUM,
    modulus: *const sys::BIGNUM,
    info: *mut c_char,
}

type UserCallback = unsafe extern "C" fn(*mut sys::SSL, *mut c_int, *mut c_void) -> c_int;

unsafe extern "C" {
    fn SRP_VBASE_new(seed: *mut c_char) -> *mut Base;
    fn SRP_VBASE_free(base: *mut Base);
    fn SRP_VBASE_init(base: *mut Base, file: *mut c_char) -> c_int;
    fn SRP_VBASE_get1_by_user(base: *mut Base, user: *mut c_char) -> *mut Entry;
    fn SRP_user_pwd_free(entry: *mut Entry);
    fn SSL_CTX_set_srp_username_callback(ctx: *mut sys::SSL_CTX, callback: Option<UserCallback>) -> c_int;
    fn SSL_set_srp_server_param(
        ssl: *mut sys::SSL,
        modulus: *const sys::BIGNUM,
        generator: *const sys::BIGNUM,
        salt: *mut sys::BIGNUM,
        verifier: *mut sys::BIGNUM,
        info: *mut c_char,
    ) -> c_int;
    fn SSL_get_srp_username(ssl: *mut sys::SSL) -> *mut c_char;
    fn SSL_get_srp_userinfo(ssl: *mut sys::SSL) -> *mut c_char;
    fn SSL_SRP_CTX_free(ssl: *mut sys::SSL) -> c_int;
    fn SSL_SRP_CTX_init(ssl: *mut sys::SSL) -> c_int;
}

/// Why there is no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is no memory.
    #[error("no memory")]
    Structure,
    /// The file cannot be used, for this reason (`SRP_ERR_...`).
    #[error("the file cannot be used: {0}")]
    File(i32),
}

/// The verifiers of users, from a file that `openssl srp` wrote.
pub struct Verifiers(NonNull<Base>);

// SAFETY: nothing changes the database once it is read.
unsafe impl Send for Verifiers {}
// SAFETY: as above; each lookup gives a copy.
unsafe impl Sync for Verifiers {}

impl Drop for Verifiers {
    fn drop(&mut self) {
        // SAFETY: this value owns the database.
        unsafe { SRP_VBASE_free(self.0.as_ptr()) };
    }
}

impl Verifiers {
    /// Reads a file. With a seed unknown users look like known ones.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(file: &CStr, seed: Option<&CStr>) -> Result<Self, OpenError> {
        let seed = seed.map_or(ptr::null_mut(), |seed| seed.as_ptr().cast_mut());
        // SAFETY: the seed is NULL or a C string, which is copied.
        let base = NonNull::new(unsafe { SRP_VBASE_new(seed) }).ok_or(OpenError::Structure)?;
        let verifiers = Self(base);
        // SAFETY: the database is new; the name is a C string and only read.
        match unsafe { SRP_VBASE_init(base.as_ptr(), file.as_ptr().cast_mut()) } {
            0 => Ok(verifiers),
            reason => Err(OpenError::File(reason)),
        }
    }

    /// Gives the connection the parameters of its user. `false`: there is no such user.
    pub(super) fn select(&self, ssl: &SslRef) -> bool {
        // SAFETY: a borrowed connection is alive.
        let user = unsafe { SSL_get_srp_username(ssl.as_ptr()) };
        if user.is_null() {
            return false;
        }
        // SAFETY: the connection owns the name, which is only read.
        let entry = unsafe { SRP_VBASE_get1_by_user(self.0.as_ptr(), user) };
        // SAFETY: NULL, or a copy that is ours.
        let Some(found) = (unsafe { entry.as_ref() }) else { return false };
        let (modulus, generator) = (found.modulus, found.generator);
        let (salt, verifier, info) = (found.salt, found.verifier, found.info);
        // SAFETY: a live connection; numbers and text are copied.
        let done =
            unsafe { SSL_set_srp_server_param(ssl.as_ptr(), modulus, generator, salt, verifier, info) };
        // SAFETY: ours, and not used any more.
        unsafe { SRP_user_pwd_free(entry) };
        done == 1
    }
}

/// Lets clients log in; the answers' `srp_verifiers` are asked for who they are.
#[must_use]
pub fn answer_logins(ctx: &SslCtxRef) -> bool {
    let callback = Some(trampoline::srp_user as UserCallback);
    // SAFETY: a borrowed context is alive, and the function has the signature of its callback.
    unsafe { SSL_CTX_set_srp_username_callback(ctx.as_ptr(), callback) == 1 }
}

/// Does for SRP what [`SslRef::set_ctx`] leaves out: whether clients may log in is decided by the
/// new context. Before the client's extensions are read.
pub fn follow_context(ssl: &SslRef) {
    // SAFETY: a borrowed connection is alive, and nothing of a login is there yet.
    unsafe { SSL_SRP_CTX_free(ssl.as_ptr()) };
    // SAFETY: as above. It fails without a context or memory only, and then there are no logins.
    unsafe { SSL_SRP_CTX_init(ssl.as_ptr()) };
}

/// Who has logged in.
#[must_use]
pub fn user(ssl: &SslRef) -> Option<Vec<u8>> {
    // SAFETY: a borrowed connection is alive.
    copy(unsafe { SSL_get_srp_username(ssl.as_ptr()) })
}

/// What the database says of that user besides.
#[must_use]
pub fn user_info(ssl: &SslRef) -> Option<Vec<u8>> {
    // SAFETY: a borrowed connection is alive.
    copy(unsafe { SSL_get_srp_userinfo(ssl.as_ptr()) })
}

fn copy(text: *const c_char) -> Option<Vec<u8>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the connection owns a C string, which does not change meanwhile.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes().to_vec())
}
