//! Directives about TLS to other servers, for mod_proxy.

use super::{Args, Complaint, Directive, Line, existing_dir, existing_file, row};
use crate::config::cipher::{self, Family};
use crate::config::protocol::{self, Library};
use crate::config::proxy::ProxyConfig;
use crate::config::verify::{self, CrlCheck, VerifyClient};
use crate::httpd::command::Arity::{Flag, One, OneOrTwo, Raw};
use crate::httpd::command::Context::Proxy;
use crate::httpd::command::words;
use crate::httpd::log::log;
use std::sync::Arc;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLProxyCACertificateFile",
        One,
        Proxy,
        "none",
        c"CAs that may vouch for backends, PEM file ('/path/to/file')",
        ca_certificate_file,
    ),
    row(
        c"SSLProxyCACertificatePath",
        One,
        Proxy,
        "none",
        c"CAs that may vouch for backends, directory made by openssl rehash ('/path/to/dir')",
        ca_certificate_path,
    ),
    row(
        c"SSLProxyCARevocationCheck",
        Raw,
        Proxy,
        "none",
        c"Which certificates of a backend's chain must not be revoked ('none|leaf|chain [no_crl_for_cert_ok]')",
        ca_revocation_check,
    ),
    row(
        c"SSLProxyCARevocationFile",
        One,
        Proxy,
        "none",
        c"Lists of revoked certificates of backends, PEM file ('/path/to/file')",
        ca_revocation_file,
    ),
    row(
        c"SSLProxyCARevocationPath",
        One,
        Proxy,
        "none",
        c"Lists of revoked certificates of backends, directory made by openssl rehash ('/path/to/dir')",
        ca_revocation_path,
    ),
    row(
        c"SSLProxyCheckPeerCN",
        Flag,
        Proxy,
        "on",
        c"Whether a backend's certificate must have the name of the request, in its first CN if SSLProxyCheckPeerName is off ('on', 'off')",
        check_peer_cn,
    ),
    row(
        c"SSLProxyCheckPeerExpire",
        Flag,
        Proxy,
        "on",
        c"Whether a backend's certificate must be valid now ('on', 'off')",
        check_peer_expire,
    ),
    row(
        c"SSLProxyCheckPeerName",
        Flag,
        Proxy,
        "on",
        c"Whether a backend's certificate must have the name of the request ('on', 'off')",
        check_peer_name,
    ),
    row(
        c"SSLProxyCipherSuite",
        OneOrTwo,
        Proxy,
        "OpenSSL's default",
        c"Ciphers that may be negotiated with backends ('[SSL|TLSv1.3] list')",
        cipher_suite,
    ),
    row(c"SSLProxyEngine", Flag, Proxy, "off", c"TLS to other servers ('on', 'off')", engine),
    row(
        c"SSLProxyMachineCertificateChainFile",
        One,
        Proxy,
        "none",
        c"CAs above the certificates that are shown to backends, PEM file ('/path/to/file')",
        machine_certificate_chain_file,
    ),
    row(
        c"SSLProxyMachineCertificateFile",
        One,
        Proxy,
        "none",
        c"Certificates with their keys that are shown to backends, PEM file ('/path/to/file')",
        machine_certificate_file,
    ),
    row(
        c"SSLProxyMachineCertificatePath",
        One,
        Proxy,
        "none",
        c"Certificates with their keys that are shown to backends, directory of PEM files ('/path/to/dir')",
        machine_certificate_path,
    ),
    row(
        c"SSLProxyProtocol",
        Raw,
        Proxy,
        "all -SSLv3",
        c"Protocol versions that may be negotiated with backends ('[+-][TLSv1|TLSv1.1|TLSv1.2|TLSv1.3|all] ...')",
        protocol,
    ),
    row(
        c"SSLProxyVerify",
        One,
        Proxy,
        "none",
        c"Whether somebody known must vouch for backends ('none', 'optional', 'require', 'optional_no_ca')",
        verify,
    ),
    row(
        c"SSLProxyVerifyDepth",
        One,
        Proxy,
        "1",
        c"How many CAs there may be above a backend's certificate ('N')",
        verify_depth,
    ),
];

/// Changes the values of the section, or of the server, that the line stands in.
fn change(line: &Line<'_>, change: impl FnOnce(&mut ProxyConfig)) {
    if line.parms.is_directory() {
        change(&mut line.dir.proxy_section_of_line(line.parms, line.server).declared_mut());
    } else {
        change(Arc::make_mut(line.server.proxy.borrow_mut().get_or_insert_default()));
    }
}

fn engine(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    change(line, |proxy| proxy.engine = Some(args.is_on()));
    Ok(())
}

fn protocol(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let library = Library { ssl3: crate::ossl::lib::has_ssl3() };
    let parsed = protocol::parse(line.name, &words(line.parms, args), library);
    let (protocols, warnings) = parsed.map_err(|error| error.to_string())?;
    for warning in warnings {
        log!(line.parms.server(), Warn, "{warning}");
    }
    change(line, |proxy| proxy.protocol = Some(protocols));
    Ok(())
}

fn cipher_suite(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let second = args.word(1).map(|_| args.text(1));
    let parsed = cipher::parse(&args.text(0), second.as_deref());
    let (family, list) = parsed.map_err(|error| error.to_string())?;
    change(line, |proxy| match family {
        Family::UpToTls12 => proxy.cipher_suite = Some(list),
        Family::Tls13 => proxy.cipher_suite_tls13 = Some(list),
    });
    Ok(())
}

fn verify(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let parsed = VerifyClient::parse(line.name, &args.text(0), line.is_legacy());
    let value = parsed.map_err(|error| error.to_string())?;
    change(line, |proxy| proxy.verify = Some(value));
    Ok(())
}

fn verify_depth(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let value = verify::parse_depth(line.name, &args.text(0)).map_err(|error| error.to_string())?;
    change(line, |proxy| proxy.verify_depth = Some(value));
    Ok(())
}

fn ca_certificate_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_file(line, args.word(0).unwrap_or_default())?;
    change(line, |proxy| proxy.ca_certificate_file = Some(found));
    Ok(())
}

fn ca_certificate_path(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_dir(line, args.word(0).unwrap_or_default())?;
    change(line, |proxy| proxy.ca_certificate_path = Some(found));
    Ok(())
}

fn ca_revocation_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_file(line, args.word(0).unwrap_or_default())?;
    change(line, |proxy| proxy.ca_revocation_file = Some(found));
    Ok(())
}

fn ca_revocation_path(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_dir(line, args.word(0).unwrap_or_default())?;
    change(line, |proxy| proxy.ca_revocation_path = Some(found));
    Ok(())
}

fn ca_revocation_check(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let parsed = CrlCheck::parse(line.name, &words(line.parms, args));
    let value = parsed.map_err(|error| error.to_string())?;
    change(line, |proxy| proxy.ca_revocation_check = Some(value));
    Ok(())
}

fn machine_certificate_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_file(line, args.word(0).unwrap_or_default())?;
    change(line, |proxy| proxy.machine_certificate_file = Some(found));
    Ok(())
}

fn machine_certificate_path(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_dir(line, args.word(0).unwrap_or_default())?;
    change(line, |proxy| proxy.machine_certificate_path = Some(found));
    Ok(())
}

fn machine_certificate_chain_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_file(line, args.word(0).unwrap_or_default())?;
    change(line, |proxy| proxy.machine_certificate_chain_file = Some(found));
    Ok(())
}

fn check_peer_expire(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    change(line, |proxy| proxy.check_peer_expire = Some(args.is_on()));
    Ok(())
}

fn check_peer_cn(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    change(line, |proxy| proxy.check_peer_cn = Some(args.is_on()));
    Ok(())
}

fn check_peer_name(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    change(line, |proxy| proxy.check_peer_name = Some(args.is_on()));
    Ok(())
}
