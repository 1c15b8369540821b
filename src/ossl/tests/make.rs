//! Certificates, contexts and answers for the tests.

use std::sync::OnceLock;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

use crate::ossl::callback::{self, ServerEvents, TicketStatus, TicketVerdict, Wanted};
use crate::ossl::ctx::{SslCtx, options};
use crate::ossl::session::SessionRef;
use crate::ossl::ssl::SslRef;

/// Versions as they are on the wire.
pub(super) const TLS12: i32 = 0x0303;
pub(super) const TLS13: i32 = 0x0304;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    Ecdsa,
    Ed25519,
}

pub(super) const KINDS: [Kind; 3] = [Kind::Rsa, Kind::Ecdsa, Kind::Ed25519];

/// A certificate with its key and what signed it.
pub(super) struct Identity {
    pub(super) cert: X509,
    pub(super) key: PKey<Private>,
    pub(super) chain: Vec<X509>,
}

pub(super) fn key(kind: Kind) -> PKey<Private> {
    match kind {
        Kind::Rsa => PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
        Kind::Ecdsa => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
            PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
        }
        Kind::Ed25519 => PKey::generate_ed25519().unwrap(),
    }
}

/// A certificate for `name`, signed by `issuer`, or by itself.
pub(super) fn certificate(
    name: &str,
    key: &PKey<Private>,
    issuer: Option<(&X509, &PKey<Private>)>,
    is_ca: bool,
) -> X509 {
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |(cert, _)| cert.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
    let serial: Asn1Integer = serial.to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let mut constraints = BasicConstraints::new();
    if is_ca {
        constraints.ca();
    }
    builder.append_extension(constraints.critical().build().unwrap()).unwrap();
    if !is_ca {
        let context = builder.x509v3_context(issuer.map(|(cert, _)| cert.as_ref()), None);
        let names = SubjectAlternativeName::new().dns(name).build(&context).unwrap();
        builder.append_extension(names).unwrap();
    }
    let signer = issuer.map_or(key, |(_, key)| key);
    let digest = if signer.id() == openssl::pkey::Id::ED25519 {
        MessageDigest::null()
    } else {
        MessageDigest::sha256()
    };
    builder.sign(signer, digest).unwrap();
    builder.build()
}

/// The authority that all identities share.
pub(super) fn authority() -> &'static (X509, PKey<Private>) {
    static AUTHORITY: OnceLock<(X509, PKey<Private>)> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let key = key(Kind::Ecdsa);
        (certificate("Authority", &key, None, true), key)
    })
}

/// A new identity of `authority`.
pub(super) fn identity_for(name: &str, kind: Kind) -> Identity {
    let (ca, ca_key) = authority();
    let key = key(kind);
    let cert = certificate(name, &key, Some((ca, ca_key)), false);
    Identity { cert, key, chain: vec![ca.clone()] }
}

/// The identity `default.test` of each kind, made once.
pub(super) fn identity(kind: Kind) -> &'static Identity {
    static MADE: [OnceLock<Identity>; 3] = [const { OnceLock::new() }; 3];
    MADE[kind as usize].get_or_init(|| identity_for("default.test", kind))
}

/// A server's context as httpd would have it, with one identity.
pub(super) fn server_with(identity: &Identity) -> SslCtx {
    let ctx = SslCtx::server().unwrap();
    ctx.set_modes();
    ctx.set_options(options::ALL | options::IGNORE_UNEXPECTED_EOF | options::NO_RENEGOTIATION);
    ctx.install(&identity.cert, &identity.key, &identity.chain).unwrap();
    ctx
}

pub(super) fn server(kind: Kind) -> SslCtx {
    server_with(identity(kind))
}

/// A client's context that takes any certificate.
pub(super) fn client() -> SslCtx {
    SslCtx::client().unwrap()
}

pub(super) fn only(ctx: SslCtx, version: i32) -> SslCtx {
    ctx.set_protocol_range(version, version).unwrap();
    ctx
}

/// Answers that let everything be as without callbacks.
pub(super) struct Plain;

impl ServerEvents for Plain {
    plain_answers!();
    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
    fn ticket_open(&self, _: &SslRef, _: &SessionRef, status: TicketStatus) -> TicketVerdict {
        match status {
            TicketStatus::Fresh => TicketVerdict::Use,
            TicketStatus::Renew => TicketVerdict::UseAndRenew,
        }
    }
}

/// Installs answers that are kept for ever.
pub(super) fn answer<E: ServerEvents + 'static>(ctx: &SslCtx, events: E, wanted: Wanted) -> &'static E {
    let events: &'static E = Box::leak(Box::new(events));
    callback::install(ctx, events, wanted);
    events
}

pub(super) fn subject(cert: &X509) -> String {
    let entry = cert.subject_name().entries().next().unwrap();
    entry.data().to_string().unwrap()
}
