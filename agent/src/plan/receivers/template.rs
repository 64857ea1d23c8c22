//! `template = { url = "…", json = '…' }`: mistakes in a template are mistakes of the plan.

use std::collections::BTreeMap;

use ::http::Method;
use alerts::{Body, Channel, Hidden, Template};

use super::{frame, hidden, outside};
use crate::plan::http;
use crate::plan::notes::{At, Span, Wrong, shown};
use crate::plan::row::Row;
use crate::plan::schema::{HEADER, OUTSIDE_WORD};

pub(super) fn template(row: &Row<'_>) -> Option<Channel> {
    frame::exclusive(row, &["url", "url_env", "url_file"]);
    let url = if row.has("url") {
        row.parsed("url", http::url).map(|url| Hidden::new(url.value.to_string()))
    } else {
        hidden(row, "url_env", "url_file")
    };
    let method = match row.choice("method") {
        Some("PUT") => Method::PUT,
        Some("PATCH") => Method::PATCH,
        _ => Method::POST,
    };
    let headers = headers(row);
    let secrets = secrets(row);
    let parts = parts(row);
    let (body, spans) = parts?;
    let template = Template { url: url?, method, headers: headers?, body, secrets: secrets? };
    if let Err(mistake) = template.check() {
        note(row, &spans, &mistake);
        return None;
    }
    Some(Channel::Template(template))
}

/// What is sent, and where each template stands: the first is the only one, but of a form.
fn parts<'a>(row: &Row<'a>) -> Option<(Body, Vec<At<&'a str>>)> {
    frame::exclusive(row, &["json", "form", "text"]);
    if let Some(json) = row.text("json") {
        return Some((Body::Json(json.value.to_owned()), vec![json]));
    }
    if let Some(text) = row.text("text") {
        return Some((Body::Text(text.value.to_owned()), vec![text]));
    }
    if let Some(entries) = row.entries("form") {
        let (mut fields, mut spans) = (Vec::new(), Vec::new());
        for (name, value) in entries {
            let Some(text) = value.get_ref().as_str() else {
                row.mismatch("form", value);
                return None;
            };
            fields.push((name.value.to_owned(), text.to_owned()));
            spans.push(At { value: text, span: value.span() });
        }
        return Some((Body::Form(fields), spans));
    }
    if !["json", "form", "text"].iter().any(|key| row.has(key)) {
        row.note_missing("the template has no body".to_owned(), "json, form or text");
    }
    None
}

/// Where in the file a mistake of a template is, as exactly as the way it is quoted lets one tell.
fn note(row: &Row<'_>, parts: &[At<&str>], mistake: &alerts::Mistake) {
    let (key, part) = match &mistake.field {
        Some(field) => {
            let mut names = row.entries("form").into_iter().flatten().map(|(name, _)| name.value);
            let place = names.position(|name| name == field).unwrap_or_default();
            (format!("form.{field}"), parts.get(place))
        }
        None if row.has("text") => ("text".to_owned(), parts.first()),
        None => ("json".to_owned(), parts.first()),
    };
    let Some(part) = part else { return };
    let whole = row.reading.notes.source(&part.span);
    // Without escapes the template stands in the file as it is.
    let begin = whole.find(part.value).filter(|_| !part.value.is_empty());
    let exact: Option<Span> = begin.zip(mistake.range.clone()).map(|(begin, range)| {
        let begin = part.span.start + begin;
        begin + range.start..begin + range.end.max(range.start + 1)
    });
    let mut wrong = Wrong::new(mistake.words.clone());
    if let (None, Some(line)) = (&exact, mistake.line) {
        wrong = Wrong::new(format!("line {line} of the template: {}", mistake.words));
    }
    let wrong = wrong.help(
        "in `json` every {{ value }} comes with its quotes; what may be absent: {{ value | default(\"\") }}",
    );
    row.note_key(&key, &exact.unwrap_or_else(|| part.span.clone()), wrong);
}

/// `None` when one of them is wrong, which is noted.
fn headers(row: &Row<'_>) -> Option<Vec<(String, Hidden)>> {
    if !row.has("headers") {
        return Some(Vec::new());
    }
    let mut headers = Vec::new();
    for (name, value) in row.entries("headers")? {
        if ::http::HeaderName::try_from(name.value).is_err() {
            let wrong = Wrong::new(format!("{} is not the name of a header", shown(name.value)));
            row.note_key("headers", &name.span, wrong);
            return None;
        }
        let words = match value.get_ref().as_str() {
            Some(words) => Hidden::new(words),
            None => hidden(&row.open_row(&HEADER, "headers", value)?, "value_env", "value_file")?,
        };
        if ::http::HeaderValue::try_from(words.expose()).is_err() {
            let wrong = Wrong::secret("it cannot be the value of a header");
            row.note_key("headers", &value.span(), wrong);
            return None;
        }
        headers.push((name.value.to_owned(), words));
    }
    Some(headers)
}

/// `None` when one of them is wrong, which is noted.
fn secrets(row: &Row<'_>) -> Option<BTreeMap<String, Hidden>> {
    if !row.has("secrets") {
        return Some(BTreeMap::new());
    }
    let mut secrets = BTreeMap::new();
    for (name, value) in row.entries("secrets")? {
        let place = row.open_row(&OUTSIDE_WORD, "secrets", value)?;
        frame::exclusive(&place, &["env", "file"]);
        if place.is_empty() {
            place.note_missing("the secret is nowhere".to_owned(), "env or file");
        }
        let (words, _) = outside(&place, "env", "file")?;
        secrets.insert(name.value.to_owned(), Hidden::new(words));
    }
    Some(secrets)
}
