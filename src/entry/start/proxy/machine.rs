//! Certificates that are shown to backends: `SSLProxyMachineCertificate...`.

use crate::config::proxy::ProxyConfig;
use crate::entry::proxy::Pair;
use crate::entry::start::Failed;
use crate::entry::start::context::Site;
use crate::entry::trust::files_of;
use crate::httpd::log::log;
use crate::ossl::ctx::SslCtx;
use crate::ossl::identity::{Identity, IdentityError};
use crate::ossl::load::{self, CertificateError};
use crate::ossl::pairs::{self, Found};
use crate::ossl::ssl::Ssl;
use crate::ossl::{examine, x509};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::path::{Path, PathBuf};

/// What the files hold.
#[derive(Default)]
pub struct Loaded {
    /// Certificates with their keys and chains.
    pub pairs: Vec<Pair>,
    /// Certificates that are believed when backends are verified.
    pub trusted: Vec<X509>,
}

const FAILED: &str = "AH02208: SSL proxy client cert initialization failed";
const MISMATCH: &str = "AH02326: proxy client certificate and private key do not match";
const INCOMPLETE: &str =
    "AH02252: incomplete client cert configured for SSL proxy (missing or encrypted private key?)";

/// Loads them, and tries each certificate with the context.
pub fn load(site: &Site<'_>, ctx: &SslCtx, declared: &ProxyConfig) -> Result<Loaded, Failed> {
    let (file, path) =
        (declared.machine_certificate_file.as_ref(), declared.machine_certificate_path.as_ref());
    let mut loaded = Loaded::default();
    if let Some(file) = &declared.machine_certificate_chain_file {
        loaded.trusted = match load::certificates(file) {
            Ok(certificates) => certificates,
            Err(error) => return unusable(site, file, &error),
        };
    }
    if file.is_none() && path.is_none() {
        return Ok(loaded);
    }
    let mut found: Vec<(X509, PKey<Private>, PathBuf)> = Vec::new();
    for file in files(site, file, path)? {
        read(site, &file, &mut found, &mut loaded.trusted)?;
    }
    if found.is_empty() {
        log!(site.server, Warn, "AH02206: no client certs found for SSL proxy");
        return Ok(loaded);
    }
    log!(site.server, Debug, "AH02207: loaded {} client certs for SSL proxy", found.len());
    let probe = match Ssl::unconnected(ctx) {
        Ok(probe) => probe,
        Err(errors) => return site.fail(FAILED, &errors),
    };
    for (index, (certificate, key, file)) in found.into_iter().enumerate() {
        let (identity, issuers) = complete(site, index, &certificate, key, &loaded.trusted)?;
        if let Err(errors) = identity.install(&probe) {
            return site.fail(&format!("{FAILED}: {} cannot be used", file.display()), &errors);
        }
        loaded.pairs.push(Pair { identity, issuers, file });
    }
    Ok(loaded)
}

fn unusable<T>(site: &Site<'_>, file: &Path, error: &CertificateError) -> Result<T, Failed> {
    let errors = match error {
        CertificateError::Malformed(errors) => &errors[..],
        CertificateError::Unreadable(_) => &[],
    };
    site.fail(&format!("{FAILED}: {}: {error}", file.display()), errors)
}

/// The file, then all of the directory.
fn files(site: &Site<'_>, file: Option<&PathBuf>, path: Option<&PathBuf>) -> Result<Vec<PathBuf>, Failed> {
    let mut files: Vec<PathBuf> = file.into_iter().cloned().collect();
    if let Some(path) = path {
        match files_of(path) {
            Ok(found) => files.extend(found),
            Err(error) => return site.fail(&format!("{FAILED}: {}: {error}", path.display()), &[]),
        }
    }
    Ok(files)
}

fn read(
    site: &Site<'_>,
    file: &Path,
    into: &mut Vec<(X509, PKey<Private>, PathBuf)>,
    trusted: &mut Vec<X509>,
) -> Result<(), Failed> {
    let pem = match pairs::read(file) {
        Ok(pem) => pem,
        Err(error) => return site.fail(&format!("{FAILED}: {}: {error}", file.display()), &[]),
    };
    let found = match pairs::parse(&pem) {
        Ok(found) => found,
        Err(errors) => return site.fail(&format!("{FAILED}: {}", file.display()), &errors),
    };
    let tail = |certificate: &Option<X509>| certificate.as_deref().map(x509::log_tail).unwrap_or_default();
    for item in found {
        match item {
            Found::Pair(certificate, key) => into.push((certificate, key, file.to_owned())),
            Found::Certificate(certificate) => {
                let tail = x509::log_tail(&certificate);
                log!(site.server, Debug, "AH10261: Trusting non-leaf certificate{tail}");
                trusted.push(certificate);
            }
            Found::Unreadable(certificate) => {
                return site.fail(&format!("{INCOMPLETE}: {}{}", file.display(), tail(&certificate)), &[]);
            }
            Found::Mismatch(certificate) => {
                return site.fail(&format!("{MISMATCH}: {}{}", file.display(), tail(&certificate)), &[]);
            }
        }
    }
    Ok(())
}

/// Finds the CAs above a certificate among those that came along; with the
/// names of all issuers.
fn complete(
    site: &Site<'_>,
    index: usize,
    certificate: &X509,
    key: PKey<Private>,
    known: &[X509],
) -> Result<(Identity, Vec<Vec<u8>>), Failed> {
    let above = if known.is_empty() {
        Vec::new()
    } else {
        match pairs::chain(certificate, known) {
            Ok(above) => {
                say_chain(site, index, &above);
                above
            }
            Err((number, above)) => {
                let (why, tail) = (x509::verify_error(number.into()), x509::log_tail(certificate));
                log!(
                    site.server,
                    Warn,
                    "AH02270: SSL proxy client cert chain verification failed: {why} :{tail}"
                );
                above
            }
        }
    };
    let issuers = std::iter::once(certificate).chain(&above);
    let issuers = issuers.filter_map(|certificate| certificate.issuer_name().to_der().ok()).collect();
    // Backends have their roots.
    let sent: Vec<X509> = above.into_iter().filter(|issuer| !examine::is_self_signed(issuer)).collect();
    match Identity::new(certificate, key, &sent) {
        Ok(identity) => Ok((identity, issuers)),
        Err(IdentityError::Mismatch(errors)) => site.fail(MISMATCH, &errors),
        Err(IdentityError::Chain(errors)) => site.fail(FAILED, &errors),
    }
}

fn say_chain(site: &Site<'_>, index: usize, above: &[X509]) {
    let (count, s, tail) = (above.len(), if above.len() == 1 { "" } else { "s" }, String::new());
    log!(site.server, Debug, "AH02271: loaded {count} intermediate CA{s} for cert {index}: {tail}");
    for (number, issuer) in above.iter().enumerate() {
        log!(site.server, Debug, "AH03039: {number}:{}", x509::log_tail(issuer));
    }
}
