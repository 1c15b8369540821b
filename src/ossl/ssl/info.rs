//! What can be asked about a connection.

use std::ffi::{CStr, c_long};
use std::ptr::{self, NonNull};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::{X509, X509NameRef};
use openssl_sys as sys;

use super::SslRef;
use crate::ossl::ctx::identity::owned_cert;
use crate::ossl::ctx::{options, static_str};
use crate::ossl::ffi;
use crate::ossl::lib::bytes_from;
use crate::ossl::session::Session;

/// A cipher in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cipher {
    /// OpenSSL's name.
    pub name: String,
    /// Secret bits used.
    pub bits: i32,
    /// Bits the algorithm has.
    pub algorithm_bits: i32,
}

/// Where a handshake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeState {
    /// Not begun.
    Before,
    /// Under way.
    Running,
    /// Done; also between two handshakes of a connection.
    Finished,
}

impl SslRef {
    /// Decrypted bytes of the current record that are ready to be read.
    #[must_use]
    pub fn pending(&self) -> usize {
        // SAFETY: a borrowed connection is alive. So for all calls with `as_ptr` below.
        usize::try_from(unsafe { sys::SSL_pending(self.as_ptr()) }).unwrap_or(0)
    }

    /// Whether anything has been taken from the transport and not been given out, decrypted or not.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        // SAFETY: see pending.
        unsafe { ffi::SSL_has_pending(self.as_ptr()) == 1 }
    }

    /// Where the handshake stands.
    #[must_use]
    pub fn handshake_state(&self) -> HandshakeState {
        // SAFETY: see pending.
        if unsafe { sys::SSL_is_init_finished(self.as_ptr()) } == 1 {
            return HandshakeState::Finished;
        }
        // SAFETY: see pending.
        if unsafe { ffi::SSL_in_before(self.as_ptr()) } == 1 {
            return HandshakeState::Before;
        }
        HandshakeState::Running
    }

    /// Whether the handshake is done.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.handshake_state() == HandshakeState::Finished
    }

    /// OpenSSL's description of the place in the handshake.
    #[must_use]
    pub fn state_text(&self) -> &'static str {
        // SAFETY: see pending.
        let text = unsafe { sys::SSL_state_string_long(self.as_ptr()) };
        // SAFETY: the descriptions are string constants of the library.
        unsafe { static_str(text) }.unwrap_or("unknown state")
    }

    /// Name of the version in use: `TLSv1.3`.
    #[must_use]
    pub fn version_name(&self) -> &'static str {
        // SAFETY: see pending.
        let name = unsafe { sys::SSL_get_version(self.as_ptr()) };
        // SAFETY: the names are string constants of the library.
        unsafe { static_str(name) }.unwrap_or("unknown")
    }

    /// The version in use as it is on the wire.
    #[must_use]
    pub fn version(&self) -> i32 {
        // SAFETY: see pending.
        unsafe { sys::SSL_version(self.as_ptr()) }
    }

    /// Whether TLS 1.3 is in use.
    #[must_use]
    pub fn is_tls13(&self) -> bool {
        self.version() == sys::TLS1_3_VERSION
    }

    /// Whether session tickets may be issued.
    #[must_use]
    pub fn tickets_enabled(&self) -> bool {
        self.options() & options::NO_TICKET == 0
    }

    /// Whether sessions of this connection live in tickets alone, so that nobody ever looks them up: TLS 1.3
    /// with tickets.
    #[must_use]
    pub fn is_stateless(&self) -> bool {
        self.is_tls13() && self.tickets_enabled()
    }

    /// The cipher in use.
    #[must_use]
    pub fn cipher(&self) -> Option<Cipher> {
        // SAFETY: see pending.
        let cipher = unsafe { sys::SSL_get_current_cipher(self.as_ptr()) };
        if cipher.is_null() {
            return None;
        }
        let mut algorithm_bits = 0;
        // SAFETY: ciphers are entries of a table of the library.
        let bits = unsafe { sys::SSL_CIPHER_get_bits(cipher, &raw mut algorithm_bits) };
        // SAFETY: as above.
        let name = unsafe { sys::SSL_CIPHER_get_name(cipher) };
        // SAFETY: the names are string constants of the library.
        let name = unsafe { static_str(name) }?.to_owned();
        Some(Cipher { name, bits, algorithm_bits })
    }

    /// The host name the client asked for, as sent; on a resumed TLS 1.2 session that of the session.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        // SAFETY: see pending.
        let name = unsafe { sys::SSL_get_servername(self.as_ptr(), sys::TLSEXT_NAMETYPE_host_name) };
        if name.is_null() {
            return None;
        }
        // SAFETY: a C string that the connection owns; it is copied at once.
        Some(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
    }

    /// The protocol that was agreed on by ALPN; empty if none was.
    #[must_use]
    pub fn alpn(&self) -> Vec<u8> {
        let (mut name, mut length) = (ptr::null(), 0);
        // SAFETY: see pending; both places are ours.
        unsafe { sys::SSL_get0_alpn_selected(self.as_ptr(), &raw mut name, &raw mut length) };
        // SAFETY: the bytes are the connection's, and are copied before anything can replace them.
        unsafe { bytes_from(name, length as usize) }.to_vec()
    }

    /// The session in use.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        // SAFETY: see pending.
        let session = unsafe { ffi::SSL_get1_session(self.as_ptr()) };
        // SAFETY: SSL_get1_session has counted a reference for its caller.
        NonNull::new(session).map(|session| unsafe { Session::from_ptr(session) })
    }

    /// Whether the handshake resumed a session.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        // SAFETY: see pending.
        unsafe { sys::SSL_session_reused(self.as_ptr()) == 1 }
    }

    /// Whether the peer knows RFC 5746.
    #[must_use]
    pub fn secure_renegotiation(&self) -> bool {
        self.ctrl(ffi::SSL_CTRL_GET_RI_SUPPORT, 0, ptr::null_mut()) != 0
    }

    /// The certificate this side uses.
    #[must_use]
    pub fn certificate(&self) -> Option<X509> {
        // SAFETY: see pending.
        let cert = unsafe { sys::SSL_get_certificate(self.as_ptr()) };
        // SAFETY: `cert` is NULL or alive as long as the connection's context.
        unsafe { owned_cert(cert) }
    }

    /// Client: the OCSP response (DER) that came with the peer's certificate; empty if none did.
    #[must_use]
    pub fn ocsp_response(&self) -> Vec<u8> {
        let mut der: *mut u8 = ptr::null_mut();
        // SAFETY: see pending; the place is ours.
        let length = unsafe { sys::SSL_get_tlsext_status_ocsp_resp(self.as_ptr(), &raw mut der) };
        // SAFETY: the bytes are the connection's, and are copied at once. Without a response the length is -1.
        unsafe { bytes_from(der, usize::try_from(length).unwrap_or(0)) }.to_vec()
    }

    /// The peer's certificate.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<X509> {
        // SAFETY: see pending.
        let cert = unsafe { sys::SSL_get1_peer_certificate(self.as_ptr()) };
        // SAFETY: SSL_get1_peer_certificate has counted a reference for its caller.
        NonNull::new(cert).map(|cert| unsafe { X509::from_ptr(cert.as_ptr()) })
    }

    /// What the peer has sent as its chain: on a client with the peer's certificate, on a server without.
    /// Empty on a resumed connection.
    #[must_use]
    pub fn peer_chain(&self) -> Vec<X509> {
        // SAFETY: see pending. The stack is the session's.
        let stack = unsafe { sys::SSL_get_peer_cert_chain(self.as_ptr()) }.cast();
        // SAFETY: OPENSSL_sk_num takes NULL.
        let count = unsafe { sys::OPENSSL_sk_num(stack) };
        (0..count)
            .filter_map(|index| {
                // SAFETY: the index is below the stack's length.
                let cert = unsafe { sys::OPENSSL_sk_value(stack, index) };
                // SAFETY: a stack of X509 holds those.
                unsafe { owned_cert(cert.cast()) }
            })
            .collect()
    }

    /// Client: the names of the CAs that the server's request for a certificate has named.
    #[must_use]
    pub fn peer_ca_names(&self) -> Vec<Vec<u8>> {
        // SAFETY: see pending. The stack is the connection's.
        let stack = unsafe { ffi::SSL_get0_peer_CA_list(self.as_ptr()) }.cast();
        // SAFETY: OPENSSL_sk_num takes NULL.
        let count = unsafe { sys::OPENSSL_sk_num(stack) };
        (0..count)
            .filter_map(|index| {
                // SAFETY: the index is below the stack's length.
                let name = unsafe { sys::OPENSSL_sk_value(stack, index) };
                // SAFETY: a stack of X509_NAME holds those, and they live as long as the connection's list.
                unsafe { X509NameRef::from_ptr(name.cast()) }.to_der().ok()
            })
            .collect()
    }

    /// The kinds of keys (`EVP_PKEY_...` as a NID) whose signatures the peer takes; empty before TLS 1.2.
    #[must_use]
    pub fn peer_signature_keys(&self) -> Vec<openssl::nid::Nid> {
        let none = ptr::null_mut();
        let mut kinds = Vec::new();
        for index in 0.. {
            let mut kind = 0;
            // SAFETY: see pending; NULL for what is not wanted, and the place is ours.
            let count = unsafe {
                ffi::SSL_get_sigalgs(
                    self.as_ptr(),
                    index,
                    &raw mut kind,
                    none,
                    none,
                    none.cast(),
                    none.cast(),
                )
            };
            if index >= count {
                break;
            }
            kinds.push(openssl::nid::Nid::from_raw(kind));
        }
        kinds
    }

    /// The result of the peer's verification (`X509_V_...`); 0 also if there was nothing to verify.
    #[must_use]
    pub fn verify_result(&self) -> c_long {
        // SAFETY: see pending.
        unsafe { sys::SSL_get_verify_result(self.as_ptr()) }
    }
}
