//! The keys of tickets of all servers that have none of their own: made here, or from a secret that several machines
//! share, and replaced by the clock.
//!
//! They are in memory that all processes share and that outlives restarts ([`SharedPage`]), so that a ticket is good at
//! any child and after a graceful restart. Whoever finds that it is time prepares the next keys, and the first one that
//! is done puts them there; nobody waits. No process keeps a copy.

use crate::apr::SharedPage;
use crate::apr::time::seconds_now;
use crate::ossl::hkdf;
use crate::ossl::lib::mac::MacKey;
use crate::ossl::ticket::{Opening, TicketKey};
use crate::policy::ticket::KeyParts;
use crate::policy::ticket::ring::{KEYS_WORDS, Keys, Plan, Ring, Status, WORDS};
use crate::policy::ticket::tree::{SECRET, Secret};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Mapped by the parent before it forks; this object is never unloaded.
static PAGE: OnceLock<SharedPage<WORDS>> = OnceLock::new();

/// How often a change is tried again when others made one meanwhile.
const TRIES: usize = 100;

/// Where keys come from.
pub enum Origin {
    /// Nobody knows: this server alone has them.
    Chance,
    /// A secret that other servers have, too.
    Shared(Secret),
}

impl Origin {
    /// From the bytes of a file (`SSLSessionTicketSecretFile`). Keys of another lifetime have nothing in common.
    #[must_use]
    pub fn of_secret(bytes: &[u8], lifetime: u64) -> Option<Self> {
        let mut extracted = Secret::new([0; SECRET]);
        let mut root = Secret::new([0; SECRET]);
        let label = [&b"mod_ssl tickets: lifetime "[..], &lifetime.to_be_bytes()].concat();
        let done = hkdf::extract(b"mod_ssl session tickets", bytes, &mut extracted)
            && hkdf::expand(&*extracted, &label, &mut *root);
        done.then_some(Self::Shared(root))
    }

    /// What sessions in a shared cache are sealed with, if there is a secret. It opens no tickets.
    #[must_use]
    pub fn cache_seal(&self) -> Option<MacKey> {
        let Self::Shared(root) = self else { return None };
        let mut bytes = Secret::new([0; SECRET]);
        hkdf::expand(&**root, b"mod_ssl sessions: seal", &mut *bytes).then(|| MacKey::of(&bytes)).flatten()
    }

    fn root(&self) -> Option<Secret> {
        match self {
            Self::Shared(root) => Some(root.clone()),
            Self::Chance => chance(),
        }
    }

    /// Tells secrets apart; 0 stands for none.
    fn number(&self) -> Option<u64> {
        let Self::Shared(root) = self else { return Some(0) };
        let mut bytes = [0; 8];
        hkdf::expand(&**root, b"mod_ssl tickets: number", &mut bytes).then_some(u64::from_ne_bytes(bytes) | 1)
    }
}

fn chance() -> Option<Secret> {
    let mut root = Secret::new([0; SECRET]);
    openssl::rand::rand_bytes(&mut *root).ok()?;
    Some(root)
}

/// Why there are no keys.
#[derive(Debug)]
pub enum PrepareError {
    /// There is no memory that processes can share.
    Memory(std::io::Error),
    /// The library cannot do what is needed.
    Library,
}

/// Makes the keys, or takes over those that there are: at each start and restart, before there are processes of the
/// new configuration. `lifetime` is how long a key seals and `hold` how long a ticket is good, in seconds.
///
/// # Errors
/// See [`PrepareError`].
pub fn prepare(origin: &Origin, lifetime: u64, hold: u64) -> Result<(), PrepareError> {
    let page = match PAGE.get() {
        Some(page) => page,
        None => {
            let page = SharedPage::new().map_err(PrepareError::Memory)?;
            PAGE.get_or_init(|| page)
        }
    };
    if !TicketKey::is_supported() {
        return Err(PrepareError::Library);
    }
    let secret = origin.number().ok_or(PrepareError::Library)?;
    let plan = Plan { lifetime, hold, secret };
    for _ in 0..TRIES {
        let (seen, before) = read(page);
        let next = next(origin, plan, before).ok_or(PrepareError::Library)?;
        if write(page, seen, &next) {
            return Ok(());
        }
        // An old child has changed them just now.
        std::thread::yield_now();
    }
    Err(PrepareError::Library)
}

/// What follows on the keys of an earlier configuration.
fn next(origin: &Origin, plan: Plan, before: Option<Ring>) -> Option<Ring> {
    let now = seconds_now();
    let fresh = || Ring::start(&origin.root()?, plan, now, &hkdf::expand);
    match before {
        // A secret that has been replaced may be known to somebody: nothing of it stays.
        Some(before) if before.plan().secret == 0 && plan.secret == 0 && !before.keys().is_behind(now) => {
            if before.plan().lifetime == plan.lifetime {
                before.hold(plan.hold).follow(now, &hkdf::expand)
            } else {
                Some(fresh()?.keep_keys_of(&before))
            }
        }
        _ => fresh(),
    }
}

fn read(page: &SharedPage<WORDS>) -> (u64, Option<Ring>) {
    let mut words = Zeroizing::new([0; WORDS]);
    let seen = page.read(&mut *words);
    (seen, Ring::read(&words))
}

fn write(page: &SharedPage<WORDS>, seen: u64, ring: &Ring) -> bool {
    let mut words = Zeroizing::new([0; WORDS]);
    ring.words(&mut words);
    page.replace(seen, &words)
}

/// Goes with the clock. Cheap if there is nothing to do.
pub fn follow() {
    let _ = keys(seconds_now());
}

/// Puts the keys there that are due, unless somebody else is faster.
fn replace(page: &SharedPage<WORDS>, now: i64) {
    let (seen, Some(before)) = read(page) else { return };
    if !before.keys().is_due(now) {
        return;
    }
    let next = if before.keys().is_behind(now) {
        chance().and_then(|root| Ring::start(&root, before.plan(), now, &hkdf::expand))
    } else {
        before.follow(now, &hkdf::expand)
    };
    // If somebody else was faster, or the library fails, the keys that there are will do.
    if let Some(next) = next {
        write(page, seen, &next);
    }
}

fn current(page: &SharedPage<WORDS>) -> Option<Keys> {
    let mut words = Zeroizing::new([0; KEYS_WORDS]);
    page.read(&mut *words);
    Keys::read(&words)
}

/// The keys as they should be now.
fn keys(now: i64) -> Option<Keys> {
    let page = PAGE.get()?;
    let keys = current(page)?;
    if !keys.is_due(now) {
        return Some(keys);
    }
    replace(page, now);
    current(page)
}

fn ticket_key(parts: KeyParts<'_>) -> Option<TicketKey> {
    TicketKey::new(parts.name, parts.mac, parts.cipher)
}

/// The key for a new ticket.
#[must_use]
pub fn sealing() -> Option<TicketKey> {
    ticket_key(keys(seconds_now())?.sealing()?)
}

/// The key of this name.
#[must_use]
pub fn opening(name: &[u8]) -> Option<Opening> {
    let now = seconds_now();
    let keys = keys(now)?;
    let (parts, is_old) = keys.opening(name, now)?;
    Some(Opening { key: ticket_key(parts)?, is_old })
}

/// Number of the epoch, age of the key that seals, number of keys honoured. `None` before the first start.
#[must_use]
pub fn status() -> Option<Status> {
    let now = seconds_now();
    Some(keys(now)?.status(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page is the process's, so there is one test.
    #[test]
    fn keys_outlive_a_configuration_but_not_their_secret() {
        assert!(status().is_none() && sealing().is_none());
        follow();
        prepare(&Origin::Chance, 43_200, 300).unwrap();
        let first = sealing().unwrap();
        prepare(&Origin::Chance, 43_200, 3_000).unwrap();
        assert_eq!(sealing().unwrap().name(), first.name(), "a graceful restart");
        prepare(&Origin::Chance, 1_000, 300).unwrap();
        assert_ne!(sealing().unwrap().name(), first.name());
        assert!(opening(first.name()).is_some_and(|opening| opening.is_old), "another lifetime");
        let secret = |byte| Origin::of_secret(&[byte; 40], 43_200).unwrap();
        prepare(&secret(1), 43_200, 300).unwrap();
        let shared = sealing().unwrap();
        assert!(opening(first.name()).is_none());
        prepare(&secret(2), 43_200, 300).unwrap();
        assert!(opening(shared.name()).is_none());
        prepare(&secret(1), 43_200, 300).unwrap();
        assert!(opening(shared.name()).is_some());
        assert!(status().is_some_and(|status| status.honoured >= 3), "{:?}", status());
    }
}
