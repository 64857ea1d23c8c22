//! LDAP (RFC 4511): an anonymous bind.
//!
//! Deliberately absent: searches. Many directories let nobody anonymous look at anything, and every
//! answer to a bind shows that one is there.

use super::wire::{Parsed, Wire, refused};
use super::{Greeting, Reason, Trouble};

/// BindRequest: message 1, version 3, no name, simple authentication without a password.
const BIND: &[u8] = &[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
/// UnbindRequest: message 2.
const UNBIND: &[u8] = &[0x30, 5, 2, 1, 2, 0x42, 0];
const BIND_RESPONSE: u8 = 0x61;
/// An extended response, unasked: the notice of disconnection (section 4.4.1).
pub(crate) const EXTENDED_RESPONSE: u8 = 0x78;
const MAX_MESSAGE_BYTES: usize = 4 * 1024;

pub(super) async fn greet(wire: &mut Wire) -> Result<Greeting, Trouble> {
    wire.send(BIND).await?;
    let told = wire.read(message).await?;
    let said = match told.words.as_slice() {
        [] => format!("result {}", told.result_code).into_bytes(),
        words => [format!("result {}: ", told.result_code).as_bytes(), words].concat(),
    };
    match (told.operation, told.result_code) {
        // busy, unavailable
        (_, 51 | 52) | (EXTENDED_RESPONSE, _) => refused(Reason::Unavailable, &said),
        // Let in, or asked to prove who we are: it serves.
        _ => {
            wire.farewell(UNBIND).await;
            Ok(Greeting { version: None, answer: said })
        }
    }
}

/// An LDAPResult.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) operation: u8,
    pub(crate) result_code: u8,
    /// diagnosticMessage
    pub(crate) words: Vec<u8>,
}

/// One LDAPMessage with a result, as far as it has come.
pub(crate) fn message(bytes: &[u8]) -> Parsed<Told> {
    if bytes.first() != Some(&0x30) {
        return Parsed::Foreign;
    }
    let (content, length) = match element(bytes) {
        Parsed::Whole((_, content), length) => (content, length),
        Parsed::Partly => return Parsed::Partly,
        Parsed::Foreign => return Parsed::Foreign,
    };
    match result(content) {
        Some(told) => Parsed::Whole(told, length),
        None => Parsed::Foreign,
    }
}

fn result(message: &[u8]) -> Option<Told> {
    let (tag, _, rest) = next(message)?;
    let (operation, content, _) = next(rest)?;
    if tag != 2 || !matches!(operation, BIND_RESPONSE | EXTENDED_RESPONSE) {
        return None;
    }
    let (tag, code, rest) = next(content)?;
    let &[result_code] = code else { return None };
    let (_, _, rest) = next(rest)?;
    let (_, words, _) = next(rest)?;
    (tag == 10).then(|| Told { operation, result_code, words: words.to_vec() })
}

/// The first element and what follows it.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    match element(bytes) {
        Parsed::Whole((tag, content), length) => Some((tag, content, bytes.get(length..)?)),
        Parsed::Partly | Parsed::Foreign => None,
    }
}

/// The first BER element: tag and content. Only definite lengths, as LDAP has them (section 5.1).
fn element(bytes: &[u8]) -> Parsed<(u8, &[u8])> {
    let &[tag, length, ref rest @ ..] = bytes else { return Parsed::Partly };
    let (size, length) = match length {
        0..=0x7f => (0, usize::from(length)),
        // Active Directory writes every length in four bytes.
        0x81..=0x84 => {
            let size = usize::from(length & 0x7f);
            let Some(digits) = rest.get(..size) else { return Parsed::Partly };
            (size, digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)))
        }
        _ => return Parsed::Foreign,
    };
    if length > MAX_MESSAGE_BYTES {
        return Parsed::Foreign;
    }
    match rest.get(size..size + length) {
        Some(content) => Parsed::Whole((tag, content), 2 + size + length),
        None => Parsed::Partly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(u8, u8, String), &'static str> {
        match message(bytes) {
            Parsed::Whole(told, length) => {
                assert_eq!(length, bytes.len());
                Ok((told.operation, told.result_code, String::from_utf8(told.words).unwrap()))
            }
            Parsed::Partly => Err("partly"),
            Parsed::Foreign => Err("foreign"),
        }
    }

    #[test]
    fn answers_by_table() {
        let active_directory = b"0\x84\0\0\0\x10\x02\x01\x01a\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0";
        for (bytes, expected) in [
            (&b"0\x0c\x02\x01\x01a\x07\x0a\x01\0\x04\0\x04\0"[..], Ok((0x61, 0, String::new()))),
            (b"0\x0e\x02\x01\x01a\x09\x0a\x01\x30\x04\0\x04\x02no", Ok((0x61, 48, "no".into()))),
            (active_directory, Ok((0x61, 0, String::new()))),
            (b"0\x0c\x02\x01\x00x\x07\x0a\x01\x34\x04\0\x04\0", Ok((0x78, 52, String::new()))),
            (b"0\x0c\x02\x01\x01a\x07\x0a", Err("partly")),
            (b"0", Err("partly")),
            (b"0\x84\0", Err("partly")),
            (b"0\x84\xff\xff\xff\xff", Err("foreign")),
            (b"0\x80\0\0", Err("foreign")),
            (b"0\x03\x02\x01\x01", Err("foreign")),
            (b"0\x05\x02\x01\x01a\x7f", Err("foreign")),
            (b"HTTP/1.1 400", Err("foreign")),
        ] {
            assert_eq!(read(bytes), expected, "{bytes:x?}");
        }
    }
}
