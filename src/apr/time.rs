//! Clock values in APR's unit.

use crate::sys;

/// Now, in microseconds since 1970 (`apr_time_now`).
#[must_use]
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { sys::apr_time_now() }
}

/// Now, in seconds since 1970.
#[must_use]
pub fn seconds_now() -> i64 {
    now() / 1_000_000
}

/// A clock value in seconds as APR's.
#[must_use]
pub fn from_seconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000)
}

/// A local time in fields.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// Four digits.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 60.
    pub second: i32,
    /// 0 is Sunday.
    pub weekday: i32,
}

/// Now, in the time zone of the server (`apr_time_exp_lt`).
#[must_use]
pub fn local() -> Fields {
    let mut exploded = std::mem::MaybeUninit::<sys::apr_time_exp_t>::zeroed();
    // SAFETY: fills the record.
    unsafe { sys::apr_time_exp_lt(exploded.as_mut_ptr(), now()) };
    // SAFETY: all fields are integers, zeroed or filled.
    let fields = unsafe { exploded.assume_init() };
    Fields {
        year: fields.tm_year + 1900,
        month: fields.tm_mon + 1,
        day: fields.tm_mday,
        hour: fields.tm_hour,
        minute: fields.tm_min,
        second: fields.tm_sec,
        weekday: fields.tm_wday,
    }
}
