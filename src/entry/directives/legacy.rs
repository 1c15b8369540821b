//! Directives of mod_ssl 2.8, taken after `SSLLegacyDirectives on`.

use super::{Args, Complaint, Directive, Line, row};
use crate::config::legacy::{self as words_of_old, LogLevel};
use crate::entry::cache;
use crate::httpd::Level;
use crate::httpd::command::Arity::{Flag, Raw};
use crate::httpd::command::Context::{Anywhere, Global};
use crate::httpd::command::words;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLLegacyDirectives",
        Flag,
        Global,
        "off",
        c"Whether directives of mod_ssl 2.8 are taken in the lines that follow ('on', 'off')",
        switch,
    ),
    row(
        c"SSLLog",
        Raw,
        Anywhere,
        "none",
        c"SSLLog directive is no longer supported - use ErrorLog.",
        log,
    ),
    row(
        c"SSLLogLevel",
        Raw,
        Anywhere,
        "none",
        c"SSLLogLevel directive is no longer supported - use LogLevel.",
        log_level,
    ),
    row(
        c"SSLMutex",
        Raw,
        Anywhere,
        "the Mutex directive decides",
        c"Lock of the session cache in mod_ssl 2.8, with SSLLegacyDirectives on only ('none', 'default', 'file:/path', 'sem', ...)",
        mutex,
    ),
];

/// `SSLLegacyDirectives`.
pub fn switch(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.global.borrow_mut().legacy = args.is_on();
    Ok(())
}

/// The only word of a line.
fn one(line: &Line<'_>, args: Args<'_>) -> Result<String, Complaint> {
    let [word] = &words(line.parms, args)[..] else {
        return Err(format!("{} takes one argument", line.name));
    };
    Ok(word.clone())
}

/// `SSLLog`.
pub fn log(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    if !line.is_legacy() {
        return Err(line.help.to_owned());
    }
    line.parms.refuse_directory().map_or(Ok(()), Err)?;
    let file = one(line, args)?;
    line.notice(&format!("nothing is written to '{file}', the messages go to the ErrorLog of the server"));
    Ok(())
}

/// `SSLLogLevel`.
pub fn log_level(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    if !line.is_legacy() {
        return Err(line.help.to_owned());
    }
    line.parms.refuse_directory().map_or(Ok(()), Err)?;
    let level = LogLevel::parse(&one(line, args)?).map_err(|error| error.to_string())?;
    line.notice(&format!("taken as LogLevel ssl:{}", level.name()));
    let level = match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warn,
        LogLevel::Info => Level::Info,
        LogLevel::Trace3 => Level::Trace3,
        LogLevel::Trace7 => Level::Trace7,
    };
    line.parms.set_log_level(level);
    Ok(())
}

/// `SSLMutex`.
pub fn mutex(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    if !line.is_legacy() {
        let name = line.parms.name_as_written().to_string_lossy();
        return Err(format!(
            "Invalid command '{name}', perhaps misspelled or defined by a module not included in the server configuration"
        ));
    }
    line.parms
        .refuse_virtual_host()
        .map_or(Ok(()), |complaint| Err(complaint.to_string_lossy().into_owned()))?;
    let mechanism = words_of_old::mutex(&one(line, args)?).map_err(|error| error.to_string())?;
    let today = format!("{mechanism} {}", cache::MUTEX.to_string_lossy());
    line.notice(&format!("taken as Mutex {today}"));
    line.parms.set_mutex(&today).map_or(Ok(()), Err)
}
