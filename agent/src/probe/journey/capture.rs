//! Values taken out of one answer for the requests that follow. Pure.

use std::sync::Arc;

use health::{Code, Finding, Text, text};
use http::HeaderName;
use regex::{Captures, Regex};
use serde_json::Value;

use crate::net::printable;
use crate::probe::http::Heard;
use crate::probe::http::jar::Jar;

/// Longest value that is taken.
const MOST_BYTES: usize = 16 * 1024;

/// One value to be taken.
#[derive(Clone, Debug)]
pub struct Capture {
    /// What later requests call it.
    pub name: Arc<str>,
    /// Where it is.
    pub place: Place,
}

/// Where a value is.
#[derive(Clone, Debug)]
pub enum Place {
    /// At this JSON Pointer (RFC 6901).
    Json(String),
    /// What the first group of this matches in the body; the whole match where it has none.
    Body(Regex),
    /// The value of this header.
    Header(HeaderName),
    /// The value of this cookie.
    Cookie(String),
}

impl Capture {
    /// It is in the body.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        matches!(self.place, Place::Json(_) | Place::Body(_))
    }

    /// Takes it out of an answer.
    ///
    /// # Errors
    /// That it is not there.
    pub(super) fn taken(
        &self,
        heard: &Heard,
        url: &str,
        jar: &Jar,
    ) -> Result<String, Box<Finding>> {
        let found = match &self.place {
            Place::Json(pointer) => {
                let body: Option<Value> =
                    heard.text().and_then(|body| serde_json::from_str(&body).ok());
                body.as_ref().and_then(|body| body.pointer(pointer)).and_then(scalar)
            }
            Place::Body(pattern) => {
                let body = heard.text();
                body.and_then(|body| pattern.captures(&body).map(|found| first(&found)))
            }
            Place::Header(name) => {
                let value = heard.headers.get(name);
                value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            }
            Place::Cookie(name) => {
                jar.value(name).map(|value| String::from_utf8_lossy(value).into_owned())
            }
        };
        match found {
            Some(value) if value.is_empty() => Err(self.missing(heard, url, &Shortfall::Empty)),
            Some(value) if value.len() > MOST_BYTES => {
                Err(self.missing(heard, url, &Shortfall::TooLong))
            }
            Some(value) => Ok(value),
            None => Err(self.missing(heard, url, &Shortfall::Absent)),
        }
    }

    fn missing(&self, heard: &Heard, url: &str, shortfall: &Shortfall) -> Box<Finding> {
        let name = &self.name;
        let (code, place) = match &self.place {
            Place::Json(pointer) => (Code::HttpJson, format!("JSON {pointer}")),
            Place::Body(pattern) => (Code::HttpBody, format!("/{pattern}/")),
            Place::Header(header) => (Code::HttpHeader, format!("header {header}")),
            Place::Cookie(cookie) => (Code::HttpSessionLost, format!("cookie {cookie}")),
        };
        let Text { en, ko } = shortfall.words();
        let status = heard.status.as_u16();
        let finding = Finding::new(
            code,
            format!("{url} {{{name}}}"),
            text!(
                "{url} answers {status}, and {place} is {en}: there is nothing for {{{name}}} of the next step",
                "{url}에서 {status} 응답이 왔지만 {place}이(가) {ko}. 다음 단계의 {{{name}}}에 쓸 값이 없습니다"
            ),
            text!(
                "Look at the answer: a page that was changed, a login that did not succeed, or another page than meant. Then adjust `capture`.",
                "응답을 확인하세요. 페이지가 바뀌었거나, 로그인이 실패했거나, 다른 페이지일 수 있습니다. 바뀐 것이라면 `capture`를 고치세요."
            ),
        )
        .severity(health::Severity::Critical)
        .evidence("expected", place)
        .evidence("got", shortfall.words().en)
        .evidence("body", printable(&heard.body, 256));
        Box::new(finding)
    }
}

/// The finding says that a value is not in the answer at all.
pub(super) fn is_missing(finding: &Finding) -> bool {
    finding.subject.ends_with('}')
        && finding.evidence.get("got").and_then(Value::as_str)
            == Some(Shortfall::Absent.words().en.as_str())
}

/// Why there is no value.
enum Shortfall {
    Absent,
    Empty,
    TooLong,
}

impl Shortfall {
    fn words(&self) -> Text {
        match self {
            Self::Absent => text!("not there", "없습니다"),
            Self::Empty => text!("empty", "비어 있습니다"),
            Self::TooLong => {
                text!("longer than {MOST_BYTES} bytes", "{MOST_BYTES}바이트를 넘습니다")
            }
        }
    }
}

/// A JSON value that fits into a place.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn first(found: &Captures<'_>) -> String {
    found.get(1).or_else(|| found.get(0)).map_or_else(String::new, |part| part.as_str().to_owned())
}
