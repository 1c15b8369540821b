//! The handshake: driven by whoever needs it first, usually the
//! process_connection hook.

use super::client;
use super::connection::ConnState;
use super::proxy;
use super::report;
use super::shared::Established;
use super::wire::Waiting;
use crate::apr::Status;
use crate::httpd::Level;
use crate::httpd::log::{LogTarget, log};
use crate::io::plain_http::MadeUpRequest;
use crate::io::state::{Event, Phase};
use crate::metrics::{self, Counter};
use crate::ossl::error::LibraryError;
use crate::ossl::ssl::{Ssl, Stopped};

/// Brings the handshake to its end, as far as `waiting` allows.
///
/// # Errors
/// `EAGAIN` when it would have to wait; anything else means that the
/// connection was given up and the reason logged.
pub fn drive(state: &ConnState, waiting: Waiting) -> Result<(), Status> {
    if !state.phase().is_shaking_hands() {
        return Ok(());
    }
    if let Some(outgoing) = &state.outgoing {
        return proxy::handshake::drive(state, outgoing, waiting);
    }
    let Some(ssl) = state.ssl() else { return Err(Status::ECONNABORTED) };
    state.wire.wait(waiting);
    loop {
        match ssl.accept() {
            Ok(()) => return established(state, &ssl, waiting),
            Err(Stopped::WantRead | Stopped::WantWrite) if waiting == Waiting::Block => {}
            Err(Stopped::WantRead | Stopped::WantWrite) => return Err(Status::EAGAIN),
            Err(stopped) => return stop(state, stopped),
        }
    }
}

fn established(state: &ConnState, ssl: &Ssl, waiting: Waiting) -> Result<(), Status> {
    state.move_on(Event::Hello);
    state.move_on(Event::Established);
    state.wire.set_deadline(None);
    let vhost = state.vhost();
    let Some(client) = client::conclude(state, ssl) else {
        metrics::count(Counter::FailedClient);
        abort(state);
        return Err(Status::ECONNABORTED);
    };
    metrics::count(Counter::handshake(ssl.version(), ssl.is_resumed()));
    let hello = state.hello.take();
    state.shared.establish(Established { hello, ..Established::of(ssl, &vhost, client) });
    if state.challenge.get() || vhost.tls.as_ref().is_some_and(|tls| tls.fallback) {
        state.shared.refuse_requests();
    }
    if ssl.is_tls13() {
        // Session tickets: nobody waits for them, so they share the trip of
        // the first response.
        state.wire.set_urgent(false);
        return Ok(());
    }
    state.wire.send(waiting).ok()
}

/// The handshake cannot go on.
fn stop(state: &ConnState, stopped: Stopped) -> Result<(), Status> {
    let conn = state.conn();
    let server = state.server();
    let below = state.wire.status();
    let (status, number) = (below, stopped.number());
    if stopped == Stopped::Io && below.is_timeup() {
        time_out(state);
        return Err(below);
    }
    count(&stopped);
    let status = match stopped {
        Stopped::HttpRequest(errors) => {
            log!(
                conn,
                Info,
                "AH01996: SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page"
            );
            report::library_errors(server.get(), Level::Info, &errors);
            speak_plain_http(state);
            return Ok(());
        }
        Stopped::Closed | Stopped::Eof => {
            conn.log_status(
                Level::Info,
                Status::EOF,
                format_args!("AH02006: SSL handshake stopped: connection was closed"),
            );
            Status::EOF
        }
        Stopped::Io => {
            conn.log_status(
                Level::Debug,
                status,
                format_args!(
                    "AH02007: SSL handshake interrupted by system [Hint: Stop button pressed in browser?!]"
                ),
            );
            if status.is_success() { Status::EGENERAL } else { status }
        }
        Stopped::Library(errors) => {
            let id = state.vhost_id();
            log!(conn, Info, "AH02008: SSL library error {number} in handshake (server {id})");
            report::library_errors(server.get(), Level::Info, &errors);
            Status::ECONNABORTED
        }
        Stopped::WantRead | Stopped::WantWrite | Stopped::Other(_) => {
            let id = state.vhost_id();
            log!(conn, Info, "AH02008: SSL library error {number} in handshake (server {id})");
            Status::ECONNABORTED
        }
    };
    abort(state);
    Err(status)
}

/// Counts a handshake that has stopped.
fn count(stopped: &Stopped) {
    let cause = match stopped {
        Stopped::HttpRequest(_) => Counter::PlainHttp,
        Stopped::Closed | Stopped::Eof => Counter::FailedClosed,
        Stopped::Io => Counter::FailedIo,
        Stopped::Library(errors) => metrics::cause(errors.iter().filter_map(LibraryError::tls_reason)),
        Stopped::WantRead | Stopped::WantWrite | Stopped::Other(_) => Counter::FailedOther,
    };
    metrics::count(cause);
    if cause == Counter::FailedClient {
        metrics::count(Counter::ClientRefused);
    }
}

/// The time for the handshake is up.
pub fn time_out(state: &ConnState) {
    report_time_out(state);
    give_up(state);
}

/// Says how far a handshake came whose time is up.
pub fn report_time_out(state: &ConnState) {
    metrics::count(Counter::FailedTimeout);
    let (seconds, place) = (state.begun.elapsed().as_secs_f32(), place(state));
    log!(state.conn(), Info, "AH02007: SSL handshake timed out after {seconds:.1} s: {place}");
}

/// How far the handshake came, for the log.
fn place(state: &ConnState) -> String {
    let received = state.wire.received();
    match (state.phase(), state.ssl()) {
        (Phase::ClientHello, _) if received == 0 => "nothing received".to_owned(),
        (Phase::ClientHello, _) => format!("{received} bytes of a ClientHello received"),
        (Phase::Traffic, _) => "the last flight was not taken".to_owned(),
        (_, Some(ssl)) => {
            let state = ssl.state_text();
            format!("waiting for the client's next flight ({state}, {received} bytes received)")
        }
        (_, None) => "nothing is left of it".to_owned(),
    }
}

/// Sends the alert OpenSSL has written, if any, and gives the connection up.
pub fn abort(state: &ConnState) {
    let conn = state.conn();
    if !conn.is_aborted() {
        // The alert is a courtesy: whether it arrives changes nothing, and
        // nobody waits for a peer that does not read.
        let _ = state.wire.send(Waiting::Park);
    }
    let id = state.vhost_id();
    log!(
        conn,
        Info,
        "AH01998: Connection closed to child {} with abortive shutdown (server {id})",
        conn.id()
    );
    give_up(state);
}

fn give_up(state: &ConnState) {
    state.end();
    state.shared.end();
    state.wire.discard();
    state.conn().abort();
}

/// Turns both filters into pipes, and lets the HTTP layer answer a made-up
/// request with a page that says what went wrong.
fn speak_plain_http(state: &ConnState) {
    state.end();
    state.shared.end();
    state.wire.discard();
    state.conn().close_after_request();
    state.plain_http.set(Some(MadeUpRequest::Line));
}
