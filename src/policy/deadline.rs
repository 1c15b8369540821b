//! The end of a time that something holds.

use std::time::{Duration, Instant, SystemTime};

/// It has come as soon as one of the system's clocks says so. The steady clock does not notice when the machine
/// sleeps or its time is set right; the other one can be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    steady: Instant,
    wall: SystemTime,
}

impl Deadline {
    /// The end of a time that begins now; `None` if there is no such moment.
    #[must_use]
    pub fn after(time: Duration) -> Option<Self> {
        let (steady, wall) = (Instant::now().checked_add(time)?, SystemTime::now().checked_add(time)?);
        Some(Self { steady, wall })
    }

    /// Whether it has come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.steady || SystemTime::now() >= self.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn either_clock_ends_it() {
        let (steady, wall) = (Instant::now(), SystemTime::now());
        for (steady, wall, over) in [
            (steady + HOUR, wall + HOUR, false),
            (steady, wall + HOUR, true),
            (steady + HOUR, wall - HOUR, true),
            (steady, wall, true),
        ] {
            assert_eq!(Deadline { steady, wall }.is_over(), over);
        }
        assert!(!Deadline::after(HOUR).unwrap().is_over());
        assert!(Deadline::after(Duration::ZERO).unwrap().is_over());
        assert_eq!(Deadline::after(Duration::MAX), None);
    }
}
