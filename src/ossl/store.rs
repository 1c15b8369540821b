//! Keys and certificates by URI (`OSSL_STORE`): from the providers that serve its scheme.

use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

use foreign_types::ForeignType;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::error::{self, LibraryError};
use super::ffi::{self, StoreCtx, StoreInfo};
use super::ui::{self, Prompter};

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nobody serves the scheme, or there is nothing by that name.
    #[error("the URI cannot be opened")]
    Open(Vec<LibraryError>),
    /// There is no object of the wanted type, or it cannot be read.
    #[error("there is no such object")]
    Missing(Vec<LibraryError>),
}

/// An object that is not of the wanted type, or broken, is passed over; so many of them.
const MOST: usize = 1000;

/// The first private key.
///
/// # Errors
/// See [`StoreError`].
pub fn key(uri: &CStr, prompter: &mut dyn Prompter) -> Result<PKey<Private>, StoreError> {
    first(uri, prompter, ffi::OSSL_STORE_INFO_PKEY, |info| {
        // SAFETY: the object is alive and of this type; gives a reference.
        let key = NonNull::new(unsafe { ffi::OSSL_STORE_INFO_get1_PKEY(info.0.as_ptr()) })?;
        // SAFETY: the reference is given away.
        Some(unsafe { PKey::from_ptr(key.as_ptr()) })
    })
}

/// The first certificate.
///
/// # Errors
/// See [`StoreError`].
pub fn certificate(uri: &CStr, prompter: &mut dyn Prompter) -> Result<X509, StoreError> {
    first(uri, prompter, ffi::OSSL_STORE_INFO_CERT, |info| {
        // SAFETY: the object is alive and of this type; gives a reference.
        let certificate = NonNull::new(unsafe { ffi::OSSL_STORE_INFO_get1_CERT(info.0.as_ptr()) })?;
        // SAFETY: the reference is given away.
        Some(unsafe { X509::from_ptr(certificate.as_ptr()) })
    })
}

fn first<T>(
    uri: &CStr,
    prompter: &mut dyn Prompter,
    kind: c_int,
    take: impl Fn(&Info) -> Option<T>,
) -> Result<T, StoreError> {
    error::clear();
    let found = ui::with(prompter, |method| {
        // SAFETY: a C string; the method lives as long as the process; nothing else is given.
        let store =
            unsafe { ffi::OSSL_STORE_open(uri.as_ptr(), method, ptr::null_mut(), None, ptr::null_mut()) };
        let store = Store(NonNull::new(store)?);
        // The loader need not look at anything else. If it cannot tell, the type is looked at below.
        // SAFETY: the store is open, and nothing has been loaded yet.
        unsafe { ffi::OSSL_STORE_expect(store.0.as_ptr(), kind) };
        Some(
            store
                .objects()
                .take(MOST)
                .flatten()
                .filter(|info| info.kind() == kind)
                .find_map(|info| take(&info)),
        )
    });
    match found {
        Some(Some(object)) => {
            error::clear();
            Ok(object)
        }
        Some(None) => Err(StoreError::Missing(error::drain())),
        None => Err(StoreError::Open(error::drain())),
    }
}

/// An open URI.
struct Store(NonNull<StoreCtx>);

impl Store {
    /// What is there, up to the end; `None` in place of what cannot be read.
    fn objects(&self) -> impl Iterator<Item = Option<Info>> {
        std::iter::from_fn(|| {
            // SAFETY: the store is open.
            if unsafe { ffi::OSSL_STORE_eof(self.0.as_ptr()) } != 0 {
                return None;
            }
            // SAFETY: as above; the caller owns what it gives.
            Some(NonNull::new(unsafe { ffi::OSSL_STORE_load(self.0.as_ptr()) }).map(Info))
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: this value owns the store.
        unsafe { ffi::OSSL_STORE_close(self.0.as_ptr()) };
    }
}

/// One object.
struct Info(NonNull<StoreInfo>);

impl Info {
    fn kind(&self) -> c_int {
        // SAFETY: this value owns the object.
        unsafe { ffi::OSSL_STORE_INFO_get_type(self.0.as_ptr()) }
    }
}

impl Drop for Info {
    fn drop(&mut self) {
        // SAFETY: this value owns the object.
        unsafe { ffi::OSSL_STORE_INFO_free(self.0.as_ptr()) };
    }
}
