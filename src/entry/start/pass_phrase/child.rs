//! Programs that know pass phrases.

use super::signals::without_sigpipe;
use crate::config::pass_phrase::{Answer, Ends, Secret, split_command};
use crate::httpd::Server;
use crate::httpd::log::log;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// After so long without an answer the log says what is waited for. There is no limit: a program may ask
/// somebody who is not there yet.
const PATIENCE: libc::c_int = 10_000;

/// So long may a program take to end once it has answered.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// A program that reads questions and prints answers. Its environment is empty, its working directory and
/// standard error are ours.
pub struct Pipe<'s> {
    child: Child,
    questions: Option<ChildStdin>,
    answers: Option<ChildStdout>,
    server: Server<'s>,
    program: String,
}

impl<'s> Pipe<'s> {
    /// Starts it.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn open(command_line: &str, server: Server<'s>) -> io::Result<Self> {
        let mut words = split_command(command_line).into_iter();
        let nothing = || io::Error::new(io::ErrorKind::InvalidInput, "no program is named");
        let program = words.next().ok_or_else(nothing)?;
        let mut command = Command::new(without_search(&program));
        command.arg0(&program).args(words).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take());
        Ok(Self { child, questions, answers, server, program })
    }

    /// Sends a text. Whether somebody has read it shows when an answer is wanted.
    pub fn say(&mut self, text: &str) {
        if let Some(questions) = &mut self.questions {
            let _ = without_sigpipe(|| questions.write_all(text.as_bytes()));
        }
    }

    /// Asks; `None` when the program has ended.
    pub fn ask(&mut self, question: &str) -> Option<Secret> {
        self.say(question);
        let answer = read_answer(self.answers.as_mut()?, Ends::LineFeed, || {
            log_waiting(self.server, &self.program);
        });
        self.say("\n");
        answer
    }
}

impl Drop for Pipe<'_> {
    fn drop(&mut self) {
        (self.questions, self.answers) = (None, None);
        reap(&mut self.child);
    }
}

/// A name without a slash would be searched for in PATH.
fn without_search(program: &str) -> OsString {
    if program.contains('/') { program.into() } else { Path::new(".").join(program).into() }
}

/// The first line that a program prints; `None` when it prints nothing. Its environment is empty, it runs in
/// its own directory, and its exit status does not count.
///
/// # Errors
/// The program cannot be run.
pub fn answer_of(program: &Path, arguments: &[&str], server: Server<'_>) -> io::Result<Option<Secret>> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(directory) = program.parent() {
        command.current_dir(directory);
    }
    let mut child = command.spawn()?;
    let answer = child.stdout.take().and_then(|mut output| {
        read_answer(&mut output, Ends::AnyLineEnd, || log_waiting(server, &program.to_string_lossy()))
    });
    reap(&mut child);
    Ok(answer)
}

fn log_waiting(server: Server<'_>, program: &str) {
    log!(server, Warn, "Init: Still waiting for a pass phrase from the program {program}");
}

/// Reads an answer, byte by byte: what follows it belongs to the next question.
fn read_answer(output: &mut ChildStdout, ends: Ends, waiting: impl Fn()) -> Option<Secret> {
    let mut answer = Answer::new(ends);
    if !has_input(output, PATIENCE) {
        waiting();
    }
    loop {
        let mut byte = zeroize::Zeroizing::new([0_u8]);
        match output.read(&mut *byte) {
            Ok(1..) if answer.push(byte[0]) => return answer.finish(),
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return answer.finish(),
        }
    }
}

fn has_input(output: &ChildStdout, milliseconds: libc::c_int) -> bool {
    let mut polled = libc::pollfd { fd: output.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one record.
    unsafe { libc::poll(&raw mut polled, 1, milliseconds) != 0 }
}

/// Waits for the end of a program, and brings it about if it does not come.
fn reap(child: &mut Child) {
    let start = Instant::now();
    while start.elapsed() < TIME_TO_END {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            // If it cannot be waited for, somebody has done it.
            Ok(Some(_)) | Err(_) => return,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_not_searched_for() {
        for (program, path) in
            [("cat", "./cat"), ("/bin/cat", "/bin/cat"), ("bin/cat", "bin/cat"), ("", "./")]
        {
            assert_eq!(without_search(program), path);
        }
    }
}
