//! The hooks that see a request first.

use super::connection::ConnState;
use super::shutdown;
use super::vhost::Vhost;
use crate::guard::entry_point;
use crate::httpd::Request;
use crate::httpd::hook::answer;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::Level;
use crate::io::plain_http;
use crate::apr::pool::c_string;
use crate::policy::vhost as sni_policy;
use crate::sys;
use std::ffi::{c_char, c_int};

entry_point! {
    /// Hook `http_scheme`.
    pub fn http_scheme(request: *const sys::request_rec) -> *const c_char, closed: std::ptr::null();
    {
        // SAFETY: core passes a live request.
        let request = unsafe { Request::from_raw(request) };
        match request.and_then(ConnState::of_request) {
            Some(_) => c"https".as_ptr(),
            None => std::ptr::null(),
        }
    }
}

entry_point! {
    /// Hook `default_port`.
    pub fn default_port(request: *const sys::request_rec) -> sys::apr_port_t, closed: 0;
    {
        // SAFETY: core passes a live request.
        let request = unsafe { Request::from_raw(request) };
        if request.and_then(ConnState::of_request).is_some() { 443 } else { 0 }
    }
}

entry_point! {
    /// Hook `post_read_request`: may this request be served on this connection?
    pub fn post_read_request(request: *mut sys::request_rec) -> c_int, closed: answer::SERVER_ERROR;
    {
        // SAFETY: core passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::DECLINED };
        let Some(state) = ConnState::of_primary(request.conn()) else { return answer::DECLINED };
        if !request.is_initial() {
            return answer::DECLINED;
        }
        if state.plain_http.get().is_some() && state.ssl().is_none() {
            return refuse_plain_http(state, request);
        }
        if state.ssl().is_none() {
            return answer::DECLINED;
        }
        shutdown::choose(state, request);
        count(state, request);
        check_host(state, request)
    }
}

/// Plain HTTP on a TLS port: the page says so.
fn refuse_plain_http(state: &ConnState, request: Request<'_>) -> c_int {
    state.plain_http.set(None);
    note_error(request, plain_http::HINT);
    answer::BAD_REQUEST
}

/// Text for the error page.
fn note_error(request: Request<'_>, text: &str) {
    if let Some(notes) = request.notes() {
        notes.set(c"error-notes", &c_string(text));
    }
}

/// AH02034, for servers that log at debug.
fn count(state: &ConnState, request: Request<'_>) {
    let number = state.requests.get() + 1;
    state.requests.set(number);
    if request.logs(Level::Debug) {
        let (child, id) = (request.conn().id(), state.vhost_id());
        let which = if number == 1 { "Initial (No.1)".to_owned() } else { format!("Subsequent (No.{number})") };
        log!(request, Debug, "AH02034: {which} HTTPS request received for child {child} (server {id})");
    }
}

/// Compares the vhost of the handshake with that of the request.
fn check_host(state: &ConnState, request: Request<'_>) -> c_int {
    let Some(ssl) = state.ssl() else { return answer::DECLINED };
    let slot = state.server();
    let (handshake, wanted) = (slot.get(), request.server());
    let sni = ssl.server_name();
    let same = handshake.same(wanted);
    if same && sni.is_some() && request.hostname().is_some() {
        return answer::DECLINED;
    }
    let strict = |server| Vhost::of(server).is_some_and(|vhost| vhost.strict_sni);
    let facts = sni_policy::Facts {
        sni: sni.is_some(),
        hostname: request.hostname().is_some(),
        forward_proxy: request.is_forward_proxy(),
        name_based: request.conn().master().unwrap_or(request.conn()).is_name_based(),
        strict_sni: strict(handshake) || strict(wanted),
        compatible: same || compatible(state, wanted),
    };
    let hostname = request.hostname().unwrap_or_default().to_string_lossy();
    match sni_policy::check(&facts) {
        sni_policy::Verdict::Serve => answer::DECLINED,
        sni_policy::Verdict::NoHostname => {
            let sni = sni.unwrap_or_default();
            log!(request, Error, "AH02031: Hostname {sni} provided via SNI, but no hostname provided in HTTP request");
            answer::BAD_REQUEST
        }
        sni_policy::Verdict::NoServerName => {
            log!(request, Info, "AH02033: No hostname was provided via SNI for a name based virtual host");
            note_error(request, sni_policy::NO_SERVER_NAME_HINT);
            answer::FORBIDDEN
        }
        sni_policy::Verdict::Misdirected => {
            let (name, how) = match &sni {
                Some(sni) => (sni.clone(), "provided via SNI"),
                None => (handshake.hostname().to_string_lossy().into_owned(), "(default host as no SNI was provided)"),
            };
            let policy = sni_policy::Policy::Secure.name();
            log!(request, Error,
                "AH02032: Hostname {name} {how} and hostname {hostname} provided via HTTP have no compatible SSL setup for policy '{policy}'");
            answer::MISDIRECTED
        }
    }
}

/// Whether a request for `wanted` may be served on a connection whose
/// handshake was made with the parameters of another vhost.
fn compatible(state: &ConnState, wanted: crate::httpd::Server<'_>) -> bool {
    let slot = state.server();
    let (Some(ours), Some(theirs)) = (Vhost::of(slot.get()), Vhost::of(wanted)) else { return false };
    let (Some(ours), Some(theirs)) = (&ours.tls, &theirs.tls) else { return false };
    sni_policy::Policy::Secure.allows(
        (&ours.identity, &ours.auth),
        (&theirs.identity, &theirs.auth),
    )
}
