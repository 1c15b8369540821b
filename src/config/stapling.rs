//! How OCSP responses are fetched and stapled to the server's own certificates (RFC 6066, section 8).

use std::path::PathBuf;
use std::time::Duration;

/// The values of a server; `None`: no line says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each field is the directive of its name, SSLStapling...")]
pub struct StaplingConfig {
    pub use_stapling: Option<bool>,
    pub files: Vec<PathBuf>,
    pub force_url: Option<String>,
    pub responder_timeout: Option<i64>,
    pub response_time_skew: Option<i64>,
    pub response_max_age: Option<i64>,
    pub standard_cache_timeout: Option<i64>,
    pub error_cache_timeout: Option<i64>,
    pub return_responder_errors: Option<bool>,
    pub fake_try_later: Option<bool>,
}

impl StaplingConfig {
    /// A vhost inside the main server. Files of both are known there: each belongs to the certificate that it
    /// is about.
    #[must_use]
    pub fn merge(base: &Self, own: &Self) -> Self {
        Self {
            use_stapling: own.use_stapling.or(base.use_stapling),
            files: own.files.iter().chain(&base.files).cloned().collect(),
            force_url: own.force_url.as_ref().or(base.force_url.as_ref()).cloned(),
            responder_timeout: own.responder_timeout.or(base.responder_timeout),
            response_time_skew: own.response_time_skew.or(base.response_time_skew),
            response_max_age: own.response_max_age.or(base.response_max_age),
            standard_cache_timeout: own.standard_cache_timeout.or(base.standard_cache_timeout),
            error_cache_timeout: own.error_cache_timeout.or(base.error_cache_timeout),
            return_responder_errors: own.return_responder_errors.or(base.return_responder_errors),
            fake_try_later: own.fake_try_later.or(base.fake_try_later),
        }
    }

    /// `SSLUseStapling`.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.use_stapling.unwrap_or(false)
    }

    /// What holds for each response.
    #[must_use]
    pub fn terms(&self) -> Terms {
        let seconds = |value: Option<i64>, default: u32| {
            value.map_or(default, |seconds| u32::try_from(seconds).unwrap_or_default())
        };
        Terms {
            timeout: Duration::from_secs(seconds(self.responder_timeout, 10).into()),
            skew: seconds(self.response_time_skew, 300),
            max_age: self.response_max_age.map(|age| seconds(Some(age), 0)),
            renew_after: Duration::from_secs(seconds(self.standard_cache_timeout, 3600).into()),
            retry_after: Duration::from_secs(seconds(self.error_cache_timeout, 600).into()),
            return_errors: self.return_responder_errors.unwrap_or(true),
            fake_try_later: self.fake_try_later.unwrap_or(true),
        }
    }
}

/// The values that hold for a response, those of lines or what holds without.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// How long a responder may take for its answer.
    pub timeout: Duration,
    /// Seconds that its clock may differ.
    pub skew: u32,
    /// Seconds that may have passed since the response was made.
    pub max_age: Option<u32>,
    /// How long a response is used before it is asked for again.
    pub renew_after: Duration,
    /// How long a failure may last before the responder is asked again, and how long an error is stapled.
    pub retry_after: Duration,
    /// Whether responses that are of no use are stapled all the same.
    pub return_errors: bool,
    /// Whether "try later" is stapled in place of a response that did not come.
    pub fake_try_later: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(number: i64) -> StaplingConfig {
        StaplingConfig {
            use_stapling: Some(number == 1),
            files: vec![format!("{number}").into()],
            force_url: Some(format!("http://{number}/")),
            responder_timeout: Some(number),
            response_time_skew: Some(number),
            response_max_age: Some(number),
            standard_cache_timeout: Some(number),
            error_cache_timeout: Some(number),
            return_responder_errors: Some(number == 1),
            fake_try_later: Some(number == 1),
        }
    }

    #[test]
    fn own_values_win_and_files_add_up() {
        let none = StaplingConfig::default();
        let (base, own) = (config(1), config(2));
        let both = StaplingConfig { files: vec!["2".into(), "1".into()], ..own.clone() };
        for (outer, inner, merged) in [(&base, &own, &both), (&base, &none, &base), (&none, &own, &own)] {
            assert_eq!(&StaplingConfig::merge(outer, inner), merged);
        }
    }

    #[test]
    fn what_holds_without_a_line() {
        let none = StaplingConfig::default();
        let seconds = Duration::from_secs;
        assert!(!none.is_on());
        let terms = none.terms();
        assert_eq!((terms.timeout, terms.skew, terms.max_age), (seconds(10), 300, None));
        assert_eq!((terms.renew_after, terms.retry_after), (seconds(3600), seconds(600)));
        assert!(terms.return_errors && terms.fake_try_later);
        let terms = config(7).terms();
        assert_eq!((terms.timeout, terms.skew, terms.max_age), (seconds(7), 7, Some(7)));
        assert!(!terms.return_errors && !terms.fake_try_later);
    }
}
