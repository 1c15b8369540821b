//! A drop-in `mod_ssl` for Apache httpd: two connection filters between httpd
//! and the network, OpenSSL behind them.
//!
//! The layers, from the bottom (a module imports only from those above it in
//! this list):
#![deny(unsafe_code)]

// L0: what C gives.
#[expect(unsafe_code, reason = "bindgen output")]
pub mod sys;
/// No unwinding crosses into C.
#[macro_use]
pub mod guard;

// L1: safe handles.
#[expect(unsafe_code, reason = "the handles' own calls into APR")]
pub mod apr;
#[expect(unsafe_code, reason = "the handles' own calls into httpd")]
pub mod httpd;
#[expect(unsafe_code, reason = "the wrappers' own calls into OpenSSL")]
pub mod ossl;

// L2: decisions.
pub mod config;
pub mod io;
pub mod metrics;
pub mod policy;
pub mod vars;

// L3: what C calls.
#[expect(unsafe_code, reason = "turns C's pointers into handles")]
pub mod entry;

// Outside the layers.
/// What the fuzz targets call.
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
