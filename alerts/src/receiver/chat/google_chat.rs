//! Google Chat, by a webhook of a space: a card, in whose text nobody can be called.

use serde_json::{Value, json};

use super::{html, marked, signed};
use crate::Hidden;
use crate::prose::{Line, Piece, Prose, Role, Style};
use crate::receiver::posting::Posting;

/// The most that is sent: Google Chat takes 32,000 bytes.
const MOST_BYTES: usize = 30_000;

/// A webhook of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleChat {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
}

impl GoogleChat {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let body =
            prose.fitted(|lines| card(prose, lines).to_string(), |body| body.len() <= MOST_BYTES);
        Posting::json_to(&self.url, body)
    }
}

fn card(prose: &Prose, lines: &[Line]) -> Value {
    let told: Vec<Line> = lines
        .iter()
        .filter(|line| !matches!(line.role, Role::Footer | Role::Link))
        .cloned()
        .collect();
    let mut widgets = Vec::new();
    if !told.is_empty() {
        widgets.push(json!({ "textParagraph": { "text": marked(&told, set) } }));
    }
    if !prose.link.is_empty() {
        let open = json!({
            "text": prose.link_words, "onClick": { "openLink": { "url": prose.link } },
        });
        widgets.push(json!({ "buttonList": { "buttons": [open] } }));
    }
    // A section without a widget is refused.
    if widgets.is_empty() {
        widgets.push(json!({ "textParagraph": { "text": html::escaped(&prose.title) } }));
    }
    json!({
        "fallbackText": signed(prose),
        "cardsV2": [{
            "cardId": prose.id,
            "card": {
                "header": { "title": signed(prose), "subtitle": prose.footer },
                "sections": [{ "widgets": widgets }],
            },
        }],
    })
}

/// The card's text knows no tag for code.
fn set(piece: &Piece) -> String {
    match piece.style {
        Style::Code => html::escaped(&piece.words),
        _ => html::piece(piece, "b"),
    }
}
