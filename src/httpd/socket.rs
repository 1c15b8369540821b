//! The socket of a connection, as far as this module looks at it.

use super::conn::{Conn, Sense};
use crate::sys;
use std::ffi::c_int;
use std::mem::MaybeUninit;
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

    /// How long the kernel thinks that a segment and its answer are on their
    /// way to the peer and back. `None` where it does not know.
    #[must_use]
    pub fn round_trip(self) -> Option<Duration> {
        let descriptor = self.descriptor()?;
        let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
        let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the option's value is a record whose size is given; a descriptor of another kind is refused.
        let answer = unsafe {
            libc::getsockopt(
                descriptor,
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &raw mut size,
            )
        };
        // SAFETY: a record of numbers, all of which may be zero, as they were before the kernel wrote some.
        let info = unsafe { info.assume_init() };
        (answer == 0 && info.tcpi_rtt > 0).then(|| Duration::from_micros(u64::from(info.tcpi_rtt)))
    }

    /// Waits until the peer has sent something, or for so many milliseconds.
    #[must_use]
    pub fn is_readable_within(self, milliseconds: u16) -> bool {
        let Some(descriptor) = self.descriptor() else { return false };
        let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        // SAFETY: one record, of a descriptor that is open as long as the connection.
        unsafe { libc::poll(&raw mut poll, 1, c_int::from(milliseconds)) > 0 }
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

/// A socket that is known beyond the call in which its connection is there.
#[derive(Clone, Copy, Debug)]
pub struct SocketMark {
    descriptor: RawFd,
    cookie: u64,
}

impl SocketMark {
    /// The socket of `conn`.
    #[must_use]
    pub fn of(conn: Conn<'_>) -> Option<Self> {
        let descriptor = conn.descriptor()?;
        Some(Self { descriptor, cookie: cookie(descriptor)? })
    }

    /// Ends the input of the socket, and the output too if that is what is
    /// waited for: whoever waits for it goes on. Nothing happens when the
    /// descriptor stands for another socket by now, or none.
    pub fn cut(self, sense: Sense) {
        if cookie(self.descriptor) != Some(self.cookie) {
            return;
        }
        let how = match sense {
            Sense::Read => libc::SHUT_RD,
            Sense::Write => libc::SHUT_RDWR,
        };
        // SAFETY: the descriptor has just been seen to be that socket, which the caller keeps open meanwhile.
        unsafe { libc::shutdown(self.descriptor, how) };
    }
}

/// The number that the kernel gives to this socket alone (`SO_COOKIE`).
fn cookie(descriptor: RawFd) -> Option<u64> {
    let mut cookie = 0_u64;
    let mut size = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the option's value fits the number whose size is given; a descriptor of another kind is refused.
    let answer = unsafe {
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut size,
        )
    };
    (answer == 0).then_some(cookie)
}
