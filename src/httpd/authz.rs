//! Providers of authorization: what `Require NAME` asks (mod_auth.h).

use crate::apr::{Pool, Status};
use crate::sys;
use std::ffi::{CStr, c_char, c_int, c_void};

/// Answers a `Require` line for a request.
pub type Check =
    unsafe extern "C" fn(*mut sys::request_rec, *const c_char, *const c_void) -> sys::authz_status;
/// Looks at a `Require` line when it is read; NULL, or a complaint.
pub type Parse =
    unsafe extern "C" fn(*mut sys::cmd_parms, *const c_char, *mut *const c_void) -> *const c_char;

/// The request may be served, as far as this line is concerned.
pub const GRANTED: sys::authz_status = sys::AUTHZ_GRANTED;
/// It may not.
pub const DENIED: sys::authz_status = sys::AUTHZ_DENIED;

/// httpd's record of a provider.
#[repr(transparent)]
pub struct Provider(sys::authz_provider);

impl Provider {
    /// A provider of two functions.
    #[must_use]
    pub const fn new(check: Check, parse: Parse) -> Self {
        Self(sys::authz_provider { check_authorization: Some(check), parse_require_line: Some(parse) })
    }
}

/// When hooks of access control and providers run.
pub const PER_CONFIGURATION: c_int = sys::AP_AUTH_INTERNAL_PER_CONF as c_int;

/// Makes a provider known (`ap_register_auth_provider`), in the register_hooks
/// callback. A subrequest or internal redirect that the same configuration
/// applies to does not ask it again.
pub fn register(pool: Pool<'_>, name: &CStr, provider: &'static Provider) -> Status {
    let (group, version) = (sys::AUTHZ_PROVIDER_GROUP, sys::AUTHZ_PROVIDER_VERSION);
    let record = std::ptr::from_ref(&provider.0).cast();
    // SAFETY: the texts are copied; the record is never unloaded, and its functions have the provider's signatures.
    Status(unsafe {
        sys::ap_register_auth_provider(
            pool.as_ptr(),
            group.as_ptr().cast(),
            name.as_ptr(),
            version.as_ptr().cast(),
            record,
            PER_CONFIGURATION,
        )
    })
}
