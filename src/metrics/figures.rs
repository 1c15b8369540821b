//! Figures as text: for the page of mod_status, for programs that read that page, and for those that read
//! OpenMetrics.

use std::borrow::Cow;
use std::fmt::Write as _;

/// In front of every name of OpenMetrics.
const PREFIX: &str = "mod_ssl_";
/// In front of every name on the page for programs. The lines of the session cache begin with other words.
const AUTO_PREFIX: &str = "TLSModule";

/// Whether a figure only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does, until the server is stopped.
    Counter,
    /// It is as it is at present.
    Gauge,
}

/// One figure of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Name and value of each label.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// The figure.
    pub value: u64,
}

/// Figures that differ in their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// In lower case with `_`, the unit at its end: `ticket_key_age_seconds`.
    pub name: &'static str,
    /// What it is, in a line of text without HTML.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// The figures.
    pub samples: Vec<Sample>,
}

/// Lines `TLSModuleHandshakesFullTLSv1_3: 12`.
#[must_use]
pub fn auto(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        for sample in &family.samples {
            text.push_str(AUTO_PREFIX);
            push_words(&mut text, family.name);
            for (_, value) in &sample.labels {
                push_words(&mut text, value);
            }
            let _ = writeln!(text, ": {}", sample.value);
        }
    }
    text
}

/// Words in a row, each with a capital. What is neither letter nor digit stands as `_`, but between words.
fn push_words(text: &mut String, words: &str) {
    for word in words.split('_') {
        let mut chars = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
        text.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        text.extend(chars);
    }
}

/// A table in the manner of the block of the session cache.
#[must_use]
pub fn html(families: &[Family]) -> String {
    let mut text = String::from(
        "<hr>\n<table cellspacing=0 cellpadding=0>\n<tr><td bgcolor=\"#000000\">\n\
         <b><font color=\"#ffffff\" face=\"Arial,Helvetica\">TLS Module Figures:</font></b>\n</td></tr>\n\
         <tr><td bgcolor=\"#ffffff\">\n",
    );
    for family in families {
        let _ = write!(
            text,
            "<span title=\"{}\">{}",
            escaped(family.help),
            escaped(&family.name.replace('_', " "))
        );
        text.push_str("</span>: ");
        for (index, sample) in family.samples.iter().enumerate() {
            let labels: Vec<&str> = sample.labels.iter().map(|(_, value)| value.as_ref()).collect();
            let comma = if index > 0 { ", " } else { "" };
            let space = if labels.is_empty() { "" } else { " " };
            let _ = write!(text, "{comma}{}{space}<b>{}</b>", escaped(&labels.join(" ")), sample.value);
        }
        text.push_str("<br>\n");
    }
    text.push_str("</td></tr>\n</table>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// OpenMetrics 1.0.
#[must_use]
pub fn open_metrics(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let (kind, suffix) = match family.kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
        };
        let name = family.name;
        let _ = writeln!(text, "# TYPE {PREFIX}{name} {kind}");
        if let Some((_, unit)) = name.rsplit_once('_').filter(|(_, unit)| *unit == "seconds") {
            let _ = writeln!(text, "# UNIT {PREFIX}{name} {unit}");
        }
        let _ = writeln!(text, "# HELP {PREFIX}{name} {}.", quoted(family.help));
        for sample in &family.samples {
            let labels: Vec<String> =
                sample.labels.iter().map(|(label, value)| format!("{label}=\"{}\"", quoted(value))).collect();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{PREFIX}{name}{suffix}{braces} {}", sample.value);
        }
    }
    text.push_str("# EOF\n");
    text
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Family> {
        let sample = |labels: &[(&'static str, &'static str)], value| Sample {
            labels: labels.iter().map(|(name, label)| (*name, Cow::Borrowed(*label))).collect(),
            value,
        };
        vec![
            Family {
                name: "handshakes",
                help: "Handshakes that were finished",
                kind: Kind::Counter,
                samples: vec![
                    sample(&[("kind", "full"), ("version", "TLSv1.3")], 7),
                    sample(&[("kind", "resumed"), ("version", "TLSv1.2")], 0),
                ],
            },
            Family {
                name: "ticket_key_age_seconds",
                help: "Age of the \"key\" <for> tickets",
                kind: Kind::Gauge,
                samples: vec![sample(&[], 3), sample(&[("server", "a\\b\"<c>\n:443")], u64::MAX)],
            },
        ]
    }

    #[test]
    fn for_programs() {
        assert_eq!(
            auto(&some()),
            "TLSModuleHandshakesFullTLSv1_3: 7\nTLSModuleHandshakesResumedTLSv1_2: 0\n\
             TLSModuleTicketKeyAgeSeconds: 3\nTLSModuleTicketKeyAgeSecondsA_b__c___443: 18446744073709551615\n"
        );
    }

    #[test]
    fn for_scrapers() {
        assert_eq!(
            open_metrics(&some()),
            "# TYPE mod_ssl_handshakes counter\n# HELP mod_ssl_handshakes Handshakes that were finished.\n\
             mod_ssl_handshakes_total{kind=\"full\",version=\"TLSv1.3\"} 7\n\
             mod_ssl_handshakes_total{kind=\"resumed\",version=\"TLSv1.2\"} 0\n\
             # TYPE mod_ssl_ticket_key_age_seconds gauge\n# UNIT mod_ssl_ticket_key_age_seconds seconds\n\
             # HELP mod_ssl_ticket_key_age_seconds Age of the \\\"key\\\" <for> tickets.\n\
             mod_ssl_ticket_key_age_seconds 3\n\
             mod_ssl_ticket_key_age_seconds{server=\"a\\\\b\\\"<c>\\n:443\"} 18446744073709551615\n# EOF\n"
        );
    }

    #[test]
    fn for_people() {
        let page = html(&some());
        assert!(
            page.contains(">handshakes</span>: full TLSv1.3 <b>7</b>, resumed TLSv1.2 <b>0</b><br>\n"),
            "{page}"
        );
        assert!(page.contains("<span title=\"Age of the &quot;key&quot; &lt;for&gt; tickets\">ticket key age seconds</span>: <b>3</b>, a"));
        assert!(!page.contains("<c>"), "{page}");
    }
}
