//! The input filter: ciphertext in, plaintext out.

use super::backlog;
use super::connection::ConnState;
use super::handshake;
use super::pace::{self, Side};
use super::proxy;
use super::report;
use super::wire::Waiting;
use crate::apr::brigade::Bucket;
use crate::apr::{Block, Brigade, Status};
use crate::httpd::Level;
use crate::httpd::filter::{Mode, ReadRequest};
use crate::httpd::log::log;
use crate::io::output::{PASSED_ON, RECORD};
use crate::ossl::error::LibraryError;
use crate::ossl::ssl::{Ssl, Stopped};

/// The longest piece of a line that is handed out at once.
const LINE: usize = 8_192;
/// Room for what is read when the caller did not ask for much.
const BLOCK: usize = 8_192;
/// How many messages in a row that carry no data (key updates, empty records)
/// a peer may send. One that sends more does not mean to speak.
const SILENT_MESSAGES: u32 = 256;

/// Reads for the filter (or HTTP layer) above.
pub fn read(state: &ConnState, into: &mut Brigade<'_>, request: ReadRequest) -> Status {
    let conn = state.conn();
    if conn.is_aborted() {
        into.push(Bucket::eos(conn.bucket_alloc()));
        return Status::ECONNABORTED;
    }
    if state.phase().is_shaking_hands() {
        let waiting = if request.block { Waiting::Block } else { Waiting::Try };
        match handshake::drive(state, waiting) {
            Ok(()) => {}
            Err(status) => return status,
        }
    }
    let Some(ssl) = state.ssl() else { return without_tls(state, into, request) };
    match request.mode {
        Mode::Init => Status::SUCCESS,
        Mode::Other => Status::ENOTIMPL,
        // mod_proxy asks whether the connection is still good for a request.
        Mode::Speculative if !request.block && is_retired(state) => Status::EOF,
        // Whether there is another request while the response to the last one waits to be sent: with one
        // the MPM gives us the connection again. Nobody reads it before that.
        Mode::Speculative if !request.block && state.backlog.has_response() => {
            into.push(Bucket::immortal(b".", conn.bucket_alloc()));
            Status::SUCCESS
        }
        Mode::Bytes | Mode::Line | Mode::Speculative => {
            let Some(mut plaintext) = state.plaintext.take() else {
                // A filter below called the chain it is part of.
                return Status::EGENERAL;
            };
            let outcome = match request.mode {
                Mode::Line => line(state, &ssl, &mut plaintext, into, request.block),
                Mode::Speculative => speculate(state, &ssl, &mut plaintext, into, request),
                _ => bytes(state, &ssl, &mut plaintext, into, request),
            };
            let more = !plaintext.is_empty() || ssl.pending() > 0;
            state.plaintext.set(Some(plaintext));
            pace::note(Side::of(state), more && outcome.is_ok());
            outcome.err().unwrap_or(Status::SUCCESS)
        }
    }
}

/// Whether a connection to a backend is not to be used again, because the next
/// request may have other terms.
fn is_retired(state: &ConnState) -> bool {
    state
        .outgoing
        .as_ref()
        .is_some_and(|outgoing| outgoing.policy.is_mixed() || proxy::next::differs_from(&outgoing.policy))
}

/// After the TLS part: the made-up request, then nothing. What the network
/// still has is not for the HTTP layer.
fn without_tls(state: &ConnState, into: &mut Brigade<'_>, request: ReadRequest) -> Status {
    if request.mode == Mode::Init {
        return Status::SUCCESS;
    }
    let Some(made_up) = state.plain_http.get() else { return Status::EOF };
    let (bytes, next) = made_up.feed();
    let Some(bytes) = bytes else { return Status::EOF };
    if request.mode != Mode::Speculative {
        state.plain_http.set(Some(next));
    }
    into.push(Bucket::immortal(bytes, state.conn().bucket_alloc()));
    Status::SUCCESS
}

fn bytes(
    state: &ConnState,
    ssl: &Ssl,
    plaintext: &mut Brigade<'_>,
    into: &mut Brigade<'_>,
    request: ReadRequest,
) -> Result<(), Status> {
    if plaintext.is_empty() {
        let asked = request.bytes.max(1);
        // Who takes small pieces of much gets them from one block.
        let is_bulk = state.bulk.get() && asked >= BLOCK;
        let wanted = if is_bulk { PASSED_ON } else { asked.min(RECORD) };
        let block = decrypt(state, ssl, wanted, request.block)?;
        state.bulk.set(asked >= BLOCK && block.len() >= wanted.min(RECORD));
        let fits = block.len() <= asked;
        let bucket = Bucket::from_block(block, state.conn().bucket_alloc());
        if fits {
            into.push(bucket);
            return Ok(());
        }
        plaintext.push(bucket);
    }
    plaintext.move_bytes(request.bytes.max(1), into)?;
    Ok(())
}

fn speculate(
    state: &ConnState,
    ssl: &Ssl,
    plaintext: &mut Brigade<'_>,
    into: &mut Brigade<'_>,
    request: ReadRequest,
) -> Result<(), Status> {
    let wanted = request.bytes.max(1);
    // The HTTP layer gives up a connection that has less than it asked for, though more has arrived.
    while plaintext.known_len() < wanted.min(RECORD) {
        let first = plaintext.is_empty();
        match decrypt(state, ssl, BLOCK, request.block && first) {
            Ok(block) => plaintext.push(Bucket::from_block(block, state.conn().bucket_alloc())),
            Err(status) if first => return Err(status),
            // The reason comes again with the next call.
            Err(_) => break,
        }
    }
    plaintext.copy_bytes(wanted, into)
}

/// Decrypts what has arrived already, for whoever reads next. Says how many
/// bytes that were.
///
/// # Errors
/// `EAGAIN`: nothing. Anything else was logged.
pub fn keep(state: &ConnState, ssl: &Ssl) -> Result<usize, Status> {
    let block = decrypt(state, ssl, BLOCK, false)?;
    let Some(mut plaintext) = state.plaintext.take() else { return Err(Status::EGENERAL) };
    let count = block.len();
    plaintext.push(Bucket::from_block(block, state.conn().bucket_alloc()));
    state.plaintext.set(Some(plaintext));
    Ok(count)
}

/// Hands out up to and with the next line feed, or a piece of a long line.
fn line(
    state: &ConnState,
    ssl: &Ssl,
    plaintext: &mut Brigade<'_>,
    into: &mut Brigade<'_>,
    block: bool,
) -> Result<(), Status> {
    let mut handed_out = 0;
    while handed_out < LINE {
        if plaintext.is_empty() {
            match decrypt(state, ssl, BLOCK, block) {
                Ok(block) => plaintext.push(Bucket::from_block(block, state.conn().bucket_alloc())),
                // The reason comes again with the next call, but for a wait that is over: that one would begin anew.
                Err(status) if handed_out > 0 && !status.is_timeup() => return Ok(()),
                Err(status) => return Err(status),
            }
        }
        let (moved, ended) = plaintext.move_line(LINE - handed_out, into)?;
        handed_out += moved;
        if ended {
            break;
        }
    }
    Ok(())
}

/// Decrypts at least one byte and at most `wanted`, straight into the memory
/// that is handed out.
fn decrypt(state: &ConnState, ssl: &Ssl, wanted: usize, block: bool) -> Result<Block, Status> {
    if let Some(status) = state.failed.get() {
        return Err(status);
    }
    if block {
        backlog::catch_up(state, ssl)?;
    }
    let waiting = if block { Waiting::Block } else { Waiting::Try };
    state.wire.wait(waiting);
    state.wire.was_starved();
    let mut data = Block::new(wanted);
    loop {
        let limit = wanted - data.len();
        match data.fill(limit, |spare| ssl.read(spare)) {
            Ok(_) if data.len() < wanted && (ssl.pending() > 0 || state.wire.has_arrived()) => {
                // More is here already; it must not make us wait.
                state.wire.wait(Waiting::Try);
            }
            Ok(_) => break,
            Err(Stopped::WantRead | Stopped::WantWrite) if !data.is_empty() => break,
            Err(Stopped::WantRead | Stopped::WantWrite) => {
                // Something arrived that carries no data for us (a ticket, a
                // key update): what follows may be here already, where the
                // MPM cannot see it.
                if state.wire.was_starved() {
                    if block {
                        continue;
                    }
                    return Err(Status::EAGAIN);
                }
                state.silent.set(state.silent.get() + 1);
                if state.silent.get() > SILENT_MESSAGES {
                    return Err(too_silent(state));
                }
            }
            Err(stopped) => {
                let status = stop(state, stopped, waiting);
                if data.is_empty() {
                    return Err(status);
                }
                // What came before it is told first.
                break;
            }
        }
    }
    state.silent.set(0);
    if let Some(outgoing) = &state.outgoing {
        outgoing.answered.set(true);
    }
    // Whoever keeps a few bytes must not keep a whole block.
    Ok(data.shrunk())
}

/// A peer that sends nothing but messages without data.
fn too_silent(state: &ConnState) -> Status {
    log!(
        state.conn(),
        Info,
        "AH01992: SSL library error: more than {SILENT_MESSAGES} messages without data in a row"
    );
    state.failed.set(Some(Status::EGENERAL));
    Status::EGENERAL
}

/// The reason for a read that failed, logged, and kept if it is for good.
fn stop(state: &ConnState, stopped: Stopped, waiting: Waiting) -> Status {
    let conn = state.conn();
    let number = stopped.number();
    let below = state.wire.status();
    let status = match stopped {
        Stopped::Closed | Stopped::Eof => {
            proxy::late::ended(state, Status::EOF, &[]);
            return Status::EOF;
        }
        Stopped::Io if below.is_timeup() || below.is_retry() => return below,
        Stopped::Io => {
            let status = if below.is_success() { Status::EGENERAL } else { below };
            log!(conn, Info, status => "AH01991: SSL input filter read failed.");
            proxy::late::ended(state, status, &[]);
            status
        }
        Stopped::Library(errors) | Stopped::HttpRequest(errors) => {
            log!(conn, Info, "AH01992: SSL library error {number} reading data");
            report::library_errors(state.server().get(), Level::Info, &errors);
            proxy::late::ended(state, Status::EGENERAL, &errors);
            if state.outgoing.is_some() && errors.iter().any(LibraryError::is_unexpected_eof) {
                // Many backends end without a word. mod_proxy sees whether a length was promised.
                state.failed.set(Some(Status::EOF));
                return Status::EOF;
            }
            // The alert that says why; whether it arrives changes nothing.
            let _ = state.wire.send(waiting);
            Status::EGENERAL
        }
        Stopped::WantRead | Stopped::WantWrite | Stopped::Other(_) => {
            log!(conn, Info, "AH01992: SSL library error {number} reading data");
            Status::EGENERAL
        }
    };
    state.failed.set(Some(status));
    status
}
