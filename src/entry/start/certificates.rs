//! Certificates and keys of one server.

use super::Failed;
use super::context::Site;
use crate::config::certificates::{Pair, pair};
use crate::config::server::ServerConfig;
use crate::config::vhost_id::key_id;
use crate::entry::report;
use crate::httpd::Level;
use crate::httpd::log::log;
use crate::ossl::ctx::{KeyError as RefusedKey, SslCtx};
use crate::ossl::error::LibraryError;
use crate::ossl::load::{self, CertificateError, KeyError};
use crate::ossl::x509;
use crate::policy::identity;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::path::Path;

/// Loads all certificates with their keys, and the common chain.
pub fn load(site: &Site<'_>, ctx: &SslCtx, declared: &ServerConfig) -> Result<(), Failed> {
    let common_chain = declared.certificate_chain_file.as_deref();
    if let Some(file) = common_chain {
        load_chain(site, ctx, file, &declared.certificate_files)?;
    }
    let pairs = pair(&declared.certificate_files, &declared.certificate_key_files);
    for (index, pair) in pairs.iter().enumerate() {
        load_pair(site, ctx, &key_id(site.id, index), pair, common_chain.is_none())?;
    }
    Ok(())
}

/// `SSLCertificateChainFile`: sent after every certificate of the server.
fn load_chain(
    site: &Site<'_>,
    ctx: &SslCtx,
    file: &Path,
    leaves: &[std::path::PathBuf],
) -> Result<(), Failed> {
    let certificates = match load::certificates(file) {
        Ok(certificates) => certificates,
        // A file without any certificate is an empty chain.
        Err(CertificateError::Malformed(errors)) if errors.iter().any(LibraryError::is_no_start_line) => {
            Vec::new()
        }
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
    let mut count = 0;
    for certificate in certificates.into_iter().skip(leaf) {
        if let Err(errors) = ctx.add_extra_chain(certificate) {
            return site.fail("AH01903: Failed to configure CA certificate chain!", &errors);
        }
        count += 1;
    }
    log!(
        site.server,
        Debug,
        "AH01904: Configuring server certificate chain ({count} CA certificate{})",
        if count == 1 { "" } else { "s" }
    );
    Ok(())
}

fn load_pair(
    site: &Site<'_>,
    ctx: &SslCtx,
    key_id: &str,
    pair: &Pair,
    own_chain: bool,
) -> Result<(), Failed> {
    let (certificate_file, key_file) = (pair.certificate.display(), pair.key.display());
    let bad_certificate = |errors: &[LibraryError]| {
        let message = if own_chain {
            format!(
                "AH02562: Failed to configure certificate {key_id} (with chain), check {certificate_file}"
            )
        } else {
            format!("AH02561: Failed to configure certificate {key_id}, check {certificate_file}")
        };
        site.fail_here(&message, errors)
    };
    let certificates = match load::certificates(&pair.certificate) {
        Ok(certificates) => certificates,
        Err(CertificateError::Malformed(errors)) => return bad_certificate(&errors),
        Err(CertificateError::Unreadable(error)) => {
            return bad_certificate(&[LibraryError::of_system(&error)]);
        }
    };
    let Some((leaf, chain)) = certificates.split_first() else { return bad_certificate(&[]) };
    ctx.use_certificate(leaf, own_chain.then_some(chain)).or_else(|errors| bad_certificate(&errors))?;
    let key = load_key(site, key_id, &pair.key)?;
    match ctx.use_key(leaf, &key) {
        Ok(()) => {}
        Err(RefusedKey::Mismatch(errors)) => {
            return site.fail_here(
                &format!("AH02565: Certificate and private key {key_id} from {certificate_file} and {key_file} do not match"),
                &errors,
            );
        }
        Err(RefusedKey::Refused(errors)) => {
            return site.fail_here(
                &format!("AH02564: Failed to configure encrypted (?) private key {key_id}, check {key_file}"),
                &errors,
            );
        }
    }
    log!(
        site.server,
        Info,
        "AH02568: Certificate and private key {key_id} configured from {certificate_file} and {key_file}"
    );
    check_sanity(site, key_id, leaf);
    Ok(())
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
fn check_sanity(site: &Site<'_>, key_id: &str, leaf: &X509) {
    let server = site.server;
    let (is_ca, path_length) = x509::basic_constraints(leaf);
    if is_ca {
        log!(
            server,
            Warn,
            "AH01906: {key_id} server certificate is a CA certificate (BasicConstraints: CA == TRUE !?)"
        );
    }
    if let Some(length @ 1..) = path_length {
        log!(
            server,
            Warn,
            "AH01907: {key_id} server certificate is not a leaf certificate (BasicConstraints: pathlen == {length} > 0 !?)"
        );
    }
    let (id, name) = (site.id, server.hostname().to_string_lossy());
    let mut matched = false;
    for candidate in x509::identities(leaf) {
        matched = identity::matches(&candidate, &name);
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
        x509::log_tail(leaf)
    );
    if !matched {
        log!(
            server,
            Warn,
            "AH01909: {key_id} server certificate does NOT include an ID which matches the server name"
        );
    }
}
