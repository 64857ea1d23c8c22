//! Answers, servers and commands in words, the same in every finding.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Text, text};
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::expectation::Expected;
use super::question::Role;
use super::reply::Outcome;
use super::server::{Server, USUAL_PORT};
use super::values::render_name;

/// Characters of values shown within a sentence; the evidence has more.
const LONGEST_QUOTE: usize = 120;
/// Servers named within a sentence.
pub(super) const MOST_NAMED: usize = 5;

/// Where DNS is spoken over TLS (RFC 7858 §3.1).
const TLS_PORT: u16 = 853;

/// `www.shop.example A`.
pub(super) fn title(name: &Name, record_type: RecordType) -> String {
    format!("{} {record_type}", render_name(name))
}

/// What a server said, as it reads after "answers".
pub(super) fn said(outcome: &Outcome, record_type: RecordType) -> Text {
    match outcome {
        Outcome::Values(values) => Text::same(quote(values, record_type)),
        Outcome::Alias(target) => text!("a CNAME to {target}", "{target}을(를) 가리키는 CNAME"),
        Outcome::Dangling(target) => text!(
            "a CNAME to {target}, which does not exist",
            "존재하지 않는 {target}을(를) 가리키는 CNAME"
        ),
        Outcome::Loop(names) => {
            text!("a loop of CNAMEs ({way})", "CNAME 순환({way})", way = names.join(" → "))
        }
        Outcome::Nodata => text!("no such record", "그런 레코드 없음"),
        Outcome::Nxdomain => text!("no such name (NXDOMAIN)", "그런 이름 없음(NXDOMAIN)"),
        Outcome::Delegated(servers) => {
            text!("a delegation to {to}", "{to}(으)로의 위임", to = servers.join(", "))
        }
        Outcome::NotAuthoritative | Outcome::Upward(_) | Outcome::Failed(_) | Outcome::Lost(_) => {
            Text::same(outcome.label())
        }
    }
}

/// What the plan wants, as it reads after "the plan says".
pub(super) fn wanted(expected: &Expected, record_type: RecordType) -> Text {
    match expected {
        Expected::Exactly(values) => Text::same(quote(values, record_type)),
        Expected::Contains(values) => {
            text!("at least {some}", "{some} 포함", some = quote(values, record_type))
        }
        Expected::Absent => text!("no such record", "레코드 없음"),
        Expected::Anything => text!("anything", "아무 값"),
        Expected::Unknown => text!("what could not be told", "알 수 없는 값"),
    }
}

/// Values within a sentence: texts in quotes, and not too much of them.
pub(super) fn quote(values: &[String], record_type: RecordType) -> String {
    let mut quoted = String::new();
    for value in values {
        if !quoted.is_empty() {
            quoted.push_str(", ");
        }
        let left = LONGEST_QUOTE.saturating_sub(quoted.chars().count());
        let shown: String = value.chars().take(left).collect();
        let more = if shown.len() < value.len() { "…" } else { "" };
        if record_type == RecordType::TXT {
            quoted.push_str(&format!("\"{shown}{more}\""));
        } else {
            quoted.push_str(&format!("{shown}{more}"));
        }
        if !more.is_empty() {
            break;
        }
    }
    quoted
}

/// `ns1 (192.0.2.1), ns2 (192.0.2.2) and 3 more`.
pub(super) fn names<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Text {
    let titles: Vec<String> = servers.into_iter().map(Server::title).collect();
    let shown = titles.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match titles.len().saturating_sub(MOST_NAMED) {
        0 => Text::same(shown),
        more => text!("{shown} and {more} more", "{shown} 외 {more}곳"),
    }
}

/// The first of many queries, for a sentence.
pub(super) fn some_of(queries: &[String]) -> String {
    let shown = queries.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = queries.len().saturating_sub(MOST_NAMED);
    if more == 0 { shown } else { format!("{shown}, … (+{more})") }
}

/// The verb after so many names.
pub(super) fn have(count: usize) -> &'static str {
    if count == 1 { "has" } else { "have" }
}

/// The command that shows the same by hand.
pub(super) fn dig(server: &Server, name: &Name, record_type: RecordType) -> String {
    let at = server.address.map(at).unwrap_or_default();
    let recursion = match server.role {
        Role::Authoritative => " +norecurse",
        Role::Resolver => "",
    };
    let tls = match server.address.map(|address| address.port()) {
        Some(TLS_PORT) => " +tls",
        _ => "",
    };
    format!("dig {at}{tls}{recursion} {} {record_type}", render_name(name))
}

/// The command that asks an authoritative server at an address.
pub(super) fn dig_at(server: SocketAddr, name: &Name, record_type: RecordType) -> String {
    format!("dig {} +norecurse {} {record_type}", at(server), render_name(name))
}

fn at(address: SocketAddr) -> String {
    match address.port() {
        USUAL_PORT => format!("@{}", address.ip()),
        TLS_PORT => format!("@{}", address.ip()),
        port => format!("@{} -p {port}", address.ip()),
    }
}

/// A moment as evidence has it: RFC 3339, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// A time to live as people say it; rounded up, so that waiting that long is enough.
pub(super) fn lasting(ttl_seconds: u32) -> Text {
    let time = Duration::from_secs(ttl_seconds.into()).as_secs();
    match time {
        0..=90 => text!("{time} more seconds", "{time}초"),
        91..=5400 => text!("{minutes} more minutes", "{minutes}분", minutes = time.div_ceil(60)),
        5401..=172_800 => text!("{hours} more hours", "{hours}시간", hours = time.div_ceil(3600)),
        _ => text!("{days} more days", "{days}일", days = time.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_quotes_no_more_than_it_can_hold() {
        let long = vec!["x".repeat(100), "y".repeat(100), "z".to_owned()];
        let quoted = quote(&long, RecordType::TXT);
        assert!(quoted.starts_with("\"xxx") && quoted.ends_with("y…\""), "{quoted}");
        assert_eq!(quote(&["192.0.2.1".to_owned()], RecordType::A), "192.0.2.1");
    }

    #[test]
    fn time_is_rounded_up() {
        for (ttl, said) in [
            (0, "0 more seconds"),
            (90, "90 more seconds"),
            (91, "2 more minutes"),
            (2520, "42 more minutes"),
            (5401, "2 more hours"),
            (200_000, "3 more days"),
        ] {
            assert_eq!(lasting(ttl).en, said);
        }
    }
}
