//! Lists of revoked certificates out of PEM texts.

use super::make::{Kind, identity};
use crate::ossl::error;
use crate::ossl::verify::{crls, seconds_left};

/// An empty list that is due in 2120.
const LIST: &str = "\
-----BEGIN X509 CRL-----\n\
MIGlME0CAQEwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeBcNMjAwMTAxMDAwMDAw\n\
WhgPMjEyMDAxMDEwMDAwMDBaoA4wDDAKBgNVHRQEAwIBATAKBggqhkjOPQQDAgNI\n\
ADBFAiEA81YoTlXliMyMnveSYGzBBFmPiwQWQMLdD8ao8fEILvACIBNjAJ3BNykX\n\
Fyhe8ijcZODjM9AFO0WtDPCD6/I0GhWE\n\
-----END X509 CRL-----\n\
";

#[test]
fn lists() {
    let certificate = String::from_utf8(identity(Kind::Ecdsa).cert.to_pem().unwrap()).unwrap();
    let header = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n";
    let encrypted = LIST.replacen("CRL-----\n", &format!("CRL-----\n{header}"), 1);
    for (text, found) in [
        (String::new(), Some(0)),
        ("garbage".to_owned(), Some(0)),
        (certificate.clone(), Some(0)),
        (LIST.to_owned(), Some(1)),
        (LIST.repeat(3), Some(3)),
        (format!("text\n{certificate}text\n{LIST}{certificate}{LIST}text"), Some(2)),
        (LIST.replace('M', "%"), None),
        (format!("{LIST}{}", &LIST[..LIST.len() / 2]), None),
        (format!("{LIST}-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"), None),
        // Nobody is asked for a pass phrase.
        (encrypted, None),
    ] {
        let lists = crls(text.as_bytes());
        assert_eq!(lists.as_ref().map(Vec::len).ok(), found, "{text}");
        assert!(error::drain().is_empty());
        for list in lists.into_iter().flatten() {
            assert!(seconds_left(&list).unwrap() > 86_400);
        }
    }
}
