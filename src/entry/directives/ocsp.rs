//! Directives about OCSP checks of clients' certificates.

use super::{Args, Complaint, Line, existing_file};
use crate::config::http_url::HttpUrl;
use crate::config::ocsp::{OcspCheck, OcspConfig};
use crate::config::value::natural_number;
use crate::httpd::command::words;

/// Changes the values of the server.
fn set(line: &Line<'_>, change: impl FnOnce(&mut OcspConfig)) -> Result<(), Complaint> {
    change(&mut line.server.declared.borrow_mut().ocsp);
    Ok(())
}

/// A number of seconds.
fn seconds(line: &Line<'_>, args: Args<'_>) -> Result<Option<i64>, Complaint> {
    let seconds = natural_number(&args.text(0));
    seconds.map(Some).ok_or_else(|| format!("{}: invalid argument", line.name))
}

/// `SSLOCSPEnable`.
pub fn enable(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let check = OcspCheck::parse(&words(line.parms, args)).map_err(|error| error.to_string())?;
    set(line, |ocsp| ocsp.enable = Some(check))
}

/// `SSLOCSPDefaultResponder`.
pub fn default_responder(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |ocsp| ocsp.default_responder = Some(args.text(0)))
}

/// `SSLOCSPOverrideResponder`.
pub fn override_responder(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |ocsp| ocsp.override_responder = Some(args.is_on()))
}

/// `SSLOCSPResponseTimeSkew`.
pub fn response_time_skew(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |ocsp| ocsp.response_time_skew = seconds)
}

/// `SSLOCSPResponseMaxAge`.
pub fn response_max_age(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |ocsp| ocsp.response_max_age = seconds)
}

/// `SSLOCSPResponderTimeout`.
pub fn responder_timeout(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |ocsp| ocsp.responder_timeout = seconds)
}

/// `SSLOCSPUseRequestNonce`.
pub fn use_request_nonce(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |ocsp| ocsp.use_request_nonce = Some(args.is_on()))
}

/// `SSLOCSPProxyURL`.
pub fn proxy_url(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let text = args.text(0);
    let url = HttpUrl::parse(&text).map_err(|_| format!("{}: Cannot parse URL {text}", line.name))?;
    set(line, |ocsp| ocsp.proxy_url = Some(url))
}

/// `SSLOCSPNoVerify`.
pub fn no_verify(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |ocsp| ocsp.no_verify = Some(args.is_on()))
}

/// `SSLOCSPResponderCertificateFile`.
pub fn responder_certificate_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    set(line, |ocsp| ocsp.responder_certificate_file = Some(file))
}
