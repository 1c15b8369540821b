//! What httpd says about itself and its command line.

use crate::apr::Pool;
use crate::apr::pool::{c_string, root_scratch, text_from};
use crate::sys;
use std::ffi::CStr;

/// httpd's version at build time: `2.4.71`.
#[must_use]
pub fn httpd() -> &'static str {
    // SAFETY: gives a static C string.
    let text = unsafe { sys::shim_base_revision() };
    // SAFETY: as above.
    unsafe { text_from(text) }.and_then(|text| text.to_str().ok()).unwrap_or_default()
}

/// `Apache/2.4.71`.
#[must_use]
pub fn server() -> String {
    format!("Apache/{}", httpd())
}

/// What scripts find in SSL_VERSION_INTERFACE: `mod_ssl/2.4.71`.
#[must_use]
pub fn module() -> String {
    format!("mod_ssl/{}", httpd())
}

/// The name and number of the library from its text: `OpenSSL/3.0.22` from
/// `OpenSSL 3.0.22 25 Aug 2026`.
#[must_use]
pub fn library(text: &str) -> String {
    let mut words = text.split(' ');
    match (words.next(), words.next()) {
        (Some(name), Some(number)) => format!("{name}/{number}"),
        _ => text.to_owned(),
    }
}

/// Adds a token to the Server header (`ap_add_version_component`).
pub fn add_component(pool: Pool<'_>, component: &str) {
    let component = pool.text(c_string(component).to_bytes());
    // SAFETY: the pool is the configuration's, and so the text lives as long as the header.
    unsafe { sys::ap_add_version_component(pool.as_ptr(), component.as_ptr()) }
}

/// Whether `-D name` was given.
#[must_use]
pub fn is_defined(name: &CStr) -> bool {
    // SAFETY: a C string.
    unsafe { sys::ap_exists_config_define(name.as_ptr()) != 0 }
}

/// A path relative to `ServerRoot` made absolute.
#[must_use]
pub fn server_root_relative(path: &CStr) -> String {
    let full = root_scratch(|pool| {
        // SAFETY: pool and path are alive.
        let full = unsafe { sys::ap_server_root_relative(pool.as_ptr(), path.as_ptr()) };
        // SAFETY: lives in the pool.
        unsafe { text_from(full) }.map(|full| full.to_string_lossy().into_owned())
    });
    full.flatten().unwrap_or_else(|| path.to_string_lossy().into_owned())
}

/// Whether a module is loaded, by the name of its record (`mod_md.c`).
#[must_use]
pub fn is_loaded(name: &CStr) -> bool {
    // SAFETY: looks the name up in core's list.
    !unsafe { sys::ap_find_linked_module(name.as_ptr()) }.is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_tokens() {
        assert_eq!(library("OpenSSL 3.0.22 25 Aug 2026"), "OpenSSL/3.0.22");
        assert_eq!(library("OpenSSL"), "OpenSSL");
        assert!(server().starts_with("Apache/2.4."));
    }
}
