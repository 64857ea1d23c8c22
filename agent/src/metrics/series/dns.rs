//! What DNS probes saw on each server.

use std::fmt::Error;

use health::facts::{DnsFacts, ServerFacts};
use health::{Kind, Snapshot};

use super::{Out, bounded, labels, looked_at, with};

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
}

fn authoritative(dns: &DnsFacts) -> impl Iterator<Item = &ServerFacts> {
    dns.servers.iter().filter(|server| !server.is_resolver && server.reachable)
}

fn nameserver_label(server: &ServerFacts) -> String {
    match server.address {
        Some(address)
            if *server.name != *address.to_string()
                && *server.name != *address.ip().to_string() =>
        {
            format!("{} ({address})", server.name)
        }
        Some(address) => address.to_string(),
        None => server.name.to_string(),
    }
}
