//! One hop: dial, shake hands where the URL says https, ask, take the answer in.

use std::time::Duration;

use health::{Code, Facts, Finding};
use http::{Method, Uri, Version};

use super::Spec;
use super::ask::{self, Ask, host};
use super::broken::Asked;
use super::exchange::{Answer, Appetite, Broken, Question, exchange};
use super::status::Control;
use super::ways;
use super::wire::Wire;
use crate::net::{Net, subject};
use crate::probe::{Sight, Stopwatch};
use crate::tls;

const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// What visitors' browsers refuse; the rest is for checks of the certificate itself.
const BREAKS_VISITORS: [Code; 6] = [
    Code::CertExpired,
    Code::CertNotYetValid,
    Code::CertWrongName,
    Code::CertSelfSigned,
    Code::TlsUntrusted,
    Code::TlsIncompleteChain,
];

/// Why a hop gave no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// There was no connection to ask over.
    Before(Box<Finding>),
    /// Asked, and no head of an answer came.
    Asking(Broken),
}

/// Asks and takes the answer in. Addresses, TLS facts and what is wrong with the certificate go
/// into `sight`, however it ends.
pub(super) async fn visit(
    spec: &Spec,
    ask: &Ask,
    appetite: Appetite,
    net: &Net,
    watch: &mut Stopwatch,
    sight: &mut Sight,
) -> Result<Answer, Failed> {
    let endpoint = ask.endpoint(spec);
    let dialled = net.dial(&endpoint, spec.source, watch, &mut sight.facts).await;
    let stream = dialled.map_err(Failed::Before)?;
    if !ways::is_encrypted(spec, &ask.url) {
        return exchange(Wire::Plain(stream), ask.written(), appetite, watch)
            .await
            .map_err(Failed::Asking);
    }
    let name = host(&ask.url);
    let shaken = Box::pin(tls::handshake(stream, name, ALPN, &spec.roots, watch)).await;
    let (stream, presented) = shaken.map_err(Failed::Before)?;
    let peer = peer(&ask.url, &sight.facts);
    let now = crate::clock::now();
    let (facts, findings) = tls::judge(&presented, name, &spec.roots, &peer, now);
    sight.facts.tls = Some(Box::new(facts));
    for finding in findings {
        let is_known = sight.findings.iter().any(|known| known.is_same_as(&finding));
        if BREAKS_VISITORS.contains(&finding.code) && !is_known {
            sight.findings.push(finding);
        }
    }
    let question = match presented.alpn.as_deref() {
        Some("h2") => Question::from(ask.request(Version::HTTP_2)),
        _ => Question::from(ask.written()),
    };
    exchange(Wire::Tls(Box::new(stream)), question, appetite, watch).await.map_err(Failed::Asking)
}

/// The address dialled, and the name that was asked for there.
pub(super) fn peer(url: &Uri, facts: &Facts) -> String {
    let name = host(url);
    match facts.address {
        Some(address) if name.parse() == Ok(address.ip()) => address.to_string(),
        Some(address) => format!("{address} ({name})"),
        None => name.to_owned(),
    }
}

/// Of whom an answer was asked, for findings about its absence.
pub(super) fn asked(spec: &Spec, ask: &Ask, facts: &Facts, timeout: Duration) -> Asked {
    let endpoint = ask.endpoint(spec);
    let peer = match facts.address {
        Some(address) => subject(&endpoint, address),
        None => endpoint.to_string(),
    };
    Asked {
        url: ask::subject(&ask.url),
        peer,
        timeout,
        announced: None,
        body_bytes: 0,
        is_encrypted: ways::is_encrypted(spec, &ask.url),
    }
}

/// Asks the same server, under the same Host, for a path that is not there, beside the one that
/// was asked for, so that a proxy passes it on to the same application. A server that rejects the
/// name rejects it everywhere; one that only disliked the request does not.
pub(super) async fn control(spec: &Spec, ask: &Ask, net: &Net, watch: &Stopwatch) -> Control {
    let folder = ask.url.path().rfind('/').map_or("/", |at| &ask.url.path()[..=at]);
    let mut parts = ask.url.clone().into_parts();
    parts.path_and_query = format!("{folder}portwarden-control").parse().ok();
    let Ok(url) = Uri::from_parts(parts) else { return Control::Unverified };
    let ask = Ask { method: Method::GET, body: bytes::Bytes::new(), ..ask.of(url) };
    let appetite = Appetite { cap_bytes: 0, keep_bytes: 0, skip_redirects: true };
    let mut watch = Stopwatch::start(watch.left());
    let mut sight = Sight::default();
    match Box::pin(visit(spec, &ask, appetite, net, &mut watch, &mut sight)).await {
        Ok(answer) => Control::Answered(answer.status),
        Err(_) => Control::Unverified,
    }
}
