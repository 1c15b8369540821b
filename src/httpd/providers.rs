//! httpd's own hooks by which modules such as mod_md give certificates, answers
//! to challenges and OCSP responses to the TLS module (http_ssl.h).

use super::conn::Conn;
use super::server::Server;
use crate::apr::pool::{bytes_from, text_from};
use crate::apr::{Pool, Status, Strings};
use crate::sys;
use std::ffi::{CStr, c_char, c_void};

/// Lets modules append to the lists of a server (`ap_ssl_add_cert_files`).
pub fn add_cert_files(server: Server<'_>, pool: Pool<'_>, certificates: Strings<'_>, keys: Strings<'_>) {
    // What a provider answers does not matter: what it appended is there.
    // SAFETY: all four are alive during the call.
    let _ = unsafe {
        sys::ap_ssl_add_cert_files(server.as_ptr(), pool.as_ptr(), certificates.as_ptr(), keys.as_ptr())
    };
}

/// The same for a server that has no certificate
/// (`ap_ssl_add_fallback_cert_files`).
pub fn add_fallback_cert_files(
    server: Server<'_>,
    pool: Pool<'_>,
    certificates: Strings<'_>,
    keys: Strings<'_>,
) {
    // SAFETY: all four are alive during the call.
    let _ = unsafe {
        sys::ap_ssl_add_fallback_cert_files(
            server.as_ptr(),
            pool.as_ptr(),
            certificates.as_ptr(),
            keys.as_ptr(),
        )
    };
}

/// The answer to a challenge, as PEM.
pub struct ChallengePem<'c> {
    /// The certificate, and perhaps its chain.
    pub certificate: &'c CStr,
    /// The key; it is beside the certificate when this is `None`.
    pub key: Option<&'c CStr>,
}

/// Asks for the certificate that answers a challenge to `name`
/// (`ap_ssl_answer_challenge`). The protocol must have been switched.
#[must_use]
pub fn answer_challenge<'c>(conn: Conn<'c>, name: &CStr) -> Option<ChallengePem<'c>> {
    let (mut certificate, mut key): (*const c_char, *const c_char) = (std::ptr::null(), std::ptr::null());
    // SAFETY: connection and name are alive during the call, and the places are ours.
    let answered = unsafe {
        sys::ap_ssl_answer_challenge(conn.as_ptr(), name.as_ptr(), &raw mut certificate, &raw mut key)
    };
    if answered == 0 {
        return None;
    }
    // SAFETY: providers allocate what they answer with from the connection's pool, or keep it longer.
    let certificate = unsafe { text_from(certificate) }?;
    // SAFETY: as above.
    Some(ChallengePem { certificate, key: unsafe { text_from(key) } })
}

/// Offers a certificate to providers of OCSP responses (`ap_ssl_ocsp_prime`):
/// PEM of the certificate and its issuer. Says whether one takes it.
#[must_use]
pub fn prime_ocsp(server: Server<'_>, pool: Pool<'_>, id: &[u8], pem: &CStr) -> bool {
    let (id, length) = (id.as_ptr().cast(), id.len());
    // SAFETY: server, pool, id and text are alive during the call; providers copy what they keep.
    Status(unsafe { sys::ap_ssl_ocsp_prime(server.as_ptr(), pool.as_ptr(), id, length, pem.as_ptr()) })
        .is_success()
}

/// The OCSP response for a certificate that was primed under this id
/// (`ap_ssl_ocsp_get_resp`); `None` when there is none now.
#[must_use]
pub fn ocsp_response(server: Server<'_>, conn: Conn<'_>, id: &[u8]) -> Option<Vec<u8>> {
    unsafe extern "C" fn copy(der: *const u8, length: sys::apr_size_t, place: *mut c_void) {
        crate::guard::catch("OCSP response", (), || {
            // SAFETY: httpd passes on the place given below, which is alive during the call.
            let Some(place) = (unsafe { place.cast::<Vec<u8>>().as_mut() }) else { return };
            // SAFETY: the provider's response, or (NULL, 0).
            place.extend_from_slice(unsafe { bytes_from(der.cast(), length) });
        });
    }
    let mut response: Vec<u8> = Vec::new();
    let (id, length, place) = (id.as_ptr().cast(), id.len(), (&raw mut response).cast());
    // SAFETY: server, connection and id are alive during the call; the place is what `copy` expects.
    let status = Status(unsafe {
        sys::ap_ssl_ocsp_get_resp(server.as_ptr(), conn.as_ptr(), id, length, Some(copy), place)
    });
    (status.is_success() && !response.is_empty()).then_some(response)
}
