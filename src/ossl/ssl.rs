//! Connections (`SSL`): handshake, reading, writing, and the end.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use openssl_sys as sys;

use super::bio::{self, Bio, Slot, Transport};
use super::ctx::SslCtxRef;
use super::error::{self, LibraryError};
use super::ffi;

mod again;
mod info;
mod negotiated;
#[cfg_attr(not(openssl_320), path = "ssl/round_trip_absent.rs")]
mod round_trip;
mod setup;

pub use info::{Cipher, HandshakeState};
pub use negotiated::Signature;
pub use setup::CloseFlags;

/// Why a call on a connection has not done what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The transport has nothing to read now.
    WantRead,
    /// The transport can take nothing now.
    WantWrite,
    /// The peer has sent close_notify.
    Closed,
    /// The transport has ended without close_notify, and that is all right
    /// ([`IGNORE_UNEXPECTED_EOF`](super::ctx::options::IGNORE_UNEXPECTED_EOF)) or OpenSSL had nothing to say
    /// about it.
    Eof,
    /// The transport has failed; it knows why.
    Io,
    /// The first bytes are those of an HTTP request. The error queue is for the log.
    HttpRequest(Vec<LibraryError>),
    /// Anything that OpenSSL explains in its error queue. The connection cannot be used any more.
    Library(Vec<LibraryError>),
    /// An answer of `SSL_get_error` that is none of these.
    Other(c_int),
}

impl Stopped {
    /// The number of `SSL_get_error` that stands for this, for log lines.
    #[must_use]
    pub fn number(&self) -> c_int {
        match self {
            Stopped::WantRead => sys::SSL_ERROR_WANT_READ,
            Stopped::WantWrite => sys::SSL_ERROR_WANT_WRITE,
            Stopped::Closed => sys::SSL_ERROR_ZERO_RETURN,
            Stopped::Eof | Stopped::Io => sys::SSL_ERROR_SYSCALL,
            Stopped::HttpRequest(_) | Stopped::Library(_) => sys::SSL_ERROR_SSL,
            Stopped::Other(number) => *number,
        }
    }

    /// The error queue, where there was one.
    #[must_use]
    pub fn errors(&self) -> &[LibraryError] {
        match self {
            Stopped::HttpRequest(errors) | Stopped::Library(errors) => errors,
            _ => &[],
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        matches!(self, Stopped::WantRead | Stopped::WantWrite)
    }

    /// Whether OpenSSL complains that the transport has ended without close_notify.
    #[must_use]
    pub fn is_unexpected_eof(&self) -> bool {
        self.errors().iter().any(LibraryError::is_unexpected_eof)
    }
}

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Our close_notify is written; the peer's has not come.
    Sent,
    /// Both sides have said it, or need not.
    Complete,
}

/// An owned reference to a connection. Cloning counts references, so that a connection can be kept alive
/// over a call during which its owner may let it go.
///
/// Not `Send`: references count atomically, but nothing else of a connection may be used by two threads.
pub struct Ssl(NonNull<sys::SSL>);

/// A borrowed connection.
#[repr(transparent)]
pub struct SslRef(UnsafeCell<[u8; 0]>);

impl Ssl {
    /// A connection of `ctx` over `transport`, which lives as long as the connection.
    ///
    /// # Errors
    /// No memory.
    pub fn new(ctx: &SslCtxRef, transport: Box<dyn Transport>) -> Result<Self, Vec<LibraryError>> {
        let ssl = Self::unconnected(ctx)?;
        let bio = Bio::new(transport)?.into_ptr();
        // SAFETY: the same BIO for both directions takes the one reference that is given here.
        unsafe { sys::SSL_set_bio(ssl.as_ptr(), bio, bio) };
        Ok(ssl)
    }

    /// A connection of `ctx` without a transport: to try what one would take.
    ///
    /// # Errors
    /// No memory.
    pub fn unconnected(ctx: &SslCtxRef) -> Result<Self, Vec<LibraryError>> {
        error::clear();
        // SAFETY: a borrowed context is alive; the connection counts its own reference to it.
        let ssl = unsafe { sys::SSL_new(ctx.as_ptr()) };
        NonNull::new(ssl).map(Ssl).ok_or_else(error::drain)
    }
}

impl Clone for Ssl {
    fn clone(&self) -> Self {
        // SAFETY: this value holds a reference.
        unsafe { ffi::SSL_up_ref(self.0.as_ptr()) };
        Ssl(self.0)
    }
}

impl Drop for Ssl {
    fn drop(&mut self) {
        // SAFETY: this value holds a reference, which ends here.
        unsafe { sys::SSL_free(self.0.as_ptr()) };
    }
}

impl Deref for Ssl {
    type Target = SslRef;

    fn deref(&self) -> &SslRef {
        // SAFETY: this value holds a reference as long as it is borrowed.
        unsafe { SslRef::from_ptr(self.0.as_ptr()) }
    }
}

impl std::fmt::Debug for Ssl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ssl({:p})", self.0)
    }
}

impl SslRef {
    /// Looks at a connection that somebody else holds.
    ///
    /// # Safety
    /// `ssl` is a live connection, and stays alive as long as the answer is used.
    pub unsafe fn from_ptr<'a>(ssl: *mut sys::SSL) -> &'a Self {
        // SAFETY: the type has no bytes of its own, it only names what is behind the pointer.
        unsafe { &*ssl.cast::<SslRef>() }
    }

    /// The pointer for functions that are not wrapped.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *mut sys::SSL {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// An owned reference to the same connection.
    #[must_use]
    pub fn to_owned(&self) -> Ssl {
        // SAFETY: a borrowed connection is alive.
        unsafe { ffi::SSL_up_ref(self.as_ptr()) };
        // SAFETY: a reference is never NULL.
        Ssl(unsafe { NonNull::new_unchecked(self.as_ptr()) })
    }

    /// The server's side of the handshake, as far as it goes.
    ///
    /// # Errors
    /// Why it stopped. After [`WantRead`](Stopped::WantRead) and [`WantWrite`](Stopped::WantWrite) call
    /// again.
    pub fn accept(&self) -> Result<(), Stopped> {
        error::clear();
        // SAFETY: a borrowed connection is alive. So for all calls with `as_ptr` below.
        let ret = unsafe { sys::SSL_accept(self.as_ptr()) };
        self.finished(ret)
    }

    /// The client's side of the handshake, as far as it goes.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn connect(&self) -> Result<(), Stopped> {
        error::clear();
        // SAFETY: see accept.
        let ret = unsafe { sys::SSL_connect(self.as_ptr()) };
        self.finished(ret)
    }

    /// The handshake that is due, on whichever side this is; also a renegotiation.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn do_handshake(&self) -> Result<(), Stopped> {
        error::clear();
        // SAFETY: see accept.
        let ret = unsafe { sys::SSL_do_handshake(self.as_ptr()) };
        self.finished(ret)
    }

    /// Reads decrypted bytes into the front of `buf`; so many bytes of it are initialised then. Completes
    /// the handshake first, if need be.
    ///
    /// # Errors
    /// Why nothing was read. There is always something in `Ok`, unless `buf` is empty.
    #[inline]
    pub fn read(&self, buf: &mut [MaybeUninit<u8>]) -> Result<usize, Stopped> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut count = 0;
        error::clear();
        // SAFETY: see accept; OpenSSL writes at most `len` bytes into the buffer and does not read them.
        let ret = unsafe { sys::SSL_read_ex(self.as_ptr(), buf.as_mut_ptr().cast(), buf.len(), &mut count) };
        if ret > 0 { Ok(count.min(buf.len())) } else { Err(self.stopped(ret)) }
    }

    /// [`read`](Self::read) for a buffer that is initialised already.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_bytes(&self, buf: &mut [u8]) -> Result<usize, Stopped> {
        let data = buf.as_mut_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: same place and length, and `read` only puts initialised bytes into it.
        self.read(unsafe { std::slice::from_raw_parts_mut(data, buf.len()) })
    }

    /// [`read`](Self::read) that leaves the bytes where they are.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn peek(&self, buf: &mut [MaybeUninit<u8>]) -> Result<usize, Stopped> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut count = 0;
        error::clear();
        // SAFETY: see read.
        let ret = unsafe { sys::SSL_peek_ex(self.as_ptr(), buf.as_mut_ptr().cast(), buf.len(), &mut count) };
        if ret > 0 { Ok(count.min(buf.len())) } else { Err(self.stopped(ret)) }
    }

    /// Encrypts and sends bytes from the front of `buf`; says how many. Nothing is done for an empty one.
    ///
    /// # Errors
    /// Why nothing was sent. After [`WantRead`](Stopped::WantRead) and [`WantWrite`](Stopped::WantWrite)
    /// the same bytes must be written again: part of them may be encrypted already.
    #[inline]
    pub fn write(&self, buf: &[u8]) -> Result<usize, Stopped> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut count = 0;
        error::clear();
        // SAFETY: see accept; OpenSSL reads `len` bytes of the buffer during the call.
        let ret = unsafe { sys::SSL_write_ex(self.as_ptr(), buf.as_ptr().cast(), buf.len(), &mut count) };
        if ret > 0 { Ok(count) } else { Err(self.stopped(ret)) }
    }

    /// Sends close_notify; if that was done before, reads until the peer's. Which of the two count as done
    /// is set with [`set_close_flags`](Self::set_close_flags).
    ///
    /// # Errors
    /// Why neither was possible.
    pub fn try_shutdown(&self) -> Result<Close, Stopped> {
        error::clear();
        // SAFETY: see accept.
        match unsafe { sys::SSL_shutdown(self.as_ptr()) } {
            0 => Ok(Close::Sent),
            ret if ret > 0 => Ok(Close::Complete),
            ret => Err(self.stopped(ret)),
        }
    }

    /// [`try_shutdown`](Self::try_shutdown) for those who do not care why; `true` when nothing more is to
    /// be done.
    #[must_use]
    pub fn shutdown(&self) -> bool {
        self.try_shutdown() != Ok(Close::Sent)
    }

    /// Whether the transport has said that the peer's half of the stream has ended.
    #[must_use]
    pub fn saw_eof(&self) -> bool {
        self.slot().is_some_and(Slot::saw_eof)
    }

    /// Makes the transport refuse everything from now on, so that this connection cannot go on. For
    /// places that cannot refuse by what they answer.
    pub fn poison(&self) {
        if let Some(slot) = self.slot() {
            slot.poison();
        }
    }

    fn finished(&self, ret: c_int) -> Result<(), Stopped> {
        if ret > 0 { Ok(()) } else { Err(self.stopped(ret)) }
    }

    /// Reads `SSL_get_error` right after a call that has answered `ret`, and empties the error queue.
    #[cold]
    fn stopped(&self, ret: c_int) -> Stopped {
        // SAFETY: see accept; the call before was on this connection and this thread.
        match unsafe { sys::SSL_get_error(self.as_ptr(), ret) } {
            sys::SSL_ERROR_WANT_READ => Stopped::WantRead,
            sys::SSL_ERROR_WANT_WRITE => Stopped::WantWrite,
            sys::SSL_ERROR_ZERO_RETURN if self.saw_eof() => Stopped::Eof,
            sys::SSL_ERROR_ZERO_RETURN => Stopped::Closed,
            sys::SSL_ERROR_SSL => {
                let errors = error::drain();
                if errors.iter().any(LibraryError::is_http_request) {
                    Stopped::HttpRequest(errors)
                } else {
                    Stopped::Library(errors)
                }
            }
            sys::SSL_ERROR_SYSCALL => {
                error::clear();
                if self.saw_eof() { Stopped::Eof } else { Stopped::Io }
            }
            number => Stopped::Other(number),
        }
    }

    fn slot(&self) -> Option<&Slot> {
        // SAFETY: see accept. During a handshake a buffering BIO lies in front of the write side, so the
        // read side is asked.
        let bio = unsafe { sys::SSL_get_rbio(self.as_ptr()) };
        // SAFETY: the BIO lives as long as the connection: nobody replaces it.
        unsafe { bio::slot_in_chain(bio) }
    }
}
