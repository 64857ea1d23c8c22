//! Where mistakes are noted while a plan is being read, and what they look like in the end.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::Range;

use super::mistakes::{Elsewhere, Excerpt, Mistake, Mistakes, Place};

/// Mistakes listed at most; a file that is no plan at all must not fill a screen for minutes.
const LISTED_AT_MOST: usize = 500;

/// Nearest names looked for at most: each costs a walk over all names.
const GUESSES_AT_MOST: usize = 100;

/// Bytes of the text.
pub(super) type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// What is wrong with a value, before anybody knows where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    message: String,
    help: Option<String>,
    nature: Nature,
}

/// What a note rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    /// The text is not TOML there.
    Syntax,
    /// Something that is written is wrong.
    Presence,
    /// Something that is not written is needed; worthless where the text is not all TOML.
    Absence,
    /// What is written may be a secret and must not be shown.
    Secret,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, nature: Nature::Presence }
    }

    /// Something is missing: not reported for a file that is not TOML throughout.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self { nature: Nature::Absence, ..Self::new(message) }
    }

    /// What stands there may be a secret: its source line is shown without it.
    pub(super) fn secret(message: impl Into<String>) -> Self {
        Self { nature: Nature::Secret, ..Self::new(message) }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// All of it in one line, for what was not written in a file.
    pub(super) fn sentence(self) -> String {
        match self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message,
        }
    }

    /// The same, saying first which key it is about.
    pub(super) fn of_key(mut self, key: &str) -> Self {
        self.message = format!("`{key}`: {}", self.message);
        self
    }
}

/// The text and every mistake noted so far.
pub(super) struct Notes<'a> {
    path: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    list: RefCell<Vec<Note>>,
    guesses: Cell<usize>,
}

struct Note {
    span: Span,
    wrong: Wrong,
    elsewhere: Option<(&'static str, Span)>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            path,
            text,
            line_starts: std::iter::once(0).chain(newlines).collect(),
            list: RefCell::default(),
            guesses: Cell::new(0),
        }
    }

    /// What stands there in the file.
    pub(super) fn source(&self, span: &Span) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    pub(super) fn note(&self, span: &Span, wrong: Wrong) {
        self.list.borrow_mut().push(Note { span: span.clone(), wrong, elsewhere: None });
    }

    /// Notes a mistake that is about two places.
    pub(super) fn note_both(
        &self,
        span: &Span,
        wrong: Wrong,
        words: &'static str,
        elsewhere: &Span,
    ) {
        let elsewhere = Some((words, elsewhere.clone()));
        self.list.borrow_mut().push(Note { span: span.clone(), wrong, elsewhere });
    }

    pub(super) fn note_syntax(&self, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let message = match (error.message(), self.text.get(span.clone())) {
            ("duplicate key", Some(key)) => format!("{} is written twice here", shown(key)),
            (message, _) => format!("not TOML: {message}"),
        };
        self.note(&span, Wrong { nature: Nature::Syntax, ..Wrong::new(message) });
    }

    /// The accepted name nearest to `written`, if one is near enough.
    pub(super) fn nearest<'n>(
        &self,
        written: &str,
        accepted: impl IntoIterator<Item = &'n str>,
    ) -> Option<&'n str> {
        self.guesses.set(self.guesses.get() + 1);
        if self.guesses.get() > GUESSES_AT_MOST || written.len() > 100 {
            return None;
        }
        let near = 1 + written.chars().count() / 4;
        let lower = written.to_lowercase();
        accepted
            .into_iter()
            .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
            .filter(|&(distance, _)| distance <= near)
            .min_by_key(|&(distance, _)| distance)
            .map(|(_, name)| name)
    }

    /// Every mistake in the order of the file, or `None` when there is none.
    pub(super) fn into_mistakes(self) -> Option<Mistakes> {
        let mut notes = self.list.take();
        let broken: HashSet<usize> = notes
            .iter()
            .filter(|note| note.wrong.nature == Nature::Syntax)
            .map(|note| self.place(note.span.start).line)
            .collect();
        if !broken.is_empty() {
            // Around broken text only what is certainly wrong is worth saying: below a broken
            // header the keys seem to stand in another table.
            let astray = self.below_broken_headers(&broken);
            notes.retain(|note| match note.wrong.nature {
                Nature::Syntax => true,
                Nature::Absence => false,
                Nature::Presence | Nature::Secret => {
                    let line = self.place(note.span.start).line;
                    !broken.contains(&line) && !astray.contains(&line)
                }
            });
        }
        notes.sort_by_key(|note| note.span.start);
        let left_out = notes.len().saturating_sub(LISTED_AT_MOST);
        notes.truncate(LISTED_AT_MOST);
        let secret: HashSet<usize> = notes
            .iter()
            .filter(|note| note.wrong.nature == Nature::Secret)
            .map(|note| self.place(note.span.start).line)
            .collect();
        let list: Vec<Mistake> =
            notes.into_iter().map(|note| self.mistake(note, &secret)).collect();
        (!list.is_empty()).then_some(Mistakes { list, left_out })
    }

    fn below_broken_headers(&self, broken: &HashSet<usize>) -> HashSet<usize> {
        let mut astray = HashSet::new();
        let mut is_astray = false;
        for (index, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with('[') {
                is_astray = broken.contains(&(index + 1));
            }
            if is_astray {
                astray.insert(index + 1);
            }
        }
        astray
    }

    fn mistake(&self, note: Note, secret: &HashSet<usize>) -> Mistake {
        let place = self.place(note.span.start);
        Mistake {
            path: self.path.to_owned(),
            line: Some(place.line),
            column: Some(place.column),
            message: note.wrong.message,
            help: note.wrong.help,
            excerpt: Some(self.excerpt(&note.span, secret)),
            elsewhere: note.elsewhere.map(|(words, span)| Elsewhere {
                words,
                place: self.place(span.start),
                excerpt: self.excerpt(&span, secret),
            }),
        }
    }

    fn excerpt(&self, span: &Span, secret: &HashSet<usize>) -> Excerpt {
        let place = self.place(span.start);
        if secret.contains(&place.line) {
            return Excerpt::masked(place.line);
        }
        let (start, end) = (self.inside(span.start), self.inside(span.end.max(span.start)));
        let meant = self.text[start..end].split('\n').next().unwrap_or_default();
        Excerpt::of(self.text, self.line_starts[place.line - 1], place, meant.chars().count())
    }

    fn place(&self, byte: usize) -> Place {
        let byte = self.inside(byte);
        let line = self.line_starts.partition_point(|&start| start <= byte).max(1);
        let start = self.line_starts[line - 1];
        Place { line, column: 1 + self.text[start..byte].chars().count() }
    }

    /// The byte itself, or the nearest one before it that begins a character of the text.
    fn inside(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }
}

/// A name from the plan as messages show it: bounded, in backquotes, without control characters.
pub(super) fn shown(name: &str) -> String {
    let short: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    let more = if name.chars().nth(80).is_some() { "…" } else { "" };
    format!("`{}{more}`", short.replace("\\\"", "\"").replace("\\'", "'"))
}

/// `a`, `b`, `c`: names that would be accepted.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    let more = names.len().saturating_sub(40);
    names.truncate(40);
    let list = names.join(", ");
    if more > 0 { format!("{list}, and {more} more") } else { list }
}
