//! The handshake with a backend, and what it must have come to before data
//! may flow.

use super::Outgoing;
use super::policy::Backend;
use crate::apr::Status;
use crate::apr::pool::c_string;
use crate::entry::connection::ConnState;
use crate::entry::handshake::abort;
use crate::entry::shared::Established;
use crate::entry::wire::Waiting;
use crate::entry::{offered, report};
use crate::httpd::log::log;
use crate::httpd::{Conn, Level};
use crate::ossl::error::LibraryError;
use crate::ossl::lib::sha256;
use crate::ossl::ssl::{Ssl, SslRef, Stopped};
use crate::ossl::verify::is_timely;
use crate::ossl::x509;
use crate::policy::alpn::{TooLong, to_wire};
use crate::policy::backend::{Certificate, Handshake, Refusal};
use crate::policy::peer_name::{PeerNames, address, address_of};
use crate::policy::verify::{self, Completed, Outcome};
use openssl::nid::Nid;
use openssl::x509::X509Ref;
use std::ffi::CStr;

/// mod_proxy's note: the name the request goes to.
const HOST_NOTE: &CStr = c"proxy-request-hostname";
/// mod_proxy_http2's note: the protocols to propose.
const PROTOCOLS_NOTE: &CStr = c"proxy-request-alpn-protos";
/// What mod_proxy looks at to know whose fault it was.
const RESULT_NOTE: &CStr = c"SSL_connect_rv";

/// Brings the handshake to its end, as far as `waiting` allows.
///
/// # Errors
/// `EAGAIN` when it would have to wait; anything else means that the
/// connection was given up and the reason logged.
pub fn drive(state: &ConnState, outgoing: &Outgoing, waiting: Waiting) -> Result<(), Status> {
    let Some(ssl) = outgoing.unverified() else { return Err(Status::ECONNABORTED) };
    if outgoing.host.get().is_none() && !prepare(state.conn(), outgoing, &ssl) {
        return give_up(state, outgoing);
    }
    state.wire.wait(waiting);
    loop {
        match ssl.connect() {
            Ok(()) => return conclude(state, outgoing, &ssl),
            Err(Stopped::WantRead | Stopped::WantWrite) if waiting == Waiting::Block => {}
            Err(Stopped::WantRead | Stopped::WantWrite) => return Err(Status::EAGAIN),
            Err(stopped) => {
                let (status, errors) = (state.wire.status(), stopped.errors());
                if !outgoing.refused.get() {
                    log!(state.conn(), Info, status => "AH02003: SSL Proxy connect failed");
                    report::library_errors(state.server().get(), Level::Info, errors);
                    super::note::set(&failure(outgoing, &ssl, status, errors));
                }
                return give_up(state, outgoing);
            }
        }
    }
}

/// A word about what went wrong, for the note of the request.
fn failure(outgoing: &Outgoing, ssl: &SslRef, status: Status, errors: &[LibraryError]) -> String {
    // What was found in a chain that may be what it wants is not the reason.
    let found = if outgoing.completed.get() { 0 } else { ssl.verify_result() };
    match (found, errors.last()) {
        (0, Some(error)) => error.to_line(),
        (0, None) if status.is_timeup() => "nothing came in time".to_owned(),
        (0, None) => "the connection was closed".to_owned(),
        (number, _) => x509::verify_error(number),
    }
}

fn note(conn: Conn<'_>, name: &CStr) -> Option<String> {
    conn.notes()?.get(name).map(|value| value.to_string_lossy().into_owned())
}

/// Name, protocols, session, and whom to believe. `false`: it cannot begin.
fn prepare(conn: Conn<'_>, outgoing: &Outgoing, ssl: &SslRef) -> bool {
    let host = note(conn, HOST_NOTE);
    let text = note(conn, PROTOCOLS_NOTE).unwrap_or_default();
    let Some(proposed) = propose(conn, ssl, &text) else { return false };
    if let Some(host) = &host {
        name_server(conn, ssl, host);
    }
    let loaded = outgoing.policy.trust.as_ref().map(|trust| trust.current(outgoing.policy.server.get()));
    if loaded.as_ref().is_some_and(|loaded| !ssl.set_verify_store(&loaded.store)) {
        return false;
    }
    outgoing.trust.replace(loaded);
    let (address, port) = conn.peer();
    outgoing.set_backend(Backend { host: host.clone().unwrap_or_default(), address, port, proposed });
    let _ = outgoing.host.set(host);
    if let Some(session) = outgoing.session()
        && !ssl.set_session(&session)
    {
        outgoing.forget_sessions();
    }
    true
}

/// ALPN. `None`: the list cannot be proposed.
fn propose(conn: Conn<'_>, ssl: &SslRef, text: &str) -> Option<Vec<Vec<u8>>> {
    let names: Vec<Vec<u8>> = text
        .split([',', ' ', '\t'])
        .filter(|name| !name.is_empty())
        .map(|name| name.as_bytes().to_vec())
        .collect();
    match to_wire(&names) {
        Err(TooLong(name)) => {
            log!(
                conn,
                Error,
                "AH03309: ALPN proxy protocol identifier too long: {}",
                String::from_utf8_lossy(name)
            );
            return None;
        }
        Ok(wire) if !wire.is_empty() && !ssl.set_alpn_offer(&wire) => {
            log!(conn, Warn, "AH03310: error setting alpn protos from '{text}'");
            return None;
        }
        Ok(_) => {}
    }
    Some(names)
}

/// SNI; an address is no name for it (RFC 6066, section 3).
fn name_server(conn: Conn<'_>, ssl: &SslRef, host: &str) {
    if address(host).is_some() {
        return;
    }
    if ssl.set_server_name(&c_string(host)) {
        log!(conn, Trace3, "SNI extension for SSL Proxy request set to '{host}'");
    } else {
        log!(conn, Warn, "AH02002: Failed to set SNI extension for SSL Proxy request to '{host}'");
    }
}

/// What a certificate says.
pub fn read(certificate: &X509Ref) -> Certificate {
    let first_cn = x509::components(certificate.subject_name(), Nid::COMMONNAME, false).next();
    Certificate {
        names: PeerNames {
            hosts: x509::identities(certificate),
            first_cn: first_cn.map(|name| String::from_utf8_lossy(&name).into_owned()),
            addresses: x509::addresses(certificate).iter().filter_map(|bytes| address_of(bytes)).collect(),
        },
        timely: is_timely(certificate),
    }
}

/// The library has done its part.
fn conclude(state: &ConnState, outgoing: &Outgoing, ssl: &Ssl) -> Result<(), Status> {
    let certificate = ssl.peer_certificate();
    let facts = certificate.as_deref().map(read);
    let selected = ssl.alpn();
    let verdict = outgoing.policy.checks.conclude(&Handshake {
        certificate: facts.as_ref(),
        // Only sessions of backends that were admitted on these terms are kept.
        completed: outgoing.completed.get() || ssl.is_resumed(),
        result: i32::try_from(ssl.verify_result()).unwrap_or(verify::UNSPECIFIED),
        host: outgoing.host.get().and_then(Option::as_deref),
        proposed: outgoing.proposed(),
        selected: &selected,
    });
    let admitted = match verdict {
        Ok(admitted) => admitted,
        Err(refusals) => {
            say(state.conn(), outgoing, facts.as_ref(), &selected, &refusals);
            return leave(state, outgoing);
        }
    };
    let outcome = outcome(outgoing, ssl, certificate.as_deref());
    // What the library says of a resumed session is about another context's server.
    let shown = outgoing.shown.borrow().clone();
    let established = Established { certificate: shown, ..Established::of(ssl, &state.vhost(), outcome) };
    state.shared.establish(established);
    if let Err(said) = offered::proxy_post_handshake(state.conn(), ssl) {
        log!(state.conn(), Info, "Connection refused by another module (proxy_post_handshake: {said})");
        super::note::set("another module refuses the backend");
        return leave(state, outgoing);
    }
    if !state.admit(admitted) {
        return leave(state, outgoing);
    }
    set_result(state.conn(), c"ok");
    Ok(())
}

/// For variables: the backend is the peer.
fn outcome(outgoing: &Outgoing, ssl: &SslRef, certificate: Option<&X509Ref>) -> Outcome {
    verify::conclude(&Completed {
        policy: outgoing.policy.digest,
        terms: outgoing.policy.checks.chain,
        certificate: certificate.and_then(|certificate| sha256(&certificate.to_der().ok()?)),
        completed: outgoing.completed.get() || ssl.is_resumed(),
        result: i32::try_from(ssl.verify_result()).unwrap_or(verify::UNSPECIFIED),
        tls13: ssl.is_tls13(),
    })
}

/// Logs why a backend is refused, each reason on a line.
pub fn say(
    conn: Conn<'_>,
    outgoing: &Outgoing,
    certificate: Option<&Certificate>,
    selected: &[u8],
    refusals: &[Refusal],
) {
    outgoing.refused.set(true);
    let host = outgoing.host.get().and_then(Option::as_deref).unwrap_or_default();
    let proposed = || {
        let names: Vec<_> = outgoing.proposed().iter().map(|name| String::from_utf8_lossy(name)).collect();
        names.join(" ")
    };
    for refusal in refusals {
        let text = match refusal {
            Refusal::Unverified => {
                "AH02003: SSL Proxy connect failed: the backend was not verified".to_owned()
            }
            Refusal::Chain(number) => {
                format!("AH02003: SSL Proxy connect failed: {}", x509::verify_error((*number).into()))
            }
            Refusal::NoCertificate => {
                "AH02003: SSL Proxy connect failed: the backend has no certificate".to_owned()
            }
            Refusal::Expired => "AH02004: SSL Proxy: Peer certificate is expired".to_owned(),
            Refusal::Name => {
                format!("AH02411: SSL Proxy: Peer certificate does not match for hostname {host}")
            }
            Refusal::FirstCn => {
                let cn = certificate.and_then(|certificate| certificate.names.first_cn.as_deref());
                format!(
                    "AH02005: SSL Proxy: Peer certificate CN mismatch: Certificate CN: {} Requested hostname: {host}",
                    cn.unwrap_or_default()
                )
            }
            Refusal::NoProtocol => {
                format!("AH10273: SSL Proxy: Peer did not select any of our ALPN protocols [{}].", proposed())
            }
            Refusal::OtherProtocol => format!(
                "AH10274: SSL Proxy: Peer proposed ALPN protocol {} which is none of our proposals [{}].",
                String::from_utf8_lossy(selected),
                proposed()
            ),
        };
        log!(conn, Info, "{text}");
        super::note::set(&text);
    }
}

fn set_result(conn: Conn<'_>, result: &CStr) {
    if let Some(notes) = conn.notes() {
        notes.set(RESULT_NOTE, result);
    }
}

/// The backend is not the one that was meant. What would finish the handshake
/// is not sent: it can hold our certificate.
fn leave(state: &ConnState, outgoing: &Outgoing) -> Result<(), Status> {
    state.wire.discard();
    give_up(state, outgoing)
}

/// The request gets no answer from this connection. mod_proxy looks at all of
/// this: the note, the mark of the connection, the status.
fn give_up(state: &ConnState, outgoing: &Outgoing) -> Result<(), Status> {
    let conn = state.conn();
    outgoing.forget_sessions();
    set_result(conn, c"err");
    log!(conn, Info, "AH01997: SSL handshake failed: sending 502");
    abort(state);
    Err(Status::EGENERAL)
}
