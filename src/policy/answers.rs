//! Answers that take long to get: whoever wants the same one while somebody is getting it waits for that, and
//! those that hold for a while are kept.

use super::deadline::Deadline;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What an answer is for.
pub type Key = [u8; 32];

/// Answers by key.
#[derive(Debug)]
pub struct Answers<A> {
    places: Mutex<HashMap<Key, Place<A>>>,
    /// How many are kept at most.
    most: usize,
}

#[derive(Debug)]
enum Place<A> {
    Kept { answer: A, until: Deadline },
    Awaited(Arc<Flight<A>>),
}

/// A question that is on its way.
#[derive(Debug)]
struct Flight<A> {
    outcome: Mutex<Outcome<A>>,
    landed: Condvar,
}

#[derive(Debug)]
enum Outcome<A> {
    Pending,
    Answer(A),
    /// Whoever asked has given up by a panic.
    Lost,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks protect is changed in one step each.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<A: Clone> Answers<A> {
    /// Keeps up to `most` answers.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { places: Mutex::new(HashMap::new()), most }
    }

    /// The answer for `key`: a kept one, that which somebody else is getting, or what `ask` gives, together
    /// with how long it holds. `None` if somebody else does not get one within `patience`.
    pub fn get(
        &self,
        key: Key,
        patience: Duration,
        ask: impl FnOnce() -> (A, Option<Duration>),
    ) -> Option<A> {
        let flight = match lock(&self.places).entry(key) {
            Entry::Occupied(mut place) => match place.get() {
                Place::Kept { answer, until } if !until.is_over() => return Some(answer.clone()),
                Place::Kept { .. } => {
                    let flight = Flight::new();
                    place.insert(Place::Awaited(Arc::clone(&flight)));
                    Err(flight)
                }
                Place::Awaited(flight) => Ok(Arc::clone(flight)),
            },
            Entry::Vacant(place) => {
                let flight = Flight::new();
                place.insert(Place::Awaited(Arc::clone(&flight)));
                Err(flight)
            }
        };
        match flight {
            Ok(others) => others.wait(patience),
            Err(own) => {
                let mut landing = Landing { answers: self, key, flight: own, kept: None };
                let (answer, holds) = ask();
                landing.land(&answer, holds);
                Some(answer)
            }
        }
    }

    /// Puts an answer in the place of its question, or clears that.
    fn settle(&self, key: Key, kept: Option<(A, Deadline)>) {
        let mut places = lock(&self.places);
        places.remove(&key);
        let Some((answer, until)) = kept else { return };
        if places.len() >= self.most {
            make_room(&mut places);
        }
        if places.len() < self.most {
            places.insert(key, Place::Kept { answer, until });
        }
    }
}

/// Drops the answers that hold no longer, and if there are none the one that would be the next.
fn make_room<A>(places: &mut HashMap<Key, Place<A>>) {
    let before = places.len();
    places.retain(|_, place| !matches!(place, Place::Kept { until, .. } if until.is_over()));
    if places.len() == before {
        let kept = places.iter().filter_map(|(key, place)| match place {
            Place::Kept { until, .. } => Some((*until, *key)),
            Place::Awaited(_) => None,
        });
        if let Some((_, first)) = kept.min() {
            places.remove(&first);
        }
    }
}

impl<A: Clone> Flight<A> {
    fn new() -> Arc<Self> {
        Arc::new(Self { outcome: Mutex::new(Outcome::Pending), landed: Condvar::new() })
    }

    fn wait(&self, patience: Duration) -> Option<A> {
        let outcome = lock(&self.outcome);
        let pending = |outcome: &mut Outcome<A>| matches!(outcome, Outcome::Pending);
        let (outcome, _) = self
            .landed
            .wait_timeout_while(outcome, patience, pending)
            .unwrap_or_else(PoisonError::into_inner);
        match &*outcome {
            Outcome::Answer(answer) => Some(answer.clone()),
            Outcome::Pending | Outcome::Lost => None,
        }
    }
}

/// Ends a flight, also when the one who asks panics.
struct Landing<'a, A: Clone> {
    answers: &'a Answers<A>,
    key: Key,
    flight: Arc<Flight<A>>,
    kept: Option<(A, Deadline)>,
}

impl<A: Clone> Landing<'_, A> {
    fn land(&mut self, answer: &A, holds: Option<Duration>) {
        *lock(&self.flight.outcome) = Outcome::Answer(answer.clone());
        let until = holds.and_then(Deadline::after);
        self.kept = until.map(|until| (answer.clone(), until));
    }
}

impl<A: Clone> Drop for Landing<'_, A> {
    fn drop(&mut self) {
        self.answers.settle(self.key, self.kept.take());
        let mut outcome = lock(&self.flight.outcome);
        if matches!(*outcome, Outcome::Pending) {
            *outcome = Outcome::Lost;
        }
        drop(outcome);
        self.flight.landed.notify_all();
    }
}

/// Lets something be said about each of a few things once in a while only.
#[derive(Debug)]
pub struct Quiet {
    said: Mutex<HashMap<String, Instant>>,
    pause: Duration,
}

impl Quiet {
    /// No more is remembered; beyond that more is said.
    const MOST: usize = 64;

    /// Once in each `pause`.
    #[must_use]
    pub fn new(pause: Duration) -> Self {
        Self { said: Mutex::new(HashMap::new()), pause }
    }

    /// Whether it is time to say something about `what`.
    #[must_use]
    pub fn may_say(&self, what: &str, now: Instant) -> bool {
        let mut said = lock(&self.said);
        if said.get(what).is_some_and(|last| now.saturating_duration_since(*last) < self.pause) {
            return false;
        }
        if said.len() >= Self::MOST {
            said.clear();
        }
        said.insert(what.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};

    const LONG: Duration = Duration::from_secs(600);

    fn key(number: u8) -> Key {
        [number; 32]
    }

    #[test]
    fn an_answer_is_kept_as_long_as_it_holds() {
        for (holds, questions) in [(Some(LONG), 1), (None, 2), (Some(Duration::ZERO), 2)] {
            let (answers, mut asked) = (Answers::new(8), 0);
            for _ in 0..2 {
                let answer = answers.get(key(1), LONG, || {
                    asked += 1;
                    ("yes", holds)
                });
                assert_eq!(answer, Some("yes"));
            }
            assert_eq!(asked, questions, "{holds:?}");
        }
    }

    #[test]
    fn keys_do_not_mix() {
        let answers = Answers::new(8);
        for number in [1, 2, 1, 2] {
            assert_eq!(answers.get(key(number), LONG, || (number, Some(LONG))), Some(number));
        }
    }

    #[test]
    fn those_that_would_end_first_make_room() {
        let answers = Answers::new(2);
        let hold = |number: u8, seconds: u64| {
            answers.get(key(number), LONG, || (number, Some(Duration::from_secs(seconds)))).unwrap()
        };
        for (number, seconds) in [(1, 500), (2, 100), (3, 300)] {
            hold(number, seconds);
        }
        let is_kept =
            |number: u8| matches!(lock(&answers.places).get(&key(number)), Some(Place::Kept { .. }));
        assert_eq!([1, 2, 3].map(is_kept), [true, false, true]);
        assert_eq!(lock(&answers.places).len(), 2);
    }

    #[test]
    fn many_wait_for_one_question() {
        const THREADS: usize = 8;
        for holds in [None, Some(LONG)] {
            let (answers, asked) = (Answers::new(8), AtomicU32::new(0));
            let (started, release) = (Barrier::new(2), Barrier::new(2));
            let ask = || {
                asked.fetch_add(1, Ordering::SeqCst);
                started.wait();
                release.wait();
                (7, holds)
            };
            let got: Vec<_> = std::thread::scope(|scope| {
                let first = scope.spawn(|| answers.get(key(1), LONG, ask));
                started.wait();
                let flight = match lock(&answers.places).get(&key(1)) {
                    Some(Place::Awaited(flight)) => Arc::clone(flight),
                    _ => panic!("nobody asks"),
                };
                let more: Vec<_> = (0..THREADS)
                    .map(|_| scope.spawn(|| answers.get(key(1), LONG, || panic!("a second question"))))
                    .collect();
                // The table, this test, the one who asks, and those that wait.
                while Arc::strong_count(&flight) < THREADS + 3 {
                    std::thread::yield_now();
                }
                release.wait();
                std::iter::once(first).chain(more).map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(got, vec![Some(7); THREADS + 1]);
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn whoever_waits_for_a_lost_question_gets_nothing() {
        let answers = Answers::<u8>::new(8);
        let flight = Flight::new();
        lock(&answers.places).insert(key(1), Place::Awaited(Arc::clone(&flight)));
        assert_eq!(answers.get(key(1), Duration::ZERO, || unreachable!()), None);
        drop(Landing { answers: &answers, key: key(1), flight: Arc::clone(&flight), kept: None });
        assert_eq!(flight.wait(LONG), None);
        assert_eq!(answers.get(key(1), LONG, || (3, None)), Some(3));
    }

    #[test]
    fn a_panic_leaves_no_question_behind() {
        let answers = Answers::<u8>::new(8);
        let ask = std::panic::AssertUnwindSafe(|| answers.get(key(1), LONG, || panic!("test")));
        assert!(std::panic::catch_unwind(ask).is_err());
        assert!(lock(&answers.places).is_empty());
    }

    #[test]
    fn things_are_said_once_in_a_while() {
        let quiet = Quiet::new(Duration::from_secs(60));
        let start = Instant::now();
        for (what, second, said) in
            [("a", 0, true), ("a", 59, false), ("b", 59, true), ("a", 60, true), ("a", 119, false)]
        {
            assert_eq!(quiet.may_say(what, start + Duration::from_secs(second)), said, "{what} {second}");
        }
        for number in 0..200 {
            assert!(quiet.may_say(&number.to_string(), start));
        }
        assert!(lock(&quiet.said).len() <= Quiet::MOST);
    }
}
