//! Who waits without a thread, and until when.

use std::collections::BTreeMap;
use std::time::Instant;

/// A place in a [`Parking`], sorted by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    until: Instant,
    number: usize,
}

/// Places with what is needed to end the wait there.
#[derive(Debug)]
pub struct Parking<T> {
    places: BTreeMap<Place, T>,
    alarm: Option<Instant>,
    numbers: usize,
}

impl<T> Parking<T> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: BTreeMap::new(), alarm: None, numbers: 0 }
    }

    /// Takes a place.
    pub fn enter(&mut self, until: Instant, what: T) -> Place {
        self.numbers = self.numbers.wrapping_add(1);
        let place = Place { until, number: self.numbers };
        self.places.insert(place, what);
        place
    }

    /// How many places are taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no place is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Gives a place up. Nothing there: the time was up before.
    pub fn leave(&mut self, place: Place) -> Option<T> {
        self.places.remove(&place)
    }

    /// Takes away the first whose time is up.
    pub fn take_overdue(&mut self, now: Instant) -> Option<T> {
        let first = self.places.first_entry().filter(|first| first.key().until <= now)?;
        Some(first.remove())
    }

    /// The alarm to set, if there is none or it would be too late. It stays
    /// when the first in line leaves.
    pub fn set_alarm(&mut self) -> Option<Instant> {
        let first = self.places.first_key_value()?.0.until;
        let is_late = self.alarm.is_none_or(|alarm| alarm > first);
        is_late.then(|| *self.alarm.insert(first))
    }

    /// There is no alarm any more.
    pub fn clear_alarm(&mut self) {
        self.alarm = None;
    }
}

impl<T> Default for Parking<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_first_in_line_is_the_first_overdue() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut parking = Parking::new();
        let (b, _, a) = (parking.enter(at(2), 'b'), parking.enter(at(2), 'c'), parking.enter(at(1), 'a'));
        assert_eq!(parking.take_overdue(now), None);
        assert_eq!(parking.len(), 3);
        assert_eq!(parking.take_overdue(at(1)), Some('a'));
        assert_eq!(parking.take_overdue(at(1)), None);
        assert_eq!(parking.leave(a), None);
        assert_eq!(parking.leave(b), Some('b'));
        assert_eq!(parking.take_overdue(at(9)), Some('c'));
        assert_eq!(parking.take_overdue(at(9)), None);
        assert!(parking.is_empty());
    }

    #[test]
    fn one_alarm_for_the_first_in_line() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut parking = Parking::new();
        assert_eq!(parking.set_alarm(), None);
        let a = parking.enter(at(5), 'a');
        assert_eq!(parking.set_alarm(), Some(at(5)));
        parking.enter(at(7), 'b');
        assert_eq!(parking.set_alarm(), None);
        parking.enter(at(3), 'c');
        assert_eq!(parking.set_alarm(), Some(at(3)));
        parking.leave(a);
        parking.enter(at(4), 'd');
        assert_eq!(parking.set_alarm(), None);
        assert_eq!(parking.take_overdue(at(3)), Some('c'));
        parking.clear_alarm();
        assert_eq!(parking.set_alarm(), Some(at(4)));
    }
}
