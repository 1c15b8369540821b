//! Backends that refuse this side when its handshake is over. With TLS 1.3
//! they see our certificate, or that there is none, only then, and so does a
//! request find out.

use super::note;
use crate::apr::Status;
use crate::entry::connection::ConnState;
use crate::metrics::{self, Counter};
use crate::ossl::error::LibraryError;

/// A connection cannot be read from or written to any more, and why was
/// logged. If the backend has never said anything on it, that is how its
/// handshake has ended.
pub fn ended(state: &ConnState, status: Status, errors: &[LibraryError]) {
    let Some(outgoing) = &state.outgoing else { return };
    if outgoing.answered.get() || status.is_retry() || status.is_timeup() {
        return;
    }
    let alert = metrics::cause(errors.iter().filter_map(LibraryError::tls_reason)) == Counter::FailedAlert;
    match errors.last() {
        Some(error) if alert => note::set(&error.to_line()),
        _ if outgoing.asked.get() => {
            note::set("the backend asked for a certificate, and closed the connection");
        }
        _ => {}
    }
}
