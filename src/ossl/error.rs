//! OpenSSL's error queue as values, and the log line made from one entry.

use std::ffi::{CStr, c_int, c_long, c_ulong};
use std::fmt::Write as _;
use std::ptr;

use openssl_sys as sys;

use super::ffi;

/// One entry of the error queue (`ERR_get_error_all`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryError {
    /// The packed error number: library, flags and reason.
    pub code: c_ulong,
    /// The error as `ERR_error_string_n` prints it, such as
    /// `error:0A000086:SSL routines::certificate verify failed`.
    pub text: String,
    /// What the place that raised the error added, such as a file name.
    pub data: Option<String>,
}

impl LibraryError {
    /// The number of the library that raised the error (`ERR_GET_LIB`).
    #[must_use]
    pub fn library(&self) -> i32 {
        sys::ERR_GET_LIB(self.code)
    }

    /// The reason number, to be read together with [`library`](Self::library) (`ERR_GET_REASON`).
    #[must_use]
    pub fn reason(&self) -> i32 {
        sys::ERR_GET_REASON(self.code)
    }

    /// The reason number (`SSL_R_...`), if the TLS library has raised it.
    #[must_use]
    pub fn tls_reason(&self) -> Option<i32> {
        (self.library() == ffi::ERR_LIB_SSL).then(|| self.reason())
    }

    /// Whether the first bytes of a connection were those of an HTTP request.
    #[must_use]
    pub fn is_http_request(&self) -> bool {
        self.is(ffi::ERR_LIB_SSL, ffi::SSL_R_HTTP_REQUEST)
    }

    /// Whether a PEM file holds nothing of the kind wanted.
    #[must_use]
    pub fn is_no_start_line(&self) -> bool {
        self.is(ffi::ERR_LIB_PEM, ffi::PEM_R_NO_START_LINE)
    }

    /// Whether the transport ended without the peer's close_notify.
    #[must_use]
    pub fn is_unexpected_eof(&self) -> bool {
        self.is(ffi::ERR_LIB_SSL, ffi::SSL_R_UNEXPECTED_EOF_WHILE_READING)
    }

    /// An error of the operating system in the same form, for the same log lines.
    #[must_use]
    pub fn of_system(error: &std::io::Error) -> Self {
        LibraryError { code: 0, text: error.to_string(), data: None }
    }

    /// The hint for administrators that goes with this error, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        HINTS.iter().find(|(pattern, _)| glob(pattern, &self.text)).map(|(_, hint)| *hint)
    }

    /// `SSL Library Error: <text>[ (<data>)][ -- <hint>]`, with control characters escaped.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = String::with_capacity(128);
        line.push_str("SSL Library Error: ");
        push_escaped(&mut line, &self.text);
        if let Some(data) = &self.data {
            line.push_str(" (");
            push_escaped(&mut line, data);
            line.push(')');
        }
        if let Some(hint) = self.hint() {
            line.push_str(" -- ");
            line.push_str(hint);
        }
        line
    }

    fn is(&self, library: c_int, reason: c_int) -> bool {
        self.library() == library && self.reason() == reason
    }

    fn from_code(code: c_ulong, data: Option<String>) -> Self {
        let mut buffer = [0 as std::ffi::c_char; 256];
        // SAFETY: ERR_error_string_n writes at most `len` bytes and always terminates them.
        unsafe { ffi::ERR_error_string_n(code, buffer.as_mut_ptr(), buffer.len()) };
        // SAFETY: the call above has put a terminated string into the buffer.
        let text = unsafe { CStr::from_ptr(buffer.as_ptr()) };
        LibraryError { code, text: text.to_string_lossy().into_owned(), data }
    }
}

impl From<&openssl::error::Error> for LibraryError {
    fn from(error: &openssl::error::Error) -> Self {
        let data = error.data().filter(|data| !data.is_empty());
        LibraryError::from_code(error.code(), data.map(str::to_owned))
    }
}

/// The entries of an `openssl` error stack, oldest first.
#[must_use]
pub fn from_stack(stack: &openssl::error::ErrorStack) -> Vec<LibraryError> {
    stack.errors().iter().map(LibraryError::from).collect()
}

/// Takes every entry out of the calling thread's error queue, oldest first.
#[must_use]
pub fn drain() -> Vec<LibraryError> {
    let mut errors = Vec::new();
    while let Some(error) = pop() {
        errors.push(error);
    }
    errors
}

/// The error queue as the reason of a failure, if OpenSSL answered with 0 or less.
pub(super) fn check(answer: impl Into<c_long>) -> Result<(), Vec<LibraryError>> {
    if answer.into() > 0 { Ok(()) } else { Err(drain()) }
}

/// Empties the calling thread's error queue. Cheap when it is empty already.
#[inline]
pub fn clear() {
    // SAFETY: works on the calling thread's queue, which OpenSSL makes on first use.
    if unsafe { ffi::ERR_peek_error() } != 0 {
        // SAFETY: as above.
        unsafe { sys::ERR_clear_error() };
    }
}

fn pop() -> Option<LibraryError> {
    let mut data = ptr::null();
    let mut flags: c_int = 0;
    // SAFETY: ERR_get_error_all takes NULL for what is not wanted, and fills in the other two.
    let code = unsafe {
        sys::ERR_get_error_all(ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &mut data, &mut flags)
    };
    if code == 0 {
        return None;
    }
    let text = if flags & sys::ERR_TXT_STRING != 0 && !data.is_null() {
        // SAFETY: ERR_TXT_STRING says that the data is a C string; it stays with the queue until the
        // next entry is raised on this thread, and it is copied before that.
        let text = unsafe { CStr::from_ptr(data) };
        Some(text.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
    } else {
        None
    };
    Some(LibraryError::from_code(code, text))
}

/// Hints by pattern on the error text; the first match counts.
///
/// The first ten rows are those administrators know. Rows two to five name functions and words that
/// OpenSSL 3 no longer prints, so the rows after them repeat their meaning in its words.
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
    ("*:Provider routines:*bad decrypt*", "wrong pass phrase!?"),
    ("*:SSL routines:*http request*", "speaking HTTP to HTTPS port!?"),
    (
        "*:SSL routines:*alert bad certificate*",
        "Subject CN in certificate not server name or identical to CA!?",
    ),
    (
        "*self-signed certificate in certificate chain*",
        "Client certificate signed by CA not known to server?",
    ),
];

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

fn push_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            // Writing to a String does not fail.
            let _ = write!(line, "\\x{:02x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
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
            ("*ab*", "xaxb", false),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("*a", "aba", true),
            ("a*a", "a", false),
            ("ab", "ab", true),
            ("ab", "abc", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn hints() {
        for (text, hint) in [
            (
                "error:0A0000C1:SSL routines::no shared cipher",
                Some("Too restrictive SSLCipherSuite or using DSA server certificate?"),
            ),
            ("error:0A00009C:SSL routines::http request", Some("speaking HTTP to HTTPS port!?")),
            ("error:0A00009B:SSL routines::https proxy request", None),
            ("error:1C800064:Provider routines::bad decrypt", Some("wrong pass phrase!?")),
            (
                "error:0A000412:SSL routines::sslv3 alert bad certificate",
                Some("Subject CN in certificate not server name or identical to CA!?"),
            ),
            (
                "error:0A000412:SSL routines::ssl/tls alert bad certificate",
                Some("Subject CN in certificate not server name or identical to CA!?"),
            ),
            (
                "error:0480006C:PEM routines::no start line",
                Some("Bad file contents or format - or even just a forgotten SSLCertificateKeyFile?"),
            ),
            (
                "error:0A0000C7:SSL routines::peer did not return a certificate",
                Some("No CAs known to server for verification?"),
            ),
            ("error:0A0000C7:SSL routines::PEER DID NOT RETURN A CERTIFICATE", None),
            ("error:0A00010B:SSL routines::wrong version number", None),
            ("error:0A000086:SSL routines::certificate verify failed", None),
        ] {
            assert_eq!(error(text).hint(), hint, "{text}");
        }
    }

    #[test]
    fn lines_carry_data_and_hint() {
        let mut plain = error("error:1");
        assert_eq!(plain.to_line(), "SSL Library Error: error:1");
        plain.data = Some("x\ny\u{1b}".to_owned());
        assert_eq!(plain.to_line(), "SSL Library Error: error:1 (x\\x0ay\\x1b)");
        plain.text = "error:0:PEM routines::no start line".to_owned();
        plain.data = Some("Expecting: CERTIFICATE".to_owned());
        assert_eq!(
            plain.to_line(),
            "SSL Library Error: error:0:PEM routines::no start line (Expecting: CERTIFICATE) \
             -- Bad file contents or format - or even just a forgotten SSLCertificateKeyFile?"
        );
    }

    #[test]
    fn the_queue_is_drained_in_order() {
        clear();
        raise(ffi::SSL_R_HTTP_REQUEST);
        raise(ffi::SSL_R_UNEXPECTED_EOF_WHILE_READING);
        let errors = drain();
        assert_eq!(errors.len(), 2);
        assert!(errors[0].is_http_request() && !errors[1].is_http_request());
        assert!(errors[1].is_unexpected_eof() && !errors[0].is_unexpected_eof());
        assert_eq!(errors[0].text, "error:0A00009C:SSL routines::http request");
        assert_eq!((errors[0].library(), errors[0].reason()), (20, 156));
        assert_eq!(errors[0].data, None);
        assert!(drain().is_empty());
        raise(ffi::SSL_R_HTTP_REQUEST);
        clear();
        assert!(drain().is_empty());
    }

    #[test]
    fn data_and_stacks() {
        clear();
        let ctx = crate::ossl::ctx::SslCtx::server().unwrap();
        let file = c"/nonexistent/file";
        // SAFETY: the context is alive, the path is a C string.
        let done = unsafe { sys::SSL_CTX_load_verify_locations(ctx.as_ptr(), file.as_ptr(), ptr::null()) };
        assert_eq!(done, 0);
        let errors = drain();
        assert!(errors.iter().any(|error| error.to_line().contains("/nonexistent/file")), "{errors:?}");
        let stack = openssl::x509::X509::from_pem(b"garbage").unwrap_err();
        assert!(from_stack(&stack)[0].is_no_start_line());
    }

    fn raise(reason: c_int) {
        // SAFETY: begins a new entry of this thread's queue.
        unsafe { sys::ERR_new() };
        // SAFETY: completes it, without a text.
        unsafe { sys::ERR_set_error(ffi::ERR_LIB_SSL, reason, ptr::null()) };
    }
}
