//! The module record: what `LoadModule ssl_module` finds.

use super::{config, directives, lifecycle};
use crate::httpd::Module;
use crate::sys;
use std::ffi::c_ulong;

/// The record. Its name is that of the C module, because `<IfModule
/// mod_ssl.c>` and the hook orders of other modules say so.
#[unsafe(no_mangle)]
pub static mut ssl_module: sys::module = sys::module {
    version: sys::MODULE_MAGIC_NUMBER_MAJOR as i32,
    minor_version: sys::MODULE_MAGIC_NUMBER_MINOR as i32,
    module_index: -1,
    name: c"mod_ssl.c".as_ptr(),
    dynamic_load_handle: std::ptr::null_mut(),
    next: std::ptr::null_mut(),
    magic: sys::MODULE_MAGIC_COOKIE as c_ulong,
    rewrite_args: None,
    create_dir_config: Some(config::create_dir),
    merge_dir_config: Some(config::merge_dir),
    create_server_config: Some(config::create_server),
    merge_server_config: Some(config::merge_server),
    cmds: directives::COMMANDS.as_ptr(),
    register_hooks: Some(lifecycle::register_hooks),
    // Every vhost gets a configuration of its own, even one without a line of
    // ours: start-up stores there what it makes of it.
    flags: sys::AP_MODULE_FLAG_ALWAYS_MERGE as i32,
};

/// The key to this module's data in httpd's configuration vectors.
#[must_use]
pub fn handle() -> Module {
    let record = &raw const ssl_module;
    // SAFETY: the static record of this module.
    unsafe { Module::from_raw(record) }
}
