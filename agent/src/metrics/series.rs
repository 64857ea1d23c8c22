//! Series that speak of checks, read from the snapshot at the moment of the scrape.
//!
//! Names are blackbox exporter's where it has one, so that its dashboards and rules work.

mod certificates;
mod dns;
mod elsewhere;
mod http;
mod journey;
mod signals;
mod sockets;

use certificates::handshakes;
pub(super) use dns::MOST_SERVERS;

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::Arc;

use health::snapshot::{CheckStanding, Last};
use health::{Kind, Phase, Protocol, Severity, Snapshot, State, Undeclared};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use tokio::sync::watch;

use super::vocabulary::{Spoken, Vocabulary};

/// The label of what no claim names; Prometheus takes it for no label at all.
const UNDECLARED: &str = "";

/// Longest label value that is exported; what comes from outside is cut there.
const LABEL_BYTES: usize = 256;

/// Reads the snapshot at each scrape.
#[derive(Debug)]
pub(super) struct Series {
    snapshot: watch::Receiver<Arc<Snapshot>>,
    spoken: Spoken,
}

impl Series {
    pub(super) fn new(snapshot: watch::Receiver<Arc<Snapshot>>, spoken: Spoken) -> Self {
        Self { snapshot, spoken }
    }
}

impl Collector for Series {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        // Cloned out, so that the loop can publish while this one is written.
        let snapshot = self.snapshot.borrow().clone();
        let mut out = Out { encoder };
        out.probes(&snapshot)?;
        out.http(&snapshot)?;
        out.grpc(&snapshot)?;
        out.nginx(&snapshot)?;
        out.journeys(&snapshot)?;
        out.tls(&snapshot)?;
        out.dns(&snapshot)?;
        out.certificates(&snapshot)?;
        out.renewals(&snapshot)?;
        if self.spoken.includes(Vocabulary::SslExporter) {
            out.as_ssl_exporter(&snapshot)?;
        }
        if self.spoken.includes(Vocabulary::X509CertificateExporter) {
            out.as_x509_certificate_exporter(&snapshot, snapshot.at)?;
        }
        out.signals(&snapshot)?;
        out.standings(&snapshot)?;
        out.listeners(&snapshot)?;
        out.agent(&snapshot)
    }
}

struct Out<'e> {
    encoder: DescriptorEncoder<'e>,
}

type Labels<'a> = [(&'static str, &'a str); 3];

fn labels(standing: &CheckStanding) -> Labels<'_> {
    let check = &standing.check;
    [
        ("check", bounded(&check.name)),
        ("kind", check.kind.label()),
        ("instance", bounded(&check.instance)),
    ]
}

fn with<'a, const N: usize>(
    labels: Labels<'a>,
    more: [(&'static str, &'a str); N],
) -> Vec<(&'static str, &'a str)> {
    labels.into_iter().chain(more).collect()
}

impl Out<'_> {
    fn family<'s>(&'s mut self, name: &'s str, help: &str) -> Result<Gauges<'s>, Error> {
        Ok(Gauges(self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?))
    }

    /// One gauge per check for which `value` says something.
    fn per_check<V: EncodeGaugeValue>(
        &mut self,
        snapshot: &Snapshot,
        name: &str,
        help: &str,
        value: impl Fn(&CheckStanding, &Last) -> Option<V>,
    ) -> Result<(), Error> {
        let mut gauges = self.family(name, help)?;
        for (standing, last) in looked_at(snapshot) {
            if let Some(value) = value(standing, last) {
                gauges.put(&labels(standing), value)?;
            }
        }
        Ok(())
    }

    fn probes(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.per_check(
            snapshot,
            "probe_success",
            "1 when the last probe found nothing worse than a notice",
            |_, last| Some(i64::from(last.success)),
        )?;
        self.per_check(
            snapshot,
            "probe_duration_seconds",
            "How long the last probe took",
            |_, last| Some(last.duration.as_secs_f64()),
        )?;
        self.per_check(
            snapshot,
            "probe_dns_lookup_time_seconds",
            "How long resolving the target's name took",
            |_, last| Some(last.phases.of(Phase::Resolve)?.as_secs_f64()),
        )?;
        self.per_check(
            snapshot,
            "probe_ip_protocol",
            "IP version that was dialled, 4 or 6",
            |_, last| Some(if last.facts.address?.is_ipv4() { 4_i64 } else { 6 }),
        )?;
        self.per_check(
            snapshot,
            "portwarden_probe_timestamp_seconds",
            "When the last probe began",
            |_, last| Some(seconds(last.at)),
        )
    }

    fn standings(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family("portwarden_findings", "Findings that stand now, by code")?;
        for standing in &snapshot.checks {
            let mut counted: Vec<(&'static str, Severity, i64)> = Vec::new();
            for finding in &standing.findings {
                let (code, severity) = (finding.finding.code.label(), finding.finding.severity);
                match counted
                    .iter_mut()
                    .find(|(known, worst, _)| (*known, *worst) == (code, severity))
                {
                    Some((_, _, count)) => *count += 1,
                    None => counted.push((code, severity, 1)),
                }
            }
            for (code, severity, count) in counted {
                let row = [
                    ("check", bounded(&standing.check.name)),
                    ("kind", standing.check.kind.label()),
                    ("code", code),
                    ("severity", severity.label()),
                ];
                gauges.put(&row, count)?;
            }
        }
        let mut gauges = self.family(
            "portwarden_check_state",
            "State of each check: 0 unknown, 1 up, 2 degraded, 3 down",
        )?;
        for standing in &snapshot.checks {
            gauges.put(&labels(standing), state_value(standing.state))?;
        }
        let mut gauges = self.family(
            "portwarden_port_state",
            "State of each port: 0 unknown, 1 up, 2 degraded, 3 down",
        )?;
        for standing in &snapshot.checks {
            let Some(port) = &standing.port else { continue };
            let number = port.port.to_string();
            let claim = standing.claim.as_deref();
            let row = [
                ("host", bounded(&port.host)),
                ("port", &*number),
                ("protocol", port.protocol.label()),
                ("service", claim.map_or("", |claim| bounded(&claim.service))),
                ("claim", claim.map_or(UNDECLARED, |claim| claim.claim.label())),
            ];
            gauges.put(&row, state_value(standing.state))?;
        }
        Ok(())
    }

    /// Addresses that somebody listens on, of local hosts alone: what only answers from afar is
    /// not known by its sockets.
    fn listeners(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut counted: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
        for host in snapshot.hosts.iter().filter(|host| host.local) {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                // Where nobody has looked for strangers, there is no telling how many there are.
                let looked =
                    snapshot.swept.contains(&host.name) && host.undeclared != Undeclared::Ignore;
                let undeclared = looked.then_some(UNDECLARED);
                for claim in ["allocated", "reserved", "system"].into_iter().chain(undeclared) {
                    counted.insert((bounded(&host.name), protocol.label(), claim), 0);
                }
            }
        }
        for standing in &snapshot.checks {
            let (Some(port), Some(observed)) = (&standing.port, standing.observed()) else {
                continue;
            };
            let claim = standing.claim.as_ref().map_or(UNDECLARED, |claim| claim.claim.label());
            let row = (bounded(&port.host), port.protocol.label(), claim);
            let binds = i64::try_from(observed.bind.len()).unwrap_or(i64::MAX);
            counted.entry(row).and_modify(|count| *count = count.saturating_add(binds));
        }
        let mut gauges = self.family(
            "portwarden_listeners",
            "Addresses of local hosts that somebody listens on, by what the plan claims of the port",
        )?;
        for ((host, protocol, claim), count) in counted {
            let labels = [("host", host), ("protocol", protocol), ("claim", claim)];
            gauges.put(&labels, count)?;
        }
        Ok(())
    }

    fn agent(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family("portwarden_build_info", "Version of the agent")?;
        gauges
            .put(&[("version", env!("CARGO_PKG_VERSION")), ("agent", &*snapshot.agent)], 1_i64)?;
        let mut gauges =
            self.family("portwarden_incidents_open", "Incidents open now, by severity")?;
        for severity in [Severity::Warning, Severity::Critical] {
            let open =
                snapshot.incidents.iter().filter(|incident| incident.severity == severity).count();
            gauges
                .put(&[("severity", severity.label())], i64::try_from(open).unwrap_or(i64::MAX))?;
        }
        let mut gauges =
            self.family("portwarden_incidents_acknowledged", "Open incidents that somebody is on")?;
        let acknowledged = snapshot.incidents.iter().filter(|it| it.acknowledged.is_some());
        gauges.put_alone(i64::try_from(acknowledged.count()).unwrap_or(i64::MAX))?;
        let mut gauges = self.family("portwarden_silences", "Silences that hold now")?;
        let silences = snapshot.silences.iter().filter(|it| it.is_active(snapshot.at));
        gauges.put_alone(i64::try_from(silences.count()).unwrap_or(i64::MAX))?;
        let mut gauges = self.family(
            "portwarden_maintenance",
            "Maintenance windows of the plan: 1 while one is open",
        )?;
        for window in &snapshot.maintenance {
            let is_open = window.from <= snapshot.at && snapshot.at < window.until;
            gauges.put(&[("name", bounded(&window.name))], i64::from(is_open))?;
        }
        let mut gauges = self.family("portwarden_checks", "Checks of the running plan, by kind")?;
        for kind in Kind::ALL {
            let count =
                snapshot.checks.iter().filter(|standing| standing.check.kind == *kind).count();
            gauges.put(&[("kind", kind.label())], i64::try_from(count).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }
}

struct Gauges<'s>(MetricEncoder<'s>);

impl Gauges<'_> {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers: a reference at every call is noise"
    )]
    fn put(
        &mut self,
        labels: &impl EncodeLabelSet,
        value: impl EncodeGaugeValue,
    ) -> Result<(), Error> {
        self.0.encode_family(labels)?.encode_gauge(&value)
    }

    /// Of what there is one, and so without labels.
    fn put_alone(&mut self, value: i64) -> Result<(), Error> {
        self.0.encode_gauge(&value)
    }
}

fn looked_at(snapshot: &Snapshot) -> impl Iterator<Item = (&CheckStanding, &Last)> {
    snapshot.checks.iter().filter_map(|standing| Some((&**standing, standing.last.as_deref()?)))
}

fn state_value(state: State) -> i64 {
    match state {
        State::Unknown => 0,
        State::Up => 1,
        State::Degraded => 2,
        State::Down => 3,
    }
}

/// Unix time in seconds.
#[expect(clippy::cast_precision_loss, reason = "a double holds microseconds until the year 2255")]
fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

pub(crate) fn bounded(value: &str) -> &str {
    if value.len() <= LABEL_BYTES {
        return value;
    }
    let end = (0..=LABEL_BYTES).rev().find(|&end| value.is_char_boundary(end)).unwrap_or(0);
    &value[..end]
}
