//! In place of `device.rs` where the library has no engines.

use std::convert::Infallible;
use std::ffi::CStr;

use super::error::LibraryError;

/// There are none.
#[must_use]
pub fn known() -> Vec<(String, String)> {
    Vec::new()
}

/// There are none.
pub struct Engine(Infallible);

impl Engine {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn by_id(_id: &CStr) -> Result<Self, Vec<LibraryError>> {
        Err(Vec::new())
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never.
    pub fn make_default(self) -> Result<DefaultEngine, Vec<LibraryError>> {
        match self.0 {}
    }
}

/// There are none.
pub struct DefaultEngine(Infallible);
