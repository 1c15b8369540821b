//! Verification of a client's certificate: stores of CAs and lists of revoked certificates, and what
//! OpenSSL asks while it verifies.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::asn1::Asn1Time;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509Crl, X509Name, X509Ref, X509StoreContextRef};
use openssl_sys as sys;

use super::callback::trampoline;
use super::ctx::{SslCtxRef, Verify};
use super::error::{self, LibraryError};
use super::ffi;
use super::load::MemoryBio;
use super::ssl::SslRef;

/// One step of a verification.
pub struct VerifyStep<'v> {
    /// OpenSSL has no objection.
    pub ok: bool,
    /// The number of its objection (`X509_V_ERR_...`), or that of an earlier one.
    pub error: i32,
    /// The place in the chain, 0 is the client's certificate.
    pub depth: u32,
    /// The certificate.
    pub certificate: Option<&'v X509Ref>,
}

/// The end of a verification.
pub struct VerifyEnd<'v> {
    /// It succeeded.
    pub ok: bool,
    /// Its number (`X509_V_...`).
    pub error: i32,
    /// The chain, as far as it could be built: the client's certificate first.
    pub chain: &'v X509StoreContextRef,
}

/// What becomes of the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyAnswer {
    /// It goes on, or succeeds.
    pub accept: bool,
    /// The number that stays, and decides the alert.
    pub error: i32,
}

/// A number that OpenSSL has no alert for: it sends certificate_unknown.
pub const WITHOUT_ALERT: i32 = -1;

/// Certificates of CAs and lists of revoked certificates; shared by connections.
pub struct VerifyStore(X509Store);

/// A store in the making.
pub struct StoreDraft(X509StoreBuilder);

impl StoreDraft {
    /// An empty store.
    ///
    /// # Errors
    /// No memory.
    pub fn new() -> Result<Self, Vec<LibraryError>> {
        X509StoreBuilder::new().map(Self).map_err(|errors| error::from_stack(&errors))
    }

    /// Adds the certificates of a file.
    ///
    /// # Errors
    /// OpenSSL's reasons; there must be at least one.
    pub fn add_file(&self, file: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: the store is alive, and so is the name.
        error::check(unsafe { ffi::X509_STORE_load_file(self.0.as_ptr(), file.as_ptr()) })
    }

    /// Adds a certificate.
    ///
    /// # Errors
    /// No memory.
    pub fn add_certificate(&mut self, certificate: &X509Ref) -> Result<(), Vec<LibraryError>> {
        self.0.add_cert(certificate.to_owned()).map_err(|errors| error::from_stack(&errors))
    }

    /// Looks certificates up in a directory made by `openssl rehash`.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn add_directory(&self, directory: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: the store is alive, and so is the name.
        error::check(unsafe { ffi::X509_STORE_load_path(self.0.as_ptr(), directory.as_ptr()) })
    }

    /// Adds a list of revoked certificates.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn add_crl(&self, crl: &X509Crl) -> Result<(), Vec<LibraryError>> {
        error::clear();
        // SAFETY: the store is alive, and counts its own reference to the list.
        error::check(unsafe {
            ffi::X509_STORE_add_crl(self.0.as_ptr(), foreign_types::ForeignType::as_ptr(crl))
        })
    }

    /// Looks at lists of revoked certificates: for the client's certificate, or for the whole chain.
    ///
    /// # Errors
    /// No memory.
    pub fn check_revocation(&mut self, whole_chain: bool) -> Result<(), Vec<LibraryError>> {
        let mut flags = X509VerifyFlags::CRL_CHECK;
        if whole_chain {
            flags |= X509VerifyFlags::CRL_CHECK_ALL;
        }
        self.0.set_flags(flags).map_err(|errors| error::from_stack(&errors))
    }

    /// The store.
    #[must_use]
    pub fn build(self) -> VerifyStore {
        VerifyStore(self.0.build())
    }
}

/// All lists of revoked certificates in a PEM text; other blocks are passed over.
///
/// # Errors
/// OpenSSL's reasons: the first list that it cannot read.
pub fn crls(pem: &[u8]) -> Result<Vec<X509Crl>, Vec<LibraryError>> {
    error::clear();
    let bio = MemoryBio::new(pem).ok_or_else(error::drain)?;
    let mut found = Vec::new();
    while let Some(crl) = bio.crl() {
        found.push(crl);
    }
    // The end of the file is where no further block starts. Anything else is a broken list, also where OpenSSL
    // has nothing to say about it.
    let errors = error::drain();
    if errors.last().is_some_and(LibraryError::is_no_start_line) { Ok(found) } else { Err(errors) }
}

/// Seconds from now until the next list of the same issuer is due; negative when that is over, `None` when the
/// list does not say.
#[must_use]
pub fn seconds_left(crl: &X509Crl) -> Option<i64> {
    let now = Asn1Time::days_from_now(0).ok()?;
    let left = now.diff(crl.next_update()?).ok()?;
    Some(i64::from(left.days) * 86_400 + i64::from(left.secs))
}

/// Whether a certificate is neither expired nor not valid yet.
#[must_use]
pub fn is_timely(certificate: &X509Ref) -> bool {
    Asn1Time::days_from_now(0)
        .is_ok_and(|now| certificate.not_before() <= &*now && certificate.not_after() > &*now)
}

/// When the first certificate of a chain expires, in seconds since 1970. `None` if there is no certificate, or one
/// that does not say.
#[must_use]
pub fn chain_end(chain: &X509StoreContextRef) -> Option<i64> {
    let epoch = Asn1Time::from_unix(0).ok()?;
    let ends = chain.chain()?.iter().map(|certificate| {
        let end = epoch.diff(certificate.not_after()).ok()?;
        Some(i64::from(end.days) * 86_400 + i64::from(end.secs))
    });
    ends.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// Names of CAs, each once.
pub struct CaNames(Stack<X509Name>);

impl CaNames {
    /// No names.
    ///
    /// # Errors
    /// No memory.
    pub fn new() -> Result<Self, Vec<LibraryError>> {
        error::clear();
        Stack::new().map(Self).map_err(|errors| error::from_stack(&errors))
    }

    /// Adds the subjects of all certificates in a file.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn add_file(&mut self, file: &CStr) -> Result<(), Vec<LibraryError>> {
        error::clear();
        let names = self.0.as_ptr();
        // SAFETY: the list is this value's, and owns what is added to it.
        error::check(unsafe { ffi::SSL_add_file_cert_subjects_to_stack(names, file.as_ptr()) })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl SslCtxRef {
    /// Loads certificates of CAs, from which chains of this side's certificates are built as well.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn load_authorities(
        &self,
        file: Option<&CStr>,
        path: Option<&CStr>,
    ) -> Result<(), Vec<LibraryError>> {
        error::clear();
        let text = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: a borrowed context is alive, and so are the names.
        error::check(unsafe { sys::SSL_CTX_load_verify_locations(self.as_ptr(), text(file), text(path)) })
    }

    /// Sends these names when it asks for a certificate.
    pub fn set_ca_names(&self, names: CaNames) {
        let list = names.0.as_ptr();
        std::mem::forget(names);
        // SAFETY: a borrowed context is alive; it owns the list from here on.
        unsafe { sys::SSL_CTX_set_client_CA_list(self.as_ptr(), list) };
    }

    /// Says whether peers are asked for a certificate, and has verification told to the context's
    /// [`ServerEvents`](super::callback::ServerEvents).
    pub fn verify_with_events(&self, verify: Verify) {
        // SAFETY: a borrowed context is alive, and the function has the signature of its callback.
        unsafe { sys::SSL_CTX_set_verify(self.as_ptr(), verify.bits(), Some(trampoline::verify_step)) };
        let end: unsafe extern "C" fn(*mut sys::X509_STORE_CTX, *mut c_void) -> c_int =
            trampoline::verify_end;
        // SAFETY: as above.
        unsafe { ffi::SSL_CTX_set_cert_verify_callback(self.as_ptr(), Some(end), ptr::null_mut()) };
    }
}

impl SslRef {
    /// Verifies the peer by this store in place of the context's. To be said again after
    /// [`set_ctx`](Self::set_ctx).
    pub fn set_verify_store(&self, store: &VerifyStore) -> bool {
        // The number 1 says that OpenSSL is to count its own reference.
        self.ctrl(ffi::SSL_CTRL_SET_VERIFY_CERT_STORE, 1, store.0.as_ptr().cast()) == 1
    }
}
