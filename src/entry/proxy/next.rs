//! The terms of the request that this thread works on, for mod_proxy's question whether a kept connection is still good: it
//! asks before it says which request the connection is for.

use super::policy::ProxyPolicy;
use crate::httpd::Request;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// There are terms at all.
static IS_USED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The address of the terms of the request whose fixups were run last in this thread, 0 for none. mod_proxy handles
    /// it next, in the same thread. When it does not, a connection is closed in vain, or the output filter refuses.
    static NEXT: Cell<Option<usize>> = const { Cell::new(None) };
}

fn address(policy: &Arc<ProxyPolicy>) -> usize {
    Arc::as_ptr(policy).addr()
}

/// Start-up has made terms.
pub fn expect() {
    IS_USED.store(true, Ordering::Relaxed);
}

/// A request is about to be handled: in the hook `fixups`.
pub fn note(request: Request<'_>) {
    if !IS_USED.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the configuration of a live request.
    let policy = unsafe { super::policy_for(request.server(), request.dir_configs()) };
    NEXT.set(Some(policy.as_ref().map_or(0, address)));
}

/// Whether the request that is about to be handled is known to have other terms.
#[must_use]
pub fn differs_from(policy: &Arc<ProxyPolicy>) -> bool {
    NEXT.get().is_some_and(|next| next != address(policy))
}
