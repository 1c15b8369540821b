//! A certificate, who answers for it, and the response at hand.

use crate::apr::shared_memory::SharedWords;
use crate::config::http_url::HttpUrl;
use crate::config::stapling::Terms;
use crate::httpd::server::ServerSlot;
use crate::io::board::{PLACE, Place, Record};
use crate::ossl::lib::sha256;
use crate::ossl::load;
use crate::ossl::ocsp::{self, Answer, Query, Rules, Status, Unusable};
use crate::ossl::staple::{response_der, store_of};
use crate::policy::stapling::{CertStatus, Kind, State};
use openssl::hash::MessageDigest;
use openssl::x509::{X509, X509Ref};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// SHA-1 of a certificate: what caches and providers know it by.
pub type Id = [u8; 20];
/// What a response is for: certificate, issuer, and settings.
pub type Key = [u8; 32];

/// The id of a certificate.
#[must_use]
pub fn id_of(certificate: &X509Ref) -> Option<Id> {
    certificate.digest(MessageDigest::sha1()).ok()?.as_ref().try_into().ok()
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Where responses come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A responder, perhaps by way of a proxy.
    Responder {
        /// Its address.
        url: HttpUrl,
        /// Who is asked in its place.
        proxy: Option<HttpUrl>,
    },
    /// A file that somebody else brings up to date.
    File(PathBuf),
}

/// A certificate, for all servers that have it with the same settings.
pub struct Staple {
    /// For caches.
    pub id: Id,
    /// For later configurations.
    pub key: Key,
    /// `server:port:index` of the first server that has it.
    pub name: String,
    /// That server.
    pub server: ServerSlot,
    /// The certificate.
    pub certificate: X509,
    /// Who issued it.
    pub issuer: X509,
    /// The question.
    pub query: Query,
    /// Who answers.
    pub origin: Origin,
    /// The settings.
    pub terms: Terms,
    /// Where the response is, when fetching has begun.
    place: OnceLock<(Arc<SharedWords>, usize)>,
}

/// Why there is no use in a file.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// More bytes than are stapled.
    #[error("it is too large")]
    TooLarge,
    /// What is between the lines of PEM cannot be decoded.
    #[error("AH01988: failed to decode OCSP response data")]
    Pem,
    /// The response is not to be believed.
    #[error("{0}")]
    Response(Unusable),
}

/// What certificate, issuer and settings come to.
#[must_use]
pub fn key_of(certificate: &X509Ref, issuer: &X509Ref, origin: &Origin, terms: &Terms) -> Option<Key> {
    let mut bytes = Vec::new();
    for part in [certificate.to_der().ok()?, issuer.to_der().ok()?, format!("{origin:?}{terms:?}").into()] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&part);
    }
    sha256(&bytes)
}

/// A response out of a file.
///
/// # Errors
/// See [`FileError`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    let bytes = load::read_secret(path).map_err(FileError::Unreadable)?;
    let der = response_der(&bytes).ok_or(FileError::Pem)?;
    if der.len() > super::cache::LARGEST { Err(FileError::TooLarge) } else { Ok(der) }
}

impl Staple {
    /// A certificate for which nothing is known yet.
    #[must_use]
    pub fn new(
        (id, key): (Id, Key),
        (name, server): (String, ServerSlot),
        (certificate, issuer, query): (X509, X509, Query),
        (origin, terms): (Origin, Terms),
    ) -> Self {
        let place = OnceLock::new();
        Self { id, key, name, server, certificate, issuer, query, origin, terms, place }
    }

    /// Says where the response is from now on.
    pub fn settle(&self, board: &Arc<SharedWords>, index: usize) {
        let _ = self.place.set((Arc::clone(board), index));
    }

    /// How many words responses for so many certificates need.
    #[must_use]
    pub fn words_for(count: usize) -> usize {
        count.saturating_mul(PLACE)
    }

    fn place(&self) -> Option<Place<'_>> {
        let (board, index) = self.place.get()?;
        Place::of(board.words(), *index)
    }

    /// What is stapled now. Looks at memory alone.
    #[must_use]
    pub fn current(&self) -> Option<Vec<u8>> {
        let now = now();
        let record = self.place()?.read(|numbers| State::from_numbers(numbers).is_stapled(now))?;
        Some(record.bytes)
    }

    /// All that is known.
    #[must_use]
    pub fn record(&self) -> Record {
        self.place().and_then(|place| place.read(|_| true)).unwrap_or_default()
    }

    /// Shows a state and its response to all processes; only in the one that fetches.
    pub fn publish(&self, state: &State, response: &[u8]) {
        if let Some(place) = self.place() {
            place.write(&Record { numbers: state.numbers(), bytes: response.to_vec() });
        }
    }

    /// What a response says of the certificate. Without `verify` the signature is not looked at.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn check(&self, response: &[u8], verify: bool) -> Result<Answer, Unusable> {
        let Ok(store) = store_of(&self.issuer) else { return Err(Unusable::Signature) };
        let (issuer, skew, max_age) = (&self.issuer, self.terms.skew, self.terms.max_age);
        ocsp::check(
            &self.query,
            response,
            &Rules { verify, trusted: &[], store: &store, issuer, skew, max_age },
        )
    }

    /// The response in a file, if it is one for this certificate that may be believed.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn from_file(&self, path: &Path) -> Result<(State, Vec<u8>), FileError> {
        let der = read_file(path)?;
        let answer = self.check(&der, true).map_err(FileError::Response)?;
        let now = now();
        let until = match answer.holds {
            Some(holds) if holds.is_zero() => now + u64::from(self.terms.skew),
            Some(holds) => now.saturating_add(holds.as_secs()),
            None => u64::MAX,
        };
        let kind = Kind::Response(cert_status(answer.status));
        let state = State { kind, until, renew_at: u64::MAX, asked_at: now, got_at: now, failures: 0 };
        Ok((state, der))
    }
}

/// The status in the terms of the decisions.
#[must_use]
pub fn cert_status(status: Status) -> CertStatus {
    match status {
        Status::Good => CertStatus::Good,
        Status::Revoked => CertStatus::Revoked,
        Status::Unknown => CertStatus::Unknown,
    }
}
