//! Answers of HTTP/1.1 that no server would give.

use bytes::BytesMut;

use super::framing::unwrapped;
use super::http1::{Parsed, parse};

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
