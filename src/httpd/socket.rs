//! The socket of a connection, as far as this module looks at it.

use super::conn::Conn;
use crate::sys;
use std::ffi::c_int;
use std::os::fd::RawFd;
use std::time::Duration;

impl<'c> Conn<'c> {
    fn apr_socket(self) -> Option<&'c mut sys::apr_socket_t> {
        // SAFETY: the connection is alive; its socket is core's.
        let socket = unsafe { sys::ap_get_conn_socket(self.as_ptr()) };
        // SAFETY: core gave a socket that lives as long as the connection, or NULL for one without.
        unsafe { socket.as_mut() }
    }

    /// The descriptor of its socket.
    #[must_use]
    pub fn descriptor(self) -> Option<RawFd> {
        let socket = self.apr_socket()?;
        let mut descriptor: c_int = -1;
        // SAFETY: writes the descriptor of a live socket.
        let found = unsafe { sys::apr_os_sock_get(&raw mut descriptor, socket) };
        (found == 0).then_some(descriptor)
    }

    /// How long one wait for the peer lasts now; `None` for ever.
    #[must_use]
    pub fn wait_time(self) -> Option<Duration> {
        let socket = self.apr_socket()?;
        let mut time: sys::apr_interval_time_t = -1;
        // SAFETY: writes the value of a live socket.
        unsafe { sys::apr_socket_timeout_get(socket, &raw mut time) };
        u64::try_from(time).ok().map(Duration::from_micros)
    }

    /// Until the answer is dropped no single wait for the peer lasts longer
    /// than `most`. A filter below that wants less, such as mod_reqtimeout's,
    /// gets less.
    #[must_use]
    pub fn limit_waits(self, most: Duration) -> Option<WaitLimit<'c>> {
        let before = self.wait_time();
        if before.is_some_and(|before| before <= most) {
            return None;
        }
        // 0 would mean not to wait at all.
        set_wait_time(self, i64::try_from(most.as_micros()).unwrap_or(i64::MAX).max(1));
        let before = before.map_or(-1, |before| i64::try_from(before.as_micros()).unwrap_or(i64::MAX));
        Some(WaitLimit { conn: self, before })
    }
}

/// Shorter waits; see [`Conn::limit_waits`].
pub struct WaitLimit<'c> {
    conn: Conn<'c>,
    before: sys::apr_interval_time_t,
}

impl Drop for WaitLimit<'_> {
    fn drop(&mut self) {
        set_wait_time(self.conn, self.before);
    }
}

fn set_wait_time(conn: Conn<'_>, time: sys::apr_interval_time_t) {
    if let Some(socket) = conn.apr_socket() {
        // SAFETY: the socket is alive; the value only matters for waits to come.
        unsafe { sys::apr_socket_timeout_set(socket, time) };
    }
}
