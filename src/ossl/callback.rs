//! What OpenSSL asks while it works.
//!
//! Each callback collects plain values, asks the [`ServerEvents`] of its
//! context and carries out the verdict. A panic refuses: the handshake fails,
//! the session is not found.

use super::ctx::{SslCtx, SslCtxRef};
use super::ffi;
use super::session::{Session, SessionRef};
use super::ssl::SslRef;
use crate::guard;
use libc::{c_int, c_uchar, c_uint, c_void};
use openssl_sys as o;
use std::ffi::CStr;
use std::ops::Range;
use std::sync::OnceLock;

const ALERT_INTERNAL_ERROR: c_int = 80;
const EXTENSION_SERVER_NAME: c_uint = 0;

/// After the ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloVerdict {
    /// Go on.
    Continue,
    /// Send this alert.
    Abort(i32),
}

/// After the server name extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SniVerdict {
    /// The name is served; tell the client so.
    Ack,
    /// It is not, or there was none. Not an error.
    NoAck,
}

/// After the client's list of protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlpnVerdict {
    /// This part of the list.
    Select(Range<usize>),
    /// None; the handshake goes on without.
    NoAck,
    /// Send an alert.
    Fatal,
}

/// What OpenSSL thinks of a ticket that it could decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketStatus {
    /// Good.
    Fresh,
    /// Good, made with a key that is being replaced.
    Renew,
}

/// What becomes of the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketVerdict {
    /// Resume its session.
    Use,
    /// Resume, and issue a new ticket.
    UseAndRenew,
    /// A full handshake.
    Ignore,
    /// A full handshake and a new ticket.
    IgnoreAndRenew,
}

/// A step of the handshake, for tracing.
#[derive(Clone, Debug)]
pub enum StateChange<'s> {
    /// It begins.
    Started,
    /// OpenSSL's description.
    Step(&'s str),
    /// It is over.
    Finished,
}

/// The answers.
pub trait ServerEvents: Sync {
    /// First of all, before versions and certificates are chosen.
    fn client_hello(&self, ssl: &SslRef, hello: &ClientHello<'_>) -> HelloVerdict;
    /// When the server name extension is processed.
    fn server_name(&self, ssl: &SslRef) -> SniVerdict;
    /// The client offers protocols, each with a length byte.
    fn alpn(&self, ssl: &SslRef, offered: &[u8]) -> AlpnVerdict;
    /// A session was made that could be resumed by its id.
    fn session_new(&self, ssl: &SslRef, session: &SessionRef);
    /// A client wants to resume a session by its id.
    fn session_get(&self, ssl: &SslRef, id: &[u8]) -> Option<Session>;
    /// A session must not be resumed any more.
    fn session_remove(&self, ctx: &SslCtxRef, session: &SessionRef);
    /// A ticket is about to be made of a session.
    fn ticket_seal(&self, ssl: &SslRef, session: &SessionRef);
    /// A client wants to resume the session in a ticket.
    fn ticket_open(&self, ssl: &SslRef, session: &SessionRef, status: TicketStatus) -> TicketVerdict;
    /// A line of key material for the file that `SSLKEYLOGFILE` names; only
    /// when asked for.
    fn key_log(&self, ssl: &SslRef, line: &CStr);
    /// The handshake took a step; only when asked for.
    fn state_change(&self, ssl: &SslRef, change: StateChange<'_>);
}

/// Which callbacks a context needs besides those of every handshake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// `session_new`, `session_get`, `session_remove`.
    pub sessions: bool,
    /// `state_change`.
    pub states: bool,
    /// `key_log`.
    pub keys: bool,
}

type ServerName = unsafe extern "C" fn(*mut o::SSL, *mut c_int, *mut c_void) -> c_int;

static EVENTS: OnceLock<&'static dyn ServerEvents> = OnceLock::new();

/// The answers for `ssl`: the process has one set of them.
fn events() -> Option<&'static dyn ServerEvents> {
    EVENTS.get().copied()
}

/// Connects a context with `answers`. The first call decides on the answers of
/// the process.
pub fn install(ctx: &SslCtx, answers: &'static dyn ServerEvents, wanted: Wanted) {
    EVENTS.get_or_init(|| answers);
    let (raw, none) = (ctx.as_ptr(), std::ptr::null_mut::<c_void>());
    // SAFETY: the context is alive; the functions have the signatures of their callbacks.
    unsafe { o::SSL_CTX_set_client_hello_cb(raw, Some(client_hello), none) };
    // SAFETY: the control function takes callbacks without their signature, and restores that of `server_name`.
    let on_name = unsafe { std::mem::transmute::<ServerName, unsafe extern "C" fn()>(server_name) };
    // SAFETY: as above.
    unsafe {
        o::SSL_CTX_callback_ctrl__fixed_rust(raw, ffi::SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, Some(on_name))
    };
    // SAFETY: as above.
    unsafe { o::SSL_CTX_set_alpn_select_cb__fixed_rust(raw, Some(alpn), none) };
    // SAFETY: as above.
    unsafe { ffi::SSL_CTX_set_session_ticket_cb(raw, Some(ticket_seal), Some(ticket_open), none) };
    if wanted.sessions {
        // SAFETY: as above.
        unsafe { o::SSL_CTX_sess_set_new_cb(raw, Some(session_new)) };
        // SAFETY: as above.
        unsafe { o::SSL_CTX_sess_set_get_cb(raw, Some(session_get)) };
        // SAFETY: as above.
        unsafe { o::SSL_CTX_sess_set_remove_cb(raw, Some(session_remove)) };
    }
    if wanted.keys {
        // SAFETY: as above.
        unsafe { o::SSL_CTX_set_keylog_callback(raw, Some(key_log)) };
    }
    if wanted.states {
        // SAFETY: as above.
        unsafe { ffi::SSL_CTX_set_info_callback(raw, Some(state_change)) };
    }
}

unsafe extern "C" fn client_hello(raw: *mut o::SSL, alert: *mut c_int, _: *mut c_void) -> c_int {
    let refuse = |description: c_int| {
        // SAFETY: OpenSSL passes a place for the alert.
        if let Some(alert) = unsafe { alert.as_mut() } {
            *alert = description;
        }
        o::SSL_CLIENT_HELLO_ERROR
    };
    guard::catch_with(
        "client_hello",
        || refuse(ALERT_INTERNAL_ERROR),
        || {
            // SAFETY: OpenSSL passes a live connection.
            let ssl = unsafe { SslRef::from_ptr(raw) };
            let verdict = events().map_or(HelloVerdict::Abort(ALERT_INTERNAL_ERROR), |events| {
                events.client_hello(ssl, &ClientHello { ssl })
            });
            match verdict {
                HelloVerdict::Continue => o::SSL_CLIENT_HELLO_SUCCESS,
                HelloVerdict::Abort(description) => refuse(description),
            }
        },
    )
}

unsafe extern "C" fn server_name(raw: *mut o::SSL, _alert: *mut c_int, _: *mut c_void) -> c_int {
    guard::catch("server_name", o::SSL_TLSEXT_ERR_ALERT_FATAL, || {
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw) };
        match events().map_or(SniVerdict::NoAck, |events| events.server_name(ssl)) {
            SniVerdict::Ack => o::SSL_TLSEXT_ERR_OK,
            SniVerdict::NoAck => o::SSL_TLSEXT_ERR_NOACK,
        }
    })
}

unsafe extern "C" fn alpn(
    raw: *mut o::SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    _: *mut c_void,
) -> c_int {
    guard::catch("alpn", o::SSL_TLSEXT_ERR_ALERT_FATAL, || {
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw) };
        // SAFETY: OpenSSL passes the client's list with its length, for as long as the handshake lasts.
        let offered = unsafe { crate::ossl::lib::bytes_from(offered, offered_len as usize) };
        match events().map_or(AlpnVerdict::NoAck, |events| events.alpn(ssl, offered)) {
            AlpnVerdict::NoAck => o::SSL_TLSEXT_ERR_NOACK,
            AlpnVerdict::Fatal => o::SSL_TLSEXT_ERR_ALERT_FATAL,
            AlpnVerdict::Select(range) => {
                let Some(chosen) = offered.get(range) else { return o::SSL_TLSEXT_ERR_ALERT_FATAL };
                let Ok(len) = c_uchar::try_from(chosen.len()) else { return o::SSL_TLSEXT_ERR_ALERT_FATAL };
                // SAFETY: OpenSSL passes places for both; the choice points into its own list.
                unsafe { out.write(chosen.as_ptr()) };
                // SAFETY: as above.
                unsafe { out_len.write(len) };
                o::SSL_TLSEXT_ERR_OK
            }
        }
    })
}

unsafe extern "C" fn session_new(raw: *mut o::SSL, session: *mut o::SSL_SESSION) -> c_int {
    guard::catch("session_new", 0, || {
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw) };
        // SAFETY: and a live session, whose reference it keeps since the answer is 0.
        let session = unsafe { SessionRef::from_ptr(session) };
        if let Some(events) = events() {
            events.session_new(ssl, session);
        }
        0
    })
}

unsafe extern "C" fn session_get(
    raw: *mut o::SSL,
    id: *const c_uchar,
    len: c_int,
    copy: *mut c_int,
) -> *mut o::SSL_SESSION {
    guard::catch("session_get", std::ptr::null_mut(), || {
        // SAFETY: OpenSSL passes a place for it: 0 says that the reference goes over to OpenSSL.
        if let Some(copy) = unsafe { copy.as_mut() } {
            *copy = 0;
        }
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw) };
        // SAFETY: OpenSSL passes the id with its length.
        let id = unsafe { crate::ossl::lib::bytes_from(id, usize::try_from(len).unwrap_or(0)) };
        let found = events().and_then(|events| events.session_get(ssl, id));
        found.map_or(std::ptr::null_mut(), Session::into_ptr)
    })
}

unsafe extern "C" fn session_remove(ctx: *mut o::SSL_CTX, session: *mut o::SSL_SESSION) {
    guard::catch("session_remove", (), || {
        // SAFETY: OpenSSL passes a live context.
        let ctx = unsafe { SslCtxRef::from_ptr(ctx) };
        // SAFETY: and a live session.
        let session = unsafe { SessionRef::from_ptr(session) };
        if let Some(events) = events() {
            events.session_remove(ctx, session);
        }
    });
}

unsafe extern "C" fn ticket_seal(raw: *mut o::SSL, _: *mut c_void) -> c_int {
    guard::catch("ticket_seal", 0, || {
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw) };
        if let (Some(events), Some(session)) = (events(), ssl.session()) {
            events.ticket_seal(ssl, session);
        }
        1
    })
}

unsafe extern "C" fn ticket_open(
    raw: *mut o::SSL,
    session: *mut o::SSL_SESSION,
    _key_name: *const c_uchar,
    _key_name_len: usize,
    status: c_int,
    _: *mut c_void,
) -> c_int {
    guard::catch("ticket_open", ffi::SSL_TICKET_RETURN_IGNORE, || {
        let status = match status {
            ffi::SSL_TICKET_SUCCESS => TicketStatus::Fresh,
            ffi::SSL_TICKET_SUCCESS_RENEW => TicketStatus::Renew,
            // Not decrypted: no session to look at.
            _ => return ffi::SSL_TICKET_RETURN_IGNORE_RENEW,
        };
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw) };
        // SAFETY: with these states the ticket's session is there.
        let session = unsafe { SessionRef::from_ptr(session) };
        match events().map_or(TicketVerdict::Ignore, |events| events.ticket_open(ssl, session, status)) {
            TicketVerdict::Use => ffi::SSL_TICKET_RETURN_USE,
            TicketVerdict::UseAndRenew => ffi::SSL_TICKET_RETURN_USE_RENEW,
            TicketVerdict::Ignore => ffi::SSL_TICKET_RETURN_IGNORE,
            TicketVerdict::IgnoreAndRenew => ffi::SSL_TICKET_RETURN_IGNORE_RENEW,
        }
    })
}

unsafe extern "C" fn key_log(raw: *const o::SSL, line: *const std::ffi::c_char) {
    guard::catch("key_log", (), || {
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw.cast_mut()) };
        // SAFETY: and a C string.
        let line = unsafe { CStr::from_ptr(line) };
        if let Some(events) = events() {
            events.key_log(ssl, line);
        }
    });
}

unsafe extern "C" fn state_change(raw: *const o::SSL, place: c_int, value: c_int) {
    guard::catch("state_change", (), || {
        // SAFETY: OpenSSL passes a live connection.
        let ssl = unsafe { SslRef::from_ptr(raw.cast_mut()) };
        let Some(events) = events() else { return };
        if place & ffi::SSL_CB_HANDSHAKE_START != 0 {
            events.state_change(ssl, StateChange::Started);
        } else if place & ffi::SSL_CB_HANDSHAKE_DONE != 0 {
            events.state_change(ssl, StateChange::Finished);
        } else if let Some(text) = describe(raw, place, value) {
            events.state_change(ssl, StateChange::Step(&text));
        }
    });
}

/// The text of a trace line.
fn describe(raw: *const o::SSL, place: c_int, value: c_int) -> Option<String> {
    let text = |text: *const std::ffi::c_char| {
        // SAFETY: OpenSSL's descriptions are static C strings.
        unsafe { CStr::from_ptr(text) }.to_string_lossy()
    };
    if place & ffi::SSL_CB_ALERT != 0 {
        let direction = if place & ffi::SSL_CB_READ != 0 { "read" } else { "write" };
        // SAFETY: describes a number.
        let kind = text(unsafe { ffi::SSL_alert_type_string_long(value) });
        // SAFETY: describes a number.
        let description = text(unsafe { o::SSL_alert_desc_string_long(value) });
        return Some(format!("Alert: {direction}:{kind}:{description}"));
    }
    // SAFETY: the connection is alive.
    let state = text(unsafe { o::SSL_state_string_long(raw) });
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

/// The ClientHello, while its callback runs.
pub struct ClientHello<'h> {
    ssl: &'h SslRef,
}

impl ClientHello<'_> {
    /// The contents of an extension.
    #[must_use]
    pub fn extension(&self, number: u32) -> Option<&[u8]> {
        let (mut data, mut len) = (std::ptr::null(), 0);
        // SAFETY: called during the ClientHello callback only, since this value ends with it.
        let found = unsafe {
            o::SSL_client_hello_get0_ext(self.ssl.as_ptr(), number as c_uint, &raw mut data, &raw mut len)
        };
        // SAFETY: OpenSSL gives `len` bytes inside the message.
        (found == 1).then(|| unsafe { crate::ossl::lib::bytes_from(data, len) })
    }

    /// The host name the client asks for; `None` also when the extension is
    /// malformed, which OpenSSL complains about by itself where it must.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        parse_server_name(self.extension(EXTENSION_SERVER_NAME)?)
    }
}

/// The first name in a server_name extension (RFC 6066, section 3).
fn parse_server_name(extension: &[u8]) -> Option<&str> {
    const HOST_NAME: u8 = 0;
    let list = prefixed(extension)?;
    let (kind, entry) = list.split_first()?;
    if *kind != HOST_NAME {
        return None;
    }
    let len = usize::from(u16::from_be_bytes([*entry.first()?, *entry.get(1)?]));
    let name = entry.get(2..2 + len)?;
    if name.is_empty() || name.contains(&0) {
        return None;
    }
    std::str::from_utf8(name).ok()
}

/// What a two-byte length at the start announces, when that is all there is.
fn prefixed(bytes: &[u8]) -> Option<&[u8]> {
    let len = usize::from(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
    let rest = &bytes[2..];
    (rest.len() == len).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, (name.len() + 3) as u8, 0, 0, name.len() as u8];
        bytes.extend_from_slice(name);
        bytes
    }

    #[test]
    fn server_names_are_found() {
        assert_eq!(parse_server_name(&extension(b"example.test")), Some("example.test"));
        // A second entry is not looked at.
        let mut two = vec![0, 10, 0, 0, 1, b'a', 0, 0, 3, b'b', b'c', b'd'];
        assert_eq!(parse_server_name(&two), Some("a"));
        two[1] = 9;
        assert_eq!(parse_server_name(&two), None);
    }

    #[test]
    fn malformed_names_are_no_names() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\0",
            b"\0\x04\0\0\x01",
            b"\0\x03\0\0\0",
            b"\0\x04\x01\0\x01a",
            b"\0\x05\0\0\x02a\0",
            b"\0\x04\0\0\x01\xff",
            b"\0\x04\0\0\x05a",
        ] {
            assert_eq!(parse_server_name(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn no_input_makes_it_look_outside() {
        // Every mutation of one byte, and every prefix, of a good extension.
        let good = extension(b"a.b");
        for len in 0..=good.len() {
            let _ = parse_server_name(&good[..len]);
        }
        for at in 0..good.len() {
            for value in 0..=255 {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Some(name) = parse_server_name(&bytes) {
                    assert!(!name.is_empty() && name.len() <= good.len());
                }
            }
        }
    }
}
