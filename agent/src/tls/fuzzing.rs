//! Hellos of old servers and certificate files, as nobody would make them.

use super::certificate;
use super::files;
use super::hello::Gathering;

/// Handshake messages in the clear, in one piece and in two.
pub fn hello(bytes: &[u8]) {
    let mut whole = Gathering::default();
    let is_over = whole.take_in(bytes);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut halves = Gathering::default();
    let is_over_early = halves.take_in(first);
    let is_over_late = is_over_early || halves.take_in(second);
    assert_eq!(is_over, is_over_late);
    if let (false, Some(choice)) = (is_over_early, whole.into_choice()) {
        for certificate in &choice.chain {
            let _ = certificate::facts_of(certificate);
        }
        assert_eq!(Some(choice), halves.into_choice());
    }
}

/// A certificate, and a file that may hold some.
pub fn certificate(bytes: &[u8]) {
    let _ = certificate::parse(bytes);
    let _ = files::parse_file(bytes, None, None);
}
