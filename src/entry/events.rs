//! What OpenSSL asks during a handshake: which vhost, which protocol, whether
//! a session may be resumed.

use super::cache::Found;
use super::connection::ConnState;
use super::shared::Hello;
use super::vhost::{Policy, Tls, Vhost};
use super::{challenge, client, report, stapling, tickets};
use crate::apr::Strings;
use crate::apr::pool::c_string;
use crate::httpd::conn::wildcard_matches;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Conn, Level, Server};
use crate::io::state::Event;
use crate::metrics::{self, Counter};
use crate::ossl::callback::{
    AlpnVerdict, CertificateVerdict, ClientHello, HelloVerdict, ServerEvents, SniVerdict, StateChange,
    TicketStatus, TicketUse, TicketVerdict,
};
use crate::ossl::ctx::SslCtxRef;
use crate::ossl::session::{Session, SessionRef};
use crate::ossl::srp::{self, Verifiers};
use crate::ossl::ssl::{Ssl, SslRef};
use crate::ossl::ticket::{Opening, TicketKey};
use crate::ossl::verify::{VerifyAnswer, VerifyEnd, VerifyStep};
use crate::policy::alpn::{ACME_TLS_1, OfferError, split_offer};
use crate::policy::verify::UNSPECIFIED;
use crate::vars::hello::{HelloPart, hex, list};
use std::ffi::CStr;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// The answers, for all contexts.
pub static EVENTS: Events = Events;

/// The alert.
const INTERNAL_ERROR: i32 = 80;

/// Of a connection that is not ours.
pub const UNKNOWN: VerifyAnswer = VerifyAnswer { accept: false, error: UNSPECIFIED };

/// See [`ServerEvents`].
pub struct Events;

/// Lets the callbacks of `ssl` find the state of its connection.
pub fn tie(ssl: &Ssl, state: &ConnState) {
    ssl.set_app_data(NonNull::from(state).cast());
    // Functions of other modules (`mod_ssl_openssl.h`) find the connection there.
    if let Some(conn) = NonNull::new(state.conn().as_ptr()) {
        ssl.set_common_app_data(conn.cast());
    }
}

/// The state that [`tie`] left.
pub fn state_of(ssl: &SslRef) -> Option<&ConnState> {
    let state = ssl.app_data()?;
    // SAFETY: `tie` stored a state that the connection's pool owns; the state owns the SSL object and drops it first.
    Some(unsafe { state.cast::<ConnState>().as_ref() })
}

impl ServerEvents for Events {
    fn client_hello(&self, ssl: &SslRef, hello: &ClientHello<'_>) -> HelloVerdict {
        // A second ClientHello changes neither the virtual host nor what the connection is for.
        if let Some(state) = state_of(ssl).filter(|state| state.phase().is_shaking_hands()) {
            state.move_on(Event::Hello);
            select_vhost(state, ssl, hello.server_name());
            if !client::prepare(state, ssl) {
                return HelloVerdict::Abort(INTERNAL_ERROR);
            }
            if state.vhost().client_hello_vars {
                state.hello.replace(parts(hello));
            }
            return challenge::take_up(state, ssl, hello);
        }
        HelloVerdict::Continue
    }

    fn server_name(&self, ssl: &SslRef) -> SniVerdict {
        match state_of(ssl).and_then(|state| state.searched.get()) {
            Some(true) => SniVerdict::Ack,
            _ => SniVerdict::NoAck,
        }
    }

    fn alpn(&self, ssl: &SslRef, offered: &[u8]) -> AlpnVerdict {
        state_of(ssl).map_or(AlpnVerdict::NoAck, |state| negotiate(state, offered))
    }

    fn certificate(&self, ssl: &SslRef) -> CertificateVerdict {
        let Some(state) = state_of(ssl) else { return CertificateVerdict::Refuse };
        if state.challenge.get() {
            // The answer to it is there already.
            return CertificateVerdict::Ready;
        }
        show_identities(state, ssl)
    }

    fn verify_step(&self, ssl: &SslRef, step: &VerifyStep<'_>) -> VerifyAnswer {
        state_of(ssl).map_or(UNKNOWN, |state| client::step(state, step))
    }

    fn verify_end(&self, ssl: &SslRef, end: &VerifyEnd<'_>) -> VerifyAnswer {
        state_of(ssl).map_or(UNKNOWN, |state| client::end(state, end))
    }

    fn session_new(&self, ssl: &SslRef, session: &SessionRef) {
        let may_resume = |state: &&ConnState| !state.challenge.get() && !state.again.is_begun();
        let Some(state) = state_of(ssl).filter(may_resume) else { return };
        let vhost = state.vhost();
        let Some(tls) = &vhost.tls else { return };
        let Some(store) = &tls.sessions else { return };
        // With TLS 1.3 tickets hold the session themselves; nobody would ever
        // look it up.
        if ssl.is_stateless() || session.id().is_empty() {
            return;
        }
        session.set_binding(&client::binding(state, tls, ssl, session));
        if !client::fits(state, tls, session, true) {
            return;
        }
        store.store(vhost.server.get(), session);
    }

    fn session_get(&self, ssl: &SslRef, hello: &ClientHello<'_>, id: &[u8]) -> Option<Session> {
        let state = state_of(ssl).filter(|state| !state.challenge.get())?;
        let vhost = state.vhost();
        let tls = vhost.tls.as_ref()?;
        let store = tls.sessions.as_ref()?;
        let Found { session, is_ours } = store.find(vhost.server.get(), hello, id)?;
        if !admits(state, tls, &session, is_ours) {
            metrics::count(Counter::SessionRefused);
            return None;
        }
        Some(session)
    }

    fn session_remove(&self, ctx: &SslCtxRef, session: &SessionRef) {
        let Some(policy) = ctx.app_data() else { return };
        // SAFETY: start-up stored the policy that owns the context.
        let policy = unsafe { policy.cast::<Policy>().as_ref() };
        if let Some(store) = &policy.sessions {
            store.remove(policy.server.get(), session.id());
        }
    }

    fn ticket_seal(&self, ssl: &SslRef, session: &SessionRef) {
        let Some(state) = state_of(ssl) else { return };
        if ssl.tickets_enabled() {
            metrics::count(Counter::TicketIssued);
        }
        if let Some(tls) = &state.vhost().tls {
            session.set_binding(&client::binding(state, tls, ssl, session));
        }
    }

    fn ticket_open(&self, ssl: &SslRef, session: &SessionRef, status: TicketStatus) -> TicketVerdict {
        let Some(state) = state_of(ssl).filter(|state| !state.challenge.get()) else {
            return TicketVerdict::Ignore;
        };
        let vhost = state.vhost();
        match &vhost.tls {
            Some(tls) if admits(state, tls, session, true) => {
                metrics::count(Counter::TicketUsed);
                match status {
                    TicketStatus::Fresh => TicketVerdict::Use,
                    TicketStatus::Renew => TicketVerdict::UseAndRenew,
                }
            }
            _ => {
                metrics::count(Counter::TicketRefused);
                TicketVerdict::IgnoreAndRenew
            }
        }
    }

    fn ticket_unreadable(&self) {
        metrics::count(Counter::TicketUnreadable);
    }

    fn status(&self, ssl: &SslRef) -> Option<Vec<u8>> {
        stapling::response(state_of(ssl)?, ssl)
    }

    fn sealing_key(&self, ssl: &SslRef) -> Option<TicketKey> {
        match &state_of(ssl)?.vhost().tls.as_ref()?.ticket_keys {
            Some(own) => own.sealing(),
            None => tickets::sealing(),
        }
    }

    fn opening_key(&self, ssl: &SslRef, name: &[u8]) -> Option<Opening> {
        match &state_of(ssl)?.vhost().tls.as_ref()?.ticket_keys {
            Some(own) => own.opening(name),
            None => tickets::opening(name),
        }
    }

    fn ticket_key_used(&self, ssl: &SslRef, to: TicketUse) {
        let Some(state) = state_of(ssl) else { return };
        let (conn, vhost) = (state.conn(), state.vhost());
        let id = &vhost.id;
        match to {
            TicketUse::Seal => log!(
                conn,
                Debug,
                "AH02289: TLS session ticket key for {id} successfully set, creating new session ticket"
            ),
            TicketUse::Open => log!(
                conn,
                Debug,
                "AH02290: TLS session ticket key for {id} successfully set, decrypting existing session ticket"
            ),
        }
    }

    fn srp_verifiers(&self, ssl: &SslRef) -> Option<Arc<Verifiers>> {
        state_of(ssl)?.vhost().tls.as_ref()?.srp.clone()
    }

    fn key_log(&self, ssl: &SslRef, line: &CStr) {
        if let Some(log) = state_of(ssl).and_then(|state| state.vhost().tls.as_ref()?.key_log.clone()) {
            log.write(line);
        }
    }

    fn state_change(&self, ssl: &SslRef, change: StateChange<'_>) {
        if let Some(state) = state_of(ssl) {
            log_state(state.conn(), ssl, change);
        }
    }
}

/// Whether a session that was decoded just now may be resumed at the vhost of `tls`: it was made there, or by one that is
/// the same to clients. OpenSSL compares the context once more, so it becomes that of this one.
fn admits(state: &ConnState, tls: &Tls, session: &SessionRef, is_ours: bool) -> bool {
    let is_home = session.id_context() == tls.session_context;
    (is_home || (is_ours && tls.is_kin_of(session)))
        && client::fits(state, tls, session, is_ours)
        && (is_home || session.set_id_context(&tls.session_context))
}

/// A step of a handshake in the log.
pub fn log_state(conn: Conn<'_>, ssl: &SslRef, change: StateChange<'_>) {
    match change {
        StateChange::Started => log!(conn, Trace3, "OpenSSL: Handshake: start"),
        StateChange::Step(text) => log!(conn, Trace3, "OpenSSL: {text}"),
        StateChange::Finished => {
            log!(conn, Trace3, "OpenSSL: Handshake: done");
            let version = ssl.version_name();
            let cipher = ssl.cipher().unwrap_or_default();
            let (name, used, all) = (cipher.name, cipher.bits, cipher.algorithm_bits);
            log!(conn, Debug, "AH02041: Protocol: {version}, Cipher: {name} ({used}/{all} bits)");
        }
    }
}

/// What variables show of a ClientHello.
fn parts(hello: &ClientHello<'_>) -> Hello {
    let text = |part: HelloPart| match part.extension() {
        Some((number, length_bytes)) => Some(list(hello.extension(number)?, length_bytes)),
        None if part == HelloPart::Version => Some(format!("{:04x}", hello.legacy_version())),
        None if part == HelloPart::Ciphers => Some(hex(hello.ciphers())),
        None => Some(hello.extensions().iter().map(|number| format!("{number:04x}")).collect()),
    };
    HelloPart::ALL.iter().filter_map(|(_, part)| Some((*part, text(*part)?))).collect()
}

/// Finds the vhost that the client named, once.
fn select_vhost(state: &ConnState, ssl: &SslRef, name: Option<&str>) {
    if state.searched.get().is_some() {
        return;
    }
    let conn = state.conn();
    let Some(name) = name else {
        log!(
            conn,
            Debug,
            "AH02645: Server name not provided via TLS extension (using default/first virtual host)"
        );
        state.searched.set(Some(false));
        return;
    };
    let wanted = c_string(name);
    let mut found = None;
    conn.any_vhost(|server| {
        let matches = is_named(server, &wanted);
        if matches {
            found = Some(server.slot());
        }
        matches
    });
    state.searched.set(Some(found.is_some()));
    let Some(slot) = found else {
        log!(
            conn,
            Debug,
            "AH02044: No matching SSL virtual host for servername {name} found (using default/first virtual host)"
        );
        return;
    };
    log!(conn, Debug, "AH02043: SSL virtual host for servername {name} found");
    let server = slot.get();
    state.shared.set_server(server);
    state.wire.trace_if_logged(server);
    if let Some(vhost) = Vhost::of(server) {
        apply(state, ssl, vhost);
    }
    conn.show_server(server);
}

/// Puts the certificates of the vhost in force on the connection.
fn show_identities(state: &ConnState, ssl: &SslRef) -> CertificateVerdict {
    let vhost = state.vhost();
    let Some(tls) = &vhost.tls else { return CertificateVerdict::Refuse };
    if tls.are_identities_in_context() {
        return CertificateVerdict::Ready;
    }
    // Those of the server that the context was made for, of whatever kind.
    ssl.clear_identities();
    for identity in &tls.identities {
        if let Err(errors) = identity.install(ssl) {
            let (conn, id) = (state.conn(), &vhost.id);
            log!(conn, Error, "A certificate of {id} cannot be used on this connection");
            report::library_errors(vhost.server.get(), Level::Error, &errors);
            return CertificateVerdict::Refuse;
        }
    }
    CertificateVerdict::Ready
}

/// Puts the TLS parameters of `vhost` in force.
fn apply(state: &ConnState, ssl: &SslRef, vhost: &Arc<Vhost>) {
    // A vhost without TLS leaves those of the first vhost in force.
    let Some(tls) = &vhost.tls else { return };
    let before = state.vhost();
    if Arc::ptr_eq(vhost, &before) {
        return;
    }
    let is_shared = before.tls.as_ref().is_some_and(|before| Arc::ptr_eq(&before.policy, &tls.policy));
    if !is_shared {
        ssl.set_ctx(&tls.ctx);
        if tls.srp.is_some() || before.tls.as_ref().is_some_and(|before| before.srp.is_some()) {
            srp::follow_context(ssl);
        }
        ssl.take_verification(&tls.ctx);
        ssl.set_options(tls.ctx.options());
        if let Some(&(min, max)) = tls.protocols.get() {
            ssl.set_protocol_range(min, max);
        }
    }
    if !ssl.set_session_id_context(&tls.session_context) {
        log!(state.conn(), Error, "AH01963: Unable to set session id context to '{}'", vhost.id);
    }
    state.set_vhost(Arc::clone(vhost));
}

/// Whether `name` is the server's name or one of its aliases.
fn is_named(server: Server<'_>, name: &CStr) -> bool {
    let same = |other: &CStr| other.to_bytes().eq_ignore_ascii_case(name.to_bytes());
    same(server.hostname())
        || server.aliases().is_some_and(|aliases| aliases.iter().any(same))
        || server
            .wild_aliases()
            .is_some_and(|aliases| aliases.iter().any(|alias| wildcard_matches(name, alias)))
}

/// Chooses among the protocols a client offers (ALPN, RFC 7301).
fn negotiate(state: &ConnState, offered: &[u8]) -> AlpnVerdict {
    let conn = state.conn();
    let names = match split_offer(offered) {
        Ok(names) => names,
        Err(OfferError::Empty) => {
            log!(conn, Error, "AH02837: ALPN client protocol list empty");
            return AlpnVerdict::Fatal;
        }
        Err(OfferError::Overlong) => {
            log!(conn, Error, "AH02838: ALPN protocol identifier too long");
            return AlpnVerdict::Fatal;
        }
    };
    let place_of = |name: &CStr| names.iter().find(|range| &offered[(*range).clone()] == name.to_bytes());
    if !state.phase().is_shaking_hands() {
        // The protocol is being spoken already.
        let spoken = place_of(conn.protocol());
        return spoken.map_or(AlpnVerdict::NoAck, |range| AlpnVerdict::Select(range.clone()));
    }
    if state.challenge.get() {
        return place_of(ACME_TLS_1).map_or(AlpnVerdict::Fatal, |range| AlpnVerdict::Select(range.clone()));
    }
    let Some(chosen) = choose(state, conn, offered, &names) else { return AlpnVerdict::NoAck };
    // Never a name the client did not offer: strict clients give up then.
    let Some(range) = place_of(chosen) else { return AlpnVerdict::NoAck };
    // A challenge that was none after the ClientHello cannot be answered any more.
    if chosen == ACME_TLS_1 || !switch(state, chosen) {
        return AlpnVerdict::Fatal;
    }
    AlpnVerdict::Select(range.clone())
}

/// Makes `chosen` the protocol of the connection; says whether that was possible.
pub fn switch(state: &ConnState, chosen: &CStr) -> bool {
    let conn = state.conn();
    if chosen != conn.protocol() {
        let slot = state.server();
        let switched = conn.switch_protocol(slot.get(), chosen);
        if let Err(status) = switched.ok() {
            conn.log_status(
                Level::Error,
                status,
                format_args!("AH02908: protocol switch to '{}' failed", chosen.to_string_lossy()),
            );
            return false;
        }
    }
    true
}

/// httpd's choice: the `Protocols` of the vhost and the modules that propose.
pub fn choose<'c>(
    state: &'c ConnState,
    conn: Conn<'c>,
    offered: &[u8],
    names: &[Range<usize>],
) -> Option<&'c CStr> {
    let array = Strings::new(conn.pool())?;
    for range in names {
        array.push(conn.pool().text(&offered[range.clone()]));
    }
    let slot = state.server();
    let chosen = conn.select_protocol(slot.get(), array);
    Some(chosen.unwrap_or_else(|| conn.protocol()))
}
