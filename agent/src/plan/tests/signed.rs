//! `dnssec`, `trust_anchor` and `expiring_within` of `[[dns]]`

use std::time::Duration;

use super::*;
use crate::plan::same::same;
use crate::probe::dns::dnssec::{Mode, Policy};
use crate::probe::{Check, Spec};
use crate::tls::Remaining;

const DS: &str = "DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";

fn zone(keys: &str) -> String {
    format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = \"127.53.0.1\"\n{keys}"
    )
}

fn policy(check: &Check) -> &Policy {
    let Spec::Dns(spec) = &check.spec else { panic!() };
    &spec.dnssec
}

#[test]
fn what_is_wanted_of_signatures() {
    let plan = good(&zone(""));
    assert_eq!(*policy(&plan.checks[0]), Policy::default());
    let plan = good(&zone(&format!(
        "dnssec = \"signed\"\nexpiring_within = [\"2d\", \"5%\"]\ntrust_anchor = [\". {DS}\", \"Example. 3600 IN {DS}\"]"
    )));
    let wanted = policy(&plan.checks[0]);
    assert_eq!(wanted.mode, Mode::Signed);
    assert_eq!(wanted.near_end.warning, Remaining::Time(Duration::from_secs(2 * 86_400)));
    assert_eq!(wanted.near_end.critical, Remaining::Share(0.05));
    let zones: Vec<String> = wanted.trusted.iter().map(|one| one.zone().to_string()).collect();
    assert_eq!(zones, [".", "example."]);
}

#[test]
fn a_file_of_anchors_is_read_with_the_plan() {
    let mut surroundings = surroundings();
    let lines = "; a comment\nexample.\t3600\tIN\tDS\t1 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";
    surroundings.files.insert("/plans/root.key".into(), lines);
    let text = zone("trust_anchor = \"root.key\"");
    let read = || parse(&text, Path::new("probes.toml"), Path::new("/plans"), &surroundings);
    let plan = match read() {
        Ok(plan) => plan,
        Err(mistakes) => panic!("{mistakes}"),
    };
    assert_eq!(policy(&plan.checks[0]).trusted.len(), 1);
}

#[test]
fn anchors_that_are_none_are_mistakes() {
    let table = [
        ("trust_anchor = \"nowhere.key\"", "nowhere.key cannot be read as a trust anchor"),
        ("trust_anchor = \"empty.txt\"", "no DS or DNSKEY record"),
        ("trust_anchor = \". DS 20326 8 2 E06D\"", "another length"),
        ("trust_anchor = \"shop.example. A 192.0.2.1\"", "is no trust anchor"),
        ("dnssec = \"on\"", "\"on\" is not accepted"),
        ("expiring_within = [\"3%\"]", "two values are needed"),
    ];
    for (keys, words) in table {
        let said = bad(&zone(keys));
        assert!(said.contains(words), "{keys}: {said}");
    }
    let said = bad(&zone(&format!("trust_anchor = \"other.example. {DS}\"")));
    assert!(said.contains("no trust anchor is for shop.example"), "{said}");
}

#[test]
fn another_wish_is_another_check() {
    let plain = good(&zone(""));
    for keys in ["dnssec = \"off\"", "expiring_within = [\"9%\", \"3%\"]"] {
        assert!(!same(&plain.checks[0], &good(&zone(keys)).checks[0]), "{keys}");
    }
    assert!(same(&plain.checks[0], &good(&zone("dnssec = \"auto\"")).checks[0]));
}
