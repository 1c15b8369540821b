//! What OpenSSL asks during a handshake with a backend.

use super::handshake;
use super::outgoing::Outgoing;
use crate::entry::client;
use crate::entry::connection::ConnState;
use crate::entry::events::{UNKNOWN, log_state, state_of};
use crate::entry::report;
use crate::httpd::Level;
use crate::httpd::log::{LogTarget, log};
use crate::ossl::callback::{
    AlpnVerdict, CertificateVerdict, ClientHello, HelloVerdict, ServerEvents, SniVerdict, StateChange,
    TicketStatus, TicketVerdict,
};
use crate::ossl::session::SessionRef;
use crate::ossl::ssl::SslRef;
use crate::ossl::verify::{VerifyAnswer, VerifyEnd, VerifyStep};
use crate::ossl::x509;
use crate::policy::backend::Refusal;
use crate::policy::machine;
use crate::policy::verify::{GOOD, Step, UNSPECIFIED};
use openssl::x509::X509Ref;
use std::ffi::CStr;

/// The answers, for all contexts of backends.
pub static EVENTS: BackendEvents = BackendEvents;

/// See [`ServerEvents`]; what only servers are asked is refused.
pub struct BackendEvents;

/// `X509_V_ERR_CERT_HAS_EXPIRED`, for the alert.
const EXPIRED: i32 = 10;
/// `X509_V_ERR_HOSTNAME_MISMATCH`, for the alert.
const OTHER_NAME: i32 = 62;

/// The connection whose handshake this is.
fn outgoing_of(ssl: &SslRef) -> Option<(&ConnState, &Outgoing)> {
    let state = state_of(ssl)?;
    Some((state, state.outgoing.as_ref()?))
}

impl ServerEvents for BackendEvents {
    fn client_hello(&self, _: &SslRef, _: &ClientHello<'_>) -> HelloVerdict {
        HelloVerdict::Abort(80)
    }

    fn server_name(&self, _: &SslRef) -> SniVerdict {
        SniVerdict::NoAck
    }

    fn alpn(&self, _: &SslRef, _: &[u8]) -> AlpnVerdict {
        AlpnVerdict::Fatal
    }

    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}

    fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
        TicketVerdict::Ignore
    }

    fn certificate(&self, ssl: &SslRef) -> CertificateVerdict {
        match outgoing_of(ssl) {
            Some((state, outgoing)) => show(state, outgoing, ssl),
            None => CertificateVerdict::Refuse,
        }
    }

    fn verify_step(&self, ssl: &SslRef, step: &VerifyStep<'_>) -> VerifyAnswer {
        let Some((state, outgoing)) = outgoing_of(ssl) else { return UNKNOWN };
        let checks = &outgoing.policy.checks;
        let verdict = checks.judge(Step { ok: step.ok, error: step.error, depth: step.depth });
        client::answer(state.conn(), &checks.chain, verdict, &outgoing.accepted, step)
    }

    fn verify_end(&self, ssl: &SslRef, end: &VerifyEnd<'_>) -> VerifyAnswer {
        outgoing_of(ssl).map_or(UNKNOWN, |(state, outgoing)| verified(state, outgoing, end))
    }

    fn session_new(&self, ssl: &SslRef, session: &SessionRef) {
        if let Some((_, outgoing)) = outgoing_of(ssl) {
            outgoing.add_session(session, ssl.is_tls13());
        }
    }

    fn key_log(&self, ssl: &SslRef, line: &CStr) {
        if let Some(log) = outgoing_of(ssl).and_then(|(_, outgoing)| outgoing.policy.key_log.clone()) {
            log.write(line);
        }
    }

    fn state_change(&self, ssl: &SslRef, change: StateChange<'_>) {
        if let Some((state, _)) = outgoing_of(ssl) {
            log_state(state.conn(), ssl, change);
        }
    }
}

/// The chain is good as far as the library is concerned. The certificate is
/// looked at here already, before ours would be shown; also when a backend
/// begins another handshake on the connection.
fn verified(state: &ConnState, outgoing: &Outgoing, end: &VerifyEnd<'_>) -> VerifyAnswer {
    if !end.ok {
        // It must not look like success.
        let error = if end.error == GOOD { UNSPECIFIED } else { end.error };
        return VerifyAnswer { accept: false, error };
    }
    let chain = end.chain.chain();
    let leaf = chain.and_then(|chain| chain.get(0));
    let facts = leaf.map(handshake::read);
    let host = outgoing.host.get().and_then(Option::as_deref);
    let objections = outgoing.policy.checks.objections(facts.as_ref(), host);
    if let Some(first) = objections.first() {
        handshake::say(state.conn(), outgoing, facts.as_ref(), b"", &objections);
        let error = if *first == Refusal::Expired { EXPIRED } else { OTHER_NAME };
        return VerifyAnswer { accept: false, error };
    }
    let ends = chain.into_iter().flatten().filter_map(x509::not_after_seconds).min();
    outgoing.set_verified(ends.unwrap_or(i64::MAX));
    let accepted = outgoing.accepted.get();
    VerifyAnswer { accept: true, error: if accepted == GOOD { end.error } else { accepted } }
}

fn describe(certificate: &X509Ref) -> String {
    String::from_utf8_lossy(&x509::name(certificate.subject_name())).into_owned()
}

/// The backend asks for a certificate.
fn show(state: &ConnState, outgoing: &Outgoing, ssl: &SslRef) -> CertificateVerdict {
    let (conn, id) = (state.conn(), state.vhost_id());
    let prefix = "Proxy client certificate callback:";
    log!(conn, Debug, "AH02267: {prefix} ({id}) entered");
    // What was shown before may not be what is asked for now.
    ssl.clear_identities();
    outgoing.shown.take();
    outgoing.asked.set(true);
    let pairs = &outgoing.policy.pairs;
    if pairs.is_empty() {
        log!(
            conn,
            Warn,
            "AH02268: {prefix} ({id}) downstream server wanted client certificate but none are configured"
        );
        return CertificateVerdict::Ready;
    }
    let wanted = ssl.peer_ca_names();
    let issuers: Vec<&[Vec<u8>]> = pairs.iter().map(|pair| pair.issuers.as_slice()).collect();
    let kinds = ssl.peer_signature_keys();
    let takes = |index: usize| kinds.is_empty() || kinds.contains(&pairs[index].identity.signature_key());
    let Some(choice) = machine::choose(&issuers, &wanted, takes) else {
        log!(conn, Debug, "AH02269: {prefix} ({id}) no client certificate found!?");
        return CertificateVerdict::Ready;
    };
    let identity = &pairs[choice.index].identity;
    if conn.logs(Level::Debug) {
        let why = match choice.by {
            machine::By::NoList => "AH02278: no acceptable CA list",
            machine::By::Issuer => "AH02279: found acceptable cert",
            machine::By::Above => "AH02280: found acceptable cert by intermediate CA",
        };
        let name = describe(identity.certificate());
        log!(conn, Debug, "AH02277: {prefix} ({id}) {why}, sending {name}");
    }
    if let Err(errors) = identity.install(ssl) {
        log!(conn, Error, "The client certificate for backends of {id} cannot be used on this connection");
        report::library_errors(state.server().get(), Level::Error, &errors);
        return CertificateVerdict::Refuse;
    }
    outgoing.shown.replace(Some(identity.certificate().to_owned()));
    CertificateVerdict::Ready
}
