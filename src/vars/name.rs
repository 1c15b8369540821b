//! The names of the variables.

mod kinds;

use super::hello::HelloPart;

pub use kinds::{
    AltName, Attribute, CertificateVariable, ConnectionVariable, IndependentVariable, Party, RequestVariable,
    Side, TimeVariable, Variable, VersionVariable,
};

/// The variable called `name`. Which parts of a name are compared without case
/// is uneven, and scripts rely on it.
#[must_use]
pub fn parse(name: &[u8]) -> Option<Variable<'_>> {
    if let Some(variable) = request(name) {
        return Some(Variable::Request(variable));
    }
    if name.eq_ignore_ascii_case(b"HTTPS") {
        return Some(Variable::Https);
    }
    if let Some(rest) = strip(name, b"SSL_VERSION_") {
        return version(rest).map(Variable::Version);
    }
    if let Some(rest) = strip(name, b"SSL_") {
        return connection(rest).map(Variable::Connection);
    }
    independent(name).map(Variable::Independent)
}

/// The variable that `%{name}c` logs.
#[must_use]
pub fn legacy(name: &[u8]) -> Option<ConnectionVariable> {
    let certificate = |party| ConnectionVariable::Certificate(Side::Client, CertificateVariable::Dn(party));
    match name {
        b"version" => Some(ConnectionVariable::Protocol),
        b"cipher" => Some(ConnectionVariable::Cipher),
        b"subjectdn" | b"clientcert" => Some(certificate(Party::Subject)),
        b"issuerdn" | b"cacert" => Some(certificate(Party::Issuer)),
        _ => None,
    }
}

/// What follows `prefix`, compared without case.
fn strip<'n>(name: &'n [u8], prefix: &[u8]) -> Option<&'n [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn request(name: &[u8]) -> Option<RequestVariable<'_>> {
    use RequestVariable as V;
    if let Some(header) = strip(name, b"HTTP:") {
        return Some(V::Header(header));
    }
    let upper = name.to_ascii_uppercase();
    Some(match upper.as_slice() {
        b"HTTP_USER_AGENT" => V::Header(b"User-Agent"),
        b"HTTP_REFERER" => V::Header(b"Referer"),
        b"HTTP_COOKIE" => V::Header(b"Cookie"),
        b"HTTP_FORWARDED" => V::Header(b"Forwarded"),
        b"HTTP_HOST" => V::Header(b"Host"),
        b"HTTP_PROXY_CONNECTION" => V::Header(b"Proxy-Connection"),
        b"HTTP_ACCEPT" => V::Header(b"Accept"),
        b"REQUEST_METHOD" => V::Method,
        b"REQUEST_SCHEME" => V::Scheme,
        b"REQUEST_URI" => V::Uri,
        b"REQUEST_FILENAME" | b"SCRIPT_FILENAME" => V::Filename,
        b"REMOTE_ADDR" => V::RemoteAddr,
        b"REMOTE_HOST" => V::RemoteHost,
        b"REMOTE_IDENT" => V::RemoteIdent,
        b"REMOTE_USER" => V::RemoteUser,
        b"SERVER_ADMIN" => V::ServerAdmin,
        b"SERVER_NAME" => V::ServerName,
        b"SERVER_PORT" => V::ServerPort,
        b"SERVER_PROTOCOL" => V::ServerProtocol,
        b"PATH_INFO" => V::PathInfo,
        b"QUERY_STRING" => V::QueryString,
        b"IS_SUBREQ" => V::IsSubrequest,
        b"DOCUMENT_ROOT" => V::DocumentRoot,
        b"AUTH_TYPE" => V::AuthType,
        b"THE_REQUEST" => V::RequestLine,
        _ => return None,
    })
}

fn version(rest: &[u8]) -> Option<VersionVariable> {
    match rest {
        b"INTERFACE" => Some(VersionVariable::Interface),
        b"LIBRARY" => Some(VersionVariable::Library),
        b"LIBRARY_INTERFACE" => Some(VersionVariable::LibraryInterface),
        _ => None,
    }
}

fn connection(rest: &[u8]) -> Option<ConnectionVariable> {
    use ConnectionVariable as V;
    let upper = rest.to_ascii_uppercase();
    Some(match upper.as_slice() {
        b"TLS_SNI" => V::Sni,
        b"PROTOCOL" => V::Protocol,
        b"SESSION_ID" => V::SessionId,
        b"SESSION_RESUMED" => V::SessionResumed,
        b"SECURE_RENEG" => V::SecureRenegotiation,
        b"CIPHER" => V::Cipher,
        b"CIPHER_EXPORT" => V::CipherExport,
        b"CIPHER_USEKEYSIZE" => V::CipherUsedBits,
        b"CIPHER_ALGKEYSIZE" => V::CipherAlgorithmBits,
        b"COMPRESS_METHOD" => V::CompressionMethod,
        b"SHARED_CIPHERS" => V::SharedCiphers,
        b"HANDSHAKE_RTT" => V::HandshakeRoundTrip,
        b"KEY_EXCHANGE_GROUP" => V::KeyExchangeGroup,
        b"SERVER_SIGNATURE_SCHEME" => V::SignatureScheme(Side::Server),
        b"CLIENT_SIGNATURE_SCHEME" => V::SignatureScheme(Side::Client),
        b"SRP_USER" => V::SrpUser,
        b"SRP_USERINFO" => V::SrpUserInfo,
        b"CLIENT_VERIFY" => V::ClientVerify,
        b"CLIENT_VERIFY_ERRSTR" => V::ClientVerifyError,
        b"CLIENT_CERT_RFC4523_CEA" => V::ClientExactAssertion,
        _ => {
            if let Some(number) = strip(rest, b"CLIENT_CERT_CHAIN_") {
                return long_index(number).filter(|_| !number.is_empty()).map(V::ClientChain);
            }
            if let Some(number) = strip(rest, b"CLIENT_B64CERT_CHAIN_") {
                return long_index(number).filter(|_| !number.is_empty()).map(V::ClientChainBase64);
            }
            if let Some(part) = strip(rest, b"CLIENTHELLO_") {
                let same = |(name, _): &&(&str, HelloPart)| part.eq_ignore_ascii_case(name.as_bytes());
                return HelloPart::ALL.iter().find(same).map(|(_, part)| V::ClientHello(*part));
            }
            if let Some(suffix) = strip(rest, b"CLIENT_") {
                return certificate(suffix).map(|variable| V::Certificate(Side::Client, variable));
            }
            let suffix = strip(rest, b"SERVER_")?;
            return certificate(suffix).map(|variable| V::Certificate(Side::Server, variable));
        }
    })
}

fn certificate(suffix: &[u8]) -> Option<CertificateVariable> {
    use CertificateVariable as V;
    for (name, variable) in [
        (&b"M_VERSION"[..], V::Version),
        (b"M_SERIAL", V::Serial),
        (b"V_START", V::NotBefore),
        (b"V_END", V::NotAfter),
        (b"V_REMAIN", V::DaysLeft),
        (b"A_SIG", V::SignatureAlgorithm),
        (b"A_KEY", V::KeyAlgorithm),
        (b"CERT", V::Pem),
        (b"B64CERT", V::Base64),
    ] {
        if suffix.eq_ignore_ascii_case(name) {
            return Some(variable);
        }
    }
    if let Some(rest) = strip(suffix, b"SAN_") {
        return alt_name(rest);
    }
    // The letter before `_DN` counts with its case.
    let (party, rest) = match suffix.split_first()? {
        (b'S', rest) => (Party::Subject, rest),
        (b'I', rest) => (Party::Issuer, rest),
        _ => return None,
    };
    match strip(rest, b"_DN")? {
        [] => Some(V::Dn(party)),
        [b'_', component @ ..] => dn_component(party, component),
        _ => None,
    }
}

fn alt_name(rest: &[u8]) -> Option<CertificateVariable> {
    let kind = |kind, number| index(number).map(|index| CertificateVariable::AltName { kind, index });
    if let Some(number) = strip(rest, b"Email_") {
        return kind(AltName::Email, number);
    }
    if let Some(number) = strip(rest, b"DNS_") {
        return kind(AltName::Dns, number);
    }
    let other = strip(rest, b"OTHER_")?;
    if let Some(number) = other.strip_prefix(b"msUPN_") {
        return kind(AltName::MsUpn, number);
    }
    kind(AltName::DnsSrv, other.strip_prefix(b"dnsSRV_")?)
}

fn dn_component(party: Party, component: &[u8]) -> Option<CertificateVariable> {
    let (component, raw) = match component.strip_suffix(b"_RAW") {
        Some(component) => (component, true),
        None => (component, false),
    };
    let (name, number) = match component.iter().position(|byte| *byte == b'_') {
        Some(at) => (&component[..at], Some(&component[at + 1..])),
        None => (component, None),
    };
    let attribute = ATTRIBUTES
        .iter()
        .find(|(known, _)| known.as_bytes() == name)
        .map(|(_, attribute)| *attribute)
        .or((name == b"SP").then_some(Attribute::State))?;
    let index = number.map_or(Some(0), long_index)?;
    Some(CertificateVariable::DnComponent { party, attribute, index, raw })
}

/// The names of the attributes, as far as they are exported.
pub const ATTRIBUTES: [(&str, Attribute); 14] = [
    ("C", Attribute::Country),
    ("ST", Attribute::State),
    ("L", Attribute::Locality),
    ("O", Attribute::Organization),
    ("OU", Attribute::OrganizationalUnit),
    ("CN", Attribute::CommonName),
    ("T", Attribute::Title),
    ("I", Attribute::Initials),
    ("G", Attribute::GivenName),
    ("S", Attribute::Surname),
    ("D", Attribute::Description),
    ("UID", Attribute::UserId),
    ("Email", Attribute::Email),
    ("SerialNumber", Attribute::SerialNumber),
];

/// The number of an alternative name: one to four digits.
fn index(number: &[u8]) -> Option<u32> {
    if number.is_empty() || number.len() > 4 { None } else { long_index(number) }
}

/// Another number: digits only, leading zeros included; none are 0. A number
/// that is too large names nothing that exists.
fn long_index(number: &[u8]) -> Option<u32> {
    number.iter().try_fold(0_u32, |index, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        Some(index.saturating_mul(10).saturating_add(digit))
    })
}

fn independent(name: &[u8]) -> Option<IndependentVariable<'_>> {
    use IndependentVariable as V;
    if let Some(variable) = strip(name, b"ENV:") {
        return Some(V::Environment(variable));
    }
    let upper = name.to_ascii_uppercase();
    Some(match upper.as_slice() {
        b"SERVER_SOFTWARE" => V::ServerSoftware,
        b"API_VERSION" => V::ApiVersion,
        b"TIME_YEAR" => V::Time(TimeVariable::Year),
        b"TIME_MON" => V::Time(TimeVariable::Month),
        b"TIME_DAY" => V::Time(TimeVariable::Day),
        b"TIME_HOUR" => V::Time(TimeVariable::Hour),
        b"TIME_MIN" => V::Time(TimeVariable::Minute),
        b"TIME_SEC" => V::Time(TimeVariable::Second),
        b"TIME_WDAY" => V::Time(TimeVariable::Weekday),
        b"TIME" => V::Time(TimeVariable::Stamp),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(variable: CertificateVariable) -> Option<Variable<'static>> {
        Some(Variable::Connection(ConnectionVariable::Certificate(Side::Server, variable)))
    }

    #[test]
    fn simple_names_have_no_case() {
        for (name, variable) in [
            ("HTTPS", Variable::Https),
            ("https", Variable::Https),
            ("ssl_protocol", Variable::Connection(ConnectionVariable::Protocol)),
            ("SSL_TLS_SNI", Variable::Connection(ConnectionVariable::Sni)),
            ("http_host", Variable::Request(RequestVariable::Header(b"Host"))),
            ("HTTP:X-y", Variable::Request(RequestVariable::Header(b"X-y"))),
            ("time_year", Variable::Independent(IndependentVariable::Time(TimeVariable::Year))),
            ("ENV:x", Variable::Independent(IndependentVariable::Environment(b"x"))),
            ("SSL_VERSION_LIBRARY", Variable::Version(VersionVariable::Library)),
        ] {
            assert_eq!(parse(name.as_bytes()), Some(variable), "{name}");
        }
    }

    #[test]
    fn what_a_client_certificate_says() {
        for (name, is) in [
            ("SSL_CLIENT_S_DN_CN", true),
            ("ssl_client_san_Email_0", true),
            ("SSL_CLIENT_CERT", true),
            ("SSL_CLIENT_CERT_CHAIN_0", true),
            ("SSL_CLIENT_B64CERT_CHAIN_1", true),
            ("SSL_CLIENT_CERT_RFC4523_CEA", true),
            ("SSL_SERVER_S_DN_CN", false),
            ("SSL_CLIENT_VERIFY", false),
            ("SSL_SRP_USER", false),
            ("SSL_TLS_SNI", false),
            ("HTTP_USER_AGENT", false),
        ] {
            let variable = parse(name.as_bytes()).unwrap();
            assert_eq!(variable.is_said_by_client_certificate(), is, "{name}");
        }
    }

    #[test]
    fn certificate_names() {
        use CertificateVariable as V;
        let component =
            |attribute, index, raw| V::DnComponent { party: Party::Subject, attribute, index, raw };
        for (name, variable) in [
            ("M_SERIAL", V::Serial),
            ("S_DN", V::Dn(Party::Subject)),
            ("I_DN", V::Dn(Party::Issuer)),
            ("S_DN_CN", component(Attribute::CommonName, 0, false)),
            ("S_DN_OU_01", component(Attribute::OrganizationalUnit, 1, false)),
            ("S_DN_CN_", component(Attribute::CommonName, 0, false)),
            ("S_DN_CN__RAW", component(Attribute::CommonName, 0, true)),
            ("S_DN_CN_00000000000001", component(Attribute::CommonName, 1, false)),
            ("S_DN_CN_99999999999999", component(Attribute::CommonName, u32::MAX, false)),
            ("S_DN_CN_1_RAW", component(Attribute::CommonName, 1, true)),
            ("S_DN_SP", component(Attribute::State, 0, false)),
            ("SAN_email_1", V::AltName { kind: AltName::Email, index: 1 }),
            ("SAN_DNS_0001", V::AltName { kind: AltName::Dns, index: 1 }),
            ("SAN_OTHER_msUPN_0", V::AltName { kind: AltName::MsUpn, index: 0 }),
            ("A_KEY", V::KeyAlgorithm),
        ] {
            assert_eq!(parse(format!("SSL_SERVER_{name}").as_bytes()), server(variable), "{name}");
        }
    }

    #[test]
    fn names_that_are_none() {
        for name in [
            "",
            "SSL_",
            "SSL_NOSUCH",
            "SSL_CIPHER_X",
            "SSL_SERVER_",
            "ssl_server_s_dn",
            "SSL_SERVER_S_DN_DC",
            "SSL_SERVER_S_DN_cn",
            "SSL_SERVER_S_DN_CN_x",
            "SSL_SERVER_S_DN_CN_RAW_1",
            "SSL_SERVER_SAN_DNS_",
            "SSL_SERVER_SAN_DNS_00001",
            "SSL_SERVER_SAN_OTHER_MSUPN_0",
            "SSL_VERSION_library",
            "SSL_CLIENT_CERT_CHAIN_x",
            "REMOTE_PORT",
            "SERVER_ADDR",
            "HTTP_X",
            "TIME_X",
        ] {
            assert_eq!(parse(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        // Prefixes of names with every byte behind them.
        for name in [
            &b"SSL_SERVER_S_DN_CN_1_RAW"[..],
            b"SSL_CLIENT_SAN_OTHER_dnsSRV_9",
            b"SSL_CLIENT_CERT_CHAIN_1",
            b"HTTP:",
        ] {
            for len in 0..=name.len() {
                for byte in 0..=255 {
                    let mut bytes = name[..len].to_vec();
                    bytes.push(byte);
                    let _ = parse(&bytes);
                    let _ = legacy(&bytes);
                }
            }
        }
    }
}
