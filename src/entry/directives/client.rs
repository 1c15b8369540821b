//! Directives about the certificates of clients.

use super::{Args, Complaint, Line};
use crate::config::dir::DirConfig;
use crate::config::verify::{self, VerifyClient};

/// `SSLVerifyClient`.
pub fn verify_client(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let parsed = VerifyClient::parse(line.name, &args.text(0), line.is_legacy());
    let value = Some(parsed.map_err(|error| error.to_string())?);
    if line.parms.is_directory() {
        line.dir.set(DirConfig { verify_client: value, ..line.dir.get() });
    } else {
        line.server.declared.borrow_mut().verify_client = value;
    }
    Ok(())
}

/// `SSLVerifyDepth`.
pub fn verify_depth(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let parsed = verify::parse_depth(line.name, &args.text(0));
    let value = Some(parsed.map_err(|error| error.to_string())?);
    if line.parms.is_directory() {
        line.dir.set(DirConfig { verify_depth: value, ..line.dir.get() });
    } else {
        line.server.declared.borrow_mut().verify_depth = value;
    }
    Ok(())
}
