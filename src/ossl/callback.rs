//! What OpenSSL asks while it works.
//!
//! Each callback collects plain values, asks the [`ServerEvents`] of its context and carries out the
//! verdict. A panic refuses: the handshake fails, the session is not found.

use std::ffi::{CStr, c_void};
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use openssl_sys as sys;

use super::ctx::SslCtxRef;
use super::ffi;
use super::session::{Session, SessionRef};
use super::srp::Verifiers;
use super::ssl::SslRef;
use super::ticket::{Opening, TicketKey};
use super::verify::{VerifyAnswer, VerifyEnd, VerifyStep};

mod hello;
pub(super) mod trampoline;

pub use hello::{ClientHello, parse_alpn, parse_server_name};

/// After the ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloVerdict {
    /// Go on.
    Continue,
    /// Send this alert (`SSL_AD_...`) and end the connection.
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
    /// The protocol in this part of the list; the byte with its length does not belong to it.
    Select(Range<usize>),
    /// None; the handshake goes on without.
    NoAck,
    /// Send the alert no_application_protocol and end the connection.
    Fatal,
}

/// When a certificate is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateVerdict {
    /// Those that the connection has now, its context's if it was given none.
    Ready,
    /// There is none that works: the handshake fails with the alert internal_error.
    Refuse,
}

/// What OpenSSL thinks of a ticket that it could decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketStatus {
    /// Good.
    Fresh,
    /// Good, and the client shall have a new one: because its key is being replaced, or because a TLS 1.3
    /// ticket is good for one use only.
    Renew,
}

/// What becomes of the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketVerdict {
    /// Resume its session; no new ticket.
    Use,
    /// Resume, and issue a new ticket.
    UseAndRenew,
    /// A full handshake, after which the client has no ticket that is of use.
    Ignore,
    /// A full handshake and a new ticket.
    IgnoreAndRenew,
}

/// What a ticket key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketUse {
    /// A new ticket.
    Seal,
    /// A ticket of the client.
    Open,
}

/// A step of the handshake, for tracing.
#[derive(Clone, Debug)]
pub enum StateChange<'s> {
    /// It begins.
    Started,
    /// OpenSSL's description.
    Step(&'s str),
    /// It is over. TLS 1.3 says so again after each ticket it sends.
    Finished,
}

/// The answers of a server.
///
/// They are asked from inside of a call on the connection. It may be set up further
/// ([`SslRef::set_ctx`] and the like), but not read from, written to or shut down.
pub trait ServerEvents: Sync {
    /// First of all, before version, certificate and session are chosen.
    fn client_hello(&self, ssl: &SslRef, hello: &ClientHello<'_>) -> HelloVerdict;

    /// When the server name extension is processed. A session to be resumed is chosen by then.
    fn server_name(&self, ssl: &SslRef) -> SniVerdict;

    /// The client offers protocols, each after a byte with its length. Asked after `server_name`.
    fn alpn(&self, ssl: &SslRef, offered: &[u8]) -> AlpnVerdict;

    /// The handshake needs certificates, after the ClientHello is processed; not for a resumption. The answer
    /// may put them on the connection ([`Identity::install`](super::identity::Identity::install)).
    fn certificate(&self, ssl: &SslRef) -> CertificateVerdict {
        let _ = ssl;
        CertificateVerdict::Ready
    }

    /// OpenSSL has looked at a certificate of the client's chain, or objects to it; for a context that has
    /// got [`verify_with_events`](SslCtxRef::verify_with_events).
    fn verify_step(&self, ssl: &SslRef, step: &VerifyStep<'_>) -> VerifyAnswer {
        let _ = ssl;
        VerifyAnswer { accept: step.ok, error: step.error }
    }

    /// The verification of the client's chain has come to its end. The answer may refuse what is good so far, never
    /// accept what is not.
    fn verify_end(&self, ssl: &SslRef, end: &VerifyEnd<'_>) -> VerifyAnswer {
        let _ = ssl;
        VerifyAnswer { accept: end.ok, error: end.error }
    }

    /// A session was made. In TLS 1.3 that is once for each ticket, after the handshake; see
    /// [`SslRef::is_stateless`].
    fn session_new(&self, ssl: &SslRef, session: &SessionRef) {
        let _ = (ssl, session);
    }

    /// A client wants to resume a session by its id. What comes from a place that others write to is to be compared
    /// with the ClientHello ([`ClientHello::could_resume`]).
    fn session_get(&self, ssl: &SslRef, hello: &ClientHello<'_>, id: &[u8]) -> Option<Session> {
        let _ = (ssl, hello, id);
        None
    }

    /// A session must not be resumed any more. With [`SessionCacheMode::Internal`] this is also said while
    /// the context goes away, so nothing may keep it.
    ///
    /// [`SessionCacheMode::Internal`]: super::ctx::SessionCacheMode::Internal
    fn session_remove(&self, ctx: &SslCtxRef, session: &SessionRef) {
        let _ = (ctx, session);
    }

    /// A ticket is about to be made of a session.
    fn ticket_seal(&self, ssl: &SslRef, session: &SessionRef);

    /// A client wants to resume the session in a ticket. Not asked for sessions found by their id.
    fn ticket_open(&self, ssl: &SslRef, session: &SessionRef, status: TicketStatus) -> TicketVerdict;

    /// A client has a ticket that no key opens. It gets another one.
    fn ticket_unreadable(&self) {}

    /// The client wants an OCSP response for the certificate that is about to be sent, which
    /// [`SslRef::certificate`] gives. Only after [`answer_status`].
    fn status(&self, ssl: &SslRef) -> Option<Vec<u8>> {
        let _ = ssl;
        None
    }

    /// The key for a new ticket, for a connection whose first context got [`answer_ticket_keys`]. Without one the
    /// handshake fails.
    fn sealing_key(&self, ssl: &SslRef) -> Option<TicketKey> {
        let _ = ssl;
        None
    }

    /// As [`sealing_key`](Self::sealing_key), the key of this name. Without one a full handshake follows.
    fn opening_key(&self, ssl: &SslRef, name: &[u8]) -> Option<Opening> {
        let _ = (ssl, name);
        None
    }

    /// A key was put to use: to seal a ticket, or to open one.
    fn ticket_key_used(&self, ssl: &SslRef, to: TicketUse) {
        let _ = (ssl, to);
    }

    /// The users that may log in, for a connection whose context got [`srp::answer_logins`].
    ///
    /// [`srp::answer_logins`]: super::srp::answer_logins
    fn srp_verifiers(&self, ssl: &SslRef) -> Option<Arc<Verifiers>> {
        let _ = ssl;
        None
    }

    /// A line of key material in the form of the SSLKEYLOGFILE format; only when asked for. Whoever has it
    /// can read the connection.
    fn key_log(&self, ssl: &SslRef, line: &CStr) {
        let _ = (ssl, line);
    }

    /// The handshake took a step; only when asked for.
    fn state_change(&self, ssl: &SslRef, change: StateChange<'_>) {
        let _ = (ssl, change);
    }
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

/// Connects a context with its answers.
///
/// A connection is answered by those of the context that is in force at that moment
/// ([`SslRef::set_ctx`]); sessions, tickets and states are asked for as its first context wants it.
pub fn install(ctx: &SslCtxRef, answers: &'static dyn ServerEvents, wanted: Wanted) {
    ctx.set_events(NonNull::from(intern(answers)).cast());
    let (raw, none) = (ctx.as_ptr(), ptr::null_mut());
    // SAFETY: a borrowed context is alive, and the function has the signature of its callback. So for all
    // calls below.
    unsafe { sys::SSL_CTX_set_client_hello_cb(raw, Some(trampoline::client_hello), none) };
    let server_name: unsafe extern "C" fn(_, _, _) -> _ = trampoline::server_name;
    // SAFETY: OpenSSL casts it back to its real type before it calls it.
    let server_name =
        unsafe { std::mem::transmute::<trampoline::ServerName, unsafe extern "C" fn()>(server_name) };
    let cmd = ffi::SSL_CTRL_SET_TLSEXT_SERVERNAME_CB;
    // SAFETY: see above; this command takes the function that `server_name` is.
    unsafe { sys::SSL_CTX_callback_ctrl__fixed_rust(raw, cmd, Some(server_name)) };
    // SAFETY: see above.
    unsafe { sys::SSL_CTX_set_alpn_select_cb__fixed_rust(raw, Some(trampoline::alpn), none) };
    let (seal, open) = (trampoline::ticket_seal, trampoline::ticket_open);
    // SAFETY: see above.
    unsafe { ffi::SSL_CTX_set_session_ticket_cb(raw, Some(seal), Some(open), none) };
    // SAFETY: see above.
    unsafe { ffi::SSL_CTX_set_cert_cb(raw, Some(trampoline::certificate), none) };
    if wanted.sessions {
        // SAFETY: see above.
        unsafe { sys::SSL_CTX_sess_set_new_cb(raw, Some(trampoline::session_new)) };
        // SAFETY: see above.
        unsafe { sys::SSL_CTX_sess_set_get_cb(raw, Some(trampoline::session_get)) };
        // SAFETY: see above.
        unsafe { sys::SSL_CTX_sess_set_remove_cb(raw, Some(trampoline::session_remove)) };
    }
    if wanted.keys {
        // SAFETY: see above.
        unsafe { sys::SSL_CTX_set_keylog_callback(raw, Some(trampoline::key_log)) };
    }
    if wanted.states {
        // SAFETY: see above.
        unsafe { ffi::SSL_CTX_set_info_callback(raw, Some(trampoline::state_change)) };
    }
}

/// Connects a client's context with its answers: [`certificate`](ServerEvents::certificate), which is asked when the
/// server wants one, `session_new` if `wanted.sessions`, and what else is wanted. The questions that only a server is
/// asked do not come.
pub fn install_client(ctx: &SslCtxRef, answers: &'static dyn ServerEvents, wanted: Wanted) {
    ctx.set_events(NonNull::from(intern(answers)).cast());
    let (raw, none) = (ctx.as_ptr(), ptr::null_mut());
    // SAFETY: a borrowed context is alive, and the function has the signature of its callback. So for all
    // calls below.
    unsafe { ffi::SSL_CTX_set_cert_cb(raw, Some(trampoline::certificate), none) };
    if wanted.sessions {
        // SAFETY: see above.
        unsafe { sys::SSL_CTX_sess_set_new_cb(raw, Some(trampoline::session_new)) };
    }
    if wanted.keys {
        // SAFETY: see above.
        unsafe { sys::SSL_CTX_set_keylog_callback(raw, Some(trampoline::key_log)) };
    }
    if wanted.states {
        // SAFETY: see above.
        unsafe { ffi::SSL_CTX_set_info_callback(raw, Some(trampoline::state_change)) };
    }
}

/// Makes a context ask for OCSP responses; besides [`install`].
pub fn answer_status(ctx: &SslCtxRef) {
    // SAFETY: a borrowed context is alive, and the function has the signature of this callback.
    unsafe { sys::SSL_CTX_set_tlsext_status_cb(ctx.as_ptr(), Some(trampoline::status)) };
}

/// Asks for the keys of tickets ([`ServerEvents::sealing_key`], [`ServerEvents::opening_key`]) in place of the library's own. `false` if the
/// library cannot.
#[must_use]
pub fn answer_ticket_keys(ctx: &SslCtxRef) -> bool {
    // SAFETY: a borrowed context is alive, and the function has the signature of its callback.
    unsafe { ffi::SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx.as_ptr(), Some(trampoline::ticket_key)) != 0 }
}

/// A place that leads to the answers: a pointer to a trait object is too wide for an ex_data slot.
struct Answers(&'static dyn ServerEvents);

// SAFETY: ServerEvents is Sync, so a shared reference to it may go anywhere.
unsafe impl Send for Answers {}

/// Each receiver gets one place for the life of the process. There are few: as many as statics that
/// implement the trait.
fn intern(answers: &'static dyn ServerEvents) -> &'static Answers {
    static KNOWN: Mutex<Vec<&'static Answers>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |entry: &&&'static Answers| ptr::eq(entry.0, answers);
    if let Some(entry) = known.iter().find(same) {
        return entry;
    }
    let entry = Box::leak(Box::new(Answers(answers)));
    known.push(entry);
    entry
}

/// The answers of a context, if [`install`] has given it any.
fn answers_of(ctx: &SslCtxRef) -> Option<&'static dyn ServerEvents> {
    let entry: NonNull<c_void> = ctx.events()?;
    // SAFETY: only `install` sets this, to a place that is never freed.
    Some(unsafe { entry.cast::<Answers>().as_ref() }.0)
}
