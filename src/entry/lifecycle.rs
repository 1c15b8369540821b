//! httpd's hooks and where they stand; start-up, and connections' beginnings.

use super::connection::ConnState;
use super::parking::{self, Turn};
use super::quota::{self, Seat};
use super::shared::Shared;
use super::stapling::cache as staple_cache;
use super::vhost::Vhost;
use super::wire::Wire;
use super::{
    access, body, cache, closed, events, filters, metrics, ocsp, offered, proxy, request, stapling, start,
    status, tickets, vars,
};
use crate::apr::{Brigade, Pool};
use crate::guard;
use crate::httpd::authz::PER_CONFIGURATION;
use crate::httpd::hook::{Modules, NONE, Order, answer};
use crate::httpd::log::{self, LogTarget, log};
use crate::httpd::{Conn, Level, Server, mutex};
use crate::metrics as figures;
use crate::ossl::ssl::Ssl;
use crate::sys;
use std::ffi::{c_int, c_void};
use std::rc::Rc;

/// mod_proxy merges its sections in its own post_config.
static BEFORE_PROXY: Modules<2> = Modules::one(c"mod_proxy.c");
/// `BrowserMatch ... ssl-unclean-shutdown` must have been evaluated.
static AFTER_SETENVIF: Modules<2> = Modules::one(c"mod_setenvif.c");

entry_point! {
    /// The module's register_hooks callback: runs after each (re)load.
    pub fn register_hooks(pool: *mut sys::apr_pool_t) -> (), closed: ();
    {
        log::set_module_index(super::module::handle().index());
        guard::report_to(|name, text| log::log_anywhere(&format!("mod_ssl: panic in {name}: {text}")));
        filters::register();
        body::register();
        vars::offer();
        // SAFETY: httpd passes the configuration pool.
        if let Some(pool) = unsafe { Pool::from_raw(pool) } {
            access::register_providers(pool);
        }
        let (middle, none) = (Order::Middle.as_int(), NONE);
        // SAFETY: the functions have the signatures of their hooks, and the object is never unloaded.
        unsafe { sys::ap_hook_pre_config(Some(pre_config), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_test_config(Some(start::test_config), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_post_config(Some(start::post_config), none, BEFORE_PROXY.as_ptr(), middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_child_init(Some(child_init), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_monitor(Some(stapling::monitor), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_monitor(Some(monitor), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_child_status(Some(child_status), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_pre_connection(Some(pre_connection), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_process_connection(Some(process_connection), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_http_scheme(Some(request::http_scheme), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_default_port(Some(request::default_port), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_post_read_request(Some(request::post_read_request), AFTER_SETENVIF.as_ptr(), none, middle) };
        let (first, per_conf) = (Order::First.as_int(), PER_CONFIGURATION);
        // SAFETY: as above.
        unsafe { sys::ap_hook_check_access(Some(access::check_access), none, none, middle, per_conf) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_check_authn(Some(access::check_authn), none, none, first, per_conf) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_check_authz(Some(access::check_authz), none, none, middle, per_conf) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_fixups(Some(vars::fixups), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_handler(Some(metrics::handler), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_expr_lookup(Some(vars::expr_lookup), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_ssl_conn_is_ssl(Some(conn_is_ssl), none, none, middle) };
        // SAFETY: as above.
        unsafe { sys::ap_hook_ssl_bind_outgoing(Some(proxy::bind_outgoing), none, none, middle) };
    }
}

entry_point! {
    /// Hook `pre_config`: before each reading of the configuration.
    fn pre_config(
        pconf: *mut sys::apr_pool_t, _plog: *mut sys::apr_pool_t, _ptemp: *mut sys::apr_pool_t,
    ) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: httpd passes the configuration pool.
        let Some(pconf) = (unsafe { Pool::from_raw(pconf) }) else { return answer::SERVER_ERROR };
        crate::ossl::lib::init();
        metrics::prepare();
        let mutexes = [cache::MUTEX, ocsp::MUTEX, staple_cache::MUTEX, staple_cache::REFRESH_MUTEX];
        if !mutexes.into_iter().all(|name| mutex::register(pconf, name).is_success()) {
            return answer::SERVER_ERROR;
        }
        vars::register_log_handlers(pconf);
        status::offer();
        proxy::join();
        answer::OK
    }
}

entry_point! {
    /// Hook `child_init`: once in each child process, before its threads.
    fn child_init(pool: *mut sys::apr_pool_t, server: *mut sys::server_rec) -> (), closed: ();
    {
        // SAFETY: httpd passes the child's pool.
        let pool = unsafe { Pool::from_raw(pool) };
        // SAFETY: httpd passes the main server.
        let main = unsafe { Server::from_raw(server) };
        figures::begin_process();
        parking::prepare_child();
        let (Some(pool), Some(main)) = (pool, main) else { return };
        let tls = || main.iter().filter_map(Vhost::of).filter_map(|vhost| vhost.tls.as_ref());
        if let Some(store) = tls().find_map(|tls| tls.sessions.as_ref()) {
            store.reopen(main, pool);
        }
        if let Some(checker) = tls().find_map(|tls| tls.ocsp.as_ref()) {
            checker.responders().reopen(main, pool);
        }
    }
}

entry_point! {
    /// Hook `child_status`: what becomes of each child, in the parent.
    fn child_status(
        _server: *mut sys::server_rec,
        pid: sys::pid_t,
        _generation: sys::ap_generation_t,
        _slot: c_int,
        state: sys::mpm_child_status,
    ) -> (), closed: ();
    {
        if let (sys::MPM_CHILD_EXITED, Ok(pid)) = (state, u32::try_from(pid)) {
            figures::end_process(pid);
        }
    }
}

entry_point! {
    /// Hook `monitor`: every ten seconds or so in the parent. Keys of tickets are replaced and erased in time also where
    /// nobody connects.
    fn monitor(_pool: *mut sys::apr_pool_t, _server: *mut sys::server_rec) -> c_int, closed: answer::DECLINED;
    {
        tickets::follow();
        answer::DECLINED
    }
}

entry_point! {
    /// Hook `pre_connection`.
    fn pre_connection(conn: *mut sys::conn_rec, _socket: *mut c_void) -> c_int, closed: closed::connection(conn);
    {
        // SAFETY: core passes a live connection that belongs to this thread.
        let Some(conn) = (unsafe { Conn::from_raw(conn) }) else { return answer::DECLINED };
        if conn.master().is_some() {
            return answer::DECLINED;
        }
        if conn.is_outgoing() {
            return proxy::begin(conn);
        }
        let Some(vhost) = Vhost::of(conn.base_server()) else { return answer::DECLINED };
        let Some(tls) = &vhost.tls else { return answer::DECLINED };
        log!(conn, Info, "AH01964: Connection to child {} established (server {})", conn.id(), vhost.id);
        start::seed_for_connection(conn, "Server: ");
        let Some((wire, plaintext)) = equip(conn) else { return closed::connection(conn.as_ptr()) };
        let seat = match vhost.max_handshakes {
            0 => None,
            most => match Seat::take(most) {
                None => return refuse(conn, ConnState::new(conn, None, wire, vhost.clone(), plaintext), most),
                seat => seat,
            },
        };
        let ssl = match Ssl::new(&tls.ctx, Box::new(Rc::clone(&wire))) {
            Ok(ssl) => ssl,
            Err(errors) => {
                log!(conn, Error, "AH01962: Unable to create a new SSL connection from the SSL context");
                super::report::library_errors(conn.base_server(), Level::Error, &errors);
                return closed::connection(conn.as_ptr());
            }
        };
        if !ssl.set_session_id_context(&tls.session_context) {
            conn.log(Level::Error, format_args!("AH01963: Unable to set session id context to '{}'", vhost.id));
            return closed::connection(conn.as_ptr());
        }
        ssl.set_accept_state();
        let state = ConnState::new(conn, Some(ssl.clone()), wire, vhost.clone(), plaintext).attach(conn);
        state.seat.set(seat);
        events::tie(&ssl, state);
        if let Err(said) = offered::pre_handshake(conn, &ssl, false) {
            log!(conn, Info, "Connection refused by another module (pre_handshake: {said})");
            return closed::connection(conn.as_ptr());
        }
        answer::OK
    }
}

/// The filters of a connection, and what its state needs of them.
pub fn equip(conn: Conn<'_>) -> Option<(Rc<Wire>, Brigade<'static>)> {
    let pair = filters::add(conn)?;
    // SAFETY: the state owns the wire, and the connection's pool owns the state.
    let wire = unsafe { Wire::new(conn, pair.input, pair.output) };
    // SAFETY: the state owns the brigade, and the connection's pool owns the state.
    let plaintext = unsafe { conn.kept_brigade() };
    wire.zip(plaintext)
}

/// `SSLMaxHandshakes`: the connection ends in order, before its handshake. Its
/// filters are there, so nobody takes it for one without TLS meanwhile.
fn refuse(conn: Conn<'_>, state: ConnState, most: u32) -> c_int {
    quota::report_refusal(conn, most);
    state.end();
    state.shared.end();
    state.parked.refuse();
    state.attach(conn);
    conn.close_soon();
    answer::OK
}

entry_point! {
    /// Hook `process_connection`: the handshake, and then whoever speaks the
    /// protocol that was agreed on.
    fn process_connection(conn: *mut sys::conn_rec) -> c_int, closed: closed::process_connection(conn);
    {
        // SAFETY: core passes a live connection that belongs to this thread.
        let Some(conn) = (unsafe { Conn::from_raw(conn) }) else { return answer::DECLINED };
        match ConnState::of(conn).map(parking::take_turn) {
            Some(Turn::Close) => conn.linger(),
            Some(Turn::Wait) => {}
            Some(Turn::GoOn) | None => return answer::DECLINED,
        }
        answer::OK
    }
}

entry_point! {
    /// Hook `ssl_conn_is_ssl`.
    fn conn_is_ssl(conn: *mut sys::conn_rec) -> c_int, closed: closed::DO_NOT_KNOW;
    {
        // SAFETY: core passes a live connection, or NULL.
        let Some(conn) = (unsafe { Conn::from_raw(conn) }) else { return answer::DECLINED };
        if Shared::of(conn).is_some() { answer::OK } else { answer::DECLINED }
    }
}
