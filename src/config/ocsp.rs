//! How certificates of clients are checked with OCSP responders (RFC 6960).

use super::http_url::HttpUrl;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Which certificates of a client's chain are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OcspMode {
    /// None.
    #[default]
    Off,
    /// The client's own.
    Leaf,
    /// All.
    On,
}

/// `SSLOCSPEnable`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OcspCheck {
    /// Which are checked.
    pub mode: OcspMode,
    /// Whether one passes that no responder is known for.
    pub unknown_responder_ok: bool,
}

/// A word that `SSLOCSPEnable` does not know.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("SSLOCSPEnable: Invalid argument '{0}'")]
pub struct InvalidWord(pub String);

impl OcspCheck {
    /// Reads the words of the line.
    ///
    /// # Errors
    /// The first word that has no meaning there.
    pub fn parse(words: &[String]) -> Result<Self, InvalidWord> {
        let modes = [("off", OcspMode::Off), ("leaf", OcspMode::Leaf), ("on", OcspMode::On)];
        let first = words.first().map(String::as_str).unwrap_or_default();
        let mode = modes.into_iter().find(|(name, _)| first.eq_ignore_ascii_case(name));
        let (_, mode) = mode.ok_or_else(|| InvalidWord(first.to_owned()))?;
        let flags = words.get(1..).unwrap_or_default();
        if let Some(wrong) = flags.iter().find(|word| !word.eq_ignore_ascii_case("no_ocsp_for_cert_ok")) {
            return Err(InvalidWord(wrong.clone()));
        }
        Ok(Self { mode, unknown_responder_ok: !flags.is_empty() })
    }

    /// Whether the certificate at `depth` is checked; the client's own is at 0.
    #[must_use]
    pub fn concerns(self, depth: u32) -> bool {
        match self.mode {
            OcspMode::Off => false,
            OcspMode::Leaf => depth == 0,
            OcspMode::On => true,
        }
    }
}

/// The values of a server; `None`: no line says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each field is the directive of its name, SSLOCSP...")]
pub struct OcspConfig {
    pub enable: Option<OcspCheck>,
    pub default_responder: Option<String>,
    pub override_responder: Option<bool>,
    pub response_time_skew: Option<i64>,
    pub response_max_age: Option<i64>,
    pub responder_timeout: Option<i64>,
    pub use_request_nonce: Option<bool>,
    pub proxy_url: Option<HttpUrl>,
    pub no_verify: Option<bool>,
    pub responder_certificate_file: Option<PathBuf>,
}

impl OcspConfig {
    /// A vhost inside the main server.
    #[must_use]
    pub fn merge(base: &Self, own: &Self) -> Self {
        fn text<T: Clone>(base: &Option<T>, own: &Option<T>) -> Option<T> {
            own.as_ref().or(base.as_ref()).cloned()
        }
        Self {
            enable: own.enable.or(base.enable),
            default_responder: text(&base.default_responder, &own.default_responder),
            override_responder: own.override_responder.or(base.override_responder),
            response_time_skew: own.response_time_skew.or(base.response_time_skew),
            response_max_age: own.response_max_age.or(base.response_max_age),
            responder_timeout: own.responder_timeout.or(base.responder_timeout),
            use_request_nonce: own.use_request_nonce.or(base.use_request_nonce),
            proxy_url: text(&base.proxy_url, &own.proxy_url),
            no_verify: own.no_verify.or(base.no_verify),
            responder_certificate_file: text(
                &base.responder_certificate_file,
                &own.responder_certificate_file,
            ),
        }
    }

    /// The responder for a certificate that names `own`.
    #[must_use]
    pub fn responder<'r>(&'r self, own: Option<&'r str>) -> Option<&'r str> {
        let default = self.default_responder.as_deref();
        if self.override_responder.unwrap_or(false) && default.is_some() { default } else { own.or(default) }
    }

    /// How far clocks may differ.
    #[must_use]
    pub fn skew(&self) -> u32 {
        seconds(self.response_time_skew.unwrap_or(300))
    }

    /// How old a response may be.
    #[must_use]
    pub fn max_age(&self) -> Option<u32> {
        self.response_max_age.map(seconds)
    }

    /// How long a responder may take for its answer, from the search for its address to the last byte.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(seconds(self.responder_timeout.unwrap_or(10)).into())
    }

    /// Whether the response has to repeat a random number of the request.
    #[must_use]
    pub fn nonce(&self) -> bool {
        self.use_request_nonce.unwrap_or(true)
    }

    /// Whether signatures of responses are checked.
    #[must_use]
    pub fn verify(&self) -> bool {
        !self.no_verify.unwrap_or(false)
    }
}

/// Directives take what fits C's `int` and is not negative.
fn seconds(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<OcspCheck, InvalidWord> {
        OcspCheck::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_words_of_enable() {
        for (line, mode, unknown_responder_ok) in [
            ("off", OcspMode::Off, false),
            ("Leaf", OcspMode::Leaf, false),
            ("ON", OcspMode::On, false),
            ("on No_OCSP_for_cert_ok", OcspMode::On, true),
            ("leaf no_ocsp_for_cert_ok no_ocsp_for_cert_ok", OcspMode::Leaf, true),
        ] {
            assert_eq!(parse(line), Ok(OcspCheck { mode, unknown_responder_ok }), "{line}");
        }
        for (line, wrong) in [
            ("", ""),
            ("yes", "yes"),
            ("on chain", "chain"),
            ("no_ocsp_for_cert_ok", "no_ocsp_for_cert_ok"),
            ("no_ocsp_for_cert_ok on", "no_ocsp_for_cert_ok"),
            ("on no_ocsp_for_cert_ok leaf", "leaf"),
        ] {
            assert_eq!(parse(line), Err(InvalidWord(wrong.to_owned())), "{line}");
        }
    }

    #[test]
    fn which_are_checked() {
        for (line, leaf, above) in [("off", false, false), ("leaf", true, false), ("on", true, true)] {
            let check = parse(line).unwrap();
            assert_eq!((check.concerns(0), check.concerns(1)), (leaf, above), "{line}");
        }
    }

    #[test]
    fn own_values_win() {
        let base = OcspConfig {
            enable: parse("on no_ocsp_for_cert_ok").ok(),
            default_responder: Some("http://a/".to_owned()),
            override_responder: Some(true),
            response_time_skew: Some(1),
            response_max_age: Some(2),
            responder_timeout: Some(3),
            use_request_nonce: Some(false),
            proxy_url: HttpUrl::parse("http://p/").ok(),
            no_verify: Some(true),
            responder_certificate_file: Some("a".into()),
        };
        let own = OcspConfig {
            enable: parse("leaf").ok(),
            default_responder: Some("http://b/".to_owned()),
            override_responder: Some(false),
            response_time_skew: Some(4),
            response_max_age: Some(5),
            responder_timeout: Some(6),
            use_request_nonce: Some(true),
            proxy_url: HttpUrl::parse("http://q/").ok(),
            no_verify: Some(false),
            responder_certificate_file: Some("b".into()),
        };
        let none = OcspConfig::default();
        for (outer, inner, merged) in [(&base, &own, &own), (&base, &none, &base), (&none, &own, &own)] {
            assert_eq!(&OcspConfig::merge(outer, inner), merged);
        }
    }

    #[test]
    fn what_holds_without_a_line() {
        let none = OcspConfig::default();
        assert_eq!((none.skew(), none.max_age(), none.timeout()), (300, None, Duration::from_secs(10)));
        assert!(none.nonce() && none.verify());
    }

    #[test]
    fn which_responder_is_asked() {
        let config = |default: Option<&str>, override_responder| OcspConfig {
            default_responder: default.map(str::to_owned),
            override_responder,
            ..OcspConfig::default()
        };
        for (default, over, own, asked) in [
            (None, None, None, None),
            (None, None, Some("own"), Some("own")),
            (Some("default"), None, Some("own"), Some("own")),
            (Some("default"), None, None, Some("default")),
            (Some("default"), Some(true), Some("own"), Some("default")),
            (Some("default"), Some(false), Some("own"), Some("own")),
            (None, Some(true), Some("own"), Some("own")),
        ] {
            assert_eq!(config(default, over).responder(own), asked, "{default:?} {over:?} {own:?}");
        }
    }
}
