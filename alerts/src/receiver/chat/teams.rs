//! Microsoft Teams, by the webhook of a workflow: an Adaptive Card of rich text, in which nothing is
//! markup.

use serde_json::{Value, json};

use super::signed;
use crate::Hidden;
use crate::prose::{Line, Prose, Role, Style, Tone};
use crate::receiver::posting::Posting;

/// The most that is sent: Teams takes 28 KB.
const MOST_BYTES: usize = 26 * 1024;

/// The webhook of a workflow ("Post to a channel when a webhook request is received").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teams {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
}

impl Teams {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let body =
            prose.fitted(|lines| card(prose, lines).to_string(), |body| body.len() <= MOST_BYTES);
        Posting::json_to(&self.url, body)
    }
}

fn card(prose: &Prose, lines: &[Line]) -> Value {
    let colour = match prose.tone {
        Tone::Critical => "attention",
        Tone::Warning => "warning",
        Tone::Good => "good",
        Tone::Neutral => "default",
    };
    let title = json!({
        "type": "TextRun", "text": signed(prose), "size": "medium", "weight": "bolder", "color": colour,
    });
    let mut body = vec![json!({ "type": "RichTextBlock", "inlines": [title] })];
    for line in lines.iter().filter(|line| line.role != Role::Link) {
        let spacing = if line.role == Role::Footer { "medium" } else { "small" };
        body.push(json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": inlines(line) }));
    }
    let mut content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "fallbackText": prose.title,
        "body": body,
    });
    if !prose.link.is_empty() {
        let open =
            json!({ "type": "Action.OpenUrl", "title": prose.link_words, "url": prose.link });
        content["actions"] = json!([open]);
    }
    json!({
        "type": "message",
        "summary": prose.title,
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": content,
        }],
    })
}

fn inlines(line: &Line) -> Vec<Value> {
    let mut runs = Vec::new();
    if !line.mark().is_empty() {
        runs.push(json!({ "type": "TextRun", "text": line.mark() }));
    }
    let quiet = line.role == Role::Footer;
    for piece in line.pieces.iter().filter(|piece| !piece.words.is_empty()) {
        let mut run = json!({ "type": "TextRun", "text": piece.words });
        match &piece.style {
            Style::Plain => {}
            Style::Strong => run["weight"] = json!("bolder"),
            Style::Code => run["fontType"] = json!("monospace"),
            Style::Link(url) => {
                run["selectAction"] = json!({ "type": "Action.OpenUrl", "url": url });
            }
        }
        if quiet {
            run["isSubtle"] = json!(true);
            run["size"] = json!("small");
        }
        runs.push(run);
    }
    runs
}
