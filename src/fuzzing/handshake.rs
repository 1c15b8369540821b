//! Bytes from the network into a server's handshake.

use super::hello;
use crate::ossl::bio::{Io, Transport};
use crate::ossl::callback::{
    self, AlpnVerdict, ClientHello, HelloVerdict, ServerEvents, SniVerdict, TicketStatus, TicketVerdict,
    Wanted,
};
use crate::ossl::ctx::{SessionCacheMode, SslCtx, options};
use crate::ossl::load;
use crate::ossl::session::{Session, SessionRef};
use crate::ossl::ssl::{Ssl, SslRef, Stopped};
use crate::policy::alpn::split_offer;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::LazyLock;

/// The server's certificate and key.
const IDENTITY: &[u8] = include_bytes!("../../fuzz/server.pem");
/// A session of TLS 1.2 in its cache.
const STORED: &[u8] = include_bytes!("../../fuzz/corpus/session_der/tls12");
const CONTEXT: &[u8] = b"fuzz";

/// The most that a server says before it has seen proof that the client knows the keys: two answers to a
/// ClientHello, with its certificate.
const MOST_WRITTEN: usize = 16_384;

/// A client that sends bytes in pieces and then ends the stream. The first byte says how many of the next
/// ones are sizes of pieces, which are used in turn; the rest is sent.
///
/// Nobody who does not know the keys finishes a handshake. While there are bytes the server reads all of
/// them or gives up, with a bounded answer, and at the end of the stream it gives up. Into what pieces the
/// stream is cut changes neither the outcome nor what the callbacks see. The stream is good if its
/// ClientHello was.
pub fn handshake(data: &[u8]) -> bool {
    let [count, rest @ ..] = data else { return false };
    let (sizes, stream) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let (outcome, seen) = converse(stream, &[]);
    if !sizes.is_empty() {
        let (other_outcome, other_seen) = converse(stream, sizes);
        assert_eq!(other_outcome, outcome, "in pieces of {sizes:?}");
        assert_eq!(other_seen, seen, "in pieces of {sizes:?}");
    }
    !seen.is_empty()
}

/// One connection: how it ended, and what was asked on the way.
fn converse(stream: &[u8], sizes: &[u8]) -> (Stopped, Vec<Asked>) {
    let wire = Rc::new(Wire::default());
    let ssl = Ssl::new(&SERVER, Box::new(End(Rc::clone(&wire)))).expect("a connection");
    assert!(ssl.set_session_id_context(CONTEXT));
    SEEN.take();
    let mut sizes = sizes.iter().cycle();
    let mut rest = stream;
    let outcome = loop {
        let size = sizes.next().map_or(rest.len(), |size| usize::from(*size).max(1)).min(rest.len());
        let (piece, later) = rest.split_at(size);
        rest = later;
        wire.arrived.borrow_mut().extend(piece);
        wire.ended.set(piece.is_empty());
        match ssl.accept() {
            Ok(()) => panic!("a handshake without keys"),
            Err(Stopped::WantRead) => {
                assert!(wire.arrived.borrow().is_empty(), "there was more to read");
                assert!(!wire.ended.get(), "the stream has ended");
            }
            Err(Stopped::WantWrite) => panic!("everything was written"),
            Err(stopped) => break stopped,
        }
    };
    assert!(wire.written.get() <= MOST_WRITTEN, "{} bytes", wire.written.get());
    assert!(ssl.accept().is_err());
    assert!(ssl.read_bytes(&mut [0; 64]).is_err());
    let seen = SEEN.take();
    seen.iter().for_each(Asked::check);
    for pair in seen.windows(2) {
        if let [Asked::Hello { offer, .. }, Asked::Offer(list)] = pair {
            assert_eq!(offer.as_ref(), Some(list), "the list of the ClientHello itself");
        }
    }
    (outcome, seen)
}

/// The network, as far as the server sees it.
#[derive(Default)]
struct Wire {
    arrived: RefCell<VecDeque<u8>>,
    ended: Cell<bool>,
    written: Cell<usize>,
}

struct End(Rc<Wire>);

impl Transport for End {
    fn read(&self, buf: &mut [MaybeUninit<u8>]) -> Io {
        let mut arrived = self.0.arrived.borrow_mut();
        let count = arrived.len().min(buf.len());
        if count == 0 {
            return if self.0.ended.get() { Io::Eof } else { Io::WouldBlock };
        }
        for (place, byte) in buf.iter_mut().zip(arrived.drain(..count)) {
            place.write(byte);
        }
        Io::Done(count)
    }

    fn write(&self, buf: &[u8]) -> Io {
        self.0.written.set(self.0.written.get() + buf.len());
        Io::Done(buf.len())
    }

    fn flush(&self) -> Io {
        Io::Done(0)
    }
}

/// What a callback was asked. What is wrong about that is said behind the call: a panic in a callback would
/// only end the handshake.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Hello {
        name: Option<String>,
        extension: Option<Vec<u8>>,
        offer: Option<Vec<u8>>,
        random: usize,
        session_id: usize,
    },
    Offer(Vec<u8>),
    Session(Vec<u8>),
    Ticket,
}

impl Asked {
    fn check(&self) {
        match self {
            Asked::Hello { name, extension, random, session_id, offer: _ } => {
                assert_eq!(name.is_some(), extension.as_deref().is_some_and(hello::server_name));
                assert_eq!(*random, 32);
                assert!(*session_id <= 32);
            }
            // OpenSSL has seen to it that the list is sound.
            Asked::Offer(offered) => assert!(hello::alpn_offer(offered)),
            Asked::Session(id) => assert!(id.len() <= 32),
            Asked::Ticket => panic!("a ticket of a key that nobody knows"),
        }
    }
}

thread_local! {
    static SEEN: RefCell<Vec<Asked>> = const { RefCell::new(Vec::new()) };
}

fn note(asked: Asked) {
    SEEN.with_borrow_mut(|seen| seen.push(asked));
}

struct Answers;

static ANSWERS: Answers = Answers;

impl ServerEvents for Answers {
    fn client_hello(&self, _: &SslRef, hello: &ClientHello<'_>) -> HelloVerdict {
        note(Asked::Hello {
            name: hello.server_name().map(str::to_owned),
            extension: hello.extension(0).map(<[u8]>::to_vec),
            offer: hello.alpn().map(<[u8]>::to_vec),
            random: hello.random().len(),
            session_id: hello.session_id().len(),
        });
        HelloVerdict::Continue
    }

    fn server_name(&self, _: &SslRef) -> SniVerdict {
        SniVerdict::Ack
    }

    fn alpn(&self, _: &SslRef, offered: &[u8]) -> AlpnVerdict {
        note(Asked::Offer(offered.to_vec()));
        let first = split_offer(offered).ok().and_then(|names| names.into_iter().next());
        first.map_or(AlpnVerdict::NoAck, AlpnVerdict::Select)
    }

    fn session_get(&self, _: &SslRef, _: &ClientHello<'_>, id: &[u8]) -> Option<Session> {
        note(Asked::Session(id.to_vec()));
        let session = Session::from_der(STORED)?;
        session.set_timeout(i64::from(i32::MAX));
        (session.id() == id).then_some(session)
    }

    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}

    fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
        note(Asked::Ticket);
        TicketVerdict::Ignore
    }
}

static SERVER: LazyLock<SslCtx> = LazyLock::new(|| {
    let certificates = load::certificates_from_pem(IDENTITY).expect("a certificate");
    let key = load::private_key_from_bytes(IDENTITY, None).expect("a key");
    let ctx = SslCtx::server().expect("a context");
    // Every version and every way of exchanging keys: there is more to parse.
    ctx.set_protocol_range(0x301, 0x304).expect("the versions");
    ctx.set_cipher_list(c"ALL:!aNULL:!eNULL:@SECLEVEL=0").expect("the ciphers");
    ctx.set_modes();
    ctx.set_options(options::ALL | options::IGNORE_UNEXPECTED_EOF | options::NO_RENEGOTIATION);
    ctx.set_automatic_dh();
    ctx.set_session_cache_mode(SessionCacheMode::External);
    ctx.install(&certificates[0], &key, &[]).expect("the identity");
    callback::install(&ctx, &ANSWERS, Wanted { sessions: true, ..Wanted::default() });
    ctx
});
