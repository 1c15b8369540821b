//! How a context asks clients for certificates, and whom it believes.

use super::Failed;
use super::context::Site;
use crate::apr::pool::c_path;
use crate::config::server::ServerConfig;
use crate::config::verify::{CrlCheck, CrlScope, DEFAULT_DEPTH, VerifyClient};
use crate::entry::report;
use crate::entry::trust::{self, Places, Trust, TrustError};
use crate::httpd::Level;
use crate::httpd::log::log;
use crate::ossl::ctx::{SslCtx, Verify};
use crate::ossl::verify::CaNames;
use crate::policy::verify::Terms;
use std::path::PathBuf;

/// The terms of a server.
#[must_use]
pub fn terms(declared: &ServerConfig) -> Terms {
    Terms {
        mode: declared.verify_client.unwrap_or_default(),
        depth: declared.verify_depth.unwrap_or(DEFAULT_DEPTH),
        crl: declared.ca_revocation_check.unwrap_or_default(),
    }
}

/// Sets the context up.
pub fn configure(site: &Site<'_>, ctx: &SslCtx, declared: &ServerConfig) -> Result<Option<Trust>, Failed> {
    let terms = terms(declared);
    ctx.verify_with_events(match terms.mode {
        VerifyClient::None => Verify::empty(),
        VerifyClient::Optional | VerifyClient::OptionalNoCa => Verify::PEER,
        VerifyClient::Require => Verify::PEER | Verify::FAIL_IF_NO_PEER_CERT,
    });
    let (file, path) = (declared.ca_certificate_file.as_ref(), declared.ca_certificate_path.as_ref());
    if file.is_some() || path.is_some() {
        log!(site.server, Trace1, "Configuring client authentication");
        let (file, path) = (file.map(|file| c_path(file)), path.map(|path| c_path(path)));
        if let Err(errors) = ctx.load_authorities(file.as_deref(), path.as_deref()) {
            return site
                .fail("AH01895: Unable to configure verify locations for client authentication", &errors);
        }
        ctx.set_ca_names(names(site, declared)?);
    } else if terms.mode == VerifyClient::Require {
        log!(
            site.server,
            Warn,
            "AH01897: Init: Oops, you want to request client authentication, but no CAs are known for verification!?  [Hint: SSLCACertificate*]"
        );
    }
    let has_lists = declared.ca_revocation_file.is_some() || declared.ca_revocation_path.is_some();
    check_revocation(site, "SSL", terms.crl, has_lists)?;
    open_trust(site, Places::of_clients(declared))
}

/// The names that clients choose their certificates by.
fn names(site: &Site<'_>, declared: &ServerConfig) -> Result<CaNames, Failed> {
    let asked = (declared.ca_dn_request_file.as_ref(), declared.ca_dn_request_path.as_ref());
    let (file, path) = match asked {
        (None, None) => (declared.ca_certificate_file.as_ref(), declared.ca_certificate_path.as_ref()),
        asked => asked,
    };
    let mut names = match CaNames::new() {
        Ok(names) => names,
        Err(errors) => return site.fail("Unable to make a list of names", &errors),
    };
    if let Some(file) = file {
        log!(site.server, Trace1, "Names of CAs from {}", file.display());
        let added = names.add_file(&c_path(file));
        // A file without certificates is none to the library's function.
        if added.is_err() || names.is_empty() {
            let errors = added.err().unwrap_or_default();
            log!(site.server, Error, "AH02210: Failed to load SSLCACertificateFile: {}", file.display());
            report::library_errors(site.server, Level::Error, &errors);
        }
    }
    if let Some(path) = path {
        match trust::files_of(path) {
            Ok(files) => add_all(&mut names, &files),
            Err(error) => {
                let path = path.display();
                log!(site.server, Emerg, "AH02211: Failed to open Certificate Path `{path}': {error}");
                return site.end();
            }
        }
    }
    if names.is_empty() {
        return site.fail(
            "AH01896: Unable to determine list of acceptable CA certificates for client authentication",
            &[],
        );
    }
    Ok(names)
}

/// A directory may have other files as well, and lists of revoked certificates.
fn add_all(names: &mut CaNames, files: &[PathBuf]) {
    for file in files {
        let _ = names.add_file(&c_path(file));
    }
    crate::ossl::error::clear();
}

/// What the directives about lists of revoked certificates mean together.
/// Their names begin with `prefix`.
pub fn check_revocation(
    site: &Site<'_>,
    prefix: &str,
    check: CrlCheck,
    has_lists: bool,
) -> Result<(), Failed> {
    let checks = check.scope != CrlScope::None;
    let id = site.id;
    match (checks, has_lists) {
        (true, false) => site.fail(
            &format!(
                "AH01899: Host {id}: CRL checking has been enabled, but neither {prefix}CARevocationFile nor {prefix}CARevocationPath is configured"
            ),
            &[],
        ),
        (true, true) => {
            log!(site.server, Debug, "AH01900: Configuring certificate revocation facility");
            Ok(())
        }
        (false, true) => {
            log!(
                site.server,
                Warn,
                "AH01902: Host {id}: X.509 CRL storage locations configured, but CRL checking ({prefix}CARevocationCheck) is not enabled"
            );
            Ok(())
        }
        (false, false) => Ok(()),
    }
}

/// Reads CAs and lists of revoked certificates; nothing without a line that names some.
pub fn open_trust(site: &Site<'_>, places: Places) -> Result<Option<Trust>, Failed> {
    let crls = format!(
        "AH01901: Host {}: unable to configure X.509 CRL storage for certificate revocation",
        site.id
    );
    match Trust::open(places) {
        Ok(trust) => Ok(trust),
        Err(TrustError::Authorities(errors)) => {
            site.fail("AH01895: Unable to configure verify locations for client authentication", &errors)
        }
        Err(error @ TrustError::Read(..)) => site.fail(&format!("{crls}: {error}"), &[]),
        Err(TrustError::Crls(file, errors)) => {
            site.fail(&format!("{crls}: no usable lists in {}", file.display()), &errors)
        }
    }
}
