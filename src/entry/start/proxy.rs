//! The terms of connections to other servers: a context, shared by servers and
//! sections that ask for the same, whom to believe, and what to show.

pub mod check;
mod machine;

use super::client::{check_revocation, open_trust};
use super::context::Site;
use super::key_log::KeyLog;
use super::{Failed, ciphers, fatal};
use crate::apr::Pool;
use crate::apr::pool::c_path;
use crate::config::protocol::Protocols;
use crate::config::proxy::{DEFAULT_DEPTH, ProxyConfig};
use crate::config::verify::VerifyClient;
use crate::entry::config::ServerConf;
use crate::entry::offered;
use crate::entry::proxy::events::EVENTS;
use crate::entry::proxy::{ProxyPolicy, Section, next};
use crate::entry::trust::Places;
use crate::entry::vhost::Vhost;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::request::main_server;
use crate::httpd::{Level, Server};
use crate::ossl::callback::{self, Wanted};
use crate::ossl::ctx::{SessionCacheMode, SslCtx, Verify, options};
use crate::ossl::lib::sha256;
use crate::policy::backend::Checks;
use crate::policy::verify::Terms;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// What a context is known by: the settings, whether steps of handshakes are
/// logged, and the server if other modules look at its contexts.
type Key = (ProxyConfig, bool, Option<usize>);

/// The contexts of one configuration. Sections come after start-up, so it keeps
/// what they need.
#[derive(Default)]
pub struct ProxyContexts {
    made: RefCell<HashMap<Key, Arc<ProxyPolicy>>>,
    key_log: RefCell<Option<Arc<KeyLog>>>,
}

impl ProxyContexts {
    /// Where key material of all contexts goes.
    pub fn log_keys(&self, key_log: Option<Arc<KeyLog>>) {
        self.key_log.replace(key_log);
    }

    fn policy(&self, site: &Site<'_>, declared: &ProxyConfig) -> Result<Arc<ProxyPolicy>, Failed> {
        let states = site.server.logs(Level::Debug);
        let alone = offered::wants_contexts().then(|| site.server.as_ptr().addr());
        match self.made.borrow_mut().entry((declared.clone(), states, alone)) {
            Entry::Occupied(known) => {
                log!(site.server, Trace1, "Sharing the SSL context for backends of {}", known.get().made_for);
                Ok(Arc::clone(known.get()))
            }
            Entry::Vacant(place) => {
                let policy = Arc::new(make(site, declared, states, self.key_log.borrow().clone())?);
                next::expect();
                Ok(Arc::clone(place.insert(policy)))
            }
        }
    }
}

/// The settings of a server, as far as no section has others.
fn declared(conf: &ServerConf) -> ProxyConfig {
    conf.proxy.borrow().as_deref().cloned().unwrap_or_default()
}

/// Makes the terms for a server, when TLS to others is on there.
pub fn complete_server(
    pool: Pool<'_>,
    site: &Site<'_>,
    conf: &ServerConf,
    contexts: &ProxyContexts,
) -> Result<(), Failed> {
    let declared = declared(conf);
    if !declared.is_enabled() {
        return Ok(());
    }
    let policy = contexts.policy(site, &declared)?;
    show(pool, site, &policy)?;
    // There is one start for each configuration.
    let _ = conf.proxy_policy.set(policy);
    Ok(())
}

/// Makes the terms for a `<Proxy>` section, with the settings of the server
/// where it has none.
pub fn complete_section(pool: Pool<'_>, server: Server<'_>, section: &Section) -> Result<(), Failed> {
    if section.is_complete(server) {
        return Ok(());
    }
    let main = main_server().ok_or(Failed)?;
    let conf = ServerConf::of(server).ok_or(Failed)?;
    let contexts = &ServerConf::of(main).ok_or(Failed)?.proxy_contexts;
    let declared = ProxyConfig::merge(&declared(conf), &section.declared());
    let policy = if declared.is_enabled() {
        let id = Vhost::of(server).ok_or(Failed)?.id.clone();
        let site = Site { main, server, id: &id, is_start: true };
        let policy = contexts.policy(&site, &declared).inspect_err(|_| {
            log!(server, Emerg, "Init: ({id}) the settings of {} cannot be used", section.title);
        })?;
        show(pool, &site, &policy)?;
        Some(policy)
    } else {
        None
    };
    section.complete(server, policy);
    Ok(())
}

/// Shows a finished context to other modules.
fn show(pool: Pool<'_>, site: &Site<'_>, policy: &ProxyPolicy) -> Result<(), Failed> {
    offered::init_server(site.server, pool, &policy.ctx, true).or_else(|said| {
        let id = site.id;
        log!(
            site.server,
            Emerg,
            "Init: ({id}) another module refuses the proxy context (init_server: {said})"
        );
        fatal(site.main, site.server)
    })
}

fn make(
    site: &Site<'_>,
    declared: &ProxyConfig,
    states: bool,
    key_log: Option<Arc<KeyLog>>,
) -> Result<ProxyPolicy, Failed> {
    let protocols = declared.protocol.unwrap_or(Protocols::DEFAULT);
    let Some((min, max)) = protocols.range() else {
        return site.fail("AH02231: No SSL protocols available [hint: SSLProtocol]", &[]);
    };
    log!(site.server, Trace3, "Creating new SSL context for backends (protocols: {})", protocols.names());
    let ctx = match SslCtx::client() {
        Ok(ctx) => ctx,
        Err(errors) => return site.fail("Unable to create an SSL context for backends", &errors),
    };
    if let Err(errors) = ctx.set_protocol_range(min, max) {
        return site.fail("Unable to set the protocol versions for backends", &errors);
    }
    ctx.set_modes();
    ctx.set_options(options::ALL | options::NO_SESSION_RESUMPTION_ON_RENEGOTIATION | options::NO_COMPRESSION);
    ctx.set_session_cache_mode(SessionCacheMode::Client);
    callback::install_client(&ctx, &EVENTS, Wanted { sessions: true, states, keys: key_log.is_some() });
    let (list, suites) = (declared.cipher_suite.as_deref(), declared.cipher_suite_tls13.as_deref());
    ciphers::set(site, &ctx, list, suites, " for backends")?;
    let Some(digest) = sha256(format!("{declared:?}").as_bytes()) else {
        return site.fail("Unable to compute a digest", &[]);
    };
    let checks = checks(declared);
    // Whatever is wrong is told to our functions, which know what may be.
    ctx.verify_with_events(Verify::PEER);
    load_authorities(site, &ctx, declared)?;
    let has_lists = declared.ca_revocation_file.is_some() || declared.ca_revocation_path.is_some();
    check_revocation(site, "SSLProxy", checks.chain.crl, has_lists)?;
    let machine::Loaded { pairs, trusted } = machine::load(site, &ctx, declared)?;
    let trust = open_trust(site, Places::of_backends(declared, trusted))?;
    let policy = ProxyPolicy::new(ctx, site.id, site.server.slot(), checks, digest);
    Ok(policy.with(trust, pairs, key_log))
}

fn checks(declared: &ProxyConfig) -> Checks {
    Checks {
        chain: Terms {
            mode: declared.verify.unwrap_or_default(),
            depth: declared.verify_depth.unwrap_or(DEFAULT_DEPTH),
            crl: declared.ca_revocation_check.unwrap_or_default(),
        },
        name: declared.name_check(),
        expire: declared.check_peer_expire.unwrap_or(true),
    }
}

/// The context gets the CAs as well: the library completes chains of our own
/// certificates with them.
fn load_authorities(site: &Site<'_>, ctx: &SslCtx, declared: &ProxyConfig) -> Result<(), Failed> {
    let (file, path) = (declared.ca_certificate_file.as_ref(), declared.ca_certificate_path.as_ref());
    if file.is_some() || path.is_some() {
        let (file, path) = (file.map(|file| c_path(file)), path.map(|path| c_path(path)));
        return ctx.load_authorities(file.as_deref(), path.as_deref()).or_else(|errors| {
            site.fail("AH01895: Unable to configure verify locations for client authentication", &errors)
        });
    }
    if declared.verify == Some(VerifyClient::Require) {
        log!(
            site.server,
            Warn,
            "AH01897: Init: Oops, you want to request client authentication, but no CAs are known for verification!?  [Hint: SSLCACertificate*]"
        );
    }
    Ok(())
}
