//! Stands in for `mpm.rs` where httpd (before 2.4.63) cannot wait without a
//! thread: then nobody does.

use super::conn::{Conn, Sense};

/// Whether the MPM takes connections back to wait for their sockets.
#[must_use]
pub fn can_wait() -> bool {
    false
}

/// How many threads of a process serve connections. Nobody needs to know.
#[must_use]
pub fn threads() -> Option<usize> {
    None
}

/// The value of `AsyncRequestWorkerFactor`. Nobody needs to know.
#[must_use]
pub fn worker_factor() -> f64 {
    0.0
}

/// Has the MPM wait. It does not.
#[must_use]
pub fn wait(_conn: Conn<'_>, _sense: Sense) -> bool {
    false
}

/// Has the MPM go on as after a request. Nobody waits, so nobody says this.
pub fn complete(_conn: Conn<'_>) {}

/// Whether nothing but what `known` names is in the process_connection hook.
#[must_use]
pub fn processed_only_by(_known: &[&str]) -> bool {
    false
}
