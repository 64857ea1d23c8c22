//! Tables: transfers under way, wildcards behind planned values, servers that are no witnesses.

use health::Severity;
use hickory_proto::rr::RecordType;

use super::super::judge as judge_all;
use super::super::tests::{list, survey};
use crate::probe::dns::Expectation;
use crate::probe::dns::inquiry::SOA;
use crate::probe::dns::reply::Outcome;
use crate::probe::dns::serial::Standing::{self, Behind, Current, Following};
use crate::probe::dns::survey::Survey;

const WWW: &str = "www.shop.example.";
const CHALLENGE: &str = "_acme-challenge.shop.example.";

fn values(some: &[&str]) -> Outcome {
    Outcome::Values(list(some))
}

fn found(survey: &Survey) -> Vec<String> {
    let findings = judge_all(survey, None);
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.subject)).collect()
}

/// Four servers, those that are not current with an older serial.
fn at(
    record: (&str, RecordType, Expectation),
    said: [&Outcome; 4],
    standings: [Standing; 4],
) -> Survey {
    let mut survey = survey(record, &said.map(Clone::clone));
    for (row, standing) in survey.replies.iter_mut().zip(standings) {
        row[SOA].serial = Some(if standing == Current { 42 } else { 41 });
    }
    survey.standings = standings.to_vec();
    survey
}

#[test]
fn a_transfer_under_way_is_silent_and_one_that_lasts_is_not() {
    let (old, new) = (values(&["192.0.2.99"]), values(&["192.0.2.10"]));
    let exactly = || Expectation::Exactly(list(&["192.0.2.10"]));
    let third = "www.shop.example A @ ns3.host.example (127.53.0.3)";
    let serial = |n: u8| format!("dns.serial shop.example SOA @ ns{n}.host.example (127.53.0.{n})");
    let odd = vec![serial(3), format!("dns.inconsistent {third}")];
    let table: Vec<(&str, Expectation, [&Outcome; 4], [Standing; 4], Vec<String>)> = vec![
        (
            "one follows",
            exactly(),
            [&new, &new, &old, &new],
            [Current, Current, Following, Current],
            vec![],
        ),
        (
            "one is behind",
            exactly(),
            [&new, &new, &old, &new],
            [Current, Current, Behind, Current],
            odd,
        ),
        (
            "three follow",
            exactly(),
            [&new, &old, &old, &old],
            [Current, Following, Following, Following],
            vec![],
        ),
        (
            "three follow, whatever it is",
            Expectation::Anything,
            [&new, &old, &old, &old],
            [Current, Following, Following, Following],
            vec![],
        ),
        (
            "what is new is wrong: told before the others have it",
            exactly(),
            [&old, &new, &new, &new],
            [Current, Following, Following, Following],
            vec!["dns.drift www.shop.example A".to_owned()],
        ),
        (
            "what is gone is still on one",
            Expectation::Absent,
            [&Outcome::Nodata, &Outcome::Nodata, &old, &Outcome::Nodata],
            [Current, Current, Following, Current],
            vec![],
        ),
        (
            "the same serial, another record",
            exactly(),
            [&new, &new, &old, &new],
            [Current; 4],
            vec![format!("dns.inconsistent {third}")],
        ),
        (
            "one follows, another is odd",
            exactly(),
            [&new, &new, &old, &old],
            [Current, Current, Current, Following],
            vec![format!("dns.inconsistent {third}")],
        ),
    ];
    for (case, plan, said, standings, expected) in table {
        assert_eq!(found(&at((WWW, RecordType::A, plan), said, standings)), expected, "{case}");
    }
}

#[test]
fn a_challenge_that_differs_is_told_at_once() {
    let (old, new) = (values(&["old"]), values(&["new"]));
    let following = [Current, Current, Following, Current];
    let subject = "_acme-challenge.shop.example TXT @ ns3.host.example (127.53.0.3)";
    let mismatch = at(
        (CHALLENGE, RecordType::TXT, Expectation::Exactly(list(&["new"]))),
        [&new, &new, &old, &new],
        following,
    );
    assert_eq!(found(&mismatch), [format!("dns.inconsistent {subject}")]);
    let leftover = at(
        (CHALLENGE, RecordType::TXT, Expectation::Absent),
        [&Outcome::Nodata, &Outcome::Nodata, &old, &Outcome::Nodata],
        following,
    );
    assert_eq!(
        found(&leftover),
        [format!("dns.inconsistent {subject}"), format!("dns.acme-leftover {subject}")]
    );
}

#[test]
fn a_planned_value_that_only_a_wildcard_gives_is_noted() {
    let right = values(&["192.0.2.10"]);
    let plan = || (WWW, RecordType::A, Expectation::Exactly(list(&["192.0.2.10"])));
    let with = |control: Outcome| {
        let mut survey = at(plan(), [&right; 4], [Current; 4]);
        survey.records[0].control = vec![Some(control); 4];
        survey
    };
    let findings = judge_all(&with(right.clone()), None);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].severity, Severity::Notice);
    assert_eq!(findings[0].subject, "www.shop.example A");
    assert!(findings[0].summary.en.contains("comes from a wildcard"), "{}", findings[0].summary.en);
    // The record is there: a wildcard does not reach below it.
    assert_eq!(found(&with(Outcome::Nxdomain)), [""; 0]);
    assert_eq!(found(&with(values(&["192.0.2.77"]))), [""; 0]);
    assert_eq!(found(&with(Outcome::Lost(crate::probe::dns::exchange::Loss::Timeout))), [""; 0]);
    let mut anything = with(right.clone());
    anything.records[0].planned =
        at((WWW, RecordType::A, Expectation::Anything), [&right; 4], [Current; 4]).records[0]
            .planned
            .clone();
    assert_eq!(found(&anything), [""; 0], "nothing is planned of its value");
}

#[test]
fn every_kind_of_lame_server_is_named_and_no_witness() {
    let right = values(&["192.0.2.10"]);
    let kinds = [
        (Outcome::Failed("refused".into()), "refused"),
        (Outcome::Failed("servfail".into()), "servfail"),
        (Outcome::Failed("notauth".into()), "notauth"),
        (Outcome::NotAuthoritative, "not-authoritative"),
        (Outcome::Upward("example".to_owned()), "not-authoritative"),
    ];
    for (lame, got) in kinds {
        let plan = (WWW, RecordType::A, Expectation::Exactly(list(&["192.0.2.10"])));
        let mut survey = at(plan, [&right; 4], [Current; 4]);
        for reply in &mut survey.replies[1] {
            reply.outcome = lame.clone();
            reply.serial = Some(7);
        }
        let findings = judge_all(&survey, None);
        assert_eq!(findings.len(), 1, "{lame:?}: {findings:?}");
        assert_eq!(findings[0].code, health::Code::DnsLame, "{lame:?}");
        assert_eq!(findings[0].subject, "ns2.host.example (127.53.0.2)");
        assert_eq!(findings[0].evidence["got"], got);
    }
}

#[test]
fn an_alias_out_of_the_zone_to_nowhere_can_be_taken_over() {
    let gone = Outcome::Dangling("shop.cdn.test".to_owned());
    let survey = at((WWW, RecordType::A, Expectation::Anything), [&gone; 4], [Current; 4]);
    let finding = &judge_all(&survey, None)[0];
    assert_eq!(finding.code, health::Code::DnsDangling);
    assert!(finding.remedy.en.contains("whoever registers shop.cdn.test"), "{}", finding.remedy.en);
    let own = Outcome::Dangling("gone.shop.example".to_owned());
    let survey = at((WWW, RecordType::A, Expectation::Anything), [&own; 4], [Current; 4]);
    assert!(!judge_all(&survey, None)[0].remedy.en.contains("whoever registers"));
}
