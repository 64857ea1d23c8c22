//! `labels`: the owner's own words on checks, for routes, silences, maintenance and whoever is told.
//! What a check says wins over its host, and that over `[defaults]`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::notes::{Wrong, listed, shown};
use super::row::Row;

/// Labels with their values.
pub(super) type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// Labels of one check at most.
const MOST: usize = 32;
/// Characters of a value at most.
const VALUE_CHARACTERS: usize = 128;

/// Names that alerts have anyway, each with its own meaning.
static TAKEN: &[&str] = &[
    "agent",
    "alertname",
    "check",
    "code",
    "host",
    "instance",
    "job",
    "kind",
    "severity",
    "state",
    "subject",
];

/// What was written where, from the widest to the narrowest.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    defaults: Labels,
    hosts: Arc<HashMap<Arc<str>, Labels>>,
    own: Labels,
}

impl Layers {
    /// With what one more table says, which wins over what was said so far.
    pub(super) fn below(&self, row: &Row<'_>) -> Self {
        let mut defaults = self.defaults.clone();
        defaults.extend(self.own.clone());
        Self { defaults, hosts: self.hosts.clone(), own: read(row) }
    }

    /// With what hosts say of all that is theirs.
    pub(super) fn of_hosts(&self, hosts: HashMap<Arc<str>, Labels>) -> Self {
        Self { hosts: Arc::new(hosts), ..self.clone() }
    }

    /// The labels of something that belongs to a host, or to none.
    pub(super) fn on(&self, host: Option<&str>) -> Labels {
        let mut labels = self.defaults.clone();
        labels.extend(host.and_then(|name| self.hosts.get(name)).cloned().unwrap_or_default());
        labels.extend(self.own.clone());
        labels
    }
}

/// Reads `labels` of one table.
pub(super) fn read(row: &Row<'_>) -> Labels {
    let entries = row.entries("labels").unwrap_or_default();
    if entries.len() > MOST {
        let wrong = Wrong::new(format!("{} labels", entries.len())).help(format!("at most {MOST}"));
        row.note_key("labels", &row.span_of("labels"), wrong);
    }
    let mut labels = Labels::new();
    for (name, item) in entries {
        let Some(text) = item.get_ref().as_str() else {
            row.mismatch("labels", item);
            continue;
        };
        if let Err(wrong) = judge_name(name.value) {
            row.note_key("labels", &name.span, wrong);
        } else if let Err(wrong) = judge_value(text) {
            row.note_key("labels", &item.span(), wrong);
        } else {
            row.reading.note_label(name.value, text);
            labels.insert(name.value.into(), text.into());
        }
    }
    labels
}

/// A name that Prometheus and Alertmanager take as well, and that does not hide one of theirs.
fn judge_name(name: &str) -> Result<(), Wrong> {
    let is_name = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(Wrong::new(format!("{} cannot name a label", shown(name)))
            .help("letters, digits and _, not a digit first, at most 64: team, cost_centre"));
    }
    if TAKEN.contains(&name) || name.starts_with("__") {
        return Err(Wrong::new(format!("the label {} has a meaning of its own", shown(name)))
            .help(format!("these are given: {}", listed(TAKEN.iter().copied()))));
    }
    Ok(())
}

fn judge_value(text: &str) -> Result<(), Wrong> {
    let count = text.chars().count();
    if text.trim().is_empty() || text.trim() != text {
        return Err(Wrong::new("the value is empty, or begins or ends with a blank"));
    }
    if count > VALUE_CHARACTERS || text.chars().any(char::is_control) {
        return Err(Wrong::new(format!("{} is not a label's value", shown(text))).help(format!(
            "at most {VALUE_CHARACTERS} characters, none of them a control character"
        )));
    }
    Ok(())
}
