//! `server_rec`: the main server and its virtual hosts.

use super::module::Module;
use crate::apr::pool::text_from;
use crate::apr::{Pool, Strings};
use crate::sys;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

/// A server that lives at least as long as `'s`.
#[derive(Clone, Copy)]
pub struct Server<'s> {
    raw: NonNull<sys::server_rec>,
    life: PhantomData<&'s ()>,
}

impl<'s> Server<'s> {
    /// # Safety
    /// `raw` is NULL or a server of the configuration in force during `'s`.
    #[must_use]
    pub unsafe fn from_raw(raw: *const sys::server_rec) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw.cast_mut())?, life: PhantomData })
    }

    /// The record for a call into httpd.
    #[must_use]
    pub fn as_ptr(self) -> *mut sys::server_rec {
        self.raw.as_ptr()
    }

    fn rec(self) -> &'s sys::server_rec {
        // SAFETY: servers live in the configuration pool, which outlives 's.
        unsafe { &*self.raw.as_ptr() }
    }

    /// The handle without its lifetime, to be kept by something that the
    /// configuration pool or a connection owns.
    #[must_use]
    pub fn slot(self) -> ServerSlot {
        ServerSlot(self.raw)
    }

    /// `ServerName`, or what httpd made up for it.
    #[must_use]
    pub fn hostname(self) -> &'s CStr {
        // SAFETY: the name lives in the configuration pool.
        unsafe { text_from(self.rec().server_hostname) }.unwrap_or_default()
    }

    /// The port, 0 when it is not known.
    #[must_use]
    pub fn port(self) -> u16 {
        self.rec().port
    }

    /// Whether this is a `<VirtualHost>`.
    #[must_use]
    pub fn is_virtual(self) -> bool {
        self.rec().is_virtual != 0
    }

    /// The `ErrorLog` of its own, when that differs from the main server's.
    #[must_use]
    pub fn error_log_name(self) -> Option<&'s CStr> {
        // SAFETY: the name lives in the configuration pool.
        unsafe { text_from(self.rec().error_fname) }
    }

    /// Its log levels, to be changed while the configuration is read.
    pub(super) fn log_config(self) -> *mut sys::ap_logconf {
        // SAFETY: a field of a live record.
        unsafe { &raw mut (*self.raw.as_ptr()).log }
    }

    /// The configuration of directories that requests of this server begin with.
    #[must_use]
    pub fn dir_configs(self) -> *mut sys::ap_conf_vector_t {
        self.rec().lookup_defaults
    }

    /// The next server in the list; for the main server the first vhost.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        // SAFETY: the list of servers is one configuration's.
        unsafe { Self::from_raw(self.rec().next) }
    }

    /// This server and all behind it.
    pub fn iter(self) -> impl Iterator<Item = Server<'s>> {
        std::iter::successors(Some(self), |server| server.next())
    }

    /// Where a virtual host is defined, as ` (FILE:LINE)`; empty for the main
    /// server.
    #[must_use]
    pub fn defined_at(self) -> String {
        // SAFETY: the name lives in the configuration pool, or is NULL.
        let file = unsafe { text_from(self.rec().defn_name) };
        let line = self.rec().defn_line_number;
        file.map_or_else(String::new, |file| format!(" ({}:{line})", file.to_string_lossy()))
    }

    /// `ServerAlias` without wildcards.
    #[must_use]
    pub fn aliases(self) -> Option<Strings<'s>> {
        // SAFETY: an array of C strings in the configuration pool, or NULL.
        unsafe { Strings::from_raw(self.rec().names) }
    }

    /// `ServerAlias` with wildcards.
    #[must_use]
    pub fn wild_aliases(self) -> Option<Strings<'s>> {
        // SAFETY: an array of C strings in the configuration pool, or NULL.
        unsafe { Strings::from_raw(self.rec().wild_names) }
    }

    /// The protocol of its `Listen` or `Protocol` line (`ap_get_server_protocol`).
    #[must_use]
    pub fn protocol(self) -> Option<&'s CStr> {
        // SAFETY: the server is alive.
        let protocol = unsafe { sys::ap_get_server_protocol(self.as_ptr()) };
        // SAFETY: lives in the configuration pool.
        unsafe { text_from(protocol) }
    }

    /// How many bytes core's output filter holds before it waits for the
    /// socket (`FlushMaxThreshold`).
    #[must_use]
    pub fn flush_threshold(self) -> usize {
        // SAFETY: the vector of a live server has core's record.
        let core = unsafe { sys::ap_get_core_module_config(self.rec().module_config) };
        // SAFETY: core's record of a server is of this type.
        let core = unsafe { core.cast::<sys::core_server_config>().as_ref() };
        core.map_or(0, |core| core.flush_max_threshold)
    }

    /// What this module stored for the server.
    pub(crate) fn module_config(self, module: Module) -> *mut c_void {
        // SAFETY: the vector of a live server has a place for every loaded module.
        unsafe { sys::ap_get_module_config(self.rec().module_config, module.as_ptr()) }
    }

    /// The pool of the process (`process->pool`), which survives restarts.
    #[must_use]
    pub fn process_pool(self) -> Option<Pool<'s>> {
        // SAFETY: the process record outlives every configuration.
        let process = unsafe { self.rec().process.as_ref() }?;
        // SAFETY: as above.
        unsafe { Pool::from_raw(process.pool) }
    }

    /// `Timeout`: how long one wait for the network may last.
    #[must_use]
    pub fn timeout(self) -> Duration {
        Duration::from_micros(u64::try_from(self.rec().timeout).unwrap_or(0))
    }

    /// Same record.
    #[must_use]
    pub fn same(self, other: Server<'_>) -> bool {
        self.raw == other.raw
    }
}

/// A server that is kept beyond one call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ServerSlot(NonNull<sys::server_rec>);

impl ServerSlot {
    /// The handle again.
    #[must_use]
    pub fn get(&self) -> Server<'_> {
        // A slot lives in the configuration or in a connection (see `Server::slot`), and servers outlive both.
        Server { raw: self.0, life: PhantomData }
    }
}

// SAFETY: after start-up servers are only read; httpd shares them between its threads in the same way.
unsafe impl Send for ServerSlot {}
// SAFETY: as above.
unsafe impl Sync for ServerSlot {}
