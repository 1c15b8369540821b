//! The hooks that see a request first.

use super::connection::ConnState;
use super::shared::Shared;
use super::vhost::{Tls, Vhost};
use super::{closed, shutdown};
use crate::apr::pool::c_string;
use crate::config::sni_policy::SniPolicy;
use crate::httpd::Level;
use crate::httpd::hook::answer;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Request, Server};
use crate::io::plain_http;
use crate::metrics::{self, Counter};
use crate::policy::vhost as sni_policy;
use crate::sys;
use std::ffi::{c_char, c_int};

entry_point! {
    /// Hook `http_scheme`.
    pub fn http_scheme(request: *const sys::request_rec) -> *const c_char, closed: closed::NOTHING;
    {
        // SAFETY: core passes a live request.
        let request = unsafe { Request::from_raw(request) };
        match request.and_then(Shared::of_request) {
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
        if request.and_then(Shared::of_request).is_some() { 443 } else { 0 }
    }
}

entry_point! {
    /// Hook `post_read_request`: may this request be served on this connection?
    pub fn post_read_request(request: *mut sys::request_rec) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: core passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::DECLINED };
        if !request.is_initial() {
            return answer::DECLINED;
        }
        if let Some(answer) = refuse_plain_http(request) {
            return answer;
        }
        let Some(shared) = Shared::of(request.conn()) else { return answer::DECLINED };
        shutdown::choose(shared, request);
        announce(shared, request);
        if shared.refuses_requests() {
            metrics::count(Counter::StandIn);
            return answer::UNAVAILABLE;
        }
        check_host(shared, request)
    }
}

/// Plain HTTP on a TLS port: the page says so.
fn refuse_plain_http(request: Request<'_>) -> Option<c_int> {
    let state = ConnState::of(request.conn())?;
    state.plain_http.get()?;
    note_error(request, plain_http::HINT);
    Some(answer::BAD_REQUEST)
}

/// Text for the error page.
fn note_error(request: Request<'_>, text: &str) {
    if let Some(notes) = request.notes() {
        notes.set(c"error-notes", &c_string(text));
    }
}

/// AH02034, for servers that log at debug.
fn announce(shared: &Shared, request: Request<'_>) {
    if !request.logs(Level::Debug) {
        return;
    }
    let (child, id) = (request.conn().id(), shared.vhost_id());
    let which = match request.conn().keepalives() {
        ..=0 => "Initial (No.1)".to_owned(),
        before => format!("Subsequent (No.{})", before + 1),
    };
    log!(request, Debug, "AH02034: {which} HTTPS request received for child {child} (server {id})");
}

/// Compares the vhost of the handshake with that of the request.
fn check_host(shared: &Shared, request: Request<'_>) -> c_int {
    let slot = shared.server();
    let (handshake, wanted) = (slot.get(), request.server());
    let sni = shared.established().and_then(|established| established.server_name.as_deref());
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
        compatible: same || compatible(handshake, wanted),
    };
    let hostname = request.hostname().unwrap_or_default().to_string_lossy();
    match sni_policy::check(&facts) {
        sni_policy::Verdict::Serve => answer::DECLINED,
        sni_policy::Verdict::NoHostname => {
            metrics::count(Counter::NoHostname);
            let sni = sni.unwrap_or_default();
            log!(
                request,
                Error,
                "AH02031: Hostname {sni} provided via SNI, but no hostname provided in HTTP request"
            );
            answer::BAD_REQUEST
        }
        sni_policy::Verdict::NoServerName => {
            metrics::count(Counter::NoServerName);
            log!(request, Info, "AH02033: No hostname was provided via SNI for a name based virtual host");
            note_error(request, sni_policy::NO_SERVER_NAME_HINT);
            answer::FORBIDDEN
        }
        sni_policy::Verdict::Misdirected => {
            metrics::count(Counter::Misdirected);
            let (name, how) = match &sni {
                Some(sni) => ((*sni).to_owned(), "provided via SNI"),
                None => (
                    handshake.hostname().to_string_lossy().into_owned(),
                    "(default host as no SNI was provided)",
                ),
            };
            let policy = Vhost::of(handshake).map_or(SniPolicy::default(), |vhost| vhost.sni_policy).name();
            log!(
                request,
                Error,
                "AH02032: Hostname {name} {how} and hostname {hostname} provided via HTTP have no compatible SSL setup for policy '{policy}'"
            );
            answer::MISDIRECTED
        }
    }
}

/// Whether a request for `wanted` may be served on a connection whose
/// handshake was made with the parameters of another vhost.
fn compatible(handshake: Server<'_>, wanted: Server<'_>) -> bool {
    let (Some(ours), Some(theirs)) = (Vhost::of(handshake), Vhost::of(wanted)) else { return false };
    let (made, wanted) = (ours.tls.as_ref().map(Tls::terms), theirs.tls.as_ref().map(Tls::terms));
    sni_policy::allows(ours.sni_policy, made, wanted)
}
