//! Raw bindings to httpd and APR, written by bindgen at build time, and the
//! few constants it cannot fold.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unused,
    unsafe_op_in_unsafe_fn,
    unnecessary_transmutes,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block
)]

include!(concat!(env!("OUT_DIR"), "/httpd.rs"));

// Stand-ins for httpd's functions, which end a test or a fuzz target that
// reaches one.
#[cfg(any(test, fuzzing))]
#[link(name = "mod_ssl_host", kind = "static")]
unsafe extern "C" {}

#[cfg(any(test, fuzzing))]
#[link(name = "apr-1")]
unsafe extern "C" {}

#[cfg(any(test, fuzzing))]
#[link(name = "aprutil-1")]
unsafe extern "C" {}
