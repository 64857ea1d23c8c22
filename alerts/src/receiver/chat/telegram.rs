//! Telegram, by a bot.

use serde_json::json;

use super::{html, marked, signed};
use crate::Hidden;
use crate::prose::{Piece, Prose, Style};
use crate::receiver::posting::Posting;

/// The longest message, in UTF-16 units. Counted with its tags: a little early rather than too late.
const MOST_UNITS: usize = 4096;

/// A bot, and where it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    /// The server of the Bot API, without a final slash.
    pub api: String,
    /// The bot's token.
    pub token: Hidden,
    /// A number, or the public name of a channel: `@name`.
    pub chat: String,
    /// A topic of a group that has them.
    pub topic: Option<u64>,
}

impl Telegram {
    /// The server of the Bot API that everybody uses.
    pub const API: &str = "https://api.telegram.org";

    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        // Bold words may hold no code.
        let title = match uncalled(&signed(prose)) {
            title if title.contains("<code>") => title,
            title => format!("<b>{title}</b>"),
        };
        let text = prose.fitted(
            |lines| format!("{title}\n{}", marked(lines, set)),
            |text| text.encode_utf16().count() <= MOST_UNITS,
        );
        let mut body = json!({
            "chat_id": self.chat,
            "text": text,
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
        });
        if let Some(topic) = self.topic {
            body["message_thread_id"] = json!(topic);
        }
        let url = format!("{}/bot{}/sendMessage", self.api, self.token.expose());
        Posting::json(&url, body.to_string()).hiding(&self.token)
    }
}

fn set(piece: &Piece) -> String {
    match piece.style {
        Style::Plain => uncalled(&piece.words),
        _ => html::piece(piece, "b"),
    }
}

/// A word with `@` calls whoever is called so, except as code.
fn uncalled(words: &str) -> String {
    let word = |word: &str| match word.contains('@') {
        true => format!("<code>{}</code>", html::escaped(word)),
        false => html::escaped(word),
    };
    words.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
