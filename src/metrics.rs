//! What the module has done, in figures: counters in memory that all processes of the server share, and the texts
//! that show them.

mod counter;
mod failure;
mod figures;
mod present;

pub use counter::{COUNTERS, Counter};
pub use failure::cause;
pub use figures::{Family, Kind, Sample, auto, html, open_metrics};

use present::Present;
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
    /// Who waits without a thread, by [`Waiting`].
    waiting: [Present; 2],
}

impl Default for Table {
    fn default() -> Self {
        let shard = || Shard(array::from_fn(|_| AtomicU64::new(0)));
        let shards = array::from_fn(|_| shard());
        Self { threads: AtomicUsize::new(0), shards, waiting: array::from_fn(|_| Present::default()) }
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
    let Some(table) = TABLE.get() else { return };
    let place = PLACE.get().unwrap_or_else(|| {
        let place = table.place();
        PLACE.set(Some(place));
        place
    });
    if let Some(cell) = table.cell(place, counter) {
        cell.fetch_add(1, Ordering::Relaxed);
    }
}

/// What waits for the client without a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Waiting {
    /// A handshake.
    Handshake,
    /// A response, the rest of which the client does not take yet.
    Response,
}

/// The places of this process in [`Table::waiting`].
static HERE: OnceLock<[Option<usize>; 2]> = OnceLock::new();

/// This process begins to serve.
pub fn begin_process() {
    let claim = |index: usize| TABLE.get()?.waiting.get(index)?.claim(std::process::id());
    HERE.get_or_init(|| array::from_fn(claim));
}

/// A process has ended; in the parent.
pub fn end_process(pid: u32) {
    for present in TABLE.get().iter().flat_map(|table| &table.waiting) {
        present.release(pid);
    }
}

/// One more waits.
pub fn begins_to_wait(what: Waiting) {
    if let Some((present, place)) = present(what) {
        present.raise(place);
    }
}

/// One of those that were counted by this process waits no longer.
pub fn waits_no_longer(what: Waiting) {
    if let Some((present, place)) = present(what) {
        present.lower(place);
    }
}

fn present(what: Waiting) -> Option<(&'static Present, usize)> {
    let place = HERE.get()?.get(what as usize).copied().flatten()?;
    Some((TABLE.get()?.waiting.get(what as usize)?, place))
}

/// All counters as they are now; empty when there is no memory for them.
#[must_use]
pub fn families() -> Vec<Family> {
    let Some(table) = TABLE.get() else { return Vec::new() };
    let mut families = counter::families(table);
    let gauges = [
        ("handshakes_waiting", "Handshakes that wait for the client without a thread"),
        ("responses_waiting", "Responses that wait until the client takes more, without a thread"),
    ];
    for ((name, help), present) in gauges.into_iter().zip(&table.waiting) {
        let samples = vec![Sample { labels: Vec::new(), value: present.total() }];
        families.push(Family { name, help, kind: Kind::Gauge, samples });
    }
    families
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
        let threads: Vec<_> =
            (0..SHARDS + 10).map(|_| thread::spawn(|| count(Counter::TicketIssued))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(table.total(Counter::TicketIssued), SHARDS as u64 + 10);
        assert_eq!(table.total(Counter::TicketUsed), 0);
        assert!(families().iter().any(|family| family.samples.iter().any(|sample| sample.value == 74)));
        // Before it begins a process has nothing to show.
        begins_to_wait(Waiting::Handshake);
        begin_process();
        (0..2).for_each(|_| begins_to_wait(Waiting::Handshake));
        waits_no_longer(Waiting::Handshake);
        begins_to_wait(Waiting::Response);
        begins_to_wait(Waiting::Response);
        let shown = || {
            let families = families();
            let gauges = families.iter().filter(|family| family.kind == Kind::Gauge);
            gauges.map(|family| (family.name, family.samples[0].value)).collect::<Vec<_>>()
        };
        assert_eq!(shown(), [("handshakes_waiting", 1), ("responses_waiting", 2)]);
        end_process(std::process::id());
        assert_eq!(shown(), [("handshakes_waiting", 0), ("responses_waiting", 0)]);
    }

    #[test]
    fn threads_do_not_share_cache_lines() {
        assert_eq!(align_of::<Shard>() % 128, 0);
        assert_eq!(size_of::<Shard>() % 128, 0);
    }
}
