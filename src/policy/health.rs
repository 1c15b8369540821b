//! When a service that others run is asked, and when its failures are told.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

const SECOND: i64 = 1_000_000;
/// An answer that takes longer is as bad as none: somebody waits for a handshake.
const SLOW: i64 = SECOND;
/// How long a service is left alone after a slow answer.
const REST: i64 = 10 * SECOND;
/// The shortest time between two lines in the log.
const SILENCE: i64 = 60 * SECOND;

/// The health of a service, as all processes see it that share this value. All times are in microseconds of one clock.
#[derive(Debug, Default)]
pub struct Health {
    rests_until: AtomicI64,
    silent_until: AtomicI64,
    untold: AtomicU64,
}

impl Health {
    /// Whether to ask now.
    #[must_use]
    pub fn may_ask(&self, now: i64) -> bool {
        let until = self.rests_until.load(Relaxed);
        // The clock may have been set back since.
        now >= until || now < until - REST
    }

    /// An answer came, whatever it was. `true` if it was slow: the service is left alone for a while.
    pub fn answered(&self, asked: i64, now: i64) -> bool {
        let slow = now - asked >= SLOW;
        if slow {
            self.rests_until.store(now + REST, Relaxed);
        }
        slow
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

    #[test]
    fn a_slow_service_is_left_alone() {
        let health = Health::default();
        let start = 1_000 * SECOND;
        assert!(health.may_ask(start));
        assert!(!health.answered(start, start + SECOND - 1));
        assert!(health.may_ask(start + SECOND));
        assert!(health.answered(start, start + SECOND));
        assert!(!health.may_ask(start + SECOND) && !health.may_ask(start + 11 * SECOND - 1));
        assert!(health.may_ask(start + 11 * SECOND));
        assert!(health.may_ask(start), "a clock that was set back");
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
