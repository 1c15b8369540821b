//! The byte transport below a connection: a Rust object behind an OpenSSL BIO.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::OnceLock;

use openssl_sys as sys;

use super::error::{self, LibraryError};
use super::ffi;
use crate::guard;

/// What a [`Transport`] answers to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// So many bytes were moved: at least one, except by a flush.
    Done(usize),
    /// Nothing can be moved now; try again later.
    WouldBlock,
    /// The peer has ended its half of the stream. Meaningful for reads only.
    Eof,
    /// The call has failed. Why is for the transport itself to remember.
    Failed,
}

/// Where a connection's TLS records come from and go to.
///
/// The methods take `&self`: OpenSSL calls them from inside of a call on the connection, while the state
/// around it is in use. A transport must not call back into the connection it belongs to.
pub trait Transport {
    /// Reads at most `buf.len()` bytes into the front of `buf`.
    fn read(&self, buf: &mut [MaybeUninit<u8>]) -> Io;
    /// Takes at most `buf.len()` bytes from the front of `buf`; fewer is fine.
    fn write(&self, buf: &[u8]) -> Io;
    /// Sends what `write` has kept. OpenSSL asks for it at the end of each flight of a handshake.
    fn flush(&self) -> Io;
}

/// What the BIO's data pointer leads to.
pub(super) struct Slot {
    transport: Box<dyn Transport>,
    eof: Cell<bool>,
    poisoned: Cell<bool>,
}

impl Slot {
    /// Whether a read has ended in [`Io::Eof`].
    pub(super) fn saw_eof(&self) -> bool {
        self.eof.get()
    }

    /// Makes every further call fail, so that the connection above cannot go on.
    pub(super) fn poison(&self) {
        self.poisoned.set(true);
    }
}

/// A BIO that owns a transport; given away to a connection with [`Bio::into_ptr`].
pub(super) struct Bio(NonNull<sys::BIO>);

impl Bio {
    pub(super) fn new(transport: Box<dyn Transport>) -> Result<Self, Vec<LibraryError>> {
        let method = method().ok_or_else(error::drain)?;
        // SAFETY: the method is complete and lives as long as the process.
        let bio = unsafe { sys::BIO_new(method) };
        let bio = NonNull::new(bio).ok_or_else(error::drain)?;
        let slot = Box::new(Slot { transport, eof: Cell::new(false), poisoned: Cell::new(false) });
        // SAFETY: a BIO of our method has no data yet; `destroy` frees what is put here.
        unsafe { sys::BIO_set_data(bio.as_ptr(), Box::into_raw(slot).cast()) };
        // SAFETY: BIO_new has just made the BIO. Without this flag BIO_read refuses to call us.
        unsafe { sys::BIO_set_init(bio.as_ptr(), 1) };
        Ok(Bio(bio))
    }

    /// Hands the one reference over to the caller.
    pub(super) fn into_ptr(self) -> *mut sys::BIO {
        let bio = self.0.as_ptr();
        std::mem::forget(self);
        bio
    }
}

impl Drop for Bio {
    fn drop(&mut self) {
        // SAFETY: this value still owns the reference that BIO_new gave.
        unsafe { ffi::BIO_free(self.0.as_ptr()) };
    }
}

/// The slot of the first BIO of ours in the chain that starts at `bio`.
///
/// # Safety
/// `bio` is NULL or a live BIO, and stays alive as long as the answer is used.
pub(super) unsafe fn slot_in_chain<'a>(mut bio: *mut sys::BIO) -> Option<&'a Slot> {
    let ours = METHOD.get()?.as_ref()?.kind;
    while !bio.is_null() {
        // SAFETY: the caller promises a live chain.
        if unsafe { ffi::BIO_method_type(bio) } == ours {
            // SAFETY: the type number is of this process' own BIO_get_new_index, so it is our BIO.
            return unsafe { slot(bio) };
        }
        // SAFETY: as above.
        bio = unsafe { ffi::BIO_next(bio) };
    }
    None
}

struct Method {
    method: NonNull<sys::BIO_METHOD>,
    kind: c_int,
}

// SAFETY: a BIO_METHOD is never written after it was set up; OpenSSL shares its own over all threads.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

static METHOD: OnceLock<Option<Method>> = OnceLock::new();

/// The one method table. Made once and never freed: it points at functions of this object, which is
/// linked so that it stays loaded.
fn method() -> Option<*const sys::BIO_METHOD> {
    METHOD.get_or_init(make_method).as_ref().map(|method| method.method.as_ptr().cast_const())
}

fn make_method() -> Option<Method> {
    // SAFETY: BIO_get_new_index only counts up.
    let index = unsafe { ffi::BIO_get_new_index() };
    if index < 0 {
        return None;
    }
    let kind = index | ffi::BIO_TYPE_SOURCE_SINK;
    // SAFETY: the name is a C string, which BIO_meth_new copies.
    let method = unsafe { sys::BIO_meth_new(kind, c"mod_ssl transport".as_ptr()) };
    let method = NonNull::new(method)?;
    let raw = method.as_ptr();
    // SAFETY: `raw` was just made; the function has the type the table wants. So for the next three.
    unsafe { sys::BIO_meth_set_read__fixed_rust(raw, Some(bio_read)) };
    // SAFETY: see above.
    unsafe { sys::BIO_meth_set_write__fixed_rust(raw, Some(bio_write)) };
    // SAFETY: see above.
    unsafe { sys::BIO_meth_set_ctrl__fixed_rust(raw, Some(bio_ctrl)) };
    // SAFETY: see above.
    unsafe { sys::BIO_meth_set_destroy__fixed_rust(raw, Some(bio_destroy)) };
    Some(Method { method, kind })
}

/// # Safety
/// `bio` is a live BIO of our method.
unsafe fn slot<'a>(bio: *mut sys::BIO) -> Option<&'a Slot> {
    // SAFETY: the caller promises a live BIO.
    let data = unsafe { sys::BIO_get_data(bio) };
    // SAFETY: only `Bio::new` sets the data of our BIOs, and only `bio_destroy` takes it away, which
    // OpenSSL calls when nobody holds the BIO any more.
    unsafe { data.cast::<Slot>().as_ref() }
}

unsafe extern "C" fn bio_read(bio: *mut sys::BIO, out: *mut c_char, len: c_int) -> c_int {
    // SAFETY: OpenSSL calls this with the BIO it was asked to read from.
    unsafe { sys::BIO_clear_retry_flags(bio) };
    // SAFETY: the method table is that of our BIOs.
    let Some(slot) = (unsafe { slot(bio) }) else {
        return -1;
    };
    let Some(len) = usize::try_from(len).ok().filter(|len| *len > 0) else {
        return 0;
    };
    if out.is_null() {
        return 0;
    }
    // SAFETY: BIO_read's contract is that `out` has room for `len` bytes; they may be uninitialised.
    let buf = unsafe { slice::from_raw_parts_mut(out.cast::<MaybeUninit<u8>>(), len) };
    match slot.read(buf) {
        Io::Done(done) => clamp(done, len),
        Io::WouldBlock => {
            // SAFETY: see the first line.
            unsafe { sys::BIO_set_retry_read(bio) };
            -1
        }
        Io::Eof => 0,
        Io::Failed => -1,
    }
}

unsafe extern "C" fn bio_write(bio: *mut sys::BIO, data: *const c_char, len: c_int) -> c_int {
    // SAFETY: OpenSSL calls this with the BIO it was asked to write to.
    unsafe { sys::BIO_clear_retry_flags(bio) };
    // SAFETY: the method table is that of our BIOs.
    let Some(slot) = (unsafe { slot(bio) }) else {
        return -1;
    };
    let Some(len) = usize::try_from(len).ok().filter(|len| *len > 0) else {
        return 0;
    };
    if data.is_null() {
        return 0;
    }
    // SAFETY: BIO_write's contract is that `data` holds `len` bytes for the time of the call.
    let buf = unsafe { slice::from_raw_parts(data.cast::<u8>(), len) };
    match slot.write(buf) {
        Io::Done(done) => clamp(done, len),
        Io::WouldBlock => {
            // SAFETY: see the first line.
            unsafe { sys::BIO_set_retry_write(bio) };
            -1
        }
        Io::Eof | Io::Failed => -1,
    }
}

unsafe extern "C" fn bio_ctrl(bio: *mut sys::BIO, cmd: c_int, _num: c_long, _arg: *mut c_void) -> c_long {
    // Nothing is kept here (pending), nothing can be copied (dup), there is no kernel TLS, and the
    // other numbers are for other kinds of BIO: 0 says all of that. OpenSSL asks often.
    if !matches!(cmd, sys::BIO_CTRL_EOF | sys::BIO_CTRL_FLUSH) {
        return 0;
    }
    // SAFETY: the method table is that of our BIOs.
    let Some(slot) = (unsafe { slot(bio) }) else {
        return 0;
    };
    if cmd == sys::BIO_CTRL_EOF {
        return c_long::from(slot.saw_eof());
    }
    // SAFETY: OpenSSL calls this with the BIO that is to be flushed.
    unsafe { sys::BIO_clear_retry_flags(bio) };
    match slot.flush() {
        Io::Done(_) => 1,
        Io::WouldBlock => {
            // SAFETY: as above.
            unsafe { sys::BIO_set_retry_write(bio) };
            -1
        }
        Io::Eof | Io::Failed => -1,
    }
}

unsafe extern "C" fn bio_destroy(bio: *mut sys::BIO) -> c_int {
    if bio.is_null() {
        return 0;
    }
    // SAFETY: OpenSSL is about to free the BIO and nobody else holds it.
    let data = unsafe { sys::BIO_get_data(bio) };
    if data.is_null() {
        return 1;
    }
    // SAFETY: as above; a second call finds nothing.
    unsafe { sys::BIO_set_data(bio, ptr::null_mut()) };
    // SAFETY: `Bio::new` made this box and gave it to the BIO.
    let slot = unsafe { Box::from_raw(data.cast::<Slot>()) };
    guard::catch("bio destroy", (), || drop(slot));
    1
}

impl Slot {
    fn read(&self, buf: &mut [MaybeUninit<u8>]) -> Io {
        self.run("bio read", || self.transport.read(buf))
    }

    fn write(&self, buf: &[u8]) -> Io {
        self.run("bio write", || self.transport.write(buf))
    }

    fn flush(&self) -> Io {
        self.run("bio flush", || self.transport.flush())
    }

    /// A transport that panicked once is not called again: its state is anybody's guess.
    fn run(&self, name: &'static str, body: impl FnOnce() -> Io) -> Io {
        if self.poisoned.get() {
            return Io::Failed;
        }
        let Some(answer) = guard::catch(name, None, || Some(body())) else {
            self.poison();
            return Io::Failed;
        };
        if answer == Io::Eof {
            self.eof.set(true);
        }
        answer
    }
}

/// A transport that claims more than it was given is not believed.
fn clamp(done: usize, len: usize) -> c_int {
    c_int::try_from(done.min(len)).unwrap_or(c_int::MAX)
}
