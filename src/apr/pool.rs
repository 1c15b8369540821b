//! Memory pools.

use crate::sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A pool that lives at least as long as `'p`.
#[derive(Clone, Copy)]
pub struct Pool<'p> {
    raw: NonNull<sys::apr_pool_t>,
    life: PhantomData<&'p ()>,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `raw` is a pool that is not cleared or destroyed during `'p`.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut sys::apr_pool_t) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, life: PhantomData })
    }

    /// The pool for a call into httpd.
    #[must_use]
    pub fn as_ptr(self) -> *mut sys::apr_pool_t {
        self.raw.as_ptr()
    }

    /// Moves `value` to the heap; it is dropped when the pool is cleared or
    /// destroyed (`apr_pool_cleanup_register`). Cleanups run in the opposite
    /// order of their registration, before the memory of the pool goes.
    pub fn keep<T: 'static>(self, value: T) -> &'p T {
        let value: *mut T = Box::into_raw(Box::new(value));
        // SAFETY: the pool is alive (type invariant), and `drop_kept::<T>` matches the type of `value`.
        unsafe {
            sys::apr_pool_cleanup_register(
                self.as_ptr(),
                value.cast(),
                Some(drop_kept::<T>),
                Some(sys::apr_pool_cleanup_null),
            );
        }
        // SAFETY: freed only by the cleanup just registered, which the pool runs after `'p`.
        unsafe { &*value }
    }

    /// Drops `value` when the pool is cleared or destroyed, before its
    /// sub-pools are (`apr_pool_pre_cleanup_register`).
    pub fn drop_first<T: 'static>(self, value: T) {
        let value: *mut T = Box::into_raw(Box::new(value));
        // SAFETY: the pool is alive (type invariant), and `drop_kept::<T>` matches the type of `value`.
        unsafe {
            sys::apr_pool_pre_cleanup_register(self.as_ptr(), value.cast(), Some(drop_kept::<T>));
        }
    }

    /// [`Pool::keep`] under a name, by which [`Pool::kept_as`] finds it.
    pub fn keep_as<T: 'static>(self, name: &'static CStr, value: T) {
        let kept = std::ptr::from_ref(self.keep(value)).cast_mut();
        // SAFETY: the pool is alive, and the name outlives it; the pool already owns the value.
        unsafe { sys::apr_pool_userdata_setn(kept.cast(), name.as_ptr(), None, self.as_ptr()) };
    }

    /// What was kept under this name.
    ///
    /// # Safety
    /// Only values of this type are kept under the name.
    #[must_use]
    pub unsafe fn kept_as<T>(self, name: &CStr) -> Option<&'p T> {
        let mut kept: *mut c_void = std::ptr::null_mut();
        // SAFETY: the pool is alive, and the place is ours.
        unsafe { sys::apr_pool_userdata_get(&raw mut kept, name.as_ptr(), self.as_ptr()) };
        // SAFETY: the caller promises the type; the pool owns the value.
        unsafe { kept.cast::<T>().as_ref() }
    }

    /// A copy of `bytes` in the pool, up to the first NUL.
    #[must_use]
    pub fn text(self, bytes: &[u8]) -> &'p CStr {
        let text = self.text_ptr(bytes);
        // SAFETY: apr_pstrmemdup ended the copy with a NUL.
        unsafe { CStr::from_ptr(text) }
    }

    /// Like [`Pool::text`], as C takes it.
    #[must_use]
    pub fn text_ptr(self, bytes: &[u8]) -> *mut c_char {
        // SAFETY: the pool is alive; the source and length describe one slice.
        unsafe { sys::apr_pstrmemdup(self.as_ptr(), bytes.as_ptr().cast(), bytes.len()) }
    }

    /// A copy of `values` in the pool; nothing is dropped with it.
    #[must_use]
    pub fn slice<T: Copy>(self, values: &[T]) -> &'p [T] {
        const { assert!(align_of::<T>() <= align_of::<*const ()>(), "APR aligns to pointers") };
        if values.is_empty() {
            return &[];
        }
        // SAFETY: the pool is alive.
        let place = unsafe { sys::apr_palloc(self.as_ptr(), size_of_val(values)) }.cast::<T>();
        if place.is_null() {
            std::alloc::handle_alloc_error(std::alloc::Layout::for_value(values));
        }
        // SAFETY: both hold that many values, and the new place is nobody else's.
        unsafe { place.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
        // SAFETY: written just before; lives as long as the pool.
        unsafe { std::slice::from_raw_parts(place, values.len()) }
    }

    /// Makes a sub-pool that is destroyed at the end of `body`. Only in the
    /// thread that owns this pool.
    pub fn scratch<R>(self, body: impl FnOnce(Pool<'_>) -> R) -> Option<R> {
        with_new(self.as_ptr(), body)
    }
}

/// Makes a pool without a parent that is destroyed at the end of `body`: for
/// callers that have no pool, in any thread.
pub fn root_scratch<R>(body: impl FnOnce(Pool<'_>) -> R) -> Option<R> {
    with_new(std::ptr::null_mut(), body)
}

fn with_new<R>(parent: *mut sys::apr_pool_t, body: impl FnOnce(Pool<'_>) -> R) -> Option<R> {
    // SAFETY: the parent is alive and this thread's during the call, or NULL.
    let own = unsafe { OwnPool::below(parent) }?;
    Some(body(own.get()))
}

/// A pool that is destroyed when this is dropped.
pub struct OwnPool(NonNull<sys::apr_pool_t>);

impl OwnPool {
    /// A sub-pool of `parent`.
    ///
    /// # Safety
    /// It is dropped before its parent is cleared or destroyed, and used and
    /// dropped only by the thread that owns the parent then.
    #[must_use]
    pub unsafe fn of(parent: Pool<'_>) -> Option<Self> {
        // SAFETY: promised by the caller.
        unsafe { Self::below(parent.as_ptr()) }
    }

    /// # Safety
    /// As for [`OwnPool::of`]; NULL makes a pool without a parent.
    unsafe fn below(parent: *mut sys::apr_pool_t) -> Option<Self> {
        // SAFETY: the parent is alive and this thread's, or NULL for a root pool.
        NonNull::new(unsafe { sys::shim_pool_create(parent) }).map(Self)
    }

    /// The pool.
    #[must_use]
    pub fn get(&self) -> Pool<'_> {
        // It lives as long as this, and so as long as the borrow.
        Pool { raw: self.0, life: PhantomData }
    }
}

impl Drop for OwnPool {
    fn drop(&mut self) {
        // SAFETY: made by apr_pool_create, still there (see `of`), destroyed only here.
        unsafe { sys::shim_pool_destroy(self.0.as_ptr()) }
    }
}

/// The cleanup behind [`Pool::keep`] and [`Pool::drop_first`].
unsafe extern "C" fn drop_kept<T>(value: *mut c_void) -> sys::apr_status_t {
    crate::guard::catch("pool cleanup", 0, || {
        // SAFETY: `keep` registered this function for exactly this box, and APR runs a cleanup once.
        drop(unsafe { Box::from_raw(value.cast::<T>()) });
        0
    })
}

/// A C string from C: `None` for NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated and unchanged during `'t`.
#[must_use]
pub unsafe fn text_from<'t>(text: *const c_char) -> Option<&'t CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    Some(unsafe { CStr::from_ptr(text) })
}

/// A C string without the NULs that `bytes` may hold.
#[must_use]
pub fn c_string(bytes: impl AsRef<[u8]>) -> CString {
    let kept: Vec<u8> = bytes.as_ref().iter().copied().filter(|byte| *byte != 0).collect();
    CString::new(kept).unwrap_or_default()
}

/// The path C understands.
#[must_use]
pub fn c_path(path: &std::path::Path) -> CString {
    use std::os::unix::ffi::OsStrExt;
    c_string(path.as_os_str().as_bytes())
}

/// Bytes from C, where (NULL, 0) stands for nothing.
///
/// # Safety
/// `data` is NULL, or `len` bytes from there are readable and unchanged during `'d`.
#[must_use]
pub unsafe fn bytes_from<'d>(data: *const c_char, len: usize) -> &'d [u8] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(data.cast(), len) }
}

/// Runs a test with a pool and a bucket allocator of real APR.
#[cfg(test)]
pub(crate) fn test_pool(body: impl FnOnce(Pool<'_>, super::brigade::BucketAlloc<'_>)) {
    static APR: std::sync::Once = std::sync::Once::new();
    // SAFETY: once, before anything else of APR.
    APR.call_once(|| assert_eq!(unsafe { sys::apr_initialize() }, 0));
    // SAFETY: APR is initialised; a NULL parent makes a root pool.
    let raw = unsafe { sys::shim_pool_create(std::ptr::null_mut()) };
    // SAFETY: destroyed only below.
    let pool = unsafe { Pool::from_raw(raw) }.unwrap();
    // SAFETY: the pool is alive.
    let alloc = unsafe { sys::apr_bucket_alloc_create(raw) };
    // SAFETY: destroyed with the pool.
    body(pool, unsafe { super::brigade::BucketAlloc::from_raw(alloc) }.unwrap());
    // SAFETY: nothing of the test is left.
    unsafe { sys::shim_pool_destroy(raw) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn kept_values_are_dropped_with_the_pool() {
        struct Flag(Rc<Cell<bool>>);
        impl Drop for Flag {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let dropped = Rc::new(Cell::new(false));
        test_pool(|pool, _| {
            pool.keep(Flag(Rc::clone(&dropped)));
            assert!(!dropped.get());
        });
        assert!(dropped.get());
    }

    #[test]
    fn sub_pools_can_be_dropped_before_their_parent_goes() {
        struct Order(Rc<Cell<Vec<u8>>>, u8, Option<OwnPool>);
        impl Drop for Order {
            fn drop(&mut self) {
                let mut order = self.0.take();
                order.push(self.1);
                self.0.set(order);
                self.2.take();
            }
        }
        let order = Rc::new(Cell::new(Vec::new()));
        test_pool(|pool, _| {
            // SAFETY: dropped by the first thing that the parent does at its end.
            let own = unsafe { OwnPool::of(pool) }.unwrap();
            own.get().keep(Order(Rc::clone(&order), 2, None));
            pool.keep(Order(Rc::clone(&order), 3, None));
            pool.drop_first(Order(Rc::clone(&order), 1, Some(own)));
        });
        assert_eq!(order.take(), [1, 2, 3]);
    }

    #[test]
    fn slices_are_copied() {
        test_pool(|pool, _| {
            assert_eq!(pool.slice(&[1_u16, 2, 3]), [1, 2, 3]);
            assert!(pool.slice::<u64>(&[]).is_empty());
        });
    }

    #[test]
    fn text_stops_at_a_nul() {
        test_pool(|pool, _| assert_eq!(pool.text(b"ab\0c").to_bytes(), b"ab"));
        assert_eq!(c_string(b"a\0b").to_bytes(), b"ab");
    }
}
