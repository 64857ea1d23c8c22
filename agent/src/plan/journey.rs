//! `[[journey]]`

use std::collections::HashSet;
use std::sync::Arc;

use http::{HeaderName, Uri};
use toml::Spanned;
use toml::de::DeValue;

use health::Kind;

use super::frame::{self, Pace};
use super::http::There;
use super::names::{Hosts, Names};
use super::notes::{At, Wrong, shown};
use super::row::Row;
use super::schema::{CAPTURE, HEADER, STEP};
use super::{Endpoint, cookie, expect, http as plan_http, receivers, values};
use crate::probe::journey::capture::{Capture, Place};
use crate::probe::journey::template::{Template, is_name};
use crate::probe::journey::ways::Ways;
use crate::probe::journey::{Known, Spec, Step};
use crate::probe::{self};
use crate::tls::Roots;

/// Most steps of a journey: each is a label of its metrics.
const MOST_STEPS: usize = 64;

/// Reads one `[[journey]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let base = row.need("base", row.parsed("base", base));
    let written = row.text("base");
    let place = base.as_ref().and_then(|base| plan_http::place(&base.value));
    let there = plan_http::there(row, hosts, place.as_ref());
    let ways = plan_http::ways::read(row, hosts, base.as_ref().map(|base| &base.value), &there);
    let upstream = frame::endpoints(row, "upstream", hosts, None);
    let roots = pace.roots(row);
    let values = known(row);
    let rows = row.rows("step");
    if rows.is_empty() && !row.has("step") {
        row.note_missing("the journey has no steps".to_owned(), "write [[journey.step]] below it");
    }
    if let Some(beyond) = rows.get(MOST_STEPS) {
        let wrong = Wrong::new(format!("a journey has at most {MOST_STEPS} steps"));
        beyond.note(&beyond.span, wrong.help("begin another [[journey]]"));
    }
    let mut reading = Reading {
        base: base.map(|at| at.value),
        written: written.as_ref().map_or("", |at| at.value),
        known: values.iter().map(|(name, _)| name.to_string()).collect(),
        later: HashSet::new(),
        pace: &pace,
        hosts,
        there: &there,
        upstream: &upstream,
        behind: plan_http::behind(row, hosts),
        roots: roots.as_ref(),
    };
    let steps = reading.steps(&rows);
    let (written, _) = (written?, roots.as_ref()?);
    let frame = named.frame(&pace, Kind::Journey, written.value, there.owner.clone())?;
    let mut spec = Spec { values, steps, ways: None };
    spec.ways = ways.map(|ways| Box::new(Ways::of_journey(&spec, &ways.each, ways.sameness)));
    Some(probe::Check { frame, spec: probe::Spec::Journey(Box::new(spec)) })
}

/// A value that stands in a step for one that is known on the way alone.
pub(super) fn has_place(row: &Row<'_>, text: &str) -> bool {
    row.header() == STEP.header && !Template::parse(text, |_| true).0.is_plain()
}

/// What the steps of one journey are read with.
struct Reading<'a> {
    base: Option<Uri>,
    /// The base as it is written.
    written: &'a str,
    /// Names that a step may use.
    known: HashSet<String>,
    /// Names that are captured somewhere.
    later: HashSet<String>,
    pace: &'a Pace,
    hosts: &'a Hosts,
    there: &'a There,
    upstream: &'a [Endpoint],
    behind: probe::http::Behind,
    roots: Option<&'a Roots>,
}

impl Reading<'_> {
    fn steps(&mut self, rows: &[Row<'_>]) -> Vec<Step> {
        let entries = rows.iter().filter(|row| row.has("capture"));
        let names = entries.flat_map(|row| row.entries("capture").unwrap_or_default());
        self.later = names.map(|(name, _)| name.value.to_owned()).collect();
        let mut steps: Vec<Step> = Vec::with_capacity(rows.len());
        let mut taken: Vec<At<String>> = Vec::new();
        for row in rows {
            if let Some(name) = row.need("name", row.parsed("name", values::name)) {
                if let Some(first) = taken.iter().find(|known| known.value == name.value) {
                    let wrong =
                        Wrong::new(format!("the step {} is there twice", shown(&name.value)));
                    row.reading.notes.note_both(&name.span, wrong, "it is first here", &first.span);
                }
                taken.push(name);
            }
            let step = self.step(row);
            for (name, _) in row.entries("capture").unwrap_or_default() {
                self.known.insert(name.value.to_owned());
            }
            steps.extend(step);
        }
        steps
    }

    fn step(&self, row: &Row<'_>) -> Option<Step> {
        let target = self.target(row);
        let mut asking = plan_http::asking(row, self.pace, self.hosts);
        if !row.has("upstream") {
            asking.upstream = self.upstream.to_vec();
        }
        if !row.has("nginx") && !row.has("backends") {
            asking.behind = self.behind.clone();
        }
        let captures = captures(row);
        let headers = self.headers(row);
        let body = self.body(row, &mut asking.body.bytes);
        let name: Arc<str> = row.text("name")?.value.into();
        let (url, shown, template) = target?;
        let mut http = plan_http::spec(url, self.there, asking, self.roots?.clone());
        http.shown = shown.into();
        http.keeps_body = captures.iter().any(Capture::reads_body);
        Some(Step { name, http, url: template, headers, body, captures })
    }

    /// The body, where it has places; names in braces that nobody knows stay as they are.
    fn body(&self, row: &Row<'_>, written: &mut Vec<u8>) -> Option<Template> {
        let mut text = String::from_utf8(written.clone()).ok()?;
        if row.has("form") {
            for name in &self.known {
                text = text.replace(&format!("%7B{name}%7D"), &format!("{{{name}}}"));
            }
        }
        let (template, _) = Template::parse(&text, |name| self.known.contains(name));
        *written = text.into_bytes();
        Some(template).filter(|template| !template.is_plain())
    }

    /// The URL as far as it is known, the same as it is written, and its places.
    fn target(&self, row: &Row<'_>) -> Option<(Uri, String, Option<Template>)> {
        frame::exclusive(row, &["path", "url"]);
        let (key, text) = match (row.text("path"), row.text("url")) {
            (Some(path), _) => ("path", path),
            (None, Some(url)) => ("url", url),
            (None, None) => {
                if !row.has("path") && !row.has("url") {
                    row.note_missing("the step leads nowhere".to_owned(), "`path`, or `url`");
                }
                return None;
            }
        };
        let whole = match key {
            "path" => row.understood(key, &text, |path| behind(self.written, path))?.value,
            _ => text.value.to_owned(),
        };
        let template = self.template(row, key, &At { value: &whole, span: text.span.clone() });
        let base = self.base.clone()?;
        let url = if template.begins_with_place() {
            base
        } else {
            let filled = whole.replace('{', "%7B").replace('}', "%7D");
            match plan_http::url(&filled) {
                Ok(url) => url,
                Err(wrong) => {
                    row.note_key(key, &text.span, wrong);
                    return None;
                }
            }
        };
        let shown = if template.is_plain() { probe::http::shown(&url) } else { whole };
        Some((url, shown, Some(template).filter(|template| !template.is_plain())))
    }

    fn headers(&self, row: &Row<'_>) -> Vec<(HeaderName, Template)> {
        let mut headers = Vec::new();
        for (name, value) in row.entries("headers").unwrap_or_default() {
            let Some(text) = value.get_ref().as_str() else { continue };
            let Ok(name) = plan_http::header_name(name.value) else { continue };
            let template = self.template(row, "headers", &At { value: text, span: value.span() });
            if !template.is_plain() {
                headers.push((name, template));
            }
        }
        headers
    }

    /// A text in which every name in braces has to be known.
    fn template(&self, row: &Row<'_>, key: &str, text: &At<&str>) -> Template {
        let (template, unknown) = Template::parse(text.value, |name| self.known.contains(name));
        for name in unknown {
            let wrong = Wrong::new(format!("nothing before this step is called `{name}`"));
            let near = row.reading.notes.nearest(&name, self.known.iter().map(String::as_str));
            let help = match near {
                _ if self.later.contains(&name) => "a step that comes later captures it".to_owned(),
                Some(near) => format!("did you mean {{{near}}}?"),
                None => "`values` of the journey, or `capture` of an earlier step".to_owned(),
            };
            row.note_key(key, &text.span, wrong.help(help));
        }
        template
    }
}

/// A base: a URL without a query.
fn base(text: &str) -> Result<Uri, Wrong> {
    if text.contains('?') {
        return Err(Wrong::new("a base has no query").help("write it into `path`"));
    }
    plan_http::url(text)
}

/// A path put behind a base.
fn behind(base: &str, path: &str) -> Result<String, Wrong> {
    if !path.starts_with(['/', '?']) {
        let wrong = Wrong::new(format!("{} is not a path", shown(path)));
        let is_url = path.contains("://");
        return Err(wrong.help(if is_url {
            "write it as `url`"
        } else {
            "it begins with a slash"
        }));
    }
    Ok(format!("{}{path}", base.trim_end_matches('/')))
}

/// `values`: known from the beginning.
fn known(row: &Row<'_>) -> Vec<(Arc<str>, Known)> {
    let mut known = Vec::new();
    for (key, value) in row.entries("values").unwrap_or_default() {
        let name = row.understood("values", &key, name);
        let held = match value.get_ref() {
            DeValue::String(text) => Some(Known { text: text.to_string(), is_secret: false }),
            DeValue::Table(_) => secret(row, value),
            _ => {
                row.mismatch("values", value);
                None
            }
        };
        known.extend(name.map(|name| name.value).zip(held));
    }
    known
}

fn secret<'a>(row: &Row<'a>, value: &'a Spanned<DeValue<'a>>) -> Option<Known> {
    let row = row.open_row(&HEADER, "values", value)?;
    frame::exclusive(&row, &["value_env", "value_file"]);
    let held = receivers::outside(&row, "value_env", "value_file");
    if held.is_none() && !row.has("value_env") && !row.has("value_file") {
        row.note_missing("it has no value".to_owned(), "value_env or value_file");
    }
    held.map(|(text, _)| Known { text, is_secret: true })
}

fn name(text: &str) -> Result<Arc<str>, Wrong> {
    if is_name(text) {
        return Ok(text.into());
    }
    Err(Wrong::new(format!("{} cannot be used as {{name}}", shown(text)))
        .help("lower-case letters, digits and underscores, not a digit first"))
}

fn captures(row: &Row<'_>) -> Vec<Capture> {
    let read = |(key, value): (At<&str>, _)| {
        let name = row.understood("capture", &key, name);
        let place = place(row, value);
        Some(Capture { name: name?.value, place: place? })
    };
    row.entries("capture").unwrap_or_default().into_iter().filter_map(read).collect()
}

fn place<'a>(row: &Row<'a>, value: &'a Spanned<DeValue<'a>>) -> Option<Place> {
    if let Some(text) = value.get_ref().as_str() {
        let text = At { value: text, span: value.span() };
        let pointer = row.understood("capture", &text, expect::pointer)?;
        return Some(Place::Json(pointer.value));
    }
    let row = row.open_row(&CAPTURE, "capture", value)?;
    frame::exclusive(&row, &["json", "body", "header", "cookie"]);
    let json = row.parsed("json", expect::pointer).map(|at| Place::Json(at.value));
    let body = row.text("body").and_then(|text| frame::pattern(&row, "body", &text));
    let header = row.parsed("header", plan_http::header_name);
    let cookie = row.parsed("cookie", cookie::name).map(|at| Place::Cookie(at.value));
    let found =
        json.or(body.map(Place::Body)).or(header.map(|at| Place::Header(at.value))).or(cookie);
    let is_written = ["json", "body", "header", "cookie"].into_iter().any(|key| row.has(key));
    if !is_written {
        row.note_missing("it says nowhere to look".to_owned(), "json, body, header or cookie");
    }
    found
}
