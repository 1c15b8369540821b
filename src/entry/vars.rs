//! Variables: for scripts, logs, rewrite rules, expressions and other modules.

pub(crate) mod certificate;
mod environment;
mod request;
mod value;

pub use environment::{Environment, fixups};

use super::closed::{DO_NOT_KNOW, EMPTY, NOTHING};
use super::shared::Shared;
use crate::apr::pool::text_from;
use crate::apr::{Pool, Strings};
use crate::httpd::log::log;
use crate::httpd::request::main_server;
use crate::httpd::{Conn, Request, Server, optional};
use crate::ossl::x509;
use crate::sys;
use crate::vars::escape::log_item;
use crate::vars::name::{self, Variable};
use std::ffi::{CStr, c_char, c_int, c_void};
use value::Context;

type VarLookup = unsafe extern "C" fn(
    *mut sys::apr_pool_t,
    *mut sys::server_rec,
    *mut sys::conn_rec,
    *mut sys::request_rec,
    *mut c_char,
) -> *mut c_char;
type ExtList = unsafe extern "C" fn(
    *mut sys::apr_pool_t,
    *mut sys::conn_rec,
    c_int,
    *const c_char,
) -> *mut sys::apr_array_header_t;
type RegisterLogHandler = unsafe extern "C" fn(*mut sys::apr_pool_t, *mut c_char, Option<LogHandler>, c_int);
type LogHandler = unsafe extern "C" fn(*mut sys::request_rec, *mut c_char) -> *const c_char;

/// Offers the optional functions; in the register_hooks callback.
pub fn offer() {
    // SAFETY: the registry keeps functions without their signature; callers restore it.
    let lookup = unsafe { std::mem::transmute::<VarLookup, unsafe extern "C" fn()>(ssl_var_lookup) };
    // SAFETY: callers of this name expect the signature of `VarLookup` (mod_ssl.h).
    unsafe { optional::offer(c"ssl_var_lookup", lookup) };
    // SAFETY: as above.
    let list = unsafe { std::mem::transmute::<ExtList, unsafe extern "C" fn()>(ssl_ext_list) };
    // SAFETY: callers of this name expect the signature of `ExtList` (mod_ssl.h).
    unsafe { optional::offer(c"ssl_ext_list", list) };
}

/// Registers `%{...}x` and `%{...}c`, when mod_log_config is there.
pub fn register_log_handlers(pool: Pool<'_>) {
    let Some(register) = optional::find(c"ap_register_log_handler") else { return };
    // SAFETY: mod_log_config offers this name with this signature (mod_log_config.h).
    let register = unsafe { std::mem::transmute::<unsafe extern "C" fn(), RegisterLogHandler>(register) };
    let handlers: [(&CStr, LogHandler); 2] = [(c"c", log_legacy), (c"x", log_variable)];
    for (letter, handler) in handlers {
        // SAFETY: the pool is the configuration's; the letter is copied.
        unsafe { register(pool.as_ptr(), letter.as_ptr().cast_mut(), Some(handler), 0) };
    }
}

entry_point! {
    /// Optional function `ssl_var_lookup`: never NULL.
    fn ssl_var_lookup(
        pool: *mut sys::apr_pool_t,
        _server: *mut sys::server_rec,
        conn: *mut sys::conn_rec,
        request: *mut sys::request_rec,
        name: *mut c_char,
    ) -> *mut c_char, closed: EMPTY;
    {
        // SAFETY: callers pass NULL or a C string.
        let Some(name) = (unsafe { text_from(name) }) else { return EMPTY };
        // SAFETY: callers pass NULL or a live request.
        let request = unsafe { Request::from_raw(request) };
        // SAFETY: callers pass NULL or a live connection.
        let conn = unsafe { Conn::from_raw(conn) }.or_else(|| request.map(Request::conn));
        let context = Context { conn, request };
        let Some(value) = lookup(&context, name).filter(|value| !value.is_empty()) else { return EMPTY };
        // SAFETY: callers pass NULL or a live pool.
        let pool = unsafe { Pool::from_raw(pool) }
            .or_else(|| request.map(Request::pool))
            .or_else(|| conn.map(Conn::pool))
            .or_else(|| main_server().and_then(Server::process_pool));
        pool.map_or(EMPTY, |pool| pool.text_ptr(&value))
    }
}

/// The value of the variable `name`.
fn lookup(context: &Context<'_>, name: &CStr) -> Option<Vec<u8>> {
    value::of(context, name::parse(name.to_bytes())?)
}

/// The value of the variable `name` for a request.
pub fn of_request(request: Request<'_>, name: &CStr) -> Option<Vec<u8>> {
    lookup(&Context::of(request), name)
}

entry_point! {
    /// Optional function `ssl_ext_list`: the values of an extension.
    fn ssl_ext_list(
        pool: *mut sys::apr_pool_t,
        conn: *mut sys::conn_rec,
        peer: c_int,
        extension: *const c_char,
    ) -> *mut sys::apr_array_header_t, closed: std::ptr::null_mut();
    {
        // SAFETY: callers pass a live pool.
        let pool = unsafe { Pool::from_raw(pool) };
        // SAFETY: callers pass a live connection.
        let conn = unsafe { Conn::from_raw(conn) };
        // SAFETY: callers pass a C string.
        let extension = unsafe { text_from(extension) };
        let (Some(pool), Some(conn), Some(extension)) = (pool, conn, extension) else { return std::ptr::null_mut() };
        extension_list(pool, conn, peer != 0, extension).map_or(std::ptr::null_mut(), Strings::as_ptr)
    }
}

/// `None` when no extension is of that type.
fn extension_list<'p>(pool: Pool<'p>, conn: Conn<'_>, peer: bool, extension: &CStr) -> Option<Strings<'p>> {
    let established = Shared::of(conn)?.established()?;
    let certificate =
        if peer { &established.client_certificate } else { &established.certificate }.as_ref()?;
    let Some(values) = x509::extensions(certificate, extension.to_str().ok()?) else {
        log!(conn, Debug, "AH01970: could not parse OID '{}'", extension.to_string_lossy());
        return None;
    };
    let list = Strings::new(pool)?;
    let mut shown = 0;
    for value in values {
        let Some(value) = value else {
            let name = extension.to_string_lossy();
            log!(conn, Debug, "AH01971: Found an extension '{name}', but failed to create a string from it");
            continue;
        };
        list.push(pool.text(&value));
        shown += 1;
    }
    (shown > 0).then_some(list)
}

/// A log item, escaped; NULL is shown as `-`.
fn log_text(request: Request<'_>, value: Option<Vec<u8>>) -> *const c_char {
    match value {
        Some(value) if !value.is_empty() => request.pool().text_ptr(log_item(&value).as_bytes()),
        _ => NOTHING,
    }
}

entry_point! {
    /// `%{name}x`.
    fn log_variable(request: *mut sys::request_rec, name: *mut c_char) -> *const c_char, closed: NOTHING;
    {
        // SAFETY: mod_log_config passes a live request.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return NOTHING };
        // SAFETY: and a C string.
        let Some(name) = (unsafe { text_from(name) }) else { return NOTHING };
        log_text(request, lookup(&Context::of(request), name))
    }
}

entry_point! {
    /// `%{name}c`.
    fn log_legacy(request: *mut sys::request_rec, name: *mut c_char) -> *const c_char, closed: NOTHING;
    {
        // SAFETY: mod_log_config passes a live request.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return NOTHING };
        // SAFETY: and a C string.
        let Some(name) = (unsafe { text_from(name) }) else { return NOTHING };
        let variable = name::legacy(name.to_bytes()).map(Variable::Connection);
        log_text(request, variable.and_then(|variable| value::of(&Context::of(request), variable)))
    }
}

entry_point! {
    /// Hook `expr_lookup`: `%{SSL_...}`, `ssl(...)`, `PeerExtList(...)`.
    pub fn expr_lookup(parms: *mut sys::ap_expr_lookup_parms) -> c_int, closed: DO_NOT_KNOW;
    {
        // SAFETY: httpd passes the parameters of one lookup.
        let Some(parms) = (unsafe { parms.as_mut() }) else { return sys::DECLINED };
        // SAFETY: with a C string as the name.
        let Some(name) = (unsafe { text_from(parms.name) }) else { return sys::DECLINED };
        let is = |other: &[u8]| name.to_bytes().eq_ignore_ascii_case(other);
        let is_variable = name.to_bytes().get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SSL_"));
        let (function, data): (*const c_void, *const c_void) = match parms.type_ as u32 {
            sys::AP_EXPR_FUNC_VAR if is_variable => {
                // SAFETY: the expression's pool outlives the expression.
                let Some(pool) = (unsafe { Pool::from_raw(parms.pool) }) else { return sys::DECLINED };
                (expr_variable as *const c_void, pool.text_ptr(name.to_bytes()).cast_const().cast())
            }
            sys::AP_EXPR_FUNC_STRING if is(b"SSL") => (expr_function as *const c_void, std::ptr::null()),
            sys::AP_EXPR_FUNC_LIST if is(b"PeerExtList") => (expr_peer_extensions as *const c_void, std::ptr::null()),
            _ => return sys::DECLINED,
        };
        // SAFETY: httpd passes places for both.
        unsafe { parms.func.write(function) };
        // SAFETY: as above.
        unsafe { parms.data.write(data) };
        0
    }
}

/// Connection and request of an expression that is evaluated.
///
/// # Safety
/// `ctx` is what httpd passes to a function of an expression.
unsafe fn expr_context<'e>(ctx: *mut sys::ap_expr_eval_ctx_t) -> Option<(Context<'e>, Pool<'e>)> {
    // SAFETY: promised by the caller.
    let ctx = unsafe { ctx.as_ref() }?;
    // SAFETY: NULL or a live request.
    let request = unsafe { Request::from_raw(ctx.r) };
    // SAFETY: NULL or a live connection.
    let conn = unsafe { Conn::from_raw(ctx.c) }.or_else(|| request.map(Request::conn));
    // SAFETY: the pool of the evaluation.
    let pool = unsafe { Pool::from_raw(ctx.p) }?;
    Some((Context { conn, request }, pool))
}

entry_point! {
    /// `%{SSL_...}` in an expression: only with TLS.
    fn expr_variable(ctx: *mut sys::ap_expr_eval_ctx_t, name: *const c_void) -> *const c_char, closed: NOTHING;
    {
        // SAFETY: httpd's arguments.
        let Some((context, pool)) = (unsafe { expr_context(ctx) }) else { return NOTHING };
        // SAFETY: the name that `expr_lookup` left.
        let Some(name) = (unsafe { text_from(name.cast()) }) else { return NOTHING };
        if context.conn.and_then(Shared::of).is_none() {
            return NOTHING;
        }
        lookup(&context, name).map_or(NOTHING, |value| pool.text_ptr(&value))
    }
}

entry_point! {
    /// `ssl(name)` and `%{SSL:name}` in an expression.
    fn expr_function(ctx: *mut sys::ap_expr_eval_ctx_t, _data: *const c_void, name: *const c_char) -> *const c_char,
        closed: NOTHING;
    {
        // SAFETY: httpd's arguments.
        let Some((context, pool)) = (unsafe { expr_context(ctx) }) else { return NOTHING };
        // SAFETY: a C string.
        let Some(name) = (unsafe { text_from(name) }) else { return NOTHING };
        lookup(&context, name).map_or(NOTHING, |value| pool.text_ptr(&value))
    }
}

entry_point! {
    /// `PeerExtList(name)` in an expression.
    fn expr_peer_extensions(
        ctx: *mut sys::ap_expr_eval_ctx_t,
        _data: *const c_void,
        name: *const c_char,
    ) -> *mut sys::apr_array_header_t, closed: std::ptr::null_mut();
    {
        // SAFETY: httpd's arguments.
        let Some((context, pool)) = (unsafe { expr_context(ctx) }) else { return std::ptr::null_mut() };
        // SAFETY: a C string.
        let Some(name) = (unsafe { text_from(name) }) else { return std::ptr::null_mut() };
        let list = context.conn.and_then(|conn| extension_list(pool, conn, true, name));
        list.map_or(std::ptr::null_mut(), Strings::as_ptr)
    }
}

/// A variable of the process environment.
fn process_environment(name: &[u8]) -> Option<Vec<u8>> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    std::env::var_os(std::ffi::OsStr::from_bytes(name)).map(OsStringExt::into_vec)
}
