//! Whether the next renewal would work, name by name: from the checks that put a challenge down and
//! fetch it, and from those that watch the zones.

use health::certificates::Certificate;
use health::facts::TrialFacts;
use health::snapshot::CheckStanding;
use health::{Code, Kind, Snapshot, StandingFinding};

/// Names looked at; certificates of hundreds of names exist.
const NAMES: usize = 20;

/// What is known of one name.
pub(crate) struct Readiness<'a> {
    pub(crate) name: &'a str,
    pub(crate) trials: Vec<(&'a CheckStanding, &'a TrialFacts)>,
    pub(crate) zones: Vec<Zone<'a>>,
}

/// A check of the zone that a name lies in.
pub(crate) struct Zone<'a> {
    pub(crate) standing: &'a CheckStanding,
    /// What it says that a CA would mind.
    pub(crate) findings: Vec<&'a StandingFinding>,
}

/// Each name of a certificate, as many as are looked at.
pub(crate) fn of_certificate<'a>(
    certificate: &Certificate<'a>,
    snapshot: &'a Snapshot,
) -> Vec<Readiness<'a>> {
    of_names(certificate.facts.names.iter().map(String::as_str), snapshot)
}

/// The domains that a check tries.
pub(crate) fn of_check<'a>(
    standing: &'a CheckStanding,
    snapshot: &'a Snapshot,
) -> Vec<Readiness<'a>> {
    let facts = standing.last.as_deref().map(|last| &last.facts);
    let trials = facts.and_then(|facts| facts.acme.as_deref()).map(|acme| &*acme.trials);
    let mut names: Vec<&str> =
        trials.unwrap_or_default().iter().map(|trial| &*trial.domain).collect();
    names.dedup();
    let mut known = of_names(names.into_iter(), snapshot);
    known.iter_mut().for_each(|name| name.trials.clear());
    known.retain(|name| !name.zones.is_empty());
    known
}

fn of_names<'a>(
    names: impl Iterator<Item = &'a str>,
    snapshot: &'a Snapshot,
) -> Vec<Readiness<'a>> {
    let mut known: Vec<Readiness<'a>> = names
        .take(NAMES)
        .map(|name| Readiness { name, trials: Vec::new(), zones: Vec::new() })
        .collect();
    for standing in &snapshot.checks {
        let Some(last) = standing.last.as_deref() else { continue };
        for trial in last.facts.acme.iter().flat_map(|acme| &acme.trials) {
            let tried = known.iter_mut().filter(|readiness| readiness.name == trial.domain);
            tried.for_each(|readiness| readiness.trials.push((standing, trial)));
        }
        if standing.check.kind != Kind::Dns {
            continue;
        }
        let Some(zone) = last.facts.dns.as_deref().map(|dns| dns.zone.trim_end_matches('.')) else {
            continue;
        };
        for readiness in known.iter_mut().filter(|readiness| lies_in(readiness.name, zone)) {
            let name = readiness.name;
            let findings =
                standing.findings.iter().filter(|found| concerns(found, name, zone)).collect();
            readiness.zones.push(Zone { standing, findings });
        }
    }
    known
}

fn lies_in(name: &str, zone: &str) -> bool {
    let name = name.trim_start_matches("*.");
    name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether a CA that validates this name would mind.
fn concerns(found: &StandingFinding, name: &str, zone: &str) -> bool {
    let finding = &found.finding;
    let name = name.trim_start_matches("*.");
    match finding.code {
        Code::DnsBogus => true,
        Code::DnsCaa => {
            let at = finding.subject.split(' ').next().unwrap_or(zone);
            lies_in(name, at.trim_end_matches('.'))
        }
        Code::DnsAcmeLeftover | Code::DnsAcmeMismatch => {
            finding.subject.contains(&format!("_acme-challenge.{name}"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::lies_in;

    #[test]
    fn a_name_lies_in_its_zone_and_in_no_other() {
        for (name, zone, is_in) in [
            ("shop.example", "shop.example", true),
            ("www.shop.example", "shop.example", true),
            ("*.shop.example", "shop.example", true),
            ("workshop.example", "shop.example", false),
            ("example", "shop.example", false),
        ] {
            assert_eq!(lies_in(name, zone), is_in, "{name} in {zone}");
        }
    }
}
