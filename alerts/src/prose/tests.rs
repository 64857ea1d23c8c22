//! Messages in words, in both languages.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::lines::Detail;
use super::*;
use crate::{Bundle, Channel, Notification, Receiver, Webhook};

/// A message of these bodies, decided at 08:04, for a reader in this language.
pub(crate) fn telling(event: Event, language: Language, bodies: &[Value]) -> Telling {
    let at: Timestamp = "2027-01-15T08:04:09Z".parse().unwrap();
    let notification = |body: &Value| Notification {
        id: "msg_1".into(),
        incident: "i".into(),
        receiver: "chat".into(),
        event,
        body: body.to_string().into(),
        created_at: at,
        expires_at: at,
        due_at: at,
        thread: None,
    };
    let notifications = bodies.iter().map(notification).collect();
    let bundle = Bundle { id: "msg_1".into(), event, notifications };
    let webhook = Webhook { url: String::new(), secret: None };
    let mut receiver = Receiver::new("chat", Channel::Webhook(webhook));
    receiver.language = language;
    receiver.timezone = match language {
        Language::En => TimeZone::UTC,
        Language::Ko => TimeZone::get("Asia/Seoul").unwrap(),
    };
    Telling::read(&bundle, &receiver).unwrap()
}

/// What the contract's webhook says of one incident.
pub(crate) fn body(check: &str, language: Language) -> Value {
    let finding = health::text!(
        "127.0.0.1:3011 refuses connections: nobody listens there",
        "127.0.0.1:3011에서 연결을 거부합니다: 듣는 프로세스가 없습니다"
    );
    let remedy = health::text!(
        "Start it, and see who listens: `ss -ltnp 'sport = :3011'`.",
        "서비스를 시작하고 누가 듣는지 확인하세요: `ss -ltnp 'sport = :3011'`."
    );
    json!({
        "type": "incident.opened", "id": format!("20270115-080000-{check}"), "agent": "edge",
        "check": check, "kind": "http", "instance": "https://shop.example/", "host": "web",
        "labels": {"team": "shop"}, "severity": "critical", "state": "down",
        "opened_at": "2027-01-15T08:00:00Z", "resolved_at": null,
        "flapping": null, "acknowledged": null,
        "findings": [{
            "check": check, "kind": "http", "code": "tcp.refused", "severity": "critical",
            "subject": "127.0.0.1:3011", "summary": finding.in_language(language),
            "evidence": {"expected": "a connection", "tried": ["127.0.0.1:3011", "[::1]:3011"]},
            "remedy": remedy.in_language(language),
            "since": "2027-01-15T07:59:30Z", "confirmed": true, "explained_by": null
        }],
        "explained_by": null, "cause": null,
        "consequences": [{
            "id": "x", "check": "session", "kind": "journey", "severity": "critical",
            "state": "down", "code": "http.bad-gateway",
            "summary": health::text!("502 instead of 200", "200이 아닌 502").in_language(language),
            "explained_by": check, "opened_at": "2027-01-15T08:00:02Z", "resolved_at": null
        }],
        "url": format!("http://127.0.0.1:9740/incidents/20270115-080000-{check}")
    })
}

/// The same, over after twelve minutes.
pub(crate) fn resolved(check: &str, language: Language) -> Value {
    let mut body = body(check, language);
    body["resolved_at"] = json!("2027-01-15T08:12:03Z");
    body["state"] = json!("up");
    body
}

fn titles(event: Event, bodies: impl Fn(Language) -> Vec<Value>) -> [String; 2] {
    [Language::En, Language::Ko]
        .map(|language| of(&telling(event, language, &bodies(language))).title)
}

#[test]
fn a_title_says_it_all() {
    let one = |change: Value| {
        move |language| {
            let mut told = body("shop", language);
            for (key, value) in change.as_object().unwrap() {
                told[key] = value.clone();
            }
            vec![told]
        }
    };
    let flapping = json!({"flapping": {"since": "2027-01-15T07:00:00Z", "turns": 7,
        "changed_at": "2027-01-15T08:00:00Z"}});
    let mut settled = flapping.clone();
    settled["flapping"]["settled_at"] = json!("2027-01-15T08:03:00Z");
    settled["resolved_at"] = json!("2027-01-15T08:03:00Z");
    settled["state"] = json!("up");
    let table = [
        (Event::Opened, json!({})),
        (Event::Opened, json!({"state": "degraded", "severity": "warning"})),
        (Event::Updated, json!({})),
        (Event::Updated, flapping),
        (Event::Reminder, json!({})),
        (Event::Resolved, json!({"state": "up", "resolved_at": "2027-01-15T12:03:00Z"})),
        (Event::Resolved, json!({"state": "unknown", "resolved_at": "2027-01-15T08:12:03Z"})),
        (Event::Resolved, settled),
        (Event::Test, json!({"check": null, "url": "http://127.0.0.1:9740"})),
    ];
    let said: Vec<String> =
        table.into_iter().flat_map(|(event, change)| titles(event, one(change))).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn several_are_counted_and_the_first_of_them_named() {
    let five =
        |language| ["db", "shop", "session", "web:80", "mail"].map(|c| body(c, language)).to_vec();
    let mut said: Vec<String> = Vec::new();
    for event in [Event::Opened, Event::Updated, Event::Reminder] {
        said.extend(titles(event, five));
    }
    said.extend(titles(Event::Resolved, |language| {
        vec![resolved("db", language), resolved("shop", language)]
    }));
    said.extend(titles(Event::Opened, |language| {
        let mut second = body("shop", language);
        second["state"] = json!("degraded");
        vec![body("db", language), second]
    }));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn one_incident_is_told_whole() {
    let mut acknowledged = body("shop", Language::Ko);
    acknowledged["acknowledged"] =
        json!({"author": "김지수", "at": "2027-01-15T08:03:00Z", "note": "배포 되돌리는 중"});
    let said = [
        of(&telling(Event::Opened, Language::En, &[body("shop", Language::En)])).plain(),
        of(&telling(Event::Opened, Language::Ko, &[body("shop", Language::Ko)])).plain(),
        of(&telling(Event::Updated, Language::Ko, &[acknowledged])).plain(),
        of(&telling(Event::Resolved, Language::En, &[resolved("shop", Language::En)])).plain(),
        of(&telling(Event::Resolved, Language::Ko, &[resolved("shop", Language::Ko)])).plain(),
    ];
    insta::assert_snapshot!(said.join("\n\n---\n\n"));
}

#[test]
fn several_are_told_in_less_detail_and_very_many_in_a_line_each() {
    let many = |n: usize, language| {
        let bodies: Vec<Value> = (0..n).map(|nth| body(&format!("web:{nth}"), language)).collect();
        of(&telling(Event::Opened, language, &bodies)).plain()
    };
    insta::assert_snapshot!([many(2, Language::En), many(63, Language::Ko)].join("\n\n---\n\n"));
}

#[test]
fn what_does_not_fit_is_counted() {
    let bodies: Vec<Value> =
        (0..63).map(|nth| body(&format!("서버 {nth}"), Language::Ko)).collect();
    let prose = of(&telling(Event::Opened, Language::Ko, &bodies));
    for (most, listed) in [(2000, 20), (1000, 16), (400, 5), (200, 0)] {
        let text = prose.plain_body(most);
        assert!(text.chars().count() <= most, "{most}: {text}");
        let lines = text.lines().filter(|line| line.starts_with("장애: ")).count();
        assert!(lines.abs_diff(listed) <= 3, "{most}: {lines} of {listed}\n{text}");
        assert!(text.contains(&format!("외 {}건", 63 - lines)), "{most}: {text}");
    }
    // Less than the least: cut between characters, never within one.
    assert_eq!(prose.plain_body(5).chars().count(), 5);
    assert!(prose.plain_body(5).ends_with('…'));
}

#[test]
fn what_cannot_be_seen_is_not_told() {
    let mut hostile = body("shop", Language::En);
    hostile["check"] = json!("a\u{202e}b\u{200b}c\nd");
    hostile["findings"][0]["summary"] = json!("one\r\ntwo\u{7}");
    let prose = of(&telling(Event::Opened, Language::En, &[hostile]));
    assert_eq!(prose.title, "Down: abc d · one  two");
}

#[test]
fn backticks_mark_what_is_typed() {
    let mut told = body("shop", Language::En);
    for (remedy, code) in [
        ("Type `ss -l` now", vec!["ss -l"]),
        ("`a` and `b`", vec!["a", "b"]),
        ("an odd ` one", vec![]),
        ("`a` and an odd ` one", vec!["a"]),
        ("", vec![]),
    ] {
        told["findings"][0]["remedy"] = json!(remedy);
        let prose = of(&telling(Event::Opened, Language::En, &[told.clone()]));
        let lines = prose.lines(Detail::Full, 1);
        let line = lines.iter().find(|line| line.role == Role::Remedy);
        let Some(line) = line else {
            assert_eq!(remedy, "");
            continue;
        };
        let typed = line.pieces.iter().filter(|piece| piece.style == Style::Code);
        assert_eq!(typed.map(|piece| &*piece.words).collect::<Vec<_>>(), code, "{remedy}");
        assert_eq!(line.plain(), format!("→ {remedy}"));
    }
}

#[test]
fn what_was_missed_is_listed() {
    let said = [Language::En, Language::Ko].map(|language| {
        let shop = body("shop", language);
        let summary = &shop["findings"][0]["summary"];
        let missed = json!({
            "type": "agent.missed", "id": "missed-1", "agent": "edge", "severity": null,
            "opened_at": "2027-01-15T03:00:00Z", "resolved_at": "2027-01-15T08:00:00Z",
            "findings": [],
            "missed": {
                "incidents": [
                    { "id": "a", "check": "shop", "severity": "critical", "summary": summary,
                      "opened_at": "2027-01-15T08:00:10Z", "resolved_at": null,
                      "url": "http://127.0.0.1:9740/incidents/a" },
                    { "id": "b", "check": "db", "severity": "critical", "summary": summary,
                      "opened_at": "2027-01-15T02:00:00Z", "resolved_at": "2027-01-15T08:00:05Z",
                      "url": "http://127.0.0.1:9740/incidents/b" },
                ],
                "looks": [{ "check": "nightly", "count": 1, "last": "2027-01-15T04:00:00Z" }],
            },
            "url": "http://127.0.0.1:9740",
        });
        of(&telling(Event::Missed, language, &[missed])).plain()
    });
    insta::assert_snapshot!(said.join("\n\n---\n\n"));
}
