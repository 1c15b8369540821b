//! The connection filters, as httpd knows them.

use super::connection::ConnState;
use super::{closed, input, output};
use crate::apr::Status;
use crate::httpd::Conn;
use crate::httpd::filter::{self, Filter, ReadRequest};
use crate::sys;
use std::ffi::CStr;

/// The TLS engine, in both directions.
const TLS: &CStr = c"SSL/TLS Filter";
/// mod_proxy removes the filter of this name when it starts a tunnel. The
/// work is done in the TLS filter, which looks whether the name is still there.
const COALESCING_AS_REGISTERED: &CStr = c"SSL/TLS Coalescing Filter";
/// The same, as it stands in a filter chain.
pub const COALESCING: &CStr = c"ssl/tls coalescing filter";

/// Stands below mod_reqtimeout's while handshakes wait without a thread.
const TIME: &CStr = c"SSL/TLS Time Filter";
/// The same, as it stands in a filter chain.
pub const TIME_IN_CHAIN: &CStr = c"ssl/tls time filter";

/// Reads from the socket, below all others but core's.
const SOCKET: &CStr = c"SSL/TLS Socket Filter";
/// The same, as it stands in a filter chain.
pub const SOCKET_IN_CHAIN: &CStr = c"ssl/tls socket filter";

/// Registers the filters; in the register_hooks callback.
pub fn register() {
    let connection = sys::AP_FTYPE_CONNECTION;
    filter::register_input(TLS, Some(input_filter), connection + 5);
    filter::register_input(TIME, Some(time_filter), connection + 9);
    // Core adds its own of this type later, and so below.
    filter::register_input(SOCKET, Some(socket_filter), sys::AP_FTYPE_NETWORK);
    filter::register_output(TLS, Some(output_filter), connection + 5);
    filter::register_output(COALESCING_AS_REGISTERED, Some(pass_through), connection + 4);
}

/// The TLS filters of one connection.
pub struct Pair<'c> {
    /// Towards the HTTP layer.
    pub input: Filter<'c>,
    /// Towards the network.
    pub output: Filter<'c>,
}

/// Adds the filters to a new connection. They find the
/// state through the connection.
pub fn add(conn: Conn<'_>) -> Option<Pair<'_>> {
    filter::add_output(conn, COALESCING_AS_REGISTERED)?;
    let output = filter::add_output(conn, TLS)?;
    let input = filter::add_input(conn, TLS)?;
    filter::add_input(conn, SOCKET)?;
    Some(Pair { input, output })
}

/// Adds the filter that says how long a read would wait below all others.
pub fn add_time(conn: Conn<'_>) {
    // Without it the timeout of the socket counts.
    let _ = filter::add_input(conn, TIME);
}

entry_point! {
    /// Input filter `SSL/TLS Filter`.
    fn input_filter(
        filter: *mut sys::ap_filter_t,
        brigade: *mut sys::apr_bucket_brigade,
        mode: sys::ap_input_mode_t,
        block: sys::apr_read_type_e,
        bytes: sys::apr_off_t,
    ) -> sys::apr_status_t, closed: closed::filter(filter);
    {
        // SAFETY: httpd passes a filter of a live connection, and a brigade that the caller owns.
        let Some((this, mut into)) = (unsafe { Filter::of_call(filter, brigade) }) else { return Status::EGENERAL.0 };
        let request = ReadRequest::from_raw(mode, block, bytes);
        match this.conn().and_then(ConnState::of) {
            Some(state) => input::read(state, &mut into, request).0,
            None => this.read_next(&mut into, request).0,
        }
    }
}

entry_point! {
    /// Output filter `SSL/TLS Filter`.
    fn output_filter(
        filter: *mut sys::ap_filter_t,
        brigade: *mut sys::apr_bucket_brigade,
    ) -> sys::apr_status_t, closed: closed::filter(filter);
    {
        // SAFETY: httpd passes a filter of a live connection, and a brigade that the caller owns.
        let Some((this, mut brigade)) = (unsafe { Filter::of_call(filter, brigade) }) else { return Status::EGENERAL.0 };
        match this.conn().and_then(ConnState::of) {
            Some(state) => output::write(state, this, &mut brigade).0,
            None => this.pass_next(&mut brigade).0,
        }
    }
}

entry_point! {
    /// Output filter `SSL/TLS Coalescing Filter`: a mark in the chain.
    fn pass_through(
        filter: *mut sys::ap_filter_t,
        brigade: *mut sys::apr_bucket_brigade,
    ) -> sys::apr_status_t, closed: closed::filter(filter);
    {
        // SAFETY: httpd passes a filter of a live connection, and a brigade that the caller owns.
        let Some((this, mut brigade)) = (unsafe { Filter::of_call(filter, brigade) }) else { return Status::EGENERAL.0 };
        this.pass_next(&mut brigade).0
    }
}

entry_point! {
    /// Input filter `SSL/TLS Time Filter`: asks how long a read would wait here.
    fn time_filter(
        filter: *mut sys::ap_filter_t,
        brigade: *mut sys::apr_bucket_brigade,
        mode: sys::ap_input_mode_t,
        block: sys::apr_read_type_e,
        bytes: sys::apr_off_t,
    ) -> sys::apr_status_t, closed: closed::filter(filter);
    {
        // SAFETY: httpd passes a filter of a live connection, and a brigade that the caller owns.
        let Some((this, mut into)) = (unsafe { Filter::of_call(filter, brigade) }) else { return Status::EGENERAL.0 };
        let asked = this.conn().and_then(ConnState::of).is_some_and(|state| state.wire.note_wait_time());
        if asked { Status::EAGAIN.0 } else { this.read_next(&mut into, ReadRequest::from_raw(mode, block, bytes)).0 }
    }
}

entry_point! {
    /// Input filter `SSL/TLS Socket Filter`.
    fn socket_filter(
        filter: *mut sys::ap_filter_t,
        brigade: *mut sys::apr_bucket_brigade,
        mode: sys::ap_input_mode_t,
        block: sys::apr_read_type_e,
        bytes: sys::apr_off_t,
    ) -> sys::apr_status_t, closed: closed::filter(filter);
    {
        // SAFETY: httpd passes a filter of a live connection, and a brigade that the caller owns.
        let Some((this, mut into)) = (unsafe { Filter::of_call(filter, brigade) }) else { return Status::EGENERAL.0 };
        let request = ReadRequest::from_raw(mode, block, bytes);
        match this.conn().and_then(ConnState::of) {
            Some(state) => state.wire.receiver.read(this, &mut into, request).0,
            None => this.read_next(&mut into, request).0,
        }
    }
}
