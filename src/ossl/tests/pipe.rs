//! Two ends of a connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::rc::Rc;

use crate::ossl::bio::{Io, Transport};
use crate::ossl::ctx::SslCtx;
use crate::ossl::session::Session;
use crate::ossl::ssl::{Ssl, Stopped};

/// One direction.
pub(super) struct Pipe {
    pub(super) bytes: RefCell<VecDeque<u8>>,
    /// How many bytes a single read or write moves at most.
    pub(super) step: Cell<usize>,
    /// How many bytes fit.
    pub(super) room: Cell<usize>,
    /// Nothing more comes: the reader is told once the pipe is empty.
    pub(super) ended: Cell<bool>,
    /// Both ends fail.
    pub(super) broken: Cell<bool>,
    pub(super) flushes: Cell<usize>,
}

impl Pipe {
    fn new() -> Rc<Self> {
        Rc::new(Pipe {
            bytes: RefCell::default(),
            step: Cell::new(usize::MAX),
            room: Cell::new(usize::MAX),
            ended: Cell::new(false),
            broken: Cell::new(false),
            flushes: Cell::new(0),
        })
    }

    pub(super) fn put(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend(bytes);
    }

    pub(super) fn take(&self) -> Vec<u8> {
        self.bytes.borrow_mut().drain(..).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.borrow().len()
    }
}

pub(super) struct End {
    pub(super) from: Rc<Pipe>,
    pub(super) to: Rc<Pipe>,
}

impl Transport for End {
    fn read(&self, buf: &mut [MaybeUninit<u8>]) -> Io {
        if self.from.broken.get() {
            return Io::Failed;
        }
        let mut bytes = self.from.bytes.borrow_mut();
        let count = bytes.len().min(buf.len()).min(self.from.step.get());
        if count == 0 {
            return if self.from.ended.get() { Io::Eof } else { Io::WouldBlock };
        }
        for (place, byte) in buf.iter_mut().zip(bytes.drain(..count)) {
            place.write(byte);
        }
        Io::Done(count)
    }

    fn write(&self, buf: &[u8]) -> Io {
        if self.to.broken.get() {
            return Io::Failed;
        }
        let room = self.to.room.get().saturating_sub(self.to.len());
        let count = buf.len().min(room).min(self.to.step.get());
        if count == 0 {
            return Io::WouldBlock;
        }
        self.to.put(&buf[..count]);
        Io::Done(count)
    }

    fn flush(&self) -> Io {
        self.to.flushes.set(self.to.flushes.get() + 1);
        Io::Done(0)
    }
}

/// A client and a server.
pub(super) struct Pair {
    pub(super) client: Ssl,
    pub(super) server: Ssl,
    /// From the client to the server.
    pub(super) up: Rc<Pipe>,
    /// From the server to the client.
    pub(super) down: Rc<Pipe>,
}

/// How a handshake ended, on the client's and on the server's side.
pub(super) type Outcome = (Result<(), Stopped>, Result<(), Stopped>);

impl Pair {
    pub(super) fn new(client: &SslCtx, server: &SslCtx) -> Self {
        let (up, down) = (Pipe::new(), Pipe::new());
        let end = |from: &Rc<Pipe>, to: &Rc<Pipe>| Box::new(End { from: from.clone(), to: to.clone() });
        let client = Ssl::new(client, end(&down, &up)).unwrap();
        let server = Ssl::new(server, end(&up, &down)).unwrap();
        // Without a context OpenSSL refuses to resume where certificates are asked for.
        assert!(server.set_session_id_context(b"the default"));
        Pair { client, server, up, down }
    }

    /// Takes turns until nothing moves any more.
    pub(super) fn shake(&self) -> Outcome {
        let mut outcome = (Err(Stopped::WantRead), Err(Stopped::WantRead));
        for _ in 0..200_000 {
            let before = (self.up.len(), self.down.len(), outcome.clone());
            if outcome.0.as_ref().is_err_and(Stopped::is_retry) {
                outcome.0 = self.client.connect();
            }
            if outcome.1.as_ref().is_err_and(Stopped::is_retry) {
                outcome.1 = self.server.accept();
            }
            if before == (self.up.len(), self.down.len(), outcome.clone()) {
                return outcome;
            }
        }
        panic!("the handshake does not end: {outcome:?}");
    }

    /// A handshake that must succeed.
    pub(super) fn open(&self) {
        assert_eq!(self.shake(), (Ok(()), Ok(())));
    }

    /// Sends bytes in both directions; the client sees its tickets on the way.
    pub(super) fn talk(&self) {
        assert_eq!(transfer(&self.client, &self.server, b"question"), b"question");
        assert_eq!(transfer(&self.server, &self.client, b"answer"), b"answer");
    }

    /// Ends both sides as if by close_notify, so that the session stays usable, and gives the client's.
    pub(super) fn finish(self) -> Session {
        self.client.set_quiet_end();
        self.server.set_quiet_end();
        self.client.session().unwrap()
    }
}

/// Writes on one end and reads on the other.
pub(super) fn transfer(from: &Ssl, to: &Ssl, bytes: &[u8]) -> Vec<u8> {
    let mut sent = 0;
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    for _ in 0..1_000_000 {
        if sent < bytes.len() {
            match from.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(Stopped::WantWrite) => {}
                Err(stopped) => panic!("write: {stopped:?}"),
            }
        }
        match to.read_bytes(&mut buffer) {
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(Stopped::WantRead) if received.len() == bytes.len() => return received,
            Err(Stopped::WantRead) => {}
            Err(stopped) => panic!("read: {stopped:?}"),
        }
    }
    panic!("only {} of {} bytes", received.len(), bytes.len());
}

/// One read, for its outcome.
pub(super) fn read(from: &Ssl) -> Result<Vec<u8>, Stopped> {
    let mut buffer = [0; 4096];
    from.read_bytes(&mut buffer).map(|count| buffer[..count].to_vec())
}
