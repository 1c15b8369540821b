//! What is set on a connection: context, limits, verification, the pointers of its owner.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::ptr::{self, NonNull};

use bitflags::bitflags;
use foreign_types::ForeignTypeRef;
use openssl::pkey::{HasPrivate, PKeyRef};
use openssl::stack::StackRef;
use openssl::x509::{X509, X509Ref};
use openssl_sys as sys;

use super::SslRef;
use crate::ossl::ctx::identity::stack_of;
use crate::ossl::ctx::{ExSlot, SslCtx, SslCtxRef, Verify, options};
use crate::ossl::error::{self, LibraryError};
use crate::ossl::ffi;
use crate::ossl::session::SessionRef;

bitflags! {
    /// Which close_notify alerts count as done (`SSL_set_shutdown`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CloseFlags: c_int {
        /// Ours was sent.
        const SENT = 1;
        /// The peer's was received.
        const RECEIVED = 2;
        /// Neither.
        const NONE = 0;
    }
}

impl SslRef {
    /// The context in force.
    #[must_use]
    pub fn ctx(&self) -> SslCtx {
        // SAFETY: a borrowed connection is alive. So for all calls with `as_ptr` below.
        let ctx = unsafe { sys::SSL_get_SSL_CTX(self.as_ptr()) };
        // SAFETY: a connection always has a context; a reference is taken before it can be replaced.
        unsafe { SslCtxRef::from_ptr(ctx) }.to_owned()
    }

    /// Puts the certificates, ciphers and most callbacks of another context in force. Options, version
    /// limits, verification, and the sessions and ticket keys stay those of the first one.
    pub fn set_ctx(&self, ctx: &SslCtxRef) {
        // SAFETY: see ctx; the connection counts its own reference to the context.
        unsafe { sys::SSL_set_SSL_CTX(self.as_ptr(), ctx.as_ptr()) };
    }

    /// Adds [`options`](crate::ossl::ctx::options).
    pub fn set_options(&self, options: u64) {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_set_options(self.as_ptr(), options) };
    }

    /// Removes [`options`](crate::ossl::ctx::options).
    pub fn clear_options(&self, options: u64) {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_clear_options(self.as_ptr(), options) };
    }

    /// The [`options`](crate::ossl::ctx::options) in force.
    #[must_use]
    pub fn options(&self) -> u64 {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_get_options(self.as_ptr()) }
    }

    /// Limits the versions, before they are negotiated. 0 is the library's own limit. Says whether the
    /// library knows them.
    pub fn set_protocol_range(&self, min: i32, max: i32) -> bool {
        let null = ptr::null_mut();
        let low = self.ctrl(sys::SSL_CTRL_SET_MIN_PROTO_VERSION, min.into(), null);
        let high = self.ctrl(sys::SSL_CTRL_SET_MAX_PROTO_VERSION, max.into(), null);
        error::clear();
        low > 0 && high > 0
    }

    /// What sessions of this connection may be resumed with; at most 32 bytes. Says whether they fit.
    #[must_use]
    pub fn set_session_id_context(&self, context: &[u8]) -> bool {
        let Ok(length) = u32::try_from(context.len()) else {
            return false;
        };
        // SAFETY: see ctx; the bytes are copied.
        let done = unsafe { ffi::SSL_set_session_id_context(self.as_ptr(), context.as_ptr(), length) };
        error::clear();
        done == 1
    }

    /// Says whether the peer is asked for a certificate. Keeps the verify callback.
    pub fn set_verify(&self, verify: Verify) {
        // SAFETY: see ctx; NULL keeps the callback.
        unsafe { sys::SSL_set_verify(self.as_ptr(), verify.bits(), None) };
    }

    /// Takes over how the peer is verified from another context: whether it is
    /// asked for a certificate, by which callback, how deep, with which
    /// purposes and lists. `SSL_set_SSL_CTX` changes none of that: a connection
    /// would go on asking as the context says that it was made with.
    pub fn take_verification(&self, ctx: &SslCtxRef) {
        // SAFETY: see ctx.
        let mode = unsafe { sys::SSL_CTX_get_verify_mode(ctx.as_ptr()) };
        // SAFETY: see ctx.
        let callback = unsafe { ffi::SSL_CTX_get_verify_callback(ctx.as_ptr()) };
        // SAFETY: see ctx; the callback has the signature it was set with.
        unsafe { sys::SSL_set_verify(self.as_ptr(), mode, callback) };
        // SAFETY: see ctx.
        let depth = unsafe { ffi::SSL_CTX_get_verify_depth(ctx.as_ptr()) };
        // SAFETY: see ctx.
        unsafe { ffi::SSL_set_verify_depth(self.as_ptr(), depth) };
        // SAFETY: see ctx.
        let to = unsafe { sys::SSL_get0_param(self.as_ptr()) };
        // SAFETY: see ctx.
        let from = unsafe { sys::SSL_CTX_get0_param(ctx.as_ptr()) };
        // SAFETY: both belong to live objects; the values are copied.
        unsafe { ffi::X509_VERIFY_PARAM_set1(to, from) };
    }

    /// Whether the peer is asked for a certificate.
    #[must_use]
    pub fn verify(&self) -> Verify {
        // SAFETY: see ctx.
        Verify::from_bits_retain(unsafe { sys::SSL_get_verify_mode(self.as_ptr()) })
    }

    /// Overrides [`verify_result`](Self::verify_result).
    pub fn set_verify_result(&self, result: c_long) {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_set_verify_result(self.as_ptr(), result) };
    }

    /// Shows this certificate instead of those of the context; it replaces one of the same key type. What is
    /// shown more than once is better kept as an [`Identity`](crate::ossl::identity::Identity).
    ///
    /// # Errors
    /// OpenSSL's reasons; among them, that the key is not the certificate's.
    pub fn use_identity<T: HasPrivate>(
        &self,
        cert: &X509Ref,
        key: &PKeyRef<T>,
        chain: &[X509],
    ) -> Result<(), Vec<LibraryError>> {
        self.use_parts(cert, key, stack_of(chain)?.as_deref())
    }

    /// Takes all certificates off the connection (`SSL_certs_clear`).
    pub fn clear_identities(&self) {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_certs_clear(self.as_ptr()) };
    }

    /// [`use_identity`](Self::use_identity) with a chain that is in OpenSSL's form already.
    pub(in crate::ossl) fn use_parts<T: HasPrivate>(
        &self,
        cert: &X509Ref,
        key: &PKeyRef<T>,
        chain: Option<&StackRef<X509>>,
    ) -> Result<(), Vec<LibraryError>> {
        error::clear();
        let stack = chain.map_or(ptr::null_mut(), StackRef::as_ptr);
        let (cert, key) = (cert.as_ptr(), key.as_ptr());
        // SAFETY: see ctx; OpenSSL counts its own references to all of them.
        error::check(unsafe { ffi::SSL_use_cert_and_key(self.as_ptr(), cert, key, stack, 1) })
    }

    /// The handshake gives nothing out by which its session could be resumed.
    pub fn forbid_resumption(&self) {
        self.set_options(options::NO_TICKET);
        // SAFETY: see ctx.
        unsafe { sys::SSL_set_num_tickets(self.as_ptr(), 0) };
    }

    /// Client: asks for an OCSP response with the certificate.
    pub fn request_ocsp_response(&self) {
        let kind = c_long::from(sys::TLSEXT_STATUSTYPE_ocsp);
        self.ctrl(sys::SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, kind, ptr::null_mut());
    }

    /// Server, while it is asked for it: the OCSP response (DER) to staple.
    #[must_use]
    pub(in crate::ossl) fn set_ocsp_response(&self, der: &[u8]) -> bool {
        let Ok(length) = c_long::try_from(der.len()) else { return false };
        // SAFETY: allocates; the length is that of the response.
        let copy = unsafe { sys::OPENSSL_malloc(der.len()) }.cast::<u8>();
        if copy.is_null() {
            return false;
        }
        // SAFETY: the copy has room for all of the response and was just allocated.
        unsafe { ptr::copy_nonoverlapping(der.as_ptr(), copy, der.len()) };
        // SAFETY: see ctx; the connection owns the buffer from here on.
        unsafe { sys::SSL_set_tlsext_status_ocsp_resp(self.as_ptr(), copy, length) == 1 }
    }

    /// This side answers.
    pub fn set_accept_state(&self) {
        // SAFETY: see ctx.
        unsafe { sys::SSL_set_accept_state(self.as_ptr()) };
    }

    /// This side begins.
    pub fn set_connect_state(&self) {
        // SAFETY: see ctx.
        unsafe { sys::SSL_set_connect_state(self.as_ptr()) };
    }

    /// Client: asks for this name (SNI). Says whether the library takes it.
    pub fn set_server_name(&self, name: &CStr) -> bool {
        let kind = c_long::from(sys::TLSEXT_NAMETYPE_host_name);
        let name = name.as_ptr().cast_mut().cast();
        let done = self.ctrl(ffi::SSL_CTRL_SET_TLSEXT_HOSTNAME, kind, name);
        error::clear();
        done == 1
    }

    /// Client: offers these protocols, each after a byte with its length (ALPN). Says whether the library
    /// takes the list.
    pub fn set_alpn_offer(&self, list: &[u8]) -> bool {
        let Ok(length) = u32::try_from(list.len()) else {
            return false;
        };
        // SAFETY: see ctx; the bytes are copied. This function answers 0 when it has succeeded.
        let failed = unsafe { sys::SSL_set_alpn_protos(self.as_ptr(), list.as_ptr(), length) };
        error::clear();
        failed == 0
    }

    /// Client: tries to resume this session. Says whether the library takes it.
    pub fn set_session(&self, session: &SessionRef) -> bool {
        // SAFETY: see ctx; the connection counts its own reference.
        let done = unsafe { sys::SSL_set_session(self.as_ptr(), session.as_ptr()) };
        error::clear();
        done == 1
    }

    /// Client: agrees to be asked for a certificate after the handshake (TLS 1.3).
    pub fn set_post_handshake_auth(&self, on: bool) {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_set_post_handshake_auth(self.as_ptr(), on.into()) };
    }

    /// Says which close_notify alerts count as done.
    pub fn set_close_flags(&self, flags: CloseFlags) {
        // SAFETY: see ctx.
        unsafe { sys::SSL_set_shutdown(self.as_ptr(), flags.bits()) };
    }

    /// Which close_notify alerts count as done.
    #[must_use]
    pub fn close_flags(&self) -> CloseFlags {
        // SAFETY: see ctx.
        CloseFlags::from_bits_retain(unsafe { sys::SSL_get_shutdown(self.as_ptr()) })
    }

    /// The end of this connection does not make its session unusable.
    pub fn set_quiet_end(&self) {
        self.set_close_flags(CloseFlags::SENT | CloseFlags::RECEIVED);
    }

    /// A shutdown sends nothing (`SSL_set_quiet_shutdown`).
    pub fn set_quiet_shutdown(&self, on: bool) {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_set_quiet_shutdown(self.as_ptr(), on.into()) };
    }

    /// Asks the transport for as much as fits instead of for single records.
    pub fn set_read_ahead(&self, on: bool) {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_set_read_ahead(self.as_ptr(), on.into()) };
    }

    /// Adds [`mode`](crate::ossl::ctx::options::mode) bits.
    pub fn set_mode(&self, mode: c_long) {
        self.ctrl(ffi::SSL_CTRL_MODE, mode, ptr::null_mut());
    }

    /// Gives the record buffers back; they are made again when needed. `false` if there is something in
    /// them.
    pub fn free_buffers(&self) -> bool {
        // SAFETY: see ctx.
        unsafe { ffi::SSL_free_buffers(self.as_ptr()) == 1 }
    }

    /// Hangs a pointer on the connection, for callbacks. Nothing is done with it when the connection goes
    /// away.
    pub fn set_app_data(&self, data: NonNull<c_void>) {
        // SAFETY: see ctx; the index is of this class. It fails without memory only, and then the reader
        // finds nothing.
        unsafe { sys::SSL_set_ex_data(self.as_ptr(), APP_SLOT.index(), data.as_ptr()) };
    }

    /// What [`set_app_data`](Self::set_app_data) has put there.
    #[must_use]
    pub fn app_data(&self) -> Option<NonNull<c_void>> {
        // SAFETY: see ctx; the index is of this class, or negative, which finds nothing.
        NonNull::new(unsafe { sys::SSL_get_ex_data(self.as_ptr(), APP_SLOT.index()) })
    }

    /// Hangs a pointer where `SSL_get_app_data` finds it. Code that knows nothing of this module expects
    /// the `conn_rec` there.
    pub fn set_common_app_data(&self, data: NonNull<c_void>) {
        // SAFETY: see ctx; index 0 exists from the start.
        unsafe { sys::SSL_set_ex_data(self.as_ptr(), 0, data.as_ptr()) };
    }

    pub(in crate::ossl) fn ctrl(&self, cmd: c_int, number: c_long, pointer: *mut c_void) -> c_long {
        // SAFETY: see ctx; every caller passes the argument types of its command.
        unsafe { sys::SSL_ctrl(self.as_ptr(), cmd, number, pointer) }
    }
}

static APP_SLOT: ExSlot = ExSlot::new(ffi::CRYPTO_EX_INDEX_SSL);
