//! Decisions about bytes: what state a connection is in, how much is read at
//! once, what an output brigade becomes, how plain HTTP on a TLS port is
//! answered.

pub mod board;
pub mod client_hello;
pub mod dump;
pub mod input;
pub mod ocsp_http;
pub mod output;
pub mod parking;
pub mod plain_http;
pub mod state;
