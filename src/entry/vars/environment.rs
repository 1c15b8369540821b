//! Variables in the environment of CGI, SSI and others.
//!
//! They are the same for all requests between two handshakes of a connection,
//! and so they are made once; requests point to them.

use super::certificate;
use super::value::{of_established, of_version};
use crate::apr::pool::c_string;
use crate::config::options::OptionSet;
use crate::entry::closed;
use crate::entry::config::DirConf;
use crate::entry::proxy;
use crate::entry::shared::{Established, Shared};
use crate::httpd::Request;
use crate::httpd::hook::answer;
use crate::httpd::version;
use crate::ossl::{lib, x509};
use crate::sys;
use crate::vars::compat;
use crate::vars::name::{
    self, ATTRIBUTES, AltName, CertificateVariable, ConnectionVariable, Party, Side, Variable,
};
use openssl::x509::X509Ref;
use std::ffi::{CString, c_int};
use std::sync::OnceLock;

type Pairs = Vec<(CString, CString)>;

/// What requests point to.
#[derive(Default)]
pub struct Environment {
    server_name: OnceLock<Option<CString>>,
    standard: OnceLock<Pairs>,
    standard_legacy: OnceLock<Pairs>,
    certificates: OnceLock<Pairs>,
    compat: OnceLock<Pairs>,
}

entry_point! {
    /// Hook `fixups`.
    pub fn fixups(request: *mut sys::request_rec) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: core passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::DECLINED };
        proxy::next::note(request);
        if let Some(shared) = Shared::of_request(request) {
            export(shared, request);
        }
        answer::DECLINED
    }
}

fn export<'r>(shared: &'r Shared, request: Request<'r>) {
    let Some(established) = shared.established() else { return };
    let Some(environment) = request.environment() else { return };
    let cache = &established.environment;
    let set_all = |pairs: &'r Pairs| {
        environment.set_all_kept(
            request.pool(),
            pairs.iter().map(|(name, value)| (name.as_c_str(), value.as_c_str())),
        );
    };
    environment.set_kept(c"HTTPS", c"on");
    let server_name = cache.server_name.get_or_init(|| established.server_name.as_deref().map(c_string));
    if let Some(name) = server_name {
        environment.set_kept(c"SSL_TLS_SNI", name);
    }
    let options = DirConf::of(request).options.in_force();
    if options.contains(OptionSet::STD_ENV_VARS) {
        let legacy = options.contains(OptionSet::LEGACY_DN_STRING_FORMAT);
        let place = if legacy { &cache.standard_legacy } else { &cache.standard };
        set_all(place.get_or_init(|| standard(established, legacy)));
        if let Some(days) = of_established(established, DAYS_LEFT, legacy) {
            environment.set(c"SSL_CLIENT_V_REMAIN", &c_string(days));
        }
    }
    if options.contains(OptionSet::EXPORT_CERT_DATA) {
        set_all(cache.certificates.get_or_init(|| certificates(established)));
    }
    if options.contains(OptionSet::COMPAT_ENV_VARS) {
        set_all(cache.compat.get_or_init(|| compat(established)));
    }
    if let Some(notes) = request.notes() {
        let known = if established.secure_renegotiation { c"1" } else { c"0" };
        notes.set_kept(c"ssl-secure-reneg", known);
    }
}

/// What `SSLOptions +StdEnvVars` exports; empty values are not.
fn standard(established: &Established, legacy: bool) -> Pairs {
    let mut pairs = Pairs::new();
    if let Some(certificate) = &established.certificate {
        of_certificate(&mut pairs, "SSL_SERVER", certificate, ("OTHER_dnsSRV", AltName::DnsSrv));
    }
    if let Some(certificate) = &established.client_certificate {
        of_certificate(&mut pairs, "SSL_CLIENT", certificate, ("OTHER_msUPN", AltName::MsUpn));
    }
    push(&mut pairs, "SSL_VERSION_INTERFACE", Some(version::module().into_bytes()));
    push(&mut pairs, "SSL_VERSION_LIBRARY", Some(version::library(&lib::version_text()).into_bytes()));
    for (name, variable) in FIXED {
        push(&mut pairs, name, of_established(established, variable, legacy));
    }
    pairs
}

/// Exported under one name each.
const FIXED: [(&str, ConnectionVariable); 29] = {
    use CertificateVariable as C;
    use ConnectionVariable as V;
    const fn server(variable: CertificateVariable) -> ConnectionVariable {
        V::Certificate(Side::Server, variable)
    }
    const fn client(variable: CertificateVariable) -> ConnectionVariable {
        V::Certificate(Side::Client, variable)
    }
    [
        ("SSL_PROTOCOL", V::Protocol),
        ("SSL_SECURE_RENEG", V::SecureRenegotiation),
        ("SSL_COMPRESS_METHOD", V::CompressionMethod),
        ("SSL_CIPHER", V::Cipher),
        ("SSL_CIPHER_EXPORT", V::CipherExport),
        ("SSL_CIPHER_USEKEYSIZE", V::CipherUsedBits),
        ("SSL_CIPHER_ALGKEYSIZE", V::CipherAlgorithmBits),
        ("SSL_CLIENT_VERIFY", V::ClientVerify),
        ("SSL_CLIENT_M_VERSION", client(C::Version)),
        ("SSL_CLIENT_M_SERIAL", client(C::Serial)),
        ("SSL_CLIENT_V_START", client(C::NotBefore)),
        ("SSL_CLIENT_V_END", client(C::NotAfter)),
        ("SSL_CLIENT_S_DN", client(C::Dn(Party::Subject))),
        ("SSL_CLIENT_I_DN", client(C::Dn(Party::Issuer))),
        ("SSL_CLIENT_A_KEY", client(C::KeyAlgorithm)),
        ("SSL_CLIENT_A_SIG", client(C::SignatureAlgorithm)),
        ("SSL_CLIENT_CERT_RFC4523_CEA", V::ClientExactAssertion),
        ("SSL_SERVER_M_VERSION", server(C::Version)),
        ("SSL_SERVER_M_SERIAL", server(C::Serial)),
        ("SSL_SERVER_V_START", server(C::NotBefore)),
        ("SSL_SERVER_V_END", server(C::NotAfter)),
        ("SSL_SERVER_S_DN", server(C::Dn(Party::Subject))),
        ("SSL_SERVER_I_DN", server(C::Dn(Party::Issuer))),
        ("SSL_SERVER_A_KEY", server(C::KeyAlgorithm)),
        ("SSL_SERVER_A_SIG", server(C::SignatureAlgorithm)),
        ("SSL_SESSION_ID", V::SessionId),
        ("SSL_SESSION_RESUMED", V::SessionResumed),
        ("SSL_SRP_USER", V::SrpUser),
        ("SSL_SRP_USERINFO", V::SrpUserInfo),
    ]
};

/// Exported too; but it changes while a connection lasts.
const DAYS_LEFT: ConnectionVariable =
    ConnectionVariable::Certificate(Side::Client, CertificateVariable::DaysLeft);

/// What `SSLOptions +ExportCertData` exports. The client's is set even when
/// there is none: scripts test for the empty string.
fn certificates(established: &Established) -> Pairs {
    let mut pairs = Pairs::new();
    let pem = established.certificate.as_ref().and_then(|certificate| certificate.to_pem().ok());
    pairs.push((c_string("SSL_SERVER_CERT"), c_string(pem.unwrap_or_default())));
    let pem = established.client_certificate.as_ref().and_then(|certificate| certificate.to_pem().ok());
    pairs.push((c_string("SSL_CLIENT_CERT"), c_string(pem.unwrap_or_default())));
    for (index, certificate) in established.client_chain.iter().enumerate() {
        push(&mut pairs, &format!("SSL_CLIENT_CERT_CHAIN_{index}"), certificate.to_pem().ok());
    }
    pairs
}

/// What `SSLOptions +CompatEnvVars` exports.
fn compat(established: &Established) -> Pairs {
    let mut pairs = Pairs::new();
    for (old, new) in compat::aliases() {
        let value = match name::parse(new.as_bytes()) {
            Some(Variable::Connection(variable)) => of_established(established, variable, false),
            Some(Variable::Version(variable)) => Some(of_version(variable).into_bytes()),
            _ => None,
        };
        push(&mut pairs, &old, value);
    }
    for name in compat::WITHOUT_VALUE {
        push(&mut pairs, name, Some(compat::NO_VALUE.into()));
    }
    pairs
}

fn push(pairs: &mut Pairs, name: &str, value: Option<Vec<u8>>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        pairs.push((c_string(name), c_string(value)));
    }
}

/// What there may be several of in a certificate.
fn of_certificate(pairs: &mut Pairs, side: &str, certificate: &X509Ref, other: (&str, AltName)) {
    names(pairs, &format!("{side}_S_DN"), certificate, Party::Subject);
    names(pairs, &format!("{side}_I_DN"), certificate, Party::Issuer);
    alt_names(pairs, side, certificate, other);
}

/// The parts of a name in its order, the first of each type without a number.
/// Empty ones are there, too: their place is counted.
fn names(pairs: &mut Pairs, prefix: &str, certificate: &X509Ref, party: Party) {
    let mut seen = [0_usize; ATTRIBUTES.len()];
    for (kind, value) in x509::attributes(certificate::name(certificate, party)) {
        let Some(place) = ATTRIBUTES.iter().position(|(_, attribute)| certificate::nid(*attribute) == kind)
        else {
            continue;
        };
        let word = ATTRIBUTES[place].0;
        let suffix = if seen[place] == 0 { String::new() } else { format!("_{}", seen[place]) };
        pairs.push((c_string(format!("{prefix}_{word}{suffix}")), c_string(value)));
        seen[place] += 1;
    }
}

/// The alternative names of a certificate: of mail, of hosts, and of one `other` kind.
fn alt_names(pairs: &mut Pairs, side: &str, certificate: &X509Ref, other: (&str, AltName)) {
    for (word, kind) in [("Email", AltName::Email), ("DNS", AltName::Dns), other] {
        let values = x509::alt_names(certificate, certificate::alt_name(kind)).into_iter().flatten();
        let values = values.filter(|value| !value.is_empty());
        for (index, value) in values.enumerate() {
            push(pairs, &format!("{side}_SAN_{word}_{index}"), Some(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vars::table::{CERTIFICATE, CLIENT, CONNECTION, Export};

    #[test]
    fn what_the_table_calls_exported_is() {
        let mut wanted: Vec<String> = [CONNECTION, CLIENT]
            .into_iter()
            .flatten()
            .filter(|row| row.export == Export::Standard)
            .map(|row| row.name.to_owned())
            .collect();
        for (row, client) in CERTIFICATE {
            if row.name.contains("_n") || row.name.contains("_x") {
                continue; // of_certificate
            }
            for (side, export) in [("SERVER", row.export), ("CLIENT", *client)] {
                if export == Export::Standard {
                    wanted.push(format!("SSL_{side}_{}", row.name));
                }
            }
        }
        let others = ["SSL_VERSION_INTERFACE", "SSL_VERSION_LIBRARY", "SSL_CLIENT_V_REMAIN"];
        let mut exported: Vec<_> = FIXED.iter().map(|(name, _)| *name).chain(others).collect();
        wanted.sort();
        exported.sort_unstable();
        assert_eq!(exported, wanted);
        for (name, variable) in FIXED {
            assert_eq!(name::parse(name.as_bytes()), Some(Variable::Connection(variable)), "{name}");
        }
    }
}
