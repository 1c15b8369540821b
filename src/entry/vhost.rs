//! What start-up makes of the configuration of a server, shared by all
//! connections to it.

use super::cache::SessionStore;
use super::config::ServerConf;
use super::ocsp::Checker;
use super::stapling::Staples;
use super::start::key_log::KeyLog;
use super::trust::Trust;
use crate::config::handshake::HandshakeConfig;
use crate::config::sni_policy::SniPolicy;
use crate::httpd::Server;
use crate::httpd::server::ServerSlot;
use crate::ossl::ctx::SslCtx;
use crate::ossl::identity::Identity;
use crate::ossl::session::SessionRef;
use crate::ossl::srp::Verifiers;
use crate::ossl::ticket::TicketKeys;
use crate::policy::verify::Terms;
use crate::policy::vhost::{AuthGroup, ServerIdentity};
use openssl::x509::X509Ref;
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// The version as it is on the wire.
const TLS1_3: i32 = 0x0304;

/// A server after start-up.
pub struct Vhost {
    /// `name:port`, as in nearly all messages.
    pub id: String,
    /// The server.
    pub server: ServerSlot,
    /// `SSLStrictSNIVHostCheck`.
    pub strict_sni: bool,
    /// `SSLClientHelloVars`.
    pub client_hello_vars: bool,
    /// How long handshakes on its address may last.
    pub handshake: HandshakeConfig,
    /// `SSLAsyncOutput`.
    pub async_output: bool,
    /// `SSLVHostSNIPolicy`, the same for all.
    pub sni_policy: SniPolicy,
    /// `SSLMaxHandshakes`, the same for all; 0 for no limit.
    pub max_handshakes: u32,
    /// `SSLLegacyDirectives`, the same for all; for `.htaccess` files.
    pub legacy: bool,
    /// TLS, when it is on here.
    pub tls: Option<Tls>,
}

/// The TLS side of a server.
pub struct Tls {
    /// Everything but the identities.
    pub policy: Arc<Policy>,
    /// Certificates with their keys, one for each kind of key; none when the
    /// context has them.
    pub identities: Vec<Arc<Identity>>,
    /// The certificates only stand in for some that are not there yet: requests
    /// are refused.
    pub fallback: bool,
    /// Certificates for which there are OCSP responses.
    pub staples: Staples,
    /// Hex MD5 of the vhost id: what sessions are tied to.
    pub session_context: [u8; 32],
    /// The `session_context` of all virtual hosts that are the same to clients, if there are others.
    pub kin: OnceLock<Arc<Kin>>,
    /// What two vhosts must share to serve each other's requests.
    pub identity: ServerIdentity,
    /// As `identity`, for client authentication.
    pub auth: AuthGroup,
}

/// What sessions of several virtual hosts are tied to.
pub type Kin = HashSet<[u8; 32]>;

impl Tls {
    /// Whether a session was made by a virtual host that is the same to clients, in a version that lets it be resumed here:
    /// TLS 1.3. It must say under which policy that was, which `client::fits` compares, and hold no certificate.
    #[must_use]
    pub fn is_kin_of(&self, session: &SessionRef) -> bool {
        let Some(kin) = self.kin.get() else { return false };
        session.protocol_version() == TLS1_3
            && session.id_context().try_into().is_ok_and(|context: [u8; 32]| kin.contains(&context))
            && session.binding().is_some()
            && session.peer_certificate().is_none()
    }

    /// Whether the context has the identities of this server.
    #[must_use]
    pub fn are_identities_in_context(&self) -> bool {
        let own = self.policy.own_identities.get().map(Vec::as_slice).unwrap_or_default();
        self.identities.is_empty()
            || (own.len() == self.identities.len()
                && own.iter().zip(&self.identities).all(|(own, ours)| Arc::ptr_eq(own, ours)))
    }

    /// The certificate that stands for the server where none was chosen, as in
    /// a resumed session.
    #[must_use]
    pub fn certificate(&self) -> Option<&X509Ref> {
        self.identities.last().map(|identity| identity.certificate())
    }
}

impl Deref for Tls {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

/// What decides a handshake besides the identities; shared by servers with
/// equal settings.
pub struct Policy {
    /// The context.
    pub ctx: SslCtx,
    /// The id of the first server with these settings.
    pub made_for: String,
    /// The identities of that server, which the context has from the start.
    pub own_identities: OnceLock<Vec<Arc<Identity>>>,
    /// The protocol versions, when the configuration names them: only then do
    /// they replace those of the first vhost of the address.
    pub protocols: OnceLock<(i32, i32)>,
    /// Digest of all that decides a handshake here.
    pub digest: [u8; 32],
    /// The keys of tickets, when they are the server's own.
    pub ticket_keys: Option<Arc<TicketKeys>>,
    /// The users of TLS-SRP.
    pub srp: Option<Arc<Verifiers>>,
    /// The checks of clients' certificates with OCSP responders.
    pub ocsp: Option<Checker>,
    /// How clients are verified.
    pub verify: Terms,
    /// Whom to believe then.
    pub trust: Option<Trust>,
    /// Where key material is logged for debugging (`SSLKEYLOGFILE`).
    pub key_log: Option<Arc<KeyLog>>,
    /// How long sessions may be resumed, in seconds.
    pub session_timeout: i64,
    /// The cache of sessions, shared between processes.
    pub sessions: Option<Arc<SessionStore>>,
    /// The first server with these settings, for messages.
    pub server: ServerSlot,
}

impl Tls {
    /// What is compared with another vhost that a request is for.
    #[must_use]
    pub fn terms(&self) -> (&ServerIdentity, &AuthGroup) {
        (&self.identity, &self.auth)
    }
}

impl Vhost {
    /// `SSLCipherSuite`, up to TLS 1.2.
    #[must_use]
    pub fn cipher_suite(&self) -> Option<&str> {
        self.tls.as_ref()?.identity.cipher_suite.as_deref()
    }

    /// What start-up made of `server`.
    #[must_use]
    pub fn of(server: Server<'_>) -> Option<&Arc<Vhost>> {
        ServerConf::of(server)?.vhost.get()
    }
}
