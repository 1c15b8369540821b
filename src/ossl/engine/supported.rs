//! Engines of a library that has them.

use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

use foreign_types::ForeignType;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::ossl::error::{self, LibraryError};
use crate::ossl::ffi::{self, EngineCertificate};
use crate::ossl::ui::{self, Prompter};

/// A reference to the engine with this id, which the caller gives up.
pub(in crate::ossl) fn find(id: &CStr) -> Result<NonNull<ffi::Engine>, Vec<LibraryError>> {
    error::clear();
    // SAFETY: a C string. Gives a counted reference, or NULL.
    NonNull::new(unsafe { ffi::ENGINE_by_id(id.as_ptr()) }).ok_or_else(error::drain)
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library does not know it and cannot load it.
    #[error("there is no such engine")]
    Unknown(Vec<LibraryError>),
    /// It does not work.
    #[error("the engine cannot be initialised")]
    Init(Vec<LibraryError>),
}

/// An engine that works. It must outlive the contexts that use its keys.
pub struct Engine(NonNull<ffi::Engine>);

// SAFETY: an engine is counted, and OpenSSL uses it from all threads; this value only releases it.
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}

impl Engine {
    /// The engine by its id.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn open(id: &CStr) -> Result<Self, EngineError> {
        let engine = find(id).map_err(EngineError::Unknown)?;
        // SAFETY: a live engine.
        let works = unsafe { ffi::ENGINE_init(engine.as_ptr()) } == 1;
        // SAFETY: gives up the reference of `find`; that of ENGINE_init stays.
        unsafe { ffi::ENGINE_free(engine.as_ptr()) };
        if works { Ok(Engine(engine)) } else { Err(EngineError::Init(error::drain())) }
    }

    /// Makes it tell more, on standard error, if it has a command for that.
    pub fn set_verbose(&self) {
        // SAFETY: a live engine; the command takes no argument, and is optional.
        unsafe { ffi::ENGINE_ctrl_cmd_string(self.0.as_ptr(), c"VERBOSE".as_ptr(), ptr::null(), 1) };
        error::clear();
    }

    /// A private key.
    ///
    /// # Errors
    /// The reasons, also of the engine.
    pub fn key(
        &self,
        identifier: &CStr,
        prompter: &mut dyn Prompter,
    ) -> Result<PKey<Private>, Vec<LibraryError>> {
        error::clear();
        let key = ui::with(prompter, |method| {
            // SAFETY: a live engine and a C string; the method lives as long as the process.
            unsafe {
                ffi::ENGINE_load_private_key(self.0.as_ptr(), identifier.as_ptr(), method, ptr::null_mut())
            }
        });
        let key = NonNull::new(key).ok_or_else(error::drain)?;
        error::clear();
        // SAFETY: the caller owns what the function gives.
        Ok(unsafe { PKey::from_ptr(key.as_ptr()) })
    }

    /// A certificate.
    ///
    /// # Errors
    /// The reasons, also of the engine; there may be none.
    pub fn certificate(
        &self,
        identifier: &CStr,
        prompter: &mut dyn Prompter,
    ) -> Result<X509, Vec<LibraryError>> {
        error::clear();
        let mut wanted = EngineCertificate { identifier: identifier.as_ptr(), certificate: ptr::null_mut() };
        let found = ui::with(prompter, |method| {
            // The command below has no place for a method.
            // SAFETY: a live engine; the method lives as long as the process, so the engine may keep it.
            unsafe {
                ffi::ENGINE_ctrl(self.0.as_ptr(), ffi::ENGINE_CTRL_SET_USER_INTERFACE, 0, method.cast(), None)
            };
            // SAFETY: a live engine; the command reads and fills a record of this form.
            unsafe {
                ffi::ENGINE_ctrl_cmd(
                    self.0.as_ptr(),
                    c"LOAD_CERT_CTRL".as_ptr(),
                    0,
                    (&raw mut wanted).cast(),
                    None,
                    1 as c_int,
                )
            }
        });
        let certificate = NonNull::new(wanted.certificate).filter(|_| found == 1);
        let certificate = certificate.ok_or_else(error::drain)?;
        error::clear();
        // SAFETY: the caller owns what the command gives.
        Ok(unsafe { X509::from_ptr(certificate.as_ptr()) })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: gives up the reference of ENGINE_init.
        unsafe { ffi::ENGINE_finish(self.0.as_ptr()) };
    }
}
