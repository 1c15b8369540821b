//! What start-up makes of the configuration of a server, shared by all
//! connections to it.

use super::cache::SessionStore;
use super::config::ServerConf;
use super::start::key_log::KeyLog;
use crate::httpd::Server;
use crate::httpd::server::ServerSlot;
use crate::ossl::ctx::SslCtx;
use crate::policy::vhost::{AuthGroup, ServerIdentity};
use std::sync::Arc;

/// A server after start-up.
pub struct Vhost {
    /// `name:port`, as in nearly all messages.
    pub id: String,
    /// The server.
    pub server: ServerSlot,
    /// `SSLStrictSNIVHostCheck`.
    pub strict_sni: bool,
    /// TLS, when it is on here.
    pub tls: Option<Tls>,
}

/// The TLS side of a server.
pub struct Tls {
    /// Certificates, keys and the rest of the policy.
    pub ctx: SslCtx,
    /// Hex MD5 of the vhost id: what sessions are tied to.
    pub session_context: [u8; 32],
    /// The protocol versions, when the configuration names them: only then do
    /// they replace those of the first vhost of the address.
    pub protocols: Option<(i32, i32)>,
    /// Digest of all that decides a handshake here.
    pub digest: [u8; 32],
    /// What two vhosts must share to serve each other's requests.
    pub identity: ServerIdentity,
    /// As `identity`, for client authentication.
    pub auth: AuthGroup,
    /// Where key material is logged for debugging (`SSLKEYLOGFILE`).
    pub key_log: Option<Arc<KeyLog>>,
    /// The cache of sessions, shared between processes.
    pub sessions: Option<Arc<SessionStore>>,
}

impl Vhost {
    /// What start-up made of `server`.
    #[must_use]
    pub fn of(server: Server<'_>) -> Option<&Arc<Vhost>> {
        ServerConf::of(server)?.vhost.get()
    }
}
