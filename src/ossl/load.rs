//! Certificates and keys from files. Nothing here ever asks for a pass phrase.

use std::ffi::{c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr::{self, NonNull};

use foreign_types::ForeignType;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Crl};
use openssl_sys as sys;
use zeroize::{Zeroize, Zeroizing};

use super::error::{self, LibraryError};
use super::ffi;

/// No certificate or key file is larger.
const MOST: usize = 64 << 20;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It holds no PEM certificate (then the errors say "no start line"), or a broken one.
    #[error("there is no certificate, or a broken one")]
    Malformed(Vec<LibraryError>),
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, or is not a regular file.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// There is a key, but a pass phrase protects it, and none was given, or a wrong one.
    #[error("the key is encrypted")]
    Encrypted,
    /// There is no key in a form that is known.
    #[error("there is no key")]
    NotFound(Vec<LibraryError>),
}

/// The certificates of a PEM file: the leaf first, then its chain.
///
/// # Errors
/// See [`CertificateError`]; never an empty list.
pub fn certificates(path: &Path) -> Result<Vec<X509>, CertificateError> {
    // Keys are often in the same file.
    let pem = read_secret(path).map_err(CertificateError::Unreadable)?;
    certificates_from_pem(&pem).map_err(CertificateError::Malformed)
}

/// [`certificates`] for the contents of a file.
///
/// # Errors
/// The reasons, "no start line" if there is no certificate at all. There may be none for a broken one.
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<X509>, Vec<LibraryError>> {
    error::clear();
    let bio = MemoryBio::new(pem).ok_or_else(error::drain)?;
    // The leaf may also be a "TRUSTED CERTIFICATE".
    let leaf = bio.certificate(ffi::PEM_read_bio_X509_AUX);
    let mut found = vec![leaf.ok_or_else(error::drain)?];
    while let Some(cert) = bio.certificate(sys::PEM_read_bio_X509) {
        found.push(cert);
    }
    // The end of the file is where no further block starts. Anything else is a broken certificate, also
    // where OpenSSL has nothing to say about it.
    let errors = error::drain();
    if errors.last().is_some_and(LibraryError::is_no_start_line) { Ok(found) } else { Err(errors) }
}

/// The private key of a file: PEM, DER in base64 without header lines, or DER.
///
/// # Errors
/// See [`KeyError`].
pub fn private_key(path: &Path) -> Result<PKey<Private>, KeyError> {
    let bytes = read_key_file(path).map_err(KeyError::Unreadable)?;
    private_key_from_bytes(&bytes, None)
}

/// The key of a PEM file that no pass phrase protects, or an empty one.
#[must_use]
pub fn plain_pem_key(bytes: &[u8]) -> Option<PKey<Private>> {
    error::clear();
    let key = PKey::private_key_from_pem_callback(bytes, |_| Ok(0)).ok();
    error::clear();
    key
}

/// [`private_key`] for the contents of a file.
///
/// # Errors
/// See [`KeyError`], except `Unreadable`.
pub fn private_key_from_bytes(bytes: &[u8], phrase: Option<&[u8]>) -> Result<PKey<Private>, KeyError> {
    error::clear();
    let mut asked = false;
    let mut answer = |buffer: &mut [u8]| {
        asked = true;
        Ok(put_phrase(phrase, buffer))
    };
    let errors = match PKey::private_key_from_pem_callback(bytes, &mut answer) {
        Ok(key) => return Ok(key),
        Err(errors) => error::from_stack(&errors),
    };
    let found = base64_der(bytes)
        .and_then(|der| PKey::private_key_from_der(&der).ok())
        .or_else(|| PKey::private_key_from_der(bytes).ok())
        .or_else(|| PKey::private_key_from_pkcs8_callback(bytes, &mut answer).ok());
    error::clear();
    match found {
        Some(key) => Ok(key),
        None if asked => Err(KeyError::Encrypted),
        None => Err(KeyError::NotFound(errors)),
    }
}

/// How many bytes of the phrase are in the buffer: all of them, or none if it does not fit.
fn put_phrase(phrase: Option<&[u8]>, buffer: &mut [u8]) -> usize {
    let phrase = phrase.unwrap_or_default();
    match buffer.get_mut(..phrase.len()) {
        Some(place) => {
            place.copy_from_slice(phrase);
            phrase.len()
        }
        None => 0,
    }
}

/// Decodes text that is nothing but base64 in lines.
fn base64_der(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    joined.extend(text.split_ascii_whitespace());
    if joined.is_empty() {
        return None;
    }
    openssl::base64::decode_block(&joined).ok().map(Zeroizing::new)
}

/// The contents of a key file.
///
/// # Errors
/// It cannot be read, or is not a regular file.
pub fn read_key_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    read_secret(path)
}

/// Reads a file into memory that is wiped afterwards, without leaving copies on the way.
///
/// # Errors
/// What reading gives.
pub fn read_secret(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = File::open(path)?;
    // The size is a hint: a file can grow, and some say 0.
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(MOST);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.max(512) + 1));
    let mut piece = Zeroizing::new([0_u8; 4096]);
    loop {
        let count = file.read(&mut *piece)?;
        if count == 0 {
            return Ok(bytes);
        }
        if bytes.len() + count > MOST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 64 MB"));
        }
        if bytes.capacity() - bytes.len() < count {
            // Growing in place would leave the old copy behind.
            let mut larger = Vec::with_capacity(2 * bytes.capacity() + count);
            larger.extend_from_slice(&bytes);
            bytes = Zeroizing::new(larger);
        }
        bytes.extend_from_slice(&piece[..count]);
        piece.zeroize();
    }
}

type ReadCertificate = unsafe extern "C" fn(
    *mut sys::BIO,
    *mut *mut sys::X509,
    sys::pem_password_cb,
    *mut c_void,
) -> *mut sys::X509;

/// A BIO that reads from memory.
pub(super) struct MemoryBio<'m>(NonNull<sys::BIO>, PhantomData<&'m [u8]>);

impl<'m> MemoryBio<'m> {
    pub(super) fn new(bytes: &'m [u8]) -> Option<Self> {
        let length = c_int::try_from(bytes.len()).ok()?;
        // SAFETY: the BIO only reads, and does not outlive the bytes: its type borrows them.
        let bio = unsafe { sys::BIO_new_mem_buf(bytes.as_ptr().cast(), length) };
        NonNull::new(bio).map(|bio| MemoryBio(bio, PhantomData))
    }

    pub(super) fn as_ptr(&self) -> *mut sys::BIO {
        self.0.as_ptr()
    }

    fn certificate(&self, read: ReadCertificate) -> Option<X509> {
        // SAFETY: the BIO is alive. NULL asks for a new certificate; without the callback OpenSSL would
        // ask for a pass phrase on the terminal.
        let cert = unsafe { read(self.as_ptr(), ptr::null_mut(), Some(no_phrase), ptr::null_mut()) };
        let cert = NonNull::new(cert)?;
        // SAFETY: the certificate was made for the caller.
        Some(unsafe { X509::from_ptr(cert.as_ptr()) })
    }

    /// The next list of revoked certificates.
    pub(super) fn crl(&self) -> Option<X509Crl> {
        // SAFETY: as in `certificate`.
        let crl = unsafe {
            sys::PEM_read_bio_X509_CRL(self.as_ptr(), ptr::null_mut(), Some(no_phrase), ptr::null_mut())
        };
        let crl = NonNull::new(crl)?;
        // SAFETY: the list was made for the caller.
        Some(unsafe { X509Crl::from_ptr(crl.as_ptr()) })
    }
}

impl Drop for MemoryBio<'_> {
    fn drop(&mut self) {
        // SAFETY: this value owns the BIO.
        unsafe { sys::BIO_free_all(self.0.as_ptr()) };
    }
}

/// A pass-phrase callback that has none.
unsafe extern "C" fn no_phrase(_: *mut c_char, _: c_int, _: c_int, _: *mut c_void) -> c_int {
    -1
}
