//! Climbs and what follows from them, from tables.

use std::collections::HashMap;

use health::Severity;

use super::*;
use crate::probe::dns::exchange::Loss;
use crate::probe::dns::reply::{Outcome, Reply};

fn fqdn(name: &str) -> Name {
    Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).unwrap()
}

fn values(values: &[&str]) -> Outcome {
    Outcome::Values(values.iter().map(|&value| value.to_owned()).collect())
}

/// What servers have at names; everything else is NXDOMAIN.
fn answers(servers: &[&[(&str, Outcome)]], outside: &[(&str, Option<&[&str]>)]) -> Answers {
    let places = ["shop.example", "www.shop.example", "a.b.shop.example", "b.shop.example"];
    let reply = |outcome| Reply { outcome, ..Reply::lost(Loss::Timeout) };
    let row = |said: &&[(&str, Outcome)]| {
        let at = |place: &&str| said.iter().find(|(name, _)| name == place).map(|(_, o)| o.clone());
        places.iter().map(|place| reply(at(place).unwrap_or(Outcome::Nxdomain))).collect()
    };
    let resolved = |all: &Option<&[&str]>| {
        all.map(|all| all.iter().map(|&value| value.to_owned()).collect::<Vec<_>>())
    };
    let (above, outside): (Vec<_>, Vec<_>) = outside
        .iter()
        .map(|(name, all)| ((*name).to_owned(), resolved(all)))
        .partition(|(name, _)| name == "example.");
    Answers {
        zone: fqdn("shop.example"),
        servers: (1..=servers.len())
            .map(|last| Server {
                name: format!("ns{last}.host.example").into(),
                address: Some(format!("192.0.2.{last}:53").parse().unwrap()),
                role: Role::Authoritative,
                failure: None,
            })
            .collect(),
        places: places
            .iter()
            .enumerate()
            .map(|(at, name)| (fqdn(name), at))
            .collect::<HashMap<_, _>>(),
        replies: servers.iter().map(row).collect(),
        outside: outside.into_iter().collect(),
        above,
    }
}

fn subject(name: &str) -> Subject {
    let in_use = InUse {
        check: "shop".into(),
        fingerprint: "ab".to_owned(),
        names: vec![name.to_owned()],
        issuer: "CN=R11,O=Let's Encrypt,C=US".to_owned(),
        not_after: "2026-12-24T00:00:00Z".parse().unwrap(),
        caa_name: None,
    };
    Subject {
        name: fqdn(name.trim_start_matches("*.")),
        is_wildcard: name.starts_with("*."),
        in_use: Arc::new(in_use),
        ca: vec!["letsencrypt.org".to_owned()],
    }
}

/// Subjects and severities of what is found.
fn found(answers: &Answers, names: &[&str]) -> Vec<(String, Severity)> {
    let subjects: Vec<Subject> = names.iter().map(|name| subject(name)).collect();
    let findings = judge::caa::judge(&subjects, answers, &Renewal::default(), |_| true);
    findings.into_iter().map(|finding| (finding.subject, finding.severity)).collect()
}

fn warning(subject: &str) -> (String, Severity) {
    (subject.to_owned(), Severity::Warning)
}

#[test]
fn the_nearest_set_upward_counts() {
    let ours = || values(&["0 issue \"letsencrypt.org\""]);
    let others = || values(&["0 issue \"digicert.com\""]);
    let apex = |set| [("shop.example", set)];
    let at_apex = answers(&[&apex(others())], &[]);
    assert_eq!(found(&at_apex, &["a.b.shop.example"]), [warning("shop.example CAA")]);
    assert_eq!(found(&at_apex, &["a.b.shop.example", "www.shop.example"]).len(), 1, "one for all");
    assert_eq!(found(&answers(&[&apex(ours())], &[]), &["a.b.shop.example", "*.shop.example"]), []);
    let nearer = [("shop.example", others()), ("b.shop.example", ours())];
    assert_eq!(found(&answers(&[&nearer], &[]), &["a.b.shop.example"]), []);
    let nearer = [("shop.example", ours()), ("b.shop.example", others())];
    assert_eq!(
        found(&answers(&[&nearer], &[]), &["a.b.shop.example", "www.shop.example"]),
        [warning("b.shop.example CAA")]
    );
    // Above the zone, where it has none itself.
    let above = |set| answers(&[&[]], &[("example.", set)]);
    assert_eq!(
        found(&above(Some(&["0 issue \";\""])), &["shop.example"]),
        [warning("example. CAA")]
    );
    assert_eq!(found(&above(Some(&[])), &["shop.example"]), []);
    assert_eq!(found(&above(None), &["shop.example"]), [], "not known is not forbidden");
}

#[test]
fn a_cname_lends_its_targets_set() {
    let away = || [("www.shop.example", Outcome::Alias("cdn.example".to_owned()))];
    let with = |set| answers(&[&away()], &[("cdn.example", set)]);
    assert_eq!(
        found(&with(Some(&["0 issue \"pki.goog\""])), &["www.shop.example"]),
        [warning("cdn.example CAA")]
    );
    assert_eq!(found(&with(Some(&[])), &["www.shop.example"]), [], "and the climb goes on");
    assert_eq!(found(&with(None), &["www.shop.example"]), []);
}

#[test]
fn the_server_that_forbids_is_named() {
    let ours = [("shop.example", values(&["0 issue \"letsencrypt.org\""]))];
    let others = [("shop.example", values(&["0 issue \"digicert.com\""]))];
    let nobody = [("shop.example", values(&["0 issue \";\""]))];
    let odd = "shop.example CAA @ ns2.host.example (192.0.2.2)";
    assert_eq!(found(&answers(&[&ours, &others], &[]), &["shop.example"]), [warning(odd)]);
    assert_eq!(found(&answers(&[&[], &others], &[]), &["shop.example"]), [warning(odd)]);
    assert_eq!(
        found(&answers(&[&others, &others], &[]), &["shop.example"]),
        [warning("shop.example CAA")]
    );
    assert_eq!(found(&answers(&[&nobody, &others], &[]), &["shop.example"]).len(), 2);
}

#[test]
fn silence_forbids_where_nobody_else_speaks() {
    let servfail = || [("www.shop.example", Outcome::Failed("servfail".into()))];
    let all = answers(&[&servfail(), &servfail()], &[]);
    assert_eq!(found(&all, &["www.shop.example"]), [warning("shop.example CAA")]);
    assert_eq!(found(&all, &["b.shop.example"]), [], "another name");
    let one = answers(&[&[], &servfail()], &[]);
    let odd = "shop.example CAA @ ns2.host.example (192.0.2.2)".to_owned();
    assert_eq!(found(&one, &["www.shop.example"]), [(odd, Severity::Notice)]);
    let delegated = [("b.shop.example", Outcome::Delegated(Vec::new()))];
    assert_eq!(found(&answers(&[&delegated], &[]), &["a.b.shop.example"]), [], "another zone's");
}

#[test]
fn the_remedy_is_a_record() {
    let forbidding = values(&["0 issue \"digicert.com\"", "0 issuewild \";\""]);
    let answers = answers(&[&[("shop.example", forbidding)]], &[]);
    let subjects = [subject("*.shop.example"), subject("shop.example")];
    let findings = judge::caa::judge(&subjects, &answers, &Renewal::default(), |_| true);
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!(
        finding.evidence["expected"],
        serde_json::json!([
            "shop.example. CAA 0 issue \"letsencrypt.org\"",
            "shop.example. CAA 0 issuewild \"letsencrypt.org\"",
        ])
    );
    assert_eq!(finding.evidence["found_at"], "shop.example");
    assert_eq!(finding.evidence["ends"], "2026-12-24T00:00:00Z");
    assert!(finding.remedy.en.contains("`dig @192.0.2.1 +norecurse shop.example CAA`"));
}

#[test]
fn hostile_values_do_no_harm() {
    let nonsense = ["", "0", "300 issue x", "0 issue \"", "0 issue \"\\255\"", "128  \"x\""];
    let answers = answers(&[&[("shop.example", values(&nonsense))]], &[]);
    let _ = found(&answers, &["shop.example", "*.shop.example"]);
}
