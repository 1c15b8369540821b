//! Asks OCSP responders whether certificates of clients have been revoked.

mod client;

use super::report;
use crate::config::http_url::{HttpUrl, UrlError};
use crate::config::ocsp::{OcspCheck, OcspConfig};
use crate::httpd::log::{LogTarget, log};
use crate::httpd::{Conn, Level, Server};
use crate::ossl::error;
use crate::ossl::lib::sha256;
use crate::ossl::ocsp::{self, Answer, Query, Rules, Status, Unusable};
use crate::policy::answers::{Answers, Quiet};
use crate::policy::verify::{APPLICATION, REVOKED};
use client::Route;
use openssl::stack::StackRef;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref};
use std::time::{Duration, Instant};

/// How many answers a process keeps for a server.
const MOST_ANSWERS: usize = 1024;
/// How long an answer to a question with a nonce holds: whoever asks so wants to know what is true now, which
/// a session that is resumed does not tell either for the time of `SSLSessionCacheTimeout`.
const WITH_NONCE: Duration = Duration::from_secs(300);
/// How often the log says that the same responder fails.
const PAUSE: Duration = Duration::from_secs(60);

/// The checks of a server.
pub struct Checker {
    check: OcspCheck,
    config: OcspConfig,
    /// `SSLOCSPResponderCertificateFile`.
    trusted: Vec<X509>,
    answers: Answers<Said>,
    failures: Quiet,
}

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
struct Place<'p> {
    conn: Conn<'p>,
    server: Server<'p>,
    store: &'p X509StoreRef,
}

impl Checker {
    /// The checks that a configuration asks for.
    #[must_use]
    pub fn new(config: &OcspConfig, trusted: Vec<X509>) -> Option<Self> {
        let check = config.enable.filter(|check| check.concerns(0))?;
        let (answers, failures) = (Answers::new(MOST_ANSWERS), Quiet::new(PAUSE));
        Some(Self { check, config: config.clone(), trusted, answers, failures })
    }

    /// Checks a chain that has been verified, the root first.
    pub fn check<'c>(
        &self,
        conn: Conn<'_>,
        server: Server<'_>,
        chain: &'c StackRef<X509>,
        store: &X509StoreRef,
    ) -> Result<(), Objection<'c>> {
        let place = Place { conn, server, store };
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
        let said = key(responder, certificate, issuer).and_then(|key| {
            self.answers.get(key, self.config.timeout(), || self.ask(place, &url, certificate, issuer))
        });
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

    /// Asks the responder; says how long the answer holds as well.
    fn ask(
        &self,
        place: &Place<'_>,
        url: &HttpUrl,
        certificate: &X509Ref,
        issuer: &X509Ref,
    ) -> (Said, Option<Duration>) {
        let none = (Said::Nothing(None), None);
        let query = match Query::new(certificate, issuer, self.config.nonce()) {
            Ok(query) => query,
            Err(errors) => {
                log!(place.conn, Error, "AH01921: could not retrieve certificate id");
                report::library_errors(place.server, Level::Error, &errors);
                return none;
            }
        };
        let route = Route { url, proxy: self.config.proxy_url.as_ref() };
        let tell = |line: std::fmt::Arguments<'_>| place.conn.log(Level::Debug, line);
        let response = match client::post(&tell, &route, query.der(), self.config.timeout()) {
            Ok(response) => response,
            Err(failure) => {
                let may_say = self.failures.may_say(&route.hop().authority(), Instant::now());
                place.conn.log(if may_say { Level::Error } else { Level::Debug }, format_args!("{failure}"));
                return none;
            }
        };
        let (config, store) = (&self.config, place.store);
        let rules = Rules {
            verify: config.verify(),
            trusted: &self.trusted,
            store,
            issuer,
            skew: config.skew(),
            max_age: config.max_age(),
        };
        match ocsp::check(&query, &response, &rules) {
            Ok(Answer { status, reason, holds }) => {
                let limit = if config.nonce() { WITH_NONCE } else { Duration::MAX };
                (Said::Answer(status, reason), holds.map(|holds| holds.min(limit)))
            }
            Err(unusable) => {
                log!(place.conn, Error, "{unusable}");
                report::library_errors(place.server, Level::Error, &error::drain());
                (Said::Nothing(shown(unusable)), None)
            }
        }
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

/// What an answer is for.
fn key(responder: &str, certificate: &X509Ref, issuer: &X509Ref) -> Option<[u8; 32]> {
    let mut bytes = Vec::new();
    for part in [responder.as_bytes(), &certificate.to_der().ok()?, &issuer.to_der().ok()?] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    sha256(&bytes)
}
