//! What is stapled, for those who watch the server.

use super::Source;
use super::staple::{Key, Origin, Staple, now};
use crate::entry::vhost::Vhost;
use crate::httpd::Server;
use crate::metrics::{Family, Kind as FamilyKind, Sample};
use crate::policy::stapling::{CertStatus, Kind, State};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The response for a certificate, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `server:port:index` of the first server that has the certificate.
    pub name: String,
    /// The responder or the file.
    pub origin: String,
    /// What there is, and until when (seconds since 1970).
    pub kind: Kind,
    /// When it ends, if it says so.
    pub until: Option<u64>,
    /// When it is renewed; unknown for a file.
    pub renew_at: Option<u64>,
    /// When it came.
    pub got_at: Option<u64>,
    /// How often its renewal has failed since.
    pub failures: u64,
}

/// The responses of all certificates that are stapled by this module, each once.
#[must_use]
pub fn reports(main: Server<'_>) -> Vec<Report> {
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    let mut reports = Vec::new();
    for vhost in main.iter().filter_map(Vhost::of) {
        let sources = vhost.tls.iter().flat_map(|tls| &tls.staples.sources);
        for (_, source) in sources {
            let Source::Own(staple) = source else { continue };
            if seen.insert(staple.key) {
                reports.push(report(staple));
            }
        }
    }
    reports
}

fn report(staple: &Staple) -> Report {
    let now = now();
    let state = State::from_numbers(&staple.record().numbers);
    let known = |time: u64| Some(time).filter(|time| *time != 0 && *time != u64::MAX);
    Report {
        name: staple.name.clone(),
        origin: match &staple.origin {
            Origin::Responder { url, .. } => format!("http://{}{}", url.authority(), url.target),
            Origin::File(path) => path.display().to_string(),
        },
        kind: if state.is_stapled(now) { state.kind } else { Kind::Nothing },
        until: known(state.until),
        renew_at: known(state.renew_at),
        got_at: known(state.got_at),
        failures: state.failures,
    }
}

/// Figures of all certificates; none where nothing is stapled by this module.
#[must_use]
pub fn families(main: Server<'_>) -> Vec<Family> {
    let reports = reports(main);
    if reports.is_empty() {
        return Vec::new();
    }
    let states = [
        ("good", Kind::Response(CertStatus::Good)),
        ("revoked", Kind::Response(CertStatus::Revoked)),
        ("unknown", Kind::Response(CertStatus::Unknown)),
        ("error", Kind::Error),
        ("none", Kind::Nothing),
    ];
    let count =
        |wanted: &dyn Fn(&Report) -> bool| reports.iter().filter(|report| wanted(report)).count() as u64;
    let by_state = states.map(|(name, kind)| Sample {
        labels: vec![("response", Cow::Borrowed(name))],
        value: count(&|report| report.kind == kind),
    });
    let alone =
        |value: Option<u64>| value.map(|value| Sample { labels: Vec::new(), value }).into_iter().collect();
    let good = reports.iter().filter(|report| matches!(report.kind, Kind::Response(_)));
    let gauge = |name, help, samples| Family { name, help, kind: FamilyKind::Gauge, samples };
    vec![
        gauge(
            "staples",
            "Server certificates, by the OCSP response that is stapled to them",
            by_state.into(),
        ),
        gauge(
            "staples_failing",
            "Server certificates whose OCSP response could not be fetched when it was tried last",
            alone(Some(count(&|report| report.failures > 0))),
        ),
        gauge(
            "first_staple_end_timestamp_seconds",
            "When the first of all stapled OCSP responses expires, in seconds since 1970",
            alone(good.filter_map(|report| report.until).min()),
        ),
    ]
}
