//! `expect` of an HTTP check, or of a step of a journey.

use std::time::Duration;

use health::Phase;
use http::Method;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};
use toml::Spanned;
use toml::de::DeValue;

use super::notes::{At, Wrong};
use super::row::{Row, integer};
use super::{cookie, frame, http as plan_http, values};
use crate::probe::http::{Bounds, Expect, HeaderRule, HeaderWanted, Pattern, Security};

mod json;
mod unchanged;

pub(super) use json::{json_of, pointer};

/// The phases of a request, as `within` names them.
const PHASES: [(&str, Phase); 5] = [
    ("resolve", Phase::Resolve),
    ("connect", Phase::Connect),
    ("tls", Phase::Tls),
    ("processing", Phase::Processing),
    ("transfer", Phase::Transfer),
];

/// What says something of a body, and of no answer to HEAD.
const OF_BODIES: [&str; 9] =
    ["body", "contains", "absent", "json", "size", "charset", "body_hash", "same_as", "ignoring"];

/// Reads `expect` of a check, or expects nothing in particular.
pub(super) fn expect(check: &Row<'_>, timeout: Duration, method: &Method) -> Expect {
    let Some(row) = check.row("expect") else { return Expect::default() };
    let (within, phases) = within(&row, timeout);
    let expect = Expect {
        status: row
            .items("status")
            .map(|items| items.into_iter().filter_map(|item| status(&row, item)).collect())
            .unwrap_or_default(),
        body: pattern(&row, "body"),
        contains: words(&row, "contains"),
        absent: words(&row, "absent"),
        json: json::rules(&row),
        headers: headers(&row),
        security: row.choice("security").map(|level| match level {
            "strict" => Security::Strict,
            _ => Security::Basic,
        }),
        location: pattern(&row, "location"),
        url: pattern(&row, "url"),
        hops: bounds(&row, "hops"),
        content_type: media_types(&row),
        charset: row.parsed("charset", charset).map(|at| at.value),
        encoding: row.choices("encoding"),
        protocol: row.choices("protocol"),
        size: bounds(&row, "size"),
        within,
        phases,
        modified_within: row.parsed("modified_within", some_time).map(|at| at.value),
        unchanged: unchanged::unchanged(&row).map(Box::new),
        cookies: cookie::expected(&row),
    };
    contradictions(&row, &expect);
    if *method == Method::HEAD
        && let Some(key) = OF_BODIES.into_iter().find(|&key| row.has(key))
    {
        let wrong = Wrong::new("the answer to a HEAD request has no body");
        row.note_key(key, &row.span_of(key), wrong.help("write method = \"GET\""));
    }
    expect
}

/// Whether the expectations are about a redirect itself, not about where it leads.
pub(super) fn judges_redirect(expect: &Expect) -> bool {
    let redirects = |&(first, last): &(u16, u16)| first >= 300 && last <= 399;
    expect.location.is_some() || (!expect.status.is_empty() && expect.status.iter().all(redirects))
}

/// Asks for the compression that is expected, unless the plan asks for one itself.
pub(super) fn ask_for_encoding(expect: &Expect, headers: &mut HeaderMap) {
    let wanted = expect.encoding.join(", ");
    if !wanted.is_empty()
        && !headers.contains_key(ACCEPT_ENCODING)
        && let Ok(value) = HeaderValue::from_str(&wanted)
    {
        headers.insert(ACCEPT_ENCODING, value);
    }
}

fn status(row: &Row<'_>, item: &Spanned<DeValue<'_>>) -> Option<(u16, u16)> {
    let wrong = match item.get_ref() {
        DeValue::Integer(number) => {
            let status = integer(item.get_ref()).and_then(|number| u16::try_from(number).ok());
            if let Some(status) = status.filter(|status| (100..=599).contains(status)) {
                return Some((status, status));
            }
            Wrong::new(format!("{number} is not an HTTP status")).help("100 to 599")
        }
        DeValue::String(text) => match statuses(text) {
            Ok(range) => return Some(range),
            Err(wrong) => wrong,
        },
        _ => {
            row.mismatch("status", item);
            return None;
        }
    };
    row.note_key("status", &item.span(), wrong);
    None
}

/// `2xx`, `200-299` or `200`.
fn statuses(text: &str) -> Result<(u16, u16), Wrong> {
    let wrong = || {
        Wrong::new(format!("{text:?} is not a range of statuses"))
            .help("such as 200, \"2xx\" or \"200-299\", within 100 to 599")
    };
    if let Some(class) = text.to_ascii_lowercase().strip_suffix("xx") {
        let class: u16 = class.parse().map_err(|_| wrong())?;
        return match class {
            1..=5 => Ok((class * 100, class * 100 + 99)),
            _ => Err(wrong()),
        };
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |part: &str| part.trim().parse::<u16>().map_err(|_| wrong());
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(Wrong::new(format!("{text:?} runs backwards"))
            .help(format!("write \"{last}-{first}\"")));
    }
    if first < 100 || last > 599 {
        return Err(wrong());
    }
    Ok((first, last))
}

fn pattern(row: &Row<'_>, key: &'static str) -> Option<Pattern> {
    row.text(key).and_then(|text| frame::pattern(row, key, &text)).map(Pattern)
}

/// Texts that are looked for as they are written; an empty one is in everything.
fn words(row: &Row<'_>, key: &'static str) -> Vec<String> {
    let read = |text: At<&str>| {
        if text.value.is_empty() {
            row.note_key(key, &text.span, Wrong::new("an empty text is in every body"));
            return None;
        }
        Some(text.value.to_owned())
    };
    row.texts(key).unwrap_or_default().into_iter().filter_map(read).collect()
}

/// So many, or a table of bounds, as the declaration of the key has it.
fn bounds(row: &Row<'_>, key: &'static str) -> Option<Bounds> {
    let value = row.value(key)?;
    let DeValue::Table(_) = value.get_ref() else {
        return row.whole(key).map(|at| Bounds::exactly(at.value as f64));
    };
    let table = row.open_row(&super::schema::BOUNDS, key, value)?;
    let bounds = around(&table);
    if bounds == Bounds::default() && !table.is_empty() {
        return None;
    }
    if bounds == Bounds::default() {
        let wrong = Wrong::new("no bound is given").help("such as { at_least = 1 }");
        row.note_key(key, &value.span(), wrong);
        return None;
    }
    Some(bounds)
}

/// The four bounds of a table; such that no number is within are noted.
fn around(row: &Row<'_>) -> Bounds {
    let bounds = Bounds {
        above: row.number("above"),
        below: row.number("below"),
        at_least: row.number("at_least"),
        at_most: row.number("at_most"),
    };
    if !bounds.can_hold() {
        let wrong = Wrong::new(format!("no number is {bounds}"));
        row.note(&row.span, wrong);
    }
    bounds
}

fn media_types(row: &Row<'_>) -> Vec<String> {
    let read = |text: At<&str>| row.understood("content_type", &text, media_type);
    let texts = row.texts("content_type").unwrap_or_default();
    texts.into_iter().filter_map(read).map(|at| at.value).collect()
}

/// `application/json` or `text/*`.
fn media_type(text: &str) -> Result<String, Wrong> {
    let wrong = || {
        Wrong::new(format!("{text:?} is not a media type"))
            .help("such as \"application/json\" or \"text/*\"")
    };
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    if text.contains(';') {
        return Err(wrong().help("without parameters; the character set is `charset`"));
    }
    match text.split_once('/') {
        Some((class, kind)) if is_token(class) && (kind == "*" || is_token(kind)) => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err(wrong()),
    }
}

fn charset(text: &str) -> Result<String, Wrong> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_.:+-".contains(&b);
    if text.is_empty() || text.len() > 40 || !text.bytes().all(is_plain) {
        return Err(Wrong::new(format!("{text:?} is not the name of a character set"))
            .help("such as \"utf-8\" or \"euc-kr\""));
    }
    Ok(text.to_ascii_lowercase())
}

/// A duration that is not none.
fn some_time(text: &str) -> Result<Duration, Wrong> {
    match values::duration(text)? {
        Duration::ZERO => Err(Wrong::new("nothing takes no time")),
        duration => Ok(duration),
    }
}

/// A time for the whole, or a table by phase.
fn within(row: &Row<'_>, timeout: Duration) -> (Option<Duration>, Vec<(Phase, Duration)>) {
    let Some(value) = row.value("within") else { return (None, Vec::new()) };
    let bounded = |row: &Row<'_>, key: &'static str| {
        let within = row.parsed(key, some_time)?;
        if within.value > timeout {
            let wrong = Wrong::new(format!("longer than the timeout of {timeout:?}"))
                .help("the probe would have ended before; raise `timeout` or lower this");
            row.note_key(key, &within.span, wrong);
            return None;
        }
        Some(within.value)
    };
    if !value.get_ref().is_table() {
        return (bounded(row, "within"), Vec::new());
    }
    let Some(table) = row.open_row(&super::schema::WITHIN, "within", value) else {
        return (None, Vec::new());
    };
    let phase = |(key, phase)| Some((phase, bounded(&table, key)?));
    (bounded(&table, "total"), PHASES.into_iter().filter_map(phase).collect())
}

fn headers(row: &Row<'_>) -> Vec<HeaderRule> {
    let read = |(name, value): (At<&str>, &Spanned<DeValue<'_>>)| {
        let name = row.understood("headers", &name, plan_http::header_name);
        let wanted = header_value(row, value);
        Some(HeaderRule { name: name?.value, wanted: wanted? })
    };
    row.entries("headers").unwrap_or_default().into_iter().filter_map(read).collect()
}

fn header_value(row: &Row<'_>, value: &Spanned<DeValue<'_>>) -> Option<HeaderWanted> {
    match value.get_ref() {
        DeValue::String(text) => {
            let text = At { value: text.as_ref(), span: value.span() };
            let pattern = frame::pattern(row, "headers", &text)?;
            Some(HeaderWanted::Matches(Pattern(pattern)))
        }
        DeValue::Boolean(true) => Some(HeaderWanted::Sent),
        DeValue::Boolean(false) => Some(HeaderWanted::NotSent),
        DeValue::Table(_) => {
            let table = row.open_row(&super::schema::HEADER_VALUE, "headers", value)?;
            frame::exclusive(&table, &["matches", "not"]);
            if table.is_empty() {
                table.note_missing("nothing is said of the header".to_owned(), "matches or not");
            }
            let matches = pattern(&table, "matches").map(HeaderWanted::Matches);
            pattern(&table, "not").map(HeaderWanted::Never).or(matches)
        }
        _ => {
            row.mismatch("headers", value);
            None
        }
    }
}

/// What cannot hold together.
fn contradictions(row: &Row<'_>, expect: &Expect) {
    if let Some(both) = expect.contains.iter().find(|text| expect.absent.contains(text)) {
        let wrong = Wrong::new(format!("{both:?} is among `contains` as well"));
        row.note_key("absent", &row.span_of("absent"), wrong);
    }
    for key in ["url", "hops"] {
        if row.has(key) && judges_redirect(expect) {
            let wrong = Wrong::new("it is about redirects that are followed, and here none is")
                .help("`location` and statuses of 3xx alone judge the first redirect itself; remove one");
            row.note_key(key, &row.span_of(key), wrong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_statuses() {
        let good = [("2xx", (200, 299)), ("5XX", (500, 599)), ("200-299", (200, 299))];
        for (text, range) in good {
            assert_eq!(statuses(text), Ok(range), "{text}");
        }
        assert_eq!(statuses("404"), Ok((404, 404)));
        for text in
            ["", "xx", "6xx", "0xx", "99", "600", "299-200", "2x", "200-", "-200", "20x-30x"]
        {
            assert!(statuses(text).is_err(), "{text}");
        }
    }
}
