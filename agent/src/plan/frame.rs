//! What every check has, whatever its kind: pace, thresholds, dependencies, roots.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use health::{Kind, Language, Thresholds, Timing};

use super::labels::{Labels, Layers};
use super::names::{Dialled, Hosts, Names};
use super::notes::{At, Wrong, listed, shown};
use super::row::Row;
use super::{Endpoint, Target, cron, values};
use crate::tls::Roots;

/// How often, how long, how sure: `[defaults]`, and what one check makes of it.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    timing: Timing,
    pub(super) timeout: Duration,
    thresholds: Thresholds,
    /// Files with extra roots; those of the defaults unless the check has its own.
    ca: Vec<PathBuf>,
    labels: Layers,
}

impl Pace {
    /// What holds where not even `[defaults]` says anything.
    pub(super) fn builtin() -> Self {
        Self {
            timing: Timing::Every(Duration::from_secs(30)),
            timeout: Duration::from_secs(5),
            thresholds: Thresholds::default(),
            ca: Vec::new(),
            labels: Layers::default(),
        }
    }

    /// That of a kind which knows itself how often it has to be looked at; labels are as with others.
    pub(super) fn of_its_own(
        &self,
        row: &Row<'_>,
        interval: Duration,
        thresholds: Thresholds,
    ) -> Self {
        let labels = self.labels.below(row);
        Self { timing: Timing::Every(interval), thresholds, labels, ..Self::builtin() }
    }

    /// With what hosts hand down to what is theirs.
    pub(super) fn of_hosts(self, hosts: HashMap<Arc<str>, Labels>) -> Self {
        Self { labels: self.labels.of_hosts(hosts), ..self }
    }

    /// The labels of what belongs to a host, or to none.
    pub(super) fn labels(&self, host: Option<&str>) -> Labels {
        self.labels.on(host)
    }

    /// This pace with what a table says instead.
    pub(super) fn overridden(&self, row: &Row<'_>) -> Self {
        let span = |key| row.parsed(key, values::duration);
        let interval = row.parsed("interval", |text| {
            let bounds = (Duration::from_millis(100), Duration::from_secs(365 * 86_400));
            values::duration_within(text, bounds, "an interval is 100ms to 365d")
        });
        let timeout = span("timeout").and_then(|timeout| {
            let bounds = Duration::from_millis(1)..=Duration::from_secs(600);
            if bounds.contains(&timeout.value) {
                return Some(timeout.value);
            }
            let wrong = Wrong::new("out of range").help("a timeout is 1ms to 10m");
            row.note_key("timeout", &timeout.span, wrong);
            None
        });
        let count = |key, default| {
            row.whole(key).and_then(|at| u32::try_from(at.value).ok()).unwrap_or(default)
        };
        let pace = Self {
            timing: self.timing_of(row, interval),
            timeout: timeout.unwrap_or(self.timeout),
            thresholds: Thresholds {
                fail_after: count("fail_after", self.thresholds.fail_after),
                recover_after: count("recover_after", self.thresholds.recover_after),
            },
            ca: row.texts("ca").map_or_else(
                || self.ca.clone(),
                |files| files.iter().filter_map(|file| path(row, "ca", file)).collect(),
            ),
            labels: self.labels.below(row),
        };
        if row.has("ca") {
            // Read where it is written: a file that is not there is told there, and once.
            pace.roots(row);
        }
        pace
    }

    fn timing_of(&self, row: &Row<'_>, interval: Option<At<Duration>>) -> Timing {
        let expression = row.parsed("cron", cron::expression);
        let timezone = row.parsed("timezone", |name| cron::timezone(name, &row.reading.notes));
        if row.has("interval") && row.has("cron") {
            let wrong = Wrong::new("`cron` and `interval` exclude each other")
                .help("a check is due by one of them: remove the other");
            let (cron, interval) = (row.span_of("cron"), row.span_of("interval"));
            row.reading.notes.note_both(&cron, wrong, "the interval is here", &interval);
        }
        let zone = timezone.map(|zone| zone.value);
        match (interval, expression, &self.timing) {
            (_, Some(expression), inherited) => {
                let inherited = match inherited {
                    Timing::Cron { timezone, .. } => timezone.clone(),
                    Timing::Every(_) => "UTC".to_owned(),
                };
                Timing::Cron { expression: expression.value, timezone: zone.unwrap_or(inherited) }
            }
            (None, None, Timing::Cron { expression, timezone }) if !row.has("interval") => {
                let timezone = zone.unwrap_or_else(|| timezone.clone());
                Timing::Cron { expression: expression.clone(), timezone }
            }
            (interval, None, inherited) => {
                if row.has("timezone") && !row.has("cron") {
                    let wrong = Wrong::new("`timezone` says how `cron` is read, and there is none");
                    row.note(&row.span_of("timezone"), wrong);
                }
                interval.map_or_else(|| inherited.clone(), |at| Timing::Every(at.value))
            }
        }
    }

    /// The interval, or the builtin one where the pace is by cron.
    pub(super) fn interval(&self) -> Duration {
        match self.timing {
            Timing::Every(interval) => interval,
            Timing::Cron { .. } => Duration::from_secs(30),
        }
    }

    pub(super) fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// The trusted roots: the system's and the files'. A failure is noted once per set of files.
    pub(super) fn roots(&self, row: &Row<'_>) -> Option<Roots> {
        let mut known = row.reading.roots.borrow_mut();
        if let Some(roots) = known.get(&self.ca) {
            return roots.clone();
        }
        let loaded = match row.reading.surroundings.roots(&self.ca) {
            Ok(roots) => Some(roots),
            Err(words) => {
                let wrong = Wrong::new(format!("trusted roots: {words}"));
                row.note(&row.span_of("ca"), wrong);
                None
            }
        };
        known.insert(self.ca.clone(), loaded.clone());
        loaded
    }
}

/// What a check is called and what its failures may be explained by.
pub(super) struct Named {
    name: Option<Arc<str>>,
    depends_on: Vec<Arc<str>>,
}

/// Reads and registers `name` and `depends_on`, whatever else is wrong with the check.
pub(super) fn named(row: &Row<'_>, names: &mut Names) -> Named {
    let name = row.need("name", row.parsed("name", values::name));
    if let Some(name) = &name {
        names.check(&row.reading.notes, name);
    }
    let name: Option<Arc<str>> = name.map(|name| name.value.into());
    let depends_on = depends_on(row, names, name.as_ref().unwrap_or(&"".into()));
    Named { name, depends_on }
}

/// Reads and registers `depends_on` of a check.
pub(super) fn depends_on(row: &Row<'_>, names: &mut Names, check: &Arc<str>) -> Vec<Arc<str>> {
    let texts = row.texts("depends_on").unwrap_or_default();
    let register = |at: At<&str>| {
        let on: Arc<str> = at.value.into();
        names.depends(check, At { value: on.clone(), span: at.span });
        on
    };
    texts.into_iter().map(register).collect()
}

impl Named {
    /// The frame of the check, unless it has no name.
    pub(super) fn frame(
        self,
        pace: &Pace,
        kind: Kind,
        instance: &str,
        host: Option<Arc<str>>,
    ) -> Option<Arc<health::Check>> {
        Some(Arc::new(health::Check {
            name: self.name?,
            kind,
            instance: instance.into(),
            labels: pace.labels(host.as_deref()),
            host,
            timing: pace.timing.clone(),
            timeout: pace.timeout,
            thresholds: pace.thresholds,
            depends_on: self.depends_on,
        }))
    }

    /// The same dependencies under a name that was not written: a claim's.
    pub(super) fn claim(name: Arc<str>, depends_on: Vec<Arc<str>>) -> Self {
        Self { name: Some(name), depends_on }
    }
}

/// A language by its label.
pub(super) fn language(label: &str) -> Language {
    match label {
        "ko" => Language::Ko,
        _ => Language::En,
    }
}

/// An absolute path: relative ones are relative to the plan's own folder.
pub(super) fn path(row: &Row<'_>, key: &str, text: &At<&str>) -> Option<PathBuf> {
    row.reading.path(text.value).map_err(|wrong| row.note_key(key, &text.span, wrong)).ok()
}

/// `HOST:PORT`, where the host may be one of the plan.
pub(super) fn endpoint(
    row: &Row<'_>,
    key: &str,
    text: &At<&str>,
    hosts: &Hosts,
    default_port: Option<u16>,
) -> Option<Dialled> {
    match hosts.endpoint(text.value, default_port) {
        Ok(dialled) => Some(dialled),
        Err(wrong) => {
            row.note_key(key, &text.span, wrong);
            None
        }
    }
}

/// Endpoints of a key that takes one or several.
pub(super) fn endpoints(
    row: &Row<'_>,
    key: &'static str,
    hosts: &Hosts,
    default_port: Option<u16>,
) -> Vec<Endpoint> {
    let texts = row.texts(key).unwrap_or_default();
    let read = |text| endpoint(row, key, text, hosts, default_port);
    texts.iter().filter_map(read).map(|dialled| dialled.endpoint).collect()
}

/// `source`: the address to dial from, of the same family as what is dialled.
pub(super) fn source(row: &Row<'_>, target: Option<&Target>) -> Option<IpAddr> {
    let source = row.parsed("source", values::ip)?;
    if let Some(Target::Address(address)) = target
        && address.is_ipv4() != source.value.is_ipv4()
    {
        let wrong = Wrong::new(format!("{address} cannot be dialled from {}", source.value))
            .help("one is IPv4, the other IPv6");
        row.note_key("source", &source.span, wrong);
    }
    Some(source.value)
}

/// A regular expression, compiled once per pattern.
pub(super) fn pattern(row: &Row<'_>, key: &str, text: &At<&str>) -> Option<regex::Regex> {
    let mut known = row.reading.patterns.borrow_mut();
    if let Some(pattern) = known.get(text.value) {
        return Some(pattern.clone());
    }
    match regex::Regex::new(text.value) {
        Ok(pattern) => {
            known.insert(text.value.to_owned(), pattern.clone());
            Some(pattern)
        }
        Err(error) => {
            row.note_key(key, &text.span, bad_pattern(text.value, &error));
            None
        }
    }
}

/// The same over bytes that need not be UTF-8.
pub(super) fn byte_pattern(
    row: &Row<'_>,
    key: &str,
    text: &At<&str>,
) -> Option<regex::bytes::Regex> {
    let mut known = row.reading.byte_patterns.borrow_mut();
    if let Some(pattern) = known.get(text.value) {
        return Some(pattern.clone());
    }
    match regex::bytes::Regex::new(text.value) {
        Ok(pattern) => {
            known.insert(text.value.to_owned(), pattern.clone());
            Some(pattern)
        }
        Err(error) => {
            row.note_key(key, &text.span, bad_pattern(text.value, &error));
            None
        }
    }
}

fn bad_pattern(text: &str, error: &regex::Error) -> Wrong {
    let words = values::regex_error(error);
    Wrong::new(format!("{} is not a regular expression: {words}", shown(text)))
}

/// Only one of the keys may be written; the later one in the file is noted.
pub(super) fn exclusive(row: &Row<'_>, keys: &[&'static str]) {
    let mut written: Vec<&'static str> = keys.iter().copied().filter(|key| row.has(key)).collect();
    written.sort_by_key(|key| row.span_of(key).start);
    if let [first, second, ..] = written[..] {
        let wrong = Wrong::new(format!("`{second}` and `{first}` exclude each other"))
            .help(format!("keep one of {}", listed(keys.iter().copied())));
        let (at, other) = (row.span_of(second), row.span_of(first));
        row.reading.notes.note_both(&at, wrong, "the other is here", &other);
    }
}
