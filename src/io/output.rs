//! What an output brigade becomes.
//!
//! Plaintext is staged until there is a record's worth of it or somebody wants
//! it on the wire; large pieces are encrypted where they lie. The records of up
//! to [`BATCH`] bytes of plaintext travel to the network in one brigade.

/// The most plaintext a TLS record holds (RFC 8446, section 5.1).
pub const RECORD: usize = 16_384;

/// Plaintext encrypted before the records are passed on: what one brigade, and
/// so one system call, carries of a large response.
pub const BATCH: usize = 256 * 1024;

/// A file is read in pieces of this size: large enough to make reading cheap,
/// small enough to stay in the processor's cache until it is encrypted.
pub const FILE_PIECE: usize = 4 * RECORD;

/// Plaintext that is decrypted at once where it is passed through, and leaves
/// in one go.
pub const PASSED_ON: usize = 4 * RECORD;

/// The most plaintext that waits for more when nobody asked to send it. Header
/// and begin of a body then share a record.
pub const HOLD: usize = 8_192;

/// Core tries to send so much at once; it waits for company to less.
pub const SENT_AT_ONCE: usize = 4_096;

/// When a pass has a limit, less room than this is left unused.
pub const MARGIN: usize = 1_024;

/// More than any cipher suite adds to a record: header 5, explicit IV 16, MAC
/// 48 or tag 16, padding 16, content type 1.
pub const RECORD_OVERHEAD: usize = 96;

/// What a part of a response is to somebody who would keep it until the peer
/// takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// It stays where it is: a file.
    Elsewhere,
    /// So many bytes of memory.
    Memory(usize),
    /// A mark that belongs behind the data: the end of the response.
    Mark,
    /// It must not be kept, or nobody knows whether it may be.
    Pressing,
}

/// The most memory that is held back on a connection while its peer is slow.
/// Whoever produces more than that waits.
pub const HELD: usize = 64 * 1024;

/// What a bucket costs besides the bytes it stands for.
const BUCKET: usize = 160;

/// Whether there is data in this, and all of it may be kept until the peer
/// takes more. Marks alone cost nothing where they go.
#[must_use]
pub fn may_be_held(loads: impl IntoIterator<Item = Load>) -> bool {
    let (mut held, mut has_data) = (0_usize, false);
    let small = loads.into_iter().all(|load| {
        has_data |= matches!(load, Load::Elsewhere | Load::Memory(1..));
        held = held.saturating_add(BUCKET).saturating_add(match load {
            Load::Memory(bytes) => bytes,
            Load::Elsewhere | Load::Mark => 0,
            Load::Pressing => return false,
        });
        held <= HELD
    });
    small && has_data
}

/// The most plaintext that becomes no more than `limit` bytes of records.
/// `None`: that would be too little to be worth while.
#[must_use]
pub const fn fits(limit: usize) -> Option<usize> {
    let overhead = (limit / RECORD + 1) * RECORD_OVERHEAD;
    if limit < HOLD + overhead {
        return None;
    }
    Some(if limit - overhead < BATCH { limit - overhead } else { BATCH })
}

/// How a piece of data of known length is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Copy so many bytes to the plaintext that is staged.
    Stage(usize),
    /// Encrypt so many bytes where they lie.
    Direct(usize),
}

/// How to take a piece of `len` bytes (not 0) when `staged` bytes wait.
/// Records are kept full: what is staged is topped up first, and only whole
/// records, or a remainder that is large, are encrypted in place. With `more`
/// to come at once, less than a record waits for that.
#[must_use]
pub const fn take(staged: usize, len: usize, more: bool) -> Take {
    if staged > 0 || len < HOLD || (more && len < RECORD) {
        let room = RECORD - staged % RECORD;
        return Take::Stage(if len < room { len } else { room });
    }
    let batch = if len < BATCH { len } else { BATCH };
    let whole = batch - batch % RECORD;
    // A remainder below HOLD may share a record with what follows.
    if batch - whole < HOLD && whole > 0 { Take::Direct(whole) } else { Take::Direct(batch) }
}

/// Whether `staged` bytes may wait for the next call. `metadata`: the brigade
/// held a bucket that asks for progress. `coalescing`: the filter of that name
/// is still in the chain; mod_proxy removes it when it starts a tunnel, and
/// then nothing may wait.
#[must_use]
pub const fn may_wait(staged: usize, metadata: bool, coalescing: bool) -> bool {
    staged <= HOLD && !metadata && coalescing
}

/// Bytes of ciphertext that `plaintext` bytes become at most.
#[must_use]
pub const fn sealed_size(plaintext: usize) -> usize {
    plaintext + (plaintext / RECORD + 1) * RECORD_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_staged() {
        for (staged, len, taken) in [
            (0, 1, Take::Stage(1)),
            (0, HOLD - 1, Take::Stage(HOLD - 1)),
            (100, 50, Take::Stage(50)),
            (100, 100_000, Take::Stage(RECORD - 100)),
            (RECORD - 1, 5, Take::Stage(1)),
        ] {
            assert_eq!(take(staged, len, false), taken, "{staged} {len}");
        }
    }

    #[test]
    fn large_pieces_are_encrypted_in_place() {
        for (len, taken) in [
            (HOLD, Take::Direct(HOLD)),
            (RECORD, Take::Direct(RECORD)),
            (RECORD + 1, Take::Direct(RECORD)),
            (RECORD + HOLD, Take::Direct(RECORD + HOLD)),
            (10 * BATCH, Take::Direct(BATCH)),
        ] {
            assert_eq!(take(0, len, false), taken, "{len}");
        }
    }

    #[test]
    fn a_record_is_filled_by_what_comes_at_once() {
        for (len, taken) in
            [(HOLD, Take::Stage(HOLD)), (RECORD - 1, Take::Stage(RECORD - 1)), (RECORD, Take::Direct(RECORD))]
        {
            assert_eq!(take(0, len, true), taken, "{len}");
        }
    }

    #[test]
    fn every_piece_makes_progress_and_no_staged_record_overflows() {
        for staged in [0, 1, 5_000, RECORD - 1] {
            for len in [1, 2, 8_191, 8_192, 16_383, 16_384, 16_385, 70_000, 1 << 20] {
                for more in [false, true] {
                    match take(staged, len, more) {
                        Take::Stage(n) => assert!(n > 0 && n <= len && staged + n <= RECORD),
                        Take::Direct(n) => assert!(n > 0 && n <= len && staged == 0 && n <= BATCH),
                    }
                }
            }
        }
    }

    #[test]
    fn little_memory_is_held_and_nothing_that_presses() {
        use Load::{Elsewhere, Mark, Memory, Pressing};
        for (loads, held) in [
            (&[][..], false),
            (&[Mark, Mark, Memory(0)], false),
            (&[Memory(1), Mark], true),
            (&[Elsewhere, Mark, Mark], true),
            (&[Memory(300), Elsewhere, Memory(HELD - 300 - 4 * BUCKET), Elsewhere], true),
            (&[Memory(300), Elsewhere, Memory(HELD - 299 - 4 * BUCKET), Elsewhere], false),
            (&[Memory(usize::MAX), Memory(usize::MAX)], false),
            (&[Elsewhere, Pressing], false),
            (&[Memory(1); HELD / BUCKET], false),
            (&[Elsewhere; HELD / BUCKET + 1], false),
        ] {
            assert_eq!(may_be_held(loads.iter().copied()), held, "{loads:?}");
        }
    }

    #[test]
    fn what_fits_stays_within_the_limit() {
        for limit in [HOLD + RECORD_OVERHEAD, 20_000, 65_535, 65_536, 100_000, BATCH] {
            let fits = fits(limit).unwrap();
            assert!(sealed_size(fits) <= limit && fits >= HOLD, "{limit}");
        }
        assert_eq!(fits(usize::MAX / 2), Some(BATCH));
        for limit in [0, 1, HOLD] {
            assert_eq!(fits(limit), None);
        }
    }

    #[test]
    fn only_little_plaintext_waits_and_only_unasked() {
        assert!(may_wait(HOLD, false, true));
        assert!(!may_wait(HOLD + 1, false, true));
        assert!(!may_wait(1, true, true));
        assert!(!may_wait(1, false, false));
    }
}
