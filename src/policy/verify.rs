//! What becomes of a client's certificate: the steps of its verification, and
//! what a request may rely on afterwards.

use crate::config::verify::{CrlCheck, VerifyClient};

/// A SHA-256.
pub type Digest = [u8; 32];

/// `X509_V_OK`.
pub const GOOD: i32 = 0;
/// `X509_V_ERR_UNSPECIFIED`.
pub const UNSPECIFIED: i32 = 1;
/// `X509_V_ERR_UNABLE_TO_GET_CRL`.
pub const NO_CRL: i32 = 3;
/// `X509_V_ERR_CRL_HAS_EXPIRED`.
pub const CRL_EXPIRED: i32 = 12;
/// `X509_V_ERR_CERT_REVOKED`.
pub const REVOKED: i32 = 23;
/// `X509_V_ERR_APPLICATION_VERIFICATION`.
pub const APPLICATION: i32 = 50;
/// `X509_V_ERR_CERT_CHAIN_TOO_LONG`.
pub const TOO_LONG: i32 = 22;

/// Whether the error only says that nobody known vouches for the certificate:
/// 18 and 19 are self-signed ones, 20 and 21 lack an issuer, 27 is not trusted.
#[must_use]
pub const fn is_about_trust(error: i32) -> bool {
    matches!(error, 18..=21 | 27)
}

/// How clients are verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// `SSLVerifyClient`.
    pub mode: VerifyClient,
    /// `SSLVerifyDepth`.
    pub depth: u32,
    /// `SSLCARevocationCheck`.
    pub crl: CrlCheck,
}

/// What the library thinks of one certificate of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// It has no objection.
    pub ok: bool,
    /// Its number; when it has no objection, that of an earlier one.
    pub error: i32,
    /// 0 is the client's certificate, the root has the largest number.
    pub depth: u32,
}

/// What becomes of one certificate of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepVerdict {
    /// Go on.
    Accept,
    /// Go on; nobody vouches for it, and nobody need.
    AcceptUnvouched,
    /// Go on; its issuer has no list of revoked ones.
    AcceptWithoutCrl,
    /// The library's objection stands.
    Refuse,
    /// There are too many certificates.
    RefuseTooLong,
}

impl Terms {
    /// Looks at one certificate of the chain. Commands of the library can ask
    /// for certificates where `SSLVerifyClient` does not: then its own limits
    /// are all there is.
    #[must_use]
    pub const fn judge(&self, step: Step) -> StepVerdict {
        let verdict = match (step.ok, step.error) {
            (true, _) => StepVerdict::Accept,
            (false, error) if is_about_trust(error) && matches!(self.mode, VerifyClient::OptionalNoCa) => {
                StepVerdict::AcceptUnvouched
            }
            (false, NO_CRL) if self.crl.missing_ok => StepVerdict::AcceptWithoutCrl,
            (false, _) => return StepVerdict::Refuse,
        };
        if step.depth > self.depth && !matches!(self.mode, VerifyClient::None) {
            return StepVerdict::RefuseTooLong;
        }
        verdict
    }

    /// How long the chain of a client can be that was verified so: where
    /// `SSLVerifyClient` asks for none, nobody has looked.
    #[must_use]
    pub const fn depth_kept(&self) -> u32 {
        if matches!(self.mode, VerifyClient::None) { u32::MAX } else { self.depth }
    }

    /// Whether a client that showed a certificate with this `result`, or none,
    /// may be let in.
    #[must_use]
    pub const fn admits(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Good(_) => true,
            Outcome::Absent => !matches!(self.mode, VerifyClient::Require),
            Outcome::Generous => matches!(self.mode, VerifyClient::OptionalNoCa),
            Outcome::Bad(error) => matches!(self.mode, VerifyClient::OptionalNoCa) && is_about_trust(*error),
        }
    }

    /// What a resumption may start from: the state of the session's certificate,
    /// as it was and as it is now.
    #[must_use]
    pub const fn may_resume(&self, shown: Shown) -> bool {
        match shown {
            Shown::Nothing => !matches!(self.mode, VerifyClient::Require),
            Shown::Certificate { timely: false, .. } => false,
            Shown::Certificate { result: GOOD, .. } => true,
            Shown::Certificate { result, .. } => {
                matches!(self.mode, VerifyClient::OptionalNoCa) && is_about_trust(result)
            }
        }
    }
}

/// What a session says of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It has shown no certificate.
    Nothing,
    /// It has shown one.
    Certificate {
        /// The result of its verification at that time.
        result: i32,
        /// The certificate and those above it are valid now, and so are the lists that did not have it.
        timely: bool,
    },
}

/// A client whose certificate was found good.
///
/// Nothing but [`conclude`] makes one: who holds it, holds the result of a
/// verification that was completed on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    policy: Digest,
    certificate: Digest,
}

impl Verified {
    /// Whether it was found good under the policy with this digest.
    #[must_use]
    pub fn is_under(&self, policy: &Digest) -> bool {
        self.policy == *policy
    }

    /// SHA-256 of the certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Digest {
        &self.certificate
    }
}

/// What became of the client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It sent none.
    Absent,
    /// Nothing is wrong with it.
    Good(Verified),
    /// Nobody known vouches for it, which was not asked for.
    Generous,
    /// The number of what is wrong (`X509_V_ERR_...`).
    Bad(i32),
}

/// A handshake that has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The digest of the policy in force.
    pub policy: Digest,
    /// The terms in force.
    pub terms: Terms,
    /// SHA-256 of the certificate, if there was one.
    pub certificate: Option<Digest>,
    /// The verification came to its end here, or in the handshake that made the
    /// session which is resumed.
    pub completed: bool,
    /// The library's result.
    pub result: i32,
    /// TLS 1.3, where the C module says what is wrong with a certificate that
    /// nobody vouches for.
    pub tls13: bool,
}

/// Whether a session of time `made` may be resumed, when sessions live `timeout`; all in seconds. The clock of
/// the server that made it may be ahead.
#[must_use]
pub const fn is_alive(made: i64, timeout: i64, now: i64) -> bool {
    made <= now.saturating_add(timeout) && now < made.saturating_add(timeout)
}

/// What a handshake says of the client.
#[must_use]
pub const fn conclude(handshake: &Completed) -> Outcome {
    let unvouched = is_about_trust(handshake.result);
    match (handshake.certificate, handshake.result) {
        (None, _) => Outcome::Absent,
        (Some(_), GOOD) if !handshake.completed => Outcome::Bad(UNSPECIFIED),
        (Some(certificate), GOOD) => Outcome::Good(Verified { policy: handshake.policy, certificate }),
        (Some(_), _)
            if unvouched
                && !handshake.tls13
                && matches!(handshake.terms.mode, VerifyClient::OptionalNoCa) =>
        {
            Outcome::Generous
        }
        (Some(_), error) => Outcome::Bad(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::verify::CrlScope;
    use StepVerdict::{Accept, AcceptUnvouched, AcceptWithoutCrl, Refuse, RefuseTooLong};
    use VerifyClient::{None as Never, Optional, OptionalNoCa, Require};

    fn terms(mode: VerifyClient) -> Terms {
        Terms { mode, depth: 1, crl: CrlCheck::default() }
    }

    #[test]
    fn ages() {
        for (made, timeout, now, alive) in [
            (100, 10, 100, true),
            (100, 10, 109, true),
            (100, 10, 110, false),
            (110, 10, 100, true),
            (111, 10, 100, false),
            (i64::MAX, 10, 100, false),
            (i64::MIN, 10, 100, false),
            (100, i64::MAX, 200, true),
        ] {
            assert_eq!(is_alive(made, timeout, now), alive, "{made} {timeout} {now}");
        }
    }

    #[test]
    fn steps() {
        let lenient = CrlCheck { scope: CrlScope::Chain, missing_ok: true };
        for (mode, crl, ok, error, depth, verdict) in [
            (Require, CrlCheck::default(), true, 0, 1, Accept),
            (Require, CrlCheck::default(), true, 0, 2, RefuseTooLong),
            (Never, CrlCheck::default(), true, 0, 9, Accept),
            (Never, CrlCheck::default(), false, 20, 0, Refuse),
            (Require, CrlCheck::default(), false, 20, 0, Refuse),
            (Optional, CrlCheck::default(), false, 18, 0, Refuse),
            (OptionalNoCa, CrlCheck::default(), false, 18, 0, AcceptUnvouched),
            (OptionalNoCa, CrlCheck::default(), false, 27, 0, AcceptUnvouched),
            (OptionalNoCa, CrlCheck::default(), false, 19, 2, RefuseTooLong),
            (OptionalNoCa, CrlCheck::default(), true, 20, 0, Accept),
            (OptionalNoCa, CrlCheck::default(), false, 10, 0, Refuse),
            (OptionalNoCa, CrlCheck::default(), false, 23, 0, Refuse),
            (OptionalNoCa, CrlCheck::default(), false, 26, 0, Refuse),
            (Require, CrlCheck::default(), false, 3, 0, Refuse),
            (Require, lenient, false, 3, 0, AcceptWithoutCrl),
            (Require, lenient, false, 23, 0, Refuse),
            (Require, lenient, false, 12, 0, Refuse),
        ] {
            let step = Step { ok, error, depth };
            assert_eq!(Terms { crl, ..terms(mode) }.judge(step), verdict, "{mode:?} {step:?}");
        }
    }

    #[test]
    fn outcomes_and_who_is_let_in() {
        let good = Outcome::Good(Verified { policy: [1; 32], certificate: [2; 32] });
        for (mode, certificate, completed, result, tls13, outcome, admitted) in [
            (Optional, false, true, 0, true, Outcome::Absent, true),
            (Require, false, true, 0, true, Outcome::Absent, false),
            (Require, true, true, 0, true, good.clone(), true),
            (Require, true, false, 0, true, Outcome::Bad(1), false),
            (Require, true, true, 20, false, Outcome::Bad(20), false),
            (OptionalNoCa, true, true, 0, false, good, true),
            (OptionalNoCa, true, true, 21, false, Outcome::Generous, true),
            (OptionalNoCa, true, true, 21, true, Outcome::Bad(21), true),
            (OptionalNoCa, true, true, 10, false, Outcome::Bad(10), false),
            (OptionalNoCa, true, true, 23, true, Outcome::Bad(23), false),
            (OptionalNoCa, true, false, 0, true, Outcome::Bad(1), false),
        ] {
            let handshake = Completed {
                policy: [1; 32],
                terms: terms(mode),
                certificate: certificate.then_some([2; 32]),
                completed,
                result,
                tls13,
            };
            let found = conclude(&handshake);
            assert_eq!(found, outcome, "{handshake:?}");
            assert_eq!(terms(mode).admits(&found), admitted, "{handshake:?}");
            if let Outcome::Good(verified) = found {
                assert!(verified.is_under(&[1; 32]) && !verified.is_under(&[3; 32]));
                assert_eq!(verified.certificate(), &[2; 32]);
            }
        }
    }

    #[test]
    fn depths_that_were_kept() {
        assert_eq!(terms(Never).depth_kept(), u32::MAX, "commands of the library may have asked");
        for mode in [Optional, OptionalNoCa, Require] {
            assert_eq!(terms(mode).depth_kept(), 1, "{mode:?}");
        }
    }

    #[test]
    fn resumptions() {
        let shown = |result, timely| Shown::Certificate { result, timely };
        for (mode, shown, may) in [
            (Never, Shown::Nothing, true),
            (Optional, Shown::Nothing, true),
            (Require, Shown::Nothing, false),
            (Require, shown(0, true), true),
            (Require, shown(0, false), false),
            (Require, shown(20, true), false),
            (Optional, shown(18, true), false),
            (OptionalNoCa, shown(18, true), true),
            (OptionalNoCa, shown(18, false), false),
            (OptionalNoCa, shown(10, true), false),
        ] {
            assert_eq!(terms(mode).may_resume(shown), may, "{mode:?} {shown:?}");
        }
    }
}
