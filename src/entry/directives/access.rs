//! Directives about access control.

use super::{Args, Complaint, Directive, Line, row};
use crate::httpd::command::Arity::{One, Raw};
use crate::httpd::command::Context::{AuthConfig, Directory};
use crate::httpd::expr::Expression;

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLRequire",
        Raw,
        Directory,
        "none",
        c"What must be true of requests, an expression; several lines must all be true",
        require,
    ),
    row(c"SSLRequireSSL", Raw, Directory, "off", c"Refuses requests without TLS (no arguments)", require_ssl),
    row(
        c"SSLUserName",
        One,
        AuthConfig,
        "none",
        c"Variable whose value is the name of the user ('SSL_CLIENT_S_DN_CN', ...)",
        user_name,
    ),
];

/// `SSLRequireSSL`. Words behind it have never meant anything.
pub fn require_ssl(line: &Line<'_>, _args: Args<'_>) -> Result<(), Complaint> {
    let mut dir = line.dir.get();
    dir.require_ssl = true;
    line.dir.set(dir);
    Ok(())
}

/// `SSLRequire`.
pub fn require(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let Args::Raw(text) = args else { return Err(format!("{} takes an expression", line.name)) };
    let expression =
        Expression::parse(line.parms, text).map_err(|complaint| format!("{}: {complaint}", line.name))?;
    line.dir.require(line.parms, expression, text);
    Ok(())
}

/// `SSLUserName`.
pub fn user_name(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.dir.set_user_name(line.parms, args.word(0).unwrap_or_default());
    Ok(())
}
