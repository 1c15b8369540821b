//! Optional functions: what modules offer each other by name.

use super::hook::{NONE, Order};
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

/// Adds a function to an optional hook of another module
/// (`apr_optional_hook_add`). httpd forgets it with the configuration.
///
/// # Safety
/// `function` has the signature that the module which runs the hook expects.
pub unsafe fn hook(name: &CStr, function: unsafe extern "C" fn(), order: Order) {
    // SAFETY: the registry copies the name; the object is never unloaded.
    unsafe { sys::apr_optional_hook_add(name.as_ptr(), Some(function), NONE, NONE, order.as_int()) }
}

/// Finds what another module offers (`APR_RETRIEVE_OPTIONAL_FN`).
#[must_use]
pub fn find(name: &CStr) -> Option<unsafe extern "C" fn()> {
    // SAFETY: looks the name up.
    unsafe { sys::apr_dynamic_fn_retrieve(name.as_ptr()) }
}

/// The functions of other modules in an optional hook that this module runs, in
/// their order (`apr_optional_hook_get`).
///
/// # Safety
/// `L` is the record that the header declares for the hook of that name.
pub unsafe fn hooked<L: Copy>(name: &CStr) -> impl Iterator<Item = L> {
    // SAFETY: looks the name up.
    let array = unsafe { sys::apr_optional_hook_get(name.as_ptr()) };
    // SAFETY: NULL, or an array that lives as long as the configuration's hooks.
    let (first, count) = match unsafe { array.as_ref() } {
        Some(array) => (array.elts.cast::<L>().cast_const(), usize::try_from(array.nelts).unwrap_or(0)),
        None => (std::ptr::null(), 0),
    };
    (0..count).map(move |index| {
        // SAFETY: the index is below the number of elements, so they are there.
        let entry = unsafe { first.add(index) };
        // SAFETY: the caller promises the type of the elements.
        unsafe { entry.read() }
    })
}
