//! Objects by URI, from the library's own store of files, and engines that are not there.

use std::ffi::CString;
use std::path::PathBuf;

use openssl::symm::Cipher;
use zeroize::Zeroizing;

use super::make::*;
use crate::ossl::store::{self, StoreError};
use crate::ossl::ui::Prompter;

/// Gives the same answer each time, and remembers the questions.
struct Answers {
    answer: Option<&'static str>,
    questions: Vec<String>,
}

impl Answers {
    fn new(answer: Option<&'static str>) -> Self {
        Answers { answer, questions: Vec::new() }
    }
}

impl Prompter for Answers {
    fn ask(&mut self, question: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.questions.push(question.to_owned());
        self.answer.map(|answer| Zeroizing::new(answer.as_bytes().to_vec()))
    }
}

struct Loud;

impl Prompter for Loud {
    fn ask(&mut self, _: &str) -> Option<Zeroizing<Vec<u8>>> {
        panic!("deliberate")
    }
}

/// A file that goes away, and its URI.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("mod_ssl-store-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        File(path)
    }

    fn uri(&self) -> CString {
        CString::new(format!("file:{}", self.0.display())).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // There is nothing to be done about one that stays.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn is_missing<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Missing(_)))
}

#[test]
fn certificates_and_keys() {
    for kind in KINDS {
        let Identity { cert, key, .. } = identity(kind);
        let both = [cert.to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap()].concat();
        for (name, bytes, has_key, has_cert) in [
            ("both", &both[..], true, true),
            ("cert", &cert.to_pem().unwrap(), false, true),
            ("cert.der", &cert.to_der().unwrap(), false, true),
            ("key", &key.private_key_to_pem_pkcs8().unwrap(), true, false),
            ("key.der", &key.private_key_to_pkcs8().unwrap(), true, false),
            ("words", b"just words", false, false),
        ] {
            let file = File::new(&format!("{kind:?}-{name}"), bytes);
            let mut nobody = Answers::new(None);
            let found = store::key(&file.uri(), &mut nobody);
            match &found {
                Ok(found) => assert!(has_key && found.public_eq(key), "{kind:?} {name}"),
                Err(_) => assert!(!has_key && is_missing(&found), "{kind:?} {name} {found:?}"),
            }
            let found = store::certificate(&file.uri(), &mut nobody);
            match &found {
                Ok(found) => assert!(has_cert && found == cert, "{kind:?} {name}"),
                Err(_) => assert!(!has_cert && is_missing(&found), "{kind:?} {name} {found:?}"),
            }
            assert!(nobody.questions.is_empty(), "{kind:?} {name} {:?}", nobody.questions);
            assert!(crate::ossl::error::drain().is_empty());
        }
    }
}

#[test]
fn encrypted_keys_ask() {
    let key = &identity(Kind::Ecdsa).key;
    let encrypted = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret").unwrap();
    let file = File::new("encrypted", &encrypted);
    let mut right = Answers::new(Some("secret"));
    assert!(store::key(&file.uri(), &mut right).unwrap().public_eq(key));
    assert_eq!(right.questions.len(), 1);
    assert!(right.questions[0].starts_with("Enter pass phrase"), "{:?}", right.questions);
    for answer in [Some("guess"), Some(""), None] {
        let mut wrong = Answers::new(answer);
        let found = store::key(&file.uri(), &mut wrong);
        assert!(is_missing(&found), "{answer:?} {found:?}");
        assert!(!wrong.questions.is_empty());
    }
    // The panic stays here, and the next question is asked.
    assert!(is_missing(&store::key(&file.uri(), &mut Loud)));
    assert!(store::key(&file.uri(), &mut right).is_ok());
}

#[test]
fn what_cannot_be_opened() {
    for uri in [c"file:/nowhere/key", c"pkcs11:object=key", c"", c"%zz:"] {
        let found = store::key(uri, &mut Answers::new(None));
        match found {
            Err(StoreError::Open(errors)) => assert!(!errors.is_empty(), "{uri:?}"),
            other => panic!("{uri:?} {other:?}"),
        }
    }
}

#[cfg(openssl_engine)]
#[test]
fn engines() {
    use crate::ossl::engine::{Engine, EngineError};
    assert!(matches!(Engine::open(c"nosuch"), Err(EngineError::Unknown(errors)) if !errors.is_empty()));
    crate::ossl::lib::init();
    // One that comes with the library; it has no keys.
    let Ok(engine) = Engine::open(c"dynamic").or_else(|_| Engine::open(c"rdrand")) else { return };
    engine.set_verbose();
    let mut nobody = Answers::new(None);
    assert!(engine.key(c"key", &mut nobody).is_err());
    assert!(engine.certificate(c"certificate", &mut nobody).is_err());
    assert!(nobody.questions.is_empty() && crate::ossl::error::drain().is_empty());
}
