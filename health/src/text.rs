//! Sentences for people, in every language the product speaks, and what must not slip into them
//! from outside.

use serde::{Deserialize, Serialize};

/// A language of pages and notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// One sentence in English and Korean. Build it with [`crate::text!`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

impl Text {
    /// The sentence in the language asked for.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Ko => &self.ko,
        }
    }

    /// The same words in both languages: names, commands, raw answers.
    #[must_use]
    pub fn same(words: impl Into<String>) -> Self {
        let en = words.into();
        Self { ko: en.clone(), en }
    }
}

/// Whether a character does to a line of text what the reader does not see: control characters, those
/// that turn the writing direction, and those without a width. Joiners are not among them: Persian and
/// emoji need them.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    match character {
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => character.is_control(),
    }
}

/// Builds a [`Text`] from an English and a Korean format string, both checked at compile time:
/// `text!("{subject} refused the connection", "{subject}에서 연결을 거부했습니다")`.
#[macro_export]
macro_rules! text {
    ($en:literal, $ko:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        $(let $name = &$value;)*
        $crate::Text { en: ::std::format!($en), ko: ::std::format!($ko) }
    }};
}
