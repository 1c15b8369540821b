//! The HTTP that is spoken with OCSP responders (RFC 6960, appendix A): a request as bytes, and a response
//! out of bytes that come in pieces, with limits on everything.

use crate::config::http_url::HttpUrl;
use thiserror::Error;

/// Bytes of the status line and the header fields together.
pub const HEADER_BYTES: usize = 8 * 1024;
/// Header fields.
pub const HEADER_LINES: usize = 256;
/// Bytes of the body.
pub const BODY_BYTES: usize = 100 * 1024;
/// Bytes of a line that announces a chunk.
const CHUNK_LINE_BYTES: usize = 256;

/// The bytes of a request: HTTP/1.0, so that nobody has reason to answer in chunks or to wait for more.
#[must_use]
pub fn request(url: &HttpUrl, by_proxy: bool, body: &[u8]) -> Vec<u8> {
    let (authority, target, length) = (url.authority(), &url.target, body.len());
    let whole = if by_proxy { format!("http://{authority}") } else { String::new() };
    let head = format!(
        "POST {whole}{target} HTTP/1.0\r\nHost: {authority}\r\nContent-Type: application/ocsp-request\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Why there is no body.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HttpError {
    /// The status is not of the kind "successful", or there is no status line. What stands behind the version.
    #[error("AH01980: bad response from OCSP server: {0}")]
    Status(String),
    /// More than [`HEADER_BYTES`].
    #[error("AH01979: response header line too long from OCSP server")]
    HeaderSize,
    /// More than [`HEADER_LINES`].
    #[error(
        "AH01982: could not read response headers from OCSP server, exceeded maximum count ({HEADER_LINES})"
    )]
    HeaderCount,
    /// It ended before the body began.
    #[error("AH01983: could not read response header from OCSP server")]
    HeaderEnd,
    /// What says how long the body is cannot be understood, or the body is shorter than that.
    #[error("AH01985: error reading response from OCSP server: {0}")]
    Body(&'static str),
    /// More than [`BODY_BYTES`].
    #[error("AH01986: OCSP response size exceeds {BODY_BYTES} byte limit")]
    BodySize,
    /// Nothing in it.
    #[error("AH02321: empty response from OCSP server")]
    Empty,
}

/// How the end of the body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the header.
    Header,
    /// That many bytes are missing.
    Counted(usize),
    /// At a line that announces a chunk.
    ChunkLine,
    /// That many bytes of a chunk are missing.
    Chunk(usize),
    /// At the end of line behind a chunk.
    ChunkEnd,
    /// At the end of the connection.
    UntilClosed,
    /// All is there.
    Complete,
}

/// A response that comes in pieces.
#[derive(Debug)]
pub struct Response {
    state: State,
    /// Bytes of the header.
    size: usize,
    /// The line that is being read.
    line: Vec<u8>,
    has_status: bool,
    /// The header fields, as they came.
    fields: Vec<String>,
    body: Vec<u8>,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            state: State::Header,
            size: 0,
            line: Vec::new(),
            has_status: false,
            fields: Vec::new(),
            body: Vec::new(),
        }
    }
}

impl Response {
    /// Takes the next bytes; says whether the response is complete. Bytes behind its end are left alone.
    ///
    /// # Errors
    /// What is wrong with it. No more bytes must be given then.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<bool, HttpError> {
        while !bytes.is_empty() && self.state != State::Complete {
            let taken = match self.state {
                State::Header | State::ChunkLine | State::ChunkEnd => self.take_line(bytes)?,
                State::Counted(missing) | State::Chunk(missing) => self.take_counted(missing, bytes)?,
                State::UntilClosed => self.take_body(bytes)?,
                State::Complete => 0,
            };
            bytes = &bytes[taken..];
        }
        Ok(self.state == State::Complete)
    }

    /// The header fields so far, one line each.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The body, when the response is complete or the connection has ended.
    ///
    /// # Errors
    /// The response is not as long as it said, or has no body.
    pub fn finish(self) -> Result<Vec<u8>, HttpError> {
        match self.state {
            State::Header if !self.has_status => Err(HttpError::Status("(none)".to_owned())),
            State::Header => Err(HttpError::HeaderEnd),
            State::Counted(_) | State::ChunkLine | State::Chunk(_) | State::ChunkEnd => {
                Err(HttpError::Body("it ended too early"))
            }
            State::UntilClosed | State::Complete if self.body.is_empty() => Err(HttpError::Empty),
            State::UntilClosed | State::Complete => Ok(self.body),
        }
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<usize, HttpError> {
        if bytes.len() > BODY_BYTES - self.body.len() {
            return Err(HttpError::BodySize);
        }
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn take_counted(&mut self, missing: usize, bytes: &[u8]) -> Result<usize, HttpError> {
        let taken = self.take_body(&bytes[..missing.min(bytes.len())])?;
        self.state = match (self.state, missing - taken) {
            (State::Counted(_), 0) => State::Complete,
            (State::Counted(_), left) => State::Counted(left),
            (_, 0) => State::ChunkEnd,
            (_, left) => State::Chunk(left),
        };
        Ok(taken)
    }

    /// Takes bytes up to the end of a line, and the line when it is complete.
    fn take_line(&mut self, bytes: &[u8]) -> Result<usize, HttpError> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.line.extend_from_slice(&bytes[..taken]);
        if self.state == State::Header {
            self.size += taken;
            if self.size > HEADER_BYTES {
                return Err(HttpError::HeaderSize);
            }
        } else if self.line.len() > CHUNK_LINE_BYTES {
            return Err(HttpError::Body("a chunk begins with too long a line"));
        }
        if end.is_some() {
            let mut line = std::mem::take(&mut self.line);
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            match self.state {
                State::Header => self.header_line(line)?,
                State::ChunkLine => self.chunk_line(&line)?,
                _ if line.is_empty() => self.state = State::ChunkLine,
                _ => return Err(HttpError::Body("a chunk is longer than it said")),
            }
        }
        Ok(taken)
    }

    fn header_line(&mut self, line: String) -> Result<(), HttpError> {
        if !self.has_status {
            check_status(&line)?;
            self.has_status = true;
        } else if line.is_empty() {
            self.state = self.framing()?;
        } else if self.fields.len() == HEADER_LINES {
            return Err(HttpError::HeaderCount);
        } else {
            self.fields.push(line);
        }
        Ok(())
    }

    /// How the fields say that the end is found. Two that do not fit together are refused.
    fn framing(&self) -> Result<State, HttpError> {
        let values = |wanted: &'static str| {
            let split = self.fields.iter().filter_map(|field| field.split_once(':'));
            split.filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let mut lengths = values("Content-Length");
        let mut codings = values("Transfer-Encoding");
        match (lengths.next(), codings.next()) {
            (None, None) => Ok(State::UntilClosed),
            (Some(length), None) if lengths.all(|other| other == length) => match digits(length, 10) {
                Some(length) if length > BODY_BYTES => Err(HttpError::BodySize),
                Some(0) => Ok(State::Complete),
                Some(length) => Ok(State::Counted(length)),
                None => Err(HttpError::Body("Content-Length is not a number")),
            },
            (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") && codings.next().is_none() => {
                Ok(State::ChunkLine)
            }
            (None, Some(_)) => Err(HttpError::Body("unknown Transfer-Encoding")),
            (Some(_), _) => Err(HttpError::Body("its length is said twice")),
        }
    }

    fn chunk_line(&mut self, line: &str) -> Result<(), HttpError> {
        let size = line.split(';').next().unwrap_or_default().trim();
        self.state = match digits(size, 16) {
            // Nobody needs the fields that may follow.
            Some(0) => State::Complete,
            Some(size) if size > BODY_BYTES - self.body.len() => return Err(HttpError::BodySize),
            Some(size) => State::Chunk(size),
            None => return Err(HttpError::Body("a chunk begins without its size")),
        };
        Ok(())
    }
}

/// A number of nothing but digits; one that is too large is the largest.
fn digits(text: &str, radix: u32) -> Option<usize> {
    let is_number = !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    is_number.then(|| usize::from_str_radix(text, radix).unwrap_or(usize::MAX))
}

/// Redirects are answers that do not say anything either.
fn check_status(line: &str) -> Result<(), HttpError> {
    let wrong = |text: &str| Err(HttpError::Status(text.to_owned()));
    let Some((version, rest)) = line.split_once(' ') else { return wrong("(none)") };
    let minor = version.strip_prefix("HTTP/1.").unwrap_or_default();
    if minor.len() != 1 || digits(minor, 10).is_none() {
        return wrong("(none)");
    }
    let code = rest.split(' ').next().unwrap_or_default();
    if code.len() == 3 && code.starts_with('2') && digits(code, 10).is_some() { Ok(()) } else { wrong(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the bytes in pieces of `size`, until complete or at the end of the connection.
    fn read_in(bytes: &[u8], size: usize) -> Result<Vec<u8>, HttpError> {
        let mut response = Response::default();
        for piece in bytes.chunks(size) {
            if response.push(piece)? {
                break;
            }
        }
        response.finish()
    }

    /// The answer, which must not depend on how the bytes come.
    fn read(bytes: &[u8]) -> Result<Vec<u8>, HttpError> {
        let whole = read_in(bytes, usize::MAX);
        for size in [1, 2, 3, 7, 4096] {
            assert_eq!(read_in(bytes, size), whole, "{size}");
        }
        whole
    }

    fn text(bytes: &str) -> Result<String, HttpError> {
        read(bytes.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn requests() {
        let url = HttpUrl::parse("http://a.test/x?y").unwrap();
        let direct = String::from_utf8(request(&url, false, b"body")).unwrap();
        assert_eq!(
            direct,
            "POST /x?y HTTP/1.0\r\nHost: a.test:80\r\nContent-Type: application/ocsp-request\r\n\
             Connection: close\r\nContent-Length: 4\r\n\r\nbody"
        );
        let by_proxy = String::from_utf8(request(&url, true, b"")).unwrap();
        assert!(
            by_proxy.starts_with("POST http://a.test:80/x?y HTTP/1.0\r\nHost: a.test:80\r\n"),
            "{by_proxy}"
        );
    }

    #[test]
    fn bodies() {
        for (bytes, body) in [
            ("HTTP/1.0 200 OK\r\n\r\nabc", "abc"),
            ("HTTP/1.1 200\r\n\r\nabc", "abc"),
            ("HTTP/1.0 204 x\n\nabc", "abc"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"),
            ("HTTP/1.1 200 OK\r\ncontent-length:3\r\nContent-Length: 3\r\n\r\nabcdef", "abc"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
                "abc",
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n", "abc"),
            ("HTTP/1.1 200 OK\r\nno colon\r\n folded\r\n\r\nabc", "abc"),
        ] {
            assert_eq!(text(bytes).as_deref(), Ok(body), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        let none = || HttpError::Status("(none)".to_owned());
        let status = |text: &str| HttpError::Status(text.to_owned());
        let early = || HttpError::Body("it ended too early");
        let ok = "HTTP/1.1 200 OK\r\n";
        for (bytes, error) in [
            (String::new(), none()),
            ("HTTP/1.1 200 OK".to_owned(), none()),
            ("garbage\r\n\r\n".to_owned(), none()),
            ("HTTP/2 200\r\n\r\nabc".to_owned(), none()),
            ("HTTP/1.10 200\r\n\r\nabc".to_owned(), none()),
            ("HTTP/1.1 500 Oh no\r\n\r\nabc".to_owned(), status("500 Oh no")),
            ("HTTP/1.1 302 Found\r\nLocation: http://b/\r\n\r\n".to_owned(), status("302 Found")),
            ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), status("100 Continue")),
            ("HTTP/1.1 20 OK\r\n\r\nabc".to_owned(), status("20 OK")),
            ("HTTP/1.1 2x0 OK\r\n\r\nabc".to_owned(), status("2x0 OK")),
            (ok.to_owned(), HttpError::HeaderEnd),
            (format!("{ok}A: b\r\n"), HttpError::HeaderEnd),
            (format!("{ok}\r\n"), HttpError::Empty),
            (format!("{ok}Content-Length: 0\r\n\r\n"), HttpError::Empty),
            (format!("{ok}Transfer-Encoding: chunked\r\n\r\n0\r\n"), HttpError::Empty),
            (format!("{ok}Content-Length: 4\r\n\r\nabc"), early()),
            (format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), early()),
            (format!("{ok}Transfer-Encoding: chunked\r\n\r\n4\r\nabc"), early()),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"),
                HttpError::Body("a chunk is longer than it said"),
            ),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\nx\r\n"),
                HttpError::Body("a chunk begins without its size"),
            ),
            (format!("{ok}Transfer-Encoding: gzip\r\n\r\n"), HttpError::Body("unknown Transfer-Encoding")),
            (
                format!("{ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"),
                HttpError::Body("its length is said twice"),
            ),
            (
                format!("{ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
                HttpError::Body("its length is said twice"),
            ),
            (format!("{ok}Content-Length: +3\r\n\r\nabc"), HttpError::Body("Content-Length is not a number")),
        ] {
            assert_eq!(text(&bytes), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn limits() {
        let ok = "HTTP/1.1 200 OK\r\n";
        let header = |bytes: usize| format!("{ok}A: {}\r\n\r\nabc", "x".repeat(bytes - ok.len() - 7));
        assert_eq!(text(&header(HEADER_BYTES)).as_deref(), Ok("abc"));
        assert_eq!(text(&header(HEADER_BYTES + 1)), Err(HttpError::HeaderSize));
        assert_eq!(text(&"x".repeat(HEADER_BYTES + 1)), Err(HttpError::HeaderSize));
        assert_eq!(text(&format!("{ok}{}\r\nabc", "A:\r\n".repeat(HEADER_LINES))).as_deref(), Ok("abc"));
        let fields = "A:\r\n".repeat(HEADER_LINES + 1);
        assert_eq!(text(&format!("{ok}{fields}\r\nabc")), Err(HttpError::HeaderCount));
        let chunked = format!("{ok}Transfer-Encoding: chunked\r\n\r\n");
        for (head, tail) in [
            (format!("{ok}\r\n"), ""),
            (format!("{ok}Content-Length: {BODY_BYTES}\r\n\r\n"), ""),
            (format!("{chunked}{BODY_BYTES:x}\r\n"), "\r\n0\r\n"),
        ] {
            let body = format!("{head}{}{tail}", "x".repeat(BODY_BYTES));
            assert_eq!(text(&body).map(|body| body.len()), Ok(BODY_BYTES), "{head:?}");
        }
        let more = BODY_BYTES + 1;
        for bytes in [
            format!("{ok}\r\n{}", "x".repeat(more)),
            format!("{ok}Content-Length: {more}\r\n\r\n"),
            format!("{ok}Content-Length: 99999999999999999999999\r\n\r\n"),
            format!("{chunked}{more:x}\r\n"),
            format!("{chunked}2\r\nab\r\n{:x}\r\n", BODY_BYTES - 1),
            format!("{chunked}ffffffffffffffffffff\r\n"),
        ] {
            assert_eq!(text(&bytes), Err(HttpError::BodySize), "{}", &bytes[..80.min(bytes.len())]);
        }
        let line = format!("{chunked}{}", "0".repeat(CHUNK_LINE_BYTES + 1));
        assert_eq!(text(&line), Err(HttpError::Body("a chunk begins with too long a line")));
    }
}
