//! `GET /api/v1/dns`: every zone, record by nameserver, each answer with whom it came from and how to
//! ask for it by hand. Shapes are fixed: add to them, do not change them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use health::Language;
use health::facts::{AnswerFacts, DnsFacts, DnssecFacts, RecordFacts, ServerFacts};
use health::finding::View;
use health::snapshot::CheckStanding;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Served;
use super::api::{missing, views};
use super::asked::Asked;

/// What the list is narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    lang: Option<Language>,
    /// Name of a check.
    check: Option<String>,
    /// Name of a zone.
    zone: Option<String>,
    /// `wrong`: only records that some server does not have as planned.
    only: Option<String>,
}

#[derive(Serialize)]
struct ZoneView<'a> {
    check: &'a str,
    state: health::State,
    since: Timestamp,
    /// When the servers were asked.
    at: Timestamp,
    zone: &'a str,
    servers: &'a [ServerFacts],
    records: Vec<RecordView<'a>>,
    dnssec: Option<&'a DnssecFacts>,
    findings: Vec<View<'a>>,
}

#[derive(Serialize)]
struct RecordView<'a> {
    name: &'a str,
    /// The same as `record_type`.
    r#type: &'a str,
    record_type: &'a str,
    expected: &'a str,
    /// Every server holds what the plan says.
    matches: bool,
    /// Of authoritative servers and caches alike, in the order of `servers`.
    answers: Vec<AnswerView<'a>>,
}

#[derive(Serialize)]
struct AnswerView<'a> {
    #[serde(flatten)]
    answer: AnswerFacts,
    nameserver: &'a str,
    address: Option<String>,
    is_resolver: bool,
    rcode: Option<String>,
    /// The command that asks the same; `null` where the server has no address.
    dig: Option<String>,
}

impl<'a> ZoneView<'a> {
    fn of(standing: &'a CheckStanding, wanted: &Wanted) -> Option<Self> {
        let last = standing.last.as_deref()?;
        let dns = last.facts.dns.as_deref()?;
        let is_it =
            |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|it| it == name);
        if !is_it(&wanted.check, &standing.check.name) || !is_it(&wanted.zone, &dns.zone) {
            return None;
        }
        let only_wrong = wanted.only.as_deref() == Some("wrong");
        let records = dns.records.iter().map(|record| RecordView::of(dns, record, last.at));
        Some(Self {
            check: &standing.check.name,
            state: standing.state,
            since: standing.since,
            at: last.at,
            zone: &dns.zone,
            servers: &dns.servers,
            records: records.filter(|record| !(only_wrong && record.matches)).collect(),
            dnssec: dns.dnssec.as_deref(),
            findings: views(standing, wanted.lang.unwrap_or_default()),
        })
    }
}

impl<'a> RecordView<'a> {
    fn of(dns: &'a DnsFacts, record: &'a RecordFacts, at: Timestamp) -> Self {
        let answers = record.answers.iter().filter_map(|answer| {
            let server = dns.servers.get(answer.server)?;
            let mut answer = answer.clone();
            // A cache's answer ends, whoever reckoned when.
            answer.expires_at = answer.expiry(at).filter(|_| server.is_resolver);
            Some(AnswerView {
                rcode: answer.rcode(),
                answer,
                nameserver: &server.name,
                address: server.address.map(|address| address.to_string()),
                is_resolver: server.is_resolver,
                dig: record.dig(server),
            })
        });
        Self {
            name: &record.name,
            r#type: &record.record_type,
            record_type: &record.record_type,
            expected: &record.expected,
            matches: record.answers.iter().all(|answer| answer.matches),
            answers: answers.collect(),
        }
    }
}

/// `GET /api/v1/dns`: record by nameserver, for every dns check that has been looked at.
pub(super) async fn dns(
    State(served): State<Arc<Served>>,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let snapshot = served.snapshot();
    let checks = snapshot.checks.iter();
    let dns: Vec<ZoneView<'_>> =
        checks.filter_map(|standing| ZoneView::of(standing, &wanted)).collect();
    Json(Zones { dns }).into_response()
}

#[derive(Serialize)]
struct Zones<'a> {
    dns: Vec<ZoneView<'a>>,
}

/// `GET /api/v1/dns/{check}/turns`: what the nameservers said of each record since when, newest
/// first.
pub(super) async fn turns(State(served): State<Arc<Served>>, Path(name): Path<String>) -> Response {
    match served.store.turns(&name).await {
        Ok(turns) if turns.is_empty() && served.snapshot().check(&name).is_none() => {
            missing("no check has this name")
        }
        Ok(turns) => Json(json!({ "check": name, "turns": turns })).into_response(),
        Err(error) => {
            tracing::warn!(%name, %error, "what nameservers said cannot be read");
            let answer = Json(json!({ "error": "the store cannot be read" }));
            (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
        }
    }
}
