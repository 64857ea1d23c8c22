//! Series that speak of checks, read from the snapshot at the moment of the scrape.
//!
//! Names are blackbox exporter's where it has one, so that its dashboards and rules work.

use std::fmt::Error;
use std::sync::Arc;

use health::facts::{CertificateFacts, DnsFacts, HttpFacts, TlsFacts};
use health::snapshot::{CheckStanding, Last};
use health::{Kind, Phase, Severity, Snapshot, State};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use tokio::sync::watch;

/// Longest label value that is exported; what comes from outside is cut there.
const LABEL_BYTES: usize = 256;

/// Reads the snapshot at each scrape.
#[derive(Debug)]
pub(super) struct Series {
    snapshot: watch::Receiver<Arc<Snapshot>>,
}

impl Series {
    pub(super) fn new(snapshot: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self { snapshot }
    }
}

impl Collector for Series {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        // Cloned out, so that the loop can publish while this one is written.
        let snapshot = self.snapshot.borrow().clone();
        let mut out = Out { encoder };
        out.probes(&snapshot)?;
        out.http(&snapshot)?;
        out.tls(&snapshot)?;
        out.dns(&snapshot)?;
        out.certificates(&snapshot)?;
        out.standings(&snapshot)?;
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

    fn http(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
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

    fn tls(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.per_check(
            snapshot,
            "probe_ssl_earliest_cert_expiry",
            "Earliest end of the certificates presented, Unix time",
            |_, last| {
                tls_of(last)?
                    .chain
                    .iter()
                    .map(|certificate| certificate.not_after)
                    .min()
                    .map(seconds)
            },
        )?;
        self.per_check(
            snapshot,
            "probe_ssl_last_chain_expiry_timestamp_seconds",
            "Earliest end within the verified path, Unix time",
            |_, last| tls_of(last)?.path_not_after.map(seconds),
        )?;
        let mut gauges =
            self.family("probe_ssl_last_chain_info", "The leaf certificate that was presented")?;
        for (standing, tls) in handshakes(snapshot) {
            if let Some(leaf) = tls.chain.first() {
                let names = leaf.names.join(",");
                let more = [
                    ("fingerprint_sha256", &*leaf.fingerprint),
                    ("subject", bounded(&leaf.subject)),
                    ("issuer", bounded(&leaf.issuer)),
                    ("subjectalternative", bounded(&names)),
                    ("serialnumber", bounded(&leaf.serial)),
                ];
                gauges.put(&with(labels(standing), more), 1_i64)?;
            }
        }
        let mut gauges =
            self.family("probe_tls_version_info", "TLS version of the last handshake")?;
        for (standing, tls) in handshakes(snapshot) {
            gauges.put(&with(labels(standing), [("version", &*tls.protocol)]), 1_i64)?;
        }
        let mut gauges =
            self.family("probe_tls_cipher_info", "Cipher suite of the last handshake")?;
        for (standing, tls) in handshakes(snapshot) {
            gauges.put(&with(labels(standing), [("cipher", &*tls.cipher)]), 1_i64)?;
        }
        Ok(())
    }

    fn dns(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges =
            self.family("probe_dns_duration_seconds", "How long each phase of the DNS probe took")?;
        for (standing, last) in
            looked_at(snapshot).filter(|(standing, _)| standing.check.kind == Kind::Dns)
        {
            for (phase, took) in last.phases.iter() {
                gauges
                    .put(&with(labels(standing), [("phase", phase.label())]), took.as_secs_f64())?;
            }
        }
        self.per_check(
            snapshot,
            "probe_dns_answer_rrs",
            "Records in the answer section, of the server that gave most",
            |_, last| {
                authoritative(last.facts.dns.as_deref()?)
                    .map(|server| i64::from(server.counts[0]))
                    .max()
            },
        )?;
        self.per_check(
            snapshot,
            "probe_dns_serial",
            "Highest SOA serial among the authoritative servers",
            |_, last| {
                authoritative(last.facts.dns.as_deref()?)
                    .filter_map(|server| server.serial)
                    .max()
                    .map(i64::from)
            },
        )?;
        let mut gauges = self.family(
            "portwarden_dns_record_matches",
            "1 when this nameserver holds what the plan says of this record",
        )?;
        for (standing, last) in looked_at(snapshot) {
            let Some(dns) = last.facts.dns.as_deref() else { continue };
            let servers: Vec<String> = dns.servers.iter().map(nameserver_label).collect();
            for record in &dns.records {
                for answer in &record.answers {
                    let Some(server) = servers.get(answer.server) else { continue };
                    let row = [
                        ("check", bounded(&standing.check.name)),
                        ("name", bounded(&record.name)),
                        ("type", &*record.record_type),
                        ("nameserver", bounded(server)),
                    ];
                    gauges.put(&row, i64::from(answer.matches))?;
                }
            }
        }
        Ok(())
    }

    fn certificates(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let families: [(&str, &str, fn(&CertificateFacts) -> Timestamp); 2] = [
            (
                "portwarden_certificate_not_after_timestamp_seconds",
                "End of validity of every certificate served or stored, Unix time",
                |certificate| certificate.not_after,
            ),
            (
                "portwarden_certificate_not_before_timestamp_seconds",
                "Start of validity of every certificate served or stored, Unix time",
                |certificate| certificate.not_before,
            ),
        ];
        for (name, help, moment) in families {
            let mut gauges = self.family(name, help)?;
            for (standing, last) in looked_at(snapshot) {
                let tls = last.facts.tls.as_deref();
                let served = tls.map(|tls| (&*standing.check.instance, "served", &tls.chain));
                let named = tls.and_then(|tls| tls.file.as_ref());
                let files = last
                    .facts
                    .files
                    .iter()
                    .chain(named)
                    .map(|file| (&*file.path, "file", &file.chain));
                for (place, stored, chain) in served.into_iter().chain(files) {
                    for (position, certificate) in chain.iter().enumerate() {
                        let position = position.to_string();
                        let more = [
                            ("place", bounded(place)),
                            ("stored", stored),
                            ("position", &*position),
                            ("subject", bounded(&certificate.subject)),
                            ("issuer", bounded(&certificate.issuer)),
                            ("serial", bounded(&certificate.serial)),
                        ];
                        gauges.put(&with(labels(standing), more), seconds(moment(certificate)))?;
                    }
                }
            }
        }
        Ok(())
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
                ("claim", claim.map_or("", |claim| claim.claim.label())),
            ];
            gauges.put(&row, state_value(standing.state))?;
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
    fn put(
        &mut self,
        labels: &impl EncodeLabelSet,
        value: impl EncodeGaugeValue,
    ) -> Result<(), Error> {
        self.0.encode_family(labels)?.encode_gauge(&value)
    }
}

fn looked_at(snapshot: &Snapshot) -> impl Iterator<Item = (&CheckStanding, &Last)> {
    snapshot.checks.iter().filter_map(|standing| Some((&**standing, standing.last.as_deref()?)))
}

fn handshakes(snapshot: &Snapshot) -> impl Iterator<Item = (&CheckStanding, &TlsFacts)> {
    looked_at(snapshot).filter_map(|(standing, last)| Some((standing, last.facts.tls.as_deref()?)))
}

fn http_of(last: &Last) -> Option<&HttpFacts> {
    last.facts.http.as_deref()
}

fn tls_of(last: &Last) -> Option<&TlsFacts> {
    last.facts.tls.as_deref()
}

fn authoritative(dns: &DnsFacts) -> impl Iterator<Item = &health::facts::ServerFacts> {
    dns.servers.iter().filter(|server| !server.is_resolver && server.reachable)
}

fn nameserver_label(server: &health::facts::ServerFacts) -> String {
    match server.address {
        Some(address)
            if server.name != address.to_string() && server.name != address.ip().to_string() =>
        {
            format!("{} ({address})", server.name)
        }
        Some(address) => address.to_string(),
        None => server.name.clone(),
    }
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

fn bounded(value: &str) -> &str {
    &value[..value.floor_char_boundary(LABEL_BYTES)]
}
