//! What comes back from an OCSP responder.

use super::certificates::with_extension;
use super::nothing_queued;
use crate::io::ocsp_http::{BODY_BYTES, HEADER_BYTES, HEADER_LINES, HttpError, Response};
use crate::ossl::error;
use crate::ossl::ocsp::{self, Query, Rules, Unusable};
use crate::ossl::staple;
use crate::policy::sealed;
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use std::sync::OnceLock;

/// A response, read in pieces of `size` bytes.
fn read(data: &[u8], size: usize) -> (Vec<String>, Result<Vec<u8>, HttpError>) {
    let mut response = Response::default();
    for piece in data.chunks(size) {
        match response.push(piece) {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => return (response.fields().to_vec(), Err(error)),
        }
    }
    (response.fields().to_vec(), response.finish())
}

/// HTTP: what is read does not depend on how the bytes come, and keeps its limits.
pub fn ocsp_http(data: &[u8]) -> bool {
    let (fields, body) = read(data, data.len().max(1));
    for size in [1, 2, 5, 1024] {
        assert_eq!(read(data, size), (fields.clone(), body.clone()), "pieces of {size}");
    }
    assert!(fields.len() <= HEADER_LINES);
    // A byte that is not UTF-8 becomes three.
    assert!(fields.iter().map(String::len).sum::<usize>() <= 3 * HEADER_BYTES);
    match body {
        Ok(body) => {
            assert!(!body.is_empty() && body.len() <= BODY_BYTES && body.len() < data.len());
            assert!(data.starts_with(b"HTTP/1."));
            true
        }
        Err(_) => false,
    }
}

/// A certificate that is its own issuer, a question about it, and a store with it.
fn parties() -> &'static (X509, Query, X509Store) {
    static PARTIES: OnceLock<(X509, Query, X509Store)> = OnceLock::new();
    PARTIES.get_or_init(|| {
        let pem = include_bytes!("../../fuzz/server.pem");
        let certificate = X509::from_pem(pem).expect("a certificate");
        let query = Query::new(&certificate, &certificate, false).expect("a question");
        let mut store = X509StoreBuilder::new().expect("a store");
        store.add_cert(certificate.clone()).expect("room for a certificate");
        (certificate, query, store.build())
    })
}

/// A response in DER: it is believed when its signer, its certificate and its times are right, and never
/// because of bytes behind it.
pub fn ocsp_response(data: &[u8]) -> bool {
    let (certificate, query, store) = parties();
    let (trusted, skew, max_age) = (&[][..], 300, None);
    let rules = Rules { verify: true, trusted, store, issuer: certificate, skew, max_age };
    let believed = ocsp::check(query, data, &rules);
    error::clear();
    let unsigned = ocsp::check(query, data, &Rules { verify: false, ..rules });
    error::clear();
    match believed {
        Ok(answer) => {
            // How long it holds is told in seconds from now, which pass meanwhile.
            let said = |answer: ocsp::Answer| (answer.status, answer.reason, answer.holds.is_some());
            assert_eq!(unsigned.map(said), Ok(said(answer)));
            let rules = Rules { verify: true, trusted, store, issuer: certificate, skew, max_age };
            assert_eq!(ocsp::check(query, &[data, b"x"].concat(), &rules), Err(Unusable::Malformed));
        }
        Err(Unusable::Signature) => {}
        Err(error) => assert_eq!(unsigned, Err(error)),
    }
    error::clear();
    nothing_queued("ocsp::check");
    believed.is_ok()
}

/// A file of `SSLStaplingFile`, in DER or PEM, and the same bytes as a TLS feature extension. Good if the file holds a
/// response about the certificate; whatever is believed is about it.
pub fn staple_file(data: &[u8]) -> bool {
    let required =
        with_extension("1.3.6.1.5.5.7.1.24", data).is_some_and(|found| staple::is_required(&found));
    nothing_queued("is_required");
    assert!(!required || data.len() >= 5);
    let Some(der) = staple::response_der(data) else { return false };
    nothing_queued("response_der");
    assert!(der.len() <= data.len());
    let (certificate, query, store) = parties();
    let about = ocsp::is_about(query, &der);
    nothing_queued("is_about");
    let (trusted, skew, max_age) = (&[][..], 300, None);
    let rules = Rules { verify: true, trusted, store, issuer: certificate, skew, max_age };
    let believed = ocsp::check(query, &der, &rules).is_ok();
    error::clear();
    assert!(about || !believed);
    about
}

/// A record of a cache: it is opened exactly when it was written for the key, and then says what was put in.
pub fn sealed_record(data: &[u8]) -> bool {
    const KEY: [u8; 32] = [7; 32];
    /// Stands for a MAC: anybody can make it, so that mutations get beyond it.
    fn seal(pieces: &[&[u8]]) -> Option<[u8; 32]> {
        let bytes = pieces.concat();
        Some(std::array::from_fn(|index| {
            bytes.iter().skip(index).step_by(32).fold(0, |sum, byte| sum ^ byte)
        }))
    }
    let opened = sealed::open(&KEY, data, 0, &seal, |one, other| one == other);
    if let Some(opened) = opened {
        assert!(opened.until > 0 && opened.contents.len() + sealed::OVERHEAD == data.len());
        assert_eq!(sealed::write(&KEY, opened.until, opened.contents, &seal).as_deref(), Some(data));
        assert_eq!(sealed::open(&KEY, data, opened.until, &seal, |one, other| one == other), None);
    }
    // Whatever it is, it can be put in.
    let record = sealed::write(&KEY, 1, data, &seal).unwrap_or_default();
    let contents =
        sealed::open(&KEY, &record, 0, &seal, |one, other| one == other).map(|record| record.contents);
    assert_eq!(contents, Some(data));
    opened.is_some()
}
