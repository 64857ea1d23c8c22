//! The plan in the root of the project: it loads, its examples are right, and it has every key.

use std::collections::BTreeSet;

use toml::{Table as Document, Value};

use super::*;
use crate::plan::reading::seen;
use crate::plan::schema::{PLAN, Presence, Shape, Table};

const SAMPLE: &str = include_str!("../../../../probes.toml");

/// A line with its example made part of the plan: `#key = 1` becomes `key = 1`, while a comment,
/// with a blank after the hash, stays one.
pub(super) fn uncommented(line: &str) -> String {
    let bare = line.trim_start();
    match bare.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example.to_owned(),
        _ => line.to_owned(),
    }
}

/// The sections, each with its title; the first has what stands before any.
fn sections() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut sections = vec![("", Vec::new())];
    for line in SAMPLE.lines() {
        if let Some(title) = line.strip_prefix("# ── ") {
            sections.push((title.trim_end_matches(['─', ' ']), Vec::new()));
        }
        sections.last_mut().unwrap().1.push(line);
    }
    sections
}

/// The plan with the examples of some sections made part of it.
fn with_examples(of: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for (title, lines) in sections() {
        for line in lines {
            text += &if of(title) { uncommented(line) } else { line.to_owned() };
            text.push('\n');
        }
    }
    text
}

#[test]
fn loads_as_it_stands() {
    let plan = good(SAMPLE);
    let names: Vec<&str> = plan.checks.iter().map(|check| &*check.frame.name).collect();
    assert_eq!(
        names,
        [
            "this-machine:9740",
            "this-machine:3011",
            "this-machine:3012",
            "this-machine:3013",
            "this-machine:3014",
            "no telnet",
            "portwarden answers",
        ]
    );
    assert_eq!(plan.sweeps.len(), 1);
    assert_eq!(plan.agent.listen.to_string(), "127.0.0.1:9740");
}

#[test]
fn every_example_is_right_section_by_section_and_all_together() {
    let titles: Vec<&str> = sections().iter().map(|(title, _)| *title).collect();
    assert!(titles.len() > 8, "{titles:?}");
    for &title in &titles {
        // The hosts that examples refer to are examples themselves.
        good(&with_examples(|other| other == title || other.starts_with("Ports")));
    }
    let plan = good(&with_examples(|_| true));
    assert_eq!(plan.hosts.len(), 2);
    assert_eq!((plan.routes.len(), plan.maintenance.len()), (4, 2));
    assert!(plan.receivers.len() >= 4, "{}", plan.receivers.len());
}

#[test]
fn every_key_is_shown() {
    let document: Document = toml::from_str(&with_examples(|_| true)).unwrap();
    let mut shown = BTreeSet::new();
    collect(&PLAN, &Value::Table(document), &mut shown);
    // What every check may override is shown once, in [defaults] or with the check it suits.
    let shown_anywhere: BTreeSet<&str> = shown.iter().map(|(_, key)| *key).collect();
    let shared = [
        "interval",
        "cron",
        "timezone",
        "timeout",
        "fail_after",
        "recover_after",
        "ca",
        "labels",
        // Which incidents are meant is said in the same way by routes and maintenance.
        "severity",
        "check",
        "kind",
        "code",
        "label",
        "depends_on",
        "source",
        "expiring_within",
        // So are those of a request, whether a check's or a step's.
        "proxy",
        "ip_version",
        "resolver",
        "client_certificate",
        "client_key",
        "body_file",
        "body_json",
        "form",
        "basic_auth",
        "bearer_env",
        "bearer_file",
        "oauth2",
        "user_agent",
        "accept_encoding",
        "http_version",
        "ways",
        "same_body",
        "may_differ",
    ];
    // Of these only one may be written.
    let one_of = [
        ("[alerts]", "heartbeat_url"),
        ("[alerts]", "heartbeat_url_file"),
        ("[agent]", "token_file"),
    ];
    let mut missing = Vec::new();
    PLAN.walk(&mut |table| {
        for key in table.keys() {
            let is_shown = shown.contains(&(table.header, key.name))
                || one_of.contains(&(table.header, key.name))
                || (shared.contains(&key.name) && shown_anywhere.contains(key.name));
            if !is_shown && !matches!(key.presence, Presence::Refused(_)) {
                missing.push((table.header, key.name));
            }
        }
    });
    assert_eq!(missing, []);
}

fn collect(
    table: &'static Table,
    value: &Value,
    shown: &mut BTreeSet<(&'static str, &'static str)>,
) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| collect(table, item, shown)),
        Value::Table(values) => {
            for (name, value) in values {
                let key = table.key(name).unwrap_or_else(|| panic!("{} {name}", table.header));
                shown.insert((table.header, key.name));
                descend(&key.shape, value, shown);
            }
        }
        _ => {}
    }
}

fn descend(
    shape: &'static Shape,
    value: &Value,
    shown: &mut BTreeSet<(&'static str, &'static str)>,
) {
    match (shape, value) {
        (Shape::Row(table) | Shape::Rows(table), value) => collect(table, value, shown),
        (Shape::Map(inner), Value::Table(values)) => {
            values.iter().for_each(|(_, value)| descend(inner, value, shown));
        }
        (Shape::OneOrMany(inner), value) => descend(inner, value, shown),
        (Shape::Either(shapes), value) => {
            shapes.iter().for_each(|shape| descend(shape, value, shown));
        }
        _ => {}
    }
}

#[test]
fn what_is_declared_is_read_and_nothing_else() {
    seen::take();
    good(&with_examples(|_| true));
    let read = seen::take();
    let mut declared = BTreeSet::new();
    PLAN.walk(&mut |table| {
        let accepted = table.keys().filter(|key| key.presence.is_accepted());
        declared.extend(accepted.map(|key| (table.header, key.name)));
    });
    assert_eq!(read.difference(&declared).collect::<Vec<_>>(), [] as [&(&str, &str); 0]);
    assert_eq!(declared.difference(&read).collect::<Vec<_>>(), [] as [&(&str, &str); 0]);
}
