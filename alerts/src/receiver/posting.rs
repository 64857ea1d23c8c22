//! One request to a receiver over HTTP, and what came of it.
//!
//! Deliberately absent: what a service wants to read, and which of its answers mean what; that stands
//! with the service.

use std::error::Error as _;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::{SignedDuration, Timestamp};

use super::Outcome;
use crate::Hidden;

/// How much of an answer is read.
const ANSWER_BYTES: usize = 16 * 1024;
/// How much of it is shown.
const EXCERPT_CHARS: usize = 200;
/// Shorter words of a URL or a token are no secret, and stand in answers for other reasons.
const SECRET_SEGMENT_BYTES: usize = 12;
const SECRET_BYTES: usize = 6;

/// One request.
#[derive(Clone)]
pub(super) struct Posting {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    /// What an answer must not show, even where it says it: `Cannot POST /hooks/…`.
    secrets: Vec<String>,
}

/// What a receiver answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Its beginning.
    pub(super) body: String,
}

impl Posting {
    /// A POST of this JSON.
    pub(super) fn json(url: &str, body: String) -> Self {
        Self {
            method: Method::POST,
            url: url.to_owned(),
            headers: vec![(header::CONTENT_TYPE.to_string(), "application/json".to_owned())],
            body,
            secrets: Vec::new(),
        }
    }

    /// The same to a URL that is a secret itself.
    pub(super) fn json_to(url: &Hidden, body: String) -> Self {
        Self::json(url.expose(), body).hiding_url(url)
    }

    /// A request with this body and without any header.
    pub(super) fn new(method: Method, url: &str, body: String) -> Self {
        Self { method, url: url.to_owned(), headers: Vec::new(), body, secrets: Vec::new() }
    }

    /// The same by another method.
    pub(super) fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With one header more; of a name that is there already, the value is replaced.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a secret in it that answers must not show.
    pub(super) fn hiding(mut self, secret: &Hidden) -> Self {
        self.secrets.push(secret.expose().to_owned());
        self
    }

    /// Where the URL itself is a secret: what in it is long enough to be one.
    pub(super) fn hiding_url(mut self, url: &Hidden) -> Self {
        let url = url.expose();
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let place = rest.find('/').map_or("", |begin| &rest[begin..]);
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let segments = path.split('/').filter(|one| one.len() >= SECRET_SEGMENT_BYTES);
        let values = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1));
        self.secrets.extend(segments.chain(values).chain([place]).map(str::to_owned));
        self
    }

    /// What is sent.
    pub(super) fn text(&self) -> &str {
        &self.body
    }

    /// All of it, for snapshots.
    #[cfg(test)]
    pub(super) fn shown(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let body = serde_json::from_str::<serde_json::Value>(&self.body);
        let body = body.map_or_else(|_| self.body.clone(), |body| format!("{body:#}"));
        format!("{} {}\n{}\n{body}", self.method, self.url, headers.collect::<String>())
    }

    /// Sends it and reads the beginning of the answer.
    ///
    /// # Errors
    /// The outcome, where there is no answer.
    pub(super) async fn send(self, client: &reqwest::Client) -> Result<Answer, Outcome> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let unsendable = || Outcome::Unsendable { reason: format!("{name} cannot be sent") };
            let name = HeaderName::try_from(name).map_err(|_| unsendable())?;
            headers.insert(name, HeaderValue::try_from(value).map_err(|_| unsendable())?);
        }
        let secrets = self.secrets;
        let request = client.request(self.method, &self.url).headers(headers).body(self.body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => {
                return Err(Outcome::Unsendable { reason: reason(error) });
            }
            Err(error) => return Err(Outcome::Lost { reason: reason(error) }),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut bytes = Vec::new();
        while bytes.len() < ANSWER_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    bytes.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES - bytes.len())]);
                }
                // What was read so far is all there is; the status has been said.
                Ok(None) | Err(_) => break,
            }
        }
        Ok(Answer { status, headers, body: without(secrets, &bytes) })
    }
}

impl Answer {
    /// What it means where the status says it all.
    pub(super) fn by_status(&self, now: Timestamp) -> Outcome {
        if (200..300).contains(&self.status) {
            return Outcome::Delivered { status: self.status };
        }
        self.refused(retry_after(&self.headers, now))
    }

    /// Answered, but not taken.
    pub(super) fn refused(&self, retry_after: Option<SignedDuration>) -> Outcome {
        Outcome::Answered { status: self.status, excerpt: excerpt(&self.body), retry_after }
    }
}

/// The words of an answer without what must not be shown: answers like to quote what was asked.
fn without(mut secrets: Vec<String>, answer: &[u8]) -> String {
    secrets.retain(|secret| secret.trim().len() >= SECRET_BYTES);
    // The whole before its parts.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let words = String::from_utf8_lossy(answer).into_owned();
    secrets.iter().fold(words, |words, secret| words.replace(secret.trim(), "…"))
}

/// One segment of a path, with everything encoded that could end it (RFC 3986, section 2.3).
pub(super) fn in_path(words: &str) -> String {
    words.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// How long the receiver asks to wait: seconds or an HTTP date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long", and that is bounded by whoever waits.
        return Some(SignedDuration::from_secs(value.parse().unwrap_or(i64::MAX)));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(date.duration_since(now).max(SignedDuration::ZERO))
}

/// The beginning of an answer, one printable line.
pub(super) fn excerpt(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|w| !w.is_empty())
        .collect();
    words.join(" ").chars().take(EXCERPT_CHARS).collect()
}

/// Why there was no answer, down to the innermost cause, without the URL (which may hold a token).
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words.chars().take(EXCERPT_CHARS * 2).collect()
}
