//! The JSON of a notification, as receivers rely on it: every key in every message.

use health::finding::View;
use health::{Event, Incident, Language, Severity};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Missed, Policy};

/// The body that says what happened to an incident.
pub(crate) fn incident(
    policy: &Policy,
    language: Language,
    incident: &Incident,
    event: Event,
) -> String {
    let findings: Vec<View<'_>> = incident
        .findings
        .iter()
        .map(|standing| View::new(&incident.check, incident.kind, standing, language))
        .collect();
    json!({
        "type": format!("incident.{}", event.label()),
        "id": incident.id,
        "agent": policy.agent,
        "check": incident.check,
        "kind": incident.kind,
        "instance": incident.instance,
        "host": incident.host,
        "labels": incident.labels,
        "severity": incident.severity,
        "state": incident.state,
        "opened_at": incident.opened_at,
        "resolved_at": incident.resolved_at,
        "flapping": incident.flapping,
        "acknowledged": incident.acknowledged,
        "findings": findings,
        "explained_by": incident.cause(),
        "cause": incident.explained_by.as_ref().and_then(|by| by.incident.as_deref()),
        "consequences": incident
            .consequences
            .iter()
            .map(|one| one.view(language))
            .collect::<Vec<_>>(),
        "url": format!("{}/incidents/{}", policy.url, incident.id),
    })
    .to_string()
}

/// The body that says what was missed: `opened_at` and `resolved_at` are since when and until when the
/// agent was not running.
pub(crate) fn missed(policy: &Policy, language: Language, id: &str, missed: &Missed) -> String {
    let incidents: Vec<Value> =
        missed.incidents.iter().map(|one| found(policy, language, one)).collect();
    let looks: Vec<Value> = missed
        .looks
        .iter()
        .map(|look| json!({ "check": look.check, "count": look.count, "last": look.last }))
        .collect();
    json!({
        "type": "agent.missed",
        "id": id,
        "agent": policy.agent,
        "check": Value::Null,
        "kind": Value::Null,
        "instance": Value::Null,
        "host": Value::Null,
        "labels": {},
        "severity": Value::Null,
        "state": Value::Null,
        "opened_at": missed.from,
        "resolved_at": missed.until,
        "flapping": Value::Null,
        "acknowledged": Value::Null,
        "findings": [],
        "explained_by": Value::Null,
        "cause": Value::Null,
        "consequences": [],
        "missed": { "incidents": incidents, "looks": looks },
        "url": policy.url,
    })
    .to_string()
}

/// An incident that was found changed.
fn found(policy: &Policy, language: Language, incident: &Incident) -> Value {
    let worst = incident.findings.first().map(|standing| &standing.finding.summary);
    json!({
        "id": incident.id,
        "check": incident.check,
        "severity": incident.severity,
        "opened_at": incident.opened_at,
        "resolved_at": incident.resolved_at,
        "summary": worst.map(|summary| summary.in_language(language)),
        "url": format!("{}/incidents/{}", policy.url, incident.id),
    })
}

/// How bad what a body tells of is; `None` where it is no incident.
pub(crate) fn severity(body: &str) -> Option<Severity> {
    #[derive(Deserialize)]
    struct Part {
        severity: Option<Severity>,
    }
    serde_json::from_str::<Part>(body).ok()?.severity
}

/// The body of a test message.
pub(crate) fn test(policy: &Policy) -> String {
    json!({
        "type": Event::Test.label(),
        "id": "test",
        "agent": policy.agent,
        "check": Value::Null,
        "kind": Value::Null,
        "instance": Value::Null,
        "host": Value::Null,
        "labels": {},
        "severity": Value::Null,
        "state": Value::Null,
        "opened_at": Value::Null,
        "resolved_at": Value::Null,
        "flapping": Value::Null,
        "acknowledged": Value::Null,
        "findings": [],
        "explained_by": Value::Null,
        "cause": Value::Null,
        "consequences": [],
        "url": policy.url,
    })
    .to_string()
}
