//! A board: memory in which one process leaves records that others read at any time, without waiting.
//!
//! A record has a place with two sides. The writer fills the side that nobody is referred to, and then turns the
//! place over; a writer that is killed meanwhile leaves the other side as it was. A reader that was overtaken by
//! two changes reads again.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Numbers at the head of a record.
pub const NUMBERS: usize = 8;
/// The most bytes of a record.
pub const BYTES: usize = 10 * 1024;
/// Words of one side: the length, the numbers, the bytes.
const SIDE: usize = 1 + NUMBERS + BYTES / 8;
/// Words of a place.
pub const PLACE: usize = 1 + 2 * SIDE;
/// How often a reader looks again before it goes without.
const ATTEMPTS: usize = 16;

/// Numbers, and bytes that belong to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The numbers.
    pub numbers: [u64; NUMBERS],
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// One place of a board; its words are zero at first.
#[derive(Clone, Copy)]
pub struct Place<'b> {
    words: &'b [AtomicU64],
}

impl<'b> Place<'b> {
    /// The place with this number, if the board has so many.
    #[must_use]
    pub fn of(board: &'b [AtomicU64], index: usize) -> Option<Self> {
        let begin = index.checked_mul(PLACE)?;
        Some(Self { words: board.get(begin..begin.checked_add(PLACE)?)? })
    }

    fn side(self, turn: u64) -> &'b [AtomicU64] {
        let begin = 1 + if turn.is_multiple_of(2) { 0 } else { SIDE };
        &self.words[begin..begin + SIDE]
    }

    /// Leaves a record. There must be no other writer. `false` if it has more than [`BYTES`].
    pub fn write(self, record: &Record) -> bool {
        if record.bytes.len() > BYTES {
            return false;
        }
        let turn = self.words[0].load(Ordering::Relaxed).wrapping_add(1);
        // Whoever sees a word of this record sees the turn of the one before.
        fence(Ordering::Release);
        let (head, body) = self.side(turn).split_at(1 + NUMBERS);
        head[0].store(record.bytes.len() as u64, Ordering::Relaxed);
        for (word, number) in head[1..].iter().zip(record.numbers) {
            word.store(number, Ordering::Relaxed);
        }
        for (word, chunk) in body.iter().zip(record.bytes.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
        self.words[0].store(turn, Ordering::Release);
        true
    }

    /// The record, if there is one whose numbers are `wanted`: of others the bytes are not copied.
    pub fn read(self, wanted: impl Fn(&[u64; NUMBERS]) -> bool) -> Option<Record> {
        (0..ATTEMPTS).find_map(|_| self.try_read(&wanted)).flatten()
    }

    /// `None` if it was changed meanwhile.
    fn try_read(self, wanted: &impl Fn(&[u64; NUMBERS]) -> bool) -> Option<Option<Record>> {
        let turn = self.words[0].load(Ordering::Acquire);
        if turn == 0 {
            return Some(None);
        }
        let (head, body) = self.side(turn).split_at(1 + NUMBERS);
        let len = usize::try_from(head[0].load(Ordering::Relaxed)).unwrap_or(usize::MAX).min(BYTES);
        let mut record = Record::default();
        for (number, word) in record.numbers.iter_mut().zip(&head[1..]) {
            *number = word.load(Ordering::Relaxed);
        }
        let is_wanted = wanted(&record.numbers);
        if is_wanted {
            record.bytes.reserve_exact(len);
            for word in &body[..len.div_ceil(8)] {
                let bytes = word.load(Ordering::Relaxed).to_ne_bytes();
                let missing = (len - record.bytes.len()).min(8);
                record.bytes.extend_from_slice(&bytes[..missing]);
            }
        }
        fence(Ordering::Acquire);
        (self.words[0].load(Ordering::Relaxed) == turn).then(|| is_wanted.then_some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn board(places: usize) -> Vec<AtomicU64> {
        (0..places * PLACE).map(|_| AtomicU64::new(0)).collect()
    }

    fn record(number: u64, len: usize) -> Record {
        Record { numbers: [number; NUMBERS], bytes: vec![number as u8; len] }
    }

    #[test]
    fn records_are_found_where_they_were_left() {
        let board = board(2);
        let (first, second) = (Place::of(&board, 0).unwrap(), Place::of(&board, 1).unwrap());
        assert!(Place::of(&board, 2).is_none() && Place::of(&board, usize::MAX).is_none());
        for (number, len) in [(1, 0), (2, 1), (3, 8), (4, 9), (5, BYTES), (6, BYTES - 1), (7, 3)] {
            assert!(first.write(&record(number, len)));
            assert_eq!(first.read(|_| true), Some(record(number, len)));
            assert_eq!(first.read(|numbers| numbers[0] != number), None);
            assert_eq!(second.read(|_| true), None);
        }
        assert!(!first.write(&record(8, BYTES + 1)));
        assert_eq!(first.read(|_| true), Some(record(7, 3)));
    }

    #[test]
    fn a_writer_that_is_gone_leaves_the_last_record() {
        let board = board(1);
        let place = Place::of(&board, 0).unwrap();
        place.write(&record(1, 100));
        // Half of the next one.
        for word in &place.side(2)[..50] {
            word.store(9, Ordering::Relaxed);
        }
        assert_eq!(place.read(|_| true), Some(record(1, 100)));
        assert!(place.write(&record(2, 100)));
        assert_eq!(place.read(|_| true), Some(record(2, 100)));
    }

    #[test]
    fn no_reader_sees_two_records_mixed() {
        let board = board(1);
        let place = Place::of(&board, 0).unwrap();
        place.write(&record(1, 2000));
        let done = AtomicBool::new(false);
        let reads = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reads = 0;
                while !done.load(Ordering::Relaxed) || reads == 0 {
                    let Some(found) = place.read(|_| true) else { continue };
                    let number = found.numbers[0];
                    assert_eq!(found, record(number, 1000 + 1000 * (number % 2) as usize));
                    reads += 1;
                }
                reads
            });
            for number in 2..3000 {
                place.write(&record(number, 1000 + 1000 * (number % 2) as usize));
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        assert!(reads > 0);
    }
}
