//! The functions that OpenSSL calls.
//!
//! Where the answer cannot refuse, a panic poisons the connection: its transport fails from then on.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_void};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::x509::X509StoreContextRef;
use openssl_sys as sys;

use super::{
    AlpnVerdict, CertificateVerdict, ClientHello, HelloVerdict, ServerEvents, SniVerdict, StateChange,
    TicketStatus, TicketUse, TicketVerdict, answers_of,
};
use crate::guard;
use crate::ossl::ctx::SslCtxRef;
use crate::ossl::error;
use crate::ossl::ffi;
use crate::ossl::lib::bytes_from;
use crate::ossl::session::SessionRef;
use crate::ossl::ssl::SslRef;
use crate::ossl::ticket::{NAME_LENGTH, Opening};
use crate::ossl::verify::{VerifyAnswer, VerifyEnd, VerifyStep};

const ALERT_INTERNAL_ERROR: c_int = 80;
#[cfg(openssl_srp)]
const ALERT_UNKNOWN_USER: c_int = 115;

pub(super) type ServerName = unsafe extern "C" fn(*mut sys::SSL, *mut c_int, *mut c_void) -> c_int;

/// The answers for a connection: those of the context in force.
fn answers(ssl: &SslRef) -> Option<&'static dyn ServerEvents> {
    // SAFETY: a borrowed connection is alive.
    let ctx = unsafe { sys::SSL_get_SSL_CTX(ssl.as_ptr()) };
    // SAFETY: a connection always has a context, which is not replaced before this function returns.
    answers_of(unsafe { SslCtxRef::from_ptr(ctx) })
}

/// Puts `alert` where OpenSSL will look for it.
///
/// # Safety
/// `place` is NULL or OpenSSL's place for an alert.
unsafe fn set_alert(place: *mut c_int, alert: c_int) {
    if !place.is_null() {
        // SAFETY: the caller's promise.
        unsafe { place.write(alert) };
    }
}

pub(super) unsafe extern "C" fn client_hello(raw: *mut sys::SSL, alert: *mut c_int, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    let refused = HelloVerdict::Abort(ALERT_INTERNAL_ERROR);
    let verdict = guard::catch("client_hello", refused, || match answers(ssl) {
        Some(answers) => answers.client_hello(ssl, &ClientHello::new(ssl)),
        None => refused,
    });
    match verdict {
        HelloVerdict::Continue => ffi::SSL_CLIENT_HELLO_SUCCESS,
        HelloVerdict::Abort(description) => {
            // SAFETY: OpenSSL passes a place for the alert.
            unsafe { set_alert(alert, description) };
            ffi::SSL_CLIENT_HELLO_ERROR
        }
    }
}

pub(super) unsafe extern "C" fn server_name(raw: *mut sys::SSL, alert: *mut c_int, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    let verdict = guard::catch("server_name", None, || answers(ssl).map(|answers| answers.server_name(ssl)));
    match verdict {
        Some(SniVerdict::Ack) => ffi::SSL_TLSEXT_ERR_OK,
        Some(SniVerdict::NoAck) => ffi::SSL_TLSEXT_ERR_NOACK,
        None => {
            // SAFETY: OpenSSL passes a place for the alert.
            unsafe { set_alert(alert, ALERT_INTERNAL_ERROR) };
            ffi::SSL_TLSEXT_ERR_ALERT_FATAL
        }
    }
}

pub(super) unsafe extern "C" fn alpn(
    raw: *mut sys::SSL,
    out: *mut *const c_uchar,
    out_length: *mut c_uchar,
    list: *const c_uchar,
    list_length: c_uint,
    _: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    // SAFETY: OpenSSL passes the client's list, which it keeps over the handshake.
    let offered = unsafe { bytes_from(list, list_length as usize) };
    let verdict = guard::catch("alpn", AlpnVerdict::Fatal, || match answers(ssl) {
        Some(answers) => answers.alpn(ssl, offered),
        None => AlpnVerdict::Fatal,
    });
    let chosen = match verdict {
        AlpnVerdict::NoAck => return ffi::SSL_TLSEXT_ERR_NOACK,
        AlpnVerdict::Fatal => return ffi::SSL_TLSEXT_ERR_ALERT_FATAL,
        AlpnVerdict::Select(range) => offered.get(range).filter(|name| !name.is_empty()),
    };
    let Some((name, length)) = chosen.and_then(|name| Some((name, c_uchar::try_from(name.len()).ok()?)))
    else {
        return ffi::SSL_TLSEXT_ERR_ALERT_FATAL;
    };
    // SAFETY: OpenSSL passes places for both. The name lies in its own list, so it lives long enough.
    unsafe { out.write(name.as_ptr()) };
    // SAFETY: as above.
    unsafe { out_length.write(length) };
    ffi::SSL_TLSEXT_ERR_OK
}

pub(super) unsafe extern "C" fn certificate(raw: *mut sys::SSL, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    let verdict = guard::catch("certificate", CertificateVerdict::Refuse, || match answers(ssl) {
        Some(answers) => answers.certificate(ssl),
        None => CertificateVerdict::Refuse,
    });
    (verdict == CertificateVerdict::Ready).into()
}

/// The connection whose peer is verified.
///
/// # Safety
/// `raw` is what OpenSSL verifies a peer with, in this call.
unsafe fn verified_by<'a>(raw: *mut sys::X509_STORE_CTX) -> Option<&'a SslRef> {
    // SAFETY: gives the index under which a verification keeps its connection.
    let index = unsafe { sys::SSL_get_ex_data_X509_STORE_CTX_idx() };
    // SAFETY: promised by the caller.
    let ssl = unsafe { sys::X509_STORE_CTX_get_ex_data(raw, index) };
    // SAFETY: the connection waits for the verification to end.
    (!ssl.is_null()).then(|| unsafe { SslRef::from_ptr(ssl.cast()) })
}

/// The verification fails unless somebody decides otherwise.
const REFUSED: VerifyAnswer = VerifyAnswer { accept: false, error: ffi::X509_V_ERR_UNSPECIFIED };

pub(in crate::ossl) extern "C" fn verify_step(ok: c_int, raw: *mut sys::X509_STORE_CTX) -> c_int {
    // SAFETY: OpenSSL passes the verification that it is in the middle of.
    let context = unsafe { X509StoreContextRef::from_ptr(raw) };
    let answer = guard::catch("verify_step", REFUSED, || {
        // SAFETY: as above.
        let answers = unsafe { verified_by(raw) }.and_then(|ssl| Some((ssl, answers(ssl)?)));
        let Some((ssl, answers)) = answers else { return REFUSED };
        let step = VerifyStep {
            ok: ok == 1,
            error: context.error().as_raw(),
            depth: context.error_depth(),
            certificate: context.current_cert(),
        };
        answers.verify_step(ssl, &step)
    });
    // SAFETY: as above.
    unsafe { sys::X509_STORE_CTX_set_error(raw, answer.error) };
    answer.accept.into()
}

pub(in crate::ossl) unsafe extern "C" fn verify_end(raw: *mut sys::X509_STORE_CTX, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL passes a verification that it has prepared.
    let done = unsafe { sys::X509_verify_cert(raw) };
    // SAFETY: and keeps until this function returns.
    let context = unsafe { X509StoreContextRef::from_ptr(raw) };
    let answer = guard::catch("verify_end", REFUSED, || {
        // SAFETY: as above.
        let answers = unsafe { verified_by(raw) }.and_then(|ssl| Some((ssl, answers(ssl)?)));
        let Some((ssl, answers)) = answers else { return REFUSED };
        answers.verify_end(ssl, &VerifyEnd { ok: done == 1, error: context.error().as_raw(), chain: context })
    });
    // SAFETY: as above.
    unsafe { sys::X509_STORE_CTX_set_error(raw, answer.error) };
    (answer.accept && done == 1).into()
}

pub(super) unsafe extern "C" fn session_new(raw: *mut sys::SSL, session: *mut sys::SSL_SESSION) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    // SAFETY: OpenSSL holds a reference during the call, and takes it back because the answer is 0.
    let session = unsafe { SessionRef::from_ptr(session) };
    let done = guard::catch("session_new", false, || {
        if let Some(answers) = answers(ssl) {
            answers.session_new(ssl, session);
        }
        true
    });
    if !done {
        ssl.poison();
    }
    0
}

pub(super) unsafe extern "C" fn session_get(
    raw: *mut sys::SSL,
    id: *const c_uchar,
    length: c_int,
    copy: *mut c_int,
) -> *mut sys::SSL_SESSION {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    // SAFETY: OpenSSL passes the id from the ClientHello, which it keeps meanwhile.
    let id = unsafe { bytes_from(id, usize::try_from(length).unwrap_or(0)) };
    // The ClientHello is kept until its extensions are processed, and tickets of TLS 1.3 are the last of them.
    let found =
        guard::catch("session_get", None, || answers(ssl)?.session_get(ssl, &ClientHello::new(ssl), id));
    // OpenSSL becomes the owner of our reference and need not count its own.
    // SAFETY: OpenSSL passes a place for this flag.
    unsafe { set_alert(copy, 0) };
    found.map_or(ptr::null_mut(), crate::ossl::session::Session::into_ptr)
}

pub(super) unsafe extern "C" fn session_remove(ctx: *mut sys::SSL_CTX, session: *mut sys::SSL_SESSION) {
    // SAFETY: OpenSSL passes the context that the session belongs to.
    let ctx = unsafe { SslCtxRef::from_ptr(ctx) };
    // SAFETY: and a session that it holds during the call.
    let session = unsafe { SessionRef::from_ptr(session) };
    guard::catch("session_remove", (), || {
        if let Some(answers) = answers_of(ctx) {
            answers.session_remove(ctx, session);
        }
    });
}

pub(super) unsafe extern "C" fn ticket_seal(raw: *mut sys::SSL, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    let done = guard::catch("ticket_seal", false, || match (answers(ssl), ssl.session()) {
        (Some(answers), Some(session)) => {
            answers.ticket_seal(ssl, &session);
            true
        }
        _ => false,
    });
    done.into()
}

pub(super) unsafe extern "C" fn ticket_open(
    raw: *mut sys::SSL,
    session: *mut sys::SSL_SESSION,
    _key_name: *const c_uchar,
    _key_name_length: usize,
    status: c_int,
    _: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    let status = match status {
        ffi::SSL_TICKET_SUCCESS if !session.is_null() => TicketStatus::Fresh,
        ffi::SSL_TICKET_SUCCESS_RENEW if !session.is_null() => TicketStatus::Renew,
        // Nothing was decrypted; the client shall have a ticket that can be.
        _ => {
            if status == ffi::SSL_TICKET_NO_DECRYPT {
                guard::catch("ticket_open", (), || {
                    if let Some(answers) = answers(ssl) {
                        answers.ticket_unreadable();
                    }
                });
            }
            return ffi::SSL_TICKET_RETURN_IGNORE_RENEW;
        }
    };
    // SAFETY: and the session it has decrypted.
    let session = unsafe { SessionRef::from_ptr(session) };
    let verdict = guard::catch("ticket_open", None, || {
        answers(ssl).map(|answers| answers.ticket_open(ssl, session, status))
    });
    match verdict {
        Some(TicketVerdict::Use) => ffi::SSL_TICKET_RETURN_USE,
        Some(TicketVerdict::UseAndRenew) => ffi::SSL_TICKET_RETURN_USE_RENEW,
        Some(TicketVerdict::Ignore) => ffi::SSL_TICKET_RETURN_IGNORE,
        Some(TicketVerdict::IgnoreAndRenew) => ffi::SSL_TICKET_RETURN_IGNORE_RENEW,
        None => ffi::SSL_TICKET_RETURN_ABORT,
    }
}

pub(super) unsafe extern "C" fn status(raw: *mut sys::SSL, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    let verdict = guard::catch("status", None, || answers(ssl).map(|answers| answers.status(ssl)));
    match verdict {
        Some(Some(der)) if ssl.set_ocsp_response(&der) => ffi::SSL_TLSEXT_ERR_OK,
        Some(_) => ffi::SSL_TLSEXT_ERR_NOACK,
        None => ffi::SSL_TLSEXT_ERR_ALERT_FATAL,
    }
}

pub(super) unsafe extern "C" fn ticket_key(
    raw: *mut sys::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut sys::EVP_CIPHER_CTX,
    mac: *mut sys::EVP_MAC_CTX,
    seal: c_int,
) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    guard::catch("ticket_key", ffi::TICKET_KEY_FAILED, || {
        let Some(answers) = answers(ssl) else { return ffi::TICKET_KEY_FAILED };
        if seal != 0 {
            let Some(key) = answers.sealing_key(ssl) else { return ffi::TICKET_KEY_FAILED };
            // SAFETY: OpenSSL passes places for name and IV, and contexts for cipher and MAC.
            if !unsafe { key.seal(name, iv, cipher, mac) } {
                return ffi::TICKET_KEY_FAILED;
            }
            answers.ticket_key_used(ssl, TicketUse::Seal);
            return ffi::TICKET_KEY_USED;
        }
        // SAFETY: OpenSSL passes the name from the ticket.
        let name = unsafe { bytes_from(name, NAME_LENGTH) };
        let Some(Opening { key, is_old }) = answers.opening_key(ssl, name) else {
            return ffi::TICKET_KEY_UNKNOWN;
        };
        // SAFETY: OpenSSL passes the IV from the ticket, and contexts for cipher and MAC.
        if !unsafe { key.open(iv, cipher, mac) } {
            error::clear();
            return ffi::TICKET_KEY_UNKNOWN;
        }
        answers.ticket_key_used(ssl, TicketUse::Open);
        // A ticket of TLS 1.3 is good for one use, so the client gets another one.
        let renew = is_old || ssl.is_tls13();
        if renew { ffi::TICKET_KEY_USED_RENEW } else { ffi::TICKET_KEY_USED }
    })
}

#[cfg(openssl_srp)]
pub(in crate::ossl) unsafe extern "C" fn srp_user(
    raw: *mut sys::SSL,
    alert: *mut c_int,
    _: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw) };
    let refused = Some(ALERT_INTERNAL_ERROR);
    let refusal = guard::catch("srp_user", refused, || {
        let verifiers = answers(ssl).and_then(|answers| answers.srp_verifiers(ssl));
        let known = verifiers.is_some_and(|verifiers| verifiers.select(ssl));
        if known { None } else { Some(ALERT_UNKNOWN_USER) }
    });
    let Some(description) = refusal else { return ffi::SSL_ERROR_NONE };
    // SAFETY: OpenSSL passes a place for the alert.
    unsafe { set_alert(alert, description) };
    ffi::SSL3_AL_FATAL
}

pub(super) unsafe extern "C" fn key_log(raw: *const sys::SSL, line: *const c_char) {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw.cast_mut()) };
    // SAFETY: and a C string, which it wipes after the call.
    let line = unsafe { CStr::from_ptr(line) };
    let done = guard::catch("key_log", false, || {
        if let Some(answers) = answers(ssl) {
            answers.key_log(ssl, line);
        }
        true
    });
    if !done {
        ssl.poison();
    }
}

pub(super) unsafe extern "C" fn state_change(raw: *const sys::SSL, place: c_int, value: c_int) {
    // SAFETY: OpenSSL passes the connection whose handshake this is.
    let ssl = unsafe { SslRef::from_ptr(raw.cast_mut()) };
    let done = guard::catch("state_change", false, || {
        tell(ssl, place, value);
        true
    });
    if !done {
        ssl.poison();
    }
}

fn tell(ssl: &SslRef, place: c_int, value: c_int) {
    let Some(answers) = answers(ssl) else { return };
    if place & ffi::SSL_CB_HANDSHAKE_START != 0 {
        answers.state_change(ssl, StateChange::Started);
    } else if place & ffi::SSL_CB_HANDSHAKE_DONE != 0 {
        answers.state_change(ssl, StateChange::Finished);
    } else if let Some(text) = describe(ssl, place, value) {
        answers.state_change(ssl, StateChange::Step(&text));
    }
}

/// The text of a trace line.
fn describe(ssl: &SslRef, place: c_int, value: c_int) -> Option<String> {
    if place & ffi::SSL_CB_ALERT != 0 {
        let direction = if place & ffi::SSL_CB_READ != 0 { "read" } else { "write" };
        // SAFETY: describes a number.
        let kind = text(unsafe { ffi::SSL_alert_type_string_long(value) });
        // SAFETY: describes a number.
        let description = text(unsafe { sys::SSL_alert_desc_string_long(value) });
        return Some(format!("Alert: {direction}:{kind}:{description}"));
    }
    let state = ssl.state_text();
    if place & ffi::SSL_CB_LOOP != 0 {
        return Some(format!("Loop: {state}"));
    }
    if place & ffi::SSL_CB_READ != 0 {
        return Some(format!("Read: {state}"));
    }
    if place & ffi::SSL_CB_WRITE != 0 {
        return Some(format!("Write: {state}"));
    }
    match value {
        _ if place & ffi::SSL_CB_EXIT == 0 => None,
        0 => Some(format!("Exit: failed in {state}")),
        ..0 => Some(format!("Exit: error in {state}")),
        _ => None,
    }
}

fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: OpenSSL's descriptions are string constants.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
