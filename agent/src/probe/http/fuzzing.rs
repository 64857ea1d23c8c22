//! Answers of HTTP/1.1, and counts of nginx, that no server would give.

use bytes::BytesMut;

use super::framing::unwrapped;
use super::http1::{Parsed, parse};
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
