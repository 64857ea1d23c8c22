//! What an Alertmanager is sent, from bodies as they are stored.

use serde_json::json;

use super::*;

fn told(findings: serde_json::Value, resolved_at: Option<&str>) -> Told {
    serde_json::from_value(json!({
        "id": "20260101-000000-abc", "agent": "edge", "check": "shop", "kind": "http",
        "instance": "https://shop.example/", "host": null, "severity": "critical", "state": "down",
        "labels": { "team": "shop", "check": "not this", "host": "nor this", "1st": "a", "em-pty": "" },
        "opened_at": "2026-01-01T00:00:00Z", "resolved_at": resolved_at, "findings": findings,
        "url": "http://127.0.0.1:9740/incidents/20260101-000000-abc",
    }))
    .unwrap()
}

fn finding(code: &str, severity: &str, subject: &str) -> serde_json::Value {
    json!({
        "code": code, "severity": severity, "subject": subject, "summary": format!("{subject} is bad"),
        "evidence": { "got": 500 }, "remedy": "look", "check": "shop", "kind": "http",
    })
}

fn cluster() -> Alertmanager {
    Alertmanager {
        urls: vec!["http://127.0.0.1:9093".to_owned()],
        login: None,
        stands_for: SignedDuration::from_mins(5),
        turn: Turn::default(),
    }
}

fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

#[test]
fn each_code_of_an_incident_is_an_alert_and_says_nothing_of_who_saw_it() {
    let findings = json!([
        finding("http.status", "critical", "a"),
        finding("http.slow", "warning", "b"),
        finding("http.status", "critical", "c"),
    ]);
    let alerts = cluster().alerts(&told(findings, None), Event::Opened, now());
    insta::assert_snapshot!(serde_json::to_string_pretty(&alerts).unwrap());
    assert!(alerts.iter().all(|alert| !alert.labels.values().any(|value| value == "edge")));
}

#[test]
fn an_alert_stands_for_a_while_and_ends_when_the_incident_did() {
    let of = |event, resolved_at| {
        let findings = json!([finding("http.status", "critical", "a")]);
        let alerts = cluster().alerts(&told(findings, resolved_at), event, now());
        (alerts[0].starts_at.to_string(), alerts[0].ends_at.to_string())
    };
    let opened = "2026-01-01T00:00:00Z".to_owned();
    for event in [Event::Opened, Event::Updated, Event::Reminder] {
        assert_eq!(of(event, None), (opened.clone(), "2026-01-01T01:05:00Z".to_owned()));
    }
    let ended = Some("2026-01-01T00:10:00Z");
    assert_eq!(of(Event::Resolved, ended), (opened, "2026-01-01T00:10:00Z".to_owned()));
}

#[test]
fn one_of_a_cluster_is_enough_and_what_may_succeed_later_is_tried_again() {
    let lost = || Outcome::Lost { reason: "connection refused".to_owned() };
    let bad = || Outcome::Answered { status: 400, excerpt: "no".to_owned(), retry_after: None };
    let good = || Outcome::Delivered { status: 200 };
    let judged = |outcomes: Vec<Outcome>| {
        judge(outcomes.into_iter().enumerate().map(|(n, one)| (format!("am{n}"), one)).collect())
    };
    assert_eq!(judged(vec![good()]), good());
    assert_eq!(judged(vec![bad()]), bad());
    assert_eq!(judged(vec![bad(), lost()]), lost());
    let late = || Outcome::Answered { status: 408, excerpt: String::new(), retry_after: None };
    assert_eq!(judged(vec![bad(), late()]), late());
    let words = "1 of 2 took it; am1: connection refused".to_owned();
    assert_eq!(judged(vec![good(), lost()]), Outcome::Taken { words });
    assert!(!judged(vec![]).is_delivered());
}

#[test]
fn what_is_about_no_incident_is_told_in_words() {
    let mut said = Vec::new();
    for event in [Event::Test, Event::Missed] {
        let telling = super::super::template::sample_telling(event, health::Language::Ko, 1);
        said.extend(cluster().notice(&telling, &telling.incidents[0], now()));
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&said).unwrap());
}
