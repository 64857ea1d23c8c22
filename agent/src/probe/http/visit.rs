//! One hop: dial, shake hands where the URL says https, ask, take the answer in.

use std::time::Duration;

use health::{Facts, Finding};
use http::header::SERVER;
use http::{Method, StatusCode, Uri};

use super::Spec;
use super::arrival::{Arrived, Guard, arrive};
use super::ask::{self, Ask, host};
use super::broken::Asked;
use super::exchange::{Answer, Appetite, Broken, exchange};
use super::status::Control;
use super::ways;
use super::wire::Wire;
use crate::net::{Net, Proxy, does_not_allow, gave_up, printable, subject, wants_login};
use crate::probe::{Sight, Stopwatch};

/// With which proxies mark errors of their own (RFC 9209, Squid).
const PROXY_HEADERS: [&str; 2] = ["x-squid-error", "proxy-status"];
/// What they call themselves in errors of their own; of answers passed on they leave Server alone.
const PROXY_NAMES: [&str; 4] = ["tinyproxy", "squid", "privoxy", "Privoxy"];

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
    if spec.road.is_none() && spec.version.is_none() && !ways::is_encrypted(spec, &ask.url) {
        let endpoint = ask.endpoint(spec);
        let dialled = net.dial(&endpoint, spec.source, watch, &mut sight.facts).await;
        let wire = Wire::Plain(dialled.map_err(Failed::Before)?);
        let answer = exchange(wire, spec.kept.listening(ask.written()), appetite, watch).await;
        return spec.kept.noted(answer).map_err(Failed::Asking);
    }
    let arrived = Box::pin(arrive(spec, ask, net, watch, sight)).await?;
    let Arrived { wire, question, guard, asked_of } = arrived;
    let answer = exchange(wire, spec.kept.listening(question), appetite, watch).await;
    match spec.kept.noted(answer) {
        Ok(answer) => {
            match asked_of.and_then(|proxy| passed_on(spec, ask, proxy, &answer, sight)) {
                Some(finding) => Err(Failed::Before(Box::new(finding))),
                None => Ok(answer),
            }
        }
        Err(broken) => Err(failed(guard, broken, spec, ask, &sight.facts)),
    }
}

/// An answer that did not come, or a refusal of whoever asked who we are.
pub(super) fn failed(
    guard: Option<Guard>,
    broken: Broken,
    spec: &Spec,
    ask: &Ask,
    facts: &Facts,
) -> Failed {
    match guard.and_then(|guard| guard.refusal(&broken, &peer(spec, ask, facts))) {
        Some(finding) => Failed::Before(Box::new(finding)),
        None => Failed::Asking(broken),
    }
}

/// The finding for an answer that is the proxy's own, where it could or would not pass the request on.
fn passed_on(
    spec: &Spec,
    ask: &Ask,
    proxy: &Proxy,
    answer: &Answer,
    sight: &Sight,
) -> Option<Finding> {
    let status = answer.status;
    let is_its_own = status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
        || status.as_u16() >= 400
            && PROXY_HEADERS.iter().any(|name| answer.headers.contains_key(*name))
        || status.as_u16() >= 400
            && answer.headers.get(SERVER).is_some_and(|server| {
                PROXY_NAMES.iter().any(|name| server.as_bytes().starts_with(name.as_bytes()))
            });
    if !is_its_own {
        return None;
    }
    let told = PROXY_HEADERS.iter().find_map(|name| answer.headers.get(*name));
    let told = told.map(|value| format!(", {}", printable(value.as_bytes(), 80)));
    let words = format!("{status}{}", told.unwrap_or_default());
    let target = ask.endpoint(spec);
    let at = sight.facts.address.map_or_else(|| proxy.endpoint.to_string(), |at| at.to_string());
    Some(match status.as_u16() {
        401 | 407 => wants_login(proxy, &at, &words, &target),
        500.. => gave_up(proxy, &at, &words, &target),
        _ => does_not_allow(proxy, &at, &words, &target),
    })
}

/// The address dialled, and the name that was asked for there.
pub(super) fn peer(spec: &Spec, ask: &Ask, facts: &Facts) -> String {
    if let Some(proxy) = spec.road.as_ref().and_then(|road| road.proxy.as_ref()) {
        return format!("{} through {}", ask.endpoint(spec), proxy.shown());
    }
    let name = host(&ask.url);
    match facts.address {
        Some(address) if name.parse() == Ok(address.ip()) => address.to_string(),
        Some(address) => format!("{address} ({name})"),
        None => name.to_owned(),
    }
}

/// Of whom an answer was asked, for findings about its absence.
pub(super) fn asked(spec: &Spec, ask: &Ask, facts: &Facts, timeout: Duration) -> Asked {
    let endpoint = ask.endpoint(spec);
    let is_proxied = spec.road.as_ref().is_some_and(|road| road.proxy.is_some());
    let peer = match facts.address {
        _ if is_proxied => peer(spec, ask, facts),
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
