//! Who stands between the TLS filters and the network, and how long they would
//! wait.

use super::Wire;
use crate::entry::filters;
use crate::httpd::Filter;
use crate::httpd::filter::ReadRequest;
use std::ffi::CStr;
use std::time::Duration;

/// The filters that may stand below ours while a handshake waits without a
/// thread: those of core, mod_logio, mod_remoteip and mod_reqtimeout, and our
/// own. Of others nobody knows whether they read without waiting.
const INPUT_BELOW: &[&CStr] = &[
    c"core_in",
    c"log_input_output",
    c"remoteip_input",
    LIMITER,
    filters::TIME_IN_CHAIN,
    filters::SOCKET_IN_CHAIN,
];
/// As above, for output.
const OUTPUT_BELOW: &[&CStr] = &[c"core", c"log_input_output"];
/// mod_reqtimeout's, which lowers the timeout of the socket during a read.
const LIMITER: &CStr = c"reqtimeout";

impl Wire {
    /// Whether all filters between here and the network are among those known
    /// to keep nothing back and to read without waiting.
    pub fn is_plain_below(&self) -> bool {
        let known =
            |filter: Filter<'_>, names: &[&CStr]| filter.below().all(|filter| names.contains(&filter.name()));
        known(self.input.get(), INPUT_BELOW) && known(self.output.get(), OUTPUT_BELOW)
    }

    /// Whether nobody but the HTTP layer reads from us.
    pub fn is_below_http(&self) -> bool {
        self.conn.get().is_read_through(self.input.get())
    }

    /// Whether mod_reqtimeout is in force.
    pub fn is_limited(&self) -> bool {
        self.input.get().below().any(|filter| filter.name() == LIMITER)
    }

    /// How long a read that waits would wait now: what mod_reqtimeout has left
    /// for the handshake, or the timeout of the socket. `None` for ever.
    pub fn wait_time(&self) -> Option<Duration> {
        let conn = self.conn.get();
        let Some(limiter) = self.input.get().below().find(|filter| filter.name() == LIMITER) else {
            return conn.wait_time();
        };
        if !limiter.below().any(|filter| filter.name() == filters::TIME_IN_CHAIN) {
            filters::add_time(conn);
        }
        let Some(mut arrived) = self.arrived.take() else { return conn.wait_time() };
        self.wait_time.set(conn.wait_time());
        self.asking.set(true);
        let status = limiter.read_from(&mut arrived, ReadRequest::bytes(1, true));
        self.asking.set(false);
        self.arrived.set(Some(arrived));
        let left = self.wait_time.take();
        if status.is_timeup() { Some(Duration::ZERO) } else { left }
    }

    /// Nobody will ask for [`wait_time`](Self::wait_time) again.
    pub fn ask_no_more(&self) {
        let asked = self.input.get().below().find(|filter| filter.name() == filters::TIME_IN_CHAIN);
        if let Some(filter) = asked {
            filter.remove_input();
        }
    }

    /// In the lowest filter: whether it is asked how long a read would wait
    /// there, and is not to read.
    pub fn note_wait_time(&self) -> bool {
        if self.asking.get() {
            self.wait_time.set(self.conn.get().wait_time());
        }
        self.asking.get()
    }
}
