use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use super::make::*;
use super::pipe::{Pair, read};
use crate::ossl::callback::{
    self, ClientHello, ServerEvents, TicketStatus, TicketUse, TicketVerdict, Wanted,
};
use crate::ossl::ctx::{SessionCacheMode, SslCtx, SslCtxRef, options};
use crate::ossl::session::{Binding, BindingVerdict, Session, SessionRef, has_extended_master_secret};
use crate::ossl::ssl::SslRef;
use crate::ossl::ticket::{Opening, TicketKey, TicketKeys};

/// Binds sessions to a policy, and keeps those that can be looked up.
#[derive(Default)]
struct Keeper {
    policy: AtomicU8,
    client: AtomicU8,
    store: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    asked: AtomicUsize,
    opened: AtomicUsize,
    removed: AtomicUsize,
}

impl Keeper {
    fn binding(&self) -> Binding {
        Binding {
            policy: [self.policy.load(Relaxed); 32],
            result: 0,
            client: [self.client.load(Relaxed); 32],
            until: Binding::ENDLESS,
        }
    }

    fn fits(&self, session: &SessionRef) -> bool {
        self.binding().verdict(&session.ticket_appdata()) == BindingVerdict::Fits
    }
}

impl ServerEvents for Keeper {
    plain_answers!();
    fn session_new(&self, ssl: &SslRef, session: &SessionRef) {
        if ssl.is_stateless() {
            return;
        }
        session.set_binding(&self.binding());
        let der = session.to_der().unwrap().to_vec();
        self.store.lock().unwrap().insert(session.id().to_vec(), der);
    }
    fn session_get(&self, _: &SslRef, hello: &ClientHello<'_>, id: &[u8]) -> Option<Session> {
        self.asked.fetch_add(1, Relaxed);
        let store = self.store.lock().unwrap();
        let der = store.get(id)?;
        let session = Session::from_der(der)?;
        if !hello.could_resume(&session, id, has_extended_master_secret(der)) {
            return None;
        }
        assert_eq!((session.id(), session.id_context()), (id, &b"the default"[..]));
        self.fits(&session).then_some(session)
    }
    fn session_remove(&self, _: &SslCtxRef, session: &SessionRef) {
        self.removed.fetch_add(1, Relaxed);
        self.store.lock().unwrap().remove(session.id());
    }
    fn ticket_seal(&self, _: &SslRef, session: &SessionRef) {
        session.set_binding(&self.binding());
    }
    fn ticket_open(&self, ssl: &SslRef, session: &SessionRef, status: TicketStatus) -> TicketVerdict {
        self.opened.fetch_add(1, Relaxed);
        assert_eq!(status, if ssl.is_tls13() { TicketStatus::Renew } else { TicketStatus::Fresh });
        match status {
            _ if !self.fits(session) => TicketVerdict::IgnoreAndRenew,
            TicketStatus::Fresh => TicketVerdict::Use,
            TicketStatus::Renew => TicketVerdict::UseAndRenew,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ticket,
    Store,
}

const WAYS: [(i32, Way); 4] =
    [(TLS12, Way::Ticket), (TLS13, Way::Ticket), (TLS12, Way::Store), (TLS13, Way::Store)];

fn keeper(version: i32, way: Way) -> (SslCtx, &'static Keeper) {
    let ctx = only(server(Kind::Ecdsa), version);
    if way == Way::Store {
        ctx.set_session_cache_mode(SessionCacheMode::External);
        ctx.set_options(options::NO_TICKET);
    }
    let keeper = answer(&ctx, Keeper::default(), Wanted { sessions: way == Way::Store, ..Wanted::default() });
    (ctx, keeper)
}

/// A connection that may resume `session`; says whether it did, and gives the session that came of it.
fn connect(server: &SslCtx, client: &SslCtx, session: Option<&Session>) -> (bool, Session) {
    let pair = Pair::new(client, server);
    if let Some(session) = session {
        assert!(pair.client.set_session(session));
    }
    pair.open();
    pair.talk();
    assert_eq!(pair.client.is_resumed(), pair.server.is_resumed());
    let resumed = pair.server.is_resumed();
    (resumed, pair.finish())
}

#[test]
fn sessions_are_resumed_in_every_way() {
    for (version, way) in WAYS {
        let (server, keeper) = keeper(version, way);
        // A client that can do TLS 1.3 sends a made-up session id, which costs a lookup.
        let client = only(client(), version);
        let (resumed, first) = connect(&server, &client, None);
        assert!(!resumed && first.is_resumable(), "{version:x} {way:?}");
        assert_eq!(first.has_ticket(), version == TLS13 || way == Way::Ticket, "{version:x} {way:?}");
        let (resumed, second) = connect(&server, &client, Some(&first));
        assert!(resumed, "{version:x} {way:?}");
        let (resumed, _) = connect(&server, &client, Some(&second));
        assert!(resumed, "{version:x} {way:?}");
        let stored = keeper.store.lock().unwrap().len();
        let counts = (keeper.opened.load(Relaxed), keeper.asked.load(Relaxed), stored);
        let wanted = match (version, way) {
            (_, Way::Ticket) => (2, 0, 0),
            (TLS12, Way::Store) => (0, 2, 1),
            // Two tickets at first, one for each resumption.
            (_, Way::Store) => (0, 2, 4),
        };
        assert_eq!(counts, wanted, "{version:x} {way:?}");
    }
}

#[test]
fn a_session_of_another_policy_costs_a_full_handshake_and_nothing_else() {
    for (version, way) in WAYS {
        for what in ["policy", "client"] {
            let (server, keeper) = keeper(version, way);
            let state = if what == "policy" { &keeper.policy } else { &keeper.client };
            let client = client();
            let (_, first) = connect(&server, &client, None);
            state.store(9, Relaxed);
            let (resumed, second) = connect(&server, &client, Some(&first));
            assert!(!resumed, "{version:x} {way:?} {what}");
            // What came of it belongs to the new policy.
            let (resumed, _) = connect(&server, &client, Some(&second));
            assert!(resumed, "{version:x} {way:?}");
            state.store(0, Relaxed);
            let (resumed, _) = connect(&server, &client, Some(&second));
            assert!(!resumed, "{version:x} {way:?}");
        }
    }
}

#[test]
fn a_session_of_another_context_costs_a_full_handshake_and_nothing_else() {
    for (version, way) in WAYS {
        let (server, _) = keeper(version, way);
        let client = client();
        let (_, first) = connect(&server, &client, None);
        let pair = Pair::new(&client, &server);
        assert!(pair.server.set_session_id_context(b"another"));
        assert!(pair.client.set_session(&first));
        // The store checks the context itself; a ticket's is OpenSSL's to check.
        pair.open();
        pair.talk();
        assert!(!pair.server.is_resumed(), "{version:x} {way:?}");
    }
}

#[test]
fn an_ignored_ticket_is_not_replaced() {
    struct Ignore;
    impl ServerEvents for Ignore {
        plain_answers!();
        fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
        fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
            TicketVerdict::Ignore
        }
    }
    for version in [TLS12, TLS13] {
        let server = only(server(Kind::Ecdsa), version);
        answer(&server, Ignore, Wanted::default());
        let client = client();
        let (_, first) = connect(&server, &client, None);
        let (resumed, second) = connect(&server, &client, Some(&first));
        assert!(!resumed);
        assert!(first.has_ticket() && !second.has_ticket(), "{version:x}");
    }
}

#[test]
fn a_fatal_alert_takes_the_session_away() {
    let (server, keeper) = keeper(TLS12, Way::Store);
    let client = client();
    let pair = Pair::new(&client, &server);
    pair.open();
    assert_eq!(keeper.store.lock().unwrap().len(), 1);
    pair.client.write(b"question").unwrap();
    let mut record = pair.up.take();
    *record.last_mut().unwrap() ^= 1;
    pair.up.put(&record);
    assert!(read(&pair.server).is_err());
    assert_eq!(keeper.removed.load(Relaxed), 1);
    assert_eq!(keeper.store.lock().unwrap().len(), 0);
    let session = pair.finish();
    let (resumed, _) = connect(&server, &client, Some(&session));
    assert!(!resumed);
}

#[test]
fn garbage_in_the_store_is_a_miss() {
    let (server, keeper) = keeper(TLS12, Way::Store);
    let client = client();
    let (_, first) = connect(&server, &client, None);
    for bytes in keeper.store.lock().unwrap().values_mut() {
        bytes.truncate(bytes.len() / 2);
    }
    let (resumed, _) = connect(&server, &client, Some(&first));
    assert!(!resumed);
}

#[test]
fn a_session_survives_its_encoding() {
    let (server, keeper) = keeper(TLS12, Way::Store);
    server.set_session_timeout(77);
    assert_eq!(server.session_timeout(), 77);
    let (_, session) = connect(&server, &client(), None);
    let store = keeper.store.lock().unwrap();
    let stored = Session::from_der(store.values().next().unwrap()).unwrap();
    assert_eq!(stored.id(), session.id());
    assert_eq!(stored.id().len(), 32);
    assert_eq!((stored.timeout(), stored.protocol_version()), (77, TLS12));
    assert!(stored.time() > 1_700_000_000 && stored.is_resumable() && !stored.has_ticket());
    assert_eq!(stored.binding(), Some(keeper.binding()));
    assert_eq!((stored.compression(), stored.peer_certificate()), (0, None));
    stored.set_timeout(5);
    stored.set_ticket_appdata(b"").unwrap();
    let again = Session::from_der(&stored.to_der().unwrap()).unwrap();
    assert_eq!((again.timeout(), again.binding()), (5, None));
    again.set_ticket_appdata(b"something else").unwrap();
    assert_eq!(again.ticket_appdata(), b"something else");
    assert_eq!(again.binding(), Some(Binding::FOREIGN));
}

#[test]
fn the_lifetime_of_tickets_is_that_of_sessions() {
    for version in [TLS12, TLS13] {
        let (server, _) = keeper(version, Way::Ticket);
        server.set_session_timeout(77);
        let (_, session) = connect(&server, &client(), None);
        assert_eq!(session.ticket_lifetime_hint(), 77, "{version:x}");
    }
}

#[test]
fn the_number_of_tickets_is_settable() {
    let (server, _) = keeper(TLS13, Way::Ticket);
    let mut sizes = Vec::new();
    for count in 0..3 {
        server.set_num_tickets(count);
        let pair = Pair::new(&client(), &server);
        pair.open();
        sizes.push(pair.down.len());
        assert_eq!(read(&pair.client), Err(crate::ossl::ssl::Stopped::WantRead));
        assert_eq!(pair.client.session().unwrap().is_resumable(), count > 0);
    }
    assert_eq!(sizes[0], 0);
    assert!(sizes[1] > 100 && sizes[2] == 2 * sizes[1], "{sizes:?}");
}

#[test]
fn without_tickets_and_store_nothing_is_resumed() {
    for (version, ids) in [(TLS12, 0), (TLS13, 32)] {
        let server = only(server(Kind::Ecdsa), version);
        server.set_session_cache_mode(SessionCacheMode::Off);
        server.set_options(options::NO_TICKET);
        let client = client();
        let (_, first) = connect(&server, &client, None);
        assert_eq!(first.id().len(), ids, "{version:x}");
        let pair = Pair::new(&client, &server);
        pair.client.set_session(&first);
        pair.open();
        assert!(!pair.server.is_resumed());
    }
}

#[test]
fn the_internal_store_works_without_callbacks() {
    let server = only(server(Kind::Ecdsa), TLS12);
    server.set_session_cache_mode(SessionCacheMode::Internal);
    server.set_options(options::NO_TICKET);
    let client = client();
    let (_, first) = connect(&server, &client, None);
    assert!(connect(&server, &client, Some(&first)).0);
}

/// Seals and opens tickets with keys of its own.
struct Keyed(TicketKeys, AtomicUsize, AtomicUsize);

impl ServerEvents for Keyed {
    plain_answers!();
    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
    fn ticket_open(&self, _: &SslRef, _: &SessionRef, status: TicketStatus) -> TicketVerdict {
        if status == TicketStatus::Renew { TicketVerdict::UseAndRenew } else { TicketVerdict::Use }
    }
    fn sealing_key(&self, _: &SslRef) -> Option<TicketKey> {
        self.0.sealing()
    }
    fn opening_key(&self, _: &SslRef, name: &[u8]) -> Option<Opening> {
        self.0.opening(name)
    }
    fn ticket_key_used(&self, _: &SslRef, to: TicketUse) {
        let count = if to == TicketUse::Seal { &self.1 } else { &self.2 };
        count.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_ticket_is_good_wherever_its_key_is() {
    for version in [TLS12, TLS13] {
        for secret in [&[3; 16][..], &[3; 32]] {
            let keyed = |names: &[u8]| {
                let server = only(server(Kind::Ecdsa), version);
                let key = |name| TicketKey::new([name; 16], secret, secret).unwrap();
                let keys = TicketKeys::new(names.iter().copied().map(key).collect()).unwrap();
                let keyed = Keyed(keys, AtomicUsize::new(0), AtomicUsize::new(0));
                let keyed = answer(&server, keyed, Wanted::default());
                assert!(callback::answer_ticket_keys(&server));
                (server, keyed)
            };
            let ((first, one), (second, two), (other, three)) = (keyed(&[1]), keyed(&[1]), keyed(&[9]));
            let client = client();
            let (resumed, session) = connect(&first, &client, None);
            assert!(!resumed && session.has_ticket());
            // Two tickets at first with TLS 1.3.
            assert_eq!(one.1.load(Relaxed), if version == TLS13 { 2 } else { 1 });
            assert!(connect(&second, &client, Some(&session)).0, "{version:x} {}", secret.len());
            assert_eq!(two.2.load(Relaxed), 1);
            assert_eq!(two.1.load(Relaxed), usize::from(version == TLS13), "a new ticket");
            assert!(!connect(&other, &client, Some(&session)).0, "{version:x} {}", secret.len());
            assert_eq!(three.2.load(Relaxed), 0);
            // An old key opens, and the client gets a ticket by the new one.
            let (newer, four) = keyed(&[9, 1]);
            let (resumed, renewed) = connect(&newer, &client, Some(&session));
            assert!(resumed, "{version:x} {}", secret.len());
            assert_eq!((four.1.load(Relaxed), four.2.load(Relaxed)), (1, 1));
            assert!(connect(&other, &client, Some(&renewed)).0, "{version:x} {}", secret.len());
        }
    }
}
