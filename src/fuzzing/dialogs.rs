//! Pass-phrase dialogs: their directive, command lines, what programs answer; identifiers of tokens.

use crate::config::pass_phrase::{self, Answer, Ends, LONGEST, Words};
use crate::config::token;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes as the argument of `SSLPassPhraseDialog`, as a command line, and as the output of a program.
pub fn pass_phrase(data: &[u8]) -> bool {
    check_answer(data, Ends::LineFeed);
    check_answer(data, Ends::AnyLineEnd);
    let text = String::from_utf8_lossy(data);
    check_command(&text);
    match pass_phrase::parse(&text) {
        Ok(Words::Builtin) => assert!(text.eq_ignore_ascii_case("builtin")),
        Ok(Words::Pipe(command)) => assert_eq!(format!("|{command}"), text),
        Ok(Words::Program(path)) => assert_eq!(format!("exec:{path}"), text),
        Err(_) => {
            let behind = |prefix| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
            assert!(!behind("|") && !behind("exec:"));
            return false;
        }
    }
    true
}

/// The answer is the beginning of the output, up to what ends it, and not longer than it may be.
fn check_answer(output: &[u8], ends: Ends) {
    let mut answer = Answer::new(ends);
    let taken = output.iter().position(|byte| answer.push(*byte)).map_or(output.len(), |at| at + 1);
    let Some(line) = answer.finish() else {
        assert!(output.is_empty());
        return;
    };
    assert!(output.starts_with(&line) && line.len() <= LONGEST + 1);
    assert!(!line.contains(&b'\n') && !line.contains(&0));
    let ended = output[..taken].last().is_some_and(|last| matches!(last, b'\n' | b'\r'));
    assert!(ended || taken == output.len() || taken > LONGEST);
}

/// Without quotes and backslashes a line is split at its blanks, and words that are put into quotes come out
/// again.
fn check_command(line: &str) {
    let words = pass_phrase::split_command(line);
    if !line.contains(['\'', '"', '\\']) {
        let plain: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        assert_eq!(words, plain);
    }
    assert!(words.iter().map(String::len).sum::<usize>() <= line.len());
    if words.iter().all(|word| !word.contains('\\')) {
        let quoted: Vec<_> = words.iter().map(|word| format!("\"{}\"", word.replace('"', "\\\""))).collect();
        assert_eq!(pass_phrase::split_command(&quoted.join(" ")), words);
    }
}

/// Bytes as the argument of `SSLCertificateKeyFile`: the PIN is never shown, and nothing else is changed.
pub fn token_identifier(data: &[u8]) -> bool {
    let file = Path::new(OsStr::from_bytes(data));
    let shown = token::shown(file);
    let text = String::from_utf8_lossy(data);
    let Some(identifier) = token::identifier(file) else {
        assert!(!token::is_identifier(data) && shown == text);
        return false;
    };
    assert_eq!(token::scheme(&identifier), Some("pkcs11"));
    assert_eq!(token::shown(Path::new(shown.as_ref())), shown, "what is shown has nothing more to hide");
    if !text.to_ascii_lowercase().contains("pin-value") {
        assert_eq!(shown, text);
    }
    let (path, query) = shown.split_once('?').unwrap_or((&shown, ""));
    let path = path.strip_prefix("pkcs11:").unwrap_or_default();
    for attribute in path.split(';').chain(query.split('&')) {
        if let Some((name, value)) = attribute.split_once('=')
            && name.trim().eq_ignore_ascii_case("pin-value")
        {
            assert!(matches!(value, "" | "***"), "{shown}");
        }
    }
    true
}
