//! What was missed while the agent was not running.

use super::words::Words;
use super::{Item, moment};
use crate::telling::Telling;

/// Since when and until when nothing was looked at.
pub(super) fn lead(telling: &Telling, words: Words) -> Option<String> {
    let told = telling.incidents.first()?;
    let (from, until) = told.opened_at.zip(told.resolved_at)?;
    Some(words.missed_between(&moment(from, telling), &moment(until, telling)))
}

/// What was found changed.
pub(super) fn items(_telling: &Telling, _words: Words) -> Vec<Item> {
    Vec::new()
}
