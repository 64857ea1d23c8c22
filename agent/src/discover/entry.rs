//! One check to be written, and how it is written.

use std::collections::HashSet;
use std::fmt::Write as _;

use health::text::is_deceptive;
use toml::Value;

use super::claims::HostDraft;

/// The longest name a plan takes, less room for what tells two apart.
const NAME_CHARACTERS: usize = 100;

/// One `[[tls]]`, `[[http]]` or `[[certificate]]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The kind, as the plan calls it.
    pub(super) table: &'static str,
    /// The check's name.
    pub(super) name: String,
    /// Everything else, in the order it is written.
    pub(super) keys: Vec<(&'static str, Value)>,
    /// What it was inferred from, and what else a reader should know.
    pub(super) sources: Vec<String>,
    /// Why it is written as a comment alone.
    pub(super) shelved: Option<String>,
    /// What it finds already, by code.
    pub(super) finds: Vec<String>,
}

impl Entry {
    pub(super) fn new(table: &'static str, name: &str) -> Self {
        Self {
            table,
            name: plain_name(name, table),
            keys: Vec::new(),
            sources: Vec::new(),
            shelved: None,
            finds: Vec::new(),
        }
    }

    /// The same with one more key, or another value for it.
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        match self.keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.keys.push((key, value)),
        }
        self
    }

    /// The same without a key.
    pub(super) fn without(mut self, key: &str) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self
    }

    /// The table alone, without comments.
    pub(super) fn toml(&self) -> String {
        let mut text = format!("[[{}]]\nname = {}\n", self.table, quoted(&self.name));
        for (key, value) in &self.keys {
            let _ = writeln!(text, "{key} = {value}");
        }
        text
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A name as a plan takes it, from whatever a file or a process is called.
pub(super) fn plain_name(text: &str, otherwise: &str) -> String {
    let plain: String = one_line(text).chars().take(NAME_CHARACTERS).collect();
    match plain.trim() {
        "" => otherwise.to_owned(),
        plain => plain.to_owned(),
    }
}

/// Words from outside as they may stand in a comment: on one line, and as they seem.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => ' ',
            c if is_deceptive(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// Names are unique in a plan: the second of two alike gets a number.
pub(super) fn name_apart(entries: &mut [Entry], hosts: &[HostDraft]) {
    let claims = hosts.iter().flat_map(HostDraft::check_names);
    let mut taken: HashSet<String> = claims.collect();
    for entry in entries {
        let plain = entry.name.clone();
        let mut number = 2;
        while !taken.insert(entry.name.clone()) {
            entry.name = format!("{plain} ({number})");
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_toml_wants_it() {
        for text in ["plain", "a\"b", r"C:\n", "'''", "\"\"\"", "#", "가\u{7f}\t", ""] {
            let line = format!("name = {}", quoted(text));
            let table: toml::Table = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(table["name"].as_str(), Some(text));
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn names_become_plain_and_stay_apart() {
        assert_eq!(plain_name(" a\u{1b}[31m\nb ", "x"), "a [31m b");
        assert_eq!(plain_name("\n", "x"), "x");
        assert_eq!(plain_name(&"가".repeat(500), "x").chars().count(), NAME_CHARACTERS);
        let mut entries = ["a", "a", "a (2)"].map(|name| Entry::new("http", name));
        name_apart(&mut entries, &[]);
        assert_eq!(entries.map(|entry| entry.name), ["a", "a (2)", "a (2) (2)"]);
    }

    #[test]
    fn a_key_is_there_once() {
        let entry = Entry::new("http", "a").with("url", "http://a/").with("url", "http://b/");
        assert_eq!(entry.toml(), "[[http]]\nname = \"a\"\nurl = \"http://b/\"\n");
        assert_eq!(entry.without("url").toml(), "[[http]]\nname = \"a\"\n");
    }
}
