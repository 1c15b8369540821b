//! The session cache shared between processes (`SSLSessionCache`).

use crate::apr::pool::root_scratch;
use crate::apr::shared_memory::{self, Shareable};
use crate::apr::{Pool, Status, time};
use crate::httpd::Server;
use crate::httpd::locked_cache::{LockedCache, Names};
use crate::httpd::log::{LogTarget, log};
use crate::httpd::socache::{Hints, SharedCache};
use crate::httpd::{Level, Request};
use crate::metrics::{self, Counter};
use crate::ossl::callback::ClientHello;
use crate::ossl::lib::mac::{self, MacKey};
use crate::ossl::session::{Session, SessionRef, has_extended_master_secret};
use crate::policy::health::Health;
use std::ffi::{CStr, c_int};
use std::fmt::Write as _;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use zeroize::{Zeroize, Zeroizing};

/// The largest session that is stored, in bytes of DER.
const LARGEST: usize = 10_240;
/// The name of the mutex in the `Mutex` directive.
pub const MUTEX: &CStr = c"ssl-cache";
/// Sessions have about so many bytes, an id of so many; sweeps are so many µs apart.
const NAMES: Names = Names {
    mutex: MUTEX,
    instance: c"mod_ssl-sess",
    hints: Hints { object: 150, id: 30, sweep: 30_000_000 },
};

/// Bytes behind a session that is sealed.
const SEAL: usize = 32;

/// A session that was found.
pub struct Found {
    /// It is the one of the client, as far as the ClientHello shows.
    pub session: Session,
    /// It may have been written by servers that make the same seals alone: what it says of a client's certificate can
    /// be believed. Without `SSLSessionTicketSecretFile` all that there is to go by is its binding.
    pub is_ours: bool,
}

/// The cache and its lock.
pub struct SessionStore {
    cache: LockedCache,
    /// Made from the secret of `SSLSessionTicketSecretFile`.
    seal: Option<MacKey>,
    health: &'static Health,
}

// SAFETY: health consists of atomics, which are zero when their bytes are.
unsafe impl Shareable for Health {}

/// What all processes know of the cache together. It is made before the first of them, once: memory of this kind is
/// never given back.
fn health() -> &'static Health {
    static HEALTH: OnceLock<&'static Health> = OnceLock::new();
    HEALTH.get_or_init(|| shared_memory::zeroed().unwrap_or_else(|| Box::leak(Box::default())))
}

impl SessionStore {
    /// Prepares the cache in the configuration pool.
    ///
    /// # Errors
    /// What the provider or the mutex gives.
    pub fn open(
        cache: SharedCache,
        seal: Option<MacKey>,
        server: Server<'_>,
        pool: Pool<'_>,
    ) -> Result<Self, Status> {
        let cache = LockedCache::open(cache, NAMES, server, pool)?;
        Ok(Self { cache, seal, health: health() })
    }

    /// Opens the lock in a child process.
    pub fn reopen(&self, server: Server<'_>, pool: Pool<'_>) {
        self.cache.reopen(server, pool, "AH02024: ");
    }

    /// Ends the cache with its configuration.
    pub fn close(&self, server: Server<'_>) {
        self.cache.close(server);
    }

    /// Runs `body` under the lock, when the provider needs one.
    fn locked<R>(
        &self,
        server: Server<'_>,
        body: impl FnOnce(&SharedCache) -> Result<R, Status>,
    ) -> Result<R, Status> {
        self.cache.with(body).unwrap_or_else(|status| {
            self.complain(server, status, "AH02026: Failed to acquire SSL session cache lock");
            Err(status)
        })
    }

    /// Asks the provider, unless it has kept a handshake waiting just before. `None`: it was not asked.
    fn ask<R>(
        &self,
        server: Server<'_>,
        body: impl FnOnce(&SharedCache) -> Result<R, Status>,
    ) -> Option<Result<R, Status>> {
        let asked = time::now();
        if !self.health.may_ask(asked) {
            return None;
        }
        let answer = self.locked(server, body);
        if self.health.answered(asked, time::now()) {
            self.complain(server, Status::SUCCESS, "SSL session cache is slow, not asked for a while");
        }
        Some(answer)
    }

    /// Logs that sessions cannot be kept or found, once a minute.
    fn complain(&self, server: Server<'_>, status: Status, what: &str) {
        if let Some(count) = self.health.failed(time::now()) {
            log!(
                server,
                Warn,
                status => "{what} ({count} since the last such line; clients make full handshakes meanwhile)"
            );
        }
    }

    /// Puts the seal behind a session. Others take the one and do not look at the other: OpenSSL's decoder, which the C
    /// module uses, ends with the session.
    fn sealed(&self, der: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        let Some(key) = &self.seal else { return Some(der) };
        let mac = key.mac(&[&der])?;
        // In one piece: growing it would leave a copy behind.
        let mut value = Zeroizing::new(Vec::with_capacity(der.len() + SEAL));
        value.extend_from_slice(&der);
        value.extend_from_slice(&mac);
        Some(value)
    }

    /// The session in a value, and whether one of ours has put it there.
    fn opened<'v>(&self, value: &'v [u8]) -> (&'v [u8], bool) {
        let Some(key) = &self.seal else { return (value, true) };
        match value.split_last_chunk::<SEAL>() {
            Some((der, seal)) if key.mac(&[der]).is_some_and(|mac| mac::same(&mac, seal)) => (der, true),
            _ => (value, false),
        }
    }

    /// Stores a session for as long as it may be resumed.
    pub fn store(&self, server: Server<'_>, pool: Pool<'_>, session: &SessionRef) {
        let Some(mut der) = session.to_der().and_then(|der| self.sealed(der)) else { return };
        if der.len() > LARGEST {
            log!(server, Error, "AH01875: session is too big ({} bytes)", der.len());
            return;
        }
        let id = session.id();
        let expiry = time::from_seconds(session.time().saturating_add(session.timeout()));
        let stored = pool
            .scratch(|scratch| self.ask(server, |cache| cache.store(server, id, expiry, &mut der, scratch)))
            .flatten();
        metrics::count(match stored {
            Some(Ok(())) => Counter::SessionStored,
            Some(Err(_)) | None => Counter::SessionError,
        });
        if let Some(Err(status)) = stored {
            self.complain(server, status, "SSL session cache did not take a session");
        }
        let timeout = format!("timeout={}s ", session.timeout());
        let outcome = if matches!(stored, Some(Ok(()))) { "OK" } else { "BAD" };
        trace(server, "SET", outcome, id, &timeout, "caching");
    }

    /// Finds a session that the client can resume. Others write to the cache, so what comes from there is believed
    /// only as far as the ClientHello and, afterwards, the policy bear it out.
    pub fn find(
        &self,
        server: Server<'_>,
        pool: Pool<'_>,
        hello: &ClientHello<'_>,
        id: &[u8],
    ) -> Option<Found> {
        let mut buffer = [const { MaybeUninit::uninit() }; LARGEST];
        let found = pool
            .scratch(|scratch| self.ask(server, |cache| cache.retrieve(server, id, &mut buffer, scratch)))
            .flatten();
        metrics::count(match &found {
            Some(Ok(_)) => Counter::SessionHit,
            Some(Err(Status::NOTFOUND)) => Counter::SessionMiss,
            Some(Err(_)) | None => Counter::SessionError,
        });
        let session = match found {
            Some(Ok(value)) => {
                let (der, is_ours) = self.opened(value);
                let session = Session::from_der(der).filter(|session| {
                    let extended = has_extended_master_secret(der);
                    hello.could_resume(session, id, extended)
                });
                // The master secret of the session is in there.
                value.zeroize();
                if session.is_none() {
                    metrics::count(Counter::SessionRefused);
                    let what = "SSL session cache gave what is no session of the client";
                    self.complain(server, Status::SUCCESS, what);
                }
                session.map(|session| Found { session, is_ours })
            }
            // Providers do not agree on what to say of an id that they do not have.
            Some(Err(Status::NOTFOUND | Status::EGENERAL)) | None => None,
            Some(Err(status)) => {
                self.complain(server, status, "SSL session cache cannot be asked for a session");
                None
            }
        };
        match session {
            Some(_) => trace(server, "GET", "FOUND", id, "", "reuse"),
            None => trace(server, "GET", "MISSED", id, "", "renewal"),
        }
        session
    }

    /// Forgets a session.
    pub fn remove(&self, server: Server<'_>, id: &[u8]) {
        let _ = root_scratch(|scratch| self.ask(server, |cache| cache.remove(server, id, scratch)));
        trace(server, "REM", "OK", id, "", "dead");
    }

    /// Prints the provider's figures.
    pub fn print_status(&self, request: Request<'_>, flags: c_int) {
        let _ = self.locked(request.server(), |cache| {
            cache.print_status(request, flags);
            Ok(())
        });
    }
}

fn trace(server: Server<'_>, request: &str, status: &str, id: &[u8], detail: &str, what: &str) {
    if server.logs(Level::Trace2) {
        let id = hex(id);
        log!(
            server,
            Trace2,
            "Inter-Process Session Cache: request={request} status={status} id={id} {detail}(session {what})"
        );
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
