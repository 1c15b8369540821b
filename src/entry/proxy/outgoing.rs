//! A connection to a backend: what is known of it besides `ConnState`.

use super::policy::{Backend, ProxyPolicy, Resumable};
use crate::apr::time;
use crate::entry::trust::Loaded;
use crate::ossl::session::{Session, SessionRef};
use crate::ossl::ssl::Ssl;
use crate::policy::backend::Admitted;
use crate::policy::resumption::LONGEST;
use openssl::x509::X509;
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

/// Seconds since 1970.
pub fn now() -> i64 {
    time::now() / 1_000_000
}

/// What mod_proxy wants to use a connection for.
enum Wanted {
    /// On the terms of its handshake.
    Same,
    /// On others.
    Other(Arc<ProxyPolicy>),
    /// Where TLS is off.
    NoTls,
}

/// The side of a connection that begins.
pub struct Outgoing {
    /// On what terms.
    pub policy: Arc<ProxyPolicy>,
    /// The TLS object, until its verification is complete: only the handshake
    /// has it meanwhile.
    unverified: RefCell<Option<Ssl>>,
    /// Where the connection goes; set when the handshake begins.
    backend: OnceCell<Backend>,
    /// The name that the certificate must have.
    pub host: OnceCell<Option<String>>,
    /// Whom to believe: the same during all of a handshake.
    pub trust: RefCell<Option<Arc<Loaded>>>,
    /// An objection of the library that does not count here (`X509_V_ERR_...`).
    pub accepted: Cell<i32>,
    /// The verification of the chain has come to its end.
    pub completed: Cell<bool>,
    /// Why the backend is refused was logged.
    pub refused: Cell<bool>,
    /// When the first certificate of the chain ends, in seconds since 1970.
    chain_ends: Cell<i64>,
    /// When the backend has proven who it is, in seconds since 1970: here, or in the first of the handshakes whose
    /// sessions lead here.
    proven: Cell<i64>,
    /// The backend has asked for a certificate.
    pub asked: Cell<bool>,
    /// The certificate that was shown to the backend.
    pub shown: RefCell<Option<X509>>,
    /// The backend has sent data.
    pub answered: Cell<bool>,
    /// Sessions that came before the backend was admitted.
    waiting: RefCell<Vec<Session>>,
    /// The backend was admitted.
    admitted: Cell<bool>,
    /// What the current request wants, when that is something else.
    wanted: RefCell<Wanted>,
}

impl Outgoing {
    /// A connection that is about to shake hands.
    #[must_use]
    pub fn new(ssl: Ssl, policy: Arc<ProxyPolicy>) -> Self {
        Self {
            policy,
            unverified: RefCell::new(Some(ssl)),
            backend: OnceCell::new(),
            host: OnceCell::new(),
            trust: RefCell::new(None),
            accepted: Cell::new(0),
            completed: Cell::new(false),
            refused: Cell::new(false),
            chain_ends: Cell::new(i64::MAX),
            proven: Cell::new(now()),
            asked: Cell::new(false),
            shown: RefCell::new(None),
            answered: Cell::new(false),
            waiting: RefCell::new(Vec::new()),
            admitted: Cell::new(false),
            wanted: RefCell::new(Wanted::Same),
        }
    }

    /// The backend has shown its certificate, and all of its chain is good.
    pub fn set_verified(&self, chain_ends: i64) {
        self.chain_ends.set(chain_ends);
        self.proven.set(now());
        self.completed.set(true);
    }

    /// The TLS object while hands are shaken.
    #[must_use]
    pub fn unverified(&self) -> Option<Ssl> {
        self.unverified.borrow().clone()
    }

    /// The same, given away.
    pub fn take_unverified(&self) -> Option<Ssl> {
        self.unverified.borrow_mut().take()
    }

    /// mod_proxy uses the connection for something else, on the terms of
    /// `policy`.
    pub fn rebind(&self, policy: Option<&Arc<ProxyPolicy>>) {
        self.wanted.replace(match policy {
            Some(policy) if Arc::ptr_eq(policy, &self.policy) => Wanted::Same,
            Some(policy) => Wanted::Other(Arc::clone(policy)),
            None => Wanted::NoTls,
        });
    }

    /// Whether what is sent now wants other terms than those of the handshake.
    #[must_use]
    pub fn is_misplaced(&self) -> bool {
        !matches!(*self.wanted.borrow(), Wanted::Same)
    }

    /// Connections on these terms, and on those that are wanted now, are not
    /// kept from now on: mod_proxy mixes their requests.
    pub fn stop_keeping(&self) {
        self.policy.note_mixed();
        if let Wanted::Other(policy) = &*self.wanted.borrow() {
            policy.note_mixed();
        }
    }

    /// Where the connection goes.
    pub fn set_backend(&self, backend: Backend) {
        // The handshake begins once.
        let _ = self.backend.set(backend);
    }

    /// The protocols that were proposed.
    #[must_use]
    pub fn proposed(&self) -> &[Vec<u8>] {
        self.backend.get().map(|backend| backend.proposed.as_slice()).unwrap_or_default()
    }

    /// A session of an earlier connection to the same backend, if it was
    /// verified by what is in force now.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        let kept = self.policy.sessions.take(self.backend.get()?, now())?;
        if !kept.fits(self.trust.borrow().as_ref()) {
            self.forget_sessions();
            return None;
        }
        self.chain_ends.set(kept.chain_ends);
        self.proven.set(kept.proven);
        self.shown.replace(kept.shown);
        Some(kept.session)
    }

    /// What is known of the backend has not helped.
    pub fn forget_sessions(&self) {
        if let Some(backend) = self.backend.get() {
            self.policy.sessions.forget(backend);
        }
    }

    /// The backend has given a session. It is kept when the backend is
    /// admitted, not before.
    pub fn add_session(&self, session: &SessionRef, is_tls13: bool) {
        if self.admitted.get() {
            self.keep(session.to_owned(), is_tls13);
        } else {
            self.waiting.borrow_mut().push(session.to_owned());
        }
    }

    /// The backend is admitted: its sessions may be kept.
    pub fn keep_sessions(&self, _: &Admitted, is_tls13: bool) {
        self.admitted.set(true);
        for session in self.waiting.take() {
            self.keep(session, is_tls13);
        }
    }

    fn keep(&self, session: Session, is_tls13: bool) {
        let Some(backend) = self.backend.get() else { return };
        if !session.is_resumable() {
            return;
        }
        let hint = i64::try_from(session.ticket_lifetime_hint()).unwrap_or(LONGEST);
        // Without a ticket, or a word about it, TLS 1.2 leaves the time to us.
        let lifetime = if is_tls13 || hint > 0 { hint } else { LONGEST };
        let trust = self.trust.borrow().clone();
        let shown = self.shown.borrow().clone();
        let (chain_ends, proven) = (self.chain_ends.get(), self.proven.get());
        let kept = Resumable { session, trust, chain_ends, proven, shown };
        self.policy.sessions.put(backend, kept, is_tls13, now(), lifetime);
    }
}
