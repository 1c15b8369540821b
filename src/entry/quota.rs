//! `SSLMaxHandshakes`: how many handshakes a process has at once.

use crate::httpd::Conn;
use crate::httpd::log::log;
use crate::metrics::{self, Counter};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

static UNDER_WAY: AtomicU32 = AtomicU32::new(0);
/// A warning is repeated after so many seconds.
const QUIET: i64 = 60;

/// The right to shake hands.
#[derive(Debug)]
pub struct Seat(());

impl Seat {
    /// Takes one of `most`, if there is one.
    #[must_use]
    pub fn take(most: u32) -> Option<Self> {
        let more = |taken| (taken < most).then_some(taken + 1);
        UNDER_WAY.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok().then(|| Self(()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says that a connection is refused: for each one at info, and as a warning
/// now and then.
pub fn report_refusal(conn: Conn<'_>, most: u32) {
    static WARNED: AtomicI64 = AtomicI64::new(i64::MIN);
    metrics::count(Counter::FailedRefused);
    log!(conn, Info, "Connection refused: {most} handshakes are under way already (SSLMaxHandshakes)");
    let (now, last) = (crate::apr::time::now() / 1_000_000, WARNED.load(Ordering::Relaxed));
    let is_due = last == i64::MIN || now - last >= QUIET;
    if is_due && WARNED.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        log!(
            conn,
            Warn,
            "SSLMaxHandshakes: this process refuses connections, {most} handshakes are under way"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_come_back() {
        assert!(Seat::take(0).is_none());
        let (one, two) = (Seat::take(2), Seat::take(2));
        assert!(one.is_some() && two.is_some());
        assert!(Seat::take(2).is_none());
        drop(one);
        assert!(Seat::take(2).is_some());
    }
}
