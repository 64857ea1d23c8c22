//! What every template does to the text it prints: HTML is escaped, and characters that would
//! reorder or hide what a person reads are made visible. Deliberately absent: a way around it;
//! markup made by this crate itself is wrapped in [`askama::filters::Safe`] where it is built.

use std::fmt::{self, Write};

use askama::filters::Escaper;
use health::text::is_deceptive;

/// The escaper of every template, named in askama.toml.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outside;

impl Escaper for Outside {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let mut written = 0;
        for (at, character) in string.char_indices() {
            let entity = match character {
                '<' => "&#60;",
                '>' => "&#62;",
                '&' => "&#38;",
                '"' => "&#34;",
                '\'' => "&#39;",
                _ if deceives(character) => "",
                _ => continue,
            };
            dest.write_str(&string[written..at])?;
            written = at + character.len_utf8();
            if entity.is_empty() {
                write!(dest, "[U+{:04X}]", u32::from(character))?;
            } else {
                dest.write_str(entity)?;
            }
        }
        dest.write_str(&string[written..])
    }
}

/// The text with every deceiving character made visible, HTML left alone.
pub(crate) fn neutral(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if deceives(character) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "[U+{:04X}]", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Lines and columns are shown as such.
fn deceives(character: char) -> bool {
    !matches!(character, '\n' | '\t') && is_deceptive(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_deceiving_characters_lose_their_power() {
        let cases = [
            ("plain 한국어 · – text", "plain 한국어 · – text"),
            ("<b a='1' c=\"2\">&", "&#60;b a=&#39;1&#39; c=&#34;2&#34;&#62;&#38;"),
            ("gnp.\u{202e}exe", "gnp.[U+202E]exe"),
            ("a\0b\u{1b}[31m", "a[U+0000]b[U+001B][31m"),
            ("two\nlines\tand", "two\nlines\tand"),
            ("soft\u{200b}ly\u{feff}", "soft[U+200B]ly[U+FEFF]"),
        ];
        for (outside, shown) in cases {
            let mut written = String::new();
            Outside.write_escaped_str(&mut written, outside).unwrap();
            assert_eq!(written, shown);
        }
        assert_eq!(neutral("<a>\u{202e}"), "<a>[U+202E]");
    }
}
