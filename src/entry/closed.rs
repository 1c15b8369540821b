//! The answers of functions that C calls, after a panic: one for each kind of
//! function. They close: a connection ends, a request is refused, a
//! configuration is not accepted. None is `DECLINED` where another module
//! would then let somebody in.

use crate::apr::Status;
use crate::httpd::authz;
use crate::httpd::hook::answer;
use crate::httpd::{Conn, Filter};
use crate::sys;
use std::ffi::{c_char, c_int};

/// Hooks that see a request before it is served, and start-up: 500, or a
/// server that does not start.
pub const REFUSE: c_int = answer::SERVER_ERROR;

/// Hooks that only say something: they do not know.
pub const DO_NOT_KNOW: c_int = answer::DECLINED;

/// A `Require` line: it does not let anybody in.
pub const DENY: sys::authz_status = authz::DENIED;

/// A directive: the configuration is refused.
pub const COMMAND: *const c_char = c"internal error in this directive's handler (see the log)".as_ptr();

/// A lookup: there is nothing.
pub const NOTHING: *const c_char = std::ptr::null();

/// A lookup whose callers do not expect NULL.
pub const EMPTY: *mut c_char = c"".as_ptr().cast_mut();

/// A configuration record: none, which every reader takes for an error.
pub const NO_RECORD: *mut std::ffi::c_void = std::ptr::null_mut();

/// A hook of a connection's beginning: the connection is given up.
pub fn connection(conn: *mut sys::conn_rec) -> c_int {
    // SAFETY: core passes a live connection that belongs to this thread, or NULL.
    if let Some(conn) = unsafe { Conn::from_raw(conn) } {
        conn.abort();
    }
    answer::SERVER_ERROR
}

/// A hook that others would follow on a connection: it is given up, and they
/// do not.
pub fn process_connection(conn: *mut sys::conn_rec) -> c_int {
    connection(conn);
    answer::OK
}

/// A filter: the connection is given up.
pub fn filter(filter: *mut sys::ap_filter_t) -> sys::apr_status_t {
    // SAFETY: httpd passes a filter of a live connection, or NULL.
    if let Some(conn) = unsafe { Filter::from_raw(filter) }.and_then(Filter::conn) {
        conn.abort();
    }
    Status::EGENERAL.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::{CStr, c_void};
    use std::mem::MaybeUninit;

    // One function of each kind that panics. A normal build has none of these.
    entry_point! { fn hook_of_connection(c: *mut sys::conn_rec) -> c_int, closed: connection(c); { panic!("deliberate") } }
    entry_point! { fn hook_of_protocol(c: *mut sys::conn_rec) -> c_int, closed: process_connection(c); { panic!("deliberate") } }
    entry_point! { fn connection_filter(f: *mut sys::ap_filter_t) -> sys::apr_status_t, closed: filter(f); { panic!("deliberate") } }
    entry_point! { fn hook_of_request(_r: *mut sys::request_rec) -> c_int, closed: REFUSE; { panic!("deliberate") } }
    entry_point! { fn hook_that_says(_r: *mut sys::request_rec) -> c_int, closed: DO_NOT_KNOW; { panic!("deliberate") } }
    entry_point! { fn directive(_p: *mut sys::cmd_parms) -> *const c_char, closed: COMMAND; { panic!("deliberate") } }
    entry_point! { fn lookup(_r: *mut sys::request_rec) -> *const c_char, closed: NOTHING; { panic!("deliberate") } }
    entry_point! { fn lookup_of_text(_r: *mut sys::request_rec) -> *mut c_char, closed: EMPTY; { panic!("deliberate") } }
    entry_point! { fn merge(_p: *mut sys::apr_pool_t) -> *mut c_void, closed: NO_RECORD; { panic!("deliberate") } }

    entry_point! { fn authorization(_r: *mut sys::request_rec) -> sys::authz_status, closed: DENY; { panic!("deliberate") } }

    fn zeroed<T>() -> Box<MaybeUninit<T>> {
        Box::new(MaybeUninit::zeroed())
    }

    fn is_aborted(conn: &MaybeUninit<sys::conn_rec>) -> bool {
        // SAFETY: the record is all zero but for the mark; httpd's own fields allow zero.
        unsafe { (*conn.as_ptr()).aborted != 0 }
    }

    #[test]
    fn connections_are_given_up() {
        for (hook, answer) in [
            (hook_of_connection as unsafe extern "C" fn(*mut sys::conn_rec) -> c_int, 500),
            (hook_of_protocol, 0),
        ] {
            let mut conn = zeroed::<sys::conn_rec>();
            // SAFETY: the record lives during the call.
            assert_eq!(unsafe { hook(conn.as_mut_ptr()) }, answer);
            assert!(is_aborted(&conn));
        }
    }

    #[test]
    fn filters_give_their_connection_up() {
        let mut conn = zeroed::<sys::conn_rec>();
        let mut record = zeroed::<sys::ap_filter_t>();
        // SAFETY: the record is zeroed and ours.
        unsafe { (*record.as_mut_ptr()).c = conn.as_mut_ptr() };
        // SAFETY: both records live during the call.
        let status = unsafe { connection_filter(record.as_mut_ptr()) };
        assert_eq!(status, Status::EGENERAL.0);
        assert!(is_aborted(&conn));
    }

    #[test]
    fn requests_are_refused_and_lookups_find_nothing() {
        let none = std::ptr::null_mut();
        // SAFETY: the functions panic before they look at their argument.
        assert_eq!(unsafe { hook_of_request(none) }, 500);
        // SAFETY: as above.
        let verdict = unsafe { authorization(none) };
        assert_eq!(verdict, sys::AUTHZ_DENIED);
        assert_ne!(verdict, sys::AUTHZ_GRANTED);
        // SAFETY: as above.
        assert_eq!(unsafe { hook_that_says(none) }, answer::DECLINED);
        // SAFETY: as above.
        assert!(unsafe { lookup(none) }.is_null());
        // SAFETY: as above.
        let text = unsafe { lookup_of_text(none) };
        // SAFETY: a static C string.
        assert!(unsafe { CStr::from_ptr(text) }.is_empty());
    }

    #[test]
    fn configurations_are_refused() {
        // SAFETY: the functions panic before they look at their argument.
        let complaint = unsafe { directive(std::ptr::null_mut()) };
        // SAFETY: a static C string.
        assert!(!unsafe { CStr::from_ptr(complaint) }.is_empty());
        // SAFETY: as above.
        assert!(unsafe { merge(std::ptr::null_mut()) }.is_null());
    }
}
