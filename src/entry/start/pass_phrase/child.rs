//! Programs that know pass phrases.

use super::answer::{Pending, read_answer};
use crate::config::pass_phrase::{Ends, Secret, split_command};
use crate::entry::signals::{Blocked, without_sigpipe};
use crate::httpd::Server;
use crate::httpd::log::log;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

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
        let (answers, pending) = (self.answers.as_ref()?, Pending::new());
        let answer = read_answer(answers.as_raw_fd(), Ends::LineFeed, pending.as_ref(), || {
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
/// its own directory, and its exit status does not count. `kept`: the signals that it must not miss.
///
/// # Errors
/// The program cannot be run.
pub fn answer_of(
    program: &Path,
    arguments: &[&str],
    server: Server<'_>,
    kept: Blocked,
) -> io::Result<Option<Secret>> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(directory) = program.parent() {
        command.current_dir(directory);
    }
    kept.end_in(&mut command);
    let mut child = command.spawn()?;
    let answer = child.stdout.take().and_then(|output| {
        let pending = Pending::new();
        read_answer(output.as_raw_fd(), Ends::AnyLineEnd, pending.as_ref(), || {
            log_waiting(server, &program.to_string_lossy());
        })
    });
    // They are delivered now.
    drop(kept);
    reap(&mut child);
    Ok(answer)
}

fn log_waiting(server: Server<'_>, program: &str) {
    log!(server, Warn, "Init: Still waiting for a pass phrase from the program {program}");
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
