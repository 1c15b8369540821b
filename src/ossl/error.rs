//! OpenSSL's error queue.

use super::ffi;
use libc::{c_char, c_int, c_ulong};
use openssl_sys as o;
use std::ffi::CStr;

/// One entry of the error queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryError {
    /// The packed number.
    pub code: u64,
    /// `error:0A000086:SSL routines::certificate verify failed`.
    pub text: String,
    /// Additional text, when there is some.
    pub data: Option<String>,
}

/// What users usually did wrong: patterns over [`LibraryError::text`], where
/// `*` stands for anything; the first that matches counts.
const HINTS: &[(&str, &str)] = &[
    ("*envelope*bad*decrypt*", "wrong pass phrase!?"),
    ("*CLIENT_HELLO*unknown*protocol*", "speaking not SSL to HTTPS port!?"),
    ("*CLIENT_HELLO*http*request*", "speaking HTTP to HTTPS port!?"),
    (
        "*SSL3_READ_BYTES:sslv3*alert*bad*certificate*",
        "Subject CN in certificate not server name or identical to CA!?",
    ),
    (
        "*self signed certificate in certificate chain*",
        "Client certificate signed by CA not known to server?",
    ),
    ("*peer did not return a certificate*", "No CAs known to server for verification?"),
    ("*no shared cipher*", "Too restrictive SSLCipherSuite or using DSA server certificate?"),
    ("*no start line*", "Bad file contents or format - or even just a forgotten SSLCertificateKeyFile?"),
    ("*bad password read*", "You entered an incorrect pass phrase!?"),
    ("*bad mac decode*", "Browser still remembered details of a re-created server certificate?"),
];

impl LibraryError {
    /// The reason code (`ERR_GET_REASON`).
    #[must_use]
    pub fn reason(&self) -> i32 {
        o::ERR_GET_REASON(self.code as c_ulong)
    }

    /// The library code (`ERR_GET_LIB`).
    #[must_use]
    pub fn library(&self) -> i32 {
        o::ERR_GET_LIB(self.code as c_ulong)
    }

    /// Whether it says that plain HTTP came instead of a ClientHello.
    #[must_use]
    pub fn is_http_request(&self) -> bool {
        self.library() == ffi::ERR_LIB_SSL && self.reason() == ffi::SSL_R_HTTP_REQUEST
    }

    /// Whether it says that a PEM file holds nothing of the kind wanted.
    #[must_use]
    pub fn is_no_start_line(&self) -> bool {
        self.library() == ffi::ERR_LIB_PEM && self.reason() == ffi::PEM_R_NO_START_LINE
    }

    /// An error of the system, in the same form.
    #[must_use]
    pub fn of_system(error: &std::io::Error) -> Self {
        Self { code: 0, text: error.to_string(), data: None }
    }

    /// What the user probably did wrong.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        HINTS.iter().find(|(pattern, _)| glob(pattern, &self.text)).map(|(_, hint)| *hint)
    }

    /// The line for the log.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = format!("SSL Library Error: {}", self.text);
        if let Some(data) = &self.data {
            line.push_str(&format!(" ({data})"));
        }
        if let Some(hint) = self.hint() {
            line.push_str(" -- ");
            line.push_str(hint);
        }
        line
    }
}

/// Takes all entries, oldest first.
#[must_use]
pub fn drain() -> Vec<LibraryError> {
    std::iter::from_fn(next).collect()
}

/// Empties the queue of this thread. Before each I/O call: what another
/// connection left would be taken for an error of this one.
pub fn clear() {
    // SAFETY: works on this thread's queue.
    unsafe { o::ERR_clear_error() }
}

fn next() -> Option<LibraryError> {
    let (mut file, mut line, mut function) = (std::ptr::null(), 0, std::ptr::null());
    let (mut data, mut flags): (*const c_char, c_int) = (std::ptr::null(), 0);
    // SAFETY: all outputs are valid places.
    let code = unsafe {
        o::ERR_get_error_all(&raw mut file, &raw mut line, &raw mut function, &raw mut data, &raw mut flags)
    };
    if code == 0 {
        return None;
    }
    let mut text = [0 as c_char; 256];
    // SAFETY: writes at most the given number of bytes, with an end mark.
    unsafe { ffi::ERR_error_string_n(code, text.as_mut_ptr(), text.len()) };
    // SAFETY: ERR_error_string_n ended the text with a NUL.
    let text = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned();
    let has_text = flags & o::ERR_TXT_STRING != 0 && !data.is_null();
    let data = has_text.then(|| {
        // SAFETY: with that flag the data is a C string, kept by the queue until the next error is added.
        unsafe { CStr::from_ptr(data) }.to_string_lossy().into_owned()
    });
    Some(LibraryError { code, text, data: data.filter(|data| !data.is_empty()) })
}

/// Matches `text` with a pattern of literal pieces and `*`.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = "";
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = piece;
    }
    last.is_empty() || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> LibraryError {
        LibraryError { code: 0, text: text.to_owned(), data: None }
    }

    #[test]
    fn globs() {
        for (pattern, text, matches) in [
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("*a", "ab", false),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn lines_carry_data_and_hint() {
        let mut plain = error("error:0A0000C1:SSL routines::no shared cipher");
        assert_eq!(
            plain.to_line(),
            "SSL Library Error: error:0A0000C1:SSL routines::no shared cipher -- Too restrictive SSLCipherSuite or using DSA server certificate?"
        );
        plain.text = "error:1".to_owned();
        plain.data = Some("x".to_owned());
        assert_eq!(plain.to_line(), "SSL Library Error: error:1 (x)");
    }

    #[test]
    fn the_queue_is_drained_in_order() {
        clear();
        assert!(openssl::pkey::PKey::private_key_from_pem(b"garbage").is_err());
        // The openssl crate takes the errors with it; so make some directly.
        // SAFETY: an unknown cipher list on a fresh context.
        let method = unsafe { o::TLS_method() };
        // SAFETY: the method table is static.
        let ctx = unsafe { o::SSL_CTX_new(method) };
        // SAFETY: the context was just made.
        assert_eq!(unsafe { o::SSL_CTX_set_cipher_list(ctx, c"NONSENSE".as_ptr()) }, 0);
        let errors = drain();
        assert!(errors[0].text.contains("no cipher match"), "{errors:?}");
        assert!(drain().is_empty());
        // SAFETY: freed once.
        unsafe { o::SSL_CTX_free(ctx) };
    }
}
