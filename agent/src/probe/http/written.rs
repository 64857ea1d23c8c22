//! A request of HTTP/1.1 as it goes over the wire (RFC 9112 section 3).

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, Method, Request};

/// A body up to this many bytes goes out with the head in one piece.
const JOINED_BYTES: usize = 16 * 1024;

/// The bytes of a request; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Head and body; a small body stands behind its head, and the second piece is empty.
    pub(super) pieces: [Bytes; 2],
    /// It was HEAD: the answer has no body, whatever its headers say.
    pub(super) is_head: bool,
    /// What comes after the answer is waited for a while.
    pub(super) is_listened_after: bool,
}

impl Written {
    pub(super) fn of(request: &Request<Bytes>) -> Self {
        // As it is displayed: that begins with a slash, also where a URL goes from host to query.
        let path = request.uri().path_and_query().map_or("/".into(), ToString::to_string);
        Self::to(&path, request)
    }

    /// With this target in its first line.
    pub(super) fn to(target: &str, request: &Request<Bytes>) -> Self {
        let (method, body) = (request.method(), request.body());
        let mut head = Vec::with_capacity(256 + body.len().min(JOINED_BYTES));
        for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        let mut field = |name: &HeaderName, value: &[u8]| {
            for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        };
        for (name, value) in request.headers() {
            field(name, value.as_bytes());
        }
        // RFC 9110 section 8.6: where a body would be expected, its absence is said too.
        let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let is_framed = [CONTENT_LENGTH, TRANSFER_ENCODING]
            .iter()
            .any(|name| request.headers().contains_key(name));
        if !is_framed && (expects_body || !body.is_empty()) {
            field(&CONTENT_LENGTH, body.len().to_string().as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        let mut rest = body.clone();
        if body.len() <= JOINED_BYTES {
            head.extend_from_slice(&rest);
            rest.clear();
        }
        Self {
            pieces: [head.into(), rest],
            is_head: *method == Method::HEAD,
            is_listened_after: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_rfc_has_it() {
        let request = |method: &str, body: &'static [u8]| {
            let request = Request::builder().method(method).uri("/a?b").header("host", "x");
            Written::of(&request.body(Bytes::from_static(body)).unwrap())
        };
        let text = |written: &Written| String::from_utf8(written.pieces[0].to_vec()).unwrap();
        assert_eq!(text(&request("GET", b"")), "GET /a?b HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(
            text(&request("POST", b"")),
            "POST /a?b HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
        );
        assert_eq!(
            text(&request("DELETE", b"{}")),
            "DELETE /a?b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
        );
        assert!(request("HEAD", b"").is_head);
        for (path, line) in [("?b=c", "GET /?b=c HTTP/1.1"), ("*", "GET * HTTP/1.1")] {
            let path: http::uri::PathAndQuery = path.parse().unwrap();
            let request = Request::builder().uri(path).body(Bytes::new()).unwrap();
            assert_eq!(text(&Written::of(&request)).lines().next(), Some(line));
        }
        let large = request("PUT", &[b'x'; JOINED_BYTES + 1]);
        assert_eq!(large.pieces[1].len(), JOINED_BYTES + 1);
        assert!(text(&large).ends_with("content-length: 16385\r\n\r\n"));
        let framed = Request::builder().header("content-length", "9");
        let framed = framed.body(Bytes::from_static(b"x")).unwrap();
        assert_eq!(text(&Written::of(&framed)), "GET / HTTP/1.1\r\ncontent-length: 9\r\n\r\nx");
    }
}
