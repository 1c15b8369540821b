//! Whole connections in memory: two ends, and a pipe for each direction between them.

/// What most tests answer about the beginning of a handshake: go on, without a name and a protocol.
macro_rules! plain_answers {
    () => {
        fn client_hello(
            &self,
            _: &$crate::ossl::ssl::SslRef,
            _: &$crate::ossl::callback::ClientHello<'_>,
        ) -> $crate::ossl::callback::HelloVerdict {
            $crate::ossl::callback::HelloVerdict::Continue
        }
        fn server_name(&self, _: &$crate::ossl::ssl::SslRef) -> $crate::ossl::callback::SniVerdict {
            $crate::ossl::callback::SniVerdict::NoAck
        }
        fn alpn(&self, _: &$crate::ossl::ssl::SslRef, _: &[u8]) -> $crate::ossl::callback::AlpnVerdict {
            $crate::ossl::callback::AlpnVerdict::NoAck
        }
    };
}

mod alpn;
mod close;
mod context;
mod handshake;
mod identity;
mod load;
mod make;
mod ocsp;
mod panics;
mod pipe;
mod resumption;
mod sni;
#[cfg(openssl_srp)]
mod srp;
mod status;
mod store;
mod verify;
