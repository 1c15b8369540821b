use std::path::PathBuf;

use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;

use super::make::*;
use crate::ossl::load::{self, CertificateError, KeyError};

/// A file that goes away.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("mod_ssl-test-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // There is nothing to be done about one that stays.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn base64_lines(der: &[u8]) -> Vec<u8> {
    let text = openssl::base64::encode_block(der);
    let lines: Vec<&[u8]> = text.as_bytes().chunks(64).collect();
    let mut joined = lines.join(&b"\n"[..]);
    joined.push(b'\n');
    joined
}

fn key_type(key: &Result<PKey<Private>, KeyError>) -> String {
    match key {
        Ok(key) => format!("{:?}", key.id()),
        Err(KeyError::Unreadable(error)) => format!("unreadable {:?}", error.kind()),
        Err(KeyError::Encrypted) => "encrypted".to_owned(),
        Err(KeyError::NotFound(errors)) => format!("not found {}", errors.is_empty()),
    }
}

/// Every unencrypted form of a key.
fn forms(kind: Kind) -> Vec<(&'static str, Vec<u8>)> {
    let key = &identity(kind).key;
    let mut forms = vec![
        ("PEM PKCS#8", key.private_key_to_pem_pkcs8().unwrap()),
        ("DER PKCS#8", key.private_key_to_pkcs8().unwrap()),
        ("base64 PKCS#8", base64_lines(&key.private_key_to_pkcs8().unwrap())),
    ];
    match kind {
        Kind::Rsa => {
            let rsa = key.rsa().unwrap();
            forms.push(("PEM PKCS#1", rsa.private_key_to_pem().unwrap()));
            forms.push(("DER PKCS#1", rsa.private_key_to_der().unwrap()));
            forms.push(("base64 PKCS#1", base64_lines(&rsa.private_key_to_der().unwrap())));
        }
        Kind::Ecdsa => {
            let ec = key.ec_key().unwrap();
            forms.push(("PEM SEC1", ec.private_key_to_pem().unwrap()));
            forms.push(("DER SEC1", ec.private_key_to_der().unwrap()));
            let mut with_parameters = EC_PARAMETERS.to_vec();
            with_parameters.extend(ec.private_key_to_pem().unwrap());
            forms.push(("PEM SEC1 after its curve", with_parameters));
        }
        Kind::Ed25519 => {}
    }
    let mut after = identity(kind).cert.to_pem().unwrap();
    after.extend(key.private_key_to_pem_pkcs8().unwrap());
    forms.push(("after a certificate", after));
    let mut before = key.private_key_to_pem_pkcs8().unwrap();
    before.extend(identity(kind).cert.to_pem().unwrap());
    forms.push(("before a certificate", before));
    let mut text = b"Some text\nthat is no PEM\n\n".to_vec();
    text.extend(key.private_key_to_pem_pkcs8().unwrap());
    forms.push(("after text", text));
    forms
}

pub(super) const EC_PARAMETERS: &[u8] =
    b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

#[test]
fn keys_in_every_form() {
    for kind in KINDS {
        for (form, bytes) in forms(kind) {
            let file = Temporary::new(&format!("{kind:?}-{}", form.replace(['#', ' '], "")), &bytes);
            match load::private_key(&file.0) {
                Ok(key) => assert!(key.public_eq(&identity(kind).key), "{kind:?} {form}"),
                Err(error) => panic!("{kind:?} {form}: {error:?}"),
            }
        }
    }
}

#[test]
fn encrypted_keys_are_told_apart() {
    for kind in KINDS {
        let key = &identity(kind).key;
        let aes = Cipher::aes_128_cbc();
        let mut encrypted = vec![
            ("PEM PKCS#8", key.private_key_to_pem_pkcs8_passphrase(aes, b"secret").unwrap()),
            ("DER PKCS#8", key.private_key_to_pkcs8_passphrase(aes, b"secret").unwrap()),
        ];
        if kind == Kind::Rsa {
            let rsa = key.rsa().unwrap();
            encrypted.push(("PEM PKCS#1", rsa.private_key_to_pem_passphrase(aes, b"secret").unwrap()));
        }
        let mut after = identity(kind).cert.to_pem().unwrap();
        after.extend(&encrypted[0].1);
        encrypted.push(("after a certificate", after));
        for (form, bytes) in encrypted {
            let none = load::private_key_from_bytes(&bytes, None);
            assert_eq!(key_type(&none), "encrypted", "{kind:?} {form}");
            assert!(load::plain_pem_key(&bytes).is_none(), "{kind:?} {form}");
            let wrong = load::private_key_from_bytes(&bytes, Some(b"guess"));
            assert_eq!(key_type(&wrong), "encrypted", "{kind:?} {form}");
            let long = load::private_key_from_bytes(&bytes, Some(&[b'x'; 5000]));
            assert_eq!(key_type(&long), "encrypted", "{kind:?} {form}");
            let right = load::private_key_from_bytes(&bytes, Some(b"secret"));
            assert!(right.is_ok_and(|right| right.public_eq(key)), "{kind:?} {form}");
        }
        // A phrase that is not needed does no harm.
        let plain = key.private_key_to_pem_pkcs8().unwrap();
        assert!(load::plain_pem_key(&plain).is_some_and(|plain| plain.public_eq(key)));
        assert!(load::plain_pem_key(&key.private_key_to_pkcs8().unwrap()).is_none());
        assert!(load::private_key_from_bytes(&plain, Some(b"secret")).is_ok());
    }
}

#[test]
fn what_is_no_key() {
    let good = identity(Kind::Rsa).key.private_key_to_pem_pkcs8().unwrap();
    let half = &good[..good.len() / 2];
    let mut broken = good.clone();
    broken[100..140].fill(b'*');
    let public = identity(Kind::Rsa).key.public_key_to_pem().unwrap();
    let cert = identity(Kind::Rsa).cert.to_pem().unwrap();
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("a line", b"\n"),
        ("text", b"this is no key"),
        ("base64 of no key", b"AAAA\n"),
        ("half a key", half),
        ("a broken key", &broken),
        ("a public key", &public),
        ("a certificate", &cert),
        ("zeros", &[0; 100]),
        ("a header line", b"-----BEGIN PRIVATE KEY-----\n"),
        ("an empty key", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
    ] {
        let loaded = load::private_key_from_bytes(bytes, None);
        assert_eq!(key_type(&loaded), "not found false", "{what}");
        assert!(crate::ossl::error::drain().is_empty(), "{what}");
    }
}

#[test]
fn files_that_cannot_be_read() {
    let nowhere = std::env::temp_dir().join("mod_ssl-test-nowhere");
    assert_eq!(key_type(&load::private_key(&nowhere)), "unreadable NotFound");
    assert_eq!(key_type(&load::private_key(&std::env::temp_dir())), "unreadable InvalidInput");
    assert!(matches!(load::certificates(&nowhere), Err(CertificateError::Unreadable(_))));
    assert!(matches!(load::certificates(&std::env::temp_dir()), Err(CertificateError::Unreadable(_))));
}

#[test]
fn certificates_with_their_chain() {
    let identity = identity(Kind::Ecdsa);
    let leaf = identity.cert.to_pem().unwrap();
    let ca = authority().0.to_pem().unwrap();
    let key = identity.key.private_key_to_pem_pkcs8().unwrap();
    let trusted = String::from_utf8(leaf.clone()).unwrap().replace("BEGIN CERT", "BEGIN TRUSTED CERT");
    let trusted = trusted.replace("END CERT", "END TRUSTED CERT").into_bytes();
    for (parts, subjects) in [
        (vec![&leaf], vec!["default.test"]),
        (vec![&leaf, &ca], vec!["default.test", "Authority"]),
        (vec![&key, &leaf, &ca], vec!["default.test", "Authority"]),
        (vec![&leaf, &key, &ca], vec!["default.test", "Authority"]),
        (vec![&leaf, &ca, &key], vec!["default.test", "Authority"]),
        (vec![&trusted, &ca], vec!["default.test", "Authority"]),
    ] {
        let joined: Vec<u8> = parts.into_iter().flatten().copied().collect();
        let file = Temporary::new(&format!("chain-{}", joined.len()), &joined);
        let found = load::certificates(&file.0).unwrap();
        assert_eq!(found.iter().map(subject).collect::<Vec<_>>(), subjects);
        assert!(crate::ossl::error::drain().is_empty());
    }
}

const EMPTY: &[u8] = b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

#[test]
fn what_is_no_certificate() {
    let leaf = identity(Kind::Ecdsa).cert.to_pem().unwrap();
    let der = identity(Kind::Ecdsa).cert.to_der().unwrap();
    let key = identity(Kind::Ecdsa).key.private_key_to_pem_pkcs8().unwrap();
    let mut second_broken = leaf.clone();
    second_broken.extend(&leaf[..leaf.len() / 2]);
    for (what, bytes, is_missing) in [
        ("nothing", &b""[..], true),
        ("text", b"this is no certificate", true),
        ("DER", &der, true),
        ("a key", &key, true),
        ("half a certificate", &leaf[..leaf.len() / 2], false),
        ("a good one and half of one", &second_broken, false),
        ("an empty one", EMPTY, false),
        ("a good one and an empty one", &[&leaf[..], EMPTY].concat(), false),
    ] {
        let errors = load::certificates_from_pem(bytes).unwrap_err();
        let missing = errors.first().is_some_and(|error| error.is_no_start_line());
        assert_eq!(missing, is_missing, "{what} {errors:?}");
    }
}

#[test]
fn a_certificate_that_wants_a_pass_phrase_is_an_error_and_no_question() {
    let encrypted = b"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\
        DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n\
        -----END CERTIFICATE-----\n";
    let errors = load::certificates_from_pem(encrypted).unwrap_err();
    assert!(errors.iter().any(|error| error.text.ends_with("bad password read")), "{errors:?}");
}

#[test]
fn an_empty_phrase_is_none() {
    let key = &identity(Kind::Ecdsa).key;
    let empty = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"").unwrap();
    assert!(load::plain_pem_key(&empty).is_some());
    assert!(load::private_key_from_bytes(&empty, None).is_ok());
}

#[test]
fn files_have_a_limit() {
    let path = std::env::temp_dir().join(format!("mod_ssl-test-{}-sparse", std::process::id()));
    let sparse = std::fs::File::create(&path).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let found = load::private_key(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(key_type(&found), "unreadable FileTooLarge");
}

#[test]
fn long_files_are_read_whole() {
    let mut long = vec![b'#'; 100_000];
    long.push(b'\n');
    long.extend(identity(Kind::Ecdsa).key.private_key_to_pem_pkcs8().unwrap());
    let file = Temporary::new("long", &long);
    assert!(load::private_key(&file.0).is_ok());
}
