//! `[[heartbeat]]`

use std::sync::Arc;
use std::time::Duration;

use health::{Kind, Thresholds};

use super::frame::{self, Pace};
use super::names::Names;
use super::notes::{At, Wrong, shown};
use super::row::Row;
use super::{Agent, cron, receivers, values};
use crate::probe::heartbeat::{Rhythm, Terms, Token};
use crate::probe::{self, heartbeat};
use crate::schedule::read_cron;

/// The clock is looked at this often at most, and this seldom at least.
const LOOKS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The grace where the plan says none: a twelfth of the period, within these.
const GRACES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// Bounds of what the plan may say.
const SPANS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(400 * 86_400));

/// Reads one `[[heartbeat]]`.
pub(super) fn check(
    row: &Row<'_>,
    agent: &Agent,
    pace: &Pace,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let name = row.text("name").and_then(|text| callable(row, &text));
    let rhythm = rhythm(row);
    let grace = span(row, "grace");
    let runs_within = span(row, "runs_within");
    let (token, bearer) = token(row);
    let (name, rhythm) = (name?, rhythm?);
    let grace = grace.unwrap_or_else(|| {
        let period = rhythm.period(jiff::Timestamp::UNIX_EPOCH);
        (period / 12).clamp(GRACES.0, GRACES.1)
    });
    let path = called(name.value);
    names.call(&row.reading.notes, &path, &name.span);
    let url = format!("{}/api/v1/heartbeat/{path}", agent.url);
    // A finding comes within a tenth of the grace, or half a minute.
    let looks = (grace / 10).clamp(LOOKS.0, LOOKS.1);
    // The grace is the patience: what is missed then is missed.
    let pace = pace.of_its_own(row, looks, Thresholds { fail_after: 1, recover_after: 1 });
    let frame = named.frame(&pace, Kind::Heartbeat, &url, None)?;
    let spec = heartbeat::Spec {
        name: frame.name.clone(),
        by_hand: format!("curl -fsS -m 10 --retry 5 -o /dev/null {bearer}{}", quoted(&url)),
        url,
        terms: Arc::new(Terms { runs_within: runs_within.unwrap_or(grace), rhythm, grace, token }),
    };
    Some(probe::Check { frame, spec: probe::Spec::Heartbeat(Box::new(spec)) })
}

/// A name that can stand in a path.
fn callable<'a>(row: &Row<'_>, name: &At<&'a str>) -> Option<At<&'a str>> {
    if name.value.contains('/') || matches!(name.value, "." | "..") {
        let wrong = Wrong::new(format!("{} cannot stand in a URL", shown(name.value)))
            .help("a heartbeat's name stands in its URL: choose one without `/`");
        row.note_key("name", &name.span, wrong);
        return None;
    }
    Some(At { value: name.value, span: name.span.clone() })
}

fn rhythm(row: &Row<'_>) -> Option<Rhythm> {
    frame::exclusive(row, &["period", "cron"]);
    let period = span(row, "period");
    let expression = row.parsed("cron", cron::expression);
    let zone = row.parsed("timezone", |name| cron::timezone(name, &row.reading.notes));
    if row.has("timezone") && !row.has("cron") {
        let wrong = Wrong::new("`timezone` says how `cron` is read, and there is none");
        row.note(&row.span_of("timezone"), wrong);
    }
    if !row.has("period") && !row.has("cron") {
        let help = "period = \"1d\", or cron = \"0 3 * * *\" with a timezone: as the job itself is planned";
        row.note_missing(format!("{} needs `period` or `cron`", row.header()), help);
    }
    if let Some(period) = period {
        return Some(Rhythm::every(period, row.text("period")?.value));
    }
    let expression = expression?.value;
    let zone = zone.map_or_else(|| "UTC".to_owned(), |zone| zone.value);
    let written = format!("{expression} ({zone})");
    // What cannot be read has been noted already.
    let (cron, zone) = read_cron(&expression, &zone).ok()?;
    Some(Rhythm::cron(cron, zone, &written))
}

fn span(row: &Row<'_>, key: &'static str) -> Option<Duration> {
    let read = |text| values::duration_within(text, SPANS, "from 1s to 400d");
    row.parsed(key, read).map(|at| at.value)
}

/// The token, and the part of the `curl` line that brings it along without saying it.
fn token(row: &Row<'_>) -> (Option<Token>, String) {
    frame::exclusive(row, &["token_env", "token_file"]);
    let held = receivers::outside(row, "token_env", "token_file");
    let from = match (row.text("token_env"), row.text("token_file")) {
        (Some(variable), _) => format!("${}", variable.value),
        (None, Some(file)) => {
            let path = frame::path(row, "token_file", &file);
            let path = path.map(|path| path.display().to_string()).unwrap_or_default();
            format!("$(cat {})", quoted(&path))
        }
        (None, None) => return (None, String::new()),
    };
    let token = held.map(|(text, _)| Token::new(text.trim()));
    (token, format!("-H \"Authorization: Bearer {from}\" "))
}

/// A name in a path: blanks as `-`, because `%` means something else in a crontab.
fn called(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b' ' => path.push('-'),
            b'-' | b'.' | b'_' | b'~' | b':' | b'@' => path.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => path.push(char::from(byte)),
            _ => path += &format!("%{byte:02X}"),
        }
    }
    path
}

/// For a shell; plain where nothing in it means anything there.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@%[]".contains(&byte);
    if text.bytes().all(is_plain) && !text.contains('[') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
