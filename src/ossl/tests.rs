//! Whole connections in memory: two ends, and a pipe for each direction between them.

mod alpn;
mod close;
mod context;
mod handshake;
mod identity;
mod load;
mod make;
mod ocsp;
mod panics;
mod pipe;
mod resumption;
mod sni;
#[cfg(openssl_srp)]
mod srp;
mod status;
mod store;
mod verify;
