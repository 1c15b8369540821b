//! Between OpenSSL and the next filters: ciphertext in and out.
//!
//! Records that OpenSSL writes are collected in blocks; full blocks become
//! buckets of the brigade `ready`, together with the metadata that belongs
//! behind them, and the whole brigade goes to the next filter at once. Records
//! it reads are taken from a brigade that the next filter fills.
//!
//! OpenSSL calls back into this while a filter of ours is running, and the
//! next filters can reach this module again. So nothing here is borrowed
//! across such a call: brigades are taken out of their place and put back.

use super::receive::Receiver;
use crate::apr::brigade::Bucket;
use crate::apr::{Block, Brigade, Kind, Status};
use crate::httpd::conn::ConnSlot;
use crate::httpd::filter::{FilterSlot, ReadRequest};
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Conn, Filter, Level, Server};
use crate::io::output::{RECORD, RECORD_OVERHEAD};
use crate::io::{client_hello, dump};
use crate::ossl::bio::{Io, Transport};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::time::{Duration, Instant};

mod below;
mod flight;

/// How reads behave for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Wait for data.
    Block,
    /// Only what is there.
    Try,
    /// Only what is there; and what the network does not take now is kept back
    /// rather than waited for, however much it is.
    Park,
}

/// The two ends of a connection's ciphertext.
pub struct Wire {
    conn: ConnSlot,
    input: FilterSlot,
    output: FilterSlot,
    /// Ciphertext from the network, not yet taken by OpenSSL.
    arrived: Cell<Option<Brigade<'static>>>,
    /// What goes to the next output filter at the next opportunity.
    ready: Cell<Option<Brigade<'static>>>,
    /// Ciphertext being collected; it goes behind `ready`.
    block: Cell<Option<Block>>,
    /// Bytes in `ready`.
    ready_len: Cell<usize>,
    /// Bytes passed on since core held nothing.
    passed: Cell<usize>,
    /// A good size for the next block, set by whoever knows how much comes.
    expected: Cell<usize>,
    waiting: Cell<Waiting>,
    /// The peer waits for what is collected: it leaves before the next read.
    /// Otherwise (the first session tickets) it can wait for company.
    urgent: Cell<bool>,
    ended: Cell<bool>,
    status: Cell<Status>,
    /// Transfers are logged (`LogLevel ssl:trace4`).
    traced: Cell<bool>,
    /// The last read found that there was nothing to be had.
    starved: Cell<bool>,
    /// When nothing is waited for any more: a handshake has taken its time,
    /// however often something arrived meanwhile.
    deadline: Cell<Option<Instant>>,
    /// What the lowest filter reads with.
    pub receiver: Receiver,
    /// Bytes that have come from the network.
    received: Cell<u64>,
    /// The first flight of a client that takes its time with it.
    gathered: Cell<Vec<u8>>,
    /// Why the filter below failed while that was gathered.
    broken: Cell<Option<Status>>,
    /// The input was ended by us, because the time was up.
    cut: Cell<bool>,
    /// How long a read would wait is being asked for, and what the answer is.
    asking: Cell<bool>,
    wait_time: Cell<Option<Duration>>,
}

impl Wire {
    /// # Safety
    /// The wire is dropped, at the latest, when the connection's pool is.
    pub unsafe fn new(conn: Conn<'_>, input: Filter<'_>, output: Filter<'_>) -> Option<Rc<Self>> {
        // SAFETY: the brigades live in this wire, for which the caller promises it.
        let arrived = unsafe { conn.kept_brigade() }?;
        // SAFETY: as above.
        let ready = unsafe { conn.kept_brigade() }?;
        // SAFETY: as above.
        let receiver = unsafe { Receiver::new(conn) }?;
        Some(Rc::new(Self {
            conn: conn.slot(),
            input: input.slot(),
            output: output.slot(),
            arrived: Cell::new(Some(arrived)),
            ready: Cell::new(Some(ready)),
            block: Cell::new(None),
            ready_len: Cell::new(0),
            passed: Cell::new(0),
            expected: Cell::new(0),
            waiting: Cell::new(Waiting::Block),
            urgent: Cell::new(true),
            ended: Cell::new(false),
            status: Cell::new(Status::SUCCESS),
            traced: Cell::new(conn.logs(Level::Trace4)),
            starved: Cell::new(false),
            deadline: Cell::new(None),
            receiver,
            received: Cell::new(0),
            gathered: Cell::default(),
            broken: Cell::new(None),
            cut: Cell::new(false),
            asking: Cell::new(false),
            wait_time: Cell::new(None),
        }))
    }

    /// Prepares for reads that wait, or do not.
    pub fn wait(&self, waiting: Waiting) {
        self.waiting.set(waiting);
        self.status.set(Status::SUCCESS);
    }

    /// Says until when the peer is waited for, whatever arrives.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
    }

    /// Until when the peer is waited for.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// The input was ended by us, because the time was up: that is what reads
    /// say when nothing more is there.
    pub fn cut(&self) {
        self.cut.set(true);
    }

    /// Bytes that have come from the network so far.
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// Says whether the peer waits for what OpenSSL writes unasked.
    pub fn set_urgent(&self, urgent: bool) {
        self.urgent.set(urgent);
    }

    /// The status of the filter below that made the last read or write fail.
    pub fn status(&self) -> Status {
        self.status.get()
    }

    /// Whether a read found nothing to be had since the last call of this
    /// function. Without that, OpenSSL may still hold a record that it has not
    /// looked at.
    pub fn was_starved(&self) -> bool {
        self.starved.replace(false)
    }

    /// Whether ciphertext has arrived that OpenSSL has not taken.
    pub fn has_arrived(&self) -> bool {
        peek(&self.arrived, |brigade| !brigade.is_empty()).unwrap_or(false)
    }

    /// Takes what is there of the ClientHello, without waiting and without
    /// OpenSSL. `true`: OpenSSL has something to do now.
    pub fn gather(&self) -> bool {
        // Not there: a filter below reached us again while it was read from.
        let Some(mut arrived) = self.arrived.take() else { return true };
        let mut flight = self.gathered.take();
        let outcome = self.gather_from(&mut arrived, &mut flight);
        self.arrived.set(Some(arrived));
        self.gathered.set(flight);
        outcome.unwrap_or_else(|status| {
            self.broken.set(Some(status));
            true
        })
    }

    fn gather_from(&self, arrived: &mut Brigade<'_>, flight: &mut Vec<u8>) -> Result<bool, Status> {
        loop {
            let missing = client_hello::missing(flight);
            if missing == 0 {
                return Ok(true);
            }
            let start = flight.len();
            flight.reserve_exact(missing);
            let room = flight.spare_capacity_mut();
            let count = self.take_arrived(arrived, &mut room[..missing])?;
            // SAFETY: the front of the spare capacity has just been filled with so many bytes.
            unsafe { flight.set_len(start + count) };
            if count == 0 && (self.ended.get() || !self.fetch(arrived, missing, false)?) {
                return Ok(self.ended.get());
            }
        }
    }

    /// Hands out what was gathered.
    fn take_gathered(&self, into: &mut [MaybeUninit<u8>]) -> usize {
        let mut flight = self.gathered.take();
        let count = flight.len().min(into.len());
        into[..count].write_copy_of_slice(&flight[..count]);
        if count < flight.len() {
            flight.drain(..count);
            self.gathered.set(flight);
        }
        count
    }

    /// Whether something waits to be sent.
    pub fn has_pending(&self) -> bool {
        self.ready_len.get() > 0
            || peek(&self.block, |block| !block.is_empty()).unwrap_or(false)
            || peek(&self.ready, |brigade| !brigade.is_empty()).unwrap_or(false)
    }

    /// Bytes of ciphertext that wait in full blocks.
    pub fn ready_len(&self) -> usize {
        self.ready_len.get()
    }

    /// Bytes of ciphertext collected so far.
    pub fn collected(&self) -> usize {
        self.ready_len.get() + peek(&self.block, Block::len).unwrap_or(0)
    }

    /// Announces `now` bytes of ciphertext, of `total` that are to come: when
    /// the block has no room for them, a fresh one is made for the total.
    pub fn expect(&self, now: usize, total: usize) {
        if peek(&self.block, Block::room).unwrap_or(0) < now {
            self.seal();
            self.expected.set(total.max(now));
        }
    }

    /// Moves the collected ciphertext to `ready`.
    pub fn seal(&self) {
        let Some(block) = self.block.take() else { return };
        if block.is_empty() {
            return;
        }
        let Some(mut ready) = self.ready.take() else { return };
        self.ready_len.set(self.ready_len.get() + block.len());
        ready.push(Bucket::from_block(block, self.conn.get().bucket_alloc()));
        self.ready.set(Some(ready));
    }

    /// Puts metadata behind everything that was written so far.
    pub fn forward(&self, bucket: Bucket) {
        self.seal();
        let Some(mut ready) = self.ready.take() else { return };
        ready.push(bucket);
        self.ready.set(Some(ready));
    }

    /// Passes everything collected to the next output filter.
    pub fn pass(&self) -> Status {
        self.seal();
        let Some(mut ready) = self.ready.take() else {
            // The next filter is being called already: it reached us again.
            return Status::EGENERAL;
        };
        if ready.is_empty() {
            self.ready.set(Some(ready));
            return Status::SUCCESS;
        }
        self.passed.set(self.in_core() + self.ready_len.replace(0));
        // What had time has left; from now on the peer may wait for replies.
        self.urgent.set(true);
        let status = self.output.get().pass_next(&mut ready);
        self.ready.set(Some(ready));
        status
    }

    /// Bytes of ciphertext that core holds at most, because the socket has not
    /// taken them yet.
    pub fn in_core(&self) -> usize {
        if self.conn.get().has_buffered_output() { self.passed.get() } else { 0 }
    }

    /// Sends everything collected: waiting until the network has it, or as
    /// far as it takes it now.
    pub fn send(&self, waiting: Waiting) -> Status {
        if !self.has_pending() {
            return Status::SUCCESS;
        }
        let conn = self.conn.get();
        match waiting {
            Waiting::Block => {
                self.forward(Bucket::flush(conn.bucket_alloc()));
                self.within_deadline(|| self.pass().ok()).err().unwrap_or(Status::SUCCESS)
            }
            Waiting::Try => match self.pass().ok() {
                Ok(()) => conn.push_output(),
                Err(status) => status,
            },
            Waiting::Park => match self.send_in_pieces() {
                Ok(()) => Status::SUCCESS,
                // That was our own doing.
                Err(_) if self.cut.get() => Status::TIMEUP,
                Err(status) => status,
            },
        }
    }

    /// Throws away what was not sent or taken.
    pub fn discard(&self) {
        self.block.set(None);
        self.gathered.take();
        self.ready_len.set(0);
        for place in [&self.arrived, &self.ready] {
            if let Some(mut brigade) = place.take() {
                brigade.clear();
                place.set(Some(brigade));
            }
        }
    }

    /// Copies arrived ciphertext to OpenSSL's buffer.
    fn take_arrived(&self, arrived: &mut Brigade<'_>, into: &mut [MaybeUninit<u8>]) -> Result<usize, Status> {
        let mut filled = 0;
        while filled < into.len() {
            let Some(mut front) = arrived.front() else { break };
            match front.kind() {
                Kind::Data | Kind::File => {}
                Kind::EndOfStream => {
                    self.ended.set(true);
                    front.delete();
                    break;
                }
                _ => {
                    front.delete();
                    continue;
                }
            }
            // Reading what the filter below has delivered does not wait.
            let bytes = front.read(true)?;
            let count = bytes.len().min(into.len() - filled);
            into[filled..filled + count].write_copy_of_slice(&bytes[..count]);
            filled += count;
            front.consume(count);
        }
        self.received.set(self.received.get() + filled as u64);
        Ok(filled)
    }

    /// Runs `io`, none of whose waits then lasts beyond the deadline.
    fn within_deadline<T>(&self, io: impl FnOnce() -> Result<T, Status>) -> Result<T, Status> {
        let Some(deadline) = self.deadline.get() else { return io() };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Status::TIMEUP);
        }
        let conn = self.conn.get();
        let _limit = conn.limit_waits(left);
        io()
    }

    /// Asks the next input filter for ciphertext. `Ok(false)`: nothing there.
    fn fetch(&self, arrived: &mut Brigade<'_>, wanted: usize, block: bool) -> Result<bool, Status> {
        let bytes = self.receiver.ask_for(wanted);
        let status = self
            .within_deadline(|| Ok(self.input.get().read_next(arrived, ReadRequest::bytes(bytes, block))))?;
        if self.cut.get() && arrived.is_empty() {
            return Err(Status::TIMEUP);
        }
        if status.is_retry() {
            return Ok(false);
        }
        if status.is_eof() {
            self.ended.set(true);
            return Ok(!arrived.is_empty());
        }
        status.ok()?;
        // Core and others answer "nothing there" with an empty brigade.
        Ok(!arrived.is_empty())
    }

    /// Another vhost's log level is in force.
    pub fn trace_if_logged(&self, server: Server<'_>) {
        self.traced.set(server.logs(Level::Trace4));
    }

    /// Logs a transfer, and its bytes at trace7.
    fn trace(&self, verb: &str, preposition: &str, bytes: &[u8], asked: usize) {
        let conn = self.conn.get();
        let (done, bio, memory) = (bytes.len(), std::ptr::from_ref(self).addr(), bytes.as_ptr().addr());
        let dumped = conn.logs(Level::Trace7);
        let follows = if dumped { " (BIO dump follows)" } else { "" };
        log!(
            conn,
            Trace4,
            "OpenSSL: {verb} {done}/{asked} bytes {preposition} BIO#{bio:x} [mem: {memory:x}]{follows}"
        );
        if dumped {
            for line in dump::lines(bytes) {
                log!(conn, Trace7, "{line}");
            }
        }
    }

    fn trace_read(&self, outcome: &Result<Io, Status>, into: &[MaybeUninit<u8>]) {
        if let Ok(Io::Done(count)) = outcome {
            // SAFETY: the read has just filled so many bytes.
            let bytes = unsafe { into[..*count].assume_init_ref() };
            self.trace("read", "from", bytes, into.len());
        } else {
            let bio = std::ptr::from_ref(self).addr();
            log!(
                self.conn.get(),
                Trace4,
                "OpenSSL: I/O error, {} bytes expected to read on BIO#{bio:x}",
                into.len()
            );
        }
    }

    /// [`Transport::read`] with the brigade in hand.
    fn read_from(&self, arrived: &mut Brigade<'_>, into: &mut [MaybeUninit<u8>]) -> Result<Io, Status> {
        let gathered = self.take_gathered(into);
        if gathered > 0 {
            return Ok(Io::Done(gathered));
        }
        if let Some(status) = self.broken.take() {
            return Err(status);
        }
        loop {
            let count = self.take_arrived(arrived, into)?;
            if count > 0 {
                return Ok(Io::Done(count));
            }
            if self.ended.get() {
                return Ok(Io::Eof);
            }
            let pending = self.has_pending();
            if pending && self.urgent.get() {
                self.send(self.waiting.get()).ok()?;
            }
            let late = pending && !self.urgent.get();
            let block = self.waiting.get() == Waiting::Block && !late;
            if self.fetch(arrived, into.len(), block)? || self.ended.get() {
                continue;
            }
            if late {
                // Nobody came along to share the trip.
                self.send(self.waiting.get()).ok()?;
                if self.waiting.get() == Waiting::Block {
                    continue;
                }
            }
            self.status.set(Status::EAGAIN);
            self.starved.set(true);
            return Ok(Io::WouldBlock);
        }
    }
}

impl Transport for Rc<Wire> {
    fn read(&self, into: &mut [MaybeUninit<u8>]) -> Io {
        // Not there: a filter below reached us again while it was read from.
        let Some(mut arrived) = self.arrived.take() else { return Io::Failed };
        let outcome = self.read_from(&mut arrived, into);
        self.arrived.set(Some(arrived));
        if self.traced.get() {
            self.trace_read(&outcome, into);
        }
        outcome.unwrap_or_else(|status| {
            self.status.set(status);
            // Who waits in short turns goes on after each (mod_proxy_http2).
            if !status.is_timeup() {
                self.ended.set(true);
            }
            Io::Failed
        })
    }

    fn write(&self, bytes: &[u8]) -> Io {
        if self.traced.get() {
            self.trace("write", "to", bytes, bytes.len());
        }
        let mut block = self.block.take();
        let mut rest = bytes;
        loop {
            if let Some(block) = &mut block {
                rest = &rest[block.append(rest)..];
            }
            if rest.is_empty() {
                break;
            }
            if block.is_some() {
                self.block.set(block.take());
                self.seal();
            }
            let size = self.expected.replace(0).max(rest.len().min(RECORD + RECORD_OVERHEAD)).max(1024);
            block = Some(Block::new(size));
        }
        self.block.set(block);
        Io::Done(bytes.len())
    }

    fn flush(&self) -> Io {
        // A flight leaves before the next read, when nothing more joins it.
        Io::Done(1)
    }
}

/// Looks at what is in a cell.
fn peek<T, R>(cell: &Cell<Option<T>>, look: impl FnOnce(&T) -> R) -> Option<R> {
    let value = cell.take();
    let seen = value.as_ref().map(look);
    cell.set(value);
    seen
}
