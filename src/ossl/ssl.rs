//! Connections.

use super::bio::{self, Transport};
use super::ctx::{SslCtx, SslCtxRef};
use super::error::{self, LibraryError};
use super::ffi;
use super::session::SessionRef;
use bitflags::bitflags;
use foreign_types::ForeignType;
use libc::{c_int, c_long, c_void};
use openssl::x509::X509;
use openssl_sys as o;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// Why an operation did not finish.
#[derive(Debug)]
pub enum Stopped {
    /// It waits for ciphertext.
    WantRead,
    /// It waits for the transport to take ciphertext.
    WantWrite,
    /// The peer sent close_notify.
    Closed,
    /// The peer sends nothing any more, without saying so.
    Eof,
    /// The transport failed.
    Io,
    /// The peer spoke plain HTTP.
    HttpRequest(Vec<LibraryError>),
    /// The peer broke the protocol, or sent an alert.
    Library(Vec<LibraryError>),
    /// Another number of `SSL_get_error`.
    Other(i32),
}

impl Stopped {
    /// The number that `SSL_get_error` gave, for messages.
    #[must_use]
    pub fn number(&self) -> i32 {
        match self {
            Self::WantRead => o::SSL_ERROR_WANT_READ,
            Self::WantWrite => o::SSL_ERROR_WANT_WRITE,
            Self::Closed => o::SSL_ERROR_ZERO_RETURN,
            Self::Eof | Self::Io => o::SSL_ERROR_SYSCALL,
            Self::HttpRequest(_) | Self::Library(_) => o::SSL_ERROR_SSL,
            Self::Other(number) => *number,
        }
    }
}

bitflags! {
    /// Which close_notify alerts are taken for sent and received.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CloseFlags: i32 {
        /// Ours was sent.
        const SENT = 1;
        /// The peer's was received.
        const RECEIVED = 2;
        /// Neither.
        const NONE = 0;
    }
}

/// A cipher in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cipher {
    /// OpenSSL's name.
    pub name: String,
    /// Secret bits used.
    pub bits: i32,
    /// Bits the algorithm has.
    pub algorithm_bits: i32,
}

/// A reference-counted connection. It is used by one thread at a time, though
/// not always by the same.
pub struct Ssl(NonNull<o::SSL>);

/// A borrowed connection.
pub struct SslRef(std::marker::PhantomPinned);

impl Ssl {
    /// A connection over `transport`, which it owns.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn new(ctx: &SslCtx, transport: Box<dyn Transport>) -> Result<Self, Vec<LibraryError>> {
        error::clear();
        // SAFETY: the context is alive.
        let raw = unsafe { o::SSL_new(ctx.as_ptr()) };
        let ssl = NonNull::new(raw).map(Self).ok_or_else(error::drain)?;
        let bio = bio::new(transport);
        if bio.is_null() {
            return Err(error::drain());
        }
        // SAFETY: the connection takes the only reference to the BIO, for both directions.
        unsafe { o::SSL_set_bio(ssl.as_ptr(), bio, bio) };
        Ok(ssl)
    }
}

impl Clone for Ssl {
    fn clone(&self) -> Self {
        // SAFETY: the connection is alive; the new reference is the clone's.
        unsafe { ffi::SSL_up_ref(self.0.as_ptr()) };
        Self(self.0)
    }
}

impl Drop for Ssl {
    fn drop(&mut self) {
        // SAFETY: this value owns one reference.
        unsafe { o::SSL_free(self.0.as_ptr()) }
    }
}

impl Deref for Ssl {
    type Target = SslRef;

    fn deref(&self) -> &SslRef {
        // SAFETY: the connection lives as long as this reference to it.
        unsafe { SslRef::from_ptr(self.0.as_ptr()) }
    }
}

impl SslRef {
    /// # Safety
    /// `raw` is a connection that lives during `'s`.
    pub unsafe fn from_ptr<'s>(raw: *mut o::SSL) -> &'s Self {
        // SAFETY: promised by the caller; the type is only an address.
        unsafe { &*raw.cast::<Self>() }
    }

    /// The connection for a call into OpenSSL.
    #[must_use]
    pub fn as_ptr(&self) -> *mut o::SSL {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// Classifies a result that is no success; right after the call.
    fn stopped(&self, result: c_int) -> Stopped {
        // SAFETY: the connection is alive.
        match unsafe { o::SSL_get_error(self.as_ptr(), result) } {
            o::SSL_ERROR_WANT_READ => Stopped::WantRead,
            o::SSL_ERROR_WANT_WRITE => Stopped::WantWrite,
            o::SSL_ERROR_ZERO_RETURN => Stopped::Closed,
            o::SSL_ERROR_SYSCALL => {
                error::clear();
                if self.transport_ended() { Stopped::Eof } else { Stopped::Io }
            }
            o::SSL_ERROR_SSL => {
                let errors = error::drain();
                if errors.iter().any(LibraryError::is_http_request) {
                    Stopped::HttpRequest(errors)
                } else {
                    Stopped::Library(errors)
                }
            }
            number => Stopped::Other(number),
        }
    }

    fn transport_ended(&self) -> bool {
        // SAFETY: the connection is alive.
        let bio = unsafe { o::SSL_get_rbio(self.as_ptr()) };
        // SAFETY: the BIO belongs to the connection.
        !bio.is_null() && unsafe { o::BIO_ctrl(bio, o::BIO_CTRL_EOF, 0, std::ptr::null_mut()) } == 1
    }

    /// Works on the server's side of the handshake.
    ///
    /// # Errors
    /// Why it is not finished.
    pub fn accept(&self) -> Result<(), Stopped> {
        error::clear();
        // SAFETY: the connection is alive.
        let result = unsafe { o::SSL_accept(self.as_ptr()) };
        if result == 1 { Ok(()) } else { Err(self.stopped(result)) }
    }

    /// Works on the client's side of the handshake.
    ///
    /// # Errors
    /// Why it is not finished.
    pub fn connect(&self) -> Result<(), Stopped> {
        error::clear();
        // SAFETY: the connection is alive.
        let result = unsafe { o::SSL_connect(self.as_ptr()) };
        if result == 1 { Ok(()) } else { Err(self.stopped(result)) }
    }

    /// Reads plaintext to the start of `into`, which is not empty.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(&self, into: &mut [MaybeUninit<u8>]) -> Result<usize, Stopped> {
        error::clear();
        let mut count = 0;
        // SAFETY: the connection is alive; the buffer is described by its length.
        let result =
            unsafe { o::SSL_read_ex(self.as_ptr(), into.as_mut_ptr().cast(), into.len(), &raw mut count) };
        if result == 1 { Ok(count.min(into.len())) } else { Err(self.stopped(result)) }
    }

    /// Encrypts `bytes`, which are not empty.
    ///
    /// # Errors
    /// Why that did not go.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, Stopped> {
        error::clear();
        let mut count = 0;
        // SAFETY: the connection is alive; the bytes are described by their length.
        let result =
            unsafe { o::SSL_write_ex(self.as_ptr(), bytes.as_ptr().cast(), bytes.len(), &raw mut count) };
        if result == 1 { Ok(count) } else { Err(self.stopped(result)) }
    }

    /// Sends close_notify or waits for the peer's; `true` when nothing more is
    /// to be done.
    #[must_use]
    pub fn shutdown(&self) -> bool {
        error::clear();
        // SAFETY: the connection is alive.
        let result = unsafe { o::SSL_shutdown(self.as_ptr()) };
        error::clear();
        result != 0
    }

    /// Says which close_notify alerts count as done (`SSL_set_shutdown`).
    pub fn set_close_flags(&self, flags: CloseFlags) {
        // SAFETY: the connection is alive.
        unsafe { o::SSL_set_shutdown(self.as_ptr(), flags.bits()) }
    }

    /// Freeing the connection now does not forget its session.
    pub fn set_quiet_end(&self) {
        self.set_close_flags(CloseFlags::SENT | CloseFlags::RECEIVED);
    }

    /// Decrypted bytes that are ready to be read.
    #[must_use]
    pub fn pending(&self) -> usize {
        // SAFETY: the connection is alive.
        usize::try_from(unsafe { o::SSL_pending(self.as_ptr()) }).unwrap_or(0)
    }

    /// This side answers.
    pub fn set_accept_state(&self) {
        // SAFETY: the connection is alive.
        unsafe { o::SSL_set_accept_state(self.as_ptr()) }
    }

    /// Name of the version in use: `TLSv1.3`.
    #[must_use]
    pub fn version_name(&self) -> &'static str {
        // SAFETY: the connection is alive.
        let name = unsafe { o::SSL_get_version(self.as_ptr()) };
        // SAFETY: the names are static.
        unsafe { CStr::from_ptr(name) }.to_str().unwrap_or("unknown")
    }

    /// Whether TLS 1.3 is in use.
    #[must_use]
    pub fn is_tls13(&self) -> bool {
        // SAFETY: the connection is alive.
        unsafe { o::SSL_version(self.as_ptr()) == o::TLS1_3_VERSION }
    }

    /// The cipher in use.
    #[must_use]
    pub fn cipher(&self) -> Option<Cipher> {
        // SAFETY: the connection is alive.
        let cipher = NonNull::new(unsafe { o::SSL_get_current_cipher(self.as_ptr()) }.cast_mut())?.as_ptr();
        let mut algorithm_bits = 0;
        // SAFETY: ciphers are static.
        let bits = unsafe { o::SSL_CIPHER_get_bits(cipher, &raw mut algorithm_bits) };
        // SAFETY: as above.
        let name = unsafe { o::SSL_CIPHER_get_name(cipher) };
        // SAFETY: the names are static.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
        Some(Cipher { name, bits, algorithm_bits })
    }

    /// The host name the client asked for, as sent.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        // SAFETY: the connection is alive.
        let name = unsafe { o::SSL_get_servername(self.as_ptr(), o::TLSEXT_NAMETYPE_host_name) };
        if name.is_null() {
            return None;
        }
        // SAFETY: a C string that the connection owns.
        Some(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
    }

    /// The protocol that was agreed on by ALPN.
    #[must_use]
    pub fn alpn(&self) -> &[u8] {
        let (mut name, mut len) = (std::ptr::null(), 0);
        // SAFETY: the connection is alive; both outputs are valid places.
        unsafe { o::SSL_get0_alpn_selected(self.as_ptr(), &raw mut name, &raw mut len) };
        if name.is_null() {
            return &[];
        }
        // SAFETY: OpenSSL gives `len` bytes inside the connection.
        unsafe { std::slice::from_raw_parts(name, len as usize) }
    }

    /// The session in use.
    #[must_use]
    pub fn session(&self) -> Option<&SessionRef> {
        // SAFETY: the connection is alive.
        let session = unsafe { o::SSL_get_session(self.as_ptr()) };
        // SAFETY: the connection holds a reference to its session.
        (!session.is_null()).then(|| unsafe { SessionRef::from_ptr(session) })
    }

    /// Whether the handshake resumed a session.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        // SAFETY: the connection is alive.
        unsafe { o::SSL_session_reused(self.as_ptr()) == 1 }
    }

    /// Whether the peer knows RFC 5746.
    #[must_use]
    pub fn secure_renegotiation(&self) -> bool {
        self.ctrl(ffi::SSL_CTRL_GET_RI_SUPPORT, 0, std::ptr::null_mut()) != 0
    }

    /// The certificate this side uses.
    #[must_use]
    pub fn certificate(&self) -> Option<X509> {
        // SAFETY: the connection is alive.
        let raw = unsafe { o::SSL_get_certificate(self.as_ptr()) };
        let raw = NonNull::new(raw)?.as_ptr();
        // SAFETY: the certificate is alive; the new reference is the returned value's.
        unsafe { o::X509_up_ref(raw) };
        // SAFETY: as above.
        Some(unsafe { X509::from_ptr(raw) })
    }

    /// The peer's certificate.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<X509> {
        // SAFETY: the connection is alive; the reference is the returned value's.
        let raw = unsafe { o::SSL_get1_peer_certificate(self.as_ptr()) };
        // SAFETY: as above.
        NonNull::new(raw).map(|raw| unsafe { X509::from_ptr(raw.as_ptr()) })
    }

    /// Puts the certificates and callbacks of another context in force.
    pub fn set_ctx(&self, ctx: &SslCtxRef) {
        // SAFETY: both are alive; the connection takes a reference of its own.
        unsafe { o::SSL_set_SSL_CTX(self.as_ptr(), ctx.as_ptr()) };
    }

    /// Adds options.
    pub fn set_options(&self, options: u64) {
        // SAFETY: the connection is alive.
        unsafe { ffi::SSL_set_options(self.as_ptr(), options) };
    }

    /// Whether session tickets may be issued.
    #[must_use]
    pub fn tickets_enabled(&self) -> bool {
        // SAFETY: the connection is alive.
        unsafe { ffi::SSL_get_options(self.as_ptr()) & super::ctx::options::NO_TICKET == 0 }
    }

    /// Limits the versions, before they are negotiated.
    pub fn set_protocol_range(&self, min: i32, max: i32) {
        self.ctrl(o::SSL_CTRL_SET_MIN_PROTO_VERSION, c_long::from(min), std::ptr::null_mut());
        self.ctrl(o::SSL_CTRL_SET_MAX_PROTO_VERSION, c_long::from(max), std::ptr::null_mut());
    }

    /// What sessions of this connection may be resumed with; up to 32 bytes.
    #[must_use]
    pub fn set_session_id_context(&self, context: &[u8]) -> bool {
        let Ok(len) = u32::try_from(context.len()) else { return false };
        // SAFETY: the connection is alive; OpenSSL copies the bytes.
        let set = unsafe { ffi::SSL_set_session_id_context(self.as_ptr(), context.as_ptr(), len) } == 1;
        if !set {
            error::clear();
        }
        set
    }

    /// Stores a pointer for callbacks.
    pub fn set_app_data(&self, data: NonNull<c_void>) {
        // SAFETY: the index was made for connections; OpenSSL only keeps the pointer.
        unsafe { o::SSL_set_ex_data(self.as_ptr(), index(), data.as_ptr()) };
    }

    /// What [`SslRef::set_app_data`] stored.
    #[must_use]
    pub fn app_data(&self) -> Option<NonNull<c_void>> {
        // SAFETY: the index was made for connections.
        NonNull::new(unsafe { o::SSL_get_ex_data(self.as_ptr(), index()) })
    }

    fn ctrl(&self, command: c_int, number: c_long, pointer: *mut c_void) -> c_long {
        // SAFETY: the connection is alive; callers pass what the command takes.
        unsafe { o::SSL_ctrl(self.as_ptr(), command, number, pointer) }
    }
}

/// The place of the application's pointer in connections. No free callback:
/// OpenSSL would keep its address for ever.
fn index() -> c_int {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    *INDEX.get_or_init(|| {
        // SAFETY: no callbacks are given.
        unsafe { o::SSL_get_ex_new_index(0, std::ptr::null_mut(), None, None, None) }
    })
}
