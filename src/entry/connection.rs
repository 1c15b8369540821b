//! What the module knows about a connection.
//!
//! [`ConnState`] belongs to the thread that works on the connection. The
//! requests of an HTTP/2 connection run in other threads meanwhile: they see
//! [`Shared`] alone.

use super::backlog::Backlog;
use super::client::Verification;
use super::module;
use super::parking::Parked;
use super::proxy::Outgoing;
use super::quota::Seat;
use super::shared::{Hello, Shared, ShutdownType};
use super::vhost::Vhost;
use super::wire::Wire;
use crate::apr::{Block, Brigade, Status};
use crate::httpd::Conn;
use crate::httpd::conn::ConnSlot;
use crate::httpd::server::ServerSlot;
use crate::io::plain_http::MadeUpRequest;
use crate::io::state::{Event, Phase};
use crate::ossl::ssl::Ssl;
use crate::policy::backend::Admitted;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The state of a connection, owned by its pool.
pub struct ConnState {
    conn: ConnSlot,
    /// The TLS object; `None` once the TLS part is over.
    ssl: RefCell<Option<Ssl>>,
    /// What is known besides of a connection to a backend.
    pub outgoing: Option<Outgoing>,
    /// The ciphertext ends.
    pub wire: Rc<Wire>,
    phase: Cell<Phase>,
    /// The right to shake hands, while that lasts.
    pub seat: Cell<Option<Seat>>,
    /// When httpd gave us the connection.
    pub begun: Instant,
    /// The vhost whose TLS parameters are in force.
    vhost: RefCell<Arc<Vhost>>,
    /// The first vhost of the address. OpenSSL goes on using parts of its
    /// context after another was put in force.
    pub first: Arc<Vhost>,
    /// Whether the vhost was searched for already, and found.
    pub searched: Cell<Option<bool>>,
    /// What the ClientHello says, for variables; with `SSLClientHelloVars` only.
    pub hello: RefCell<Hello>,
    /// The handshake answers a challenge (`acme-tls/1`): nothing follows it.
    pub challenge: Cell<bool>,
    /// The verification of the client.
    pub verification: Verification,
    /// Decrypted data that was not asked for yet.
    pub plaintext: Cell<Option<Brigade<'static>>>,
    /// Data to encrypt that waits for more.
    pub staged: Cell<Option<Block>>,
    /// Why no more can be read, once that is so; the reason was logged.
    pub failed: Cell<Option<Status>>,
    /// Messages without data since the last that had some.
    pub silent: Cell<u32>,
    /// The last read filled all the room there was.
    pub bulk: Cell<bool>,
    /// The kernel holds the last segment back until the FIN.
    held: Cell<bool>,
    /// What remains of the made-up request after plain HTTP was spoken.
    pub plain_http: Cell<Option<MadeUpRequest>>,
    /// Whether and where the connection waits without a thread.
    pub parked: Parked,
    /// What waits to be sent without a thread.
    pub backlog: Rc<Backlog>,
    /// What directories have changed.
    pub again: Again,
    /// What requests may see, in any thread.
    pub shared: Shared,
}

/// What handshakes after the first one have to know of each other.
#[derive(Default)]
pub struct Again {
    count: Cell<u32>,
    /// The list of ciphers that the one in use is known to be of.
    ciphers: RefCell<Option<String>>,
}

impl Again {
    /// Another one begins; says how many that makes.
    pub fn begin(&self) -> u32 {
        self.ciphers.take();
        self.count.set(self.count.get().saturating_add(1));
        self.count.get()
    }

    /// Whether there was one: nothing that comes of the connection may be
    /// resumed by others then.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.count.get() > 0
    }

    /// Whether the cipher in use, on a connection to `vhost`, was chosen from
    /// this `SSLCipherSuite`.
    #[must_use]
    pub fn has_ciphers(&self, vhost: &Vhost, list: &str) -> bool {
        match self.ciphers.borrow().as_deref() {
            Some(known) => known == list,
            None if self.is_begun() => false,
            None => vhost.cipher_suite() == Some(list),
        }
    }

    /// It is one of this list, too.
    pub fn set_ciphers(&self, vhost: &Vhost, list: &str) {
        if !self.has_ciphers(vhost, list) {
            self.ciphers.replace(Some(list.to_owned()));
        }
    }
}

impl ConnState {
    /// The state of a connection that is about to shake hands; without `ssl` it is
    /// to be closed before that.
    #[must_use]
    pub fn new(
        conn: Conn<'_>,
        ssl: Option<Ssl>,
        wire: Rc<Wire>,
        vhost: Arc<Vhost>,
        plaintext: Brigade<'static>,
    ) -> Self {
        let limit = vhost.handshake.limit();
        wire.set_deadline(limit.and_then(|limit| Instant::now().checked_add(limit)));
        Self::make(conn, ssl, None, wire, vhost, plaintext)
    }

    /// The state of a connection to a backend. Its TLS object stays in
    /// `outgoing` until the backend is admitted: nobody can send data before.
    #[must_use]
    pub fn to_backend(
        conn: Conn<'_>,
        outgoing: Outgoing,
        wire: Rc<Wire>,
        vhost: Arc<Vhost>,
        plaintext: Brigade<'static>,
    ) -> Self {
        Self::make(conn, None, Some(outgoing), wire, vhost, plaintext)
    }

    fn make(
        conn: Conn<'_>,
        ssl: Option<Ssl>,
        outgoing: Option<Outgoing>,
        wire: Rc<Wire>,
        vhost: Arc<Vhost>,
        plaintext: Brigade<'static>,
    ) -> Self {
        Self {
            conn: conn.slot(),
            ssl: RefCell::new(ssl),
            outgoing,
            wire,
            phase: Cell::new(Phase::ClientHello),
            seat: Cell::new(None),
            begun: Instant::now(),
            first: Arc::clone(&vhost),
            vhost: RefCell::new(vhost),
            searched: Cell::new(None),
            hello: RefCell::default(),
            challenge: Cell::new(false),
            verification: Verification::default(),
            plaintext: Cell::new(Some(plaintext)),
            staged: Cell::new(None),
            failed: Cell::new(None),
            silent: Cell::new(0),
            bulk: Cell::new(false),
            held: Cell::new(false),
            plain_http: Cell::new(None),
            parked: Parked::default(),
            backlog: Rc::default(),
            again: Again::default(),
            shared: Shared::new(conn.base_server()),
        }
    }

    /// The state of `conn` itself.
    #[must_use]
    pub fn of(conn: Conn<'_>) -> Option<&ConnState> {
        let state = conn.module_config(module::handle());
        // SAFETY: only `attach` stores something here, a state that the connection's pool owns.
        unsafe { state.cast::<Self>().as_ref() }
    }

    /// Gives the state to the pool of its connection.
    pub fn attach<'c>(self, conn: Conn<'c>) -> &'c ConnState {
        let state = conn.pool().keep(self);
        conn.set_module_config(module::handle(), std::ptr::from_ref(state).cast_mut().cast());
        state
    }

    /// Its connection.
    #[must_use]
    pub fn conn(&self) -> Conn<'_> {
        self.conn.get()
    }

    /// The TLS object: a reference of its own, so that it may be given up
    /// meanwhile.
    #[must_use]
    pub fn ssl(&self) -> Option<Ssl> {
        self.ssl.borrow().clone()
    }

    /// Where the connection stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Moves to the next phase; says whether that was legal.
    pub fn move_on(&self, event: Event) -> bool {
        let next = self.phase.get().after(event);
        if let Some(next) = next {
            self.phase.set(next);
            if !next.is_shaking_hands() {
                self.seat.set(None);
            }
        }
        next.is_some()
    }

    /// A backend may get data from now on; says whether the handshake was at
    /// its end.
    #[must_use]
    pub fn admit(&self, admitted: Admitted) -> bool {
        let Some(outgoing) = &self.outgoing else { return false };
        let Some(ssl) = outgoing.take_unverified() else { return false };
        outgoing.keep_sessions(&admitted, ssl.is_tls13());
        self.ssl.replace(Some(ssl));
        self.move_on(Event::Hello) && self.move_on(Event::Established)
    }

    /// Ends the TLS part and frees what belongs to it. What requests may know
    /// of it stays: the last of them is logged later.
    pub fn end(&self) {
        self.move_on(Event::End);
        let ssl = self.ssl.borrow_mut().take();
        let unverified = self.outgoing.as_ref().and_then(Outgoing::take_unverified);
        for ssl in [ssl, unverified].into_iter().flatten() {
            // Without this mark OpenSSL would throw the session out of the cache.
            ssl.set_quiet_end();
        }
        self.staged.set(None);
    }

    /// Lets what is written from now on share its last segment with the FIN,
    /// when the connection `ends` now and the peer is not waited for before.
    pub fn hold_for_fin_if(&self, ends: bool) {
        let waits = self.shared.shutdown() == ShutdownType::Accurate;
        if ends && !waits && !self.held.replace(true) {
            self.conn().hold_for_fin();
        }
    }

    /// The vhost whose TLS parameters are in force.
    #[must_use]
    pub fn vhost(&self) -> Arc<Vhost> {
        Arc::clone(&self.vhost.borrow())
    }

    /// Changes the vhost whose TLS parameters are in force.
    pub fn set_vhost(&self, vhost: Arc<Vhost>) {
        self.vhost.replace(vhost);
    }

    /// The server of the handshake.
    #[must_use]
    pub fn server(&self) -> ServerSlot {
        self.shared.server()
    }

    /// The id of the server of the handshake, for messages.
    #[must_use]
    pub fn vhost_id(&self) -> String {
        self.shared.vhost_id()
    }

    /// Whether data that arrived is waiting inside: the peer has already sent
    /// (a part of) its next request.
    #[must_use]
    pub fn has_input(&self, ssl: &Ssl) -> bool {
        let plaintext = self.plaintext.take();
        let waiting = plaintext.as_ref().is_some_and(|brigade| !brigade.is_empty());
        self.plaintext.set(plaintext);
        waiting || self.wire.has_arrived() || ssl.pending() > 0
    }
}

impl Drop for ConnState {
    fn drop(&mut self) {
        self.end();
    }
}
