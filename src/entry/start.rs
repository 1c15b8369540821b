//! Start-up: from the configuration to contexts that shake hands.
//!
//! httpd runs this twice at a start and once at each restart. Everything is
//! built anew from the configuration at hand; of an earlier one only the identity
//! store stays.

mod certificates;
mod check;
mod ciphers;
mod client;
mod context;
pub mod key_log;
mod keys;
mod kin;
mod parameters;
mod pass_phrase;
mod providers;
pub mod proxy;
mod random;
mod stapling;
mod ticket;
mod tokens;

use super::cache::SessionStore;
use super::closed;
use super::config::{DirConf, ServerConf};
use super::identities::{Loader, Summary};
use super::ocsp::{self, Responders};
use super::offered;
use super::report;
use super::vhost::Vhost;
use crate::apr::Pool;
use crate::apr::pool::c_string;
use crate::config::cache_spec::CacheSpec;
use crate::config::global::GlobalConfig;
use crate::config::preset::Preset;
use crate::config::sni_policy::SniPolicy;
use crate::config::token;
use crate::config::vhost_id::vhost_id;
use crate::httpd::command::is_first_pass;
use crate::httpd::hook::answer;
use crate::httpd::log::log;
use crate::httpd::server::ServerSlot;
use crate::httpd::{Level, Server, version};
use crate::ossl::device::Engine;
use crate::ossl::error::LibraryError;
use crate::ossl::lib::mac::MacKey;
use crate::ossl::{error, lib};
use crate::sys;
use context::{Contexts, Site};
use std::ffi::c_int;
use std::io::Write as _;
use std::sync::Arc;

use keys::Keys;

pub use random::for_connection as seed_for_connection;

/// What all servers share.
pub struct Common<'c> {
    /// The pool of the configuration.
    pub pool: Pool<'c>,
    /// `SSLVHostSNIPolicy`.
    pub sni_policy: SniPolicy,
    /// `SSLLegacyDirectives`.
    pub legacy: bool,
    /// What keys of tickets allow.
    pub ticket_limits: ticket::Limits,
    /// `SSLMaxHandshakes`.
    pub max_handshakes: u32,
    /// `SSLSessionCache`.
    pub cache: &'c CacheSpec,
    /// What is stapled.
    pub staples: &'c stapling::Registry,
    /// The cache itself, except in the first pass.
    pub store: Option<Arc<SessionStore>>,
    /// What is known of OCSP responders.
    pub responders: Arc<Responders>,
    /// Where key material goes, for debugging.
    pub key_log: Option<Arc<key_log::KeyLog>>,
    /// What loads keys.
    pub keys: &'c Keys<'c>,
}

impl<'c> Common<'c> {
    /// From the settings alone: no cache, no log of keys, nothing known of responders.
    fn of(
        pool: Pool<'c>,
        global: &'c GlobalConfig,
        staples: &'c stapling::Registry,
        keys: &'c Keys<'c>,
    ) -> Self {
        Self {
            pool,
            sni_policy: global.sni_policy,
            legacy: global.legacy,
            ticket_limits: ticket::Limits::of(global),
            max_handshakes: global.max_handshakes,
            cache: &global.session_cache,
            staples,
            store: None,
            responders: Responders::alone(),
            key_log: None,
            keys,
        }
    }
}

/// The start failed; the reason has been logged.
pub struct Failed;

entry_point! {
    /// Hook `post_config`.
    pub fn post_config(
        pconf: *mut sys::apr_pool_t,
        _plog: *mut sys::apr_pool_t,
        _ptemp: *mut sys::apr_pool_t,
        main: *mut sys::server_rec,
    ) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: httpd passes the configuration pool.
        let pool = unsafe { Pool::from_raw(pconf) };
        // SAFETY: httpd passes the main server.
        let main = unsafe { Server::from_raw(main) };
        match (pool, main) {
            (Some(pool), Some(main)) if start(pool, main).is_ok() => {
                settle_heap();
                answer::OK
            }
            _ => answer::SERVER_ERROR,
        }
    }
}

entry_point! {
    /// Hook `test_config`: `-t` with `-DSSL_CHECK`, `-DDUMP_CERTS`, `-DDUMP_SSL_POLICIES`.
    pub fn test_config(pconf: *mut sys::apr_pool_t, main: *mut sys::server_rec) -> (), closed: ();
    {
        // SAFETY: httpd passes the main server.
        let Some(main) = (unsafe { Server::from_raw(main) }) else { return };
        // SAFETY: httpd passes the configuration pool.
        if let Some(pool) = unsafe { Pool::from_raw(pconf) }.filter(|_| version::is_defined(c"SSL_CHECK")) {
            check_only(pool, main);
        }
        if version::is_defined(c"DUMP_SSL_POLICIES") {
            // When nobody reads it there is nobody to tell.
            let _ = std::io::stdout().write_all(Preset::describe_all().as_bytes());
        }
        if !version::is_defined(c"DUMP_CERTS") {
            return;
        }
        let mut out = std::io::stdout().lock();
        // When nobody reads it there is nobody to tell.
        let _ = writeln!(out, "Server certificates:");
        for conf in main.iter().filter_map(ServerConf::of) {
            for file in &conf.declared.borrow().certificate_files {
                let _ = writeln!(out, "  {}", token::shown(file));
            }
        }
    }
}

/// `-DSSL_CHECK`: ends the process when there is something to mend. httpd would say
/// "Syntax OK" and end with 0.
fn check_only(pool: Pool<'_>, main: Server<'_>) {
    /// Whatever goes wrong in the check is not all right.
    struct Doubt;
    impl Drop for Doubt {
        fn drop(&mut self) {
            if std::thread::panicking() {
                std::process::exit(1);
            }
        }
    }
    let _doubt = Doubt;
    let found = check::run(pool, main);
    if found > 0 {
        eprintln!("SSL_CHECK: {found} to mend");
        std::process::exit(1);
    }
}

/// Has the allocator sort what was freed meanwhile: it does so when it is asked
/// for a large piece. Otherwise each child does it, and gets a copy of its own
/// of all the pages that this touches.
fn settle_heap() {
    const LARGE: usize = 100_000;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
    give_back();
}

/// Gives whole free pages back to the system.
#[cfg(target_env = "gnu")]
fn give_back() {
    // SAFETY: malloc_trim(3) only looks at what is free.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn give_back() {}

fn start(pool: Pool<'_>, main: Server<'_>) -> Result<(), Failed> {
    let conf = ServerConf::of(main).ok_or(Failed)?;
    check_library(main);
    let global = conf.global.borrow().clone();
    use_device(pool, main, global.crypto_device.as_deref())?;
    log!(main, Info, "AH01883: Init: Initialized OpenSSL library");
    random::at_startup(main, &global.random_seeds);
    set_fips(pool, main, global.fips)?;
    let staple_spec = &global.stapling_cache;
    let staple_store =
        if is_first_pass() { None } else { stapling::open_cache(pool, main, conf, staple_spec)? };
    let site = Site { main, server: main, id: "", is_start: true };
    let origin = ticket::origin(&site, &global)?;
    let store = if is_first_pass() {
        None
    } else {
        open_cache(pool, main, conf, &global.session_cache, origin.cache_seal())?
    };
    let responders = if is_first_pass() {
        Responders::alone()
    } else {
        open_responders(pool, main, conf, &global.ocsp_cache)?
    };
    let staples = stapling::Registry::new(staple_spec);
    let keys = Keys::begin(&global.pass_phrase_dialog);
    let key_log = key_log::open(main)?;
    let common = Common { store, responders, key_log, ..Common::of(pool, &global, &staples, &keys) };
    log!(main, Info, "AH01887: Init: Initializing (virtual) servers for SSL");
    let (mut loader, mut contexts) = (Loader::begin(global.crypto_device.as_deref()), Contexts::default());
    for server in main.iter() {
        let vhost = prepare(main, server, &common, &mut loader, &mut contexts)?;
        let conf = ServerConf::of(server).ok_or(Failed)?;
        if conf.vhost.set(vhost).is_err() {
            log!(
                server,
                Emerg,
                "AH02569: Illegal attempt to re-initialise SSL for server (SSLEngine On should go in the VirtualHost, not in global scope.)"
            );
            return Err(Failed);
        }
    }
    kin::introduce(main);
    let key_log = common.key_log.clone();
    keys.finish(main);
    start_proxies(pool, main, key_log)?;
    main.iter().for_each(|server| DirConf::mark(server, pool));
    ticket::prepare(&site, &global, &origin)?;
    for server in main.iter() {
        check_port(server);
    }
    for server in main.iter() {
        show(pool, server)?;
    }
    random::keep_for_connections(pool, &global.random_seeds);
    // The lines have become values of another form.
    for conf in main.iter().filter_map(ServerConf::of) {
        conf.declared.take();
    }
    announce(pool, main);
    let Summary { identities, read, parsed } = loader.finish();
    log!(main, Debug, "Init: {identities} identities from {read} files, {parsed} of which were new");
    // Last, because it forks: nothing must fail behind it.
    if is_first_pass() { Ok(()) } else { stapling::begin(pool, main, &staples, staple_store) }
}

/// What start-up makes of one server.
fn prepare(
    main: Server<'_>,
    server: Server<'_>,
    common: &Common<'_>,
    loader: &mut Loader,
    contexts: &mut Contexts,
) -> Result<Arc<Vhost>, Failed> {
    let conf = ServerConf::of(server).ok_or(Failed)?;
    let declared = conf.declared.borrow();
    let declared = declared.complete();
    let protocol = server.protocol().unwrap_or_default().to_string_lossy();
    let on = declared.is_enabled(&protocol);
    let id = vhost_id(&server.hostname().to_string_lossy(), server.port(), on);
    let tls = if on {
        log!(server, Info, "AH01914: Configuring server {id} for SSL protocol");
        let site = Site { main, server, id: &id, is_start: true };
        Some(context::build(&site, &declared, common, loader, contexts)?)
    } else {
        None
    };
    let strict_sni = declared.strict_sni_vhost_check.unwrap_or(false);
    let client_hello_vars = declared.client_hello_vars.unwrap_or(false);
    Ok(Arc::new(Vhost {
        id,
        server: server.slot(),
        strict_sni,
        client_hello_vars,
        handshake: declared.handshake,
        async_output: declared.async_output.unwrap_or(true),
        sni_policy: common.sni_policy,
        legacy: common.legacy,
        max_handshakes: common.max_handshakes,
        tls,
    }))
}

/// TLS to other servers.
fn start_proxies(
    pool: Pool<'_>,
    main: Server<'_>,
    key_log: Option<Arc<key_log::KeyLog>>,
) -> Result<(), Failed> {
    let contexts = &ServerConf::of(main).ok_or(Failed)?.proxy_contexts;
    contexts.log_keys(key_log);
    for server in main.iter() {
        let conf = ServerConf::of(server).ok_or(Failed)?;
        let id = Vhost::of(server).map(|vhost| vhost.id.as_str()).unwrap_or_default();
        proxy::complete_server(pool, &Site { main, server, id, is_start: true }, conf, contexts)?;
    }
    Ok(())
}

/// Shows the finished context of a server to other modules.
fn show(pool: Pool<'_>, server: Server<'_>) -> Result<(), Failed> {
    let Some(vhost) = Vhost::of(server) else { return Ok(()) };
    let Some(tls) = &vhost.tls else { return Ok(()) };
    offered::init_server(server, pool, &tls.ctx, false).map_err(|said| {
        log!(server, Emerg, "Init: ({}) another module refuses the server (init_server: {said})", vhost.id);
        Failed
    })
}

/// The library at run time should not be older than that of the build.
fn check_library(main: Server<'_>) {
    let (running, built) = (lib::version_number(), lib::BUILD_NUMBER);
    if running < built {
        log!(
            main,
            Warn,
            "AH01882: Init: this version of mod_ssl was compiled against a newer library ({} ({}), version currently loaded is 0x{running:X}) - may result in undefined or erroneous behavior",
            lib::BUILD_TEXT,
            lib::version_text()
        );
    }
}

/// `SSLCryptoDevice`; undone with the configuration.
fn use_device(pool: Pool<'_>, main: Server<'_>, id: Option<&str>) -> Result<(), Failed> {
    let Some(id) = id else { return Ok(()) };
    let fail = |message: &str, errors: &[LibraryError]| {
        log!(main, Emerg, "{message}");
        report::library_errors(main, Level::Emerg, errors);
        fatal(main, main)
    };
    let engine = match Engine::by_id(&c_string(id)) {
        Ok(engine) => engine,
        Err(errors) => {
            return fail(&format!("AH01888: Init: Failed to load Crypto Device API `{id}'"), &errors);
        }
    };
    match engine.make_default() {
        Ok(in_use) => pool.keep(in_use),
        Err(errors) => {
            return fail(&format!("AH01889: Init: Failed to enable Crypto Device API `{id}'"), &errors);
        }
    };
    log!(main, Info, "AH01890: Init: loaded Crypto Device API `{id}'");
    Ok(())
}

/// `SSLFIPS`; undone with the configuration.
fn set_fips(pool: Pool<'_>, main: Server<'_>, wanted: Option<bool>) -> Result<(), Failed> {
    struct Undo;
    impl Drop for Undo {
        fn drop(&mut self) {
            // It was off before; nobody is left to be told.
            let _ = lib::set_fips(false);
        }
    }
    if wanted == Some(true) && !lib::is_fips() {
        if let Err(errors) = lib::set_fips(true) {
            log!(main, Emerg, "AH01885: Could not enable FIPS mode");
            report::library_errors(main, Level::Emerg, &errors);
            return fatal(main, main);
        }
        pool.keep(Undo);
    }
    if lib::is_fips() {
        log!(main, Notice, "AH01884: OpenSSL has FIPS mode enabled");
    } else {
        log!(main, Debug, "AH01886: OpenSSL has FIPS mode disabled");
    }
    Ok(())
}

/// Opens the session cache; it ends with the configuration.
fn open_cache(
    pool: Pool<'_>,
    main: Server<'_>,
    conf: &ServerConf,
    spec: &CacheSpec,
    seal: Option<MacKey>,
) -> Result<Option<Arc<SessionStore>>, Failed> {
    struct End(Arc<SessionStore>, ServerSlot);
    impl Drop for End {
        fn drop(&mut self) {
            self.0.close(self.1.get());
        }
    }
    let CacheSpec::Provider { .. } = spec else {
        log!(main, Warn, "AH01873: Init: Session Cache is not configured [hint: SSLSessionCache]");
        return Ok(None);
    };
    let Some(cache) = conf.cache.take() else { return Ok(None) };
    match SessionStore::open(cache, seal, main, pool) {
        Ok(store) => {
            let store = Arc::new(store);
            pool.keep(End(Arc::clone(&store), main.slot()));
            Ok(Some(store))
        }
        Err(status) => {
            log!(main, Emerg, status => "AH01874: Could not initialize session cache. Exiting.");
            fatal(main, main)
        }
    }
}

/// Opens the cache of OCSP responses, if any server asks responders; it ends with the configuration.
fn open_responders(
    pool: Pool<'_>,
    main: Server<'_>,
    conf: &ServerConf,
    spec: &CacheSpec,
) -> Result<Arc<Responders>, Failed> {
    let asks = |conf: &ServerConf| conf.declared.borrow().ocsp.enable.is_some_and(|check| check.concerns(0));
    if !main.iter().filter_map(ServerConf::of).any(asks) {
        return Ok(Responders::alone());
    }
    match Responders::open(pool, main, conf, spec) {
        Ok(responders) => Ok(responders),
        Err(ocsp::OpenError::Default(reason)) => {
            ocsp::say_alone(main, &reason);
            Ok(Responders::alone())
        }
        Err(ocsp::OpenError::Configured(status)) => {
            log!(main, Emerg, status => "SSLOCSPCache: Could not initialize the cache of OCSP responses. Exiting.");
            fatal(main, main)
        }
    }
}

/// Ports that suggest that TLS is on where it is not meant.
fn check_port(server: Server<'_>) {
    let Some(vhost) = Vhost::of(server) else { return };
    let id = &vhost.id;
    match (server.port(), &vhost.tls) {
        (80, Some(_)) => {
            log!(
                server,
                Warn,
                "AH01915: Init: ({id}) You configured HTTPS(443) on the standard HTTP(80) port!"
            );
        }
        (443, None) => {
            log!(
                server,
                Warn,
                "AH01916: Init: ({id}) You configured HTTP(80) on the standard HTTPS(443) port!"
            );
        }
        _ => {}
    }
}

/// The token in the Server header and the line about versions.
fn announce(pool: Pool<'_>, main: Server<'_>) {
    version::add_component(pool, &version::library(&lib::version_text()));
    log!(
        main,
        Info,
        "AH01876: {} compiled against Server: {}, Library: {}",
        version::module(),
        version::server(),
        version::library(lib::BUILD_TEXT)
    );
}

/// The last line of most failures: in the main log, where it points to the log
/// that has the reason.
fn fatal<T>(main: Server<'_>, server: Server<'_>) -> Result<T, Failed> {
    match server
        .error_log_name()
        .filter(|_| server.is_virtual() && server.error_log_name() != main.error_log_name())
    {
        Some(log_name) => {
            let path = version::server_root_relative(log_name);
            log!(
                main,
                Emerg,
                "AH02311: Fatal error initialising mod_ssl, exiting. See {path} for more information"
            );
        }
        None => log!(main, Emerg, "AH02312: Fatal error initialising mod_ssl, exiting."),
    }
    error::clear();
    Err(Failed)
}
