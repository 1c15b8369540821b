//! The table of directives: the one place that says which there are.
//!
//! httpd's array of commands, the documentation and its check are made from
//! it. A new directive is a row here and a handler in a file below.

mod certificate;
mod client;
mod legacy;
mod policy;
mod session;

use super::closed;
use super::config::{DirConf, ServerConf};
use super::vhost::Vhost;
use crate::apr::pool::c_string;
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

use Arity::{Flag, One, OneOrTwo, Raw, Two, TwoOrThree};
use Context::{Anywhere, AuthConfig, Directory, Global, Options, Server, ServerExplained};

/// All directives, by name.
pub static TABLE: &[Directive] = &[
    row(
        c"SSLCACertificateFile",
        One,
        ServerExplained,
        "none",
        c"CAs that may vouch for clients, PEM file ('/path/to/file')",
        client::ca_certificate_file,
    ),
    row(
        c"SSLCACertificatePath",
        One,
        ServerExplained,
        "none",
        c"CAs that may vouch for clients, directory made by openssl rehash ('/path/to/dir')",
        client::ca_certificate_path,
    ),
    row(
        c"SSLCADNRequestFile",
        One,
        Server,
        "the CAs that may vouch for clients",
        c"CAs whose names are sent to clients, PEM file ('/path/to/file')",
        client::ca_dn_request_file,
    ),
    row(
        c"SSLCADNRequestPath",
        One,
        Server,
        "the CAs that may vouch for clients",
        c"CAs whose names are sent to clients, directory of PEM files ('/path/to/dir')",
        client::ca_dn_request_path,
    ),
    row(
        c"SSLCARevocationCheck",
        Raw,
        Server,
        "none",
        c"Which certificates of a client's chain must not be revoked ('none|leaf|chain [no_crl_for_cert_ok]')",
        client::ca_revocation_check,
    ),
    row(
        c"SSLCARevocationFile",
        One,
        Server,
        "none",
        c"Lists of revoked certificates, PEM file ('/path/to/file')",
        client::ca_revocation_file,
    ),
    row(
        c"SSLCARevocationPath",
        One,
        Server,
        "none",
        c"Lists of revoked certificates, directory made by openssl rehash ('/path/to/dir')",
        client::ca_revocation_path,
    ),
    row(
        c"SSLCertificateChainFile",
        One,
        Server,
        "none",
        c"Certificates of the CAs above the server's, PEM file ('/path/to/file')",
        certificate::chain_file,
    ),
    row(
        c"SSLCertificateFile",
        One,
        Server,
        "none",
        c"Server certificate, followed by its chain and perhaps its key, PEM file, or in a token ('/path/to/file', 'pkcs11:...')",
        certificate::certificate_file,
    ),
    row(
        c"SSLCertificateKeyFile",
        One,
        Server,
        "the key in SSLCertificateFile",
        c"Private key of the server certificate, file or in a token ('/path/to/file', 'pkcs11:...')",
        certificate::key_file,
    ),
    row(
        c"SSLCipherSuite",
        OneOrTwo,
        AuthConfig,
        "the library's list, without aNULL, eNULL and EXP",
        c"Ciphers that may be negotiated, in OpenSSL's notation ('[SSL|TLSv1.3] XXX:...:XXX')",
        policy::cipher_suite,
    ),
    row(c"SSLCompression", Flag, Server, "off", c"Compression inside TLS ('on', 'off')", policy::compression),
    row(
        c"SSLCryptoDevice",
        One,
        Global,
        "builtin",
        c"Engine that does the cryptography ('builtin', or the id of an engine)",
        policy::crypto_device,
    ),
    row(c"SSLEngine", One, Server, "off", c"TLS for this server ('on', 'off')", policy::engine),
    row(
        c"SSLFIPS",
        Flag,
        Global,
        "what the library is set to",
        c"FIPS mode of the library ('on', 'off')",
        policy::fips,
    ),
    row(
        c"SSLHonorCipherOrder",
        Flag,
        Server,
        "off",
        c"Whether the server's order of ciphers counts, not the client's ('on', 'off')",
        policy::honor_cipher_order,
    ),
    row(
        c"SSLInsecureRenegotiation",
        Flag,
        Server,
        "off",
        c"Renegotiation with clients that do not know RFC 5746 ('on', 'off')",
        policy::insecure_renegotiation,
    ),
    row(
        c"SSLLegacyDirectives",
        Flag,
        Global,
        "off",
        c"Whether directives of mod_ssl 2.8 are taken in the lines that follow ('on', 'off')",
        legacy::switch,
    ),
    row(
        c"SSLLog",
        Raw,
        Anywhere,
        "none",
        c"SSLLog directive is no longer supported - use ErrorLog.",
        legacy::log,
    ),
    row(
        c"SSLLogLevel",
        Raw,
        Anywhere,
        "none",
        c"SSLLogLevel directive is no longer supported - use LogLevel.",
        legacy::log_level,
    ),
    row(
        c"SSLMutex",
        Raw,
        Anywhere,
        "the Mutex directive decides",
        c"Lock of the session cache in mod_ssl 2.8, with SSLLegacyDirectives on only ('none', 'default', 'file:/path', 'sem', ...)",
        legacy::mutex,
    ),
    row(
        c"SSLOpenSSLConfCmd",
        Two,
        Server,
        "none",
        c"OpenSSL configuration command ('command', 'value')",
        policy::conf_cmd,
    ),
    row(
        c"SSLOptions",
        Raw,
        Options,
        "none",
        c"Options for a directory ('[+-]option[=value] ...')",
        policy::options,
    ),
    row(
        c"SSLPassPhraseDialog",
        One,
        Global,
        "builtin",
        c"How pass phrases of keys are asked for ('builtin', '|/path/to/program [arguments]', 'exec:/path/to/program')",
        certificate::pass_phrase_dialog,
    ),
    row(
        c"SSLPolicy",
        One,
        Server,
        "none",
        c"Settings to start from, by Mozilla's guidelines ('modern', 'intermediate', 'old')",
        policy::preset,
    ),
    row(
        c"SSLProtocol",
        Raw,
        Server,
        "all -SSLv3",
        c"Protocol versions that may be negotiated ('[+-][TLSv1|TLSv1.1|TLSv1.2|TLSv1.3|all] ...')",
        policy::protocol,
    ),
    row(
        c"SSLRandomSeed",
        TwoOrThree,
        Global,
        "none",
        c"Entropy for the random number generator ('startup|connect builtin|file:/path|exec:/path [bytes]')",
        session::random_seed,
    ),
    row(
        c"SSLRenegBufferSize",
        One,
        Directory,
        "131072",
        c"How much of a request's body is held while the client is asked for more ('N' bytes)",
        policy::reneg_buffer_size,
    ),
    #[cfg(openssl_srp)]
    row(
        c"SSLSRPUnknownUserSeed",
        One,
        Server,
        "unknown users are refused",
        c"What parameters for unknown users are made from, so that they look like known ones ('secret text')",
        session::srp_unknown_user_seed,
    ),
    #[cfg(openssl_srp)]
    row(
        c"SSLSRPVerifierFile",
        One,
        Server,
        "none",
        c"Users that log in by TLS-SRP, file made by openssl srp ('/path/to/file')",
        session::srp_verifier_file,
    ),
    row(
        c"SSLSessionCache",
        One,
        Global,
        "none",
        c"Cache of sessions shared between processes ('none', 'nonenotnull', 'provider[:arguments]')",
        session::cache,
    ),
    row(
        c"SSLSessionCacheTimeout",
        One,
        Server,
        "300",
        c"How long a session may be resumed ('N' seconds)",
        session::timeout,
    ),
    row(
        c"SSLSessionTicketKeyFile",
        One,
        Server,
        "random keys, new at each start",
        c"Key that session tickets are sealed with, file of 48 random bytes ('/path/to/file')",
        session::ticket_key_file,
    ),
    row(c"SSLSessionTickets", Flag, Server, "on", c"Session tickets ('on', 'off')", session::tickets),
    row(
        c"SSLStrictSNIVHostCheck",
        Flag,
        Server,
        "off",
        c"Whether name-based virtual hosts refuse clients without SNI ('on', 'off')",
        policy::strict_sni,
    ),
    row(
        c"SSLVHostSNIPolicy",
        One,
        Global,
        "secure",
        c"What virtual hosts must share to serve each other's requests ('strict', 'secure', 'authonly', 'insecure')",
        policy::sni_policy,
    ),
    row(
        c"SSLVerifyClient",
        One,
        AuthConfig,
        "none",
        c"Whether clients are asked for a certificate ('none', 'optional', 'require', 'optional_no_ca')",
        client::verify_client,
    ),
    row(
        c"SSLVerifyDepth",
        One,
        AuthConfig,
        "1",
        c"How many CAs there may be above a client's certificate ('N')",
        client::verify_depth,
    ),
];

/// httpd's form of the table.
#[repr(transparent)]
pub struct Commands([sys::command_rec; TABLE.len() + 1]);

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

const fn commands() -> [sys::command_rec; TABLE.len() + 1] {
    let mut commands = [command(&END); TABLE.len() + 1];
    let mut index = 0;
    while index < TABLE.len() {
        commands[index] = command(&TABLE[index]);
        index += 1;
    }
    commands[TABLE.len()].name = std::ptr::null();
    commands
}

/// Fills the array until its rows are set.
static END: Directive = row(c"", Raw, Server, "", c"", |_, _| Ok(()));

const fn command(directive: &'static Directive) -> sys::command_rec {
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
    if directive.context == Global
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
        let names: Vec<_> = TABLE.iter().map(|row| row.name.to_str().unwrap()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
        for row in TABLE {
            assert!(!row.help.is_empty() && !row.default.is_empty(), "{:?}", row.name);
        }
    }

    /// The table as docs/directives.md.
    fn document() -> String {
        let mut text = String::from(
            "# Directives\n\nGenerated from the table in `src/entry/directives.rs`; `UPDATE=1 cargo test document` writes it anew. \
             The meaning of each is that of mod_ssl 2.4, except for what [differences.md](differences.md) says. A directive of \
             mod_ssl that is not here is not built yet: httpd refuses it as an unknown command.\n\n\
             | Directive | Arguments | Context | Without it |\n|---|---|---|---|\n",
        );
        for row in TABLE {
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
        for (command, row) in COMMANDS.0.iter().zip(TABLE) {
            assert_eq!(command.name, row.name.as_ptr());
            assert_eq!(command.cmd_data.cast_const().cast(), std::ptr::from_ref(row));
        }
        assert!(COMMANDS.0[TABLE.len()].name.is_null());
    }
}
