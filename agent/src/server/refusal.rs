//! Why something that was asked for is not done, in both languages: as JSON for programs, as a page or
//! plain words for people.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use health::{Language, Text};
use serde_json::json;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: StatusCode,
    pub(super) why: Text,
    /// When to try again, in seconds from now.
    retry_after_seconds: Option<i64>,
}

impl Refusal {
    pub(super) fn new(code: StatusCode, why: Text) -> Self {
        Self { code, why, retry_after_seconds: None }
    }

    /// What was asked for is not what can be done.
    pub(super) fn wrong(why: Text) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, why)
    }

    pub(super) fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// For programs.
    pub(super) fn json(self, language: Language) -> Response {
        let body = Json(json!({ "error": self.why.in_language(language) }));
        self.with_headers((self.code, body).into_response())
    }

    /// For whoever is not known to read one language or the other.
    pub(super) fn plain(self) -> Response {
        let words = format!("{}\n{}\n", self.why.en, self.why.ko);
        self.with_headers((self.code, words).into_response())
    }

    /// Sets what HTTP says of it in headers.
    pub(super) fn with_headers(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if self.code == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
