//! Directives about certificates and keys.

use super::{Args, Complaint, Line, existing_file};

/// `SSLCertificateFile`.
pub fn certificate_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().certificate_files.push(file);
    Ok(())
}

/// `SSLCertificateKeyFile`.
pub fn key_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().certificate_key_files.push(file);
    Ok(())
}

/// `SSLCertificateChainFile`.
pub fn chain_file(line: &Line<'_>, args: Args<'_>) -> Result<(), Complaint> {
    let file = existing_file(line, args.word(0).unwrap_or_default())?;
    line.server.declared.borrow_mut().certificate_chain_file = Some(file);
    Ok(())
}
