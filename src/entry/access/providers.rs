//! `Require ssl` and `Require ssl-verify-client`.

use crate::apr::Pool;
use crate::apr::pool::text_from;
use crate::entry::closed;
use crate::entry::shared::Shared;
use crate::httpd::Request;
use crate::httpd::authz::{self, DENIED, GRANTED, Provider};
use crate::sys;
use std::ffi::{CStr, c_char, c_void};

static SSL: Provider = Provider::new(check_ssl, parse_ssl);
static VERIFY_CLIENT: Provider = Provider::new(check_verify_client, parse_verify_client);

/// Makes both known, in the register_hooks callback.
pub fn register(pool: Pool<'_>) {
    for (name, provider) in [(c"ssl", &SSL), (c"ssl-verify-client", &VERIFY_CLIENT)] {
        // Without a provider the `Require` line is refused.
        let _ = authz::register(pool, name, provider);
    }
}

entry_point! {
    /// `Require ssl`.
    fn check_ssl(request: *mut sys::request_rec, _line: *const c_char, _parsed: *const c_void) -> sys::authz_status,
        closed: closed::DENY;
    {
        // SAFETY: mod_authz_core passes a live request that belongs to this thread.
        let request = unsafe { Request::from_raw(request) };
        if request.and_then(Shared::of_request).is_some() { GRANTED } else { DENIED }
    }
}

entry_point! {
    /// `Require ssl-verify-client`.
    fn check_verify_client(
        request: *mut sys::request_rec,
        _line: *const c_char,
        _parsed: *const c_void,
    ) -> sys::authz_status, closed: closed::DENY;
    {
        // SAFETY: mod_authz_core passes a live request that belongs to this thread.
        let request = unsafe { Request::from_raw(request) };
        let verified = request.and_then(Shared::of_request).and_then(Shared::verified);
        if verified.is_some() { GRANTED } else { DENIED }
    }
}

entry_point! {
    /// Reads a line `Require ssl`.
    fn parse_ssl(_parms: *mut sys::cmd_parms, line: *const c_char, _parsed: *mut *const c_void) -> *const c_char,
        closed: closed::COMMAND;
    {
        // SAFETY: mod_authz_core passes the rest of the line.
        unsafe { refuse_arguments(line, c"'Require ssl' does not take arguments") }
    }
}

entry_point! {
    /// Reads a line `Require ssl-verify-client`.
    fn parse_verify_client(
        _parms: *mut sys::cmd_parms,
        line: *const c_char,
        _parsed: *mut *const c_void,
    ) -> *const c_char, closed: closed::COMMAND;
    {
        // SAFETY: mod_authz_core passes the rest of the line.
        unsafe { refuse_arguments(line, c"'Require ssl-verify-client' does not take arguments") }
    }
}

/// # Safety
/// `line` is NULL or a C string.
unsafe fn refuse_arguments(line: *const c_char, complaint: &'static CStr) -> *const c_char {
    // SAFETY: promised by the caller.
    let line = unsafe { text_from(line) }.unwrap_or_default();
    if line.is_empty() { std::ptr::null() } else { complaint.as_ptr() }
}
