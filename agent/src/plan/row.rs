//! Reads one table of the file by its declaration: unknown keys, wrong types and missing values
//! are noted here, once, for every table alike.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::notes::{At, Span, Wrong, listed, shown};
use super::reading::Reading;
use super::schema::{Key, PLAN, Presence, Shape, Table};

/// One table of the file.
#[derive(Clone)]
pub(super) struct Row<'a> {
    table: &'static Table,
    values: &'a DeTable<'a>,
    /// Its header.
    pub(super) span: Span,
    pub(super) reading: &'a Reading<'a>,
}

impl<'a> Row<'a> {
    /// Opens a table and notes every key that it may not have.
    pub(super) fn open(
        reading: &'a Reading<'a>,
        table: &'static Table,
        values: &'a DeTable<'a>,
        span: Span,
    ) -> Self {
        let row = Self { table, values, span, reading };
        for (key, value) in values {
            match table.key(key.get_ref()) {
                None => row.unknown(key.get_ref(), &key.span()),
                Some(Key { presence: Presence::Refused(reason), name, .. }) => {
                    let wrong = Wrong::secret(format!("`{name}` is refused")).help(*reason);
                    reading.notes.note(&value.span(), wrong);
                }
                Some(_) => {}
            }
        }
        row
    }

    pub(super) fn note(&self, span: &Span, wrong: Wrong) {
        self.reading.notes.note(span, wrong);
    }

    /// Notes what is wrong with the value of a key.
    pub(super) fn note_key(&self, key: &str, span: &Span, wrong: Wrong) {
        self.note(span, wrong.of_key(key));
    }

    /// Something of the whole table is missing.
    pub(super) fn note_missing(&self, message: String, help: &str) {
        self.note(&self.span, Wrong::missing(message).help(help));
    }

    /// How messages call this table.
    pub(super) fn header(&self) -> &'static str {
        self.table.header
    }

    /// Whether the key is written at all, rightly or not.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// No key is written, rightly or not.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Where the key's value stands, or the header when it is not written.
    pub(super) fn span_of(&self, key: &'static str) -> Span {
        self.value(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// The value itself; notes nothing unless the key was not written at all.
    pub(super) fn need<T>(&self, key: &'static str, value: Option<T>) -> Option<T> {
        if !self.has(key) && !self.is_misspelt(key) {
            let what = self.declared(key).map_or_else(String::new, |key| key.shape.describe());
            self.note_missing(format!("{} needs `{key}`", self.header()), &what);
        }
        value
    }

    /// An unknown key of this table, noted already, is this one's nearest name.
    fn is_misspelt(&self, key: &str) -> bool {
        let names = self.values.keys().map(|written| &**written.get_ref());
        names
            .filter(|name| self.table.key(name).is_none())
            .any(|name| self.reading.notes.nearest(name, self.table.accepted()) == Some(key))
    }

    pub(super) fn text(&self, key: &'static str) -> Option<At<&'a str>> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.mismatch(key, value);
        }
        text.map(|text| At { value: text, span: value.span() })
    }

    /// A string that `parse` understands.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&'a str) -> Result<T, Wrong>,
    ) -> Option<At<T>> {
        self.understood(key, &self.text(key)?, parse)
    }

    /// What `parse` makes of a string that stands under `key`.
    pub(super) fn understood<T>(
        &self,
        key: &str,
        text: &At<&'a str>,
        parse: impl FnOnce(&'a str) -> Result<T, Wrong>,
    ) -> Option<At<T>> {
        match parse(text.value) {
            Ok(value) => Some(At { value, span: text.span.clone() }),
            Err(wrong) => {
                self.note_key(key, &text.span, wrong);
                None
            }
        }
    }

    /// One of the strings the declaration accepts.
    pub(super) fn choice(&self, key: &'static str) -> Option<&'static str> {
        let text = self.text(key)?;
        let Some(Key { shape: Shape::OneOf(accepted), .. }) = self.declared(key) else {
            debug_assert!(false, "{key} of {} is not declared as a choice", self.header());
            return None;
        };
        self.chosen(key, &text, accepted)
    }

    /// One or several of the strings the declaration accepts.
    pub(super) fn choices(&self, key: &'static str) -> Vec<&'static str> {
        let texts = self.texts(key).unwrap_or_default();
        let Some(Key { shape: Shape::OneOrMany(Shape::OneOf(accepted)), .. }) = self.declared(key)
        else {
            debug_assert!(false, "{key} of {} is not declared as choices", self.header());
            return Vec::new();
        };
        texts.iter().filter_map(|text| self.chosen(key, text, accepted)).collect()
    }

    fn chosen(
        &self,
        key: &str,
        text: &At<&str>,
        accepted: &'static [&'static str],
    ) -> Option<&'static str> {
        let found = accepted.iter().copied().find(|name| *name == text.value);
        if found.is_none() {
            let mut help = format!("accepted: {}", listed(accepted.iter().copied()));
            if let Some(near) = self.reading.notes.nearest(text.value, accepted.iter().copied()) {
                help = format!("did you mean \"{near}\"?\n{help}");
            }
            let wrong = Wrong::new(format!("{:?} is not accepted", text.value)).help(help);
            self.note_key(key, &text.span, wrong);
        }
        found
    }

    /// A number, whole or not; never NaN or infinite.
    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        };
        if number.is_none() {
            self.mismatch(key, value);
        }
        number
    }

    pub(super) fn switch(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let switch = value.get_ref().as_bool();
        if switch.is_none() {
            self.mismatch(key, value);
        }
        switch
    }

    /// A whole number within the bounds the declaration sets.
    pub(super) fn whole(&self, key: &'static str) -> Option<At<u64>> {
        let value = self.value(key)?;
        let DeValue::Integer(_) = value.get_ref() else {
            self.mismatch(key, value);
            return None;
        };
        let number = integer(value.get_ref());
        let within = |shape: &Shape| match shape {
            Shape::Whole { least, most } => {
                number.filter(|number| (least..=most).contains(&number))
            }
            _ => None,
        };
        let found = match self.declared(key).map(|key| &key.shape) {
            Some(Shape::Either(shapes)) => shapes.iter().find_map(within),
            Some(shape) => within(shape),
            None => None,
        };
        if found.is_none() {
            self.mismatch(key, value);
        }
        found.map(|number| At { value: number, span: value.span() })
    }

    /// One string or a list of them, as the declaration has it.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<At<&'a str>>> {
        let items = self.items(key)?;
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref().as_str() {
                Some(text) => texts.push(At { value: text, span: item.span() }),
                None => self.mismatch(key, item),
            }
        }
        Some(texts)
    }

    /// One value or a list of them; an empty list is a mistake.
    pub(super) fn items(&self, key: &'static str) -> Option<Vec<&'a Spanned<DeValue<'a>>>> {
        let value = self.value(key)?;
        let only_lists = matches!(self.declared(key), Some(Key { shape: Shape::Many(_), .. }));
        match value.get_ref() {
            DeValue::Array(list) if list.is_empty() => {
                self.note_key(key, &value.span(), Wrong::new("the list is empty"));
                None
            }
            DeValue::Array(list) => Some(list.iter().collect()),
            _ if only_lists => {
                self.mismatch(key, value);
                None
            }
            _ => Some(vec![value]),
        }
    }

    /// The entries of a table with free keys, in the order of the file; `None` when it is no table.
    pub(super) fn entries(
        &self,
        key: &'static str,
    ) -> Option<Vec<(At<&'a str>, &'a Spanned<DeValue<'a>>)>> {
        let value = self.value(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.mismatch(key, value);
            return None;
        };
        let entry = |(key, value): (&'a Spanned<std::borrow::Cow<'a, str>>, _)| {
            (At { value: key.get_ref().as_ref(), span: key.span() }, value)
        };
        let mut entries: Vec<_> = table.iter().map(entry).collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        Some(entries)
    }

    /// A table that may be there once.
    pub(super) fn row(&self, key: &'static str) -> Option<Row<'a>> {
        let value = self.value(key)?;
        let Some(Key { shape: Shape::Row(table), .. }) = self.declared(key) else {
            debug_assert!(false, "{key} of {} is not declared as a table", self.header());
            return None;
        };
        self.open_row(table, key, value)
    }

    /// A table that stands under `key`, or as one of its values.
    pub(super) fn open_row(
        &self,
        table: &'static Table,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Option<Row<'a>> {
        match value.get_ref() {
            DeValue::Table(values) => Some(Row::open(self.reading, table, values, value.span())),
            DeValue::Array(list) if list.iter().any(|item| item.get_ref().is_table()) => {
                let wrong = Wrong::new(format!("`{key}` may be there once"))
                    .help(format!("write {}", table.header));
                self.note(&list.first().map_or(value.span(), Spanned::span), wrong);
                None
            }
            _ => {
                self.mismatch(key, value);
                None
            }
        }
    }

    /// A table that may be there any number of times.
    pub(super) fn rows(&self, key: &'static str) -> Vec<Row<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(Key { shape: Shape::Rows(table), .. }) = self.declared(key) else {
            debug_assert!(false, "{key} of {} is not declared as tables", self.header());
            return Vec::new();
        };
        let open = |item: &'a Spanned<DeValue<'a>>| match item.get_ref() {
            DeValue::Table(values) => Some(Row::open(self.reading, table, values, item.span())),
            _ => {
                self.mismatch(key, item);
                None
            }
        };
        match value.get_ref() {
            DeValue::Array(list) => list.iter().filter_map(open).collect(),
            DeValue::Table(values) => {
                let wrong = Wrong::new(format!("`{key}` is one of several here"))
                    .help(format!("write {} with double brackets", table.header));
                self.note(&value.span(), wrong);
                // Read all the same, for the mistakes and the names in it.
                vec![Row::open(self.reading, table, values, value.span())]
            }
            _ => {
                self.mismatch(key, value);
                Vec::new()
            }
        }
    }

    /// Notes that a value is not what its key takes.
    pub(super) fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>) {
        let expected = self.declared(key).map_or_else(String::new, |key| key.shape.describe());
        let mut wrong =
            Wrong::new(format!("`{key}` has to be {expected}, not {}", found(value.get_ref())));
        if let (DeValue::Integer(number), true) = (value.get_ref(), expected.contains("duration")) {
            wrong = wrong.help(format!("for seconds write \"{number}s\""));
        } else if let (DeValue::String(text), true) = (value.get_ref(), expected.contains("whole"))
            && text.bytes().all(|b| b.is_ascii_digit())
            && !text.is_empty()
        {
            wrong = wrong.help("without quotes");
        }
        self.note(&value.span(), wrong);
    }

    fn declared(&self, key: &str) -> Option<&'static Key> {
        self.table.key(key)
    }

    /// The only way to a value: what is read has to be declared.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        debug_assert!(self.declared(key).is_some(), "{key} of {} is read", self.header());
        #[cfg(test)]
        super::reading::seen::note(self.table.header, key);
        self.values.get(key)
    }

    fn unknown(&self, key: &str, span: &Span) {
        let accepted: Vec<&str> = self.table.accepted().collect();
        let mut help = Vec::new();
        if let Some(near) = self.reading.notes.nearest(key, accepted.iter().copied()) {
            help.push(format!("did you mean `{near}`?"));
        } else {
            let mut elsewhere = Vec::new();
            PLAN.walk(&mut |table| {
                let is_refused = |key: &Key| matches!(key.presence, Presence::Refused(_));
                if table.key(key).is_some_and(|key| !is_refused(key))
                    && !elsewhere.contains(&table.header)
                {
                    elsewhere.push(table.header);
                }
            });
            if !elsewhere.is_empty() {
                help.push(format!("it is a key of {}", listed(elsewhere)));
            }
        }
        help.push(format!("accepted: {}", listed(accepted)));
        let message = format!("unknown key {} in {}", shown(key), self.header());
        let lower = key.to_ascii_lowercase();
        let wrong = match ["secret", "password", "token"].iter().any(|word| lower.contains(word)) {
            true => Wrong::secret(message),
            false => Wrong::new(message),
        };
        self.note(span, wrong.help(help.join("\n")));
    }
}

/// The number, when it is one that fits; its digits may be in another base.
pub(super) fn integer(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What stands there, for people.
fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() > 60 => "a long string".to_owned(),
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(switch) => switch.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(list) if list.iter().any(|item| item.get_ref().is_table()) => {
            "a list of tables".to_owned()
        }
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
