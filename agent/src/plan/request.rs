//! What is sent beside method and headers: a body in its several forms, who we are, and how we speak.

use alerts::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT,
};

use super::notes::{At, Wrong, shown};
use super::row::Row;
use super::schema::HEADER;
use super::{expect, frame, http as plan_http, receivers};
use crate::probe::http::{Grant, Spoken, Style, encoded};

/// Codings that bodies can be unpacked from.
const CODINGS: [&str; 5] = ["gzip", "deflate", "br", "zstd", "identity"];

/// A body, and what of it nobody may see.
#[derive(Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) hidden: Vec<Secret>,
    /// It was written as a form or as JSON, which are posted.
    pub(super) is_posted: bool,
}

/// Reads the body, and says in `headers` what it is, unless the plan does.
pub(super) fn body(row: &Row<'_>, headers: &mut HeaderMap) -> Body {
    frame::exclusive(row, &["body", "body_file", "body_json", "form"]);
    if let Some(text) = row.text("body") {
        return Body { bytes: text.value.as_bytes().to_vec(), ..Body::default() };
    }
    if let Some(name) = row.text("body_file") {
        return Body { bytes: file(row, &name).unwrap_or_default(), ..Body::default() };
    }
    if let Some(value) = row.value("body_json") {
        let bytes = expect::json_of(value.get_ref()).to_string().into_bytes();
        said(headers, CONTENT_TYPE, "application/json");
        return Body { bytes, is_posted: true, ..Body::default() };
    }
    if !row.has("form") {
        return Body::default();
    }
    said(headers, CONTENT_TYPE, "application/x-www-form-urlencoded");
    let (mut pairs, mut hidden) = (Vec::new(), Vec::new());
    for (key, value) in row.entries("form").unwrap_or_default() {
        let text = match value.get_ref().as_str() {
            Some(text) => Some(text.to_owned()),
            None if value.get_ref().is_table() => {
                let secret = secret(row, "form", value);
                hidden.extend(secret.iter().map(|text| Secret(text.clone().into_bytes())));
                hidden.extend(secret.iter().map(|text| Secret(encoded(text).into_bytes())));
                secret
            }
            None => {
                row.mismatch("form", value);
                None
            }
        };
        pairs.extend(text.map(|text| format!("{}={}", encoded(key.value), encoded(&text))));
    }
    Body { bytes: pairs.join("&").into_bytes(), hidden, is_posted: true }
}

fn file(row: &Row<'_>, name: &At<&str>) -> Option<Vec<u8>> {
    let path = frame::path(row, "body_file", name)?;
    match row.reading.surroundings.bytes_file(&path) {
        Ok(bytes) => Some(bytes),
        Err(words) => {
            let path = path.to_string_lossy().into_owned();
            let wrong = Wrong::new(format!("{} cannot be read: {words}", shown(&path)));
            row.note_key("body_file", &name.span, wrong);
            None
        }
    }
}

/// A value that stands outside the file.
pub(super) fn secret(
    row: &Row<'_>,
    key: &str,
    value: &toml::Spanned<toml::de::DeValue<'_>>,
) -> Option<String> {
    let row = row.open_row(&HEADER, key, value)?;
    frame::exclusive(&row, &["value_env", "value_file"]);
    if !row.has("value_env") && !row.has("value_file") {
        row.note_missing("it has no value".to_owned(), "value_env or value_file");
    }
    receivers::outside(&row, "value_env", "value_file").map(|(text, _)| text)
}

fn said(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

/// Reads who we are and how we speak into `headers`; and what cannot stand there.
pub(super) fn manners(row: &Row<'_>, headers: &mut HeaderMap) -> Option<Grant> {
    if let Some(agent) = row.parsed("user_agent", |text| {
        HeaderValue::from_str(text)
            .map_err(|_| Wrong::new(format!("{} is not a header's value", shown(text))))
    }) {
        instead(row, headers, "user_agent", USER_AGENT, agent.value);
    }
    if let Some(codings) = row.texts("accept_encoding") {
        let known = codings.iter().filter_map(|text| {
            row.understood("accept_encoding", text, |text| match CODINGS.contains(&text) {
                true => Ok(text),
                false => Err(Wrong::new(format!("{} cannot be unpacked here", shown(text)))
                    .help(format!("accepted: {}", CODINGS.join(", ")))),
            })
        });
        let known: Vec<&str> = known.map(|at| at.value).collect();
        if let Ok(value) = HeaderValue::from_str(&known.join(", ")) {
            instead(row, headers, "accept_encoding", ACCEPT_ENCODING, value);
        }
    }
    frame::exclusive(row, &["basic_auth", "bearer_env", "bearer_file", "oauth2"]);
    let authorization = row.row("basic_auth").and_then(|row| basic(&row)).or_else(|| {
        receivers::outside(row, "bearer_env", "bearer_file")
            .map(|(text, span)| (format!("Bearer {text}"), span))
    });
    if let Some((text, span)) = authorization {
        match HeaderValue::try_from(text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                let keys = ["basic_auth", "bearer_env", "bearer_file"];
                let key = keys.into_iter().find(|key| row.has(key)).unwrap_or("bearer_env");
                instead(row, headers, key, AUTHORIZATION, value);
            }
            Err(_) => row.note(&span, Wrong::new("what it holds is not a header's value")),
        }
    }
    let grant = row.row("oauth2").and_then(|row| grant(&row));
    if grant.is_some() && headers.contains_key(AUTHORIZATION) {
        row.note_key("oauth2", &row.span_of("oauth2"), twice(&AUTHORIZATION));
    }
    grant
}

fn instead(
    row: &Row<'_>,
    headers: &mut HeaderMap,
    key: &'static str,
    name: HeaderName,
    value: HeaderValue,
) {
    if headers.contains_key(&name) {
        row.note_key(key, &row.span_of(key), twice(&name));
    }
    headers.insert(name, value);
}

fn twice(name: &HeaderName) -> Wrong {
    Wrong::new(format!("the header {name} is there twice")).help("it is in `headers` too")
}

/// `basic_auth = { user, password_env }`
fn basic(row: &Row<'_>) -> Option<(String, super::notes::Span)> {
    let user = row.need(
        "user",
        row.parsed("user", |user| match user.contains(':') {
            true => Err(Wrong::new("a user has no colon (RFC 7617)")),
            false => Ok(user),
        }),
    );
    frame::exclusive(row, &["password_env", "password_file"]);
    if !row.has("password_env") && !row.has("password_file") {
        row.note_missing("the user has no password".to_owned(), "password_env or password_file");
    }
    let (password, span) = receivers::outside(row, "password_env", "password_file")?;
    let both = format!("{}:{password}", user?.value);
    Some((format!("Basic {}", STANDARD.encode(both)), span))
}

/// `oauth2 = { token_url, client_id, client_secret_env }`
fn grant(row: &Row<'_>) -> Option<Grant> {
    let url = row.need("token_url", row.parsed("token_url", plan_http::url));
    let client = row.need("client_id", row.text("client_id"));
    frame::exclusive(row, &["client_secret_env", "client_secret_file"]);
    if !row.has("client_secret_env") && !row.has("client_secret_file") {
        row.note_missing(
            "the client has no secret".to_owned(),
            "client_secret_env or client_secret_file",
        );
    }
    let secret = receivers::outside(row, "client_secret_env", "client_secret_file");
    let scope = row
        .texts("scope")
        .map(|scopes| scopes.iter().map(|scope| scope.value).collect::<Vec<_>>().join(" "));
    Some(Grant {
        url: url?.value,
        client: client?.value.to_owned(),
        secret: Secret(secret?.0.into_bytes()),
        scope,
        audience: row.text("audience").map(|at| at.value.to_owned()),
        style: match row.choice("style") {
            Some("post") => Style::Post,
            _ => Style::Basic,
        },
    })
}

/// `http_version = "1.1" | "2"`
pub(super) fn version(row: &Row<'_>) -> Option<Spoken> {
    match row.choice("http_version")? {
        "2" => Some(Spoken::Http2),
        _ => Some(Spoken::Http1),
    }
}
