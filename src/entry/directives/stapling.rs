//! Directives about OCSP responses that are sent along with the server's certificates.

use super::{Args, Complaint, Directive, Line, existing_file, row, seconds};
use crate::config::cache_spec::{self, CacheSpec};
use crate::config::stapling::StaplingConfig;
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
        |line, args| set_seconds(line, args, |stapling| &mut stapling.error_cache_timeout),
    ),
    row(
        c"SSLStaplingFakeTryLater",
        Flag,
        Server,
        "on",
        c"With SSLStaplingReturnResponderErrors: whether 'try later' is stapled when an OCSP responder does not answer ('on', 'off')",
        |line, args| set_flag(line, args, |stapling| &mut stapling.fake_try_later),
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
        |line, args| set_seconds(line, args, |stapling| &mut stapling.responder_timeout),
    ),
    row(
        c"SSLStaplingResponseMaxAge",
        One,
        Server,
        "unlimited",
        c"How old an OCSP response may be when it comes ('N' seconds)",
        |line, args| set_seconds(line, args, |stapling| &mut stapling.response_max_age),
    ),
    row(
        c"SSLStaplingResponseTimeSkew",
        One,
        Server,
        "300",
        c"How far the clock of an OCSP responder may be wrong ('N' seconds)",
        |line, args| set_seconds(line, args, |stapling| &mut stapling.response_time_skew),
    ),
    row(
        c"SSLStaplingReturnResponderErrors",
        Flag,
        Server,
        "on",
        c"Whether OCSP responses that are errors or out of date are stapled when there is none better ('on', 'off')",
        |line, args| set_flag(line, args, |stapling| &mut stapling.return_responder_errors),
    ),
    row(
        c"SSLStaplingStandardCacheTimeout",
        One,
        Server,
        "3600",
        c"How long an OCSP response is used before a new one is fetched ('N' seconds)",
        |line, args| set_seconds(line, args, |stapling| &mut stapling.standard_cache_timeout),
    ),
    row(
        c"SSLUseStapling",
        Flag,
        Server,
        "off",
        c"Whether OCSP responses are fetched and sent along with the server's certificates ('on', 'off')",
        |line, args| set_flag(line, args, |stapling| &mut stapling.use_stapling),
    ),
];

/// Changes the values of the server.
fn set(line: &Line<'_>, change: impl FnOnce(&mut StaplingConfig)) -> Result<(), Complaint> {
    change(&mut line.server.declared.borrow_mut().stapling);
    Ok(())
}

fn set_seconds(
    line: &Line<'_>,
    args: Args<'_>,
    place: impl FnOnce(&mut StaplingConfig) -> &mut Option<i64>,
) -> Result<(), Complaint> {
    let seconds = seconds(line, args)?;
    set(line, |stapling| *place(stapling) = Some(seconds))
}

fn set_flag(
    line: &Line<'_>,
    args: Args<'_>,
    place: impl FnOnce(&mut StaplingConfig) -> &mut Option<bool>,
) -> Result<(), Complaint> {
    set(line, |stapling| *place(stapling) = Some(args.is_on()))
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

/// `SSLStaplingFile`, any number of times.
pub fn file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    set(line, |stapling| stapling.files.push(file))
}

/// `SSLStaplingForceURL`.
pub fn force_url(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    set(line, |stapling| stapling.force_url = Some(args.text(0)))
}
