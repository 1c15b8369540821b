//! Keys and certificates in tokens: `pkcs11:` identifiers.
//!
//! An ENGINE whose id is the scheme comes first, as far as the library has engines; then the providers, by
//! `OSSL_STORE`.

use super::Failed;
use super::context::Site;
use super::pass_phrase::{Asker, TokenDialog};
use crate::apr::pool::c_string;
use crate::config::token;
use crate::entry::report;
use crate::httpd::Level;
use crate::httpd::log::log;
use crate::ossl::engine::Engine;
use crate::ossl::error::LibraryError;
use crate::ossl::store::{self, StoreError};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::path::Path;
use std::sync::Arc;

/// What identifiers stand for.
pub struct Found {
    /// The key.
    pub key: PKey<Private>,
    /// The certificate, if its identifier was given.
    pub certificate: Option<X509>,
    /// What the key needs.
    pub engine: Option<Arc<Engine>>,
    /// For messages: the id of the engine, or `provider`.
    pub source: String,
}

/// Finds a key, and its certificate if that is in a token too. A failure is logged.
pub fn find(
    site: &Site<'_>,
    asker: Asker<'_>,
    certificate: Option<&str>,
    key: &str,
) -> Result<Found, Failed> {
    match in_engine(site, asker, certificate, key)? {
        Some(found) => Ok(found),
        None => in_store(site, asker, certificate, key),
    }
}

fn shown(identifier: &str) -> String {
    token::shown(Path::new(identifier)).into_owned()
}

fn in_store(
    site: &Site<'_>,
    asker: Asker<'_>,
    certificate: Option<&str>,
    key: &str,
) -> Result<Found, Failed> {
    let name = shown(key);
    let mut dialog = TokenDialog::new(asker, &name);
    let found = match store::key(&c_string(key), &mut dialog) {
        Ok(found) => found,
        Err(error) => {
            let message = format!(
                "AH10492: Init: OSSL_STORE_INFO_PKEY lookup failed for private key identifier `{name}'"
            );
            return not_in_store(site, key, &message, error);
        }
    };
    let certificate = match certificate {
        None => None,
        Some(identifier) => match store::certificate(&c_string(identifier), &mut dialog) {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                let name = shown(identifier);
                let message = format!(
                    "AH10494: Init: OSSL_STORE_INFO_CERT lookup failed for certificate identifier `{name}'"
                );
                return not_in_store(site, identifier, &message, error);
            }
        },
    };
    Ok(Found { key: found, certificate, engine: None, source: "provider".to_owned() })
}

fn not_in_store<T>(site: &Site<'_>, identifier: &str, message: &str, error: StoreError) -> Result<T, Failed> {
    match error {
        StoreError::Open(errors) => {
            let name = shown(identifier);
            log!(site.server, Error, "AH10491: Init: OSSL_STORE_open failed for PKCS#11 URI `{name}'");
            report::library_errors(site.server, Level::Error, &without_pin(errors, identifier));
            site.fail(message, &[])
        }
        StoreError::Missing(errors) => site.fail(message, &without_pin(errors, identifier)),
    }
}

/// The library tells which URI it could not open, with the PIN that may be in it.
fn without_pin(mut errors: Vec<LibraryError>, identifier: &str) -> Vec<LibraryError> {
    for data in errors.iter_mut().filter_map(|error| error.data.as_mut()) {
        *data = data.replace(identifier, &shown(identifier));
    }
    errors
}

/// Without engines nothing is in one.
#[cfg(not(openssl_engine))]
fn in_engine(
    _site: &Site<'_>,
    _asker: Asker<'_>,
    _certificate: Option<&str>,
    _key: &str,
) -> Result<Option<Found>, Failed> {
    Ok(None)
}

#[cfg(openssl_engine)]
use with_engine::in_engine;

#[cfg(openssl_engine)]
mod with_engine {
    use super::{Asker, Failed, Found, Site, TokenDialog, c_string, log, report, shown, token};
    use crate::httpd::Level;
    use crate::httpd::log::LogTarget;
    use crate::ossl::engine::{Engine, EngineError};
    use std::sync::Arc;

    /// `None` when there is no engine for the scheme.
    pub fn in_engine(
        site: &Site<'_>,
        asker: Asker<'_>,
        certificate: Option<&str>,
        key: &str,
    ) -> Result<Option<Found>, Failed> {
        let (server, name) = (site.server, shown(key));
        let Some(scheme) = token::scheme(key) else {
            log!(server, Notice, "AH10131: Init: Unrecognized private key identifier `{name}'");
            return Ok(None);
        };
        let engine = match Engine::open(&c_string(scheme)) {
            Ok(engine) => engine,
            Err(EngineError::Unknown(errors)) => {
                log!(server, Notice, "AH10132: Init: Failed to load engine for private key {name}");
                report::library_errors(server, Level::Notice, &errors);
                return Ok(None);
            }
            Err(EngineError::Init(errors)) => {
                let message =
                    format!("AH10149: Init: Failed to initialize engine {scheme} for private key {name}");
                return site.fail(&message, &errors);
            }
        };
        if server.logs(Level::Debug) {
            engine.set_verbose();
        }
        log!(server, Debug, "Init: Initialized engine {scheme} for private key {name}");
        let mut dialog = TokenDialog::new(asker, &name);
        let certificate = match certificate {
            None => None,
            Some(identifier) => match engine.certificate(&c_string(identifier), &mut dialog) {
                Ok(certificate) => Some(certificate),
                Err(errors) => return site.fail("AH10136: Init: Unable to get the certificate", &errors),
            },
        };
        match engine.key(&c_string(key), &mut dialog) {
            Ok(key) => Ok(Some(Found {
                key,
                certificate,
                engine: Some(Arc::new(engine)),
                source: scheme.to_owned(),
            })),
            Err(errors) => site.fail("AH10133: Init: Unable to get the private key", &errors),
        }
    }
}
