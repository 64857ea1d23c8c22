//! Services that wake a telephone: a short text with a title, an urgency and a link.

use health::Event;
use serde_json::{Value, json};

use super::login::Login;
use super::posting::Posting;
use super::template::percent_encoded;
use crate::Hidden;
use crate::prose::{Prose, Tone, cut, plain_lines};
use crate::telling::Telling;

/// A service that wakes a telephone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// ntfy.
    Ntfy(Ntfy),
    /// Gotify.
    Gotify(Gotify),
    /// Pushover.
    Pushover(Pushover),
}

/// ntfy: publishing as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ntfy {
    /// The server.
    pub url: String,
    /// The topic; who knows it may read, where nobody has to log in.
    pub topic: Hidden,
    /// What proves who asks.
    pub login: Option<Login>,
}

/// Gotify: `POST /message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gotify {
    /// The server.
    pub url: String,
    /// The token of an application.
    pub token: Hidden,
}

/// Pushover: the message API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushover {
    /// `https://api.pushover.net/1/messages.json`, or where a test listens.
    pub url: String,
    /// The token of an application.
    pub token: Hidden,
    /// The key of a user or a group.
    pub user: Hidden,
}

/// How much a message wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    Urgent,
    Usual,
    Low,
}

impl Urgency {
    fn of(telling: &Telling, prose: &Prose) -> Self {
        let is_new = matches!(telling.event, Event::Opened | Event::Updated);
        let is_seen = telling.incidents.iter().all(|told| told.acknowledged.is_some());
        match (&prose.tone, telling.event) {
            (_, Event::Resolved) => Self::Low,
            (Tone::Critical, _) if is_new && !is_seen => Self::Urgent,
            _ => Self::Usual,
        }
    }
}

impl Push {
    /// The name used in the plan, pages and the API.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Ntfy(_) => "ntfy",
            Self::Gotify(_) => "gotify",
            Self::Pushover(_) => "pushover",
        }
    }

    /// The request of one attempt.
    pub(super) fn compose(&self, telling: &Telling, prose: &Prose) -> Posting {
        let urgency = Urgency::of(telling, prose);
        match self {
            Self::Ntfy(ntfy) => ntfy.compose(telling, prose, urgency),
            Self::Gotify(gotify) => gotify.compose(prose, urgency),
            Self::Pushover(pushover) => pushover.compose(prose, urgency),
        }
    }
}

impl Ntfy {
    /// The longest message in bytes; what is longer arrives as a file.
    const MOST_BYTES: usize = 4096;

    fn compose(&self, telling: &Telling, prose: &Prose, urgency: Urgency) -> Posting {
        let tag = match (telling.event, &prose.tone) {
            (Event::Resolved, _) => "white_check_mark",
            (_, Tone::Critical) => "rotating_light",
            (_, Tone::Warning) => "warning",
            _ => "information_source",
        };
        let priority = match urgency {
            Urgency::Urgent => 5,
            Urgency::Usual => 3,
            Urgency::Low => 2,
        };
        let mut message = json!({
            "topic": self.topic.expose(),
            "title": cut(&prose.title, 250),
            "message": text_in_bytes(prose, Self::MOST_BYTES),
            "priority": priority,
            "tags": [tag],
        });
        add_link(&mut message, "click", prose);
        let url = format!("{}/", self.url.trim_end_matches('/'));
        let posting = Posting::json(&url, message.to_string());
        let posting = posting.hiding(&self.topic);
        match &self.login {
            Some(login) => login.on(posting),
            None => posting,
        }
    }
}

impl Gotify {
    fn compose(&self, prose: &Prose, urgency: Urgency) -> Posting {
        let priority = match urgency {
            Urgency::Urgent => 8,
            Urgency::Usual => 5,
            Urgency::Low => 2,
        };
        let mut extras = json!({ "client::display": { "contentType": "text/plain" } });
        if !prose.link.is_empty() {
            extras["client::notification"] = json!({ "click": { "url": prose.link } });
        }
        let message = json!({
            "title": cut(&prose.title, 250),
            "message": text(prose, 8000),
            "priority": priority,
            "extras": extras,
        });
        let url = format!("{}/message", self.url.trim_end_matches('/'));
        Posting::json(&url, message.to_string())
            .with("x-gotify-key", self.token.expose())
            .hiding(&self.token)
    }
}

impl Pushover {
    fn compose(&self, prose: &Prose, urgency: Urgency) -> Posting {
        let priority = match urgency {
            Urgency::Urgent => "1",
            Urgency::Usual => "0",
            Urgency::Low => "-1",
        };
        let mut fields = vec![
            ("token", self.token.expose().to_owned()),
            ("user", self.user.expose().to_owned()),
            ("title", cut(&prose.title, 250)),
            ("message", text(prose, 1024)),
            ("priority", priority.to_owned()),
        ];
        // A link that was cut leads nowhere.
        if !prose.link.is_empty() && prose.link.len() <= 512 {
            fields.push(("url", prose.link.clone()));
            fields.push(("url_title", cut(&prose.link_words, 100)));
        }
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect();
        Posting::new(http::Method::POST, &self.url, pairs.join("&"))
            .with("content-type", "application/x-www-form-urlencoded")
            .hiding(&self.token)
            .hiding(&self.user)
    }
}

fn add_link(message: &mut Value, key: &str, prose: &Prose) {
    if !prose.link.is_empty() {
        message[key] = prose.link.clone().into();
    }
}

/// The same in as many bytes: of Korean, a third as many characters.
fn text_in_bytes(prose: &Prose, most_bytes: usize) -> String {
    let whole = text(prose, most_bytes);
    if whole.len() <= most_bytes {
        return whole;
    }
    let bare = Prose { link: String::new(), ..prose.clone() };
    let fitted = bare.fitted(plain_lines, |text| text.len() <= most_bytes);
    let end = fitted.floor_char_boundary(most_bytes.min(fitted.len()));
    fitted[..end].to_owned()
}

/// What stands below the title, in as many characters as fit. The link has a place of its own.
fn text(prose: &Prose, most_chars: usize) -> String {
    let bare = Prose { link: String::new(), ..prose.clone() };
    bare.plain_body(most_chars)
}

#[cfg(test)]
mod tests;
