//! What all processes of the server know of responders (`SSLOCSPCache`).
//!
//! The cache is not trusted: records carry a MAC with a key that never leaves the processes of this configuration,
//! and responses are verified again when they come back. Whatever else goes wrong is as if nothing were there.

use crate::apr::{Pool, Status, time};
use crate::entry::watched_cache::{Kind, WatchedCache};
use crate::httpd::Server;
use crate::httpd::locked_cache::Names;
use crate::httpd::log::log;
use crate::httpd::socache::{Hints, SharedCache};
use crate::ossl::lib::mac::{self, MacKey};
use crate::policy::answers::Key;
use crate::policy::sealed::{self, OVERHEAD};
use std::ffi::CStr;
use std::time::{Duration, SystemTime};

/// The name of the mutex in the `Mutex` directive.
pub const MUTEX: &CStr = c"ssl-ocsp";
/// Responses have about so many bytes, an id of so many; sweeps are so many µs apart.
const NAMES: Names = Names {
    mutex: MUTEX,
    instance: c"mod_ssl-ocsp",
    hints: Hints { object: 2000, id: 32, sweep: 300_000_000 },
};
/// The largest record. Responses beyond that are kept by the process alone.
const LARGEST: usize = 10_240;
/// For no longer is anything kept: memcached takes more than 30 days for a date.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The cache, and what its records are sealed with.
pub struct Shared {
    cache: WatchedCache,
    key: MacKey,
}

/// Something that was kept.
pub struct Kept {
    /// For how long it holds.
    pub left: Duration,
    /// What it is.
    pub contents: Vec<u8>,
}

impl Shared {
    /// Prepares the cache in the configuration pool.
    ///
    /// # Errors
    /// What the provider or the mutex gives; [`Status::EGENERAL`] without random numbers.
    pub fn open(cache: SharedCache, server: Server<'_>, pool: Pool<'_>) -> Result<Self, Status> {
        let key = MacKey::random().ok_or(Status::EGENERAL)?;
        let cache = WatchedCache::open(cache, Kind::Responses, NAMES, server, pool)?;
        Ok(Self { cache, key })
    }

    /// Opens the lock in a child process.
    pub fn reopen(&self, server: Server<'_>, pool: Pool<'_>) {
        self.cache.reopen(server, pool, "");
    }

    /// Ends the cache with its configuration.
    pub fn close(&self, server: Server<'_>) {
        self.cache.close(server);
    }

    /// What is kept for `key`.
    pub fn find(&self, server: Server<'_>, key: &Key) -> Option<Kept> {
        let found = self.cache.find(server, key, LARGEST)?.ok()?;
        let now = now()?;
        let opened = sealed::open(key, &found, now, &|pieces| self.key.mac(pieces), mac::same);
        let Some(opened) = opened else {
            log!(server, Debug, "SSLOCSPCache: a record that is none, or has ended, is passed over");
            return None;
        };
        let left = Duration::from_secs(u64::try_from(opened.until.checked_sub(now)?).ok()?);
        Some(Kept { left, contents: opened.contents.to_vec() })
    }

    /// Keeps something for whole seconds of `time`.
    pub fn keep(&self, server: Server<'_>, key: &Key, time: Duration, contents: &[u8]) {
        let seconds = time.min(LONGEST).as_secs();
        if seconds == 0 || contents.len() > LARGEST - OVERHEAD {
            return;
        }
        let until = now().and_then(|now| now.checked_add(i64::try_from(seconds).ok()?));
        let record =
            until.and_then(|until| Some((until, sealed::write(key, until, contents, &|p| self.key.mac(p))?)));
        let Some((until, record)) = record else { return };
        let kept = self.cache.store(server, key, time::from_seconds(until), record.into());
        if let Some(Err(status)) = kept {
            log!(server, Debug, status => "SSLOCSPCache: a record could not be stored");
        }
    }

    /// Forgets what is kept for `key`.
    pub fn forget(&self, server: Server<'_>, key: &Key) {
        // If it stays there, it ends in its time.
        let _ = self.cache.remove(server, key);
    }
}

/// Seconds since 1970.
fn now() -> Option<i64> {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()
}
