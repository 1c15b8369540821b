//! A drop-in `mod_ssl` for Apache httpd.
#![deny(unsafe_code)]
