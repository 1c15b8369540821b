//! Waiting for an answer, wherever it comes from.

use crate::config::pass_phrase::{Answer, Ends, Secret};
use crate::entry::signals::{self, Blocked};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Signals that end a process which does nothing about them, and those by which httpd is told to end: whoever
/// waits for an answer must see them. The settings of a terminal come first.
const ENDING: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// After so many milliseconds without an answer it is told that one is waited for. There is no limit: somebody
/// may be asked who is not there yet.
const PATIENCE: libc::c_int = 10_000;

/// Keeps the ending signals for whoever waits for the answer. Before anybody can know that a question is coming:
/// one that came in between would be noted by httpd, and nobody would end the wait.
pub fn keep_signals() -> Blocked {
    signals::block(&ENDING)
}

/// The ending signals are blocked, and can be waited for.
pub struct Pending {
    arrival: OwnedFd,
    _blocked: Blocked,
}

impl Pending {
    /// Blocks them until the value goes; then they are delivered.
    pub fn new() -> Option<Self> {
        let blocked = keep_signals();
        let set = signals::set_of(&ENDING);
        // SAFETY: -1 makes a new descriptor for the set.
        let arrival = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC) };
        // SAFETY: made just before, and nobody else has it.
        (arrival >= 0).then(|| Self { arrival: unsafe { OwnedFd::from_raw_fd(arrival) }, _blocked: blocked })
    }
}

/// Reads an answer, byte by byte: what follows it belongs to the next question. `None` at the end of the input,
/// or when a signal has come. `waiting` is called once when it takes long.
pub fn read_answer(
    input: RawFd,
    ends: Ends,
    pending: Option<&Pending>,
    waiting: impl FnOnce(),
) -> Option<Secret> {
    let mut answer = Answer::new(ends);
    let mut waiting = Some(waiting);
    loop {
        let signals = pending.map_or(-1, |pending| pending.arrival.as_raw_fd());
        let mut polled = [input, signals].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        let patience = if waiting.is_some() { PATIENCE } else { -1 };
        // SAFETY: an array of two; a negative descriptor is passed over.
        let ready = unsafe { libc::poll(polled.as_mut_ptr(), 2, patience) };
        if polled[1].revents != 0 || (ready < 0 && !was_interrupted()) {
            return None;
        }
        if ready == 0
            && let Some(waiting) = waiting.take()
        {
            waiting();
        }
        if polled[0].revents == 0 {
            continue;
        }
        let mut byte = zeroize::Zeroizing::new([0_u8]);
        // SAFETY: one byte.
        match unsafe { libc::read(input, byte.as_mut_ptr().cast(), 1) } {
            1 if answer.push(byte[0]) => return answer.finish(),
            1 => {}
            -1 if was_interrupted() => {}
            _ => return answer.finish(),
        }
    }
}

fn was_interrupted() -> bool {
    io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_signal_ends_the_wait() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let pending = Pending::new().unwrap();
        writer.write_all(b"half").unwrap();
        // SAFETY: a signal for this thread, which has blocked it.
        unsafe { libc::raise(libc::SIGTERM) };
        assert!(read_answer(reader.as_raw_fd(), Ends::LineFeed, Some(&pending), || {}).is_none());
        // It must not end the tests.
        let set = signals::set_of(&[libc::SIGTERM]);
        let at_once = libc::timespec { tv_sec: 1, tv_nsec: 0 };
        // SAFETY: takes the signal away, which is blocked.
        let taken = unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const at_once) };
        assert_eq!(taken, libc::SIGTERM);
        writer.write_all(b" and half\nnext").unwrap();
        let answer = read_answer(reader.as_raw_fd(), Ends::LineFeed, Some(&pending), || {}).unwrap();
        assert_eq!(answer.as_slice(), b"half and half");
    }
}
