//! What all of one reading of a plan shares: mistakes noted so far, the world around the plan,
//! and what was made once and can be used again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::notes::{Notes, Wrong};
use super::surroundings::Surroundings;
use crate::tls::Roots;

/// What all of one reading shares.
pub(super) struct Reading<'a> {
    pub(super) notes: Notes<'a>,
    pub(super) surroundings: &'a dyn Surroundings,
    /// The plan's own folder, absolute.
    pub(super) folder: &'a Path,
    /// One per distinct set of files, so that ten thousand checks share them.
    pub(super) roots: RefCell<HashMap<Vec<PathBuf>, Option<Roots>>>,
    /// Compiled once per pattern, for the same reason.
    pub(super) patterns: RefCell<HashMap<String, regex::Regex>>,
    pub(super) byte_patterns: RefCell<HashMap<String, regex::bytes::Regex>>,
    /// Every label that was read so far, with its values.
    pub(super) labels: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

impl Reading<'_> {
    /// Remembers a label, for whoever names one later.
    pub(super) fn note_label(&self, name: &str, value: &str) {
        self.labels.borrow_mut().entry(name.to_owned()).or_default().insert(value.to_owned());
    }

    /// An absolute path: relative ones are relative to the plan's own folder.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, Wrong> {
        if text.trim().is_empty() {
            return Err(Wrong::new("the path is empty"));
        }
        if text.contains('\0') {
            return Err(Wrong::new("the path holds a NUL character"));
        }
        if text == "~" || text.starts_with("~/") {
            return Err(
                Wrong::new(format!("{text:?} is not expanded")).help("write the whole path")
            );
        }
        Ok(self.folder.join(text))
    }
}

/// Which keys were asked for, so that a test can hold them against the declaration.
#[cfg(test)]
pub(super) mod seen {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static SEEN: RefCell<BTreeSet<(&'static str, &'static str)>> = RefCell::default();
    }

    pub(in crate::plan) fn note(header: &'static str, key: &'static str) {
        SEEN.with_borrow_mut(|seen| seen.insert((header, key)));
    }

    /// Every table and key read by this thread so far.
    pub(in crate::plan) fn take() -> BTreeSet<(&'static str, &'static str)> {
        SEEN.take()
    }
}
