//! `apr_status_t` as a type of its own.

use crate::sys;
use std::ffi::{CStr, c_char};
use std::fmt;

/// An APR status: zero is success, everything else a reason.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Status(pub sys::apr_status_t);

impl Status {
    /// Success.
    pub const SUCCESS: Self = Self(0);
    /// No data now; the socket does not block.
    pub const EAGAIN: Self = Self(libc::EAGAIN);
    /// The peer reset the connection.
    pub const ECONNRESET: Self = Self(libc::ECONNRESET);
    /// This side gave the connection up.
    pub const ECONNABORTED: Self = Self(libc::ECONNABORTED);
    /// End of the stream.
    pub const EOF: Self = Self(sys::SHIM_APR_EOF as i32);
    /// Something failed that has no number of its own.
    pub const EGENERAL: Self = Self(sys::SHIM_APR_EGENERAL as i32);
    /// The read mode is not offered.
    pub const ENOTIMPL: Self = Self(sys::SHIM_APR_ENOTIMPL as i32);
    /// Nothing is stored under that key.
    pub const NOTFOUND: Self = Self(sys::SHIM_APR_NOTFOUND as i32);
    /// The time limit of the socket passed.
    pub const TIMEUP: Self = Self(sys::SHIM_APR_TIMEUP as i32);

    /// Whether this is success.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0 == 0
    }

    /// `APR_STATUS_IS_EAGAIN`.
    #[must_use]
    pub fn is_eagain(self) -> bool {
        // SAFETY: compares integers.
        unsafe { sys::shim_status_is_eagain(self.0) != 0 }
    }

    /// `APR_STATUS_IS_EAGAIN` or `APR_STATUS_IS_EINTR`: try again.
    #[must_use]
    pub fn is_retry(self) -> bool {
        // SAFETY: compares integers.
        self.is_eagain() || unsafe { sys::shim_status_is_eintr(self.0) != 0 }
    }

    /// `APR_STATUS_IS_TIMEUP`.
    #[must_use]
    pub fn is_timeup(self) -> bool {
        // SAFETY: compares integers.
        unsafe { sys::shim_status_is_timeup(self.0) != 0 }
    }

    /// `APR_STATUS_IS_EOF`.
    #[must_use]
    pub fn is_eof(self) -> bool {
        // SAFETY: compares integers.
        unsafe { sys::shim_status_is_eof(self.0) != 0 }
    }

    /// Success, or this status as an error.
    ///
    /// # Errors
    /// The status itself when it is not success.
    pub fn ok(self) -> Result<(), Self> {
        if self.is_success() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Status {
    fn text(self) -> String {
        let mut text = [0 as c_char; 200];
        // SAFETY: apr_strerror writes at most the given number of bytes, with an end mark.
        unsafe { sys::apr_strerror(self.0, text.as_mut_ptr(), text.len()) };
        // SAFETY: apr_strerror ended the text with a NUL inside the buffer.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) };
        text.to_string_lossy().into_owned()
    }

    /// `(number) text`, as some messages of the C module have it.
    #[must_use]
    pub fn with_blank(self) -> String {
        format!("({}) {}", self.0, self.text())
    }
}

/// `(number)text`, as httpd prints it.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}){}", self.0, self.text())
    }
}
