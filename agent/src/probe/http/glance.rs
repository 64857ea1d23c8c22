//! A look at who answers HTTP somewhere: `GET /`, for telling two servers apart.
//!
//! Deliberately absent: expectations and redirects. Any answer will do, if only it is the same.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::ask::AGENT;
use super::exchange::{Appetite, exchange};
use super::wire::Wire;
use crate::net::Connection;
use crate::probe::Stopwatch;

/// Most bytes of body looked at.
const LOOK_BYTES: usize = 64 * 1024;

/// What came back.
#[derive(Debug)]
pub(crate) struct Glance {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Its beginning; `None` when it broke off, or was still coming at the deadline.
    pub(crate) body: Option<Vec<u8>>,
}

/// Asks for `/` of this host, until the stopwatch's deadline.
///
/// # Errors
/// The beginning of what came instead of an HTTP answer; empty when nothing came.
pub(crate) async fn glance(
    connection: Connection,
    host: &str,
    watch: &mut Stopwatch,
) -> Result<Glance, Vec<u8>> {
    let mut request = Request::new(Bytes::new());
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.insert(HOST, host);
    }
    for (name, value) in
        [(USER_AGENT, AGENT), (ACCEPT, "*/*"), (ACCEPT_ENCODING, "identity"), (CONNECTION, "close")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let appetite =
        Appetite { cap_bytes: LOOK_BYTES as u64, keep_bytes: LOOK_BYTES, skip_redirects: false };
    match Box::pin(exchange(Wire::Plain(connection), request, appetite, watch)).await {
        Ok(answer) => Ok(Glance {
            status: answer.status,
            headers: answer.headers,
            body: answer.broken.is_none().then_some(answer.body.kept),
        }),
        Err(broken) => Err(broken.first),
    }
}
