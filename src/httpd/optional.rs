//! Optional functions: what modules offer each other by name.

use crate::sys;
use std::ffi::CStr;

/// Offers `function` under `name` (`APR_REGISTER_OPTIONAL_FN`). Only inside
/// the register_hooks callback: httpd forgets them with the configuration.
///
/// # Safety
/// `function` has the signature that callers of `name` expect.
pub unsafe fn offer(name: &CStr, function: unsafe extern "C" fn()) {
    // SAFETY: the registry copies the name; the object is never unloaded.
    unsafe { sys::apr_dynamic_fn_register(name.as_ptr(), Some(function)) }
}

/// Finds what another module offers (`APR_RETRIEVE_OPTIONAL_FN`).
#[must_use]
pub fn find(name: &CStr) -> Option<unsafe extern "C" fn()> {
    // SAFETY: looks the name up.
    unsafe { sys::apr_dynamic_fn_retrieve(name.as_ptr()) }
}
