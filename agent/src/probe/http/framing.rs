//! Where the body of an HTTP/1.1 answer ends (RFC 9112 section 6), and what of the bytes that come
//! is body. Pure: bytes in, places out.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use httparse::Status;

use crate::net::printable;

/// Longest line before a chunk, and longest trailer section.
const MOST_LINE_BYTES: usize = 8 * 1024;

/// How a body is delimited, and how much of it is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// In chunks.
    Chunked(Chunk),
    /// Until the connection ends.
    UntilClose,
}

/// Where within chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the line that says how long the next one is.
    Size,
    /// So many bytes of it are left.
    Data(u64),
    /// Before the line end that follows it.
    End,
    /// After the last one; so many bytes of trailers have gone by.
    Trailers(usize),
}

/// What to make of the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Skip so many, then so many are body.
    Data { skip: usize, length: usize },
    /// Skip so many; more have to come.
    More { skip: usize },
    /// Skip so many, and that was all.
    End { skip: usize },
}

impl Framing {
    /// As the head of an answer says; `is_head`: to a HEAD request.
    ///
    /// # Errors
    /// What is wrong with the lengths, for people.
    pub(super) fn of(
        is_head: bool,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Self, String> {
        if is_head || matches!(status.as_u16(), 101 | 204 | 304) {
            return Ok(Self::Length(0));
        }
        if let Some(last) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
            let coding = last.as_bytes().rsplit(|&byte| byte == b',').next().unwrap_or_default();
            let is_chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
            return Ok(if is_chunked { Self::Chunked(Chunk::Size) } else { Self::UntilClose });
        }
        let mut announced = None;
        for value in headers.get_all(CONTENT_LENGTH) {
            for part in value.as_bytes().split(|&byte| byte == b',') {
                let length = length(part.trim_ascii())?;
                match announced {
                    Some(other) if other != length => {
                        return Err(format!("two lengths at once: {other} and {length} bytes"));
                    }
                    _ => announced = Some(length),
                }
            }
        }
        Ok(announced.map_or(Self::UntilClose, Self::Length))
    }

    /// The least that is known to come.
    pub(super) fn announced(self) -> u64 {
        match self {
            Self::Length(length) => length,
            Self::Chunked(_) | Self::UntilClose => 0,
        }
    }

    /// What the next bytes are. Those of a [`Step`] are not to be given again.
    ///
    /// # Errors
    /// How they break the rules, for people.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<Step, String> {
        match self {
            Self::Length(0) => Ok(Step::End { skip: 0 }),
            Self::Length(left) => Ok(data(left, bytes, 0)),
            Self::UntilClose if bytes.is_empty() => Ok(Step::More { skip: 0 }),
            Self::UntilClose => Ok(Step::Data { skip: 0, length: bytes.len() }),
            Self::Chunked(chunk) => chunk.step(bytes),
        }
    }
}

impl Chunk {
    fn step(&mut self, bytes: &[u8]) -> Result<Step, String> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match self {
                // An empty line would pass for the last chunk, and a cut body for a whole one.
                Self::Size => match httparse::parse_chunk_size(rest) {
                    Ok(Status::Complete((length, size))) if rest[0].is_ascii_hexdigit() => {
                        at += length;
                        *self = if size == 0 { Self::Trailers(0) } else { Self::Data(size) };
                    }
                    Ok(Status::Partial) if rest.len() <= MOST_LINE_BYTES => {
                        return Ok(Step::More { skip: at });
                    }
                    _ => {
                        let line = rest.split(|&byte| byte == b'\r' || byte == b'\n').next();
                        let line = printable(line.unwrap_or_default(), 32);
                        return Err(format!("a chunk whose size reads {line:?}"));
                    }
                },
                Self::Data(left) => {
                    let step = data(left, rest, at);
                    if *left == 0 {
                        *self = Self::End;
                    }
                    return Ok(step);
                }
                Self::End => match rest {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => return Ok(Step::More { skip: at }),
                    _ => return Err("a chunk that is longer than its size says".to_owned()),
                },
                Self::Trailers(seen) => {
                    let end = memchr::memchr(b'\n', rest);
                    let line = end.map_or(rest.len(), |end| end + 1);
                    if *seen + line > MOST_LINE_BYTES {
                        return Err("no end of the trailers after the last chunk".to_owned());
                    }
                    let Some(end) = end else { return Ok(Step::More { skip: at }) };
                    (at, *seen) = (at + line, *seen + line);
                    if rest[..end].trim_ascii().is_empty() {
                        return Ok(Step::End { skip: at });
                    }
                }
            }
        }
    }
}

fn data(left: &mut u64, bytes: &[u8], skip: usize) -> Step {
    if bytes.is_empty() {
        return Step::More { skip };
    }
    let length = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left -= length as u64;
    Step::Data { skip, length }
}

fn length(digits: &[u8]) -> Result<u64, String> {
    let number = str::from_utf8(digits).ok().filter(|text| {
        // `parse` would take a sign.
        text.bytes().all(|byte| byte.is_ascii_digit())
    });
    number
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("a Content-Length of {:?}", printable(digits, 32)))
}

/// The body, fed piece by piece, and whether it came to its end.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn unwrapped<'a>(
    mut framing: Framing,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, bool), String> {
    let (mut body, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match framing.step(&held)? {
                Step::Data { skip, length } => {
                    body.extend_from_slice(&held[skip..skip + length]);
                    held.drain(..skip + length);
                }
                Step::More { skip } => {
                    held.drain(..skip);
                    break;
                }
                Step::End { .. } => return Ok((body, true)),
            }
        }
    }
    Ok((body, false))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn framing(head: bool, status: u16, fields: &[(&'static str, &'static str)]) -> String {
        let headers: HeaderMap = fields
            .iter()
            .map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        match Framing::of(head, status, &headers) {
            Ok(framing) => format!("{framing:?}"),
            Err(why) => why,
        }
    }

    #[test]
    fn what_delimits_a_body() {
        let cl = "content-length";
        let te = "transfer-encoding";
        for (head, status, fields, expected) in [
            (false, 200, &[(cl, "5")][..], "Length(5)"),
            (true, 200, &[(cl, "5")], "Length(0)"),
            (false, 204, &[], "Length(0)"),
            (false, 304, &[(cl, "5")], "Length(0)"),
            (false, 200, &[], "UntilClose"),
            (false, 200, &[(cl, "5"), (cl, "5")], "Length(5)"),
            (false, 200, &[(cl, "5, 5")], "Length(5)"),
            (false, 200, &[(cl, "5"), (cl, "6")], "two lengths at once: 5 and 6 bytes"),
            (false, 200, &[(cl, "+5")], "a Content-Length of \"+5\""),
            (false, 200, &[(cl, "")], "a Content-Length of \"\""),
            (
                false,
                200,
                &[(cl, "99999999999999999999")],
                "a Content-Length of \"99999999999999999999\"",
            ),
            (false, 200, &[(te, "gzip, Chunked"), (cl, "5")], "Chunked(Size)"),
            (false, 200, &[(te, "chunked, gzip")], "UntilClose"),
        ] {
            assert_eq!(framing(head, status, fields), expected, "{status} {fields:?}");
        }
    }

    #[test]
    fn chunks_in_pieces_of_any_size() {
        let good = b"3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
        for size in 1..good.len() {
            let told = unwrapped(Framing::Chunked(Chunk::Size), good.chunks(size));
            assert_eq!(told, Ok((b"abc0123456789".to_vec(), true)), "{size}");
        }
        let cut = unwrapped(Framing::Chunked(Chunk::Size), good[..10].chunks(3));
        assert_eq!(cut, Ok((b"abc".to_vec(), false)));
        for (bad, why) in [
            (&b"zz\r\nx"[..], "a chunk whose size reads \"zz\""),
            (b"fffffffffffffffff\r\nx", "a chunk whose size reads \"fffffffffffffffff\""),
            (b"1\r\nabc", "a chunk that is longer than its size says"),
            (&[b'0'; 9000], "a chunk whose size reads"),
            (b"3\r\nabc\r\n\r\n\r\n", "a chunk whose size reads \"\""),
            (b" ;x\r\n\r\n", "a chunk whose size reads \" ;x\""),
        ] {
            let told = unwrapped(Framing::Chunked(Chunk::Size), bad.chunks(4)).unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
        let trailers = [b"0\r\n".to_vec(), b"x: y\r\n".repeat(9000)].concat();
        let told = unwrapped(Framing::Chunked(Chunk::Size), trailers.chunks(900));
        assert_eq!(told, Err("no end of the trailers after the last chunk".to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..40) {
            for framing in [Framing::Chunked(Chunk::Size), Framing::Length(7), Framing::UntilClose] {
                let _ = unwrapped(framing, bytes.chunks(size));
            }
        }
    }
}
