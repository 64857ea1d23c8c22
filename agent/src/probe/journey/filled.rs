//! Requests with values in their places, and what must not be shown of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use health::{Code, Finding, text};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::template::{Writing, written};
use super::{Spec, Step};
use crate::net::printable;
use crate::probe::http::{self as hop, Ask, Veil};

/// Shorter values appear by chance; they are masked in URLs and bodies of requests alone.
const SHORTEST_VEILED: usize = 6;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Values {
    known: BTreeMap<Arc<str>, String>,
    /// Those that may be shown.
    open: Vec<Arc<str>>,
    /// What was written into the step's request, and how it is shown.
    written: Vec<Veil>,
}

impl Values {
    pub(super) fn of(spec: &Spec) -> Self {
        let known = spec.values.iter().map(|(name, value)| (Arc::clone(name), value.text.clone()));
        let open = spec.values.iter().filter(|(_, value)| !value.is_secret);
        Self {
            known: known.collect(),
            open: open.map(|(name, _)| Arc::clone(name)).collect(),
            written: Vec::new(),
        }
    }

    pub(super) fn learn(&mut self, name: &Arc<str>, value: String) {
        // What an answer says is a secret, whatever stood under that name before.
        self.open.retain(|open| open != name);
        self.known.insert(Arc::clone(name), value);
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }

    /// The step's request.
    ///
    /// # Errors
    /// A value that does not fit into its place.
    pub(super) fn ask(&mut self, step: &Step) -> Result<Ask, Box<Finding>> {
        self.written.clear();
        let mut ask = Ask::first(&step.http);
        if let Some(template) = &step.url {
            // What stands first is a whole URL, and is taken as one.
            let writing =
                if template.begins_with_place() { Writing::Plain } else { Writing::Percent };
            let whole = template.filled(|name| self.value(name), writing);
            let url = hop::resolve(&step.http.url, whole.as_bytes());
            ask = ask.of(url.map_err(|reason| Box::new(does_not_fit(step, "url", reason)))?);
            let shown = hop::shown(ask.url());
            self.written.push((shown.clone(), step.http.shown.to_string()));
            let (bare, template) =
                (hop::without_query(&shown), hop::without_query(&step.http.shown));
            self.written.push((bare.to_owned(), template.to_owned()));
            // As the plan's own words have it where places were percent-encoded to make a URL.
            self.written.push((hop::shown(&step.http.url), step.http.shown.to_string()));
            self.written.retain(|(from, to)| from != to);
        }
        for (name, template) in &step.headers {
            let text = template.filled(|name| self.value(name), Writing::Plain);
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_| Box::new(does_not_fit(step, name.as_str(), "not a header's value")))?;
            value.set_sensitive(true);
            ask.replace_header(name, value);
        }
        if let Some(template) = &step.body {
            let text = template.filled(|name| self.value(name), writing_of(step));
            // Whole, so that short values are hidden as well.
            let shown = |bytes: &[u8]| printable(bytes, hop::EXCERPT_CHARS);
            self.written.push((shown(text.as_bytes()), shown(&step.http.body)));
            ask.replace_body(text.into());
        }
        Ok(ask)
    }

    /// What must not be shown, whole URLs first, and what is shown in its place.
    pub(super) fn veils(&self) -> Vec<Veil> {
        let mut veils = self.written.clone();
        for (name, value) in &self.known {
            if self.open.contains(name) || value.len() < SHORTEST_VEILED {
                continue;
            }
            let place = format!("{{{name}}}");
            let ways = [Writing::Plain, Writing::Percent, Writing::Json];
            for text in ways.map(|writing| written(value, writing)) {
                if !veils.iter().any(|(known, _)| *known == text) {
                    veils.push((text, place.clone()));
                }
            }
        }
        veils
    }
}

/// How values are written into the step's body.
fn writing_of(step: &Step) -> Writing {
    let kind = step.http.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = String::from_utf8_lossy(kind).to_ascii_lowercase();
    if kind.contains("x-www-form-urlencoded") {
        Writing::Percent
    } else if kind.contains("json") {
        Writing::Json
    } else {
        Writing::Plain
    }
}

fn does_not_fit(step: &Step, place: &str, reason: &str) -> Finding {
    let url = hop::without_query(&step.http.shown);
    Finding::new(
        Code::HttpProtocol,
        url,
        text!(
            "the request of {url} cannot be made: what was captured makes its {place} {reason}",
            "{url}의 요청을 만들 수 없습니다. 캡처한 값을 넣으면 {place}이(가) 올바르지 않습니다: {reason}"
        ),
        text!(
            "Look at what the step before answers, and at its `capture`.",
            "앞 단계의 응답과 `capture`를 확인하세요."
        ),
    )
    .evidence("place", place)
    .evidence("error", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::journey::Known;

    #[test]
    fn what_takes_the_place_of_an_open_value_is_a_secret() {
        let known = |text: &str, is_secret| Known { text: text.to_owned(), is_secret };
        let given =
            vec![("user".into(), known("monitor", false)), ("key".into(), known("k-123456", true))];
        let mut values = Values::of(&Spec { values: given, steps: Vec::new(), ways: None });
        assert_eq!(values.veils(), [("k-123456".to_owned(), "{key}".to_owned())]);
        values.learn(&"user".into(), "u-987654".to_owned());
        assert!(values.veils().contains(&("u-987654".to_owned(), "{user}".to_owned())));
    }
}
