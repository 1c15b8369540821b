//! The controlling terminal. What is asked appears on standard output; the answer is read without echo.

use super::signals::{self, Blocked, without_sigpipe};
use crate::config::pass_phrase::{Answer, Ends, Secret};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// The terminal, or standard input where there is none.
pub struct Terminal(Option<File>);

/// Signals that end a process which does nothing about them: the settings of the terminal come first.
const ENDING: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

impl Terminal {
    /// Opens the terminal of this process.
    pub fn open() -> Self {
        let mut options = OpenOptions::new();
        Self(options.read(true).write(true).custom_flags(libc::O_NOCTTY).open("/dev/tty").ok())
    }

    /// Shows a text.
    pub fn say(&mut self, text: &str) {
        let mut out = io::stdout().lock();
        // If nobody sees it, nobody answers either.
        let _ = without_sigpipe(|| out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// Reads a line; `None` at the end of the input.
    pub fn ask(&mut self, question: &str) -> Option<Secret> {
        let Some(file) = self.0.take() else {
            self.say(question);
            return read_line(libc::STDIN_FILENO, None);
        };
        let pending = Pending::new();
        // Before the question: whoever has seen it can type.
        let silent = Silent::new(file.as_raw_fd());
        self.say(question);
        let answer = read_line(file.as_raw_fd(), pending.as_ref());
        // Not in what is typed, because there is no echo.
        let _ = (&file).write_all(b"\n");
        drop(silent);
        self.0 = Some(file);
        // Signals are delivered now.
        drop(pending);
        answer
    }
}

/// A terminal that shows nothing of what is typed, until this goes.
struct Silent {
    terminal: RawFd,
    before: Option<libc::termios>,
}

impl Silent {
    fn new(terminal: RawFd) -> Self {
        let mut before = MaybeUninit::<libc::termios>::zeroed();
        // SAFETY: fills in the record, or says that it did not.
        if unsafe { libc::tcgetattr(terminal, before.as_mut_ptr()) } != 0 {
            return Self { terminal, before: None };
        }
        // SAFETY: filled in just before.
        let before = unsafe { before.assume_init() };
        let mut silent = before;
        silent.c_lflag &= !(libc::ECHO | libc::ECHOE | libc::ECHOK | libc::ECHONL);
        silent.c_lflag |= libc::ICANON | libc::ISIG;
        // A process that is stopped would leave the terminal so.
        silent.c_cc[libc::VSUSP] = libc::_POSIX_VDISABLE;
        // SAFETY: the settings of this terminal, with changes.
        unsafe { libc::tcsetattr(terminal, libc::TCSANOW, &raw const silent) };
        Self { terminal, before: Some(before) }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: the settings that the terminal had.
            unsafe { libc::tcsetattr(self.terminal, libc::TCSANOW, std::ptr::from_ref(before)) };
        }
    }
}

/// The ending signals are blocked, and can be waited for.
struct Pending {
    arrival: OwnedFd,
    _blocked: Blocked,
}

impl Pending {
    fn new() -> Option<Self> {
        let blocked = signals::block(&ENDING);
        let set = signals::set_of(&ENDING);
        // SAFETY: -1 makes a new descriptor for the set.
        let arrival = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC) };
        // SAFETY: made just before, and nobody else has it.
        (arrival >= 0).then(|| Self { arrival: unsafe { OwnedFd::from_raw_fd(arrival) }, _blocked: blocked })
    }
}

/// Reads a line, byte by byte: what follows it belongs to the next question. `None` at the end, or when a
/// signal has come.
fn read_line(input: RawFd, pending: Option<&Pending>) -> Option<Secret> {
    let mut answer = Answer::new(Ends::LineFeed);
    loop {
        let signals = pending.map_or(-1, |pending| pending.arrival.as_raw_fd());
        let mut polled = [input, signals].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        // SAFETY: an array of two; a negative descriptor is passed over.
        let ready = unsafe { libc::poll(polled.as_mut_ptr(), 2, -1) };
        if polled[1].revents != 0 || (ready < 0 && !was_interrupted()) {
            return None;
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
