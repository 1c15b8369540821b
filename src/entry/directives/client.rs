//! Directives about the certificates of clients.

use super::{Args, Complaint, Directive, Line, existing_dir, existing_file, row};
use crate::config::dir::DirConfig;
use crate::config::verify::{self, CrlCheck, VerifyClient};
use crate::httpd::command::Arity::{One, Raw};
use crate::httpd::command::Context::{AuthConfig, Server, ServerExplained};
use crate::httpd::command::words;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLCACertificateFile",
        One,
        ServerExplained,
        "none",
        c"CAs that may vouch for clients, PEM file ('/path/to/file')",
        ca_certificate_file,
    ),
    row(
        c"SSLCACertificatePath",
        One,
        ServerExplained,
        "none",
        c"CAs that may vouch for clients, directory made by openssl rehash ('/path/to/dir')",
        ca_certificate_path,
    ),
    row(
        c"SSLCADNRequestFile",
        One,
        Server,
        "the CAs that may vouch for clients",
        c"CAs whose names are sent to clients, PEM file ('/path/to/file')",
        ca_dn_request_file,
    ),
    row(
        c"SSLCADNRequestPath",
        One,
        Server,
        "the CAs that may vouch for clients",
        c"CAs whose names are sent to clients, directory of PEM files ('/path/to/dir')",
        ca_dn_request_path,
    ),
    row(
        c"SSLCARevocationCheck",
        Raw,
        Server,
        "none",
        c"Which certificates of a client's chain must not be revoked ('none|leaf|chain [no_crl_for_cert_ok]')",
        ca_revocation_check,
    ),
    row(
        c"SSLCARevocationFile",
        One,
        Server,
        "none",
        c"Lists of revoked certificates, PEM file ('/path/to/file')",
        ca_revocation_file,
    ),
    row(
        c"SSLCARevocationPath",
        One,
        Server,
        "none",
        c"Lists of revoked certificates, directory made by openssl rehash ('/path/to/dir')",
        ca_revocation_path,
    ),
    row(
        c"SSLVerifyClient",
        One,
        AuthConfig,
        "none",
        c"Whether clients are asked for a certificate ('none', 'optional', 'require', 'optional_no_ca')",
        verify_client,
    ),
    row(
        c"SSLVerifyDepth",
        One,
        AuthConfig,
        "1",
        c"How many CAs there may be above a client's certificate ('N')",
        verify_depth,
    ),
];

/// `SSLVerifyClient`.
pub fn verify_client(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let parsed = VerifyClient::parse(line.name, &args.text(0), line.is_legacy());
    let value = Some(parsed.map_err(|error| error.to_string())?);
    if line.parms.is_directory() {
        line.dir.set(DirConfig { verify_client: value, ..line.dir.get() });
    } else {
        line.server.declared.borrow_mut().verify_client = value;
    }
    Ok(())
}

/// `SSLVerifyDepth`.
pub fn verify_depth(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let parsed = verify::parse_depth(line.name, &args.text(0));
    let value = Some(parsed.map_err(|error| error.to_string())?);
    if line.parms.is_directory() {
        line.dir.set(DirConfig { verify_depth: value, ..line.dir.get() });
    } else {
        line.server.declared.borrow_mut().verify_depth = value;
    }
    Ok(())
}

fn refuse_directory(line: &Line<'_>) -> Result<(), Complaint> {
    if line.parms.is_directory() {
        return Err("Your SSL library does not have support for per-directory CA".to_owned());
    }
    Ok(())
}

/// `SSLCACertificateFile`.
pub fn ca_certificate_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_file(line, args.word(0).unwrap_or_default())?;
    refuse_directory(line)?;
    line.server.declared.borrow_mut().ca_certificate_file = Some(found);
    Ok(())
}

/// `SSLCACertificatePath`.
pub fn ca_certificate_path(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_dir(line, args.word(0).unwrap_or_default())?;
    refuse_directory(line)?;
    line.server.declared.borrow_mut().ca_certificate_path = Some(found);
    Ok(())
}

/// `SSLCADNRequestFile`.
pub fn ca_dn_request_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().ca_dn_request_file = Some(found);
    Ok(())
}

/// `SSLCADNRequestPath`.
pub fn ca_dn_request_path(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_dir(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().ca_dn_request_path = Some(found);
    Ok(())
}

/// `SSLCARevocationFile`.
pub fn ca_revocation_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().ca_revocation_file = Some(found);
    Ok(())
}

/// `SSLCARevocationPath`.
pub fn ca_revocation_path(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let found = existing_dir(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().ca_revocation_path = Some(found);
    Ok(())
}

/// `SSLCARevocationCheck`.
pub fn ca_revocation_check(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let parsed = CrlCheck::parse(line.name, &words(line.parms, args));
    line.server.declared.borrow_mut().ca_revocation_check = Some(parsed.map_err(|error| error.to_string())?);
    Ok(())
}
