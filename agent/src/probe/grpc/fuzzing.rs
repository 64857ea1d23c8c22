//! Answers about health that no server would give.

use http::{HeaderMap, HeaderValue, StatusCode};

use super::message::Said;

/// The body of an answer, and its message; what is shown of either is bounded.
pub fn health(bytes: &[u8]) {
    let (message, body) = bytes.split_at(bytes.len().min(64));
    let grpc = HeaderValue::from_static("application/grpc");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, grpc)]);
    let mut trailers = HeaderMap::new();
    if let Ok(message) = HeaderValue::from_bytes(message) {
        trailers.insert("grpc-message", message);
    }
    let said = Said::of(StatusCode::OK, &headers, &trailers, body);
    assert!(said.message.chars().count() <= 257);
    assert!(said.serving().is_none() || body.len() >= 5);
}
