//! Bytes of a transfer as text, for `LogLevel ssl:trace7`.

use std::fmt::Write as _;

/// Bytes in a row.
const ROW: usize = 16;
/// The most bytes that are shown of one transfer.
const MOST: usize = 65_535;

/// The lines of a dump of `bytes`, without line ends. Blanks and NULs at the
/// end are only counted.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    let bytes = &bytes[..bytes.len().min(MOST)];
    let shown = bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    let rest = (shown < bytes.len()).then(|| format!("| {:04} - <SPACES/NULS>", bytes.len()));
    let rows = bytes[..shown].chunks(ROW).enumerate().map(|(number, row)| line(number * ROW, row));
    std::iter::once(frame()).chain(rows).chain(rest).chain(std::iter::once(frame()))
}

fn frame() -> String {
    format!("+{}+", "-".repeat(73))
}

/// Offset, hexadecimal and printable characters of one row.
fn line(offset: usize, row: &[u8]) -> String {
    let mut line = format!("| {offset:04x}: ");
    for place in 0..ROW {
        match row.get(place) {
            Some(byte) => {
                let separator = if place == ROW / 2 - 1 { '-' } else { ' ' };
                // Writing to a string does not fail.
                let _ = write!(line, "{byte:02x}{separator}");
            }
            None => line.push_str("   "),
        }
    }
    line.push(' ');
    for place in 0..ROW {
        line.push(match row.get(place) {
            Some(byte @ 0x20..=0x7e) => char::from(*byte),
            Some(_) => '.',
            None => ' ',
        });
    }
    line.push_str(" |");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_one_width() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 1..=bytes.len() {
            for line in lines(&bytes[..len]).filter(|line| !line.contains("NULS")) {
                assert_eq!(line.len(), 75, "{line}");
            }
        }
    }

    #[test]
    fn a_row() {
        let dump: Vec<_> = lines(b"GET / HTTP/1.0\r\nx").collect();
        assert_eq!(dump[1], "| 0000: 47 45 54 20 2f 20 48 54-54 50 2f 31 2e 30 0d 0a  GET / HTTP/1.0.. |");
        assert_eq!(dump[2], "| 0010: 78                                               x                |");
        assert_eq!(dump.len(), 4);
    }

    #[test]
    fn blanks_at_the_end_are_counted() {
        let dump: Vec<_> = lines(b"a \0\0").collect();
        assert_eq!(dump[2], "| 0004 - <SPACES/NULS>");
        assert_eq!(lines(b"").count(), 2);
        assert_eq!(lines(&vec![1; MOST + 100]).count(), MOST.div_ceil(ROW) + 2);
    }
}
