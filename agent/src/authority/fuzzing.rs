//! Answers of CAs, as nobody would make them.

use super::crl::List;
use super::ocsp;

/// An OCSP answer and a list, of nobody about nothing.
pub fn ca_answer(bytes: &[u8]) {
    let answer = ocsp::verify(bytes, &[], &[]);
    assert!(answer.is_err(), "believed without a certificate");
    let _ = List::of(bytes.to_vec());
}
