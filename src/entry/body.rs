//! Holds the body of a request while the client is asked for more, and plays
//! it to the handler afterwards.

use super::closed;
use crate::apr::brigade::Bucket;
use crate::apr::{Block, Brigade, Kind, Status};
use crate::httpd::filter::{self, Mode, ReadRequest};
use crate::httpd::hook::answer;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Filter, Level, Request};
use crate::sys;
use std::cell::Cell;
use std::ffi::CStr;

/// The filter, as other modules know it.
const NAME: &CStr = c"SSL/TLS Buffer";
/// `SSLRenegBufferSize` without a line.
pub const LIMIT: u64 = 131_072;
/// How much is asked for at once.
const PIECE: usize = 8_192;
/// How often in a row the filters below may answer without anything.
const EMPTY_ANSWERS: u32 = 16;

/// A body that was read. It lives in the pool of its request.
struct Held {
    body: Cell<Option<Brigade<'static>>>,
}

/// Registers the filter; in the register_hooks callback.
pub fn register() {
    filter::register_input(NAME, Some(replay), sys::AP_FTYPE_PROTOCOL);
}

/// Reads the whole body of `request`, at most `limit` bytes of it, and puts a
/// filter in place that hands it out again.
///
/// # Errors
/// The status of the answer; the reason was logged.
pub fn hold(request: Request<'_>, limit: u64) -> Result<(), i32> {
    if limit == 0 {
        return Err(answer::TOO_LARGE);
    }
    // SAFETY: the body is kept in the pool of the request, whose cleanups run before its memory goes.
    let body = unsafe { request.kept_brigade() };
    let part = Brigade::new(request.pool(), request.conn().bucket_alloc());
    let (Some(mut body), Some(mut part)) = (body, part) else { return Err(answer::SERVER_ERROR) };
    read_all(request, limit, &mut body, &mut part)?;
    let held = request.pool().keep(Held { body: Cell::new(Some(body)) });
    if request.replay_body_by(NAME, held) { Ok(()) } else { Err(answer::SERVER_ERROR) }
}

fn read_all(
    request: Request<'_>,
    limit: u64,
    body: &mut Brigade<'_>,
    part: &mut Brigade<'_>,
) -> Result<(), i32> {
    let (mut total, mut empty) = (0_u64, 0);
    let mut pieces = Pieces::default();
    loop {
        let status = request.read_body(part, PIECE);
        let status = if status.is_success() && part.is_empty() {
            empty += 1;
            if empty > EMPTY_ANSWERS { Status::EGENERAL } else { status }
        } else {
            empty = 0;
            status
        };
        if !status.is_success() {
            request.log_status(
                Level::Error,
                status,
                format_args!("AH02015: could not read request body for SSL buffer"),
            );
            return Err(Request::status_of_read(status, answer::SERVER_ERROR));
        }
        while let Some(mut front) = part.front() {
            match front.kind() {
                Kind::EndOfStream => {
                    pieces.end(|block| body.push(Bucket::from_block(block, request.conn().bucket_alloc())));
                    body.push(Bucket::eos(request.conn().bucket_alloc()));
                    part.clear();
                    return Ok(());
                }
                Kind::Data | Kind::File => {}
                _ => {
                    front.delete();
                    continue;
                }
            }
            let bytes = front.read(true).map_err(|status| {
                request.log_status(
                    Level::Error,
                    status,
                    format_args!("AH02016: could not read bucket for SSL buffer"),
                );
                answer::SERVER_ERROR
            })?;
            total = total.saturating_add(bytes.len() as u64);
            if total > limit {
                log!(request, Error, "AH02018: request body exceeds maximum size ({limit}) for SSL buffer");
                return Err(answer::TOO_LARGE);
            }
            pieces.add(bytes, |block| body.push(Bucket::from_block(block, request.conn().bucket_alloc())));
            front.delete();
        }
    }
}

/// Puts pieces together: a body that comes in chunks of one byte must not take a block for each of them.
#[derive(Default)]
struct Pieces {
    open: Option<Block>,
}

impl Pieces {
    /// Takes a piece; blocks that are full go to `push`.
    fn add(&mut self, mut bytes: &[u8], mut push: impl FnMut(Block)) {
        while !bytes.is_empty() {
            let mut block = self.open.take().unwrap_or_else(|| Block::new(bytes.len()));
            bytes = &bytes[block.append(bytes)..];
            if block.room() == 0 {
                push(block);
            } else {
                self.open = Some(block);
            }
        }
    }

    /// The rest.
    fn end(self, push: impl FnOnce(Block)) {
        if let Some(block) = self.open {
            push(block.shrunk());
        }
    }
}

entry_point! {
    /// Input filter `SSL/TLS Buffer`.
    fn replay(
        filter: *mut sys::ap_filter_t,
        brigade: *mut sys::apr_bucket_brigade,
        mode: sys::ap_input_mode_t,
        block: sys::apr_read_type_e,
        bytes: sys::apr_off_t,
    ) -> sys::apr_status_t, closed: closed::filter(filter);
    {
        // SAFETY: httpd passes a filter of a live request, and a brigade that the caller owns.
        let Some((this, mut into)) = (unsafe { Filter::of_call(filter, brigade) }) else { return Status::EGENERAL.0 };
        // SAFETY: `hold` alone adds this filter, with a body that the request's pool owns.
        let Some(held) = (unsafe { this.state().cast::<Held>().as_ref() }) else { return Status::EGENERAL.0 };
        let Some(conn) = this.conn() else { return Status::EGENERAL.0 };
        let Some(mut body) = held.body.take() else { return Status::EGENERAL.0 };
        if body.is_empty() {
            // It has ended, however often somebody asks.
            body.push(Bucket::eos(conn.bucket_alloc()));
        }
        let outcome = hand_out(&mut body, &mut into, ReadRequest::from_raw(mode, block, bytes));
        held.body.set(Some(body));
        match outcome {
            Ok(()) => Status::SUCCESS.0,
            Err((status, message)) => {
                if let Some(message) = message {
                    conn.log_status(Level::Error, status, format_args!("{message}"));
                }
                status.0
            }
        }
    }
}

/// Moves what was asked for out of the body.
fn hand_out(
    body: &mut Brigade<'_>,
    into: &mut Brigade<'_>,
    request: ReadRequest,
) -> Result<(), (Status, Option<&'static str>)> {
    match request.mode {
        Mode::Bytes => body
            .move_bytes(request.bytes.max(1), into)
            .map(drop)
            .map_err(|status| (status, Some("AH02019: could not partition buffered SSL brigade"))),
        Mode::Line => body
            .move_line(PIECE, into)
            .map(drop)
            .map_err(|status| (status, Some("AH02020: could not split line from buffered SSL brigade"))),
        _ => Err((Status::ENOTIMPL, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apr::pool::test_pool;

    fn ask(mode: sys::ap_input_mode_t, bytes: i64) -> ReadRequest {
        ReadRequest::from_raw(mode, sys::APR_BLOCK_READ, bytes)
    }

    #[test]
    fn small_pieces_share_a_block() {
        for sizes in [&[][..], &[0], &[1; 20_000], &[5_000; 7], &[1, 100_000, 1], &[131_072]] {
            let sent: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|place| (place % 251) as u8).collect();
            let (mut pieces, mut blocks, mut rest) = (Pieces::default(), Vec::new(), sent.as_slice());
            for size in sizes {
                let (piece, others) = rest.split_at(*size);
                pieces.add(piece, |block| blocks.push(block));
                rest = others;
            }
            pieces.end(|block| blocks.push(block));
            let held: Vec<u8> = blocks.iter().flat_map(Block::as_slice).copied().collect();
            assert!(held == sent, "{sizes:?}");
            let most = sent.len() / 4_000 + 1;
            assert!(blocks.len() <= most, "{} blocks for {} bytes", blocks.len(), sent.len());
        }
    }

    #[test]
    fn bodies_are_handed_out_by_bytes_and_lines() {
        test_pool(|pool, alloc| {
            let mut body = Brigade::new(pool, alloc).unwrap();
            body.push(Bucket::immortal(b"one\ntw", alloc));
            body.push(Bucket::immortal(b"o\nthree", alloc));
            body.push(Bucket::eos(alloc));
            let mut into = Brigade::new(pool, alloc).unwrap();
            for (mode, bytes, expected) in [
                (sys::AP_MODE_GETLINE, 0, 4),
                (sys::AP_MODE_GETLINE, 0, 4),
                (sys::AP_MODE_READBYTES, 2, 2),
                (sys::AP_MODE_READBYTES, 0, 1),
            ] {
                hand_out(&mut body, &mut into, ask(mode, bytes)).unwrap();
                assert_eq!(into.known_len(), expected, "{mode} {bytes}");
                assert!(!into.kinds().any(|kind| kind == Kind::EndOfStream));
                into.clear();
            }
            assert_eq!(
                hand_out(&mut body, &mut into, ask(sys::AP_MODE_SPECULATIVE, 1)).unwrap_err().0,
                Status::ENOTIMPL
            );
            hand_out(&mut body, &mut into, ask(sys::AP_MODE_READBYTES, 100)).unwrap();
            assert_eq!(into.kinds().collect::<Vec<_>>(), [Kind::Data, Kind::EndOfStream]);
            into.clear();
            assert!(body.is_empty());
        });
    }
}
