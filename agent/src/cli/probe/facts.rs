//! What a probe saw, for people: the status line and headers of an answer, the chain of a
//! handshake certificate by certificate, a zone server by server.

use std::fmt::Write as _;

use axum::http::StatusCode;
use health::facts::{
    AnswerFacts, CertificateFacts, DnsFacts, HttpFacts, RecordFacts, ServerFacts, TlsFacts,
};
use health::{Language, Observation, State};
use jiff::{SignedDuration, Timestamp};

use crate::cli::columns::columns;
use crate::cli::paint::{self, BOLD, DIM, printable};
use crate::probe::Spec;

/// Blocks of lines, to be set apart by blank ones.
pub(super) fn blocks(spec: &Spec, seen: &Observation, language: Language) -> Vec<String> {
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
    blocks.extend(facts.tls.as_deref().map(|tls| handshake(tls, seen.at, language)));
    blocks.extend(facts.http.as_deref().and_then(answer));
    blocks.extend(facts.dns.as_deref().map(zone));
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

fn handshake(tls: &TlsFacts, now: Timestamp, language: Language) -> String {
    let (good, bad) = (paint::state(State::Up), paint::state(State::Down));
    let trust = match (tls.trusted, language) {
        (true, Language::En) => format!("{good}leads to a trusted root{good:#}"),
        (true, Language::Ko) => format!("{good}신뢰할 수 있는 루트로 이어짐{good:#}"),
        (false, Language::En) => format!("{bad}does not lead to a trusted root{bad:#}"),
        (false, Language::Ko) => format!("{bad}신뢰할 수 있는 루트로 이어지지 않음{bad:#}"),
    };
    let alpn = tls.alpn.as_deref().map(|alpn| format!(", ALPN {alpn}")).unwrap_or_default();
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  {}{}\n",
        printable(&tls.protocol),
        printable(&tls.cipher),
        printable(&alpn)
    );
    text += &field("asked for", &tls.server_name);
    let _ = writeln!(text, "{DIM}{:<10}{DIM:#}  {trust}", "chain");
    for (position, one) in tls.chain.iter().enumerate() {
        text.push('\n');
        text += &certificate(position, one, now, language);
    }
    if let Some(file) = &tls.file {
        let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", printable(&file.path));
        match file.chain.first() {
            Some(leaf) => text += &certificate(0, leaf, now, language),
            None => text += &field("  ", "unreadable"),
        }
    }
    text
}

fn certificate(
    position: usize,
    one: &CertificateFacts,
    now: Timestamp,
    language: Language,
) -> String {
    let mut text = format!("{position:>2}  {BOLD}{}{BOLD:#}\n", printable(&one.subject));
    let mut field = |name: &str, value: String| {
        let _ = writeln!(text, "    {DIM}{name:<8}{DIM:#}  {value}");
    };
    if !one.names.is_empty() {
        field("names", printable(&one.names.join(", ")));
    }
    let issuer = if one.is_self_signed { "itself".to_owned() } else { printable(&one.issuer) };
    field("issuer", issuer);
    let (left, colour) = left(one, now, language);
    let [from, to] = [one.not_before, one.not_after].map(day);
    field("valid", format!("{from} → {to}  {colour}{left}{colour:#}"));
    field("key", format!("{}, signed with {}", printable(&one.key), printable(&one.signature)));
    field("serial", printable(&one.serial));
    field("sha256", printable(&one.fingerprint));
    text
}

/// How long it is valid still, and how that looks.
fn left(one: &CertificateFacts, now: Timestamp, language: Language) -> (String, anstyle::Style) {
    let whole = days(one.not_after.duration_since(one.not_before));
    let left = days(one.not_after.duration_since(now));
    let (words, state) = match language {
        _ if one.not_before > now => match language {
            Language::En => ("not valid yet".to_owned(), State::Down),
            Language::Ko => ("아직 유효하지 않음".to_owned(), State::Down),
        },
        Language::En if one.not_after <= now => {
            (format!("expired {} days ago", -left), State::Down)
        }
        Language::Ko if one.not_after <= now => (format!("{}일 전에 만료됨", -left), State::Down),
        Language::En => (format!("{left} of {whole} days left"), fading(left, whole)),
        Language::Ko => (format!("{whole}일 중 {left}일 남음"), fading(left, whole)),
    };
    (words, paint::state(state))
}

/// The usual bounds: a third of the lifetime, then a tenth.
fn fading(left: i64, whole: i64) -> State {
    match left * 100 {
        part if part <= whole * 10 => State::Down,
        part if part <= whole * 33 => State::Degraded,
        _ => State::Up,
    }
}

fn days(span: SignedDuration) -> i64 {
    span.as_hours() / 24
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Server by server, then record by record on every server.
fn zone(dns: &DnsFacts) -> String {
    let mut text = format!("{DIM}zone{DIM:#}  {BOLD}{}{BOLD:#}\n", printable(&dns.zone));
    let servers: Vec<[String; 5]> = dns
        .servers
        .iter()
        .map(|server| {
            [
                server.name.to_string(),
                server.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
                if server.is_resolver { "cache" } else { "authority" }.to_owned(),
                match (server.reachable, server.serial) {
                    (false, _) => "no answer".to_owned(),
                    (true, Some(serial)) => serial.to_string(),
                    (true, None) => "-".to_owned(),
                },
                round_trip(server.rtt_seconds),
            ]
        })
        .collect();
    text += &columns(["server", "address", "asked as", "serial", "time"], &servers, "  ");
    for record in &dns.records {
        text.push('\n');
        text += &on_every_server(record, &dns.servers);
    }
    text
}

fn on_every_server(record: &RecordFacts, servers: &[ServerFacts]) -> String {
    let mut text = format!(
        "{BOLD}{} {}{BOLD:#}  {DIM}{}{DIM:#}\n",
        printable(&record.name),
        printable(&record.record_type),
        printable(&record.expected)
    );
    let rows: Vec<[String; 6]> = record
        .answers
        .iter()
        .map(|answer| {
            let server = servers.get(answer.server);
            [
                if answer.matches { "✓" } else { "✗" }.to_owned(),
                server.map(place).unwrap_or_default(),
                said(answer),
                answer.ttl.map(|ttl| format!("{ttl} s")).unwrap_or_default(),
                answer.flags.to_string() + if answer.over_tcp { " tcp" } else { "" },
                round_trip(answer.rtt_seconds),
            ]
        })
        .collect();
    text += &columns(["", "server", "answer", "TTL", "flags", "time"], &rows, "  ");
    text
}

fn place(server: &ServerFacts) -> String {
    match server.address {
        Some(address) if *server.name == *address.to_string() => server.name.to_string(),
        Some(address) if *server.name == *address.ip().to_string() => server.name.to_string(),
        Some(address) => format!("{} {}", server.name, address.ip()),
        None => server.name.to_string(),
    }
}

fn said(answer: &AnswerFacts) -> String {
    if answer.values.is_empty() { answer.outcome.to_string() } else { answer.values.join(", ") }
}

fn round_trip(seconds: Option<f64>) -> String {
    seconds.map(|seconds| format!("{:.1} ms", seconds * 1e3)).unwrap_or_default()
}
