//! What is configured for a directory.

use super::options::Options;

/// The values of a directory-type section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirConfig {
    /// `SSLOptions`.
    pub options: Options,
    /// `SSLRequireSSL`.
    pub require_ssl: bool,
}

impl DirConfig {
    /// The inner section inside the outer.
    #[must_use]
    pub fn merge(outer: Self, inner: Self) -> Self {
        Self {
            options: Options::merge(outer.options, inner.options),
            require_ssl: outer.require_ssl || inner.require_ssl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_outer_section_requires_stays_required() {
        for (outer, inner, merged) in
            [(false, false, false), (true, false, true), (false, true, true), (true, true, true)]
        {
            let of = |require_ssl| DirConfig { require_ssl, ..DirConfig::default() };
            assert_eq!(DirConfig::merge(of(outer), of(inner)).require_ssl, merged, "{outer} > {inner}");
        }
    }
}
