//! Data that passes through: mod_proxy reads it from one connection and writes
//! it to another, in pieces of 8 KB and in one thread. When more of it has been
//! decrypted already, the next piece comes without waiting for anybody, and the
//! ciphertext of one can wait for that of the next.

use super::connection::ConnState;
use std::cell::Cell;

/// The side of a connection that passes something through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that came in.
    Client,
    /// The one to a backend.
    Backend,
}

thread_local! {
    /// The side that was read from last, if there is more at hand. It concerns the next write of this thread alone.
    static MORE: Cell<Option<Side>> = const { Cell::new(None) };
}

impl Side {
    /// Which side `state` is.
    #[must_use]
    pub fn of(state: &ConnState) -> Self {
        if state.outgoing.is_some() { Self::Backend } else { Self::Client }
    }
}

/// Something was read from this side.
pub fn note(from: Side, more: bool) {
    MORE.set(more.then_some(from));
}

/// Whether more is at hand for what is written to this side now.
#[must_use]
pub fn comes_more(to: Side) -> bool {
    MORE.take().is_some_and(|from| from != to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_for_one_write_to_the_other_side() {
        for (from, more, to, comes) in [
            (Side::Backend, true, Side::Client, true),
            (Side::Client, true, Side::Backend, true),
            (Side::Client, true, Side::Client, false),
            (Side::Backend, false, Side::Client, false),
        ] {
            note(from, more);
            assert_eq!(comes_more(to), comes, "{from:?} {to:?}");
            assert!(!comes_more(to), "only once");
        }
        note(Side::Backend, true);
        note(Side::Client, false);
        assert!(!comes_more(Side::Client), "the last read counts");
    }
}
