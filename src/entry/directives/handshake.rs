//! Directives about handshakes that take their time.

use super::{Args, Complaint, Directive, Line, row};
use crate::config::handshake;
use crate::httpd::command::Arity::One;
use crate::httpd::command::Context::Server;

/// The table of this subject.
pub const ROWS: &[Directive] = &[row(
    c"SSLHandshakeTimeout",
    One,
    Server,
    "15",
    c"How long a client may take from the connection to the end of its handshake ('N' seconds, 0 for no limit)",
    timeout,
)];

/// `SSLHandshakeTimeout`.
pub fn timeout(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let seconds =
        handshake::number(&args.text(0)).map_err(|complaint| format!("{}: {complaint}", line.name))?;
    line.server.declared.borrow_mut().handshake.timeout = Some(seconds);
    Ok(())
}
