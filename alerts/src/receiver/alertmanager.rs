//! Alertmanager by its API v2: one alert for each code of an incident, so that its own routes, silences
//! and inhibitions take over.
//!
//! Labels say what is wrong and nothing of who saw it: alerts of two agents that look at the same thing
//! are one. An alert stands until `endsAt`, which is moved on while the incident is open (see
//! [`crate::KeepAlive`]); a code that is found no more, or with another severity, simply ends then.
//!
//! Deliberately absent: the choice of one of a cluster. All are told, as Prometheus does it, because
//! they share silences and what was sent, but not alerts.

use std::collections::BTreeMap;
use std::sync::Arc;

use health::{Code, Event, Severity};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::login::Login;
use super::posting::{Answer, Posting};
use super::{Outcome, Receiver};
use crate::retry::{is_temporary, later};
use crate::telling::{Telling, Told, ToldFinding};
use crate::{Bundle, prose};

/// Alerts in one request.
const MOST_ALERTS: usize = 500;
/// The longest text of a message about no incident.
const NOTICE_CHARS: usize = 4000;

/// Alertmanager, or all of a cluster of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    /// Where each of them is, without `/api/v2/alerts`.
    pub urls: Vec<String>,
    /// What proves who asks.
    pub login: Option<Login>,
    /// How long an alert stands without a sign of the agent.
    pub stands_for: SignedDuration,
    /// One request after the other, so that no sign of life overtakes the end.
    pub turn: Turn,
}

/// One permit; equal to every other, because it says nothing of where and how.
#[derive(Clone, Debug)]
pub struct Turn(Arc<Semaphore>);

impl Default for Turn {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl PartialEq for Turn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Turn {}

/// One alert as the API wants it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

impl Alertmanager {
    /// Makes one attempt at a message.
    pub(super) async fn deliver(
        &self,
        client: &reqwest::Client,
        receiver: &Receiver,
        bundle: &Bundle,
        now: Timestamp,
    ) -> Outcome {
        let telling = match Telling::read(bundle, receiver) {
            Ok(telling) => telling,
            Err(reason) => return Outcome::Unsendable { reason },
        };
        let of = |told| match telling.event {
            Event::Test | Event::Missed => self.notice(&telling, told, now),
            event => self.alerts(told, event, now),
        };
        let alerts: Vec<Alert> = telling.incidents.iter().flat_map(of).collect();
        let _turn = self.turn().await;
        self.post(client, &alerts, now).await
    }

    /// Waits until nothing else is under way to this cluster.
    pub(crate) async fn turn(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        Arc::clone(&self.turn.0).acquire_owned().await.ok()
    }

    /// How often what is open has to be told again.
    pub(crate) fn pause(&self) -> SignedDuration {
        (self.stands_for / 4).min(SignedDuration::from_mins(1))
    }

    /// What is about no incident but about the agent itself: it stands for a while, in words.
    fn notice(&self, telling: &Telling, told: &Told, now: Timestamp) -> Vec<Alert> {
        let words = prose::of(telling);
        let severity = match telling.event {
            Event::Missed => Severity::Warning,
            _ => Severity::Notice,
        };
        let name = format!("agent.{}", telling.event.label());
        let mut labels = labels(told, &name, severity);
        labels.insert("agent".to_owned(), told.agent.clone());
        let mut annotations = annotations(told, &[]);
        annotations.insert("summary", words.title.clone());
        annotations.insert("description", words.plain_body(NOTICE_CHARS));
        vec![Alert {
            labels,
            annotations,
            starts_at: now,
            ends_at: later(now, self.stands_for),
            generator_url: told.url.clone(),
        }]
    }

    /// One alert for each code of an incident, worst first.
    pub(crate) fn alerts(&self, told: &Told, event: Event, now: Timestamp) -> Vec<Alert> {
        let stands_until = later(now, self.stands_for);
        let ends_at = match told.resolved_at {
            Some(resolved_at) if event == Event::Resolved => resolved_at,
            _ => stands_until,
        };
        // An alert must not end before it starts.
        let starts_at = told.opened_at.unwrap_or(now).min(ends_at);
        let mut codes: Vec<Code> = Vec::new();
        for finding in &told.findings {
            if !codes.contains(&finding.code) {
                codes.push(finding.code);
            }
        }
        if codes.is_empty() {
            let labels = labels(told, event.label(), told.severity.unwrap_or(Severity::Notice));
            let annotations = annotations(told, &[]);
            let generator_url = told.url.clone();
            return vec![Alert { labels, annotations, starts_at, ends_at, generator_url }];
        }
        let alert = |code: Code| {
            let of_code = told.findings.iter().filter(|finding| finding.code == code);
            let findings: Vec<&ToldFinding> = of_code.collect();
            let severity = findings.iter().map(|finding| finding.severity).max();
            let severity = severity.unwrap_or(Severity::Warning);
            Alert {
                labels: labels(told, code.label(), severity),
                annotations: annotations(told, &findings),
                starts_at,
                ends_at,
                generator_url: told.url.clone(),
            }
        };
        codes.into_iter().map(alert).collect()
    }

    /// Tells all of the cluster. It is enough that one takes it: the others are told again soon. What is
    /// refused of many alerts keeps none of the others from being told, and a member that does not answer
    /// is not waited for again.
    pub(crate) async fn post(
        &self,
        client: &reqwest::Client,
        alerts: &[Alert],
        now: Timestamp,
    ) -> Outcome {
        let mut members: Vec<&str> = self.urls.iter().map(String::as_str).collect();
        let mut lost: Vec<(String, Outcome)> = Vec::new();
        let mut all = judge(Vec::new());
        for (nth, some) in alerts.chunks(MOST_ALERTS).enumerate() {
            let body = match serde_json::to_string(some) {
                Ok(body) => body,
                Err(error) => return Outcome::Unsendable { reason: error.to_string() },
            };
            let outcomes = self.post_to(&members, client, &body, now).await;
            let is_lost = |outcome: &Outcome| matches!(outcome, Outcome::Lost { .. });
            let before = std::mem::take(&mut members);
            let mut said = lost.clone();
            for (member, (place, outcome)) in before.into_iter().zip(outcomes) {
                if is_lost(&outcome) {
                    lost.push((place.clone(), outcome.clone()));
                } else {
                    members.push(member);
                }
                said.push((place, outcome));
            }
            let outcome = judge(said);
            if nth == 0 || all.is_delivered() || is_temporarily_refused(&outcome) {
                all = outcome;
            }
            if members.is_empty() {
                break;
            }
        }
        all
    }

    async fn post_to(
        &self,
        members: &[&str],
        client: &reqwest::Client,
        body: &str,
        now: Timestamp,
    ) -> Vec<(String, Outcome)> {
        let mut attempts = JoinSet::new();
        for (at, url) in members.iter().enumerate() {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            let mut posting = Posting::json(&url, body.to_owned());
            if let Some(login) = &self.login {
                posting = login.on(posting);
            }
            let client = client.clone();
            attempts.spawn(async move {
                let outcome = match posting.send(&client).await {
                    Ok(answer) => Answer::by_status(&answer, now),
                    Err(outcome) => outcome,
                };
                (at, place(&url), outcome)
            });
        }
        let mut outcomes = attempts.join_all().await;
        outcomes.sort_by_key(|(at, ..)| *at);
        outcomes.into_iter().map(|(_, place, outcome)| (place, outcome)).collect()
    }
}

/// What came of telling all of them.
fn judge(mut outcomes: Vec<(String, Outcome)>) -> Outcome {
    let all = outcomes.len();
    let taken = outcomes.iter().filter(|(_, outcome)| outcome.is_delivered()).count();
    if all > 1 && taken > 0 {
        let mut words = format!("{taken} of {all} took it");
        for (place, outcome) in outcomes.iter().filter(|(_, outcome)| !outcome.is_delivered()) {
            words = format!("{words}; {place}: {outcome}");
        }
        return Outcome::Taken { words };
    }
    // What may succeed later counts, or one that is misconfigured would lose what another has missed.
    let later = outcomes.iter().position(|(_, outcome)| is_temporarily_refused(outcome));
    if outcomes.is_empty() {
        return Outcome::Unsendable { reason: "there is nothing to tell, or nobody".to_owned() };
    }
    outcomes.swap_remove(later.unwrap_or(0)).1
}

/// It may succeed later.
fn is_temporarily_refused(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Lost { .. } => true,
        Outcome::Answered { status, .. } => is_temporary(*status),
        _ => false,
    }
}

/// Host and port of a URL: what stands before and after them may be a secret.
fn place(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    place.rsplit('@').next().unwrap_or_default().to_owned()
}

/// What tells alerts apart. Empty values are as good as absent to Alertmanager, so they are left out.
fn labels(told: &Told, name: &str, severity: Severity) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        told.labels.iter().map(|(name, value)| (label_name(name), value.clone())).collect();
    let own = [
        ("alertname", Some(name)),
        ("severity", Some(severity.label())),
        ("check", told.check.as_deref()),
        ("kind", told.kind.map(health::Kind::label)),
        ("instance", told.instance.as_deref()),
        ("host", told.host.as_deref()),
    ];
    for (name, value) in own {
        match value {
            Some(value) => labels.insert(name.to_owned(), value.to_owned()),
            // Or a label of the plan would pass for it.
            None => labels.remove(name),
        };
    }
    labels.retain(|_, value| !value.is_empty());
    labels
}

/// Letters, digits and underscores alone may stand in the name of a label.
fn label_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn annotations(told: &Told, findings: &[&ToldFinding]) -> BTreeMap<&'static str, String> {
    let lines = |of: &dyn Fn(&ToldFinding) -> String| {
        let mut lines: Vec<String> = findings.iter().map(|finding| of(finding)).collect();
        lines.dedup();
        lines.join("\n")
    };
    let consequences: Vec<&str> = told.consequences.iter().map(|one| one.check.as_str()).collect();
    let mut annotations = BTreeMap::from([
        ("agent", told.agent.clone()),
        ("incident", told.id.clone()),
        ("summary", lines(&|finding| finding.summary.clone())),
        ("remedy", lines(&|finding| finding.remedy.clone())),
        ("subject", lines(&|finding| finding.subject.clone())),
        ("description", lines(&|finding| evidence(finding))),
        ("explained_by", told.explained_by.clone().unwrap_or_default()),
        ("consequences", consequences.join(", ")),
        ("url", told.url.clone()),
    ]);
    annotations.retain(|_, value| !value.is_empty());
    annotations
}

fn evidence(finding: &ToldFinding) -> String {
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let lines: Vec<String> =
        finding.evidence.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
