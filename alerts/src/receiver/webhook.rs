//! A webhook by the Standard Webhooks specification: signed, with an id that repeats.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::hmac;

use super::posting::Posting;
use crate::{Bundle, Hidden};

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
    /// The request of one attempt.
    pub(super) fn compose(&self, bundle: &Bundle, now: Timestamp) -> Posting {
        let mut posting = Posting::json_to(&Hidden::new(self.url.as_str()), bundle.body())
            .with("webhook-id", &bundle.id)
            .with("webhook-timestamp", &now.as_second().to_string());
        if let Some(secret) = &self.secret {
            let signature = secret.sign(&bundle.id, now.as_second(), posting.text());
            posting = posting.with("webhook-signature", &signature);
        }
        posting
    }
}

#[cfg(test)]
mod tests;
