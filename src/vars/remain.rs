//! Days that a certificate is still valid.

/// Whole days from `now` to `end`, both in seconds since 1970; never negative.
#[must_use]
pub const fn days_left(now: i64, end: i64) -> i64 {
    if end > now { (end - now) / 86_400 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_rounded_down() {
        for (hours, days) in [(23, 0), (24, 1), (25, 1), (-5, 0)] {
            assert_eq!(days_left(1_000, 1_000 + hours * 3_600), days);
        }
    }
}
