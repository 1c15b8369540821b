//! Keys and certificates from an ENGINE, such as libp11's for PKCS#11 tokens.

#[cfg(openssl_engine)]
pub(super) use supported::find;
#[cfg(openssl_engine)]
pub use supported::{Engine, EngineError};

/// A library without ENGINE has none.
#[cfg(not(openssl_engine))]
#[derive(Debug)]
pub enum Engine {}

#[cfg(openssl_engine)]
mod supported;
