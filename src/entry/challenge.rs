//! Challenges of certificate authorities: the validation method tls-alpn-01 (RFC
//! 8737). A client that agrees on the protocol `acme-tls/1` is shown the
//! certificate that another module has for the name it asks for, and nothing
//! else happens on its connection.
//!
//! All is decided right after the ClientHello. When OpenSSL asks about ALPN it
//! may have chosen a session, and a cipher for the certificates of the vhost.

use super::connection::ConnState;
use super::{events, offered, report};
use crate::apr::pool::c_string;
use crate::httpd::Level;
use crate::httpd::log::log;
use crate::httpd::providers;
use crate::ossl::callback::{ClientHello, HelloVerdict};
use crate::ossl::ctx::Verify;
use crate::ossl::error::LibraryError;
use crate::ossl::identity::{Identity, IdentityError};
use crate::ossl::load::{self, KeyError};
use crate::ossl::ssl::SslRef;
use crate::policy::alpn::{ACME_TLS_1, split_offer};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

/// Alert no_application_protocol: for this name, or without one, the protocol
/// is not spoken.
const NO_APPLICATION_PROTOCOL: i32 = 120;

/// There is no answer, for a reason that was logged.
struct Unanswered;

/// Answers a challenge, if the ClientHello is one.
pub fn take_up(state: &ConnState, ssl: &SslRef, hello: &ClientHello<'_>) -> HelloVerdict {
    if state.challenge.get() || !is_challenge(state, hello) {
        return HelloVerdict::Continue;
    }
    if !state.phase().is_shaking_hands() {
        // A renegotiation: the connection speaks another protocol already.
        return HelloVerdict::Abort(NO_APPLICATION_PROTOCOL);
    }
    state.challenge.set(true);
    let answered = if events::switch(state, ACME_TLS_1) {
        answer(state, ssl, hello.server_name())
    } else {
        Err(Unanswered)
    };
    match answered {
        Ok(()) => HelloVerdict::Continue,
        Err(Unanswered) => HelloVerdict::Abort(NO_APPLICATION_PROTOCOL),
    }
}

/// Whether the protocol is offered, and httpd prefers it.
fn is_challenge(state: &ConnState, hello: &ClientHello<'_>) -> bool {
    let Some(list) = hello.alpn() else { return false };
    // A malformed list is complained about when OpenSSL asks about it.
    let Ok(names) = split_offer(list) else { return false };
    let is_ours = |name: &std::ops::Range<usize>| &list[name.clone()] == ACME_TLS_1.to_bytes();
    names.iter().any(is_ours) && events::choose(state, state.conn(), list, &names) == Some(ACME_TLS_1)
}

/// Makes the connection show what answers the challenge to `name`.
fn answer(state: &ConnState, ssl: &SslRef, name: Option<&str>) -> Result<(), Unanswered> {
    let conn = state.conn();
    let Some(name) = name else {
        log!(conn, Info, "Challenge (acme-tls/1) without a server name");
        return Err(Unanswered);
    };
    let asked = c_string(name);
    let (certificate, chain, key) = if let Some(pem) = providers::answer_challenge(conn, &asked) {
        let beside = pem.certificate.to_bytes();
        parse(beside, pem.key.map_or(beside, |key| key.to_bytes())).map_err(|errors| {
            log!(conn, Warn, "AH10266: Failed to parse PEM of challenge certificate {name}");
            tell(state, &errors)
        })?
    } else if let Some((certificate, key)) = offered::answer_challenge(conn, &asked) {
        (certificate, Vec::new(), key)
    } else {
        log!(conn, Info, "No answer to the challenge (acme-tls/1) for {name}");
        return Err(Unanswered);
    };
    // No session leads into this connection (see `events`) or out of it, and
    // it is not the client who is in question.
    ssl.forbid_resumption();
    ssl.set_verify(Verify::empty());
    let refuse = |errors: Vec<LibraryError>| {
        log!(conn, Warn, "AH10086: Failed to configure challenge certificate {name}");
        tell(state, &errors)
    };
    let is_of_type = certificate.public_key().is_ok_and(|public| public.id() == key.id());
    let identity = Identity::new(&certificate, key, &chain).map_err(|refused| match refused {
        IdentityError::Mismatch(_) if !is_of_type => {
            log!(conn, Warn, "AH10088: Challenge certificate and private key {name} do not match");
            Unanswered
        }
        IdentityError::Mismatch(errors) => {
            let reason = errors.first().map_or("unknown", |error| &error.text);
            log!(conn, Warn, "AH10087: error '{reason}' using Challenge key: {name}");
            Unanswered
        }
        IdentityError::Chain(errors) => refuse(errors),
    })?;
    // Whatever else the vhost has, which the client might prefer.
    ssl.clear_identities();
    identity.install(ssl).map_err(refuse)?;
    log!(conn, Debug, "Answering the challenge (acme-tls/1) for {name}");
    Ok(())
}

type Parsed = (X509, Vec<X509>, PKey<Private>);

fn parse(certificate: &[u8], key: &[u8]) -> Result<Parsed, Vec<LibraryError>> {
    let mut certificates = load::certificates_from_pem(certificate)?.into_iter();
    let leaf = certificates.next().ok_or_else(Vec::new)?;
    match load::private_key_from_bytes(key, None) {
        Ok(key) => Ok((leaf, certificates.collect(), key)),
        Err(KeyError::NotFound(errors)) => Err(errors),
        Err(KeyError::Encrypted | KeyError::Unreadable(_)) => Err(Vec::new()),
    }
}

fn tell(state: &ConnState, errors: &[LibraryError]) -> Unanswered {
    let slot = state.server();
    report::library_errors(slot.get(), Level::Info, errors);
    Unanswered
}
