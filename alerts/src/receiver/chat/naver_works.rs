//! Naver Works (LINE WORKS), by an incoming webhook: a title, plain text and a button.

use serde_json::json;

use super::signed;
use crate::Hidden;
use crate::prose::{Line, Prose, Role, cut, plain_lines};
use crate::receiver::posting::Posting;

/// The longest title, text and label of a button.
const TITLE_CHARS: usize = 100;
const TEXT_CHARS: usize = 1000;
const LABEL_CHARS: usize = 20;

/// An incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NaverWorks {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
}

impl NaverWorks {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let title = signed(prose);
        // A title that was cut is told in full by the text.
        let whole =
            if title.chars().count() > TITLE_CHARS { format!("{title}\n") } else { String::new() };
        let set = |lines: &[Line]| {
            let told: Vec<Line> =
                lines.iter().filter(|line| line.role != Role::Link).cloned().collect();
            uncalled(&format!("{whole}{}", plain_lines(&told)))
        };
        let text = prose.fitted(set, |text| text.chars().count() <= TEXT_CHARS);
        let mut body = json!({
            "title": cut(&uncalled(&title), TITLE_CHARS),
            "body": { "text": cut(&text, TEXT_CHARS) },
        });
        if !prose.link.is_empty() {
            let label = cut(&prose.link_words, LABEL_CHARS);
            body["button"] = json!({ "label": label, "url": prose.link });
        }
        Posting::json_to(&self.url, body.to_string())
    }
}

/// `<m userId="…">` calls somebody, and nothing escapes it: a character without a width keeps it from
/// being one.
fn uncalled(words: &str) -> String {
    words.replace("<m", "<\u{200b}m")
}
