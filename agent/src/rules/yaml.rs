//! YAML of what Prometheus reads, and no more of YAML than that: mappings, sequences, and strings,
//! each quoted unless it is a plain word.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// The YAML of something.
///
/// # Errors
/// When it cannot be put into JSON either.
pub fn written(it: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    block(&mut text, &serde_json::to_value(it)?, 0);
    Ok(text)
}

/// A value on lines of its own, each `depth` levels in.
fn block(text: &mut String, value: &Value, depth: usize) {
    let margin = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let _ = write!(text, "{margin}{}:", scalar(key));
                below(text, value, depth + 1);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for item in list {
                let mut inner = String::new();
                block(&mut inner, item, depth + 1);
                // The first line of an item stands beside its dash.
                let _ = write!(text, "{margin}- {}", inner.trim_start_matches(' '));
            }
        }
        other => {
            let _ = writeln!(text, "{margin}{}", leaf(other));
        }
    }
}

/// What follows a key.
fn below(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            block(text, value, depth);
        }
        Value::Array(list) if !list.is_empty() => {
            text.push('\n');
            block(text, value, depth);
        }
        other => {
            let _ = writeln!(text, " {}", leaf(other));
        }
    }
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// A string: plain where nobody could take it for anything else, else in double quotes.
fn scalar(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let lower = text.to_ascii_lowercase();
    // YAML 1.1 reads these as something else.
    let is_taken = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&&*lower);
    if is_word && !is_taken {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            // Line breaks of YAML 1.1, marks of the byte order, and what is not printable.
            c if c.is_control() || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_plain_and_everything_else_is_quoted() {
        let value = json!({
            "groups": [
                { "name": "a", "rules": [{ "alert": "B", "on": "no" }, { "alert": "1" }] },
                { "name": "x: y # z", "rules": [], "more": {} },
            ],
            "a\"b\\": "line\none\u{2028}\u{feff}",
            "empty": "",
            "nested": [["a", "b"], 3],
        });
        insta::assert_snapshot!(written(&value).unwrap());
    }
}
