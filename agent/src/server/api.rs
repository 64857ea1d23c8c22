//! `/api/v1/…`: the snapshot as JSON. Shapes are fixed: add to them, do not change them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use health::facts::Facts;
use health::finding::View;
use health::snapshot::{CheckStanding, Last};
use health::{Kind, Language, Phases, PortKey, Protocol};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Served;
use super::asked::Asked;
use crate::port_report;

/// What every list takes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Words {
    /// Language of summaries and remedies.
    #[serde(default)]
    lang: Option<Language>,
}

impl Words {
    pub(super) fn language(&self) -> Language {
        self.lang.unwrap_or_default()
    }
}

pub(super) fn views(standing: &CheckStanding, language: Language) -> Vec<View<'_>> {
    let check = &standing.check;
    standing
        .findings
        .iter()
        .map(|finding| View::new(&check.name, check.kind, finding, language))
        .collect()
}

/// `GET /api/v1/findings`: what is wrong now, worst first.
pub(super) async fn findings(
    State(served): State<Arc<Served>>,
    Asked(asked): Asked<Words>,
) -> Response {
    let snapshot = served.snapshot();
    let mut findings: Vec<View<'_>> =
        snapshot.checks.iter().flat_map(|standing| views(standing, asked.language())).collect();
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.since.cmp(&b.since)));
    Json(json!({ "findings": findings })).into_response()
}

#[derive(Serialize)]
struct CheckView<'a> {
    name: &'a str,
    kind: Kind,
    instance: &'a str,
    host: Option<&'a str>,
    state: health::State,
    flapping: bool,
    since: Timestamp,
    last: Option<LastView<'a>>,
    /// The last look that was good, and the last that was not: one of them is `last`.
    last_success: Option<OutcomeView<'a>>,
    last_failure: Option<OutcomeView<'a>>,
    next_due: Option<Timestamp>,
    incident: Option<&'a str>,
    depends_on: &'a [Arc<str>],
    findings: Vec<View<'a>>,
}

#[derive(Serialize)]
struct LastView<'a> {
    at: Timestamp,
    duration_seconds: f64,
    success: bool,
    phases: &'a Phases,
    facts: &'a Facts,
}

/// A look with what it found, whether that still stands or not.
#[derive(Serialize)]
struct OutcomeView<'a> {
    #[serde(flatten)]
    last: LastView<'a>,
    findings: Vec<FoundView<'a>>,
}

#[derive(Serialize)]
struct FoundView<'a> {
    code: health::Code,
    severity: health::Severity,
    subject: &'a str,
    summary: &'a str,
    evidence: &'a serde_json::Map<String, serde_json::Value>,
    remedy: &'a str,
}

impl<'a> LastView<'a> {
    fn new(last: &'a Last) -> Self {
        Self {
            at: last.at,
            duration_seconds: last.duration.as_secs_f64(),
            success: last.success,
            phases: &last.phases,
            facts: &last.facts,
        }
    }
}

impl<'a> OutcomeView<'a> {
    fn new(last: &'a Last, language: Language) -> Self {
        let found = last.findings.iter().map(|finding| FoundView {
            code: finding.code,
            severity: finding.severity,
            subject: &finding.subject,
            summary: finding.summary.in_language(language),
            evidence: &finding.evidence,
            remedy: finding.remedy.in_language(language),
        });
        Self { last: LastView::new(last), findings: found.collect() }
    }
}

impl<'a> CheckView<'a> {
    fn new(standing: &'a CheckStanding, language: Language) -> Self {
        let check = &standing.check;
        Self {
            name: &check.name,
            kind: check.kind,
            instance: &check.instance,
            host: check.host.as_deref(),
            state: standing.state,
            flapping: standing.flapping,
            since: standing.since,
            last: standing.last.as_deref().map(LastView::new),
            last_success: standing.last_success().map(|last| OutcomeView::new(last, language)),
            last_failure: standing.last_failure().map(|last| OutcomeView::new(last, language)),
            next_due: standing.next_due,
            incident: standing.incident.as_deref(),
            depends_on: &check.depends_on,
            findings: views(standing, language),
        }
    }
}

/// `GET /api/v1/checks`
pub(super) async fn checks(
    State(served): State<Arc<Served>>,
    Asked(asked): Asked<Words>,
) -> Response {
    let snapshot = served.snapshot();
    let checks: Vec<CheckView<'_>> =
        snapshot.checks.iter().map(|standing| CheckView::new(standing, asked.language())).collect();
    Json(Checks { checks }).into_response()
}

#[derive(Serialize)]
struct Checks<'a> {
    checks: Vec<CheckView<'a>>,
}

/// `GET /api/v1/checks/{name}`: one check, with its past.
pub(super) async fn check(
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
    Asked(asked): Asked<Words>,
) -> Response {
    let snapshot = served.snapshot();
    let Some(standing) = snapshot.check(&name) else { return missing("no check has this name") };
    let history = served.history(&name).await;
    Json(json!({
        "check": CheckView::new(standing, asked.language()),
        "history": {
            "samples": history.samples,
            "hours": history.hours,
            "days": history.days,
            "changes": history.changes,
            "incidents": history.incidents.iter().map(|incident| incident_view(incident, asked.language())).collect::<Vec<_>>(),
        },
    }))
    .into_response()
}

/// `GET /api/v1/ports`: claims and undeclared listeners alike.
pub(super) async fn ports(
    State(served): State<Arc<Served>>,
    Asked(asked): Asked<Words>,
) -> Response {
    Json(port_report::json(&served.snapshot().checks, asked.language())).into_response()
}

/// Which transport of a port; TCP unless asked otherwise.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Transport {
    #[serde(default)]
    protocol: Protocol,
}

/// `GET /api/v1/ports/{host}/{port}/changes`: who held a port since when, newest first. Of a port
/// that is not in the plan any more too.
pub(super) async fn port_changes(
    State(served): State<Arc<Served>>,
    Path((host, port)): Path<(String, String)>,
    Asked(Transport { protocol }): Asked<Transport>,
) -> Response {
    let Some(port) = port.parse().ok().filter(|port| *port != 0) else {
        return missing("a port is a number from 1 to 65535");
    };
    let key = PortKey { host: host.into(), port, protocol };
    let name = key.to_string();
    match served.store.tenures(&name).await {
        Ok(changes) if changes.is_empty() && served.snapshot().check(&name).is_none() => {
            missing("nothing is known of this port")
        }
        Ok(changes) => Json(json!({ "port": key, "changes": changes })).into_response(),
        Err(error) => {
            tracing::warn!(%name, %error, "who held this port cannot be read");
            let answer = Json(json!({ "error": "the store cannot be read" }));
            (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
        }
    }
}

/// `GET /api/v1/incidents`: open ones and the last hundred that resolved, newest first.
pub(super) async fn incidents(
    State(served): State<Arc<Served>>,
    Asked(asked): Asked<Words>,
) -> Response {
    let snapshot = served.snapshot();
    let past = served.past_incidents().await;
    let open = snapshot.incidents.iter().map(|incident| incident_view(incident, asked.language()));
    let resolved = past
        .iter()
        .filter(|incident| incident.resolved_at.is_some())
        .map(|incident| incident_view(incident, asked.language()));
    let incidents: Vec<_> = open.chain(resolved).collect();
    Json(json!({ "incidents": incidents })).into_response()
}

/// `GET /api/v1/incidents/{id}`: one incident and what was told of it.
pub(super) async fn incident(
    State(served): State<Arc<Served>>,
    Path(id): Path<String>,
    Asked(asked): Asked<Words>,
) -> Response {
    let Some(account) = served.incident(&id).await else {
        return missing("no incident has this id");
    };
    let mut view = incident_view(&account.incident, asked.language());
    view["notifications"] = json!(account.notifications);
    view["decisions"] = json!(account.decisions);
    Json(view).into_response()
}

fn incident_view(incident: &health::Incident, language: Language) -> serde_json::Value {
    let findings: Vec<View<'_>> = incident
        .findings
        .iter()
        .map(|finding| View::new(&incident.check, incident.kind, finding, language))
        .collect();
    json!({
        "id": incident.id,
        "check": incident.check,
        "kind": incident.kind,
        "instance": incident.instance,
        "host": incident.host,
        "severity": incident.severity,
        "state": incident.state,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "resolved_at": incident.resolved_at,
        "labels": incident.labels,
        "flapping": incident.flapping,
        "acknowledged": incident.acknowledged,
        "findings": findings,
        "explained_by": incident.cause(),
        "cause": incident.explained_by.as_ref().and_then(|by| by.incident.as_deref()),
        "consequences": incident.consequences.iter().map(|one| one.view(language)).collect::<Vec<_>>(),
    })
}

/// The answer for what is not there.
pub(super) fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": what }))).into_response()
}
