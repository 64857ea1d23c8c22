//! KakaoWork, by an incoming webhook: blocks of styled text, in which nothing is markup.

use serde_json::{Value, json};

use super::signed;
use crate::Hidden;
use crate::prose::{Line, Prose, Role, Style, Tone, cut};
use crate::receiver::posting::Posting;

/// The longest header and button, and the longest text of one block.
const HEADER_CHARS: usize = 20;
const BUTTON_CHARS: usize = 20;
const BLOCK_CHARS: usize = 500;
/// Blocks of text in one message.
const MOST_BLOCKS: usize = 6;

/// An incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KakaoWork {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
}

impl KakaoWork {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let mut texts = prose.fitted(texts, |texts| texts.len() <= MOST_BLOCKS);
        texts.truncate(MOST_BLOCKS);
        let style = match prose.tone {
            Tone::Critical => "red",
            Tone::Warning => "yellow",
            Tone::Good | Tone::Neutral => "blue",
        };
        // The sign and the word before the names: "🔴 장애".
        let title = signed(prose);
        let begin = title.split([':', '(']).next().unwrap_or_default().trim();
        let mut blocks = vec![
            json!({ "type": "header", "text": cut(begin, HEADER_CHARS), "style": style }),
            block(&[(cut(&prose.title, BLOCK_CHARS), Style::Strong)]),
        ];
        blocks.extend(texts);
        if !prose.link.is_empty() {
            blocks.push(json!({
                "type": "button",
                "text": cut(&prose.link_words, BUTTON_CHARS),
                "style": "default",
                "action": { "type": "open_system_browser", "name": "open", "value": prose.link },
            }));
        }
        let body = json!({ "text": title, "blocks": blocks });
        Posting::json_to(&self.url, body.to_string())
    }
}

/// Lines in as few blocks as hold them.
fn texts(lines: &[Line]) -> Vec<Value> {
    let mut blocks = Vec::new();
    let mut pieces: Vec<(String, Style)> = Vec::new();
    let mut chars = 0;
    for line in lines.iter().filter(|line| line.role != Role::Link) {
        let mut of_line = vec![(line.mark().to_owned(), Style::Plain)];
        let mut room = BLOCK_CHARS - line.mark().chars().count();
        for piece in &line.pieces {
            let words = cut(&piece.words, room);
            room = room.saturating_sub(words.chars().count());
            of_line.push((words, piece.style.clone()));
        }
        let long = BLOCK_CHARS - room;
        if chars > 0 && chars + 1 + long > BLOCK_CHARS {
            blocks.push(block(&pieces));
            pieces.clear();
            chars = 0;
        }
        if chars > 0 {
            pieces.push(("\n".to_owned(), Style::Plain));
            chars += 1;
        }
        chars += long;
        pieces.extend(of_line);
    }
    if chars > 0 {
        blocks.push(block(&pieces));
    }
    blocks
}

fn block(pieces: &[(String, Style)]) -> Value {
    let whole: String = pieces.iter().map(|(words, _)| words.as_str()).collect();
    let inlines: Vec<Value> = pieces
        .iter()
        .filter(|(words, _)| !words.is_empty())
        .map(|(words, style)| match style {
            Style::Strong => json!({ "type": "styled", "text": words, "bold": true }),
            Style::Link(url) => json!({ "type": "link", "text": words, "url": url }),
            Style::Plain | Style::Code => json!({ "type": "styled", "text": words }),
        })
        .collect();
    json!({ "type": "text", "text": whole, "inlines": inlines })
}
