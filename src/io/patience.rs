//! Waiting a moment for the next request of a quick client.
//!
//! Between two requests of a keep-alive connection the event MPM moves the
//! connection to its listener thread and back to a worker, which costs about
//! as much as a small response. A client that is near (a proxy in front of this
//! server, say) sends its next request sooner than that takes. For such a
//! client, and only while it keeps proving quick, the worker waits for a time
//! that is short compared with the move.

/// A client that needs longer than this is not waited for, in microseconds;
/// and the most time a worker waits.
pub const MOMENT: i64 = 250;

/// What is known about a client's pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// When the last response left, in microseconds; `None` once something
    /// has arrived since.
    responded: Option<i64>,
    quick: bool,
}

impl Patience {
    /// A response has left.
    pub fn responded(&mut self, now: i64) {
        self.responded = Some(now);
    }

    /// Something has arrived.
    pub fn heard(&mut self, now: impl FnOnce() -> i64) {
        if let Some(responded) = self.responded.take() {
            self.quick = (0..MOMENT).contains(&(now() - responded));
        }
    }

    /// Whether to wait now.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.quick && self.responded.is_some()
    }

    /// The wait was in vain.
    pub fn disappointed(&mut self) {
        self.quick = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_that_proved_quick_is_waited_for() {
        let mut patience = Patience::default();
        assert!(!patience.waits());
        patience.responded(1_000);
        assert!(!patience.waits());
        patience.heard(|| 1_050);
        assert!(!patience.waits(), "nothing was sent since");
        patience.responded(2_000);
        assert!(patience.waits());
        patience.disappointed();
        assert!(!patience.waits());
    }

    #[test]
    fn a_slow_answer_ends_the_patience() {
        for (gap, waits) in [(0, true), (MOMENT - 1, true), (MOMENT, false), (1_000_000, false), (-5, false)]
        {
            let mut patience = Patience::default();
            patience.responded(1_000);
            patience.heard(|| 1_000 + gap);
            patience.responded(5_000);
            assert_eq!(patience.waits(), waits, "{gap}");
        }
    }

    #[test]
    fn only_the_first_arrival_counts() {
        let mut patience = Patience::default();
        patience.responded(0);
        patience.heard(|| 10);
        patience.heard(|| unreachable!("the clock is not read again"));
        patience.responded(20);
        assert!(patience.waits());
    }
}
