//! A cache together with the lock that its provider needs.

use super::log::log;
use super::mutex::GlobalMutex;
use super::server::Server;
use super::socache::{Hints, SharedCache};
use crate::apr::{Pool, Status};
use std::ffi::CStr;

/// How httpd knows a cache.
pub struct Names {
    /// The name in the `Mutex` directive.
    pub mutex: &'static CStr,
    /// The name of the instance, which is part of memcache and redis keys.
    pub instance: &'static CStr,
    /// What is stored there.
    pub hints: Hints,
}

/// The cache and its lock.
pub struct LockedCache {
    cache: SharedCache,
    mutex: Option<GlobalMutex>,
}

impl LockedCache {
    /// Prepares the cache in the configuration pool.
    ///
    /// # Errors
    /// What the provider or the mutex gives.
    pub fn open(
        cache: SharedCache,
        names: Names,
        server: Server<'_>,
        pool: Pool<'_>,
    ) -> Result<Self, Status> {
        let mutex =
            if cache.needs_mutex() { Some(GlobalMutex::create(names.mutex, server, pool)?) } else { None };
        cache.init(names.instance, names.hints, server, pool)?;
        Ok(Self { cache, mutex })
    }

    /// See [`SharedCache::is_local`].
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.cache.is_local()
    }

    /// Opens the lock in a child process. `number` begins the line that says that it cannot be opened.
    pub fn reopen(&self, server: Server<'_>, pool: Pool<'_>, number: &str) {
        if let Some(mutex) = &self.mutex
            && let Err(status) = mutex.reopen(pool)
        {
            log!(server, Error, status => "{number}Cannot reinit {} mutex", mutex.name().to_string_lossy());
        }
    }

    /// Ends the cache with its configuration.
    pub fn close(&self, server: Server<'_>) {
        self.cache.destroy(server);
    }

    /// Runs `body` under the lock, when the provider needs one. It must do nothing but use the cache.
    ///
    /// # Errors
    /// The status of a lock that cannot be had; `body` did not run.
    pub fn with<R>(&self, body: impl FnOnce(&SharedCache) -> R) -> Result<R, Status> {
        match &self.mutex {
            None => Ok(body(&self.cache)),
            Some(mutex) => mutex.with(|| body(&self.cache)),
        }
    }
}
