//! Text with places for values that are known only on the way: `{name}`. Pure.

use std::sync::Arc;

/// Text and places in turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Arc<str>),
}

/// How a value is written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// As it is.
    Plain,
    /// Percent-encoded, as in a path, a query or a form.
    Percent,
    /// As the inside of a JSON string.
    Json,
}

impl Template {
    /// Takes a text apart; hands back the names in braces that `is_known` does not know as well,
    /// which stay as they are.
    pub fn parse(text: &str, is_known: impl Fn(&str) -> bool) -> (Self, Vec<String>) {
        let (mut parts, mut unknown) = (Vec::new(), Vec::new());
        let (mut plain, mut rest) = (String::new(), text);
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            plain.push_str(before);
            let end = from.find('}').filter(|end| is_name(&from[1..*end]));
            let Some(end) = end else {
                plain.push('{');
                rest = &from[1..];
                continue;
            };
            let name = &from[1..end];
            if is_known(name) {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Place(name.into()));
            } else {
                plain.push_str(&from[..=end]);
                unknown.push(name.to_owned());
            }
            rest = &from[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        (Self(parts), unknown)
    }

    /// It has no places.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.names().next().is_none()
    }

    /// It begins with a place.
    #[must_use]
    pub fn begins_with_place(&self) -> bool {
        matches!(self.0.first(), Some(Part::Place(_)))
    }

    /// The names of its places.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Place(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }

    /// The whole text with values in their places; one that is not known stays a place.
    #[must_use]
    pub fn filled<'v>(&self, value: impl Fn(&str) -> Option<&'v str>, writing: Writing) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Place(name) => match value(name) {
                    Some(value) => text.push_str(&written(value, writing)),
                    None => text.push_str(&format!("{{{name}}}")),
                },
            }
        }
        text
    }
}

/// Lower-case letters, digits and underscores, at most 64 of them, not a digit first.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// A value as it is written in such a place.
#[must_use]
pub fn written(value: &str, writing: Writing) -> String {
    match writing {
        Writing::Plain => value.to_owned(),
        Writing::Percent => {
            let mut text = String::with_capacity(value.len());
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    text.push_str(&format!("%{byte:02X}"));
                }
            }
            text
        }
        Writing::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, writing: Writing) -> (String, Vec<String>) {
        let values = [("token", "a b&\"가"), ("id", "7")];
        let find = |name: &str| values.iter().find(|(known, _)| *known == name);
        let (template, unknown) = Template::parse(text, |name| find(name).is_some());
        (template.filled(|name| find(name).map(|(_, value)| *value), writing), unknown)
    }

    #[test]
    fn values_are_written_as_their_place_wants_them() {
        for (text, writing, expected) in [
            ("/orders/{id}?t={token}", Writing::Percent, "/orders/7?t=a%20b%26%22%EA%B0%80"),
            ("t={token}&x=1", Writing::Percent, "t=a%20b%26%22%EA%B0%80&x=1"),
            (r#"{"id":{id},"t":"{token}"}"#, Writing::Json, r#"{"id":7,"t":"a b&\"가"}"#),
            ("Bearer {token}", Writing::Plain, "Bearer a b&\"가"),
            ("{id}{id}", Writing::Plain, "77"),
            ("{}{ id }{Id}{1}{", Writing::Plain, "{}{ id }{Id}{1}{"),
            ("{{id}}", Writing::Plain, "{7}"),
            ("", Writing::Plain, ""),
        ] {
            assert_eq!(filled(text, writing), (expected.to_owned(), vec![]), "{text}");
        }
        let (text, unknown) = filled("{me{name}} {id}", Writing::Plain);
        assert_eq!((&*text, unknown), ("{me{name}} 7", vec!["name".to_owned()]));
    }
}
