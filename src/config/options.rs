//! `SSLOptions`: words that add to, take from, or replace what an outer section
//! says.

use bitflags::bitflags;
use thiserror::Error;

bitflags! {
    /// The options.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OptionSet: u8 {
        /// Variables for CGI and SSI.
        const STD_ENV_VARS = 1;
        /// Certificates in PEM for CGI and SSI.
        const EXPORT_CERT_DATA = 2;
        /// The client certificate's subject as a user name.
        const FAKE_BASIC_AUTH = 4;
        /// `Satisfy any` does not override a refusal for want of TLS.
        const STRICT_REQUIRE = 8;
        /// Avoid renegotiations that are not needed.
        const OPT_RENEGOTIATE = 16;
        /// Names in the form of mod_ssl 2.2.
        const LEGACY_DN_STRING_FORMAT = 32;
        /// Variables under the names that they had before mod_ssl 2.0.
        const COMPAT_ENV_VARS = 64;
    }
}

const WORDS: [(&str, OptionSet); 6] = [
    ("StdEnvVars", OptionSet::STD_ENV_VARS),
    ("ExportCertData", OptionSet::EXPORT_CERT_DATA),
    ("FakeBasicAuth", OptionSet::FAKE_BASIC_AUTH),
    ("StrictRequire", OptionSet::STRICT_REQUIRE),
    ("OptRenegotiate", OptionSet::OPT_RENEGOTIATE),
    ("LegacyDNStringFormat", OptionSet::LEGACY_DN_STRING_FORMAT),
];

/// An option of mod_ssl 2.8 alone.
const COMPAT: (&str, OptionSet) = ("CompatEnvVars", OptionSet::COMPAT_ENV_VARS);

/// Whose words they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Those of mod_ssl 2.4: several bare words keep only the last one.
    Current,
    /// Those of mod_ssl 2.8: several bare words are a list.
    Legacy,
}

/// Not an option.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("SSLOptions: Illegal option '{0}'")]
pub struct IllegalOption(pub String);

/// The options of a section, as far as its lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    value: OptionSet,
    add: OptionSet,
    remove: OptionSet,
    relative: bool,
}

impl Default for Options {
    fn default() -> Self {
        let none = OptionSet::empty();
        Self { value: none, add: none, remove: none, relative: true }
    }
}

impl Options {
    /// Applies one line.
    ///
    /// # Errors
    /// A word that is no option.
    pub fn apply(&mut self, words: &[String], dialect: Dialect) -> Result<(), IllegalOption> {
        let mut replaced = false;
        for full in words {
            let sign = full.chars().next().filter(|sign| matches!(sign, '+' | '-'));
            let word = full.strip_prefix(['+', '-']).unwrap_or(full);
            let compat = (dialect == Dialect::Legacy).then_some(&COMPAT);
            let option = WORDS
                .iter()
                .chain(compat)
                .find(|(name, _)| word.eq_ignore_ascii_case(name))
                .map(|(_, option)| *option)
                .ok_or_else(|| IllegalOption(word.to_owned()))?;
            match sign {
                Some('-') => {
                    self.add.remove(option);
                    self.remove.insert(option);
                    self.value.remove(option);
                }
                Some(_) => {
                    self.remove.remove(option);
                    self.add.insert(option);
                    self.value.insert(option);
                }
                None => {
                    let kept = match dialect {
                        Dialect::Legacy if replaced => self.value,
                        _ => OptionSet::empty(),
                    };
                    self.relative = false;
                    replaced = true;
                    self.value = kept | option;
                    self.add = self.value;
                    self.remove = OptionSet::empty();
                }
            }
        }
        Ok(())
    }

    /// What holds in the section.
    #[must_use]
    pub fn in_force(self) -> OptionSet {
        self.value
    }

    /// The inner section inside the outer.
    #[must_use]
    pub fn merge(outer: Self, inner: Self) -> Self {
        if !inner.relative {
            return inner;
        }
        let add = (outer.add - inner.remove) | inner.add;
        let remove = (outer.remove - inner.add) | inner.remove;
        let value = (outer.value - remove) | add;
        Self { value, add, remove, relative: outer.relative }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(lines: &[&str]) -> Options {
        let mut options = Options::default();
        for line in lines {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            options.apply(&words, Dialect::Current).unwrap();
        }
        options
    }

    const STD: OptionSet = OptionSet::STD_ENV_VARS;
    const CERT: OptionSet = OptionSet::EXPORT_CERT_DATA;

    #[test]
    fn one_section() {
        let none = OptionSet::empty();
        for (lines, value) in [
            (&["+StdEnvVars"][..], STD),
            (&["stdenvvars"], STD),
            (&["StdEnvVars ExportCertData"], CERT),
            (&["+StdEnvVars ExportCertData"], CERT),
            (&["StdEnvVars +ExportCertData"], STD | CERT),
            (&["+StdEnvVars", "+ExportCertData"], STD | CERT),
            (&["+StdEnvVars", "-StdEnvVars"], none),
            (&["+StdEnvVars", "ExportCertData"], CERT),
            (&[""], none),
        ] {
            assert_eq!(options(lines).in_force(), value, "{lines:?}");
        }
    }

    #[test]
    fn inner_sections() {
        let none = OptionSet::empty();
        for (outer, inner, value) in [
            ("+StdEnvVars", "+ExportCertData", STD | CERT),
            ("+StdEnvVars", "ExportCertData", CERT),
            ("StdEnvVars", "+ExportCertData", STD | CERT),
            ("+StdEnvVars", "-StdEnvVars", none),
            ("StdEnvVars", "-StdEnvVars +ExportCertData", CERT),
            ("+StdEnvVars", "", STD),
            ("-StdEnvVars", "+StdEnvVars", STD),
        ] {
            let merged = Options::merge(options(&[outer]), options(&[inner]));
            assert_eq!(merged.in_force(), value, "{outer} > {inner}");
        }
        let three = Options::merge(
            Options::merge(options(&["+StdEnvVars"]), options(&["-StdEnvVars"])),
            options(&["+ExportCertData"]),
        );
        assert_eq!(three.in_force(), CERT);
    }

    #[test]
    fn words_of_old() {
        let compat = OptionSet::COMPAT_ENV_VARS;
        for (line, value) in [
            ("StdEnvVars ExportCertData", STD | CERT),
            ("+StdEnvVars +CompatEnvVars", STD | compat),
            ("compatenvvars StdEnvVars -CompatEnvVars", STD),
            ("+ExportCertData StdEnvVars CompatEnvVars", STD | compat),
        ] {
            let mut options = Options::default();
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            options.apply(&words, Dialect::Legacy).unwrap();
            assert_eq!(options.in_force(), value, "{line}");
        }
        let mut options = Options::default();
        assert!(options.apply(&["Nonsense".to_owned()], Dialect::Legacy).is_err());
    }

    #[test]
    fn unknown_words_are_refused() {
        for word in ["CompatEnvVars", "+ExportBase64CertData", "x"] {
            let error = Options::default().apply(&[word.to_owned()], Dialect::Current).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("SSLOptions: Illegal option '{}'", word.trim_start_matches('+'))
            );
        }
    }
}
