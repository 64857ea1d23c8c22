//! Markdown as chat services read it, with everything escaped that would be read as any.

use crate::prose::{Piece, Style};

/// Text in which nothing is markup.
pub(super) fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for character in words.chars() {
        if "\\*_~`|[]()<>#".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Exact words of one width. A backslash is no escape in there, so the fence is longer than any run of
/// backticks within.
pub(super) fn code(words: &str) -> String {
    let longest = words.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    match longest {
        0 => format!("{fence}{words}{fence}"),
        _ => format!("{fence} {words} {fence}"),
    }
}

/// A piece; plain words by `plain`.
pub(super) fn piece(piece: &Piece, plain: impl Fn(&str) -> String) -> String {
    match &piece.style {
        _ if piece.words.is_empty() => String::new(),
        Style::Plain => plain(&piece.words),
        Style::Strong => {
            // Markers hold only where they touch the words.
            let words = piece.words.trim_end();
            format!("**{}**{}", plain(words), &piece.words[words.len()..])
        }
        Style::Code => code(&piece.words),
        Style::Link(url) => format!("[{}]({})", plain(&piece.words), target(url)),
    }
}

/// An address between brackets: what would end it is encoded.
fn target(url: &str) -> String {
    url.replace(' ', "%20")
        .replace('(', "%28")
        .replace(')', "%29")
        .replace('<', "%3C")
        .replace('>', "%3E")
}
