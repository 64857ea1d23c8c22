//! A webhook whose body is the reader's own, by a template (minijinja, the language of Jinja).
//!
//! In a template of JSON every `{{ value }}` is written as JSON, quotes included, so that no name of a
//! check can break out of its place. What a template may use is what the contract's webhook says, with
//! `event`, `title` and `text` in words, `receiver`, and `secrets`. Deliberately absent: other files,
//! and anything that goes on for long.

use std::collections::BTreeMap;
use std::ops::Range;

use http::Method;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value as Mini};
use serde_json::{Value, json};

use super::posting::Posting;
use crate::telling::Telling;
use crate::{Bundle, Hidden, Receiver, prose};

mod sample;

/// Steps of a template; a list of five hundred incidents takes far fewer.
const FUEL: u64 = 2_000_000;
/// The longest that a body may be.
const MOST_BYTES: usize = 1024 * 1024;

/// A webhook whose body is the reader's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// http or https; it may hold a token.
    pub url: Hidden,
    /// POST, PUT or PATCH.
    pub method: Method,
    /// Headers with their values.
    pub headers: Vec<(String, Hidden)>,
    /// What is sent.
    pub body: Body,
    /// What templates may use and nobody else sees, by name.
    pub secrets: BTreeMap<String, Hidden>,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// One template of JSON.
    Json(String),
    /// One template for each field of a form.
    Form(Vec<(String, String)>),
    /// One template of plain text.
    Text(String),
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The field of the form; `None`: the one template.
    pub field: Option<String>,
    /// Where in the template, in bytes.
    pub range: Option<Range<usize>>,
    /// In which of its lines, from 1.
    pub line: Option<usize>,
    /// What.
    pub words: String,
}

/// What becomes of names that are not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// They are mistakes: while a plan is read.
    Refused,
    /// They are empty: a message in need is better short than lost.
    Empty,
}

impl Template {
    /// The request of one attempt.
    ///
    /// # Errors
    /// When the template cannot be filled, in one sentence that holds no secret.
    pub(super) fn compose(&self, bundle: &Bundle, receiver: &Receiver) -> Result<Posting, String> {
        let telling = Telling::read(bundle, receiver)?;
        let message = serde_json::from_str(&bundle.body()).unwrap_or_default();
        let context = self.context(message, &telling, &receiver.name);
        let body = self.fill(&context, Absent::Empty).map_err(|mistake| mistake.words)?;
        let mut posting = Posting::new(self.method.clone(), self.url.expose(), body)
            .hiding_url(&self.url)
            .with("content-type", self.body.media_type())
            .with("idempotency-key", &bundle.id);
        for (name, value) in &self.headers {
            posting = posting.with(name, value.expose()).hiding(value);
        }
        for secret in self.secrets.values() {
            posting = posting.hiding(secret);
        }
        Ok(posting)
    }

    /// Fills the template with messages of every kind.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), Mistake> {
        for (bundle, receiver, absent) in sample::messages() {
            let telling = Telling::read(&bundle, &receiver).map_err(|words| Mistake {
                field: None,
                range: None,
                line: None,
                words,
            })?;
            let message = serde_json::from_str(&bundle.body()).unwrap_or_default();
            self.fill(&self.context(message, &telling, "ops"), absent)?;
        }
        Ok(())
    }

    /// What a template may use.
    fn context(&self, mut message: Value, telling: &Telling, receiver: &str) -> Mini {
        let words = prose::of(telling);
        message["event"] = telling.event.label().into();
        message["title"] = words.title.clone().into();
        message["text"] = words.plain().into();
        message["receiver"] = receiver.into();
        if message.get("others").is_none() {
            message["others"] = json!([]);
        }
        let secrets = self.secrets.iter().map(|(name, word)| (name, word.expose()));
        message["secrets"] =
            secrets.map(|(name, word)| (name.clone(), Value::from(word))).collect();
        Mini::from(Serde(message))
    }

    fn fill(&self, context: &Mini, absent: Absent) -> Result<String, Mistake> {
        let text = match &self.body {
            Body::Json(template) => {
                let text = render(template, AutoEscape::Json, context, absent)?;
                serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| Mistake {
                    field: None,
                    range: None,
                    line: None,
                    words: format!(
                        "what comes out is not JSON (line {}, column {} of it)",
                        error.line(),
                        error.column()
                    ),
                })?;
                text
            }
            Body::Text(template) => render(template, AutoEscape::None, context, absent)?,
            Body::Form(fields) => {
                let mut pairs = Vec::with_capacity(fields.len());
                for (name, template) in fields {
                    let value = render(template, AutoEscape::None, context, absent)
                        .map_err(|mistake| Mistake { field: Some(name.clone()), ..mistake })?;
                    pairs.push(format!("{}={}", percent_encoded(name), percent_encoded(&value)));
                }
                pairs.join("&")
            }
        };
        if text.len() > MOST_BYTES {
            return Err(too_long());
        }
        Ok(text)
    }
}

impl Body {
    /// Its Content-Type.
    fn media_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
            Self::Text(_) => "text/plain; charset=utf-8",
        }
    }
}

fn render(
    template: &str,
    escape: AutoEscape,
    context: &Mini,
    absent: Absent,
) -> Result<String, Mistake> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(match absent {
        Absent::Refused => UndefinedBehavior::Strict,
        Absent::Empty => UndefinedBehavior::Chainable,
    });
    let mut out = Bounded { bytes: Vec::new(), is_full: false };
    let rendered = environment
        .template_from_str(template)
        .and_then(|template| template.render_captured_to(context.clone(), &mut out).map(drop));
    if out.is_full {
        return Err(too_long());
    }
    rendered.map_err(|error| {
        let mut words = error.kind().to_string();
        // The detail of a name that is not there is a name of the template; others may quote values.
        if let (Some(detail), true) = (error.detail(), says_no_value(error.kind())) {
            words = format!("{words}: {detail}");
        }
        Mistake { field: None, range: error.range(), line: error.line(), words }
    })?;
    Ok(String::from_utf8_lossy(&out.bytes).into_owned())
}

/// Takes as much as a body may be long, and no more: a loop in a template is soon longer than memory.
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl std::io::Write for Bounded {
    fn write(&mut self, some: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + some.len() > MOST_BYTES {
            self.is_full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(some);
        Ok(some.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn too_long() -> Mistake {
    let words = "what comes out is longer than 1 MiB".to_owned();
    Mistake { field: None, range: None, line: None, words }
}

/// Whether the detail of such an error holds words of the template alone.
fn says_no_value(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::SyntaxError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::UndefinedError
            | ErrorKind::TemplateNotFound
            | ErrorKind::MissingArgument
            | ErrorKind::TooManyArguments
    )
}

/// As forms want it: letters, digits and `*-._` as they are, a blank as `+` (WHATWG URL, section 5.2).
pub(super) fn percent_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A message for the tests of other receivers.
#[cfg(test)]
pub(super) fn sample_bundle() -> Bundle {
    sample::messages().swap_remove(0).0
}

/// The message of so many incidents for the tests of other receivers.
#[cfg(test)]
pub(super) fn sample_message(event: health::Event, many: usize) -> Bundle {
    sample::bundle(event, many).0
}

/// So many incidents for the tests of other receivers.
#[cfg(test)]
pub(super) fn sample_telling(
    event: health::Event,
    language: health::Language,
    many: usize,
) -> Telling {
    let (bundle, receiver) = sample::bundle(event, many);
    Telling::read(&bundle, &Receiver { language, ..receiver }).unwrap()
}

#[cfg(test)]
mod tests;
