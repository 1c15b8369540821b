//! Directives about sessions and randomness.

use super::{Args, Complaint, Directive, Line, existing_file, row};
use crate::apr::pool::c_string;
use crate::config::cache_spec::{self, CacheSpec};
use crate::config::legacy;
use crate::config::random::{self, RandomSeed, RandomSeedError, Source, Words};
use crate::config::value::natural_number;
use crate::httpd::command::Arity::{Flag, One, Raw, TwoOrThree};
use crate::httpd::command::Context::{Global, Server};
use crate::httpd::command::words_as_written;
use crate::httpd::socache::{CreateError, SharedCache};
use std::path::PathBuf;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLRandomSeed",
        TwoOrThree,
        Global,
        "none",
        c"Entropy for the random number generator ('startup|connect builtin|file:/path|exec:/path [bytes]')",
        random_seed,
    ),
    row(
        c"SSLSRPUnknownUserSeed",
        One,
        Server,
        "unknown users are refused",
        c"What parameters for unknown users are made from, so that they look like known ones ('secret text')",
        srp_unknown_user_seed,
    ),
    row(
        c"SSLSRPVerifierFile",
        One,
        Server,
        "none",
        c"Users that log in by TLS-SRP, file made by openssl srp ('/path/to/file')",
        srp_verifier_file,
    ),
    row(
        c"SSLSessionCache",
        One,
        Global,
        "none",
        c"Cache of sessions shared between processes ('none', 'nonenotnull', 'provider[:arguments]')",
        cache,
    ),
    row(
        c"SSLSessionCacheTimeout",
        One,
        Server,
        "300",
        c"How long a session may be resumed ('N' seconds)",
        timeout,
    ),
    row(
        c"SSLSessionTicketKeyFile",
        Raw,
        Server,
        "keys that the server makes and replaces",
        c"Key that session tickets are sealed with, file of 48 or 80 random bytes, and older ones ('/path/to/file [/path/to/older ...]')",
        ticket_key_file,
    ),
    row(
        c"SSLSessionTicketKeyLifetime",
        One,
        Global,
        "43200",
        c"How long a key that the server makes seals tickets ('N' seconds)",
        ticket_key_lifetime,
    ),
    row(
        c"SSLSessionTicketSecretFile",
        One,
        Global,
        "none",
        c"Secret that several servers make the same keys of session tickets from, file of at least 32 random bytes ('/path/to/file')",
        ticket_secret_file,
    ),
    row(c"SSLSessionTickets", Flag, Server, "on", c"Session tickets ('on', 'off')", tickets),
];

/// `SSLSessionCache`.
pub fn cache(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let mut argument = args.text(0);
    if line.is_legacy()
        && let Some(today) = legacy::shared_memory(&argument)
    {
        line.notice(&format!("taken as {today}"));
        argument = today;
    }
    let spec = CacheSpec::parse(&argument);
    let cache = match &spec {
        CacheSpec::Provider { name, args } => Some(create(line, "session", name, args.as_deref())?),
        CacheSpec::Unset | CacheSpec::None | CacheSpec::NoneNotNull => None,
    };
    line.server.cache.set(cache);
    line.server.global.borrow_mut().session_cache = spec;
    Ok(())
}

/// The provider of a cache; `what` is kept in it.
pub(super) fn create(
    line: &Line<'_>,
    what: &str,
    name: &str,
    args: Option<&str>,
) -> Result<SharedCache, Complaint> {
    let (temporary, pool) = (line.parms.temporary_pool(), line.parms.pool());
    let created = SharedCache::create(name, args, temporary, pool);
    if name == "dbm" && line.is_legacy() && matches!(created, Err(CreateError::Unknown(_))) {
        line.notice("there is no mod_socache_dbm, taken as shmcb");
        return create(line, what, "shmcb", None);
    }
    created.map_err(|error| match error {
        CreateError::Unknown(known) => cache_spec::unknown_provider(line.name, what, name, &known),
        CreateError::Refused(reason) => format!("{}: {reason}", line.name),
    })
}

/// `SSLSessionCacheTimeout`.
pub fn timeout(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = natural_number(&args.text(0)).ok_or_else(|| format!("{}: Invalid argument", line.name))?;
    line.server.declared.borrow_mut().session_cache_timeout = Some(seconds);
    Ok(())
}

/// `SSLSessionTickets`.
pub fn tickets(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().session_tickets = Some(args.is_on());
    Ok(())
}

/// `SSLSessionTicketKeyFile`.
pub fn ticket_key_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let files = words_as_written(line.parms, args);
    if files.is_empty() {
        return Err(format!("{} takes one argument, or several", line.name));
    }
    let files = files.into_iter().map(|file| existing_file(line, file)).collect::<Result<_, _>>()?;
    line.server.declared.borrow_mut().session_ticket_key_files = files;
    Ok(())
}

/// `SSLSessionTicketKeyLifetime`.
pub fn ticket_key_lifetime(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds = args.text(0).parse().ok().filter(|seconds| (1..=u64::from(u32::MAX)).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("{}: has to be a number of seconds above 0", line.name))?;
    line.server.global.borrow_mut().session_ticket_key_lifetime = Some(seconds);
    Ok(())
}

/// `SSLSessionTicketSecretFile`.
pub fn ticket_secret_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.global.borrow_mut().session_ticket_secret_file = Some(file);
    Ok(())
}

/// `SSLSRPVerifierFile`.
#[cfg(openssl_srp)]
pub fn srp_verifier_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().srp_verifier_file = Some(file);
    Ok(())
}

/// `SSLSRPUnknownUserSeed`.
#[cfg(openssl_srp)]
pub fn srp_unknown_user_seed(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().srp_unknown_user_seed = Some(args.text(0));
    Ok(())
}

/// `SSLRandomSeed`.
pub fn random_seed(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seed = match parse_seed(line, args) {
        Ok(seed) => seed,
        Err(RandomSeedError::Egd(_)) if line.is_legacy() => {
            line.notice("without effect, OpenSSL seeds itself and knows no such daemon any more");
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    line.server.global.borrow_mut().random_seeds.push(seed);
    Ok(())
}

fn parse_seed(line: &Line<'_>, args: Args<'_>) -> Result<RandomSeed, RandomSeedError> {
    let source = args.text(1);
    let (when, words) = random::parse(&args.text(0), &source)?;
    let resolve = |path: &str| -> Result<PathBuf, RandomSeedError> {
        let full = line.parms.server_root_relative(&c_string(path));
        let full = full.ok_or_else(|| RandomSeedError::Path(source.clone()))?;
        if full.exists() { Ok(full) } else { Err(RandomSeedError::Missing(full.display().to_string())) }
    };
    let resolved = match &words {
        Words::Builtin => Source::Builtin,
        Words::File(path) => Source::File(resolve(path)?),
        Words::Program(path) => Source::Program(resolve(path)?),
    };
    let count = args.word(2).map(|_| args.text(2));
    let bytes = random::parse_bytes(&words, count.as_deref())?;
    Ok(RandomSeed { when, source: resolved, bytes })
}
