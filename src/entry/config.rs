//! The configuration of servers and directories, as httpd stores and merges it.

use super::access::Rules;
use super::proxy::{ProxyPolicy, Section};
use super::start::proxy::ProxyContexts;
use super::vhost::Vhost;
use super::{closed, module};
use crate::apr::Pool;
use crate::config::dir::DirConfig;
use crate::config::global::GlobalConfig;
use crate::config::proxy::ProxyConfig;
use crate::config::server::ServerConfig;
use crate::httpd::command::Parms;
use crate::httpd::expr::Expression;
use crate::httpd::server::ServerSlot;
use crate::httpd::socache::SharedCache;
use crate::httpd::{Request, Server};
use crate::sys;
use std::cell::{Cell, Ref, RefCell, RefMut};
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Arc, OnceLock};

/// What the module stores for a server. Everything but `vhost` is for the
/// configuration pass alone, which has one thread.
#[derive(Default)]
pub struct ServerConf {
    /// What the lines of the configuration say.
    pub declared: Draft<ServerConfig>,
    /// What the main server's lines say for all.
    pub global: Draft<GlobalConfig>,
    /// What the lines about TLS to other servers say; sections are completed with it after start-up.
    pub proxy: RefCell<Option<Arc<ProxyConfig>>>,
    /// The sections with such lines that apply here, those of the main server first. They live as long as this.
    pub proxy_sections: RefCell<Vec<&'static Section>>,
    /// What start-up made of it, when that is on; read by all threads.
    pub proxy_policy: OnceLock<Arc<ProxyPolicy>>,
    /// In the main server: the contexts for other servers, by their settings.
    pub proxy_contexts: ProxyContexts,
    /// The instance of the provider named by `SSLSessionCache`.
    pub cache: Cell<Option<SharedCache>>,
    /// That of `SSLOCSPCache`.
    pub ocsp_cache: Cell<Option<SharedCache>>,
    /// The instance of the provider named by `SSLStaplingCache`.
    pub staple_cache: Cell<Option<SharedCache>>,
    /// What start-up made of it; read by all threads.
    pub vhost: OnceLock<Arc<Vhost>>,
}

/// Values that are there while the configuration is read: there are many servers,
/// and afterwards none of them needs them.
pub struct Draft<T>(RefCell<Option<Box<T>>>);

impl<T> Default for Draft<T> {
    fn default() -> Self {
        Self(RefCell::new(None))
    }
}

impl<T: Default> Draft<T> {
    /// The values, to change them.
    pub fn borrow_mut(&self) -> RefMut<'_, T> {
        RefMut::map(self.0.borrow_mut(), |values| values.get_or_insert_default().as_mut())
    }

    /// The values.
    pub fn borrow(&self) -> Ref<'_, T> {
        drop(self.borrow_mut());
        Ref::map(self.0.borrow(), |values| match values {
            Some(values) => values.as_ref(),
            None => unreachable!("made just before"),
        })
    }

    /// The values, which are then gone.
    pub fn take(&self) -> T {
        self.0.take().map(|values| *values).unwrap_or_default()
    }
}

impl ServerConf {
    /// The configuration of `server`.
    #[must_use]
    pub fn of(server: Server<'_>) -> Option<&ServerConf> {
        let conf = server.module_config(module::handle());
        // SAFETY: httpd stores here only what `create_server` and `merge_server` returned.
        unsafe { conf.cast::<Self>().as_ref() }
    }
}

/// What the module stores for a directory: small, and copied when it is read.
#[derive(Default)]
pub struct DirConf {
    values: Cell<DirConfig>,
    /// In the pool of this configuration, or of one that it was merged from:
    /// httpd keeps those longer. Handed out for shorter lives only.
    rules: Cell<Rules<'static>>,
    /// In the same way: a `<Proxy>` section that has lines about TLS to other servers.
    proxy: Cell<Option<&'static Section>>,
    /// For requests of this server; see [`DirConf::mark`].
    server: Option<ServerSlot>,
}

impl DirConf {
    /// The configuration for the directory of `request`.
    #[must_use]
    pub fn of(request: Request<'_>) -> DirConfig {
        Self::find(request).map(Self::get).unwrap_or_default()
    }

    /// The same, and what requests must satisfy there.
    #[must_use]
    pub fn with_rules(request: Request<'_>) -> (DirConfig, Rules<'_>) {
        Self::find(request).map(|conf| (conf.get(), conf.rules.get())).unwrap_or_default()
    }

    fn find(request: Request<'_>) -> Option<&Self> {
        // SAFETY: httpd stores here only what `create_dir` and `merge_dir` returned.
        unsafe { Self::from_raw(request.dir_config(module::handle())) }
    }

    /// # Safety
    /// `conf` is NULL or what `create_dir` or `merge_dir` returned.
    #[must_use]
    pub unsafe fn from_raw<'c>(conf: *mut c_void) -> Option<&'c Self> {
        // SAFETY: promised by the caller.
        unsafe { conf.cast::<Self>().as_ref() }
    }

    /// The configuration in a vector of httpd's.
    ///
    /// # Safety
    /// `vector` is NULL or a vector of per-directory configurations.
    #[must_use]
    pub unsafe fn of_vector<'c>(vector: *const sys::ap_conf_vector_t) -> Option<&'c Self> {
        if vector.is_null() {
            return None;
        }
        // SAFETY: promised by the caller; it has a place for every loaded module.
        let conf = unsafe { sys::ap_get_module_config(vector, module::handle().as_ptr()) };
        // SAFETY: httpd stores here only what `create_dir` and `merge_dir` returned.
        unsafe { Self::from_raw(conf) }
    }

    /// Notes whose requests begin with this configuration, in what every server has of its own. Before there are requests.
    ///
    /// mod_proxy uses connections to backends for requests of several virtual hosts, when they inherit a worker, and says
    /// of a request nothing but its configuration.
    pub fn mark(server: Server<'_>, pool: Pool<'_>) {
        let vector = server.dir_configs();
        // SAFETY: httpd made a vector for each server, of configurations for directories.
        let before = unsafe { Self::of_vector(vector) };
        if vector.is_null() {
            return;
        }
        // What there is may be the main server's, too.
        let conf = Self {
            values: Cell::new(before.map(Self::get).unwrap_or_default()),
            rules: Cell::new(before.map(|conf| conf.rules.get()).unwrap_or_default()),
            proxy: Cell::new(before.and_then(|conf| conf.proxy.get())),
            server: Some(server.slot()),
        };
        let kept = std::ptr::from_ref(pool.keep(conf)).cast_mut().cast();
        // SAFETY: as above; it has a place for every module, and this one alone has that.
        unsafe { sys::ap_set_module_config(vector, module::handle().as_ptr(), kept) };
    }

    /// The server whose request this is for, if it is for one.
    #[must_use]
    pub fn server(&self) -> Option<Server<'_>> {
        self.server.as_ref().map(ServerSlot::get)
    }

    /// The innermost `<Proxy>` section with lines about TLS to other servers.
    #[must_use]
    pub fn proxy_section(&self) -> Option<&Section> {
        self.proxy.get()
    }

    /// The same for a line of `server` that is read, made if it is the first.
    pub fn proxy_section_of_line<'p>(&'p self, parms: Parms<'p>, server: &ServerConf) -> &'p Section {
        if let Some(section) = self.proxy.get() {
            return section;
        }
        let section: &'p Section = parms.pool().keep(Section::new(parms.section()));
        // SAFETY: httpd makes the configuration of a section, and that of its server, in the pool that its lines
        // are read with, so it goes with the configuration.
        let kept = unsafe { std::mem::transmute::<&'p Section, &'static Section>(section) };
        self.proxy.set(Some(kept));
        server.proxy_sections.borrow_mut().push(kept);
        section
    }

    /// The current value.
    #[must_use]
    pub fn get(&self) -> DirConfig {
        self.values.get()
    }

    /// Replaces the value; while the section is read.
    pub fn set(&self, value: DirConfig) {
        self.values.set(value);
    }

    /// Adds an expression of `SSLRequire`; while the section is read.
    pub fn require(&self, parms: Parms<'_>, expression: Expression<'_>, text: &CStr) {
        self.change(parms.pool(), |rules, pool| rules.with(pool, expression, pool.text(text.to_bytes())));
    }

    /// Sets the variable of `SSLUserName`; while the section is read.
    pub fn set_user_name(&self, parms: Parms<'_>, variable: &CStr) {
        self.change(parms.pool(), |rules, pool| rules.with_user_name(pool.text(variable.to_bytes())));
    }

    /// Sets `SSLCipherSuite`; while the section is read.
    pub fn set_cipher_suite(&self, parms: Parms<'_>, list: &CStr) {
        self.change(parms.pool(), |rules, pool| rules.with_cipher_suite(pool.text(list.to_bytes())));
    }

    fn change<'p>(&self, pool: Pool<'p>, change: impl FnOnce(Rules<'p>, Pool<'p>) -> Rules<'p>) {
        let rules = change(self.rules.get(), pool);
        // SAFETY: httpd makes the configuration of a section in the pool that its lines are read with, so it goes
        // with the configuration.
        self.rules.set(unsafe { std::mem::transmute::<Rules<'p>, Rules<'static>>(rules) });
    }
}

/// Gives `value` to the pool, and httpd the pointer it stores.
fn keep<T: 'static>(pool: *mut sys::apr_pool_t, value: T) -> *mut c_void {
    // SAFETY: httpd passes the pool that the configuration lives in.
    match unsafe { Pool::from_raw(pool) } {
        Some(pool) => std::ptr::from_ref(pool.keep(value)).cast_mut().cast(),
        None => std::ptr::null_mut(),
    }
}

entry_point! {
    /// Makes the configuration of a server.
    pub fn create_server(pool: *mut sys::apr_pool_t, _server: *mut sys::server_rec) -> *mut c_void,
        closed: closed::NO_RECORD;
    { keep(pool, ServerConf::default()) }
}

entry_point! {
    /// Merges the main server's configuration into that of a vhost.
    pub fn merge_server(_pool: *mut sys::apr_pool_t, base: *mut c_void, add: *mut c_void) -> *mut c_void,
        closed: closed::NO_RECORD;
    {
        // SAFETY: both were returned by `create_server`.
        let base = unsafe { base.cast::<ServerConf>().as_ref() };
        // SAFETY: as above.
        let add = unsafe { add.cast::<ServerConf>().as_ref() };
        let (Some(base), Some(merged)) = (base, add) else { return std::ptr::null_mut() };
        // httpd has no use for the vhost's own values afterwards.
        let own = merged.proxy.take();
        let outer = base.proxy.borrow().clone();
        merged.proxy.replace(match (outer, own) {
            (Some(outer), Some(own)) => Some(Arc::new(ProxyConfig::merge(&outer, &own))),
            (outer, own) => own.or(outer),
        });
        let mut sections = base.proxy_sections.borrow().clone();
        sections.append(&mut merged.proxy_sections.borrow_mut());
        merged.proxy_sections.replace(sections);
        let own = merged.declared.take();
        *merged.declared.borrow_mut() = ServerConfig::merge(&base.declared.borrow(), &own);
        std::ptr::from_ref(merged).cast_mut().cast()
    }
}

entry_point! {
    /// Makes the configuration of a directory.
    pub fn create_dir(pool: *mut sys::apr_pool_t, _dir: *mut c_char) -> *mut c_void,
        closed: closed::NO_RECORD;
    { keep(pool, DirConf::default()) }
}

entry_point! {
    /// Merges the configuration of an outer directory into that of an inner.
    pub fn merge_dir(pool: *mut sys::apr_pool_t, base: *mut c_void, add: *mut c_void) -> *mut c_void,
        closed: closed::NO_RECORD;
    {
        // SAFETY: returned by `create_dir` or this function.
        let base = unsafe { DirConf::from_raw(base) };
        // SAFETY: as above.
        let add = unsafe { DirConf::from_raw(add) };
        let (Some(base), Some(add)) = (base, add) else { return std::ptr::null_mut() };
        // SAFETY: httpd passes the pool that the merged configuration lives in.
        let Some(merged) = (unsafe { Pool::from_raw(pool) }) else { return std::ptr::null_mut() };
        let conf = DirConf {
            values: Cell::new(DirConfig::merge(base.get(), add.get())),
            // Not yet changed by anybody: both live as long as the merged one.
            rules: Cell::new(base.rules.get()),
            proxy: Cell::new(add.proxy.get().or(base.proxy.get())),
            server: add.server.or(base.server),
        };
        conf.change(merged, |outer, pool| Rules::merge(pool, outer, add.rules.get()));
        keep(pool, conf)
    }
}
