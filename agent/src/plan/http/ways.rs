//! `ways` and `inner`: several ways to the same server.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use toml::Spanned;
use toml::de::DeValue;

use super::super::frame;
use super::super::names::Hosts;
use super::super::notes::{At, Wrong};
use super::super::row::Row;
use super::super::schema::WAY;
use super::super::values;
use super::{There, connect, header_name, headers, place, probed};
use crate::probe::http::ways::{Sameness, Way, Ways};

const MIN_WAYS: usize = 2;
const MAX_WAYS: usize = 8;
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The ways of a check as they are written.
pub(in crate::plan) struct Written {
    pub(in crate::plan) each: Vec<Way>,
    pub(in crate::plan) sameness: Sameness,
}

impl Written {
    /// The ways of one request.
    pub(super) fn of(self, spec: &probed::Spec) -> Box<Ways> {
        Box::new(Ways::of(spec, &self.each, self.sameness))
    }
}

/// Reads them, where there are any; `there` is the way that the URL leads.
pub(in crate::plan) fn read(
    row: &Row<'_>,
    hosts: &Hosts,
    url: Option<&Uri>,
    there: &There,
) -> Option<Written> {
    frame::exclusive(row, &["ways", "inner"]);
    let sameness = sameness(row);
    if !row.has("ways") && !row.has("inner") {
        let alone = ["same_body", "may_differ"].into_iter().find(|key| row.has(key));
        if let Some(key) = alone {
            let wrong = Wrong::new(format!("`{key}` is about `ways`, and there are none"))
                .help("name them in `ways`, or a second one as `inner`");
            row.note(&row.span_of(key), wrong);
        }
        return None;
    }
    let each = if row.has("ways") { several(row, hosts, url, there) } else { Vec::new() };
    let each = match row.value("inner") {
        Some(inner) if !row.has("ways") => {
            let outer = Way {
                name: "outer".into(),
                connect: there.connect.clone(),
                source: there.source,
                in_plain: None,
                headers: HeaderMap::new(),
            };
            one(row, "inner", "inner", inner, hosts, url, there)
                .map_or_else(Vec::new, |inner| vec![outer, inner])
        }
        _ => each,
    };
    (each.len() >= MIN_WAYS).then_some(Written { each, sameness })
}

fn several<'a>(row: &Row<'a>, hosts: &Hosts, url: Option<&Uri>, there: &There) -> Vec<Way> {
    let Some(entries) = row.entries("ways") else { return Vec::new() };
    if !(MIN_WAYS..=MAX_WAYS).contains(&entries.len()) {
        let wrong = Wrong::new(format!("`ways` names {}", entries.len()))
            .help(format!("{MIN_WAYS} to {MAX_WAYS} of them, nearest the visitor first"));
        row.note(&row.span_of("ways"), wrong);
        return Vec::new();
    }
    if row.value("connect").is_some_and(|connect| connect.get_ref().is_str()) {
        frame::exclusive(row, &["ways", "connect"]);
    }
    let read = |(name, value): (At<&'a str>, &'a Spanned<DeValue<'a>>)| {
        let name = row.understood("ways", &name, values::name)?;
        one(row, "ways", &name.value, value, hosts, url, there)
    };
    entries.into_iter().filter_map(read).collect()
}

fn one<'a>(
    row: &Row<'a>,
    key: &'static str,
    name: &str,
    value: &'a Spanned<DeValue<'a>>,
    hosts: &Hosts,
    url: Option<&Uri>,
    there: &There,
) -> Option<Way> {
    let named = url.and_then(place);
    let mut way = Way {
        name: Arc::from(name),
        connect: Vec::new(),
        source: there.source,
        in_plain: None,
        headers: HeaderMap::new(),
    };
    if let Some(text) = value.get_ref().as_str() {
        let text = At { value: text, span: value.span() };
        let port = named.as_ref().map(|(_, port)| *port);
        let dialled = frame::endpoint(row, key, &text, hosts, port.or(Some(443)))?;
        if let Some(from) = named {
            way.connect.push(probed::Connect { from, to: dialled.endpoint });
        }
    } else {
        let own = row.open_row(&WAY, key, value)?;
        let (connect, dialled) = connect(&own, hosts, named.as_ref());
        let target = dialled.as_ref().map(|dialled| &dialled.endpoint.host);
        way.connect = connect;
        way.source = frame::source(&own, target).or(there.source);
        way.headers = headers(&own);
        if own.switch("plain") == Some(true) {
            in_plain(&own, &mut way, url);
        }
    }
    let others =
        there.connect.iter().filter(|known| way.connect.iter().all(|own| own.from != known.from));
    let others: Vec<_> = others.cloned().collect();
    way.connect.extend(others);
    Some(way)
}

/// A hop without TLS is told by whom it is asked that the visitor came by https.
fn in_plain(row: &Row<'_>, way: &mut Way, url: Option<&Uri>) {
    let Some(url) = url else { return };
    if url.scheme_str() != Some("https") {
        let wrong = Wrong::new("`plain` takes TLS off, and the URL has none")
            .help("remove it: the URL says http already");
        row.note(&row.span_of("plain"), wrong);
        return;
    }
    let Some((host, port)) = place(url) else { return };
    way.in_plain = Some((host.clone(), port));
    way.headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static("https"));
    let own = way.connect.iter().find(|connect| connect.from == (host.clone(), port));
    // An application that speaks no TLS may also redirect to itself without it.
    if let Some(to) = own.map(|connect| connect.to.clone())
        && way.connect.iter().all(|connect| connect.from != (host.clone(), 80))
    {
        way.connect.push(probed::Connect { from: (host, 80), to });
    }
}

fn sameness(row: &Row<'_>) -> Sameness {
    let mut sameness =
        Sameness { same_body: row.switch("same_body").unwrap_or(false), ..Sameness::default() };
    for text in row.texts("may_differ").unwrap_or_default() {
        let lower = text.value.to_ascii_lowercase();
        match &*lower {
            "status" => sameness.may_differ.status = true,
            "location" => sameness.may_differ.location = true,
            "cookies" | "set-cookie" => sameness.may_differ.cookies = true,
            "certificate" => sameness.may_differ.certificate = true,
            _ => sameness
                .may_differ
                .headers
                .extend(row.understood("may_differ", &text, header_name).map(|name| name.value)),
        }
    }
    sameness
}
