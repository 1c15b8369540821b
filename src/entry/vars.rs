//! Variables (being completed together with the layer below).
use super::connection::ConnState;
use crate::apr::Pool;
use crate::apr::pool::{text_from, root_scratch};
use crate::guard::entry_point;
use crate::httpd::{Conn, optional};
use crate::sys;
use std::ffi::c_char;

#[derive(Default)]
pub struct Cached;

entry_point! {
    fn ssl_var_lookup(pool: *mut sys::apr_pool_t, _s: *mut sys::server_rec, c: *mut sys::conn_rec, _r: *mut sys::request_rec, name: *mut c_char) -> *mut c_char, closed: c"".as_ptr().cast_mut();
    {
        let Some(name) = (unsafe { text_from(name) }) else { return c"".as_ptr().cast_mut() };
        let Some(conn) = (unsafe { Conn::from_raw(c) }) else { return c"".as_ptr().cast_mut() };
        let Some(pool) = (unsafe { Pool::from_raw(pool) }) else { return c"".as_ptr().cast_mut() };
        let Some(ssl) = ConnState::of_primary(conn).and_then(ConnState::ssl) else { return c"".as_ptr().cast_mut() };
        let value = match name.to_bytes() {
            b"SSL_PROTOCOL" => ssl.version_name().to_owned(),
            b"SSL_CIPHER" => ssl.cipher().map(|c| c.name).unwrap_or_default(),
            _ => String::new(),
        };
        pool.text_ptr(value.as_bytes())
    }
}
pub fn offer() {
    let _ = root_scratch(|_| ());
    unsafe {
        optional::offer(c"ssl_var_lookup", std::mem::transmute::<unsafe extern "C" fn(*mut sys::apr_pool_t, *mut sys::server_rec, *mut sys::conn_rec, *mut sys::request_rec, *mut c_char) -> *mut c_char, unsafe extern "C" fn()>(ssl_var_lookup));
    }
}
pub fn register_log_handlers(_: Pool<'_>) {}
entry_point! { pub fn fixups(_r: *mut sys::request_rec) -> i32, closed: 500; { -1 } }
entry_point! { pub fn expr_lookup(_p: *mut sys::ap_expr_lookup_parms) -> i32, closed: -1; { -1 } }
