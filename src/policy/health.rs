//! When a service that others run is asked, and when its failures are told.

use super::outages::Leave;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SECOND: i64 = 1_000_000;
/// An answer that takes longer is as bad as none: somebody waits for a handshake.
pub const PATIENCE: Duration = Duration::from_secs(1);
const SLOW: i64 = SECOND;
/// How long a service is left alone after a slow answer.
const REST: i64 = 10 * SECOND;
/// How long the one that asks first after that has for it, before another one may.
const PROBE: i64 = 3 * SECOND;
/// The shortest time between two lines in the log.
const SILENCE: i64 = 60 * SECOND;

/// The health of a service, as all processes see it that share this value. All times are in microseconds of one clock.
#[derive(Debug, Default)]
pub struct Health {
    /// 0 while it is well.
    rests_until: AtomicI64,
    silent_until: AtomicI64,
    untold: AtomicU64,
}

impl Health {
    /// Whether to ask now. After a rest one asks, of all processes, and the others wait for what comes of it.
    #[must_use]
    pub fn leave(&self, now: i64) -> Leave {
        let until = self.rests_until.load(Relaxed);
        if until == 0 {
            return Leave::Free;
        }
        // The clock may have been set back since.
        let rests = now < until && now >= until - REST;
        if !rests && self.rests_until.compare_exchange(until, now + PROBE, Relaxed, Relaxed).is_ok() {
            return Leave::Probe;
        }
        Leave::Denied
    }

    /// An answer came to a question that was asked with this leave, whatever it was. `true` if it was slow: the service
    /// is left alone for a while.
    pub fn answered(&self, leave: Leave, asked: i64, now: i64) -> bool {
        let slow = now - asked >= SLOW;
        if slow {
            self.silent(now);
        } else if leave == Leave::Probe {
            self.rests_until.store(0, Relaxed);
        }
        slow
    }

    /// No answer came in time: the service is left alone for a while.
    pub fn silent(&self, now: i64) {
        self.rests_until.store(now + REST, Relaxed);
    }

    /// Something went wrong. How often it did since it was told last, if it is to be told now.
    #[must_use]
    pub fn failed(&self, now: i64) -> Option<u64> {
        let count = self.untold.fetch_add(1, Relaxed) + 1;
        let until = self.silent_until.load(Relaxed);
        let quiet = now < until && now >= until - SILENCE;
        let mine =
            !quiet && self.silent_until.compare_exchange(until, now + SILENCE, Relaxed, Relaxed).is_ok();
        mine.then(|| {
            self.untold.fetch_sub(count, Relaxed);
            count
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Leave::{Denied, Free, Probe};

    #[test]
    fn a_slow_service_is_left_alone() {
        let health = Health::default();
        let start = 1_000 * SECOND;
        assert_eq!(health.leave(start), Free);
        assert!(!health.answered(Free, start, start + SECOND - 1));
        assert_eq!(health.leave(start + SECOND), Free);
        assert!(health.answered(Free, start, start + SECOND));
        // It rests until 11; one asks then.
        for (at, leave) in
            [(SECOND, Denied), (11 * SECOND - 1, Denied), (11 * SECOND, Probe), (11 * SECOND, Denied)]
        {
            assert_eq!(health.leave(start + at), leave, "{at}");
        }
        // Somebody who was let in before the outage says nothing about its end.
        assert!(!health.answered(Free, start + 11 * SECOND, start + 11 * SECOND));
        assert_eq!(health.leave(start + 12 * SECOND), Denied);
        // A probe that nobody hears of again does not bar the way.
        assert_eq!(health.leave(start + 14 * SECOND), Probe);
        health.silent(start + 15 * SECOND);
        assert_eq!(health.leave(start + 24 * SECOND), Denied);
        assert_eq!(health.leave(start + 25 * SECOND), Probe);
        assert!(!health.answered(Probe, start + 25 * SECOND, start + 25 * SECOND + 5));
        assert_eq!(health.leave(start + 26 * SECOND), Free);
        health.silent(start + 26 * SECOND);
        assert_eq!(health.leave(start), Probe, "a clock that was set back");
    }

    #[test]
    fn failures_are_told_once_a_minute() {
        let health = Health::default();
        let start = 1_000 * SECOND;
        let table =
            [(0, Some(1)), (1, None), (59, None), (60, Some(3)), (61, None), (-1000, Some(2)), (-999, None)];
        for (at, told) in table {
            assert_eq!(health.failed(start + at * SECOND), told, "{at}");
        }
    }
}
