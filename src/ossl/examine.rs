//! What can be said of certificates before they are used: validity, strength,
//! who has issued whom.

use super::error;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::x509::{X509Ref, X509VerifyResult};

/// Seconds from now to a time; `None` for one that cannot be read.
fn seconds_until(time: &Asn1TimeRef) -> Option<i64> {
    let now = Asn1Time::days_from_now(0).ok()?;
    let difference = now.diff(time).ok()?;
    Some(i64::from(difference.days) * 86_400 + i64::from(difference.secs))
}

/// Seconds from now to the beginning and to the end of the validity.
#[must_use]
pub fn validity(certificate: &X509Ref) -> Option<(i64, i64)> {
    let validity = Some((seconds_until(certificate.not_before())?, seconds_until(certificate.not_after())?));
    error::clear();
    validity
}

/// Type and bits of the key.
#[must_use]
pub fn key(certificate: &X509Ref) -> Option<(Id, u32)> {
    let key = certificate.public_key();
    error::clear();
    let key = key.ok()?;
    Some((key.id(), key.bits()))
}

/// The digest that the signature is made with, where the kind of signature names one.
#[must_use]
pub fn signature_digest(certificate: &X509Ref) -> Option<Nid> {
    let algorithm = certificate.signature_algorithm().object().nid();
    let algorithms = algorithm.signature_algorithms();
    error::clear();
    Some(algorithms?.digest)
}

/// Whether `issuer` has signed `certificate`.
#[must_use]
pub fn has_issued(issuer: &X509Ref, certificate: &X509Ref) -> bool {
    let named = issuer.issued(certificate) == X509VerifyResult::OK;
    let signed = issuer.public_key().and_then(|key| certificate.verify(&key)).unwrap_or(false);
    error::clear();
    named && signed
}

/// Whether the certificate is its own issuer, whatever it says that its key is for.
#[must_use]
pub fn is_self_signed(certificate: &X509Ref) -> bool {
    let name = |name: &openssl::x509::X509NameRef| name.to_der().ok();
    let named = name(certificate.subject_name()) == name(certificate.issuer_name());
    let signed = certificate.public_key().and_then(|key| certificate.verify(&key)).unwrap_or(false);
    error::clear();
    named && signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::pkey::{PKey, Private};
    use openssl::x509::{X509, X509Name};

    fn key_pair() -> PKey<Private> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    }

    fn name(text: &str) -> X509Name {
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_text("CN", text).unwrap();
        name.build()
    }

    fn certificate(
        subject: &str,
        key: &PKey<Private>,
        issuer: &str,
        signer: &PKey<Private>,
        digest: MessageDigest,
    ) -> X509 {
        let mut builder = X509::builder().unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name(subject)).unwrap();
        builder.set_issuer_name(&name(issuer)).unwrap();
        builder.set_pubkey(key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(3).unwrap()).unwrap();
        builder.sign(signer, digest).unwrap();
        builder.build()
    }

    #[test]
    fn examines() {
        let (ca_key, key) = (key_pair(), key_pair());
        let ca = certificate("ca", &ca_key, "ca", &ca_key, MessageDigest::sha256());
        let leaf = certificate("leaf", &key, "ca", &ca_key, MessageDigest::sha1());
        let stranger = certificate("ca", &key, "ca", &key, MessageDigest::sha256());
        assert!(has_issued(&ca, &leaf) && has_issued(&ca, &ca));
        assert!(!has_issued(&leaf, &ca) && !has_issued(&leaf, &leaf));
        assert!(!has_issued(&stranger, &leaf), "the name alone is not enough");
        assert!(is_self_signed(&ca) && is_self_signed(&stranger) && !is_self_signed(&leaf));
        let (begins, ends) = validity(&leaf).unwrap();
        assert!((-5..=0).contains(&begins), "{begins}");
        assert!((3 * 86_400 - 5..=3 * 86_400).contains(&ends), "{ends}");
        assert_eq!(super::key(&leaf), Some((Id::EC, 256)));
        assert_eq!(signature_digest(&leaf), Some(Nid::SHA1));
        assert_eq!(signature_digest(&ca), Some(Nid::SHA256));
    }
}
