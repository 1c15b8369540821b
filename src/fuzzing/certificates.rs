//! Parts of a client's certificate, each on its own: names, alternative names, other extensions.

use super::credentials::{check_extensions, check_name, no_controls};
use super::nothing_queued;
use crate::ossl::error;
use crate::ossl::x509;
use openssl::asn1::{Asn1Object, Asn1OctetString};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Extension, X509Name};
use std::sync::OnceLock;

/// A distinguished name in DER: all forms of it have no control characters.
pub fn distinguished_name(data: &[u8]) -> bool {
    error::clear();
    let name = X509Name::from_der(data);
    error::clear();
    let Ok(name) = name else { return false };
    check_name(&name);
    true
}

/// The contents of a subjectAltName extension: as [`distinguished_name`]. Good if there is a name of any kind.
pub fn alternative_names(data: &[u8]) -> bool {
    let Some(certificate) = with_extension("2.5.29.17", data) else { return false };
    check_extensions(&certificate);
    let names = certificate.subject_alt_names();
    error::clear();
    names.is_some()
}

/// The first byte chooses the type of an extension, the rest is its contents: it is shown or not, and nothing is
/// left behind. Good if it is shown.
pub fn extension_list(data: &[u8]) -> bool {
    const TYPES: [&str; 8] = [
        "1.2.3.4",
        "2.16.840.1.113730.1.13",
        "2.5.29.15",
        "2.5.29.19",
        "2.5.29.31",
        "2.5.29.32",
        "2.5.29.37",
        "2.5.29.30",
    ];
    let Some((choice, contents)) = data.split_first() else { return false };
    let kind = TYPES[usize::from(*choice) % TYPES.len()];
    let Some(certificate) = with_extension(kind, contents) else { return false };
    check_extensions(&certificate);
    let shown = x509::extensions(&certificate, kind).expect("a number is a type");
    nothing_queued("extensions");
    assert_eq!(shown.len(), 1);
    assert_eq!(x509::extensions(&certificate, "1.2.3.5"), Some(Vec::new()));
    let assertion = x509::exact_assertion(&certificate).expect("a serial number");
    no_controls(&assertion);
    shown[0].is_some()
}

fn key() -> &'static PKey<Private> {
    static KEY: OnceLock<PKey<Private>> = OnceLock::new();
    KEY.get_or_init(|| PKey::generate_ed25519().expect("Ed25519"))
}

/// A certificate with this extension.
pub(super) fn with_extension(kind: &str, contents: &[u8]) -> Option<X509> {
    error::clear();
    let contents = Asn1OctetString::new_from_bytes(contents).ok()?;
    let kind = Asn1Object::from_str(kind).ok()?;
    let extension = X509Extension::new_from_der(&kind, false, &contents).ok()?;
    let mut builder = X509::builder().ok()?;
    builder.set_version(2).ok()?;
    builder.set_pubkey(key()).ok()?;
    builder.append_extension(extension).ok()?;
    builder.sign(key(), MessageDigest::null()).ok()?;
    nothing_queued("a certificate");
    Some(builder.build())
}
