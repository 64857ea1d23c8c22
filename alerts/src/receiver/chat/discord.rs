//! Discord, by a webhook of a channel: one embed, and nobody may be called.

use serde_json::json;

use super::{markdown, marked, signed};
use crate::Hidden;
use crate::prose::{Line, Prose, Role, cut};
use crate::receiver::posting::Posting;

/// The longest title, description and footer of an embed; all of a message together are 6,000.
const TITLE_UNITS: usize = 256;
const DESCRIPTION_UNITS: usize = 4096;
const FOOTER_CHARS: usize = 1000;

/// A webhook of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discord {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
}

impl Discord {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let set = |lines: &[Line]| {
            let body: Vec<Line> =
                lines.iter().filter(|line| line.role != Role::Footer).cloned().collect();
            marked(&body, |piece| markdown::piece(piece, markdown::escaped))
        };
        let description = prose.fitted(set, |text| units(text) <= DESCRIPTION_UNITS);
        let mut embed = json!({
            "title": title(prose),
            "description": description,
            "color": prose.tone.colour(),
            "footer": { "text": cut(&prose.footer, FOOTER_CHARS) },
        });
        if !prose.link.is_empty() {
            embed["url"] = json!(prose.link);
        }
        let body = json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } });
        Posting::json_to(&self.url, body.to_string())
    }
}

/// Escaping lengthens it, so the words are cut until it fits.
fn title(prose: &Prose) -> String {
    let words = signed(prose);
    let mut most = words.chars().count();
    loop {
        let title = markdown::escaped(&cut(&words, most));
        let over = units(&title).saturating_sub(TITLE_UNITS);
        if over == 0 || most == 0 {
            return title;
        }
        most = most.saturating_sub(over.div_ceil(2));
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}
