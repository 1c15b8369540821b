//! Glue: httpd's hooks, filters and directives, and OpenSSL's callbacks. The
//! only place C calls; it turns pointers into handles, asks the layers below
//! and carries out what they say.

pub mod access;
pub mod backlog;
mod body;
mod brief;
pub mod cache;
pub mod challenge;
mod client;
mod closed;
pub mod config;
pub mod connection;
pub mod directives;
mod errands;
pub mod events;
pub mod filters;
pub mod handshake;
pub mod identities;
pub mod input;
pub mod lifecycle;
pub mod metrics;
pub mod module;
pub mod ocsp;
pub mod offered;
pub mod output;
pub mod pace;
pub mod parking;
pub mod proxy;
mod quota;
mod receive;
mod renegotiate;
pub mod report;
pub mod request;
pub mod shared;
pub mod shutdown;
mod signals;
pub mod stapling;
pub mod start;
pub mod status;
pub mod tickets;
pub mod trust;
pub(crate) mod vars;
pub mod vhost;
mod watched_cache;
pub mod wire;
