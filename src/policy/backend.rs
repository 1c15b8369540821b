//! Whether data may flow on a connection to a backend: the value [`Admitted`],
//! which nothing but a completed verification makes.

use super::peer_name::{self, PeerNames};
use super::verify::{GOOD, Step, StepVerdict, Terms, is_about_trust};
use crate::config::proxy::NameCheck;
use crate::config::verify::VerifyClient;

/// What backends are checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// `SSLProxyVerify`, `SSLProxyVerifyDepth`, `SSLProxyCARevocationCheck`.
    pub chain: Terms,
    /// `SSLProxyCheckPeerName` and `SSLProxyCheckPeerCN`.
    pub name: NameCheck,
    /// `SSLProxyCheckPeerExpire`.
    pub expire: bool,
}

/// What a backend's certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for.
    pub names: PeerNames,
    /// It is valid now.
    pub timely: bool,
}

/// A handshake that the library has brought to its end.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'h> {
    /// The backend's certificate.
    pub certificate: Option<&'h Certificate>,
    /// The verification came to its end here, or in the handshake that made the
    /// session which is resumed.
    pub completed: bool,
    /// The library's result (`X509_V_...`).
    pub result: i32,
    /// The name the request goes to, if anybody said so.
    pub host: Option<&'h str>,
    /// The protocols that were proposed.
    pub proposed: &'h [Vec<u8>],
    /// The one that the backend has chosen; empty for none.
    pub selected: &'h [u8],
}

/// Why a backend gets no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its chain was not verified to the end.
    Unverified,
    /// The library objects to its chain (`X509_V_ERR_...`).
    Chain(i32),
    /// It has shown no certificate.
    NoCertificate,
    /// Its certificate has expired, or is not valid yet.
    Expired,
    /// Its certificate is for others.
    Name,
    /// The first common name of its certificate is another one.
    FirstCn,
    /// It chose none of the proposed protocols, and HTTP/1.1 was none of them.
    NoProtocol,
    /// It chose a protocol that was not proposed.
    OtherProtocol,
}

/// A backend that may get data.
///
/// Nothing but [`conclude`] makes one, of a completed verification. A
/// connection to a backend gives its TLS object to nobody before.
#[derive(Debug)]
pub struct Admitted(());

impl Checks {
    /// Looks at one certificate of the chain. Without `SSLProxyVerify` it may
    /// be what it wants.
    #[must_use]
    pub const fn judge(&self, step: Step) -> StepVerdict {
        match self.chain.mode {
            VerifyClient::None => StepVerdict::Accept,
            _ => self.chain.judge(step),
        }
    }

    /// What is wrong with the certificate itself.
    #[must_use]
    pub fn objections(&self, certificate: Option<&Certificate>, host: Option<&str>) -> Vec<Refusal> {
        let Some(certificate) = certificate else { return vec![Refusal::NoCertificate] };
        let mut found = Vec::new();
        if self.expire && !certificate.timely {
            found.push(Refusal::Expired);
        }
        // Who does not say a name wants none.
        let is_for = |host| peer_name::is_for(&certificate.names, host, self.name);
        if !host.is_none_or(is_for) {
            found.push(if self.name == NameCheck::FirstCn { Refusal::FirstCn } else { Refusal::Name });
        }
        found
    }

    const fn accepts(&self, result: i32) -> bool {
        match self.chain.mode {
            VerifyClient::None => true,
            VerifyClient::OptionalNoCa => result == GOOD || is_about_trust(result),
            VerifyClient::Optional | VerifyClient::Require => result == GOOD,
        }
    }

    /// Whether data may flow after this handshake. All that is wrong is said.
    ///
    /// # Errors
    /// What is wrong; never nothing.
    pub fn conclude(&self, handshake: &Handshake<'_>) -> Result<Admitted, Vec<Refusal>> {
        let mut found = Vec::new();
        if !handshake.completed {
            found.push(Refusal::Unverified);
        }
        if !self.accepts(handshake.result) {
            found.push(Refusal::Chain(handshake.result));
        }
        found.extend(self.objections(handshake.certificate, handshake.host));
        found.extend(protocol_objection(handshake.proposed, handshake.selected));
        if found.is_empty() { Ok(Admitted(())) } else { Err(found) }
    }
}

fn protocol_objection(proposed: &[Vec<u8>], selected: &[u8]) -> Option<Refusal> {
    let is_proposed = |name: &[u8]| proposed.iter().any(|other| other == name);
    if proposed.is_empty() || (!selected.is_empty() && is_proposed(selected)) {
        return None;
    }
    if !selected.is_empty() {
        return Some(Refusal::OtherProtocol);
    }
    // Who knows nothing of ALPN speaks HTTP/1.1.
    (!is_proposed(b"http/1.1")).then_some(Refusal::NoProtocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::verify::CrlCheck;
    use VerifyClient::{None as Never, Optional, OptionalNoCa, Require};

    fn checks(mode: VerifyClient, name: NameCheck, expire: bool) -> Checks {
        Checks { chain: Terms { mode, depth: 1, crl: CrlCheck::default() }, name, expire }
    }

    fn certificate(host: &str, timely: bool) -> Certificate {
        let names = PeerNames {
            hosts: vec![host.to_owned()],
            first_cn: Some(host.to_owned()),
            ..PeerNames::default()
        };
        Certificate { names, timely }
    }

    const PLAIN: Handshake<'static> = Handshake {
        certificate: None,
        completed: true,
        result: 0,
        host: Some("a.test"),
        proposed: &[],
        selected: b"",
    };

    #[test]
    fn only_a_completed_verification_admits() {
        let good = certificate("a.test", true);
        for (mode, completed, result, refusals) in [
            (Require, true, 0, vec![]),
            (Require, true, 20, vec![Refusal::Chain(20)]),
            (Require, false, 0, vec![Refusal::Unverified]),
            (Optional, true, 18, vec![Refusal::Chain(18)]),
            (OptionalNoCa, true, 18, vec![]),
            (OptionalNoCa, true, 23, vec![Refusal::Chain(23)]),
            (OptionalNoCa, false, 18, vec![Refusal::Unverified]),
            (Never, true, 23, vec![]),
            (Never, false, 0, vec![Refusal::Unverified]),
        ] {
            let handshake = Handshake { certificate: Some(&good), completed, result, ..PLAIN };
            let said = checks(mode, NameCheck::Any, true).conclude(&handshake);
            assert_eq!(said.err().unwrap_or_default(), refusals, "{mode:?} {handshake:?}");
        }
    }

    #[test]
    fn the_certificate_itself() {
        let (good, late) = (certificate("a.test", true), certificate("b.test", false));
        for (name, expire, shown, host, refusals) in [
            (NameCheck::Any, true, Some(&good), Some("a.test"), vec![]),
            (NameCheck::Any, true, Some(&good), Some("c.test"), vec![Refusal::Name]),
            (NameCheck::FirstCn, true, Some(&good), Some("c.test"), vec![Refusal::FirstCn]),
            (NameCheck::None, true, Some(&good), Some("c.test"), vec![]),
            (NameCheck::Any, true, Some(&good), None, vec![]),
            (NameCheck::Any, true, Some(&late), Some("a.test"), vec![Refusal::Expired, Refusal::Name]),
            (NameCheck::Any, false, Some(&late), Some("b.test"), vec![]),
            (NameCheck::None, false, None, Some("b.test"), vec![Refusal::NoCertificate]),
        ] {
            let handshake = Handshake { certificate: shown, host, ..PLAIN };
            let said = checks(Never, name, expire).conclude(&handshake);
            assert_eq!(said.err().unwrap_or_default(), refusals, "{name:?} {handshake:?}");
        }
    }

    #[test]
    fn protocols() {
        let list = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        for (proposed, selected, objection) in [
            (vec![], "", None),
            (vec![], "h2", None),
            (list(&["h2"]), "h2", None),
            (list(&["h2"]), "", Some(Refusal::NoProtocol)),
            (list(&["h2", "http/1.1"]), "", None),
            (list(&["h2"]), "http/1.1", Some(Refusal::OtherProtocol)),
            (list(&["h2", "http/1.1"]), "http/1.1", None),
        ] {
            assert_eq!(
                protocol_objection(&proposed, selected.as_bytes()),
                objection,
                "{proposed:?} {selected}"
            );
        }
    }

    #[test]
    fn steps_without_verification_go_on() {
        let step = Step { ok: false, error: 20, depth: 9 };
        assert_eq!(checks(Never, NameCheck::Any, true).judge(step), StepVerdict::Accept);
        assert_eq!(checks(Require, NameCheck::Any, true).judge(step), StepVerdict::Refuse);
        assert_eq!(
            checks(Require, NameCheck::Any, true).judge(Step { ok: true, error: 0, depth: 2 }),
            StepVerdict::RefuseTooLong
        );
    }
}
