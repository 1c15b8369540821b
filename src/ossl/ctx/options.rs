//! Option bits, modes and the like under their OpenSSL names.

use std::ffi::{c_int, c_long};

use bitflags::bitflags;

use crate::ossl::ffi;

/// Work around bugs of other implementations (`SSL_OP_ALL`).
pub const ALL: u64 = 0x8000_0850;
/// Clients: talk to servers that do not know RFC 5746.
pub const LEGACY_SERVER_CONNECT: u64 = 1 << 2;
/// Let the kernel do the records where it can.
pub const ENABLE_KTLS: u64 = 1 << 3;
/// Take a missing close_notify for one.
pub const IGNORE_UNEXPECTED_EOF: u64 = 1 << 7;
/// No tickets in TLS 1.2, stateful ones in TLS 1.3.
pub const NO_TICKET: u64 = 1 << 14;
/// A renegotiation does not resume.
pub const NO_SESSION_RESUMPTION_ON_RENEGOTIATION: u64 = 1 << 16;
/// No compression inside TLS.
pub const NO_COMPRESSION: u64 = 1 << 17;
/// Renegotiate with peers that do not know RFC 5746.
pub const ALLOW_UNSAFE_LEGACY_RENEGOTIATION: u64 = 1 << 18;
/// ChaCha20 first for clients that put it first.
pub const PRIORITIZE_CHACHA: u64 = 1 << 21;
/// The server's order of ciphers counts.
pub const CIPHER_SERVER_PREFERENCE: u64 = 1 << 22;
/// No SSL 3.0.
pub const NO_SSLV3: u64 = 1 << 25;
/// No TLS 1.0.
pub const NO_TLSV1: u64 = 1 << 26;
/// No TLS 1.2.
pub const NO_TLSV1_2: u64 = 1 << 27;
/// No TLS 1.1.
pub const NO_TLSV1_1: u64 = 1 << 28;
/// No TLS 1.3.
pub const NO_TLSV1_3: u64 = 1 << 29;
/// No renegotiation (TLS 1.2 and before).
pub const NO_RENEGOTIATION: u64 = 1 << 30;

/// `SSL_MODE_...` bits; SSL_CTX_set_mode(3).
pub mod mode {
    use std::ffi::c_long;

    /// A write may end after some of its records.
    pub const ENABLE_PARTIAL_WRITE: c_long = 1;
    /// A repeated write may come from another address.
    pub const ACCEPT_MOVING_WRITE_BUFFER: c_long = 2;
    /// Go on after a message that carries no data (on by default).
    pub const AUTO_RETRY: c_long = 4;
    /// Do not complete chains from the trust store.
    pub const NO_AUTO_CHAIN: c_long = 8;
    /// Give record buffers back while nothing is in them.
    pub const RELEASE_BUFFERS: c_long = 0x10;
}

bitflags! {
    /// `SSL_VERIFY_...` bits; none of them is `SSL_VERIFY_NONE`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Verify: c_int {
        /// Ask for a certificate (server), check it (client).
        const PEER = 1;
        /// Fail without one (server).
        const FAIL_IF_NO_PEER_CERT = 2;
        /// Ask only once (server).
        const CLIENT_ONCE = 4;
        /// Ask only after the handshake (server, TLS 1.3).
        const POST_HANDSHAKE = 8;
    }
}

/// `SSL_SESS_CACHE_...`: what becomes of a server's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionCacheMode {
    /// No caching; TLS 1.2 gives out no session ids.
    Off,
    /// In the context's own memory, and by the callbacks.
    Internal,
    /// By the callbacks only.
    External,
    /// Those of a client, by the callbacks only.
    Client,
}

impl SessionCacheMode {
    pub(super) fn bits(self) -> c_long {
        match self {
            SessionCacheMode::Off => ffi::SSL_SESS_CACHE_OFF,
            SessionCacheMode::Internal => ffi::SSL_SESS_CACHE_SERVER,
            SessionCacheMode::External => ffi::SSL_SESS_CACHE_SERVER | ffi::SSL_SESS_CACHE_NO_INTERNAL,
            SessionCacheMode::Client => ffi::SSL_SESS_CACHE_CLIENT | ffi::SSL_SESS_CACHE_NO_INTERNAL,
        }
    }
}
