//! The time of a round trip, which OpenSSL measures since 3.2; before, `round_trip_absent.rs` takes the place of
//! this file.

use super::SslRef;
use crate::ossl::ffi;

impl SslRef {
    /// Microseconds of a round trip in the handshake, with what the peer has computed meanwhile.
    #[must_use]
    pub fn handshake_round_trip(&self) -> Option<u64> {
        let mut microseconds = 0;
        // SAFETY: a borrowed connection is alive; the place is ours.
        let known = unsafe { ffi::SSL_get_handshake_rtt(self.as_ptr(), &raw mut microseconds) };
        (known == 1).then_some(microseconds)
    }
}
