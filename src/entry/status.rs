//! The session cache and the figures of the module on the page of mod_status.

use super::cache::SessionStore;
use super::vhost::Vhost;
use super::{closed, metrics};
use crate::apr::pool::c_string;
use crate::httpd::Request;
use crate::httpd::hook::{Order, answer};
use crate::httpd::optional;
use crate::httpd::request::main_server;
use crate::metrics as text;
use crate::sys;
use std::ffi::c_int;
use std::sync::Arc;

/// `AP_STATUS_SHORT` of mod_status.h: a report for programs.
const SHORT: c_int = 1;

const HEAD: &str = "<hr>\n<table cellspacing=0 cellpadding=0>\n<tr><td bgcolor=\"#000000\">\n\
    <b><font color=\"#ffffff\" face=\"Arial,Helvetica\">SSL/TLS Session Cache Status:</font></b>\r</td></tr>\n\
    <tr><td bgcolor=\"#ffffff\">\n";
const FOOT: &str = "</td></tr>\n</table>\n";
const SHORT_HEAD: &str = "TLSSessionCacheStatus\n";

type StatusHook = unsafe extern "C" fn(*mut sys::request_rec, c_int) -> c_int;

/// Offers the block to mod_status, whether that is loaded or not.
pub fn offer() {
    // SAFETY: the registry keeps functions without their signature; mod_status restores it.
    let hook = unsafe { std::mem::transmute::<StatusHook, unsafe extern "C" fn()>(status_hook) };
    // SAFETY: mod_status calls hooks of this name with the signature of `StatusHook` (mod_status.h).
    unsafe { optional::hook(c"status_hook", hook, Order::Middle) };
}

entry_point! {
    /// Optional hook `status_hook` of mod_status.
    fn status_hook(request: *mut sys::request_rec, flags: c_int) -> c_int, closed: closed::DO_NOT_KNOW;
    {
        // SAFETY: mod_status passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::OK };
        if let Some(store) = store() {
            print(&store, request, flags);
        }
        let families = metrics::families();
        let text = if flags & SHORT != 0 { text::auto(&families) } else { text::html(&families) };
        request.print(&c_string(text));
        answer::OK
    }
}

/// The session cache, which all servers share.
fn store() -> Option<Arc<SessionStore>> {
    main_server()?.iter().filter_map(Vhost::of).find_map(|vhost| vhost.tls.as_ref()?.sessions.clone())
}

fn print(store: &SessionStore, request: Request<'_>, flags: c_int) {
    let short = flags & SHORT != 0;
    request.print(&c_string(if short { SHORT_HEAD } else { HEAD }));
    store.print_status(request, flags);
    if !short {
        request.print(&c_string(FOOT));
    }
}
