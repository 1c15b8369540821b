//! Whether a certificate is for a server name.

/// Whether `id` (a dNSName or a CN) stands for `name`: equal without case, or
/// `*.` for exactly one left-most label.
#[must_use]
pub fn matches(id: &str, name: &str) -> bool {
    if id.eq_ignore_ascii_case(name) {
        return true;
    }
    let Some(domain) = id.strip_prefix("*.") else { return false };
    name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (id, name, same) in [
            ("a.test", "A.TEST", true),
            ("*.a.test", "x.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", "y.x.a.test", false),
            ("f*.a.test", "foo.a.test", false),
            ("*.a.test", ".a.test", false),
            ("*", "a", false),
        ] {
            assert_eq!(matches(id, name), same, "{id} {name}");
        }
    }
}
