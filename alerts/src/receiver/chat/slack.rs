//! Slack, by an incoming webhook.

use serde_json::json;

use crate::Hidden;
use crate::prose::Prose;
use crate::receiver::posting::Posting;

/// An incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slack {
    /// Where it is posted; who knows it may write.
    pub url: Hidden,
}

impl Slack {
    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        Posting::json(self.url.expose(), json!({ "text": prose.plain() }).to_string())
    }
}
