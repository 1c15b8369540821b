//! Figures for those who watch the server: collected from all who have some, and handed out by
//! `SetHandler ssl-metrics`. The page of mod_status shows them, too.

use super::vhost::Vhost;
use super::{closed, stapling, tickets};
use crate::apr::pool::c_string;
use crate::apr::shared_memory::{self, Shareable};
use crate::httpd::hook::answer;
use crate::httpd::request::{TextField, main_server};
use crate::httpd::{Request, Server};
use crate::metrics::{self, Family, Kind, Sample, Table};
use crate::ossl::x509;
use crate::sys;
use std::ffi::{CStr, c_int};

/// The name of the handler.
const HANDLER: &CStr = c"ssl-metrics";
const OPEN_METRICS: &CStr = c"application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Gives figures of one subject, for the configuration in force.
type Section = fn(Server<'_>) -> Vec<Family>;

/// All who have figures, in the order in which they are shown. Whoever counts needs no more than a
/// [`Counter`](metrics::Counter); what is known otherwise comes in a section of its own.
const SECTIONS: [Section; 4] = [counters, certificates, tickets, stapling::report::families];

// SAFETY: a table consists of atomics, which are zero when their bytes are.
unsafe impl Shareable for Table {}

/// Makes the memory for counters, before the first child process.
pub fn prepare() {
    metrics::count_in(shared_memory::zeroed::<Table>);
}

/// All figures.
#[must_use]
pub fn families() -> Vec<Family> {
    main_server().map(|main| SECTIONS.iter().flat_map(|section| section(main)).collect()).unwrap_or_default()
}

fn counters(_main: Server<'_>) -> Vec<Family> {
    metrics::families()
}

/// When the first of all certificates expires.
fn certificates(main: Server<'_>) -> Vec<Family> {
    let ends = main.iter().filter_map(Vhost::of).filter_map(|vhost| vhost.tls.as_ref()).flat_map(|tls| {
        let of_context = tls.own_identities.get().into_iter().flatten();
        tls.identities
            .iter()
            .chain(of_context)
            .filter_map(|identity| x509::not_after_seconds(identity.certificate()))
    });
    let value = ends.min().and_then(|end| u64::try_from(end).ok());
    vec![Family {
        name: "first_certificate_end_timestamp_seconds",
        help: "When the first of all server certificates expires, in seconds since 1970",
        kind: Kind::Gauge,
        samples: value.map(|value| Sample { labels: Vec::new(), value }).into_iter().collect(),
    }]
}

/// The keys of session tickets that the server makes.
fn tickets(_main: Server<'_>) -> Vec<Family> {
    let status = tickets::status();
    let gauge = |name, help, value: Option<u64>| Family {
        name,
        help,
        kind: Kind::Gauge,
        samples: value.map(|value| Sample { labels: Vec::new(), value }).into_iter().collect(),
    };
    vec![
        gauge(
            "ticket_key_epoch",
            "Number of the key that seals session tickets, the same at all servers with the same secret",
            status.map(|status| status.epoch.into()),
        ),
        gauge(
            "ticket_key_start_timestamp_seconds",
            "Since when the key that seals session tickets has been in use, in seconds since 1970",
            status.map(|status| status.since),
        ),
        gauge(
            "ticket_keys",
            "How many keys open session tickets",
            status.map(|status| status.honoured as u64),
        ),
    ]
}

entry_point! {
    /// Hook `handler`: `SetHandler ssl-metrics`.
    pub fn handler(request: *mut sys::request_rec) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: core passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::DECLINED };
        if request.text(TextField::Handler) != Some(HANDLER) {
            return answer::DECLINED;
        }
        if !request.allows_get_only() {
            return answer::METHOD_NOT_ALLOWED;
        }
        request.set_content_type(OPEN_METRICS);
        request.print(&c_string(metrics::open_metrics(&families())));
        answer::OK
    }
}
