//! What CAs answer, and what is made of it.

use jiff::SignedDuration;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use super::{Windows, later, pause, read};
use crate::tls::workshop::noon;

#[test]
fn reads_windows() {
    let cases = [
        (
            r#"{"suggestedWindow":{"start":"2026-07-01T04:00:00Z","end":"2026-07-03T04:00:00Z"},"explanationURL":"https://ca.example/docs/ari"}"#,
            Some(("2026-07-01T04:00:00Z", Some("https://ca.example/docs/ari"))),
        ),
        (
            r#"{"suggestedWindow":{"start":"2026-07-01T04:00:00.5+09:00","end":"2026-07-03T04:00:00Z"},"more":1}"#,
            Some(("2026-06-30T19:00:00.5Z", None)),
        ),
        (
            r#"{"suggestedWindow":{"start":"2026-07-01T04:00:00Z","end":"2026-07-03T04:00:00Z"},"explanationURL":"javascript:alert(1)"}"#,
            Some(("2026-07-01T04:00:00Z", None)),
        ),
        (
            r#"{"suggestedWindow":{"start":"2026-07-03T04:00:00Z","end":"2026-07-01T04:00:00Z"}}"#,
            None,
        ),
        (r#"{"suggestedWindow":{"start":"soon","end":"2026-07-01T04:00:00Z"}}"#, None),
        ("<html>", None),
    ];
    for (body, expected) in cases {
        let window = read(body.as_bytes(), noon());
        let told = window.as_ref().map(|told| (told.start, told.explanation.as_deref()));
        let expected = expected.map(|(start, why)| (start.parse().unwrap(), why));
        assert_eq!(told, expected, "{body}");
    }
}

#[test]
fn comes_back_when_told_within_reason() {
    let cases = [
        (None, 6 * 3_600),
        (Some("21600"), 6 * 3_600),
        (Some("0"), 60),
        (Some("99999999"), 24 * 3_600),
        (Some("-5"), 6 * 3_600),
        (Some("tomorrow"), 6 * 3_600),
        (Some("Mon, 15 Jun 2026 14:00:00 GMT"), 2 * 3_600),
        (Some("Mon, 15 Jun 2020 14:00:00 GMT"), 60),
    ];
    for (value, seconds) in cases {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        assert_eq!(pause(&headers, noon()).as_secs(), seconds, "{value:?}");
    }
}

#[test]
fn holds_a_window_while_the_ca_is_away_for_a_week() {
    let windows = Windows::default();
    let body =
        r#"{"suggestedWindow":{"start":"2026-07-01T04:00:00Z","end":"2026-07-03T04:00:00Z"}}"#;
    windows.note("leaf", read(body.as_bytes(), noon()), noon());
    windows.note("leaf", None, noon());
    for (days, is_held) in [(0, true), (6, true), (7, false)] {
        let at = later(noon(), SignedDuration::from_hours(days * 24));
        assert_eq!(windows.window("leaf", at).is_some(), is_held, "day {days}");
    }
    assert_eq!(windows.window("another", noon()), None);
}
