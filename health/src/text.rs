//! Sentences for people, in every language the product speaks.

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

/// Builds a [`Text`] from an English and a Korean format string, both checked at compile time:
/// `text!("{subject} refused the connection", "{subject}에서 연결을 거부했습니다")`.
#[macro_export]
macro_rules! text {
    ($en:literal, $ko:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        $(let $name = &$value;)*
        $crate::Text { en: ::std::format!($en), ko: ::std::format!($ko) }
    }};
}
