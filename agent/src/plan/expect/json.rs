//! `expect.json`: places in a document, and what has to be there.

use serde_json::Value;
use serde_json_path::JsonPath;
use toml::Spanned;
use toml::de::DeValue;

use super::{around, bounds, pattern, some_time};
use crate::plan::notes::{At, Wrong};
use crate::plan::row::Row;
use crate::plan::schema::COMPARISON;
use crate::probe::http::{Bounds, JsonRule, Place, Test};

/// Reads every entry.
pub(super) fn rules(row: &Row<'_>) -> Vec<JsonRule> {
    let read = |(written, value): (At<&str>, &Spanned<DeValue<'_>>)| {
        let place = row.understood("json", &written, place);
        let wanted = wanted(row, &written, value);
        let (place, (count, tests)) = (place?.value, wanted?);
        Some(JsonRule { place, count: count.unwrap_or(Bounds::at_least(1.0)), tests })
    };
    row.entries("json").unwrap_or_default().into_iter().filter_map(read).collect()
}

/// A pointer or a path.
fn place(text: &str) -> Result<Place, Wrong> {
    if text.starts_with('$') { path(text) } else { pointer(text).map(Place::Pointer) }
}

/// A JSONPath (RFC 9535). Each `..` looks at all that is below every value found so far: one of them
/// is enough for any document, and several take too long on a large one.
fn path(text: &str) -> Result<Place, Wrong> {
    let path = JsonPath::parse(text).map_err(|error| {
        Wrong::new(format!("{text:?} is not a JSONPath: {error}")).help(
            "such as \"$.services[*].state\" (RFC 9535), or a JSON Pointer such as \"/status\"",
        )
    })?;
    if descents(text) > 1 {
        return Err(Wrong::new(format!("{text:?} has more than one `..`"))
            .help("on a large document that takes too long; write the way out"));
    }
    Ok(Place::Path(Box::new(path), text.to_owned()))
}

/// How often `..` stands outside of quotes.
fn descents(text: &str) -> usize {
    let (mut count, mut quote, mut before) = (0, None, ' ');
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => {
                letters.next();
            }
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '.') if before == '.' => count += 1,
            (None, _) => {}
        }
        before = letter;
    }
    count
}

/// A JSON Pointer (RFC 6901): empty for the whole, else beginning with a slash.
pub(in crate::plan) fn pointer(text: &str) -> Result<String, Wrong> {
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

/// How many values there have to be, where that is said, and what each has to be.
fn wanted(
    row: &Row<'_>,
    written: &At<&str>,
    value: &Spanned<DeValue<'_>>,
) -> Option<(Option<Bounds>, Vec<Test>)> {
    let DeValue::Table(table) = value.get_ref() else {
        return Some((None, vec![Test::Equals(json_of(value.get_ref()))]));
    };
    if !table.keys().any(|key| COMPARISON.key(key.get_ref()).is_some()) {
        if let Some(wrong) = misspelt(row, table.keys().map(|key| key.get_ref().as_ref())) {
            row.note_key("json", &value.span(), wrong);
            return None;
        }
        return Some((None, vec![Test::Equals(json_of(value.get_ref()))]));
    }
    let comparison = row.open_row(&COMPARISON, "json", value)?;
    Some(compared(&comparison, written.value.starts_with('$')))
}

/// A table that looks like a comparison and is none would be taken for a value that is never there.
fn misspelt<'a>(row: &Row<'_>, mut keys: impl Iterator<Item = &'a str>) -> Option<Wrong> {
    let nearest = |key: &'a str| {
        let near = row.reading.notes.nearest(key, COMPARISON.accepted())?;
        Some(Wrong::new(format!("unknown comparison {key:?}")).help(format!(
            "did you mean `{near}`? A value that is a table: {{ equals = {{ … }} }}"
        )))
    };
    keys.find_map(nearest)
}

fn compared(row: &Row<'_>, is_path: bool) -> (Option<Bounds>, Vec<Test>) {
    let mut tests = Vec::new();
    let of = |key| row.value(key).map(|value| json_of(value.get_ref()));
    tests.extend(of("equals").map(Test::Equals));
    tests.extend(of("not").map(Test::Not));
    if let Some(items) = row.items("one_of") {
        tests.push(Test::OneOf(items.iter().map(|item| json_of(item.get_ref())).collect()));
    }
    let number = around(row);
    if number != Bounds::default() {
        tests.push(Test::Number(number));
    }
    tests.extend(pattern(row, "matches").map(Test::Matches));
    tests.extend(of("contains").map(Test::Contains));
    tests.extend(row.choice("type").map(Test::Type));
    tests.extend(bounds(row, "length").map(Test::Length));
    tests.extend(row.parsed("newer_than", some_time).map(|at| Test::NewerThan(at.value)));
    let present = row.switch("present").map(|is_there| match is_there {
        true => Bounds::at_least(1.0),
        false => Bounds::exactly(0.0),
    });
    let count = bounds(row, "count");
    if row.has("count") && !is_path {
        let wrong = Wrong::new("a JSON Pointer finds one value or none")
            .help("write a JSONPath such as \"$.workers[*]\", or `length` of the list");
        row.note_key("count", &row.span_of("count"), wrong);
    }
    if row.has("count") && row.has("present") {
        let wrong = Wrong::new("`count` says as much").help("remove it");
        row.note_key("present", &row.span_of("present"), wrong);
    } else if present == Some(Bounds::exactly(0.0)) && !tests.is_empty() {
        let wrong = Wrong::new("what is not there cannot be compared").help("remove the rest");
        row.note_key("present", &row.span_of("present"), wrong);
    }
    (count.or(present), tests)
}

/// The JSON value of a TOML value; a date is the string that TOML writes for it.
pub(in crate::plan) fn json_of(value: &DeValue<'_>) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers() {
        for text in ["", "/", "/status", "/a/0/b", "/m~0n", "/a~1b"] {
            assert!(pointer(text).is_ok(), "{text}");
        }
        for text in ["status", "$.status", "/a~", "/a~2"] {
            assert!(pointer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths() {
        for text in [
            "$",
            "$.a",
            "$..a",
            "$['a..b']..c",
            "$.services[?@.state != 'up']",
            "$.a[?search(@.b, '^x')]",
            "$.a[-1:]",
        ] {
            assert!(place(text).is_ok(), "{text}");
        }
        for text in ["$a", "$.", "$.a[", "$..a..b", "$..a[?@..b]", "$[?foo(@)]"] {
            assert!(place(text).is_err(), "{text}");
        }
        assert_eq!(descents("$..a[?@.b == \"..\"]"), 1);
    }
}
