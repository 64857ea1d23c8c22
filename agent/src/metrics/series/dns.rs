//! What DNS probes saw on each server. Bounded: what a check has beyond [`MOST_RECORDS`] records or
//! [`MOST_SERVERS`] servers is counted and not told.

use std::fmt::Error;

use health::facts::{AnswerFacts, DnsFacts, Part, RecordFacts, ServerFacts};
use health::snapshot::{CheckStanding, Last};
use health::{Kind, Snapshot};

use super::super::queries::nameserver_label;
use super::{Out, bounded, labels, looked_at, seconds, with};

/// Records of one check that have series of their own.
const MOST_RECORDS: usize = 200;
/// Servers of one check that have series of their own, caches among them.
pub(in crate::metrics) const MOST_SERVERS: usize = 32;

/// One answer with all that its labels need.
struct Told<'a> {
    last: &'a Last,
    server: &'a ServerFacts,
    answer: &'a AnswerFacts,
    labels: [(&'static str, &'a str); 4],
}

impl Out<'_> {
    pub(super) fn dns(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
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
        self.dns_servers(snapshot)?;
        self.dns_records(snapshot)?;
        self.dnssec(snapshot)?;
        self.dns_left_out(snapshot)
    }

    fn dns_servers(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.per_server(
            snapshot,
            "portwarden_dns_server_up",
            "1 when this nameserver or cache answered at least one question of the last probe",
            |server| Some(if server.reachable { 1.0 } else { 0.0 }),
        )?;
        self.per_server(
            snapshot,
            "portwarden_dns_server_rtt_seconds",
            "Median round trip of the answers of this nameserver or cache",
            |server| server.rtt_seconds,
        )?;
        self.per_server(
            snapshot,
            "portwarden_dns_server_serial",
            "SOA serial that this nameserver or cache answered with",
            |server| server.serial.map(f64::from),
        )
    }

    fn per_server(
        &mut self,
        snapshot: &Snapshot,
        name: &str,
        help: &str,
        value: impl Fn(&ServerFacts) -> Option<f64>,
    ) -> Result<(), Error> {
        let mut gauges = self.family(name, help)?;
        for (standing, _, dns) in zones(snapshot) {
            for server in dns.servers.iter().take(MOST_SERVERS) {
                let Some(value) = value(server) else { continue };
                let nameserver = nameserver_label(server);
                let row = [
                    ("check", bounded(&standing.check.name)),
                    ("zone", bounded(&dns.zone)),
                    ("nameserver", bounded(&nameserver)),
                    ("role", role(server.part())),
                ];
                gauges.put(&row, value)?;
            }
        }
        Ok(())
    }

    fn dns_records(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.per_answer(
            snapshot,
            "portwarden_dns_record_matches",
            "1 when this nameserver holds what the plan says of this record",
            |told| Some(i64::from(told.answer.matches)),
        )?;
        self.per_answer(
            snapshot,
            "portwarden_dns_record_ttl_seconds",
            "TTL of this record as this nameserver gives it; of a cache, what is left of it",
            |told| told.answer.ttl.map(i64::from),
        )?;
        self.per_answer(
            snapshot,
            "portwarden_dns_stale_until_timestamp_seconds",
            "When this cache must have let go of what is not as planned",
            |told| {
                let is_stale = told.server.is_resolver && !told.answer.matches;
                told.answer.expiry(told.last.at).filter(|_| is_stale).map(seconds)
            },
        )
    }

    fn per_answer<V: prometheus_client::encoding::EncodeGaugeValue>(
        &mut self,
        snapshot: &Snapshot,
        name: &str,
        help: &str,
        value: impl Fn(&Told<'_>) -> Option<V>,
    ) -> Result<(), Error> {
        let mut gauges = self.family(name, help)?;
        for (standing, last, dns) in zones(snapshot) {
            let servers: Vec<String> = dns.servers.iter().map(nameserver_label).collect();
            for record in dns.records.iter().take(MOST_RECORDS) {
                for answer in within(record) {
                    let Some(server) = dns.servers.get(answer.server) else { continue };
                    let labels = [
                        ("check", bounded(&standing.check.name)),
                        ("name", bounded(&record.name)),
                        ("type", &*record.record_type),
                        ("nameserver", bounded(&servers[answer.server])),
                    ];
                    let told = Told { last, server, answer, labels };
                    if let Some(value) = value(&told) {
                        gauges.put(&told.labels, value)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn dnssec(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family(
            "portwarden_dnssec_state",
            "What a validating resolver makes of the zone: 1 for the state that it is in",
        )?;
        for (standing, _, dns) in zones(snapshot) {
            let Some(dnssec) = dns.dnssec.as_deref() else { continue };
            let row = [
                ("check", bounded(&standing.check.name)),
                ("zone", bounded(&dns.zone)),
                ("state", dnssec.state.label()),
            ];
            gauges.put(&row, 1_i64)?;
        }
        let mut gauges = self.family(
            "portwarden_dnssec_signature_expiry_timestamp_seconds",
            "When the first signature that this nameserver gives ends",
        )?;
        for (standing, _, dns) in zones(snapshot) {
            let signed = dns.dnssec.iter().flat_map(|dnssec| &dnssec.signatures);
            for signed in signed.take(MOST_SERVERS) {
                let Some(end) = signed.earliest_end else { continue };
                let server = ServerFacts {
                    name: signed.server.clone(),
                    address: Some(signed.address),
                    ..ServerFacts::default()
                };
                let nameserver = nameserver_label(&server);
                let row = [
                    ("check", bounded(&standing.check.name)),
                    ("zone", bounded(&dns.zone)),
                    ("nameserver", bounded(&nameserver)),
                ];
                gauges.put(&row, seconds(end))?;
            }
        }
        Ok(())
    }

    fn dns_left_out(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family(
            "portwarden_dns_left_out",
            "Records and servers of a check that have no series of their own: beyond 200 and 32",
        )?;
        for (standing, _, dns) in zones(snapshot) {
            for (what, count, most) in [
                ("records", dns.records.len(), MOST_RECORDS),
                ("servers", dns.servers.len(), MOST_SERVERS),
            ] {
                let left = i64::try_from(count.saturating_sub(most)).unwrap_or(i64::MAX);
                gauges.put(&[("check", bounded(&standing.check.name)), ("what", what)], left)?;
            }
        }
        Ok(())
    }
}

fn zones(snapshot: &Snapshot) -> impl Iterator<Item = (&CheckStanding, &Last, &DnsFacts)> {
    looked_at(snapshot)
        .filter_map(|(standing, last)| Some((standing, last, last.facts.dns.as_deref()?)))
}

fn role(part: Part) -> &'static str {
    match part {
        Part::Authority => "authority",
        Part::Parent => "parent",
        Part::Cache => "cache",
    }
}

/// Answers of the servers that have series.
fn within(record: &RecordFacts) -> impl Iterator<Item = &AnswerFacts> {
    record.answers.iter().filter(|answer| answer.server < MOST_SERVERS)
}

fn authoritative(dns: &DnsFacts) -> impl Iterator<Item = &ServerFacts> {
    dns.servers.iter().filter(|server| server.part() == Part::Authority && server.reachable)
}
