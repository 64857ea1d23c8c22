//! What an Alertmanager is sent, from bodies as they are stored.

use serde_json::json;

use super::*;

fn told(findings: &serde_json::Value, resolved_at: Option<&str>) -> Told {
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
    let alerts = cluster().alerts(&told(&findings, None), Event::Opened, now());
    insta::assert_snapshot!(serde_json::to_string_pretty(&alerts).unwrap());
    assert!(alerts.iter().all(|alert| !alert.labels.values().any(|value| value == "edge")));
}

#[test]
fn an_alert_stands_for_a_while_and_ends_when_the_incident_did() {
    let of = |event, resolved_at| {
        let findings = json!([finding("http.status", "critical", "a")]);
        let alerts = cluster().alerts(&told(&findings, resolved_at), event, now());
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
fn what_stands_before_and_after_the_place_of_a_url_is_not_shown() {
    for url in
        ["http://am-1:9093/hidden", "http://user:hidden@am-1:9093/", "http://am-1:9093?hidden"]
    {
        assert_eq!(place(url), "am-1:9093");
    }
}

#[test]
fn what_one_of_a_cluster_may_take_later_is_tried_again() {
    let answered = |status| Outcome::Answered { status, excerpt: String::new(), retry_after: None };
    for status in [408, 425, 429, 500, 503] {
        let told = judge(vec![("a".to_owned(), answered(404)), ("b".to_owned(), answered(status))]);
        assert_eq!(told, answered(status));
    }
}

/// Refuses what tells of this check, and says how many requests came.
async fn member(refuses: &'static str) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let listener = tokio::net::TcpListener::bind("127.31.0.2:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = axum::routing::post(move |body: String| async move {
        count.fetch_add(1, Ordering::SeqCst);
        let status = if body.contains(refuses) { 400 } else { 200 };
        http::StatusCode::from_u16(status).unwrap()
    });
    let router = axum::Router::new()
        .route("/api/v2/alerts", answer)
        .layer(axum::extract::DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

#[tokio::test]
async fn one_that_is_refused_of_very_many_keeps_no_other_from_being_told() {
    let (url, asked) = member("well-poisoned").await;
    let free = std::net::TcpListener::bind("127.31.0.2:0").unwrap().local_addr().unwrap();
    let cluster = Alertmanager { urls: vec![url, format!("http://{free}")], ..cluster() };
    let one = |check: &str| {
        let mut told = told(&json!([finding("http.status", "critical", "a")]), None);
        told.check = Some(check.to_owned());
        cluster.alerts(&told, Event::Opened, now())
    };
    let mut alerts = one("well-poisoned");
    alerts.extend((0..1200).flat_map(|nth| one(&format!("check {nth}"))));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = crate::client(tls).unwrap();
    let outcome = cluster.post(&client, &alerts, now()).await;
    // The other member may take it later.
    assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 3, "all of it was told");
    let outcome = cluster.post(&client, &alerts[1..], now()).await;
    assert!(outcome.is_delivered(), "{outcome:?}");
    assert!(outcome.to_string().starts_with("1 of 2 took it; 127.31.0.2:"), "{outcome}");
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
