//! Verdicts: who may be served under which vhost's terms.

pub mod identity;
pub mod vhost;
