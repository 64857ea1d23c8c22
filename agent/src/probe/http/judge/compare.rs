//! Whether a JSON value is what a test asks for. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::probe::http::content::same;
use crate::probe::http::expect::Test;

/// Numbers above this are milliseconds since 1970: in seconds they would be past the year 5000.
const MILLISECONDS_ABOVE: f64 = 1e11;

/// The value passes.
pub(super) fn holds(test: &Test, value: &Value, now: Timestamp) -> bool {
    match test {
        Test::Equals(wanted) => same(value, wanted),
        Test::Not(unwanted) => !same(value, unwanted),
        Test::OneOf(wanted) => wanted.iter().any(|wanted| same(value, wanted)),
        Test::Number(bounds) => value.as_f64().is_some_and(|number| bounds.hold(number)),
        Test::Matches(pattern) => match value {
            Value::String(text) => pattern.is_match(text),
            Value::Number(number) => pattern.is_match(&number.to_string()),
            _ => false,
        },
        Test::Contains(wanted) => contains(value, wanted),
        Test::Type(name) => type_of(value) == *name,
        Test::Length(bounds) => length(value).is_some_and(|length| bounds.hold(length as f64)),
        Test::NewerThan(most) => time(value).is_some_and(|time| is_within(time, *most, now)),
    }
}

fn contains(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::String(text), Value::String(wanted)) => text.contains(wanted.as_str()),
        (Value::Array(values), wanted) => values.iter().any(|value| same(value, wanted)),
        (Value::Object(map), Value::String(wanted)) => map.contains_key(wanted),
        _ => false,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(values) => Some(values.len()),
        Value::Object(map) => Some(map.len()),
        _ => None,
    }
}

/// A time as documents write it: RFC 3339, a date of HTTP, or seconds or milliseconds since 1970,
/// also as a string.
fn time(value: &Value) -> Option<Timestamp> {
    let since_1970 = |number: f64| {
        let seconds = if number > MILLISECONDS_ABOVE { number / 1000.0 } else { number };
        Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
    };
    match value {
        Value::Number(number) => since_1970(number.as_f64()?),
        Value::String(text) => {
            let text = text.trim();
            let date = || jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
            let number = || text.parse().ok().and_then(since_1970);
            text.parse().ok().or_else(date).or_else(number)
        }
        _ => None,
    }
}

/// A time to come is a clock that is ahead, and newer than anything.
fn is_within(time: Timestamp, most: Duration, now: Timestamp) -> bool {
    time >= now || now.duration_since(time).unsigned_abs() <= most
}
