//! Library errors, and others, in the error log.

use crate::httpd::Level;
use crate::httpd::Server;
use crate::httpd::log::LogTarget;
use crate::ossl::error::LibraryError;

/// Logs a message whose level is decided elsewhere.
pub fn message(server: Server<'_>, level: Level, message: &str) {
    server.log(level, format_args!("{message}"));
}

/// Logs each error of OpenSSL's queue on a line of its own, for the server.
pub fn library_errors(server: Server<'_>, level: Level, errors: &[LibraryError]) {
    for error in errors {
        server.log(level, format_args!("{}", error.to_line()));
    }
}
