//! Unit tests for promtool, made from the same plan: that every alert fires when it should, not
//! before, and ends.
//!
//! Time runs in steps of a minute. What waits longer than [`LONGEST`] is left out: its test would run
//! for minutes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use health::{Check, Code, Severity};
use serde::Serialize;

use super::{ALERTS, DIFFERS, Rule, RuleFile, SILENT, bounded, duration, patience, waits};
use crate::plan::Plan;

/// What waits longer is not tried.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);
/// When things go wrong in every test, in minutes: a multiple of every step.
const BEGIN: u64 = 8;
/// How long an alert is watched after it fired, in minutes: a multiple of every step.
const AFTER: u64 = 12;

/// A file of unit tests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    rule_files: [String; 1],
    evaluation_interval: &'static str,
    tests: Vec<Test>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Test {
    name: String,
    interval: String,
    input_series: Vec<Series>,
    alert_rule_test: Vec<Look>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Series {
    series: String,
    values: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Look {
    eval_time: String,
    alertname: &'static str,
    exp_alerts: Vec<Expected>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Expected {
    exp_labels: BTreeMap<String, String>,
    exp_annotations: BTreeMap<String, String>,
}

/// Makes the tests of the rules that are kept in the file of this name.
#[must_use]
pub fn trial(plan: &Plan, rules: &RuleFile, file: &str) -> Trial {
    let checks = Checks::of(plan, rules);
    let mut tests = of_the_agent(plan, rules);
    for ((waits, level), bucket) in checks.buckets() {
        tests.push(checks.fires_and_ends(waits, &bucket));
        if level > 0 {
            tests.extend(checks.is_held(&bucket));
        }
    }
    Trial { rule_files: [file.to_owned()], evaluation_interval: "1m", tests }
}

/// Every check with its rules.
struct Checks<'p> {
    list: Vec<&'p Check>,
    by_name: HashMap<&'p str, usize>,
    rules: HashMap<(&'p str, &'static str), &'p Rule>,
}

impl<'p> Checks<'p> {
    fn of(plan: &'p Plan, rules: &'p RuleFile) -> Self {
        let list: Vec<&Check> = plan.checks.iter().map(|check| &*check.frame).collect();
        let by_name = list.iter().enumerate().map(|(at, check)| (&*check.name, at)).collect();
        // Rules of a kind stand in the order of its checks, one for each severity.
        let mut known = HashMap::new();
        for group in &rules.groups {
            let kind = group.name.strip_prefix("portwarden-");
            let of_kind = list.iter().filter(|check| Some(check.kind.label()) == kind);
            let twice = of_kind.flat_map(|check| ALERTS.map(|(_, alert)| (&*check.name, alert)));
            known.extend(twice.zip(&group.rules));
        }
        Self { list, by_name, rules: known }
    }

    /// Checks that wait equally long, and none of which depends on another.
    fn buckets(&self) -> BTreeMap<(Duration, usize), Vec<&'p Check>> {
        let levels = self.levels();
        let mut buckets: BTreeMap<_, Vec<&Check>> = BTreeMap::new();
        for (check, level) in self.list.iter().zip(levels) {
            let waits = waits(&check.timing, check.thresholds.fail_after);
            if waits <= LONGEST {
                buckets.entry((waits, level)).or_default().push(check);
            }
        }
        buckets
    }

    /// How far each check is above those that depend on nothing.
    fn levels(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = Vec::with_capacity(self.list.len());
        let mut above: Vec<Vec<usize>> = vec![Vec::new(); self.list.len()];
        for (at, check) in self.list.iter().enumerate() {
            let below = check.depends_on.iter().filter_map(|name| self.by_name.get(&**name));
            let below: HashSet<usize> = below.copied().collect();
            below.iter().for_each(|&cause| above[cause].push(at));
            waiting.push(below.len());
        }
        let mut levels = vec![0; self.list.len()];
        let mut ready: Vec<usize> = (0..waiting.len()).filter(|&at| waiting[at] == 0).collect();
        while let Some(at) = ready.pop() {
            for &next in &above[at] {
                levels[next] = levels[next].max(levels[at] + 1);
                waiting[next] -= 1;
                if waiting[next] == 0 {
                    ready.push(next);
                }
            }
        }
        levels
    }

    /// All of them fall ill at once, and get well.
    fn fires_and_ends(&self, waits: Duration, bucket: &[&Check]) -> Test {
        let step = step(waits);
        let fires = BEGIN + minutes(waits);
        let ends = (fires + AFTER).next_multiple_of(step);
        let mut looks = Vec::new();
        for (severity, alert) in ALERTS {
            looks.push(look(BEGIN - 1, alert, Vec::new()));
            if fires > BEGIN + 1 {
                looks.push(look(fires - 1, alert, Vec::new()));
            }
            let expected = bucket.iter().map(|check| self.expected(check, severity, alert));
            looks.push(look(fires + 1, alert, expected.collect()));
            looks.push(look(ends + 1, alert, Vec::new()));
        }
        Test {
            name: format!("findings are told after {}, and that they are over", duration(waits)),
            interval: format!("{step}m"),
            input_series: findings(bucket, step, ends),
            alert_rule_test: looks,
        }
    }

    /// What they depend on falls ill as well: that alone is told.
    fn is_held(&self, bucket: &[&'p Check]) -> Option<Test> {
        let causes = bucket.iter().flat_map(|check| &check.depends_on);
        let causes: HashSet<usize> =
            causes.filter_map(|name| self.by_name.get(&**name)).copied().collect();
        let mut sick: Vec<&Check> = causes.iter().map(|&at| self.list[at]).collect();
        sick.sort_by_key(|check| &check.name);
        sick.extend(bucket);
        let all = sick.iter().map(|check| waits(&check.timing, check.thresholds.fail_after));
        let longest = all.max().filter(|longest| *longest <= LONGEST)?;
        let names: HashSet<&str> = sick.iter().map(|check| &*check.name).collect();
        let is_told =
            |check: &&Check| !check.depends_on.iter().any(|cause| names.contains(&**cause));
        let step = step(longest);
        let fires = BEGIN + minutes(longest);
        let ends = (fires + AFTER).next_multiple_of(step);
        let looks = ALERTS.map(|(severity, alert)| {
            let told = sick.iter().filter(|check| is_told(check));
            look(fires + 1, alert, told.map(|c| self.expected(c, severity, alert)).collect())
        });
        Some(Test {
            name: "what something else explains is not told".to_owned(),
            interval: format!("{step}m"),
            input_series: findings(&sick, step, ends),
            alert_rule_test: looks.to_vec(),
        })
    }

    fn expected(&self, check: &Check, severity: Severity, alert: &'static str) -> Expected {
        let Some(rule) = self.rules.get(&(&*check.name, alert)) else {
            return Expected { exp_labels: BTreeMap::new(), exp_annotations: BTreeMap::new() };
        };
        let mut series = shown(check, severity);
        series.extend(plain(&rule.labels));
        let said = |text: &str| {
            let text = text.replace("{{ $labels.check }}", bounded(&check.name));
            unescaped(&text.replace("{{ $labels.code }}", code(check, severity).label()))
        };
        let annotations = &rule.annotations;
        let exp_annotations =
            annotations.iter().map(|(name, text)| (name.clone(), said(text))).collect();
        Expected { exp_labels: series, exp_annotations }
    }
}

/// Alerts about the agent itself that need nothing but the plan's checks.
fn of_the_agent(plan: &Plan, rules: &RuleFile) -> Vec<Test> {
    let names: Vec<&str> = plan.checks.iter().map(|check| bounded(&check.frame.name)).collect();
    let find = |alert: &str| {
        let rules = rules.groups.first().map_or(&[][..], |group| &group.rules);
        rules.iter().find(|rule| rule.alert == alert)
    };
    let expected = |rule: &Rule, value: &str| Expected {
        exp_labels: plain(&rule.labels),
        exp_annotations: rule
            .annotations
            .iter()
            .map(|(name, text)| {
                let text = text.replace("{{ $value | humanizeDuration }}", value);
                (name.clone(), unescaped(&text.replace("{{ $value }}", value)))
            })
            .collect(),
    };
    let state = |name: &&str, values: &str| Series {
        series: format!("portwarden_check_state{{check={}}}", super::expression::text(name)),
        values: values.to_owned(),
    };
    let mut tests = Vec::new();
    if let (Some(rule), false) = (find("PortwardenDown"), names.is_empty()) {
        let (gone, back) = (BEGIN, BEGIN + AFTER);
        let values = format!("1x{} stale _x{} 1x{AFTER}", gone - 1, AFTER - 1);
        tests.push(Test {
            name: "an agent that is gone is told, and that it is back".to_owned(),
            interval: "1m".to_owned(),
            input_series: names.iter().map(|name| state(name, &values)).collect(),
            alert_rule_test: vec![
                look(gone - 1, rule.alert, Vec::new()),
                look(gone + minutes(SILENT) - 1, rule.alert, Vec::new()),
                look(gone + minutes(SILENT) + 1, rule.alert, vec![expected(rule, "")]),
                look(back + 1, rule.alert, Vec::new()),
            ],
        });
    }
    if let (Some(rule), [first, rest @ ..]) = (find("PortwardenPlanDiffers"), &names[..])
        && !rest.is_empty()
    {
        let fires = BEGIN + minutes(DIFFERS);
        let mut series = vec![state(first, &format!("1x{} stale", BEGIN - 1))];
        series.extend(rest.iter().map(|name| state(name, &format!("1x{}", fires + AFTER))));
        tests.push(Test {
            name: "a plan that differs is told".to_owned(),
            interval: "1m".to_owned(),
            input_series: series,
            alert_rule_test: vec![
                look(fires - 1, rule.alert, Vec::new()),
                look(fires + 1, rule.alert, vec![expected(rule, &rest.len().to_string())]),
            ],
        });
    }
    if let (Some(rule), Some(patience)) = (find("PortwardenStandsStill"), patience(plan))
        && patience <= LONGEST
    {
        // The last look was at the beginning of time.
        let (fires, step) = (minutes(patience) + 3, step(patience));
        let count = (fires + AFTER) / step;
        let span = fires * 60;
        tests.push(Test {
            name: "an agent that looks at nothing is told, and that it looks again".to_owned(),
            interval: format!("{step}m"),
            input_series: vec![Series {
                series: format!(
                    "portwarden_probe_timestamp_seconds{{check={}}}",
                    super::expression::text(names.first().copied().unwrap_or_default())
                ),
                values: format!("0x{count} 999999999x4"),
            }],
            alert_rule_test: vec![
                look(minutes(patience).saturating_sub(1), rule.alert, Vec::new()),
                look(fires, rule.alert, vec![expected(rule, &for_people(span))]),
                look((count + 2) * step, rule.alert, Vec::new()),
            ],
        });
    }
    tests
}

fn look(minute: u64, alertname: &'static str, exp_alerts: Vec<Expected>) -> Look {
    Look { eval_time: format!("{minute}m"), alertname, exp_alerts }
}

/// Nothing, then a finding of each severity on each of these checks, then nothing.
fn findings(sick: &[&Check], step: u64, ends: u64) -> Vec<Series> {
    let values = format!("_x{} 1x{} stale", BEGIN / step, (ends - BEGIN) / step - 1);
    let each = |check: &&Check| {
        let check = *check;
        ALERTS.map(|(severity, _)| {
            let labels: Vec<String> = shown(check, severity)
                .iter()
                .map(|(name, value)| format!("{name}={}", super::expression::text(value)))
                .collect();
            let series = format!("portwarden_findings{{{}}}", labels.join(","));
            Series { series, values: values.clone() }
        })
    };
    sick.iter().flat_map(each).collect()
}

/// The labels of the series of a finding.
fn shown(check: &Check, severity: Severity) -> BTreeMap<String, String> {
    let labels = [
        ("check", bounded(&check.name)),
        ("code", code(check, severity).label()),
        ("instance", "127.0.0.1:9740"),
        ("job", "portwarden"),
        ("kind", check.kind.label()),
        ("severity", severity.label()),
    ];
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A finding that such a check may have.
fn code(check: &Check, severity: Severity) -> Code {
    let area = match check.kind {
        health::Kind::Certificate => "cert",
        kind => kind.label(),
    };
    let of_area = |code: &&Code| code.label().split('.').next() == Some(area);
    let suits = |code: &&Code| of_area(code) && code.severity() == severity;
    *Code::ALL
        .iter()
        .find(suits)
        .or_else(|| Code::ALL.iter().find(of_area))
        .unwrap_or(&Code::TcpRefused)
}

fn plain(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.clone(), unescaped(value))).collect()
}

/// What a template makes of a text that was put into it.
fn unescaped(text: &str) -> String {
    text.replace("{{\"{{\"}}", "{{")
}

/// Minutes between two samples: Prometheus forgets a sample after five.
fn step(span: Duration) -> u64 {
    if span <= Duration::from_secs(3600) { 1 } else { 4 }
}

/// Whole minutes, upwards: rules are evaluated once a minute.
fn minutes(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0)).div_ceil(60)
}

/// As `humanizeDuration` writes it.
fn for_people(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {seconds}s"),
        (0, hours, minutes) => format!("{hours}h {minutes}m {seconds}s"),
        (days, hours, minutes) => format!("{days}d {hours}h {minutes}m {seconds}s"),
    }
}
