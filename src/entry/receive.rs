//! The lowest input filter: ciphertext from the socket itself.
//!
//! Core's filter reads 8,000 bytes with each system call, and makes one call
//! more when it is asked for all that is there. Ours stands right above it and
//! reads as much as is there in one call. So all who stand between it and the
//! TLS filter, such as mod_reqtimeout and mod_logio, see everything.

use crate::apr::brigade::Bucket;
use crate::apr::{Block, Brigade, Kind, Status};
use crate::httpd::Conn;
use crate::httpd::filter::{Filter, Mode, ReadRequest};
use crate::io::input;
use std::cell::Cell;
use std::ffi::CStr;

/// Core's filter, as it stands in a chain.
const CORE: &CStr = c"core_in";

/// How a connection's ciphertext is read.
pub struct Receiver {
    /// What was looked at without being taken, as mod_reqtimeout does at the begin of a request.
    held: Cell<Option<Brigade<'static>>>,
    /// Core has given us the socket: it reads no more.
    has_socket: Cell<bool>,
    /// The most that is read next.
    size: Cell<usize>,
}

impl Receiver {
    /// # Safety
    /// The receiver is dropped, at the latest, when the connection's pool is.
    pub unsafe fn new(conn: Conn<'_>) -> Option<Self> {
        // SAFETY: the brigade lives in this receiver, for which the caller promises it.
        let held = unsafe { conn.kept_brigade() }?;
        Some(Self {
            held: Cell::new(Some(held)),
            has_socket: Cell::new(false),
            size: Cell::new(input::FIRST),
        })
    }

    /// How many bytes to ask the filters below for when OpenSSL wants `wanted`.
    #[must_use]
    pub fn ask_for(&self, wanted: usize) -> usize {
        self.size.get().max(wanted)
    }

    /// Reads for those above `filter`, which is ours.
    pub fn read(&self, filter: Filter<'_>, into: &mut Brigade<'_>, request: ReadRequest) -> Status {
        let (Some(conn), Mode::Bytes | Mode::Speculative) = (filter.conn(), request.mode) else {
            return filter.read_next(into, request);
        };
        // Not there: core's filter reached us again.
        let Some(mut held) = self.held.take() else { return Status::EGENERAL };
        let outcome = self.ready(filter, conn, &mut held, request).and_then(|ready| {
            if ready {
                self.hand_out(conn, &mut held, into, request)
            } else {
                filter.read_next(into, request).ok()
            }
        });
        self.held.set(Some(held));
        outcome.err().unwrap_or(Status::SUCCESS)
    }

    /// Whether we read from the socket. Before the TLS filter others may read
    /// something, such as the PROXY protocol: they ask for little, and perhaps
    /// for lines, which core can give them.
    fn ready(
        &self,
        filter: Filter<'_>,
        conn: Conn<'_>,
        held: &mut Brigade<'_>,
        request: ReadRequest,
    ) -> Result<bool, Status> {
        if !self.has_socket.get() && request.bytes >= input::FIRST {
            self.take_socket(filter, conn, held)?;
        }
        Ok(self.has_socket.get())
    }

    /// Takes from core's filter the socket, and what it has read but nobody has
    /// asked for. Not from another that stands where it should.
    fn take_socket(&self, filter: Filter<'_>, conn: Conn<'_>, held: &mut Brigade<'_>) -> Result<(), Status> {
        if filter.below().next().is_none_or(|next| next.name() != CORE) {
            return Ok(());
        }
        let mut taken = Brigade::new(conn.pool(), conn.bucket_alloc()).ok_or(Status::EGENERAL)?;
        filter.read_next(&mut taken, ReadRequest::everything()).ok()?;
        while let Some(front) = taken.front() {
            match (front.kind(), front.len()) {
                (Kind::Data, Some(_)) => held.push(taken.pop().ok_or(Status::EGENERAL)?),
                // Only the socket does not know how much it has. Where there is none, core goes on to say that this
                // is the end.
                (Kind::Data, None) => {
                    self.has_socket.set(true);
                    front.delete();
                }
                _ => front.delete(),
            }
        }
        Ok(())
    }

    fn hand_out(
        &self,
        conn: Conn<'_>,
        held: &mut Brigade<'_>,
        into: &mut Brigade<'_>,
        request: ReadRequest,
    ) -> Result<(), Status> {
        match request.mode {
            Mode::Speculative => {
                if held.is_empty() {
                    self.receive(conn, held, self.size.get(), request.block)?;
                }
                held.copy_bytes(request.bytes.max(1), into)
            }
            _ if held.is_empty() => self.receive(conn, into, request.bytes, request.block),
            _ => held.move_bytes(request.bytes.max(1), into).map(drop),
        }
    }

    /// Reads at most `limit` bytes from the socket.
    fn receive(
        &self,
        conn: Conn<'_>,
        into: &mut Brigade<'_>,
        limit: usize,
        block: bool,
    ) -> Result<(), Status> {
        let size = limit.clamp(1, self.size.get());
        let mut data = Block::new(size);
        let count = data.fill(size, |spare| conn.receive(spare, block))?;
        self.size.set(input::next_size(size, count));
        // The first size is small enough to be kept for a few bytes.
        let data = if size > input::FIRST { data.shrunk() } else { data };
        into.push(Bucket::from_block(data, conn.bucket_alloc()));
        Ok(())
    }
}
