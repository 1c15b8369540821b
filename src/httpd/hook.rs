//! Where a hook stands among those of other modules.

use crate::sys;
use std::ffi::{CStr, c_char, c_int};

/// Order within a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Before most.
    First,
    /// The usual place.
    Middle,
}

impl Order {
    /// The number httpd sorts by.
    #[must_use]
    pub const fn as_int(self) -> c_int {
        match self {
            Self::First => sys::APR_HOOK_FIRST as c_int,
            Self::Middle => sys::APR_HOOK_MIDDLE as c_int,
        }
    }
}

/// A NULL-terminated list of module names, as the hook functions keep it.
#[repr(transparent)]
pub struct Modules<const N: usize>([*const c_char; N]);

// SAFETY: holds pointers to 'static texts only.
unsafe impl<const N: usize> Sync for Modules<N> {}

impl Modules<2> {
    /// One name.
    #[must_use]
    pub const fn one(name: &'static CStr) -> Self {
        Self([name.as_ptr(), std::ptr::null()])
    }
}

impl<const N: usize> Modules<N> {
    /// The list for httpd, which keeps the pointer.
    #[must_use]
    pub const fn as_ptr(&'static self) -> *const *const c_char {
        self.0.as_ptr()
    }
}

/// No names.
pub const NONE: *const *const c_char = std::ptr::null();

/// httpd's answers of a hook.
pub mod answer {
    use super::{c_int, sys};

    /// Done, as far as this module is concerned.
    pub const OK: c_int = sys::OK as c_int;
    /// Not this module's business.
    pub const DECLINED: c_int = sys::DECLINED;
    /// 400.
    pub const BAD_REQUEST: c_int = sys::HTTP_BAD_REQUEST as c_int;
    /// 403.
    pub const FORBIDDEN: c_int = sys::HTTP_FORBIDDEN as c_int;
    /// 405.
    pub const METHOD_NOT_ALLOWED: c_int = sys::HTTP_METHOD_NOT_ALLOWED as c_int;
    /// 413.
    pub const TOO_LARGE: c_int = sys::HTTP_REQUEST_ENTITY_TOO_LARGE as c_int;
    /// 421.
    pub const MISDIRECTED: c_int = sys::HTTP_MISDIRECTED_REQUEST as c_int;
    /// 500.
    pub const SERVER_ERROR: c_int = sys::HTTP_INTERNAL_SERVER_ERROR as c_int;
    /// 502.
    pub const BAD_GATEWAY: c_int = sys::HTTP_BAD_GATEWAY as c_int;
    /// 503.
    pub const UNAVAILABLE: c_int = sys::HTTP_SERVICE_UNAVAILABLE as c_int;
}
