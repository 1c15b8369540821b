//! OCSP responses that are sent along with a certificate (RFC 6066, section 8),
//! from other modules: which certificates they have responses for, and the
//! responses.

use super::connection::ConnState;
use super::offered;
use crate::apr::Pool;
use crate::apr::pool::c_string;
use crate::httpd::log::log;
use crate::httpd::{Server, providers};
use crate::ossl::callback;
use crate::ossl::ctx::SslCtxRef;
use crate::ossl::identity::Identity;
use crate::ossl::ssl::SslRef;
use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;
use std::sync::Arc;

/// SHA-1 of a certificate: what providers know it by.
type Id = [u8; 20];

/// Who has the responses for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A module in httpd's own hooks.
    Httpd,
    /// A module in the optional hooks of `mod_ssl_openssl.h`.
    Offered,
}

/// The certificates of a vhost for which there are responses.
#[derive(Debug, Default)]
pub struct Staples(Vec<(Id, Source)>);

fn id_of(certificate: &X509Ref) -> Option<Id> {
    certificate.digest(MessageDigest::sha1()).ok()?.as_ref().try_into().ok()
}

/// Offers every certificate of a server to those who may have responses, and
/// makes its context staple when one of them takes it. Without `identities` the
/// certificates are those of the context.
pub fn prime(pool: Pool<'_>, server: Server<'_>, ctx: &SslCtxRef, identities: &[Arc<Identity>]) -> Staples {
    let mut staples = Staples::default();
    let certificates = if identities.is_empty() {
        ctx.certificates()
    } else {
        let with_issuer =
            |identity: &Arc<Identity>| (identity.certificate().to_owned(), ctx.issuer(identity));
        identities.iter().map(with_issuer).collect()
    };
    for (certificate, issuer) in certificates {
        // Without the issuer there can be no request for a response.
        let (Some(id), Some(issuer)) = (id_of(&certificate), issuer) else { continue };
        if let Some(source) = offer(pool, server, &id, &certificate, &issuer) {
            staples.0.push((id, source));
            log!(server, Debug, "AH10177: OCSP stapling added via hook");
        }
    }
    if !staples.0.is_empty() {
        callback::answer_status(ctx);
    }
    staples
}

fn offer(
    pool: Pool<'_>,
    server: Server<'_>,
    id: &Id,
    certificate: &X509Ref,
    issuer: &X509Ref,
) -> Option<Source> {
    let mut pem = certificate.to_pem().ok()?;
    pem.extend(issuer.to_pem().ok()?);
    if providers::prime_ocsp(server, pool, id, &c_string(&pem)) {
        return Some(Source::Httpd);
    }
    offered::init_stapling_status(server, pool, certificate, issuer).then_some(Source::Offered)
}

/// The response for the certificate that is about to be sent. Without one the
/// handshake goes on: what that means to the client is its own decision.
pub fn response(state: &ConnState, ssl: &SslRef) -> Option<Vec<u8>> {
    let certificate = ssl.certificate()?;
    let id = id_of(&certificate)?;
    let vhost = state.vhost();
    let (_, source) = vhost.tls.as_ref()?.staples.0.iter().find(|(known, _)| *known == id)?;
    let (conn, server) = (state.conn(), vhost.server.get());
    match source {
        Source::Httpd => providers::ocsp_response(server, conn, &id),
        Source::Offered => offered::get_stapling_status(conn, server, &certificate),
    }
}
