//! Identities: a certificate, its key and what is sent after it.

use std::ffi::c_int;
use std::sync::Arc;

use foreign_types::ForeignTypeRef;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private};
use openssl::stack::{Stack, StackRef};
use openssl::x509::{X509, X509Ref};

use super::ctx::identity::stack_of;
use super::engine::Engine;
use super::error::{self, LibraryError};
use super::ffi;
use super::ssl::SslRef;

/// Why certificate and key do not make an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key is not that of the certificate.
    #[error("certificate and key do not match")]
    Mismatch(Vec<LibraryError>),
    /// No memory.
    #[error("the chain could not be stored")]
    Chain(Vec<LibraryError>),
}

/// A certificate with its key and chain, which fit together. It does not change, so that any number of
/// connections and threads may share it.
pub struct Identity {
    cert: X509,
    key: PKey<Private>,
    chain: Option<Stack<X509>>,
    /// What the key needs; the last to go.
    _engine: Option<Arc<Engine>>,
}

impl Identity {
    /// Puts an identity together.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn new(cert: &X509Ref, key: PKey<Private>, chain: &[X509]) -> Result<Self, IdentityError> {
        check_key(cert, &key).map_err(IdentityError::Mismatch)?;
        let chain = stack_of(chain).map_err(IdentityError::Chain)?;
        Ok(Identity { cert: cert.to_owned(), key, chain, _engine: None })
    }

    /// Keeps an engine as long as the identity, whose key needs it.
    #[must_use]
    pub fn with_engine(self, engine: Option<Arc<Engine>>) -> Self {
        Identity { _engine: engine, ..self }
    }

    /// The kind of key (`EVP_PKEY_...`), as lists of signature algorithms name it.
    #[must_use]
    pub fn signature_key(&self) -> Nid {
        Nid::from_raw(self.key_type().as_raw())
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &X509Ref {
        &self.cert
    }

    /// The kind of key. A connection has one identity of each kind.
    #[must_use]
    pub fn key_type(&self) -> Id {
        self.key.id()
    }

    /// The key.
    pub(super) fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// What is sent after the certificate.
    pub(super) fn chain(&self) -> Option<&StackRef<X509>> {
        self.chain.as_deref()
    }

    /// Lets the connection show this identity. It replaces one with the same kind of key.
    ///
    /// # Errors
    /// OpenSSL's reasons, for instance a key that is too small for the security level.
    pub fn install(&self, ssl: &SslRef) -> Result<(), Vec<LibraryError>> {
        ssl.use_parts(&self.cert, &self.key, self.chain.as_deref())
    }
}

/// Compares the key with that in the certificate (`X509_check_private_key`).
pub(super) fn check_key<T>(cert: &X509Ref, key: &PKeyRef<T>) -> Result<(), Vec<LibraryError>> {
    error::clear();
    // SAFETY: a borrowed certificate and key are alive. Only compares.
    let done: c_int = unsafe { ffi::X509_check_private_key(cert.as_ptr(), key.as_ptr()) };
    error::check(done)
}
