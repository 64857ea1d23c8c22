//! Chat services. Their webhook URLs are secrets themselves: who knows one may write.

use alerts::{
    Channel, Chat, Discord, GoogleChat, Hidden, KakaoWork, Matrix, Mattermost, NaverWorks, Slack,
    Teams, Telegram,
};

use super::{hidden, outside};
use crate::plan::notes::Wrong;
use crate::plan::row::Row;
use crate::plan::{frame, http};

/// `slack = { url_env = "…" }`.
pub(super) fn slack(row: &Row<'_>) -> Option<Channel> {
    Some(Channel::Chat(Chat::Slack(Slack { url: hidden_url(row)? })))
}

/// `discord = { url_env = "…" }`.
pub(super) fn discord(row: &Row<'_>) -> Option<Channel> {
    Some(Channel::Chat(Chat::Discord(Discord { url: hidden_url(row)? })))
}

/// `teams = { url_env = "…" }`.
pub(super) fn teams(row: &Row<'_>) -> Option<Channel> {
    Some(Channel::Chat(Chat::Teams(Teams { url: hidden_url(row)? })))
}

/// `telegram = { token_env = "…", chat = "-100…" }`.
pub(super) fn telegram(row: &Row<'_>) -> Option<Channel> {
    let token = hidden(row, "token_env", "token_file");
    let chat = row.need("chat", row.parsed("chat", telegram_chat));
    let topic = row.whole("topic").map(|topic| topic.value);
    let api = row.parsed("url", base).map_or_else(|| Telegram::API.to_owned(), |api| api.value);
    Some(Channel::Chat(Chat::Telegram(Telegram { api, token: token?, chat: chat?.value, topic })))
}

/// `mattermost = { url_env = "…" }`.
pub(super) fn mattermost(row: &Row<'_>) -> Option<Channel> {
    let channel = row.text("channel").map(|channel| channel.value.to_owned());
    Some(Channel::Chat(Chat::Mattermost(Mattermost { url: hidden_url(row)?, channel })))
}

/// `google_chat = { url_env = "…" }`.
pub(super) fn google_chat(row: &Row<'_>) -> Option<Channel> {
    Some(Channel::Chat(Chat::GoogleChat(GoogleChat { url: hidden_url(row)? })))
}

/// `matrix = { url = "…", room = "!…", token_env = "…" }`.
pub(super) fn matrix(row: &Row<'_>) -> Option<Channel> {
    let homeserver = row.need("url", row.parsed("url", base));
    let room = row.need("room", row.parsed("room", matrix_room));
    let token = hidden(row, "token_env", "token_file");
    let (homeserver, room) = (homeserver?.value, room?.value);
    Some(Channel::Chat(Chat::Matrix(Matrix { homeserver, room, token: token? })))
}

/// `naver_works = { url_env = "…" }`.
pub(super) fn naver_works(row: &Row<'_>) -> Option<Channel> {
    Some(Channel::Chat(Chat::NaverWorks(NaverWorks { url: hidden_url(row)? })))
}

/// `kakaowork = { url_env = "…" }`.
pub(super) fn kakaowork(row: &Row<'_>) -> Option<Channel> {
    Some(Channel::Chat(Chat::KakaoWork(KakaoWork { url: hidden_url(row)? })))
}

/// A URL that is itself a secret. What is wrong with it is told without it.
fn hidden_url(row: &Row<'_>) -> Option<Hidden> {
    frame::exclusive(row, &["url_env", "url_file"]);
    if !row.has("url_file") {
        row.need("url_env", Some(()));
    }
    let (held, span) = outside(row, "url_env", "url_file")?;
    match http::url(held.trim()) {
        Ok(url) => Some(Hidden::new(url.to_string())),
        Err(_) => {
            let wrong = Wrong::new("what it holds is no URL of http or https")
                .help("it has to be the whole URL, as the service shows it, and nothing else");
            row.note(&span, wrong);
            None
        }
    }
}

/// Where an API begins: without a final slash.
fn base(text: &str) -> Result<String, Wrong> {
    let url = http::url(text)?;
    if url.query().is_some() {
        return Err(Wrong::new("an API begins at a URL without `?`"));
    }
    Ok(url.to_string().trim_end_matches('/').to_owned())
}

fn telegram_chat(text: &str) -> Result<String, Wrong> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || text.strip_prefix('@').is_some_and(|name| !name.is_empty()) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("{text:?} is no chat of Telegram")).help(
        "its number, such as \"-1001234567890\" (write to the bot and read `getUpdates`), or a public channel's \"@name\"",
    ))
}

fn matrix_room(text: &str) -> Result<String, Wrong> {
    if text.starts_with('!') && text.len() > 1 && !text.contains(char::is_whitespace) {
        return Ok(text.to_owned());
    }
    let help = "the id, such as \"!abc:example.org\": Element shows it in the room's settings under Advanced; an alias (#…) will not do";
    Err(Wrong::new(format!("{text:?} is no room's id")).help(help))
}
