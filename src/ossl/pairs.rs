//! Files of certificates with their keys, for this side as a client, and the chains above them.

use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Ref, X509StoreContext};
use zeroize::Zeroizing;

use super::error::{self, LibraryError};
use super::identity::check_key;
use super::load;

/// What belongs together in a file.
pub enum Found {
    /// A certificate with its key.
    Pair(X509, PKey<Private>),
    /// A certificate without a key.
    Certificate(X509),
    /// A key that cannot be read without a pass phrase, or not at all, perhaps with its certificate.
    Unreadable(Option<X509>),
    /// A key without a certificate, or one that is not that of the certificate beside it.
    Mismatch(Option<X509>),
}

/// The certificates and keys of a PEM text: each key with the certificate before or behind it. Other blocks are passed
/// over.
///
/// # Errors
/// OpenSSL's reasons: the first certificate that it cannot read.
pub fn parse(pem: &[u8]) -> Result<Vec<Found>, Vec<LibraryError>> {
    let mut found = Vec::new();
    let mut open = Open::default();
    for (label, block) in blocks(pem) {
        if label.ends_with("CERTIFICATE") {
            if open.certificate.is_some() {
                found.extend(std::mem::take(&mut open).close());
            }
            let certificates = load::certificates_from_pem(block)?;
            open.certificate = certificates.into_iter().next();
        } else if label.ends_with("PRIVATE KEY") {
            if open.has_key {
                found.extend(std::mem::take(&mut open).close());
            }
            open.has_key = true;
            open.key = load::plain_pem_key(block);
        }
    }
    found.extend(open.close());
    Ok(found)
}

/// What has been read since the last pair.
#[derive(Default)]
struct Open {
    certificate: Option<X509>,
    has_key: bool,
    key: Option<PKey<Private>>,
}

impl Open {
    fn close(self) -> Option<Found> {
        Some(match (self.certificate, self.has_key, self.key) {
            (None, false, _) => return None,
            (Some(certificate), false, _) => Found::Certificate(certificate),
            (certificate, true, None) => Found::Unreadable(certificate),
            (Some(certificate), true, Some(key)) if check_key(&certificate, &key).is_ok() => {
                Found::Pair(certificate, key)
            }
            (certificate, true, Some(_)) => Found::Mismatch(certificate),
        })
    }
}

/// The PEM blocks of a text: the words between `BEGIN` and the dashes, and the whole block.
fn blocks(pem: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let mut rest = pem;
    std::iter::from_fn(move || {
        loop {
            let start = find(rest, BEGIN)?;
            let block = &rest[start..];
            let label = &block[BEGIN.len()..];
            let label = &label[..find(label, b"-----")?];
            let end = [b"-----END ", label, b"-----"].concat();
            let Some(length) = find(block, &end).map(|at| at + end.len()) else {
                rest = &block[BEGIN.len()..];
                continue;
            };
            rest = &block[length..];
            if let Ok(label) = std::str::from_utf8(label) {
                return Some((label, &block[..length]));
            }
        }
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// The contents of a file that may hold keys; wiped when they are dropped.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &std::path::Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    load::read_secret(path)
}

/// The certificates above `certificate` among `known`, in the order of a chain, the root included.
///
/// # Errors
/// The number of the reason (`X509_V_ERR_...`), with what could be found.
pub fn chain(certificate: &X509Ref, known: &[X509]) -> Result<Vec<X509>, (i32, Vec<X509>)> {
    let mut built = Vec::new();
    let verified = (|| {
        let mut store = X509StoreBuilder::new()?;
        for issuer in known {
            store.add_cert(issuer.clone())?;
        }
        let mut context = X509StoreContext::new()?;
        context.init(&store.build(), certificate, Stack::new()?.as_ref(), |context| {
            let good = context.verify_cert()?;
            built = context
                .chain()
                .map(|chain| chain.iter().skip(1).map(X509Ref::to_owned).collect())
                .unwrap_or_default();
            Ok(if good { 0 } else { context.error().as_raw() })
        })
    })();
    error::clear();
    match verified {
        Ok(0) => Ok(built),
        Ok(number) => Err((number, built)),
        Err(_) => Err((1, built)),
    }
}
