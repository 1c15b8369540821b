//! What is configured for a directory.

use super::options::Options;

/// The values of a directory-type section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirConfig {
    /// `SSLOptions`.
    pub options: Options,
}

impl DirConfig {
    /// The inner section inside the outer.
    #[must_use]
    pub fn merge(outer: Self, inner: Self) -> Self {
        Self { options: Options::merge(outer.options, inner.options) }
    }
}
