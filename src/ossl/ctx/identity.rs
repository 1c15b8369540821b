//! Certificates, keys and chains of a context.

use std::ffi::c_long;
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::pkey::{HasPrivate, PKeyRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::{X509, X509Ref};
use openssl_sys as sys;

use super::SslCtxRef;
use crate::ossl::error::{self, LibraryError};
use crate::ossl::ffi;
use crate::ossl::identity::{Identity, check_key};

/// Why a key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not that of the certificate.
    #[error("certificate and key do not match")]
    Mismatch(Vec<LibraryError>),
    /// OpenSSL refuses it, for instance because it is too small for the security level.
    #[error("the key was refused")]
    Refused(Vec<LibraryError>),
}

/// Which part of an identity was refused.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The certificate, or one of its chain.
    #[error("the certificate was refused")]
    Certificate(Vec<LibraryError>),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl SslCtxRef {
    /// Adds an identity, or replaces the one of the same key type: [`use_certificate`](Self::use_certificate)
    /// with its own chain, then [`use_key`](Self::use_key).
    ///
    /// # Errors
    /// Which part was refused. Parts accepted before it stay in the context.
    pub fn install<T: HasPrivate>(
        &self,
        cert: &X509Ref,
        key: &PKeyRef<T>,
        chain: &[X509],
    ) -> Result<(), InstallError> {
        self.use_certificate(cert, Some(chain)).map_err(InstallError::Certificate)?;
        Ok(self.use_key(cert, key)?)
    }

    /// Adds an identity for all connections, or replaces the one of the same key type
    /// (`SSL_CTX_use_cert_and_key`).
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn add_identity(&self, identity: &Identity) -> Result<(), Vec<LibraryError>> {
        error::clear();
        let chain = identity.chain().map_or(ptr::null_mut(), StackRef::as_ptr);
        let (cert, key) = (identity.certificate().as_ptr(), identity.key().as_ptr());
        // SAFETY: a borrowed context is alive, and so are the parts of the identity; OpenSSL counts its own
        // references to them.
        error::check(unsafe { ffi::SSL_CTX_use_cert_and_key(self.as_ptr(), cert, key, chain, 1) })
    }

    /// Adds a certificate, or replaces the one of the same key type.
    ///
    /// `own_chain` replaces what is sent after this certificate. If that is empty, the context's extra
    /// chain is sent ([`add_extra_chain`](Self::add_extra_chain)), and without one what the library finds
    /// in its store.
    ///
    /// # Errors
    /// OpenSSL's reasons, for instance a key that is too small for the security level.
    pub fn use_certificate(
        &self,
        cert: &X509Ref,
        own_chain: Option<&[X509]>,
    ) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: a borrowed context and certificate are alive; OpenSSL counts its own reference.
        error::check(unsafe { sys::SSL_CTX_use_certificate(self.as_ptr(), cert.as_ptr()) })?;
        own_chain.map_or(Ok(()), |chain| self.set_chain(chain))
    }

    /// Adds the key of the certificate that was added last.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn use_key<T: HasPrivate>(&self, cert: &X509Ref, key: &PKeyRef<T>) -> Result<(), KeyError> {
        // OpenSSL would put a key of another type beside the certificate without a word, so it is compared
        // first.
        check_key(cert, key).map_err(KeyError::Mismatch)?;
        // SAFETY: a borrowed context and key are alive; OpenSSL counts its own reference.
        let done = unsafe { sys::SSL_CTX_use_PrivateKey(self.as_ptr(), key.as_ptr()) };
        error::check(done).map_err(KeyError::Refused)
    }

    /// Sets the chain of the certificate that was added last (`SSL_CTX_set1_chain`).
    fn set_chain(&self, chain: &[X509]) -> Result<(), Vec<LibraryError>> {
        let stack = stack_of(chain)?;
        let raw = stack.as_ref().map_or(ptr::null_mut(), |stack| stack.as_ptr());
        // The number 1 says that OpenSSL is to count its own references.
        error::check(self.ctrl(ffi::SSL_CTRL_CHAIN, 1, raw.cast()))
    }

    /// Adds a certificate that is sent after every certificate which has no chain of its own
    /// (`SSL_CTX_add_extra_chain_cert`).
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn add_extra_chain(&self, cert: X509) -> Result<(), Vec<LibraryError>> {
        error::clear();
        error::check(self.ctrl(ffi::SSL_CTRL_EXTRA_CHAIN_CERT, 0, cert.as_ptr().cast()))?;
        // The context owns the reference now.
        std::mem::forget(cert);
        Ok(())
    }

    /// The certificates that were added, one for each key type, each with its issuer if that is known: from
    /// its own chain, the extra chain, or the store. The first certificate is the current one afterwards.
    #[must_use]
    pub fn certificates(&self) -> Vec<(X509, Option<X509>)> {
        let mut certs = Vec::new();
        let mut more = self.select_certificate(ffi::SSL_CERT_SET_FIRST);
        while more {
            // SAFETY: a borrowed context is alive. The certificate is the context's.
            let cert = unsafe { sys::SSL_CTX_get0_certificate(self.as_ptr()) };
            // SAFETY: `cert` is NULL or alive.
            if let Some(cert) = unsafe { owned_cert(cert) } {
                let issuer = self.issuer_of(&cert);
                certs.push((cert, issuer));
            }
            more = self.select_certificate(ffi::SSL_CERT_SET_NEXT);
        }
        self.select_certificate(ffi::SSL_CERT_SET_FIRST);
        error::clear();
        certs
    }

    /// The issuer of an identity's certificate, if that is known: from its chain, or the store.
    #[must_use]
    pub fn issuer(&self, identity: &Identity) -> Option<X509> {
        let cert = identity.certificate();
        let chain = identity.chain().map_or(ptr::null_mut(), StackRef::as_ptr);
        issuer_in(chain.cast(), cert).or_else(|| self.issuer_in_store(cert))
    }

    /// The issuer of the certificate, which is the current one.
    fn issuer_of(&self, cert: &X509Ref) -> Option<X509> {
        [ffi::SSL_CTRL_GET_CHAIN_CERTS, sys::SSL_CTRL_GET_EXTRA_CHAIN_CERTS]
            .into_iter()
            .find_map(|list| {
                let mut stack: *mut sys::OPENSSL_STACK = ptr::null_mut();
                self.ctrl(list, 0, (&raw mut stack).cast());
                issuer_in(stack, cert)
            })
            .or_else(|| self.issuer_in_store(cert))
    }

    /// The issuer among the authorities of the context.
    fn issuer_in_store(&self, cert: &X509Ref) -> Option<X509> {
        // SAFETY: a borrowed context is alive, and its store with it.
        let store = unsafe { sys::SSL_CTX_get_cert_store(self.as_ptr()) };
        let search = openssl::x509::X509StoreContext::new().ok()?;
        let mut issuer = ptr::null_mut();
        // SAFETY: the store lives as long as the context, longer than the search.
        let ready =
            unsafe { sys::X509_STORE_CTX_init(search.as_ptr(), store, ptr::null_mut(), ptr::null_mut()) };
        if ready != 1 {
            return None;
        }
        // SAFETY: the search is prepared; the place is ours.
        let found =
            unsafe { ffi::X509_STORE_CTX_get1_issuer(&raw mut issuer, search.as_ptr(), cert.as_ptr()) };
        // SAFETY: initialised above.
        unsafe { sys::X509_STORE_CTX_cleanup(search.as_ptr()) };
        // SAFETY: the reference was counted for the caller.
        (found == 1 && !issuer.is_null()).then(|| unsafe { X509::from_ptr(issuer) })
    }

    /// Whether the certificate that was added last is there and has its key.
    ///
    /// # Errors
    /// What is missing.
    pub fn check_private_key(&self) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: a borrowed context is alive.
        error::check(unsafe { sys::SSL_CTX_check_private_key(self.as_ptr()) })
    }

    /// [`check_private_key`](Self::check_private_key) without the reasons.
    #[must_use]
    pub fn has_key_pair(&self) -> bool {
        self.check_private_key().is_ok()
    }

    fn select_certificate(&self, which: c_long) -> bool {
        self.ctrl(ffi::SSL_CTRL_SET_CURRENT_CERT, which, ptr::null_mut()) > 0
    }
}

/// The issuer of the certificate in a list: NULL, or a live stack of certificates.
fn issuer_in(stack: *mut sys::OPENSSL_STACK, cert: &X509Ref) -> Option<X509> {
    // SAFETY: the callers pass lists that their context or identity keeps alive; NULL has no entries.
    let count = unsafe { sys::OPENSSL_sk_num(stack) };
    (0..count).find_map(|index| {
        // SAFETY: the index is below the stack's length.
        let candidate = unsafe { sys::OPENSSL_sk_value(stack, index) };
        // SAFETY: a stack of X509 holds those.
        let candidate = unsafe { owned_cert(candidate.cast()) }?;
        // SAFETY: both are alive. X509_V_OK is 0.
        let fits = unsafe { sys::X509_check_issued(candidate.as_ptr(), cert.as_ptr()) } == 0;
        fits.then_some(candidate)
    })
}

/// An OpenSSL stack of the certificates; none for an empty slice.
pub(in crate::ossl) fn stack_of(certs: &[X509]) -> Result<Option<Stack<X509>>, Vec<LibraryError>> {
    if certs.is_empty() {
        return Ok(None);
    }
    let mut stack = Stack::new().map_err(|errors| error::from_stack(&errors))?;
    for cert in certs {
        let pushed = stack.push(cert.clone());
        pushed.map_err(|errors| error::from_stack(&errors))?;
    }
    Ok(Some(stack))
}

/// Counts one more reference to a certificate.
///
/// # Safety
/// `cert` is NULL or a live certificate.
pub(in crate::ossl) unsafe fn owned_cert(cert: *mut sys::X509) -> Option<X509> {
    if cert.is_null() {
        return None;
    }
    // SAFETY: the caller promises a live certificate.
    unsafe { sys::X509_up_ref(cert) };
    // SAFETY: the reference counted above is given away.
    Some(unsafe { X509::from_ptr(cert) })
}
