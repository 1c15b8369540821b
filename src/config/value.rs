//! Values that a line of the configuration sets, or does not.

/// The number at the start of `text`, as C's `atoi` finds it: leading blanks
/// and a sign are allowed, what follows the digits is not looked at, and no
/// digits are 0. A number that does not fit C's `int` wraps around, as it does
/// there: 2147483648 is negative.
#[must_use]
pub fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number: i64 = 0;
    for digit in digits.bytes().take_while(u8::is_ascii_digit) {
        number = number.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    let number = if negative { -number } else { number };
    i64::from(number as i32)
}

/// A number of seconds, or bytes, that must not be negative.
#[must_use]
pub fn natural_number(text: &str) -> Option<i64> {
    Some(leading_number(text)).filter(|number| *number >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_leniently() {
        for (text, number) in [
            ("5", 5),
            ("5x", 5),
            ("abc", 0),
            ("", 0),
            (" 7", 7),
            ("-3", -3),
            ("+3", 3),
            ("2147483647", 2_147_483_647),
            ("2147483648", -2_147_483_648),
            ("4294967296", 0),
            ("99999999999999999999", -1),
        ] {
            assert_eq!(leading_number(text), number, "{text}");
        }
        assert_eq!(natural_number("-1"), None);
        assert_eq!(natural_number("0"), Some(0));
    }
}
