//! The tables of directives: the one place that says which there are.
//!
//! Each file below has those of one subject, with their handlers. httpd's
//! array of commands, the documentation and its check are made from them.

mod access;
mod certificate;
mod client;
mod handshake;
mod legacy;
mod ocsp;
mod policy;
mod proxy;
mod session;
mod stapling;

use super::closed;
use super::config::{DirConf, ServerConf};
use super::vhost::Vhost;
use crate::apr::pool::c_string;
use crate::config::value::natural_number;
use crate::httpd::command::{Args, Arity, Context, Parms};
use crate::httpd::log::log;
use crate::httpd::request::main_server;
use crate::sys;
use std::ffi::{CStr, c_char, c_int, c_void};

/// A line that cannot be accepted: the text after httpd's "Syntax error on
/// line ...".
pub type Complaint = String;

/// What a handler does with one line.
pub type Handler = fn(&Line<'_>, Args<'_>) -> Result<(), Complaint>;

/// One directive.
#[derive(Clone, Copy)]
pub struct Directive {
    /// As in the configuration; httpd compares without case.
    pub name: &'static CStr,
    /// What it takes.
    pub arity: Arity,
    /// Where it may stand.
    pub context: Context,
    /// What it is without a line, for the documentation.
    pub default: &'static str,
    /// httpd shows it when the number of arguments is wrong.
    pub help: &'static CStr,
    handler: Handler,
}

/// The place of one line.
pub struct Line<'p> {
    /// httpd's parameters.
    pub parms: Parms<'p>,
    /// The name of the directive, as in the table.
    pub name: &'static str,
    /// Its help text.
    pub help: &'static str,
    /// The configuration of the server it belongs to.
    pub server: &'p ServerConf,
    /// The configuration of the directory (or of the server's root).
    pub dir: &'p DirConf,
}

impl Line<'_> {
    /// Whether the dialect of mod_ssl 2.8 is taken here.
    fn is_legacy(&self) -> bool {
        // A .htaccess file is read by a thread among others; start-up has written down what it needs.
        match Vhost::of(self.parms.server()) {
            Some(vhost) => vhost.legacy,
            None => main_server().and_then(ServerConf::of).is_some_and(|main| main.global.borrow().legacy),
        }
    }

    /// Says what a line of that dialect means today; not at each request that
    /// reads a `.htaccess` file.
    fn notice(&self, meaning: &str) {
        if Vhost::of(self.parms.server()).is_some() {
            return;
        }
        let (name, place) = (self.parms.name_as_written().to_string_lossy(), self.parms.place());
        log!(self.parms.server(), Notice, "SSLLegacyDirectives: {name} on {place}: {meaning}");
    }
}

const fn row(
    name: &'static CStr,
    arity: Arity,
    context: Context,
    default: &'static str,
    help: &'static CStr,
    handler: Handler,
) -> Directive {
    Directive { name, arity, context, default, help, handler }
}

/// All directives, by subject; in each, by name.
pub static TABLE: &[&[Directive]] = &[
    access::ROWS,
    certificate::ROWS,
    client::ROWS,
    handshake::ROWS,
    legacy::ROWS,
    ocsp::ROWS,
    policy::ROWS,
    proxy::ROWS,
    session::ROWS,
    stapling::ROWS,
];

/// How many there are.
const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < TABLE.len() {
        count += TABLE[group].len();
        group += 1;
    }
    count
};

/// httpd's form of the table.
#[repr(transparent)]
pub struct Commands([sys::command_rec; COUNT + 1]);

// SAFETY: holds pointers to static data only, and httpd does not write to it.
unsafe impl Sync for Commands {}

impl Commands {
    /// The first command, for the module record.
    #[must_use]
    pub const fn as_ptr(&'static self) -> *const sys::command_rec {
        self.0.as_ptr()
    }
}

/// The table as an array of httpd's records, ended by one without a name.
pub static COMMANDS: Commands = Commands(commands());

const fn commands() -> [sys::command_rec; COUNT + 1] {
    let mut commands = [command(&END); COUNT + 1];
    let (mut index, mut group) = (0, 0);
    while group < TABLE.len() {
        let mut row = 0;
        while row < TABLE[group].len() {
            commands[index] = command(&TABLE[group][row]);
            (index, row) = (index + 1, row + 1);
        }
        group += 1;
    }
    commands[COUNT].name = std::ptr::null();
    commands
}

/// Fills the array until its rows are set.
static END: Directive = row(c"", Arity::Raw, Context::Server, "", c"", |_, _| Ok(()));

const fn command(directive: &'static Directive) -> sys::command_rec {
    use Arity::{Flag, One, OneOrTwo, Raw, Two, TwoOrThree};
    let (func, args_how) = match directive.arity {
        Flag => (sys::cmd_func { flag: Some(flag) }, sys::FLAG),
        One => (sys::cmd_func { take1: Some(take1) }, sys::TAKE1),
        Two => (sys::cmd_func { take2: Some(take2) }, sys::TAKE2),
        OneOrTwo => (sys::cmd_func { take2: Some(take2) }, sys::TAKE12),
        TwoOrThree => (sys::cmd_func { take3: Some(take3) }, sys::TAKE23),
        Raw => (sys::cmd_func { raw_args: Some(raw) }, sys::RAW_ARGS),
    };
    sys::command_rec {
        name: directive.name.as_ptr(),
        func,
        cmd_data: (&raw const *directive).cast_mut().cast(),
        req_override: directive.context.bits(),
        args_how,
        errmsg: directive.help.as_ptr(),
    }
}

/// Runs the handler of a command and gives httpd its complaint.
///
/// # Safety
/// `parms` and `dir` are what httpd passed to a command of this table, and the
/// words are NULL or C strings.
unsafe fn run(parms: *mut sys::cmd_parms, dir: *mut c_void, args: Args<'_>) -> *const c_char {
    // SAFETY: promised by the caller.
    let Some(parms) = (unsafe { Parms::from_raw(parms) }) else { return closed::COMMAND };
    // SAFETY: `command` stores a row of the table in cmd_data.
    let Some(directive) = (unsafe { parms.info().cast::<Directive>().as_ref() }) else {
        return closed::COMMAND;
    };
    // SAFETY: httpd passes this module's configuration of the section.
    let Some(dir) = (unsafe { DirConf::from_raw(dir) }) else { return closed::COMMAND };
    let Some(server) = ServerConf::of(parms.server()) else { return closed::COMMAND };
    if directive.context == Context::Global
        && let Some(complaint) = parms.refuse_virtual_host()
    {
        return complaint.as_ptr();
    }
    let text = |text: &'static CStr| text.to_str().unwrap_or_default();
    let (name, help) = (text(directive.name), text(directive.help));
    let line = Line { parms, name, help, server, dir };
    match (directive.handler)(&line, args) {
        Ok(()) => std::ptr::null(),
        Err(complaint) => parms.pool().text(c_string(complaint).to_bytes()).as_ptr(),
    }
}

/// A word from httpd.
///
/// # Safety
/// `word` is NULL or a C string that lives during the call of the command.
unsafe fn word<'w>(word: *const c_char) -> Option<&'w CStr> {
    // SAFETY: promised by the caller.
    unsafe { crate::apr::pool::text_from(word) }
}

entry_point! {
    /// A directive with `on` or `off`.
    fn flag(parms: *mut sys::cmd_parms, dir: *mut c_void, on: c_int) -> *const c_char, closed: closed::COMMAND;
    {
        // SAFETY: httpd's arguments, unchanged.
        unsafe { run(parms, dir, Args::Flag(on != 0)) }
    }
}

entry_point! {
    /// A directive with the rest of the line.
    fn raw(parms: *mut sys::cmd_parms, dir: *mut c_void, line: *const c_char) -> *const c_char, closed: closed::COMMAND;
    {
        // SAFETY: httpd passes a C string.
        let line = unsafe { word(line) }.unwrap_or_default();
        // SAFETY: httpd's arguments, unchanged.
        unsafe { run(parms, dir, Args::Raw(line)) }
    }
}

entry_point! {
    /// A directive with one word.
    fn take1(parms: *mut sys::cmd_parms, dir: *mut c_void, first: *const c_char) -> *const c_char, closed: closed::COMMAND;
    {
        // SAFETY: httpd passes C strings, NULL for those not given.
        let words = [unsafe { word(first) }];
        // SAFETY: httpd's arguments, unchanged.
        unsafe { run(parms, dir, Args::Words(&words)) }
    }
}

entry_point! {
    /// A directive with up to two words.
    fn take2(parms: *mut sys::cmd_parms, dir: *mut c_void, first: *const c_char, second: *const c_char) -> *const c_char,
        closed: closed::COMMAND;
    {
        // SAFETY: httpd passes C strings, NULL for those not given.
        let words = [first, second].map(|text| unsafe { word(text) });
        // SAFETY: httpd's arguments, unchanged.
        unsafe { run(parms, dir, Args::Words(&words)) }
    }
}

entry_point! {
    /// A directive with up to three words.
    fn take3(
        parms: *mut sys::cmd_parms,
        dir: *mut c_void,
        first: *const c_char,
        second: *const c_char,
        third: *const c_char,
    ) -> *const c_char, closed: closed::COMMAND;
    {
        // SAFETY: httpd passes C strings, NULL for those not given.
        let words = [first, second, third].map(|text| unsafe { word(text) });
        // SAFETY: httpd's arguments, unchanged.
        unsafe { run(parms, dir, Args::Words(&words)) }
    }
}

/// Resolves a path and checks what directives that name a file check: it
/// exists, is a file and is not empty. Whether it can be read shows later.
fn existing_file(line: &Line<'_>, path: &CStr) -> Result<std::path::PathBuf, Complaint> {
    let name = line.name;
    if crate::httpd::command::is_config_dump() {
        use std::os::unix::ffi::OsStrExt;
        return Ok(std::ffi::OsStr::from_bytes(path.to_bytes()).into());
    }
    let Some(full) = line.parms.server_root_relative(path) else {
        return Err(format!("{name}: Invalid file path {}", path.to_string_lossy()));
    };
    match std::fs::metadata(&full) {
        Ok(found) if found.is_file() && found.len() > 0 => Ok(full),
        _ => Err(format!("{name}: file '{}' does not exist or is empty", full.display())),
    }
}

/// A number of seconds.
fn seconds(line: &Line<'_>, args: Args<'_>) -> Result<i64, Complaint> {
    natural_number(&args.text(0)).ok_or_else(|| format!("{}: invalid argument", line.name))
}

/// As [`existing_file`], for a directory; checked in every run mode.
fn existing_dir(line: &Line<'_>, path: &CStr) -> Result<std::path::PathBuf, Complaint> {
    let name = line.name;
    let Some(full) = line.parms.server_root_relative(path) else {
        return Err(format!("{name}: Invalid dir path {}", path.to_string_lossy()));
    };
    match std::fs::metadata(&full) {
        Ok(found) if found.is_dir() => Ok(full),
        _ => Err(format!("{name}: directory '{}' does not exist", full.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        for group in TABLE {
            assert!(group.is_sorted_by_key(|row| row.name));
        }
        for row in TABLE.concat() {
            assert!(!row.help.is_empty() && !row.default.is_empty(), "{:?}", row.name);
        }
    }

    /// The table as docs/directives.md.
    fn document() -> String {
        let mut text = String::from(
            "# Directives\n\nGenerated from the tables in `src/entry/directives/`; `UPDATE=1 cargo test document` writes it anew. \
             The meaning of each is that of mod_ssl 2.4, except for what [differences.md](differences.md) says.\n\n\
             | Directive | Arguments | Context | Without it |\n|---|---|---|---|\n",
        );
        let mut rows = TABLE.concat();
        rows.sort_unstable_by_key(|row| row.name);
        for row in rows {
            let cell = |text: &CStr| text.to_string_lossy().replace('|', "\\|");
            let (name, help) = (cell(row.name), cell(row.help));
            text.push_str(&format!("| `{name}` | {help} | {} | {} |\n", row.context.describe(), row.default));
        }
        text
    }

    #[test]
    fn the_document_follows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/directives.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == document(), "docs/directives.md is out of date: UPDATE=1 cargo test document");
    }

    #[test]
    fn the_commands_follow_the_table() {
        for (command, row) in COMMANDS.0.iter().zip(TABLE.iter().copied().flatten()) {
            assert_eq!(command.name, row.name.as_ptr());
            assert_eq!(command.cmd_data.cast_const().cast(), std::ptr::from_ref(row));
        }
        assert!(COMMANDS.0[COUNT].name.is_null());
    }
}
