//! `-t -DSSL_CHECK`: all that a start would find wrong, and more, without starting.

use super::context::{self, Contexts, Site};
use super::keys::Keys;
use super::proxy::check::Backends;
use super::{Common, set_fips, stapling, ticket, use_device};
use crate::apr::Pool;
use crate::apr::pool::c_string;
use crate::config::cache_spec::CacheSpec;
use crate::config::vhost_id::vhost_id;
use crate::entry::config::ServerConf;
use crate::entry::identities::Loader;
use crate::httpd::log::log;
use crate::httpd::{Server, version};
use std::path::Path;

/// Looks at all servers with TLS and says how much there is to mend. Each finding
/// is a line of the log, which is standard error in this mode.
pub fn run(pool: Pool<'_>, main: Server<'_>) -> usize {
    let Some(conf) = ServerConf::of(main) else { return 1 };
    let global = conf.global.borrow().clone();
    let device = global.crypto_device.as_deref();
    let mut found = usize::from(use_device(pool, main, device).is_err());
    found += usize::from(set_fips(pool, main, global.fips).is_err());
    found += cache(main, "SSLSessionCache", &global.session_cache);
    found += cache(main, "SSLStaplingCache", &global.stapling_cache);
    let staples = stapling::Registry::new(&global.stapling_cache);
    let site = Site { main, server: main, id: "", is_start: false };
    found += usize::from(ticket::origin(&site, &global).is_err());
    let keys = Keys::begin(&global.pass_phrase_dialog);
    let common = Common::of(pool, &global, &staples, &keys);
    let (mut loader, mut contexts, mut backends) =
        (Loader::begin(device), Contexts::default(), Backends::default());
    for server in main.iter() {
        let Some(conf) = ServerConf::of(server) else { continue };
        let declared = conf.declared.borrow();
        let declared = declared.complete();
        let protocol = server.protocol().unwrap_or_default().to_string_lossy();
        if declared.is_enabled(&protocol) {
            let id = vhost_id(&server.hostname().to_string_lossy(), server.port(), true);
            let site = Site { main, server, id: &id, is_start: false };
            found += context::check(&site, &declared, &common, &mut loader, &mut contexts);
        }
        let id = vhost_id(&server.hostname().to_string_lossy(), server.port(), false);
        let site = Site { main, server, id: &id, is_start: false };
        found += backends.check(&site, conf);
    }
    keys.finish(main);
    found + stapling::check_files(main, &staples)
}

/// A cache that is a file needs its folder. Others either need nothing, or are
/// elsewhere and may come later.
fn cache(main: Server<'_>, directive: &str, spec: &CacheSpec) -> usize {
    let CacheSpec::Provider { name, args: Some(path) } = spec else { return 0 };
    if name != "dbm" {
        return 0;
    }
    let path = version::server_root_relative(&c_string(path));
    let folder = Path::new(&path).parent().unwrap_or(Path::new("/"));
    if folder.is_dir() {
        return 0;
    }
    log!(main, Error, "SSL_CHECK: {directive}: directory '{}' does not exist", folder.display());
    1
}
