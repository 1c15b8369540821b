//! Certificates as text: what variables, expressions and messages show of them.

use super::error;
use super::ffi;
use foreign_types::ForeignTypeRef;
use libc::{c_char, c_int, c_long, c_ulong, c_void};
use openssl::asn1::Asn1TimeRef;
use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref};
use openssl_sys as o;
use std::ffi::{CStr, CString};
use std::sync::OnceLock;

const ESC_2253: c_ulong = 1;
const ESC_CTRL: c_ulong = 2;
const ESC_MSB: c_ulong = 4;
const UTF8_CONVERT: c_ulong = 0x10;
const DUMP_UNKNOWN: c_ulong = 0x100;
const DUMP_DER: c_ulong = 0x200;
const SEP_COMMA_PLUS: c_ulong = 1 << 16;
const DN_REVERSED: c_ulong = 1 << 20;
const DUMP_UNKNOWN_FIELDS: c_ulong = 1 << 24;

/// RFC 2253, without escaping what is not ASCII.
const RFC2253: c_ulong = ESC_2253
    | ESC_CTRL
    | UTF8_CONVERT
    | DUMP_UNKNOWN
    | DUMP_DER
    | SEP_COMMA_PLUS
    | DN_REVERSED
    | DUMP_UNKNOWN_FIELDS;

/// `GEN_*` of GENERAL_NAME.
const GEN_OTHERNAME: c_int = 0;
const GEN_EMAIL: c_int = 1;
const GEN_DNS: c_int = 2;

const V_ASN1_BMPSTRING: c_int = 30;

/// A memory BIO that OpenSSL prints to.
struct Printed(*mut o::BIO);

impl Printed {
    fn new() -> Option<Self> {
        // SAFETY: asks for a static table.
        let method = unsafe { o::BIO_s_mem() };
        // SAFETY: the method table is static.
        let bio = unsafe { o::BIO_new(method) };
        (!bio.is_null()).then_some(Self(bio))
    }

    fn into_bytes(self) -> Vec<u8> {
        let mut data: *mut c_char = std::ptr::null_mut();
        // SAFETY: a memory BIO gives its contents' place and length.
        let len = unsafe { o::BIO_ctrl(self.0, o::BIO_CTRL_INFO, 0, (&raw mut data).cast()) };
        // SAFETY: as above.
        unsafe { super::lib::bytes_from(data.cast(), usize::try_from(len).unwrap_or(0)) }.to_vec()
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        // SAFETY: owned by this value.
        unsafe { o::BIO_free_all(self.0) }
    }
}

/// The X.509 version: 1, 2 or 3.
#[must_use]
pub fn version(certificate: &X509Ref) -> i64 {
    i64::from(certificate.version()) + 1
}

/// The serial number in upper-case hexadecimal with an even number of digits.
#[must_use]
pub fn serial(certificate: &X509Ref) -> String {
    let hex = certificate.serial_number().to_bn().and_then(|number| number.to_hex_str());
    match hex {
        Ok(hex) if hex.as_bytes() == b"0" => "00".to_owned(),
        Ok(hex) => hex.to_string(),
        Err(_) => String::new(),
    }
}

/// Serial number and issuer as the value of a CertificateExactAssertion (RFC 4523, appendix A.1). `None` for a serial
/// number of more than 1,024 bytes, which takes long to write in decimal: RFC 5280 allows 20.
#[must_use]
pub fn exact_assertion(certificate: &X509Ref) -> Option<Vec<u8>> {
    const LONGEST: i32 = 1_024;
    let number = certificate.serial_number().to_bn().ok().filter(|number| number.num_bytes() <= LONGEST)?;
    let number = number.to_dec_str().ok()?;
    let issuer = print_name(certificate.issuer_name(), RFC2253 | ESC_MSB);
    let start = format!("{{ serialNumber {number}, issuer rdnSequence:\"");
    Some([start.as_bytes(), &issuer, b"\" }"].concat())
}

/// A distinguished name in the form of RFC 2253.
#[must_use]
pub fn name(name: &X509NameRef) -> Vec<u8> {
    print_name(name, RFC2253)
}

fn print_name(name: &X509NameRef, flags: c_ulong) -> Vec<u8> {
    let Some(printed) = Printed::new() else { return Vec::new() };
    // SAFETY: BIO and name are alive.
    unsafe { ffi::X509_NAME_print_ex(printed.0, name.as_ptr(), 0, flags) };
    error::clear();
    printed.into_bytes()
}

/// Whether another name may have the same text as [`name_oneline`] gives for
/// this one. That escapes with a backslash, but not the backslash itself, and
/// does not tell characters of two bytes from pairs of bytes.
#[must_use]
pub fn is_oneline_ambiguous(name: &X509NameRef) -> bool {
    name.entries().any(|entry| {
        let value = entry.data();
        // SAFETY: the value is alive.
        let kind = unsafe { o::ASN1_STRING_type(value.as_ptr()) };
        let bytes = value.as_slice();
        bytes.contains(&b'\\') || (kind != V_ASN1_BMPSTRING && bytes.contains(&0))
    })
}

/// A distinguished name in the form of releases before 2.3.11: `/C=DE/CN=x`.
#[must_use]
pub fn name_oneline(name: &X509NameRef) -> Vec<u8> {
    if name.entries().next().is_none() {
        return Vec::new();
    }
    // SAFETY: the name is alive; without a buffer OpenSSL allocates one.
    let text = unsafe { ffi::X509_NAME_oneline(name.as_ptr(), std::ptr::null_mut(), 0) };
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: a C string.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes().to_vec();
    // SAFETY: allocated by OpenSSL just before.
    unsafe { o::OPENSSL_free(text.cast()) };
    bytes
}

/// The attributes of one type in a name, in its order. `raw`: not converted to
/// UTF-8.
pub fn components<'n>(name: &'n X509NameRef, kind: Nid, raw: bool) -> impl Iterator<Item = Vec<u8>> + 'n {
    let flags = if raw { ESC_CTRL } else { ESC_CTRL | UTF8_CONVERT };
    name.entries_by_nid(kind).map(move |entry| print_string(entry.data().as_ptr(), flags))
}

/// All attributes of a name with their types, in its order.
pub fn attributes(name: &X509NameRef) -> impl Iterator<Item = (Nid, Vec<u8>)> + '_ {
    name.entries()
        .map(|entry| (entry.object().nid(), print_string(entry.data().as_ptr(), ESC_CTRL | UTF8_CONVERT)))
}

/// A time as the library prints it, or what it prints of a malformed one: `Bad time value`.
#[must_use]
pub fn time(time: &Asn1TimeRef) -> String {
    let Some(printed) = Printed::new() else { return String::new() };
    // SAFETY: BIO and time are alive.
    unsafe { o::ASN1_TIME_print(printed.0, time.as_ptr()) };
    error::clear();
    String::from_utf8_lossy(&printed.into_bytes()).into_owned()
}

fn print_string(string: *const o::ASN1_STRING, flags: c_ulong) -> Vec<u8> {
    let Some(printed) = Printed::new() else { return Vec::new() };
    // SAFETY: BIO and string are alive.
    unsafe { ffi::ASN1_STRING_print_ex(printed.0, string, flags) };
    error::clear();
    printed.into_bytes()
}

/// A kind of subject alternative name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AltNameKind {
    /// rfc822Name.
    Email,
    /// dNSName.
    Dns,
    /// otherName 1.3.6.1.4.1.311.20.2.3 (UTF8String).
    MsUpn,
    /// otherName 1.3.6.1.5.5.7.8.7 (IA5String, RFC 4985).
    DnsSrv,
}

/// The subject alternative names of one kind. `None` for an otherName of the
/// right kind with the wrong type of string: it counts, but has no value.
#[must_use]
pub fn alt_names(certificate: &X509Ref, kind: AltNameKind) -> Vec<Option<Vec<u8>>> {
    let names = certificate.subject_alt_names();
    // A malformed extension counts as none.
    error::clear();
    let Some(names) = names else { return Vec::new() };
    names.iter().filter_map(|name| alt_name(name.as_ptr(), kind)).collect()
}

/// `Some` when the name is of the kind.
fn alt_name(name: *mut o::GENERAL_NAME, kind: AltNameKind) -> Option<Option<Vec<u8>>> {
    let mut form: c_int = -1;
    // SAFETY: the name is alive; the form is an output.
    let value = unsafe { ffi::GENERAL_NAME_get0_value(name, &raw mut form) };
    let flags = ESC_CTRL | UTF8_CONVERT;
    match (form, kind) {
        (GEN_EMAIL, AltNameKind::Email) | (GEN_DNS, AltNameKind::Dns) => {
            Some(Some(print_string(value.cast(), flags)))
        }
        (GEN_OTHERNAME, AltNameKind::MsUpn) => {
            other_name(name, Nid::from_raw(o::NID_ms_upn), o::V_ASN1_UTF8STRING)
        }
        (GEN_OTHERNAME, AltNameKind::DnsSrv) => other_name(name, dns_srv()?, o::V_ASN1_IA5STRING),
        _ => None,
    }
}

fn other_name(name: *mut o::GENERAL_NAME, wanted: Nid, string_type: c_int) -> Option<Option<Vec<u8>>> {
    let (mut object, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the name is an otherName; both outputs are valid places.
    let found = unsafe { ffi::GENERAL_NAME_get0_otherName(name, &raw mut object, &raw mut value) };
    // SAFETY: the object belongs to the name.
    if found != 1 || object.is_null() || unsafe { o::OBJ_obj2nid(object) } != wanted.as_raw() {
        return None;
    }
    // SAFETY: the value belongs to the name.
    let value = unsafe { value.as_ref() }?;
    if value.type_ != string_type {
        return Some(None);
    }
    Some(Some(print_string(value.value.cast(), ESC_CTRL | UTF8_CONVERT)))
}

/// id-on-dnsSRV, made known to the library when it is not.
#[must_use]
pub fn dns_srv() -> Option<Nid> {
    static NID: OnceLock<c_int> = OnceLock::new();
    let nid = *NID.get_or_init(|| {
        let (oid, short, long) = (c"1.3.6.1.5.5.7.8.7", c"id-on-dnsSRV", c"SRVName otherName form");
        // SAFETY: a C string.
        match unsafe { ffi::OBJ_txt2nid(oid.as_ptr()) } {
            // SAFETY: three C strings, which the library copies.
            0 => unsafe { ffi::OBJ_create(oid.as_ptr(), short.as_ptr(), long.as_ptr()) },
            known => known,
        }
    });
    (nid != 0).then(|| Nid::from_raw(nid))
}

/// Seconds since 1970 at which validity ends; `None` when malformed.
#[must_use]
pub fn not_after_seconds(certificate: &X509Ref) -> Option<i64> {
    let epoch = openssl::asn1::Asn1Time::from_unix(0).ok()?;
    let diff = epoch.diff(certificate.not_after()).ok()?;
    Some(i64::from(diff.days) * 86_400 + i64::from(diff.secs))
}

/// Long name of the signature algorithm.
#[must_use]
pub fn signature_algorithm(certificate: &X509Ref) -> String {
    long_name(certificate.signature_algorithm().object().nid())
}

/// Long name of the algorithm of the public key.
#[must_use]
pub fn key_algorithm(certificate: &X509Ref) -> String {
    // SAFETY: the certificate is alive and keeps the key.
    let key = unsafe { ffi::X509_get_X509_PUBKEY(certificate.as_ptr()) };
    let mut object = std::ptr::null_mut();
    let (none, number) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the key is alive; outputs may be NULL.
    let found =
        unsafe { ffi::X509_PUBKEY_get0_param(&raw mut object, none, number, std::ptr::null_mut(), key) };
    if found != 1 || object.is_null() {
        return "UNKNOWN".to_owned();
    }
    // SAFETY: the object belongs to the key.
    long_name(Nid::from_raw(unsafe { o::OBJ_obj2nid(object) }))
}

fn long_name(nid: Nid) -> String {
    match nid.long_name() {
        Ok(name) if nid != Nid::UNDEF => name.to_owned(),
        _ => {
            error::clear();
            "UNKNOWN".to_owned()
        }
    }
}

/// Whether BasicConstraints say that it is a CA, and the path length they
/// allow.
#[must_use]
pub fn basic_constraints(certificate: &X509Ref) -> (bool, Option<i64>) {
    const EXFLAG_CA: u32 = 0x10;
    // SAFETY: the certificate is alive.
    let flags = unsafe { ffi::X509_get_extension_flags(certificate.as_ptr()) };
    // SAFETY: the certificate is alive.
    let length = unsafe { ffi::X509_get_pathlen(certificate.as_ptr()) };
    // The first look at a certificate is a look at all of its extensions, which may be malformed.
    error::clear();
    (flags & EXFLAG_CA != 0, (length >= 0).then_some(length))
}

/// Names the certificate stands for: dNSNames, then CNs.
#[must_use]
pub fn identities(certificate: &X509Ref) -> Vec<String> {
    let dns = alt_names(certificate, AltNameKind::Dns).into_iter().flatten();
    let common = components(certificate.subject_name(), Nid::COMMONNAME, false);
    dns.chain(common).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// Alternative names that are addresses: 4 bytes, or 16.
#[must_use]
pub fn addresses(certificate: &X509Ref) -> Vec<Vec<u8>> {
    let names = certificate.subject_alt_names();
    // A malformed extension counts as none.
    error::clear();
    let Some(names) = names else { return Vec::new() };
    names.iter().filter_map(|name| name.ipaddress().map(<[u8]>::to_vec)).collect()
}

/// The library's text for a result of verification (`X509_V_ERR_...`).
#[must_use]
pub fn verify_error(number: i64) -> String {
    // SAFETY: gives a static C string for every number.
    let text = unsafe { o::X509_verify_cert_error_string(number) };
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// What messages about a certificate end with.
#[must_use]
pub fn log_tail(certificate: &X509Ref) -> String {
    const LONGEST: usize = 3_900;
    let describe = |name: &X509NameRef| {
        let text = String::from_utf8_lossy(&print_name(name, RFC2253 | ESC_MSB)).into_owned();
        match text.char_indices().nth(LONGEST) {
            _ if text.is_empty() => "-empty-".to_owned(),
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    };
    format!(
        " [subject: {} / issuer: {} / serial: {} / notbefore: {} / notafter: {}]",
        describe(certificate.subject_name()),
        describe(certificate.issuer_name()),
        serial(certificate),
        time(certificate.not_before()),
        time(certificate.not_after())
    )
}

/// The values of all extensions of one type, printed as the library prints
/// them; `None` for one that cannot be shown. `None`: there is no such type.
#[must_use]
pub fn extensions(certificate: &X509Ref, kind: &str) -> Option<Vec<Option<Vec<u8>>>> {
    let kind = CString::new(kind).ok()?;
    // SAFETY: a C string; 0 allows names as well as numbers.
    let wanted = unsafe { o::OBJ_txt2obj(kind.as_ptr(), 0) };
    if wanted.is_null() {
        error::clear();
        return None;
    }
    // SAFETY: the certificate is alive.
    let count = unsafe { o::X509_get_ext_count(certificate.as_ptr()) };
    let mut values = Vec::new();
    for index in 0..count {
        // SAFETY: the index is below the count.
        let extension = unsafe { o::X509_get_ext(certificate.as_ptr(), index) };
        // SAFETY: the extension belongs to the certificate.
        let object = unsafe { o::X509_EXTENSION_get_object(extension) };
        // SAFETY: both objects are alive.
        if unsafe { o::OBJ_cmp(object, wanted) } == 0 {
            values.push(print_extension(extension));
        }
    }
    // SAFETY: made by OBJ_txt2obj just before.
    unsafe { o::ASN1_OBJECT_free(wanted) };
    error::clear();
    Some(values)
}

fn print_extension(extension: *mut o::X509_EXTENSION) -> Option<Vec<u8>> {
    let printed = Printed::new()?;
    // SAFETY: BIO and extension are alive; no indentation.
    if unsafe { ffi::X509V3_EXT_print(printed.0, extension, 0, 0) } == 1 {
        return Some(printed.into_bytes());
    }
    // The library has no printer for it: a string is shown as it is.
    // SAFETY: the extension is alive and keeps its data.
    let data = unsafe { o::X509_EXTENSION_get_data(extension) };
    // SAFETY: the data is alive.
    let start = unsafe { o::ASN1_STRING_get0_data(data.cast()) };
    // SAFETY: the data is alive.
    let len = unsafe { o::ASN1_STRING_length(data.cast()) };
    let mut at = start;
    // SAFETY: start and length describe the contents.
    let value = unsafe { ffi::d2i_ASN1_TYPE(std::ptr::null_mut(), &raw mut at, c_long::from(len)) };
    // SAFETY: NULL or a new value.
    let typed = unsafe { value.as_ref() }?;
    const V_ASN1_VISIBLESTRING: c_int = 26;
    let known = [o::V_ASN1_UTF8STRING, o::V_ASN1_IA5STRING, V_ASN1_VISIBLESTRING, V_ASN1_BMPSTRING];
    let text = known.contains(&typed.type_).then(|| print_string(typed.value.cast(), UTF8_CONVERT));
    // SAFETY: made by d2i_ASN1_TYPE just before.
    unsafe { ffi::ASN1_TYPE_free(value) };
    text
}

/// Layout of OpenSSL's ASN1_TYPE.
#[repr(C)]
pub(super) struct Asn1Type {
    type_: c_int,
    value: *mut c_void,
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::{Asn1Integer, Asn1Time};
    use openssl::bn::BigNum;
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
    use openssl::x509::{X509, X509NameBuilder};

    fn certificate(serial_hex: &str, negative: bool) -> X509 {
        let key = PKey::generate_ed25519().unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        for (kind, value) in [
            (Nid::COUNTRYNAME, "DE"),
            (Nid::ORGANIZATIONNAME, "Acme, Inc. + Söhne; \"Q\" <x> \\"),
            (Nid::ORGANIZATIONALUNITNAME, "Unit One"),
            (Nid::ORGANIZATIONALUNITNAME, "#hash"),
            (Nid::COMMONNAME, " Alicé "),
        ] {
            name.append_entry_by_nid(kind, value).unwrap();
        }
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        let mut serial = BigNum::from_hex_str(serial_hex).unwrap();
        serial.set_negative(negative);
        builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(1_900_000_000).unwrap()).unwrap();
        let names = SubjectAlternativeName::new()
            .dns("a.test")
            .email("x@a.test")
            .dns("*.b.test")
            .build(&builder.x509v3_context(None, None))
            .unwrap();
        builder.append_extension(names).unwrap();
        builder
            .append_extension(BasicConstraints::new().critical().ca().pathlen(3).build().unwrap())
            .unwrap();
        builder.sign(&key, MessageDigest::null()).unwrap();
        builder.build()
    }

    #[test]
    fn names_are_written_both_ways() {
        let certificate = certificate("FFEE01", false);
        let subject = certificate.subject_name();
        assert_eq!(
            String::from_utf8(name(subject)).unwrap(),
            "CN=\\ Alicé\\ ,OU=\\#hash,OU=Unit One,O=Acme\\, Inc. \\+ Söhne\\; \\\"Q\\\" \\<x\\> \\\\,C=DE"
        );
        assert_eq!(
            String::from_utf8(name_oneline(subject)).unwrap(),
            "/C=DE/O=Acme, Inc. \\+ S\\xC3\\xB6hne; \"Q\" <x> \\/OU=Unit One/OU=#hash/CN= Alic\\xC3\\xA9 "
        );
    }

    #[test]
    fn texts_that_two_names_have() {
        let name = |entries: &[(Nid, &str)]| {
            let mut name = X509NameBuilder::new().unwrap();
            for (kind, value) in entries {
                name.append_entry_by_nid(*kind, value).unwrap();
            }
            name.build()
        };
        let (common, unit) = (Nid::COMMONNAME, Nid::ORGANIZATIONALUNITNAME);
        let one = name(&[(common, "a/OU=b")]);
        let other = name(&[(common, "a\\"), (unit, "b")]);
        assert_eq!(name_oneline(&one), name_oneline(&other));
        assert!(!is_oneline_ambiguous(&one));
        assert!(is_oneline_ambiguous(&other));
        for (value, ambiguous) in [("a", false), ("S\u{f6}hne", false), ("\\xC3\\xB6", true), ("a\0b", true)]
        {
            assert_eq!(is_oneline_ambiguous(&name(&[(common, value)])), ambiguous, "{value:?}");
        }
    }

    #[test]
    fn components_are_counted_in_order() {
        let certificate = certificate("1", false);
        let subject = certificate.subject_name();
        let units: Vec<_> = components(subject, Nid::ORGANIZATIONALUNITNAME, false).collect();
        assert_eq!(units, [b"Unit One".to_vec(), b"#hash".to_vec()]);
        let organization = components(subject, Nid::ORGANIZATIONNAME, false).next().unwrap();
        assert_eq!(String::from_utf8(organization).unwrap(), "Acme, Inc. + Söhne; \"Q\" <x> \\\\");
        let raw = components(subject, Nid::COMMONNAME, true).next().unwrap();
        assert_eq!(raw, b" Alic\xE9 ");
    }

    #[test]
    fn serial_numbers() {
        for (hex, negative, text) in [
            ("FFEE01", false, "FFEE01"),
            ("7", false, "07"),
            ("0", false, "00"),
            ("5", true, "-05"),
            ("ABC", false, "0ABC"),
        ] {
            assert_eq!(serial(&certificate(hex, negative)), text);
        }
    }

    #[test]
    fn decimal_numbers_have_an_end() {
        for (bytes, shown) in [(20, true), (1_024, true), (1_025, false), (60_000, false)] {
            let certificate = certificate(&"7f".repeat(bytes), false);
            let assertion = exact_assertion(&certificate);
            assert_eq!(assertion.is_some(), shown, "{bytes}");
            assert_eq!(serial(&certificate).len(), 2 * bytes);
        }
        assert!(error::drain().is_empty());
    }

    #[test]
    fn times() {
        let certificate = certificate("1", false);
        assert_eq!(time(certificate.not_before()), "Jan  1 00:00:00 1970 GMT");
        // A time that is none: February has no 30th.
        let mut der = certificate.to_der().unwrap();
        let at = der.windows(13).position(|bytes| bytes == b"700101000000Z").unwrap();
        der[at..at + 6].copy_from_slice(b"700230");
        let certificate = X509::from_der(&der).unwrap();
        assert_eq!(time(certificate.not_before()), "Bad time value");
        assert!(error::drain().is_empty());
    }

    #[test]
    fn a_malformed_extension_leaves_no_error_behind() {
        let mut der = certificate("1", false).to_der().unwrap();
        // The contents of BasicConstraints: a SEQUENCE of TRUE and 3.
        let at = der.windows(8).position(|bytes| bytes == b"\x30\x06\x01\x01\xff\x02\x01\x03").unwrap();
        der[at] = 0x04;
        let certificate = X509::from_der(&der).unwrap();
        error::clear();
        assert_eq!(basic_constraints(&certificate), (false, None));
        assert!(error::drain().is_empty());
    }

    #[test]
    fn the_rest() {
        let certificate = certificate("1", false);
        assert_eq!(version(&certificate), 3);
        assert_eq!(
            alt_names(&certificate, AltNameKind::Dns),
            [Some(b"a.test".to_vec()), Some(b"*.b.test".to_vec())]
        );
        assert_eq!(alt_names(&certificate, AltNameKind::Email), [Some(b"x@a.test".to_vec())]);
        assert!(alt_names(&certificate, AltNameKind::DnsSrv).is_empty());
        assert_eq!(basic_constraints(&certificate), (true, Some(3)));
        assert_eq!(signature_algorithm(&certificate), "ED25519");
        assert_eq!(key_algorithm(&certificate), "ED25519");
        assert_eq!(not_after_seconds(&certificate), Some(1_900_000_000));
        assert_eq!(identities(&certificate), ["a.test", "*.b.test", " Alicé "]);
        assert!(
            log_tail(&certificate).contains("serial: 01 / notbefore: Jan  1 00:00:00 1970 GMT / notafter: ")
        );
        assert_eq!(
            extensions(&certificate, "basicConstraints"),
            Some(vec![Some(b"CA:TRUE, pathlen:3".to_vec())])
        );
        assert_eq!(extensions(&certificate, "1.2.3.4"), Some(Vec::new()));
        assert_eq!(extensions(&certificate, "no such thing"), None);
    }
}
