//! Which sessions with backends are kept, and for how long: a book that does
//! not grow without end.

use std::collections::HashMap;
use std::hash::Hash;

/// How many backends are remembered.
const BACKENDS: usize = 128;
/// How many sessions of one backend: some give out several tickets a handshake,
/// each of which is good for one use.
const SESSIONS: usize = 4;
/// No session is older, in seconds, whatever the backend promises: what
/// vouched for its certificate is asked again then.
pub const LONGEST: i64 = 300;

/// For how many seconds from `now` a session may be used that the backend takes for `lifetime` seconds. It was `proven`
/// who that is then, or in the first of the handshakes that have led to the session one by one, and its chain
/// ends at some time; both in seconds since 1970.
#[must_use]
pub fn left(lifetime: i64, now: i64, proven: i64, chain_ends: i64) -> i64 {
    // A clock that was set back makes the proof younger than it is.
    let proven = proven.min(now);
    lifetime.min(chain_ends.saturating_sub(now)).min(proven.saturating_add(LONGEST).saturating_sub(now))
}

/// A session, and until when it may be used.
struct Kept<S> {
    session: S,
    /// Seconds since 1970.
    ends: i64,
    /// Good for one use (TLS 1.3).
    once: bool,
}

/// What is known of one backend.
struct Page<S> {
    sessions: Vec<Kept<S>>,
    used: u64,
}

/// Sessions by backend.
pub struct Book<K, S> {
    pages: HashMap<K, Page<S>>,
    clock: u64,
}

impl<K, S> Default for Book<K, S> {
    fn default() -> Self {
        Self { pages: HashMap::new(), clock: 0 }
    }
}

impl<K: Hash + Eq + Clone, S: Clone> Book<K, S> {
    /// Keeps a session that was made `now` (seconds since 1970) and that the
    /// backend will take for `lifetime` seconds. One for many uses replaces
    /// what there was.
    pub fn put(&mut self, backend: K, session: S, once: bool, now: i64, lifetime: i64) {
        if lifetime <= 0 {
            return;
        }
        if !self.pages.contains_key(&backend) && self.pages.len() >= BACKENDS {
            self.forget_oldest();
        }
        self.clock += 1;
        let page = self.pages.entry(backend).or_insert_with(|| Page { sessions: Vec::new(), used: 0 });
        page.used = self.clock;
        if once {
            page.sessions.retain(|kept| kept.once);
        } else {
            page.sessions.clear();
        }
        if page.sessions.len() >= SESSIONS {
            page.sessions.remove(0);
        }
        let ends = now.saturating_add(lifetime.min(LONGEST));
        page.sessions.push(Kept { session, ends, once });
    }

    /// A session for the next connection to the backend. What is good for one
    /// use is gone then.
    pub fn take(&mut self, backend: &K, now: i64) -> Option<S> {
        let page = self.pages.get_mut(backend)?;
        // A clock that was set back makes sessions look younger than they can be.
        page.sessions.retain(|kept| kept.ends > now && kept.ends <= now.saturating_add(LONGEST));
        self.clock += 1;
        page.used = self.clock;
        match page.sessions.last()? {
            kept if kept.once => page.sessions.pop().map(|kept| kept.session),
            kept => Some(kept.session.clone()),
        }
    }

    /// Nothing that is known of the backend is to be used.
    pub fn forget(&mut self, backend: &K) {
        self.pages.remove(backend);
    }

    fn forget_oldest(&mut self) {
        let oldest = self.pages.iter().min_by_key(|(_, page)| page.used).map(|(backend, _)| backend.clone());
        if let Some(oldest) = oldest {
            self.pages.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_used_once_and_ids_often() {
        let mut book = Book::default();
        for ticket in ["1", "2"] {
            book.put("a", ticket, true, 100, 60);
        }
        assert_eq!(book.take(&"a", 101), Some("2"));
        assert_eq!(book.take(&"a", 101), Some("1"));
        assert_eq!(book.take(&"a", 101), None);
        book.put("a", "3", false, 100, 60);
        assert_eq!(book.take(&"a", 101), Some("3"));
        assert_eq!(book.take(&"a", 101), Some("3"));
        book.put("a", "4", true, 100, 60);
        assert_eq!(book.take(&"a", 101), Some("4"));
        assert_eq!(book.take(&"a", 101), None, "an old version's session does not come back");
        assert_eq!(book.take(&"b", 101), None);
    }

    #[test]
    fn a_proof_does_not_become_younger_by_resumptions() {
        for (lifetime, now, proven, chain_ends, expected) in [
            (60, 1_000, 1_000, i64::MAX, 60),
            (9_999, 1_000, 1_000, i64::MAX, LONGEST),
            (9_999, 1_000, 1_000 - 200, i64::MAX, LONGEST - 200),
            (60, 1_000, 1_000 - LONGEST, i64::MAX, 0),
            (60, 1_000, 0, i64::MAX, LONGEST - 1_000),
            (60, 1_000, 2_000, i64::MAX, 60),
            (9_999, 1_000, 2_000, i64::MAX, LONGEST),
            (60, 1_000, 1_000, 1_010, 10),
            (60, 1_000, 1_000, 900, -100),
        ] {
            assert_eq!(left(lifetime, now, proven, chain_ends), expected, "{lifetime} {proven} {chain_ends}");
        }
        // Each connection of a chain gives the session of the next one.
        let mut book = Book::default();
        let resumed = (0..1_000).step_by(20).take_while(|now| {
            let found = *now == 0 || book.take(&"a", *now) == Some(*now - 20);
            book.put("a", *now, true, *now, left(9_999, *now, 0, i64::MAX));
            found
        });
        assert_eq!(resumed.last(), Some(LONGEST - 20));
    }

    #[test]
    fn nothing_is_kept_too_long() {
        for (lifetime, later, found) in [
            (60, 59, true),
            (60, 60, false),
            (0, 0, false),
            (-5, 0, false),
            (9_999, LONGEST - 1, true),
            (9_999, LONGEST, false),
            (9_999, -1, false),
        ] {
            let mut book = Book::default();
            book.put("a", (), true, 1_000, lifetime);
            assert_eq!(book.take(&"a", 1_000 + later).is_some(), found, "{lifetime} {later}");
        }
    }

    #[test]
    fn the_book_does_not_grow_without_end() {
        let mut book = Book::default();
        for number in 0..1_000 {
            book.put(number, number, true, 0, 60);
            book.put(0, number, true, 0, 60);
        }
        assert!(book.pages.len() <= BACKENDS);
        assert!(book.pages.values().all(|page| page.sessions.len() <= SESSIONS));
        assert_eq!(book.take(&0, 1), Some(999), "the one in use stays");
        assert_eq!(book.take(&1, 1), None);
        book.forget(&0);
        assert_eq!(book.take(&0, 1), None);
    }
}
