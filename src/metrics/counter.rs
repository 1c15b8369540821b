//! The counters, and the families that they are shown in.

use super::{Family, Kind, Sample, Table};

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "the table below says what each of them is")]
pub enum Counter {
    FullTls10,
    FullTls11,
    FullTls12,
    FullTls13,
    ResumedTls10,
    ResumedTls11,
    ResumedTls12,
    ResumedTls13,
    FailedClosed,
    FailedIo,
    FailedTimeout,
    FailedNegotiation,
    FailedClient,
    FailedAlert,
    FailedOther,
    FailedRefused,
    LaterDone,
    LaterFailed,
    PlainHttp,
    ClientVerified,
    ClientAbsent,
    ClientUnvouched,
    ClientRefused,
    OcspAnswered,
    OcspFailed,
    OcspKept,
    SessionHit,
    SessionMiss,
    SessionRefused,
    SessionStored,
    SessionError,
    TicketIssued,
    TicketUsed,
    TicketRefused,
    TicketUnreadable,
    Misdirected,
    NoHostname,
    NoServerName,
    StandIn,
    TlsRequired,
    Requirement,
    Spoof,
}

/// How many there are.
pub const COUNTERS: usize = Counter::Spoof as usize + 1;

impl Counter {
    /// A handshake of a version as it is on the wire. What is older than TLS 1.0 counts with it.
    #[must_use]
    pub const fn handshake(version: i32, resumed: bool) -> Self {
        match (version, resumed) {
            (0x0304.., false) => Self::FullTls13,
            (0x0303, false) => Self::FullTls12,
            (0x0302, false) => Self::FullTls11,
            (_, false) => Self::FullTls10,
            (0x0304.., true) => Self::ResumedTls13,
            (0x0303, true) => Self::ResumedTls12,
            (0x0302, true) => Self::ResumedTls11,
            (_, true) => Self::ResumedTls10,
        }
    }
}

/// A family with the values of its labels, and the counter for each.
struct Row {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    counters: &'static [(Counter, &'static [&'static str])],
}

const ROWS: &[Row] = &[
    Row {
        name: "handshakes",
        help: "Handshakes that were finished",
        labels: &["kind", "version"],
        counters: &[
            (Counter::FullTls10, &["full", "TLSv1"]),
            (Counter::FullTls11, &["full", "TLSv1.1"]),
            (Counter::FullTls12, &["full", "TLSv1.2"]),
            (Counter::FullTls13, &["full", "TLSv1.3"]),
            (Counter::ResumedTls10, &["resumed", "TLSv1"]),
            (Counter::ResumedTls11, &["resumed", "TLSv1.1"]),
            (Counter::ResumedTls12, &["resumed", "TLSv1.2"]),
            (Counter::ResumedTls13, &["resumed", "TLSv1.3"]),
        ],
    },
    Row {
        name: "handshake_failures",
        help: "Handshakes that failed: the client went away, the connection broke, it took too long, no version, \
               cipher or signature in common, no acceptable client certificate, the client has sent an alert, \
               anything else, or there were too many at once",
        labels: &["cause"],
        counters: &[
            (Counter::FailedClosed, &["closed"]),
            (Counter::FailedIo, &["io"]),
            (Counter::FailedTimeout, &["timeout"]),
            (Counter::FailedNegotiation, &["negotiation"]),
            (Counter::FailedClient, &["client_certificate"]),
            (Counter::FailedAlert, &["alert"]),
            (Counter::FailedOther, &["other"]),
            (Counter::FailedRefused, &["too_many"]),
        ],
    },
    Row {
        name: "later_handshakes",
        help: "Renegotiations and post-handshake authentications for a directory",
        labels: &["outcome"],
        counters: &[(Counter::LaterDone, &["done"]), (Counter::LaterFailed, &["failed"])],
    },
    Row {
        name: "plain_http",
        help: "Connections with plain HTTP on a port for TLS",
        labels: &[],
        counters: &[(Counter::PlainHttp, &[])],
    },
    Row {
        name: "client_certificates",
        help: "Connections to hosts that ask for client certificates, by what became of them",
        labels: &["outcome"],
        counters: &[
            (Counter::ClientVerified, &["verified"]),
            (Counter::ClientAbsent, &["absent"]),
            (Counter::ClientUnvouched, &["unvouched"]),
            (Counter::ClientRefused, &["refused"]),
        ],
    },
    Row {
        name: "ocsp_checks",
        help: "Checks of client certificates with OCSP responders: by a usable answer, without one, by an answer \
               that was kept",
        labels: &["result"],
        counters: &[
            (Counter::OcspAnswered, &["answered"]),
            (Counter::OcspFailed, &["failed"]),
            (Counter::OcspKept, &["kept"]),
        ],
    },
    Row {
        name: "session_cache",
        help: "Session cache: sessions found, not found, found but not fit to be resumed, stored, errors of the \
               provider",
        labels: &["event"],
        counters: &[
            (Counter::SessionHit, &["hit"]),
            (Counter::SessionMiss, &["miss"]),
            (Counter::SessionRefused, &["refused"]),
            (Counter::SessionStored, &["stored"]),
            (Counter::SessionError, &["error"]),
        ],
    },
    Row {
        name: "tickets",
        help: "Session tickets: issued, taken for a resumption, not fit for one, sealed with a key that is not known",
        labels: &["event"],
        counters: &[
            (Counter::TicketIssued, &["issued"]),
            (Counter::TicketUsed, &["used"]),
            (Counter::TicketRefused, &["refused"]),
            (Counter::TicketUnreadable, &["unreadable"]),
        ],
    },
    Row {
        name: "requests_refused",
        help: "Requests that were refused: 421, no Host, no server name, stand-in certificate, SSLRequireSSL, \
               SSLRequire, a forged user of FakeBasicAuth",
        labels: &["reason"],
        counters: &[
            (Counter::Misdirected, &["misdirected"]),
            (Counter::NoHostname, &["no_host"]),
            (Counter::NoServerName, &["no_server_name"]),
            (Counter::StandIn, &["stand_in"]),
            (Counter::TlsRequired, &["tls_required"]),
            (Counter::Requirement, &["requirement"]),
            (Counter::Spoof, &["spoof"]),
        ],
    },
];

/// All families with their values.
pub(super) fn families(table: &Table) -> Vec<Family> {
    let sample = |row: &Row, counter: Counter, values: &[&'static str]| Sample {
        labels: row.labels.iter().copied().zip(values.iter().map(|value| (*value).into())).collect(),
        value: table.total(counter),
    };
    let family = |row: &Row| Family {
        name: row.name,
        help: row.help,
        kind: Kind::Counter,
        samples: row.counters.iter().map(|(counter, values)| sample(row, *counter, values)).collect(),
    };
    ROWS.iter().map(family).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_shown_once_and_with_all_labels() {
        let shown: Vec<usize> =
            ROWS.iter().flat_map(|row| row.counters.iter().map(|(counter, _)| *counter as usize)).collect();
        assert_eq!(shown, (0..COUNTERS).collect::<Vec<_>>());
        for row in ROWS {
            assert!(row.counters.iter().all(|(_, values)| values.len() == row.labels.len()), "{}", row.name);
        }
    }

    #[test]
    fn versions() {
        for (version, resumed, counter) in [
            (0x0300, false, Counter::FullTls10),
            (0x0301, true, Counter::ResumedTls10),
            (0x0302, false, Counter::FullTls11),
            (0x0303, true, Counter::ResumedTls12),
            (0x0304, false, Counter::FullTls13),
            (0x0305, true, Counter::ResumedTls13),
        ] {
            assert_eq!(Counter::handshake(version, resumed), counter);
        }
    }
}
