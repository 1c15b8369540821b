//! What two sides have agreed on, in the terms of the registries of TLS.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::ptr;

use openssl::nid::Nid;
use openssl_sys as sys;

use super::SslRef;
use crate::ossl::ctx::{SslCtxRef, static_str};
use crate::ossl::ffi;

/// How one side has proven that it has its key (`SignatureScheme` of RFC 8446): a kind of signature and a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    kind: Nid,
    /// `UNDEF` when it is a part of the kind.
    digest: Nid,
}

impl Signature {
    /// The name in IANA's registry; `None` when it has none. `pss_key` says that the key of the certificate is
    /// for RSASSA-PSS alone.
    #[must_use]
    pub fn name(self, pss_key: bool) -> Option<Cow<'static, str>> {
        let kind = match self.kind {
            Nid::RSAENCRYPTION => "rsa_pkcs1",
            Nid::RSASSAPSS if pss_key => "rsa_pss_pss",
            Nid::RSASSAPSS => "rsa_pss_rsae",
            Nid::X9_62_ID_ECPUBLICKEY => return self.ecdsa().map(Cow::Borrowed),
            // `ed25519`, `mldsa65`: one word for all of it.
            kind if self.digest == Nid::UNDEF => {
                return Some(kind.short_name().ok()?.replace('-', "").to_ascii_lowercase().into());
            }
            _ => return None,
        };
        let digest = match self.digest {
            Nid::SHA1 => "sha1",
            Nid::SHA256 => "sha256",
            Nid::SHA384 => "sha384",
            Nid::SHA512 => "sha512",
            _ => return None,
        };
        Some(format!("{kind}_{digest}").into())
    }

    /// Each digest has one curve, which counts in TLS 1.3 only.
    fn ecdsa(self) -> Option<&'static str> {
        match self.digest {
            Nid::SHA1 => Some("ecdsa_sha1"),
            Nid::SHA256 => Some("ecdsa_secp256r1_sha256"),
            Nid::SHA384 => Some("ecdsa_secp384r1_sha384"),
            Nid::SHA512 => Some("ecdsa_secp521r1_sha512"),
            _ => None,
        }
    }
}

impl SslRef {
    /// The group of the key exchange: `x25519`. `None` if there was none; a resumption
    /// of TLS 1.2 has that of its session.
    #[must_use]
    pub fn group(&self) -> Option<String> {
        // OpenSSL looks into the session before there is one: in the ClientHello, where modules ask for variables.
        // SAFETY: a borrowed connection is alive; the session is not counted.
        if unsafe { sys::SSL_get_session(self.as_ptr()) }.is_null() {
            return None;
        }
        let id = self.ctrl(ffi::SSL_CTRL_GET_NEGOTIATED_GROUP, 0, ptr::null_mut());
        let id = c_int::try_from(id).ok().filter(|id| *id > 0)?;
        // SAFETY: a borrowed connection is alive. So for all calls with `as_ptr` below.
        let name = unsafe { ffi::SSL_group_to_name(self.as_ptr(), id) };
        if name.is_null() {
            return None;
        }
        // SAFETY: a C string that the connection's context owns; it is copied at once.
        Some(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
    }

    /// The signature of this side in the handshake; none in a resumption.
    #[must_use]
    pub fn signature(&self) -> Option<Signature> {
        let mut kind = 0;
        // SAFETY: see group; the place is ours.
        let known = unsafe { ffi::SSL_get_signature_type_nid(self.as_ptr(), &raw mut kind) };
        self.signature_of(known, kind, ffi::SSL_CTRL_GET_SIGNATURE_NID)
    }

    /// The peer's; none without a certificate, nor in a resumption.
    #[must_use]
    pub fn peer_signature(&self) -> Option<Signature> {
        let mut kind = 0;
        // SAFETY: see group; the place is ours.
        let known = unsafe { ffi::SSL_get_peer_signature_type_nid(self.as_ptr(), &raw mut kind) };
        self.signature_of(known, kind, ffi::SSL_CTRL_GET_PEER_SIGNATURE_NID)
    }

    fn signature_of(&self, known: c_int, kind: c_int, digest_command: c_int) -> Option<Signature> {
        if known != 1 || kind == 0 {
            return None;
        }
        let mut digest: c_int = 0;
        self.ctrl(digest_command, 0, (&raw mut digest).cast());
        Some(Signature { kind: Nid::from_raw(kind), digest: Nid::from_raw(digest) })
    }

    /// The numbers of the ciphers that the client offers, as far as the library knows them. It forgets them in a
    /// resumption of TLS 1.2.
    #[must_use]
    pub fn offered_ciphers(&self) -> Box<[u16]> {
        // SAFETY: see group. The stack belongs to the connection.
        let stack = unsafe { ffi::SSL_get_client_ciphers(self.as_ptr()) };
        ciphers(stack).map(number).collect()
    }
}

impl SslCtxRef {
    /// Those of the `offered` ciphers that are allowed here, in that order.
    #[must_use]
    pub fn shared_ciphers(&self, offered: &[u16]) -> Vec<&'static str> {
        // SAFETY: a borrowed context is alive. The stack belongs to it.
        let stack = unsafe { ffi::SSL_CTX_get_ciphers(self.as_ptr()) };
        let allowed: Vec<_> = ciphers(stack).collect();
        let find = |wanted: u16| allowed.iter().find(|cipher| number(**cipher) == wanted);
        let name = |cipher: *const sys::SSL_CIPHER| {
            // SAFETY: ciphers are entries of a table of the library.
            let name = unsafe { sys::SSL_CIPHER_get_name(cipher) };
            // SAFETY: the names are string constants of the library.
            unsafe { static_str(name) }
        };
        offered.iter().filter_map(|number| name(*find(*number)?)).collect()
    }
}

/// The ciphers of a stack.
fn ciphers(stack: *mut libc::c_void) -> impl Iterator<Item = *const sys::SSL_CIPHER> {
    let stack = stack.cast();
    // SAFETY: OPENSSL_sk_num takes NULL.
    let count = unsafe { sys::OPENSSL_sk_num(stack) };
    // SAFETY: the index is below the stack's length.
    (0..count).map(move |index| unsafe { sys::OPENSSL_sk_value(stack, index) }.cast_const().cast())
}

/// The number of a cipher in the protocol.
fn number(cipher: *const sys::SSL_CIPHER) -> u16 {
    // SAFETY: ciphers are entries of a table of the library.
    unsafe { ffi::SSL_CIPHER_get_protocol_id(cipher) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_registry() {
        let (ec, digests) = (Nid::X9_62_ID_ECPUBLICKEY, [Nid::SHA1, Nid::SHA256, Nid::SHA384, Nid::SHA512]);
        for (kind, digest, pss_key, name) in [
            (Nid::RSAENCRYPTION, Nid::SHA256, false, Some("rsa_pkcs1_sha256")),
            (Nid::RSAENCRYPTION, Nid::SHA1, false, Some("rsa_pkcs1_sha1")),
            (Nid::RSAENCRYPTION, Nid::MD5_SHA1, false, None),
            (Nid::RSASSAPSS, Nid::SHA384, false, Some("rsa_pss_rsae_sha384")),
            (Nid::RSASSAPSS, Nid::SHA512, true, Some("rsa_pss_pss_sha512")),
            (ec, digests[0], false, Some("ecdsa_sha1")),
            (ec, digests[1], false, Some("ecdsa_secp256r1_sha256")),
            (ec, digests[2], false, Some("ecdsa_secp384r1_sha384")),
            (ec, digests[3], false, Some("ecdsa_secp521r1_sha512")),
            (ec, Nid::UNDEF, false, None),
            (Nid::from_raw(1087), Nid::UNDEF, false, Some("ed25519")),
            (Nid::from_raw(1088), Nid::UNDEF, false, Some("ed448")),
            (Nid::DSA, Nid::SHA1, false, None),
        ] {
            let signature = Signature { kind, digest };
            assert_eq!(signature.name(pss_key).as_deref(), name, "{signature:?}");
        }
    }
}
