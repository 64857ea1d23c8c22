//! AMQP 0-9-1: the protocol header, and the server's Connection.Start.
//!
//! Deliberately absent: logging in. The protocol has no word of goodbye before that, so RabbitMQ logs a
//! connection closed by its client.

use super::wire::{Parsed, Wire, may_become};
use super::{Greeting, Trouble};

const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// Type and channel of a frame of methods on the connection itself.
const METHOD_FRAME: &[u8] = &[1, 0, 0];
/// Class and method.
const CONNECTION_START: &[u8] = &[0, 10, 0, 10];
const FRAME_END: u8 = 0xce;
const MAX_FRAME_BYTES: usize = 8 * 1024;

pub(super) async fn greet(wire: &mut Wire) -> Result<Greeting, Trouble> {
    wire.send(HEADER).await?;
    let offered = wire.read(offered).await?;
    Ok(match offered {
        Offered::Start { product, version } => {
            let answer = [&b"Connection.Start of "[..], &product].concat();
            Greeting { version, answer }
        }
        Offered::Another([protocol, major, minor, revision]) => {
            let answer = format!("offers AMQP {protocol}.{major}.{minor}.{revision} instead");
            Greeting { version: None, answer: answer.into_bytes() }
        }
    })
}

/// What a server answers to the header (section 4.2.2).
#[derive(Debug, PartialEq, Eq)]
enum Offered {
    Start {
        product: Vec<u8>,
        version: Option<Vec<u8>>,
    },
    /// A header of its own: it speaks another version, such as 1.0.
    Another([u8; 4]),
}

fn offered(bytes: &[u8]) -> Parsed<Offered> {
    if bytes.starts_with(b"AMQP") {
        return match bytes.get(4..8) {
            Some(&[protocol, major, minor, revision]) => {
                Parsed::Whole(Offered::Another([protocol, major, minor, revision]), 8)
            }
            _ => Parsed::Partly,
        };
    }
    if !may_become(bytes, METHOD_FRAME) && !may_become(bytes, HEADER) {
        return Parsed::Foreign;
    }
    let &[_, _, _, a, b, c, d, ref rest @ ..] = bytes else { return Parsed::Partly };
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    if size > MAX_FRAME_BYTES || !may_become(rest, CONNECTION_START) {
        return Parsed::Foreign;
    }
    let (Some(payload), Some(&end)) = (rest.get(..size), rest.get(size)) else {
        return Parsed::Partly;
    };
    // Class, method, version of the protocol.
    match (payload.get(6..).and_then(long_string), end) {
        (Some((properties, _)), FRAME_END) => {
            let product = property(properties, b"product").unwrap_or(b"an unnamed server");
            let version = property(properties, b"version").map(<[u8]>::to_vec);
            Parsed::Whole(Offered::Start { product: product.to_vec(), version }, 7 + size + 1)
        }
        _ => Parsed::Foreign,
    }
}

/// Four bytes of length and as many bytes, and what follows.
fn long_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    bytes.get(4..)?.split_at_checked(length)
}

/// A string in a table, as far as its fields are of the kinds that servers put before it.
fn property<'a>(mut table: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    while let [length, rest @ ..] = table {
        let (key, rest) = rest.split_at_checked(usize::from(*length))?;
        let (&kind, rest) = rest.split_first()?;
        let (value, rest) = match kind {
            b'S' | b'F' | b'A' | b'x' => long_string(rest)?,
            b't' | b'b' | b'B' => rest.split_at_checked(1)?,
            b's' | b'u' | b'U' => rest.split_at_checked(2)?,
            b'I' | b'i' | b'f' => rest.split_at_checked(4)?,
            b'L' | b'l' | b'd' | b'T' => rest.split_at_checked(8)?,
            b'V' => (&[][..], rest),
            _ => return None,
        };
        if key == name && kind == b'S' {
            return Some(value);
        }
        table = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u32::try_from(value.len()).unwrap().to_be_bytes();
        let length = if matches!(kind, b'S' | b'F') { &length[..] } else { &[] };
        [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), &[kind], length, value].concat()
    }

    fn start(properties: &[Vec<u8>]) -> Vec<u8> {
        let table = properties.concat();
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let mechanisms = b"\0\0\0\x05PLAIN\0\0\0\x05en_US";
        let payload =
            [CONNECTION_START, &[0, 9], &length(&table), &table, &mechanisms[..]].concat();
        [METHOD_FRAME, &length(&payload), &payload, &[FRAME_END]].concat()
    }

    fn read(bytes: &[u8]) -> Result<Offered, &'static str> {
        match offered(bytes) {
            Parsed::Whole(offered, length) => {
                assert_eq!(length, bytes.len());
                Ok(offered)
            }
            Parsed::Partly => Err("partly"),
            Parsed::Foreign => Err("foreign"),
        }
    }

    #[test]
    fn answers_by_table() {
        let rabbit = start(&[
            field("capabilities", b'F', &field("basic.nack", b't', &[1])),
            field("product", b'S', b"RabbitMQ"),
            field("version", b'S', b"3.10.8"),
        ]);
        let version = Some(b"3.10.8".to_vec());
        assert_eq!(read(&rabbit), Ok(Offered::Start { product: b"RabbitMQ".to_vec(), version }));
        for cut in 0..rabbit.len() {
            assert_eq!(read(&rabbit[..cut]), Err("partly"), "{cut}");
        }
        let unknown = start(&[field("odd", b'?', b""), field("version", b'S', b"1")]);
        assert!(matches!(read(&unknown), Ok(Offered::Start { version: None, .. })));
        assert_eq!(read(b"AMQP\0\x01\0\0"), Ok(Offered::Another([0, 1, 0, 0])));
        let mut endless = rabbit.clone();
        endless[3] = 0xff;
        let mut without_end = rabbit.clone();
        *without_end.last_mut().unwrap() = 0;
        let mut long_table = rabbit.clone();
        long_table[13] = 0xff;
        for bytes in [&b"HTTP/1.1"[..], b"\x01\0\x01", &endless, &without_end, &long_table] {
            assert_eq!(read(bytes), Err("foreign"));
        }
    }
}
