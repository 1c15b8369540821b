//! Directives about certificates and keys.

use super::{Args, Complaint, Directive, Line, existing_file, row};
use crate::apr::pool::c_string;
use crate::config::pass_phrase::{self, Dialog, DialogError, Words};
use crate::config::token;
use crate::httpd::command::Arity::One;
use crate::httpd::command::Context::{Global, Server};
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLCertificateChainFile",
        One,
        Server,
        "none",
        c"Certificates of the CAs above the server's, PEM file ('/path/to/file')",
        chain_file,
    ),
    row(
        c"SSLCertificateFile",
        One,
        Server,
        "none",
        c"Server certificate, followed by its chain and perhaps its key, PEM file, or in a token ('/path/to/file', 'pkcs11:...')",
        certificate_file,
    ),
    row(
        c"SSLCertificateKeyFile",
        One,
        Server,
        "the key in SSLCertificateFile",
        c"Private key of the server certificate, file or in a token ('/path/to/file', 'pkcs11:...')",
        key_file,
    ),
    row(
        c"SSLPassPhraseDialog",
        One,
        Global,
        "builtin",
        c"How pass phrases of keys are asked for ('builtin', '|/path/to/program [arguments]', 'exec:/path/to/program')",
        pass_phrase_dialog,
    ),
];

/// Adds a file to a list. Most servers have one: room for more would be there for
/// each of thousands.
fn add(files: &mut Vec<PathBuf>, file: PathBuf) {
    files.reserve_exact(1);
    files.push(file);
}

/// `SSLCertificateFile`.
pub fn certificate_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = file_or_identifier(line, args.word(0).unwrap_or_default())?;
    add(&mut line.server.declared.borrow_mut().certificate_files, file);
    Ok(())
}

/// `SSLCertificateKeyFile`.
pub fn key_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = file_or_identifier(line, args.word(0).unwrap_or_default())?;
    add(&mut line.server.declared.borrow_mut().certificate_key_files, file);
    Ok(())
}

/// An identifier is resolved when the server starts.
fn file_or_identifier(line: &Line<'_>, argument: &CStr) -> Result<PathBuf, Complaint> {
    if token::is_identifier(argument.to_bytes()) {
        return Ok(OsStr::from_bytes(argument.to_bytes()).into());
    }
    existing_file(line, argument)
}

/// `SSLCertificateChainFile`.
pub fn chain_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().certificate_chain_file = Some(file);
    Ok(())
}

/// `SSLPassPhraseDialog`.
pub fn pass_phrase_dialog(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let dialog = parse_dialog(line, &args.text(0)).map_err(|error| error.to_string())?;
    line.server.global.borrow_mut().pass_phrase_dialog = dialog;
    Ok(())
}

fn parse_dialog(line: &Line<'_>, argument: &str) -> Result<Dialog, DialogError> {
    Ok(match pass_phrase::parse(argument)? {
        Words::Builtin => Dialog::Builtin,
        Words::Pipe(command) => Dialog::Pipe(command.to_owned()),
        Words::Program(path) => {
            let full = line.parms.server_root_relative(&c_string(path));
            let full = full.ok_or_else(|| DialogError::Path(path.to_owned()))?;
            if !full.exists() {
                return Err(DialogError::Missing(full.display().to_string()));
            }
            Dialog::Program(full)
        }
    })
}
