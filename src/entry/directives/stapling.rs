//! Directives about OCSP responses that are sent along with the server's certificates.

use super::{Args, Complaint, Directive, Line, existing_file, row};
use crate::config::cache_spec::{self, CacheSpec};
use crate::config::stapling::StaplingConfig;
use crate::config::value::natural_number;
use crate::httpd::command::Arity::{Flag, One};
use crate::httpd::command::Context::{Global, Server};
use crate::httpd::socache::{CreateError, SharedCache};

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLStaplingCache",
        One,
        Global,
        "none",
        c"Cache of OCSP responses for the server's certificates ('provider[:arguments]')",
        cache,
    ),
    row(
        c"SSLStaplingErrorCacheTimeout",
        One,
        Server,
        "600",
        c"How long an error is stapled, and how long an OCSP responder that fails is left alone at most ('N' seconds)",
        error_cache_timeout,
    ),
    row(
        c"SSLStaplingFakeTryLater",
        Flag,
        Server,
        "on",
        c"With SSLStaplingReturnResponderErrors: whether 'try later' is stapled when an OCSP responder does not answer ('on', 'off')",
        fake_try_later,
    ),
    row(
        c"SSLStaplingFile",
        One,
        Server,
        "none",
        c"OCSP response for one of the certificates, in place of asking a responder, DER or PEM file ('/path/to/file')",
        file,
    ),
    row(
        c"SSLStaplingForceURL",
        One,
        Server,
        "the one that the certificate names",
        c"OCSP responder that is asked about the server's certificates ('http://host[:port]/path')",
        force_url,
    ),
    row(
        c"SSLStaplingResponderTimeout",
        One,
        Server,
        "10",
        c"How long an OCSP responder may take to answer ('N' seconds)",
        responder_timeout,
    ),
    row(
        c"SSLStaplingResponseMaxAge",
        One,
        Server,
        "unlimited",
        c"How old an OCSP response may be when it comes ('N' seconds)",
        response_max_age,
    ),
    row(
        c"SSLStaplingResponseTimeSkew",
        One,
        Server,
        "300",
        c"How far the clock of an OCSP responder may be wrong ('N' seconds)",
        response_time_skew,
    ),
    row(
        c"SSLStaplingReturnResponderErrors",
        Flag,
        Server,
        "on",
        c"Whether OCSP responses that are errors or out of date are stapled when there is none better ('on', 'off')",
        return_responder_errors,
    ),
    row(
        c"SSLStaplingStandardCacheTimeout",
        One,
        Server,
        "3600",
        c"How long an OCSP response is used before a new one is fetched ('N' seconds)",
        standard_cache_timeout,
    ),
    row(
        c"SSLUseStapling",
        Flag,
        Server,
        "off",
        c"Whether OCSP responses are fetched and sent along with the server's certificates ('on', 'off')",
        use_stapling,
    ),
];

/// Changes the values of the server.
fn set(line: &Line<'_>, change: impl FnOnce(&mut StaplingConfig)) -> Result<(), Complaint> {
    change(&mut line.server.declared.borrow_mut().stapling);
    Ok(())
}

/// A number of seconds.
fn seconds(line: &Line<'_>, args: Args<'_>) -> Result<Option<i64>, Complaint> {
    let seconds = natural_number(&args.text(0));
    seconds.map(Some).ok_or_else(|| format!("{}: invalid argument", line.name))
}

/// `SSLStaplingCache`.
pub fn cache(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let spec = CacheSpec::provider(&args.text(0));
    if let CacheSpec::Provider { name, args } = &spec {
        let (temporary, pool) = (line.parms.temporary_pool(), line.parms.pool());
        let created = SharedCache::create(name, args.as_deref(), temporary, pool);
        let cache = created.map_err(|error| match error {
            CreateError::Unknown(known) => cache_spec::unknown_staple_provider(line.name, name, &known),
            CreateError::Refused(reason) => format!("{}: {reason}", line.name),
        })?;
        line.server.staple_cache.set(Some(cache));
    }
    line.server.global.borrow_mut().stapling_cache = spec;
    Ok(())
}

/// `SSLUseStapling`.
pub fn use_stapling(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |stapling| stapling.use_stapling = Some(args.is_on()))
}

/// `SSLStaplingFile`, any number of times.
pub fn file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    set(line, |stapling| stapling.files.push(file))
}

/// `SSLStaplingForceURL`.
pub fn force_url(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |stapling| stapling.force_url = Some(args.text(0)))
}

/// `SSLStaplingResponderTimeout`.
pub fn responder_timeout(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |stapling| stapling.responder_timeout = seconds)
}

/// `SSLStaplingResponseTimeSkew`.
pub fn response_time_skew(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |stapling| stapling.response_time_skew = seconds)
}

/// `SSLStaplingResponseMaxAge`.
pub fn response_max_age(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |stapling| stapling.response_max_age = seconds)
}

/// `SSLStaplingStandardCacheTimeout`.
pub fn standard_cache_timeout(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |stapling| stapling.standard_cache_timeout = seconds)
}

/// `SSLStaplingErrorCacheTimeout`.
pub fn error_cache_timeout(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |stapling| stapling.error_cache_timeout = seconds)
}

/// `SSLStaplingReturnResponderErrors`.
pub fn return_responder_errors(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |stapling| stapling.return_responder_errors = Some(args.is_on()))
}

/// `SSLStaplingFakeTryLater`.
pub fn fake_try_later(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |stapling| stapling.fake_try_later = Some(args.is_on()))
}
