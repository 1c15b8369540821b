//! The controlling terminal. What is asked appears on standard output; the answer is read without echo.

use super::answer::{Pending, read_answer};
use crate::config::pass_phrase::{Ends, Secret};
use crate::entry::signals::without_sigpipe;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// The terminal, or standard input where there is none.
pub struct Terminal(Option<File>);

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
            let pending = Pending::new();
            return read_answer(libc::STDIN_FILENO, Ends::LineFeed, pending.as_ref(), || {});
        };
        let pending = Pending::new();
        // Before the question: whoever has seen it can type.
        let silent = Silent::new(file.as_raw_fd());
        self.say(question);
        let answer = read_answer(file.as_raw_fd(), Ends::LineFeed, pending.as_ref(), || {});
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
