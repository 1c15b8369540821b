//! `conn_rec`: one connection.

use super::filter::Filter;
use super::module::Module;
use super::server::Server;
use crate::apr::pool::text_from;
use crate::apr::{Brigade, BucketAlloc, Pool, Status, Strings, Table};
use crate::sys;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What is waited for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// The peer sends.
    Read,
    /// The peer takes what is buffered.
    Write,
}

/// Whether a connection goes on after its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive(sys::ap_conn_keepalive_e);

impl KeepAlive {
    /// It does.
    pub const GOES_ON: Self = Self(sys::AP_CONN_KEEPALIVE);
}

/// A connection that lives at least as long as `'c`.
#[derive(Clone, Copy)]
pub struct Conn<'c> {
    raw: NonNull<sys::conn_rec>,
    life: PhantomData<&'c ()>,
}

impl<'c> Conn<'c> {
    /// # Safety
    /// `raw` is NULL or a connection that lives during `'c` and belongs to
    /// the calling thread meanwhile.
    #[must_use]
    pub unsafe fn from_raw(raw: *const sys::conn_rec) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw.cast_mut())?, life: PhantomData })
    }

    /// The record for a call into httpd.
    #[must_use]
    pub fn as_ptr(self) -> *mut sys::conn_rec {
        self.raw.as_ptr()
    }

    fn rec(self) -> &'c sys::conn_rec {
        // SAFETY: the connection is alive (type invariant); fields that others change are read at once and not kept.
        unsafe { &*self.raw.as_ptr() }
    }

    /// The handle without its lifetime, for what the connection's pool owns.
    #[must_use]
    pub fn slot(self) -> ConnSlot {
        ConnSlot(self.raw)
    }

    /// Memory that lives as long as the connection.
    #[must_use]
    pub fn pool(self) -> Pool<'c> {
        // SAFETY: core sets the pool before any hook runs.
        match unsafe { Pool::from_raw(self.rec().pool) } {
            Some(pool) => pool,
            None => unreachable!("core gives every connection a pool"),
        }
    }

    /// The allocator of its buckets.
    #[must_use]
    pub fn bucket_alloc(self) -> BucketAlloc<'c> {
        // SAFETY: core sets the allocator before any hook runs.
        match unsafe { BucketAlloc::from_raw(self.rec().bucket_alloc) } {
            Some(alloc) => alloc,
            None => unreachable!("core gives every connection a bucket allocator"),
        }
    }

    /// A brigade in the connection's pool, to be kept by what that pool owns.
    ///
    /// # Safety
    /// The brigade is dropped, at the latest, when the connection's pool is.
    pub unsafe fn kept_brigade(self) -> Option<Brigade<'static>> {
        // SAFETY: promised by the caller.
        unsafe { self.brigade_in(self.pool()) }
    }

    /// A brigade in `pool`, to be kept by what owns that.
    ///
    /// # Safety
    /// The brigade is dropped, at the latest, when the pool is.
    pub unsafe fn brigade_in(self, pool: Pool<'_>) -> Option<Brigade<'static>> {
        let brigade = Brigade::new(pool, self.bucket_alloc())?;
        // SAFETY: promised by the caller.
        unsafe { Brigade::from_raw(brigade.as_ptr()) }
    }

    /// The first vhost of the address and port it came in on.
    #[must_use]
    pub fn base_server(self) -> Server<'c> {
        // SAFETY: core sets the base server before any hook runs.
        match unsafe { Server::from_raw(self.rec().base_server) } {
            Some(server) => server,
            None => unreachable!("core gives every connection a server"),
        }
    }

    /// The address and port of the other end; empty and 0 when it has none.
    #[must_use]
    pub fn peer(self) -> (String, u16) {
        // SAFETY: NULL, or a text that lives as long as the connection.
        let address = unsafe { text_from(self.rec().client_ip) }.unwrap_or_default();
        // SAFETY: NULL, or lives as long as the connection.
        let port = unsafe { self.rec().client_addr.as_ref() }.map_or(0, |address| address.port);
        (address.to_string_lossy().into_owned(), port)
    }

    /// Its number.
    #[must_use]
    pub fn id(self) -> i64 {
        self.rec().id
    }

    /// The connection that carries this one (HTTP/2 streams).
    #[must_use]
    pub fn master(self) -> Option<Conn<'c>> {
        // SAFETY: the master outlives its secondary connections.
        unsafe { Conn::from_raw(self.rec().master) }
    }

    /// Whether this server opened it (mod_proxy).
    #[must_use]
    pub fn is_outgoing(self) -> bool {
        self.rec().outgoing != 0
    }

    /// How many requests it has carried before the current one.
    #[must_use]
    pub fn keepalives(self) -> i64 {
        i64::from(self.rec().keepalives)
    }

    /// Whether it was given up.
    #[must_use]
    pub fn is_aborted(self) -> bool {
        self.rec().aborted != 0
    }

    /// Gives it up: no more I/O, no lingering for the peer.
    pub fn abort(self) {
        // SAFETY: the connection belongs to this thread.
        unsafe { (*self.as_ptr()).aborted = 1 }
    }

    /// No request after this one.
    pub fn close_after_request(self) {
        // SAFETY: the connection belongs to this thread.
        unsafe { (*self.as_ptr()).keepalive = sys::AP_CONN_CLOSE }
    }

    /// No request at all, and the peer is not waited for as long as usual when
    /// the connection is closed.
    pub fn close_soon(self) {
        self.close_after_request();
        if let Some(notes) = self.notes() {
            notes.set(c"short-lingering-close", c"1");
        }
    }

    /// Nothing follows: it is flushed, closed and waited for as after the last
    /// request.
    pub fn linger(self) {
        self.close_after_request();
        self.set_state(sys::CONN_STATE_LINGER, sys::CONN_SENSE_DEFAULT);
    }

    /// Says what the event MPM does with the connection next; `false` with
    /// another MPM.
    pub(super) fn set_state(self, next: sys::conn_state_e, sense: sys::conn_sense_e) -> bool {
        // SAFETY: NULL with other MPMs, else owned by this connection.
        let Some(state) = (unsafe { self.rec().cs.as_mut() }) else { return false };
        state.state = next;
        state.sense = sense;
        true
    }

    /// Whether core holds output that the socket has not taken yet.
    #[must_use]
    pub fn has_buffered_output(self) -> bool {
        self.rec().data_in_output_filters != 0
    }

    /// Tells the event MPM that a write waits for input.
    pub fn sense_read(self) {
        // SAFETY: NULL with other MPMs, else owned by this connection.
        if let Some(state) = unsafe { self.rec().cs.as_mut() } {
            state.sense = sys::CONN_SENSE_WANT_READ;
        }
    }

    /// Notes of the connection.
    #[must_use]
    pub fn notes(self) -> Option<Table<'c>> {
        // SAFETY: lives in the connection's pool.
        unsafe { Table::from_raw(self.rec().notes) }
    }

    /// What this module stored for the connection.
    pub(crate) fn module_config(self, module: Module) -> *mut c_void {
        // SAFETY: the vector of a live connection has a place for every loaded module.
        unsafe { sys::ap_get_module_config(self.rec().conn_config, module.as_ptr()) }
    }

    /// Stores something for this module.
    pub(crate) fn set_module_config(self, module: Module, value: *mut c_void) {
        // SAFETY: as in `module_config`.
        unsafe { sys::ap_set_module_config(self.rec().conn_config, module.as_ptr(), value) }
    }

    /// Sends what the core output filter holds, as far as the socket takes it
    /// without blocking: the last output filter is called without a brigade.
    pub fn push_output(self) -> Status {
        let mut filter = self.rec().output_filters;
        loop {
            // SAFETY: the chain of a live connection is made of live filters.
            let Some(this) = (unsafe { filter.as_ref() }) else { return Status::SUCCESS };
            if !this.next.is_null() {
                filter = this.next;
                continue;
            }
            // SAFETY: every filter has a record.
            let Some(record) = (unsafe { this.frec.as_ref() }) else { return Status::SUCCESS };
            // SAFETY: output chains hold output filters.
            let Some(function) = (unsafe { record.filter_func.out_func }) else { return Status::SUCCESS };
            // SAFETY: core's output filter takes NULL as "send what you hold, do not block", as the event MPM calls it.
            return Status(unsafe { function(filter, std::ptr::null_mut()) });
        }
    }

    /// Its socket, with the descriptor.
    fn socket(self) -> Option<(*mut sys::apr_socket_t, c_int)> {
        // SAFETY: the connection is alive; its socket is core's.
        let socket = unsafe { sys::ap_get_conn_socket(self.as_ptr()) };
        if socket.is_null() {
            return None;
        }
        let mut descriptor: c_int = -1;
        // SAFETY: core gave a socket that lives as long as the connection.
        let found = Status(unsafe { sys::apr_os_sock_get(&raw mut descriptor, socket) });
        found.is_success().then_some((socket, descriptor))
    }

    /// Reads from the socket itself, past core's input filter, which reads
    /// 8,000 bytes at a time. Only where that was never read from. Waits as
    /// long as the socket's timeout allows, or not at all.
    ///
    /// # Errors
    /// `EAGAIN` when there is nothing, `EOF` at the end.
    pub fn receive(self, into: &mut [MaybeUninit<u8>], block: bool) -> Result<usize, Status> {
        let Some((socket, descriptor)) = self.socket() else { return Err(Status::EGENERAL) };
        if !block {
            // SAFETY: the descriptor is open as long as the connection, and the buffer has room for so much.
            let got =
                unsafe { libc::recv(descriptor, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) };
            match usize::try_from(got) {
                Ok(0) => return Err(Status::EOF),
                Ok(count) => return Ok(count),
                Err(_) if would_block() => return Err(Status::EAGAIN),
                // Whatever is wrong, APR says it in its own terms.
                Err(_) => {}
            }
        }
        let mut count = into.len();
        // SAFETY: the socket lives as long as the connection, and the buffer has room for so much.
        let status = unsafe { sys::apr_socket_recv(socket, into.as_mut_ptr().cast(), &raw mut count) };
        Status(status).ok()?;
        Ok(count)
    }

    /// Lets the kernel hold back what is written from now on until it fills a
    /// segment or the socket is shut down (`TCP_CORK`): the last bytes then
    /// share a segment with the FIN. The kernel waits 200 ms at most.
    pub fn hold_for_fin(self) {
        let Some((_, descriptor)) = self.socket() else { return };
        let on: c_int = 1;
        // Sockets of another kind refuse it, and lose nothing.
        // SAFETY: the option's value is the integer that is described by its size.
        unsafe {
            libc::setsockopt(
                descriptor,
                libc::IPPROTO_TCP,
                libc::TCP_CORK,
                (&raw const on).cast(),
                size_of::<c_int>() as libc::socklen_t,
            )
        };
    }

    /// Whether the connection goes on after the current request.
    #[must_use]
    pub fn keep_alive(self) -> KeepAlive {
        KeepAlive(self.rec().keepalive)
    }

    /// Says so.
    pub fn set_keep_alive(self, keep_alive: KeepAlive) {
        // SAFETY: the connection belongs to this thread.
        unsafe { (*self.as_ptr()).keepalive = keep_alive.0 }
    }

    /// Whether the MPM keeps a state of it: then it may go from thread to
    /// thread.
    #[must_use]
    pub fn has_state(self) -> bool {
        !self.rec().cs.is_null()
    }

    /// Whether a filter has asked for one thread that serves the connection from
    /// its first request to its last.
    #[must_use]
    pub fn has_own_thread(self) -> bool {
        self.rec().clogging_input_filters() != 0
    }

    /// Whether nobody stands between the HTTP layer and this input filter.
    #[must_use]
    pub fn is_read_through(self, filter: Filter<'_>) -> bool {
        std::ptr::eq(self.rec().input_filters, filter.as_ptr())
    }

    /// Looks whether the next request is there, without waiting, and says so
    /// to the MPM (`ap_check_pipeline`).
    pub fn note_pipeline(self, scratch: &mut Brigade<'_>) {
        let blank_lines = sys::DEFAULT_LIMIT_BLANK_LINES;
        // SAFETY: connection and brigade are alive, and belong to this thread.
        let status = unsafe { sys::ap_check_pipeline(self.as_ptr(), scratch.as_ptr(), blank_lines) };
        // SAFETY: the connection belongs to this thread.
        unsafe { (*self.as_ptr()).data_in_input_filters = c_int::from(status == 0) };
    }

    /// Whether the connection ends with the current request.
    #[must_use]
    pub fn is_closing(self) -> bool {
        self.rec().keepalive == sys::AP_CONN_CLOSE
    }

    /// Whether a filter of that name (lower case) is in the output chain.
    #[must_use]
    pub fn has_output_filter(self, name: &CStr) -> bool {
        let mut filter = self.rec().output_filters;
        // SAFETY: the chain of a live connection is made of live filters.
        while let Some(this) = unsafe { filter.as_ref() } {
            // SAFETY: every filter has a record.
            let record = unsafe { this.frec.as_ref() };
            // SAFETY: filter names live as long as the registration.
            if record.and_then(|record| unsafe { text_from(record.name) }) == Some(name) {
                return true;
            }
            filter = this.next;
        }
        false
    }

    /// Shows the vhost on mod_status' page, in state "reading".
    pub fn show_server(self, server: Server<'_>) {
        let handle = self.rec().sbh;
        if handle.is_null() {
            return;
        }
        // SAFETY: the scoreboard handle belongs to this connection's thread.
        unsafe {
            sys::ap_update_child_status_from_server(
                handle.cast(),
                sys::SERVER_BUSY_READ as c_int,
                self.as_ptr(),
                server.as_ptr(),
            );
        }
    }

    /// Calls `visit` for every vhost of this connection's address and port, in
    /// the order of the configuration, until it says `true`.
    pub fn any_vhost(self, mut visit: impl FnMut(Server<'_>) -> bool) -> bool {
        unsafe extern "C" fn each<F: FnMut(Server<'_>) -> bool>(
            baton: *mut c_void,
            _conn: *mut sys::conn_rec,
            server: *mut sys::server_rec,
        ) -> c_int {
            crate::guard::catch("vhost iteration", 0, || {
                // SAFETY: the baton is the closure below, alive during the iteration.
                let Some(visit) = (unsafe { baton.cast::<F>().as_mut() }) else { return 0 };
                // SAFETY: httpd passes a server of the configuration in force.
                let Some(server) = (unsafe { Server::from_raw(server) }) else { return 0 };
                c_int::from(visit(server))
            })
        }
        fn callback<F: FnMut(Server<'_>) -> bool>(_: &F) -> sys::ap_vhost_iterate_conn_cb {
            Some(each::<F>)
        }
        let function = callback(&visit);
        let baton = (&raw mut visit).cast();
        // SAFETY: the connection is alive, and the baton matches the function.
        unsafe { sys::ap_vhost_iterate_given_conn(self.as_ptr(), function, baton) != 0 }
    }

    /// Whether several name-based vhosts share its address and port.
    #[must_use]
    pub fn is_name_based(self) -> bool {
        !self.rec().vhost_lookup_data.is_null()
    }

    /// Protocol in use (`ap_get_protocol`), "http/1.1" at first.
    #[must_use]
    pub fn protocol(self) -> &'c CStr {
        // SAFETY: the connection is alive.
        let protocol = unsafe { sys::ap_get_protocol(self.as_ptr()) };
        // SAFETY: lives as long as the connection.
        unsafe { text_from(protocol) }.unwrap_or_default()
    }

    /// The protocol httpd prefers among those offered (`ap_select_protocol`).
    #[must_use]
    pub fn select_protocol(self, server: Server<'_>, offered: Strings<'_>) -> Option<&'c CStr> {
        let (none, conn) = (std::ptr::null_mut(), self.as_ptr());
        // SAFETY: connection, server and array are alive; there is no request yet.
        let chosen = unsafe { sys::ap_select_protocol(conn, none, server.as_ptr(), offered.as_ptr()) };
        // SAFETY: httpd returns an entry of the array or a string of its own, which live in the connection's pool or longer.
        unsafe { text_from(chosen) }
    }

    /// Makes `protocol` the one in use (`ap_switch_protocol`).
    pub fn switch_protocol(self, server: Server<'_>, protocol: &CStr) -> Status {
        let (none, conn) = (std::ptr::null_mut(), self.as_ptr());
        // SAFETY: connection, server and name are alive; there is no request yet.
        Status(unsafe { sys::ap_switch_protocol(conn, none, server.as_ptr(), protocol.as_ptr()) })
    }
}

/// A connection that is kept beyond one call, by what its pool owns.
#[derive(Clone, Copy)]
pub struct ConnSlot(NonNull<sys::conn_rec>);

impl ConnSlot {
    /// The handle again.
    #[must_use]
    pub fn get(&self) -> Conn<'_> {
        // The connection's pool owns what holds the slot (see `Conn::slot`), and the record lives in that pool.
        Conn { raw: self.0, life: PhantomData }
    }
}

/// Whether the last call on a socket has found nothing to do now.
fn would_block() -> bool {
    std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock
}

/// Compares a host name with a pattern of `*` and `?`, without case
/// (`ap_strcasecmp_match`).
#[must_use]
pub fn wildcard_matches(name: &CStr, pattern: &CStr) -> bool {
    let (name, pattern): (*const c_char, *const c_char) = (name.as_ptr(), pattern.as_ptr());
    // SAFETY: both are C strings.
    unsafe { sys::ap_strcasecmp_match(name, pattern) == 0 }
}
