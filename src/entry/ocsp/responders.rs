//! What is known of responders, whoever asks them: who does not answer at present, and what the processes of the
//! server tell each other.

use super::client::{Failure, Route};
use super::shared::{Kept, Shared};
use crate::apr::{Pool, Status};
use crate::config::cache_spec::CacheSpec;
use crate::entry::config::ServerConf;
use crate::httpd::Server;
use crate::httpd::log::log;
use crate::httpd::server::ServerSlot;
use crate::httpd::socache::{CreateError, SharedCache};
use crate::ossl::lib::sha256;
use crate::policy::answers::{Key, Quiet};
use crate::policy::outages::{Leave, Outages};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a responder that has failed is left alone, and how long a question that failed is not asked again.
pub const REST: Duration = Duration::from_secs(5);
/// How often the log says that the same responder fails.
const PAUSE: Duration = Duration::from_secs(60);
/// The provider without a line, and its arguments.
const DEFAULT_PROVIDER: &str = "shmcb";

/// What is known of responders; one for all servers of a configuration.
pub struct Responders {
    outages: Outages,
    complaints: Quiet,
    shared: Option<Shared>,
}

/// Why there is no cache.
pub enum OpenError {
    /// It was asked for.
    Configured(Status),
    /// The one that is there without a line.
    Default(String),
}

impl Responders {
    /// Nothing is known, and nothing shared.
    #[must_use]
    pub fn alone() -> Arc<Self> {
        Arc::new(Self::new(None))
    }

    fn new(shared: Option<Shared>) -> Self {
        Self { outages: Outages::new(REST), complaints: Quiet::new(PAUSE), shared }
    }

    /// Opens the cache, if there is to be one; it ends with the configuration.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        pool: Pool<'_>,
        main: Server<'_>,
        conf: &ServerConf,
        spec: &CacheSpec,
    ) -> Result<Arc<Self>, OpenError> {
        struct End(Arc<Responders>, ServerSlot);
        impl Drop for End {
            fn drop(&mut self) {
                if let Some(shared) = &self.0.shared {
                    shared.close(self.1.get());
                }
            }
        }
        let shared = match spec {
            CacheSpec::None | CacheSpec::NoneNotNull => None,
            CacheSpec::Provider { .. } => {
                let cache = conf.ocsp_cache.take();
                let opened = cache.map(|cache| Shared::open(cache, main, pool));
                opened.transpose().map_err(OpenError::Configured)?
            }
            CacheSpec::Unset => Some(open_default(pool, main).map_err(OpenError::Default)?),
        };
        let responders = Arc::new(Self::new(shared));
        pool.keep(End(Arc::clone(&responders), main.slot()));
        Ok(responders)
    }

    /// Opens the lock in a child process.
    pub fn reopen(&self, server: Server<'_>, pool: Pool<'_>) {
        if let Some(shared) = &self.shared {
            shared.reopen(server, pool);
        }
    }

    /// A response that another process has got, or this one for another server.
    #[must_use]
    pub fn find(&self, server: Server<'_>, key: &Key) -> Option<Kept> {
        self.shared.as_ref()?.find(server, key)
    }

    /// Keeps a response for others.
    pub fn keep(&self, server: Server<'_>, key: &Key, time: Duration, response: &[u8]) {
        if let Some(shared) = &self.shared {
            shared.keep(server, key, time, response);
        }
    }

    /// Whether the responder may be asked now, which takes `patience` at most.
    #[must_use]
    pub fn leave(&self, server: Server<'_>, whom: &Key, patience: Duration) -> Leave {
        let leave = self.outages.leave(whom, patience, Instant::now());
        let Some(shared) = &self.shared else { return leave };
        match leave {
            Leave::Denied => Leave::Denied,
            // Nobody else shall try as well.
            Leave::Probe => {
                shared.keep(server, whom, patience, b"");
                Leave::Probe
            }
            Leave::Free => match shared.find(server, whom) {
                None => Leave::Free,
                Some(outage) => {
                    self.outages.found_down(whom, outage.left, Instant::now());
                    Leave::Denied
                }
            },
        }
    }

    /// The responder has answered.
    pub fn answered(&self, server: Server<'_>, whom: &Key, leave: Leave) {
        self.outages.answered(whom);
        if let (Leave::Probe, Some(shared)) = (leave, &self.shared) {
            shared.forget(server, whom);
        }
    }

    /// The responder did not answer a question about `question`.
    pub fn failed(&self, server: Server<'_>, whom: &Key, question: &Key, failure: &Failure) {
        let certain = matches!(failure, Failure::Resolve { .. } | Failure::Connect { .. });
        let is_down = self.outages.failed(whom, question, certain, Instant::now());
        if let (true, Some(shared)) = (is_down, &self.shared) {
            shared.keep(server, whom, REST, b"");
        }
    }

    /// Whether it is time for a line about what fails.
    #[must_use]
    pub fn may_complain(&self, what: &str) -> bool {
        self.complaints.may_say(what, Instant::now())
    }
}

/// What a responder and the way to it are known by.
#[must_use]
pub fn key(responder: &str, route: &Route<'_>) -> Option<Key> {
    sha256(format!("responder {responder} by {}", route.hop().authority()).as_bytes())
}

/// The cache that is there without a line: one of the server's own in memory.
fn open_default(pool: Pool<'_>, main: Server<'_>) -> Result<Shared, String> {
    let created = pool
        .scratch(|scratch| SharedCache::create(DEFAULT_PROVIDER, None, scratch, pool))
        .unwrap_or_else(|| Err(CreateError::Refused("no memory".to_owned())));
    let cache = created.map_err(|error| match error {
        CreateError::Unknown(_) => format!("mod_socache_{DEFAULT_PROVIDER} is not loaded"),
        CreateError::Refused(reason) => reason,
    })?;
    Shared::open(cache, main, pool).map_err(|status| status.to_string())
}

/// Tells why the default is not there.
pub fn say_alone(main: Server<'_>, reason: &str) {
    log!(main, Info, "Each process keeps OCSP responses of its own ({reason}) [hint: SSLOCSPCache]");
}
