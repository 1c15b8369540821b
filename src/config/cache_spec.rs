//! `SSLSessionCache`, `SSLOCSPCache`, `SSLStaplingCache`.

/// Where sessions, or OCSP responses, are kept between connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CacheSpec {
    /// No line.
    #[default]
    Unset,
    /// Nowhere.
    None,
    /// Nowhere, but clients get session ids as if they were.
    NoneNotNull,
    /// With a provider of httpd.
    Provider {
        /// Its name.
        name: String,
        /// What follows the colon.
        args: Option<String>,
    },
}

impl CacheSpec {
    /// Reads the argument.
    #[must_use]
    pub fn parse(argument: &str) -> Self {
        if argument.eq_ignore_ascii_case("none") {
            return Self::None;
        }
        if argument.eq_ignore_ascii_case("nonenotnull") {
            return Self::NoneNotNull;
        }
        Self::provider(argument)
    }

    /// Reads the argument where there must be a provider.
    #[must_use]
    pub fn provider(argument: &str) -> Self {
        match argument.split_once(':') {
            Some((name, args)) => Self::Provider { name: name.to_owned(), args: Some(args.to_owned()) },
            None => Self::Provider { name: argument.to_owned(), args: None },
        }
    }

    /// Whether clients get session ids.
    #[must_use]
    pub fn gives_ids(&self) -> bool {
        matches!(self, Self::NoneNotNull | Self::Provider { .. })
    }
}

/// The complaint about a provider for responses that is not there.
#[must_use]
pub fn unknown_staple_provider(directive: &str, name: &str, known: &[String]) -> String {
    format!(
        "{directive}: '{name}' stapling cache not supported (known names: {}) Maybe you need to load the appropriate socache module (mod_socache_{name}?)",
        known.join(",")
    )
}

/// The complaint about a provider that is not there; `what` it was wanted for.
#[must_use]
pub fn unknown_provider(directive: &str, what: &str, name: &str, known: &[String]) -> String {
    format!(
        "{directive}: '{name}' {what} cache not supported (known names: {}). Maybe you need to load the appropriate socache module (mod_socache_{name}?).",
        known.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let provider = |name: &str, args: Option<&str>| CacheSpec::Provider {
            name: name.to_owned(),
            args: args.map(str::to_owned),
        };
        for (argument, spec) in [
            ("none", CacheSpec::None),
            ("NoneNotNull", CacheSpec::NoneNotNull),
            ("shmcb", provider("shmcb", None)),
            ("shmcb:/x(512000)", provider("shmcb", Some("/x(512000)"))),
            ("memcache:a:1,b:2", provider("memcache", Some("a:1,b:2"))),
            ("none:", provider("none", Some(""))),
        ] {
            assert_eq!(CacheSpec::parse(argument), spec);
        }
        assert_eq!(CacheSpec::provider("none"), provider("none", None));
        assert!(!CacheSpec::Unset.gives_ids() && !CacheSpec::None.gives_ids());
        assert!(CacheSpec::NoneNotNull.gives_ids() && provider("x", None).gives_ids());
    }

    #[test]
    fn the_complaint() {
        assert_eq!(
            unknown_staple_provider("SSLStaplingCache", "shm", &["shmcb".to_owned(), "default".to_owned()]),
            "SSLStaplingCache: 'shm' stapling cache not supported (known names: shmcb,default) Maybe you need to load the appropriate socache module (mod_socache_shm?)"
        );
        assert_eq!(
            unknown_provider(
                "SSLSessionCache",
                "session",
                "shm",
                &["shmcb".to_owned(), "default".to_owned()]
            ),
            "SSLSessionCache: 'shm' session cache not supported (known names: shmcb,default). Maybe you need to load the appropriate socache module (mod_socache_shm?)."
        );
    }
}
