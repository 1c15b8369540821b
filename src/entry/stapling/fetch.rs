//! The process that fetches responses: one for all children, so that nobody is asked twice, and nothing that a
//! responder or a resolver does can hold up a connection, a restart or the end of the server.

use super::cache::{LARGEST, StapleStore};
use super::staple::{FileError, Origin, Staple, cert_status, now};
use crate::apr::Pool;
use crate::entry::ocsp::client::{self, Failure, Route};
use crate::entry::report;
use crate::guard;
use crate::httpd::log::{LogTarget, log};
use crate::httpd::server::ServerSlot;
use crate::httpd::{Level, helper};
use crate::ossl::error;
use crate::ossl::ocsp::{self, Answer, Status, Unusable};
use crate::ossl::staple::TRY_LATER;
use crate::ossl::x509;
use crate::policy::answers::Quiet;
use crate::policy::stapling::{Choice, Heard, Kind, State, Traffic, conclude, taken};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often the clock, the files and the parent are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often the log says that the same responder fails.
const PAUSE: Duration = Duration::from_secs(60);

/// What there is to fetch.
pub struct Work {
    /// The certificates.
    pub staples: Vec<Arc<Staple>>,
    /// `SSLStaplingCache`.
    pub store: Option<Arc<StapleStore>>,
    /// The main server.
    pub main: ServerSlot,
}

/// What came of a question; `None` after a panic.
type Outcome = Option<Result<Vec<u8>, Failure>>;

struct Fetcher<'w> {
    work: &'w Work,
    jobs: Vec<Job>,
    traffic: Traffic,
    failures: Quiet,
    sender: Sender<(usize, Outcome)>,
}

/// A certificate, as far as this process alone needs to know.
struct Job {
    state: State,
    is_away: bool,
    /// By whom it is answered, and by which way.
    responder: String,
    /// The file as it was seen last: change, inode, size.
    seen: Option<(i64, i64, u64, u64)>,
}

/// Fetches until the parent is gone.
pub fn run(work: &Work, pool: Pool<'_>) {
    let main = work.main.get();
    if let Some(store) = &work.store {
        store.reopen(main, pool);
    }
    log!(main, Debug, "Fetching OCSP responses for {} certificates", work.staples.len());
    let (sender, receiver) = channel();
    let jobs = work.staples.iter().map(|staple| Job::new(staple)).collect();
    let mut fetcher =
        Fetcher { work, jobs, traffic: Traffic::default(), failures: Quiet::new(PAUSE), sender };
    while !helper::is_orphan() {
        fetcher.read_files();
        fetcher.ask();
        fetcher.wait(&receiver);
    }
}

impl Job {
    fn new(staple: &Staple) -> Self {
        let state = State::from_numbers(&staple.record().numbers);
        let responder = match &staple.origin {
            Origin::Responder { url, proxy } => {
                let via =
                    proxy.as_ref().map_or_else(String::new, |proxy| format!(" via {}", proxy.authority()));
                format!("http://{}{}{via}", url.authority(), url.target)
            }
            Origin::File(_) => String::new(),
        };
        Self { state, is_away: false, responder, seen: None }
    }
}

/// A number that nobody else has, to spread questions. Without randomness they come together.
fn random() -> u32 {
    let mut bytes = [0; 4];
    let _ = openssl::rand::rand_bytes(&mut bytes);
    u32::from_ne_bytes(bytes)
}

impl Fetcher<'_> {
    /// Takes what comes until the next tick.
    fn wait(&mut self, receiver: &Receiver<(usize, Outcome)>) {
        let end = Instant::now() + TICK;
        let mut left = TICK;
        loop {
            match receiver.recv_timeout(left) {
                Ok((index, outcome)) => {
                    self.arrive(index, outcome);
                    self.ask();
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
            left = end.saturating_duration_since(Instant::now());
        }
    }

    /// Sends the questions that are due.
    fn ask(&mut self) {
        for index in 0..self.jobs.len() {
            let (staple, job) = (&self.work.staples[index], &self.jobs[index]);
            let Origin::Responder { .. } = staple.origin else { continue };
            let now = now();
            if job.is_away || !job.state.is_due(now, &staple.terms) {
                continue;
            }
            if !self.traffic.depart(&job.responder, now) {
                continue;
            }
            if self.take_from_cache(index, now) {
                self.traffic.arrive(&self.jobs[index].responder, None);
            } else {
                self.depart(index);
            }
        }
    }

    /// Somebody else may have fetched it: a server that shares the cache, or one before a restart.
    fn take_from_cache(&mut self, index: usize, now: u64) -> bool {
        let staple = &self.work.staples[index];
        let Some(store) = &self.work.store else { return false };
        let found = helper::without_signals(|| store.find(staple.server.get(), &staple.id));
        let Some(response) = found.filter(|response| *response != staple.record().bytes) else {
            return false;
        };
        let Ok(Answer { status, holds, .. }) = staple.check(&response, true) else {
            error::clear();
            return false;
        };
        let is_old = self.jobs[index].state.has_response(now) && self.is_older(index, &response);
        if is_old || status == Status::Unknown || holds.is_some_and(|holds| holds.is_zero()) {
            return false;
        }
        let state = taken(cert_status(status), holds, &staple.terms, now, random());
        // Nobody says how old it is.
        let part = u64::from(random() % 1000) * (state.renew_at - now) / 1000;
        let state = State { renew_at: now + part.max(1), ..state };
        log!(staple.server.get(), Debug, "AH03237: {}: the OCSP response in the cache is taken", staple.name);
        self.publish(index, state, &response);
        true
    }

    fn depart(&mut self, index: usize) {
        let (staple, sender) = (Arc::clone(&self.work.staples[index]), self.sender.clone());
        log!(staple.server.get(), Debug, "AH01938: {}: querying {}", staple.name, self.jobs[index].responder);
        self.jobs[index].is_away = true;
        let fetch = move || {
            let outcome = guard::catch("fetch", None, || Some(post(&staple)));
            // Without a receiver the process is about to end.
            let _ = sender.send((index, outcome));
        };
        let started =
            helper::without_signals(|| std::thread::Builder::new().name("ocsp".to_owned()).spawn(fetch));
        if started.is_err() {
            self.arrive(index, None);
        }
    }

    fn arrive(&mut self, index: usize, outcome: Outcome) {
        self.jobs[index].is_away = false;
        let now = now();
        let failed = !matches!(outcome, Some(Ok(_)));
        let (verdict, response) = match outcome {
            Some(Ok(response)) => {
                let verdict = judge(&self.work.staples[index], &response);
                (self.compare(index, verdict, &response, now), response)
            }
            Some(Err(failure)) => (Verdict::failed("AH01941", &failure.to_string()), Vec::new()),
            None => (Verdict::failed("AH01941", "it could not be asked"), Vec::new()),
        };
        let choice = self.settle(index, verdict.heard, &response, now);
        if let Some(complaint) = verdict.complaint {
            self.complain(index, &complaint, choice);
        }
        let responder = self.jobs[index].responder.clone();
        if !failed {
            self.traffic.arrive(&responder, None);
            return;
        }
        // It would not answer the others either.
        let fails_until = self.jobs[index].state.renew_at;
        self.traffic.arrive(&responder, Some(fails_until));
        for other in 0..self.jobs.len() {
            let (staple, job) = (&self.work.staples[other], &self.jobs[other]);
            if !job.is_away && job.responder == responder && job.state.is_due(now, &staple.terms) {
                self.settle(other, Heard::Nothing, &[], now);
            }
        }
    }

    /// A response that is older than the one that is stapled does not replace it: several machines answer for a
    /// responder, and somebody on the way could have kept one from before a certificate was revoked.
    fn compare(&self, index: usize, verdict: Verdict, response: &[u8], now: u64) -> Verdict {
        let Heard::Response(..) = verdict.heard else { return verdict };
        let is_old = self.jobs[index].state.has_response(now) && self.is_older(index, response);
        if is_old { Verdict { heard: Heard::Older, ..verdict } } else { verdict }
    }

    fn is_older(&self, index: usize, response: &[u8]) -> bool {
        let staple = &self.work.staples[index];
        ocsp::is_newer(&staple.query, &staple.record().bytes, response) == Some(true)
    }

    /// Says what is wrong, once in a while for each responder.
    fn complain(&mut self, index: usize, complaint: &str, choice: Choice) {
        let (staple, responder) = (&self.work.staples[index], &self.jobs[index].responder);
        let level =
            if self.failures.may_say(responder, Instant::now()) { Level::Error } else { Level::Debug };
        let meanwhile = match choice {
            Choice::Kept => "the last response is stapled until it ends",
            Choice::Heard => "that is stapled (SSLStaplingReturnResponderErrors)",
            Choice::TryLater => "'try later' is stapled (SSLStaplingFakeTryLater)",
            Choice::Nothing => "nothing is stapled",
        };
        let (name, server) = (&staple.name, staple.server.get());
        server.log(level, format_args!("{complaint} ({name}, {responder}); {meanwhile}"));
    }

    /// Decides what is stapled from now on.
    fn settle(&mut self, index: usize, heard: Heard, response: &[u8], now: u64) -> Choice {
        let staple = Arc::clone(&self.work.staples[index]);
        let server = staple.server.get();
        let (choice, state) = conclude(&self.jobs[index].state, heard, &staple.terms, now, random());
        match choice {
            Choice::Heard => self.publish(index, state, response),
            Choice::Kept => self.publish(index, state, &staple.record().bytes),
            Choice::TryLater => self.publish(index, state, &TRY_LATER),
            Choice::Nothing => self.publish(index, state, &[]),
        }
        if choice == Choice::Heard && matches!(state.kind, Kind::Response(_)) {
            log!(server, Debug, "AH03040: {}: OCSP response renewed", staple.name);
            if let Some(store) = &self.work.store {
                let seconds = staple.terms.renew_after.as_secs();
                helper::without_signals(|| store.store(server, &staple.id, response, seconds));
            }
        }
        choice
    }

    fn publish(&mut self, index: usize, state: State, response: &[u8]) {
        self.jobs[index].state = state;
        self.work.staples[index].publish(&state, response);
    }

    /// Reads the files that have changed.
    fn read_files(&mut self) {
        for index in 0..self.jobs.len() {
            let staple = Arc::clone(&self.work.staples[index]);
            let Origin::File(path) = &staple.origin else { continue };
            let seen = std::fs::metadata(path).ok().map(|found| stamp(&found));
            if seen.is_some() && seen == self.jobs[index].seen {
                self.note_end(index, path);
                continue;
            }
            // A file that is gone is being replaced, or will be.
            let Some(seen) = seen else { continue };
            self.jobs[index].seen = Some(seen);
            match staple.from_file(path) {
                Ok((state, response)) => {
                    log!(staple.server.get(), Debug, "SSLStaplingFile: {} is taken", path.display());
                    self.publish(index, state, &response);
                }
                Err(why) => complain_of_file(&staple, path, &why),
            }
        }
    }

    /// Says once that a response has ended and nobody has replaced its file.
    fn note_end(&mut self, index: usize, path: &Path) {
        let state = self.jobs[index].state;
        if matches!(state.kind, Kind::Response(_)) && state.until <= now() {
            let server = self.work.staples[index].server.get();
            log!(
                server,
                Error,
                "SSLStaplingFile: {}: the response has expired, it is not stapled any more",
                path.display()
            );
            self.publish(index, State::default(), &[]);
        }
    }
}

/// What a response is worth, and what there is to say of it.
struct Verdict {
    heard: Heard,
    complaint: Option<String>,
}

impl Verdict {
    fn failed(number: &str, reason: &str) -> Self {
        let complaint = format!("{number}: stapling_renew_response: responder error: {reason}");
        Self { heard: Heard::Nothing, complaint: Some(complaint) }
    }
}

fn judge(staple: &Staple, response: &[u8]) -> Verdict {
    let server = staple.server.get();
    if response.len() > LARGEST {
        return Verdict::failed("AH01928", &format!("more than {LARGEST} bytes"));
    }
    let unusable = match staple.check(response, true) {
        Ok(Answer { status, reason, holds }) => {
            if status != Status::Good {
                let (name, what) = (status.name(), x509::log_tail(&staple.certificate));
                let line = "AH02969: stapling_check_response: response has certificate status";
                log!(server, Error, "{line} {name} (reason: {reason}) for {}{what}", staple.name);
            }
            return Verdict { heard: Heard::Response(cert_status(status), holds), complaint: None };
        }
        Err(unusable) => unusable,
    };
    report::library_errors(server, Level::Debug, &error::drain());
    let useless = |number: &str| Verdict {
        heard: Heard::Useless,
        complaint: Some(format!("{number}: stapling_check_response: {unusable}")),
    };
    match unusable {
        Unusable::NotSuccessful(_) => useless("AH01944"),
        Unusable::OtherCertificate | Unusable::Validity { .. } => useless("AH01943"),
        Unusable::NotBasic => Verdict { heard: Heard::Unreadable, ..useless("AH01934") },
        Unusable::Malformed | Unusable::Nonce | Unusable::Signature => {
            Verdict::failed("AH01941", &unusable.to_string())
        }
    }
}

/// Says what is wrong with a file.
pub fn complain_of_file(staple: &Staple, path: &Path, why: &FileError) {
    let server = staple.server.get();
    log!(server, Error, "SSLStaplingFile: {}: {why} ({})", path.display(), staple.name);
    report::library_errors(server, Level::Error, &error::drain());
}

fn stamp(found: &Metadata) -> (i64, i64, u64, u64) {
    (found.mtime(), found.mtime_nsec(), found.ino(), found.size())
}

/// Asks the responder.
fn post(staple: &Staple) -> Result<Vec<u8>, Failure> {
    let Origin::Responder { url, proxy } = &staple.origin else {
        unreachable!("only those with a responder are asked");
    };
    let server = staple.server.get();
    let tell = |line: std::fmt::Arguments<'_>| server.log(Level::Debug, line);
    client::post(&tell, &Route { url, proxy: proxy.as_ref() }, staple.query.der(), staple.terms.timeout)
}
