//! Which of this side's certificates a backend gets to see.

/// Why it was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The backend names no CAs.
    NoList,
    /// Its issuer is named.
    Issuer,
    /// A CA further above is named.
    Above,
}

/// A choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which one.
    pub index: usize,
    /// Why.
    pub by: By,
}

/// The first certificate that one of the `wanted` CAs has issued, directly or
/// not, in the order of these; any one if there are none. `issuers` has the
/// names of each one's issuers, the nearest first. One whose signatures the
/// backend `takes` comes before others.
#[must_use]
pub fn choose(issuers: &[&[Vec<u8>]], wanted: &[Vec<u8>], takes: impl Fn(usize) -> bool) -> Option<Choice> {
    let all = || {
        let any = wanted.is_empty().then(|| (0..issuers.len()).map(|index| Choice { index, by: By::NoList }));
        let by_name = wanted.iter().flat_map(|name| {
            issuers.iter().enumerate().filter_map(move |(index, above)| {
                let place = above.iter().position(|issuer| issuer == name)?;
                Some(Choice { index, by: if place == 0 { By::Issuer } else { By::Above } })
            })
        });
        any.into_iter().flatten().chain(by_name)
    };
    all().find(|choice| takes(choice.index)).or_else(|| all().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        let (one, two, three) = (names(&["mid", "root"]), names(&["other"]), names(&["other"]));
        let issuers = [one.as_slice(), &two, &three];
        let choice = |index, by| Some(Choice { index, by });
        for (wanted, taken, expected) in [
            (&[][..], &[0, 1, 2][..], choice(0, By::NoList)),
            (&[], &[1, 2], choice(1, By::NoList)),
            (&["mid"], &[0, 1, 2], choice(0, By::Issuer)),
            (&["root"], &[0, 1, 2], choice(0, By::Above)),
            (&["nobody"], &[0, 1, 2], None),
            (&["nobody", "other", "mid"], &[0, 1, 2], choice(1, By::Issuer)),
            (&["other", "mid"], &[2], choice(2, By::Issuer)),
            (&["other", "mid"], &[0], choice(0, By::Issuer)),
            (&["other"], &[], choice(1, By::Issuer)),
        ] {
            let found = choose(&issuers, &names(wanted), |index| taken.contains(&index));
            assert_eq!(found, expected, "{wanted:?} {taken:?}");
        }
        assert_eq!(choose(&[], &[], |_| true), None);
    }
}
