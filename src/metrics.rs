//! What the module has done, in figures: counters in memory that all processes of the server share, and the texts
//! that show them.

mod counter;
mod failure;
mod figures;

pub use counter::{COUNTERS, Counter};
pub use failure::cause;
pub use figures::{Family, Kind, Sample, auto, html, open_metrics};

use std::array;
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many threads count in places of their own; more share them.
const SHARDS: usize = 64;

/// The counters of some threads, on cache lines of their own.
#[repr(align(128))]
struct Shard([AtomicU64; COUNTERS]);

/// All counters. Zero bytes are a valid value.
#[repr(C)]
pub struct Table {
    /// How many threads have come so far.
    threads: AtomicUsize,
    shards: [Shard; SHARDS],
}

impl Default for Table {
    fn default() -> Self {
        let shard = || Shard(array::from_fn(|_| AtomicU64::new(0)));
        Self { threads: AtomicUsize::new(0), shards: array::from_fn(|_| shard()) }
    }
}

impl Table {
    /// A place for a thread.
    fn place(&self) -> usize {
        self.threads.fetch_add(1, Ordering::Relaxed) % SHARDS
    }

    fn cell(&self, place: usize, counter: Counter) -> Option<&AtomicU64> {
        self.shards.get(place)?.0.get(counter as usize)
    }

    /// The value over all threads of all processes.
    #[must_use]
    pub fn total(&self, counter: Counter) -> u64 {
        let values = self.shards.iter().filter_map(|shard| shard.0.get(counter as usize));
        // What one thread raises another may lower.
        values.fold(0, |sum, value| sum.wrapping_add(value.load(Ordering::Relaxed)))
    }
}

static TABLE: OnceLock<&'static Table> = OnceLock::new();

thread_local! {
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Where it is counted from now on, by this process and those that it forks. The first call wins, so the figures go
/// on over restarts.
pub fn count_in(table: impl FnOnce() -> Option<&'static Table>) {
    if TABLE.get().is_none()
        && let Some(table) = table()
    {
        let _ = TABLE.set(table);
    }
}

/// One more.
pub fn count(counter: Counter) {
    add(counter, 1);
}

/// One less: for a counter of what there is at present. What a process that crashes has raised stays.
pub fn lower(counter: Counter) {
    add(counter, u64::MAX);
}

fn add(counter: Counter, value: u64) {
    let Some(table) = TABLE.get() else { return };
    let place = PLACE.get().unwrap_or_else(|| {
        let place = table.place();
        PLACE.set(Some(place));
        place
    });
    if let Some(cell) = table.cell(place, counter) {
        cell.fetch_add(value, Ordering::Relaxed);
    }
}

/// All counters as they are now; empty when there is no memory for them.
#[must_use]
pub fn families() -> Vec<Family> {
    TABLE.get().map(|table| counter::families(table)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn threads_count_together() {
        let table: &'static Table = Box::leak(Box::default());
        count_in(|| Some(table));
        // Another one is not taken.
        count_in(|| unreachable!("there is a table"));
        let threads: Vec<_> = (0..SHARDS + 10)
            .map(|index| {
                thread::spawn(move || {
                    count(Counter::TicketIssued);
                    if index % 2 == 0 { count(Counter::PlainHttp) } else { lower(Counter::PlainHttp) }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(table.total(Counter::TicketIssued), SHARDS as u64 + 10);
        assert_eq!(table.total(Counter::PlainHttp), 0);
        assert_eq!(table.total(Counter::TicketUsed), 0);
        assert!(families().iter().any(|family| family.samples.iter().any(|sample| sample.value == 74)));
    }

    #[test]
    fn threads_do_not_share_cache_lines() {
        assert_eq!(align_of::<Shard>() % 128, 0);
        assert_eq!(size_of::<Shard>() % 128, 0);
    }
}
