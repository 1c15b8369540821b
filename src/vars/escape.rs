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

/// For values that should have no control characters: each as `\HH`, as in names of certificates.
#[must_use]
pub fn controls(text: String) -> String {
    if !text.bytes().any(|byte| byte.is_ascii_control()) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        if character.is_ascii_control() {
            let _ = write!(escaped, "\\{:02X}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped() {
        for (text, escaped) in
            [("www.example.test", "www.example.test"), ("é\r\nX: y\x7f", "é\\0D\\0AX: y\\7F")]
        {
            assert_eq!(controls(text.to_owned()), escaped);
        }
    }

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
