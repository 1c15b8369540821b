//! What ties a session to the policy it was made under.

/// The layout's version; an unknown one is refused, which costs a full handshake and nothing else.
const LAYOUT: u8 = 3;
const LENGTH: usize = 2 + 32 + 32 + 8;

/// The policy and the client-certificate state under which a session was made.
///
/// It is stored as the session's ticket appdata, so that it travels with tickets and with sessions in an
/// external cache, and is covered by the ticket's MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// The digest of everything that decides a handshake, except the identity.
    pub policy: [u8; 32],
    /// The result of the client's verification (`X509_V_...`).
    pub result: u8,
    /// SHA-256 of the client's certificate; nothing but zeros without one.
    pub client: [u8; 32],
    /// When the first certificate of the client's chain expires, in seconds since 1970; [`ENDLESS`](Self::ENDLESS)
    /// without one.
    pub until: i64,
}

/// Whether a session may be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingVerdict {
    /// It was made under the same policy and with the same client-certificate state.
    Fits,
    /// It carries no binding, or one that cannot be read.
    Unbound,
    /// It was made under another policy.
    OtherPolicy,
    /// It was made with another client-certificate state.
    OtherClient,
}

impl Binding {
    /// A binding that fits nothing: what cannot be understood is not resumed.
    pub const FOREIGN: Binding = Binding { policy: [0; 32], result: u8::MAX, client: [0; 32], until: 0 };
    /// Nothing expires.
    pub const ENDLESS: i64 = i64::MAX;

    /// Layout version, result, digest of the policy, digest of the certificate, end.
    #[must_use]
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0] = LAYOUT;
        bytes[1] = self.result;
        bytes[2..34].copy_from_slice(&self.policy);
        bytes[34..66].copy_from_slice(&self.client);
        bytes[66..].copy_from_slice(&self.until.to_be_bytes());
        bytes
    }

    /// Reads what [`encode`](Self::encode) has made; `None` for anything else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [LAYOUT, result, rest @ ..] => {
                let (policy, rest) = rest.split_first_chunk::<32>()?;
                let (client, until) = rest.split_first_chunk::<32>()?;
                let until = i64::from_be_bytes(until.try_into().ok()?);
                Some(Binding { policy: *policy, result: *result, client: *client, until })
            }
            _ => None,
        }
    }

    /// Whether a session that carries `stored` may be resumed where this binding is wanted.
    #[must_use]
    pub fn verdict(&self, stored: &[u8]) -> BindingVerdict {
        match Binding::parse(stored) {
            None => BindingVerdict::Unbound,
            Some(stored) if stored.policy != self.policy => BindingVerdict::OtherPolicy,
            Some(stored)
                if (stored.client, stored.result, stored.until) != (self.client, self.result, self.until) =>
            {
                BindingVerdict::OtherClient
            }
            Some(_) => BindingVerdict::Fits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Binding = Binding { policy: [7; 32], result: 0, client: [2; 32], until: 1 << 40 };

    #[test]
    fn encoding_comes_back() {
        assert_eq!(Binding::parse(&MINE.encode()), Some(MINE));
        assert_eq!(MINE.encode().len(), 74);
    }

    #[test]
    fn every_difference_is_seen() {
        let mut other_policy = MINE;
        other_policy.policy[31] ^= 1;
        let other_client = Binding { client: [3; 32], ..MINE };
        let other_result = Binding { result: 18, ..MINE };
        let other_end = Binding { until: 1 << 41, ..MINE };
        let mut other_layout = MINE.encode();
        other_layout[0] = 1;
        let mut longer = MINE.encode().to_vec();
        longer.push(0);
        let table: [(&[u8], BindingVerdict); 9] = [
            (&MINE.encode(), BindingVerdict::Fits),
            (&other_policy.encode(), BindingVerdict::OtherPolicy),
            (&other_client.encode(), BindingVerdict::OtherClient),
            (&other_result.encode(), BindingVerdict::OtherClient),
            (&other_end.encode(), BindingVerdict::OtherClient),
            (&other_layout, BindingVerdict::Unbound),
            (&longer, BindingVerdict::Unbound),
            (&MINE.encode()[..73], BindingVerdict::Unbound),
            (&[], BindingVerdict::Unbound),
        ];
        for (stored, verdict) in table {
            assert_eq!(MINE.verdict(stored), verdict, "{stored:?}");
        }
    }
}
