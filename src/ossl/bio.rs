//! The BIO: OpenSSL's view of the network.

use crate::guard;
use libc::{c_char, c_int, c_long, c_void};
use openssl_sys as o;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// What a transport did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// So many bytes, more than none.
    Done(usize),
    /// Nothing now; try again later.
    WouldBlock,
    /// The peer sends nothing any more.
    Eof,
    /// It failed, for good.
    Failed,
}

/// The two ends of a connection's ciphertext.
pub trait Transport {
    /// Reads into the start of `into`, which is not empty.
    fn read(&self, into: &mut [MaybeUninit<u8>]) -> Io;
    /// Writes the start of `bytes`, which is not empty.
    fn write(&self, bytes: &[u8]) -> Io;
    /// Called at the end of each flight of the handshake.
    fn flush(&self) -> Io;
}

/// What the BIO's data pointer leads to; a thin pointer to a fat one.
struct Ends {
    transport: Box<dyn Transport>,
    ended: std::cell::Cell<bool>,
}

struct Method(*mut o::BIO_METHOD);

// SAFETY: written once, then only read.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

/// The method table, made once per process: OpenSSL may keep BIOs that refer
/// to it for as long as it lives, and this object is never unloaded.
fn method() -> *mut o::BIO_METHOD {
    static METHOD: OnceLock<Method> = OnceLock::new();
    METHOD
        .get_or_init(|| {
            // SAFETY: the type marks a BIO with a source or sink of its own.
            let method = unsafe { o::BIO_meth_new(o::BIO_TYPE_NONE, c"httpd filter".as_ptr()) };
            if method.is_null() {
                return Method(method);
            }
            // SAFETY: the table was just made.
            unsafe { o::BIO_meth_set_read__fixed_rust(method, Some(read)) };
            // SAFETY: as above.
            unsafe { o::BIO_meth_set_write__fixed_rust(method, Some(write)) };
            // SAFETY: as above.
            unsafe { o::BIO_meth_set_ctrl__fixed_rust(method, Some(ctrl)) };
            // SAFETY: as above.
            unsafe { o::BIO_meth_set_destroy__fixed_rust(method, Some(destroy)) };
            Method(method)
        })
        .0
}

/// A new BIO that owns `transport`; NULL when memory is out. The caller owns
/// the BIO.
pub(super) fn new(transport: Box<dyn Transport>) -> *mut o::BIO {
    let method = method();
    if method.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: the method table is complete.
    let bio = unsafe { o::BIO_new(method) };
    if bio.is_null() {
        return bio;
    }
    let ends = Box::new(Ends { transport, ended: std::cell::Cell::new(false) });
    // SAFETY: the BIO was just made; `destroy` takes the box back.
    unsafe { o::BIO_set_data(bio, Box::into_raw(ends).cast()) };
    // SAFETY: as above.
    unsafe { o::BIO_set_init(bio, 1) };
    bio
}

/// The ends behind a BIO of ours.
fn ends<'b>(bio: *mut o::BIO) -> Option<&'b Ends> {
    // SAFETY: OpenSSL passes a BIO made by `new`.
    let data = unsafe { o::BIO_get_data(bio) };
    // SAFETY: the box lives until `destroy`, which runs when nobody uses the BIO any more.
    unsafe { data.cast::<Ends>().as_ref() }
}

fn clear_retry(bio: *mut o::BIO) {
    // SAFETY: OpenSSL passes a BIO made by `new`.
    unsafe { o::BIO_clear_flags(bio, o::BIO_FLAGS_RWS | o::BIO_FLAGS_SHOULD_RETRY) }
}

fn retry(bio: *mut o::BIO, direction: c_int) -> c_int {
    // SAFETY: OpenSSL passes a BIO made by `new`.
    unsafe { o::BIO_set_flags(bio, direction | o::BIO_FLAGS_SHOULD_RETRY) };
    -1
}

unsafe extern "C" fn read(bio: *mut o::BIO, into: *mut c_char, len: c_int) -> c_int {
    guard::catch("BIO read", -1, || {
        clear_retry(bio);
        let Some(ends) = ends(bio) else { return -1 };
        let Ok(len @ 1..) = usize::try_from(len) else { return 0 };
        if into.is_null() {
            return 0;
        }
        // SAFETY: OpenSSL offers `len` writable bytes there, perhaps uninitialised.
        let into = unsafe { std::slice::from_raw_parts_mut(into.cast::<MaybeUninit<u8>>(), len) };
        match ends.transport.read(into) {
            Io::Done(count) => c_int::try_from(count.min(len)).unwrap_or(-1),
            Io::WouldBlock => retry(bio, o::BIO_FLAGS_READ),
            Io::Eof => {
                ends.ended.set(true);
                0
            }
            Io::Failed => -1,
        }
    })
}

unsafe extern "C" fn write(bio: *mut o::BIO, from: *const c_char, len: c_int) -> c_int {
    guard::catch("BIO write", -1, || {
        clear_retry(bio);
        let Some(ends) = ends(bio) else { return -1 };
        let Ok(len @ 1..) = usize::try_from(len) else { return 0 };
        if from.is_null() {
            return 0;
        }
        // SAFETY: OpenSSL passes `len` readable bytes.
        let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), len) };
        match ends.transport.write(bytes) {
            Io::Done(count) => c_int::try_from(count.min(len)).unwrap_or(-1),
            Io::WouldBlock => retry(bio, o::BIO_FLAGS_WRITE),
            Io::Eof | Io::Failed => -1,
        }
    })
}

unsafe extern "C" fn ctrl(
    bio: *mut o::BIO,
    command: c_int,
    _number: c_long,
    _pointer: *mut c_void,
) -> c_long {
    guard::catch("BIO ctrl", 0, || {
        let Some(ends) = ends(bio) else { return 0 };
        match command {
            o::BIO_CTRL_FLUSH => {
                clear_retry(bio);
                match ends.transport.flush() {
                    Io::Done(_) => 1,
                    Io::WouldBlock => c_long::from(retry(bio, o::BIO_FLAGS_WRITE)),
                    Io::Eof | Io::Failed => -1,
                }
            }
            o::BIO_CTRL_EOF => c_long::from(ends.ended.get()),
            // Everything else (kernel TLS, datagrams, ...) is not offered.
            _ => 0,
        }
    })
}

unsafe extern "C" fn destroy(bio: *mut o::BIO) -> c_int {
    guard::catch("BIO destroy", 0, || {
        // SAFETY: OpenSSL passes a BIO made by `new`.
        let data = unsafe { o::BIO_get_data(bio) };
        // SAFETY: as above; no later call finds the box.
        unsafe { o::BIO_set_data(bio, std::ptr::null_mut()) };
        if !data.is_null() {
            // SAFETY: `new` put exactly this box there, and OpenSSL destroys a BIO once.
            drop(unsafe { Box::from_raw(data.cast::<Ends>()) });
        }
        1
    })
}
