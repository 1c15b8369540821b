//! Virtual hosts that are the same to clients, and so resume each other's sessions.
//!
//! TLS 1.3 leaves it to the client where it offers a session: wherever the certificate that it has seen is good
//! (RFC 8446, section 4.6.1); the name is that of the present ClientHello. With TLS 1.2 a server must not resume a session
//! for another name (RFC 6066, section 3).

use crate::entry::vhost::{Kin, Tls, Vhost};
use crate::httpd::Server;
use crate::ossl::identity::Identity;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// What two of them have in common: the digest of all that decides a handshake, and the certificates with their keys,
/// by address.
type Likeness = ([u8; 32], Vec<*const Identity>);

/// Tells all virtual hosts whose sessions they may resume.
pub fn introduce(main: Server<'_>) {
    let hosts = || main.iter().filter_map(Vhost::of).filter_map(|vhost| vhost.tls.as_ref());
    let likenesses = hosts().filter_map(|tls| Some((likeness(tls)?, tls.session_context)));
    let families = families(likenesses);
    for tls in hosts() {
        if let Some(kin) = likeness(tls).and_then(|likeness| families.get(&likeness)) {
            // Each is told once.
            let _ = tls.kin.set(Arc::clone(kin));
        }
    }
}

/// `None` where clients show who they are, and where something else than the identities stands for the server.
fn likeness(tls: &Tls) -> Option<Likeness> {
    let is_plain = !tls.auth.verifies_clients() && tls.srp.is_none();
    let has_identity = !tls.fallback && !tls.identities.is_empty();
    (is_plain && has_identity).then(|| (tls.digest, tls.identities.iter().map(Arc::as_ptr).collect()))
}

/// The session contexts of those that have something in common, if there are several.
fn families<L: Hash + Eq>(members: impl Iterator<Item = (L, [u8; 32])>) -> HashMap<L, Arc<Kin>> {
    let mut families: HashMap<L, Kin> = HashMap::new();
    for (likeness, context) in members {
        families.entry(likeness).or_default().insert(context);
    }
    families
        .into_iter()
        .filter(|(_, kin)| kin.len() > 1)
        .map(|(likeness, kin)| (likeness, kin.into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_has_no_kin() {
        let found = families(
            [("a", [1; 32]), ("b", [2; 32]), ("a", [3; 32]), ("c", [4; 32]), ("c", [4; 32])].into_iter(),
        );
        assert_eq!(found.keys().collect::<Vec<_>>(), [&"a"]);
        assert_eq!(*found["a"], Kin::from([[1; 32], [3; 32]]));
    }
}
