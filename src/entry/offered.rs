//! The optional hooks that this module runs for others: those of `mod_ssl.h` and
//! `mod_ssl_openssl.h`.

use crate::apr::{Pool, Strings};
use crate::httpd::hook::answer;
use crate::httpd::{Conn, Server, optional};
use crate::ossl::ctx::SslCtxRef;
use crate::ossl::foreign;
use crate::ossl::ssl::SslRef;
use crate::sys;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use openssl::x509::X509Ref;
use std::ffi::{CStr, c_int};

/// Calls the functions of a hook until one answers neither `ok` nor DECLINED,
/// and gives that answer, else `ok`.
fn run<F>(functions: impl Iterator<Item = Option<F>>, ok: c_int, call: impl Fn(F) -> c_int) -> c_int {
    functions.flatten().map(call).find(|&said| said != ok && said != answer::DECLINED).unwrap_or(ok)
}

/// Hook `add_cert_files`. All are asked, as by httpd's own hook of the kind.
pub fn add_cert_files(server: Server<'_>, pool: Pool<'_>, certificates: Strings<'_>, keys: Strings<'_>) {
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_add_cert_files_t>(c"add_cert_files") };
    for function in hooked.filter_map(|link| link.pFunc) {
        // SAFETY: all four are alive during the call.
        unsafe { function(server.as_ptr(), pool.as_ptr(), certificates.as_ptr(), keys.as_ptr()) };
    }
}

/// Hook `add_fallback_cert_files`, in the same way.
pub fn add_fallback_cert_files(
    server: Server<'_>,
    pool: Pool<'_>,
    certificates: Strings<'_>,
    keys: Strings<'_>,
) {
    let name = c"add_fallback_cert_files";
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_add_fallback_cert_files_t>(name) };
    for function in hooked.filter_map(|link| link.pFunc) {
        // SAFETY: all four are alive during the call.
        unsafe { function(server.as_ptr(), pool.as_ptr(), certificates.as_ptr(), keys.as_ptr()) };
    }
}

/// Whether any module is in the hook `init_server`.
pub fn wants_contexts() -> bool {
    // SAFETY: the record of this hook.
    let mut hooked = unsafe { optional::hooked::<sys::ssl_LINK_init_server_t>(c"init_server") };
    hooked.next().is_some()
}

/// Hook `init_server`.
///
/// # Errors
/// The answer of a module that refuses the context.
pub fn init_server(server: Server<'_>, pool: Pool<'_>, ctx: &SslCtxRef, is_proxy: bool) -> Result<(), c_int> {
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_init_server_t>(c"init_server") };
    let said = run(hooked.map(|link| link.pFunc), answer::OK, |function| {
        // SAFETY: server, pool and context are alive during the call.
        unsafe { function(server.as_ptr(), pool.as_ptr(), is_proxy.into(), ctx.as_ptr().cast()) }
    });
    if said == answer::OK { Ok(()) } else { Err(said) }
}

/// Hook `pre_handshake`.
///
/// # Errors
/// The answer of a module that refuses the connection.
pub fn pre_handshake(conn: Conn<'_>, ssl: &SslRef, is_proxy: bool) -> Result<(), c_int> {
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_pre_handshake_t>(c"pre_handshake") };
    let said = run(hooked.map(|link| link.pFunc), answer::OK, |function| {
        // SAFETY: connection and TLS object are alive during the call.
        unsafe { function(conn.as_ptr(), ssl.as_ptr().cast(), is_proxy.into()) }
    });
    if said == answer::OK { Ok(()) } else { Err(said) }
}

/// Hook `proxy_post_handshake`.
///
/// # Errors
/// The answer of a module that refuses the backend.
pub fn proxy_post_handshake(conn: Conn<'_>, ssl: &SslRef) -> Result<(), c_int> {
    let name = c"proxy_post_handshake";
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_proxy_post_handshake_t>(name) };
    let said = run(hooked.map(|link| link.pFunc), answer::OK, |function| {
        // SAFETY: connection and TLS object are alive during the call.
        unsafe { function(conn.as_ptr(), ssl.as_ptr().cast()) }
    });
    if said == answer::OK { Ok(()) } else { Err(said) }
}

/// Hook `answer_challenge`: the certificate and key for a challenge to `name`.
pub fn answer_challenge(conn: Conn<'_>, name: &CStr) -> Option<(X509, PKey<Private>)> {
    let (mut certificate, mut key) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_answer_challenge_t>(c"answer_challenge") };
    let mut said = hooked.filter_map(|link| link.pFunc).map(|function| {
        // SAFETY: connection and name are alive during the call, and the places are ours.
        unsafe { function(conn.as_ptr(), name.as_ptr(), &raw mut certificate, &raw mut key) }
    });
    if said.find(|&said| said != answer::DECLINED)? != answer::OK {
        return None;
    }
    // SAFETY: the function's module keeps both alive until the handshake goes on (mod_ssl_openssl.h).
    let certificate = unsafe { foreign::certificate(certificate.cast()) }?;
    // SAFETY: as above.
    let key = unsafe { foreign::key(key.cast()) }?;
    Some((certificate, key))
}

/// Hook `init_stapling_status`: whether a module will have OCSP responses for
/// the certificate.
pub fn init_stapling_status(
    server: Server<'_>,
    pool: Pool<'_>,
    certificate: &X509Ref,
    issuer: &X509Ref,
) -> bool {
    let (certificate, issuer) = (foreign::pointer(certificate).cast(), foreign::pointer(issuer).cast());
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_init_stapling_status_t>(c"init_stapling_status") };
    let said = run(hooked.map(|link| link.pFunc), answer::DECLINED, |function| {
        // SAFETY: all four are alive during the call.
        unsafe { function(server.as_ptr(), pool.as_ptr(), certificate, issuer) }
    });
    said == answer::OK
}

/// Hook `get_stapling_status`: the OCSP response for the certificate.
pub fn get_stapling_status(conn: Conn<'_>, server: Server<'_>, certificate: &X509Ref) -> Option<Vec<u8>> {
    let (mut der, mut length) = (std::ptr::null_mut(), 0);
    let certificate = foreign::pointer(certificate).cast();
    // SAFETY: the record of this hook.
    let hooked = unsafe { optional::hooked::<sys::ssl_LINK_get_stapling_status_t>(c"get_stapling_status") };
    let mut said = hooked.filter_map(|link| link.pFunc).map(|function| {
        // SAFETY: connection, server and certificate are alive during the call, and the places are ours.
        unsafe { function(&raw mut der, &raw mut length, conn.as_ptr(), server.as_ptr(), certificate) }
    });
    let said = said.find(|&said| said != answer::DECLINED)?;
    // SAFETY: the buffer is NULL or allocated for the caller (mod_ssl_openssl.h).
    let der = unsafe { foreign::take_buffer(der, usize::try_from(length).unwrap_or(0)) };
    (said == answer::OK && !der.is_empty()).then_some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_that_is_neither_ends_it() {
        let declined = answer::DECLINED;
        for (ok, answers, said, calls) in [
            (0, &[][..], 0, 0),
            (0, &[0, declined, 0], 0, 3),
            (0, &[0, 500, 0], 500, 2),
            (declined, &[], declined, 0),
            (declined, &[declined, declined], declined, 2),
            (declined, &[declined, 0, 500], 0, 2),
        ] {
            let called = std::cell::Cell::new(0);
            let result = run(answers.iter().map(|&answer| Some(answer)), ok, |answer| {
                called.set(called.get() + 1);
                answer
            });
            assert_eq!((result, called.get()), (said, calls), "{ok} {answers:?}");
        }
    }
}
