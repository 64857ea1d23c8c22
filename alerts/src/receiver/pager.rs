//! Services that keep who is on duty. Each incident is one of theirs, by its id: what is sent twice is
//! counted once, and resolved here is resolved there.
//!
//! Of several incidents in one bundle each is sent by itself, in order; where one fails, all are sent
//! again, which their ids make harmless.

use health::{Event, Severity};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Outcome;
use super::posting::{Posting, in_path};
use crate::Hidden;
use crate::prose::{self, cut};
use crate::telling::{Telling, Told};

/// The longest text of a message about no incident.
const TEXT_CHARS: usize = 10_000;
/// The longest evidence as JSON: PagerDuty takes 512 KB in all.
const EVIDENCE_BYTES: usize = 64 * 1024;
/// The longest detail, and all of them with their names: Opsgenie takes 8,000 characters.
const DETAIL_CHARS: usize = 2000;
const DETAILS_CHARS: usize = 8000;

/// A service that keeps who is on duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pager {
    /// PagerDuty.
    PagerDuty(PagerDuty),
    /// Opsgenie.
    Opsgenie(Opsgenie),
}

/// PagerDuty: Events API v2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDuty {
    /// `https://events.pagerduty.com/v2/enqueue`, or that of its European region.
    pub url: String,
    /// The integration key of a service.
    pub routing_key: Hidden,
}

/// Opsgenie: Alert API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opsgenie {
    /// `https://api.opsgenie.com`, or `https://api.eu.opsgenie.com`.
    pub url: String,
    /// The key of an API integration.
    pub key: Hidden,
}

impl Pager {
    /// The name used in the plan, pages and the API.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::PagerDuty(_) => "pagerduty",
            Self::Opsgenie(_) => "opsgenie",
        }
    }

    /// Makes one attempt.
    pub(super) async fn deliver(
        &self,
        client: &reqwest::Client,
        telling: &Telling,
        now: Timestamp,
    ) -> Outcome {
        let mut last = Outcome::Unsendable { reason: "there is nothing to tell".to_owned() };
        for posting in self.compose(telling, now) {
            last = match posting.send(client).await {
                Ok(answer) => answer.by_status(now),
                Err(outcome) => return outcome,
            };
            if !last.is_delivered() {
                return last;
            }
        }
        last
    }

    /// Every request of one attempt, in order.
    fn compose(&self, telling: &Telling, now: Timestamp) -> Vec<Posting> {
        let of = |told| match self {
            Self::PagerDuty(service) => service.compose(telling, told, now),
            Self::Opsgenie(service) => service.compose(telling, told),
        };
        telling.incidents.iter().flat_map(of).collect()
    }
}

impl PagerDuty {
    fn compose(&self, telling: &Telling, told: &Told, now: Timestamp) -> Vec<Posting> {
        let send =
            |event: Value| Posting::json(&self.url, event.to_string()).hiding(&self.routing_key);
        let only = |action: &str| {
            json!({
                "routing_key": self.routing_key.expose(),
                "event_action": action,
                "dedup_key": key(telling, told),
            })
        };
        if telling.event == Event::Resolved {
            return vec![send(only("resolve"))];
        }
        let severity = match severity(telling, told) {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Notice => "info",
        };
        let mut trigger = only("trigger");
        trigger["client"] = "portwarden".into();
        trigger["client_url"] = told.url.clone().into();
        trigger["links"] = json!([{ "href": told.url, "text": "portwarden" }]);
        trigger["payload"] = json!({
            "summary": cut(&headline(telling, told), 1024),
            "source": told.instance.as_ref().or(told.check.as_ref()).unwrap_or(&told.agent),
            "severity": severity,
            "timestamp": told.opened_at.unwrap_or(now),
            "component": told.check,
            "group": told.host,
            "class": told.findings.first().map(|finding| finding.code),
            "custom_details": details(telling, told),
        });
        let mut events = vec![send(trigger)];
        if told.acknowledged.is_some() {
            events.push(send(only("acknowledge")));
        }
        events
    }
}

impl Opsgenie {
    fn compose(&self, telling: &Telling, told: &Told) -> Vec<Posting> {
        let alias = key(telling, told);
        let base = format!("{}/v2/alerts", self.url.trim_end_matches('/'));
        let about = |what: &str| format!("{base}/{}/{what}?identifierType=alias", in_path(&alias));
        let authorization = format!("GenieKey {}", self.key.expose());
        let send = |url: &str, body: Value| {
            Posting::json(url, body.to_string())
                .with("authorization", &authorization)
                .hiding(&self.key)
        };
        let source = cut(&told.agent, 100);
        if telling.event == Event::Resolved {
            return vec![send(&about("close"), json!({ "source": source }))];
        }
        let priority = match severity(telling, told) {
            Severity::Critical => "P1",
            Severity::Warning => "P3",
            Severity::Notice => "P5",
        };
        let headline = headline(telling, told);
        let mut alert = json!({
            "message": cut(&headline, 130),
            "alias": cut(&alias, 512),
            "description": cut(&description(telling, told), 15_000),
            "tags": tags(told),
            "details": in_words(&details(telling, told)),
            "source": source,
            "priority": priority,
        });
        if let Some(check) = &told.check {
            alert["entity"] = cut(check, 512).into();
        }
        let mut requests = vec![send(&base, alert)];
        // One that is there already keeps its words and priority, however it is told again.
        if matches!(telling.event, Event::Updated | Event::Reminder) {
            let put = |posting: Posting| posting.by(http::Method::PUT);
            requests.push(put(send(&about("message"), json!({ "message": cut(&headline, 130) }))));
            requests.push(put(send(&about("priority"), json!({ "priority": priority }))));
        }
        if let Some(acknowledged) = &told.acknowledged {
            let note = acknowledged.note.as_deref().unwrap_or_default();
            let body =
                json!({ "user": cut(&acknowledged.author, 100), "source": source, "note": note });
            requests.push(send(&about("acknowledge"), body));
        }
        requests
    }
}

/// What makes it one there: the incident's id; a test of its own, or it would stay open with others.
fn key(telling: &Telling, told: &Told) -> String {
    match telling.event {
        Event::Test | Event::Missed => telling.id.clone(),
        _ => told.id.clone(),
    }
}

/// A message about no incident has none of its own.
fn severity(telling: &Telling, told: &Told) -> Severity {
    match (telling.event, told.severity) {
        (Event::Missed, _) => Severity::Warning,
        (_, severity) => severity.unwrap_or(Severity::Notice),
    }
}

/// Where it is about no incident, everything it says is in its words.
fn text(telling: &Telling) -> Option<String> {
    let is_incident = !matches!(telling.event, Event::Test | Event::Missed);
    (!is_incident).then(|| prose::of(telling).plain_body(TEXT_CHARS))
}

fn headline(telling: &Telling, told: &Told) -> String {
    match (&told.check, told.findings.first()) {
        (Some(check), Some(finding)) => format!("{check}: {}", finding.summary),
        (Some(check), None) => check.clone(),
        (None, _) => prose::of(telling).title,
    }
}

fn description(telling: &Telling, told: &Told) -> String {
    if let Some(text) = text(telling) {
        return text;
    }
    let mut lines = Vec::new();
    for finding in &told.findings {
        lines.push(format!("{} ({}): {}", finding.code.label(), finding.subject, finding.summary));
        let evidence = finding.evidence.iter();
        lines.extend(evidence.map(|(name, value)| format!("  {name}: {}", words(value))));
        lines.push(format!("→ {}", finding.remedy));
    }
    lines.push(told.url.clone());
    lines.join("\n")
}

fn details(telling: &Telling, told: &Told) -> Value {
    let finding = told.findings.first();
    let mut details = json!({
        "incident": told.id,
        "agent": told.agent,
        "code": finding.map(|finding| finding.code),
        "subject": finding.map(|finding| &finding.subject),
        "remedy": finding.map(|finding| &finding.remedy),
        "evidence": finding.map(|finding| &finding.evidence),
        "explained_by": told.explained_by,
        "text": text(telling),
        "url": told.url,
    });
    if let Some(details) = details.as_object_mut() {
        for (name, value) in &told.labels {
            details.entry(name.clone()).or_insert_with(|| value.clone().into());
        }
        details.retain(|_, value| !value.is_null());
        // What a server answered may be long, and is on the incident's page.
        if details.get("evidence").is_some_and(|all| all.to_string().len() > EVIDENCE_BYTES) {
            details.remove("evidence");
        }
    }
    details
}

/// The same as text, in as many characters as Opsgenie takes: what is too long for it is refused.
fn in_words(details: &Value) -> serde_json::Map<String, Value> {
    let mut room = DETAILS_CHARS;
    let mut texts = serde_json::Map::new();
    for (name, value) in details.as_object().into_iter().flatten() {
        let text = cut(&words(value), DETAIL_CHARS);
        let long = name.chars().count() + text.chars().count();
        if let Some(left) = room.checked_sub(long) {
            room = left;
            texts.insert(name.clone(), text.into());
        }
    }
    texts
}

fn tags(told: &Told) -> Vec<String> {
    let code = told.findings.first().map(|finding| finding.code.label().to_owned());
    let kind = told.kind.map(|kind| kind.label().to_owned());
    code.into_iter()
        .chain(kind)
        .chain(told.labels.values().cloned())
        .take(20)
        .map(|tag| cut(&tag, 50))
        .collect()
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
