//! `[[maintenance]]`: times in which some incidents are told to nobody new.

use std::collections::HashMap;
use std::time::Duration;

use alerts::{Maintenance, Window};
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use toml::de::DeValue;

use super::matching::{self, Known};
use super::notes::{At, Span, Wrong, shown};
use super::row::Row;
use super::{alerting, cron, values};

/// Reads every `[[maintenance]]`.
pub(super) fn maintenance(
    plan: &Row<'_>,
    known: Known<'_>,
    by_default: &TimeZone,
) -> Vec<Maintenance> {
    let mut taken: HashMap<String, Span> = HashMap::new();
    let mut list = Vec::new();
    for row in plan.rows("maintenance") {
        let name = row.need("name", row.parsed("name", values::name));
        if let Some(name) = &name {
            if let Some(first) = taken.get(&name.value) {
                let wrong = Wrong::new(format!("there is another {}", shown(&name.value)))
                    .help("the names of maintenance windows are unique");
                row.reading.notes.note_both(&name.span, wrong, "it is first used here", first);
            } else {
                taken.insert(name.value.clone(), name.span.clone());
            }
        }
        let about = matching::matcher(&row, known);
        let window = window(&row, by_default);
        if let (Some(name), Some(window)) = (name, window) {
            list.push(Maintenance { name: name.value.into(), about, window });
        }
    }
    list
}

fn window(row: &Row<'_>, by_default: &TimeZone) -> Option<Window> {
    let timezone = alerting::timezone(row).unwrap_or_else(|| by_default.clone());
    let lasts = row.parsed("for", |text| {
        let bounds = (Duration::from_secs(1), Duration::from_secs(366 * 86_400));
        values::duration_within(text, bounds, "maintenance lasts 1s to 366d")
    });
    let lasts = lasts
        .and_then(|at| Some(At { value: SignedDuration::try_from(at.value).ok()?, span: at.span }));
    if let Some(other) = ["from", "until"].into_iter().find(|key| row.has(key))
        && row.has("cron")
    {
        let wrong = Wrong::new(format!("`cron` and `{other}` exclude each other"))
            .help("again and again: cron and for; once: from and until");
        let (cron, once) = (row.span_of("cron"), row.span_of(other));
        row.reading.notes.note_both(&cron, wrong, "the other is here", &once);
        return None;
    }
    if row.has("cron") {
        return again(row, timezone, lasts);
    }
    if row.has("from") || row.has("until") {
        return once(row, &timezone, lasts);
    }
    let help = "again and again: cron = \"0 3 * * sun\" and for = \"1h\"; once: from and until";
    row.note_missing(format!("{} does not say when", row.header()), help);
    None
}

fn again(row: &Row<'_>, timezone: TimeZone, lasts: Option<At<SignedDuration>>) -> Option<Window> {
    let expression = row.parsed("cron", cron::expression);
    let lasts = row.need("for", lasts);
    let (expression, lasts) = (expression?.value, lasts?);
    if never_ends(&expression, &timezone, lasts.value) {
        let wrong = Wrong::new("it begins again before it is over, each time: it never ends")
            .help("shorten it, or begin less often; to hear nothing at all leave the route out");
        row.note_key("for", &lasts.span, wrong);
        return None;
    }
    Some(Window::Cron { expression, timezone, lasts: lasts.value })
}

/// Whether each of some windows begins before the one before it has ended.
fn never_ends(expression: &str, timezone: &TimeZone, lasts: SignedDuration) -> bool {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let Ok(cron) = parser.parse(expression) else { return false };
    let Ok(mut at) = date(2024, 1, 1).to_zoned(timezone.clone()) else { return false };
    let mut begins = Vec::new();
    for _ in 0..64 {
        let Ok(next) = cron.find_next_occurrence(&at, false) else { return false };
        begins.push(next.timestamp());
        at = next;
    }
    begins.windows(2).all(|pair| pair[1].duration_since(pair[0]) <= lasts)
}

fn once(row: &Row<'_>, timezone: &TimeZone, lasts: Option<At<SignedDuration>>) -> Option<Window> {
    super::frame::exclusive(row, &["until", "for"]);
    let from = row.need("from", moment(row, "from", timezone));
    let until = match row.has("for") {
        true => None,
        false => row.need("until", moment(row, "until", timezone)),
    };
    let from = from?;
    let until = match (until, lasts) {
        (Some(until), _) if until.value <= from.value => {
            let wrong = Wrong::new("it ends before it begins");
            let begins = row.span_of("from");
            row.reading.notes.note_both(&until.span, wrong, "it begins here", &begins);
            return None;
        }
        (Some(until), _) => until.value,
        (None, Some(lasts)) => from.value.saturating_add(lasts.value).ok()?,
        (None, None) => return None,
    };
    Some(Window::Once { from: from.value, until })
}

/// A date and time, as TOML has them or as a string; without an offset by the clocks of a zone.
fn moment(row: &Row<'_>, key: &'static str, timezone: &TimeZone) -> Option<At<Timestamp>> {
    let item = row.value(key)?;
    let written = match item.get_ref() {
        DeValue::Datetime(written) => written.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => {
            row.mismatch(key, item);
            return None;
        }
    };
    let found = written.parse::<Timestamp>().ok().or_else(|| {
        // A day alone would begin at midnight, but would not end when it ends.
        let civil: DateTime = written.contains(':').then(|| written.parse().ok())??;
        Some(timezone.to_ambiguous_zoned(civil).compatible().ok()?.timestamp())
    });
    if found.is_none() {
        let wrong = Wrong::new(format!("{} is not a date with a time", shown(&written)))
            .help("such as 2026-12-24T22:00:00, or with an offset 2026-12-24T22:00:00+09:00");
        row.note_key(key, &item.span(), wrong);
    }
    found.map(|value| At { value, span: item.span() })
}
