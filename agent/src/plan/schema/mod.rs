//! Which keys a plan may have: the one declaration that drives the reader, the JSON Schema and
//! the reference page.
//!
//! Deliberately absent: how a value is understood. That stands where the value is read.

mod json;
mod tables;

pub use json::schema;
#[cfg(test)]
pub(super) use tables::PACE;
pub(super) use tables::{
    BOUNDS, CAPTURE, COMPARISON, COOKIE, HEADER, HEADER_VALUE, OUTSIDE_WORD, PLAN, PROXY, STEP,
    WAY, WITHIN,
};

/// A table of the plan and its keys.
#[derive(Debug)]
pub(super) struct Table {
    /// As it is written: `[agent]`, `[[http]]`, `expect`.
    pub(super) header: &'static str,
    /// One sentence.
    pub(super) doc: &'static str,
    /// Its keys, its own first.
    pub(super) keys: &'static [&'static [Key]],
}

/// One key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) presence: Presence,
    /// One sentence.
    pub(super) doc: &'static str,
}

/// Whether a key has to be there, and what it means when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has to be written.
    Required,
    /// It may be left out; the sentence says what that means.
    Optional,
    /// It may be left out and then is this, in TOML.
    Default(&'static str),
    /// Known, but refused for a reason, which says what to write instead.
    Refused(&'static str),
}

/// What a value has to look like.
#[derive(Debug)]
pub(super) enum Shape {
    /// A string that says something of a kind.
    Words(&'static Words),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// true or false.
    Switch,
    /// A whole number within bounds.
    Whole { least: u64, most: u64 },
    /// A number, whole or not.
    Number,
    /// Any value.
    Anything,
    /// A list.
    Many(&'static Shape),
    /// One, or a list of them.
    OneOrMany(&'static Shape),
    /// One of several shapes.
    Either(&'static [Shape]),
    /// A table whose keys are free.
    Map(&'static Shape),
    /// A table, once.
    Row(&'static Table),
    /// A table, as often as needed.
    Rows(&'static Table),
}

/// A string that says something of a kind.
#[derive(Debug)]
pub(super) struct Words {
    /// With its article: `a duration such as "30s"`.
    pub(super) what: &'static str,
    /// What it has to match, where a pattern says it.
    pub(super) pattern: Option<&'static str>,
}

impl Table {
    /// Every key, its own first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().flat_map(|group| group.iter())
    }

    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// The names a plan may use here.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.keys().filter(|key| key.presence.is_accepted()).map(|key| key.name)
    }

    /// Calls back for this table and every one below it.
    pub(super) fn walk(&'static self, visit: &mut impl FnMut(&'static Table)) {
        visit(self);
        for key in self.keys() {
            key.shape.walk(visit);
        }
    }
}

impl Presence {
    /// A plan may use it.
    pub(super) fn is_accepted(self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

impl Shape {
    fn walk(&'static self, visit: &mut impl FnMut(&'static Table)) {
        match self {
            Self::Row(table) | Self::Rows(table) => table.walk(visit),
            Self::Many(shape) | Self::OneOrMany(shape) | Self::Map(shape) => shape.walk(visit),
            Self::Either(shapes) => shapes.iter().for_each(|shape| shape.walk(visit)),
            Self::Words(_)
            | Self::OneOf(_)
            | Self::Switch
            | Self::Whole { .. }
            | Self::Number
            | Self::Anything => {}
        }
    }

    /// What a value has to be, with an article: `a whole number from 1 to 1000`.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Words(words) => words.what.to_owned(),
            Self::OneOf(names) => {
                let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
                quoted.join(" or ")
            }
            Self::Switch => "true or false".to_owned(),
            Self::Whole { least, most } => format!("a whole number from {least} to {most}"),
            Self::Number => "a number".to_owned(),
            Self::Anything => "any value".to_owned(),
            Self::Many(shape) => format!("a list, each {}", shape.describe()),
            Self::OneOrMany(shape) => format!("{}, or a list of them", shape.describe()),
            Self::Either(shapes) => {
                let each: Vec<String> = shapes.iter().map(Self::describe).collect();
                each.join(" or ")
            }
            Self::Map(shape) => format!("a table, each value {}", shape.describe()),
            Self::Row(table) => {
                let keys: Vec<&str> = table.accepted().collect();
                format!("a table {{ {} }}", keys.join(", "))
            }
            Self::Rows(table) => format!("tables, each headed {}", table.header),
        }
    }
}
