//! Lists of certificate and key files: how they merge and pair.

use std::path::PathBuf;

/// Releases before 2.4.8 had so many places, and a vhost's entries replaced
/// those of the main server by position. Later entries are appended.
const PLACES: usize = 3;

/// Merges the main server's list with a vhost's.
#[must_use]
pub fn merge(base: &[PathBuf], own: &[PathBuf]) -> Vec<PathBuf> {
    let replaced = own.len().min(PLACES);
    let mut merged = own[..replaced].to_vec();
    merged.extend_from_slice(base.get(replaced..).unwrap_or(&[]));
    merged.extend_from_slice(&own[replaced..]);
    merged
}

/// A certificate and the file its key is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Pairs both lists by position. A certificate without a key file has its key
/// in its own file; surplus keys are not looked at.
#[must_use]
pub fn pair(certificates: &[PathBuf], keys: &[PathBuf]) -> Vec<Pair> {
    certificates
        .iter()
        .enumerate()
        .map(|(index, certificate)| Pair {
            certificate: certificate.clone(),
            key: keys.get(index).unwrap_or(certificate).clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(prefix: char, count: usize) -> Vec<PathBuf> {
        (1..=count).map(|index| PathBuf::from(format!("{prefix}{index}"))).collect()
    }

    fn text(list: &[PathBuf]) -> String {
        list.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_known_rows() {
        for (main, vhost, merged) in [
            (1, 0, "g1"),
            (1, 1, "v1"),
            (2, 1, "v1 g2"),
            (1, 4, "v1 v2 v3 v4"),
            (4, 1, "v1 g2 g3 g4"),
            (5, 5, "v1 v2 v3 g4 g5 v4 v5"),
        ] {
            assert_eq!(text(&merge(&list('g', main), &list('v', vhost))), merged);
        }
    }

    #[test]
    fn the_rule_for_all_lengths() {
        for m in 0..=5 {
            for n in 0..=5 {
                let mut expected: Vec<String> = (1..=n.min(3)).map(|i| format!("v{i}")).collect();
                expected.extend((n.min(3) + 1..=m).map(|i| format!("g{i}")));
                expected.extend((4..=n).map(|i| format!("v{i}")));
                assert_eq!(text(&merge(&list('g', m), &list('v', n))), expected.join(" "), "{m} {n}");
            }
        }
    }

    #[test]
    fn keys_default_to_the_certificate_file() {
        let pairs = pair(&list('c', 2), &list('k', 1));
        assert_eq!(pairs[0].key, PathBuf::from("k1"));
        assert_eq!(pairs[1].key, PathBuf::from("c2"));
        assert_eq!(pair(&list('c', 1), &list('k', 3)).len(), 1);
    }
}
