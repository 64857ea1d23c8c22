//! Texts of the plan inside PromQL, templates and URLs: whatever they hold, they stay texts.

use std::fmt::Write as _;

/// A string of PromQL.
pub(super) fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A string with a pattern that matches each of these names and no other.
pub(super) fn any_of(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| regex::escape(name)).collect();
    text(&names.join("|"))
}

/// What follows a label to have one of these values: equality where there is one.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [name] => format!("={}", text(name)),
        names => format!("=~{}", any_of(names)),
    }
}

/// A text that a template of Prometheus leaves as it is.
pub(super) fn in_template(text: &str) -> String {
    text.replace("{{", "{{\"{{\"}}")
}

/// A name as the last part of a URL.
pub(super) fn in_path(name: &str) -> String {
    let mut path = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                path.push(char::from(byte));
            }
            byte => {
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(text("a \"b\" \\ c"), r#""a \"b\" \\ c""#);
        assert_eq!(any_of(&["a.b", "c|d"]), r#""a\\.b|c\\|d""#);
        assert_eq!(one_of(&["web:443"]), r#"="web:443""#);
        assert_eq!(in_template("{{ $value }}"), "{{\"{{\"}} $value }}");
        assert_eq!(in_path("a b/ü"), "a%20b%2F%C3%BC");
    }
}
