//! The module record: what `LoadModule ssl_module` finds, by way of the small
//! object in `src/loader`, which gives httpd a copy of its own.

use super::{config, directives, lifecycle};
use crate::httpd::Module;
use crate::sys;
use std::ffi::c_ulong;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A record that is only read.
#[repr(transparent)]
pub struct Record(sys::module);

// SAFETY: holds pointers to static data and functions only, and nobody writes to it.
unsafe impl Sync for Record {}

/// The record. Its name is that of the C module, because `<IfModule
/// mod_ssl.c>` and the hook orders of other modules say so.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "a name of C")]
pub static mod_ssl_rs_record: Record = Record(sys::module {
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
});

/// The copy that httpd uses: the key to its configuration vectors.
static IN_USE: AtomicPtr<sys::module> = AtomicPtr::new(std::ptr::null_mut());

/// Called when the loader object is loaded, before httpd looks at the copy.
#[unsafe(no_mangle)]
pub extern "C" fn mod_ssl_rs_attach(record: *mut sys::module) {
    IN_USE.store(record, Ordering::Release);
}

/// The key to this module's data in httpd's configuration vectors.
#[must_use]
pub fn handle() -> Module {
    // SAFETY: the loader object is loaded while httpd has hooks of this module, and it attached its record.
    unsafe { Module::from_raw(IN_USE.load(Ordering::Acquire)) }
}
