//! The messages of the health protocol, and what an answer says. Pure.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::net::printable;

/// Where the health service is asked.
pub(crate) const PATH: &str = "/grpc.health.v1.Health/Check";

const SHOWN_CHARS: usize = 256;
/// Field 1 of either message: a string to ask by, a varint to answer with.
const SERVICE_TAG: u8 = 0x0a;
const SERVING_TAG: u64 = 0x08;

/// A request about this service, framed as gRPC wants it: uncompressed, with its length before it.
pub(crate) fn check_request(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(SERVICE_TAG);
        put_varint(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(&message);
    framed.into()
}

fn put_varint(message: &mut Vec<u8>, number: usize) {
    let mut rest = number;
    while rest >= 0x80 {
        message.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    message.push(rest as u8);
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Of HTTP.
    pub(super) status: u16,
    /// What Content-Type says.
    pub(super) content_type: String,
    /// What Server says.
    pub(super) server: String,
    /// Of the call, where one came.
    pub(super) grpc_status: Option<u32>,
    /// Beside it, printable.
    pub(super) message: String,
    /// The number in the answer, where it was one.
    pub(super) health: Option<u64>,
    /// The beginning of the body where it is no message.
    pub(super) text: String,
}

impl Said {
    /// Reads an answer.
    pub(super) fn of(
        status: StatusCode,
        headers: &HeaderMap,
        trailers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let plain = |name: &str| {
            let value = headers.get(name).map_or(&b""[..], |value| value.as_bytes());
            printable(value, SHOWN_CHARS)
        };
        // An answer without a message says it in its head.
        let said = |name: &str| trailers.get(name).or_else(|| headers.get(name));
        let grpc_status = said("grpc-status").and_then(|value| value.to_str().ok()?.parse().ok());
        let message = said("grpc-message").map_or(&b""[..], |value| value.as_bytes());
        let content_type = plain("content-type");
        let is_grpc = content_type.starts_with("application/grpc");
        Self {
            status: status.as_u16(),
            server: plain("server"),
            grpc_status,
            message: printable(&unescaped(message), SHOWN_CHARS),
            health: if is_grpc { health(body) } else { None },
            text: if is_grpc { String::new() } else { printable(body, SHOWN_CHARS) },
            content_type,
        }
    }

    /// The health by its name.
    pub(super) fn serving(&self) -> Option<&'static str> {
        Some(match self.health? {
            1 => "SERVING",
            2 => "NOT_SERVING",
            3 => "SERVICE_UNKNOWN",
            _ => "UNKNOWN",
        })
    }
}

/// The number in an answer; a message without it means 0, as everywhere in proto3.
fn health(body: &[u8]) -> Option<u64> {
    let (&[compressed, a, b, c, d], rest) = body.split_first_chunk::<5>()?;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    if compressed != 0 {
        return None;
    }
    let mut message = rest.get(..length)?;
    let mut health = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let number = match tag & 7 {
            0 => varint(&mut message)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
                continue;
            }
            _ => return None,
        };
        if tag == SERVING_TAG {
            health = number;
        }
    }
    Some(health)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Percent signs as gRPC writes messages.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        plain.push(hex.unwrap_or(byte));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_as_the_protocol_has_them() {
        assert_eq!(check_request(""), &[0, 0, 0, 0, 0][..]);
        assert_eq!(check_request("ab"), &[0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b'][..]);
        let long = check_request(&"x".repeat(200));
        assert_eq!(long[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
    }

    #[test]
    fn answers_are_read() {
        for (body, expected) in [
            (&[0, 0, 0, 0, 2, 8, 1][..], Some(1)),
            (&[0, 0, 0, 0, 2, 8, 2], Some(2)),
            (&[0, 0, 0, 0, 0], Some(0)),
            (&[0, 0, 0, 0, 5, 0x12, 1, b'x', 8, 1], Some(1)),
            (&[0, 0, 0, 0, 3, 8, 0x81, 0], Some(1)),
            (&[0, 0, 0, 0, 2, 8], None),
            (&[0, 0, 0, 0, 2, 8, 0x80], None),
            (&[0, 0, 0, 0, 3, 0x12, 9, 0], None),
            (&[1, 0, 0, 0, 2, 8, 1], None),
            (&[0, 255, 255, 255, 255], None),
            (&[0, 0], None),
            (&[], None),
        ] {
            assert_eq!(health(body), expected, "{body:?}");
        }
    }

    #[test]
    fn the_trailers_say_it_or_the_head() {
        let map = |pairs: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.insert(*name, value.parse().unwrap());
            }
            map
        };
        let grpc = [("content-type", "application/grpc"), ("server", "x")];
        let serving = Said::of(
            StatusCode::OK,
            &map(&grpc),
            &map(&[("grpc-status", "0")]),
            &[0, 0, 0, 0, 2, 8, 1],
        );
        assert_eq!((serving.grpc_status, serving.serving()), (Some(0), Some("SERVING")));
        let only_head = map(&[
            ("content-type", "application/grpc"),
            ("grpc-status", "12"),
            ("grpc-message", "no%20such%zz%EC%9D"),
        ]);
        let unimplemented = Said::of(StatusCode::OK, &only_head, &HeaderMap::new(), b"");
        assert_eq!(unimplemented.grpc_status, Some(12));
        assert!(unimplemented.message.starts_with("no such%zz"), "{}", unimplemented.message);
        let page = map(&[("content-type", "text/html")]);
        let page = Said::of(StatusCode::NOT_FOUND, &page, &HeaderMap::new(), b"<html>");
        assert_eq!((page.grpc_status, page.serving(), &*page.text), (None, None, "<html>"));
    }
}
