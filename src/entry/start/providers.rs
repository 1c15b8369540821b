//! Certificates that other modules contribute, such as mod_md.

use super::context::Site;
use crate::apr::pool::c_path;
use crate::apr::{Pool, Strings};
use crate::config::server::ServerConfig;
use crate::entry::offered;
use crate::httpd::log::log;
use crate::httpd::providers;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What a server uses.
pub struct Completed {
    /// What its lines say, and what was contributed.
    pub config: ServerConfig,
    /// The certificates only stand in for some that are not there yet.
    pub fallback: bool,
}

/// Lets other modules add certificates to a server with TLS; if it has none then,
/// some to go on with.
pub fn complete(pool: Pool<'_>, site: &Site<'_>, declared: &ServerConfig) -> Completed {
    let unchanged = || Completed { config: declared.clone(), fallback: false };
    let certificates = list(pool, &declared.certificate_files);
    let keys = list(pool, &declared.certificate_key_files);
    let (Some(certificates), Some(keys)) = (certificates, keys) else { return unchanged() };
    providers::add_cert_files(site.server, pool, certificates, keys);
    offered::add_cert_files(site.server, pool, certificates, keys);
    let mut fallback = false;
    if certificates.is_empty() {
        providers::add_fallback_cert_files(site.server, pool, certificates, keys);
        offered::add_fallback_cert_files(site.server, pool, certificates, keys);
        fallback = !certificates.is_empty();
    }
    if fallback {
        log!(
            site.server,
            Warn,
            "AH10085: Init: {} will respond with '503 Service Unavailable' for now. There are no SSL certificates configured and no other module contributed any.",
            site.id
        );
    }
    let mut config = declared.clone();
    config.certificate_files = paths(certificates);
    config.certificate_key_files = paths(keys);
    if config.certificate_files.len() > declared.certificate_files.len() {
        // Files of providers contain their chain.
        config.certificate_chain_file = None;
    }
    Completed { config, fallback }
}

/// The paths as other modules see them.
fn list<'p>(pool: Pool<'p>, paths: &[PathBuf]) -> Option<Strings<'p>> {
    let list = Strings::new(pool)?;
    for path in paths {
        list.push(pool.text(c_path(path).to_bytes()));
    }
    Some(list)
}

fn paths(list: Strings<'_>) -> Vec<PathBuf> {
    let path = |text: &CStr| PathBuf::from(OsStr::from_bytes(text.to_bytes()));
    list.iter().map(path).collect()
}
