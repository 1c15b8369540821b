//! A shared cache that keeps nobody waiting.
//!
//! One that is slow, dead or silent costs a full handshake or a question to a responder, never a stall: a cache that is
//! reached by the network is asked by threads of their own ([`errands`]), for the clients of such caches have limits of
//! their own, which cannot be asked for and need not hold. Whoever wants an answer waits for
//! [`PATIENCE`], and after that all processes leave the cache alone for a while.

use super::errands::{self, Undone};
use crate::apr::pool::root_scratch;
use crate::apr::shared_memory::{self, Shareable};
use crate::apr::{Pool, Status, time};
use crate::httpd::locked_cache::{LockedCache, Names};
use crate::httpd::log::log;
use crate::httpd::server::ServerSlot;
use crate::httpd::socache::SharedCache;
use crate::httpd::{Request, Server};
use crate::policy::health::{Health, PATIENCE};
use crate::policy::outages::Leave;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};
use zeroize::{Zeroize, Zeroizing};

/// What is kept in a cache; each kind has a health of its own.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `SSLSessionCache`.
    Sessions,
    /// `SSLStaplingCache`.
    Staples,
    /// `SSLOCSPCache`.
    Responses,
}

impl Kind {
    /// What its lines in the log begin with.
    fn title(self) -> &'static str {
        match self {
            Self::Sessions => "SSL session cache",
            Self::Staples => "OCSP stapling cache",
            Self::Responses => "SSLOCSPCache",
        }
    }

    /// What comes of its failures.
    fn price(self) -> &'static str {
        match self {
            Self::Sessions => "clients make full handshakes meanwhile",
            Self::Staples | Self::Responses => "responders are asked more often meanwhile",
        }
    }

    fn lock_complaint(self) -> &'static str {
        match self {
            Self::Sessions => "AH02026: Failed to acquire SSL session cache lock",
            Self::Staples => "AH01948: Failed to acquire OCSP stapling cache lock",
            Self::Responses => "Failed to acquire the lock of SSLOCSPCache",
        }
    }

    /// What all processes know of the cache together.
    fn health(self) -> &'static Health {
        /// By kind.
        #[derive(Default)]
        struct All([Health; 3]);
        // SAFETY: they consist of atomics, which are zero when their bytes are.
        unsafe impl Shareable for All {}
        // Made before there are other processes, once: memory of this kind is never given back.
        static ALL: OnceLock<&'static All> = OnceLock::new();
        let all = ALL.get_or_init(|| shared_memory::zeroed().unwrap_or_else(|| Box::leak(Box::default())));
        &all.0[self as usize]
    }
}

/// A cache with its lock, and how it does.
pub struct WatchedCache {
    cache: Arc<LockedCache>,
    kind: Kind,
    health: &'static Health,
}

impl WatchedCache {
    /// Prepares the cache in the configuration pool.
    ///
    /// # Errors
    /// What the provider or the mutex gives.
    pub fn open(
        cache: SharedCache,
        kind: Kind,
        names: Names,
        server: Server<'_>,
        pool: Pool<'_>,
    ) -> Result<Self, Status> {
        let cache = Arc::new(LockedCache::open(cache, names, server, pool)?);
        Ok(Self { cache, kind, health: kind.health() })
    }

    /// Opens the lock in a child process. `number` begins the line that says that it cannot be opened.
    pub fn reopen(&self, server: Server<'_>, pool: Pool<'_>, number: &str) {
        // The child's own pool goes while a call that does not come back may hold the lock.
        let lasting = server.process_pool().filter(|_| !self.cache.is_local());
        self.cache.reopen(server, lasting.unwrap_or(pool), number);
    }

    /// Ends the cache with its configuration.
    pub fn close(&self, server: Server<'_>) {
        self.cache.close(server);
    }

    /// Stores a value until `expiry` (µs since 1970). `None`: the cache was not asked, or did not answer in time.
    pub fn store(
        &self,
        server: Server<'_>,
        id: &[u8],
        expiry: i64,
        mut value: Zeroizing<Vec<u8>>,
    ) -> Option<Result<(), Status>> {
        let id = id.to_vec();
        self.ask(server, move |cache, server, pool| cache.store(server, &id, expiry, &mut value, pool))
    }

    /// Finds a value of at most `largest` bytes. `None` as for [`store`](Self::store).
    pub fn find(
        &self,
        server: Server<'_>,
        id: &[u8],
        largest: usize,
    ) -> Option<Result<Zeroizing<Vec<u8>>, Status>> {
        let id = id.to_vec();
        self.ask(server, move |cache, server, pool| {
            let mut buffer = vec![MaybeUninit::uninit(); largest];
            let found = cache.retrieve(server, &id, &mut buffer, pool)?;
            let value = Zeroizing::new(found.to_vec());
            found.zeroize();
            Ok(value)
        })
    }

    /// Forgets a value.
    pub fn remove(&self, server: Server<'_>, id: &[u8]) -> Option<Result<(), Status>> {
        let id = id.to_vec();
        self.ask(server, move |cache, server, pool| cache.remove(server, &id, pool))
    }

    /// Prints the provider's figures, unless the cache is silent. The request is this thread's, so its threads cannot do
    /// it; they find out whether it answers.
    pub fn print_status(&self, request: Request<'_>, flags: c_int) {
        let server = request.server();
        if self.cache.is_local() || self.find(server, &[0; 32], 1).is_some() {
            let printed = self.cache.with(|cache| cache.print_status(request, flags));
            if let Err(status) = printed {
                self.complain(server, status, self.kind.lock_complaint());
            }
        }
    }

    /// Asks the provider, unless it has kept somebody waiting just before.
    fn ask<R: Send + 'static>(
        &self,
        server: Server<'_>,
        call: impl FnOnce(&SharedCache, Server<'_>, Pool<'_>) -> Result<R, Status> + Send + 'static,
    ) -> Option<Result<R, Status>> {
        if !self.cache.is_local() && errands::are_stuck() {
            return None;
        }
        let asked = time::now();
        let leave = self.health.leave(asked);
        if leave == Leave::Denied {
            return None;
        }
        let answer = if self.cache.is_local() {
            Some(answer(&self.cache, server.slot(), call))
        } else {
            let (cache, slot) = (Arc::clone(&self.cache), server.slot());
            match errands::run(PATIENCE, move || answer(&cache, slot, call)) {
                Ok(answer) => Some(answer),
                Err(Undone::Late) => None,
                Err(Undone::Failed) => Some(Ok(Err(Status(libc::EAGAIN)))),
            }
        };
        let slow = match answer {
            Some(_) => self.health.answered(leave, asked, time::now()),
            None => {
                self.health.silent(time::now());
                true
            }
        };
        if slow {
            self.failed(server, Status::SUCCESS, "is slow, not asked for a while");
        }
        Some(answer?.unwrap_or_else(|status| {
            self.complain(server, status, self.kind.lock_complaint());
            Err(status)
        }))
    }

    /// Logs what is wrong with the cache, once a minute.
    pub fn failed(&self, server: Server<'_>, status: Status, what: &str) {
        self.complain(server, status, &format!("{} {what}", self.kind.title()));
    }

    fn complain(&self, server: Server<'_>, status: Status, what: &str) {
        if let Some(count) = self.health.failed(time::now()) {
            let price = self.kind.price();
            log!(server, Warn, status => "{what} ({count} since the last such line; {price})");
        }
    }
}

/// What the provider says, under the lock; the error is the lock's. The server is of the configuration, which a process
/// that asks caches keeps to its end.
fn answer<R>(
    cache: &LockedCache,
    server: ServerSlot,
    call: impl FnOnce(&SharedCache, Server<'_>, Pool<'_>) -> Result<R, Status>,
) -> Result<Result<R, Status>, Status> {
    root_scratch(|pool| cache.with(|cache| call(cache, server.get(), pool))).unwrap_or(Err(Status::EGENERAL))
}
