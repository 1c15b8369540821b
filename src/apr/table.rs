//! Tables: httpd's multimaps of header fields, environment and notes.

use super::pool::{Pool, text_from};
use crate::sys;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A table that lives at least as long as `'p`.
#[derive(Clone, Copy)]
pub struct Table<'p> {
    raw: NonNull<sys::apr_table_t>,
    life: PhantomData<&'p ()>,
}

impl<'p> Table<'p> {
    /// # Safety
    /// `raw` is NULL or a table whose pool lives during `'p`.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut sys::apr_table_t) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, life: PhantomData })
    }

    /// The first value of `key`, compared without case.
    #[must_use]
    pub fn get(self, key: &CStr) -> Option<&'p CStr> {
        // SAFETY: the table is alive (type invariant) and the key ends with a NUL.
        let value = unsafe { sys::apr_table_get(self.raw.as_ptr(), key.as_ptr()) };
        // SAFETY: values live in the pool of the table.
        unsafe { text_from(value) }
    }

    /// Sets `key`, replacing what was there; copies both.
    pub fn set(self, key: &CStr, value: &CStr) {
        // SAFETY: the table is alive and copies both texts.
        unsafe { sys::apr_table_set(self.raw.as_ptr(), key.as_ptr(), value.as_ptr()) }
    }

    /// Sets `key` without copying.
    pub fn set_kept(self, key: &'p CStr, value: &'p CStr) {
        // SAFETY: both texts live as long as the table, by their lifetimes.
        unsafe { sys::apr_table_setn(self.raw.as_ptr(), key.as_ptr(), value.as_ptr()) }
    }

    /// [`set_kept`](Self::set_kept) for all pairs; sorts instead of searching the table for each. `pool` is that of
    /// the table.
    pub fn set_all_kept(self, pool: Pool<'p>, pairs: impl ExactSizeIterator<Item = (&'p CStr, &'p CStr)>) {
        let room = c_int::try_from(pairs.len()).unwrap_or(c_int::MAX);
        // SAFETY: the pool is alive; APR ends the process when there is no memory, and never gives NULL.
        let added = unsafe { sys::apr_table_make(pool.as_ptr(), room) };
        for (key, value) in pairs {
            // SAFETY: both texts live as long as the pool, by their lifetimes.
            unsafe { sys::apr_table_addn(added, key.as_ptr(), value.as_ptr()) };
        }
        // SAFETY: both tables are alive, and what is in the one lives as long as the other.
        unsafe { sys::apr_table_overlap(self.raw.as_ptr(), added, sys::APR_OVERLAP_TABLES_SET) };
    }

    /// All pairs, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'p CStr, &'p CStr)> {
        // SAFETY: the table is alive (type invariant).
        let elements = unsafe { sys::apr_table_elts(self.raw.as_ptr()) };
        // SAFETY: the array inside the table lives as long as that.
        let elements = unsafe { &*elements };
        let first: *const sys::apr_table_entry_t = elements.elts.cast();
        (0..usize::try_from(elements.nelts).unwrap_or(0)).filter_map(move |index| {
            // SAFETY: index is below nelts, the number of entries at elts.
            let entry = unsafe { first.add(index) };
            // SAFETY: as above.
            let entry = unsafe { &*entry };
            // SAFETY: keys live in the pool of the table.
            let key = unsafe { text_from(entry.key) }?;
            // SAFETY: values live in the pool of the table.
            let value = unsafe { text_from(entry.val) }?;
            Some((key, value))
        })
    }
}
