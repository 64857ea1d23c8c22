//! Mattermost, by an incoming webhook.

use serde_json::json;

use super::{markdown, marked, signed};
use crate::Hidden;
use crate::prose::{Piece, Prose, Style};
use crate::receiver::posting::Posting;

/// The longest text: older servers take 8,000 characters of attachments.
const MOST_CHARS: usize = 7000;

/// An incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mattermost {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
    /// Another channel than the webhook's own.
    pub channel: Option<String>,
}

impl Mattermost {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let title = set(&Piece { style: Style::Strong, words: signed(prose) });
        let text = prose.fitted(
            |lines| format!("{title}\n{}", marked(lines, set)),
            |text| text.chars().count() <= MOST_CHARS,
        );
        let attachment = json!({
            "fallback": uncalled(&prose.title),
            "color": format!("#{:06x}", prose.tone.colour()),
            "text": text,
        });
        let mut body = json!({ "attachments": [attachment] });
        if let Some(channel) = &self.channel {
            body["channel"] = json!(channel);
        }
        Posting::json_to(&self.url, body.to_string())
    }
}

/// Slack's `<!here>` is read even in code, before anything else: a character without a width keeps it
/// from being one.
fn set(piece: &Piece) -> String {
    let unread = piece.words.replace("<!", "<\u{200b}!").replace("<@", "<\u{200b}@");
    markdown::piece(&Piece { style: piece.style.clone(), words: unread }, uncalled)
}

/// A word with `@` calls whoever is called so, except as code.
fn uncalled(words: &str) -> String {
    let word = |word: &str| match word.contains('@') {
        true => markdown::code(word),
        false => markdown::escaped(word),
    };
    words.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
