//! Arrays of C strings.

use super::pool::{Pool, text_from};
use crate::sys;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// An array of `const char *` that lives at least as long as `'p`.
#[derive(Clone, Copy)]
pub struct Strings<'p> {
    raw: NonNull<sys::apr_array_header_t>,
    life: PhantomData<&'p ()>,
}

impl<'p> Strings<'p> {
    /// # Safety
    /// `raw` is NULL or an array of C strings whose pool lives during `'p`.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut sys::apr_array_header_t) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, life: PhantomData })
    }

    /// An empty array.
    #[must_use]
    pub fn new(pool: Pool<'p>) -> Option<Self> {
        // SAFETY: the pool is alive; the element is one pointer.
        let raw =
            unsafe { sys::apr_array_make(pool.as_ptr(), 4, size_of::<*const std::ffi::c_char>() as i32) };
        // SAFETY: just made in a pool that lives during 'p.
        unsafe { Self::from_raw(raw) }
    }

    /// Appends a string that lives as long as the array.
    pub fn push(self, text: &'p CStr) {
        // SAFETY: the array is alive and holds pointers.
        unsafe { sys::shim_array_push_string(self.raw.as_ptr(), text.as_ptr()) }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(self) -> usize {
        // SAFETY: the header is alive (type invariant).
        usize::try_from(unsafe { self.raw.as_ref() }.nelts).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The entries, without NULLs.
    pub fn iter(self) -> impl Iterator<Item = &'p CStr> {
        (0..self.len()).filter_map(move |index| {
            // SAFETY: index is below nelts.
            let text = unsafe { sys::shim_array_string(self.raw.as_ptr(), index as i32) };
            // SAFETY: entries live in the pool of the array.
            unsafe { text_from(text) }
        })
    }

    /// The array for a call into httpd.
    #[must_use]
    pub fn as_ptr(self) -> *mut sys::apr_array_header_t {
        self.raw.as_ptr()
    }
}
