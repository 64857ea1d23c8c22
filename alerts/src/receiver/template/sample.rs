//! Messages that a template has to be able to say before a plan is accepted.

use health::Event;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::program::Program;
use super::super::{Channel, Receiver};
use super::Absent;
use crate::{Bundle, Notification, Policy, payload};

/// An incident that opened, one that resolved, several at once; then one of which little is known, what
/// was missed, and a test: of these nothing may be asked, or a message in need would not be sendable.
pub(super) fn messages() -> Vec<(Bundle, Receiver, Absent)> {
    let receiver = Receiver::new("ops", Channel::Program(Program::default()));
    let one = |event: Event| incident(event).to_string();
    let test = payload::test(&Policy::default());
    let missed = missed().to_string();
    let table = [
        (Event::Opened, vec![one(Event::Opened)], Absent::Refused),
        (Event::Resolved, vec![one(Event::Resolved)], Absent::Refused),
        (Event::Opened, vec![one(Event::Opened), one(Event::Opened)], Absent::Refused),
        (Event::Reminder, vec![sparse().to_string()], Absent::Empty),
        (Event::Missed, vec![missed], Absent::Empty),
        (Event::Test, vec![test], Absent::Empty),
    ];
    let made = |(event, bodies, absent): (Event, Vec<String>, Absent)| {
        let notifications = bodies.into_iter().map(|body| notification(event, body)).collect();
        let bundle = Bundle { id: "msg_sample".into(), event, notifications };
        (bundle, receiver.clone(), absent)
    };
    table.into_iter().map(made).collect()
}

/// An incident that belongs to no host, bears no label, and has nothing to show but a summary.
fn sparse() -> Value {
    let mut sparse = incident(Event::Reminder);
    for key in ["host", "instance", "cause", "explained_by"] {
        sparse[key] = Value::Null;
    }
    sparse["labels"] = json!({});
    sparse["consequences"] = json!([]);
    sparse["findings"][0]["evidence"] = json!({});
    sparse["flapping"] = json!({
        "since": "2026-01-01T00:00:00Z", "turns": 7, "changed_at": "2026-01-01T00:05:00Z",
    });
    sparse["acknowledged"] = json!({ "author": "jin", "at": "2026-01-01T00:06:00Z" });
    sparse
}

/// What was missed: one incident, and two looks.
fn missed() -> Value {
    let mut missed: Value =
        serde_json::from_str(&payload::test(&Policy::default())).unwrap_or_default();
    missed["type"] = "agent.missed".into();
    missed["opened_at"] = "2026-01-01T00:00:00Z".into();
    missed["resolved_at"] = "2026-01-01T00:30:00Z".into();
    missed["missed"] = json!({
        "incidents": [{
            "id": "sample", "check": "shop", "severity": "warning",
            "opened_at": "2026-01-01T00:10:00Z", "resolved_at": null, "summary": "answers slowly",
            "url": "http://127.0.0.1:9740/incidents/sample",
        }],
        "looks": [{ "check": "backup", "count": 2, "last": "2026-01-01T00:20:00Z" }],
    });
    missed
}

/// So many of them with one event.
#[cfg(test)]
pub(super) fn bundle(event: Event, many: usize) -> (Bundle, Receiver) {
    let body = match event {
        Event::Test => payload::test(&Policy::default()),
        Event::Missed => missed().to_string(),
        _ => incident(event).to_string(),
    };
    let notifications = vec![notification(event, body); many];
    let receiver = Receiver::new("ops", Channel::Program(Program::default()));
    (Bundle { id: "msg_sample".into(), event, notifications }, receiver)
}

fn notification(event: Event, body: String) -> Notification {
    let at = Timestamp::UNIX_EPOCH;
    Notification {
        id: "msg_sample".into(),
        incident: "sample".into(),
        receiver: "ops".into(),
        event,
        body: body.into(),
        created_at: at,
        expires_at: at,
        due_at: at,
        thread: None,
    }
}

fn incident(event: Event) -> Value {
    let resolved_at = (event == Event::Resolved).then_some("2026-01-01T00:10:00Z");
    let finding = json!({
        "check": "shop", "kind": "http", "code": "http.status", "severity": "critical",
        "subject": "https://shop.example/", "summary": "answers 500 \"as ever\"",
        "evidence": { "expected": "200", "got": 500 }, "remedy": "look into its log",
        "since": "2026-01-01T00:00:00Z", "confirmed": true, "explained_by": null,
    });
    let consequence = json!({
        "id": "sample-2", "check": "till", "kind": "http", "severity": "critical", "state": "down",
        "code": "http.timeout", "summary": "no reply", "explained_by": "shop",
        "opened_at": "2026-01-01T00:00:10Z", "resolved_at": resolved_at,
    });
    json!({
        "type": format!("incident.{}", event.label()), "id": "sample", "agent": "edge",
        "check": "shop", "kind": "http", "instance": "https://shop.example/", "host": "web",
        "labels": { "team": "shop" }, "severity": "critical", "state": "down",
        "opened_at": "2026-01-01T00:00:00Z", "resolved_at": resolved_at, "flapping": null,
        "acknowledged": null, "findings": [finding], "explained_by": null, "cause": null,
        "consequences": [consequence], "url": "http://127.0.0.1:9740/incidents/sample",
    })
}
