//! The JSON Schema of probes.toml, for editors that complete and check while one types.

use serde_json::{Map, Value, json};

use super::{Key, PLAN, Presence, Shape, Table};

/// The JSON Schema (draft 2020-12) of probes.toml. What it cannot say, such as that names are
/// unique or that references lead somewhere, `portwarden validate` does.
#[must_use]
pub fn schema() -> Value {
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "portwarden plan (probes.toml)",
    });
    if let (Some(head), Value::Object(body)) = (whole.as_object_mut(), table(&PLAN)) {
        head.extend(body);
    }
    whole
}

fn table(table: &Table) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in table.keys().filter(|key| key.presence.is_accepted()) {
        properties.insert(key.name.to_owned(), property(key));
        if key.presence == Presence::Required {
            required.push(key.name);
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = shape(&key.shape);
    schema["description"] = key.doc.into();
    if let Presence::Default(text) = key.presence
        && let Some(value) = json_of(text)
    {
        schema["default"] = value;
    }
    schema
}

fn shape(shape_: &Shape) -> Value {
    match shape_ {
        Shape::Words(words) => match words.pattern {
            Some(pattern) => json!({ "type": "string", "pattern": pattern }),
            None => json!({ "type": "string" }),
        },
        Shape::OneOf(names) => json!({ "enum": names }),
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::Whole { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::Number => json!({ "type": "number" }),
        Shape::Anything => json!({}),
        Shape::Many(inner) => json!({ "type": "array", "items": shape(inner), "minItems": 1 }),
        Shape::OneOrMany(inner) => json!({
            "anyOf": [shape(inner), { "type": "array", "items": shape(inner), "minItems": 1 }]
        }),
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(shape).collect::<Vec<_>>() })
        }
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": shape(inner) }),
        Shape::Row(inner) => table(inner),
        Shape::Rows(inner) => json!({ "type": "array", "items": table(inner) }),
    }
}

/// The JSON value of a value in TOML.
fn json_of(text: &str) -> Option<Value> {
    let document: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    serde_json::to_value(document.get("value")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_required_keys_defaults_and_bounds() {
        let schema = schema();
        let http = &schema["properties"]["http"]["items"];
        assert_eq!(http["required"], json!(["name", "url"]));
        assert_eq!(http["properties"]["method"]["default"], "GET");
        assert_eq!(http["additionalProperties"], false);
        assert_eq!(http["properties"]["fail_after"]["minimum"], 1);
        assert_eq!(http["properties"]["interval"]["pattern"], "^(0|[1-9][0-9]*)(ms|s|m|h|d)$");
        let webhook = &schema["properties"]["receiver"]["items"]["properties"]["webhook"];
        assert!(webhook["properties"].get("secret").is_none());
    }

    #[test]
    fn every_default_is_toml() {
        PLAN.walk(&mut |table| {
            for key in table.keys() {
                if let Presence::Default(text) = key.presence {
                    assert!(json_of(text).is_some(), "{} {}: {text}", table.header, key.name);
                }
            }
        });
    }

    #[test]
    fn every_pattern_compiles_and_every_key_is_declared_once() {
        fn patterns(shape: &Shape) {
            match shape {
                Shape::Words(words) => {
                    if let Some(pattern) = words.pattern {
                        regex::Regex::new(pattern).unwrap();
                    }
                }
                Shape::Many(inner) | Shape::OneOrMany(inner) | Shape::Map(inner) => patterns(inner),
                Shape::Either(shapes) => shapes.iter().for_each(patterns),
                _ => {}
            }
        }
        PLAN.walk(&mut |table| {
            let mut names: Vec<&str> = table.keys().map(|key| key.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", table.header);
            table.keys().for_each(|key| patterns(&key.shape));
        });
    }
}
