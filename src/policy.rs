//! Verdicts: who may be served under which vhost's terms, and what a client offers.

pub mod alpn;
pub mod answers;
pub mod backend;
pub mod check;
pub mod credentials;
pub mod deadline;
pub mod health;
pub mod identity;
pub mod machine;
pub mod outages;
pub mod peer_name;
pub mod renegotiate;
pub mod resumption;
pub mod sealed;
pub mod stapling;
pub mod ticket;
pub mod verify;
pub mod vhost;
