//! Files with certificates and keys; certificates of peers as text.

use super::nothing_queued;
use crate::ossl::error;
use crate::ossl::load::{self, KeyError};
use crate::ossl::x509::{self, AltNameKind};
use crate::vars::escape::log_item;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509NameRef, X509Ref};

/// The contents of a certificate or key file: what is loaded can be written and loaded again, and is the
/// same then. A key is called encrypted only when there is a phrase to be asked for.
pub fn credentials(data: &[u8]) -> bool {
    error::clear();
    let certificates = load::certificates_from_pem(data);
    nothing_queued("certificates_from_pem");
    if let Ok(found) = &certificates {
        assert!(!found.is_empty());
        let pem: Vec<u8> = found.iter().flat_map(|one| one.to_pem().expect("PEM")).collect();
        let again = load::certificates_from_pem(&pem).expect("what was written just before");
        assert!(found.iter().map(der).eq(again.iter().map(der)));
    }
    if takes_long(data) {
        return certificates.is_ok();
    }
    let open = load::private_key_from_bytes(data, None);
    nothing_queued("private_key_from_bytes");
    let unlocked = load::private_key_from_bytes(data, Some(b"phrase"));
    nothing_queued("private_key_from_bytes");
    for key in [&open, &unlocked].into_iter().flatten() {
        check_key(key);
    }
    // Where no phrase is wanted, a phrase makes no difference.
    if let Ok(key) = &open {
        assert!(unlocked.as_ref().is_ok_and(|other| key.public_eq(other)));
    }
    assert!(!matches!(open, Err(KeyError::Unreadable(_))));
    certificates.is_ok() || unlocked.is_ok()
}

/// The rounds that derive a key from a phrase are a number in the file: whoever writes that file decides
/// how long it takes.
fn takes_long(data: &[u8]) -> bool {
    const PKCS5: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05";
    const PKCS12_PBE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
    let holds = |part: &[u8]| data.windows(part.len()).any(|window| window == part);
    holds(PKCS5) || holds(PKCS12_PBE) || holds(b"ENCRYPTED PRIVATE KEY")
}

fn check_key(key: &PKey<Private>) {
    let Ok(pem) = key.private_key_to_pem_pkcs8() else { return };
    let again = load::private_key_from_bytes(&pem, None).expect("what was written just before");
    assert!(key.public_eq(&again));
}

fn der(certificate: &X509) -> Vec<u8> {
    certificate.to_der().expect("DER")
}

/// A certificate, in PEM or DER: every text that is shown of it has the form it is meant to have, and no
/// error is left behind.
pub fn certificate_text(data: &[u8]) -> bool {
    error::clear();
    let first = |found: Vec<X509>| found.into_iter().next();
    let pem = load::certificates_from_pem(data).ok().and_then(first);
    let Some(certificate) = pem.or_else(|| X509::from_der(data).ok()) else { return false };
    check_fields(&certificate);
    check_name(certificate.subject_name());
    check_name(certificate.issuer_name());
    check_extensions(&certificate);
    true
}

fn check_fields(certificate: &X509Ref) {
    let serial = x509::serial(certificate);
    let digits = serial.strip_prefix('-').unwrap_or(&serial);
    assert!(
        digits.len().is_multiple_of(2) && digits.bytes().all(|digit| b"0123456789ABCDEF".contains(&digit))
    );
    nothing_queued("serial");
    for time in [certificate.not_before(), certificate.not_after()] {
        let text = x509::time(time);
        assert!(text == "Bad time value" || text.ends_with(" GMT") || text.len() >= 20, "{text:?}");
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text:?}");
        nothing_queued("time");
    }
    let _ = x509::version(certificate);
    let _ = x509::not_after_seconds(certificate);
    nothing_queued("not_after_seconds");
    assert!(!x509::signature_algorithm(certificate).is_empty());
    assert!(!x509::key_algorithm(certificate).is_empty());
    nothing_queued("algorithms");
    assert!(x509::basic_constraints(certificate).1.is_none_or(|length| length >= 0));
    nothing_queued("basic_constraints");
    let tail = x509::log_tail(certificate);
    assert!(tail.starts_with(" [subject: ") && tail.ends_with(']'), "{tail:?}");
    assert!(!tail.bytes().any(|byte| byte < 0x20), "{tail:?}");
    nothing_queued("log_tail");
}

pub(super) fn check_name(name: &X509NameRef) {
    no_controls(&x509::name(name));
    nothing_queued("name");
    let line = x509::name_oneline(name);
    assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte)), "{line:?}");
    assert!(line.is_empty() == name.entries().next().is_none());
    nothing_queued("name_oneline");
    let attributes: Vec<_> = x509::attributes(name).collect();
    assert_eq!(attributes.len(), name.entries().count());
    attributes.iter().for_each(|(_, value)| no_controls(value));
    nothing_queued("attributes");
    for kind in [Nid::COMMONNAME, Nid::ORGANIZATIONALUNITNAME, Nid::PKCS9_EMAILADDRESS] {
        let of_kind: Vec<_> = attributes.iter().filter(|(other, _)| *other == kind).collect();
        let values: Vec<_> = x509::components(name, kind, false).collect();
        assert!(of_kind.iter().map(|(_, value)| value).eq(&values));
        assert_eq!(x509::components(name, kind, true).count(), values.len());
    }
    nothing_queued("components");
}

pub(super) fn check_extensions(certificate: &X509Ref) {
    for kind in [AltNameKind::Email, AltNameKind::Dns, AltNameKind::MsUpn, AltNameKind::DnsSrv] {
        x509::alt_names(certificate, kind).iter().flatten().for_each(|value| no_controls(value));
        nothing_queued("alt_names");
    }
    let _ = x509::identities(certificate);
    nothing_queued("identities");
    for kind in ["subjectAltName", "basicConstraints", "1.2.3.4", "2.5.29.32", "nsComment"] {
        assert!(x509::extensions(certificate, kind).is_some(), "{kind}");
        nothing_queued("extensions");
    }
}

/// No control character comes out (`ASN1_STRFLGS_ESC_CTRL`), and what is written to the access log is plain
/// text whatever it is.
pub(super) fn no_controls(value: &[u8]) {
    assert!(!value.iter().any(|byte| *byte < 0x20 || *byte == 0x7f), "{value:?}");
    assert!(log_item(value).bytes().all(|byte| (0x20..0x7f).contains(&byte)));
}
