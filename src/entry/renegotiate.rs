//! What a directory demands of a connection that exists already: a second
//! handshake (TLS 1.2), or a certificate after the handshake (TLS 1.3).

use super::connection::ConnState;
use super::shared::{Established, Shared};
use super::vhost::{Tls, Vhost};
use super::wire::Waiting;
use super::{body, client, handshake, input, report};
use crate::apr::Status;
use crate::apr::pool::c_string;
use crate::config::dir::DirConfig;
use crate::config::options::OptionSet;
use crate::config::verify::VerifyClient;
use crate::httpd::hook::answer;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::request::TextField;
use crate::httpd::{Level, Request, Server};
use crate::metrics::{self, Counter};
use crate::ossl::ctx::{Verify, options};
use crate::ossl::ssl::{Ssl, Stopped};
use crate::policy::renegotiate::{Asked, Ciphers, Facts, Reason, Step, decide, stricter};
use crate::policy::verify::{Outcome, Terms};
use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::time::Instant;

/// How many handshakes there may be on one connection. After that it ends with
/// the response: a client that goes to and fro between directories costs as
/// much as many that come once.
const HANDSHAKES: u32 = 64;
/// How often reading may stop without anything having come of it.
const ROUNDS: u32 = 1_024;

/// Brings the connection to what the directory of the request demands, for
/// hook `access_checker`: `dir` and its `SSLCipherSuite`, on a server with `tls`.
///
/// # Errors
/// The status of the answer: the request is refused, and the reason logged.
pub fn adapt(
    request: Request<'_>,
    shared: &Shared,
    tls: &Tls,
    dir: &DirConfig,
    ciphers: Option<&CStr>,
) -> Result<(), c_int> {
    let Some(demand) = Demand::of(request, shared, tls, dir, ciphers)? else { return Ok(()) };
    if request.conn().master().is_some() {
        return refuse_stream(request, shared, &demand);
    }
    let Some(state) = ConnState::of(request.conn()) else { return Err(answer::FORBIDDEN) };
    let Some(ssl) = state.ssl() else { return Err(answer::FORBIDDEN) };
    let task = Task { request, state, ssl: &ssl, dir, demand: &demand };
    task.run()
}

/// What a request demands.
struct Demand<'r> {
    /// A list of ciphers (up to TLS 1.2).
    ciphers: Option<Cow<'r, str>>,
    /// How the client must be verified.
    terms: Terms,
}

impl<'r> Demand<'r> {
    /// `None`: nothing.
    fn of(
        request: Request<'_>,
        shared: &Shared,
        tls: &'r Tls,
        dir: &DirConfig,
        ciphers: Option<&'r CStr>,
    ) -> Result<Option<Self>, c_int> {
        let slot = shared.server();
        let is_other = !slot.get().same(request.server());
        let ciphers = match ciphers {
            Some(list) => Some(list.to_string_lossy()),
            None if is_other => tls.identity.cipher_suite.as_deref().map(Cow::Borrowed),
            None => None,
        };
        let terms = Terms {
            mode: stricter(tls.verify.mode, dir.verify_client.unwrap_or_default()),
            depth: dir.verify_depth.unwrap_or(tls.verify.depth),
            crl: tls.verify.crl,
        };
        if terms.mode != VerifyClient::None && is_other && !believes_alike(slot.get(), tls) {
            log!(
                request,
                Info,
                "AH02256: Non-default virtual host with SSLVerify set to '{}' and VirtualHost-specific CA certificate list is only available to clients with TLS server name indication (SNI) support",
                terms.mode.name()
            );
            return Err(answer::FORBIDDEN);
        }
        let nothing = ciphers.is_none() && terms.mode == VerifyClient::None;
        Ok((!nothing).then_some(Self { ciphers, terms }))
    }
}

/// Whether clients that the vhost of the handshake believes are believed here.
fn believes_alike(made: Server<'_>, wanted: &Tls) -> bool {
    let made = Vhost::of(made).and_then(|vhost| vhost.tls.as_ref());
    made.is_some_and(|made| made.auth.believes_alike(&wanted.auth))
}

/// HTTP/2 forbids both (RFC 9113, 9.2.1 and 9.2.3): the client is told to come
/// by HTTP/1.1.
fn refuse_stream(request: Request<'_>, shared: &Shared, demand: &Demand<'_>) -> Result<(), c_int> {
    let Some(established) = shared.established() else { return Err(answer::FORBIDDEN) };
    let slot = shared.server();
    let in_force = Vhost::of(slot.get()).and_then(|vhost| vhost.cipher_suite());
    let other = demand.ciphers.is_some() && demand.ciphers.as_deref() != in_force;
    // Nothing can have changed since the handshake.
    let made =
        Vhost::of(slot.get()).and_then(|vhost| vhost.tls.as_ref()).map_or(demand.terms, |tls| tls.verify);
    let facts = Facts {
        tls13: established.version == TLS13,
        stream: true,
        optimise: false,
        srp_user: established.srp_user.is_some(),
        ciphers: if other { Ciphers::Other } else { Ciphers::Same },
        asked: Asked::by(made.mode),
        wanted: Asked::by(demand.terms.mode),
        depth: made.depth_kept(),
        wanted_depth: demand.terms.depth,
        admitted: demand.terms.admits(&established.client),
    };
    let reason = match decide(&facts) {
        Step::Nothing => return Ok(()),
        Step::Refuse(Reason::Ciphers) => c"cipher-suite",
        _ => c"verify-client",
    };
    if let Some(notes) = request.notes() {
        notes.set(c"ssl-renegotiate-forbidden", reason);
    }
    Err(answer::FORBIDDEN)
}

/// OpenSSL's name of the version that knows no renegotiation.
const TLS13: &str = "TLSv1.3";

/// For the page of the refusal.
const CANNOT_ASK: &CStr = c"Reason: Cannot perform Post-Handshake Authentication.<br />";

/// Whether the client is asked for a certificate, as OpenSSL has it.
fn asked(verify: Verify) -> Asked {
    if verify.contains(Verify::PEER | Verify::FAIL_IF_NO_PEER_CERT) {
        Asked::MustSend
    } else if verify.contains(Verify::PEER) {
        Asked::MaySend
    } else {
        Asked::No
    }
}

/// What is asked for now, and what `verify` asks for besides; again, if the
/// client was asked once.
fn raised(now: Verify, verify: VerifyClient) -> Verify {
    let more = match Asked::by(verify) {
        Asked::No => return now,
        Asked::MaySend => Verify::PEER,
        Asked::MustSend => Verify::PEER | Verify::FAIL_IF_NO_PEER_CERT,
    };
    (now - Verify::CLIENT_ONCE) | more
}

/// Why a second handshake did not come to its end.
enum Failure {
    /// By OpenSSL, with the status of the filters below.
    Stopped(Stopped, Status),
    /// The client sent more data than are held for it.
    TooMuch,
    /// The client sent messages that lead nowhere.
    NoProgress,
    /// It did, but what it came to cannot be told.
    Unknown,
}

/// One request that demands more than the connection has.
struct Task<'t> {
    request: Request<'t>,
    state: &'t ConnState,
    ssl: &'t Ssl,
    dir: &'t DirConfig,
    demand: &'t Demand<'t>,
}

impl Task<'_> {
    fn run(&self) -> Result<(), c_int> {
        let ciphers = self.try_ciphers()?;
        let vhost = self.state.vhost();
        let Some(tls) = &vhost.tls else { return Err(answer::FORBIDDEN) };
        let (made, terms) = (self.state.shared.established(), self.demand.terms);
        let facts = Facts {
            tls13: self.ssl.is_tls13(),
            stream: false,
            optimise: self.dir.options.in_force().contains(OptionSet::OPT_RENEGOTIATE),
            srp_user: made.is_some_and(|made| made.srp_user.is_some()),
            ciphers,
            asked: asked(self.ssl.verify()),
            wanted: Asked::by(terms.mode),
            depth: self.state.verification.terms(tls).depth_kept(),
            wanted_depth: terms.depth,
            admitted: made.is_some_and(|made| terms.admits(&made.client)),
        };
        match decide(&facts) {
            Step::Nothing => {
                self.remember_ciphers();
                return Ok(());
            }
            Step::Renegotiate(reason) => {
                match reason {
                    Reason::Ciphers => {
                        log!(
                            self.request,
                            Debug,
                            "AH02220: Reconfigured cipher suite will force renegotiation"
                        );
                    }
                    Reason::Verification => log!(
                        self.request,
                        Debug,
                        "AH02255: Changed client verification type will force renegotiation"
                    ),
                    Reason::Depth => log!(
                        self.request,
                        Debug,
                        "AH02254: Reduced client verification depth will force renegotiation"
                    ),
                }
                self.hold_body(
                    "AH02257: could not buffer message body to allow SSL renegotiation to proceed",
                )?;
                self.renegotiate()?;
            }
            Step::AskForCertificate(reason) => {
                if reason == Reason::Depth {
                    log!(
                        self.request,
                        Debug,
                        "AH10128: Reduced client verification depth will force renegotiation"
                    );
                }
                self.hold_body(
                    "AH10228: could not buffer message body to allow TLS Post-Handshake Authentication to proceed",
                )?;
                self.ask_for_certificate()?;
            }
            Step::Refuse(_) => return Err(answer::FORBIDDEN),
        }
        self.check_client()
    }

    /// Puts the ciphers of the directory in force, for the next handshake.
    fn try_ciphers(&self) -> Result<Ciphers, c_int> {
        let Some(list) = self.ciphers() else { return Ok(Ciphers::Same) };
        if self.state.again.has_ciphers(&self.state.vhost(), list) {
            return Ok(Ciphers::Same);
        }
        let before = self.ssl.cipher_names();
        if let Err(errors) = self.ssl.set_cipher_list(&c_string(list)) {
            log!(self.request, Warn, "AH02253: Unable to reconfigure (per-directory) permitted SSL ciphers");
            report::library_errors(self.request.server(), Level::Error, &errors);
            return Err(answer::FORBIDDEN);
        }
        let after = self.ssl.cipher_names();
        Ok(Ciphers::Tried {
            in_use_is_allowed: self.uses_one_of(&after),
            same_set: before.len() == after.len() && before.iter().all(|name| after.contains(name)),
        })
    }

    /// The ciphers that the directory demands, up to TLS 1.2.
    fn ciphers(&self) -> Option<&str> {
        self.demand.ciphers.as_deref().filter(|_| !self.ssl.is_tls13())
    }

    /// The connection has what the directory demands.
    fn remember_ciphers(&self) {
        if let Some(list) = self.ciphers() {
            self.state.again.set_ciphers(&self.state.vhost(), list);
        }
    }

    fn uses_one_of(&self, names: &[&str]) -> bool {
        self.ssl.cipher().is_some_and(|cipher| names.contains(&cipher.name.as_str()))
    }

    /// The client may only answer when it has sent the whole body. That of a
    /// sub-request is not its own: what comes of it meanwhile is kept like
    /// other data.
    fn hold_body(&self, failed: &str) -> Result<(), c_int> {
        let request = self.request;
        // Without RFC 5746 the peer of the second handshake may be another one, whose data must not become a part of
        // this request (CVE-2009-3555).
        let comes_later =
            request.expects_continue() && (self.ssl.is_tls13() || self.ssl.secure_renegotiation());
        if !request.announces_body() || comes_later || request.is_subrequest() {
            return Ok(());
        }
        body::hold(request, self.limit()).inspect_err(|_| {
            log!(request, Error, "{failed}");
        })
    }

    fn limit(&self) -> u64 {
        self.dir.reneg_buffer_size.unwrap_or(body::LIMIT)
    }

    /// A full second handshake.
    fn renegotiate(&self) -> Result<(), c_int> {
        let (request, ssl) = (self.request, self.ssl);
        log!(request, Info, "AH02221: Requesting connection re-negotiation");
        self.close_if_pipelined();
        let does = if ssl.secure_renegotiation() { "client does" } else { "client does not" };
        log!(
            request,
            Debug,
            "AH02260: Performing full renegotiation: complete handshake protocol ({does} support secure renegotiation)"
        );
        let allowed = ssl.cipher_names();
        self.begin()?;
        if let Some(tls) = Vhost::of(request.server()).and_then(|vhost| vhost.tls.as_ref()) {
            ssl.set_options(tls.ctx.options() & options::CIPHER_SERVER_PREFERENCE);
        }
        ssl.clear_options(options::NO_RENEGOTIATION);
        let begun = ssl.renegotiate();
        // The client may answer, and begin no other one.
        ssl.set_options(options::NO_RENEGOTIATION);
        let begun = begun.map_err(Stopped::Library).and_then(|()| ssl.do_handshake());
        let outcome = match begun {
            Ok(()) => {
                log!(request, Info, "AH02226: Awaiting re-negotiation handshake");
                self.drive(|| !ssl.is_renegotiating())
            }
            Err(stopped) => {
                log!(request, Error, "AH02225: Re-negotiation request failed");
                Err(Failure::Stopped(stopped, self.state.wire.status()))
            }
        };
        self.finish(outcome)?;
        self.close_if_pipelined();
        self.check_cipher(&allowed)
    }

    /// Prepares for a handshake whose result belongs to this connection alone.
    /// Gives the terms in force before, to put them back.
    fn begin(&self) -> Result<Option<Terms>, c_int> {
        let (state, ssl) = (self.state, self.ssl);
        let vhost = state.vhost();
        let Some(tls) = &vhost.tls else { return Err(answer::FORBIDDEN) };
        ssl.forbid_resumption();
        state.wire.set_urgent(true);
        if state.again.begin() >= HANDSHAKES {
            state.conn().close_after_request();
        }
        let (before, wanted) = (state.verification.terms(tls), self.demand.terms);
        let terms = match wanted.mode {
            VerifyClient::None => before,
            mode => Terms { mode: stricter(before.mode, mode), ..wanted },
        };
        if !client::prepare(state, ssl) {
            return Err(answer::SERVER_ERROR);
        }
        ssl.set_verify(raised(ssl.verify(), terms.mode));
        Ok(state.verification.begin_again((terms != tls.verify).then_some(terms)))
    }

    /// A certificate after the handshake (RFC 8446, 4.6.2).
    fn ask_for_certificate(&self) -> Result<(), c_int> {
        let (request, state, ssl) = (self.request, self.state, self.ssl);
        log!(request, Debug, "AH10129: verify client post handshake");
        let verify = ssl.verify();
        let terms = self.begin()?;
        if let Err(errors) = ssl.request_certificate() {
            log!(request, Error, "AH10158: cannot perform post-handshake authentication");
            report::library_errors(request.server(), Level::Error, &errors);
            // Nothing has happened: other requests may be served.
            ssl.set_verify(verify);
            state.verification.begin_again(terms);
            if let Some(notes) = request.notes() {
                notes.set(c"error-notes", CANNOT_ASK);
            }
            return Err(answer::FORBIDDEN);
        }
        let finished = ssl.peer_finished();
        let outcome = match ssl.do_handshake() {
            Ok(()) => self.drive(|| ssl.peer_finished() != finished),
            Err(stopped) => Err(Failure::Stopped(stopped, state.wire.status())),
        };
        self.finish(outcome)
    }

    /// Data that came before the handshake must not be taken for what the peer
    /// of the new one has sent (CVE-2009-3555).
    fn close_if_pipelined(&self) {
        let expected = self.request.expects_continue();
        let (state, ssl) = (self.state, self.ssl);
        // Why nothing can be read shows in the handshake.
        let _ = input::keep(state, ssl);
        if state.has_input(ssl) && !expected && !state.conn().is_closing() {
            log!(
                self.request,
                Error,
                "AH02259: insecure SSL re-negotiation required, but a pipelined request is present; keepalive disabled"
            );
            state.conn().close_after_request();
        }
    }

    /// Reads until the client has finished the handshake, within the time that
    /// one wait for the network may last.
    fn drive(&self, is_done: impl Fn() -> bool) -> Result<(), Failure> {
        let wire = &self.state.wire;
        wire.set_deadline(Instant::now().checked_add(self.request.server().timeout()));
        let outcome = self.read_until(is_done);
        wire.set_deadline(None);
        outcome
    }

    /// While the handshake is under way nothing but itself is asked for: a read
    /// would bring it to its end and then wait for data of a client that waits
    /// for the response.
    fn read_until(&self, is_done: impl Fn() -> bool) -> Result<(), Failure> {
        let (state, ssl) = (self.state, self.ssl);
        let mut early = 0_u64;
        for _ in 0..ROUNDS {
            let between = ssl.is_established();
            if between && is_done() {
                return Ok(());
            }
            state.wire.wait(Waiting::Block);
            let mut byte = [MaybeUninit::uninit()];
            let step =
                if between { ssl.peek(&mut byte).map(|_| true) } else { ssl.do_handshake().map(|()| false) };
            match step {
                Ok(true) => {
                    // Data that the client sent before it saw our request.
                    early += input::keep(state, ssl).unwrap_or(0) as u64;
                    if early > self.limit() {
                        return Err(Failure::TooMuch);
                    }
                }
                Ok(false) | Err(Stopped::WantRead | Stopped::WantWrite) => {}
                // Whoever leaves when it is done has done so.
                Err(Stopped::Closed | Stopped::Eof) if ssl.is_established() && is_done() => return Ok(()),
                Err(stopped) => return Err(Failure::Stopped(stopped, state.wire.status())),
            }
        }
        Err(Failure::NoProgress)
    }

    /// After a handshake: what it came to is the connection's new state, or
    /// the connection is given up.
    fn finish(&self, outcome: Result<(), Failure>) -> Result<(), c_int> {
        let state = self.state;
        let sent = outcome.and_then(|()| {
            let sent = state.wire.send(Waiting::Block);
            sent.ok().map_err(|status| Failure::Stopped(Stopped::Io, status))
        });
        match sent.and_then(|()| client::outcome(state, self.ssl).ok_or(Failure::Unknown)) {
            Ok(client) => {
                metrics::count(Counter::LaterDone);
                state.shared.establish(Established::again(&state.shared, self.ssl, &state.vhost(), client));
                Ok(())
            }
            Err(failure) => {
                metrics::count(Counter::LaterFailed);
                self.say_failed(failure);
                state.conn().close_after_request();
                handshake::abort(state);
                Err(answer::FORBIDDEN)
            }
        }
    }

    fn say_failed(&self, failure: Failure) {
        const FAILED: &str = "AH02261: Re-negotiation handshake failed";
        let request = self.request;
        match failure {
            Failure::Stopped(stopped, status) => {
                if status.is_success() || status.is_retry() {
                    log!(request, Error, "{FAILED}");
                } else {
                    request.log_status(Level::Error, status, format_args!("{FAILED}"));
                }
                report::library_errors(request.server(), Level::Error, stopped.errors());
            }
            Failure::TooMuch => {
                let limit = self.limit();
                log!(request, Error, "{FAILED} (more than {limit} bytes of data came before it)");
            }
            Failure::NoProgress => log!(request, Error, "{FAILED} (no progress)"),
            Failure::Unknown => log!(request, Error, "{FAILED} (what it came to cannot be read)"),
        }
    }

    /// The client must be one that the directory lets in. The handshake has
    /// refused all others, unless another module changed what it asks for.
    fn check_client(&self) -> Result<(), c_int> {
        let terms = self.demand.terms;
        match self.state.shared.established().map(|made| &made.client) {
            Some(client) if terms.admits(client) => return Ok(()),
            Some(Outcome::Absent) => {
                log!(
                    self.request,
                    Error,
                    "AH02263: Re-negotiation handshake failed: Client certificate missing"
                );
            }
            _ => {
                log!(
                    self.request,
                    Error,
                    "AH02262: Re-negotiation handshake failed: Client verification failed"
                );
            }
        }
        Err(answer::FORBIDDEN)
    }

    /// A renegotiation must have brought one of the ciphers that are demanded,
    /// of which those `allowed` were put in force before.
    fn check_cipher(&self, allowed: &[&str]) -> Result<(), c_int> {
        if self.ciphers().is_none() {
            return Ok(());
        }
        if self.uses_one_of(allowed) {
            self.remember_ciphers();
            return Ok(());
        }
        let cipher = self.ssl.cipher().unwrap_or_default().name;
        let file = self.request.text(TextField::Filename).unwrap_or_default().to_string_lossy();
        log!(
            self.request,
            Error,
            "AH02264: SSL cipher suite not renegotiated: access to {file} denied using cipher {cipher}"
        );
        Err(answer::FORBIDDEN)
    }
}
