//! Several ways to the same: by the outer address, by the proxy, by the application itself. Each is
//! asked in the same probe, so that what goes wrong can be put down to the hop where it does.
//!
//! Deliberately absent: guessing ways. Those of the plan are asked, in the plan's order.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::{join, join_all};
use health::facts::{CertificateFacts, HttpFacts, Role, VisitFacts};
use health::{Code, Finding, Severity};
use http::header::{HOST, SERVER};
use http::{HeaderMap, HeaderName, Uri};

use super::ask;
use super::{Behind, Connect, Heard, Spec, Walked, by_hand, redact, walk_once};
use crate::net::{Net, printable};
use crate::probe::{Sight, Stopwatch};

mod compare;
mod differs;
mod judge;
#[cfg(test)]
mod tests;
mod wording;

pub(crate) use judge::judge;

const SHOWN_CHARS: usize = 128;

/// One way in.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// As the plan calls it.
    pub name: Arc<str>,
    /// Whom to dial.
    pub connect: Vec<Connect>,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// This host and port are asked without TLS, although the URL says https.
    pub in_plain: Option<(String, u16)>,
    /// What the hop before adds or replaces.
    pub headers: HeaderMap,
}

/// What has to be the same by every way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sameness {
    /// The body too.
    pub same_body: bool,
    /// What need not be.
    pub may_differ: MayDiffer,
}

/// What may differ from way to way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MayDiffer {
    /// The status of the last answer.
    pub status: bool,
    /// Where redirects lead.
    pub location: bool,
    /// Which cookies are set, and their attributes.
    pub cookies: bool,
    /// The certificate served.
    pub certificate: bool,
    /// These headers.
    pub headers: Vec<HeaderName>,
}

/// The ways of one request, or of one journey, nearest the visitor first; each with what is done by it.
#[derive(Clone, Debug)]
pub struct Ways<S = Spec> {
    pub(crate) each: Vec<(Way, S)>,
    pub(crate) sameness: Sameness,
}

/// What is done by a way follows from the way and from the check itself.
impl<S> PartialEq for Ways<S> {
    fn eq(&self, other: &Self) -> bool {
        self.sameness == other.sameness
            && self.each.len() == other.each.len()
            && self.each.iter().zip(&other.each).all(|((a, _), (b, _))| a == b)
    }
}

impl<S> Ways<S> {
    /// Each way with what `by` makes of it and of its place among them.
    pub(crate) fn made(
        ways: &[Way],
        sameness: Sameness,
        by: impl Fn(usize, &Way, &Sameness) -> S,
    ) -> Self {
        let by = |(index, way): (usize, &Way)| (way.clone(), by(index, way, &sameness));
        let each = ways.iter().enumerate().map(by).collect();
        Self { each, sameness }
    }
}

impl Ways {
    /// The request of `spec` by each of these ways.
    pub(crate) fn of(spec: &Spec, ways: &[Way], sameness: Sameness) -> Self {
        Self::made(ways, sameness, |index, way, sameness| {
            let mut spec = way.applied(spec, sameness);
            look_behind_once(ways, index, &mut spec);
            spec
        })
    }

    /// Each of them.
    #[cfg(test)]
    pub(crate) fn each(&self) -> impl Iterator<Item = &Way> {
        self.each.iter().map(|(way, _)| way)
    }

    /// What has to be the same.
    #[cfg(test)]
    pub(crate) fn sameness(&self) -> &Sameness {
        &self.sameness
    }
}

/// Who stands behind is looked for by the first of these ways alone: an inner one leads past the proxy,
/// or to the same group again.
pub(crate) fn look_behind_once(ways: &[Way], index: usize, spec: &mut Spec) {
    if index > 0 {
        spec.behind = Behind::default();
        return;
    }
    let inner = ways.iter().skip(1).flat_map(|way| &way.connect);
    spec.behind.inner_ports = inner.map(|connect| connect.to.port).collect();
}

impl Way {
    /// The same request by this way.
    pub(crate) fn applied(&self, spec: &Spec, sameness: &Sameness) -> Spec {
        let mut headers = spec.headers.clone();
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        Spec {
            connect: self.connect.clone(),
            source: self.source,
            in_plain: self.in_plain.clone(),
            headers,
            // Behind the proxy nobody has agreed on a version.
            version: spec.version.filter(|_| self.in_plain.is_none()),
            keeps_body: spec.keeps_body || sameness.same_body,
            ways: None,
            ..spec.clone()
        }
    }
}

/// A way that was taken: what it showed, and what is wrong by it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) name: Arc<str>,
    /// Where it was dialled.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) findings: Vec<Finding>,
    /// One, or one of each step; fewer where some gave none.
    pub(crate) answers: Vec<Answered>,
}

/// One answer that came by a way.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The step that it is of.
    pub(crate) step: Option<Arc<str>>,
    /// The URL that was asked.
    pub(crate) url: Uri,
    /// The Host that was sent.
    pub(crate) host: String,
    /// A command that asks the same.
    pub(crate) by_hand: String,
    pub(crate) heard: Heard,
    /// The chain that was served, leaf first.
    pub(crate) chain: Option<Arc<Vec<CertificateFacts>>>,
    /// Most bytes that a body may have.
    pub(crate) cap_bytes: u64,
}

impl Answered {
    /// What a request of this spec was answered.
    pub(crate) fn of(step: Option<Arc<str>>, spec: &Spec, heard: Heard, sight: &Sight) -> Self {
        let host = spec.headers.get(HOST).map_or_else(
            || ask::authority(&spec.url).to_owned(),
            |value| printable(value.as_bytes(), SHOWN_CHARS),
        );
        Self {
            step,
            url: spec.url.clone(),
            host,
            by_hand: by_hand::command(spec),
            heard,
            chain: sight.facts.tls.as_ref().map(|tls| Arc::clone(&tls.chain)),
            cap_bytes: spec.max_body_bytes,
        }
    }
}

impl Taken {
    /// Its name, and where it was dialled.
    pub(crate) fn place(&self) -> String {
        match self.address {
            Some(address) => format!("{} ({address})", self.name),
            None => self.name.to_string(),
        }
    }

    /// No answer, or a wrong one; whatever its certificate.
    fn is_down(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Critical && !is_about_certificate(finding))
    }

    /// Who says to answer there.
    fn server(&self) -> Option<String> {
        let headers = &self.answers.last()?.heard.headers;
        headers.get(SERVER).map(|value| printable(value.as_bytes(), SHOWN_CHARS))
    }
}

/// A certificate that browsers refuse, which a proxy usually does not look at.
fn is_about_certificate(finding: &Finding) -> bool {
    matches!(finding.code, Code::TlsUntrusted | Code::TlsIncompleteChain)
        || finding.code.label().starts_with("cert.")
}

/// TLS is spoken to the server of this URL.
pub(super) fn is_encrypted(spec: &Spec, url: &Uri) -> bool {
    let is_plain = |(host, port): &(String, u16)| {
        ask::port(url) == *port && ask::host(url).eq_ignore_ascii_case(host)
    };
    ask::is_https(url) && !spec.in_plain.as_ref().is_some_and(is_plain)
}

/// The URL by which the same can be asked by hand.
pub(super) fn spoken(spec: &Spec) -> String {
    let shown = ask::shown(&spec.url);
    match shown.strip_prefix("https://") {
        Some(rest) if !is_encrypted(spec, &spec.url) => format!("http://{rest}"),
        _ => shown,
    }
}

/// Asks by every way at once, and judges them together.
pub(super) async fn observe(ways: &Ways, net: &Net, watch: &mut Stopwatch) -> Sight {
    let Some(((outer, spec), inner)) = ways.each.split_first() else { return Sight::default() };
    let besides: Vec<Stopwatch> = inner.iter().map(|_| watch.beside()).collect();
    let inner = inner.iter().zip(besides).map(|((way, spec), mut watch)| {
        Box::pin(async move { take(way, spec, net, &mut watch).await })
    });
    let (first, others) = join(Box::pin(take(outer, spec, net, watch)), join_all(inner)).await;
    let (mut sight, taken) = first;
    let mut all = vec![taken];
    for (other, taken) in others {
        sight.facts.visits.extend(other.facts.visits);
        sight.facts.blind = sight.facts.blind.or(other.facts.blind);
        all.push(taken);
    }
    sight.findings = judge(&all, &ways.sameness);
    if !sight.findings.is_empty() {
        for (_, spec) in &ways.each {
            redact::scrub(&spec.headers, &mut HttpFacts::default(), &mut sight);
            redact::scrub_hidden(&spec.hidden, &mut HttpFacts::default(), &mut sight);
        }
    }
    sight
}

/// Asks by one way.
async fn take(way: &Way, spec: &Spec, net: &Net, watch: &mut Stopwatch) -> (Sight, Taken) {
    let begun = watch.elapsed();
    let Walked { mut sight, heard } = walk_once(spec, net, watch).await;
    if sight.facts.visits.iter().all(|visit| visit.role != Role::Way) {
        let whole = whole(way, &sight, begun, watch);
        sight.facts.visits.insert(0, whole);
    }
    mark(&mut sight, &way.name);
    let codes = sight.findings.iter().map(|finding| finding.code).collect();
    let is_of_the_way = |visit: &&mut VisitFacts| matches!(visit.role, Role::Way | Role::Redirect);
    if let Some(last) = sight.facts.visits.iter_mut().rev().find(is_of_the_way) {
        last.codes = codes;
    }
    let answers = heard.map(|heard| Answered::of(None, spec, heard, &sight)).into_iter().collect();
    let taken = Taken {
        name: Arc::clone(&way.name),
        address: sight.facts.address,
        findings: std::mem::take(&mut sight.findings),
        answers,
    };
    (sight, taken)
}

/// Says of each visit by which way it went.
pub(crate) fn mark(sight: &mut Sight, way: &Arc<str>) {
    for visit in &mut sight.facts.visits {
        visit.way = Some(Arc::clone(way));
        if visit.role == Role::Way {
            visit.name = Arc::clone(way);
        }
    }
}

/// A way of a single request.
fn whole(way: &Way, sight: &Sight, begun: std::time::Duration, watch: &Stopwatch) -> VisitFacts {
    let has_answer = sight.facts.http.as_ref().is_some_and(|http| http.status.is_some());
    let phases = watch.phases().clone();
    VisitFacts {
        role: Role::Way,
        name: Arc::clone(&way.name),
        way: None,
        begun,
        took: phases.iter().map(|(_, took)| took).sum(),
        phases,
        address: sight.facts.address,
        http: sight.facts.http.clone(),
        codes: Vec::new(),
        failure: (!has_answer).then(|| {
            sight.findings.first().map_or("no answer", |finding| finding.code.label()).to_owned()
        }),
    }
}
