//! Which certificates are stapled, and by whom.

use super::context::Site;
use super::{Common, Failed, fatal};
use crate::apr::Pool;
use crate::apr::pool::c_string;
use crate::config::cache_spec::CacheSpec;
use crate::config::http_url::{HttpUrl, UrlError};
use crate::config::server::ServerConfig;
use crate::config::vhost_id::key_id;
use crate::entry::config::ServerConf;
use crate::entry::stapling::cache::StapleStore;
use crate::entry::stapling::staple::{Id, Key, Origin, Staple, id_of, key_of, read_file};
use crate::entry::stapling::{self, Source, Staples};
use crate::entry::{offered, report};
use crate::httpd::log::log;
use crate::httpd::{Level, Server, providers, version};
use crate::ossl::callback;
use crate::ossl::ctx::SslCtxRef;
use crate::ossl::error::LibraryError;
use crate::ossl::identity::Identity;
use crate::ossl::ocsp::{self, Query};
use crate::ossl::staple;
use crate::ossl::x509;
use openssl::x509::X509;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is stapled in a configuration, each certificate once, however many servers have it.
pub struct Registry {
    has_cache: bool,
    staples: RefCell<HashMap<Key, Arc<Staple>>>,
    /// In the order in which servers name them.
    order: RefCell<Vec<Arc<Staple>>>,
    /// Certificates of which has been said that nothing is stapled.
    told: RefCell<HashSet<Id>>,
    /// `SSLStaplingFile`, and whether it is about a certificate of a server.
    files: RefCell<HashMap<PathBuf, bool>>,
}

/// Why a certificate is not stapled by this module.
enum Lack {
    /// `SSLUseStapling` is not on.
    Off,
    /// Nobody is known who could be asked.
    Responder,
    /// Whoever is known cannot be asked.
    Url(String, UrlError),
    /// There is no question without an issuer.
    Issuer,
    /// There is no question; the library's reasons.
    Query(Vec<LibraryError>),
}

impl Registry {
    /// For a configuration with this `SSLStaplingCache`.
    #[must_use]
    pub fn new(cache: &CacheSpec) -> Self {
        Self {
            has_cache: *cache != CacheSpec::Unset,
            staples: RefCell::default(),
            order: RefCell::default(),
            told: RefCell::default(),
            files: RefCell::default(),
        }
    }

    /// The staple for a certificate with these settings.
    fn staple(&self, key: Key, make: impl FnOnce() -> Staple) -> Arc<Staple> {
        let mut staples = self.staples.borrow_mut();
        let staple = staples.entry(key).or_insert_with(|| {
            let staple = Arc::new(make());
            self.order.borrow_mut().push(Arc::clone(&staple));
            staple
        });
        Arc::clone(staple)
    }

    /// Says which files are about no certificate of any server, and how many.
    pub fn finish(&self, main: Server<'_>) -> usize {
        let files = self.files.borrow();
        let lost: BTreeSet<&PathBuf> =
            files.iter().filter(|(_, used)| !**used).map(|(file, _)| file).collect();
        for file in &lost {
            log!(
                main,
                Error,
                "SSLStaplingFile: {} holds no OCSP response about a certificate of a server that names it",
                file.display()
            );
        }
        lost.len()
    }
}

/// One certificate of a server.
struct Candidate {
    name: String,
    id: Id,
    certificate: X509,
    issuer: Option<X509>,
}

/// All certificates of a server, with their issuers if those are known. Without `identities` they are those of
/// the context.
fn candidates(site: &Site<'_>, ctx: &SslCtxRef, identities: &[Arc<Identity>]) -> Vec<Candidate> {
    let certificates = if identities.is_empty() {
        ctx.certificates()
    } else {
        let with_issuer =
            |identity: &Arc<Identity>| (identity.certificate().to_owned(), ctx.issuer(identity));
        identities.iter().map(with_issuer).collect()
    };
    let candidate = |(index, (certificate, issuer)): (usize, (X509, Option<X509>))| {
        Some(Candidate { name: key_id(site.id, index), id: id_of(&certificate)?, certificate, issuer })
    };
    certificates.into_iter().enumerate().filter_map(candidate).collect()
}

/// Offers every certificate of a server to those who may have responses, prepares to fetch them for the others
/// where `SSLUseStapling` is on, and makes the context staple.
pub fn prepare(
    site: &Site<'_>,
    common: &Common<'_>,
    ctx: &SslCtxRef,
    identities: &[Arc<Identity>],
    declared: &ServerConfig,
) -> Result<Staples, Failed> {
    let is_on = declared.stapling.is_on();
    if lacks_cache(common.staples, declared) {
        return site.fail(NO_CACHE, &[]);
    }
    if is_on {
        log!(site.server, Debug, "AH01960: OCSP stapling initialized");
    }
    let mut staples = Staples { is_on, sources: Vec::new() };
    for candidate in candidates(site, ctx, identities) {
        let id = candidate.id;
        if let Some(source) = offer(common.pool, site.server, &candidate) {
            if !is_on {
                log!(site.server, Debug, "AH10177: OCSP stapling added via hook");
            }
            staples.sources.push((id, source));
            continue;
        }
        match own(site, common.staples, &candidate, declared) {
            Ok(staple) => staples.sources.push((id, Source::Own(staple))),
            Err(lack) => {
                tell(site, common.staples, &candidate, &lack);
            }
        }
    }
    if is_on || !staples.sources.is_empty() {
        callback::answer_status(ctx);
    }
    Ok(staples)
}

/// As [`prepare`], without other modules and without consequences: how much there is to mend.
pub fn check(
    site: &Site<'_>,
    common: &Common<'_>,
    ctx: &SslCtxRef,
    identities: &[Arc<Identity>],
    declared: &ServerConfig,
) -> usize {
    let mut found = 0;
    if lacks_cache(common.staples, declared) {
        log!(site.server, Emerg, "{NO_CACHE}");
        found += 1;
    }
    for candidate in candidates(site, ctx, identities) {
        match own(site, common.staples, &candidate, declared) {
            Ok(_) => {}
            // mod_md may staple it.
            Err(Lack::Off | Lack::Responder) if version::is_loaded(c"mod_md.c") => {}
            Err(lack) => found += usize::from(tell(site, common.staples, &candidate, &lack)),
        }
    }
    found
}

const NO_CACHE: &str = "AH01958: SSLStapling: no stapling cache available";

/// Whoever brings responses in files does not need one.
fn lacks_cache(registry: &Registry, declared: &ServerConfig) -> bool {
    declared.stapling.is_on() && declared.stapling.files.is_empty() && !registry.has_cache
}

fn offer(pool: Pool<'_>, server: Server<'_>, candidate: &Candidate) -> Option<Source> {
    // Without the issuer there can be no request for a response.
    let (certificate, issuer) = (&candidate.certificate, candidate.issuer.as_ref()?);
    let mut pem = certificate.to_pem().ok()?;
    pem.extend(issuer.to_pem().ok()?);
    if providers::prime_ocsp(server, pool, &candidate.id, &c_string(&pem)) {
        return Some(Source::Httpd);
    }
    offered::init_stapling_status(server, pool, certificate, issuer).then_some(Source::Offered)
}

/// What this module staples.
fn own(
    site: &Site<'_>,
    registry: &Registry,
    candidate: &Candidate,
    declared: &ServerConfig,
) -> Result<Arc<Staple>, Lack> {
    let config = &declared.stapling;
    if !config.is_on() {
        return Err(Lack::Off);
    }
    let origin = match file_about(site, registry, candidate, &config.files) {
        Some(file) => Origin::File(file),
        None => responder(candidate, declared)?,
    };
    let issuer = candidate.issuer.as_ref().ok_or(Lack::Issuer)?;
    let certificate = &candidate.certificate;
    let terms = config.terms();
    let key = key_of(certificate, issuer, &origin, &terms).ok_or_else(|| Lack::Query(Vec::new()))?;
    let query = Query::new(certificate, issuer, false).map_err(Lack::Query)?;
    Ok(registry.staple(key, || {
        Staple::new(
            (candidate.id, key),
            (candidate.name.clone(), site.server.slot()),
            (certificate.clone(), issuer.clone(), query),
            (origin, terms),
        )
    }))
}

fn responder(candidate: &Candidate, declared: &ServerConfig) -> Result<Origin, Lack> {
    let forced = declared.stapling.force_url.clone();
    let text = forced.or_else(|| ocsp::responder(&candidate.certificate)).ok_or(Lack::Responder)?;
    match HttpUrl::parse(&text) {
        Ok(url) => Ok(Origin::Responder { url, proxy: declared.ocsp.proxy_url.clone() }),
        Err(error) => Err(Lack::Url(text, error)),
    }
}

/// The first of the files whose response is about the certificate.
fn file_about(
    site: &Site<'_>,
    registry: &Registry,
    candidate: &Candidate,
    files: &[PathBuf],
) -> Option<PathBuf> {
    let issuer = candidate.issuer.as_ref()?;
    for file in files {
        registry.files.borrow_mut().entry(file.clone()).or_insert(false);
    }
    let query = Query::new(&candidate.certificate, issuer, false).ok()?;
    let file = files.iter().find(|file| is_about(file, &query))?;
    registry.files.borrow_mut().insert(file.clone(), true);
    let (key_id, server) = (&candidate.name, site.server);
    log!(server, Debug, "SSLStaplingFile: {} is about the certificate {key_id}", file.display());
    Some(file.clone())
}

/// Whether the response in a file is about the certificate, be it out of date or signed by whomever: that is
/// looked at when it is stapled.
fn is_about(file: &Path, query: &Query) -> bool {
    read_file(file).is_ok_and(|response| ocsp::is_about(query, &response))
}

/// Says why a certificate is not stapled, and whether that is something to mend. What concerns the certificate alone
/// is said once.
fn tell(site: &Site<'_>, registry: &Registry, candidate: &Candidate, lack: &Lack) -> bool {
    let (server, name) = (site.server, &candidate.name);
    let tail = || x509::log_tail(&candidate.certificate);
    let is_news = registry.told.borrow_mut().insert(candidate.id);
    let unable = || log!(server, Error, "AH02604: Unable to configure certificate {name} for stapling");
    match lack {
        Lack::Off => {}
        Lack::Responder if is_news => {
            let what =
                "AH02218: ssl_stapling_init_cert: no OCSP URI in certificate and no SSLStaplingForceURL set";
            log!(server, Info, "{what}: nothing is stapled to {name}{}", tail());
        }
        Lack::Responder => {}
        Lack::Url(url, UrlError::Malformed) => {
            log!(server, Error, "AH01939: {name}: cannot parse OCSP responder URI '{url}'");
            unable();
        }
        Lack::Url(url, UrlError::Scheme) => {
            log!(server, Error, "AH01940: {name}: cannot ask OCSP responder '{url}', only http is spoken");
            unable();
        }
        Lack::Issuer => {
            let what = "AH02217: ssl_stapling_init_cert: can't retrieve issuer certificate!";
            log!(server, Error, "{what}{}", tail());
            unable();
        }
        Lack::Query(errors) => {
            log!(server, Error, "AH02815: {name}: can't create the question for a responder{}", tail());
            report::library_errors(server, Level::Error, errors);
            unable();
        }
    }
    let required = is_news && staple::is_required(&candidate.certificate);
    if required {
        let why = match lack {
            Lack::Off => "SSLUseStapling is not on",
            Lack::Responder => "no responder is known",
            Lack::Url(..) | Lack::Issuer | Lack::Query(_) => "that is not possible",
        };
        log!(
            server,
            Warn,
            "Init: clients expect an OCSP response with the certificate {name} (must-staple, RFC 7633), but {why}: some will refuse it"
        );
    }
    required || !matches!(lack, Lack::Off | Lack::Responder)
}

/// Opens the cache, if there is one.
pub fn open_cache(
    pool: Pool<'_>,
    main: Server<'_>,
    conf: &ServerConf,
    spec: &CacheSpec,
) -> Result<Option<Arc<StapleStore>>, Failed> {
    let Some(cache) = conf.staple_cache.take() else { return Ok(None) };
    // At its end mod_socache_dbm deletes its file, and with it what the next start should find. The rest of it
    // goes with the pool.
    let is_file = matches!(spec, CacheSpec::Provider { name, .. } if name == "dbm");
    match stapling::open_store(pool, main, cache, is_file) {
        Ok(store) => Ok(Some(store)),
        Err(status) => {
            log!(main, Emerg, status => "AH01872: Could not initialize stapling cache. Exiting.");
            fatal(main, main)
        }
    }
}

/// Begins to fetch what is stapled.
pub fn begin(
    pool: Pool<'_>,
    main: Server<'_>,
    registry: &Registry,
    store: Option<Arc<StapleStore>>,
) -> Result<(), Failed> {
    registry.finish(main);
    for staple in registry.order.borrow().iter() {
        look_at_file(staple);
    }
    match stapling::begin(pool, main, registry.order.take(), store) {
        Ok(()) => Ok(()),
        Err(error) => {
            log!(main, Emerg, "AH01959: no memory for OCSP responses: {error}");
            fatal(main, main)
        }
    }
}

/// Says what is wrong with the file of a staple; whether there is anything.
fn look_at_file(staple: &Staple) -> bool {
    let Origin::File(path) = &staple.origin else { return false };
    match staple.from_file(path) {
        Ok(_) => false,
        Err(why) => {
            stapling::complain_of_file(staple, path, &why);
            true
        }
    }
}

/// What is wrong with files in a configuration that is only checked.
pub fn check_files(main: Server<'_>, registry: &Registry) -> usize {
    let found = registry.order.borrow().iter().filter(|staple| look_at_file(staple)).count();
    found + registry.finish(main)
}
