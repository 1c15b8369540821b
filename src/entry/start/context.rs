//! The terms of one server: a context, shared with all servers whose
//! configuration asks for the same, and the identities.

use super::certificates::{self, Sources};
use super::client;
use super::parameters::{self, Source, Taken};
use super::providers::{self, Completed};
use super::{Common, Failed, ciphers, fatal, stapling, ticket};
use crate::apr::pool::{c_path, c_string};
use crate::config::cache_spec::CacheSpec;
use crate::config::ocsp::{OcspCheck, OcspConfig};
use crate::config::protocol::Protocols;
use crate::config::server::ServerConfig;
use crate::entry::events::EVENTS;
use crate::entry::identities::Loader;
use crate::entry::ocsp::{Checker, NoDigest, Responders};
use crate::entry::report;
use crate::entry::vhost::{Policy, Tls};
use crate::entry::{offered, trust};
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Level, Server, version};
use crate::ossl::callback::{self, Wanted};
use crate::ossl::conf_cmd::{self, ApplyError, ValueKind};
use crate::ossl::ctx::{SessionCacheMode, SslCtx, options};
use crate::ossl::error::LibraryError;
use crate::ossl::identity::Identity;
use crate::ossl::lib;
use crate::ossl::load::{self, CertificateError};
use crate::ossl::srp::{self, OpenError, Verifiers};
use crate::ossl::ssl::Ssl;
use crate::policy::vhost::{AuthGroup, Files, Places, ServerIdentity};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

/// Seconds, without `SSLSessionCacheTimeout`.
const SESSION_TIMEOUT: i64 = 300;
/// Seconds, with `SSLSessionCacheTimeout 0`: OpenSSL's own choice.
const LIBRARY_TIMEOUT: i64 = 7200;

/// The place and the names of one server, for messages.
pub struct Site<'s> {
    /// The main server.
    pub main: Server<'s>,
    /// The server.
    pub server: Server<'s>,
    /// Its id.
    pub id: &'s str,
    /// Whether a failure ends the start. If not, there may be more to find.
    pub is_start: bool,
}

impl Site<'_> {
    /// Logs a failure with the library's reasons and ends the start.
    pub fn fail<T>(&self, message: &str, errors: &[LibraryError]) -> Result<T, Failed> {
        log!(self.server, Emerg, "{message}");
        report::library_errors(self.server, Level::Emerg, errors);
        self.end()
    }

    /// The last line of most failures of a start.
    pub fn end<T>(&self) -> Result<T, Failed> {
        if self.is_start { fatal(self.main, self.server) } else { Err(Failed) }
    }

    /// As [`Site::fail`], for failures whose line is the last one.
    pub fn fail_here<T>(&self, message: &str, errors: &[LibraryError]) -> Result<T, Failed> {
        log!(self.server, Emerg, "{message}");
        report::library_errors(self.server, Level::Emerg, errors);
        Err(Failed)
    }
}

/// The contexts of one pass over the configuration.
#[derive(Default)]
pub struct Contexts(HashMap<(ServerConfig, Vec<u8>, bool, Option<usize>), Terms>);

/// A context in the making, or made.
pub struct Terms {
    policy: Arc<Policy>,
    /// Says what a connection would take.
    probe: Ssl,
    /// The identities that it took; by address, and kept, because the probe has their keys.
    accepted: HashMap<*const Identity, Arc<Identity>>,
    /// The parameters for key exchange that it took.
    parameters: Taken,
}

impl Terms {
    /// Whether connections of this context can show the identity. A context
    /// says so once for each.
    pub fn accept(&mut self, identity: &Arc<Identity>) -> Result<(), Vec<LibraryError>> {
        if !self.accepted.contains_key(&Arc::as_ptr(identity)) {
            identity.install(&self.probe)?;
            self.accepted.insert(Arc::as_ptr(identity), Arc::clone(identity));
        }
        Ok(())
    }

    /// Whether commands of the library have loaded a certificate with its key.
    fn has_own_pair(&self, declared: &ServerConfig) -> bool {
        declared.has_certificate_commands() && self.policy.ctx.has_key_pair()
    }

    /// Puts the identities of the first server into the context: its
    /// connections have them from the start.
    fn adopt(&self, site: &Site<'_>, identities: &[Arc<Identity>]) -> Result<(), Failed> {
        if self.policy.own_identities.get().is_some() {
            return Ok(());
        }
        for identity in identities {
            if let Err(errors) = self.policy.ctx.add_identity(identity) {
                return site.fail(&format!("Unable to use a certificate of {}", site.id), &errors);
            }
        }
        let _ = self.policy.own_identities.set(identities.to_vec());
        Ok(())
    }
}

impl Contexts {
    /// The context for what a server declares.
    fn terms(
        &mut self,
        site: &Site<'_>,
        declared: &ServerConfig,
        common: &Common<'_>,
        loader: &mut Loader,
    ) -> Result<&mut Terms, Failed> {
        let states = site.server.logs(Level::Debug);
        // Whatever another module does to a context is meant for one server.
        let alone = offered::wants_contexts().then(|| site.server.as_ptr().addr());
        let source = parameters::find(loader, declared);
        let parameters = source.as_ref().map_or(Vec::new(), |source| source.key().to_vec());
        let terms = match self.0.entry((declared.context_key(), parameters, states, alone)) {
            Entry::Occupied(known) => {
                log!(site.server, Trace1, "Sharing the SSL context of {}", known.get().policy.made_for);
                known.into_mut()
            }
            Entry::Vacant(place) => {
                place.insert(make(site, declared, common, states, loader, source.as_ref())?)
            }
        };
        terms.parameters.log(site, source.as_ref());
        Ok(terms)
    }
}

/// Looks at everything that [`build`] would use, as far as it goes, and says how
/// much there is to mend. What it is has been logged.
pub fn check(
    site: &Site<'_>,
    declared: &ServerConfig,
    common: &Common<'_>,
    loader: &mut Loader,
    contexts: &mut Contexts,
) -> usize {
    // Other modules are not asked for certificates: they have not started, and some are not prepared for it.
    let terms = contexts.terms(site, declared, common, loader);
    let failures = usize::from(terms.is_err());
    if terms.is_err() {
        let (id, place) = (site.id, site.server.defined_at());
        log!(site.server, Error, "SSL_CHECK: the settings of {id}{place} cannot be used");
    }
    let mut terms = terms.ok();
    if terms.as_ref().is_some_and(|terms| terms.has_own_pair(declared)) {
        return failures;
    }
    if declared.certificate_files.is_empty() && version::is_loaded(c"mod_md.c") {
        log!(site.server, Warn, "SSL_CHECK: certificates of mod_md for {} are not looked at", site.id);
        return failures;
    }
    if declared.certificate_files.is_empty() {
        log!(site.server, Emerg, "{}", no_pair(site));
        return failures + 1;
    }
    let mut identities = Vec::new();
    let mut sources = Sources { terms: terms.as_deref_mut(), loader, keys: common.keys };
    let failures = failures + certificates::check(site, &mut sources, declared, &mut identities);
    let ctx = terms.map(|terms| &terms.policy.ctx).filter(|_| !identities.is_empty());
    failures + ctx.map_or(0, |ctx| stapling::check(site, common, ctx, &identities, declared))
}

fn no_pair(site: &Site<'_>) -> String {
    format!("AH02572: Failed to configure at least one certificate and key for {}", site.id)
}

/// Builds the TLS side of a server.
pub fn build(
    site: &Site<'_>,
    declared: &ServerConfig,
    common: &Common<'_>,
    loader: &mut Loader,
    contexts: &mut Contexts,
) -> Result<Tls, Failed> {
    let Completed { config: declared, fallback } = providers::complete(common.pool, site, declared);
    let declared = &declared;
    let terms = contexts.terms(site, declared, common, loader)?;
    let identities = if declared.has_certificate_commands() {
        // They are in the context, where the commands can replace them.
        Vec::new()
    } else {
        let mut sources = Sources { terms: Some(&mut *terms), loader, keys: common.keys };
        let identities = certificates::load(site, &mut sources, declared)?;
        terms.adopt(site, &identities)?;
        identities
    };
    if identities.is_empty() && !terms.has_own_pair(declared) {
        return site.fail(&no_pair(site), &[]);
    }
    let Some(session_context) = lib::md5_hex(site.id.as_bytes()) else {
        return site.fail("Unable to compute a digest", &[]);
    };
    let staples = stapling::prepare(site, common, &terms.policy.ctx, &identities, declared)?;
    Ok(Tls {
        policy: Arc::clone(&terms.policy),
        identities,
        fallback,
        staples,
        session_context,
        kin: OnceLock::new(),
        identity: identity(declared, loader),
        auth: auth_group(declared),
    })
}

/// Makes a context, in the order in which settings depend on each other:
/// ciphers decide which keys are strong enough.
fn make(
    site: &Site<'_>,
    declared: &ServerConfig,
    common: &Common<'_>,
    states: bool,
    loader: &mut Loader,
    source: Option<&Source<'_>>,
) -> Result<Terms, Failed> {
    let server = site.server;
    let protocols = declared.protocol.unwrap_or(Protocols::DEFAULT);
    let Some((min, max)) = protocols.range() else {
        return site.fail("AH02231: No SSL protocols available [hint: SSLProtocol]", &[]);
    };
    log!(server, Trace3, "Creating new SSL context (protocols: {})", protocols.names());
    let ctx = match SslCtx::server() {
        Ok(ctx) => ctx,
        Err(errors) => return site.fail("Unable to create an SSL context", &errors),
    };
    if let Err(errors) = ctx.set_protocol_range(min, max) {
        return site.fail("Unable to set the protocol versions", &errors);
    }
    set_options(&ctx, declared);
    set_sessions(site, &ctx, declared, common);
    log!(server, Debug, "AH01893: Configuring TLS extension handling");
    callback::install(
        &ctx,
        &EVENTS,
        Wanted { sessions: common.store.is_some(), states, keys: common.key_log.is_some() },
    );
    let (list, suites) = (declared.cipher_suite.as_deref(), declared.cipher_suite_tls13.as_deref());
    ciphers::set(site, &ctx, list, suites, "")?;
    let parameters = parameters::apply(&ctx, source);
    let trust = client::configure(site, &ctx, declared)?;
    let srp = open_verifiers(site, &ctx, declared)?;
    let ticket_keys = ticket::install(site, &ctx, declared)?;
    let ocsp = ocsp_checker(site, &declared.ocsp, &common.responders)?;
    let probe = match Ssl::unconnected(&ctx) {
        Ok(probe) => probe,
        Err(errors) => return site.fail("Unable to create an SSL connection", &errors),
    };
    let Some(digest) = digest(declared, source, loader) else {
        return site.fail("Unable to compute a digest", &[]);
    };
    let policy = Arc::new(Policy {
        ctx,
        made_for: site.id.to_owned(),
        own_identities: OnceLock::new(),
        protocols: OnceLock::new(),
        digest,
        ticket_keys,
        srp,
        ocsp,
        verify: client::terms(declared),
        trust,
        key_log: common.key_log.clone(),
        session_timeout: common.ticket_limits.timeout(declared),
        sessions: common.store.clone(),
        server: server.slot(),
    });
    // Lets callbacks that only get the context find the rest.
    policy.ctx.set_app_data(NonNull::from(policy.as_ref()).cast());
    let mut terms = Terms { policy, probe, accepted: HashMap::new(), parameters };
    if declared.has_certificate_commands() {
        let mut sources = Sources { terms: Some(&mut terms), loader, keys: common.keys };
        let identities = certificates::load(site, &mut sources, declared)?;
        terms.adopt(site, &identities)?;
    }
    apply_conf_cmds(site, &terms.policy.ctx, declared)?;
    // Commands can name versions, too.
    let range = terms.policy.ctx.protocol_range();
    if declared.protocol.is_some() || range != (min, max) {
        let _ = terms.policy.protocols.set(range);
    }
    Ok(terms)
}

fn set_options(ctx: &SslCtx, declared: &ServerConfig) {
    ctx.set_modes();
    let mut bits = options::ALL
        | options::NO_SESSION_RESUMPTION_ON_RENEGOTIATION
        | options::NO_RENEGOTIATION
        | options::IGNORE_UNEXPECTED_EOF;
    for (set, bit) in [
        (!declared.compression.unwrap_or(false), options::NO_COMPRESSION),
        (declared.honor_cipher_order.unwrap_or(false), options::CIPHER_SERVER_PREFERENCE),
        (!declared.session_tickets.unwrap_or(true), options::NO_TICKET),
        (declared.insecure_renegotiation.unwrap_or(false), options::ALLOW_UNSAFE_LEGACY_RENEGOTIATION),
    ] {
        if set {
            bits |= bit;
        }
    }
    ctx.set_options(bits);
}

/// How long sessions may be resumed, in seconds.
pub fn session_timeout(declared: &ServerConfig) -> i64 {
    match declared.session_cache_timeout {
        None => SESSION_TIMEOUT,
        Some(0) => LIBRARY_TIMEOUT,
        Some(seconds) => seconds,
    }
}

fn set_sessions(site: &Site<'_>, ctx: &SslCtx, declared: &ServerConfig, common: &Common<'_>) {
    let cache = common.cache;
    let (wanted, timeout) = (session_timeout(declared), common.ticket_limits.timeout(declared));
    if timeout < wanted {
        log!(
            site.server,
            Notice,
            "SSLSessionCacheTimeout: sessions of {} live {timeout} seconds, as long as their tickets can be opened",
            site.id
        );
    }
    let mode = if cache.gives_ids() { SessionCacheMode::External } else { SessionCacheMode::Off };
    ctx.set_session_cache_mode(mode);
    ctx.set_session_timeout(timeout);
    let stored = matches!(cache, CacheSpec::Provider { .. });
    if !stored && !declared.session_tickets.unwrap_or(true) {
        // Without tickets and without a cache nothing could be resumed.
        ctx.set_num_tickets(0);
    }
}

/// `SSLSRPVerifierFile`.
fn open_verifiers(
    site: &Site<'_>,
    ctx: &SslCtx,
    declared: &ServerConfig,
) -> Result<Option<Arc<Verifiers>>, Failed> {
    let Some(file) = &declared.srp_verifier_file else { return Ok(None) };
    log!(site.server, Debug, "AH02308: Using SRP verifier file [{}]", file.display());
    let seed = declared.srp_unknown_user_seed.as_deref().map(c_string);
    crate::ossl::error::clear();
    let opened = Verifiers::open(&c_path(file), seed.as_deref());
    let unable = || {
        let which = if seed.is_some() { "with" } else { "without" };
        format!("AH02309: Unable to initialize SRP verifier structure [{which} seed]")
    };
    match opened {
        Ok(verifiers) if srp::answer_logins(ctx) => Ok(Some(Arc::new(verifiers))),
        Ok(_) | Err(OpenError::Structure) => site.fail(&unable(), &crate::ossl::error::drain()),
        Err(OpenError::File(reason)) => site.fail(
            &format!("AH02310: Unable to load SRP verifier file [error {reason}]"),
            &crate::ossl::error::drain(),
        ),
    }
}

/// `SSLOCSPResponderCertificateFile` is read whether or not there are checks: a mistake in it must not wait.
fn ocsp_checker(
    site: &Site<'_>,
    config: &OcspConfig,
    responders: &Arc<Responders>,
) -> Result<Option<Checker>, Failed> {
    let checker = |trusted| match Checker::new(config, trusted, responders) {
        Err(NoDigest) => site.fail("Unable to compute a digest", &[]),
        Ok(checker) => Ok(checker),
    };
    let Some(file) = &config.responder_certificate_file else { return checker(Vec::new()) };
    log!(site.server, Trace1, "Configuring Trusted OCSP certificates");
    match load::certificates(file) {
        Ok(trusted) => checker(trusted),
        Err(error) => {
            let message = "Unable to configure OCSP Trusted Certificates";
            let (shown, errors) = (
                file.display(),
                match &error {
                    CertificateError::Malformed(errors) => &errors[..],
                    CertificateError::Unreadable(_) => &[],
                },
            );
            site.fail(&format!("{message}: {shown}: {error}"), errors)
        }
    }
}

fn apply_conf_cmds(site: &Site<'_>, ctx: &SslCtx, declared: &ServerConfig) -> Result<(), Failed> {
    let cmds = &declared.openssl_conf_cmds;
    if cmds.is_empty() {
        return Ok(());
    }
    let texts: Vec<(CString, CString)> =
        cmds.iter().map(|cmd| (c_string(&cmd.name), c_string(&cmd.value))).collect();
    let outcome = conf_cmd::apply(
        ctx,
        texts.iter().map(|(name, value)| (name.as_c_str(), value.as_c_str())),
        |index| {
            log!(
                site.server,
                Debug,
                "AH02556: \"SSLOpenSSLConfCmd {} {}\" applied to {}",
                cmds[index].name,
                cmds[index].value,
                site.id
            );
        },
    );
    match outcome {
        Ok(()) => Ok(()),
        Err(ApplyError::Command(index, errors)) => {
            let (name, value) = (&cmds[index].name, &cmds[index].value);
            site.fail(
                &format!("AH02407: \"SSLOpenSSLConfCmd {name} {value}\" failed for {}", site.id),
                &errors,
            )
        }
        Err(ApplyError::Finish(errors)) => site.fail("AH02547: SSL_CONF_CTX_finish() failed", &errors),
    }
}

fn auth_group(declared: &ServerConfig) -> AuthGroup {
    AuthGroup {
        verify: client::terms(declared),
        ca_certificates: pair(&declared.ca_certificate_file, &declared.ca_certificate_path),
        ca_names: pair(&declared.ca_dn_request_file, &declared.ca_dn_request_path),
        revocation_lists: pair(&declared.ca_revocation_file, &declared.ca_revocation_path),
        srp_verifier_file: declared.srp_verifier_file.clone(),
        // No line is the same as "off".
        ocsp: declared.ocsp.enable.filter(|check| *check != OcspCheck::default()),
        ocsp_override_responder: declared.ocsp.override_responder.unwrap_or(false),
        ocsp_default_responder: declared.ocsp.default_responder.clone(),
        conf_cmds: declared.openssl_conf_cmds.clone(),
    }
}

fn pair(file: &Option<PathBuf>, path: &Option<PathBuf>) -> Places {
    Places { file: file.clone(), path: path.clone() }
}

fn identity(declared: &ServerConfig, loader: &mut Loader) -> ServerIdentity {
    let certificates = loader.file_ids(&declared.certificate_files);
    let keys = loader.file_ids(&declared.certificate_key_files);
    ServerIdentity {
        protocols: declared.protocol.unwrap_or(Protocols::DEFAULT),
        cipher_suite: declared.cipher_suite.clone(),
        cipher_suite_tls13: declared.cipher_suite_tls13.clone(),
        files: Files::of(certificates, keys, lib::sha256),
    }
}

/// Digest of everything but the certificates that decides a handshake: what
/// sessions are bound to.
fn digest(declared: &ServerConfig, source: Option<&Source<'_>>, loader: &mut Loader) -> Option<[u8; 32]> {
    let mut bytes = Vec::new();
    let mut add = |field: &[u8]| {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    };
    add(&[declared.protocol.unwrap_or(Protocols::DEFAULT).bits()]);
    for list in [&declared.cipher_suite, &declared.cipher_suite_tls13] {
        add(&[u8::from(list.is_some())]);
        add(list.as_deref().unwrap_or_default().as_bytes());
    }
    for cmd in &declared.openssl_conf_cmds {
        add(cmd.name.to_ascii_lowercase().as_bytes());
        add(cmd.value.as_bytes());
        // Whom a file lets in is decided by what is in it: nobody comes back by a session.
        match conf_cmd::value_kind(&c_string(&cmd.name)) {
            Some(ValueKind::File) => add(loader.file_id(Path::new(&cmd.value)).as_bytes()),
            Some(ValueKind::Dir) => {
                for (name, contents) in loader.folder_ids(Path::new(&cmd.value)) {
                    add(name.as_os_str().as_encoded_bytes());
                    add(contents.as_bytes());
                }
            }
            Some(ValueKind::Text) | None => {}
        }
    }
    add(source.map_or(&[], Source::key));
    // Whom responders speak for at one server, they may not at another one.
    add(format!("{:?}", declared.ocsp).as_bytes());
    for trusted in loader.file_ids(declared.ocsp.responder_certificate_file.as_slice()) {
        add(trusted.as_bytes());
    }
    // Who was taken from the file must not come back by a session.
    for users in loader.file_ids(declared.srp_verifier_file.as_slice()) {
        add(users.as_bytes());
    }
    let terms = client::terms(declared);
    let (_, revocation) = terms.crl.describe();
    add(terms.mode.name().as_bytes());
    add(&terms.depth.to_be_bytes());
    add(&revocation.to_be_bytes());
    for (file, path) in [
        (&declared.ca_certificate_file, &declared.ca_certificate_path),
        (&declared.ca_dn_request_file, &declared.ca_dn_request_path),
        (&declared.ca_revocation_file, &declared.ca_revocation_path),
    ] {
        let mut files: Vec<_> = file.iter().cloned().collect();
        add(path.as_deref().unwrap_or(Path::new("")).as_os_str().as_encoded_bytes());
        files.extend(path.iter().flat_map(|path| trust::files_of(path).unwrap_or_default()));
        for contents in loader.file_ids(&files) {
            add(contents.as_bytes());
        }
    }
    lib::sha256(&bytes)
}
