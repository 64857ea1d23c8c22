//! What a probe saw, for people: the address, what was said, the status line and headers of an
//! answer; `handshake` and `matrix` have the rest.

use std::fmt::Write as _;

use axum::http::StatusCode;
use health::facts::HttpFacts;
use health::{Language, Observation, State};

use crate::cli::paint::{self, BOLD, DIM, printable};
use crate::probe::Spec;

use super::matrix::{self, Paper};
use super::{Detail, handshake, visits};

/// Blocks of lines, to be set apart by blank ones.
pub(super) fn blocks(
    spec: &Spec,
    seen: &Observation,
    detail: Detail,
    language: Language,
) -> Vec<String> {
    let facts = &seen.facts;
    let mut blocks = Vec::new();
    // A zone lists its addresses itself.
    if !matches!(spec, Spec::Dns(_))
        && let Some(address) = facts.address
    {
        let mut block = field("address", &address.to_string());
        if !facts.resolved.is_empty() {
            let all: Vec<String> = facts.resolved.iter().map(ToString::to_string).collect();
            block += &field("resolved", &all.join(", "));
        }
        match (&facts.hello, &facts.banner) {
            (Some(hello), _) => {
                block += &field("speaks", &hello.protocol);
                block += &hello.version.as_deref().map(|v| field("version", v)).unwrap_or_default();
                block += &field("answered", &hello.answer);
            }
            (None, Some(banner)) => block += &field("said", banner),
            (None, None) => {}
        }
        blocks.push(block);
    }
    blocks.extend(handshake::blocks(spec, seen, detail, language));
    blocks.extend(visits::waterfall(&facts.visits, seen.duration, language));
    blocks.extend(facts.http.as_deref().and_then(answer));
    if let Some(dns) = facts.dns.as_deref() {
        blocks.extend(matrix::blocks(dns, seen.at, Paper::here(detail, language)));
    }
    blocks
}

fn field(name: &str, value: &str) -> String {
    format!("{DIM}{name:<10}{DIM:#}  {}\n", printable(value))
}

/// Redirects on the way, then the answer that was judged; `None` when there was none at all.
fn answer(http: &HttpFacts) -> Option<String> {
    let mut text = String::new();
    for hop in &http.redirects {
        let _ = writeln!(
            text,
            "{BOLD}{}{BOLD:#} {}\n    → {}",
            hop.status,
            printable(&hop.url),
            printable(&hop.location)
        );
    }
    if let Some(status) = http.status {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        let colour = paint::state(match status {
            100..400 => State::Up,
            _ => State::Down,
        });
        let first = format!("HTTP/{} {status} {reason}", http.version);
        let _ = writeln!(text, "{colour}{}{colour:#}  {}", first.trim_end(), printable(&http.url));
        for (name, value) in http.headers.iter() {
            let _ = writeln!(text, "{DIM}{}:{DIM:#} {}", printable(name), printable(value));
        }
        let announced = match http.content_length {
            Some(length) if length != http.body_bytes => format!(" of {length} announced"),
            _ => String::new(),
        };
        let _ = writeln!(text, "\n{DIM}body{DIM:#} {} bytes{announced}", http.body_bytes);
    }
    if let Some(excerpt) = &http.excerpt {
        // Line ends are kept as they are written in a program, so that an excerpt is one line.
        for line in excerpt.replace("\\r", "").replace("\\n", "\n").lines() {
            let _ = writeln!(text, "  {}", printable(line));
        }
    }
    (!text.is_empty()).then_some(text)
}
