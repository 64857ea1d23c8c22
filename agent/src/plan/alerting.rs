//! `[alerts]`: by whose clocks incidents are told, how they are gathered, and the sign that goes out
//! while the agent is well.

use std::time::Duration;

use alerts::{Flaps, Grouping, Hidden, Reminders};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::notes::{At, Wrong};
use super::row::Row;
use super::{Alerting, OutgoingHeartbeat, cron, frame, http, receivers, values};

/// Reminders in one list at most.
const MOST_REMINDERS: usize = 32;

/// Reads `[alerts]`.
pub(super) fn alerting(plan: &Row<'_>) -> Alerting {
    let Some(row) = plan.row("alerts") else {
        return Alerting {
            timezone: TimeZone::system(),
            reminders: Reminders::default(),
            grouping: Grouping::default(),
            flaps: Flaps::default(),
            heartbeat: None,
        };
    };
    let usual = Grouping::default();
    Alerting {
        timezone: timezone(&row).unwrap_or_else(TimeZone::system),
        reminders: reminders(&row),
        grouping: Grouping {
            wait: span(&row, "group_wait", (0, 3600), "0s to 1h").unwrap_or(usual.wait),
            interval: span(&row, "group_interval", (0, 86_400), "0s to 1d")
                .unwrap_or(usual.interval),
        },
        flaps: flaps(&row),
        heartbeat: heartbeat(&row),
    }
}

fn flaps(row: &Row<'_>) -> Flaps {
    let usual = Flaps::default();
    let settled_after = span(row, "settled_after", (1, 86_400), "1s to 1d");
    let changes = if row.switch("flapping") == Some(false) { 0 } else { usual.changes };
    Flaps { changes, settled_after: settled_after.unwrap_or(usual.settled_after), ..usual }
}

/// `timezone` of a table.
pub(super) fn timezone(row: &Row<'_>) -> Option<TimeZone> {
    let name = row.parsed("timezone", |name| cron::timezone(name, &row.reading.notes))?;
    TimeZone::get(&name.value).ok()
}

fn span(
    row: &Row<'_>,
    key: &'static str,
    (least, most): (u64, u64),
    bounds: &str,
) -> Option<SignedDuration> {
    let within = (Duration::from_secs(least), Duration::from_secs(most));
    let span = row.parsed(key, |text| values::duration_within(text, within, bounds))?;
    SignedDuration::try_from(span.value).ok()
}

fn reminders(row: &Row<'_>) -> Reminders {
    let Some(texts) = row.texts("reminders") else { return Reminders::default() };
    if let [At { value: "never", .. }] = texts[..] {
        return Reminders { pauses: Vec::new() };
    }
    if texts.len() > MOST_REMINDERS {
        let wrong = Wrong::new(format!("{} pauses", texts.len()))
            .help(format!("at most {MOST_REMINDERS}: the last one is repeated"));
        row.note_key("reminders", &row.span_of("reminders"), wrong);
    }
    let pause = |text: &At<&str>| {
        let pause = |text: &str| {
            let bounds = (Duration::from_secs(60), Duration::from_secs(30 * 86_400));
            values::duration_within(text, bounds, "a pause is 1m to 30d; or \"never\" alone")
        };
        let read = match text.value {
            "never" => Err(Wrong::new("\"never\" stands alone").help("reminders = \"never\"")),
            text => pause(text),
        };
        match read {
            Ok(pause) => SignedDuration::try_from(pause).ok(),
            Err(wrong) => {
                row.note_key("reminders", &text.span, wrong);
                None
            }
        }
    };
    Reminders { pauses: texts.iter().filter_map(pause).collect() }
}

/// Where a sign goes while the agent is well. Who knows the address can give the sign in its stead,
/// so it is hidden wherever it was written.
fn heartbeat(row: &Row<'_>) -> Option<OutgoingHeartbeat> {
    let keys = ["heartbeat_url", "heartbeat_url_env", "heartbeat_url_file"];
    frame::exclusive(row, &keys);
    let within = (1, 86_400);
    let every = span(row, "heartbeat_every", within, "a sign of life goes out every 1s to 1d");
    if row.has("heartbeat_every") && !keys.iter().any(|key| row.has(key)) {
        let wrong = Wrong::missing("`heartbeat_every` says how often, and nothing says where to")
            .help("add `heartbeat_url_env = \"NAME\"`, or `heartbeat_url`");
        row.note(&row.span_of("heartbeat_every"), wrong);
    }
    let written = row.parsed("heartbeat_url", http::url).map(|url| url.value.to_string());
    let outside = || {
        let (text, span) = receivers::outside(row, "heartbeat_url_env", "heartbeat_url_file")?;
        if http::url(text.trim()).is_err() {
            row.note(&span, Wrong::new("what it holds is not a URL").help("http:// or https://"));
            return None;
        }
        Some(text.trim().to_owned())
    };
    let url = Hidden::new(written.or_else(outside)?);
    let every = every.and_then(|every| Duration::try_from(every).ok());
    Some(OutgoingHeartbeat { url, every: every.unwrap_or(Duration::from_secs(60)) })
}
