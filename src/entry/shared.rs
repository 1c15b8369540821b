//! What requests may see of their connection, in any thread.

use super::connection::ConnState;
use super::module;
use super::vars::Environment;
use super::vhost::{Policy, Vhost};
use crate::httpd::server::ServerSlot;
use crate::httpd::{Conn, Request, Server};
use crate::ossl::srp;
use crate::ossl::ssl::{Cipher, Signature, SslRef};
use crate::policy::verify::{Outcome, Verified};
use crate::vars::escape::controls;
use crate::vars::hello::HelloPart;
use openssl::x509::X509;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// How the TLS connection is closed, chosen by the environment variables
/// `ssl-unclean-shutdown` and `ssl-accurate-shutdown` of its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownType {
    /// Send close_notify, do not wait for the peer's.
    Standard,
    /// Send nothing.
    Unclean,
    /// Send close_notify and wait for the peer's.
    Accurate,
}

/// Parts of a ClientHello in hexadecimal; empty without `SSLClientHelloVars`.
pub type Hello = Vec<(HelloPart, String)>;

/// What a handshake came to. It does not change afterwards.
pub struct Established {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// The cipher.
    pub cipher: Option<Cipher>,
    /// The host name the client asked for, as sent, but for control characters.
    pub server_name: Option<String>,
    /// The id of the session.
    pub session_id: Vec<u8>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether the client knows RFC 5746.
    pub secure_renegotiation: bool,
    /// Compression inside TLS, by number.
    pub compression: Option<u32>,
    /// The group of the key exchange.
    pub group: Option<String>,
    /// How this side has signed the handshake.
    pub signature: Option<Signature>,
    /// How the client has.
    pub peer_signature: Option<Signature>,
    /// Microseconds of a round trip.
    pub round_trip: Option<u64>,
    /// The numbers of the ciphers that the client offers.
    pub offered_ciphers: Box<[u16]>,
    /// What was in force: which ciphers are allowed.
    pub policy: Option<Arc<Policy>>,
    /// The certificate this side used.
    pub certificate: Option<X509>,
    /// Who has logged in by TLS-SRP.
    pub srp_user: Option<Vec<u8>>,
    /// What the verifier file says of that user besides.
    pub srp_user_info: Option<Vec<u8>>,
    /// What became of the client's certificate.
    pub client: Outcome,
    /// The client's certificate.
    pub client_certificate: Option<X509>,
    /// What the client sent behind its certificate; a session does not keep it.
    pub client_chain: Vec<X509>,
    /// What the ClientHello said.
    pub hello: Hello,
    /// Variables made of all this, for the environment of requests.
    pub environment: Environment,
}

impl Established {
    /// Reads it off a connection to `vhost`; in the thread that works on it.
    #[must_use]
    pub fn of(ssl: &SslRef, vhost: &Vhost, client: Outcome) -> Self {
        // A resumed session chooses none; OpenSSL would name one of the server that the context was made for.
        let usual = || vhost.tls.as_ref()?.certificate().map(ToOwned::to_owned);
        let resumed = ssl.is_resumed();
        let certificate = if resumed { usual() } else { None };
        let session = ssl.session();
        let cipher = ssl.cipher();
        // A client may name a user and then choose a cipher that does not prove it.
        let logged_in = cipher.as_ref().is_some_and(|cipher| cipher.name.starts_with("SRP-"));
        Self {
            version: ssl.version_name(),
            cipher,
            server_name: ssl.server_name().map(controls),
            session_id: session.as_ref().map(|session| session.id().to_vec()).unwrap_or_default(),
            resumed,
            secure_renegotiation: ssl.secure_renegotiation(),
            compression: session.map(|session| session.compression()),
            group: ssl.group(),
            signature: ssl.signature(),
            peer_signature: ssl.peer_signature(),
            round_trip: ssl.handshake_round_trip(),
            offered_ciphers: ssl.offered_ciphers(),
            policy: vhost.tls.as_ref().map(|tls| Arc::clone(&tls.policy)),
            certificate: certificate.or_else(|| ssl.certificate()),
            srp_user: logged_in.then(|| srp::user(ssl)).flatten(),
            srp_user_info: logged_in.then(|| srp::user_info(ssl)).flatten(),
            client,
            client_certificate: ssl.peer_certificate(),
            client_chain: ssl.peer_chain(),
            hello: Hello::new(),
            environment: Environment::default(),
        }
    }

    /// After another handshake on the connection of `shared`, whose virtual
    /// host was chosen by the first one: what its ClientHello said stays.
    #[must_use]
    pub fn again(shared: &Shared, ssl: &SslRef, vhost: &Vhost, client: Outcome) -> Self {
        let first = shared.established();
        Self {
            server_name: first.and_then(|first| first.server_name.clone()),
            hello: first.map(|first| first.hello.clone()).unwrap_or_default(),
            ..Self::of(ssl, vhost, client)
        }
    }
}

/// What one handshake came to, and those that followed it.
struct Made {
    established: Established,
    /// The result of a later handshake (a renegotiation, a certificate asked
    /// for afterwards), which replaces this one. Whoever looks at this one may
    /// go on: nothing is freed before the connection ends.
    next: OnceLock<Box<Made>>,
}

impl Made {
    fn last(&self) -> &Self {
        let mut last = self;
        while let Some(next) = last.next.get() {
            last = next;
        }
        last
    }
}

/// How far TLS is on a connection.
#[derive(Clone, Copy)]
pub enum Stage<'c> {
    /// There is none, or plain HTTP came in its place.
    Without,
    /// The first handshake is not finished.
    Begun,
    /// It is.
    Established(&'c Shared),
    /// It has ended: what still comes of the requests, such as an error page,
    /// must not look like a request without TLS.
    Over,
}

/// The part of [`ConnState`] that all threads may read.
pub struct Shared {
    /// The first server of the address.
    base: ServerSlot,
    /// The one SNI named; it may be one without TLS.
    named: OnceLock<ServerSlot>,
    made: OnceLock<Made>,
    gone: AtomicBool,
    unavailable: AtomicBool,
    shutdown: OnceLock<ShutdownType>,
}

impl Shared {
    /// For a connection to `base`.
    #[must_use]
    pub fn new(base: Server<'_>) -> Self {
        Self {
            base: base.slot(),
            named: OnceLock::new(),
            made: OnceLock::new(),
            gone: AtomicBool::new(false),
            unavailable: AtomicBool::new(false),
            shutdown: OnceLock::new(),
        }
    }

    /// Of `conn` or, for an HTTP/2 stream, of its primary connection; `None`
    /// without TLS, or when that is over.
    #[must_use]
    pub fn of(conn: Conn<'_>) -> Option<&Shared> {
        Self::find(conn).or_else(|| conn.master().and_then(Self::find)).filter(|shared| shared.is_tls())
    }

    /// How far TLS is on a connection; for an HTTP/2 stream, on its primary one.
    #[must_use]
    pub fn stage(conn: Conn<'_>) -> Stage<'_> {
        let Some(shared) = Self::find(conn).or_else(|| conn.master().and_then(Self::find)) else {
            return Stage::Without;
        };
        match (shared.is_tls(), shared.made.get()) {
            (true, Some(_)) => Stage::Established(shared),
            (true, None) => Stage::Begun,
            (false, Some(_)) => Stage::Over,
            (false, None) => Stage::Without,
        }
    }

    fn find(conn: Conn<'_>) -> Option<&Shared> {
        let state: *const ConnState = conn.module_config(module::handle()).cast_const().cast();
        if state.is_null() {
            return None;
        }
        // SAFETY: only `ConnState::attach` stores something here. The connection's pool owns the state, and
        // httpd keeps primary connections longer than their streams.
        let shared = unsafe { &raw const (*state).shared };
        // SAFETY: as above; this part may be read by any thread.
        Some(unsafe { &*shared })
    }

    /// The TLS side of a request, if its vhost knows TLS at all.
    #[must_use]
    pub fn of_request(request: Request<'_>) -> Option<&Shared> {
        let shared = Self::of(request.conn())?;
        Vhost::of(request.server()).is_some_and(|vhost| vhost.tls.is_some()).then_some(shared)
    }

    /// Whether the connection is, or is becoming, a TLS connection.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        !self.gone.load(Ordering::Acquire)
    }

    /// The TLS part is over.
    pub fn end(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Requests are to be refused with 503: the certificate stands in for one
    /// that is not there yet, or answers a challenge.
    pub fn refuse_requests(&self) {
        self.unavailable.store(true, Ordering::Release);
    }

    /// Whether requests are to be refused with 503.
    #[must_use]
    pub fn refuses_requests(&self) -> bool {
        self.unavailable.load(Ordering::Acquire)
    }

    /// A handshake is finished: the first one, or one that replaces it.
    pub fn establish(&self, established: Established) {
        let made = Made { established, next: OnceLock::new() };
        let Some(first) = self.made.get() else {
            // One thread alone works on the handshakes of a connection.
            let _ = self.made.set(made);
            return;
        };
        let _ = first.last().next.set(Box::new(made));
    }

    /// What the latest handshake came to.
    #[must_use]
    pub fn established(&self) -> Option<&Established> {
        self.made.get().map(|made| &made.last().established)
    }

    /// The client, if its certificate was found good: the one thing that may let
    /// a request in because of it. Also for the requests of HTTP/2.
    #[must_use]
    pub fn verified(&self) -> Option<&Verified> {
        match &self.established()?.client {
            Outcome::Good(verified) => Some(verified),
            Outcome::Absent | Outcome::Generous | Outcome::Bad(_) => None,
        }
    }

    /// The server of the handshake: the one SNI named, else the first of the
    /// address.
    #[must_use]
    pub fn server(&self) -> ServerSlot {
        *self.named.get().unwrap_or(&self.base)
    }

    /// SNI named a server.
    pub fn set_server(&self, server: Server<'_>) {
        // The search for it happens once.
        let _ = self.named.set(server.slot());
    }

    /// The id of the server of the handshake, for messages.
    #[must_use]
    pub fn vhost_id(&self) -> String {
        let slot = self.server();
        Vhost::of(slot.get()).map(|vhost| vhost.id.clone()).unwrap_or_default()
    }

    /// How the connection will be closed.
    #[must_use]
    pub fn shutdown(&self) -> ShutdownType {
        self.shutdown.get().copied().unwrap_or(ShutdownType::Standard)
    }

    /// The first request says how the connection will be closed.
    pub fn choose_shutdown(&self, choose: impl FnOnce() -> ShutdownType) {
        self.shutdown.get_or_init(choose);
    }
}
