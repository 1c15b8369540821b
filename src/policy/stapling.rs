//! OCSP responses for the server's own certificates: what becomes of an answer, when responders are asked again,
//! and in which order. Times are seconds since 1970.

use crate::config::stapling::Terms;
use crate::io::board::NUMBERS;
use std::collections::HashMap;
use std::time::Duration;

/// Seconds to the first question after a failure; each failure doubles them.
const FIRST_RETRY: u64 = 15;
/// Failures after which waits do not become longer.
const MANY: u64 = 31;
/// Seconds between questions at least, however short-lived the responses are.
const LEAST: u64 = 30;
/// Questions that are on their way at once: altogether, and to one responder.
const MOST: usize = 8;
const MOST_EACH: usize = 2;

/// What a responder says of a certificate (`CertStatus` of RFC 6960).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertStatus {
    /// Not revoked.
    #[default]
    Good,
    /// Revoked.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

/// What there is to staple.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    #[default]
    Nothing,
    /// A response that says this.
    Response(CertStatus),
    /// One that says that there is none, or is of no use.
    Error,
}

/// What is known about the response for one certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What there is.
    pub kind: Kind,
    /// From when on it is not stapled any more.
    pub until: u64,
    /// When the responder is asked again.
    pub renew_at: u64,
    /// When it was asked last.
    pub asked_at: u64,
    /// When the response came.
    pub got_at: u64,
    /// How often it has failed since.
    pub failures: u64,
}

impl State {
    /// As numbers of a record.
    #[must_use]
    pub fn numbers(&self) -> [u64; NUMBERS] {
        let kind = match self.kind {
            Kind::Nothing => 0,
            Kind::Response(CertStatus::Good) => 1,
            Kind::Response(CertStatus::Revoked) => 2,
            Kind::Response(CertStatus::Unknown) => 3,
            Kind::Error => 4,
        };
        [kind, self.until, self.renew_at, self.asked_at, self.got_at, self.failures, 0, 0]
    }

    /// Out of the numbers of a record.
    #[must_use]
    pub fn from_numbers(numbers: &[u64; NUMBERS]) -> Self {
        let &[kind, until, renew_at, asked_at, got_at, failures, ..] = numbers;
        let kind = match kind {
            1 => Kind::Response(CertStatus::Good),
            2 => Kind::Response(CertStatus::Revoked),
            3 => Kind::Response(CertStatus::Unknown),
            4 => Kind::Error,
            _ => Kind::Nothing,
        };
        Self { kind, until, renew_at, asked_at, got_at, failures }
    }

    /// Whether it is stapled now.
    #[must_use]
    pub fn is_stapled(&self, now: u64) -> bool {
        self.kind != Kind::Nothing && now < self.until
    }

    /// Whether it is a response, and stapled.
    #[must_use]
    pub fn has_response(&self, now: u64) -> bool {
        matches!(self.kind, Kind::Response(_)) && now < self.until
    }

    /// Whether the responder is to be asked. A time further away than any that is set means that the clock was
    /// put back.
    #[must_use]
    pub fn is_due(&self, now: u64, terms: &Terms) -> bool {
        let furthest = terms.renew_after.max(terms.retry_after).as_secs().max(LEAST);
        self.renew_at <= now || self.renew_at - now > furthest
    }
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A response that may be believed, and for how long, if it says so.
    Response(CertStatus, Option<Duration>),
    /// One that may be believed, but was true before the one that is stapled.
    Older,
    /// One that says nothing of the certificate now: an error, one that is out of date or about others.
    Useless,
    /// One whose contents nobody can read.
    Unreadable,
    /// None.
    Nothing,
}

/// What is stapled from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// What was heard.
    Heard,
    /// What was stapled before.
    Kept,
    /// A response that says "try later".
    TryLater,
    /// Nothing.
    Nothing,
}

/// What becomes of an answer. `random` spreads what would else come at the same time.
#[must_use]
pub fn conclude(before: &State, heard: Heard, terms: &Terms, now: u64, random: u32) -> (Choice, State) {
    let holds_still = before.has_response(now);
    if let Heard::Response(status, holds) = heard
        && !(status == CertStatus::Unknown && holds_still)
    {
        return (Choice::Heard, taken(status, holds, terms, now, random));
    }
    if heard == Heard::Older && holds_still {
        let renew_at = now + retry(MANY, terms, random);
        return (Choice::Kept, State { asked_at: now, renew_at, failures: 0, ..*before });
    }
    let failures = before.failures + 1;
    let failed = State { asked_at: now, failures, renew_at: now + retry(failures, terms, random), ..*before };
    if holds_still {
        return (Choice::Kept, failed);
    }
    let error = State { kind: Kind::Error, until: now + terms.retry_after.as_secs().max(1), ..failed };
    match heard {
        Heard::Useless if terms.return_errors => (Choice::Heard, error),
        Heard::Nothing if terms.return_errors && terms.fake_try_later => (Choice::TryLater, error),
        _ => (Choice::Nothing, State { kind: Kind::Nothing, until: 0, ..failed }),
    }
}

/// The state with a response.
#[must_use]
pub fn taken(status: CertStatus, holds: Option<Duration>, terms: &Terms, now: u64, random: u32) -> State {
    let renew = renewal(holds, terms, random);
    // Whoever does not know a certificate yet may do so soon.
    let renew = if status == CertStatus::Unknown { renew.min(retry(1, terms, random)) } else { renew };
    let until = match holds.map(|holds| holds.as_secs()) {
        // Within what clocks may differ it has not ended.
        Some(0) => now + u64::from(terms.skew),
        Some(holds) => now.saturating_add(holds),
        None => u64::MAX,
    };
    let (asked_at, got_at, renew_at) = (now, now, now + renew);
    State { kind: Kind::Response(status), until, renew_at, asked_at, got_at, failures: 0 }
}

/// Up to a fifth less.
fn spread(seconds: u64, random: u32) -> u64 {
    let fifth = (u128::from(seconds / 5) * u128::from(random)) >> 32;
    seconds - u64::try_from(fifth).unwrap_or(0)
}

/// Seconds to the next question after a response: in the middle of its life at the latest.
fn renewal(holds: Option<Duration>, terms: &Terms, random: u32) -> u64 {
    let wanted = terms.renew_after.as_secs().max(1);
    let half = holds.map_or(u64::MAX, |holds| holds.as_secs() / 2);
    spread(wanted.min(half), random).max(LEAST.min(wanted))
}

/// Seconds to the next question after so many failures.
fn retry(failures: u64, terms: &Terms, random: u32) -> u64 {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(30);
    let longest = terms.retry_after.as_secs().max(1);
    spread(longest.min(FIRST_RETRY << doublings), random).max(1)
}

/// Which responders are being asked, and which of them do not answer.
#[derive(Debug, Default)]
pub struct Traffic {
    responders: HashMap<String, Responder>,
    flights: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Responder {
    flights: usize,
    fails_until: u64,
    fails: bool,
}

impl Traffic {
    /// Whether a responder may be asked now; if so, counts the question.
    pub fn depart(&mut self, responder: &str, now: u64) -> bool {
        if !self.responders.contains_key(responder) {
            self.responders.insert(responder.to_owned(), Responder::default());
        }
        let Some(known) = self.responders.get_mut(responder) else { return false };
        // One question shows whether it is there again.
        let most = if known.fails { 1 } else { MOST_EACH };
        let may = self.flights < MOST && known.flights < most && known.fails_until <= now;
        if may {
            known.flights += 1;
            self.flights += 1;
        }
        may
    }

    /// A question has come back. When there was no answer the responder is left alone until then.
    pub fn arrive(&mut self, responder: &str, fails_until: Option<u64>) {
        self.flights = self.flights.saturating_sub(1);
        if let Some(known) = self.responders.get_mut(responder) {
            known.flights = known.flights.saturating_sub(1);
            known.fails = fails_until.is_some();
            known.fails_until = fails_until.unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::stapling::StaplingConfig;

    const NOW: u64 = 1_000_000;
    const GOOD: Kind = Kind::Response(CertStatus::Good);
    const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

    fn terms(return_errors: bool, fake_try_later: bool) -> Terms {
        Terms { return_errors, fake_try_later, ..StaplingConfig::default().terms() }
    }

    fn state(kind: Kind, until: u64) -> State {
        State { kind, until, ..State::default() }
    }

    #[test]
    fn what_becomes_of_an_answer() {
        let (none, good, past) = (State::default(), state(GOOD, NOW + 1), state(GOOD, NOW));
        let error = state(Kind::Error, NOW + 100);
        let response = |status| Heard::Response(status, HOUR);
        let (heard, kept, later, nothing) = (Choice::Heard, Choice::Kept, Choice::TryLater, Choice::Nothing);
        // Without a response that holds: both settings on; errors only; the substitute only; neither.
        for (before, said, choices) in [
            (none, response(CertStatus::Good), [heard; 4]),
            (good, response(CertStatus::Good), [heard; 4]),
            (none, response(CertStatus::Revoked), [heard; 4]),
            (good, response(CertStatus::Revoked), [heard; 4]),
            (none, response(CertStatus::Unknown), [heard; 4]),
            (good, response(CertStatus::Unknown), [kept; 4]),
            (past, response(CertStatus::Unknown), [heard; 4]),
            (none, Heard::Useless, [heard, heard, nothing, nothing]),
            (past, Heard::Useless, [heard, heard, nothing, nothing]),
            (error, Heard::Useless, [heard, heard, nothing, nothing]),
            (good, Heard::Useless, [kept; 4]),
            (good, Heard::Older, [kept; 4]),
            (past, Heard::Older, [nothing; 4]),
            (none, Heard::Unreadable, [nothing; 4]),
            (good, Heard::Unreadable, [kept; 4]),
            (none, Heard::Nothing, [later, nothing, nothing, nothing]),
            (error, Heard::Nothing, [later, nothing, nothing, nothing]),
            (good, Heard::Nothing, [kept; 4]),
        ] {
            for (index, wanted) in choices.into_iter().enumerate() {
                let terms = terms(index < 2, index % 2 == 0);
                let (choice, after) = conclude(&before, said, &terms, NOW, 0);
                assert_eq!(choice, wanted, "{before:?} {said:?} {index}");
                assert!(after.renew_at > NOW && after.asked_at == NOW, "{after:?}");
                assert_eq!(after.is_stapled(NOW), choice != Choice::Nothing, "{after:?}");
                match choice {
                    Choice::Kept => assert_eq!((after.kind, after.until), (before.kind, before.until)),
                    Choice::Nothing => assert_eq!(after.kind, Kind::Nothing),
                    Choice::TryLater => assert_eq!((after.kind, after.until), (Kind::Error, NOW + 600)),
                    Choice::Heard => assert!(after.until == NOW + 3600 || after.kind == Kind::Error),
                }
                assert_eq!(State::from_numbers(&after.numbers()), after);
            }
        }
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let terms = terms(true, true);
        let mut state = State::default();
        let mut waits = Vec::new();
        for _ in 0..70 {
            state = conclude(&state, Heard::Nothing, &terms, NOW, 0).1;
            waits.push(state.renew_at - NOW);
        }
        assert_eq!(&waits[..8], [15, 30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(waits[69], 600);
        let (_, after) = conclude(&state, Heard::Response(CertStatus::Good, HOUR), &terms, NOW, 0);
        assert_eq!(after.failures, 0);
    }

    #[test]
    fn responses_are_renewed_in_time() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (holds, renew_after, wait, until) in [
            (seconds(7 * 86_400), 3600, 3600, 7 * 86_400),
            (seconds(1000), 3600, 500, 1000),
            (seconds(10), 3600, 30, 10),
            // Within the skew.
            (seconds(0), 3600, 30, 300),
            (None, 3600, 3600, u64::MAX - NOW),
            (seconds(1000), 2, 2, 1000),
            (seconds(1000), 0, 1, 1000),
        ] {
            let terms = Terms { renew_after: Duration::from_secs(renew_after), ..terms(true, true) };
            let taken = taken(CertStatus::Good, holds, &terms, NOW, 0);
            assert_eq!((taken.renew_at - NOW, taken.until - NOW), (wait, until), "{holds:?} {renew_after}");
            assert!(!taken.is_due(NOW, &terms) && taken.is_due(NOW + wait, &terms));
        }
        let terms = terms(true, true);
        assert_eq!(taken(CertStatus::Unknown, seconds(1_000_000), &terms, NOW, 0).renew_at - NOW, 15);
        // A clock that was put back by a day.
        assert!(taken(CertStatus::Good, HOUR, &terms, NOW, 0).is_due(NOW - 86_400, &terms));
    }

    #[test]
    fn what_comes_together_is_spread() {
        for random in [0, 1, u32::MAX / 2, u32::MAX] {
            for seconds in [0, 1, 5, 3600, u64::MAX] {
                let spread = spread(seconds, random);
                assert!(spread <= seconds && spread >= seconds - seconds / 5, "{seconds} {random}");
            }
        }
        assert_eq!((spread(3600, 0), spread(3600, u32::MAX)), (3600, 2881));
    }

    #[test]
    fn questions_are_limited() {
        let mut traffic = Traffic::default();
        assert!(traffic.depart("a", NOW) && traffic.depart("a", NOW) && !traffic.depart("a", NOW));
        // It fails: nobody asks for a while, then one.
        traffic.arrive("a", Some(NOW + 15));
        traffic.arrive("a", Some(NOW + 15));
        assert!(
            !traffic.depart("a", NOW + 14) && traffic.depart("a", NOW + 15) && !traffic.depart("a", NOW + 15)
        );
        traffic.arrive("a", None);
        assert!(traffic.depart("a", NOW) && traffic.depart("a", NOW));
        // Others are not held up, but there is a limit altogether.
        let others: Vec<String> = (0..10).map(|number| format!("b{number}")).collect();
        let departed = others.iter().filter(|name| traffic.depart(name, NOW)).count();
        assert_eq!(departed, MOST - 2);
        traffic.arrive("b0", None);
        assert!(traffic.depart("b9", NOW));
    }
}
