//! Chat services.

use alerts::{Channel, Chat, Slack};

use super::hidden;
use crate::plan::row::Row;

/// `slack = { url_env = "…" }`.
pub(super) fn slack(row: &Row<'_>) -> Option<Channel> {
    let url = hidden(row, "url_env", "url_file")?;
    Some(Channel::Chat(Chat::Slack(Slack { url })))
}
