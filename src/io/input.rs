//! How much ciphertext is read at once.

use super::output::{RECORD, RECORD_OVERHEAD};

/// The most that is read first: a record, or a flight of a handshake.
pub const FIRST: usize = RECORD + RECORD_OVERHEAD;
/// What is read when as much as that is there again and again.
const SIZES: [usize; 3] = [FIRST, 4 * RECORD, 16 * RECORD];

/// The most to read after a read of `size` bytes has found `count`: more when
/// it was filled, less when most of it was empty.
#[must_use]
pub fn next_size(size: usize, count: usize) -> usize {
    if count >= size {
        SIZES.into_iter().find(|larger| *larger > size).unwrap_or(size)
    } else if count < size / 4 {
        SIZES.into_iter().rev().find(|smaller| *smaller < size).unwrap_or(FIRST)
    } else {
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_much_is_read_in_large_pieces() {
        let [first, middle, last] = SIZES;
        for (size, count, next) in [
            (first, 1, first),
            (first, first - 1, first),
            (first, first, middle),
            (middle, middle, last),
            (last, last, last),
            (last, last / 4, last),
            (last, last / 4 - 1, middle),
            (middle, 5, first),
        ] {
            assert_eq!(next_size(size, count), next, "{size} {count}");
        }
    }
}
