//! Safe handles on httpd's records: servers, connections, requests, filters.
//!
//! A handle borrows its record for the duration of one call from C. What is
//! kept longer is a `*Slot`, whose owner must not outlive the record.

pub mod authz;
pub mod body;
pub mod command;
pub mod conn;
pub mod expr;
pub mod filter;
pub mod helper;
pub mod hook;
pub mod locked_cache;
pub mod log;
pub mod module;
#[cfg_attr(not(httpd_async_waitio), path = "httpd/mpm_absent.rs")]
pub mod mpm;
pub mod mutex;
pub mod optional;
pub mod providers;
pub mod request;
pub mod server;
pub mod socache;
pub mod socket;
pub mod version;

pub use conn::Conn;
pub use filter::Filter;
pub use log::Level;
pub use module::Module;
pub use request::Request;
pub use server::Server;
