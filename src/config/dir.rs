//! What is configured for a directory.

use super::options::Options;
use super::verify::VerifyClient;

/// The values of a directory-type section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirConfig {
    /// `SSLOptions`.
    pub options: Options,
    /// `SSLRequireSSL`.
    pub require_ssl: bool,
    /// `SSLVerifyClient`.
    pub verify_client: Option<VerifyClient>,
    /// `SSLVerifyDepth`.
    pub verify_depth: Option<u32>,
    /// `SSLRenegBufferSize`, bytes.
    pub reneg_buffer_size: Option<u64>,
}

impl DirConfig {
    /// The inner section inside the outer.
    #[must_use]
    pub fn merge(outer: Self, inner: Self) -> Self {
        Self {
            options: Options::merge(outer.options, inner.options),
            require_ssl: outer.require_ssl || inner.require_ssl,
            verify_client: inner.verify_client.or(outer.verify_client),
            verify_depth: inner.verify_depth.or(outer.verify_depth),
            reneg_buffer_size: inner.reneg_buffer_size.or(outer.reneg_buffer_size),
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

    #[test]
    fn inner_values_win() {
        let outer = DirConfig {
            verify_client: Some(VerifyClient::Require),
            verify_depth: Some(3),
            ..DirConfig::default()
        };
        let inner = DirConfig { verify_client: Some(VerifyClient::None), ..DirConfig::default() };
        let merged = DirConfig::merge(outer, inner);
        assert_eq!((merged.verify_client, merged.verify_depth), (Some(VerifyClient::None), Some(3)));
        assert_eq!(DirConfig::merge(outer, DirConfig::default()), outer);
        assert_eq!(DirConfig::merge(DirConfig::default(), outer), outer);
    }
}
