//! OCSP responses that are sent along with a certificate (RFC 6066, section 8): those that other modules have, and
//! our own. Ours are fetched by a process of its own (`fetch`) and shown to all others in shared memory, so that
//! a handshake only ever looks there.

pub mod cache;
mod fetch;
pub mod report;
pub mod staple;

use super::connection::ConnState;
use super::offered;
use crate::apr::shared_memory::SharedWords;
use crate::apr::{Pool, Status};
use crate::httpd::hook::answer;
use crate::httpd::log::log;
use crate::httpd::server::ServerSlot;
use crate::httpd::socache::SharedCache;
use crate::httpd::{Server, helper, providers};
use crate::io::board::Record;
use crate::ossl::ssl::SslRef;
use crate::policy::stapling::State;
use crate::sys;
use cache::StapleStore;
use fetch::Work;
pub use fetch::complain_of_file;
use staple::{Id, Key, Origin, Staple, id_of, now};
use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The name of the process that fetches.
const HELPER: &CStr = c"ssl-stapling";

/// Who has the responses for a certificate.
#[derive(Clone)]
pub enum Source {
    /// A module in httpd's own hooks.
    Httpd,
    /// A module in the optional hooks of `mod_ssl_openssl.h`.
    Offered,
    /// This one.
    Own(Arc<Staple>),
}

/// The certificates of a vhost for which there are responses.
#[derive(Default)]
pub struct Staples {
    /// `SSLUseStapling`.
    pub is_on: bool,
    /// Who has which.
    pub sources: Vec<(Id, Source)>,
}

/// The response for the certificate that is about to be sent. Without one the
/// handshake goes on: what that means to the client is its own decision.
pub fn response(state: &ConnState, ssl: &SslRef) -> Option<Vec<u8>> {
    let conn = state.conn();
    log!(conn, Debug, "AH01951: stapling_cb: OCSP Stapling callback called");
    let certificate = ssl.certificate()?;
    let id = id_of(&certificate)?;
    let vhost = state.vhost();
    let staples = &vhost.tls.as_ref()?.staples;
    let server = vhost.server.get();
    match staples.sources.iter().find(|(known, _)| *known == id) {
        Some((_, Source::Httpd)) => providers::ocsp_response(server, conn, &id),
        Some((_, Source::Offered)) => offered::get_stapling_status(conn, server, &certificate),
        Some((_, Source::Own(staple))) => {
            let response = staple.current();
            match response {
                Some(_) => log!(conn, Debug, "AH01956: stapling_cb: setting response"),
                None => log!(conn, Debug, "AH01957: stapling_cb: no suitable response available"),
            }
            response
        }
        None if !staples.is_on => {
            log!(conn, Debug, "AH01950: stapling_cb: OCSP Stapling disabled");
            None
        }
        None => {
            log!(conn, Info, "AH01926: stapling_get_certinfo: stapling not supported for certificate");
            None
        }
    }
}

/// What the parent fetches for: its configuration in force.
static WORK: Mutex<Option<Arc<Work>>> = Mutex::new(None);

/// The responses that a configuration leaves to the next one, which therefore has them from its first handshake.
static LEFT: Mutex<Option<HashMap<Key, Record>>> = Mutex::new(None);

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to fetch, as long as the configuration is in force.
///
/// # Errors
/// There is no memory to be shared.
pub fn begin(
    pool: Pool<'_>,
    main: Server<'_>,
    staples: Vec<Arc<Staple>>,
    store: Option<Arc<StapleStore>>,
) -> io::Result<()> {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            helper::stop();
            leave();
        }
    }
    let left = lock(&LEFT).take().unwrap_or_default();
    if staples.is_empty() {
        return Ok(());
    }
    let board = SharedWords::new(Staple::words_for(staples.len()))?;
    for (index, staple) in staples.iter().enumerate() {
        staple.settle(&board, index);
        match &staple.origin {
            Origin::Responder { .. } => restore(staple, left.get(&staple.key)),
            // What is wrong with it has been said.
            Origin::File(path) => {
                if let Ok((state, response)) = staple.from_file(path) {
                    staple.publish(&state, &response);
                }
            }
        }
    }
    *lock(&WORK) = Some(Arc::new(Work { staples, store, main: main.slot() }));
    pool.keep(End);
    start_helper(pool, main);
    Ok(())
}

/// Takes over what an earlier configuration has left.
fn restore(staple: &Staple, left: Option<&Record>) {
    let Some(left) = left else { return };
    let state = State::from_numbers(&left.numbers);
    if state.has_response(now()) {
        // A restart is a reason to try again.
        let renew_at = if state.failures == 0 { state.renew_at } else { 0 };
        staple.publish(&State { renew_at, ..state }, &left.bytes);
    }
}

/// Keeps the responses for the next configuration.
fn leave() {
    let Some(work) = lock(&WORK).take() else { return };
    let records = work.staples.iter().map(|staple| (staple.key, staple.record()));
    *lock(&LEFT) = Some(records.collect());
}

fn start_helper(pool: Pool<'_>, main: Server<'_>) {
    let Some(work) = lock(&WORK).clone() else { return };
    if let Err(status) = helper::start(pool, main, HELPER, move |pool| fetch::run(&work, pool)) {
        log!(main, Error, status => "AH01959: cannot start the process that fetches OCSP responses, trying again");
    }
}

entry_point! {
    /// Hook `monitor`: in the parent, every ten seconds or so. Starts the process that fetches when it has died.
    pub fn monitor(pool: *mut sys::apr_pool_t, server: *mut sys::server_rec) -> c_int, closed: answer::OK;
    {
        if lock(&WORK).is_none() || helper::is_running() {
            return answer::OK;
        }
        // SAFETY: the MPM passes the configuration pool.
        let pool = unsafe { Pool::from_raw(pool) };
        // SAFETY: the MPM passes the main server.
        let main = unsafe { Server::from_raw(server) };
        if let (Some(pool), Some(main)) = (pool, main) {
            log!(main, Notice, "Starting the process that fetches OCSP responses again");
            start_helper(pool, main);
        }
        answer::OK
    }
}

/// Opens the cache; unless it is to be kept it ends with the configuration.
///
/// # Errors
/// What the provider or the mutex gives.
pub fn open_store(
    pool: Pool<'_>,
    main: Server<'_>,
    cache: SharedCache,
    is_kept: bool,
) -> Result<Arc<StapleStore>, Status> {
    struct End(Arc<StapleStore>, ServerSlot);
    impl Drop for End {
        fn drop(&mut self) {
            self.0.close(self.1.get());
        }
    }
    let store = Arc::new(StapleStore::open(cache, main, pool)?);
    if !is_kept {
        pool.keep(End(Arc::clone(&store), main.slot()));
    }
    Ok(store)
}
