//! Certificates and keys of one server.

use super::Failed;
use super::context::{Site, Terms};
use crate::config::certificates::{Pair, pair};
use crate::config::server::ServerConfig;
use crate::config::vhost_id::key_id;
use crate::entry::identities::{Certificates, Key, Loader};
use crate::entry::report;
use crate::httpd::Level;
use crate::httpd::log::log;
use crate::ossl::error::LibraryError;
use crate::ossl::identity::{Identity, IdentityError};
use crate::ossl::load::{self, CertificateError, KeyError};
use crate::ossl::x509;
use crate::policy::identity;
use openssl::pkey::{PKey, Private};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The chain of `SSLCertificateChainFile`, and how many certificates at its
/// beginning do not belong to it.
type CommonChain = (Arc<Certificates>, usize);

/// Loads all certificates with their keys: one identity for each kind of key,
/// the last one of its kind.
pub fn load(
    site: &Site<'_>,
    terms: &mut Terms,
    loader: &mut Loader,
    declared: &ServerConfig,
) -> Result<Vec<Arc<Identity>>, Failed> {
    let chain_file = declared.certificate_chain_file.as_deref();
    let common = match chain_file {
        Some(file) => load_chain(site, loader, file, &declared.certificate_files)?,
        None => None,
    };
    let mut identities: Vec<Arc<Identity>> = Vec::new();
    let pairs = pair(&declared.certificate_files, &declared.certificate_key_files);
    for (index, pair) in pairs.iter().enumerate() {
        let load = Load { site, key_id: &key_id(site.id, index), pair, with_chain: chain_file.is_none() };
        let identity = load.identity(terms, loader, common.as_ref(), chain_file.is_some())?;
        identities.retain(|other| other.key_type() != identity.key_type());
        identities.push(identity);
    }
    Ok(identities)
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
    pair: &'l Pair,
    /// What follows the certificate in its file is its chain.
    with_chain: bool,
}

impl Load<'_> {
    fn identity(
        &self,
        terms: &mut Terms,
        loader: &mut Loader,
        common: Option<&CommonChain>,
        is_common: bool,
    ) -> Result<Arc<Identity>, Failed> {
        let (site, key_id) = (self.site, self.key_id);
        let (certificate_file, key_file) = (self.pair.certificate.display(), self.pair.key.display());
        let certificates = match loader.certificates(&self.pair.certificate) {
            Ok(certificates) => certificates,
            Err(CertificateError::Malformed(errors)) => return self.bad_certificate(&errors),
            Err(CertificateError::Unreadable(error)) => {
                return self.bad_certificate(&[LibraryError::of_system(&error)]);
            }
        };
        let key = self.key(loader)?;
        let chain = match common {
            Some((chain, skipped)) => Some((chain.as_ref(), *skipped)),
            // Without any certificate it replaces the certificates' own chains all the same.
            None if is_common => Some((certificates.as_ref(), certificates.all().count())),
            None => None,
        };
        let identity = match loader.identity(&certificates, &key, chain) {
            Ok(identity) => identity,
            Err(IdentityError::Mismatch(errors)) => {
                return site.fail_here(
                    &format!("AH02565: Certificate and private key {key_id} from {certificate_file} and {key_file} do not match"),
                    &errors,
                );
            }
            Err(IdentityError::Chain(errors)) => return self.bad_certificate(&errors),
        };
        terms.accept(&identity).or_else(|errors| self.bad_certificate(&errors))?;
        log!(
            site.server,
            Info,
            "AH02568: Certificate and private key {key_id} configured from {certificate_file} and {key_file}"
        );
        check_sanity(site, key_id, &certificates);
        Ok(identity)
    }

    fn bad_certificate<T>(&self, errors: &[LibraryError]) -> Result<T, Failed> {
        let (key_id, file) = (self.key_id, self.pair.certificate.display());
        let message = if self.with_chain {
            format!("AH02562: Failed to configure certificate {key_id} (with chain), check {file}")
        } else {
            format!("AH02561: Failed to configure certificate {key_id}, check {file}")
        };
        self.site.fail_here(&message, errors)
    }

    fn key(&self, loader: &mut Loader) -> Result<Key, Failed> {
        match loader.plain_key(&self.pair.key) {
            Ok(key) => Ok(key),
            // Why, or how all the same, is found out there.
            Err(_) => load_key(self.site, self.key_id, &self.pair.key).map(Key::from),
        }
    }
}

fn load_key(site: &Site<'_>, key_id: &str, file: &Path) -> Result<PKey<Private>, Failed> {
    let errors = match load::private_key(file) {
        Ok(key) => return Ok(key),
        Err(KeyError::Unreadable(error)) => {
            log!(
                site.server,
                Emerg,
                "AH02574: Init: Can't open server private key file {} ({error})",
                file.display()
            );
            return site.fail_here(
                &format!(
                    "AH02564: Failed to configure encrypted (?) private key {key_id}, check {}",
                    file.display()
                ),
                &[],
            );
        }
        Err(KeyError::Encrypted) => {
            log!(site.server, Info, "AH02576: Attempting to load encrypted (?) private key {key_id}");
            log!(
                site.server,
                Error,
                "AH02578: Init: Unable to read pass phrase [Hint: key introduced or changed before restart?]"
            );
            Vec::new()
        }
        Err(KeyError::NotFound(errors)) => {
            log!(site.server, Info, "AH02576: Attempting to load encrypted (?) private key {key_id}");
            log!(site.server, Error, "AH02579: Init: Private key not found");
            errors
        }
    };
    report::library_errors(site.server, Level::Error, &errors);
    site.fail_here(
        &format!("AH02564: Failed to configure encrypted (?) private key {key_id}, check {}", file.display()),
        &[],
    )
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
    for candidate in &certificates.names {
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
