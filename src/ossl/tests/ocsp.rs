//! OCSP: responses of all kinds to a question.

use super::make::{Kind, authority, certificate, key};
use crate::ossl::ocsp::{Answer, Query, Rules, Status, Unusable, check, is_about, is_newer};
use foreign_types::{ForeignType, ForeignTypeRef};
use libc::{c_int, c_long, c_ulong, c_void};
use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspCertId, OcspResponse, OcspResponseStatus};
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::ExtendedKeyUsage;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509, X509Ref};
use openssl_sys as sys;
use std::ptr;
use std::time::Duration;

unsafe extern "C" {
    fn OCSP_basic_add1_status(
        response: *mut sys::OCSP_BASICRESP,
        id: *mut sys::OCSP_CERTID,
        status: c_int,
        reason: c_int,
        revoked: *mut sys::ASN1_TIME,
        this: *mut sys::ASN1_TIME,
        next: *mut sys::ASN1_TIME,
    ) -> *mut c_void;
    fn OCSP_basic_sign(
        response: *mut sys::OCSP_BASICRESP,
        signer: *mut sys::X509,
        key: *mut sys::EVP_PKEY,
        digest: *const sys::EVP_MD,
        certificates: *mut sys::stack_st_X509,
        flags: c_ulong,
    ) -> c_int;
    fn OCSP_copy_nonce(response: *mut sys::OCSP_BASICRESP, request: *mut sys::OCSP_REQUEST) -> c_int;
    fn OCSP_basic_add1_nonce(response: *mut sys::OCSP_BASICRESP, value: *mut u8, len: c_int) -> c_int;
    fn X509_gmtime_adj(time: *mut sys::ASN1_TIME, seconds: c_long) -> *mut sys::ASN1_TIME;
}

/// The library's flag: the response does not carry the certificate of its signer.
const NO_CERTIFICATES: c_ulong = 1;

#[derive(Clone, Copy)]
enum Nonce {
    None,
    Copied,
    Other,
}

/// What a responder answers.
#[derive(Clone, Copy)]
struct Reply<'s> {
    status: Status,
    /// Seconds from now.
    this: c_long,
    next: Option<c_long>,
    nonce: Nonce,
    signer: (&'s X509Ref, &'s PKey<Private>),
    about: &'s X509Ref,
    flags: c_ulong,
}

fn time(seconds: c_long) -> *mut sys::ASN1_TIME {
    // SAFETY: without a place the library makes a time.
    unsafe { X509_gmtime_adj(ptr::null_mut(), seconds) }
}

impl Reply<'_> {
    fn der(self, query: &Query, issuer: &X509Ref) -> Vec<u8> {
        // SAFETY: makes an object.
        let basic = unsafe { sys::OCSP_BASICRESP_new() };
        let id = OcspCertId::from_cert(MessageDigest::sha1(), self.about, issuer).unwrap();
        let (this, next) = (time(self.this), self.next.map_or(ptr::null_mut(), time));
        let revoked = if self.status == Status::Revoked { time(-60) } else { ptr::null_mut() };
        let status = self.status.number();
        // SAFETY: all objects are alive; the library copies them.
        let added = unsafe { OCSP_basic_add1_status(basic, id.as_ptr(), status, 1, revoked, this, next) };
        assert!(!added.is_null());
        for time in [this, next, revoked] {
            // SAFETY: made above; NULL is let pass.
            unsafe { sys::ASN1_TIME_free(time) };
        }
        let nonce = match self.nonce {
            Nonce::None => 1,
            // SAFETY: both objects are alive.
            Nonce::Copied => unsafe { OCSP_copy_nonce(basic, query.request.as_ptr()) },
            // SAFETY: without a value the library makes a random one.
            Nonce::Other => unsafe { OCSP_basic_add1_nonce(basic, ptr::null_mut(), -1) },
        };
        assert!(nonce > 0);
        let (certificate, key) = self.signer;
        let (certificate, key, digest) = (certificate.as_ptr(), key.as_ptr(), MessageDigest::sha256());
        // SAFETY: all objects are alive.
        let signed =
            unsafe { OCSP_basic_sign(basic, certificate, key, digest.as_ptr(), ptr::null_mut(), self.flags) };
        assert_eq!(signed, 1);
        // SAFETY: the object is alive; the response has a copy of it.
        let response = unsafe { sys::OCSP_response_create(0, basic) };
        // SAFETY: made above.
        unsafe { sys::OCSP_BASICRESP_free(basic) };
        // SAFETY: made just before.
        unsafe { OcspResponse::from_ptr(response) }.to_der().unwrap()
    }
}

/// Who takes part.
struct Cast {
    client: X509,
    other: X509,
    store: X509Store,
    delegate: (X509, PKey<Private>),
    stranger: (X509, PKey<Private>),
}

fn store(certificate: &X509) -> X509Store {
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(certificate.clone()).unwrap();
    store.build()
}

/// A certificate of the authority that may sign responses, or not.
fn signer(may: bool) -> (X509, PKey<Private>) {
    let (authority, authority_key) = authority();
    let key = key(Kind::Ecdsa);
    let plain = certificate("responder", &key, Some((authority, authority_key)), false);
    if !may {
        return (plain, key);
    }
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(plain.serial_number()).unwrap();
    builder.set_subject_name(plain.subject_name()).unwrap();
    builder.set_issuer_name(plain.issuer_name()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(plain.not_before()).unwrap();
    builder.set_not_after(plain.not_after()).unwrap();
    let usage = ExtendedKeyUsage::new().other("OCSPSigning").build().unwrap();
    builder.append_extension(usage).unwrap();
    builder.sign(authority_key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

fn cast() -> Cast {
    let (authority, authority_key) = authority();
    let issued = |name| certificate(name, &key(Kind::Ecdsa), Some((authority, authority_key)), false);
    let stranger_key = key(Kind::Ecdsa);
    let stranger = certificate("Stranger", &stranger_key, None, true);
    Cast {
        client: issued("client"),
        other: issued("other"),
        store: store(authority),
        delegate: signer(true),
        stranger: (stranger, stranger_key),
    }
}

fn rules<'r>(cast: &'r Cast, trusted: &'r [X509]) -> Rules<'r> {
    let issuer = &authority().0;
    Rules { verify: true, trusted, store: &cast.store, issuer, skew: 300, max_age: None }
}

fn good(cast: &Cast) -> Reply<'_> {
    let (authority, authority_key) = authority();
    Reply {
        status: Status::Good,
        this: -60,
        next: Some(3600),
        nonce: Nonce::Copied,
        signer: (authority, authority_key),
        about: &cast.client,
        flags: 0,
    }
}

fn ask(cast: &Cast, nonce: bool, reply: Reply<'_>, rules: &Rules<'_>) -> Result<Answer, Unusable> {
    let issuer = &authority().0;
    let query = Query::new(&cast.client, issuer, nonce).unwrap();
    let answer = check(&query, &reply.der(&query, issuer), rules);
    crate::ossl::error::clear();
    answer
}

#[test]
fn which_of_two_is_newer() {
    let cast = cast();
    let (issuer, issuer_key) = authority();
    let query = Query::new(&cast.client, issuer, false).unwrap();
    let reply = |this| Reply { this, nonce: Nonce::None, ..good(&cast) }.der(&query, issuer);
    let other = Reply { about: issuer, signer: (issuer, issuer_key), nonce: Nonce::None, ..good(&cast) };
    let other = other.der(&query, issuer);
    let (old, new, next) = (reply(-3600), reply(-60), reply(86_400));
    for (one, two, newer) in [
        (&new, &old, Some(true)),
        (&old, &new, Some(false)),
        (&new, &new, Some(false)),
        (&next, &new, Some(true)),
        (&other, &old, None),
        (&new, &b"garbage".to_vec(), None),
    ] {
        assert_eq!(is_newer(&query, one, two), newer);
    }
    assert!(is_about(&query, &old) && !is_about(&query, &other) && !is_about(&query, b"garbage"));
}

#[test]
fn what_responders_say() {
    let cast = cast();
    let rules = rules(&cast, &[]);
    for (status, reason) in [(Status::Good, -1), (Status::Revoked, 1), (Status::Unknown, -1)] {
        let reply = Reply { status, ..good(&cast) };
        let answer = ask(&cast, true, reply, &rules).unwrap();
        assert_eq!((answer.status, answer.reason), (status, reason));
        let holds = answer.holds.unwrap();
        assert!(Duration::from_secs(3590) <= holds && holds <= Duration::from_secs(3600), "{holds:?}");
    }
}

#[test]
fn nonces() {
    let cast = cast();
    let rules = rules(&cast, &[]);
    for (asked, nonce, good_one) in [
        (true, Nonce::Copied, true),
        (true, Nonce::None, false),
        (true, Nonce::Other, false),
        (false, Nonce::None, true),
        (false, Nonce::Other, true),
    ] {
        let answer = ask(&cast, asked, Reply { nonce, ..good(&cast) }, &rules);
        assert_eq!(answer.err(), (!good_one).then_some(Unusable::Nonce));
    }
}

#[test]
fn who_may_sign() {
    let cast = cast();
    let (authority, authority_key) = authority();
    let (delegate, stranger, plain) = (&cast.delegate, &cast.stranger, signer(false));
    let strangers = [stranger.0.clone()];
    for (who, key, flags, trusted, verify, good_one) in [
        (authority, authority_key, 0, &[][..], true, true),
        (authority, authority_key, NO_CERTIFICATES, &[], true, true),
        (&delegate.0, &delegate.1, 0, &[], true, true),
        // Nobody knows who it is.
        (&delegate.0, &delegate.1, NO_CERTIFICATES, &[], true, false),
        // Of the authority, but not for this.
        (&plain.0, &plain.1, 0, &[], true, false),
        (&stranger.0, &stranger.1, 0, &[], true, false),
        (&stranger.0, &stranger.1, 0, &strangers, true, true),
        (&stranger.0, &stranger.1, NO_CERTIFICATES, &strangers, true, true),
        (&stranger.0, &stranger.1, 0, &[], false, true),
    ] {
        let nonce = Nonce::Copied;
        let reply = Reply { signer: (who, key), flags, nonce, ..good(&cast) };
        let rules = Rules { verify, ..rules(&cast, trusted) };
        let answer = ask(&cast, true, reply, &rules);
        assert_eq!(answer.err(), (!good_one).then_some(Unusable::Signature), "{:?}", who.subject_name());
    }
}

#[test]
fn a_spoilt_signature() {
    let cast = cast();
    let rules = rules(&cast, &[]);
    let issuer = &authority().0;
    let query = Query::new(&cast.client, issuer, true).unwrap();
    let mut der = Reply { flags: NO_CERTIFICATES, ..good(&cast) }.der(&query, issuer);
    // Without certificates the signature is what comes last.
    *der.last_mut().unwrap() ^= 1;
    assert_eq!(check(&query, &der, &rules), Err(Unusable::Signature));
    crate::ossl::error::clear();
}

#[test]
fn times() {
    let cast = cast();
    for (this, next, skew, max_age, good_one) in [
        (-60, Some(60), 0, None, true),
        (-7200, Some(-3600), 300, None, false),
        (-7200, Some(-100), 300, None, true),
        (-7200, Some(-100), 0, None, false),
        (3600, Some(7200), 300, None, false),
        (100, Some(7200), 300, None, true),
        (100, Some(7200), 0, None, false),
        (-7200, None, 0, None, true),
        (-7200, None, 0, Some(3600), false),
        (-7200, Some(3600), 0, Some(3600), false),
        (-600, Some(3600), 0, Some(3600), true),
    ] {
        let reply = Reply { this, next, ..good(&cast) };
        let rules = Rules { skew, max_age, ..rules(&cast, &[]) };
        let answer = ask(&cast, true, reply, &rules);
        let late = Unusable::Validity { status: Status::Good, reason: -1 };
        assert_eq!(answer.err(), (!good_one).then_some(late), "{this} {next:?} {skew} {max_age:?}");
    }
}

#[test]
fn how_long_an_answer_holds() {
    let cast = cast();
    for (this, next, max_age, holds) in [
        (-60, Some(600), None, Some(600)),
        (-60, Some(600), Some(100), Some(40)),
        (-60, Some(30), Some(100), Some(30)),
        (-60, None, Some(100), Some(40)),
        (-60, None, None, None),
        // Good for the skew of clocks alone.
        (-600, Some(-10), None, Some(0)),
    ] {
        let rules = Rules { max_age, ..rules(&cast, &[]) };
        let answer = ask(&cast, true, Reply { this, next, ..good(&cast) }, &rules).unwrap();
        let got = answer.holds.map(|holds| holds.as_secs());
        // A slow machine makes it less.
        let fits = match (got, holds) {
            (Some(got), Some(holds)) => got <= holds && holds.saturating_sub(got) <= 20,
            (got, holds) => got == holds,
        };
        assert!(fits, "{got:?} {holds:?}");
    }
}

#[test]
fn what_is_no_answer() {
    let cast = cast();
    let rules = rules(&cast, &[]);
    let other = Reply { about: &cast.other, ..good(&cast) };
    assert_eq!(ask(&cast, true, other, &rules), Err(Unusable::OtherCertificate));
    let issuer = &authority().0;
    let query = Query::new(&cast.client, issuer, true).unwrap();
    let der = good(&cast).der(&query, issuer);
    for wrong in [&b""[..], b"garbage", &der[..der.len() - 1], &[&der[..], b"\n"].concat()] {
        assert_eq!(check(&query, wrong, &rules), Err(Unusable::Malformed));
    }
    for (status, number) in [
        (OcspResponseStatus::MALFORMED_REQUEST, 1),
        (OcspResponseStatus::TRY_LATER, 3),
        (OcspResponseStatus::UNAUTHORIZED, 6),
    ] {
        let response = OcspResponse::create(status, None).unwrap().to_der().unwrap();
        assert_eq!(check(&query, &response, &rules), Err(Unusable::NotSuccessful(number)));
    }
    // Successful, without anything in it.
    assert_eq!(check(&query, b"\x30\x03\x0a\x01\x00", &rules), Err(Unusable::NotBasic));
    crate::ossl::error::clear();
}

/// A certificate with an extension.
fn with(extension: openssl::x509::X509Extension) -> X509 {
    let (_, key) = authority();
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(key).unwrap();
    builder.append_extension(extension).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

/// The extension that names a responder, whatever its bytes.
fn access(url: &[u8]) -> openssl::x509::X509Extension {
    let wrap = |tag: u8, parts: &[&[u8]]| {
        let contents = parts.concat();
        [&[tag, u8::try_from(contents.len()).unwrap()], &contents[..]].concat()
    };
    let ocsp = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
    let value = wrap(0x30, &[&wrap(0x30, &[&ocsp, &wrap(0x86, &[url])])]);
    let oid = openssl::asn1::Asn1Object::from_str("1.3.6.1.5.5.7.1.1").unwrap();
    let octets = openssl::asn1::Asn1OctetString::new_from_bytes(&value).unwrap();
    openssl::x509::X509Extension::new_from_der(&oid, false, &octets).unwrap()
}

#[test]
fn certificates_name_their_responder() {
    let (authority, authority_key) = authority();
    let plain = certificate("client", authority_key, Some((authority, authority_key)), false);
    assert_eq!(crate::ossl::ocsp::responder(&plain), None);
    for (value, found) in [
        ("OCSP;URI:http://a.test/,OCSP;URI:http://b.test/", Some("http://a.test/")),
        ("caIssuers;URI:http://a.test/", None),
        ("caIssuers;URI:http://a.test/,OCSP;URI:ldap://b.test/", Some("ldap://b.test/")),
    ] {
        let nid = openssl::nid::Nid::INFO_ACCESS;
        #[expect(deprecated, reason = "there is no other way to write this extension as text")]
        let extension = openssl::x509::X509Extension::new_nid(None, None, nid, value).unwrap();
        assert_eq!(crate::ossl::ocsp::responder(&with(extension)).as_deref(), found, "{value}");
    }
    // What is no text, or has a NUL in it, names nobody.
    for (url, found) in [
        (&b"http://a.test/"[..], Some("http://a.test/")),
        (b"http://\xff\xc0/", None),
        (b"http://a\0.test/", None),
    ] {
        assert_eq!(crate::ossl::ocsp::responder(&with(access(url))).as_deref(), found, "{url:?}");
    }
    assert!(crate::ossl::error::drain().is_empty());
}
