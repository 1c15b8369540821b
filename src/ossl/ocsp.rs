//! Requests to OCSP responders (RFC 6960), and what their responses say about a certificate.

use super::error::{self, LibraryError};
use super::ffi;
use foreign_types::{ForeignType, ForeignTypeRef};
use libc::{c_int, c_long};
use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspBasicResponseRef, OcspCertId, OcspFlag, OcspRequest, OcspResponse, OcspStatus};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Ref, X509StoreContextRef};
use openssl_sys as sys;
use std::ptr;
use std::time::Duration;

/// A question about one certificate.
pub struct Query {
    id: OcspCertId,
    pub(super) request: OcspRequest,
    has_nonce: bool,
    der: Vec<u8>,
}

impl Query {
    /// The question whether `issuer` still stands by `certificate`. With a nonce the response must repeat it.
    ///
    /// # Errors
    /// The library's reasons.
    pub fn new(certificate: &X509Ref, issuer: &X509Ref, with_nonce: bool) -> Result<Self, Vec<LibraryError>> {
        error::clear();
        let reasons = |stack: openssl::error::ErrorStack| error::from_stack(&stack);
        let id = || OcspCertId::from_cert(MessageDigest::sha1(), certificate, issuer).map_err(reasons);
        let mut request = OcspRequest::new().map_err(reasons)?;
        request.add_id(id()?).map_err(reasons)?;
        if with_nonce {
            // SAFETY: the request is owned; without a value the library makes a random one of its usual size.
            let added = unsafe { ffi::OCSP_request_add1_nonce(request.as_ptr(), ptr::null_mut(), -1) };
            if added != 1 {
                return Err(error::drain());
            }
        }
        let der = request.to_der().map_err(reasons)?;
        Ok(Self { id: id()?, request, has_nonce: with_nonce, der })
    }

    /// The question as a responder takes it.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// What a response must be like.
pub struct Rules<'r> {
    /// Whether its signature is checked.
    pub verify: bool,
    /// Certificates of responders that are trusted as they are.
    pub trusted: &'r [X509],
    /// What other responders are verified with.
    pub store: &'r X509StoreRef,
    /// The issuer of the certificate, who may answer in person.
    pub issuer: &'r X509Ref,
    /// Seconds that clocks may differ.
    pub skew: u32,
    /// Seconds that may have passed since it was made.
    pub max_age: Option<u32>,
}

/// What a responder says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has not been revoked.
    Good,
    /// It has.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

impl Status {
    fn of(status: &OcspStatus<'_>) -> Self {
        match status.status {
            openssl::ocsp::OcspCertStatus::GOOD => Self::Good,
            openssl::ocsp::OcspCertStatus::REVOKED => Self::Revoked,
            _ => Self::Unknown,
        }
    }

    /// The library's word for it (`OCSP_cert_status_str`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }

    /// The number in the response.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Good => 0,
            Self::Revoked => 1,
            Self::Unknown => 2,
        }
    }
}

/// A response that may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub status: Status,
    /// Why a certificate was revoked; -1 is no reason.
    pub reason: i32,
    /// How long it may still be believed, if it says so.
    pub holds: Option<Duration>,
}

/// Why a response is not believed. The library's reasons, if any, are in its error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no response.
    #[error("AH01988: failed to decode OCSP response data")]
    Malformed,
    /// The responder does not answer such questions, or not now.
    #[error("AH01922: OCSP response not successful: {0}")]
    NotSuccessful(i32),
    /// It is of a kind that nobody knows.
    #[error("AH01923: could not retrieve OCSP basic response")]
    NotBasic,
    /// It answers another question.
    #[error("AH01924: Bad OCSP responder answer (bad nonce)")]
    Nonce,
    /// It is signed by somebody who may not.
    #[error("AH01925: failed to verify the OCSP response")]
    Signature,
    /// It is about other certificates.
    #[error("AH02272: failed to retrieve OCSP response status")]
    OtherCertificate,
    /// It is too old, or of the future.
    #[error("AH02273: OCSP response outside validity period")]
    Validity {
        /// What it said.
        status: Status,
        /// Why a certificate was revoked.
        reason: i32,
    },
}

/// Reads a response. What is wrong with it is decided in this order: form, nonce, signature, certificate, time.
///
/// # Errors
/// See [`Unusable`].
pub fn check(query: &Query, der: &[u8], rules: &Rules<'_>) -> Result<Answer, Unusable> {
    error::clear();
    let response = decode(der).ok_or(Unusable::Malformed)?;
    let code = response.status().as_raw();
    if code != 0 {
        return Err(Unusable::NotSuccessful(code));
    }
    let basic = response.basic().map_err(|stack| put_back(&stack, Unusable::NotBasic))?;
    if query.has_nonce {
        // SAFETY: both objects are owned and alive.
        let same = unsafe { ffi::OCSP_check_nonce(query.request.as_ptr(), basic.as_ptr()) };
        if same != 1 {
            return Err(Unusable::Nonce);
        }
    }
    if rules.verify {
        verify(&basic, rules).map_err(|stack| put_back(&stack, Unusable::Signature))?;
    }
    let found = basic.find_status(&query.id).ok_or(Unusable::OtherCertificate)?;
    let (status, reason) = (Status::of(&found), found.reason.as_raw());
    if let Err(stack) = found.check_validity(rules.skew, rules.max_age) {
        return Err(put_back(&stack, Unusable::Validity { status, reason }));
    }
    Ok(Answer { status, reason, holds: holds(&found, rules.max_age) })
}

/// Whether a response says anything of the certificate that the question is about. Nothing else is looked at.
#[must_use]
pub fn is_about(query: &Query, der: &[u8]) -> bool {
    error::clear();
    let basic = decode(der).and_then(|response| response.basic().ok());
    let about = basic.is_some_and(|basic| basic.find_status(&query.id).is_some());
    error::clear();
    about
}

/// Which of two responses about a certificate was true later (thisUpdate): whether that is the first one. `None` if
/// one of them says nothing of it.
#[must_use]
pub fn is_newer(query: &Query, one: &[u8], other: &[u8]) -> Option<bool> {
    error::clear();
    let until = |der| {
        let basic = decode(der)?.basic().ok()?;
        seconds_until(basic.find_status(&query.id)?.this_update.as_ptr())
    };
    let newer = until(one).zip(until(other)).map(|(one, other)| one > other);
    error::clear();
    newer
}

/// The `openssl` crate takes the library's reasons out of its queue.
fn put_back(stack: &openssl::error::ErrorStack, why: Unusable) -> Unusable {
    stack.put();
    why
}

/// A response with nothing behind it.
fn decode(der: &[u8]) -> Option<OcspResponse> {
    let (mut at, len) = (der.as_ptr(), c_long::try_from(der.len()).ok()?);
    // SAFETY: reads at most `len` bytes and moves `at` behind what it has read; makes an object of its own.
    let raw = unsafe { sys::d2i_OCSP_RESPONSE(ptr::null_mut(), &raw mut at, len) };
    if raw.is_null() {
        return None;
    }
    // SAFETY: made just before, and owned by nobody else.
    let response = unsafe { OcspResponse::from_ptr(raw) };
    (at == der.as_ptr_range().end).then_some(response)
}

/// Signers that are trusted as they are, the issuer among them, are looked for first. All others must come with
/// the response and have the issuer's leave for it.
fn verify(basic: &OcspBasicResponseRef, rules: &Rules<'_>) -> Result<(), openssl::error::ErrorStack> {
    let mut trusted = Stack::new()?;
    for certificate in rules.trusted {
        trusted.push(certificate.clone())?;
    }
    trusted.push(rules.issuer.to_owned())?;
    basic.verify(&trusted, rules.store, OcspFlag::TRUST_OTHER)
}

/// How long from now until the next update, or the end of the age that is allowed.
fn holds(found: &OcspStatus<'_>, max_age: Option<u32>) -> Option<Duration> {
    let next = found.next_update().and_then(|time| seconds_until(time.as_ptr()));
    let oldest = max_age
        .and_then(|age| Some(seconds_until(found.this_update.as_ptr())?.saturating_add(i64::from(age))));
    let seconds = [next, oldest].into_iter().flatten().min()?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// Seconds from now to `time`, which may be past.
fn seconds_until(time: *const sys::ASN1_GENERALIZEDTIME) -> Option<i64> {
    let (mut days, mut seconds): (c_int, c_int) = (0, 0);
    // SAFETY: the time belongs to a response that is alive, and is of the structure that all times have; NULL
    // stands for now.
    let done = unsafe { sys::ASN1_TIME_diff(&raw mut days, &raw mut seconds, ptr::null(), time.cast()) };
    (done == 1).then(|| i64::from(days) * 86_400 + i64::from(seconds))
}

/// What a chain is verified with.
#[must_use]
pub fn store(chain: &X509StoreContextRef) -> Option<&X509StoreRef> {
    // SAFETY: a borrowed verification is alive.
    let store = unsafe { ffi::X509_STORE_CTX_get0_store(chain.as_ptr()) };
    // SAFETY: the verification keeps its store as long as it lives itself.
    (!store.is_null()).then(|| unsafe { X509StoreRef::from_ptr(store) })
}

/// The first responder that a certificate names (authority information access).
#[must_use]
pub fn responder(certificate: &X509Ref) -> Option<String> {
    let named = certificate.ocsp_responders().ok().and_then(|all| all.get(0).map(|url| url.to_string()));
    error::clear();
    named
}
