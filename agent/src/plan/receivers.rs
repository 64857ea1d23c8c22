//! `[[receiver]]`: who is told, and how; and secrets, which are never in the file.

use std::collections::HashMap;
use std::sync::Arc;

use alerts::{Bundling, Channel, Hidden, Receiver, Secret, Webhook};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use health::Language;
use jiff::tz::TimeZone;

use super::notes::{Span, Wrong, listed, shown};
use super::row::Row;
use super::{cron, frame, http, values};

mod alertmanager;
mod chat;
mod login;
mod mail;
mod pager;
mod program;
mod push;
mod template;

/// Whom a message is for, where the receiver does not say.
pub(super) struct Reader {
    pub(super) language: Language,
    pub(super) timezone: TimeZone,
}

/// How to read the one key that says how a receiver is told.
type ReadChannel = fn(&Row<'_>) -> Option<Channel>;

/// Every way to tell somebody, by its key.
static CHANNELS: &[(&str, ReadChannel)] = &[
    ("webhook", webhook),
    ("template", template::template),
    ("alertmanager", alertmanager::alertmanager),
    ("mail", mail::mail),
    ("program", program::program),
    ("ntfy", push::ntfy),
    ("gotify", push::gotify),
    ("pushover", push::pushover),
    ("pagerduty", pager::pagerduty),
    ("opsgenie", pager::opsgenie),
    ("slack", chat::slack),
    ("discord", chat::discord),
    ("teams", chat::teams),
    ("telegram", chat::telegram),
    ("mattermost", chat::mattermost),
    ("google_chat", chat::google_chat),
    ("matrix", chat::matrix),
    ("naver_works", chat::naver_works),
    ("kakaowork", chat::kakaowork),
];

/// Reads every `[[receiver]]`, and hands back their names, those of broken ones included.
pub(super) fn receivers(
    plan: &Row<'_>,
    by_default: &Reader,
) -> (Vec<Arc<Receiver>>, HashMap<String, Span>) {
    let mut taken: HashMap<String, Span> = HashMap::new();
    let mut receivers = Vec::new();
    for row in plan.rows("receiver") {
        let name = row.need("name", row.parsed("name", values::name));
        if let Some(name) = &name {
            if let Some(first) = taken.get(&name.value) {
                let wrong = Wrong::new(format!("there is another receiver {}", shown(&name.value)))
                    .help("receiver names are unique");
                row.reading.notes.note_both(&name.span, wrong, "it is first used here", first);
            } else {
                taken.insert(name.value.clone(), name.span.clone());
            }
        }
        let language = row.choice("language").map_or(by_default.language, frame::language);
        let timezone = row
            .parsed("timezone", |name| cron::timezone(name, &row.reading.notes))
            .and_then(|name| TimeZone::get(&name.value).ok())
            .unwrap_or_else(|| by_default.timezone.clone());
        let bundling = row.choice("group").map(|word| match word {
            "never" => Bundling::Never,
            "burst" => Bundling::Burst,
            _ => Bundling::Window,
        });
        if let (Some(name), Some(channel)) = (name, channel(&row)) {
            let bundling = bundling.unwrap_or(channel.bundling());
            let name = name.value;
            receivers.push(Arc::new(Receiver { name, channel, language, timezone, bundling }));
        }
    }
    (receivers, taken)
}

/// Reads the one key that says how.
fn channel(row: &Row<'_>) -> Option<Channel> {
    let keys: Vec<&str> = CHANNELS.iter().map(|(key, _)| *key).collect();
    frame::exclusive(row, &keys);
    let found = CHANNELS.iter().find(|(key, _)| row.has(key));
    let Some((key, read)) = found else {
        let wrong = Wrong::new("it does not say how this receiver is told");
        row.note(&row.span, wrong.help(format!("one of: {}", listed(keys))));
        return None;
    };
    read(&row.row(key)?)
}

fn webhook(row: &Row<'_>) -> Option<Channel> {
    let url = row.need("url", row.parsed("url", http::url));
    frame::exclusive(row, &["secret_env", "secret_file"]);
    let secret = outside(row, "secret_env", "secret_file")
        .map(|(text, span)| signing_key(&text).map_err(|wrong| row.note(&span, wrong)).ok());
    let secret = match secret {
        Some(found) => Some(found?),
        None => None,
    };
    Some(Channel::Webhook(Webhook { url: url?.value.to_string(), secret }))
}

/// What an environment variable or a file holds, named by one of two keys. An empty one is a
/// mistake: it would sign with nothing, or log in as nobody.
pub(super) fn outside(
    row: &Row<'_>,
    env: &'static str,
    file: &'static str,
) -> Option<(String, Span)> {
    let from_variable = row.text(env).and_then(|name| {
        let held = row.understood(env, &name, |name| {
            let held = match name.is_empty() || name.contains(['=', '\0', '$', ' ']) {
                true => None,
                false => row.reading.surroundings.variable(name),
            };
            held.ok_or_else(|| no_variable(name))
        });
        held.map(|held| (env, held))
    });
    let from_file = row.text(file).and_then(|name| {
        let path = frame::path(row, file, &name)?;
        let held = row.understood(file, &name, |_| {
            row.reading.surroundings.text_file(&path).map_err(|words| {
                Wrong::new(format!("{} cannot be read: {words}", shown(&path.to_string_lossy())))
            })
        });
        held.map(|held| (file, held))
    });
    let (key, held) = from_variable.or(from_file)?;
    let text = held.value.trim_end_matches(['\r', '\n']).to_owned();
    if text.trim().is_empty() {
        row.note_key(key, &held.span, Wrong::new("it is there, but empty"));
        return None;
    }
    Some((text, held.span))
}

/// Nothing bears this name. What does not look like one may be the secret itself, put in its place.
fn no_variable(name: &str) -> Wrong {
    let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(is_usual)
    {
        return Wrong::secret("no environment variable has the name that stands here")
            .help("the name alone, such as \"OPS_WEBHOOK_SECRET\"; the secret is what it holds");
    }
    Wrong::new(format!("the environment variable {} is not set", shown(name)))
        .help("set it where portwarden is started")
}

/// Words that have to be there, and never in the file: one of two keys names where they are.
fn hidden(row: &Row<'_>, env: &'static str, file: &'static str) -> Option<Hidden> {
    frame::exclusive(row, &[env, file]);
    if !row.has(file) {
        row.need(env, Some(()));
    }
    outside(row, env, file).map(|(words, _)| Hidden::new(words))
}

/// Plain text, or `whsec_` and base64 (Standard Webhooks). The secret is never part of a message.
fn signing_key(text: &str) -> Result<Secret, Wrong> {
    let Some(encoded) = text.strip_prefix("whsec_") else {
        return Ok(Secret(text.as_bytes().to_vec()));
    };
    match STANDARD.decode(encoded.trim()) {
        Ok(bytes) if !bytes.is_empty() => Ok(Secret(bytes)),
        _ => Err(Wrong::new("after whsec_ the secret has to be base64, and it is not")
            .help("make one: echo whsec_$(openssl rand -base64 32)")),
    }
}
