//! What a directory demands of a connection that exists already.

use crate::config::verify::VerifyClient;

/// Whether the client is asked for a certificate, as OpenSSL knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// It is not.
    #[default]
    No,
    /// It may send none.
    MaySend,
    /// It must send one.
    MustSend,
}

impl Asked {
    /// What a value of `SSLVerifyClient` asks.
    #[must_use]
    pub const fn by(verify: VerifyClient) -> Self {
        match verify {
            VerifyClient::None => Self::No,
            VerifyClient::Optional | VerifyClient::OptionalNoCa => Self::MaySend,
            VerifyClient::Require => Self::MustSend,
        }
    }
}

/// The one of two values of `SSLVerifyClient` that lets fewer clients in.
#[must_use]
pub const fn stricter(one: VerifyClient, other: VerifyClient) -> VerifyClient {
    use VerifyClient::{None, Optional, OptionalNoCa, Require};
    match (one, other) {
        (Require, _) | (_, Require) => Require,
        (Optional, _) | (_, Optional) => Optional,
        (OptionalNoCa, _) | (_, OptionalNoCa) => OptionalNoCa,
        (None, None) => None,
    }
}

/// What the directory's ciphers (up to TLS 1.2) mean for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ciphers {
    /// They are those in force, by their text, or there are none.
    Same,
    /// Another text; what it means was not tried, since nothing can be done
    /// about it here.
    Other,
    /// Another text.
    Tried {
        /// The cipher in use is among them.
        in_use_is_allowed: bool,
        /// They are the same ones after all.
        same_set: bool,
    },
}

/// What is known about request and connection.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// TLS 1.3, which knows no renegotiation.
    pub tls13: bool,
    /// The request is a stream of HTTP/2, which forbids both.
    pub stream: bool,
    /// `SSLOptions OptRenegotiate`.
    pub optimise: bool,
    /// The user has logged in by TLS-SRP.
    pub srp_user: bool,
    /// The ciphers.
    pub ciphers: Ciphers,
    /// What the connection was asked so far.
    pub asked: Asked,
    /// What directory and server want.
    pub wanted: Asked,
    /// How long a chain the connection was allowed so far.
    pub depth: u32,
    /// How long a chain the directory allows.
    pub wanted_depth: u32,
    /// What is known of the client is enough for the directory.
    pub admitted: bool,
}

/// Why something has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Other ciphers.
    Ciphers,
    /// A certificate, or more of it.
    Verification,
    /// A shorter chain.
    Depth,
}

/// What has to be done before the request may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// The request is refused: HTTP/2 does not allow it. The client may come
    /// back by HTTP/1.1.
    Refuse(Reason),
    /// A second handshake (TLS 1.2 and before).
    Renegotiate(Reason),
    /// A certificate is asked for after the handshake (TLS 1.3).
    AskForCertificate(Reason),
}

/// Decides.
#[must_use]
pub fn decide(facts: &Facts) -> Step {
    if facts.srp_user && !facts.tls13 {
        return Step::Nothing;
    }
    let ciphers = match facts.ciphers {
        _ if facts.tls13 => false,
        Ciphers::Same => false,
        Ciphers::Other => true,
        Ciphers::Tried { in_use_is_allowed, same_set } => {
            if facts.optimise {
                !in_use_is_allowed
            } else {
                !same_set || !in_use_is_allowed
            }
        }
    };
    let stricter = facts.wanted > facts.asked || (facts.wanted != Asked::No && !facts.admitted);
    let shallower = facts.wanted != Asked::No && facts.wanted_depth < facts.depth;
    let reason = match (ciphers, stricter, shallower) {
        (_, true, _) => Reason::Verification,
        (_, _, true) => Reason::Depth,
        (true, ..) => Reason::Ciphers,
        _ => return Step::Nothing,
    };
    if facts.stream {
        return Step::Refuse(if ciphers { Reason::Ciphers } else { reason });
    }
    if facts.tls13 { Step::AskForCertificate(reason) } else { Step::Renegotiate(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Facts = Facts {
        tls13: false,
        stream: false,
        optimise: false,
        srp_user: false,
        ciphers: Ciphers::Same,
        asked: Asked::No,
        wanted: Asked::No,
        depth: 1,
        wanted_depth: 1,
        admitted: true,
    };

    const fn tried(in_use_is_allowed: bool, same_set: bool) -> Ciphers {
        Ciphers::Tried { in_use_is_allowed, same_set }
    }

    #[test]
    fn ciphers_up_to_tls12() {
        for (ciphers, plain, optimised) in [
            (Ciphers::Same, false, false),
            (tried(true, true), false, false),
            (tried(true, false), true, false),
            (tried(false, false), true, true),
            // The cipher in use was left out of the list meanwhile.
            (tried(false, true), true, true),
        ] {
            for (optimise, due) in [(false, plain), (true, optimised)] {
                let expected = if due { Step::Renegotiate(Reason::Ciphers) } else { Step::Nothing };
                assert_eq!(decide(&Facts { ciphers, optimise, ..QUIET }), expected, "{ciphers:?} {optimise}");
                assert_eq!(
                    decide(&Facts { ciphers, optimise, tls13: true, ..QUIET }),
                    Step::Nothing,
                    "{ciphers:?} {optimise}"
                );
                assert_eq!(decide(&Facts { ciphers, optimise, srp_user: true, ..QUIET }), Step::Nothing);
            }
        }
    }

    #[test]
    fn certificates() {
        use Asked::{MaySend, MustSend, No};
        for (asked, wanted, due) in [
            (No, No, false),
            (No, MaySend, true),
            (No, MustSend, true),
            (MaySend, No, false),
            (MaySend, MaySend, false),
            (MaySend, MustSend, true),
            (MustSend, No, false),
            (MustSend, MaySend, false),
            (MustSend, MustSend, false),
        ] {
            let facts = Facts { asked, wanted, ..QUIET };
            let verdicts = if due {
                (Step::Renegotiate(Reason::Verification), Step::AskForCertificate(Reason::Verification))
            } else {
                (Step::Nothing, Step::Nothing)
            };
            assert_eq!(decide(&facts), verdicts.0, "{asked:?} {wanted:?}");
            assert_eq!(decide(&Facts { tls13: true, ..facts }), verdicts.1, "{asked:?} {wanted:?}");
            // Those who logged in by TLS-SRP are known; in TLS 1.3 nobody did.
            assert_eq!(decide(&Facts { srp_user: true, ..facts }), Step::Nothing);
            assert_eq!(decide(&Facts { srp_user: true, tls13: true, ..facts }), verdicts.1);
        }
    }

    #[test]
    fn depths() {
        use Asked::{MaySend, MustSend, No};
        for (wanted, depth, wanted_depth, due) in [
            (MustSend, 3, 2, true),
            (MaySend, 3, 2, true),
            (MustSend, 2, 2, false),
            (MustSend, 2, 3, false),
            (No, 3, 2, false),
        ] {
            let facts = Facts { asked: MustSend, wanted, depth, wanted_depth, ..QUIET };
            let verdicts = if due {
                (Step::Renegotiate(Reason::Depth), Step::AskForCertificate(Reason::Depth))
            } else {
                (Step::Nothing, Step::Nothing)
            };
            assert_eq!(decide(&facts), verdicts.0, "{wanted:?} {depth} {wanted_depth}");
            assert_eq!(decide(&Facts { tls13: true, ..facts }), verdicts.1);
        }
    }

    #[test]
    fn a_client_that_is_not_admitted_is_asked_again() {
        use Asked::{MaySend, MustSend, No};
        for (wanted, due) in [(No, false), (MaySend, true), (MustSend, true)] {
            let facts = Facts { asked: MustSend, wanted, admitted: false, ..QUIET };
            let verdicts = if due {
                (Step::Renegotiate(Reason::Verification), Step::AskForCertificate(Reason::Verification))
            } else {
                (Step::Nothing, Step::Nothing)
            };
            assert_eq!(decide(&facts), verdicts.0, "{wanted:?}");
            assert_eq!(decide(&Facts { tls13: true, ..facts }), verdicts.1, "{wanted:?}");
        }
    }

    #[test]
    fn the_stricter_word_counts() {
        use VerifyClient::{None as Never, Optional, OptionalNoCa, Require};
        for (one, other, result) in [
            (Never, Never, Never),
            (Never, OptionalNoCa, OptionalNoCa),
            (OptionalNoCa, Optional, Optional),
            (Optional, Require, Require),
            (OptionalNoCa, Require, Require),
        ] {
            assert_eq!(stricter(one, other), result, "{one:?} {other:?}");
            assert_eq!(stricter(other, one), result, "{other:?} {one:?}");
        }
    }

    #[test]
    fn streams_of_http2_are_refused() {
        let stream = Facts { stream: true, ..QUIET };
        assert_eq!(decide(&stream), Step::Nothing);
        let ciphers = Facts { ciphers: Ciphers::Other, ..stream };
        assert_eq!(decide(&ciphers), Step::Refuse(Reason::Ciphers));
        assert_eq!(decide(&Facts { tls13: true, ..ciphers }), Step::Nothing);
        for tls13 in [false, true] {
            let certificate = Facts { wanted: Asked::MaySend, tls13, ..stream };
            assert_eq!(decide(&certificate), Step::Refuse(Reason::Verification));
        }
    }
}
