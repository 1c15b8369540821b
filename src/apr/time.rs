//! Clock values in APR's unit.

use crate::sys;

/// Now, in microseconds since 1970 (`apr_time_now`).
#[must_use]
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { sys::apr_time_now() }
}

/// A clock value in seconds as APR's.
#[must_use]
pub fn from_seconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000)
}
