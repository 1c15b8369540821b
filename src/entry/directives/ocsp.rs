//! Directives about OCSP checks of clients' certificates.

use super::session::create;
use super::{Args, Complaint, Directive, Line, existing_file, row, seconds};
use crate::config::cache_spec::CacheSpec;
use crate::config::http_url::HttpUrl;
use crate::config::ocsp::{OcspCheck, OcspConfig};
use crate::httpd::command::Arity::{Flag, One, Raw};
use crate::httpd::command::Context::{Global, Server};
use crate::httpd::command::words;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLOCSPCache",
        One,
        Global,
        "shmcb, if mod_socache_shmcb is loaded",
        c"Cache of OCSP responses about clients, shared between processes ('none', 'provider[:arguments]')",
        cache,
    ),
    row(
        c"SSLOCSPDefaultResponder",
        One,
        Server,
        "the one that the certificate names",
        c"OCSP responder for certificates that name none ('http://host[:port]/path')",
        default_responder,
    ),
    row(
        c"SSLOCSPEnable",
        Raw,
        Server,
        "off",
        c"Which certificates of a client's chain OCSP responders are asked about ('on|leaf|off [no_ocsp_for_cert_ok]')",
        enable,
    ),
    row(
        c"SSLOCSPNoVerify",
        Flag,
        Server,
        "off",
        c"Whether OCSP responses are believed without a look at their signature ('on', 'off')",
        |line, args| set_flag(line, args, |ocsp| &mut ocsp.no_verify),
    ),
    row(
        c"SSLOCSPOverrideResponder",
        Flag,
        Server,
        "off",
        c"Whether SSLOCSPDefaultResponder is asked about all certificates ('on', 'off')",
        |line, args| set_flag(line, args, |ocsp| &mut ocsp.override_responder),
    ),
    row(
        c"SSLOCSPProxyURL",
        One,
        Server,
        "none",
        c"Proxy by which OCSP responders are reached ('http://host[:port]/')",
        proxy_url,
    ),
    row(
        c"SSLOCSPResponderCertificateFile",
        One,
        Server,
        "none",
        c"Certificates of OCSP responders that are trusted as they are, PEM file ('/path/to/file')",
        responder_certificate_file,
    ),
    row(
        c"SSLOCSPResponderTimeout",
        One,
        Server,
        "10",
        c"How long an OCSP responder may take to answer ('N' seconds)",
        |line, args| set_seconds(line, args, |ocsp| &mut ocsp.responder_timeout),
    ),
    row(
        c"SSLOCSPResponseMaxAge",
        One,
        Server,
        "unlimited",
        c"How old an OCSP response may be ('N' seconds)",
        |line, args| set_seconds(line, args, |ocsp| &mut ocsp.response_max_age),
    ),
    row(
        c"SSLOCSPResponseTimeSkew",
        One,
        Server,
        "300",
        c"How far the clock of an OCSP responder may be wrong ('N' seconds)",
        |line, args| set_seconds(line, args, |ocsp| &mut ocsp.response_time_skew),
    ),
    row(
        c"SSLOCSPUseRequestNonce",
        Flag,
        Server,
        "on",
        c"Whether OCSP responses must repeat a random number of the request ('on', 'off')",
        |line, args| set_flag(line, args, |ocsp| &mut ocsp.use_request_nonce),
    ),
];

/// Changes the values of the server.
fn set(line: &Line<'_>, change: impl FnOnce(&mut OcspConfig)) -> Result<(), Complaint> {
    change(&mut line.server.declared.borrow_mut().ocsp);
    Ok(())
}

fn set_seconds(
    line: &Line<'_>,
    args: Args<'_>,
    place: impl FnOnce(&mut OcspConfig) -> &mut Option<i64>,
) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |ocsp| *place(ocsp) = Some(seconds))
}

fn set_flag(
    line: &Line<'_>,
    args: Args<'_>,
    place: impl FnOnce(&mut OcspConfig) -> &mut Option<bool>,
) -> Result<(), Complaint> {
    set(line, |ocsp| *place(ocsp) = Some(args.is_on()))
}

/// `SSLOCSPCache`.
pub fn cache(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let spec = CacheSpec::parse(&args.text(0));
    let cache = match &spec {
        CacheSpec::Provider { name, args } => Some(create(line, "OCSP response", name, args.as_deref())?),
        CacheSpec::NoneNotNull => return Err(format!("{}: there are no session ids in it", line.name)),
        CacheSpec::Unset | CacheSpec::None => None,
    };
    line.server.ocsp_cache.set(cache);
    line.server.global.borrow_mut().ocsp_cache = spec;
    Ok(())
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

/// `SSLOCSPProxyURL`.
pub fn proxy_url(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let text = args.text(0);
    let url = HttpUrl::parse(&text).map_err(|_| format!("{}: Cannot parse URL {text}", line.name))?;
    set(line, |ocsp| ocsp.proxy_url = Some(url))
}

/// `SSLOCSPResponderCertificateFile`.
pub fn responder_certificate_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    set(line, |ocsp| ocsp.responder_certificate_file = Some(file))
}
