//! What gRPC services said of their health, and what nginx counts of itself.
//!
//! The names are those of blackbox exporter and of nginx-prometheus-exporter, so that their dashboards
//! and rules work.

use std::fmt::Error;

use health::facts::NginxFacts;
use health::snapshot::CheckStanding;
use health::{Kind, Phase, Snapshot};
use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;

use super::{Out, labels, looked_at, with};

const SERVING: [&str; 4] = ["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"];

type Gauge = (&'static str, &'static str, fn(&NginxFacts) -> u64);

const GAUGES: [Gauge; 6] = [
    ("nginx_connections_active", "Connections now, idle ones included", |counted| counted.active),
    ("nginx_connections_reading", "Connections on which a request is read", |counted| {
        counted.reading
    }),
    ("nginx_connections_writing", "Connections on which an answer is written", |counted| {
        counted.writing
    }),
    ("nginx_connections_waiting", "Connections idle between requests", |counted| counted.waiting),
    ("nginx_connections_accepted", "Connections accepted since it started", |counted| {
        counted.accepts
    }),
    ("nginx_connections_handled", "Connections taken up since it started", |counted| {
        counted.handled
    }),
];

impl Out<'_> {
    pub(super) fn grpc(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let is_grpc = |standing: &CheckStanding| standing.check.kind == Kind::Grpc;
        if !looked_at(snapshot).any(|(standing, _)| is_grpc(standing)) {
            return Ok(());
        }
        let phases = [
            (Phase::Resolve, "resolve"),
            (Phase::Connect, "connect"),
            (Phase::Tls, "tls"),
            (Phase::Processing, "check"),
        ];
        let mut gauges =
            self.family("probe_grpc_duration_seconds", "How long each phase of the call took")?;
        for (standing, last) in looked_at(snapshot).filter(|(standing, _)| is_grpc(standing)) {
            for (phase, name) in phases {
                if let Some(took) = last.phases.of(phase) {
                    gauges.put(&with(labels(standing), [("phase", name)]), took.as_secs_f64())?;
                }
            }
        }
        self.per_check(
            snapshot,
            "probe_grpc_status_code",
            "Status of the call, -1 when there was none",
            |standing, last| {
                let code = last.facts.grpc.as_ref().and_then(|grpc| grpc.grpc_status);
                is_grpc(standing).then(|| code.map_or(-1, i64::from))
            },
        )?;
        self.per_check(
            snapshot,
            "probe_grpc_ssl",
            "1 when the call went over TLS",
            |standing, last| is_grpc(standing).then(|| i64::from(last.facts.tls.is_some())),
        )?;
        let mut gauges = self.family(
            "probe_grpc_healthcheck_response",
            "1 for the health that the service says it has",
        )?;
        for (standing, last) in looked_at(snapshot).filter(|(standing, _)| is_grpc(standing)) {
            let said = last.facts.grpc.as_ref().and_then(|grpc| grpc.serving.as_deref());
            for health in SERVING {
                let row = with(labels(standing), [("serving_status", health)]);
                gauges.put(&row, i64::from(said == Some(health)))?;
            }
        }
        Ok(())
    }

    pub(super) fn nginx(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        if !looked_at(snapshot).any(|(_, last)| last.facts.nginx.is_some()) {
            return Ok(());
        }
        for (name, help, count) in GAUGES {
            self.per_check(snapshot, name, help, |_, last| {
                last.facts.nginx.as_deref().map(|counted| as_gauge(count(counted)))
            })?;
        }
        let help = "Requests since it started";
        let mut family = self.encoder.encode_descriptor(
            "nginx_http_requests",
            help,
            None,
            MetricType::Counter,
        )?;
        for (standing, last) in looked_at(snapshot) {
            if let Some(counted) = last.facts.nginx.as_deref() {
                let row = labels(standing);
                let mut series = family.encode_family(&row)?;
                series.encode_counter::<NoLabelSet, _, u64>(&counted.requests, None)?;
            }
        }
        Ok(())
    }
}

fn as_gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
