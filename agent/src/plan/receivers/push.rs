//! ntfy, Gotify and Pushover.

use alerts::{Channel, Gotify, Hidden, Ntfy, Push, Pushover};

use super::{frame, hidden, login, outside};
use crate::plan::http;
use crate::plan::notes::Wrong;
use crate::plan::row::Row;

/// `ntfy = { topic = "…" }`
pub(super) fn ntfy(row: &Row<'_>) -> Option<Channel> {
    let url = url(row, "https://ntfy.sh");
    frame::exclusive(row, &["topic", "topic_env", "topic_file"]);
    let topic = match row.parsed("topic", topic) {
        Some(topic) => Some(Hidden::new(topic.value)),
        None if row.has("topic") => None,
        None if row.has("topic_env") || row.has("topic_file") => {
            outside(row, "topic_env", "topic_file").and_then(|(words, span)| {
                let checked = topic_of(&words).map_err(|wrong| row.note(&span, wrong));
                checked.ok().map(Hidden::new)
            })
        }
        None => {
            let needed = "topic, topic_env or topic_file";
            row.note_missing("ntfy needs a topic".to_owned(), needed);
            None
        }
    };
    let login = login::login(row).ok()?;
    Some(Channel::Push(Push::Ntfy(Ntfy { url: url?, topic: topic?, login })))
}

/// `gotify = { url = "…", token_env = "…" }`
pub(super) fn gotify(row: &Row<'_>) -> Option<Channel> {
    let url = row.need("url", row.parsed("url", http::url)).map(|at| at.value.to_string());
    let token = hidden(row, "token_env", "token_file");
    Some(Channel::Push(Push::Gotify(Gotify { url: url?, token: token? })))
}

/// `pushover = { token_env = "…", user_env = "…" }`
pub(super) fn pushover(row: &Row<'_>) -> Option<Channel> {
    let url = url(row, "https://api.pushover.net/1/messages.json");
    let token = hidden(row, "token_env", "token_file");
    let user = hidden(row, "user_env", "user_file");
    Some(Channel::Push(Push::Pushover(Pushover { url: url?, token: token?, user: user? })))
}

/// The URL of a service, or its usual one; `None` when what is written is none.
pub(super) fn url(row: &Row<'_>, usual: &str) -> Option<String> {
    match row.parsed("url", http::url) {
        Some(url) => Some(url.value.to_string()),
        None if row.has("url") => None,
        None => Some(usual.to_owned()),
    }
}

fn topic(text: &str) -> Result<String, Wrong> {
    topic_of(text)
}

fn topic_of(text: &str) -> Result<String, Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        return Err(Wrong::secret("it is not a topic of ntfy")
            .help("at most 64 letters, digits, hyphens and underscores"));
    }
    Ok(text.to_owned())
}
