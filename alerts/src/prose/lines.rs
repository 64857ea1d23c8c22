//! A message laid out in lines, in more or less detail, until it fits where it goes.

use health::Event;

use super::words::Words;
use super::{Fact, Item, Prose, Tone};

/// One line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What it is in the message.
    pub(crate) role: Role,
    /// Its words, in order.
    pub(crate) pieces: Vec<Piece>,
}

/// What a line is in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A sentence before everything else.
    Lead,
    /// Begins an incident.
    Heading,
    /// What is wrong.
    Summary,
    /// What to do.
    Remedy,
    /// Something with a name.
    Fact,
    /// Something with a name that can be checked by hand.
    Evidence,
    /// What follows from it.
    Consequence,
    /// How many more there are.
    More,
    /// Where to read on.
    Link,
    /// Who says so, and when.
    Footer,
}

/// Some words of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// How they are set.
    pub(crate) style: Style,
    /// The words, as they are to be read.
    pub(crate) words: String,
}

/// How words are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As any.
    Plain,
    /// Stronger.
    Strong,
    /// To be typed or compared: exact, of one width.
    Code,
    /// Leads there.
    Link(String),
}

/// How much is said of each incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Everything.
    Full,
    /// What is wrong, what to do, since when.
    Brief,
    /// One line.
    Listed,
}

impl Prose {
    /// How much is said where there is room: all of one, less of several.
    pub(crate) fn detail(&self) -> Detail {
        match self.items.len() + self.more {
            // Of a time in which nothing was seen, no more is known than a line each.
            _ if self.event == Event::Missed => Detail::Listed,
            0..=1 => Detail::Full,
            2..=3 => Detail::Brief,
            _ => Detail::Listed,
        }
    }

    /// Everything below the title: of `shown` incidents, with the number of those left out.
    pub(crate) fn lines(&self, detail: Detail, shown: usize) -> Vec<Line> {
        let words = Words(self.language);
        let mut lines: Vec<Line> = Vec::new();
        lines.extend(self.lead.iter().map(|lead| Line::of(Role::Lead, in_pieces(lead))));
        for item in self.items.iter().take(shown) {
            match detail {
                Detail::Listed => lines.push(listed(item)),
                _ => self.itemized(item, detail, &mut lines),
            }
        }
        let more = self.more + self.items.len().saturating_sub(shown);
        if more > 0 {
            lines.push(Line::of(Role::More, vec![Piece::plain(words.more(more))]));
        }
        if !self.link.is_empty() {
            let style = Style::Link(self.link.clone());
            let piece = Piece { style, words: self.link_words.clone() };
            lines.push(Line::of(Role::Link, vec![piece]));
        }
        lines.push(Line::of(Role::Footer, vec![Piece::plain(self.footer.clone())]));
        lines
    }

    /// In a service's markup, and as much of it as fits: less of each incident first, then fewer of
    /// them with how many were left out. `fits` says whether what was rendered may be sent; where even
    /// the least is too long, that is what comes out.
    pub(crate) fn fitted<T>(&self, render: impl Fn(&[Line]) -> T, fits: impl Fn(&T) -> bool) -> T {
        let all = self.items.len();
        let details = [Detail::Full, Detail::Brief, Detail::Listed];
        let begin = details.iter().position(|one| *one == self.detail()).unwrap_or_default();
        for detail in &details[begin..] {
            let rendered = render(&self.lines(*detail, all));
            if fits(&rendered) {
                return rendered;
            }
        }
        for shown in (0..all).rev() {
            let rendered = render(&self.lines(Detail::Listed, shown));
            if fits(&rendered) {
                return rendered;
            }
        }
        render(&self.lines(Detail::Listed, 0))
    }

    /// One incident in several lines.
    fn itemized(&self, item: &Item, detail: Detail, lines: &mut Vec<Line>) {
        let (words, several) = (Words(self.language), self.items.len() > 1);
        if several {
            lines.push(listed(item));
        }
        for (nth, point) in item.points.iter().enumerate() {
            // What the title or the heading has said in full is not said again.
            let said = nth == 0 && (several || self.title.ends_with(&*point.summary));
            if item.tone == Tone::Good {
                let was = Fact { label: words.was().to_owned(), words: point.summary.clone() };
                lines.push(named(Role::Summary, &was));
            } else if !said {
                lines.push(Line::of(Role::Summary, in_pieces(&point.summary)));
            }
            if detail == Detail::Full {
                lines.extend(point.evidence.iter().map(|fact| named(Role::Evidence, fact)));
            }
            if let Some(remedy) = &point.remedy {
                lines.push(Line::of(Role::Remedy, in_pieces(remedy)));
            }
        }
        if item.more_points > 0 {
            lines.push(Line::of(Role::More, vec![Piece::plain(words.more(item.more_points))]));
        }
        let facts = if detail == Detail::Full { item.facts.len() } else { 1 };
        lines.extend(item.facts.iter().take(facts).map(|fact| named(Role::Fact, fact)));
        if !item.consequences.is_empty() {
            let all = item.consequences.len() + item.more_consequences;
            let shown = if detail == Detail::Full { item.consequences.len() } else { 0 };
            let heading = Fact { label: words.consequences().to_owned(), words: all.to_string() };
            lines.push(named(Role::Fact, &heading));
            let listed = item.consequences.iter().take(shown);
            lines.extend(listed.map(|one| Line::of(Role::Consequence, in_pieces(one))));
            if shown > 0 && item.more_consequences > 0 {
                let more = Piece::plain(words.more(item.more_consequences));
                lines.push(Line::of(Role::More, vec![more]));
            }
        }
    }

    /// Without any markup, title and all.
    pub(crate) fn plain(&self) -> String {
        format!("{}\n{}", self.title, self.plain_body(usize::MAX))
    }

    /// Below the title without any markup, in at most so many characters.
    pub(crate) fn plain_body(&self, most_chars: usize) -> String {
        let body = self.fitted(plain_lines, |text| text.chars().count() <= most_chars);
        cut(&body, most_chars)
    }
}

impl Line {
    fn of(role: Role, pieces: Vec<Piece>) -> Self {
        Self { role, pieces }
    }

    /// Its words without any markup; a link with where it leads.
    pub(crate) fn plain(&self) -> String {
        let words: String = self
            .pieces
            .iter()
            .map(|piece| match &piece.style {
                Style::Plain | Style::Strong => piece.words.clone(),
                Style::Code => format!("`{}`", piece.words),
                Style::Link(url) if self.role == Role::Link => format!("{}: {url}", piece.words),
                Style::Link(_) => piece.words.clone(),
            })
            .collect();
        format!("{}{words}", self.mark())
    }

    /// What tells its role apart where there is nothing but text.
    pub(crate) const fn mark(&self) -> &'static str {
        match self.role {
            Role::Remedy => "→ ",
            Role::Consequence => "· ",
            _ => "",
        }
    }
}

impl Piece {
    pub(crate) fn plain(words: impl Into<String>) -> Self {
        Self { style: Style::Plain, words: words.into() }
    }

    fn strong(words: impl Into<String>) -> Self {
        Self { style: Style::Strong, words: words.into() }
    }
}

/// Lines without any markup.
pub(crate) fn plain_lines(lines: &[Line]) -> String {
    lines.iter().map(Line::plain).collect::<Vec<_>>().join("\n")
}

/// The words, or their beginning and `…`, in at most so many characters.
pub(crate) fn cut(words: &str, most_chars: usize) -> String {
    if words.chars().count() <= most_chars {
        return words.to_owned();
    }
    let Some(kept) = most_chars.checked_sub(1) else { return String::new() };
    words.chars().take(kept).chain(['…']).collect()
}

/// One line for one incident.
fn listed(item: &Item) -> Line {
    let style = Style::Link(item.link.clone());
    let link = if item.link.is_empty() { Style::Plain } else { style };
    Line::of(Role::Heading, vec![Piece { style: link, words: item.gist.clone() }])
}

fn named(role: Role, fact: &Fact) -> Line {
    let label = Piece::strong(format!("{}: ", fact.label));
    let mut pieces = vec![label];
    match role {
        Role::Evidence => pieces.push(Piece { style: Style::Code, words: fact.words.clone() }),
        _ => pieces.extend(in_pieces(&fact.words)),
    }
    Line::of(role, pieces)
}

/// Words between backticks are to be typed.
fn in_pieces(words: &str) -> Vec<Piece> {
    let all: Vec<&str> = words.split('`').collect();
    // An odd one has no end, and so is no mark.
    let closed = if all.len() % 2 == 1 { all.len() } else { all.len() - 1 };
    let mut pieces = Vec::new();
    for (nth, part) in all[..closed].iter().enumerate().filter(|(_, part)| !part.is_empty()) {
        let style = if nth % 2 == 1 { Style::Code } else { Style::Plain };
        pieces.push(Piece { style, words: (*part).to_owned() });
    }
    if let Some(rest) = all.get(closed) {
        pieces.push(Piece::plain(format!("`{rest}")));
    }
    pieces
}
