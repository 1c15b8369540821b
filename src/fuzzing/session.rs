//! What comes back from a session cache that other processes, and other programs, write to.

use super::nothing_queued;
use crate::ossl::error;
use crate::ossl::session::{Binding, BindingVerdict, Session, has_extended_master_secret};

/// A session in DER form: what can be asked about it keeps its limits, and comes back when the session is
/// encoded and decoded once more. So does a binding that is set on it.
pub fn session_der(data: &[u8]) -> bool {
    error::clear();
    let session = Session::from_der(data);
    nothing_queued("Session::from_der");
    let extended = has_extended_master_secret(data);
    let Some(session) = session else { return false };
    // What follows a session is no part of one.
    assert!(Session::from_der(&[data, b"\0"].concat()).is_none());
    nothing_queued("Session::from_der");
    let answers = answers(&session);
    assert!(session.secret_length() <= 256);
    assert!(session.id().len() <= 32 && session.id_context().len() <= 32);
    assert_eq!(session.binding().is_none(), session.ticket_appdata().is_empty());
    if let Some(again) = reread(&session) {
        assert_eq!(self::answers(&again), answers);
        let der = again.to_der().expect("what was encoded just before");
        assert!(extended || !has_extended_master_secret(&der));
    }
    let binding = Binding { policy: [7; 32], result: 0, client: [1; 32], until: 5 };
    session.set_binding(&binding);
    assert_eq!(session.binding(), Some(binding));
    if let Some(again) = reread(&session) {
        assert_eq!(again.binding(), Some(binding));
    }
    nothing_queued("SessionRef");
    true
}

/// What decides about a resumption, and the peer's certificate.
fn answers(session: &Session) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (session.id().to_vec(), session.id_context().to_vec(), session.ticket_appdata()),
        (session.time(), session.timeout(), session.protocol_version(), session.compression()),
        (session.binding(), session.has_ticket(), session.is_resumable()),
        (session.cipher_number(), session.secret_length()),
        session.peer_certificate().and_then(|certificate| certificate.to_der().ok()),
    )
}

/// Encoded and decoded; `None` if the session cannot be encoded, for instance because nobody knows its
/// cipher. What can be encoded can be decoded.
fn reread(session: &Session) -> Option<Session> {
    let der = session.to_der()?;
    Some(Session::from_der(&der).expect("a session that was encoded just before"))
}

/// The bytes that bind a session: they are a binding exactly when they have the layout, no two of them are
/// the same binding, and only their own binding takes them.
pub fn session_binding(data: &[u8]) -> bool {
    let found = Binding::parse(data);
    assert_eq!(found.is_some(), data.len() == 74 && data[0] == 3);
    let wanted = Binding { policy: [7; 32], result: 0, client: [1; 32], until: 5 };
    let fits = wanted.verdict(data) == BindingVerdict::Fits;
    assert_eq!(fits, data == wanted.encode());
    let Some(found) = found else {
        assert_eq!(wanted.verdict(data), BindingVerdict::Unbound);
        return false;
    };
    assert_eq!(found.encode(), data);
    assert_eq!(found.verdict(data), BindingVerdict::Fits);
    true
}
