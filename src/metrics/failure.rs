//! Why a handshake has failed, in a few classes.

use super::Counter;

/// Reasons of OpenSSL's TLS library (`SSL_R_...`): there is nothing that both sides could agree on.
const NOTHING_IN_COMMON: [i32; 14] = [
    101, // NO_SUITABLE_KEY_SHARE
    118, // NO_SUITABLE_SIGNATURE_ALGORITHM
    166, // VERSION_TOO_HIGH
    191, // NO_PROTOCOLS_AVAILABLE
    193, // NO_SHARED_CIPHER
    235, // NO_APPLICATION_PROTOCOL
    252, // UNKNOWN_PROTOCOL
    258, // UNSUPPORTED_PROTOCOL
    295, // NO_SUITABLE_GROUPS
    297, // NO_SUITABLE_DIGEST_ALGORITHM
    373, // INAPPROPRIATE_FALLBACK
    376, // NO_SHARED_SIGNATURE_ALGORITHMS
    396, // VERSION_TOO_LOW
    410, // NO_SHARED_GROUPS
];
/// As above: the client's certificate is missing, or was not accepted.
const CLIENT: [i32; 3] = [
    134, // CERTIFICATE_VERIFY_FAILED
    176, // NO_CERTIFICATES_RETURNED
    199, // PEER_DID_NOT_RETURN_A_CERTIFICATE
];
/// As above: alerts of the peer have their number behind this (`SSL_AD_REASON_OFFSET`).
const ALERT: std::ops::Range<i32> = 1000..1256;

/// The class, from the reasons of the TLS library; the first one that says something counts.
pub fn cause(reasons: impl Iterator<Item = i32>) -> Counter {
    for reason in reasons {
        if NOTHING_IN_COMMON.contains(&reason) {
            return Counter::FailedNegotiation;
        }
        if CLIENT.contains(&reason) {
            return Counter::FailedClient;
        }
        if ALERT.contains(&reason) {
            return Counter::FailedAlert;
        }
    }
    Counter::FailedOther
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (reasons, counter) in [
            (&[][..], Counter::FailedOther),
            (&[193], Counter::FailedNegotiation),
            (&[258], Counter::FailedNegotiation),
            (&[134], Counter::FailedClient),
            (&[267, 199], Counter::FailedClient),
            (&[1048], Counter::FailedAlert),
            (&[1000, 134], Counter::FailedAlert),
            (&[267, 999, 1256], Counter::FailedOther),
        ] {
            assert_eq!(cause(reasons.iter().copied()), counter, "{reasons:?}");
        }
    }
}
