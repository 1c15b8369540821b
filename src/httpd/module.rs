//! This module's record, as a key into httpd's configuration vectors.

use crate::sys;

/// The key under which this module stores its data everywhere.
#[derive(Clone, Copy)]
pub struct Module(*const sys::module);

impl Module {
    /// # Safety
    /// `record` is the module's static record.
    #[must_use]
    pub const unsafe fn from_raw(record: *const sys::module) -> Self {
        Self(record)
    }

    /// The record for a call into httpd.
    #[must_use]
    pub fn as_ptr(self) -> *const sys::module {
        self.0
    }

    /// The index httpd gave the module when it was added.
    #[must_use]
    pub fn index(self) -> i32 {
        // SAFETY: the record is static; httpd writes the index while it reads its configuration, in one thread.
        unsafe { (*self.0).module_index }
    }
}
