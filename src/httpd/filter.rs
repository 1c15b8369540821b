//! Connection filters.

use super::conn::Conn;
use crate::apr::pool::text_from;
use crate::apr::{Brigade, Status};
use crate::sys;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// How a caller wants its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Up to so many bytes.
    Bytes,
    /// Up to and with the next line feed.
    Line,
    /// Bytes that stay to be read again.
    Speculative,
    /// Only let the filter set itself up: the handshake.
    Init,
    /// A mode that connection filters do not offer.
    Other,
}

impl Mode {
    fn from_raw(raw: sys::ap_input_mode_t) -> Self {
        match raw {
            sys::AP_MODE_READBYTES => Self::Bytes,
            sys::AP_MODE_GETLINE => Self::Line,
            sys::AP_MODE_SPECULATIVE => Self::Speculative,
            sys::AP_MODE_INIT => Self::Init,
            _ => Self::Other,
        }
    }
}

/// One read request to an input filter.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest {
    /// How.
    pub mode: Mode,
    /// Whether to wait for data.
    pub block: bool,
    /// How many bytes at most.
    pub bytes: usize,
    raw_mode: sys::ap_input_mode_t,
}

impl ReadRequest {
    /// From the arguments of an input filter function.
    #[must_use]
    pub fn from_raw(mode: sys::ap_input_mode_t, block: sys::apr_read_type_e, bytes: sys::apr_off_t) -> Self {
        Self {
            mode: Mode::from_raw(mode),
            block: block == sys::APR_BLOCK_READ,
            bytes: usize::try_from(bytes).unwrap_or(0),
            raw_mode: mode,
        }
    }

    /// Up to `count` bytes.
    #[must_use]
    pub fn bytes(count: usize, block: bool) -> Self {
        Self { mode: Mode::Bytes, block, bytes: count, raw_mode: sys::AP_MODE_READBYTES }
    }

    /// All that the filter has, without reading. Core's gives its socket bucket
    /// away too, and has nothing but the end from then on.
    #[must_use]
    pub fn everything() -> Self {
        Self { mode: Mode::Other, block: false, bytes: 0, raw_mode: sys::AP_MODE_EXHAUSTIVE }
    }
}

/// A filter in the chain of a connection.
#[derive(Clone, Copy)]
pub struct Filter<'f> {
    raw: NonNull<sys::ap_filter_t>,
    life: PhantomData<&'f ()>,
}

impl<'f> Filter<'f> {
    /// # Safety
    /// `raw` is NULL or a filter of a connection that lives during `'f`.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut sys::ap_filter_t) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, life: PhantomData })
    }

    /// What every filter function is called with.
    ///
    /// # Safety
    /// Each is NULL, or: `filter` is one of a connection that lives during `'f`, and `brigade` one that the caller
    /// owns and leaves alone meanwhile.
    #[must_use]
    pub unsafe fn of_call(
        filter: *mut sys::ap_filter_t,
        brigade: *mut sys::apr_bucket_brigade,
    ) -> Option<(Self, Brigade<'f>)> {
        // SAFETY: the caller's promise.
        let filter = unsafe { Self::from_raw(filter) }?;
        // SAFETY: the caller's promise.
        let brigade = unsafe { Brigade::from_raw(brigade) }?;
        Some((filter, brigade))
    }

    fn rec(self) -> &'f sys::ap_filter_t {
        // SAFETY: the filter is alive (type invariant).
        unsafe { &*self.raw.as_ptr() }
    }

    /// The handle without its lifetime, for what the connection's pool owns.
    #[must_use]
    pub fn slot(self) -> FilterSlot {
        FilterSlot(self.raw)
    }

    /// The record, to be compared with others.
    #[must_use]
    pub fn as_ptr(self) -> *const sys::ap_filter_t {
        self.raw.as_ptr()
    }

    /// The connection it belongs to.
    #[must_use]
    pub fn conn(self) -> Option<Conn<'f>> {
        // SAFETY: the connection of a connection filter outlives it.
        unsafe { Conn::from_raw(self.rec().c) }
    }

    /// Reads from the next filter, towards the network.
    pub fn read_next(self, brigade: &mut Brigade<'_>, request: ReadRequest) -> Status {
        let next = self.rec().next;
        let block = if request.block { sys::APR_BLOCK_READ } else { sys::APR_NONBLOCK_READ };
        let bytes = sys::apr_off_t::try_from(request.bytes).unwrap_or(sys::apr_off_t::MAX);
        // SAFETY: the next filter is alive, or NULL, which httpd answers with an error.
        Status(unsafe { sys::ap_get_brigade(next, brigade.as_ptr(), request.raw_mode, block, bytes) })
    }

    /// Reads from this filter.
    pub fn read_from(self, brigade: &mut Brigade<'_>, request: ReadRequest) -> Status {
        let block = if request.block { sys::APR_BLOCK_READ } else { sys::APR_NONBLOCK_READ };
        let bytes = sys::apr_off_t::try_from(request.bytes).unwrap_or(sys::apr_off_t::MAX);
        // SAFETY: the filter is alive (type invariant).
        Status(unsafe {
            sys::ap_get_brigade(self.raw.as_ptr(), brigade.as_ptr(), request.raw_mode, block, bytes)
        })
    }

    /// Those between this filter and the network, the next one first.
    pub fn below(self) -> impl Iterator<Item = Filter<'f>> {
        // SAFETY: the chain of a live connection is made of live filters.
        let next = |filter: Filter<'f>| unsafe { Filter::from_raw(filter.rec().next) };
        std::iter::successors(next(self), move |filter| next(*filter))
    }

    /// Its name, in lower case.
    #[must_use]
    pub fn name(self) -> &'f CStr {
        // SAFETY: every filter has a record.
        let record = unsafe { self.rec().frec.as_ref() };
        // SAFETY: filter names live as long as the registration.
        record.and_then(|record| unsafe { text_from(record.name) }).unwrap_or_default()
    }

    /// Takes this input filter out of its chain.
    pub fn remove_input(self) {
        // SAFETY: the filter is alive, in an input chain, and not running.
        unsafe { sys::ap_remove_input_filter(self.raw.as_ptr()) };
    }

    /// What was given to the filter when it was added.
    #[must_use]
    pub fn state(self) -> *mut c_void {
        self.rec().ctx
    }

    /// Passes everything to the next filter, towards the network; the brigade
    /// is empty afterwards.
    pub fn pass_next(self, brigade: &mut Brigade<'_>) -> Status {
        let next = self.rec().next;
        // SAFETY: the next filter is alive, or NULL, which httpd answers with an error.
        let status = Status(unsafe { sys::ap_pass_brigade(next, brigade.as_ptr()) });
        brigade.clear();
        status
    }
}

/// A filter that is kept beyond one call, by what its connection's pool owns.
#[derive(Clone, Copy)]
pub struct FilterSlot(NonNull<sys::ap_filter_t>);

impl FilterSlot {
    /// The handle again.
    #[must_use]
    pub fn get(&self) -> Filter<'_> {
        // Filter records live in the connection's pool, which owns what holds the slot (see `Filter::slot`).
        Filter { raw: self.0, life: PhantomData }
    }
}

/// Registers an output filter for connections (`ap_register_output_filter`).
pub fn register_output(name: &'static CStr, function: sys::ap_out_filter_func, kind: sys::ap_filter_type) {
    // SAFETY: the function stays, since the object is never unloaded.
    unsafe { sys::ap_register_output_filter(name.as_ptr(), function, None, kind) };
}

/// Registers an input filter for connections (`ap_register_input_filter`).
pub fn register_input(name: &'static CStr, function: sys::ap_in_filter_func, kind: sys::ap_filter_type) {
    // SAFETY: the function stays, since the object is never unloaded.
    unsafe { sys::ap_register_input_filter(name.as_ptr(), function, None, kind) };
}

/// Adds a registered output filter to the chain of `conn`, without a context.
pub fn add_output<'c>(conn: Conn<'c>, name: &CStr) -> Option<Filter<'c>> {
    let none = std::ptr::null_mut();
    let context = std::ptr::null_mut();
    // SAFETY: the connection is alive; there is no request.
    let raw = unsafe { sys::ap_add_output_filter(name.as_ptr(), context, none, conn.as_ptr()) };
    // SAFETY: the new filter lives in the connection's pool.
    unsafe { Filter::from_raw(raw) }
}

/// Adds a registered input filter to the chain of `conn`, without a context.
pub fn add_input<'c>(conn: Conn<'c>, name: &CStr) -> Option<Filter<'c>> {
    let none = std::ptr::null_mut();
    let context = std::ptr::null_mut();
    // SAFETY: the connection is alive; there is no request.
    let raw = unsafe { sys::ap_add_input_filter(name.as_ptr(), context, none, conn.as_ptr()) };
    // SAFETY: the new filter lives in the connection's pool.
    unsafe { Filter::from_raw(raw) }
}
