//! Requests that got no answer because of a handshake with their backend: the
//! status for the client, and the reason as a note of the request, for
//! `%{ssl-proxy-error}n` in a log.
//!
//! mod_proxy answers 500 or 503 itself, and goes by that status while it looks
//! for another member of a balancer. So it is left alone until it is done.

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
pub fn set(reason: &str) {
    REASON.set(Some(controls(reason.to_owned())));
}

/// A connection begins.
pub fn clear() {
    REASON.take();
}

/// Whether mod_proxy's answer after a handshake that failed is to be 502.
fn is_replaced(status: c_int) -> bool {
    matches!(status, answer::SERVER_ERROR | answer::UNAVAILABLE)
}

/// mod_proxy's status line, with 502 for its own status.
fn renumber(line: &[u8], status: c_int) -> Option<String> {
    let reason = std::str::from_utf8(line).ok()?.strip_prefix(&status.to_string())?;
    Some(format!("{}{reason}", answer::BAD_GATEWAY))
}

entry_point! {
    /// mod_proxy's hook `request_status`.
    fn request_status(status: *mut c_int, request: *mut sys::request_rec) -> c_int, closed: closed::DO_NOT_KNOW;
    {
        let Some(reason) = REASON.take() else { return answer::DECLINED };
        // SAFETY: mod_proxy passes a place with its status, which is ours during the call.
        let Some(status) = (unsafe { status.as_mut() }) else { return answer::DECLINED };
        // SAFETY: mod_proxy passes the request it has handled.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::DECLINED };
        if *status < answer::SERVER_ERROR {
            return answer::DECLINED;
        }
        if let Some(notes) = request.notes() {
            notes.set(NOTE, request.pool().text(reason.as_bytes()));
        }
        if is_replaced(*status) {
            if let Some(line) = request.status_line().and_then(|line| renumber(line.to_bytes(), *status)) {
                request.set_status_line(request.pool().text(line.as_bytes()));
            }
            *status = answer::BAD_GATEWAY;
        }
        answer::DECLINED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_mod_proxy_are_replaced() {
        for (status, replaced) in [(500, true), (501, false), (502, false), (503, true), (504, false)] {
            assert_eq!(is_replaced(status), replaced, "{status}");
        }
    }

    #[test]
    fn lines_follow_the_status() {
        for (line, expected) in [
            ("500 Proxy Error", Some("502 Proxy Error")),
            ("500", Some("502")),
            ("404 Not Found", None),
            ("", None),
        ] {
            assert_eq!(renumber(line.as_bytes(), 500).as_deref(), expected, "{line}");
        }
    }
}
