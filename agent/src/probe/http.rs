//! HTTP: one request on a connection of its own, redirects followed or judged, and what is
//! expected of the answer.
//!
//! Deliberately absent: retries, and connections shared between probes; a probe sees what a first
//! visitor sees. Cookies are kept from hop to hop where they are expected, and by journeys.

use std::net::IpAddr;
use std::sync::Arc;

use alerts::Secret;
use health::Finding;
use health::facts::{HttpFacts, Redirect};
use http::{HeaderMap, Method, StatusCode, Uri, Version};

use super::{Sight, Stopwatch};
use crate::clock;
use crate::net::{Net, Road, printable};
use crate::plan::Endpoint;
use crate::tls::Roots;

mod along;
mod arrival;
mod ask;
mod behind;
mod broken;
mod by_hand;
mod call;
mod content;
pub mod cookie;
mod exchange;
mod expect;
mod fetch;
mod framing;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod gateway;
mod glance;
mod grant;
mod holders;
mod hops;
mod http1;
pub(crate) mod inner;
pub(crate) mod jar;
mod judge;
mod kept;
mod recognised;
mod redact;
mod redirect;
mod reference;
pub(crate) mod session;
pub mod set_cookie;
mod status;
mod stub_status;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
mod upgrade;
mod visit;
pub mod ways;
mod wire;
mod written;

use along::Along;
pub use arrival::Spoken;
pub(crate) use ask::Ask;
pub use ask::shown;
pub(crate) use ask::{authority, host, port, without_query};
use behind::Backing;
pub use behind::{Behind, Configurations};
pub(crate) use call::{Called, Uncalled, call};
use exchange::{Answer, Appetite};
pub use expect::{
    Bounds, BytePattern, Expect, HeaderRule, HeaderWanted, JsonRule, Pattern, Place, Security,
    Test, Unchanged,
};
pub(crate) use fetch::{Fetched, Unfetched, fetch};
use gateway::Upstream;
pub(crate) use glance::{Glance, glance};
pub use grant::{Grant, Style};
pub(crate) use grant::{Tokens, encoded};
use hops::Hops;
use jar::Jar;
pub use judge::Bodies;
use judge::Reply;
pub use kept::Kept;
pub(crate) use redact::{Veil, masked, secrets, veil};
use redirect::Next;
pub(crate) use reference::resolve;
pub use stub_status::Memory as NginxMemory;
pub(crate) use upgrade::{
    Upgraded, ask_for_upgrade, is_own_header, subject as socket_subject, upgrade,
};
use visit::{Failed, visit};
pub(crate) use wire::Metered;

/// Bytes of a body kept when no expectation asks for more.
const EXCERPT_BYTES: usize = 2048;
pub(crate) const EXCERPT_CHARS: usize = 1024;
/// How many times its wrapped size a body may have, for who takes values out of it.
const MOST_UNPACKED: usize = 32;

/// `[[http]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Absolute, http or https.
    pub url: Uri,
    /// The same for people, as [`shown`] has it.
    pub shown: Arc<str>,
    /// Dial elsewhere than the URL says, keeping name, SNI and Host.
    pub connect: Vec<Connect>,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// How servers are reached beside that; `None`: the ordinary way.
    pub road: Option<Arc<Road>>,
    /// The version of HTTP that is spoken; otherwise 1.1, and with TLS what it settles on.
    pub version: Option<Spoken>,
    /// Where an access token is fetched, to ask with.
    pub grant: Option<Arc<Grant>>,
    /// Request method.
    pub method: Method,
    /// Request headers of the plan.
    pub headers: HeaderMap,
    /// Request body.
    pub body: bytes::Bytes,
    /// What of the body nobody may see, as it stands there and as it is.
    pub hidden: Vec<Secret>,
    /// Redirects are followed, up to ten; not where `expect` is about the redirect itself, with
    /// `location` or with redirect statuses alone.
    pub follow_redirects: bool,
    /// Most bytes of body to read, default 1 MiB.
    pub max_body_bytes: u64,
    /// What is expected of the answer.
    pub expect: Expect,
    /// Whom a 502, 503 or 504 is to be blamed on, nearest first.
    pub upstream: Vec<Endpoint>,
    /// Who else stands behind the proxy, where the plan says how to find out.
    pub behind: Behind,
    /// Somebody besides the expectations reads the body: it is kept up to `max_body_bytes`.
    pub keeps_body: bool,
    /// The answer is nginx's own count of its connections; remembered under the check's name.
    pub stub_status: Option<Arc<str>>,
    /// This host and port are asked without TLS, although the URL says https.
    pub in_plain: Option<(String, u16)>,
    /// Several ways to the same, where there are: then each of them is asked, and not this.
    pub ways: Option<Box<ways::Ways>>,
    /// Trusted roots.
    pub roots: Roots,
    /// What follows from the above.
    pub kept: Kept,
}

/// One `connect` override, like `curl --connect-to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// For requests to this host (lower case) and port.
    pub from: (String, u16),
    /// Dial this.
    pub to: Endpoint,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    if let Some(check) = &spec.stub_status {
        return stub_status::attend(check, walk(spec, Ask::first(spec), net, watch).await, net);
    }
    match &spec.ways {
        None => walk_once(spec, net, watch).await.sight,
        Some(ways) => Box::pin(ways::observe(ways, net, watch)).await,
    }
}

/// Makes the plan's request, with the cookies that its own redirects set where they matter.
async fn walk_once(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Walked {
    if spec.expect.cookies.is_empty() {
        return walk(spec, Ask::first(spec), net, watch).await;
    }
    let mut jar = Jar::default();
    walk_with(spec, Ask::first(spec), Some(&mut jar), net, watch).await
}

/// The way from one request to the answer that was judged.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Facts and findings.
    pub(crate) sight: Sight,
    /// The answer that was judged, where one came.
    pub(crate) heard: Option<Heard>,
}

/// An answer as it came, secrets and all.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Where it came from.
    pub(crate) url: Uri,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body as far as it was kept; still wrapped as Content-Encoding says.
    pub(crate) body: Vec<u8>,
}

/// Asks, follows redirects, and judges the last answer; with an access token where one is wanted.
pub(crate) async fn walk(spec: &Spec, first: Ask, net: &Net, watch: &mut Stopwatch) -> Walked {
    walk_with(spec, first, None, net, watch).await
}

/// The same with a visitor's cookies: what is set on the way is kept and sent along.
pub(crate) async fn walk_with(
    spec: &Spec,
    first: Ask,
    jar: Option<&mut Jar>,
    net: &Net,
    watch: &mut Stopwatch,
) -> Walked {
    match &spec.grant {
        None => go(spec, first, jar, net, watch).await,
        Some(grant) => Box::pin(grant::walk(grant, spec, first, jar, net, watch)).await,
    }
}

async fn go(
    spec: &Spec,
    first: Ask,
    jar: Option<&mut Jar>,
    net: &Net,
    watch: &mut Stopwatch,
) -> Walked {
    let mut sight = Sight::default();
    let keep_bytes = if spec.keeps_body || judge::reads_body(spec) {
        usize::try_from(spec.max_body_bytes).unwrap_or(usize::MAX)
    } else {
        EXCERPT_BYTES
    };
    let appetite = Appetite {
        cap_bytes: spec.max_body_bytes,
        keep_bytes,
        skip_redirects: redirect::are_followed(spec),
    };
    let mut along = Along::new(jar, &first);
    let mut asked = vec![along.dressed(first)];
    let mut redirects = Vec::new();
    let mut hops = Hops::default();
    while let Some(ask) = asked.last() {
        let answer = match visit(spec, ask, appetite, net, watch, &mut sight).await {
            Ok(answer) => answer,
            Err(failed) => {
                let facts = HttpFacts {
                    url: address(spec, ask, &redirects),
                    request: Some(ask.facts(spec)),
                    ..HttpFacts::default()
                };
                let finding = failed_finding(failed, spec, ask, &sight, watch);
                sight.findings.push(match asked.iter().rev().nth(1) {
                    Some(sender) => redirect::led_here(finding, spec, sender, ask),
                    None => finding,
                });
                let facts = HttpFacts { redirects, ..facts };
                hops.last(&facts, watch, &mut sight);
                return Walked { sight: finished(spec, sight, facts, &along), heard: None };
            }
        };
        along.take(&ask.url, &answer.headers);
        match redirect::next(spec, &asked, &answer, &mut along) {
            Next::Follow { ask: next, location } => {
                hops.followed(facts(spec, ask, &answer, redirects.clone()), watch, &mut sight);
                redirects.push(Redirect {
                    url: shown(&ask.url),
                    status: answer.status.as_u16(),
                    location,
                });
                asked.push(*next);
            }
            Next::Wrong(finding) => {
                let facts = facts(spec, ask, &answer, redirects);
                sight.findings.push(*finding);
                hops.last(&facts, watch, &mut sight);
                let heard = Heard::of(ask, answer);
                return Walked { sight: finished(spec, sight, facts, &along), heard: Some(heard) };
            }
            Next::Judge => {
                let mut facts = facts(spec, ask, &answer, redirects);
                let subject = without_query(&facts.url).to_owned();
                hops.last(&facts, watch, &mut sight);
                let took = watch.elapsed();
                let at = Arrived { ask, subject, hops: facts.redirects.len() };
                let heard = weigh(spec, at, answer, net, watch, &mut sight).await;
                hops.only(&facts, took, watch, &mut sight);
                if let Some(jar) = along.jar().filter(|_| judge::accepts(spec, heard.status)) {
                    let wanted = &spec.expect.cookies;
                    let subject = without_query(&facts.url);
                    let mut found = cookie::judge(wanted, subject, jar, clock::now());
                    if let Some(first) = asked.first() {
                        Box::pin(session::blame(&mut found, spec, first, net, watch)).await;
                    }
                    sight.findings.extend(found);
                }
                if !heard.body.is_empty() {
                    let begins = content::beginning(&heard.headers, &heard.body, EXCERPT_BYTES);
                    facts.excerpt = Some(printable(&begins, EXCERPT_CHARS));
                }
                return Walked { sight: finished(spec, sight, facts, &along), heard: Some(heard) };
            }
        }
    }
    Walked { sight, heard: None }
}

impl Heard {
    /// The body as text, unwrapped; `None` where it cannot be.
    pub(crate) fn text(&self) -> Option<String> {
        let most = self.body.len().saturating_mul(MOST_UNPACKED) as u64;
        let body = content::decoded(&self.headers, &self.body, most).ok()?;
        Some(String::from_utf8_lossy(&body).into_owned())
    }

    fn of(ask: &Ask, answer: Answer) -> Self {
        Self {
            url: ask.url.clone(),
            status: answer.status,
            headers: answer.headers,
            body: answer.body.kept,
        }
    }
}

/// Where a way ended.
struct Arrived<'a> {
    ask: &'a Ask,
    /// The URL as findings name it.
    subject: String,
    /// How many redirects led there.
    hops: usize,
}

/// Judges the last answer, after asking those who can say more about it; hands it back.
async fn weigh(
    spec: &Spec,
    at: Arrived<'_>,
    mut answer: Answer,
    net: &Net,
    watch: &Stopwatch,
    sight: &mut Sight,
) -> Heard {
    let Arrived { ask, subject, hops } = at;
    let broken = answer.broken.take();
    let mut reply = Reply {
        hops,
        is_complete: broken.is_none(),
        as_planned: net.bodies.as_planned(spec),
        ..Reply::of(subject, &ask.url, answer, watch)
    };
    let mut backing = None;
    if !spec.behind.is_nothing() {
        let status = reply.status.as_u16();
        backing = Some(Box::pin(behind::look(spec, ask, status, net, watch)).await);
    }
    if !judge::accepts(spec, reply.status) {
        match reply.status {
            StatusCode::BAD_REQUEST => {
                reply.control = Some(visit::control(spec, ask, net, watch).await);
            }
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                let own = Box::pin(gateway::examine(spec, ask, &spec.upstream, net, watch)).await;
                reply.upstream = match &backing {
                    Some(backing) if own.is_empty() => backing.members.clone(),
                    _ => own,
                };
            }
            _ => {}
        }
    }
    if let Some(broken) = broken {
        let mut asked = visit::asked(spec, ask, &sight.facts, watch.timeout());
        asked.announced = content::length(&reply.headers);
        asked.body_bytes = reply.body.received;
        sight.findings.push(broken.into_finding(&asked));
    }
    let mut findings = judge::judge(spec, &reply);
    net.bodies.note(spec, &reply);
    if !findings.is_empty() {
        let limits = backing.as_ref().and_then(Backing::limits);
        let own_answer = backing.as_ref().and_then(Backing::own_answer);
        recognised::retell(&reply, limits, own_answer, &mut findings);
        // Several ways are compared with one another.
        if spec.behind.inner_ports.is_empty() {
            findings = Box::pin(behind::compare(spec, ask, &reply, findings, net, watch)).await;
        }
    }
    let asked = backing.as_ref().map_or(&reply.upstream, |backing| &backing.members);
    let asked = if reply.upstream.is_empty() { asked } else { &reply.upstream };
    sight.facts.visits.extend(asked.iter().map(Upstream::visit));
    if let Some(backing) = &backing {
        backing.add_to(&reply, &mut findings);
    }
    if !findings.is_empty() {
        let address = visit::peer(spec, ask, &sight.facts);
        let located = |finding: Finding| finding.evidence("address", address.as_str());
        sight.findings.extend(findings.into_iter().map(located));
    }
    Heard {
        url: ask.url.clone(),
        status: reply.status,
        headers: reply.headers,
        body: reply.body.kept,
    }
}

fn failed_finding(
    failed: Failed,
    spec: &Spec,
    ask: &Ask,
    sight: &Sight,
    watch: &Stopwatch,
) -> Finding {
    match failed {
        Failed::Before(finding) => *finding,
        Failed::Asking(broken) => {
            broken.into_finding(&visit::asked(spec, ask, &sight.facts, watch.timeout()))
        }
    }
}

/// The URL of a request for people; the plan's own is written out already.
fn address(spec: &Spec, ask: &Ask, redirects: &[Redirect]) -> Arc<str> {
    if redirects.is_empty() { spec.shown.clone() } else { shown(&ask.url).into() }
}

fn facts(spec: &Spec, ask: &Ask, answer: &Answer, redirects: Vec<Redirect>) -> HttpFacts {
    let version = match answer.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    HttpFacts {
        status: Some(answer.status.as_u16()),
        version: version.into(),
        url: address(spec, ask, &redirects),
        redirects,
        body_bytes: answer.body.received,
        content_length: content::length(&answer.headers),
        headers: redact::headers(&answer.headers),
        request: Some(ask.facts(spec)),
        excerpt: None,
        failed_due_to_regex: false,
    }
}

fn finished(spec: &Spec, mut sight: Sight, mut facts: HttpFacts, along: &Along<'_>) -> Sight {
    if !sight.findings.is_empty() {
        facts.failed_due_to_regex = judge::is_due_to_regex(spec, &sight.findings);
        let command = by_hand::command(spec);
        for finding in &mut sight.findings {
            if finding.code.label().starts_with("http.") {
                finding.evidence.insert("by_hand".to_owned(), command.as_str().into());
            }
        }
    }
    hops::conclude(&facts, &mut sight);
    let mut sight = scrubbed(spec, sight, facts);
    if let Some(jar) = along.jar() {
        veil(&jar.veils(), &mut sight);
    }
    sight
}

/// All of it together, without what a server echoed of the secrets sent to it.
fn scrubbed(spec: &Spec, mut sight: Sight, mut facts: HttpFacts) -> Sight {
    redact::scrub(&spec.headers, &mut facts, &mut sight);
    redact::scrub_hidden(&spec.hidden, &mut facts, &mut sight);
    sight.facts.http = Some(Box::new(facts));
    sight
}
