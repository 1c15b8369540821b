//! Pass-phrase dialogs: `SSLPassPhraseDialog` at work.

mod answer;
mod child;
mod terminal;

use crate::config::pass_phrase::{self, Dialog, Secret};
use crate::httpd::log::log;
use crate::httpd::{Server, version};
use crate::ossl::ui::Prompter;
use child::Pipe;
use std::path::Path;
use terminal::Terminal;

/// A dialog on behalf of one server.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// How to ask.
    pub dialog: &'a Dialog,
    /// For whom; the log.
    pub server: Server<'a>,
    /// The id of that server.
    pub id: &'a str,
}

/// The question about one key.
pub struct Question<'a> {
    /// Its key id.
    pub key_id: &'a str,
    /// Its place in the list of the server.
    pub index: usize,
    /// Its file.
    pub file: &'a Path,
    /// Whether nothing has been asked, or tried, before.
    pub is_first: bool,
}

/// Why a key was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// Nobody answered.
    NoAnswer,
    /// No answer was right, and nobody may answer any more.
    Wrong,
}

/// What differs between a dialog for an encrypted file and one that the library asks for.
struct Wording {
    header: &'static str,
    pipe_child: &'static str,
    pipe_failed: &'static str,
    pipe: &'static str,
    terminal: &'static str,
    program: &'static str,
}

const FOR_FILES: Wording = Wording {
    header: "Some of your private key files are encrypted for security reasons.\n\
             In order to read them you have to provide the pass phrases.\n",
    pipe_child: "AH01965",
    pipe_failed: "AH01966",
    pipe: "AH01967",
    terminal: "AH01968",
    program: "AH01969",
};

const FOR_TOKENS: Wording = Wording {
    header: "A pass phrase is required to access the private key.\n",
    pipe_child: "AH10143",
    pipe_failed: "AH10144",
    pipe: "AH10145",
    terminal: "AH10147",
    program: "AH10148",
};

/// So many empty answers in a row are as good as none.
const EMPTY_ANSWERS: usize = 100;
const EMPTY: &str = "Apache:mod_ssl:Error: Pass phrase empty (needs to be at least 1 character).\n";

impl<'a> Asker<'a> {
    /// Asks until `open` opens the key: what that gave, and the pass phrase.
    pub fn open_key<K>(
        &self,
        question: &Question<'_>,
        open: impl Fn(&[u8]) -> Option<K>,
    ) -> Result<(K, Secret), NotOpened> {
        match self.dialog {
            Dialog::Program(program) => {
                let arguments = [self.id, &pass_phrase::algorithm(question.index)];
                let answer = self.run(program, &arguments, &FOR_FILES).ok_or(NotOpened::Wrong)?;
                open(&answer).map(|key| (key, answer)).ok_or(NotOpened::Wrong)
            }
            Dialog::Builtin | Dialog::Pipe(_) => {
                let mut talk = self.talk(&FOR_FILES).ok_or(NotOpened::NoAnswer)?;
                if question.is_first {
                    talk.say(&header(&FOR_FILES));
                }
                talk.say(&format!("\nPrivate key {} ({})\n", question.key_id, question.file.display()));
                let outcome = self.try_answers(&mut talk, open);
                talk.say(match &outcome {
                    Ok(_) => "\nOK: Pass Phrase Dialog successful.\n",
                    Err(NotOpened::NoAnswer) => "Apache:mod_ssl:Error: Private key not found.\n**Stopped\n",
                    Err(NotOpened::Wrong) => "Apache:mod_ssl:Error: Pass phrase incorrect.\n**Stopped\n",
                });
                outcome
            }
        }
    }

    fn try_answers<K>(
        &self,
        talk: &mut Talk<'_>,
        open: impl Fn(&[u8]) -> Option<K>,
    ) -> Result<(K, Secret), NotOpened> {
        let mut count = 0;
        loop {
            let answer =
                talk.ask(self.server, &FOR_FILES, "Enter pass phrase:").ok_or(NotOpened::NoAnswer)?;
            if let Some(key) = open(&answer) {
                return Ok((key, answer));
            }
            count += 1;
            let (text, wait) = pass_phrase::after_wrong_answer(count).ok_or(NotOpened::Wrong)?;
            talk.say(&text);
            std::thread::sleep(wait);
        }
    }

    /// A terminal or a child process to talk to; the reason why there is none is logged.
    fn talk(&self, wording: &Wording) -> Option<Talk<'a>> {
        let Dialog::Pipe(command) = self.dialog else { return Some(Talk::Terminal(Terminal::open())) };
        log!(
            self.server,
            Info,
            "{}: Init: Creating pass phrase dialog pipe child '{command}'",
            wording.pipe_child
        );
        match Pipe::open(command, self.server) {
            Ok(pipe) => Some(Talk::Pipe(pipe)),
            Err(error) => {
                log!(
                    self.server,
                    Error,
                    "{}: Init: Failed to create pass phrase pipe '{command}' ({error})",
                    wording.pipe_failed
                );
                None
            }
        }
    }

    /// Runs a program that prints one answer.
    fn run(&self, program: &Path, arguments: &[&str], wording: &Wording) -> Option<Secret> {
        let shown = program.display();
        let kept = answer::keep_signals();
        log!(
            self.server,
            Info,
            "{}: Init: Requesting pass phrase from dialog filter program ({shown})",
            wording.program
        );
        match child::answer_of(program, arguments, self.server, kept) {
            Ok(answer) => answer,
            Err(error) => {
                log!(self.server, Error, "Init: Failed to run the dialog filter program {shown} ({error})");
                None
            }
        }
    }
}

fn header(wording: &Wording) -> String {
    format!("{} mod_ssl (Pass Phrase Dialog)\n{}", version::server(), wording.header)
}

/// Somebody who reads questions and gives answers.
enum Talk<'s> {
    Terminal(Terminal),
    Pipe(Pipe<'s>),
}

impl Talk<'_> {
    fn say(&mut self, text: &str) {
        match self {
            Self::Terminal(terminal) => terminal.say(text),
            Self::Pipe(pipe) => pipe.say(text),
        }
    }

    fn log_question(&self, server: Server<'_>, wording: &Wording) {
        match self {
            Self::Terminal(_) => {
                log!(
                    server,
                    Info,
                    "{}: Init: Requesting pass phrase via builtin terminal dialog",
                    wording.terminal
                );
            }
            Self::Pipe(_) => {
                log!(server, Info, "{}: Init: Requesting pass phrase via piped dialog", wording.pipe);
            }
        }
    }

    /// The first answer that is not empty. A program that gives nothing else would
    /// go on for ever.
    fn ask(&mut self, server: Server<'_>, wording: &Wording, question: &str) -> Option<Secret> {
        let _kept = answer::keep_signals();
        self.log_question(server, wording);
        for _ in 0..EMPTY_ANSWERS {
            let answer = match self {
                Self::Terminal(terminal) => terminal.ask(question),
                Self::Pipe(pipe) => pipe.ask(question),
            }?;
            if !answer.is_empty() {
                return Some(answer);
            }
            self.say(EMPTY);
        }
        None
    }
}

/// A dialog for what is in a token. The library decides what to ask, how often, and what is right.
pub struct TokenDialog<'a> {
    asker: Asker<'a>,
    /// For messages.
    identifier: &'a str,
    talk: Option<Talk<'a>>,
}

impl<'a> TokenDialog<'a> {
    /// Nothing is asked before the library asks.
    pub fn new(asker: Asker<'a>, identifier: &'a str) -> Self {
        Self { asker, identifier, talk: None }
    }
}

impl<'a> Prompter for TokenDialog<'a> {
    fn ask(&mut self, question: &str) -> Option<Secret> {
        let asker: Asker<'a> = self.asker;
        if let Dialog::Program(program) = asker.dialog {
            return asker.run(program, &[asker.id], &FOR_TOKENS);
        }
        if self.talk.is_none() {
            let mut talk = asker.talk(&FOR_TOKENS)?;
            talk.say(&header(&FOR_TOKENS));
            talk.say(&format!("\nPrivate key {} ({})\n", asker.id, self.identifier));
            self.talk = Some(talk);
        }
        self.talk.as_mut()?.ask(asker.server, &FOR_TOKENS, question)
    }
}
