//! The error log.

use super::{Conn, Request, Server};
use crate::apr::Status;
use crate::apr::pool::c_string;
use crate::sys;
use std::ffi::{CStr, c_int};
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicI32, Ordering};

/// Severity, as in `LogLevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The server cannot go on.
    Emerg = sys::APLOG_EMERG as isize,
    /// A failure that somebody should look at.
    Error = sys::APLOG_ERR as isize,
    /// Something that is probably not meant.
    Warn = sys::APLOG_WARNING as isize,
    /// Normal but significant.
    Notice = sys::APLOG_NOTICE as isize,
    /// What a connection did.
    Info = sys::APLOG_INFO as isize,
    /// For debugging a configuration.
    Debug = sys::APLOG_DEBUG as isize,
    /// Library set-up.
    Trace1 = sys::APLOG_TRACE1 as isize,
    /// Seeding and session cache.
    Trace2 = sys::APLOG_TRACE2 as isize,
    /// Handshake states.
    Trace3 = sys::APLOG_TRACE3 as isize,
    /// Bytes moved.
    Trace4 = sys::APLOG_TRACE4 as isize,
    /// Flushes and would-blocks.
    Trace6 = sys::APLOG_TRACE6 as isize,
    /// Contents of transfers.
    Trace7 = sys::APLOG_TRACE7 as isize,
}

/// Index of this module in httpd's tables, by which `LogLevel ssl:` works.
/// httpd assigns it when it adds the module, and anew after each reload.
static MODULE_INDEX: AtomicI32 = AtomicI32::new(-1);

/// Records the index httpd gave the module.
pub fn set_module_index(index: c_int) {
    MODULE_INDEX.store(index, Ordering::Relaxed);
}

pub(super) fn module_index() -> c_int {
    MODULE_INDEX.load(Ordering::Relaxed)
}

/// Something a message can be logged for.
pub trait LogTarget {
    /// Whether the configured level lets `level` pass.
    fn logs(&self, level: Level) -> bool;
    /// Writes one line; httpd escapes control characters in it.
    fn write(&self, file: &CStr, line: c_int, level: Level, status: Status, text: &CStr);

    /// Logs `message` with the reason `status` when the level passes.
    #[track_caller]
    fn log_status(&self, level: Level, status: Status, message: fmt::Arguments<'_>) {
        if !self.logs(level) {
            return;
        }
        let at = Location::caller();
        let file = c_string(at.file().rsplit('/').next().unwrap_or_default());
        let text = c_string(message.to_string());
        self.write(&file, at.line() as c_int, level, status, &text);
    }

    /// Logs `message` when the level passes.
    #[track_caller]
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.log_status(level, Status::SUCCESS, message);
    }
}

const FORMAT: &CStr = c"%s";

/// Connects a handle with httpd's functions that ask for its level and write.
macro_rules! log_target {
    ($handle:ident, $logs:ident, $write:ident) => {
        impl LogTarget for $handle<'_> {
            fn logs(&self, level: Level) -> bool {
                // SAFETY: reads the log configuration of a live record.
                unsafe { sys::$logs(self.as_ptr(), module_index(), level as c_int) != 0 }
            }

            fn write(&self, file: &CStr, line: c_int, level: Level, status: Status, text: &CStr) {
                let (file, format, text) = (file.as_ptr(), FORMAT.as_ptr(), text.as_ptr());
                let (index, level, record) = (module_index(), level as c_int, self.as_ptr());
                // SAFETY: the format takes one C string, which is given; the record is alive.
                unsafe { sys::$write(file, line, index, level, status.0, record, format, text) };
            }
        }
    };
}

log_target!(Server, shim_server_logs, ap_log_error_);
log_target!(Conn, shim_connection_logs, ap_log_cerror_);
log_target!(Request, shim_request_logs, ap_log_rerror_);

/// Logs without any server: for the panic boundary.
pub fn log_anywhere(message: &str) {
    let text = c_string(message);
    // SAFETY: httpd keeps the main server of the configuration in force there, or NULL.
    let main = unsafe { sys::ap_server_conf };
    // SAFETY: a NULL server logs to the main log or standard error; one C string is given for the format.
    unsafe {
        sys::ap_log_error_(
            c"guard.rs".as_ptr(),
            0,
            module_index(),
            sys::APLOG_CRIT as c_int,
            0,
            main,
            FORMAT.as_ptr(),
            text.as_ptr(),
        );
    }
}

/// Logs formatted text: `log!(target, Level, "text {}", value)` or with a
/// status: `log!(target, Level, status => "text")`.
macro_rules! log {
    ($target:expr, $level:ident, $status:expr => $($format:tt)+) => {
        $crate::httpd::log::LogTarget::log_status(
            &$target, $crate::httpd::Level::$level, $status, format_args!($($format)+))
    };
    ($target:expr, $level:ident, $($format:tt)+) => {
        $crate::httpd::log::LogTarget::log(&$target, $crate::httpd::Level::$level, format_args!($($format)+))
    };
}
pub(crate) use log;
