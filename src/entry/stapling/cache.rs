//! The cache of responses that outlives processes, and that servers may share (`SSLStaplingCache`).

use crate::apr::{Pool, Status, time};
use crate::entry::watched_cache::{Kind, WatchedCache};
use crate::httpd::Server;
use crate::httpd::locked_cache::Names;
use crate::httpd::log::log;
use crate::httpd::socache::{Hints, SharedCache};
use crate::io::board::BYTES;
use std::ffi::CStr;

/// The name of its mutex in the `Mutex` directive.
pub const MUTEX: &CStr = c"ssl-stapling";
/// A mutex of the C module that lines of the configuration may name. Here one process fetches, so nobody takes it.
pub const REFRESH_MUTEX: &CStr = c"ssl-stapling-refresh";
/// Responses have about so many bytes, an id of so many; sweeps are so many µs apart.
const NAMES: Names = Names {
    mutex: MUTEX,
    instance: c"mod_ssl-staple",
    hints: Hints { object: 1500, id: 20, sweep: 300_000_000 },
};
/// The most bytes of a response: one more says whether it is good.
pub const LARGEST: usize = BYTES - 1;
/// The first byte of a value with a good response.
const GOOD: u8 = 1;

/// The cache. Values are a byte, 1 for good, and the response in DER, as the C module has them.
pub struct StapleStore(WatchedCache);

impl StapleStore {
    /// Prepares the cache in the configuration pool.
    ///
    /// # Errors
    /// What the provider or the mutex gives.
    pub fn open(cache: SharedCache, server: Server<'_>, pool: Pool<'_>) -> Result<Self, Status> {
        WatchedCache::open(cache, Kind::Staples, NAMES, server, pool).map(Self)
    }

    /// Opens the lock in the process that fetches.
    pub fn reopen(&self, server: Server<'_>, pool: Pool<'_>) {
        self.0.reopen(server, pool, "AH01946: ");
    }

    /// Ends the cache with its configuration.
    pub fn close(&self, server: Server<'_>) {
        self.0.close(server);
    }

    /// Stores a good response for so many seconds.
    pub fn store(&self, server: Server<'_>, id: &[u8], response: &[u8], seconds: u64) {
        let value = [&[GOOD], response].concat().into();
        let lifetime = time::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        let expiry = time::now().saturating_add(lifetime);
        if !matches!(self.0.store(server, id, expiry, value), Some(Ok(()))) {
            log!(server, Debug, "AH01929: stapling_cache_response: OCSP response session store error!");
        }
    }

    /// Finds a good response.
    pub fn find(&self, server: Server<'_>, id: &[u8]) -> Option<Vec<u8>> {
        let found = self.0.find(server, id, BYTES).and_then(Result::ok);
        let good = found.and_then(|value| Some(value.strip_prefix(&[GOOD])?.to_vec()));
        match good {
            Some(_) => log!(server, Debug, "AH01933: stapling_get_cached_response: cache hit"),
            None => log!(server, Debug, "AH01930: stapling_get_cached_response: cache miss"),
        }
        good
    }
}
