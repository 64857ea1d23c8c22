//! Slack, by an incoming webhook: rich text, in which nothing is markup.

use serde_json::{Value, json};

use super::signed;
use crate::Hidden;
use crate::prose::{Line, Piece, Prose, Role, Style, cut};
use crate::receiver::posting::Posting;

/// The longest header.
const HEADER_CHARS: usize = 150;
/// The longest text of one block.
const BLOCK_CHARS: usize = 3000;

/// An incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slack {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
}

impl Slack {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let title = signed(prose);
        // A title that is cut in the header is told in full below it.
        let whole = Line { role: Role::Lead, pieces: vec![Piece::plain(&*prose.title)] };
        let whole: Vec<Line> =
            if title.chars().count() > HEADER_CHARS { vec![whole] } else { Vec::new() };
        let (lines, chars) = prose.fitted(
            |lines| {
                let lines = [&whole, lines].concat();
                let chars: usize = lines.iter().map(|line| line.plain().chars().count() + 1).sum();
                (lines, chars)
            },
            |(_, chars)| *chars <= BLOCK_CHARS,
        );
        let (footer, lines): (Vec<Line>, Vec<Line>) =
            lines.into_iter().partition(|line| line.role == Role::Footer);
        let mut blocks = vec![json!({
            "type": "header",
            "text": { "type": "plain_text", "text": cut(&title, HEADER_CHARS), "emoji": false },
        })];
        if chars <= BLOCK_CHARS && !lines.is_empty() {
            let section = json!({ "type": "rich_text_section", "elements": elements(&lines) });
            blocks.push(json!({ "type": "rich_text", "elements": [section] }));
        }
        let footer: Vec<Value> = footer
            .iter()
            .map(|line| json!({ "type": "plain_text", "text": line.plain(), "emoji": false }))
            .collect();
        blocks.push(json!({ "type": "context", "elements": footer }));
        // What telephones show of it: Slack reads it as markup, so `&`, `<` and `>` are escaped.
        let text = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let body = json!({
            "text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false,
        });
        Posting::json_to(&self.url, body.to_string())
    }
}

/// Everything in one section, each line ended.
fn elements(lines: &[Line]) -> Vec<Value> {
    let mut elements = Vec::new();
    for (nth, line) in lines.iter().enumerate() {
        if nth > 0 {
            elements.push(json!({ "type": "text", "text": "\n" }));
        }
        if !line.mark().is_empty() {
            elements.push(json!({ "type": "text", "text": line.mark() }));
        }
        for piece in line.pieces.iter().filter(|piece| !piece.words.is_empty()) {
            let words = &piece.words;
            elements.push(match &piece.style {
                Style::Plain => json!({ "type": "text", "text": words }),
                Style::Strong => {
                    json!({ "type": "text", "text": words, "style": { "bold": true } })
                }
                Style::Code => json!({ "type": "text", "text": words, "style": { "code": true } }),
                Style::Link(url) => json!({ "type": "link", "url": url, "text": words }),
            });
        }
    }
    elements
}
