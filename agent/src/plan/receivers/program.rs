//! `program = { command = [ … ] }`

use std::time::Duration;

use alerts::{Channel, Program};

use crate::plan::notes::Wrong;
use crate::plan::row::Row;
use crate::plan::values;

const TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

pub(super) fn program(row: &Row<'_>) -> Option<Channel> {
    let timeout =
        row.parsed("timeout", |text| values::duration_within(text, TIMEOUT, "from 100ms to 1m"));
    let command = row.need("command", row.texts("command"))?;
    for word in &command {
        if word.value.contains('\0') {
            row.note_key("command", &word.span, Wrong::new("it holds a NUL character"));
            return None;
        }
    }
    let first = command.first()?;
    if first.value.trim().is_empty() {
        row.note_key("command", &first.span, Wrong::new("the program has no name"));
        return None;
    }
    let mut words: Vec<String> = command.iter().map(|word| word.value.to_owned()).collect();
    // With a slash it is a path, relative to the plan's folder; without, it is looked for in PATH.
    if first.value.contains('/') {
        let path = row.understood("command", first, |text| row.reading.path(text))?;
        words[0] = path.value.to_str()?.to_owned();
    }
    Some(Channel::Program(Program {
        command: words,
        folder: row.reading.folder.to_owned(),
        timeout: timeout.map_or(Duration::from_secs(10), |at| at.value),
    }))
}
