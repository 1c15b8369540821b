//! Handshakes that hold no thread while they wait for the client.
//!
//! Where the MPM can wait for a socket, the process_connection hook takes the
//! handshake as far as it comes, and gives the connection back. Each time the
//! socket is ready the hook runs again, in any thread.
//!
//! The MPM waits as long as `Timeout` of the main server allows. What is
//! stricter is watched here: each child has a list of those who wait, and a
//! thread that sleeps until the time of the first is up. It cuts the socket, so
//! that the MPM gives the connection to the hook, which sees that.

use super::backlog;
use super::brief::{self, Brief};
use super::connection::ConnState;
use super::handshake;
use super::input;
use super::quota;
use super::wire::Waiting;
use crate::guard;
use crate::httpd::conn::Sense;
use crate::httpd::log::log;
use crate::httpd::mpm;
use crate::httpd::socket::SocketMark;
use crate::io::parking::{Parking, Place};
use crate::io::state::Phase;
use crate::metrics;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Those who wait in this process. A descriptor in it stays open at least
/// until its connection has left: whoever closes a connection that waits passes
/// by one of our hooks or filters, and else [`SocketMark`] notices.
static PARKING: Mutex<Parking<(SocketMark, Sense)>> = Mutex::new(Parking::new());
/// Wakes the thread that watches the time.
static ALARM: Condvar = Condvar::new();
/// The size of that thread's stack.
const STACK: usize = 64 * 1024;
/// The MPM can wait without a thread.
static POSSIBLE: AtomicBool = AtomicBool::new(false);
/// Behind our process_connection hook there is nobody who might speak before
/// the client does.
static CLIENT_SPEAKS_FIRST: AtomicBool = AtomicBool::new(false);

/// Modules in the process_connection hook that are known to wait for the
/// client, or to do nothing but watch.
const WAIT_FOR_CLIENT: &[&str] = &["mod_ssl.c", "mod_reqtimeout.c", "mod_http2.c", "http_core.c"];
/// The end of a wait is a little late rather than too early.
const MARGIN: Duration = Duration::from_millis(2);
/// The longest wait, where nothing limits it.
const LONGEST: Duration = Duration::from_secs(86_400);
/// The longest wait for a request where mod_reqtimeout is in force: what it
/// gives for a header, without a line that says otherwise.
const FIRST_BYTE: Duration = Duration::from_secs(20);
/// How often in a row a socket may be ready without anything for us. Then the
/// handshake goes on in one thread: whatever stands below us is not made for
/// this.
const FRUITLESS: u32 = 64;

/// What a connection waits for, or waited for last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errand {
    /// The next bytes of the handshake.
    #[default]
    Handshake,
    /// Its own last flight leaves.
    LastFlight,
    /// The first byte of the first request.
    Request,
    /// Nothing: the handshake is over.
    None,
    /// Nothing: there are too many others.
    Refused,
}

impl Errand {
    fn is_of_handshake(self) -> bool {
        matches!(self, Self::Handshake | Self::LastFlight)
    }
}

/// What becomes of a connection in the process_connection hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The hooks that follow have it.
    GoOn,
    /// The MPM has it, until its socket is ready, or until the next request.
    Wait,
    /// It is to be closed.
    Close,
}

/// The part of a connection's state that says where it waits.
#[derive(Default)]
pub struct Parked {
    place: Cell<Option<Place>>,
    mark: Cell<Option<SocketMark>>,
    errand: Cell<Errand>,
    since: Cell<Option<Instant>>,
    /// Bytes there were when it began to wait.
    received: Cell<u64>,
    fruitless: Cell<u32>,
    brief: Brief,
}

impl Parked {
    fn enter(&self, place: Place, errand: Errand) {
        self.place.set(Some(place));
        self.errand.set(errand);
        if errand.is_of_handshake() {
            metrics::begins_to_wait(metrics::Waiting::Handshake);
        }
    }

    /// The connection waits no longer. `true`: its time was up.
    pub fn leave(&self) -> bool {
        let Some(place) = self.place.take() else { return false };
        if self.errand.get().is_of_handshake() {
            metrics::waits_no_longer(metrics::Waiting::Handshake);
        }
        parking().leave(place).is_none()
    }

    /// The connection is to be closed at its first turn.
    pub fn refuse(&self) {
        self.errand.set(Errand::Refused);
    }

    /// Whether it waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.place.get().is_some()
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.leave();
    }
}

/// In each child process, before its threads.
pub fn prepare_child() {
    brief::prepare_child();
    quota::prepare_child();
    POSSIBLE.store(mpm::can_wait(), Ordering::Relaxed);
    CLIENT_SPEAKS_FIRST.store(mpm::processed_only_by(WAIT_FOR_CLIENT), Ordering::Relaxed);
}

/// Whether the MPM can wait without a thread.
#[must_use]
pub fn mpm_waits() -> bool {
    POSSIBLE.load(Ordering::Relaxed)
}

/// Takes the connection as far as it comes: in the process_connection hook.
pub fn take_turn(state: &ConnState) -> Turn {
    if let Some(turn) = backlog::resume(state) {
        return turn;
    }
    let is_late = state.parked.leave();
    match state.parked.errand.replace(Errand::None) {
        Errand::Handshake => shake_hands(state, is_late),
        Errand::LastFlight if is_late => {
            handshake::time_out(state);
            Turn::GoOn
        }
        Errand::LastFlight => conclude(state),
        Errand::Request if is_late => {
            let seconds = waited(state).as_secs_f32();
            log!(
                state.conn(),
                Info,
                "Connection closed: no request within {seconds:.1} s after the handshake"
            );
            Turn::Close
        }
        Errand::Request | Errand::None => Turn::GoOn,
        Errand::Refused => Turn::Close,
    }
}

fn waited(state: &ConnState) -> Duration {
    state.parked.since.get().map(|since| since.elapsed()).unwrap_or_default()
}

fn shake_hands(state: &ConnState, is_late: bool) -> Turn {
    if !state.phase().is_shaking_hands() {
        return Turn::GoOn;
    }
    if is_late {
        state.wire.cut();
    }
    let spares_thread = is_possible(state);
    if spares_thread && is_unfinished(state) && !finishes_soon(state) && wait(state, Errand::Handshake) {
        return Turn::Wait;
    }
    // A failure is logged, and the connection given up: those that follow see
    // that.
    let _ = handshake::drive(state, Waiting::Block);
    if !state.phase().carries_data() {
        return Turn::GoOn;
    }
    if state.challenge.get() {
        // The certificate was all that the client wanted to see.
        return Turn::Close;
    }
    if spares_thread { conclude(state) } else { Turn::GoOn }
}

/// Takes the handshake as far as it comes; `true` if it needs the client then.
fn is_unfinished(state: &ConnState) -> bool {
    state.wire.wait(Waiting::Park);
    if state.phase() == Phase::ClientHello && !state.wire.gather() {
        return true;
    }
    handshake::drive(state, Waiting::Park).is_err() && state.phase().is_shaking_hands()
}

/// Waits a moment for the client, if it is near and has the server's flight;
/// `true` if the handshake does not need it any more then.
fn finishes_soon(state: &ConnState) -> bool {
    state.phase() != Phase::ClientHello && comes_soon(state) && !is_unfinished(state)
}

fn comes_soon(state: &ConnState) -> bool {
    let conn = state.conn();
    !conn.has_buffered_output() && !conn.is_aborted() && state.parked.brief.comes_soon(conn)
}

/// Whether the handshake can wait without a thread.
fn is_possible(state: &ConnState) -> bool {
    mpm_waits()
        && state.first.handshake.spares_threads()
        && state.parked.fruitless.get() < FRUITLESS
        && is_watched()
        && state.wire.is_plain_below()
}

/// The handshake is over. What it has written leaves, and then the client is
/// waited for, unless somebody else may want to speak first.
fn conclude(state: &ConnState) -> Turn {
    let (conn, ssl) = (state.conn(), state.ssl());
    let Some(ssl) = ssl.filter(|_| !conn.is_aborted()) else { return Turn::GoOn };
    state.wire.ask_no_more();
    if conn.has_buffered_output() && wait(state, Errand::LastFlight) {
        return Turn::Wait;
    }
    let client_speaks = CLIENT_SPEAKS_FIRST.load(Ordering::Relaxed) && conn.protocol() == c"http/1.1";
    let nothing_yet = || input::keep(state, &ssl).is_err_and(|status| status.is_eagain());
    let waits = client_speaks && nothing_yet() && (!comes_soon(state) || nothing_yet());
    if waits && wait(state, Errand::Request) { Turn::Wait } else { Turn::GoOn }
}

/// Gives the connection to the MPM until its socket is ready, or its time is
/// up. `false`: that is not possible.
fn wait(state: &ConnState, errand: Errand) -> bool {
    let conn = state.conn();
    if state.wire.send(Waiting::Park).ok().is_err() || conn.is_aborted() {
        return false;
    }
    if conn.has_buffered_output() && conn.push_output().ok().is_err() {
        return false;
    }
    let sense = if conn.has_buffered_output() { Sense::Write } else { Sense::Read };
    let (parked, received) = (&state.parked, state.wire.received());
    let is_fruitless =
        sense == Sense::Read && parked.since.get().is_some() && parked.received.get() == received;
    parked.fruitless.set(if is_fruitless { parked.fruitless.get() + 1 } else { 0 });
    let now = Instant::now();
    let Some(mark) = parked.mark.get().or_else(|| SocketMark::of(conn)) else { return false };
    parked.mark.set(Some(mark));
    let until = now + time_for(state, errand, sense, now) + MARGIN;
    let (place, is_earlier, number) = {
        let mut parking = parking();
        (parking.enter(until, (mark, sense)), parking.set_alarm().is_some(), parking.len())
    };
    quota::note_waiting(conn, number);
    if is_earlier {
        ALARM.notify_one();
    }
    parked.enter(place, errand);
    if !mpm::wait(conn, sense) {
        parked.leave();
        parked.errand.set(Errand::None);
        return false;
    }
    parked.since.set(Some(now));
    parked.received.set(received);
    true
}

/// How long the client is waited for.
fn time_for(state: &ConnState, errand: Errand, sense: Sense, now: Instant) -> Duration {
    let conn = state.conn();
    let most = match (errand, sense) {
        (Errand::Request, _) if state.wire.is_limited() => {
            conn.wait_time().unwrap_or(LONGEST).min(FIRST_BYTE)
        }
        (Errand::Handshake, Sense::Read) => state.wire.wait_time().unwrap_or(LONGEST),
        _ => conn.wait_time().unwrap_or(LONGEST),
    };
    let left = state.wire.deadline().map(|deadline| deadline.saturating_duration_since(now));
    left.map_or(most, |left| left.min(most)).min(LONGEST)
}

/// Starts the thread that watches the time, once; `false`: there is none.
fn is_watched() -> bool {
    static WATCHED: OnceLock<bool> = OnceLock::new();
    *WATCHED.get_or_init(|| {
        let watchman = Builder::new().name("mod_ssl time".to_owned()).stack_size(STACK);
        // It starts in a thread of the MPM, so it has the signals of one: none. It ends with the process.
        watchman
            .spawn(|| guard::catch_with("watch", || POSSIBLE.store(false, Ordering::Relaxed), watch))
            .is_ok()
    })
}

/// Ends the waits of those whose time is up.
fn watch() {
    let mut parking = parking();
    loop {
        parking.clear_alarm();
        let now = Instant::now();
        // While the list is locked nobody leaves it, and closes his socket.
        while let Some((mark, sense)) = parking.take_overdue(now) {
            mark.cut(sense);
        }
        parking = match parking.set_alarm() {
            Some(at) => {
                let slept = ALARM.wait_timeout(parking, at.saturating_duration_since(now));
                slept.unwrap_or_else(PoisonError::into_inner).0
            }
            None => ALARM.wait(parking).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

fn parking() -> MutexGuard<'static, Parking<(SocketMark, Sense)>> {
    // Each operation leaves the list as it should be, whatever happens behind it.
    PARKING.lock().unwrap_or_else(PoisonError::into_inner)
}
