//! Certificates and keys from files.

use super::error::{self, LibraryError};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::path::Path;
use zeroize::Zeroizing;

/// Why there is no certificate.
#[derive(Debug)]
pub enum CertificateError {
    /// The file cannot be read.
    Unreadable(std::io::Error),
    /// It holds no PEM certificate, or a broken one.
    Malformed(Vec<LibraryError>),
}

/// Why there is no key.
#[derive(Debug)]
pub enum KeyError {
    /// The file cannot be read.
    Unreadable(std::io::Error),
    /// The key is protected by a pass phrase.
    Encrypted,
    /// It holds no key in a known form.
    NotFound(Vec<LibraryError>),
}

/// The certificates of a PEM file: the leaf first, then its chain.
///
/// # Errors
/// See [`CertificateError`]; also when there is none.
pub fn certificates(path: &Path) -> Result<Vec<X509>, CertificateError> {
    let pem = std::fs::read(path).map_err(CertificateError::Unreadable)?;
    error::clear();
    // The first one on its own: a file without any is an error with a reason.
    X509::from_pem(&pem).map_err(|errors| CertificateError::Malformed(from_stack(&errors)))?;
    X509::stack_from_pem(&pem).map_err(|errors| CertificateError::Malformed(from_stack(&errors)))
}

/// The private key of a file: PEM, DER in base64 without header lines, or DER.
/// Never asks for a pass phrase.
///
/// # Errors
/// See [`KeyError`].
pub fn private_key(path: &Path) -> Result<PKey<Private>, KeyError> {
    let bytes = Zeroizing::new(std::fs::read(path).map_err(KeyError::Unreadable)?);
    parse_private_key(&bytes)
}

fn parse_private_key(bytes: &[u8]) -> Result<PKey<Private>, KeyError> {
    error::clear();
    let mut asked = false;
    let from_pem = PKey::private_key_from_pem_callback(bytes, |_| {
        asked = true;
        Ok(0)
    });
    let errors = match from_pem {
        Ok(key) => return Ok(key),
        Err(_) if asked => {
            error::clear();
            return Err(KeyError::Encrypted);
        }
        Err(errors) => from_stack(&errors),
    };
    let found = base64_der(bytes)
        .and_then(|der| PKey::private_key_from_der(&der).ok())
        .or_else(|| PKey::private_key_from_der(bytes).ok());
    error::clear();
    found.ok_or(KeyError::NotFound(errors))
}

/// Decodes text that is nothing but base64 in lines.
fn base64_der(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let joined: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    openssl::base64::decode_block(&joined).ok().map(Zeroizing::new)
}

/// The errors of the `openssl` crate as ours.
fn from_stack(stack: &ErrorStack) -> Vec<LibraryError> {
    stack
        .errors()
        .iter()
        .map(|error| LibraryError {
            code: error.code(),
            text: format!(
                "error:{:08X}:{}::{}",
                error.code(),
                error.library().unwrap_or("lib(0)"),
                error.reason().unwrap_or("reason(0)")
            ),
            data: error.data().filter(|data| !data.is_empty()).map(str::to_owned),
        })
        .collect()
}
