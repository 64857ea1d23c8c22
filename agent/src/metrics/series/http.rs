//! What HTTP probes saw.

use std::fmt::Error;

use health::facts::HttpFacts;
use health::snapshot::Last;
use health::{Kind, Phase, Snapshot};

use super::{Out, labels, looked_at, with};

impl Out<'_> {
    pub(super) fn http(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family(
            "probe_http_duration_seconds",
            "How long each phase of the HTTP request took",
        )?;
        for (standing, last) in
            looked_at(snapshot).filter(|(standing, _)| standing.check.kind == Kind::Http)
        {
            for phase in
                [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Processing, Phase::Transfer]
            {
                if let Some(took) = last.phases.of(phase) {
                    gauges.put(
                        &with(labels(standing), [("phase", phase.label())]),
                        took.as_secs_f64(),
                    )?;
                }
            }
        }
        self.per_check(
            snapshot,
            "probe_http_status_code",
            "Status of the answer, 0 when there was none",
            |standing, last| {
                (standing.check.kind == Kind::Http).then(|| {
                    i64::from(last.facts.http.as_ref().and_then(|http| http.status).unwrap_or(0))
                })
            },
        )?;
        self.per_check(snapshot, "probe_http_version", "HTTP version of the answer", |_, last| {
            http_of(last)?.version.parse::<f64>().ok()
        })?;
        self.per_check(
            snapshot,
            "probe_http_redirects",
            "Redirects that were followed",
            |_, last| i64::try_from(http_of(last)?.redirects.len()).ok(),
        )?;
        self.per_check(
            snapshot,
            "probe_http_ssl",
            "1 when the answer came over TLS",
            |_, last| Some(i64::from(http_of(last)?.url.starts_with("https:"))),
        )?;
        self.per_check(
            snapshot,
            "probe_http_content_length",
            "Length of the body as announced, -1 when it was not",
            |_, last| {
                let http = http_of(last)?;
                http.status?;
                Some(
                    http.content_length.and_then(|length| i64::try_from(length).ok()).unwrap_or(-1),
                )
            },
        )?;
        self.per_check(
            snapshot,
            "probe_http_uncompressed_body_length",
            "Bytes of body received",
            |_, last| {
                let http = http_of(last)?;
                http.status?;
                i64::try_from(http.body_bytes).ok()
            },
        )?;
        self.per_check(
            snapshot,
            "probe_failed_due_to_regex",
            "1 when an expectation by regular expression failed",
            |_, last| Some(i64::from(http_of(last)?.failed_due_to_regex)),
        )
    }
}

fn http_of(last: &Last) -> Option<&HttpFacts> {
    last.facts.http.as_deref()
}
