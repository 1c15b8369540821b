//! What stapling needs to know of certificates and responses.

use super::error;
use super::x509;
use openssl::base64;
use openssl::error::ErrorStack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509Ref};

/// The extension "TLS feature" (RFC 7633).
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
/// A response without contents: "try later" (RFC 6960, section 4.2.1).
pub const TRY_LATER: [u8; 5] = [0x30, 0x03, 0x0a, 0x01, 0x03];

/// Whether clients refuse the certificate without a response ("must-staple").
#[must_use]
pub fn is_required(certificate: &X509Ref) -> bool {
    let values = x509::extensions(certificate, TLS_FEATURE).unwrap_or_default();
    values.into_iter().flatten().any(|features| {
        // The library prints names for those that it knows.
        features.split(|byte| *byte == b',').any(|feature| feature.trim_ascii() == b"status_request")
    })
}

/// A store that trusts the issuer alone, to verify those whom it lets answer in its place.
///
/// # Errors
/// The library's reasons.
pub fn store_of(issuer: &X509) -> Result<X509Store, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    store.add_cert(issuer.clone())?;
    Ok(store.build())
}

/// The DER of a response that may be written down as PEM.
#[must_use]
pub fn response_der(bytes: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN OCSP RESPONSE-----";
    const END: &str = "-----END OCSP RESPONSE-----";
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.contains(BEGIN)) else {
        return Some(bytes.to_vec());
    };
    let (_, rest) = text.split_once(BEGIN)?;
    let (base64, _) = rest.split_once(END)?;
    let base64: String = base64.chars().filter(|digit| !digit.is_ascii_whitespace()).collect();
    let der = base64::decode_block(&base64).ok();
    error::clear();
    der
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::{Asn1Object, Asn1OctetString};
    use openssl::pkey::PKey;
    use openssl::x509::X509Extension;

    fn with_feature(der: Option<&[u8]>) -> X509 {
        let key = PKey::generate_ed25519().unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_pubkey(&key).unwrap();
        if let Some(der) = der {
            let kind = Asn1Object::from_str(TLS_FEATURE).unwrap();
            let value = Asn1OctetString::new_from_bytes(der).unwrap();
            builder.append_extension(X509Extension::new_from_der(&kind, false, &value).unwrap()).unwrap();
        }
        builder.sign(&key, openssl::hash::MessageDigest::null()).unwrap();
        builder.build()
    }

    #[test]
    fn must_staple() {
        for (der, required) in [
            (None, false),
            (Some(&[0x30, 3, 2, 1, 5][..]), true),
            (Some(&[0x30, 6, 2, 1, 17, 2, 1, 5]), true),
            (Some(&[0x30, 3, 2, 1, 17]), false),
            (Some(&[0x30, 4, 2, 2, 0, 5]), false),
            (Some(&[0x30, 0]), false),
            (Some(b"garbage"), false),
        ] {
            assert_eq!(is_required(&with_feature(der)), required, "{der:?}");
        }
    }

    #[test]
    fn responses_in_files() {
        let pem =
            |body: &str| format!("x\n-----BEGIN OCSP RESPONSE-----\n{body}\n-----END OCSP RESPONSE-----\n");
        assert_eq!(response_der(&TRY_LATER).as_deref(), Some(&TRY_LATER[..]));
        assert_eq!(response_der(b"").as_deref(), Some(&b""[..]));
        assert_eq!(response_der(pem("MAMK\nAQM=").as_bytes()).as_deref(), Some(&TRY_LATER[..]));
        assert_eq!(response_der(pem("MAMKAQ%=").as_bytes()), None);
        assert_eq!(response_der(b"-----BEGIN OCSP RESPONSE-----\nMAMKAQM="), None);
    }
}
