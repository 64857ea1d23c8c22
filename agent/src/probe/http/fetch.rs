//! One GET at one address, for those who follow redirects by rules of their own: whoever answers, with
//! whatever certificate.
//!
//! Deliberately absent: names, redirects, expectations, and any judgement of a certificate.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use health::Finding;
use http::{HeaderMap, Method, StatusCode, Uri, Version};

use super::ask::{self, Ask};
use super::exchange::{Appetite, Cause, exchange};
use super::wire::Wire;
use crate::net::{self, Failure};
use crate::probe::Stopwatch;
use crate::tls::{self, Roots};

/// What came back.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Its beginning, at most as much as was asked for.
    pub(crate) body: Vec<u8>,
    /// There was more of it.
    pub(crate) is_longer: bool,
}

/// Why nothing came back.
#[derive(Debug)]
pub(crate) enum Unfetched {
    /// No connection.
    Closed(Failure),
    /// No TLS to be had, and why.
    NoTls(Box<Finding>),
    /// Connected, and no full answer until the deadline.
    Silent,
    /// Closed or reset before the answer was whole, in few words.
    Cut(String),
    /// Not HTTP, and what came instead.
    NotHttp { reason: String, first: Vec<u8> },
}

/// Asks this address for a URL, until the stopwatch's deadline; over TLS where the URL says https.
///
/// # Errors
/// Why nothing came back.
pub(crate) async fn fetch(
    url: &Uri,
    (address, source): (SocketAddr, Option<IpAddr>),
    roots: &Roots,
    most_bytes: usize,
    watch: &mut Stopwatch,
) -> Result<Fetched, Unfetched> {
    let connected = net::connect(address, source, watch.deadline()).await;
    watch.lap(health::Phase::Connect);
    let stream = connected.map_err(Unfetched::Closed)?;
    let wire = if ask::is_https(url) {
        let shaken = tls::handshake(stream, ask::host(url), &[], roots, watch).await;
        let (stream, _) = shaken.map_err(Unfetched::NoTls)?;
        Wire::Tls(Box::new(stream))
    } else {
        Wire::Plain(stream)
    };
    let ask = Ask {
        url: url.clone(),
        method: Method::GET,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        prepared: None,
    };
    let appetite =
        Appetite { cap_bytes: most_bytes as u64, keep_bytes: most_bytes, skip_redirects: true };
    let exchanged = exchange(wire, ask.request(Version::HTTP_11), appetite, watch).await;
    let broken = match exchanged {
        // What else than 200 came says enough, however its body ended.
        Ok(answer) if answer.broken.is_none() || answer.status != StatusCode::OK => {
            return Ok(Fetched {
                status: answer.status,
                headers: answer.headers,
                body: answer.body.kept,
                is_longer: answer.body.is_over_cap,
            });
        }
        Ok(answer) => answer.broken,
        Err(broken) => Some(broken),
    };
    Err(match broken.map(|broken| (broken.cause, broken.first)) {
        Some((Cause::Cut(how), _)) => Unfetched::Cut(how),
        Some((Cause::Protocol(reason), first)) => Unfetched::NotHttp { reason, first },
        Some((Cause::Timeout, _)) | None => Unfetched::Silent,
    })
}
