//! How many handshakes a process has at once: `SSLMaxHandshakes`, and what the
//! MPM has room for.

use crate::httpd::log::log;
use crate::httpd::{Conn, mpm};
use crate::metrics::{self, Counter};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};

static UNDER_WAY: AtomicU32 = AtomicU32::new(0);
/// A warning is repeated after so many seconds.
const QUIET: i64 = 60;

/// The right to shake hands.
#[derive(Debug)]
pub struct Seat(());

impl Seat {
    /// Takes one of `most`, if there is one.
    #[must_use]
    pub fn take(most: u32) -> Option<Self> {
        let more = |taken| (taken < most).then_some(taken + 1);
        UNDER_WAY.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok().then(|| Self(()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A warning that is repeated once a minute at most.
struct Warning(AtomicI64);

impl Warning {
    const fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Whether it is time for it; of those who ask at once, one is told so.
    fn is_due(&self, now: i64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        (last == i64::MIN || now - last >= QUIET)
            && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn seconds() -> i64 {
    crate::apr::time::now() / 1_000_000
}

/// Says that a connection is refused: for each one at info, and as a warning
/// now and then.
pub fn report_refusal(conn: Conn<'_>, most: u32) {
    static WARNING: Warning = Warning::new();
    metrics::count(Counter::FailedRefused);
    log!(conn, Info, "Connection refused: {most} handshakes are under way already (SSLMaxHandshakes)");
    if WARNING.is_due(seconds()) {
        log!(
            conn,
            Warn,
            "SSLMaxHandshakes: this process refuses connections, {most} handshakes are under way"
        );
    }
}

/// With so many connections, or one less, the MPM has no room for others.
static ROOM: AtomicUsize = AtomicUsize::new(usize::MAX);

/// In each child process, before its threads.
pub fn prepare_child() {
    let room = mpm::threads().map_or(usize::MAX, |threads| room(threads, mpm::worker_factor()));
    ROOM.store(room, Ordering::Relaxed);
}

/// How many connections a process has, all of whose threads are idle, before it
/// accepts no others.
fn room(threads: usize, factor: f64) -> usize {
    // At most some thousands, so nothing is cut off.
    threads + (threads as f64 * factor.clamp(0.0, 1e6)) as usize
}

/// So many connections wait for their clients to go on: warns when the MPM
/// accepts no others because of them.
pub fn note_waiting(conn: Conn<'_>, number: usize) {
    static WARNING: Warning = Warning::new();
    let room = ROOM.load(Ordering::Relaxed);
    if number.saturating_add(1) >= room && WARNING.is_due(seconds()) {
        log!(
            conn,
            Warn,
            "{number} connections wait in their handshake or for their first request: this process accepts no \
             others, since it has room for {room} (AsyncRequestWorkerFactor)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_come_back() {
        assert!(Seat::take(0).is_none());
        let (one, two) = (Seat::take(2), Seat::take(2));
        assert!(one.is_some() && two.is_some());
        assert!(Seat::take(2).is_none());
        drop(one);
        assert!(Seat::take(2).is_some());
    }

    #[test]
    fn warnings_come_now_and_then() {
        let warning = Warning::new();
        let due = [0, 1, 59, 60, 61, 200].map(|now| warning.is_due(now));
        assert_eq!(due, [true, false, false, true, false, true]);
    }

    #[test]
    fn idle_threads_make_room() {
        for (threads, factor, expected) in [(25, 2.0, 75), (4, 0.5, 6), (4, -1.0, 4), (64, 20.0, 1344)] {
            assert_eq!(room(threads, factor), expected);
        }
    }
}
