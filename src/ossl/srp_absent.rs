//! In place of `srp.rs` where the library has no TLS-SRP: nobody can log in.

use std::convert::Infallible;
use std::ffi::CStr;

use super::ctx::SslCtxRef;
use super::ssl::SslRef;

/// Why there is no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The library cannot.
    #[error("not available")]
    Structure,
    /// Never.
    #[error("the file cannot be used: {0}")]
    File(i32),
}

/// There are none.
pub struct Verifiers(Infallible);

impl Verifiers {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn open(_file: &CStr, _seed: Option<&CStr>) -> Result<Self, OpenError> {
        Err(OpenError::Structure)
    }

    /// Nobody is known.
    pub(super) fn select(&self, _ssl: &SslRef) -> bool {
        match self.0 {}
    }
}

/// Refuses.
#[must_use]
pub fn answer_logins(_ctx: &SslCtxRef) -> bool {
    false
}

/// There is nothing to follow.
pub fn follow_context(_ssl: &SslRef) {}

/// Nobody.
#[must_use]
pub fn user(_ssl: &SslRef) -> Option<Vec<u8>> {
    None
}

/// Nothing.
#[must_use]
pub fn user_info(_ssl: &SslRef) -> Option<Vec<u8>> {
    None
}
