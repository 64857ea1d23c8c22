//! A webhook by the Standard Webhooks specification: signed, with an id that repeats.

use std::error::Error as _;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use ring::hmac;

use super::Outcome;
use crate::Notification;

/// How much of an answer that is no 2xx is read.
const EXCERPT_BYTES: usize = 2048;
/// How much of it is shown.
const EXCERPT_CHARS: usize = 200;

/// A webhook by the Standard Webhooks specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// http or https.
    pub url: String,
    /// Signs every message, when given.
    pub secret: Option<Secret>,
}

/// The bytes of a webhook secret; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The `webhook-signature` of one attempt: HMAC-SHA256 over `id.timestamp.body`.
    #[must_use]
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{unix_seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

impl Webhook {
    /// One attempt.
    pub(super) async fn post(
        &self,
        client: &reqwest::Client,
        notification: &Notification,
        now: Timestamp,
    ) -> Outcome {
        let body = &notification.body;
        let mut request = client
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &*notification.id)
            .header("webhook-timestamp", now.as_second());
        if let Some(secret) = &self.secret {
            let signature = secret.sign(&notification.id, now.as_second(), body);
            request = request.header("webhook-signature", signature);
        }
        let response = match request.body(body.as_bytes().to_vec()).send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => {
                return Outcome::Unsendable { reason: reason(error) };
            }
            Err(error) => return Outcome::Lost { reason: reason(error) },
        };
        let status = response.status();
        if status.is_success() {
            return Outcome::Delivered { status: status.as_u16() };
        }
        let retry_after = retry_after(response.headers(), now);
        Outcome::Answered { status: status.as_u16(), excerpt: excerpt(response).await, retry_after }
    }
}

/// How long the receiver asks to wait: seconds or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long", and that is bounded by whoever waits.
        return Some(SignedDuration::from_secs(value.parse().unwrap_or(i64::MAX)));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(date.duration_since(now).max(SignedDuration::ZERO))
}

/// The beginning of a refusal, one printable line.
async fn excerpt(mut response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < EXCERPT_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                bytes.extend_from_slice(&chunk[..chunk.len().min(EXCERPT_BYTES - bytes.len())]);
            }
            // What was read so far is all there is to show; the status has been said.
            Ok(None) | Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes);
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

#[cfg(test)]
mod tests;
