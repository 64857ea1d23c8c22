//! Who is asked about a zone, and how patiently.

use std::time::Duration;

use super::*;
use crate::plan::same;
use crate::probe::Spec;
use crate::probe::dns::{self, TtlLimits};

const ZONE: &str = "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\n";
const RECORD: &str = "[[dns.record]]\nname = \"www\"\ntype = \"A\"\n";

fn spec(text: &str) -> dns::Spec {
    match &good(text).checks[0].spec {
        Spec::Dns(spec) => spec.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_zone_is_walked_from_the_agents_hints() {
    assert!(spec(ZONE).hints.is_empty());
    let walked =
        spec(&format!("[agent]\nhints = [\"198.41.0.4\", \"[2001:db8::53]:5353\"]\n{ZONE}"));
    let hints: Vec<String> = walked.hints.iter().map(ToString::to_string).collect();
    assert_eq!(hints, ["198.41.0.4:53", "[2001:db8::53]:5353"]);
    let said = bad(&format!("[agent]\nhints = \"a.root-servers.net\"\n{ZONE}"));
    assert!(said.contains("probes.toml:2:9"), "{said}");
}

#[test]
fn a_transfer_has_five_minutes_unless_the_plan_says_otherwise() {
    assert_eq!(spec(ZONE).serial_grace, Duration::from_secs(300));
    let none = spec(&format!("{ZONE}serial_grace = \"0s\"\n"));
    assert_eq!(none.serial_grace, Duration::ZERO);
}

#[test]
fn limits_of_a_ttl() {
    let limits = |keys: &str| spec(&format!("{ZONE}{RECORD}{keys}")).records[0].ttl;
    assert_eq!(limits(""), TtlLimits::default());
    let both = TtlLimits { min_seconds: Some(60), max_seconds: Some(86_400) };
    assert_eq!(limits("min_ttl = \"1m\"\nmax_ttl = \"1d\""), both);
    assert_eq!(limits("max_ttl = \"0s\"").max_seconds, Some(0));
    for (keys, complaint) in [
        ("min_ttl = \"1h\"\nmax_ttl = \"1m\"", "`min_ttl` is longer than `max_ttl`"),
        ("min_ttl = \"500ms\"", "is no TTL"),
        ("max_ttl = \"30000d\"", "longer than ten years"),
        ("max_ttl = 300", "a duration"),
    ] {
        let said = bad(&format!("{ZONE}{RECORD}{keys}"));
        assert!(said.contains(complaint), "{said}");
    }
}

#[test]
fn a_reload_that_changes_any_of_it_makes_another_check() {
    let before = format!("{ZONE}{RECORD}");
    let is_same = |after: &str| same(&good(&before).checks[0], &good(after).checks[0]);
    assert!(is_same(&before));
    assert!(!is_same(&format!("[agent]\nhints = [\"198.41.0.4\"]\n{before}")));
    assert!(!is_same(&format!("{ZONE}serial_grace = \"1m\"\n{RECORD}")));
    assert!(!is_same(&format!("{before}max_ttl = \"1m\"")));
}
