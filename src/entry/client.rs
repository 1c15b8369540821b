//! The client's certificate on a connection: its verification, what a session
//! remembers of it, and what requests may rely on.

use super::connection::ConnState;
use super::ocsp::Place;
use super::trust::Loaded;
use super::vhost::Tls;
use crate::apr::time;
use crate::config::verify::{CrlScope, VerifyClient};
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Conn, Level};
use crate::metrics::{self, Counter};
use crate::ossl::lib::sha256;
use crate::ossl::ocsp;
use crate::ossl::session::{Binding, SessionRef};
use crate::ossl::ssl::{Ssl, SslRef};
use crate::ossl::verify::{VerifyAnswer, VerifyEnd, VerifyStep, WITHOUT_ALERT, chain_end, is_timely};
use crate::ossl::x509;
use crate::policy::verify::{
    self, CRL_EXPIRED, Completed, Digest, GOOD, Outcome, Shown, Step, StepVerdict, TOO_LONG, Terms,
};
use openssl::x509::{X509, X509Ref, X509StoreContextRef};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;

/// What is known while the client is verified.
#[derive(Default)]
pub struct Verification {
    /// Whom to believe: the same during all of a handshake.
    trust: RefCell<Option<Arc<Loaded>>>,
    /// An objection of the library that does not count here (`X509_V_ERR_...`).
    accepted: Cell<i32>,
    /// The verification has come to its end.
    completed: Cell<bool>,
    /// The terms of a directory, once one has asked for more than the vhost.
    terms: Cell<Option<Terms>>,
    /// When the first certificate of the chain expires, in seconds since 1970: of this handshake, or of the one
    /// that made the session which is resumed.
    until: Cell<Option<i64>>,
    /// The certificate that was shown, with its digest: sessions and requests ask for that, too.
    shown: RefCell<Option<(X509, Digest)>>,
}

impl Verification {
    /// The terms in force.
    #[must_use]
    pub fn terms(&self, tls: &Tls) -> Terms {
        self.terms.get().unwrap_or(tls.verify)
    }

    /// Another handshake is verified under these terms; gives those before.
    pub fn begin_again(&self, terms: Option<Terms>) -> Option<Terms> {
        self.accepted.set(GOOD);
        self.completed.set(false);
        self.until.set(None);
        self.terms.replace(terms)
    }

    fn loaded(&self) -> Option<Arc<Loaded>> {
        self.trust.borrow().clone()
    }

    /// The digest of a certificate, made once as long as it is the same object.
    fn digest(&self, certificate: &X509Ref) -> Option<Digest> {
        let known = |(shown, digest): &(X509, Digest)| ptr::eq(&**shown, certificate).then_some(*digest);
        let known = self.shown.borrow().as_ref().and_then(known);
        known.or_else(|| {
            let digest = sha256(&certificate.to_der().ok()?)?;
            self.shown.replace(Some((certificate.to_owned(), digest)));
            Some(digest)
        })
    }
}

/// Puts CAs and lists of revoked certificates on the connection, those of the
/// vhost whose terms are in force now.
pub fn prepare(state: &ConnState, ssl: &SslRef) -> bool {
    let vhost = state.vhost();
    let trust = vhost.tls.as_ref().and_then(|tls| tls.trust.as_ref());
    let loaded = trust.map(|trust| trust.current(vhost.server.get()));
    let done = loaded.as_ref().is_none_or(|loaded| ssl.set_verify_store(&loaded.store));
    state.verification.trust.replace(loaded);
    done
}

/// The library has looked at a certificate.
pub fn step(state: &ConnState, step: &VerifyStep<'_>) -> VerifyAnswer {
    let conn = state.conn();
    let vhost = state.vhost();
    let Some(tls) = &vhost.tls else { return VerifyAnswer { accept: false, error: verify::UNSPECIFIED } };
    let terms = state.verification.terms(tls);
    let verdict = terms.judge(Step { ok: step.ok, error: step.error, depth: step.depth });
    answer(conn, &terms, verdict, &state.verification.accepted, step)
}

/// Says what becomes of a certificate, to the log and to the library. An
/// objection that does not count is noted in `accepted`.
pub fn answer(
    conn: Conn<'_>,
    terms: &Terms,
    verdict: StepVerdict,
    accepted: &Cell<i32>,
    step: &VerifyStep<'_>,
) -> VerifyAnswer {
    if conn.logs(Level::Debug) {
        let ((mode, mask), depth) = (terms.crl.describe(), step.depth);
        let tail = tail(step.certificate);
        log!(
            conn,
            Debug,
            "AH02275: Certificate Verification, depth {depth}, CRL checking mode: {mode} ({mask:x}){tail}"
        );
    }
    let VerifyStep { error, depth, .. } = *step;
    let refused = |error| VerifyAnswer { accept: false, error };
    match verdict {
        StepVerdict::Accept => VerifyAnswer { accept: true, error },
        StepVerdict::AcceptUnvouched => {
            log!(
                conn,
                Debug,
                "AH02037: Certificate Verification: Verifiable Issuer is configured as optional, therefore we're accepting the certificate"
            );
            accepted.set(error);
            VerifyAnswer { accept: true, error }
        }
        StepVerdict::AcceptWithoutCrl => {
            log!(conn, Trace3, "Certificate Verification: no list of revoked certificates, which is allowed");
            VerifyAnswer { accept: true, error: accepted.get() }
        }
        StepVerdict::Refuse => {
            say_refused(conn, error, step.certificate);
            refused(if error == CRL_EXPIRED { WITHOUT_ALERT } else { error })
        }
        StepVerdict::RefuseTooLong => {
            let most = terms.depth;
            log!(
                conn,
                Error,
                "AH02040: Certificate Verification: Certificate Chain too long (chain has {depth} certificates, but maximum allowed are only {most})"
            );
            refused(TOO_LONG)
        }
    }
}

fn tail(certificate: Option<&X509Ref>) -> String {
    certificate.map_or(" [certificate: -not available-]".to_owned(), x509::log_tail)
}

fn say_refused(conn: Conn<'_>, error: i32, certificate: Option<&X509Ref>) {
    let text = x509::verify_error(error.into());
    if conn.logs(Level::Info) {
        let tail = tail(certificate);
        log!(conn, Info, "AH02276: Certificate Verification: Error ({error}): {text}{tail}");
    } else {
        log!(conn, Error, "AH02039: Certificate Verification: Error ({error}): {text}");
    }
}

/// The library has come to its end. What else has to be known of a chain that
/// is good so far is asked here.
pub fn end(state: &ConnState, end: &VerifyEnd<'_>) -> VerifyAnswer {
    if !end.ok {
        // It must not look like success.
        let error = if end.error == GOOD { verify::UNSPECIFIED } else { end.error };
        return VerifyAnswer { accept: false, error };
    }
    // Whatever was found afterwards: nobody vouches for the certificate.
    let accepted = state.verification.accepted.get();
    let error = if accepted == GOOD { end.error } else { accepted };
    if let Err(error) = ask_responders(state, error, end.chain) {
        return VerifyAnswer { accept: false, error };
    }
    state.verification.completed.set(true);
    state.verification.until.set(chain_end(end.chain));
    VerifyAnswer { accept: true, error }
}

/// Asks OCSP responders about a chain that is good so far. The error is what they object to.
fn ask_responders(state: &ConnState, error: i32, context: &X509StoreContextRef) -> Result<(), i32> {
    let vhost = state.vhost();
    let Some(checker) = vhost.tls.as_ref().and_then(|tls| tls.ocsp.as_ref()) else { return Ok(()) };
    let conn = state.conn();
    if verify::is_about_trust(error) {
        let why = "if issuer has not been verified (optional_no_ca configured)";
        log!(conn, Error, "AH02038: cannot perform OCSP validation for cert {why}");
        say_refused(conn, verify::APPLICATION, context.current_cert());
        return Err(verify::APPLICATION);
    }
    let (Some(chain), Some(store)) = (context.chain(), ocsp::store(context)) else {
        return Err(verify::APPLICATION);
    };
    let lists = state.verification.loaded().map_or([0; 32], |loaded| loaded.digest);
    let place = Place { conn, server: vhost.server.get(), store, lists };
    checker.check(place, chain).map_err(|objection| {
        say_refused(conn, objection.error, Some(objection.certificate));
        objection.error
    })
}

/// The policy in force: that of the vhost, or of a directory that asked for
/// more.
fn agreed(state: &ConnState, tls: &Tls) -> Option<Digest> {
    let Some(terms) = state.verification.terms.get() else { return Some(tls.digest) };
    sha256(&[&tls.digest, terms.mode.name().as_bytes(), &terms.depth.to_be_bytes()].concat())
}

/// The policy in force, with the lists of revoked certificates as they are now.
fn policy(state: &ConnState, tls: &Tls) -> Option<Digest> {
    let digest = agreed(state, tls)?;
    match state.verification.loaded() {
        Some(loaded) => sha256(&[digest, loaded.digest].concat()),
        None => Some(digest),
    }
}

/// What ties a session to the terms and the client that it was made with.
#[must_use]
pub fn binding(state: &ConnState, tls: &Tls, ssl: &SslRef, session: &SessionRef) -> Binding {
    let made = || {
        let (client, result, until) = match session.peer_certificate() {
            None => ([0; 32], 0, Binding::ENDLESS),
            Some(certificate) => {
                let result = u8::try_from(ssl.verify_result()).ok()?;
                (state.verification.digest(&certificate)?, result, state.verification.until.get()?)
            }
        };
        Some(Binding { policy: policy(state, tls)?, result, client, until })
    };
    made().unwrap_or(Binding::FOREIGN)
}

/// Whether a session may be resumed under the policy of `tls`. One without a
/// binding comes from another implementation that shares the cache; its
/// session id context has to be enough, as long as clients are not verified and
/// it claims none: requests rely on the certificate of a session.
/// The same goes for one that is not `is_ours`, whatever it says.
/// None lives longer than the configuration says now. Sessions of TLS-SRP fit nobody: whoever resumes one can name another user
/// than the one who has logged in.
#[must_use]
pub fn fits(state: &ConnState, tls: &Tls, session: &SessionRef, is_ours: bool) -> bool {
    if session.cipher_name().is_some_and(|name| name.starts_with("SRP-")) {
        return false;
    }
    if !verify::is_alive(session.time(), tls.session_timeout, time::seconds_now()) {
        return false;
    }
    let Some(bound) = session.binding().filter(|_| is_ours) else {
        return !tls.auth.verifies_clients() && session.peer_certificate().is_none();
    };
    if bound == Binding::FOREIGN || Some(bound.policy) != policy(state, tls) {
        return false;
    }
    let shown = match session.peer_certificate() {
        None if bound.client == [0; 32] => Shown::Nothing,
        Some(certificate) if state.verification.digest(&certificate) == Some(bound.client) => {
            let checks = tls.verify.crl.scope != CrlScope::None;
            let lists = !checks || state.verification.loaded().is_none_or(|loaded| loaded.is_timely());
            let chain = time::now() < time::from_seconds(bound.until) && is_timely(&certificate);
            Shown::Certificate { result: bound.result.into(), timely: lists && chain }
        }
        _ => return false,
    };
    let may = tls.verify.may_resume(shown);
    if may {
        // What this handshake gives out ends with it.
        state.verification.until.set(Some(bound.until));
    }
    may
}

/// What the handshake that was just finished says of the client.
#[must_use]
pub fn outcome(state: &ConnState, ssl: &Ssl) -> Option<Outcome> {
    let vhost = state.vhost();
    let tls = vhost.tls.as_ref()?;
    let certificate = match ssl.peer_certificate() {
        None => None,
        Some(certificate) => Some(state.verification.digest(&certificate)?),
    };
    // A handshake that follows another one resumes nothing.
    let resumed = ssl.is_resumed() && !state.again.is_begun();
    Some(verify::conclude(&Completed {
        policy: agreed(state, tls)?,
        terms: state.verification.terms(tls),
        certificate,
        completed: state.verification.completed.get() || resumed,
        result: i32::try_from(ssl.verify_result()).unwrap_or(verify::UNSPECIFIED),
        tls13: ssl.is_tls13(),
    }))
}

/// What the first handshake says of the client. `None`: it is not let in, and
/// that was logged. The handshake itself refuses before, unless another module
/// or a command of the library has changed what it asks for.
#[must_use]
pub fn conclude(state: &ConnState, ssl: &Ssl) -> Option<Outcome> {
    if state.challenge.get() {
        return Some(Outcome::Absent);
    }
    let vhost = state.vhost();
    let tls = vhost.tls.as_ref()?;
    let outcome = outcome(state, ssl)?;
    let conn = state.conn();
    let is_admitted = tls.verify.admits(&outcome);
    if tls.auth.verifies_clients() {
        metrics::count(match &outcome {
            _ if !is_admitted => Counter::ClientRefused,
            Outcome::Good(_) => Counter::ClientVerified,
            Outcome::Absent => Counter::ClientAbsent,
            Outcome::Generous | Outcome::Bad(_) => Counter::ClientUnvouched,
        });
    }
    match &outcome {
        Outcome::Good(_) => {}
        Outcome::Absent if is_admitted => {}
        Outcome::Absent => log!(conn, Info, "AH02011: No acceptable peer certificate available"),
        Outcome::Generous | Outcome::Bad(_) if is_admitted => log!(
            conn,
            Info,
            "AH02009: SSL client authentication failed, accepting certificate based on \"SSLVerifyClient {}\" configuration",
            VerifyClient::OptionalNoCa.name()
        ),
        Outcome::Generous | Outcome::Bad(_) => {
            let text = x509::verify_error(ssl.verify_result());
            log!(conn, Info, "AH02010: SSL client authentication failed: {text}");
        }
    }
    is_admitted.then_some(outcome)
}
