//! Clock values in APR's unit.

use crate::sys;

/// Now, in microseconds since 1970 (`apr_time_now`).
#[must_use]
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { sys::apr_time_now() }
}
