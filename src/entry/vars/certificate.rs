//! Variables about a certificate.

use crate::apr::time;
use crate::ossl::x509::{self, AltNameKind};
use crate::vars::name::{AltName, Attribute, CertificateVariable, Party};
use crate::vars::remain::days_left;
use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref};

/// The value; `None` when the certificate has nothing of the kind.
pub fn of(certificate: &X509Ref, variable: CertificateVariable, legacy: bool) -> Option<Vec<u8>> {
    use CertificateVariable as V;
    let text = match variable {
        V::Version => x509::version(certificate).to_string(),
        V::Serial => x509::serial(certificate),
        V::Dn(party) if legacy => return Some(x509::name_oneline(name(certificate, party))),
        V::Dn(party) => return Some(x509::name(name(certificate, party))),
        V::DnComponent { party, attribute, index, raw } => {
            return x509::components(name(certificate, party), nid(attribute), raw).nth(index as usize);
        }
        V::AltName { kind, index } => {
            return x509::alt_names(certificate, alt_name(kind)).into_iter().nth(index as usize).flatten();
        }
        V::NotBefore => x509::time(certificate.not_before()),
        V::NotAfter => x509::time(certificate.not_after()),
        V::DaysLeft => {
            let end = x509::not_after_seconds(certificate).unwrap_or(0);
            days_left(time::now() / 1_000_000, end).to_string()
        }
        V::SignatureAlgorithm => x509::signature_algorithm(certificate),
        V::KeyAlgorithm => x509::key_algorithm(certificate),
        V::Pem => return certificate.to_pem().ok(),
        V::Base64 => return base64(certificate),
    };
    Some(text.into_bytes())
}

/// The whole certificate in one line.
pub fn base64(certificate: &X509Ref) -> Option<Vec<u8>> {
    Some(openssl::base64::encode_block(&certificate.to_der().ok()?).into_bytes())
}

/// Subject or issuer.
pub fn name(certificate: &X509Ref, party: Party) -> &X509NameRef {
    match party {
        Party::Subject => certificate.subject_name(),
        Party::Issuer => certificate.issuer_name(),
    }
}

/// The kind of name in the library's terms.
pub fn alt_name(kind: AltName) -> AltNameKind {
    match kind {
        AltName::Email => AltNameKind::Email,
        AltName::Dns => AltNameKind::Dns,
        AltName::MsUpn => AltNameKind::MsUpn,
        AltName::DnsSrv => AltNameKind::DnsSrv,
    }
}

/// The type of an attribute in the library's terms.
pub fn nid(attribute: Attribute) -> Nid {
    match attribute {
        Attribute::Country => Nid::COUNTRYNAME,
        Attribute::State => Nid::STATEORPROVINCENAME,
        Attribute::Locality => Nid::LOCALITYNAME,
        Attribute::Organization => Nid::ORGANIZATIONNAME,
        Attribute::OrganizationalUnit => Nid::ORGANIZATIONALUNITNAME,
        Attribute::CommonName => Nid::COMMONNAME,
        Attribute::Title => Nid::TITLE,
        Attribute::Initials => Nid::INITIALS,
        Attribute::GivenName => Nid::GIVENNAME,
        Attribute::Surname => Nid::SURNAME,
        Attribute::Description => Nid::DESCRIPTION,
        Attribute::UserId => Nid::USERID,
        Attribute::Email => Nid::PKCS9_EMAILADDRESS,
        Attribute::SerialNumber => Nid::SERIALNUMBER,
    }
}
