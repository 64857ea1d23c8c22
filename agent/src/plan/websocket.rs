//! `[[websocket]]`

use ::http::header::ORIGIN;
use ::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use alerts::Secret;
use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::{At, Wrong, shown};
use super::row::Row;
use super::{http, request};
use crate::probe::websocket::{Step, Words};
use crate::probe::{self, http as probed, websocket};

/// Longest message that a step may send.
const MESSAGE_BYTES: usize = 64 * 1024;

/// What a socket.io or engine.io server says first.
const ENGINE_IO_OPEN: &str = r"^0\{";

/// Reads one `[[websocket]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let url = row.need("url", row.parsed("url", url));
    let written = row.text("url");
    let place = url.as_ref().and_then(|url| http::place(&url.value));
    let there = http::there(row, hosts, place.as_ref());
    let roots = pace.roots(row);
    let owner = there.owner.clone();
    let asking = http::bare(row, frame::endpoints(row, "upstream", hosts, None));
    let origin = row.parsed("origin", origin);
    let subprotocols = subprotocols(row);
    let steps = steps(row);
    let ping = row.switch("ping").unwrap_or(true);
    let (url, written) = (url?.value, written?);
    let frame = named.frame(&pace, Kind::Websocket, written.value, owner)?;
    let steps = if steps.is_empty() { first_words(row, &url) } else { steps };
    let mut request = http::spec(url, &there, asking, roots?);
    refuse_own(row, &request.headers);
    if let Some(origin) = origin {
        request.headers.insert(ORIGIN, origin.value);
    }
    probed::ask_for_upgrade(&mut request, &subprotocols);
    let spec = websocket::Spec { request, subprotocols, steps, ping };
    Some(probe::Check { frame, spec: probe::Spec::Websocket(Box::new(spec)) })
}

/// The URL that is asked for the upgrade: http for ws, https for wss.
fn url(text: &str) -> Result<Uri, Wrong> {
    if let Some(rest) = text.strip_prefix("http").filter(|rest| rest.contains("://")) {
        return Err(Wrong::new(format!("{} is no WebSocket", shown(text)))
            .help(format!("write {}", shown(&format!("ws{rest}")))));
    }
    match text.strip_prefix("ws").filter(|rest| rest.starts_with("://") || rest.starts_with("s://"))
    {
        Some(rest) => http::url(&format!("http{rest}")),
        None => Err(Wrong::new(format!("{} is no URL of a WebSocket", shown(text)))
            .help("write \"ws://HOST/…\" or \"wss://HOST/…\"")),
    }
}

/// An origin as browsers send it: scheme, host and port, and nothing else.
fn origin(text: &str) -> Result<HeaderValue, Wrong> {
    let wrong = |what: &str| {
        Wrong::new(format!("{} {what}", shown(text)))
            .help("as a browser sends it: \"https://shop.example\", without a path")
    };
    if text != "null" {
        let (_, rest) = text.split_once("://").ok_or_else(|| wrong("is no origin"))?;
        if rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong("is no origin"));
        }
    }
    HeaderValue::from_str(text).map_err(|_| wrong("is no header's value"))
}

fn subprotocols(row: &Row<'_>) -> Vec<String> {
    let token = |text| match HeaderName::from_bytes(str::as_bytes(text)) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Wrong::new(format!("{} is no subprotocol", shown(text)))
            .help("letters, digits, and any of !#$%&'*+-.^_`|~")),
    };
    let texts = row.texts("subprotocol").unwrap_or_default();
    let read = texts.iter().filter_map(|text| row.understood("subprotocol", text, token));
    read.map(|at| at.value).collect()
}

/// `send` and `expect` of the check itself are its first step.
fn steps(row: &Row<'_>) -> Vec<Step> {
    let own = (row.has("send") || row.has("expect")).then(|| step(row));
    let further = row.rows("step");
    let further = further.iter().map(|row| {
        if !row.has("send") && !row.has("expect") {
            row.note_missing("the step does nothing".to_owned(), "`send`, `expect`, or both");
        }
        step(row)
    });
    own.into_iter().chain(further).collect()
}

fn step(row: &Row<'_>) -> Step {
    let expect = row.text("expect").and_then(|text| frame::pattern(row, "expect", &text));
    Step { send: words(row), expect }
}

fn words(row: &Row<'_>) -> Option<Words> {
    let value = row.value("send")?;
    if let Some(text) = value.get_ref().as_str() {
        let text = At { value: text, span: value.span() };
        return row.understood("send", &text, length).map(|at| Words::Plain(at.value.into()));
    }
    if !value.get_ref().is_table() {
        row.mismatch("send", value);
        return None;
    }
    request::secret(row, "send", value).map(|text| Words::Secret(Secret(text.into_bytes())))
}

fn length(text: &str) -> Result<&str, Wrong> {
    match text.len() {
        0 => Err(Wrong::new("the message is empty")),
        1..=MESSAGE_BYTES => Ok(text),
        _ => Err(Wrong::new("the message is too long").help("at most 64 KiB")),
    }
}

/// A URL of engine.io says what comes first, so that a plan need not.
fn first_words(row: &Row<'_>, url: &Uri) -> Vec<Step> {
    let query = url.query().unwrap_or_default();
    let has = |pair: &str| query.split('&').any(|one| one.starts_with(pair));
    if !has("EIO=") || !has("transport=websocket") {
        return Vec::new();
    }
    let text = At { value: ENGINE_IO_OPEN, span: row.span.clone() };
    let expect = frame::pattern(row, "expect", &text);
    vec![Step { send: None, expect }]
}

/// What the upgrade itself sets cannot be set by hand.
fn refuse_own(row: &Row<'_>, headers: &HeaderMap) {
    for name in headers.keys().filter(|name| probed::is_own_header(name)) {
        let wrong = Wrong::new(format!("the header {name} is set by the upgrade itself"))
            .help("remove it; subprotocols are offered with `subprotocol`");
        row.note_key("headers", &row.span_of("headers"), wrong);
    }
    if headers.contains_key(ORIGIN) && row.has("origin") {
        let wrong = Wrong::new("the origin is given twice").help("remove the header");
        row.note_key("headers", &row.span_of("headers"), wrong);
    }
}
