//! Asks OCSP responders whether certificates of clients have been revoked.

pub mod client;
mod resolve;
mod responders;
mod shared;

use super::report;
use crate::config::http_url::{HttpUrl, UrlError};
use crate::config::ocsp::{OcspCheck, OcspConfig};
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Conn, Level, Server};
use crate::metrics::{self, Counter};
use crate::ossl::error;
use crate::ossl::lib::sha256;
use crate::ossl::ocsp::{self, Answer, Query, Rules, Status, Unusable};
use crate::policy::answers::{Answers, Key};
use crate::policy::outages::Leave;
use crate::policy::verify::{APPLICATION, Digest, REVOKED};
use client::Route;
use openssl::stack::StackRef;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref};
use responders::REST;
use std::sync::Arc;
use std::time::Duration;

pub use responders::{OpenError, Responders, say_alone};
pub use shared::MUTEX;

/// How many answers a process keeps for a server.
const MOST_ANSWERS: usize = 1024;
/// How long an answer to a question with a nonce holds: whoever asks so wants to know what is true now, which
/// a session that is resumed does not tell either for the time of `SSLSessionCacheTimeout`.
const WITH_NONCE: Duration = Duration::from_secs(300);
/// The checks of a server.
pub struct Checker {
    check: OcspCheck,
    config: OcspConfig,
    /// `SSLOCSPResponderCertificateFile`.
    trusted: Vec<X509>,
    /// Digest of all of this.
    settings: Digest,
    answers: Answers<Said>,
    responders: Arc<Responders>,
}

/// Answers cannot be told apart.
pub struct NoDigest;

/// What came out for one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// A responder has said this, and it may be believed.
    Answer(Status, i32),
    /// There is no answer that may be believed. What it said all the same, for the log.
    Nothing(Option<Shown>),
}

/// A status as it is shown: its name, its number, and the reason.
type Shown = (&'static str, i32, i32);

/// What is wrong with a chain.
pub struct Objection<'c> {
    /// Its number (`X509_V_ERR_...`).
    pub error: i32,
    /// The certificate.
    pub certificate: &'c X509Ref,
}

/// Where a certificate is checked.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    /// The client.
    pub conn: Conn<'p>,
    /// The server that it talks to.
    pub server: Server<'p>,
    /// What its chain was verified with.
    pub store: &'p X509StoreRef,
    /// The digest of the lists of revoked certificates in there.
    pub lists: Digest,
}

/// A certificate that a responder is asked about.
struct Question<'q> {
    certificate: &'q X509Ref,
    issuer: &'q X509Ref,
    responder: &'q str,
    url: HttpUrl,
}

impl Checker {
    /// The checks that a configuration asks for, if it does.
    ///
    /// # Errors
    /// The library has no digest.
    pub fn new(
        config: &OcspConfig,
        trusted: Vec<X509>,
        responders: &Arc<Responders>,
    ) -> Result<Option<Self>, NoDigest> {
        let Some(check) = config.enable.filter(|check| check.concerns(0)) else { return Ok(None) };
        let settings = settings(config, &trusted).ok_or(NoDigest)?;
        let (answers, responders) = (Answers::new(MOST_ANSWERS), Arc::clone(responders));
        Ok(Some(Self { check, config: config.clone(), trusted, settings, answers, responders }))
    }

    /// What is known of responders.
    #[must_use]
    pub fn responders(&self) -> &Responders {
        &self.responders
    }

    /// Checks a chain that has been verified, the root first.
    pub fn check<'c>(&self, place: Place<'_>, chain: &'c StackRef<X509>) -> Result<(), Objection<'c>> {
        let chain: Vec<&X509Ref> = chain.iter().collect();
        for (depth, certificate) in chain.iter().enumerate().rev() {
            // Nobody but the root itself could say something of it.
            let Some(issuer) = chain.get(depth + 1) else { continue };
            if self.check.concerns(u32::try_from(depth).unwrap_or(u32::MAX)) {
                self.check_one(&place, certificate, issuer)
                    .map_err(|error| Objection { error, certificate })?;
            }
        }
        Ok(())
    }

    fn check_one(&self, place: &Place<'_>, certificate: &X509Ref, issuer: &X509Ref) -> Result<(), i32> {
        let conn = place.conn;
        let own = ocsp::responder(certificate);
        let Some((responder, url)) = self.responder(conn, own.as_deref()) else {
            if self.check.unknown_responder_ok {
                let what = "Skipping OCSP check for certificate cos no OCSP URL found";
                log!(conn, Trace2, "{what} and no_ocsp_for_cert_ok is set");
                return Ok(());
            }
            return Err(APPLICATION);
        };
        let question = Question { certificate, issuer, responder, url };
        let mut is_new = false;
        let said = self.key(place, &question).and_then(|key| {
            self.answers.get(key, self.config.timeout(), || {
                is_new = true;
                self.find(place, &key, &question)
            })
        });
        match said {
            Some(Said::Answer(..)) if is_new => {}
            Some(Said::Answer(..)) => metrics::count(Counter::OcspKept),
            Some(Said::Nothing(_)) | None => metrics::count(Counter::OcspFailed),
        }
        conclude(conn, said.unwrap_or(Said::Nothing(None)))
    }

    /// The responder for a certificate that names `own`, if it is one that can be asked.
    fn responder<'r>(&'r self, conn: Conn<'_>, own: Option<&'r str>) -> Option<(&'r str, HttpUrl)> {
        let Some(text) = self.config.responder(own) else {
            log!(
                conn,
                Debug,
                "AH01918: no OCSP responder specified in certificate and no default configured"
            );
            return None;
        };
        match HttpUrl::parse(text) {
            Ok(url) => return Some((text, url)),
            Err(UrlError::Malformed) => {
                log!(conn, Debug, "AH01919: failed to parse OCSP responder URI '{text}'")
            }
            Err(UrlError::Scheme) => log!(conn, Debug, "AH01920: cannot handle OCSP responder URI '{text}'"),
        }
        None
    }

    /// An answer that another process has got, or that of the responder; with the time that it holds.
    fn find(&self, place: &Place<'_>, key: &Key, question: &Question<'_>) -> (Said, Option<Duration>) {
        if let Some(found) = self.recall(place, key, question) {
            metrics::count(Counter::OcspKept);
            return found;
        }
        let nothing = (Said::Nothing(None), None);
        let route = Route { url: &question.url, proxy: self.config.proxy_url.as_ref() };
        let Some(whom) = responders::key(question.responder, &route) else { return nothing };
        let leave = self.responders.leave(place.server, &whom, self.config.timeout());
        if leave == Leave::Denied {
            log!(
                place.conn,
                Debug,
                "OCSP responder {} did not answer, and is left alone",
                route.hop().authority()
            );
            return nothing;
        }
        let Some(query) = self.query(place, question, self.config.nonce()) else { return nothing };
        let tell = |line: std::fmt::Arguments<'_>| place.conn.log(Level::Debug, line);
        match client::post(&tell, &route, query.der(), self.config.timeout()) {
            Ok(response) => {
                self.responders.answered(place.server, &whom, leave);
                self.judge(place, key, question, &query, &response)
            }
            Err(failure) => {
                let about = question.certificate.to_der().ok().and_then(|der| sha256(&der)).unwrap_or(*key);
                self.responders.failed(place.server, &whom, &about, &failure);
                self.complain(place, &route.hop().authority(), format_args!("{failure}"));
                (Said::Nothing(None), Some(REST))
            }
        }
    }

    /// What a response says, which is kept when it holds.
    fn judge(
        &self,
        place: &Place<'_>,
        key: &Key,
        question: &Question<'_>,
        query: &Query,
        response: &[u8],
    ) -> (Said, Option<Duration>) {
        match ocsp::check(query, response, &self.rules(place, question)) {
            Ok(Answer { status, reason, holds }) => {
                metrics::count(Counter::OcspAnswered);
                let limit = if self.config.nonce() { WITH_NONCE } else { Duration::MAX };
                let holds = holds.map(|holds| holds.min(limit));
                if let Some(holds) = holds {
                    self.responders.keep(place.server, key, holds, response);
                }
                (Said::Answer(status, reason), holds)
            }
            Err(unusable) => {
                let what = format!("{} {unusable}", question.responder);
                if self.complain(
                    place,
                    &what,
                    format_args!("{unusable} (responder {})", question.url.authority()),
                ) {
                    report::library_errors(place.server, Level::Error, &error::drain());
                }
                error::clear();
                (Said::Nothing(shown(unusable)), Some(REST))
            }
        }
    }

    /// A response that was kept for all processes. It is looked at as if it had just come, except for its nonce:
    /// that was compared by whoever kept it.
    fn recall(
        &self,
        place: &Place<'_>,
        key: &Key,
        question: &Question<'_>,
    ) -> Option<(Said, Option<Duration>)> {
        let kept = self.responders.find(place.server, key)?;
        let query = self.query(place, question, false)?;
        match ocsp::check(&query, &kept.contents, &self.rules(place, question)) {
            Ok(Answer { status, reason, holds: Some(holds) }) => {
                log!(place.conn, Debug, "OCSP response found in the cache");
                Some((Said::Answer(status, reason), Some(holds.min(kept.left))))
            }
            Ok(_) => None,
            Err(unusable) => {
                log!(place.conn, Debug, "OCSP response in the cache is passed over: {unusable}");
                error::clear();
                None
            }
        }
    }

    fn query(&self, place: &Place<'_>, question: &Question<'_>, nonce: bool) -> Option<Query> {
        match Query::new(question.certificate, question.issuer, nonce) {
            Ok(query) => Some(query),
            Err(errors) => {
                log!(place.conn, Error, "AH01921: could not retrieve certificate id");
                report::library_errors(place.server, Level::Error, &errors);
                None
            }
        }
    }

    fn rules<'r>(&'r self, place: &Place<'r>, question: &Question<'r>) -> Rules<'r> {
        Rules {
            verify: self.config.verify(),
            trusted: &self.trusted,
            store: place.store,
            issuer: question.issuer,
            skew: self.config.skew(),
            max_age: self.config.max_age(),
        }
    }

    /// Says what fails, as an error once in a while. Whether it was one.
    fn complain(&self, place: &Place<'_>, what: &str, line: std::fmt::Arguments<'_>) -> bool {
        let is_error = self.responders.may_complain(what);
        place.conn.log(if is_error { Level::Error } else { Level::Debug }, line);
        is_error
    }

    /// What an answer is for: everything that decides whether it holds.
    fn key(&self, place: &Place<'_>, question: &Question<'_>) -> Option<Key> {
        digest(&[
            &self.settings,
            &place.lists,
            question.responder.as_bytes(),
            &question.certificate.to_der().ok()?,
            &question.issuer.to_der().ok()?,
        ])
    }
}

/// What a response says that is not believed, as far as it has been read.
fn shown(unusable: Unusable) -> Option<Shown> {
    match unusable {
        Unusable::Validity { status, reason } => Some((status.name(), status.number(), reason)),
        Unusable::OtherCertificate => Some(("(UNKNOWN)", -1, -1)),
        Unusable::Malformed
        | Unusable::NotSuccessful(_)
        | Unusable::NotBasic
        | Unusable::Nonce
        | Unusable::Signature => None,
    }
}

fn conclude(conn: Conn<'_>, said: Said) -> Result<(), i32> {
    let (shown, verdict) = match said {
        Said::Answer(status, reason) => {
            let verdict = match status {
                Status::Good => Ok(()),
                Status::Revoked => Err(REVOKED),
                Status::Unknown => Err(APPLICATION),
            };
            (Some((status.name(), status.number(), reason)), verdict)
        }
        Said::Nothing(shown) => (shown, Err(APPLICATION)),
    };
    if let Some((name, number, reason)) = shown {
        let level = if verdict.is_ok() { Level::Info } else { Level::Error };
        let what = "AH03239: OCSP validation completed, certificate status:";
        conn.log(level, format_args!("{what} {name} ({number}, {reason})"));
    }
    verdict
}

/// What decides whether a response is believed, beside the certificates. The store is not part of it: a response
/// out of a cache is verified with that of whoever finds it.
fn settings(config: &OcspConfig, trusted: &[X509]) -> Option<Digest> {
    let mut parts = vec![format!("{config:?}").into_bytes()];
    for certificate in trusted {
        parts.push(certificate.to_der().ok()?);
    }
    digest(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// SHA-256 of parts, none of which can be taken for a piece of another one.
fn digest(parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    sha256(&bytes)
}
