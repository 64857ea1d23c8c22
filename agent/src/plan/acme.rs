//! `[[acme]]`

use std::sync::Arc;

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Dialled, Hosts, Names};
use super::notes::{At, Wrong};
use super::row::Row;
use super::values;
use crate::probe::{self, acme};

/// Most names that a CA of the public web puts into one certificate.
const MOST_DOMAINS: usize = 100;

/// Reads one `[[acme]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let domains = domains(row);
    let renewal = row.text("renewal").and_then(|text| frame::path(row, "renewal", &text));
    let webroot = row.text("webroot").and_then(|text| frame::path(row, "webroot", &text));
    if !row.has("renewal") {
        for key in ["domains", "webroot"].into_iter().filter(|&key| !row.has(key)) {
            row.note_missing(
                format!("[[acme]] needs `{key}`"),
                "or `renewal`, certbot's own file, which says both",
            );
        }
    }
    let connect = connect(row, hosts);
    let dialled = connect.first().map(|(_, dialled)| dialled);
    let source = frame::source(row, dialled.map(|dialled| &dialled.endpoint.host));
    let owner = dialled.and_then(|dialled| dialled.owner.clone());
    let roots = pace.roots(row);
    let instance = match &*domains {
        [] => row.text("renewal").map_or_else(String::new, |text| text.value.to_owned()),
        [first, second, third, _, ..] => format!("{first}, {second}, {third}, …"),
        few => few.join(", "),
    };
    let frame = named.frame(&pace, Kind::Acme, &instance, owner)?;
    let connect = connect.into_iter().map(|(connect, _)| connect).collect();
    let spec = acme::Spec { domains, webroot, connect, source, renewal, roots: roots? };
    Some(probe::Check { frame, spec: probe::Spec::Acme(Box::new(spec)) })
}

fn domains(row: &Row<'_>) -> Vec<Arc<str>> {
    let texts = row.texts("domains").unwrap_or_default();
    let mut domains: Vec<Arc<str>> = Vec::new();
    for text in texts.iter().take(MOST_DOMAINS) {
        let Some(domain) = row.understood("domains", text, domain) else { continue };
        if domains.contains(&domain.value) {
            let wrong = Wrong::new(format!("{:?} is there twice", text.value));
            row.note_key("domains", &text.span, wrong);
        }
        domains.push(domain.value);
    }
    if let Some(text) = texts.get(MOST_DOMAINS) {
        let wrong = Wrong::new(format!("more than {MOST_DOMAINS} names"))
            .help("no CA puts more into one certificate; write a check for each certificate");
        row.note_key("domains", &text.span, wrong);
    }
    domains
}

/// A name that can be validated over HTTP-01.
fn domain(text: &str) -> Result<Arc<str>, Wrong> {
    if text.starts_with("*.") {
        return Err(Wrong::new(format!("{text:?} cannot be validated over HTTP-01")).help(
            "a wildcard takes DNS-01: watch `_acme-challenge` in a [[dns]] check of its zone",
        ));
    }
    if let Some((_, rest)) = text.split_once("://") {
        let name = rest.split(['/', ':']).next().unwrap_or_default();
        return Err(Wrong::new(format!("{text:?} is a URL"))
            .help(format!("write the name alone: {name:?}")));
    }
    values::domain(text).map(Arc::from)
}

/// Where to dial instead: for port 80, or a table by port, or by host and port.
fn connect(row: &Row<'_>, hosts: &Hosts) -> Vec<(acme::Connect, Dialled)> {
    let Some(value) = row.value("connect") else { return Vec::new() };
    let dialled = |text: &At<&str>, port| frame::endpoint(row, "connect", text, hosts, Some(port));
    if let Some(text) = value.get_ref().as_str() {
        let to = dialled(&At { value: text, span: value.span() }, 80);
        return to.map(|to| (connected(None, 80, &to), to)).into_iter().collect();
    }
    let mut list = Vec::new();
    for (from, to) in row.entries("connect").unwrap_or_default() {
        let Some(text) = to.get_ref().as_str() else {
            row.mismatch("connect", to);
            continue;
        };
        let from = row.understood("connect", &from, place);
        let Some(At { value: (host, port), .. }) = from else { continue };
        let text = At { value: text, span: to.span() };
        list.extend(dialled(&text, port).map(|to| (connected(host, port, &to), to)));
    }
    list
}

fn connected(host: Option<Arc<str>>, port: u16, to: &Dialled) -> acme::Connect {
    acme::Connect { host, port, to: to.endpoint.clone() }
}

/// `80`, `443`, or one of them of one host: a CA asks for no others.
fn place(text: &str) -> Result<(Option<Arc<str>>, u16), Wrong> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (Some(values::domain(host)?.into()), values::port(port)?),
        None => (None, values::port(text)?),
    };
    if !matches!(port, 80 | 443) {
        return Err(Wrong::new(format!("a CA asks for nothing on port {port}"))
            .help("it begins on port 80 and follows redirects to 80 and 443"));
    }
    Ok((host, port))
}
