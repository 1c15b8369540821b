//! Engines in place of the library's own algorithms (`SSLCryptoDevice`).
//!
//! Deprecated since 3.0, and builds may lack them: then `device_absent.rs` takes the place of this file.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::ptr::{self, NonNull};

use super::engine;
use super::error::{self, LibraryError};
use super::ffi::{ENGINE_ctrl, ENGINE_free, Engine as Raw};

unsafe extern "C" {
    fn ENGINE_get_first() -> *mut Raw;
    fn ENGINE_get_next(engine: *mut Raw) -> *mut Raw;
    fn ENGINE_get_id(engine: *const Raw) -> *const c_char;
    fn ENGINE_get_name(engine: *const Raw) -> *const c_char;
    fn ENGINE_set_default(engine: *mut Raw, flags: c_uint) -> c_int;
    fn ENGINE_unregister_RSA(engine: *mut Raw);
    fn ENGINE_unregister_DSA(engine: *mut Raw);
    fn ENGINE_unregister_EC(engine: *mut Raw);
    fn ENGINE_unregister_DH(engine: *mut Raw);
    fn ENGINE_unregister_RAND(engine: *mut Raw);
    fn ENGINE_unregister_ciphers(engine: *mut Raw);
    fn ENGINE_unregister_digests(engine: *mut Raw);
    fn ENGINE_unregister_pkey_meths(engine: *mut Raw);
    fn ENGINE_unregister_pkey_asn1_meths(engine: *mut Raw);
}

const METHOD_ALL: c_uint = 0xffff;
const CTRL_CHIL_SET_FORKCHECK: c_int = 100;

/// Ids and names of the engines that the library knows now.
#[must_use]
pub fn known() -> Vec<(String, String)> {
    let mut found = Vec::new();
    // SAFETY: gives a counted reference, or NULL at the end of the list.
    let mut next = unsafe { ENGINE_get_first() };
    while !next.is_null() {
        // SAFETY: a live engine.
        let id = text(unsafe { ENGINE_get_id(next) });
        // SAFETY: a live engine.
        let name = text(unsafe { ENGINE_get_name(next) });
        found.push((id, name));
        // SAFETY: gives up this reference, and gives one to the next engine, or NULL.
        next = unsafe { ENGINE_get_next(next) };
    }
    found
}

fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: an engine's texts live as long as the engine.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// An engine, held.
pub struct Engine(NonNull<Raw>);

impl Engine {
    /// The engine with this id.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn by_id(id: &CStr) -> Result<Self, Vec<LibraryError>> {
        engine::find(id).map(Self)
    }

    /// Lets the engine do all that it can do, as long as the answer lives.
    ///
    /// # Errors
    /// OpenSSL's reasons.
    pub fn make_default(self) -> Result<DefaultEngine, Vec<LibraryError>> {
        error::clear();
        // SAFETY: a live engine.
        if text(unsafe { ENGINE_get_id(self.0.as_ptr()) }) == "chil" {
            // It must notice that httpd forks.
            let cmd = CTRL_CHIL_SET_FORKCHECK;
            // SAFETY: a live engine; the command takes a number.
            unsafe { ENGINE_ctrl(self.0.as_ptr(), cmd, 1, ptr::null_mut(), None) };
        }
        // SAFETY: a live engine.
        let done = unsafe { ENGINE_set_default(self.0.as_ptr(), METHOD_ALL) };
        error::check(done)?;
        Ok(DefaultEngine(self))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: this value holds a reference, which ends here.
        unsafe { ENGINE_free(self.0.as_ptr()) };
    }
}

/// The engine in use; with it the library's own algorithms come back.
pub struct DefaultEngine(Engine);

impl Drop for DefaultEngine {
    fn drop(&mut self) {
        let functions: [unsafe extern "C" fn(*mut Raw); 9] = [
            ENGINE_unregister_RSA,
            ENGINE_unregister_DSA,
            ENGINE_unregister_EC,
            ENGINE_unregister_DH,
            ENGINE_unregister_RAND,
            ENGINE_unregister_ciphers,
            ENGINE_unregister_digests,
            ENGINE_unregister_pkey_meths,
            ENGINE_unregister_pkey_asn1_meths,
        ];
        for unregister in functions {
            // SAFETY: a live engine; one that is not registered stays as it is.
            unsafe { unregister(self.0.0.as_ptr()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_that_is_always_there() {
        crate::ossl::lib::init();
        assert!(known().iter().any(|(id, name)| id == "dynamic" && name == "Dynamic engine loading support"));
        assert!(Engine::by_id(c"dynamic").unwrap().make_default().is_ok());
        assert!(Engine::by_id(c"no such engine").is_err());
    }
}
