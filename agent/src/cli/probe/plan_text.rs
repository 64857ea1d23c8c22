//! A small plan, written from arguments.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::More;

/// A plan being written.
#[derive(Default)]
pub(in crate::cli) struct PlanText(pub(in crate::cli) String);

impl PlanText {
    pub(in crate::cli) fn table(&mut self, kind: &str, keys: &[(&str, Option<String>)]) {
        let _ = writeln!(self.0, "[[{kind}]]\nname = \"probe\"");
        for (key, value) in keys {
            if let Some(value) = value {
                self.key(key, value);
            }
        }
    }

    pub(in crate::cli) fn key(&mut self, key: &str, value: &str) {
        // A JSON string is a TOML basic string.
        let _ = writeln!(self.0, "{key} = {}", Value::from(value));
    }

    pub(in crate::cli) fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let _ = writeln!(self.0, "{key} = {}", json!(values));
        }
    }

    pub(super) fn more(&mut self, more: &More) {
        self.key("timeout", &more.timeout);
        for line in &more.set {
            let _ = writeln!(self.0, "{line}");
        }
    }

    pub(in crate::cli) fn with_agent(self, via: Option<&str>) -> String {
        match via {
            Some(via) => format!("[agent]\nresolver = {}\n{}", Value::from(via), self.0),
            None => self.0,
        }
    }
}
