//! How many there are of something at present, process by process: what a process has counted ends with it, however
//! it ends.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many processes have a place. What others count is not shown.
const PROCESSES: usize = 512;

/// A number for each process, behind its id. Zero bytes are a valid value.
#[repr(C)]
pub struct Present([AtomicU64; PROCESSES]);

impl Default for Present {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

fn owner(value: u64) -> u32 {
    (value >> 32) as u32
}

impl Present {
    /// Gives a process a place of its own, if there is one left.
    pub fn claim(&self, pid: u32) -> Option<usize> {
        // One of the same id has ended without a word.
        self.release(pid);
        let value = u64::from(pid) << 32;
        let take = |place: &AtomicU64| {
            place.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        self.0.iter().position(take)
    }

    /// The process has ended.
    pub fn release(&self, pid: u32) {
        for place in &self.0 {
            let value = place.load(Ordering::Relaxed);
            if value != 0 && owner(value) == pid {
                let _ = place.compare_exchange(value, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// One more; in the process that has the place.
    pub fn raise(&self, place: usize) {
        if let Some(place) = self.0.get(place) {
            place.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One less of those that were counted there.
    pub fn lower(&self, place: usize) {
        if let Some(place) = self.0.get(place) {
            place.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many there are in all processes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|place| place.load(Ordering::Relaxed) & u64::from(u32::MAX)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_has_counted_ends_with_it() {
        let present = Present::default();
        let (one, two) = (present.claim(1001).unwrap(), present.claim(u32::MAX).unwrap());
        for (place, times) in [(one, 3), (two, 2)] {
            (0..times).for_each(|_| present.raise(place));
        }
        present.lower(two);
        assert_eq!(present.total(), 4);
        present.release(7);
        assert_eq!(present.total(), 4);
        present.release(1001);
        assert_eq!(present.total(), 1);
        assert_eq!(present.claim(1002), Some(one), "the place is free again");
        assert_eq!(present.claim(u32::MAX), Some(two), "a process of the same id begins anew");
        assert_eq!(present.total(), 0);
    }

    #[test]
    fn places_are_not_without_end() {
        let present = Present::default();
        for pid in 1..=PROCESSES as u32 {
            assert!(present.claim(pid).is_some());
        }
        assert_eq!(present.claim(9_999), None);
        present.release(5);
        assert_eq!(present.claim(9_999), Some(4));
    }
}
