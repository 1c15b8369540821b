//! Contexts: what connections are made from (`SSL_CTX`).

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use openssl::nid::Nid;
use openssl_sys as sys;

use super::error::{self, LibraryError};
use super::ffi;
use super::params::DhParameters;

pub(super) mod identity;
pub mod options;

pub use identity::{InstallError, KeyError};
pub use options::{SessionCacheMode, Verify};

/// An owned reference to a context. Cloning counts references.
///
/// Configure a context in one thread before any connection is made from it. Afterwards it may be shared:
/// OpenSSL reads it from many threads, but does not lock what the `set_...` methods write.
pub struct SslCtx(NonNull<sys::SSL_CTX>);

/// A borrowed context.
#[repr(transparent)]
pub struct SslCtxRef(UnsafeCell<[u8; 0]>);

// SAFETY: SSL_CTX counts its references atomically and is made to be shared by connections of many
// threads (openssl-threads(7)); see the type's text for configuration.
unsafe impl Send for SslCtx {}
// SAFETY: as above.
unsafe impl Sync for SslCtx {}
// SAFETY: as above.
unsafe impl Sync for SslCtxRef {}

impl SslCtx {
    /// A context for the server's side, all protocol versions of the library (`TLS_server_method`).
    ///
    /// # Errors
    /// What `SSL_CTX_new` refuses; in FIPS mode without an active provider for instance "library has no
    /// ciphers".
    pub fn server() -> Result<Self, Vec<LibraryError>> {
        // SAFETY: gives a static table.
        let method = unsafe { sys::TLS_server_method() };
        // SAFETY: the method is one of the library's own.
        unsafe { Self::new(method) }
    }

    /// A context for the client's side (`TLS_client_method`).
    ///
    /// # Errors
    /// As for [`server`](Self::server).
    pub fn client() -> Result<Self, Vec<LibraryError>> {
        // SAFETY: gives a static table.
        let method = unsafe { sys::TLS_client_method() };
        // SAFETY: the method is one of the library's own.
        unsafe { Self::new(method) }
    }

    /// # Safety
    /// `method` comes from the library.
    unsafe fn new(method: *const sys::SSL_METHOD) -> Result<Self, Vec<LibraryError>> {
        error::clear();
        // SAFETY: the caller promises a method of the library.
        let ctx = unsafe { sys::SSL_CTX_new(method) };
        NonNull::new(ctx).map(SslCtx).ok_or_else(error::drain)
    }

    /// Counts one more reference to `ctx`.
    ///
    /// # Safety
    /// `ctx` is a live context.
    unsafe fn from_borrowed(ctx: NonNull<sys::SSL_CTX>) -> Self {
        // SAFETY: the caller promises a live context. It only fails when the count overflows.
        unsafe { sys::SSL_CTX_up_ref(ctx.as_ptr()) };
        SslCtx(ctx)
    }
}

impl Clone for SslCtx {
    fn clone(&self) -> Self {
        // SAFETY: this value holds a reference.
        unsafe { Self::from_borrowed(self.0) }
    }
}

impl Drop for SslCtx {
    fn drop(&mut self) {
        // SAFETY: this value holds a reference, which ends here.
        unsafe { sys::SSL_CTX_free(self.0.as_ptr()) };
    }
}

impl Deref for SslCtx {
    type Target = SslCtxRef;

    fn deref(&self) -> &SslCtxRef {
        // SAFETY: this value holds a reference as long as it is borrowed.
        unsafe { SslCtxRef::from_ptr(self.0.as_ptr()) }
    }
}

impl std::fmt::Debug for SslCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SslCtx({:p})", self.0)
    }
}

impl SslCtxRef {
    /// Looks at a context that somebody else holds.
    ///
    /// # Safety
    /// `ctx` is a live context, and stays alive as long as the answer is used.
    pub unsafe fn from_ptr<'a>(ctx: *mut sys::SSL_CTX) -> &'a Self {
        // SAFETY: the type has no bytes of its own, it only names what is behind the pointer.
        unsafe { &*ctx.cast::<SslCtxRef>() }
    }

    /// The pointer for functions that are not wrapped.
    #[must_use]
    pub fn as_ptr(&self) -> *mut sys::SSL_CTX {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// An owned reference to the same context.
    #[must_use]
    pub fn to_owned(&self) -> SslCtx {
        // SAFETY: a reference is never NULL.
        let ctx = unsafe { NonNull::new_unchecked(self.as_ptr()) };
        // SAFETY: a borrowed context is alive.
        unsafe { SslCtx::from_borrowed(ctx) }
    }

    /// Allows the versions from `min` to `max` as they are on the wire (0x0303 is TLS 1.2), whatever the
    /// system-wide configuration says.
    ///
    /// # Errors
    /// A version that the library was built without.
    pub fn set_protocol_range(&self, min: i32, max: i32) -> Result<(), Vec<LibraryError>> {
        error::clear();
        let null = ptr::null_mut();
        error::check(self.ctrl(sys::SSL_CTRL_SET_MIN_PROTO_VERSION, min.into(), null))?;
        error::check(self.ctrl(sys::SSL_CTRL_SET_MAX_PROTO_VERSION, max.into(), null))
    }

    /// Lowest and highest version allowed; 0 stands for the library's own limit.
    #[must_use]
    pub fn protocol_range(&self) -> (i32, i32) {
        let get = |cmd| i32::try_from(self.ctrl(cmd, 0, ptr::null_mut())).unwrap_or(0);
        let min = get(sys::SSL_CTRL_GET_MIN_PROTO_VERSION);
        (min, get(sys::SSL_CTRL_GET_MAX_PROTO_VERSION))
    }

    /// Adds [`options`].
    pub fn set_options(&self, options: u64) {
        // SAFETY: a borrowed context is alive. So for all calls with `as_ptr` below.
        unsafe { sys::SSL_CTX_set_options(self.as_ptr(), options) };
    }

    /// Removes [`options`].
    pub fn clear_options(&self, options: u64) {
        // SAFETY: see set_options.
        unsafe { sys::SSL_CTX_clear_options(self.as_ptr(), options) };
    }

    /// The [`options`] in force.
    #[must_use]
    pub fn options(&self) -> u64 {
        // SAFETY: see set_options.
        unsafe { sys::SSL_CTX_get_options(self.as_ptr()) }
    }

    /// Adds [`options::mode`] bits.
    pub fn set_mode(&self, mode: c_long) {
        self.ctrl(ffi::SSL_CTRL_MODE, mode, ptr::null_mut());
    }

    /// Removes [`options::mode`] bits.
    pub fn clear_mode(&self, mode: c_long) {
        self.ctrl(ffi::SSL_CTRL_CLEAR_MODE, mode, ptr::null_mut());
    }

    /// Modes that suit a caller who keeps no buffers of idle connections and looks after messages that
    /// carry no data itself.
    pub fn set_modes(&self) {
        self.set_mode(options::mode::RELEASE_BUFFERS);
        self.clear_mode(options::mode::AUTO_RETRY);
    }

    /// Allows the ciphers of `list` for TLS 1.2 and before (ciphers(1)).
    ///
    /// # Errors
    /// A list that names no cipher at all.
    pub fn set_cipher_list(&self, list: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: see set_options; the list is a C string and is copied.
        error::check(unsafe { sys::SSL_CTX_set_cipher_list(self.as_ptr(), list.as_ptr()) })
    }

    /// Allows the colon-separated TLS 1.3 suites of `list`.
    ///
    /// # Errors
    /// A name that the library does not know.
    pub fn set_ciphersuites(&self, list: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: see set_options; the list is a C string and is copied.
        error::check(unsafe { sys::SSL_CTX_set_ciphersuites(self.as_ptr(), list.as_ptr()) })
    }

    /// The names of all ciphers that are allowed, in order of preference.
    #[must_use]
    pub fn cipher_names(&self) -> Vec<&'static str> {
        // SAFETY: see set_options. The stack belongs to the context.
        let stack = unsafe { ffi::SSL_CTX_get_ciphers(self.as_ptr()) };
        // SAFETY: as above.
        unsafe { names_in(stack) }
    }

    /// How sessions of the server's side are kept.
    pub fn set_session_cache_mode(&self, mode: SessionCacheMode) {
        let bits = mode.bits();
        self.ctrl(ffi::SSL_CTRL_SET_SESS_CACHE_MODE, bits, ptr::null_mut());
    }

    /// Sets how long sessions and tickets live, in seconds.
    pub fn set_session_timeout(&self, seconds: i64) {
        // SAFETY: see set_options.
        unsafe { ffi::SSL_CTX_set_timeout(self.as_ptr(), seconds) };
    }

    /// How long sessions and tickets live, in seconds.
    #[must_use]
    pub fn session_timeout(&self) -> i64 {
        // SAFETY: see set_options.
        unsafe { ffi::SSL_CTX_get_timeout(self.as_ptr()) }
    }

    /// How many TLS 1.3 tickets a full handshake gives out (a resumption gives one, if this is not 0).
    pub fn set_num_tickets(&self, count: usize) {
        // SAFETY: see set_options.
        unsafe { sys::SSL_CTX_set_num_tickets(self.as_ptr(), count) };
    }

    /// Lets the library choose DH parameters by the strength of key and cipher.
    pub fn set_automatic_dh(&self) {
        self.ctrl(ffi::SSL_CTRL_SET_DH_AUTO, 1, ptr::null_mut());
    }

    /// Uses these DH parameters with all keys.
    ///
    /// # Errors
    /// Parameters that the security level forbids.
    pub fn set_dh(&self, params: &DhParameters) -> Result<(), Vec<LibraryError>> {
        error::clear();
        let key = params.key();
        // SAFETY: a live key. SSL_CTX_set0_tmp_dh_pkey keeps a reference, so there must be one to give.
        unsafe { sys::EVP_PKEY_up_ref(key) };
        // SAFETY: see set_options; the key is alive as long as `params`.
        let done = unsafe { sys::SSL_CTX_set0_tmp_dh_pkey(self.as_ptr(), key) };
        if done <= 0 {
            // SAFETY: the reference counted above was not taken.
            unsafe { sys::EVP_PKEY_free(key) };
        }
        error::check(done)
    }

    /// Restricts key exchange to these groups, in order of preference.
    ///
    /// # Errors
    /// A NID that is not a group the library can do.
    pub fn set_groups(&self, groups: &[Nid]) -> Result<(), Vec<LibraryError>> {
        error::clear();
        let mut raw: Vec<c_int> = groups.iter().map(Nid::as_raw).collect();
        let count = c_long::try_from(raw.len()).unwrap_or(0);
        error::check(self.ctrl(ffi::SSL_CTRL_SET_GROUPS, count, raw.as_mut_ptr().cast()))
    }

    /// Says whether peers are asked for a certificate. Keeps the verify callback.
    pub fn set_verify(&self, verify: Verify) {
        // SAFETY: see set_options; NULL keeps the callback.
        unsafe { sys::SSL_CTX_set_verify(self.as_ptr(), verify.bits(), None) };
    }

    /// Whether peers are asked for a certificate.
    #[must_use]
    pub fn verify(&self) -> Verify {
        // SAFETY: see set_options.
        Verify::from_bits_retain(unsafe { sys::SSL_CTX_get_verify_mode(self.as_ptr()) })
    }

    /// Hangs a pointer on the context, for callbacks that only get the context. Nothing is done with it
    /// when the context goes away.
    pub fn set_app_data(&self, data: NonNull<c_void>) {
        self.set_slot(&APP_SLOT, data);
    }

    /// What [`set_app_data`](Self::set_app_data) has put there.
    #[must_use]
    pub fn app_data(&self) -> Option<NonNull<c_void>> {
        self.slot(&APP_SLOT)
    }

    /// Hangs the receiver of the callbacks on the context.
    pub(super) fn set_events(&self, events: NonNull<c_void>) {
        self.set_slot(&EVENTS_SLOT, events);
    }

    /// What [`set_events`](Self::set_events) has put there.
    pub(super) fn events(&self) -> Option<NonNull<c_void>> {
        self.slot(&EVENTS_SLOT)
    }

    fn ctrl(&self, cmd: c_int, number: c_long, pointer: *mut c_void) -> c_long {
        // SAFETY: see set_options; every caller passes the argument types of its command.
        unsafe { sys::SSL_CTX_ctrl(self.as_ptr(), cmd, number, pointer) }
    }

    fn set_slot(&self, slot: &ExSlot, data: NonNull<c_void>) {
        // SAFETY: see set_options; the index is of this class. It fails without memory only, and then the
        // reader finds nothing.
        unsafe { sys::SSL_CTX_set_ex_data(self.as_ptr(), slot.index(), data.as_ptr()) };
    }

    fn slot(&self, slot: &ExSlot) -> Option<NonNull<c_void>> {
        // SAFETY: see set_options; the index is of this class, or negative, which finds nothing.
        NonNull::new(unsafe { sys::SSL_CTX_get_ex_data(self.as_ptr(), slot.index()) })
    }
}

static APP_SLOT: ExSlot = ExSlot::new(ffi::CRYPTO_EX_INDEX_SSL_CTX);
static EVENTS_SLOT: ExSlot = ExSlot::new(ffi::CRYPTO_EX_INDEX_SSL_CTX);

/// The number of an ex_data slot, made on first use.
///
/// No functions are registered with it: libcrypto would keep their addresses for ever.
pub(super) struct ExSlot {
    class: c_int,
    index: OnceLock<c_int>,
}

impl ExSlot {
    pub(super) const fn new(class: c_int) -> Self {
        ExSlot { class, index: OnceLock::new() }
    }

    /// Negative if there is no memory.
    pub(super) fn index(&self) -> c_int {
        *self.index.get_or_init(|| {
            // SAFETY: without functions there is nothing that could outlive this object.
            unsafe { sys::CRYPTO_get_ex_new_index(self.class, 0, ptr::null_mut(), None, None, None) }
        })
    }
}

/// # Safety
/// `text` is NULL or a string constant of the library.
pub(super) unsafe fn static_str(text: *const c_char) -> Option<&'static str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller promises a constant.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

/// The names of a stack of ciphers.
///
/// # Safety
/// `stack` is NULL or a live stack of SSL_CIPHER.
pub(super) unsafe fn names_in(stack: *mut c_void) -> Vec<&'static str> {
    let stack = stack.cast();
    // SAFETY: OPENSSL_sk_num takes NULL.
    let count = unsafe { sys::OPENSSL_sk_num(stack) };
    (0..count)
        .filter_map(|index| {
            // SAFETY: the index is below the stack's length.
            let cipher = unsafe { sys::OPENSSL_sk_value(stack, index) };
            // SAFETY: a stack of SSL_CIPHER holds those.
            let name = unsafe { sys::SSL_CIPHER_get_name(cipher.cast()) };
            // SAFETY: the names are string constants of the library.
            unsafe { static_str(name) }
        })
        .collect()
}
