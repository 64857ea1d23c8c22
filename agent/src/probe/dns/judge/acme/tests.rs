//! Tables: what was pursued, and what is said of it.

use std::collections::BTreeMap;

use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::*;
use crate::probe::dns::Expectation;
use crate::probe::dns::exchange::Loss;
use crate::probe::dns::judge::tests::{list, survey};

const NAME: &str = "_acme-challenge.shop.example.";

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn values(count: usize) -> Outcome {
    Outcome::Values((0..count).map(|number| format!("value {number}")).collect())
}

fn at(expectation: Expectation, said: &Outcome) -> Survey {
    let said = vec![said.clone(); 4];
    let mut survey = survey((NAME, RecordType::TXT, expectation), &said);
    survey.asked_at = Timestamp::from_second(1_000_000).unwrap();
    survey
}

fn pursuit() -> Pursuit {
    Pursuit { record: 0, ways: Vec::new(), doubled: None, seen: BTreeMap::new() }
}

fn found(survey: &Survey, pursuit: &Pursuit) -> Vec<Finding> {
    let mut findings = super::super::judge(survey, None);
    judge(survey, pursuit, &mut findings);
    findings
}

fn subjects(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.subject)).collect()
}

#[test]
fn leftovers_have_an_age() {
    let left = at(Expectation::Absent, &values(2));
    for (age, said) in [
        (0, "0 seconds"),
        (119, "119 seconds"),
        (7199, "119 minutes"),
        (172_799, "47 hours"),
        (200_000, "2 days"),
    ] {
        let seen = Timestamp::from_second(1_000_000 - age).unwrap();
        let seen =
            BTreeMap::from([("value 0".to_owned(), seen), ("value 1".to_owned(), left.asked_at)]);
        let findings = found(&left, &Pursuit { seen, ..pursuit() });
        let summary = &findings[0].summary.en;
        assert!(summary.ends_with(&format!("(2 values, seen for {said})")), "{summary}");
        assert_eq!(findings[0].evidence["age_seconds"], age);
    }
}

#[test]
fn more_values_than_fit() {
    for (count, expectation, expected) in [
        (8, Expectation::Anything, &[][..]),
        (
            9,
            Expectation::Anything,
            &["dns.acme-leftover _acme-challenge.shop.example TXT, too many"],
        ),
        (
            12,
            Expectation::Contains(list(&["value 0"])),
            &["dns.acme-leftover _acme-challenge.shop.example TXT, too many"],
        ),
    ] {
        let findings = found(&at(expectation, &values(count)), &pursuit());
        assert_eq!(subjects(&findings), expected, "{count}");
    }
}

#[test]
fn a_doubled_name_is_the_cause_only_of_what_it_explains() {
    let doubled = |some: &[&str]| Pursuit {
        doubled: Some(Doubled {
            name: name("_acme-challenge.shop.example.shop.example."),
            values: list(some),
        }),
        ..pursuit()
    };
    let exactly = || Expectation::Exactly(list(&["new"]));
    let notice = "dns.acme-leftover _acme-challenge.shop.example.shop.example TXT";
    let mismatch = "dns.acme-mismatch _acme-challenge.shop.example TXT";
    let table: [(_, _, &[&str], &[&str]); 6] = [
        (exactly(), Outcome::Nxdomain, &["new"], &[mismatch]),
        (exactly(), Outcome::Nodata, &["new"], &[mismatch]),
        (exactly(), values(1), &["new"], &[mismatch]),
        (
            exactly(),
            Outcome::Nxdomain,
            &["old"],
            &["dns.nxdomain _acme-challenge.shop.example TXT", notice],
        ),
        (exactly(), Outcome::Values(list(&["new"])), &["new"], &[notice]),
        (Expectation::Absent, Outcome::Nodata, &["new"], &[notice]),
    ];
    for (expectation, said, there, expected) in table {
        let case = format!("{expectation:?} {said:?} {there:?}");
        let findings = found(&at(expectation, &said), &doubled(there));
        assert_eq!(subjects(&findings), expected, "{case}");
    }
}

#[test]
fn a_delegation_is_judged_where_it_leads() {
    let alias = Outcome::Alias("shop.acme.example".to_owned());
    let led =
        |end| Pursuit { ways: vec![Way { target: name("shop.acme.example."), end }], ..pursuit() };
    // A survey of the other zone looks like any other.
    let there = |expectation: Expectation, said: &Outcome| {
        let mut there = at(expectation, said);
        there.zone = name("acme.example.");
        Ok(there)
    };
    let exactly = || Expectation::Exactly(list(&["value 0"]));
    let table: [(_, _, &[&str]); 6] = [
        (exactly(), there(exactly(), &values(1)), &[]),
        (
            exactly(),
            there(exactly(), &Outcome::Nxdomain),
            &["dns.dangling _acme-challenge.shop.example TXT"],
        ),
        (Expectation::Absent, there(Expectation::Absent, &Outcome::Nxdomain), &[]),
        (
            Expectation::Absent,
            there(Expectation::Absent, &values(1)),
            &["dns.acme-leftover _acme-challenge.shop.example TXT"],
        ),
        (
            Expectation::Absent,
            Err(Dead::Nowhere),
            &["dns.dangling _acme-challenge.shop.example CNAME"],
        ),
        (
            exactly(),
            Err(Dead::Round(vec![name("a.example."), name("a.example.")])),
            &["dns.cname-loop _acme-challenge.shop.example CNAME"],
        ),
    ];
    for (expectation, end, expected) in table {
        let case = format!("{expectation:?} {end:?}");
        let findings = found(&at(expectation, &alias), &led(end));
        assert_eq!(subjects(&findings), expected, "{case}");
    }
}

#[test]
fn a_domain_that_nobody_has_is_not_a_challenge_that_is_not_due() {
    let sold = ["dns.dangling _acme-challenge.shop.example CNAME"];
    for (zone, expected) in [
        ("example.", &sold[..]),
        ("co.kr.", &sold),
        ("or.jp.", &sold),
        ("acme.kr.", &[]),
        ("co.example.", &[]),
    ] {
        let mut above = at(Expectation::Absent, &Outcome::Nxdomain);
        above.zone = name(zone);
        let target = name(&format!("x.gone.{zone}"));
        let alias = Outcome::Alias(target.to_ascii());
        let way = Way { target, end: Ok(above) };
        let findings =
            found(&at(Expectation::Absent, &alias), &Pursuit { ways: vec![way], ..pursuit() });
        assert_eq!(subjects(&findings), expected, "{zone}");
        let told = |finding: &Finding| finding.summary.en.contains("whoever registers that domain");
        assert!(findings.iter().all(told), "{findings:?}");
    }
}

#[test]
fn a_machine_that_had_nothing_left_to_ask_with_blames_nobody_there() {
    let lost = Outcome::Lost(Loss::Exhausted("Too many open files".to_owned()));
    let mut there = at(Expectation::Absent, &lost);
    there.zone = name("acme.example.");
    let way = Way { target: name("shop.acme.example."), end: Ok(there) };
    let alias = Outcome::Alias("shop.acme.example".to_owned());
    let findings =
        found(&at(Expectation::Absent, &alias), &Pursuit { ways: vec![way], ..pursuit() });
    assert_eq!(subjects(&findings), [""; 0]);
}
