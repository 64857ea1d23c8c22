//! What a body says, once its wrapping is off.

use std::borrow::Cow;
use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use serde_json::Value;

use crate::net::printable;

/// Most bytes that a Zstandard frame may refer back to.
const WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undecodable {
    /// More than the cap, once unpacked.
    #[error("larger than the cap once unpacked")]
    TooLarge,
    /// Packed in a way that is not known here.
    #[error(
        "it is compressed ({0}), which cannot be read here; `accept_encoding` says what is asked for"
    )]
    Unknown(String),
    /// Not what Content-Encoding says.
    #[error("it is not the {0} it says it is")]
    Corrupt(&'static str),
}

/// The body without its Content-Encoding, at most `cap_bytes` of it.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn decoded<'a>(
    headers: &HeaderMap,
    bytes: &'a [u8],
    cap_bytes: u64,
) -> Result<Cow<'a, [u8]>, Undecodable> {
    match &*encoding(headers) {
        b"" | b"identity" => Ok(bytes.into()),
        // Nothing was wrapped: some servers name the coding of an empty body all the same.
        _ if bytes.is_empty() => Ok(bytes.into()),
        b"gzip" | b"x-gzip" => unpack(MultiGzDecoder::new(bytes), cap_bytes, "gzip"),
        b"deflate" => unpack(ZlibDecoder::new(bytes), cap_bytes, "deflate"),
        b"br" => unpack(brotli(bytes)?, cap_bytes, "br"),
        b"zstd" => unpack(Zstandard::new(bytes), cap_bytes, "zstd"),
        other => Err(Undecodable::Unknown(printable(other, 32))),
    }
}

/// What Content-Encoding says, in lower case: its case means nothing (RFC 9110 section 8.4.1).
fn encoding(headers: &HeaderMap) -> Cow<'_, [u8]> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Cow::default() };
    let value = value.as_bytes().trim_ascii();
    match value.iter().any(u8::is_ascii_uppercase) {
        true => value.to_ascii_lowercase().into(),
        false => value.into(),
    }
}

/// The beginning of a body for people, as far as it can be unpacked: it need not be whole.
pub(super) fn beginning<'a>(headers: &HeaderMap, bytes: &'a [u8], most: usize) -> Cow<'a, [u8]> {
    let begun = match &*encoding(headers) {
        b"" => return bytes.into(),
        b"gzip" | b"x-gzip" => begun(MultiGzDecoder::new(bytes), most),
        b"deflate" => begun(ZlibDecoder::new(bytes), most),
        b"br" => brotli(bytes).map(|reader| begun(reader, most)).unwrap_or_default(),
        b"zstd" => begun(Zstandard::new(bytes), most),
        _ => Vec::new(),
    };
    if begun.is_empty() { bytes.into() } else { begun.into() }
}

fn begun(mut packed: impl Read, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    while length < most
        && let Ok(count @ 1..) = packed.read(&mut bytes[length..])
    {
        length += count;
    }
    bytes.truncate(length);
    bytes
}

/// Brotli (RFC 7932). Its extension for windows of up to a gigabyte is left out: browsers do not know
/// it either.
fn brotli(bytes: &[u8]) -> Result<Decompressor<&[u8]>, Undecodable> {
    match bytes.first() {
        Some(first) if first & 0x7f == 0x11 => Err(Undecodable::Corrupt("br")),
        _ => Ok(Decompressor::new(bytes, 4096)),
    }
}

/// Zstandard, frame after frame, with windows of at most 8 MiB (RFC 9659).
struct Zstandard<'a> {
    rest: &'a [u8],
    frame: Option<Frame<'a>>,
}

type Frame<'a> = StreamingDecoder<&'a [u8], FrameDecoder>;

impl<'a> Zstandard<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, frame: None }
    }
}

impl Read for Zstandard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None if self.rest.is_empty() => return Ok(0),
                None => StreamingDecoder::new_with_max_window_size(self.rest, WINDOW_BYTES)
                    .map_err(io::Error::other)?,
            };
            let count = frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                self.frame = Some(frame);
                return Ok(count);
            }
            self.rest = frame.into_inner();
        }
    }
}

fn unpack(
    packed: impl Read,
    cap_bytes: u64,
    name: &'static str,
) -> Result<Cow<'static, [u8]>, Undecodable> {
    let mut bytes = Vec::new();
    packed
        .take(cap_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|_| Undecodable::Corrupt(name))?;
    if bytes.len() as u64 > cap_bytes { Err(Undecodable::TooLarge) } else { Ok(bytes.into()) }
}

/// What Content-Length says.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The same JSON value; numbers are compared by worth, so that 1 is 1.0.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other
                || (one.as_i128().is_none() || other.as_i128().is_none())
                    && one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn encoded(name: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(name))])
    }

    #[test]
    fn bodies_are_unpacked_up_to_the_cap() {
        let packed = gzipped(b"hello");
        assert_eq!(&*decoded(&encoded("gzip"), &packed, 5).unwrap(), b"hello");
        assert!(matches!(decoded(&encoded("gzip"), &packed, 4), Err(Undecodable::TooLarge)));
        let bomb = gzipped(&vec![0; 50 << 20]);
        assert!(bomb.len() < 100_000);
        assert!(matches!(decoded(&encoded("gzip"), &bomb, 1 << 20), Err(Undecodable::TooLarge)));
        assert!(matches!(decoded(&encoded("gzip"), b"plain", 9), Err(Undecodable::Corrupt(_))));
        assert!(matches!(decoded(&encoded("lzma"), b"x", 9), Err(Undecodable::Unknown(_))));
        assert_eq!(&*decoded(&encoded("identity"), b"x", 9).unwrap(), b"x");
        assert_eq!(&*decoded(&encoded("GZip"), &packed, 5).unwrap(), b"hello");
        for coding in ["gzip", "deflate", "br", "zstd", "lzma"] {
            assert_eq!(&*decoded(&encoded(coding), b"", 5).unwrap(), b"", "{coding}");
        }
        assert_eq!(&*decoded(&HeaderMap::new(), b"x", 9).unwrap(), b"x");
    }

    /// 20 MiB of blanks, as Node.js packs them.
    const BROTLI_BOMB: &[u8] =
        b"\xcb\xff\xff?\xf8%@\xe2\xb1@ \xf7\xfe\x8f\xff\xff\x7f\xf0K\x00\xc4a\x11\x80\xee\xfd_\xfe\xff\xff\xe0\x97\x00\x88\xc3\x02\x00\xdd\xfb\x1f";

    /// A Zstandard frame with a window of two to this power, of so many blocks of 128 KiB of blanks.
    fn blanks(power: u8, blocks: usize) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (power - 10) << 3];
        for index in 1..=blocks {
            let header = (128_u32 << 10 << 3) | 1 << 1 | u32::from(index == blocks);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(b' ');
        }
        frame
    }

    #[test]
    fn newer_codings_are_unpacked_up_to_the_cap_too() {
        let hello = b"\x0b\x02\x80hello\x03";
        assert_eq!(&*decoded(&encoded("br"), hello, 5).unwrap(), b"hello");
        assert!(matches!(decoded(&encoded("br"), hello, 4), Err(Undecodable::TooLarge)));
        for (coding, bomb) in [("br", BROTLI_BOMB.to_vec()), ("zstd", blanks(17, 160))] {
            assert!(bomb.len() < 1000);
            let whole = decoded(&encoded(coding), &bomb, 32 << 20).unwrap();
            assert_eq!((whole.len(), whole[whole.len() - 1]), (20 << 20, b' '), "{coding}");
            assert!(matches!(
                decoded(&encoded(coding), &bomb, 1 << 20),
                Err(Undecodable::TooLarge)
            ));
            for bad in [&bomb[..bomb.len() / 2], b"plain", b"\x11\x1e\x00"] {
                let told = decoded(&encoded(coding), bad, 32 << 20);
                assert!(matches!(told, Err(Undecodable::Corrupt(_))), "{coding} {told:?}");
            }
        }
        let twice = [blanks(17, 1), blanks(17, 1)].concat();
        assert_eq!(decoded(&encoded("zstd"), &twice, 1 << 20).unwrap().len(), 256 << 10);
        let wide = blanks(27, 1);
        let told = decoded(&encoded("zstd"), &wide, 1 << 20);
        assert!(matches!(told, Err(Undecodable::Corrupt(_))));
    }

    #[test]
    fn the_beginning_of_a_body_can_be_read_of_a_piece() {
        let mut text = b"hello ".repeat(50_000);
        text.extend((0..20_000_u32).flat_map(u32::to_le_bytes));
        let packed = gzipped(&text);
        let begun = beginning(&encoded("gzip"), &packed[..packed.len() / 2], 2048);
        assert_eq!(&begun[..12], b"hello hello ");
        assert_eq!(begun.len(), 2048);
        assert_eq!(beginning(&encoded("br"), BROTLI_BOMB, 100).len(), 100);
        assert_eq!(beginning(&encoded("zstd"), &blanks(17, 3), 100).len(), 100);
        // What cannot be unpacked is shown as it is.
        assert_eq!(&*beginning(&encoded("gzip"), b"plain", 100), b"plain");
        assert_eq!(&*beginning(&HeaderMap::new(), b"plain", 100), b"plain");
    }

    #[test]
    fn numbers_are_compared_by_worth() {
        for (one, other, expected) in [
            (json!(1), json!(1.0), true),
            (json!(1), json!(2), false),
            (json!(u64::MAX), json!(u64::MAX - 1), false),
            (json!("1"), json!(1), false),
            (json!({"a": 1, "b": [1, 2]}), json!({"b": [1.0, 2], "a": 1}), true),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
            (json!([1]), json!([1, 2]), false),
            (json!(null), json!(null), true),
            (json!(true), json!("true"), false),
        ] {
            assert_eq!(same(&one, &other), expected, "{one} {other}");
        }
    }
}
