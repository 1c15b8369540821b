//! `request_rec`: one request.

use super::conn::Conn;
use super::module::Module;
use super::server::Server;
use crate::apr::pool::text_from;
use crate::apr::{Brigade, Pool, Table};
use crate::sys;
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A request that lives at least as long as `'r`.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    raw: NonNull<sys::request_rec>,
    life: PhantomData<&'r ()>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `raw` is NULL or a request that lives during `'r` and belongs to the
    /// calling thread meanwhile.
    #[must_use]
    pub unsafe fn from_raw(raw: *const sys::request_rec) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw.cast_mut())?, life: PhantomData })
    }

    /// The record for a call into httpd.
    #[must_use]
    pub fn as_ptr(self) -> *mut sys::request_rec {
        self.raw.as_ptr()
    }

    pub(super) fn rec(self) -> &'r sys::request_rec {
        // SAFETY: the request is alive (type invariant); fields are read at once and not kept.
        unsafe { &*self.raw.as_ptr() }
    }

    /// Memory that lives as long as the request.
    #[must_use]
    pub fn pool(self) -> Pool<'r> {
        // SAFETY: core sets r->pool before any hook runs.
        match unsafe { Pool::from_raw(self.rec().pool) } {
            Some(pool) => pool,
            None => unreachable!("core gives every request a pool"),
        }
    }

    /// A brigade in the request's pool, to be kept by what that pool owns.
    ///
    /// # Safety
    /// The brigade is dropped, at the latest, when the request's pool is.
    pub unsafe fn kept_brigade(self) -> Option<Brigade<'static>> {
        let brigade = Brigade::new(self.pool(), self.conn().bucket_alloc())?;
        // SAFETY: promised by the caller.
        unsafe { Brigade::from_raw(brigade.as_ptr()) }
    }

    /// The connection it came on.
    #[must_use]
    pub fn conn(self) -> Conn<'r> {
        // SAFETY: core sets r->connection before any hook runs.
        match unsafe { Conn::from_raw(self.rec().connection) } {
            Some(conn) => conn,
            None => unreachable!("core gives every request a connection"),
        }
    }

    /// The vhost that the Host header selected.
    #[must_use]
    pub fn server(self) -> Server<'r> {
        // SAFETY: core sets r->server before any hook runs.
        match unsafe { Server::from_raw(self.rec().server) } {
            Some(server) => server,
            None => unreachable!("core gives every request a server"),
        }
    }

    /// Not a sub-request and not an internal redirect (`ap_is_initial_req`).
    #[must_use]
    pub fn is_initial(self) -> bool {
        self.rec().main.is_null() && self.rec().prev.is_null()
    }

    /// Whether it is a sub-request.
    #[must_use]
    pub fn is_subrequest(self) -> bool {
        !self.rec().main.is_null()
    }

    /// Whether it asks this server to be a forward proxy.
    #[must_use]
    pub fn is_forward_proxy(self) -> bool {
        self.rec().proxyreq == sys::PROXYREQ_PROXY as c_int
    }

    /// The host name from the request line or the Host header.
    #[must_use]
    pub fn hostname(self) -> Option<&'r CStr> {
        // SAFETY: lives in the request's pool.
        unsafe { text_from(self.rec().hostname) }
    }

    /// Environment for CGI and others.
    #[must_use]
    pub fn environment(self) -> Option<Table<'r>> {
        // SAFETY: lives in the request's pool.
        unsafe { Table::from_raw(self.rec().subprocess_env) }
    }

    /// Notes of the request.
    #[must_use]
    pub fn notes(self) -> Option<Table<'r>> {
        // SAFETY: lives in the request's pool.
        unsafe { Table::from_raw(self.rec().notes) }
    }

    /// Request header fields.
    #[must_use]
    pub fn headers_in(self) -> Option<Table<'r>> {
        // SAFETY: lives in the request's pool.
        unsafe { Table::from_raw(self.rec().headers_in) }
    }

    /// One text of the record.
    #[must_use]
    pub fn text(self, field: TextField) -> Option<&'r CStr> {
        let rec = self.rec();
        let text = match field {
            TextField::Method => rec.method,
            TextField::Uri => rec.uri,
            TextField::Filename => rec.filename,
            TextField::PathInfo => rec.path_info,
            TextField::Arguments => rec.args,
            TextField::Protocol => rec.protocol,
            TextField::RequestLine => rec.the_request,
            TextField::User => rec.user,
            TextField::AuthType => rec.ap_auth_type,
            TextField::ClientAddress => rec.useragent_ip,
            TextField::Handler => rec.handler,
        };
        // SAFETY: these texts live in the request's pool, or are NULL.
        unsafe { text_from(text) }
    }

    /// One text that httpd computes.
    #[must_use]
    pub fn computed(self, what: Computed) -> Option<&'r CStr> {
        let r = self.as_ptr();
        let text = match what {
            // SAFETY: the request is alive.
            Computed::Scheme => unsafe { sys::ap_run_http_scheme(r) },
            // SAFETY: the request is alive.
            Computed::ServerName => unsafe { sys::ap_get_server_name_for_url(r) },
            // SAFETY: the request is alive.
            Computed::DocumentRoot => unsafe { sys::ap_document_root(r) },
            // SAFETY: the request is alive.
            Computed::RemoteIdent => unsafe { sys::ap_get_remote_logname(r) },
            // SAFETY: the request is alive; a NULL flag pointer is allowed.
            Computed::RemoteHost => unsafe {
                sys::ap_get_useragent_host(r, sys::REMOTE_NAME as c_int, std::ptr::null_mut())
            },
            // SAFETY: the record of the server is alive.
            Computed::ServerAdmin => unsafe { (*self.server().as_ptr()).server_admin },
        };
        // SAFETY: lives in the request's pool or longer, or is NULL.
        unsafe { text_from(text) }
    }

    /// The port of the server as the client sees it (`ap_get_server_port`).
    #[must_use]
    pub fn server_port(self) -> u16 {
        // SAFETY: the request is alive.
        unsafe { sys::ap_get_server_port(self.as_ptr()) }
    }

    /// User and password of HTTP Basic authentication, as the client sent them
    /// (`ap_get_basic_auth_components`).
    #[must_use]
    pub fn basic_credentials(self) -> Option<(&'r CStr, &'r CStr)> {
        let (mut user, mut password) = (std::ptr::null(), std::ptr::null());
        // SAFETY: the request is alive, and the places are ours.
        let status =
            unsafe { sys::ap_get_basic_auth_components(self.as_ptr(), &raw mut user, &raw mut password) };
        if status != 0 {
            return None;
        }
        // SAFETY: lives in the request's pool.
        let user = unsafe { text_from(user) }?;
        // SAFETY: as above.
        let password = unsafe { text_from(password) }?;
        Some((user, password))
    }

    /// Says who the user is, and by what (`AUTH_TYPE`).
    pub fn set_user(self, user: &'r CStr, auth_type: &'static CStr) {
        // SAFETY: the request is alive and this thread's; the text lives as long as it.
        unsafe { (*self.as_ptr()).user = user.as_ptr().cast_mut() };
        // SAFETY: as above. httpd does not write to the text.
        unsafe { (*self.as_ptr()).ap_auth_type = auth_type.as_ptr().cast_mut() };
    }

    /// Makes GET and HEAD the only methods here; says whether the request has one of them.
    #[must_use]
    pub fn allows_get_only(self) -> bool {
        // SAFETY: the request is alive and this thread's.
        unsafe { (*self.as_ptr()).allowed = 1 << sys::M_GET };
        self.rec().method_number == sys::M_GET as c_int
    }

    /// Status and reason that a handler has chosen for the response, if it has.
    #[must_use]
    pub fn status_line(self) -> Option<&'r CStr> {
        // SAFETY: lives in the request's pool or longer, or is NULL.
        unsafe { text_from(self.rec().status_line) }
    }

    /// Replaces that.
    pub fn set_status_line(self, line: &'r CStr) {
        // SAFETY: the request is alive and this thread's; the text lives as long as it.
        unsafe { (*self.as_ptr()).status_line = line.as_ptr() };
    }

    /// Sets the type of the response.
    pub fn set_content_type(self, content_type: &'static CStr) {
        // SAFETY: the request is alive; httpd keeps the pointer to the text.
        unsafe { sys::ap_set_content_type(self.as_ptr(), content_type.as_ptr()) };
    }

    /// Writes text to the response (`ap_rputs`).
    pub fn print(self, text: &CStr) {
        // SAFETY: request and text are alive. When the client is gone nobody misses it.
        unsafe { sys::ap_rputs(text.as_ptr(), self.as_ptr()) };
    }

    /// The configuration of its directory, of all modules.
    #[must_use]
    pub fn dir_configs(self) -> *mut sys::ap_conf_vector_t {
        self.rec().per_dir_config
    }

    /// This module's configuration for the directory of the request.
    pub(crate) fn dir_config(self, module: Module) -> *mut c_void {
        // SAFETY: the vector of a live request has a place for every loaded module.
        unsafe { sys::ap_get_module_config(self.rec().per_dir_config, module.as_ptr()) }
    }
}

/// Texts of `request_rec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the fields")]
pub enum TextField {
    Method,
    Uri,
    Filename,
    PathInfo,
    Arguments,
    Protocol,
    RequestLine,
    User,
    AuthType,
    ClientAddress,
    Handler,
}

/// Texts that httpd computes for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Computed {
    Scheme,
    ServerName,
    ServerAdmin,
    DocumentRoot,
    RemoteIdent,
    RemoteHost,
}

/// The main server of the configuration in force.
#[must_use]
pub fn main_server() -> Option<Server<'static>> {
    // SAFETY: httpd keeps the main server of the configuration in force there, or NULL.
    let main = unsafe { sys::ap_server_conf };
    // SAFETY: as above.
    unsafe { Server::from_raw(main) }
}

/// The text of `Server:` (`ap_get_server_banner`).
#[must_use]
pub fn server_banner() -> &'static CStr {
    // SAFETY: no precondition after start-up.
    let banner = unsafe { sys::ap_get_server_banner() };
    // SAFETY: httpd keeps the banner for the life of the configuration.
    unsafe { text_from(banner) }.unwrap_or_default()
}
