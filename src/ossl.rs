//! What the `openssl` crate does not wrap, or wraps in a way that does not fit
//! an object that httpd unloads and reloads: contexts and connections, the BIO
//! between them and us, callbacks, sessions. Knows nothing of httpd.

pub mod bio;
pub mod callback;
pub mod conf_cmd;
pub mod ctx;
#[cfg_attr(not(openssl_engine), path = "ossl/device_absent.rs")]
pub mod device;
pub mod engine;
pub mod error;
pub mod examine;
mod ffi;
pub mod foreign;
pub mod hkdf;
pub mod identity;
pub mod lib;
pub mod load;
pub mod ocsp;
pub mod pairs;
pub mod params;
pub mod session;
#[cfg_attr(not(openssl_srp), path = "ossl/srp_absent.rs")]
pub mod srp;
pub mod ssl;
pub mod staple;
pub mod store;
pub mod ticket;
pub mod ui;
pub mod verify;
pub mod x509;

#[cfg(test)]
mod tests;
