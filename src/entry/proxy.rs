//! TLS to other servers, for mod_proxy: which connections get it, and on what
//! terms.
//!
//! Core asks (`ssl_bind_outgoing`) before the connection begins, and again
//! whenever mod_proxy takes it for another request.

pub mod events;
pub mod handshake;
pub mod late;
pub mod next;
mod note;
mod outgoing;
mod policy;
mod section;

pub use outgoing::Outgoing;
pub use policy::{Pair, ProxyPolicy, Sessions};
pub use section::Section;

use super::config::{DirConf, ServerConf};
use super::connection::ConnState;
use super::lifecycle;
use super::vhost::Vhost;
use super::{closed, events::tie, offered, start};
use crate::apr::Pool;
use crate::httpd::hook::Order;
use crate::httpd::hook::answer;
use crate::httpd::log::log;
use crate::httpd::{Conn, Level, Server, optional};
use crate::ossl::ssl::Ssl;
use crate::sys;
use std::ffi::{CStr, c_int};
use std::rc::Rc;
use std::sync::Arc;

type SectionPostConfig = unsafe extern "C" fn(
    *mut sys::apr_pool_t,
    *mut sys::apr_pool_t,
    *mut sys::apr_pool_t,
    *mut sys::server_rec,
    *mut sys::ap_conf_vector_t,
) -> c_int;

/// Joins mod_proxy's hook for its sections, when it is there.
pub fn join() {
    // SAFETY: the registry keeps functions without their signature; mod_proxy restores it.
    let function =
        unsafe { std::mem::transmute::<SectionPostConfig, unsafe extern "C" fn()>(section_post_config) };
    // SAFETY: mod_proxy runs the hook with the signature of `SectionPostConfig` (mod_proxy.h).
    unsafe { optional::hook(c"section_post_config", function, Order::Middle) };
    note::join();
}

entry_point! {
    /// mod_proxy's hook `section_post_config`: for each `<Proxy>` section and server, after our own `post_config`.
    fn section_post_config(
        pool: *mut sys::apr_pool_t,
        _plog: *mut sys::apr_pool_t,
        _ptemp: *mut sys::apr_pool_t,
        server: *mut sys::server_rec,
        section: *mut sys::ap_conf_vector_t,
    ) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: mod_proxy passes the configuration pool.
        let pool = unsafe { Pool::from_raw(pool) };
        // SAFETY: mod_proxy passes a live server.
        let server = unsafe { Server::from_raw(server) };
        let (Some(pool), Some(server)) = (pool, server) else { return answer::SERVER_ERROR };
        // SAFETY: mod_proxy passes the configuration of one of its sections.
        let Some(section) = (unsafe { DirConf::of_vector(section) }).and_then(DirConf::proxy_section) else {
            return answer::DECLINED;
        };
        match start::proxy::complete_section(pool, server, section) {
            Ok(()) => answer::OK,
            Err(start::Failed) => answer::SERVER_ERROR,
        }
    }
}

/// That a connection is to speak TLS: said before it begins.
struct Bound(Arc<ProxyPolicy>);

const BOUND: &CStr = c"mod_ssl_rs: bound";

impl Bound {
    fn to(conn: Conn<'_>) -> Option<&Self> {
        // SAFETY: only `keep` uses this name.
        unsafe { conn.pool().kept_as(BOUND) }
    }

    fn keep(self, conn: Conn<'_>) {
        conn.pool().keep_as(BOUND, self);
    }
}

/// The terms for a request with this configuration; `None` when TLS to other servers is off there. The connection was
/// begun for `first`, but it may be used for a request of another server now.
///
/// # Safety
/// `dir` is NULL or the configuration of a request or section.
unsafe fn policy_for(first: Server<'_>, dir: *mut sys::ap_conf_vector_t) -> Option<Arc<ProxyPolicy>> {
    // SAFETY: promised by the caller.
    let dir = unsafe { DirConf::of_vector(dir) };
    let server = dir.and_then(DirConf::server).unwrap_or(first);
    match dir.and_then(DirConf::proxy_section) {
        Some(section) => section.policy(server),
        None => ServerConf::of(server)?.proxy_policy.get().cloned(),
    }
}

entry_point! {
    /// Hook `ssl_bind_outgoing`.
    pub fn bind_outgoing(conn: *mut sys::conn_rec, section: *mut sys::ap_conf_vector_t, enable: c_int) -> c_int,
        closed: closed::connection(conn);
    {
        // SAFETY: core passes a live connection that belongs to this thread.
        let Some(conn) = (unsafe { Conn::from_raw(conn) }) else { return answer::DECLINED };
        if enable == 0 {
            return answer::DECLINED;
        }
        note::clear();
        // SAFETY: core passes what mod_proxy has: the configuration of a request or section, or NULL.
        let policy = unsafe { policy_for(conn.base_server(), section) };
        if let Some(state) = ConnState::of(conn) {
            let Some(outgoing) = &state.outgoing else { return answer::DECLINED };
            outgoing.rebind(policy.as_ref());
            return answer::OK;
        }
        let Some(policy) = policy else {
            let id = Vhost::of(conn.base_server()).map(|vhost| vhost.id.clone()).unwrap_or_default();
            log!(conn, Debug, "AH10272: SSL Proxy requested for {id} but not enabled for us.");
            return answer::DECLINED;
        };
        Bound(policy).keep(conn);
        answer::OK
    }
}

/// Begins a connection to a backend, if TLS was promised for it; the rest is hook `pre_connection`.
pub fn begin(conn: Conn<'_>) -> c_int {
    let Some(Bound(policy)) = Bound::to(conn) else { return answer::DECLINED };
    let refused = || closed::connection(conn.as_ptr());
    let Some(vhost) = Vhost::of(conn.base_server()) else { return refused() };
    log!(conn, Info, "AH01964: Connection to child {} established (server {})", conn.id(), vhost.id);
    start::seed_for_connection(conn, "Proxy: ");
    let Some((wire, plaintext)) = lifecycle::equip(conn) else { return refused() };
    let ssl = match Ssl::new(&policy.ctx, Box::new(Rc::clone(&wire))) {
        Ok(ssl) => ssl,
        Err(errors) => {
            log!(conn, Error, "AH01962: Unable to create a new SSL connection from the SSL context");
            super::report::library_errors(conn.base_server(), Level::Error, &errors);
            return refused();
        }
    };
    ssl.set_connect_state();
    ssl.set_post_handshake_auth(true);
    let outgoing = Outgoing::new(ssl.clone(), Arc::clone(policy));
    let state = ConnState::to_backend(conn, outgoing, wire, vhost.clone(), plaintext).attach(conn);
    tie(&ssl, state);
    if let Err(said) = offered::pre_handshake(conn, &ssl, true) {
        log!(conn, Info, "Connection refused by another module (pre_handshake: {said})");
        return refused();
    }
    answer::OK
}
