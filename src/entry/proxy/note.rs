//! Why a request got no answer from its backend, as a note of the request: for
//! `%{ssl-proxy-error}n` in a log.

use crate::entry::closed;
use crate::httpd::Request;
use crate::httpd::hook::{Order, answer};
use crate::httpd::optional;
use crate::sys;
use crate::vars::escape::controls;
use std::cell::RefCell;
use std::ffi::{CStr, c_int};

/// The note.
const NOTE: &CStr = c"ssl-proxy-error";

thread_local! {
    /// What went wrong with the last connection that a handler of this thread has begun. mod_proxy shakes hands
    /// with a backend while it handles the request, and says afterwards what became of that, in the same thread.
    static REASON: RefCell<Option<String>> = const { RefCell::new(None) };
}

type RequestStatus = unsafe extern "C" fn(*mut c_int, *mut sys::request_rec) -> c_int;

/// Joins mod_proxy's hook for the outcome of requests, when it is there.
pub fn join() {
    // SAFETY: the registry keeps functions without their signature; mod_proxy restores it.
    let function = unsafe { std::mem::transmute::<RequestStatus, unsafe extern "C" fn()>(request_status) };
    // SAFETY: mod_proxy runs the hook with the signature of `RequestStatus` (mod_proxy.h).
    unsafe { optional::hook(c"request_status", function, Order::Middle) };
}

/// A handshake failed for this reason.
pub fn set(text: &str) {
    REASON.set(Some(controls(text.to_owned())));
}

/// A connection begins.
pub fn clear() {
    REASON.take();
}

entry_point! {
    /// mod_proxy's hook `request_status`.
    fn request_status(status: *mut c_int, request: *mut sys::request_rec) -> c_int, closed: closed::DO_NOT_KNOW;
    {
        let Some(reason) = REASON.take() else { return answer::DECLINED };
        // SAFETY: mod_proxy passes a place with its status.
        let failed = unsafe { status.as_ref() }.is_some_and(|status| *status >= answer::SERVER_ERROR);
        // SAFETY: mod_proxy passes the request it has handled.
        if let Some(request) = unsafe { Request::from_raw(request) }.filter(|_| failed)
            && let Some(notes) = request.notes()
        {
                notes.set(NOTE, request.pool().text(reason.as_bytes()));
        }
        answer::DECLINED
    }
}
