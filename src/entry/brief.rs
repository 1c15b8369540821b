//! Short waits for clients that are near.
//!
//! The way through the MPM's listener costs two system calls and two threads to
//! wake. A client that is near answers sooner than that is worth. So a few
//! threads of a process, at most a quarter of them, wait for an answer
//! themselves: a little longer than a round trip takes, and a few times for a
//! connection. Whoever is slower, or comes while those threads wait, is given to
//! the MPM. So no client, and no number of them, can hold more than that. Where
//! clients turn out to be slow, as those behind a relay that is near are, most
//! are given to the MPM at once.

use crate::httpd::{Conn, mpm};
use std::cell::{Cell, OnceCell};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// How many threads wait in this way, and how many may.
static WAITING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// A peer from which answers take longer is not near.
const NEAR: Duration = Duration::from_millis(5);
/// What a client needs for its part, in milliseconds.
const WORK: u16 = 4;
/// How often a connection is waited for.
const TIMES: u8 = 3;

/// In each child process, before its threads.
pub fn prepare_child() {
    MOST.store(mpm::threads().unwrap_or(0) / 4, Ordering::Relaxed);
}

/// How many waits in a row were for nothing, and of how many ones to come the
/// threads are spared.
static MISSES: AtomicU32 = AtomicU32::new(0);
static SPARED: AtomicU32 = AtomicU32::new(0);
/// After so many misses so many are spared. Two threads that count at once may
/// lose one of them, which does no harm.
const MISSES_BEFORE: u32 = 8;
const SPARED_AFTER: u32 = 128;

/// The brief waits of a connection.
#[derive(Default)]
pub struct Brief {
    times: Cell<u8>,
    patience: OnceCell<Option<u16>>,
}

impl Brief {
    /// Waits for `conn` where that is short; `true` if it has sent something.
    pub fn comes_soon(&self, conn: Conn<'_>) -> bool {
        if self.times.get() >= TIMES {
            return false;
        }
        let patience = || conn.round_trip().and_then(patience);
        let Some(milliseconds) = *self.patience.get_or_init(patience) else { return false };
        if is_spared() {
            return false;
        }
        let Some(_place) = Place::take() else { return false };
        self.times.set(self.times.get() + 1);
        let came = conn.is_readable_within(milliseconds);
        note(came);
        came
    }
}

/// Whether this wait is one of those that are spared.
fn is_spared() -> bool {
    let left = SPARED.load(Ordering::Relaxed);
    if left > 0 {
        SPARED.store(left - 1, Ordering::Relaxed);
    }
    left > 0
}

/// A wait is over.
fn note(came: bool) {
    let misses = if came { 0 } else { MISSES.load(Ordering::Relaxed) + 1 };
    MISSES.store(misses % MISSES_BEFORE, Ordering::Relaxed);
    if misses >= MISSES_BEFORE {
        SPARED.store(SPARED_AFTER, Ordering::Relaxed);
    }
}

/// How many milliseconds an answer is waited for that takes `round_trip` on its
/// way.
fn patience(round_trip: Duration) -> Option<u16> {
    let way = u16::try_from(round_trip.as_millis()).ok()?;
    (round_trip <= NEAR).then_some(2 * way + WORK)
}

/// The right of a thread to wait.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let most = MOST.load(Ordering::Relaxed);
        let more = |waiting| (waiting < most).then_some(waiting + 1);
        WAITING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clients_that_are_near_are_waited_for() {
        for (micros, expected) in [
            (30, Some(4)),
            (999, Some(4)),
            (1_000, Some(6)),
            (5_000, Some(14)),
            (5_001, None),
            (90_000_000, None),
        ] {
            assert_eq!(patience(Duration::from_micros(micros)), expected, "{micros}");
        }
    }

    #[test]
    fn slow_clients_are_not_waited_for() {
        let spared = |most: u32| (0..most).take_while(|_| is_spared()).count();
        for came in [false, true].into_iter().chain([false; 7]) {
            note(came);
        }
        assert_eq!(spared(1), 0);
        note(false);
        assert_eq!(spared(1000), SPARED_AFTER as usize);
        note(false);
        assert_eq!(spared(1), 0);
    }

    #[test]
    fn few_threads_wait() {
        assert!(Place::take().is_none());
        MOST.store(2, Ordering::Relaxed);
        let (one, two) = (Place::take(), Place::take());
        assert!(one.is_some() && two.is_some() && Place::take().is_none());
        drop(one);
        assert!(Place::take().is_some());
        MOST.store(0, Ordering::Relaxed);
    }
}
