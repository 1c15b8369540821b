//! Plain HTTP on a TLS port.
//!
//! The client cannot be served, but it can be told: the HTTP layer is fed a
//! made-up request instead of the real one, which is never parsed, and answers
//! it with the status 400 and a hint.

/// What the HTTP layer is still to be fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeUpRequest {
    /// The request line.
    Line,
    /// The empty line that ends the (absent) header.
    Separator,
    /// Nothing more.
    Fed,
}

/// The hint on the error page (note `error-notes`).
pub const HINT: &str = "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n Instead use the HTTPS scheme to access this URL, please.<br />\n";

impl MadeUpRequest {
    /// What to feed now, and what remains to be fed after that.
    #[must_use]
    pub const fn feed(self) -> (Option<&'static [u8]>, Self) {
        match self {
            Self::Line => (Some(b"GET / HTTP/1.0\r\n"), Self::Separator),
            Self::Separator => (Some(b"\r\n"), Self::Fed),
            Self::Fed => (None, Self::Fed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_one_empty_request() {
        let mut fed = Vec::new();
        let mut state = MadeUpRequest::Line;
        while let (Some(bytes), next) = state.feed() {
            fed.extend_from_slice(bytes);
            state = next;
        }
        assert_eq!(fed, b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(state.feed(), (None, MadeUpRequest::Fed));
    }
}
