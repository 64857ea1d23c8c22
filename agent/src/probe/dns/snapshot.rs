//! What a zone's servers answer for the names that zones usually have. A zone cannot be listed
//! from outside; what nobody asks for is not found, and whoever calls this says so.
//! Deliberately absent: any opinion on the answers.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::rr::{Name, RecordType};
use tokio::time::Instant;

use super::question::Question;
use super::reply::{Outcome, Reply};
use super::server;
use super::survey::Survey;
use super::values::render_name;
use super::{Spec, Stopwatch};
use crate::net::Net;
use crate::zone_plan::Held;

/// Hosts that zones usually have.
const HOSTS: &[&str] = &[
    "www",
    "mail",
    "smtp",
    "imap",
    "pop",
    "pop3",
    "mx",
    "mx1",
    "mx2",
    "webmail",
    "autoconfig",
    "autodiscover",
    "ftp",
    "ssh",
    "vpn",
    "gw",
    "ns",
    "ns1",
    "ns2",
    "ns3",
    "ns4",
    "api",
    "app",
    "apps",
    "admin",
    "auth",
    "login",
    "sso",
    "id",
    "dev",
    "test",
    "stage",
    "staging",
    "beta",
    "demo",
    "shop",
    "store",
    "blog",
    "forum",
    "wiki",
    "docs",
    "help",
    "support",
    "git",
    "ci",
    "cdn",
    "static",
    "assets",
    "media",
    "img",
    "images",
    "files",
    "download",
    "cloud",
    "m",
    "portal",
    "status",
    "monitor",
    "grafana",
    "db",
    "web",
    "home",
    "mta-sts",
];
/// Names for protocols rather than hosts.
const SERVICES: &[&str] = &[
    "_dmarc",
    "_mta-sts",
    "_smtp._tls",
    "_domainkey",
    "default._domainkey",
    "google._domainkey",
    "selector1._domainkey",
    "selector2._domainkey",
    "mail._domainkey",
    "dkim._domainkey",
    "k1._domainkey",
    "s1._domainkey",
    "s2._domainkey",
    "default._bimi",
    "_atproto",
    "_github",
    "_sip._tcp",
    "_sip._udp",
    "_sips._tcp",
    "_xmpp-client._tcp",
    "_xmpp-server._tcp",
    "_imap._tcp",
    "_imaps._tcp",
    "_submission._tcp",
    "_submissions._tcp",
    "_autodiscover._tcp",
    "_caldavs._tcp",
    "_carddavs._tcp",
    "_matrix._tcp",
    "_ldap._tcp",
    "_kerberos._udp",
    "_minecraft._tcp",
    "_443._tcp",
    "_25._tcp",
    "_443._tcp.www",
    "_25._tcp.mail",
];
const OF_HOSTS: &[RecordType] = &[
    RecordType::CNAME,
    RecordType::A,
    RecordType::AAAA,
    RecordType::MX,
    RecordType::TXT,
    RecordType::CAA,
    RecordType::NS,
    RecordType::DS,
    RecordType::SSHFP,
    RecordType::HTTPS,
    RecordType::PTR,
];
const OF_SERVICES: &[RecordType] =
    &[RecordType::CNAME, RecordType::TXT, RecordType::SRV, RecordType::TLSA, RecordType::SVCB];
/// Names found within answers that are followed up.
const MOST_FOLLOWED: usize = 256;

/// What was found, and what whoever reads it should know.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) held: Vec<Held>,
    /// How many names were asked for.
    pub(crate) names: usize,
    /// Servers asked, for people.
    pub(crate) servers: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// Asks the zone's servers for what zones usually have, until the deadline.
///
/// # Errors
/// Nobody answers for the zone, in a sentence for people.
pub(crate) async fn snapshot(
    spec: &Spec,
    net: &Net,
    watch: &mut Stopwatch,
) -> Result<Snapshot, String> {
    let roll = server::call(spec, net, watch).await;
    let findings = roll.findings.iter().map(|finding| finding.summary.en.clone());
    let mut why: Vec<String> = findings.collect();
    let mut asking = Asking {
        spec,
        net,
        survey: Survey::plan(spec, roll.servers),
        watch,
        found: Snapshot::default(),
    };
    // A server that is silent takes all the time it gets, and is not asked again.
    let soon = watch.deadline() - watch.left() * 4 / 5;
    let soa = asking.ask(&[(spec.zone.clone(), RecordType::SOA)], soon).await;
    // Who does not serve the zone has nothing to say of it.
    let serving: Vec<usize> = asking
        .survey
        .authorities()
        .filter(|&server| matches!(soa[server][0].outcome, Outcome::Values(_)))
        .collect();
    if serving.is_empty() {
        why.extend(asking.survey.authorities().map(|server| {
            let title = asking.survey.servers[server].title();
            format!("{title}: {}", soa[server][0].outcome.label())
        }));
        return Err(format!(
            "no server answers for {}: {}",
            render_name(&spec.zone),
            why.join("; ")
        ));
    }
    asking.survey.servers = serving.iter().map(|&at| asking.survey.servers[at].clone()).collect();
    asking.found.servers = asking.survey.servers.iter().map(|server| server.title()).collect();
    let first = candidates(&spec.zone);
    let known: BTreeSet<Name> = first.iter().cloned().collect();
    asking.look_at(first).await;
    let more = asking.mentioned(&known);
    asking.look_at(more).await;
    asking.without_wildcards();
    Ok(asking.found)
}

struct Asking<'a> {
    spec: &'a Spec,
    net: &'a Net,
    survey: Survey,
    watch: &'a Stopwatch,
    found: Snapshot,
}

impl Asking<'_> {
    async fn ask(&self, about: &[(Name, RecordType)], deadline: Instant) -> Vec<Vec<Reply>> {
        let questions: Vec<Question> =
            about.iter().map(|(name, record_type)| Question::new(name, *record_type)).collect();
        self.survey.ask_all(self.spec, self.net, &questions, deadline, |_| true).await
    }

    /// First which names exist, then all that those have.
    async fn look_at(&mut self, names: Vec<Name>) {
        let about: Vec<_> = names.into_iter().map(|name| (name, RecordType::TXT)).collect();
        let replies = self.ask(&about, self.watch.deadline() - self.watch.left() / 2).await;
        self.found.names += about.len();
        let exists =
            |column: usize| replies.iter().any(|row| row[column].outcome != Outcome::Nxdomain);
        let there = about.into_iter().enumerate().filter(|(column, _)| exists(*column));
        let about: Vec<_> = there
            .flat_map(|(_, (name, _))| {
                let types = if is_service(&name) { OF_SERVICES } else { OF_HOSTS };
                types.iter().map(move |&record_type| (name.clone(), record_type))
            })
            .collect();
        let replies = self.ask(&about, self.watch.deadline() - self.watch.left() / 2).await;
        let mut aliases = BTreeSet::new();
        for (column, (name, record_type)) in about.into_iter().enumerate() {
            let outcomes = replies.iter().map(|row| &row[column]);
            let mut stated = outcomes.enumerate().filter(|(_, reply)| reply.outcome.is_statement());
            let Some((server, reply)) = stated.next() else {
                self.note(&name, record_type, "was not answered");
                continue;
            };
            if stated.any(|(_, other)| other.outcome != reply.outcome) {
                let who = self.survey.servers[server].title();
                self.note(
                    &name,
                    record_type,
                    &format!("differs between servers; taken from {who}"),
                );
            }
            let Outcome::Values(values) = &reply.outcome else { continue };
            if record_type == RecordType::CNAME {
                aliases.insert(name.clone());
            } else if reply.alias.is_some() || aliases.contains(&name) {
                // What a CNAME leads to stands at its target.
                continue;
            }
            self.found.held.extend(values.iter().map(|value| Held {
                name: name.clone(),
                record_type: record_type.to_string(),
                value: value.clone(),
            }));
        }
    }

    fn note(&mut self, name: &Name, record_type: RecordType, what: &str) {
        self.found.notes.push(format!("{} {record_type} {what}", render_name(name)));
    }

    /// Names of the zone that answers lead to.
    fn mentioned(&self, known: &BTreeSet<Name>) -> Vec<Name> {
        let held = self.found.held.iter().filter(|held| {
            matches!(held.record_type.as_str(), "NS" | "MX" | "CNAME" | "SRV" | "HTTPS" | "SVCB")
        });
        let words = held.flat_map(|held| held.value.split_whitespace());
        let names: BTreeSet<Name> = words
            .filter_map(|word| {
                let mut name = Name::from_ascii(word).ok().filter(|name| name.num_labels() > 1)?;
                name.set_fqdn(true);
                Some(name.to_lowercase())
            })
            .filter(|name| self.spec.zone.zone_of(name) && !known.contains(name))
            .collect();
        names.into_iter().take(MOST_FOLLOWED).collect()
    }

    /// Leaves out what only a wildcard made.
    fn without_wildcards(&mut self) {
        let key = |held: &Held| (held.name.clone(), held.record_type.clone());
        let mut sets: BTreeMap<(Name, String), BTreeSet<String>> = BTreeMap::new();
        for held in &self.found.held {
            sets.entry(key(held)).or_default().insert(held.value.clone());
        }
        let Ok(star) = self.spec.zone.prepend_label("*") else { return };
        let before = self.found.held.len();
        self.found.held.retain(|held| {
            let of_star = sets.get(&(star.clone(), held.record_type.clone()));
            held.name == star
                || held.name == self.spec.zone
                || of_star.is_none_or(|of_star| sets.get(&key(held)) != Some(of_star))
        });
        if self.found.held.len() < before {
            let note = "names with what the wildcard * has as well are left out: it may be it that answers";
            self.found.notes.push(note.to_owned());
        }
    }
}

fn is_service(name: &Name) -> bool {
    name.iter().next().is_some_and(|label| label.starts_with(b"_"))
        || name.iter().any(|label| label == b"_domainkey" || label == b"_bimi")
}

/// Names that are asked for: for a reverse zone every last number, else hosts and services.
fn candidates(zone: &Name) -> Vec<Name> {
    let mut names = vec![zone.clone()];
    let below = |written: &str| {
        let mut name = Name::from_ascii(written).ok()?.append_domain(zone).ok()?;
        name.set_fqdn(true);
        Some(name)
    };
    if render_name(zone).ends_with(".in-addr.arpa") {
        names.extend((0..=255).filter_map(|last: u8| below(&last.to_string())));
    } else {
        let all = ["*"].iter().chain(HOSTS).chain(SERVICES);
        names.extend(all.filter_map(|written| below(written)));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_is_a_name_of_the_zone() {
        let zone = Name::from_ascii("shop.example.").unwrap();
        let names = candidates(&zone);
        assert_eq!(names.len(), 2 + HOSTS.len() + SERVICES.len());
        assert!(names.iter().all(|name| zone.zone_of(name)));
        let reverse = candidates(&Name::from_ascii("2.0.192.in-addr.arpa.").unwrap());
        assert_eq!(reverse.len(), 257);
        assert_eq!(reverse[11].to_string(), "10.2.0.192.in-addr.arpa.");
    }
}
