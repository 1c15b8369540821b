//! Responses that hold no thread while their client takes its time.
//!
//! When the socket takes no more, the output filter keeps the rest of the
//! response as it is: parts of files by reference, a little memory, and behind
//! them the end of the request, which is logged when it has passed. The handler
//! returns. What core holds of the response is sent by the MPM. Then it runs
//! the process_connection hook, because the input filter has said that there is
//! something to read; the hook sends what the socket takes, and gives the
//! connection back until it takes more.
//!
//! Without the MPM of httpd 2.4.63 or later, and wherever something may need
//! its thread, nothing is kept: core waits for the socket.

use super::connection::ConnState;
use super::filters::COALESCING;
use super::output::{self, Progress};
use super::parking::{self, Turn};
use crate::apr::pool::OwnPool;
use crate::apr::{Brigade, Kind, Status};
use crate::httpd::conn::{KeepAlive, Sense};
use crate::httpd::log::log;
use crate::httpd::{Conn, mpm};
use crate::io::output::Load;
use crate::metrics::{self, Waiting};
use crate::ossl::ssl::Ssl;
use std::cell::Cell;
use std::rc::Rc;

/// What is kept of a response.
pub struct Held {
    /// In `pool`.
    brigade: Brigade<'static>,
    /// Files are given to it, since theirs may go with a part of the request.
    pool: OwnPool,
}

impl Held {
    /// Takes all of `rest`, which does not last yet. `None`: it is left there.
    fn new(conn: Conn<'_>, rest: &mut Brigade<'_>) -> Option<Self> {
        // SAFETY: `Backlog` drops it before the sub-pools of the connection's pool go, in the thread that has the connection.
        let pool = unsafe { OwnPool::of(conn.pool()) }?;
        // SAFETY: dropped with the pool, and no other handle is made.
        let brigade = unsafe { conn.brigade_in(pool.get()) }?;
        let mut held = Self { brigade, pool };
        held.brigade.append(rest);
        Some(held)
    }

    fn set_aside(&mut self) -> Result<(), Status> {
        self.brigade.set_aside(self.pool.get())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Requests that end in it use their own pools, and perhaps files of ours.
        self.brigade.clear();
    }
}

/// The part of a connection's state that keeps the rest of a response.
#[derive(Default)]
pub struct Backlog {
    held: Cell<Option<Held>>,
    /// The end of the response is there: nobody works on the connection.
    /// Whether it goes on afterwards.
    after: Cell<Option<KeepAlive>>,
    /// How much less plaintext is passed on at once than usually fits, because
    /// its records turned out larger: the client wants small fragments, or the
    /// configuration padding.
    pub cut: Cell<usize>,
    is_guarded: Cell<bool>,
    is_over: Cell<bool>,
}

/// Ends a backlog before the pools of requests go.
struct End(Rc<Backlog>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.is_over.set(true);
        self.0.forget_response();
        self.0.held.take();
    }
}

impl Backlog {
    /// Whether the whole rest of a response waits, up to its end.
    #[must_use]
    pub fn has_response(&self) -> bool {
        self.after.get().is_some()
    }

    fn forget_response(&self) -> Option<KeepAlive> {
        let after = self.after.take();
        if after.is_some() {
            metrics::waits_no_longer(Waiting::Response);
        }
        after
    }

    /// Takes out what is kept.
    fn take(&self, conn: Conn<'_>) -> Option<Held> {
        let held = self.held.take()?;
        if let Some(after) = self.forget_response() {
            conn.set_keep_alive(after);
        }
        Some(held)
    }

    fn put(&self, conn: Conn<'_>, held: Held) {
        if held.brigade.kinds().any(|kind| kind == Kind::EndOfRequest) {
            metrics::begins_to_wait(Waiting::Response);
            self.after.set(Some(conn.keep_alive()));
            // Otherwise the MPM would close the connection when core is done, without asking us.
            conn.set_keep_alive(KeepAlive::GOES_ON);
        }
        self.held.set(Some(held));
    }

    /// Destroys what is kept; the connection was given up.
    pub fn abandon(&self, conn: Conn<'_>) {
        self.take(conn);
    }
}

/// Whether what the socket does not take may be kept. Else a thread waits.
#[must_use]
pub fn is_possible(state: &ConnState) -> bool {
    let conn = state.conn();
    parking::mpm_waits()
        && state.outgoing.is_none()
        && conn.has_state()
        && !conn.has_own_thread()
        && state.vhost().async_output
        && !state.backlog.is_over.get()
        && conn.has_output_filter(COALESCING)
        && conn.protocol() == c"http/1.1"
        && state.wire.is_plain_below()
        && state.wire.is_below_http()
}

/// What a bucket is to somebody who would keep it.
#[must_use]
pub fn load((kind, len): (Kind, Option<usize>)) -> Load {
    match kind {
        Kind::File => Load::Elsewhere,
        Kind::Data => len.map_or(Load::Pressing, Load::Memory),
        Kind::EndOfStream | Kind::EndOfRequest => Load::Mark,
        Kind::Flush | Kind::EndOfConnection | Kind::OtherMetadata => Load::Pressing,
    }
}

/// Sends what was kept, and `brigade` behind it, as far as the socket takes
/// it, and keeps the rest. Says what the end was.
///
/// # Errors
/// Nothing more can be sent.
pub fn work_off(state: &ConnState, ssl: &Ssl, brigade: &mut Brigade<'_>) -> Result<Progress, Status> {
    let conn = state.conn();
    if let Some(mut held) = state.backlog.take(conn) {
        held.brigade.append(brigade);
        return go_on(state, ssl, held).map(|(progress, _)| progress);
    }
    let progress = output::advance(state, ssl, brigade, true)?;
    if progress != Progress::Full {
        return Ok(progress);
    }
    let backlog = &state.backlog;
    if !backlog.is_guarded.replace(true) {
        conn.pool().drop_first(End(Rc::clone(backlog)));
    }
    match Held::new(conn, brigade) {
        Some(held) => keep(state, ssl, held).map(|(progress, _)| progress),
        None => output::advance(state, ssl, brigade, false),
    }
}

/// [`work_off`] of what was taken out. Gives back what is empty then.
fn go_on(state: &ConnState, ssl: &Ssl, mut held: Held) -> Result<(Progress, Option<Held>), Status> {
    // What is lost with `held` after a failure is logged as such.
    let progress = output::advance(state, ssl, &mut held.brigade, true);
    match progress.inspect_err(|_| state.conn().abort())? {
        Progress::Full => keep(state, ssl, held),
        progress => Ok((progress, Some(held))),
    }
}

/// Keeps what the socket did not take. Where nobody knows how to, that is sent
/// while the thread waits: some of it may belong to the pool of `held` already.
fn keep(state: &ConnState, ssl: &Ssl, mut held: Held) -> Result<(Progress, Option<Held>), Status> {
    let conn = state.conn();
    if held.set_aside().is_ok() {
        state.backlog.put(conn, held);
        return Ok((Progress::Full, None));
    }
    let progress = output::advance(state, ssl, &mut held.brigade, false);
    Ok((progress.inspect_err(|_| conn.abort())?, Some(held)))
}

/// Whoever makes a response waits for the peer now, which may wait for what was
/// kept of it: that is sent.
///
/// # Errors
/// Nothing more can be sent.
pub fn catch_up(state: &ConnState, ssl: &Ssl) -> Result<(), Status> {
    let conn = state.conn();
    let Some(mut held) = state.backlog.take(conn) else { return Ok(()) };
    let progress = output::advance(state, ssl, &mut held.brigade, false);
    progress.inspect_err(|_| conn.abort()).map(|_| ())
}

/// Goes on with a response that was kept: in the process_connection hook.
/// `None`: there is none.
pub fn resume(state: &ConnState) -> Option<Turn> {
    if !state.backlog.has_response() {
        return None;
    }
    let conn = state.conn();
    let outcome = conn.push_output().ok().and_then(|()| send_rest(state));
    Some(match outcome {
        Ok(turn) if !conn.is_aborted() => turn,
        _ => {
            conn.abort();
            state.backlog.abandon(conn);
            Turn::Close
        }
    })
}

fn send_rest(state: &ConnState) -> Result<Turn, Status> {
    let conn = state.conn();
    let wait = || if mpm::wait(conn, Sense::Write) { Ok(Turn::Wait) } else { Err(Status::EGENERAL) };
    if conn.has_buffered_output() {
        return wait();
    }
    let Some(ssl) = state.ssl() else { return Err(Status::ECONNABORTED) };
    let Some(held) = state.backlog.take(conn) else { return Err(Status::EGENERAL) };
    let (_, Some(mut held)) = go_on(state, &ssl, held)? else { return wait() };
    conn.push_output().ok()?;
    conn.note_pipeline(&mut held.brigade);
    mpm::complete(conn);
    Ok(Turn::Wait)
}

/// The connection is closed while a response waits: its client took nothing
/// for as long as the MPM waits. It must see that something is missing.
pub fn give_up(state: &ConnState) {
    let conn = state.conn();
    log!(conn, Info, "Connection closed: the client took nothing of the response for too long");
    conn.abort();
    state.end();
    state.shared.end();
    state.wire.discard();
    state.backlog.abandon(conn);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_presses() {
        for (kind, len, expected) in [
            (Kind::File, Some(1 << 40), Load::Elsewhere),
            (Kind::Data, Some(5), Load::Memory(5)),
            (Kind::Data, None, Load::Pressing),
            (Kind::EndOfStream, Some(0), Load::Mark),
            (Kind::EndOfRequest, Some(0), Load::Mark),
            (Kind::Flush, Some(0), Load::Pressing),
            (Kind::EndOfConnection, Some(0), Load::Pressing),
            (Kind::OtherMetadata, Some(0), Load::Pressing),
        ] {
            assert_eq!(load((kind, len)), expected, "{kind:?} {len:?}");
        }
    }
}
