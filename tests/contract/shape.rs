//! Whether a piece of JSON, or a page of metrics, has the shape it was promised in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::support::agent::Agent;

const FINDING_KEYS: &[&str] = &[
    "check",
    "kind",
    "code",
    "severity",
    "subject",
    "summary",
    "evidence",
    "remedy",
    "since",
    "confirmed",
    "explained_by",
];

pub(crate) fn has(row: &Value, keys: &[&str]) {
    for key in keys {
        assert!(row.get(key).is_some(), "no {key} in {row:#}");
    }
}

pub(crate) fn one_of(value: &Value, words: &[&str]) {
    assert!(words.iter().any(|word| value == word), "{value} is none of {words:?}");
}

pub(crate) fn is_finding(finding: &Value) {
    has(finding, FINDING_KEYS);
    one_of(&finding["severity"], &["critical", "warning", "notice"]);
    assert!(finding["evidence"].is_object(), "{finding:#}");
    assert!(finding["confirmed"].is_boolean(), "{finding:#}");
    for key in ["check", "kind", "code", "subject", "summary", "remedy"] {
        assert!(finding[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {finding:#}");
    }
}

pub(crate) async fn list(agent: &Agent, name: &str) -> Vec<Value> {
    agent.api(&format!("/{name}")).await[name].as_array().unwrap().clone()
}

static UTC: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$").unwrap());

/// Everything that is a time by its name is one, in UTC.
pub(crate) fn times_are_rfc3339(value: &Value) {
    const NAMES: &[&str] = &[
        "at",
        "since",
        "opened_at",
        "updated_at",
        "resolved_at",
        "not_before",
        "not_after",
        "next_due",
        "modified",
        "created_at",
    ];
    match value {
        Value::Array(items) => items.iter().for_each(times_are_rfc3339),
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Some(text)) = (NAMES.contains(&&**name), field.as_str()) {
                    assert!(
                        UTC.is_match(text) && text.parse::<Timestamp>().is_ok(),
                        "{name}: {text}"
                    );
                }
                times_are_rfc3339(field);
            }
        }
        _ => {}
    }
}

/// Every series of a page in the text format, by name.
pub(crate) fn series(text: &str) -> BTreeMap<&str, Vec<BTreeMap<String, String>>> {
    let line = Regex::new(r"^([a-z_]+)(?:\{(.*)\})? \S+$").unwrap();
    let label = Regex::new(r#"([a-z0-9_]+)="((?:[^"\\]|\\.)*)""#).unwrap();
    let mut series: BTreeMap<&str, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for row in text.lines().filter(|row| !row.starts_with('#')) {
        let parts = line.captures(row).unwrap_or_else(|| panic!("not a series: {row}"));
        let labels = parts.get(2).map_or("", |labels| labels.as_str());
        let labels = label.captures_iter(labels).map(|l| (l[1].to_owned(), l[2].to_owned()));
        series.entry(parts.get(1).unwrap().as_str()).or_default().push(labels.collect());
    }
    series
}

/// There is Korean in it.
pub(crate) fn hangul(text: &str) -> bool {
    text.chars().any(|c| ('가'..='힣').contains(&c))
}
