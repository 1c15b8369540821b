//! A question to a responder, over a connection of its own.

use super::resolve;
use crate::config::http_url::HttpUrl;
use crate::io::ocsp_http::{self, HttpError, Response};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use thiserror::Error;

/// The way to a responder.
pub struct Route<'r> {
    /// The responder.
    pub url: &'r HttpUrl,
    /// Who is asked in its place.
    pub proxy: Option<&'r HttpUrl>,
}

impl<'r> Route<'r> {
    /// Whom to connect to.
    #[must_use]
    pub fn hop(&self) -> &'r HttpUrl {
        self.proxy.unwrap_or(self.url)
    }

    fn kind(&self) -> &'static str {
        if self.proxy.is_some() { "proxy" } else { "OCSP responder" }
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum Failure {
    /// The name has no address.
    #[error("AH01972: could not resolve address of {kind} {host}: {reason}")]
    Resolve {
        /// Responder or proxy.
        kind: &'static str,
        /// Its name.
        host: String,
        /// The system's reason.
        reason: io::Error,
    },
    /// Nobody answers at any address.
    #[error("AH01974: could not connect to {kind} '{host}': {reason}")]
    Connect {
        /// Responder or proxy.
        kind: &'static str,
        /// Its name and port.
        host: String,
        /// What came of the last address.
        reason: io::Error,
    },
    /// The connection broke before the question was sent.
    #[error("AH01976: failed to send request to OCSP responder '{host}': {reason}")]
    Send {
        /// The responder's name and port.
        host: String,
        /// The system's reason.
        reason: io::Error,
    },
    /// The response is of no use, or did not come in time.
    #[error("{0} (responder {1})")]
    Response(HttpError, String),
}

/// The end of the time that there is for an answer.
#[derive(Clone, Copy)]
struct Deadline(Instant);

impl Deadline {
    /// What is left, never nothing.
    fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// Where steps are told, for debugging.
pub type Tell<'t> = &'t dyn Fn(fmt::Arguments<'_>);

/// Sends a question and gives the body of the response. All of it together takes no longer than `timeout`.
///
/// # Errors
/// See [`Failure`].
pub fn post(
    tell: Tell<'_>,
    route: &Route<'_>,
    question: &[u8],
    timeout: Duration,
) -> Result<Vec<u8>, Failure> {
    let start = Instant::now();
    // A time that cannot be counted is as good as a day.
    let end = start.checked_add(timeout).unwrap_or(start + Duration::from_secs(86_400));
    let deadline = Deadline(end);
    let mut stream = connect(tell, route, deadline)?;
    tell(format_args!("AH01975: sending request to OCSP responder"));
    let request = ocsp_http::request(route.url, route.proxy.is_some(), question);
    let host = || route.url.authority();
    send(&mut stream, &request, deadline).map_err(|reason| Failure::Send { host: host(), reason })?;
    let (fields, body) = receive(&mut stream, deadline);
    for field in fields {
        tell(format_args!("AH01981: OCSP response header: {field}"));
    }
    let body = body.map_err(|error| Failure::Response(error, host()))?;
    tell(format_args!("AH01987: OCSP response: got {0} bytes, {0} total", body.len()));
    Ok(body)
}

fn connect(tell: Tell<'_>, route: &Route<'_>, deadline: Deadline) -> Result<TcpStream, Failure> {
    let (kind, hop) = (route.kind(), route.hop());
    let found = deadline.left().and_then(|left| resolve::addresses(&hop.host, hop.port, left));
    let addresses = found.map_err(|reason| Failure::Resolve { kind, host: hop.host.clone(), reason })?;
    let mut last = ErrorKind::AddrNotAvailable.into();
    for (index, address) in addresses.iter().enumerate() {
        tell(format_args!("AH01973: connecting to {kind} '{}'", hop.authority()));
        // One that does not answer leaves time for the others.
        let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = deadline.left().map(|left| (left / others).max(Duration::from_millis(1)));
        match share.and_then(|share| TcpStream::connect_timeout(address, share)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(Failure::Connect { kind, host: hop.authority(), reason: last })
}

fn send(stream: &mut TcpStream, mut request: &[u8], deadline: Deadline) -> io::Result<()> {
    while !request.is_empty() {
        stream.set_write_timeout(Some(deadline.left()?))?;
        match stream.write(request) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(sent) => request = &request[sent..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The header fields, for the log, and the body.
fn receive(stream: &mut TcpStream, deadline: Deadline) -> (Vec<String>, Result<Vec<u8>, HttpError>) {
    let mut response = Response::default();
    let outcome = read(stream, &mut response, deadline);
    let fields = response.fields().to_vec();
    let body = match outcome {
        Ok(()) => response.finish(),
        Err(Broken::Response(error)) => Err(error),
        // What has come may look like all of it.
        Err(Broken::Connection(why)) => response.finish().and(Err(HttpError::Body(why))),
    };
    (fields, body)
}

enum Broken {
    Response(HttpError),
    Connection(&'static str),
}

/// Reads until the response is complete or the connection ends.
fn read(stream: &mut TcpStream, response: &mut Response, deadline: Deadline) -> Result<(), Broken> {
    let mut buffer = [0; 8192];
    loop {
        let limited = deadline.left().and_then(|left| stream.set_read_timeout(Some(left)));
        match limited.and_then(|()| stream.read(&mut buffer)) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                if response.push(&buffer[..count]).map_err(Broken::Response)? {
                    return Ok(());
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                    return Err(Broken::Connection("it took too long"));
                }
                _ => return Err(Broken::Connection("the connection broke")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    fn url(listener: &TcpListener) -> HttpUrl {
        HttpUrl::parse(&format!("http://{}/o", listener.local_addr().unwrap())).unwrap()
    }

    /// A responder on a free port, and what comes of a question to it.
    fn ask(
        address: &str,
        timeout: Duration,
        serve: impl FnOnce(TcpStream) + Send,
    ) -> (Result<Vec<u8>, Failure>, Vec<String>) {
        let listener = TcpListener::bind(address).unwrap();
        let url = url(&listener);
        let told = std::cell::RefCell::new(Vec::new());
        let tell = |line: fmt::Arguments<'_>| told.borrow_mut().push(line.to_string());
        let outcome = thread::scope(|scope| {
            scope.spawn(move || serve(listener.accept().unwrap().0));
            post(&tell, &Route { url: &url, proxy: None }, b"question", timeout)
        });
        (outcome, told.into_inner())
    }

    /// Reads a question up to its end.
    fn take_question(stream: &mut TcpStream) -> Vec<u8> {
        let (mut got, mut byte) = (Vec::new(), [0]);
        while !got.ends_with(b"question") && stream.read(&mut byte).unwrap() == 1 {
            got.push(byte[0]);
        }
        got
    }

    #[test]
    fn a_question_is_answered() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (sender, question) = mpsc::channel();
            let (outcome, told) = ask(address, LONG, move |mut stream| {
                sender.send(take_question(&mut stream)).unwrap();
                stream.write_all(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nanswer").unwrap();
            });
            assert_eq!(outcome.unwrap(), b"answer");
            assert!(question.recv().unwrap().starts_with(b"POST /o HTTP/1.0\r\nHost: "));
            for line in ["AH01973: ", "AH01975: ", "AH01981: OCSP response header: A: b", "AH01987: "] {
                assert!(told.iter().any(|told| told.starts_with(line)), "{line} {told:?}");
            }
        }
    }

    #[test]
    fn a_counted_answer_is_not_waited_behind() {
        let (outcome, _) = ask("127.0.0.1:0", LONG, move |mut stream| {
            take_question(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer").unwrap();
            // Stays open until the client goes.
            assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        });
        assert_eq!(outcome.unwrap(), b"answer");
    }

    #[test]
    fn time_is_limited_altogether() {
        for (head, failure) in [
            ("", "AH01980: bad response from OCSP server: (none)"),
            ("HTTP/1.0 200 OK\r\n", "AH01983: could not read response header"),
            (
                "HTTP/1.0 200 OK\r\n\r\nanswer",
                "AH01985: error reading response from OCSP server: it took too long",
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 100000\r\n\r\n", "AH01985: "),
        ] {
            let (outcome, _) = ask("127.0.0.1:0", Duration::from_millis(300), |mut stream| {
                take_question(&mut stream);
                // A byte now and then, for as long as somebody takes it.
                let endless = if head.ends_with("\n\r\n") { usize::MAX } else { 0 };
                stream.write_all(head.as_bytes()).unwrap();
                for _ in 0..endless {
                    if stream.write_all(b"x").is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
                assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
            });
            let text = outcome.unwrap_err().to_string();
            assert!(text.starts_with(failure), "{head:?}: {text}");
        }
    }

    #[test]
    fn nobody_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = url(&listener);
        drop(listener);
        let quiet = |_: fmt::Arguments<'_>| ();
        let post = |url: &HttpUrl, proxy| post(&quiet, &Route { url, proxy }, b"question", LONG);
        let failure = post(&url, None).unwrap_err().to_string();
        assert!(failure.starts_with("AH01974: could not connect to OCSP responder '127.0.0.1:"), "{failure}");
        // No resolver is asked for a label of that length.
        let name = "x".repeat(64);
        let away = HttpUrl::parse(&format!("http://{name}/")).unwrap();
        let failure = post(&away, Some(&url)).unwrap_err().to_string();
        assert!(failure.starts_with("AH01974: could not connect to proxy '127.0.0.1:"), "{failure}");
        let failure = post(&away, None).unwrap_err().to_string();
        let line = format!("AH01972: could not resolve address of OCSP responder {name}: ");
        assert!(failure.starts_with(&line), "{failure}");
    }
}
