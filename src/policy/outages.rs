//! Who has not answered, and is left alone for a while.

use super::answers::Key;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who has not answered.
///
/// A failure that the question can have no part in, such as a connection that is refused, is an outage at once.
/// Otherwise it takes two different questions: nobody shall silence a responder with a question that it stumbles
/// over.
#[derive(Debug)]
pub struct Outages {
    known: Mutex<HashMap<Key, Outage>>,
    rest: Duration,
}

#[derive(Debug)]
enum Outage {
    /// One question, this one, has failed.
    Suspected { question: Key, until: Instant },
    /// It is left alone until then.
    Down { until: Instant },
}

/// Whether somebody may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Yes.
    Free,
    /// Yes, to see whether the outage is over. Nobody else is let through meanwhile.
    Probe,
    /// No.
    Denied,
}

impl Outages {
    /// No more are remembered; beyond that more is asked.
    const MOST: usize = 256;
    /// How long a single failure is remembered.
    const SUSPICION: Duration = Duration::from_secs(60);

    /// Who has failed is left alone for `rest`.
    #[must_use]
    pub fn new(rest: Duration) -> Self {
        Self { known: Mutex::new(HashMap::new()), rest }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, Outage>> {
        // Each change is one step.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `whom` may be asked at `now`, which takes no longer than `patience`. What came of it is then to be
    /// told by [`failed`](Self::failed) or [`answered`](Self::answered).
    #[must_use]
    pub fn leave(&self, whom: &Key, patience: Duration, now: Instant) -> Leave {
        match self.known().get_mut(whom) {
            Some(Outage::Down { until }) if *until > now => Leave::Denied,
            Some(Outage::Down { until }) => {
                *until = now.checked_add(patience).unwrap_or(now);
                Leave::Probe
            }
            Some(Outage::Suspected { .. }) | None => Leave::Free,
        }
    }

    /// `whom` is down, as somebody else has found, for no longer than `rest`.
    pub fn found_down(&self, whom: &Key, rest: Duration, now: Instant) {
        let until = now.checked_add(rest.min(self.rest)).unwrap_or(now);
        self.put(whom, Outage::Down { until }, now);
    }

    /// `whom` did not answer. `certain` says that it would not have answered another question either. The answer
    /// is whether it is down.
    pub fn failed(&self, whom: &Key, question: &Key, certain: bool, now: Instant) -> bool {
        let is_down = certain
            || match self.known().get(whom) {
                Some(Outage::Down { .. }) => true,
                Some(Outage::Suspected { question: other, until }) => other != question && *until > now,
                None => false,
            };
        let ends = |time| now.checked_add(time).unwrap_or(now);
        let outage = if is_down {
            Outage::Down { until: ends(self.rest) }
        } else {
            Outage::Suspected { question: *question, until: ends(Self::SUSPICION) }
        };
        self.put(whom, outage, now);
        is_down
    }

    /// `whom` has answered.
    pub fn answered(&self, whom: &Key) {
        self.known().remove(whom);
    }

    fn put(&self, whom: &Key, outage: Outage, now: Instant) {
        let mut known = self.known();
        if known.len() >= Self::MOST && !known.contains_key(whom) {
            known.retain(|_, (Outage::Down { until } | Outage::Suspected { until, .. })| *until > now);
            if known.len() >= Self::MOST {
                known.clear();
            }
        }
        known.insert(*whom, outage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Leave::{Denied, Free, Probe};

    const REST: Duration = Duration::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(10);
    const WHOM: Key = [1; 32];

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_certain_failure_is_an_outage() {
        let (outages, start) = (Outages::new(REST), Instant::now());
        let leave = |second| outages.leave(&WHOM, PATIENCE, after(start, second));
        assert_eq!(leave(0), Free);
        assert!(outages.failed(&WHOM, &[2; 32], true, start));
        for (second, found) in [(0, Denied), (4, Denied), (5, Probe), (6, Denied), (14, Denied)] {
            assert_eq!(leave(second), found, "{second}");
        }
        // The probe fails as well.
        assert!(outages.failed(&WHOM, &[2; 32], false, after(start, 15)));
        assert_eq!([15, 19, 20].map(leave), [Denied, Denied, Probe]);
        outages.answered(&WHOM);
        assert_eq!(leave(21), Free);
        // A probe that nobody hears of again does not bar the way.
        outages.failed(&WHOM, &[2; 32], true, after(start, 30));
        assert_eq!([35, 44, 45].map(leave), [Probe, Denied, Probe]);
        assert_eq!(outages.leave(&[9; 32], PATIENCE, start), Free);
    }

    #[test]
    fn one_question_is_no_outage() {
        let (outages, start) = (Outages::new(REST), Instant::now());
        for second in [0, 1, 2] {
            assert!(!outages.failed(&WHOM, &[2; 32], false, after(start, second)));
            assert_eq!(outages.leave(&WHOM, PATIENCE, after(start, second)), Free);
        }
        // Too long ago.
        assert!(!outages.failed(&WHOM, &[3; 32], false, after(start, 62)));
        assert!(outages.failed(&WHOM, &[4; 32], false, after(start, 63)));
        assert_eq!(outages.leave(&WHOM, PATIENCE, after(start, 63)), Denied);
        // An answer clears a suspicion.
        outages.answered(&WHOM);
        assert!(!outages.failed(&WHOM, &[2; 32], false, after(start, 64)));
        outages.answered(&WHOM);
        assert!(!outages.failed(&WHOM, &[3; 32], false, after(start, 65)));
    }

    #[test]
    fn what_others_found_ends_in_time() {
        let (outages, start) = (Outages::new(REST), Instant::now());
        outages.found_down(&WHOM, Duration::from_secs(1000), start);
        assert_eq!(outages.leave(&WHOM, PATIENCE, after(start, 4)), Denied);
        assert_eq!(outages.leave(&WHOM, PATIENCE, after(start, 5)), Probe);
    }

    #[test]
    fn memory_is_bounded() {
        let (outages, start) = (Outages::new(REST), Instant::now());
        for number in 0..2_000_u32 {
            let mut whom = WHOM;
            whom[..4].copy_from_slice(&number.to_be_bytes());
            outages.failed(&whom, &[2; 32], number % 2 == 0, start);
        }
        assert!(outages.known().len() <= Outages::MOST);
    }
}
