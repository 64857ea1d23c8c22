//! Alerting rules for Prometheus from the plan: for those whose alerts come from there.
//!
//! A rule waits as long as portwarden itself would before it believes what it sees, bears the labels
//! of its check, keeps still while something the check depends on is sick, and leads to the page that
//! says what to do. Deliberately absent: maintenance and hours, which Alertmanager has its own words
//! for, and what needs no plan, which is in deploy/prometheus.

mod expression;
mod trial;
mod yaml;

use std::collections::BTreeMap;
use std::time::Duration;

use health::{Check, Kind, Severity, Timing, Undeclared};
use jiff::civil::date;
use serde::Serialize;

use crate::metrics::bounded;
use crate::plan::Plan;
use crate::probe::port::Sweep;
use crate::schedule::read_cron;
use expression::{any_of, in_template, one_of};

pub use trial::{Trial, trial};
pub use yaml::written;

/// A file of rules.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleFile {
    /// Those of the agent itself, and those of each kind of checks.
    pub groups: Vec<Group>,
}

/// Rules that are evaluated one after another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Unique in the file.
    pub name: String,
    /// At least one.
    pub rules: Vec<Rule>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Its name.
    pub alert: &'static str,
    /// What holds when something is wrong, in PromQL.
    pub expr: String,
    /// How long it has to hold; `None`: not at all.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// What the alert bears beside the labels of its series; templates.
    pub labels: BTreeMap<String, String>,
    /// What is said of it; templates.
    pub annotations: BTreeMap<String, String>,
}

/// How bad findings may be, and what their alert is called.
const ALERTS: [(Severity, &str); 2] = [
    (Severity::Critical, "PortwardenCriticalFinding"),
    (Severity::Warning, "PortwardenWarningFinding"),
];

/// How long an agent may be silent before it is called dead.
const SILENT: Duration = Duration::from_secs(180);
/// How long another plan may run than the one that the rules are of.
const DIFFERS: Duration = Duration::from_secs(600);
/// How long nothing may be looked at, whatever the plan says.
const STANDS_STILL: Duration = Duration::from_secs(300);

/// Makes the rules of a plan.
#[must_use]
pub fn rules(plan: &Plan) -> RuleFile {
    let mut groups = vec![Group { name: "portwarden".to_owned(), rules: of_the_agent(plan) }];
    for &kind in Kind::ALL {
        let checks = plan.checks.iter().map(|check| &*check.frame);
        let mut rules: Vec<Rule> = checks
            .filter(|check| check.kind == kind)
            .flat_map(|check| {
                ALERTS.map(|(severity, alert)| of_check(plan, check, severity, alert))
            })
            .collect();
        if kind == Kind::Port {
            rules.extend(plan.sweeps.iter().map(|sweep| of_sweep(plan, sweep)));
        }
        if !rules.is_empty() {
            groups.push(Group { name: format!("portwarden-{}", kind.label()), rules });
        }
    }
    RuleFile { groups }
}

/// What is wrong with the agent: nobody watches what it watches.
fn of_the_agent(plan: &Plan) -> Vec<Rule> {
    let names: Vec<&str> = plan.checks.iter().map(|check| bounded(&check.frame.name)).collect();
    let agent = in_template(&plan.agent.name);
    let rule = |alert, expr, waits, severity: Severity, summary: String, description: &str| Rule {
        alert,
        expr,
        waits: Some(duration(waits)),
        labels: texts([("severity", severity.label()), ("agent", &agent)]),
        annotations: texts([("summary", &*summary), ("description", description)]),
    };
    let mut rules = Vec::new();
    let alive = match names.is_empty() {
        true => "portwarden_build_info".to_owned(),
        false => format!("portwarden_check_state{{check=~{}}}", any_of(&names)),
    };
    rules.push(rule(
        "PortwardenDown",
        format!("absent({alive})"),
        SILENT,
        Severity::Critical,
        format!("{agent}: nobody is watching what it watches"),
        "Prometheus has nothing of this agent. Start it again and read the end of its log; if it runs, look at the target in Prometheus.",
    ));
    if !names.is_empty() {
        rules.push(rule(
            "PortwardenPlanDiffers",
            format!("count(count by (check) ({alive})) < {}", names.len()),
            DIFFERS,
            Severity::Warning,
            format!("{agent}: only {{{{ $value }}}} of {} checks are there", names.len()),
            "These rules were made of another plan than the one that runs: portwarden rules > portwarden.rules.yml",
        ));
    }
    if let Some(patience) = patience(plan) {
        let looked_at = format!("portwarden_probe_timestamp_seconds{{check=~{}}}", any_of(&names));
        rules.push(rule(
            "PortwardenStandsStill",
            format!("time() - max({looked_at}) > {}", patience.as_secs()),
            Duration::from_secs(60),
            Severity::Critical,
            format!("{agent}: nothing looked at for {{{{ $value | humanizeDuration }}}}"),
            "The agent answers, but probes nothing. Read the end of its log, and start it again.",
        ));
    }
    rules.push(rule(
        "PortwardenPlanNotReloaded",
        "portwarden_plan_last_reload_successful == 0".to_owned(),
        Duration::from_secs(300),
        Severity::Warning,
        "{{ $labels.instance }} still runs the plan before the last change".to_owned(),
        "The changed probes.toml has mistakes; `portwarden validate` lists them.",
    ));
    if !plan.receivers.is_empty() {
        rules.push(rule(
            "PortwardenMessagesStuck",
            "portwarden_outbox_pending > 0".to_owned(),
            Duration::from_secs(1800),
            Severity::Warning,
            "{{ $value }} messages of {{ $labels.instance }} have not arrived for half an hour"
                .to_owned(),
            "A receiver does not answer. The dashboard shows which, and its last answer.",
        ));
    }
    rules
}

/// Findings of one check.
fn of_check(plan: &Plan, check: &Check, severity: Severity, alert: &'static str) -> Rule {
    let name = bounded(&check.name);
    let found = |checks: &str, severity: Severity| {
        format!("portwarden_findings{{check{checks},severity=\"{}\"}} > 0", severity.label())
    };
    let mut expr = found(&one_of(&[name]), severity);
    let causes: Vec<&str> = check.depends_on.iter().map(|name| bounded(name)).collect();
    if !causes.is_empty() {
        expr += &format!(" unless on () ({})", found(&one_of(&causes), Severity::Critical));
    }
    let mut labels = labels(check.labels.iter(), severity, check.host.as_deref());
    // The series has it too; here it tells two rules apart.
    labels.insert("check".to_owned(), in_template(name));
    let page = format!("{}/checks/{}", in_template(&plan.agent.url), expression::in_path(name));
    let mut annotations = annotations(plan);
    annotations.insert("dashboard".to_owned(), page);
    let waits = Some(waits(&check.timing, check.thresholds.fail_after))
        .filter(|waits| !waits.is_zero())
        .map(duration);
    Rule { alert, expr, waits, labels, annotations }
}

/// Listeners of a host that no claim names.
fn of_sweep(plan: &Plan, sweep: &Sweep) -> Rule {
    let severity = match sweep.host.undeclared {
        Undeclared::Critical => Severity::Critical,
        Undeclared::Warn | Undeclared::Ignore => Severity::Warning,
    };
    let alert = ALERTS.into_iter().find(|(known, _)| *known == severity);
    let ports = expression::text(&format!("{}:[0-9]+(/udp)?", regex::escape(&sweep.host.name)));
    let timing = Timing::Every(sweep.interval);
    let waits = waits(&timing, sweep.thresholds.fail_after);
    Rule {
        alert: alert.map_or("PortwardenWarningFinding", |(_, alert)| alert),
        expr: format!(
            "portwarden_findings{{check=~{ports},code=\"port.undeclared\",severity=\"{}\"}} > 0",
            severity.label()
        ),
        waits: Some(waits).filter(|waits| !waits.is_zero()).map(duration),
        labels: labels(sweep.labels.iter(), severity, Some(&sweep.host.name)),
        annotations: annotations(plan),
    }
}

fn labels<'l>(
    own: impl Iterator<Item = (&'l std::sync::Arc<str>, &'l std::sync::Arc<str>)>,
    severity: Severity,
    host: Option<&str>,
) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        own.map(|(name, value)| (name.to_string(), in_template(value))).collect();
    labels.insert("severity".to_owned(), severity.label().to_owned());
    labels.extend(host.map(|host| ("host".to_owned(), in_template(host))));
    labels
}

fn annotations(plan: &Plan) -> BTreeMap<String, String> {
    let page = format!("{}/explain/{{{{ $labels.code }}}}", in_template(&plan.agent.url));
    texts([
        ("summary", "{{ $labels.check }}: {{ $labels.code }}"),
        (
            "description",
            "`portwarden explain {{ $labels.code }}` says what it means, how to check it by hand and what to do.",
        ),
        ("runbook_url", &page),
    ])
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// From the first bad look to the one that is believed: as long as portwarden itself would wait.
fn waits(timing: &Timing, fail_after: u32) -> Duration {
    let looks = fail_after.saturating_sub(1);
    match timing {
        Timing::Every(interval) => interval.saturating_mul(looks),
        Timing::Cron { expression, timezone } => {
            longest_pause(expression, timezone).unwrap_or_default().saturating_mul(looks)
        }
    }
}

/// The longest time between two of the next looks by a cron expression.
fn longest_pause(expression: &str, timezone: &str) -> Option<Duration> {
    let (cron, zone) = read_cron(expression, timezone).ok()?;
    let mut at = date(2024, 1, 1).to_zoned(zone).ok()?;
    let mut longest = Duration::ZERO;
    for turn in 0..32 {
        let next = cron.find_next_occurrence(&at, false).ok()?;
        let pause = Duration::try_from(next.timestamp().duration_since(at.timestamp())).ok()?;
        if turn > 0 {
            longest = longest.max(pause);
        }
        at = next;
    }
    Some(longest)
}

/// How long after the last look at anything the agent is stuck; `None` where all is by cron.
fn patience(plan: &Plan) -> Option<Duration> {
    let shortest = plan.checks.iter().filter_map(|check| match check.frame.timing {
        Timing::Every(interval) => Some(interval.saturating_mul(3) + check.frame.timeout),
        Timing::Cron { .. } => None,
    });
    Some(shortest.min()?.max(STANDS_STILL))
}

/// As Prometheus writes durations: `1h30m`.
fn duration(span: Duration) -> String {
    let milliseconds = span.subsec_millis();
    let seconds = span.as_secs();
    let mut text = String::new();
    let units = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    for (number, unit) in units.into_iter().chain([(u64::from(milliseconds), "ms")]) {
        if number > 0 {
            text += &format!("{number}{unit}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests;
