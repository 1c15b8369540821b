//! Records that are kept where others may write: whoever reads one back knows that it was written here, for the
//! same key, and has not ended.

use super::answers::Key;

/// The layout's version.
const LAYOUT: u8 = 1;
/// Version and end.
const HEAD: usize = 1 + 8;
const SEAL: usize = 32;
/// Bytes of a record beside its contents.
pub const OVERHEAD: usize = HEAD + SEAL;

/// A MAC of the pieces, one behind the other.
pub type Seal<'s> = &'s dyn Fn(&[&[u8]]) -> Option<[u8; SEAL]>;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'r> {
    /// Its end, in seconds since 1970.
    pub until: i64,
    /// What was put in.
    pub contents: &'r [u8],
}

/// A record for `key` that ends at `until`, in seconds since 1970. `None` without a MAC.
#[must_use]
pub fn write(key: &Key, until: i64, contents: &[u8], seal: Seal<'_>) -> Option<Vec<u8>> {
    let mut record = Vec::with_capacity(OVERHEAD + contents.len());
    record.push(LAYOUT);
    record.extend_from_slice(&until.to_be_bytes());
    record.extend_from_slice(contents);
    let mac = seal(&[key, &record])?;
    record.extend_from_slice(&mac);
    Some(record)
}

/// Opens a record for `key`; `None` for everything that [`write`] has not made for it, and from its end on. `same`
/// compares two MACs in a time that does not depend on them.
#[must_use]
pub fn open<'r>(
    key: &Key,
    record: &'r [u8],
    now: i64,
    seal: Seal<'_>,
    same: impl Fn(&[u8; SEAL], &[u8; SEAL]) -> bool,
) -> Option<Opened<'r>> {
    let (sealed, mac) = record.split_last_chunk::<SEAL>()?;
    if !same(&seal(&[key, sealed])?, mac) {
        return None;
    }
    let (head, contents) = sealed.split_first_chunk::<HEAD>()?;
    let (&[LAYOUT], until) = head.split_first_chunk::<1>()? else { return None };
    let until = i64::from_be_bytes(until.try_into().ok()?);
    (until > now).then_some(Opened { until, contents })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No MAC, but enough to see which bytes go into it.
    fn sum(pieces: &[&[u8]]) -> Option<[u8; SEAL]> {
        let mut state = [7_u64; 4];
        for (index, byte) in pieces.concat().iter().enumerate() {
            let word = &mut state[index % 4];
            *word = (word.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            state[(index + 1) % 4] ^= state[index % 4].rotate_right(17);
        }
        let mut mac = [0; SEAL];
        for (chunk, word) in mac.chunks_mut(8).zip(state) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        Some(mac)
    }

    fn opened<'r>(key: &Key, record: &'r [u8], now: i64) -> Option<Opened<'r>> {
        open(key, record, now, &sum, |a, b| a == b)
    }

    #[test]
    fn what_is_written_is_read() {
        for contents in [&b""[..], b"x", &[0; 5000]] {
            let record = write(&[1; 32], 100, contents, &sum).unwrap();
            assert_eq!(record.len(), contents.len() + OVERHEAD);
            assert_eq!(opened(&[1; 32], &record, 99), Some(Opened { until: 100, contents }));
            for (key, now) in [([1; 32], 100), ([1; 32], 101), ([2; 32], 99)] {
                assert_eq!(opened(&key, &record, now), None, "{now}");
            }
        }
        assert_eq!(write(&[1; 32], 100, b"x", &|_| None), None);
    }

    #[test]
    fn what_was_changed_is_not() {
        let record = write(&[1; 32], 100, b"contents", &sum).unwrap();
        for index in 0..record.len() {
            assert_eq!(opened(&[1; 32], &record[..index], 0), None, "{index} bytes of it");
            assert_eq!(opened(&[1; 32], &record[index + 1..], 0), None, "without {index} bytes");
            for bit in 0..8 {
                let mut changed = record.clone();
                changed[index] ^= 1 << bit;
                assert_eq!(opened(&[1; 32], &changed, 0), None, "bit {bit} of byte {index}");
            }
        }
        assert_eq!(opened(&[1; 32], &[&record[..], b"x"].concat(), 0), None);
        // Sealed, but of another kind.
        let mut other = record[..record.len() - SEAL].to_vec();
        other[0] = 2;
        let mac = sum(&[&[1; 32], &other]).unwrap();
        assert_eq!(opened(&[1; 32], &[&other[..], &mac].concat(), 0), None);
        let short = sum(&[&[1; 32], &[1, 0]]).unwrap();
        assert_eq!(opened(&[1; 32], &[&[1, 0][..], &short].concat(), 0), None);
    }
}
