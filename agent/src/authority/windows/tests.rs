//! What CAs answer, and what is made of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use health::facts::CertificateFacts;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::{Windows, ask, later, pause, read};
use crate::authority::Directory;
use crate::net::Net;
use crate::probe::Stopwatch;
use crate::tls::Roots;
use crate::tls::workshop::{Authority, days, noon, serve_raw, trusting};

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

/// A CA over HTTPS that answers by path, and how often it was asked.
async fn ca(ip: &str, answer: fn(&str, &str) -> String) -> (String, Roots, Arc<AtomicUsize>) {
    let root = Authority::root("Renewals");
    let leaf = root.leaf(&[ip], &|params| days(params, -1_000, 3_650));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der.clone()], leaf.private_key())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let address = serve_raw(ip, move |stream| {
        let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
        async move {
            let place = format!("https://{}", stream.local_addr().unwrap());
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n")
                && stream.read_buf(&mut request).await.unwrap() > 0
            {}
            let request = String::from_utf8(request).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let path = request.split(' ').nth(1).unwrap();
            stream.write_all(answer(&place, path).as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (format!("https://{}/directory", address.await), trusting(&[root.der()]), asked)
}

fn json(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nretry-after: 7200\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn willing(place: &str, path: &str) -> String {
    match path {
        "/directory" => json(&format!(r#"{{"renewalInfo":"{place}/renewal"}}"#)),
        "/renewal/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" => json(
            r#"{"suggestedWindow":{"start":"2026-07-01T04:00:00Z","end":"2026-07-03T04:00:00Z"}}"#,
        ),
        _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
    }
}

fn leaf() -> CertificateFacts {
    CertificateFacts {
        fingerprint: "leaf".to_owned(),
        not_after: later(noon(), SignedDuration::from_hours(60 * 24)),
        renewal_id: Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".to_owned()),
        ..CertificateFacts::default()
    }
}

fn net() -> Net {
    Net::new(Some(SocketAddr::from(([127, 0, 0, 1], 53)))).unwrap()
}

/// Asks at a moment, as a probe of ten seconds does.
async fn asked_at(net: &Net, directory: &str, roots: &Roots, now: Timestamp) {
    let until = Stopwatch::start(Duration::from_secs(10)).deadline();
    ask(net, &Directory::At(directory.to_owned()), &leaf(), roots, now, until).await;
}

#[tokio::test]
async fn asks_once_and_again_when_the_ca_says() {
    let (directory, roots, asked) = ca("127.0.74.11", willing).await;
    let net = net();
    asked_at(&net, &directory, &roots, noon()).await;
    let window = net.authority.window("leaf", noon()).unwrap();
    assert_eq!(window.start.to_string(), "2026-07-01T04:00:00Z");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the directory and the window");
    let hours = |hours| later(noon(), SignedDuration::from_hours(hours));
    asked_at(&net, &directory, &roots, hours(1)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "not before two hours");
    asked_at(&net, &directory, &roots, hours(3)).await;
    let asked_again = async {
        while asked.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, asked_again).await.expect("asked again in the background");
    assert!(net.authority.window("leaf", hours(3)).is_some(), "held meanwhile");
}

#[tokio::test]
async fn goes_without_where_a_ca_is_of_no_help() {
    let none = |_: &str, _: &str| json(r#"{"newOrder":"https://127.0.0.1/"}"#);
    let away = |_: &str, _: &str| {
        "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    };
    let moved = |place: &str, _: &str| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {place}/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    };
    let plain = |_: &str, _: &str| json(r#"{"renewalInfo":"http://127.0.0.1/"}"#);
    let long = |_: &str, _: &str| json(&format!("\"{}\"", "a".repeat(100_000)));
    let cases: [fn(&str, &str) -> String; 5] = [none, away, moved, plain, long];
    for answer in cases {
        let (directory, roots, asked) = ca("127.0.74.12", answer).await;
        let net = net();
        asked_at(&net, &directory, &roots, noon()).await;
        assert_eq!(net.authority.window("leaf", noon()), None);
        asked_at(&net, &directory, &roots, noon()).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1, "not again at once, and nowhere else");
    }
    let (directory, _, asked) = ca("127.0.74.13", willing).await;
    let net = net();
    asked_at(&net, &directory, &trusting(&[]), noon()).await;
    assert_eq!((asked.load(Ordering::SeqCst), net.authority.window("leaf", noon())), (0, None));
}

#[tokio::test]
async fn none_of_those_who_come_together_judges_without_the_answer() {
    let (directory, roots, asked) = ca("127.0.74.14", willing).await;
    let net = net();
    let come = async || {
        asked_at(&net, &directory, &roots, noon()).await;
        net.authority.window("leaf", noon()).is_some()
    };
    assert_eq!(tokio::join!(come(), come(), come()), (true, true, true));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the directory and the window, once");
}
