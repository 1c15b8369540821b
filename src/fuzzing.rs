//! One function for each target of `fuzz/`: hands bytes that somebody else
//! chose to the code that reads them, and asserts what must hold whatever
//! they are. Also run as a unit test over the checked-in corpora.
//!
//! Each says whether its input was good, so that a corpus can be told from
//! one that never gets behind the first check.

mod certificates;
mod credentials;
mod dialogs;
mod directives;
mod handshake;
mod hello;
mod ocsp;
mod session;
#[cfg(test)]
mod tests;
mod variables;

use crate::ossl::error;

pub use certificates::{alternative_names, distinguished_name, extension_list};
pub use credentials::{certificate_text, credentials};
pub use dialogs::{pass_phrase, token_identifier};
pub use directives::{directive_words, options_line, protocol_line};
pub use handshake::handshake;
pub use hello::{alpn_offer, client_hello, server_name};
pub use ocsp::{ocsp_http, ocsp_response, sealed_record, staple_file};
pub use session::{session_binding, session_der};
pub use variables::{expression_value, variable_name};

/// The error queue must be empty behind `place`: `SSL_get_error` takes what is
/// left in it for the reason why the next call on any connection has stopped.
fn nothing_queued(place: &str) {
    let left = error::drain();
    assert!(left.is_empty(), "{place} leaves errors in the queue: {left:?}");
}
