//! Names of variables, which scripts and configurations choose.

use crate::vars::name::{
    self, ATTRIBUTES, AltName, CertificateVariable, ConnectionVariable, IndependentVariable, Party,
    RequestVariable, Side, Variable,
};

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
