//! Certificates and keys of one server.

pub mod examine;

use super::Failed;
use super::context::{Site, Terms};
use super::keys::{Keys, Wanted};
use super::tokens::{self, Found};
use crate::config::certificates::{Pair, pair};
use crate::config::server::ServerConfig;
use crate::config::token;
use crate::config::vhost_id::key_id;
use crate::entry::identities::{Certificates, Key, Loader};
use crate::httpd::log::log;
use crate::ossl::error::LibraryError;
use crate::ossl::identity::{Identity, IdentityError};
use crate::ossl::load::CertificateError;
use crate::ossl::x509;
use crate::policy::identity;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The chain of `SSLCertificateChainFile`, and how many certificates at its
/// beginning do not belong to it.
type CommonChain = (Arc<Certificates>, usize);

/// Where identities come from, and what they are for.
pub struct Sources<'s> {
    /// The context they must fit, if it could be made.
    pub terms: Option<&'s mut Terms>,
    /// Files.
    pub loader: &'s mut Loader,
    /// What opens keys.
    pub keys: &'s Keys<'s>,
}

/// Loads all certificates with their keys: one identity for each kind of key,
/// the last one of its kind.
pub fn load(
    site: &Site<'_>,
    sources: &mut Sources<'_>,
    declared: &ServerConfig,
) -> Result<Vec<Arc<Identity>>, Failed> {
    let chain_file = declared.certificate_chain_file.as_deref();
    let common = match chain_file {
        Some(file) => load_chain(site, sources.loader, file, &declared.certificate_files)?,
        None => None,
    };
    let pairs = pair(&declared.certificate_files, &declared.certificate_key_files);
    let mut identities: Vec<Arc<Identity>> = Vec::with_capacity(pairs.len());
    for (index, pair) in pairs.iter().enumerate() {
        let key_id = key_id(site.id, index);
        let load = Load { site, key_id: &key_id, index, pair, with_chain: chain_file.is_none() };
        let identity = load.identity(sources, common.as_ref(), chain_file.is_some())?;
        identities.retain(|other| other.key_type() != identity.key_type());
        identities.push(identity);
    }
    Ok(identities)
}

/// Loads all that [`load`] would into `identities`, and looks closer at it. Says how much there is to
/// mend; what it is has been logged.
pub fn check(
    site: &Site<'_>,
    sources: &mut Sources<'_>,
    declared: &ServerConfig,
    identities: &mut Vec<Arc<Identity>>,
) -> usize {
    let mut found = 0;
    let chain_file = declared.certificate_chain_file.as_deref();
    let common = chain_file.and_then(|file| {
        match load_chain(site, sources.loader, file, &declared.certificate_files) {
            Ok(common) => common,
            Err(Failed) => {
                found += 1;
                None
            }
        }
    });
    let pairs = pair(&declared.certificate_files, &declared.certificate_key_files);
    for (index, pair) in pairs.iter().enumerate() {
        let key_id = key_id(site.id, index);
        let load = Load { site, key_id: &key_id, index, pair, with_chain: chain_file.is_none() };
        match load.identity(sources, common.as_ref(), chain_file.is_some()) {
            Ok(identity) => identities.push(identity),
            Err(Failed) => found += 1,
        }
        // What cannot be read has been told already.
        if let Ok(certificates) = sources.loader.certificates(&pair.certificate) {
            found += examine::certificate(site, &load, &certificates, common.as_ref());
        }
    }
    found
}

/// `SSLCertificateChainFile`: sent after every certificate of the server.
fn load_chain(
    site: &Site<'_>,
    loader: &mut Loader,
    file: &Path,
    leaves: &[PathBuf],
) -> Result<Option<CommonChain>, Failed> {
    let found = match loader.certificates(file) {
        Ok(certificates) => Some(certificates),
        // A file without any certificate is an empty chain.
        Err(CertificateError::Malformed(errors)) if errors.iter().any(LibraryError::is_no_start_line) => None,
        Err(CertificateError::Malformed(errors)) => {
            return site.fail("AH01903: Failed to configure CA certificate chain!", &errors);
        }
        Err(CertificateError::Unreadable(error)) => {
            return site.fail(
                &format!("AH01903: Failed to configure CA certificate chain! ({}: {error})", file.display()),
                &[],
            );
        }
    };
    // When it is also the certificate file its first one is the leaf.
    let leaf = usize::from(leaves.iter().any(|path| path == file));
    let count = found.as_ref().map_or(0, |found| found.all().count() - leaf);
    log!(
        site.server,
        Debug,
        "AH01904: Configuring server certificate chain ({count} CA certificate{})",
        if count == 1 { "" } else { "s" }
    );
    Ok(found.map(|found| (found, leaf)))
}

/// One certificate and its key, on their way into a server.
struct Load<'l> {
    site: &'l Site<'l>,
    key_id: &'l str,
    index: usize,
    pair: &'l Pair,
    /// What follows the certificate in its file is its chain.
    with_chain: bool,
}

impl Load<'_> {
    fn identity(
        &self,
        sources: &mut Sources<'_>,
        common: Option<&CommonChain>,
        is_common: bool,
    ) -> Result<Arc<Identity>, Failed> {
        let (site, key_id) = (self.site, self.key_id);
        let (certificate_file, key_file) =
            (token::shown(&self.pair.certificate), token::shown(&self.pair.key));
        let token = self.token(sources.keys)?;
        let from_token = token.as_ref().and_then(|token| token.certificate.clone());
        let certificates = match from_token {
            Some(leaf) => Arc::new(Certificates::from(leaf)),
            None => self.certificates(sources.loader)?,
        };
        let bad = |errors: &[LibraryError]| self.bad_certificate(token.as_ref(), errors);
        let key = match &token {
            Some(token) => Key::of_token(token.key.clone(), token.engine.clone()),
            None => {
                let (file, leaf) = (&self.pair.key, &certificates.leaf);
                let wanted = Wanted { key_id, index: self.index, file, leaf };
                sources.keys.load(site, sources.loader, &wanted)?
            }
        };
        let chain = match common {
            Some((chain, skipped)) => Some((chain.as_ref(), *skipped)),
            // Without any certificate it replaces the certificates' own chains all the same.
            None if is_common => Some((certificates.as_ref(), certificates.all().count())),
            None => None,
        };
        let identity = match sources.loader.identity(&certificates, &key, chain) {
            Ok(identity) => identity,
            Err(IdentityError::Mismatch(errors)) => return self.mismatch(&errors),
            Err(IdentityError::Chain(errors)) => return bad(&errors),
        };
        if let Some(Err(errors)) = sources.terms.as_mut().map(|terms| terms.accept(&identity)) {
            return bad(&errors);
        }
        log!(
            site.server,
            Info,
            "AH02568: Certificate and private key {key_id} configured from {certificate_file} and {key_file}"
        );
        check_sanity(site, key_id, &certificates);
        Ok(identity)
    }

    /// What is in a token; `None` when the key is in a file.
    fn token(&self, keys: &Keys<'_>) -> Result<Option<Found>, Failed> {
        let certificate = token::identifier(&self.pair.certificate);
        match token::identifier(&self.pair.key) {
            Some(key) => {
                let asker = keys.asker(self.site);
                tokens::find(self.site, asker, certificate.as_deref(), &key).map(Some)
            }
            // A certificate in a token is looked for only together with its key.
            None if certificate.is_some() => self.mismatch(&[]),
            None => Ok(None),
        }
    }

    fn certificates(&self, loader: &mut Loader) -> Result<Arc<Certificates>, Failed> {
        match loader.certificates(&self.pair.certificate) {
            Ok(certificates) => Ok(certificates),
            Err(CertificateError::Malformed(errors)) => self.bad_certificate(None, &errors),
            Err(CertificateError::Unreadable(error)) => {
                self.bad_certificate(None, &[LibraryError::of_system(&error)])
            }
        }
    }

    fn mismatch<T>(&self, errors: &[LibraryError]) -> Result<T, Failed> {
        let (certificate, key) = (token::shown(&self.pair.certificate), token::shown(&self.pair.key));
        let message = format!(
            "AH02565: Certificate and private key {} from {certificate} and {key} do not match",
            self.key_id
        );
        self.site.fail_here(&message, errors)
    }

    fn bad_certificate<T>(&self, token: Option<&Found>, errors: &[LibraryError]) -> Result<T, Failed> {
        let (key_id, file) = (self.key_id, token::shown(&self.pair.certificate));
        let message = match token.filter(|token| token.certificate.is_some()) {
            Some(Found { source, .. }) => {
                format!("AH10137: Failed to configure certificate {key_id} from {source}, check {file}")
            }
            None if self.with_chain => {
                format!("AH02562: Failed to configure certificate {key_id} (with chain), check {file}")
            }
            None => format!("AH02561: Failed to configure certificate {key_id}, check {file}"),
        };
        self.site.fail_here(&message, errors)
    }
}

/// Warnings about certificates that work but are probably not meant.
fn check_sanity(site: &Site<'_>, key_id: &str, certificates: &Certificates) {
    let server = site.server;
    if certificates.is_ca {
        log!(
            server,
            Warn,
            "AH01906: {key_id} server certificate is a CA certificate (BasicConstraints: CA == TRUE !?)"
        );
    }
    if let Some(length @ 1..) = certificates.path_length {
        log!(
            server,
            Warn,
            "AH01907: {key_id} server certificate is not a leaf certificate (BasicConstraints: pathlen == {length} > 0 !?)"
        );
    }
    let (id, name) = (site.id, server.hostname().to_string_lossy());
    let mut matched = false;
    for candidate in &certificates.names() {
        matched = identity::matches(candidate, &name);
        log!(
            server,
            Trace3,
            "[{id}] expecting name '{name}', {}matched by ID '{candidate}'",
            if matched { "" } else { "NOT " }
        );
        if matched {
            break;
        }
    }
    log!(
        server,
        Debug,
        "AH02412: [{id}] Cert {} for name '{name}'{}",
        if matched { "matches" } else { "does not match" },
        x509::log_tail(&certificates.leaf)
    );
    if !matched {
        log!(
            server,
            Warn,
            "AH01909: {key_id} server certificate does NOT include an ID which matches the server name"
        );
    }
}
