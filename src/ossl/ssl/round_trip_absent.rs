//! In place of `round_trip.rs` where the library does not measure.

use super::SslRef;

impl SslRef {
    /// Not known.
    #[must_use]
    pub fn handshake_round_trip(&self) -> Option<u64> {
        None
    }
}
