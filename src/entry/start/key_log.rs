//! `SSLKEYLOGFILE`: key material for those who debug with a packet capture.
//!
//! Whoever reads the file can read all traffic. It is opened as root, before
//! privileges are dropped, and readable by its owner alone.

use super::Failed;
use crate::apr::Status;
use crate::httpd::Server;
use crate::httpd::log::log;
use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

/// The open file.
pub struct KeyLog(File);

impl KeyLog {
    /// Appends a line (one write: lines of several processes do not mix).
    pub fn write(&self, line: &CStr) {
        let line = line.to_bytes();
        // In one piece: growing it would leave a copy behind.
        let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(line.len() + 1));
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        // A full disk must not end connections.
        let _ = (&self.0).write_all(&bytes);
    }
}

/// Opens the file that the environment names.
pub fn open(main: Server<'_>) -> Result<Option<Arc<KeyLog>>, Failed> {
    let Some(path) = std::env::var_os("SSLKEYLOGFILE") else { return Ok(None) };
    let shown = std::path::Path::new(&path).display();
    match OpenOptions::new().append(true).create(true).mode(0o600).open(&path) {
        Ok(file) => {
            log!(main, Notice, "AH10227: Init: Logging SSL private key material to {shown}");
            Ok(Some(Arc::new(KeyLog(file))))
        }
        Err(error) => {
            let status = Status(error.raw_os_error().unwrap_or(libc::EIO));
            log!(main, Notice, status => "AH10226: Could not open log file '{shown}' configured via SSLKEYLOGFILE");
            Err(Failed)
        }
    }
}
