//! How values are written where they could do harm.

use std::fmt::Write as _;

/// For the access log: what a peer chose must not end a line or a quoted
/// string, nor send control sequences to a terminal.
#[must_use]
pub fn log_item(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x08 => text.push_str("\\b"),
            0x0b => text.push_str("\\v"),
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_text_comes_out() {
        for (bytes, text) in [
            (&b"plain text"[..], "plain text"),
            (b"a\"b\\c", "a\\\"b\\\\c"),
            ("é".as_bytes(), "\\xc3\\xa9"),
            (b"\n\r\t\x1b\x00\x7f", "\\n\\r\\t\\x1b\\x00\\x7f"),
        ] {
            assert_eq!(log_item(bytes), text);
        }
        for byte in 0..=255 {
            assert!(log_item(&[byte]).bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
