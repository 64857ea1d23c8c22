//! `expect` of an HTTP check.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use super::notes::{At, Wrong};
use super::row::{Row, integer};
use super::{cookie, frame, http as plan_http, values};
use crate::probe::http::Expect;

/// Reads `expect` of a check, or expects nothing in particular.
pub(super) fn expect(check: &Row<'_>, timeout: Duration, method: &Method) -> Expect {
    let Some(row) = check.row("expect") else { return Expect::default() };
    let pattern = |key| row.text(key).and_then(|text| frame::pattern(&row, key, &text));
    let expect = Expect {
        status: row
            .items("status")
            .map(|items| items.into_iter().filter_map(|item| status(&row, item)).collect())
            .unwrap_or_default(),
        body: pattern("body"),
        json: json(&row),
        headers: headers(&row),
        location: pattern("location"),
        within: row.parsed("within", values::duration).and_then(|within| {
            let wrong = if within.value > timeout {
                Wrong::new(format!("longer than the timeout of {timeout:?}"))
                    .help("the probe would have ended before; raise `timeout` or lower this")
            } else if within.value.is_zero() {
                Wrong::new("nothing takes no time")
            } else {
                return Some(within.value);
            };
            row.note_key("within", &within.span, wrong);
            None
        }),
        cookies: cookie::expected(&row),
    };
    if *method == Method::HEAD && (expect.body.is_some() || !expect.json.is_empty()) {
        let wrong = Wrong::new("the answer to a HEAD request has no body");
        let key = if expect.body.is_some() { "body" } else { "json" };
        row.note_key(key, &row.span_of(key), wrong.help("write method = \"GET\""));
    }
    expect
}

/// Whether the expectations are about a redirect itself, not about where it leads.
pub(super) fn judges_redirect(expect: &Expect) -> bool {
    let redirects = |&(first, last): &(u16, u16)| first >= 300 && last <= 399;
    expect.location.is_some() || (!expect.status.is_empty() && expect.status.iter().all(redirects))
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

fn json(row: &Row<'_>) -> Vec<(String, Value)> {
    let read = |(pointer, value): (At<&str>, &Spanned<DeValue<'_>>)| {
        let pointer = row.understood("json", &pointer, self::pointer)?;
        Some((pointer.value, json_of(value.get_ref())))
    };
    row.entries("json").unwrap_or_default().into_iter().filter_map(read).collect()
}

/// A JSON Pointer (RFC 6901): empty for the whole, else beginning with a slash.
pub(super) fn pointer(text: &str) -> Result<String, Wrong> {
    let wrong = Wrong::new(format!("{text:?} is not a JSON Pointer"));
    if !text.is_empty() && !text.starts_with('/') {
        let path = text.trim_start_matches("$.").replace('.', "/");
        return Err(wrong.help(format!("it begins with a slash: \"/{path}\"")));
    }
    let escapes = text
        .match_indices('~')
        .all(|(at, _)| matches!(text.as_bytes().get(at + 1), Some(b'0' | b'1')));
    if !escapes {
        return Err(wrong.help("~ is written ~0, and / within a name ~1 (RFC 6901)"));
    }
    Ok(text.to_owned())
}

/// The JSON value of a TOML value; a date is the string that TOML writes for it.
pub(super) fn json_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.to_string().into(), Value::from),
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(switch) => (*switch).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(list) => list.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), json_of(value.get_ref())))
                .collect(),
        ),
    }
}

fn headers(row: &Row<'_>) -> Vec<(http::HeaderName, regex::Regex)> {
    let read = |(name, value): (At<&str>, &Spanned<DeValue<'_>>)| {
        let name = row.understood("headers", &name, plan_http::header_name);
        let Some(text) = value.get_ref().as_str() else {
            row.mismatch("headers", value);
            return None;
        };
        let text = At { value: text, span: value.span() };
        let pattern = frame::pattern(row, "headers", &text);
        Some((name?.value, pattern?))
    };
    row.entries("headers").unwrap_or_default().into_iter().filter_map(read).collect()
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

    #[test]
    fn pointers() {
        for text in ["", "/", "/status", "/a/0/b", "/m~0n", "/a~1b"] {
            assert!(pointer(text).is_ok(), "{text}");
        }
        for text in ["status", "$.status", "/a~", "/a~2"] {
            assert!(pointer(text).is_err(), "{text}");
        }
    }
}
