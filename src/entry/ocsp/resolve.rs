//! Addresses of names, within a time: the system's resolver knows no limit but its own.

use crate::entry::signals;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The addresses of a host. A search that takes longer than `time` is left to itself: it ends with the resolver's own
/// patience. It is an outage, so few follow it.
///
/// # Errors
/// What the resolver gives; [`ErrorKind::TimedOut`].
pub fn addresses(host: &str, port: u16, time: Duration) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    within(time, move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect))?
}

/// What `work` gives, if it does so in time.
fn within<R: Send + 'static>(time: Duration, work: impl FnOnce() -> R + Send + 'static) -> io::Result<R> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // httpd's handlers of signals are not made for threads that it does not know.
    let blocked = signals::block_all();
    let thread = thread::Builder::new().name("ocsp-resolver".to_owned()).spawn(move || {
        // Nobody may be left who wants it.
        let _ = sender.send(work());
    });
    drop(blocked);
    thread?;
    receiver.recv_timeout(time).map_err(|_| ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn names_and_addresses() {
        assert_eq!(addresses("::1", 80, Duration::ZERO).unwrap(), ["[::1]:80".parse().unwrap()]);
        assert_eq!(addresses("127.0.0.1", 80, Duration::ZERO).unwrap(), ["127.0.0.1:80".parse().unwrap()]);
        assert!(addresses("localhost", 80, LONG).unwrap().iter().all(|found| found.ip().is_loopback()));
        // No resolver is asked for a label of that length.
        assert!(addresses(&"x".repeat(64), 80, LONG).is_err());
    }

    #[test]
    fn nobody_waits_longer() {
        let (release, gate) = mpsc::channel::<()>();
        let late = within(Duration::from_millis(1), move || gate.recv());
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        drop(release);
        assert_eq!(within(LONG, || 7).unwrap(), 7);
        // One that panics is as good as one that never comes back.
        assert!(within(LONG, || -> u8 { panic!("test") }).is_err());
    }
}
