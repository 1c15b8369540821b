//! Names of variables, which scripts and configurations choose, and their values, which peers do.

use super::nothing_queued;
use crate::entry::vars::certificate;
use crate::ossl::error;
use crate::vars::escape::log_item;
use crate::vars::name::{
    self, ATTRIBUTES, AltName, CertificateVariable, ConnectionVariable, IndependentVariable, Party,
    RequestVariable, Side, Variable,
};
use openssl::x509::X509;

/// A name: the variable it stands for has a canonical name, which stands for the same variable and begins
/// with the same words; the names of `%{...}c` are not among them.
pub fn variable_name(data: &[u8]) -> bool {
    let legacy = name::legacy(data);
    let Some(variable) = name::parse(data) else { return legacy.is_some() };
    assert_eq!(legacy, None);
    let canonical = canonical(&variable).unwrap_or_else(|| data.to_ascii_uppercase());
    assert_eq!(name::parse(&canonical), Some(variable), "{}", String::from_utf8_lossy(&canonical));
    if let Variable::Connection(ConnectionVariable::Certificate(_, variable)) = variable {
        let words = canonical.len().min("SSL_CLIENT_S_DN".len());
        assert!(canonical[..words].eq_ignore_ascii_case(&data[..words]));
        assert!(!matches!(variable, CertificateVariable::AltName { index: 10_000.., .. }));
    }
    true
}

/// The name of a variable that has parts. The names of all others are words without case.
fn canonical(variable: &Variable<'_>) -> Option<Vec<u8>> {
    match variable {
        Variable::Request(RequestVariable::Header(header)) => Some([b"HTTP:", *header].concat()),
        Variable::Independent(IndependentVariable::Environment(name)) => Some([b"ENV:", *name].concat()),
        Variable::Connection(ConnectionVariable::ClientChain(index)) => {
            Some(format!("SSL_CLIENT_CERT_CHAIN_{index}").into_bytes())
        }
        Variable::Connection(ConnectionVariable::Certificate(side, variable)) => {
            let side = if *side == Side::Client { "CLIENT" } else { "SERVER" };
            Some(format!("SSL_{side}_{}", suffix(*variable)?).into_bytes())
        }
        _ => None,
    }
}

fn suffix(variable: CertificateVariable) -> Option<String> {
    let letter = |party| if party == Party::Subject { 'S' } else { 'I' };
    match variable {
        CertificateVariable::Dn(party) => Some(format!("{}_DN", letter(party))),
        CertificateVariable::DnComponent { party, attribute, index, raw } => {
            let (word, _) = ATTRIBUTES.iter().find(|(_, known)| *known == attribute)?;
            Some(format!("{}_DN_{word}_{index}{}", letter(party), if raw { "_RAW" } else { "" }))
        }
        CertificateVariable::AltName { kind, index } => {
            let kind = match kind {
                AltName::Email => "Email",
                AltName::Dns => "DNS",
                AltName::MsUpn => "OTHER_msUPN",
                AltName::DnsSrv => "OTHER_dnsSRV",
            };
            Some(format!("SAN_{kind}_{index}"))
        }
        _ => None,
    }
}

/// A length, the end of a name of that length behind `SSL_CLIENT_`, and a certificate: what expressions, headers and
/// programs get for it is one line of text without control characters, and the same each time; a certificate as a whole
/// is PEM or base64. Good if there is a value.
pub fn expression_value(data: &[u8]) -> bool {
    let Some((length, rest)) = data.split_first() else { return false };
    let Some((end, der)) = rest.split_at_checked(usize::from(*length)) else { return false };
    let name = [b"SSL_CLIENT_", end].concat();
    let Some(Variable::Connection(ConnectionVariable::Certificate(Side::Client, variable))) =
        name::parse(&name)
    else {
        return false;
    };
    error::clear();
    let certificate = X509::from_der(der);
    error::clear();
    let Ok(certificate) = certificate else { return false };
    let mut found = false;
    for legacy in [false, true] {
        let value = certificate::of(&certificate, variable, legacy);
        nothing_queued("the value of a variable");
        let Some(value) = value else { continue };
        found |= !value.is_empty();
        let is_plain = |byte: &u8| *byte >= 0x20 && *byte != 0x7f;
        match variable {
            CertificateVariable::Pem => {
                let again = X509::from_pem(&value).expect("PEM");
                assert_eq!(again.to_der().expect("DER"), certificate.to_der().expect("DER"));
            }
            CertificateVariable::Base64 => assert!(value.iter().all(u8::is_ascii_graphic)),
            _ => assert!(value.iter().all(is_plain), "{}", value.escape_ascii()),
        }
        assert!(log_item(&value).bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        if variable != CertificateVariable::DaysLeft {
            assert_eq!(certificate::of(&certificate, variable, legacy), Some(value));
        }
    }
    nothing_queued("the certificate");
    found
}
