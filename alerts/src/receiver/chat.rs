//! Chat services: what each wants to read, and what its answers mean.

use jiff::Timestamp;

use super::Outcome;
use super::posting::{Answer, Posting};
use crate::prose::Prose;

mod slack;

pub use slack::Slack;

/// A chat service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chat {
    /// Slack, by an incoming webhook.
    Slack(Slack),
}

impl Chat {
    /// The name used in the plan, pages and the API.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Slack(_) => "slack",
        }
    }

    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        match self {
            Self::Slack(slack) => slack.compose(prose),
        }
    }
}

/// What an answer means.
pub(super) fn judge(answer: &Answer, now: Timestamp) -> Outcome {
    answer.by_status(now)
}
