//! A request for an upgrade to WebSocket (RFC 6455 section 4.1). What is said over it afterwards is
//! not HTTP and stands elsewhere.
//!
//! Deliberately absent: WebSocket over HTTP/2 (RFC 8441), and redirects: browsers follow none here.

use std::sync::Arc;

use futures_util::future::join;
use health::facts::{HttpFacts, RequestFacts, Role, VisitFacts};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::arrival::{Arrived, arrive};
use super::ask::{self, Ask};
use super::exchange::{Answer, Appetite};
use super::gateway::{self, Upstream};
use super::http1::{self, Switch};
use super::visit::{self, visit};
use super::wire::Metered;
use super::{EXCERPT_CHARS, Spec, Spoken, by_hand};
use crate::net::{Net, printable};
use crate::probe::{Sight, Stopwatch};

mod acceptance;
mod hop;
mod refusal;

use refusal::{Refusal, Without};

/// What of a refusal is read: enough to know an error page by.
const APPETITE: Appetite =
    Appetite { cap_bytes: 64 * 1024, keep_bytes: 4096, skip_redirects: false };

/// The headers by which an upgrade is asked for.
const OWN_HEADERS: [HeaderName; 6] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_EXTENSIONS,
];

/// A connection that speaks WebSocket from here on.
#[derive(Debug)]
pub(crate) struct Upgraded {
    /// Facts and findings so far.
    pub(crate) sight: Sight,
    /// The connection.
    pub(crate) line: Metered,
    /// What came behind the answer's head already.
    pub(crate) surplus: Vec<u8>,
    /// What the server chose of the subprotocols offered.
    pub(crate) subprotocol: Option<String>,
}

/// Makes the request of a plan one for an upgrade: WebSockets begin as HTTP/1.1 alone.
pub(crate) fn ask_for_upgrade(spec: &mut Spec, offered: &[String]) {
    spec.version = Some(Spoken::Http1);
    let headers = &mut spec.headers;
    for (name, value) in [
        (CONNECTION, "Upgrade"),
        (UPGRADE, "websocket"),
        (SEC_WEBSOCKET_VERSION, "13"),
        // The one of the RFC, for whoever asks by hand; every probe makes its own.
        (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(offered) = HeaderValue::from_str(&offered.join(", "))
        && !offered.is_empty()
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }
}

/// A header that the upgrade itself sets, so that a plan cannot.
pub(crate) fn is_own_header(name: &HeaderName) -> bool {
    OWN_HEADERS.contains(name)
}

/// The URL as findings about a WebSocket name it: `wss://shop.example/live`.
pub(crate) fn subject(spec: &Spec) -> String {
    let subject = ask::subject(&spec.url);
    format!("ws{}", subject.strip_prefix("http").unwrap_or(&subject))
}

/// Asks for the upgrade.
///
/// # Errors
/// What was seen instead, with the finding that says who refuses it.
pub(crate) async fn upgrade(
    spec: &Spec,
    offered: &[String],
    net: &Net,
    watch: &mut Stopwatch,
) -> Result<Box<Upgraded>, Box<Sight>> {
    let key = generate_key();
    let mut ask = Ask::planned(spec);
    if let Ok(key) = HeaderValue::from_str(&key) {
        ask.headers.insert(SEC_WEBSOCKET_KEY, key);
    }
    let mut sight = Sight::default();
    let came = match arrive(spec, &ask, net, watch, &mut sight).await {
        Ok(Arrived { wire, guard, .. }) => {
            let came = http1::switch(wire, ask.written(), APPETITE, watch).await;
            came.map_err(|broken| visit::failed(guard, broken, spec, &ask, &sight.facts))
        }
        Err(failed) => Err(failed),
    };
    match came {
        Ok(Switch::Over(switched)) => {
            let facts = facts(spec, &ask, &switched.answer);
            let sight = finished(spec, sight, facts);
            let headers = &switched.answer.headers;
            let accepted = acceptance::judge(headers, &key, offered);
            let subprotocol = match accepted {
                Ok(subprotocol) => subprotocol,
                Err(flaw) => {
                    let mut sight = sight;
                    let peer = visit::peer(spec, &ask, &sight.facts);
                    let finding = flaw.into_finding(&subject(spec), headers, &peer);
                    sight.findings.push(finding.evidence("by_hand", command(spec)));
                    return Err(Box::new(sight));
                }
            };
            let (line, meter) = Metered::new(switched.wire);
            meter.allow_body(spec.max_body_bytes);
            let surplus = switched.surplus.to_vec();
            Ok(Box::new(Upgraded { sight, line, surplus, subprotocol }))
        }
        Ok(Switch::Answer(answer)) => {
            Err(Box::new(refused(spec, &ask, *answer, net, watch, sight).await))
        }
        Err(failed) => {
            let facts = HttpFacts {
                url: spec.shown.clone(),
                request: Some(request(spec, &ask)),
                ..HttpFacts::default()
            };
            let finding = super::failed_finding(failed, spec, &ask, &sight, watch);
            sight.findings.push(finding);
            Err(Box::new(finished(spec, sight, facts)))
        }
    }
}

/// Somebody answered, and does not upgrade: finds out who.
async fn refused(
    spec: &Spec,
    ask: &Ask,
    answer: Answer,
    net: &Net,
    watch: &mut Stopwatch,
    mut sight: Sight,
) -> Sight {
    let mut facts = facts(spec, ask, &answer);
    if !answer.body.kept.is_empty() {
        facts.excerpt = Some(printable(&answer.body.kept, EXCERPT_CHARS));
    }
    let way = VisitFacts {
        role: Role::Way,
        name: spec.shown.clone(),
        way: None,
        begun: std::time::Duration::ZERO,
        took: watch.elapsed(),
        phases: watch.phases().clone(),
        address: sight.facts.address,
        http: Some(Box::new(facts.clone())),
        codes: Vec::new(),
        failure: None,
    };
    sight.facts.visits.push(way);
    let beside = Box::pin(without(spec, ask, net, watch));
    let examined = Box::pin(gateway::examine(spec, ask, &spec.upstream, net, watch));
    let ((without, control), upstream) = join(beside, examined).await;
    sight.facts.visits.extend(control);
    let peer = visit::peer(spec, ask, &sight.facts);
    let finding = match dead_upstream(spec, &answer, &upstream) {
        Some(finding) => finding,
        None => refusal::judge(&Refusal {
            url: &subject(spec),
            peer: &peer,
            status: answer.status,
            headers: &answer.headers,
            body: &answer.body.kept,
            without: &without,
            upstream: &upstream,
            origin: spec.headers.get(http::header::ORIGIN),
        }),
    };
    for visit in &mut sight.facts.visits {
        if visit.role == Role::Way {
            visit.codes = vec![finding.code];
        }
    }
    sight.findings.push(finding.evidence("address", peer.as_str()));
    finished(spec, sight, facts)
}

/// What a proxy without an answer says is the upstream's doing, where that is known to be at fault.
fn dead_upstream(spec: &Spec, answer: &Answer, upstream: &[Upstream]) -> Option<health::Finding> {
    let culprit = gateway::blame(upstream)?;
    matches!(answer.status.as_u16(), 502..=504)
        .then(|| gateway::bad_gateway(&subject(spec), answer.status, upstream, culprit))
}

/// Asks for the same page without asking for an upgrade: who answers both alike has not seen that one
/// was asked for, or does not know what it is.
async fn without(
    spec: &Spec,
    ask: &Ask,
    net: &Net,
    watch: &Stopwatch,
) -> (Without, Option<VisitFacts>) {
    let mut plain = ask.clone();
    OWN_HEADERS.iter().for_each(|name| drop(plain.headers.remove(name)));
    let begun = watch.elapsed();
    let mut watch = Stopwatch::start(watch.left());
    let mut sight = Sight::default();
    let visited = visit(spec, &plain, APPETITE, net, &mut watch, &mut sight).await;
    let answer = visited.ok();
    let visit = VisitFacts {
        role: Role::Control,
        name: "without Upgrade".into(),
        way: None,
        begun,
        took: watch.elapsed(),
        phases: watch.phases().clone(),
        address: sight.facts.address,
        failure: answer.is_none().then(|| "no answer".to_owned()),
        http: answer
            .as_ref()
            .map(|answer| Box::new(super::facts(spec, &plain, answer, Vec::new()))),
        codes: Vec::new(),
    };
    let without = match answer {
        Some(answer) => Without::Answered(answer.status, answer.body.kept),
        None => Without::Unverified,
    };
    (without, Some(visit))
}

fn facts(spec: &Spec, ask: &Ask, answer: &Answer) -> HttpFacts {
    HttpFacts { request: Some(request(spec, ask)), ..super::facts(spec, ask, answer, Vec::new()) }
}

fn request(spec: &Spec, ask: &Ask) -> Arc<RequestFacts> {
    Arc::new(RequestFacts { by_hand: command(spec), ..ask.described(spec) })
}

fn finished(spec: &Spec, sight: Sight, facts: HttpFacts) -> Sight {
    let mut sight = super::scrubbed(spec, sight, facts);
    for finding in &mut sight.findings {
        if finding.code.label().starts_with("http.") {
            finding.evidence.insert("by_hand".to_owned(), command(spec).into());
        }
    }
    sight
}

/// A command that asks for the upgrade by hand; it stays connected, if it can, until it is ended.
fn command(spec: &Spec) -> String {
    by_hand::command(spec).replacen("curl -v", "curl -v -N -m 5", 1)
}
