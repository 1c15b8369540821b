//! The session cache shared between processes (`SSLSessionCache`).

use super::watched_cache::{Kind, WatchedCache};
use crate::apr::{Pool, Status, time};
use crate::httpd::Server;
use crate::httpd::locked_cache::Names;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::socache::{Hints, SharedCache};
use crate::httpd::{Level, Request};
use crate::metrics::{self, Counter};
use crate::ossl::callback::ClientHello;
use crate::ossl::lib::mac::{self, MacKey};
use crate::ossl::session::{Session, SessionRef, has_extended_master_secret};
use std::ffi::{CStr, c_int};
use std::fmt::Write as _;
use zeroize::Zeroizing;

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

/// The cache.
pub struct SessionStore {
    cache: WatchedCache,
    /// Made from the secret of `SSLSessionTicketSecretFile`.
    seal: Option<MacKey>,
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
        let cache = WatchedCache::open(cache, Kind::Sessions, NAMES, server, pool)?;
        Ok(Self { cache, seal })
    }

    /// Opens the lock in a child process.
    pub fn reopen(&self, server: Server<'_>, pool: Pool<'_>) {
        self.cache.reopen(server, pool, "AH02024: ");
    }

    /// Ends the cache with its configuration.
    pub fn close(&self, server: Server<'_>) {
        self.cache.close(server);
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
    pub fn store(&self, server: Server<'_>, session: &SessionRef) {
        let Some(value) = session.to_der().and_then(|der| self.sealed(der)) else { return };
        if value.len() > LARGEST {
            log!(server, Error, "AH01875: session is too big ({} bytes)", value.len());
            return;
        }
        let id = session.id();
        let expiry = time::from_seconds(session.time().saturating_add(session.timeout()));
        let stored = self.cache.store(server, id, expiry, value);
        metrics::count(match stored {
            Some(Ok(())) => Counter::SessionStored,
            Some(Err(_)) | None => Counter::SessionError,
        });
        if let Some(Err(status)) = stored {
            self.cache.failed(server, status, "did not take a session");
        }
        let timeout = format!("timeout={}s ", session.timeout());
        let outcome = if matches!(stored, Some(Ok(()))) { "OK" } else { "BAD" };
        trace(server, "SET", outcome, id, &timeout, "caching");
    }

    /// Finds a session that the client can resume. Others write to the cache, so what comes from there is believed
    /// only as far as the ClientHello and, afterwards, the policy bear it out.
    pub fn find(&self, server: Server<'_>, hello: &ClientHello<'_>, id: &[u8]) -> Option<Found> {
        let found = self.cache.find(server, id, LARGEST);
        metrics::count(match &found {
            Some(Ok(_)) => Counter::SessionHit,
            Some(Err(Status::NOTFOUND)) => Counter::SessionMiss,
            Some(Err(_)) | None => Counter::SessionError,
        });
        let session = match found {
            Some(Ok(value)) => self.decoded(server, hello, id, &value),
            // Providers do not agree on what to say of an id that they do not have.
            Some(Err(Status::NOTFOUND | Status::EGENERAL)) | None => None,
            Some(Err(status)) => {
                self.cache.failed(server, status, "cannot be asked for a session");
                None
            }
        };
        match session {
            Some(_) => trace(server, "GET", "FOUND", id, "", "reuse"),
            None => trace(server, "GET", "MISSED", id, "", "renewal"),
        }
        session
    }

    /// The session in a value of the cache, if it is one of the client.
    fn decoded(&self, server: Server<'_>, hello: &ClientHello<'_>, id: &[u8], value: &[u8]) -> Option<Found> {
        let (der, is_ours) = self.opened(value);
        let extended = has_extended_master_secret(der);
        let session = Session::from_der(der).filter(|session| hello.could_resume(session, id, extended));
        if session.is_none() {
            metrics::count(Counter::SessionRefused);
            self.cache.failed(server, Status::SUCCESS, "gave what is no session of the client");
        }
        session.map(|session| Found { session, is_ours })
    }

    /// Forgets a session.
    pub fn remove(&self, server: Server<'_>, id: &[u8]) {
        let removed = self.cache.remove(server, id);
        let outcome = if matches!(removed, Some(Ok(()))) { "OK" } else { "BAD" };
        trace(server, "REM", outcome, id, "", "dead");
    }

    /// Prints the provider's figures.
    pub fn print_status(&self, request: Request<'_>, flags: c_int) {
        self.cache.print_status(request, flags);
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
