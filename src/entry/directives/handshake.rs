//! Directives about clients that take their time.

use super::{Args, Complaint, Directive, Line, row};
use crate::config::handshake;
use crate::httpd::command::Arity::{Flag, One};
use crate::httpd::command::Context::{Global, Server};

/// The table of this subject.
pub const ROWS: &[Directive] = &[
    row(
        c"SSLAsyncHandshake",
        Flag,
        Server,
        "on",
        c"Whether handshakes give their thread back while they wait for the client, where the MPM can do that ('on', 'off')",
        without_thread,
    ),
    row(
        c"SSLAsyncOutput",
        Flag,
        Server,
        "on",
        c"Whether responses give their thread back while they wait until the client takes more, where the MPM can do that ('on', 'off')",
        async_output,
    ),
    row(
        c"SSLHandshakeTimeout",
        One,
        Server,
        "15",
        c"How long a client may take from the connection to the end of its handshake ('N' seconds, 0 for no limit)",
        timeout,
    ),
    row(
        c"SSLMaxHandshakes",
        One,
        Global,
        "no limit",
        c"How many handshakes a process has at once; connections beyond that are closed ('N', 0 for no limit)",
        most,
    ),
];

/// `SSLHandshakeTimeout`.
pub fn timeout(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().handshake.timeout = Some(number(line, args)?);
    Ok(())
}

/// `SSLMaxHandshakes`.
pub fn most(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.global.borrow_mut().max_handshakes = number(line, args)?;
    Ok(())
}

fn number(line: &Line<'_>, args: Args<'_>) -> Result<u32, Complaint> {
    handshake::number(&args.text(0)).map_err(|complaint| format!("{}: {complaint}", line.name))
}

/// `SSLAsyncHandshake`.
pub fn without_thread(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().handshake.without_thread = Some(args.is_on());
    Ok(())
}

/// `SSLAsyncOutput`.
pub fn async_output(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    line.server.declared.borrow_mut().async_output = Some(args.is_on());
    Ok(())
}
