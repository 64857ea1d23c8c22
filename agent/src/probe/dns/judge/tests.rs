//! Tables: who said what, and what must be found.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Finding, Severity};
use hickory_proto::rr::{Name, RecordType};

use crate::probe::dns::caches::Caches;
use crate::probe::dns::delegation::Delegation;
use crate::probe::dns::exchange::Loss;
use crate::probe::dns::inquiry::{Kept, SOA};
use crate::probe::dns::peers::{Pace, Repute};
use crate::probe::dns::question::Role;
use crate::probe::dns::reply::{Outcome, Reply};
use crate::probe::dns::server::Server;
use crate::probe::dns::survey::Survey;
use crate::probe::dns::{Asking, Expectation, Record, Renewal, Spec, TtlLimits};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

pub(super) fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

fn values(some: &[&str]) -> Outcome {
    Outcome::Values(list(some))
}

fn reply(outcome: Outcome) -> Reply {
    Reply { outcome, ttl: Some(2520), ..Reply::lost(Loss::Timeout) }
}

fn server(number: u8, role: Role) -> Server {
    let address = SocketAddr::from(([127, 53, 0, number], 53));
    let name = match role {
        Role::Authoritative => format!("ns{number}.host.example"),
        Role::Resolver => address.to_string(),
    };
    Server { name: name.into(), address: Some(address), role, failure: None }
}

/// Four nameservers and a planned record, with what each says to it; more than four: resolvers.
pub(super) fn survey(record: (&str, RecordType, Expectation), said: &[Outcome]) -> Survey {
    let spec = Spec {
        zone: name("shop.example."),
        nameservers: Vec::new(),
        parent: Vec::new(),
        hints: Vec::new(),
        resolvers: Vec::new(),
        consistent: true,
        asking: Asking::default(),
        serial_grace: Duration::ZERO,
        source: None,
        renewal: Renewal::default(),
        dnssec: super::super::dnssec::Policy::default(),
        kept: Kept::default(),
        records: vec![Record {
            name: name(record.0),
            record_type: record.1,
            expectation: record.2,
            ttl: TtlLimits::default(),
        }],
    };
    let servers = (1..=said.len()).map(|number| {
        let role = if number <= 4 { Role::Authoritative } else { Role::Resolver };
        server(u8::try_from(number).unwrap(), role)
    });
    let mut survey = Survey::plan(&spec, servers.collect());
    let asked = survey.records[0].planned.question;
    survey.replies = said
        .iter()
        .map(|outcome| {
            let replies = survey.questions().iter().enumerate().map(|(index, _)| match index {
                SOA => Reply { serial: Some(42), ..reply(values(&["soa"])) },
                index if index == asked => reply(outcome.clone()),
                _ => reply(values(&["ns1.host.example"])),
            });
            replies.collect()
        })
        .collect();
    survey
}

/// What is found, with caches that nothing is known of yet.
fn judge(survey: &Survey, delegated: Option<&Delegation>) -> Vec<Finding> {
    let mut findings = super::judge(survey, delegated);
    super::caches(survey, &Caches::default(), &[], &mut findings);
    findings
}

fn found(survey: &Survey) -> Vec<String> {
    judge(survey, None)
        .iter()
        .map(|finding| format!("{} {}", finding.code, finding.subject))
        .collect()
}

const CHALLENGE: &str = "_acme-challenge.shop.example.";
const WWW: &str = "www.shop.example.";

fn exactly(some: &[&str]) -> Expectation {
    Expectation::Exactly(list(some))
}

#[test]
fn one_record_on_four_servers() {
    use Outcome::{Alias, Dangling, Loop, Nodata, Nxdomain};
    let (right, wrong) = (values(&["192.0.2.10"]), values(&["192.0.2.99"]));
    let refused = Outcome::Failed("refused".into());
    let plan = || exactly(&["192.0.2.10"]);
    let looped = Loop(list(&["www.shop.example", "www.shop.example"]));
    let alias = Alias("cdn.example".to_owned());
    let dangling = Dangling("gone.shop.example".to_owned());
    let cases: Vec<(&str, Expectation, [&Outcome; 4], &[&str])> = vec![
        ("healthy", plan(), [&right; 4], &[]),
        ("all drift", plan(), [&wrong; 4], &["dns.drift www.shop.example A"]),
        ("all gone", plan(), [&Nodata; 4], &["dns.missing www.shop.example A"]),
        ("no name", plan(), [&Nxdomain; 4], &["dns.nxdomain www.shop.example A"]),
        (
            "one old",
            plan(),
            [&right, &right, &wrong, &right],
            &["dns.inconsistent www.shop.example A @ ns3.host.example (127.53.0.3)"],
        ),
        (
            "only one new",
            plan(),
            [&right, &wrong, &wrong, &wrong],
            &[
                "dns.inconsistent www.shop.example A @ ns2.host.example (127.53.0.2)",
                "dns.inconsistent www.shop.example A @ ns3.host.example (127.53.0.3)",
                "dns.inconsistent www.shop.example A @ ns4.host.example (127.53.0.4)",
            ],
        ),
        (
            "missing on one",
            plan(),
            [&right, &right, &right, &Nxdomain],
            &["dns.inconsistent www.shop.example A @ ns4.host.example (127.53.0.4)"],
        ),
        (
            "all wrong, each in its way",
            plan(),
            [&wrong, &wrong, &wrong, &Nodata],
            &[
                "dns.drift www.shop.example A",
                "dns.missing www.shop.example A",
                "dns.inconsistent www.shop.example A @ ns4.host.example (127.53.0.4)",
            ],
        ),
        (
            "two ways of absence",
            plan(),
            [&Nodata, &Nxdomain, &Nodata, &Nodata],
            &["dns.missing www.shop.example A"],
        ),
        ("absent as planned", Expectation::Absent, [&Nodata, &Nxdomain, &Nodata, &Nodata], &[]),
        ("unexpected", Expectation::Absent, [&wrong; 4], &["dns.unexpected www.shop.example A"]),
        (
            "unexpected on one",
            Expectation::Absent,
            [&Nodata, &wrong, &Nodata, &Nodata],
            &[
                "dns.inconsistent www.shop.example A @ ns2.host.example (127.53.0.2)",
                "dns.unexpected www.shop.example A @ ns2.host.example (127.53.0.2)",
            ],
        ),
        ("contains", Expectation::Contains(list(&["192.0.2.10"])), [&right; 4], &[]),
        ("whatever, but the same", Expectation::Anything, [&wrong; 4], &[]),
        (
            "whatever, and one differs",
            Expectation::Anything,
            [&wrong, &wrong, &wrong, &right],
            &["dns.inconsistent www.shop.example A @ ns4.host.example (127.53.0.4)"],
        ),
        (
            "two against two",
            Expectation::Anything,
            [&wrong, &right, &wrong, &right],
            &["dns.inconsistent www.shop.example A"],
        ),
        (
            "an alias where an address is planned",
            plan(),
            [&alias; 4],
            &["dns.drift www.shop.example A"],
        ),
        ("an alias to nowhere", plan(), [&dangling; 4], &["dns.dangling www.shop.example A"]),
        ("an alias to itself", plan(), [&looped; 4], &["dns.cname-loop www.shop.example A"]),
        (
            "a server that is lame is no witness",
            plan(),
            [&right, &refused, &right, &right],
            &["dns.lame ns2.host.example (127.53.0.2)"],
        ),
    ];
    for (case, plan, said, expected) in cases {
        let said: Vec<Outcome> = said.into_iter().cloned().collect();
        assert_eq!(found(&survey((WWW, RecordType::A, plan), &said)), expected, "{case}");
    }
}

#[test]
fn challenges_have_their_own_names() {
    let (old, new) = (values(&["old"]), values(&["new"]));
    let at = |plan, said: [&Outcome; 4]| {
        let said: Vec<Outcome> = said.into_iter().cloned().collect();
        survey((CHALLENGE, RecordType::TXT, plan), &said)
    };
    assert_eq!(
        found(&at(Expectation::Absent, [&old; 4])),
        ["dns.acme-leftover _acme-challenge.shop.example TXT"]
    );
    assert_eq!(
        found(&at(exactly(&["new"]), [&old; 4])),
        ["dns.acme-mismatch _acme-challenge.shop.example TXT"]
    );
    let one_old = judge(&at(exactly(&["new"]), [&new, &new, &old, &new]), None);
    assert_eq!(one_old.len(), 1);
    assert_eq!(one_old[0].code, Code::DnsInconsistent);
    assert_eq!(
        one_old[0].summary.en,
        "ns3.host.example (127.53.0.3) answers _acme-challenge.shop.example TXT with \"old\"; \
         ns1.host.example (127.53.0.1), ns2.host.example (127.53.0.2), ns4.host.example \
         (127.53.0.4) have what the plan says"
    );
    assert_eq!(one_old[0].evidence["got"], serde_json::json!(["old"]));
    assert_eq!(one_old[0].evidence["expected"], "new");
    assert_eq!(
        found(&at(
            Expectation::Absent,
            [&Outcome::Nodata, &Outcome::Nodata, &old, &Outcome::Nodata]
        )),
        [
            "dns.inconsistent _acme-challenge.shop.example TXT @ ns3.host.example (127.53.0.3)",
            "dns.acme-leftover _acme-challenge.shop.example TXT @ ns3.host.example (127.53.0.3)",
        ]
    );
}

#[test]
fn without_consistency_disagreement_alone_is_nothing() {
    let (right, wrong) = (values(&["192.0.2.10"]), values(&["192.0.2.99"]));
    let said = [right.clone(), right.clone(), wrong.clone(), right.clone()];
    let mut anything = survey((WWW, RecordType::A, Expectation::Anything), &said);
    anything.consistent = false;
    anything.replies[1][SOA].serial = Some(41);
    assert_eq!(found(&anything), [""; 0]);
    let mut planned = survey((WWW, RecordType::A, exactly(&["192.0.2.10"])), &said);
    planned.consistent = false;
    assert_eq!(found(&planned), ["dns.drift www.shop.example A"]);
    assert!(judge(&planned, None)[0].summary.en.contains("ns3.host.example (127.53.0.3)"));
}

#[test]
fn the_newest_serial_is_the_norm_and_breaks_a_tie() {
    let (old, new) = (values(&["192.0.2.99"]), values(&["192.0.2.10"]));
    let said = [old.clone(), new.clone(), old, new];
    let mut survey = survey((WWW, RecordType::A, Expectation::Anything), &said);
    survey.replies[1][SOA].serial = Some(43);
    assert_eq!(
        found(&survey),
        [
            "dns.serial shop.example SOA @ ns1.host.example (127.53.0.1)",
            "dns.serial shop.example SOA @ ns3.host.example (127.53.0.3)",
            "dns.serial shop.example SOA @ ns4.host.example (127.53.0.4)",
            "dns.inconsistent www.shop.example A @ ns1.host.example (127.53.0.1)",
            "dns.inconsistent www.shop.example A @ ns3.host.example (127.53.0.3)",
        ]
    );
}

#[test]
fn a_silent_server_is_named_and_weighs_more_when_it_is_the_last() {
    let right = values(&["192.0.2.10"]);
    let silence = |survey: &mut Survey, index: usize, loss: &Loss| {
        for reply in &mut survey.replies[index] {
            *reply = Reply::lost(loss.clone());
        }
    };
    for loss in [Loss::Timeout, Loss::Refused, Loss::Garbage, Loss::Unreachable("down".to_owned())]
    {
        let mut survey =
            survey((WWW, RecordType::A, exactly(&["192.0.2.10"])), &[right.clone(), right.clone()]);
        silence(&mut survey, 1, &loss);
        let findings = judge(&survey, None);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].code, Code::DnsUnreachable);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert_eq!(findings[0].subject, "ns2.host.example (127.53.0.2)");
        silence(&mut survey, 0, &loss);
        assert!(judge(&survey, None).iter().all(|finding| finding.severity == Severity::Critical));
    }
}

#[test]
fn an_agent_without_ipv6_says_nothing_about_ipv6() {
    let right = values(&["192.0.2.10"]);
    let mut survey =
        survey((WWW, RecordType::A, exactly(&["192.0.2.10"])), &[right.clone(), right]);
    survey.servers[1].address = Some("[2001:db8::53]:53".parse().unwrap());
    for reply in &mut survey.replies[1] {
        *reply = Reply::lost(Loss::NoRoute("Network is unreachable".to_owned()));
    }
    assert_eq!(found(&survey), ["dns.unreachable ns2.host.example (2001:db8::53)"]);
    survey.servers[1].name = survey.servers[0].name.clone();
    assert_eq!(found(&survey), [""; 0]);
}

#[test]
fn losses_that_are_not_silence_have_their_own_names() {
    let right = values(&["192.0.2.10"]);
    for (loss, expected) in [
        (Loss::NoTcp("connection refused".to_owned()), "dns.no-tcp"),
        (Loss::Timeout, "dns.slow"),
        (Loss::Garbage, "dns.unreachable"),
        (Loss::NoTls(health::Text::same("cut")), "dns.unreachable"),
    ] {
        let survey = survey(
            (WWW, RecordType::A, exactly(&["192.0.2.10"])),
            &[right.clone(), Outcome::Lost(loss)],
        );
        assert_eq!(found(&survey), [format!("{expected} ns2.host.example (127.53.0.2)")]);
    }
}

#[test]
fn what_is_remembered_of_a_server_is_told_with_its_figures() {
    let right = values(&["192.0.2.10"]);
    let plan =
        || survey((WWW, RecordType::A, exactly(&["192.0.2.10"])), &[right.clone(), right.clone()]);
    let pace = Pace { asked: 100, moments_of_loss: 9, ..Pace::default() };
    let median = Some(Duration::from_millis(640));
    for (repute, expected, said) in [
        (Repute::default(), None, ""),
        (Repute { pace: Pace { lost: 1, ..pace }, no_tcp: None }, None, ""),
        (
            Repute { pace: Pace { lost: 30, ..pace }, no_tcp: None },
            Some(Code::DnsSlow),
            "30 of the last 100 were never answered (30 %",
        ),
        (
            Repute { pace: Pace { delayed: 90, median, ..pace }, no_tcp: None },
            Some(Code::DnsSlow),
            "90 of its last 100 answers took longer than 500 ms (median 640 ms)",
        ),
        (
            Repute { pace, no_tcp: Some("connection refused".into()) },
            Some(Code::DnsNoTcp),
            "answers over UDP, but not over TCP: connection refused",
        ),
    ] {
        let mut survey = plan();
        survey.reputes = vec![Repute::default(), repute];
        let findings = judge(&survey, None);
        let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, Vec::from_iter(expected), "{findings:?}");
        for finding in findings {
            assert_eq!(finding.subject, "ns2.host.example (127.53.0.2)");
            assert_eq!(finding.severity, Severity::Warning);
            assert!(finding.summary.en.contains(said), "{}", finding.summary.en);
        }
    }
    // Silent altogether: what is remembered explains nothing.
    let mut survey = plan();
    survey.reputes = vec![
        Repute::default(),
        Repute { pace: Pace { lost: 30, ..pace }, no_tcp: Some("connection refused".into()) },
    ];
    survey.replies[1].fill(Reply::lost(Loss::Timeout));
    assert_eq!(found(&survey), ["dns.unreachable ns2.host.example (127.53.0.2)"]);
}

#[test]
fn wildcards_answer_for_records_that_are_not_there() {
    let wild = values(&["192.0.2.1"]);
    let mut survey =
        survey((WWW, RecordType::A, exactly(&["192.0.2.10"])), &[wild.clone(), wild.clone()]);
    survey.records[0].control = vec![Some(wild.clone()), Some(wild)];
    assert_eq!(found(&survey), ["dns.wildcard www.shop.example A"]);
    survey.records[0].control = vec![Some(Outcome::Nxdomain), Some(Outcome::Nxdomain)];
    assert_eq!(found(&survey), ["dns.drift www.shop.example A"]);
}

#[test]
fn a_cache_is_stale_only_where_the_zone_is_right() {
    let (right, wrong) = (values(&["192.0.2.10"]), values(&["192.0.2.99"]));
    let plan = || exactly(&["192.0.2.10"]);
    let at = |plan, zone: &Outcome, cache: &Outcome| {
        let mut said = vec![zone.clone(); 4];
        said.push(cache.clone());
        survey((WWW, RecordType::A, plan), &said)
    };
    assert_eq!(found(&at(plan(), &right, &right)), [""; 0]);
    let stale = judge(&at(plan(), &right, &wrong), None);
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].subject, "www.shop.example A @ 127.53.0.5");
    assert!(stale[0].summary.en.contains("for 42 more minutes"), "{}", stale[0].summary.en);
    assert_eq!(
        found(&at(plan(), &right, &Outcome::Nxdomain)),
        ["dns.stale-cache www.shop.example A @ 127.53.0.5"]
    );
    assert_eq!(found(&at(plan(), &wrong, &right)), ["dns.drift www.shop.example A"]);
    assert_eq!(found(&at(Expectation::Absent, &Outcome::Nodata, &Outcome::Nxdomain)), [""; 0]);
    assert_eq!(
        found(&at(Expectation::Anything, &right, &wrong)),
        ["dns.stale-cache www.shop.example A @ 127.53.0.5"]
    );
    let failed = Outcome::Failed("servfail".into());
    assert_eq!(found(&at(plan(), &right, &failed)), ["dns.unreachable 127.53.0.5"]);
    let mut alias = at(plan(), &right, &wrong);
    let asked = alias.records[0].planned.question;
    alias.replies[4][asked].alias = Some("shop.example".to_owned());
    let finding = &judge(&alias, None)[0];
    assert!(finding.summary.en.contains("a CNAME to shop.example"), "{}", finding.summary.en);
}

#[test]
fn a_planned_alias_is_followed() {
    let alias = values(&["gone.shop.example"]);
    let mut survey =
        survey((WWW, RecordType::CNAME, exactly(&["gone.shop.example"])), &[alias.clone(), alias]);
    let follow = survey.records[0].planned.follow.unwrap();
    assert_eq!(found(&survey), [""; 0]);
    for row in &mut survey.replies {
        row[follow].outcome = Outcome::Dangling("gone.shop.example".to_owned());
    }
    assert_eq!(found(&survey), ["dns.dangling www.shop.example CNAME"]);
}
