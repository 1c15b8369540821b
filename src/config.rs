//! The configuration as plain values: the grammar of directives, what they
//! default to, how they merge.

pub mod cache_spec;
pub mod certificates;
pub mod cipher;
pub mod crypto_device;
pub mod dir;
pub mod global;
pub mod handshake;
pub mod http_url;
pub mod legacy;
pub mod ocsp;
pub mod options;
pub mod pass_phrase;
pub mod preset;
pub mod protocol;
pub mod proxy;
pub mod random;
pub mod server;
pub mod sni_policy;
pub mod stapling;
pub mod token;
pub mod value;
pub mod verify;
pub mod vhost_id;
