//! `SSLPassPhraseDialog`: its grammar, and the rules of the dialogs.

use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// How pass phrases are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dialog {
    /// On the terminal.
    #[default]
    Builtin,
    /// A program that reads the questions and prints the answers: a command line.
    Pipe(String),
    /// A program that prints the answer.
    Program(PathBuf),
}

/// The argument, before the path is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words<'w> {
    /// `builtin`.
    Builtin,
    /// What stands behind the bar.
    Pipe(&'w str),
    /// What stands behind `exec:`.
    Program(&'w str),
}

/// A line that cannot be accepted; the text is httpd's complaint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DialogError {
    /// None of the three forms.
    #[error("SSLPassPhraseDialog: Invalid argument")]
    Argument,
    /// The path cannot be made absolute.
    #[error("Invalid SSLPassPhraseDialog exec: path {0}")]
    Path(String),
    /// The program does not exist.
    #[error("SSLPassPhraseDialog: file '{0}' does not exist")]
    Missing(String),
}

/// Reads the argument.
///
/// # Errors
/// [`DialogError::Argument`].
pub fn parse(word: &str) -> Result<Words<'_>, DialogError> {
    if word.eq_ignore_ascii_case("builtin") {
        return Ok(Words::Builtin);
    }
    let behind = |prefix: &str| word.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    behind("exec:").map(Words::Program).or_else(|| behind("|").map(Words::Pipe)).ok_or(DialogError::Argument)
}

/// The words of a command line, as APR splits it (`apr_tokenize_to_argv`): at blanks and tabs; quotes count
/// only at the beginning of a word, and end it; a backslash takes the meaning from the character behind it.
#[must_use]
pub fn split_command(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(BLANKS);
    while let Some(first) = rest.chars().next() {
        let quote = Some(first).filter(|first| QUOTES.contains(first));
        let inside = &rest[quote.map_or(0, char::len_utf8)..];
        let end = end_of_word(inside, quote);
        words.push(unescaped(&inside[..end]));
        let behind = &inside[end..];
        rest = quote.and_then(|quote| behind.strip_prefix(quote)).unwrap_or(behind);
        rest = rest.trim_start_matches(BLANKS);
    }
    words
}

const BLANKS: [char; 2] = [' ', '\t'];
const QUOTES: [char; 2] = ['\'', '"'];

/// Where a word ends: at its quote, or at a blank.
fn end_of_word(text: &str, quote: Option<char>) -> usize {
    let mut after_backslash = false;
    for (at, c) in text.char_indices() {
        let ends = quote.map_or_else(|| BLANKS.contains(&c), |quote| quote == c);
        if ends && !after_backslash {
            return at;
        }
        // Two backslashes do not cancel each other here, only when they are taken away.
        after_backslash = c == '\\';
    }
    text.len()
}

fn unescaped(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        word.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    word
}

/// A longer pass phrase is not used: OpenSSL has no room for it (`PEM_BUFSIZE`).
pub const LONGEST: usize = 1024;

/// So much is read of an answer that does not end.
pub const MOST: usize = 1 << 20;

/// A pass phrase or PIN; zeroed when it is dropped.
pub type Secret = Zeroizing<Vec<u8>>;

/// What ends an answer, besides the end of all output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// A line feed.
    LineFeed,
    /// A line feed or a carriage return.
    AnyLineEnd,
}

/// An answer while it is read, byte by byte.
pub struct Answer {
    /// Never grows, so that no copy is left behind.
    line: Secret,
    seen: usize,
    ends: Ends,
}

impl Answer {
    /// Nothing yet.
    #[must_use]
    pub fn new(ends: Ends) -> Self {
        Self { line: Zeroizing::new(Vec::with_capacity(LONGEST + 1)), seen: 0, ends }
    }

    /// Takes the next byte. Whether that was the last one: the answer is complete, or too long to go on.
    pub fn push(&mut self, byte: u8) -> bool {
        self.seen += 1;
        if byte == b'\n' || (self.ends == Ends::AnyLineEnd && byte == b'\r') || self.seen > MOST {
            return true;
        }
        if self.line.len() < self.line.capacity() {
            self.line.push(byte);
        }
        false
    }

    /// The answer without its end, up to a NUL; `None` if not a single byte came. One that is longer than [`LONGEST`] is
    /// cut behind that, and is not right for any key.
    #[must_use]
    pub fn finish(mut self) -> Option<Secret> {
        if let Some(end) = self.line.iter().position(|byte| *byte == 0) {
            self.line.truncate(end);
        }
        (self.seen > 0).then_some(self.line)
    }
}

/// The second argument of a program: by position, whatever the type of the key is.
#[must_use]
pub fn algorithm(index: usize) -> String {
    match index {
        0 => "RSA".to_owned(),
        1 => "DSA".to_owned(),
        2 => "ECC".to_owned(),
        index => index.to_string(),
    }
}

/// How often somebody may answer again after a wrong answer.
pub const RETRIES: u32 = 5;

/// What is said after wrong answer number `count` (from 1), and how long to wait before the next question;
/// `None` when there are no more.
#[must_use]
pub fn after_wrong_answer(count: u32) -> Option<(String, Duration)> {
    let left = RETRIES.checked_sub(count)? + 1;
    let word = if left == 1 { "retry" } else { "retries" };
    let text = format!("Apache:mod_ssl:Error: Pass phrase incorrect ({left} more {word} permitted).\n");
    let wait = Duration::from_secs(5 * u64::from(count.saturating_sub(2)));
    Some((text, wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        for (word, parsed) in [
            ("builtin", Ok(Words::Builtin)),
            ("BuiltIn", Ok(Words::Builtin)),
            ("|/bin/x a", Ok(Words::Pipe("/bin/x a"))),
            ("| ", Ok(Words::Pipe(" "))),
            ("|", Err(DialogError::Argument)),
            ("exec:/bin/x", Ok(Words::Program("/bin/x"))),
            ("exec:", Err(DialogError::Argument)),
            ("Exec:/bin/x", Err(DialogError::Argument)),
            ("builtinx", Err(DialogError::Argument)),
            ("", Err(DialogError::Argument)),
        ] {
            assert_eq!(parse(word), parsed, "{word}");
        }
    }

    #[test]
    fn command_lines() {
        // What APR 1.7 makes of them.
        for (line, words) in [
            ("/a b c", &["/a", "b", "c"][..]),
            (" /a  b\tc ", &["/a", "b", "c"]),
            ("/a 'b c' d", &["/a", "b c", "d"]),
            ("/a \"b c\" d", &["/a", "b c", "d"]),
            ("/a 'b", &["/a", "b"]),
            ("/a b'c d'e", &["/a", "b'c", "d'e"]),
            ("/a \\'b", &["/a", "'b"]),
            ("/a b\\ c", &["/a", "b c"]),
            ("/a b\\\\ c", &["/a", "b\\ c"]),
            ("/a b\\c", &["/a", "bc"]),
            ("/a 'b\\'c'", &["/a", "b'c"]),
            ("/a 'b\\c'", &["/a", "bc"]),
            ("/a '' b", &["/a", "", "b"]),
            ("/a \"x'y\" z", &["/a", "x'y", "z"]),
            ("", &[]),
            ("  ", &[]),
            ("'a b'c d", &["a b", "c", "d"]),
            ("/a b\\", &["/a", "b"]),
            ("a\nb", &["a\nb"]),
            ("a\u{b}b", &["a\u{b}b"]),
            ("a\\\tb", &["a\tb"]),
            ("\\", &[""]),
            ("'a\\\\' b", &["a\\' b"]),
            ("a\\\\\\ b", &["a\\ b"]),
            ("'a'b'c d'", &["a", "b'c", "d'"]),
            ("\"\"", &[""]),
            ("a\\\"b", &["a\"b"]),
            ("'a\"b' c", &["a\"b", "c"]),
            ("a \\ b", &["a", " b"]),
        ] {
            assert_eq!(split_command(line), words, "{line:?}");
        }
    }

    fn answer(ends: Ends, output: &[u8]) -> Option<Secret> {
        let mut answer = Answer::new(ends);
        let _ = output.iter().any(|byte| answer.push(*byte));
        answer.finish()
    }

    #[test]
    fn answers() {
        use Ends::{AnyLineEnd, LineFeed};
        let long = [b'x'; 5000];
        for (ends, output, line) in [
            (LineFeed, &b"secret\n"[..], Some(&b"secret"[..])),
            (LineFeed, b"secret", Some(b"secret")),
            (LineFeed, b"secret\rmore\nx", Some(b"secret\rmore")),
            (AnyLineEnd, b"secret\rmore\n", Some(b"secret")),
            (AnyLineEnd, b" se cret \n\n", Some(b" se cret ")),
            (AnyLineEnd, b"\nsecret", Some(b"")),
            (AnyLineEnd, b"", None),
            (LineFeed, b"\xff\0x\n", Some(b"\xff")),
            (LineFeed, &long, Some(&long[..=LONGEST])),
            (LineFeed, &long[..LONGEST], Some(&long[..LONGEST])),
        ] {
            assert_eq!(answer(ends, output).as_ref().map(|line| line.as_slice()), line);
        }
        let endless = std::iter::repeat_n(b'x', 2 * MOST);
        let mut answer = Answer::new(LineFeed);
        assert_eq!(endless.into_iter().position(|byte| answer.push(byte)), Some(MOST));
    }

    #[test]
    fn retries() {
        let told: Vec<_> = (1..=6).map(after_wrong_answer).collect();
        let text = |count: usize| {
            told[count - 1].as_ref().map(|(text, wait)| format!("{} {}", text.trim_end(), wait.as_secs()))
        };
        let start = "Apache:mod_ssl:Error: Pass phrase incorrect";
        assert_eq!(text(1).unwrap(), format!("{start} (5 more retries permitted). 0"));
        assert_eq!(text(2).unwrap(), format!("{start} (4 more retries permitted). 0"));
        assert_eq!(text(3).unwrap(), format!("{start} (3 more retries permitted). 5"));
        assert_eq!(text(4).unwrap(), format!("{start} (2 more retries permitted). 10"));
        assert_eq!(text(5).unwrap(), format!("{start} (1 more retry permitted). 15"));
        assert_eq!(text(6), None);
    }

    #[test]
    fn positions() {
        assert_eq!([0, 1, 2, 3, 12].map(algorithm), ["RSA", "DSA", "ECC", "3", "12"]);
    }
}
