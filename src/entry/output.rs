//! The output filter: plaintext in, records out.

use super::backlog;
use super::connection::ConnState;
use super::filters::COALESCING;
use super::handshake;
use super::pace::{self, Side};
use super::proxy::{self, Outgoing};
use super::report;
use super::shutdown;
use super::wire::Waiting;
use crate::apr::block::LARGE;
use crate::apr::brigade::{Bucket, FileSpan, Front};
use crate::apr::{Block, Brigade, Kind, Status};
use crate::httpd::log::log;
use crate::httpd::{Filter, Level};
use crate::io::output::{self, BATCH, FILE_PIECE, HOLD, Load, MARGIN, PASSED_ON, RECORD, SENT_AT_ONCE, Take};
use crate::ossl::ssl::{Ssl, Stopped};

/// Writes for the filter (or HTTP layer) above.
pub fn write(state: &ConnState, filter: Filter<'_>, brigade: &mut Brigade<'_>) -> Status {
    let conn = state.conn();
    if conn.is_aborted() {
        state.backlog.abandon(conn);
        brigade.clear();
        return Status::ECONNABORTED;
    }
    if state.backlog.has_response() && brigade.kinds().any(|kind| kind == Kind::EndOfConnection) {
        backlog::give_up(state);
        brigade.clear();
        return Status::ECONNABORTED;
    }
    if state.phase().is_shaking_hands() {
        if !brigade.kinds().any(|kind| matches!(kind, Kind::Data | Kind::File)) {
            return close_early(state, filter, brigade);
        }
        if let Err(status) = handshake::drive(state, Waiting::Block) {
            brigade.clear();
            return status;
        }
    }
    let Some(ssl) = state.ssl() else { return without_tls(state, filter, brigade) };
    if let Some(outgoing) = &state.outgoing {
        if outgoing.is_misplaced() && brigade.kinds().any(|kind| matches!(kind, Kind::Data | Kind::File)) {
            brigade.clear();
            return refuse_misplaced(state, outgoing);
        }
        // The backend may have begun another handshake.
        state.wire.wait(Waiting::Block);
    }
    match backlog::work_off(state, &ssl, brigade) {
        Err(status) => {
            brigade.clear();
            proxy::late::ended(state, status, &[]);
            status
        }
        // The response is complete. It leaves now rather than after the MPM
        // has looked for another request, so that the next request of a quick
        // client is here when it looks.
        Ok(Progress::RequestEnded) if !conn.is_aborted() && !conn.is_closing() && !state.has_input(&ssl) => {
            conn.push_output()
        }
        Ok(_) => Status::SUCCESS,
    }
}

/// How far the output filter came with a brigade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// To its end.
    Done,
    /// To its end, which is that of a request.
    RequestEnded,
    /// The socket takes no more, and the rest may be kept: it is still there.
    Full,
}

/// Encrypts and sends what is in `brigade`. Stops when the socket takes no
/// more, if it `may_stop` and nothing in the rest presses.
///
/// # Errors
/// Nothing more can be sent.
pub fn advance(
    state: &ConnState,
    ssl: &Ssl,
    brigade: &mut Brigade<'_>,
    may_stop: bool,
) -> Result<Progress, Status> {
    let more = pace::comes_more(Side::of(state)) && state.conn().has_output_filter(COALESCING);
    let mut writer = Writer::new(state, ssl, brigade.known_len(), more);
    if may_stop {
        writer.stop_when_full()?;
    }
    if !writer.take_all(brigade)? {
        return Ok(Progress::Full);
    }
    writer.finish()?;
    Ok(if writer.request_ended { Progress::RequestEnded } else { Progress::Done })
}

/// After the TLS part: the answer to plain HTTP leaves as it is. Otherwise the
/// connection is being closed, and nothing may leave in the clear.
fn without_tls(state: &ConnState, filter: Filter<'_>, brigade: &mut Brigade<'_>) -> Status {
    if state.plain_http.get().is_none() && brigade.kinds().any(|kind| matches!(kind, Kind::Data | Kind::File))
    {
        brigade.clear();
        return Status::ECONNABORTED;
    }
    filter.pass_next(brigade)
}

/// mod_proxy would send a request to a backend that was verified, or shown a
/// certificate, on other terms than the request's.
fn refuse_misplaced(state: &ConnState, outgoing: &Outgoing) -> Status {
    let (conn, id) = (state.conn(), state.vhost_id());
    log!(
        conn,
        Error,
        "SSL Proxy: a connection to a backend of {id} was made with other SSLProxy settings than those of the request that is to be sent on it; such connections are no longer kept"
    );
    outgoing.stop_keeping();
    handshake::abort(state);
    Status::ECONNABORTED
}

/// Metadata while the handshake is not finished: nothing waits for the peer
/// any more, least of all a handshake.
fn close_early(state: &ConnState, filter: Filter<'_>, brigade: &mut Brigade<'_>) -> Status {
    if brigade.kinds().any(|kind| kind == Kind::EndOfConnection) {
        if state.parked.is_waiting() {
            // The MPM has waited as long as its own limit allows.
            state.parked.leave();
            handshake::report_time_out(state);
        }
        state.end();
        state.shared.end();
        state.wire.discard();
    }
    filter.pass_next(brigade)
}

struct Writer<'s> {
    state: &'s ConnState,
    ssl: &'s Ssl,
    /// Bytes the brigade was known to hold at first.
    expected: usize,
    /// The next piece will come without waiting for anybody.
    more: bool,
    /// Plaintext that waits for company.
    staged: Option<Block>,
    /// A bucket asked for progress.
    metadata: bool,
    request_ended: bool,
    /// The most bytes that are passed on at once.
    limit: usize,
    /// Less room than this is not used.
    margin: usize,
    /// The thread need not wait for the socket, and stops when that is full:
    /// the most bytes that core may hold meanwhile.
    ceiling: Option<usize>,
    /// The socket takes no more.
    socket_is_full: bool,
}

impl<'s> Writer<'s> {
    fn new(state: &'s ConnState, ssl: &'s Ssl, expected: usize, more: bool) -> Self {
        let staged = state.staged.take();
        let expected = if more { expected.max(PASSED_ON) } else { expected };
        Self {
            state,
            ssl,
            expected,
            more,
            staged,
            metadata: false,
            request_ended: false,
            limit: BATCH,
            margin: RECORD,
            ceiling: None,
            socket_is_full: false,
        }
    }

    /// From now on no more is passed on than core takes without waiting, if
    /// what the socket does not take may be kept.
    fn stop_when_full(&mut self) -> Result<(), Status> {
        let conn = self.state.conn();
        // What comes in small pieces is passed on as it comes as long as core holds nothing.
        let is_little = self.expected <= RECORD || self.more;
        if is_little && !conn.has_buffered_output() || !backlog::is_possible(self.state) {
            return Ok(());
        }
        let Some(fits) = output::fits(conn.base_server().flush_threshold()) else { return Ok(()) };
        let ceiling = fits.saturating_sub(self.state.backlog.cut.get()).max(HOLD);
        (self.ceiling, self.margin) = (Some(ceiling), MARGIN);
        if !self.set_limit(ceiling) {
            conn.push_output().ok()?;
            self.socket_is_full = !self.set_limit(ceiling);
        }
        if self.room() < self.margin && !self.socket_is_full { self.encrypt_staged() } else { Ok(()) }
    }

    /// Sets how much may be passed on now. `false`: core holds so much that
    /// it would wait in any case.
    fn set_limit(&mut self, ceiling: usize) -> bool {
        let left = ceiling.saturating_sub(self.state.wire.in_core());
        self.limit = if left < HOLD { ceiling } else { left };
        left >= HOLD
    }

    /// Whether the rest, what is staged and what is in `brigade`, may wait for
    /// the socket.
    fn may_wait(&self, brigade: &Brigade<'_>) -> bool {
        let staged = std::iter::once(Load::Memory(self.staged_len()));
        output::may_be_held(staged.chain(brigade.pieces().map(backlog::load)))
    }

    /// `false`: the socket takes no more, and the rest may be kept.
    fn take_all(&mut self, brigade: &mut Brigade<'_>) -> Result<bool, Status> {
        loop {
            if brigade.is_empty() {
                return Ok(true);
            }
            if std::mem::take(&mut self.socket_is_full) && self.may_wait(brigade) {
                self.state.staged.set(self.staged.take());
                return Ok(false);
            }
            let Some(front) = brigade.front() else { return Ok(true) };
            match front.kind() {
                Kind::Data => self.take_data(front)?,
                Kind::File => self.take_file(front)?,
                Kind::EndOfConnection => {
                    self.state.parked.leave();
                    self.encrypt_staged()?;
                    shutdown::close(self.state, self.ssl);
                    // Nobody sends what core keeps of close_notify.
                    self.state.wire.forward(Bucket::flush(self.state.conn().bucket_alloc()));
                    self.forward(brigade);
                }
                kind => {
                    self.encrypt_staged()?;
                    if kind == Kind::EndOfRequest {
                        self.request_ended = true;
                        // The end of the last response leaves with close_notify.
                        self.state.hold_for_fin_if(self.state.conn().is_closing());
                    }
                    self.forward(brigade);
                }
            }
        }
    }

    fn forward(&mut self, brigade: &mut Brigade<'_>) {
        self.metadata = true;
        if let Some(bucket) = brigade.pop() {
            self.state.wire.forward(bucket);
        }
    }

    /// At the end of a brigade: what may wait waits, the rest goes.
    fn finish(&mut self) -> Result<(), Status> {
        let staged = self.staged_len();
        if self.more && !self.metadata && staged < RECORD {
            self.state.staged.set(self.staged.take());
            return Ok(());
        }
        let coalescing = || self.state.conn().has_output_filter(COALESCING);
        if staged > 0 && (self.metadata || !output::may_wait(staged, self.metadata, coalescing())) {
            self.encrypt_staged()?;
        }
        if let Some(staged) = self.staged.take() {
            self.state.staged.set(Some(staged));
            if self.state.wire.ready_len() == 0 && !self.metadata {
                return Ok(());
            }
        }
        self.pass()
    }

    fn pass(&mut self) -> Result<(), Status> {
        let conn = self.state.conn();
        if let Some(ceiling) = self.ceiling
            && self.state.wire.collected() > conn.base_server().flush_threshold()
        {
            // Small fragments or padding: less plaintext makes as much of it.
            self.state.backlog.cut.set(self.state.backlog.cut.get().saturating_add(RECORD));
            self.ceiling = Some(ceiling.saturating_sub(RECORD).max(HOLD));
        }
        let passed = self.state.wire.pass();
        if let Err(status) = passed.ok() {
            // Whether close_notify arrives is nobody's concern.
            if self.state.phase().carries_data() {
                log!(conn, Info, status => "AH01993: SSL output filter write failed.");
            }
            return Err(status);
        }
        // A write that went well on a connection given up meanwhile did not.
        if conn.is_aborted() {
            return Err(Status::ECONNRESET);
        }
        if let Some(ceiling) = self.ceiling {
            self.set_limit(ceiling);
            // Less than that core has not tried to send.
            self.socket_is_full = self.state.wire.in_core() >= SENT_AT_ONCE;
        }
        Ok(())
    }

    /// Plaintext that is passed on with what was collected.
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.state.wire.collected() + self.staged_len())
    }

    fn staged_len(&self) -> usize {
        self.staged.as_ref().map_or(0, Block::len)
    }

    fn take_data(&mut self, mut front: Front<'_>) -> Result<(), Status> {
        if front.is_empty() {
            front.delete();
            return Ok(());
        }
        let bytes = match front.read(false) {
            Err(status) if status.is_eagain() => {
                // A pipe has nothing yet: what there is must not wait for it.
                self.encrypt_staged()?;
                let sent = self.state.wire.send(Waiting::Block);
                sent.ok()?;
                front.read(true)
            }
            read => read,
        }
        .inspect_err(|status| self.source_failed(*status))?;
        if bytes.is_empty() {
            front.delete();
            return Ok(());
        }
        let bytes = if self.ceiling.is_some() { &bytes[..bytes.len().min(self.room())] } else { bytes };
        match output::take(self.staged_len(), bytes.len(), self.more) {
            Take::Stage(count) => {
                self.stage(&bytes[..count]);
                front.consume(count);
                if self.staged_len() >= RECORD || self.room() < self.margin {
                    self.encrypt_staged()?;
                }
            }
            Take::Direct(count) => {
                self.encrypt(&bytes[..count])?;
                front.consume(count);
            }
        }
        Ok(())
    }

    fn stage(&mut self, bytes: &[u8]) {
        let wanted = bytes.len().max(self.expected).min(RECORD);
        let staged = match self.staged.take() {
            // Only a block that was made for less must grow.
            Some(block) if block.room() < bytes.len() => {
                let mut larger = Block::new(RECORD);
                larger.append(block.as_slice());
                larger
            }
            Some(block) => block,
            None => Block::new(wanted),
        };
        self.staged.insert(staged).append(bytes);
    }

    /// Reads a file at its position straight into the memory that is
    /// encrypted. Behind what is staged: header and body share a record.
    fn take_file(&mut self, front: Front<'_>) -> Result<(), Status> {
        let Some(span) = front.file() else { return self.take_data(front) };
        if span.len == 0 {
            front.delete();
            return Ok(());
        }
        let piece = span.len.min(FILE_PIECE - self.staged_len().min(FILE_PIECE - 1));
        let piece = if self.ceiling.is_some() { piece.min(self.room()) } else { piece };
        let read = self.read_file(&span, piece).inspect_err(|status| self.source_failed(*status))?;
        front.consume(read);
        if self.ceiling.is_some() && self.room() < self.margin {
            self.encrypt_staged()?;
        } else if self.staged_len() >= RECORD {
            self.encrypt_full()?;
        }
        Ok(())
    }

    fn read_file(&mut self, span: &FileSpan, piece: usize) -> Result<usize, Status> {
        let needed = self.staged_len() + piece;
        let staged = match self.staged.take() {
            Some(block) if block.room() >= piece => block,
            smaller => {
                let size = if needed > RECORD && self.ceiling.is_none() { LARGE } else { needed };
                let mut block = Block::new(size);
                if let Some(smaller) = smaller {
                    block.append(smaller.as_slice());
                }
                block
            }
        };
        self.staged.insert(staged).fill(piece, |spare| span.read(spare))
    }

    /// Encrypts the staged records that are full; the rest goes on waiting.
    fn encrypt_full(&mut self) -> Result<(), Status> {
        let Some(mut staged) = self.staged.take() else { return Ok(()) };
        let full = staged.len() - staged.len() % RECORD;
        let sealed = self.seal(&staged.as_slice()[..full]);
        staged.drop_front(full);
        // While a slow reader is waited for, no large block is held twice.
        self.staged = Some(if self.is_full() { staged.shrunk() } else { staged });
        sealed.and_then(|()| self.pass_when_full())
    }

    fn encrypt_staged(&mut self) -> Result<(), Status> {
        match self.staged.take() {
            Some(staged) if !staged.is_empty() => self.encrypt(staged.as_slice()),
            _ => Ok(()),
        }
    }

    /// Encrypts; passes on when enough has come together.
    fn encrypt(&mut self, bytes: &[u8]) -> Result<(), Status> {
        self.seal(bytes)?;
        self.pass_when_full()
    }

    /// Encrypts.
    fn seal(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let total = self.expected.max(bytes.len()).min(self.limit);
        self.expected = self.expected.saturating_sub(bytes.len());
        self.state.wire.expect(output::sealed_size(bytes.len()), output::sealed_size(total));
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.ssl.write(rest) {
                Ok(count) => rest = &rest[count.min(rest.len())..],
                Err(stopped) => return Err(self.stop(stopped)),
            }
        }
        Ok(())
    }

    /// Whether another record might be too much for one pass.
    fn is_full(&self) -> bool {
        self.state.wire.collected() + self.margin > self.limit
    }

    fn pass_when_full(&mut self) -> Result<(), Status> {
        if self.is_full() { self.pass() } else { Ok(()) }
    }

    /// The source of the data failed in the middle of a response. Nobody can
    /// tell the peer any more, except by ending the connection.
    fn source_failed(&self, status: Status) {
        let conn = self.state.conn();
        log!(conn, Error, status => "AH10232: SSL output filter: the data to send could not be read");
        conn.abort();
    }

    /// The reason for a write that failed, logged.
    fn stop(&self, stopped: Stopped) -> Status {
        let conn = self.state.conn();
        let number = stopped.number();
        match stopped {
            Stopped::WantRead => {
                conn.sense_read();
                Status::EAGAIN
            }
            Stopped::WantWrite => Status::EAGAIN,
            Stopped::Library(errors) | Stopped::HttpRequest(errors) => {
                log!(conn, Info, "AH01994: SSL library error {number} writing data");
                report::library_errors(self.state.server().get(), Level::Info, &errors);
                Status::EGENERAL
            }
            Stopped::Io | Stopped::Closed | Stopped::Eof | Stopped::Other(_) => {
                let below = self.state.wire.status();
                let status = if below.is_success() { Status::EGENERAL } else { below };
                log!(conn, Info, status => "AH01993: SSL output filter write failed.");
                status
            }
        }
    }
}
