//! The terms of connections to backends, and the sessions that were made on
//! them.

use crate::entry::start::key_log::KeyLog;
use crate::entry::trust::{Loaded, Trust};
use crate::httpd::server::ServerSlot;
use crate::ossl::ctx::SslCtx;
use crate::ossl::identity::Identity;
use crate::ossl::session::Session;
use crate::policy::backend::Checks;
use crate::policy::resumption::{self, Book};
use openssl::x509::X509;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A certificate that this side can show.
pub struct Pair {
    /// With key and chain.
    pub identity: Identity,
    /// DER of the names of its issuers: its own first, then those above.
    pub issuers: Vec<Vec<u8>>,
    /// Where it is from.
    pub file: PathBuf,
}

/// The terms of connections to backends; shared by servers and sections with
/// equal settings.
pub struct ProxyPolicy {
    /// The context.
    pub ctx: SslCtx,
    /// The id of the first server with these settings.
    pub made_for: String,
    /// That server, for messages.
    pub server: ServerSlot,
    /// What backends are checked by.
    pub checks: Checks,
    /// Whom to believe then.
    pub trust: Option<Trust>,
    /// What can be shown to backends that ask.
    pub pairs: Vec<Pair>,
    /// Digest of the settings.
    pub digest: [u8; 32],
    /// Where key material is logged for debugging (`SSLKEYLOGFILE`).
    pub key_log: Option<Arc<KeyLog>>,
    /// Sessions that were made on these terms, and on no others.
    pub sessions: Sessions,
    /// A connection on these terms was to serve a request on others.
    mixed: AtomicBool,
}

impl ProxyPolicy {
    /// The terms, before any connection.
    #[must_use]
    pub fn new(ctx: SslCtx, made_for: &str, server: ServerSlot, checks: Checks, digest: [u8; 32]) -> Self {
        Self {
            ctx,
            made_for: made_for.to_owned(),
            server,
            checks,
            trust: None,
            pairs: Vec::new(),
            digest,
            key_log: None,
            sessions: Sessions::default(),
            mixed: AtomicBool::new(false),
        }
    }

    /// The same with what was loaded for it.
    #[must_use]
    pub fn with(self, trust: Option<Trust>, pairs: Vec<Pair>, key_log: Option<Arc<KeyLog>>) -> Self {
        Self { trust, pairs, key_log, ..self }
    }

    /// Notes that mod_proxy uses the same connections for requests with other
    /// terms.
    pub fn note_mixed(&self) {
        self.mixed.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.mixed.load(Ordering::Relaxed)
    }
}

/// A backend, as sessions know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backend {
    /// The name that is looked for in its certificate.
    pub host: String,
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// What is proposed to it by ALPN.
    pub proposed: Vec<Vec<u8>>,
}

/// A session with a backend that was admitted.
#[derive(Clone)]
pub struct Resumable {
    /// The session.
    pub session: Session,
    /// What the backend was verified by.
    pub trust: Option<Arc<Loaded>>,
    /// When the first certificate of its chain ends, in seconds since 1970.
    pub chain_ends: i64,
    /// When it has proven who it is, in seconds since 1970: a session that comes of a resumption is no proof.
    pub proven: i64,
    /// The certificate that was shown to it.
    pub shown: Option<X509>,
}

impl Resumable {
    /// Whether the backend would be verified by the same today.
    #[must_use]
    pub fn fits(&self, trust: Option<&Arc<Loaded>>) -> bool {
        match (&self.trust, trust) {
            (None, None) => true,
            (Some(then), Some(now)) => Arc::ptr_eq(then, now) && now.is_timely(),
            _ => false,
        }
    }
}

/// The sessions of a policy, in this process.
#[derive(Default)]
pub struct Sessions(Mutex<Book<Backend, Resumable>>);

impl Sessions {
    /// Keeps a session; see [`Book::put`].
    pub fn put(&self, backend: &Backend, session: Resumable, once: bool, now: i64, lifetime: i64) {
        let left = resumption::left(lifetime, now, session.proven, session.chain_ends);
        self.lock().put(backend.clone(), session, once, now, left);
    }

    /// A session for a connection that begins now.
    #[must_use]
    pub fn take(&self, backend: &Backend, now: i64) -> Option<Resumable> {
        self.lock().take(backend, now)
    }

    /// Nothing that is known of the backend is to be used.
    pub fn forget(&self, backend: &Backend) {
        self.lock().forget(backend);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Book<Backend, Resumable>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
