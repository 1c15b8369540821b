//! The end of a TLS connection.

use super::connection::ConnState;
use super::shared::{Shared, ShutdownType};
use super::wire::Waiting;
use crate::httpd::Request;
use crate::httpd::log::log;
use crate::io::state::Event;
use crate::ossl::ssl::{CloseFlags, Ssl};

/// How often OpenSSL is asked to finish; it answers at the second call when
/// it has read the peer's close_notify.
const ATTEMPTS: usize = 4;

/// Closes the TLS part: writes close_notify unless told otherwise, and ends
/// the TLS state. The alert is only collected; it leaves with the bucket that
/// made us close.
pub fn close(state: &ConnState, ssl: &Ssl) {
    if state.failed.get().is_some() {
        // OpenSSL does not allow a shutdown after a fatal error; the alert
        // that says why has left.
        let (conn, id) = (state.conn(), state.vhost_id());
        log!(
            conn,
            Info,
            "AH01998: Connection closed to child {} with abortive shutdown (server {id})",
            conn.id()
        );
        return state.end();
    }
    state.move_on(Event::Close);
    let kind = state.shared.shutdown();
    // What is marked as done already is neither sent nor waited for.
    ssl.set_close_flags(match kind {
        ShutdownType::Standard => CloseFlags::RECEIVED,
        ShutdownType::Unclean => CloseFlags::SENT | CloseFlags::RECEIVED,
        ShutdownType::Accurate => CloseFlags::NONE,
    });
    state.wire.wait(Waiting::Block);
    state.wire.set_urgent(true);
    for _ in 0..ATTEMPTS {
        if ssl.shutdown() {
            break;
        }
        if kind == ShutdownType::Accurate && !state.wire.send(Waiting::Block).is_success() {
            break;
        }
    }
    let conn = state.conn();
    let (id, child) = (state.vhost_id(), conn.id());
    match kind {
        ShutdownType::Standard => {
            // httpd shuts the socket down next.
            state.hold_for_fin_if(true);
            log!(
                conn,
                Debug,
                "AH02001: Connection closed to child {child} with standard shutdown (server {id})"
            );
        }
        ShutdownType::Unclean => {
            log!(
                conn,
                Debug,
                "AH01999: Connection closed to child {child} with unclean shutdown (server {id})"
            );
        }
        ShutdownType::Accurate => {
            log!(
                conn,
                Debug,
                "AH02000: Connection closed to child {child} with accurate shutdown (server {id})"
            );
        }
    }
    state.end();
}

/// Takes the kind of shutdown from the environment of the first request: the
/// first variable that begins with `ssl-` decides.
pub fn choose(shared: &Shared, request: Request<'_>) {
    shared.choose_shutdown(|| {
        let named = request.environment().and_then(|environment| {
            environment.iter().map(|(name, _)| name.to_bytes()).find(|name| name.starts_with(b"ssl-"))
        });
        kind_of(named.unwrap_or_default())
    });
}

/// The kind of shutdown that the name of an environment variable asks for.
fn kind_of(name: &[u8]) -> ShutdownType {
    if name.starts_with(b"ssl-unclean") {
        ShutdownType::Unclean
    } else if name.starts_with(b"ssl-accurate") {
        ShutdownType::Accurate
    } else {
        ShutdownType::Standard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides() {
        for (name, kind) in [
            ("ssl-unclean-shutdown", ShutdownType::Unclean),
            ("ssl-unclean", ShutdownType::Unclean),
            ("ssl-accurate-shutdown", ShutdownType::Accurate),
            ("ssl-other", ShutdownType::Standard),
            ("", ShutdownType::Standard),
            ("SSL-UNCLEAN-SHUTDOWN", ShutdownType::Standard),
        ] {
            assert_eq!(kind_of(name.as_bytes()), kind, "{name}");
        }
    }
}
