//! Mistakes in a plan: where, what, and what would be accepted; all of them at once.
//!
//! Deliberately absent: what counts as a mistake. Whoever reads a value decides that and notes it.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// Widest part of a source line that is shown, in characters.
const EXCERPT_CHARACTERS: usize = 120;

/// Everything that is wrong with one plan, in the order of the file; never empty.
///
/// `{}` renders plain text, `{:#}` the same with colours for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    pub(super) list: Vec<Mistake>,
    pub(super) left_out: usize,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The file, as it was named.
    pub path: String,
    /// Line, from 1; `None` when it is about the file as a whole.
    pub line: Option<usize>,
    /// Column in characters, from 1; `None` when it is about the file as a whole.
    pub column: Option<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to write instead, and the accepted names.
    pub help: Option<String>,
    #[serde(skip)]
    pub(super) excerpt: Option<Excerpt>,
    #[serde(skip)]
    pub(super) elsewhere: Option<Elsewhere>,
}

/// A second place that a mistake is about, such as the first use of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) words: &'static str,
    pub(super) place: Place,
    pub(super) excerpt: Excerpt,
}

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// One source line, bounded and without control characters, and the part that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    line: usize,
    before: String,
    meant: String,
    after: String,
    masked: bool,
}

impl Mistakes {
    /// Every mistake, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }

    /// How many there are; beyond a bound they are counted but not listed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.left_out
    }

    /// A mistake about a file as a whole.
    pub(super) fn of_file(path: &str, message: String, help: &str) -> Self {
        let mistake = Mistake {
            path: path.to_owned(),
            line: None,
            column: None,
            message,
            help: Some(help.to_owned()),
            excerpt: None,
            elsewhere: None,
        };
        Self { list: vec![mistake], left_out: 0 }
    }
}

impl Excerpt {
    /// The part of `text` at `place` that is `characters` long; it never leaves its line.
    pub(super) fn of(text: &str, line_start: usize, place: Place, characters: usize) -> Self {
        let line = text[line_start..].split('\n').next().unwrap_or_default();
        let first = match line.chars().nth(EXCERPT_CHARACTERS) {
            Some(_) => place.column.saturating_sub(1 + EXCERPT_CHARACTERS / 2),
            None => 0,
        };
        let skipped = if first == 0 { "" } else { "…" };
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        let mut rest = line.trim_end_matches('\r').chars().skip(first).map(visible);
        let before: String = rest.by_ref().take(place.column - 1 - first).collect();
        let room = EXCERPT_CHARACTERS.saturating_sub(place.column - 1 - first);
        let meant: String = rest.by_ref().take(characters.min(room)).collect();
        let room = room.saturating_sub(meant.chars().count());
        let mut after: String = rest.by_ref().take(room).collect();
        if rest.next().is_some() {
            after.push('…');
        }
        Self { line: place.line, before: format!("{skipped}{before}"), meant, after, masked: false }
    }

    /// The line's number alone: what stands there may be a secret.
    pub(super) fn masked(line: usize) -> Self {
        let before = "(not shown: this line may hold a secret)".to_owned();
        Self { line, before, meant: String::new(), after: String::new(), masked: true }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, caret) = (paint(f, AnsiColor::Blue), paint(f, AnsiColor::Red));
        let line = self.line;
        let gap = " ".repeat(self.before.width());
        let marks = "^".repeat(self.meant.width().max(1));
        writeln!(
            f,
            "{number}{line:>5} |{number:#} {}{}{}",
            self.before,
            self.meant,
            self.after.trim_end()
        )?;
        if self.masked {
            return Ok(());
        }
        writeln!(f, "{number}      |{number:#} {gap}{caret}{marks}{caret:#}")
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            mistake.fmt(f)?;
        }
        if self.left_out > 0 {
            write!(f, "\n… and {} more\n", self.left_out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    /// `file:line:column: message`, the line with a caret, and what is accepted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, quiet) = (strong(f), paint(f, AnsiColor::Blue));
        write!(f, "{place}{}", self.path)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        writeln!(f, ":{place:#} {}", self.message)?;
        if let Some(excerpt) = &self.excerpt {
            excerpt.write(f)?;
        }
        for line in self.help.iter().flat_map(|help| help.lines()) {
            writeln!(f, "{quiet}      ={quiet:#} {line}")?;
        }
        if let Some(Elsewhere { words, place, excerpt }) = &self.elsewhere {
            writeln!(f, "{}:{}:{}: {words}", self.path, place.line, place.column)?;
            excerpt.write(f)?;
        }
        Ok(())
    }
}

fn paint(f: &fmt::Formatter<'_>, colour: AnsiColor) -> Style {
    if f.alternate() { Style::new().fg_color(Some(colour.into())) } else { Style::new() }
}

fn strong(f: &fmt::Formatter<'_>) -> Style {
    if f.alternate() { Style::new().bold() } else { Style::new() }
}
