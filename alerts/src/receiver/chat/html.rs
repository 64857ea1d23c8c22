//! HTML as chat services take it: a few tags, everything else escaped.

use crate::prose::{Piece, Style};

/// Text in which nothing is a tag.
pub(in crate::receiver) fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(character),
        }
    }
    out
}

/// A piece with the tag `strong` for strong words.
pub(super) fn piece(piece: &Piece, strong: &str) -> String {
    let words = escaped(&piece.words);
    match &piece.style {
        Style::Plain => words,
        Style::Strong => format!("<{strong}>{words}</{strong}>"),
        Style::Code => format!("<code>{words}</code>"),
        Style::Link(url) => format!("<a href=\"{}\">{words}</a>", escaped(url)),
    }
}
