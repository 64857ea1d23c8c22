//! Answers of HTTP/1.1, and counts of nginx, that no server would give.

use bytes::BytesMut;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::framing::unwrapped;
use super::http1::{Parsed, parse};
use super::jar::{Jar, Visit};
use super::stub_status;

/// An answer, interim ones before it; what of it is body does not depend on how it was cut.
pub fn answer(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    let head = loop {
        match parse(&mut buffer, false) {
            Ok(Parsed::Whole(head)) => break head,
            Ok(Parsed::Interim) => {}
            Ok(Parsed::Partial) | Err(_) => return,
        }
    };
    let Ok(framing) = head.framing else { return };
    let whole = unwrapped(framing, [&*buffer]);
    let (first, second) = buffer.split_at(buffer.len() / 2);
    let halves = unwrapped(framing, [first, second]);
    assert_eq!(whole.is_ok(), halves.is_ok());
    if let (Ok(whole), Ok(halves)) = (whole, halves) {
        assert_eq!(whole, halves);
    }
}

/// The page on which nginx counts its connections: text with each of its words, or none.
pub fn counts(bytes: &[u8]) {
    if stub_status::parse(bytes).is_some() {
        let text = String::from_utf8_lossy(bytes);
        assert!(
            ["Active", "accepts", "Reading:", "Waiting:"].iter().all(|word| text.contains(word))
        );
    }
}

/// Set-Cookie lines, one per line: what a jar sends back fits into a header, whatever they say.
pub fn cookies(bytes: &[u8]) {
    let url = Uri::from_static("https://www.shop.example/a/b");
    let lines =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let headers: HeaderMap = lines.map(|line| (SET_COOKIE, line)).collect();
    let mut jar = Jar::default();
    jar.take(&url, &headers, jiff::Timestamp::UNIX_EPOCH);
    let visit = Visit { url: &url, method: &Method::GET };
    let sent = jar.header(visit, None, jiff::Timestamp::UNIX_EPOCH);
    let is_kept = jar.lines().iter().any(|line| {
        jar.held_back(&line.cookie.name, visit, jiff::Timestamp::UNIX_EPOCH).is_none()
            && jar.value(&line.cookie.name).is_some()
    });
    assert_eq!(sent.is_some(), is_kept);
}
