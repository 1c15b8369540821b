//! A panic refuses, wherever it happens.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::handshake::trust;
use super::make::*;
use super::pipe::{Outcome, Pair, read};
use crate::ossl::bio::{Io, Transport};
use crate::ossl::callback::{
    self, AlpnVerdict, CertificateVerdict, ClientHello, HelloVerdict, ServerEvents, SniVerdict, StateChange,
    TicketStatus, TicketUse, TicketVerdict, Wanted,
};
use crate::ossl::ctx::{SessionCacheMode, SslCtx, SslCtxRef, Verify, options};
use crate::ossl::session::{Session, SessionRef};
use crate::ossl::ssl::{Ssl, SslRef, Stopped};
use crate::ossl::ticket::{Opening, TicketKey};
use crate::ossl::verify::{VerifyAnswer, VerifyEnd, VerifyStep};

/// Panics in the callback with this name, and counts.
struct Faulty(&'static str, AtomicUsize);

impl Faulty {
    fn reach(&self, name: &str) {
        if self.0 == name {
            self.1.fetch_add(1, Relaxed);
            panic!("deliberate: {name}");
        }
    }
}

impl ServerEvents for Faulty {
    fn client_hello(&self, _: &SslRef, _: &ClientHello<'_>) -> HelloVerdict {
        self.reach("client_hello");
        HelloVerdict::Continue
    }
    fn server_name(&self, _: &SslRef) -> SniVerdict {
        self.reach("server_name");
        SniVerdict::NoAck
    }
    fn alpn(&self, _: &SslRef, _: &[u8]) -> AlpnVerdict {
        self.reach("alpn");
        AlpnVerdict::NoAck
    }
    fn certificate(&self, _: &SslRef) -> CertificateVerdict {
        self.reach("certificate");
        CertificateVerdict::Ready
    }
    fn verify_step(&self, _: &SslRef, step: &VerifyStep<'_>) -> VerifyAnswer {
        self.reach("verify_step");
        // Only the panic may refuse.
        VerifyAnswer { accept: true, error: step.error }
    }
    fn verify_end(&self, _: &SslRef, _: &VerifyEnd<'_>) -> VerifyAnswer {
        self.reach("verify_end");
        VerifyAnswer { accept: true, error: 0 }
    }
    fn session_new(&self, _: &SslRef, _: &SessionRef) {
        self.reach("session_new");
    }
    fn session_get(&self, _: &SslRef, _: &ClientHello<'_>, _: &[u8]) -> Option<Session> {
        self.reach("session_get");
        None
    }
    fn session_remove(&self, _: &SslCtxRef, _: &SessionRef) {
        self.reach("session_remove");
    }
    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {
        self.reach("ticket_seal");
    }
    fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
        self.reach("ticket_open");
        TicketVerdict::Use
    }
    fn status(&self, _: &SslRef) -> Option<Vec<u8>> {
        self.reach("status");
        None
    }
    fn sealing_key(&self, _: &SslRef) -> Option<TicketKey> {
        self.reach("sealing_key");
        if self.0 == "no ticket keys" { None } else { TicketKey::new([1; 16], &[2; 32], &[3; 32]) }
    }
    fn opening_key(&self, _: &SslRef, _: &[u8]) -> Option<Opening> {
        self.reach("opening_key");
        None
    }
    fn ticket_key_used(&self, _: &SslRef, _: TicketUse) {
        self.reach("ticket_key_used");
    }
    fn key_log(&self, _: &SslRef, _: &CStr) {
        self.reach("key_log");
    }
    fn state_change(&self, _: &SslRef, _: StateChange<'_>) {
        self.reach("state_change");
    }
}

/// A server whose callback `name` panics, with tickets or with a store.
fn faulty(name: &'static str, version: i32, tickets: bool) -> (SslCtx, &'static Faulty) {
    let ctx = only(server(Kind::Ecdsa), version);
    if !tickets {
        ctx.set_session_cache_mode(SessionCacheMode::External);
        ctx.set_options(options::NO_TICKET);
    }
    let wanted = Wanted { sessions: !tickets, states: name == "state_change", keys: name == "key_log" };
    let faulty = answer(&ctx, Faulty(name, AtomicUsize::new(0)), wanted);
    callback::answer_status(&ctx);
    (ctx, faulty)
}

/// A handshake with everything that makes callbacks run, up to data.
fn meet(server: &SslCtx, client: &SslCtx, session: Option<&Session>) -> (Outcome, Pair) {
    let pair = Pair::new(client, server);
    pair.client.set_server_name(c"default.test");
    pair.client.set_alpn_offer(b"\x02h2");
    pair.client.request_ocsp_response();
    if let Some(session) = session {
        pair.client.set_session(session);
    }
    (pair.shake(), pair)
}

/// Whether anything that the server's side wrote or read as data could pass.
fn is_usable(pair: &Pair) -> bool {
    pair.client.write(b"question").is_ok() && read(&pair.server).is_ok()
}

fn refuses(name: &'static str, version: i32, tickets: bool, session: Option<&Session>) {
    let (server, faulty) = faulty(name, version, tickets);
    let ((_, here), pair) = meet(&server, &client(), session);
    assert!(faulty.1.load(Relaxed) > 0, "{name} {version:x}: not reached");
    assert!(here.is_err(), "{name} {version:x}: {here:?}");
    assert!(!is_usable(&pair), "{name} {version:x}");
}

#[test]
fn client_hello() {
    refuses("client_hello", TLS12, true, None);
    refuses("client_hello", TLS13, true, None);
}

#[test]
fn server_name() {
    refuses("server_name", TLS12, true, None);
    refuses("server_name", TLS13, true, None);
}

#[test]
fn alpn() {
    refuses("alpn", TLS12, true, None);
    refuses("alpn", TLS13, true, None);
}

#[test]
fn certificate() {
    refuses("certificate", TLS12, true, None);
    refuses("certificate", TLS13, true, None);
}

#[test]
fn verification() {
    for version in [TLS12, TLS13] {
        for name in ["verify_step", "verify_end", "nothing"] {
            let (server, faulty) = faulty(name, version, true);
            trust(&server, &authority().0);
            server.verify_with_events(Verify::PEER);
            let person = identity_for("a person", Kind::Ecdsa);
            let client = client();
            client.install(&person.cert, &person.key, &[]).unwrap();
            let ((_, here), pair) = meet(&server, &client, None);
            assert_eq!(faulty.1.load(Relaxed) > 0, name != "nothing", "{name} {version:x}");
            assert_eq!(here.is_ok(), name == "nothing", "{name} {version:x}: {here:?}");
            assert_eq!(is_usable(&pair), name == "nothing", "{name} {version:x}");
        }
    }
}

#[test]
fn status() {
    refuses("status", TLS12, true, None);
    refuses("status", TLS13, true, None);
}

#[test]
fn state_change() {
    refuses("state_change", TLS12, true, None);
    refuses("state_change", TLS13, true, None);
}

#[test]
fn key_log() {
    refuses("key_log", TLS12, true, None);
    refuses("key_log", TLS13, true, None);
}

#[test]
fn ticket_seal() {
    refuses("ticket_seal", TLS12, true, None);
    refuses("ticket_seal", TLS13, true, None);
}

#[test]
fn session_new() {
    refuses("session_new", TLS13, false, None);
    // With TLS 1.2 the handshake is complete by then; the connection is of no use.
    let (server, faulty) = faulty("session_new", TLS12, false);
    let (_, pair) = meet(&server, &client(), None);
    assert_eq!(faulty.1.load(Relaxed), 1);
    assert!(!is_usable(&pair));
    assert_eq!(pair.server.write(b"answer"), Err(Stopped::Io));
}

/// A session that a server without the fault has given out, and that server's context.
fn given(version: i32) -> (SslCtx, Session) {
    let ctx = only(server(Kind::Ecdsa), version);
    answer(&ctx, Plain, Wanted::default());
    let client = client();
    let (outcome, pair) = meet(&ctx, &client, None);
    assert_eq!(outcome, (Ok(()), Ok(())));
    pair.talk();
    (ctx, pair.finish())
}

#[test]
fn ticket_keys() {
    for version in [TLS12, TLS13] {
        for name in ["sealing_key", "ticket_key_used", "no ticket keys"] {
            let (server, faulty) = faulty(name, version, true);
            assert!(callback::answer_ticket_keys(&server));
            let ((_, here), pair) = meet(&server, &client(), None);
            assert_eq!(faulty.1.load(Relaxed), usize::from(name != "no ticket keys"), "{name} {version:x}");
            assert!(here.is_err(), "{name} {version:x}: {here:?}");
            assert!(!is_usable(&pair), "{name} {version:x}");
        }
    }
}

#[test]
fn ticket_open() {
    for version in [TLS12, TLS13] {
        // Only the context that made a ticket can decrypt it, so the answers change on that one.
        let (server, session) = given(version);
        let faulty = answer(&server, Faulty("ticket_open", AtomicUsize::new(0)), Wanted::default());
        let ((_, here), pair) = meet(&server, &client(), Some(&session));
        assert_eq!(faulty.1.load(Relaxed), 1, "{version:x}");
        assert!(here.is_err(), "{version:x} {here:?}");
        assert!(!is_usable(&pair));
    }
}

#[test]
fn session_get_finds_nothing() {
    for version in [TLS12, TLS13] {
        let (server, _) = faulty("none", version, false);
        let client = client();
        let (outcome, pair) = meet(&server, &client, None);
        assert_eq!(outcome, (Ok(()), Ok(())));
        pair.talk();
        let session = pair.finish();
        let wanted = Wanted { sessions: true, ..Wanted::default() };
        let faulty = answer(&server, Faulty("session_get", AtomicUsize::new(0)), wanted);
        let (outcome, pair) = meet(&server, &client, Some(&session));
        assert_eq!(faulty.1.load(Relaxed), 1, "{version:x}");
        assert_eq!(outcome, (Ok(()), Ok(())), "{version:x}");
        assert!(!pair.server.is_resumed());
        pair.talk();
    }
}

#[test]
fn session_remove_goes_on_with_what_it_was_doing() {
    let (server, faulty) = faulty("session_remove", TLS12, false);
    let (outcome, pair) = meet(&server, &client(), None);
    assert_eq!(outcome, (Ok(()), Ok(())));
    pair.up.put(b"\x17\x03\x03\x00\x20................................");
    assert!(matches!(read(&pair.server), Err(Stopped::Library(_))));
    assert_eq!(faulty.1.load(Relaxed), 1);
}

#[test]
fn a_context_whose_answers_are_missing_refuses() {
    let (first, _) = faulty("none", TLS13, true);
    struct Switch(SslCtx);
    impl ServerEvents for Switch {
        fn client_hello(&self, ssl: &SslRef, _: &ClientHello<'_>) -> HelloVerdict {
            ssl.set_ctx(&self.0);
            HelloVerdict::Continue
        }
        fn server_name(&self, _: &SslRef) -> SniVerdict {
            SniVerdict::NoAck
        }
        fn alpn(&self, _: &SslRef, _: &[u8]) -> AlpnVerdict {
            AlpnVerdict::NoAck
        }
        fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
        fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
            TicketVerdict::Use
        }
    }
    answer(&first, Switch(server(Kind::Ecdsa)), Wanted::default());
    let ((_, here), pair) = meet(&first, &client(), None);
    assert!(here.is_err(), "{here:?}");
    assert!(!is_usable(&pair));
}

/// A transport that panics in the call with this name, and when it is dropped.
struct Bomb(&'static str);

impl Bomb {
    fn reach(&self, name: &str) {
        assert!(self.0 != name, "deliberate: {name}");
    }
}

impl Transport for Bomb {
    fn read(&self, _: &mut [MaybeUninit<u8>]) -> Io {
        self.reach("read");
        Io::WouldBlock
    }
    fn write(&self, buf: &[u8]) -> Io {
        self.reach("write");
        Io::Done(buf.len())
    }
    fn flush(&self) -> Io {
        self.reach("flush");
        Io::Done(0)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.reach("drop");
    }
}

#[test]
fn transports() {
    for (name, answer) in [
        ("none", Stopped::WantRead),
        ("read", Stopped::Io),
        ("write", Stopped::Io),
        ("flush", Stopped::Io),
        ("drop", Stopped::WantRead),
    ] {
        let ssl = Ssl::new(&client(), Box::new(Bomb(name))).unwrap();
        for _ in 0..2 {
            assert_eq!(ssl.connect(), Err(answer.clone()), "{name}");
        }
    }
}

#[test]
fn a_transport_that_claims_too_much_is_not_believed() {
    struct Liar;
    impl Transport for Liar {
        fn read(&self, buf: &mut [MaybeUninit<u8>]) -> Io {
            buf.fill(MaybeUninit::new(0));
            Io::Done(usize::MAX)
        }
        fn write(&self, _: &[u8]) -> Io {
            Io::Done(usize::MAX)
        }
        fn flush(&self) -> Io {
            Io::Done(0)
        }
    }
    let ssl = Ssl::new(&client(), Box::new(Liar)).unwrap();
    let stopped = ssl.connect().unwrap_err();
    assert!(stopped.errors()[0].text.ends_with("wrong version number"), "{stopped:?}");
}
