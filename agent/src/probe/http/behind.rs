//! Who stands behind the proxy that is asked, by nginx's own files or as the plan lists them: each member
//! of a balanced group is asked, because a proxy goes on answering while one of three is dead.
//!
//! Deliberately absent: which member gets how much, health checks of the proxy's own, and asking a running
//! nginx. A member in another protocol, or in TLS, is only seen to accept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use health::{Code, Facts, Finding, Phases, Severity, text};
use http::Method;

use super::ask::{self, Ask};
use super::exchange::{Appetite, exchange};
use super::gateway::{self, Health, Upstream};
use super::holders;
use super::judge::{self, Reply};
use super::wire::Wire;
use super::{Spec, recognised};
use crate::net::{Net, subject};
use crate::nginx::{self, Address, Sites};
use crate::patience;
use crate::plan::{Endpoint, Target};
use crate::probe::Stopwatch;

/// How long what was read of a configuration is believed.
const BELIEVED: Duration = Duration::from_secs(30);
/// Configurations that are kept; a plan has one or two.
const MOST_KEPT: usize = 16;
/// Most members asked.
const MOST_MEMBERS: usize = 16;

/// Where the plan says who stands behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// nginx's first file.
    pub nginx: Option<PathBuf>,
    /// Members of one balanced group.
    pub backends: Vec<Endpoint>,
    /// With several ways, where those behind the first are dialled: one of them may be nginx's.
    pub inner_ports: Vec<u16>,
}

impl Behind {
    /// The plan says nothing of who stands there.
    pub(super) fn is_nothing(&self) -> bool {
        self.nginx.is_none() && self.backends.is_empty() && self.inner_ports.is_empty()
    }
}

/// Configurations as they were read last, by their first file.
#[derive(Debug, Default)]
pub struct Configurations(Mutex<HashMap<PathBuf, (Instant, Arc<Sites>)>>);

impl Configurations {
    async fn sites(&self, path: &Path, watch: &Stopwatch) -> Result<Arc<Sites>, String> {
        let now = crate::clock::monotonic();
        {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((read, sites)) = known.get(path)
                && now.duration_since(*read) < BELIEVED
            {
                return Ok(Arc::clone(sites));
            }
        }
        let first = path.to_owned();
        let place = path.display().to_string();
        let read = patience::look(&place, watch, move || {
            let configuration = nginx::read(&first);
            let is_empty = configuration.directives.is_empty();
            let trouble = configuration.troubles.first().filter(|_| is_empty);
            trouble.map_or_else(|| Ok(Sites::of(&configuration)), |one| Err(one.reason.clone()))
        });
        let sites = Arc::new(read.await??);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEPT && !known.contains_key(path) {
            known.clear();
        }
        known.insert(path.to_owned(), (now, Arc::clone(&sites)));
        Ok(sites)
    }
}

/// What is known of those behind, for one answer.
#[derive(Debug, Default)]
pub(super) struct Backing {
    /// Members as seen from here, if they were asked.
    pub(super) members: Vec<Upstream>,
    /// What the application is sent as Host, and where nginx says so.
    host: Option<(String, String)>,
    /// Where nginx limits requests.
    limits: Option<String>,
    /// Where nginx is told to answer 503 by itself.
    own_answer: Option<String>,
    /// Where the group is written.
    place: Option<String>,
    /// Why nginx's files say nothing.
    trouble: Option<String>,
}

/// One whom the proxy may pass on to.
#[derive(Clone, Debug)]
enum Member {
    /// Asked in plain HTTP.
    Http(Endpoint),
    /// TLS, FastCGI, uwsgi …: seen to accept.
    Other(Endpoint),
    Unix(String),
}

/// Finds out who stands behind, and asks them where there are several or the answer is a proxy's error.
pub(super) async fn look(
    spec: &Spec,
    ask: &Ask,
    status: u16,
    net: &Net,
    watch: &Stopwatch,
) -> Backing {
    let behind = &spec.behind;
    let mut backing = Backing::default();
    let mut members: Vec<Member> = behind.backends.iter().cloned().map(Member::Http).collect();
    if let Some(path) = &behind.nginx {
        match net.configurations.sites(path, watch).await {
            Ok(sites) => members.extend(backing.routed(&sites, spec, ask)),
            Err(reason) => backing.trouble = Some(format!("{}: {reason}", path.display())),
        }
    }
    let is_gateway_error = (502..=504).contains(&status) && spec.upstream.is_empty();
    if members.len() > 1 || (is_gateway_error && !members.is_empty()) {
        let begun = watch.elapsed();
        let has_time = is_gateway_error || watch.left() >= watch.timeout() / 2;
        let asked = members.iter().take(MOST_MEMBERS);
        let asked = asked.map(|member| Box::pin(member.ask(spec, ask, net, watch)));
        backing.members = join_all(asked).await;
        for (index, one) in backing.members.iter_mut().enumerate() {
            one.is_nearest = true;
            one.asked.0 = begun;
            let proves_nothing = match one.health {
                // Names of nginx's own files are looked up where nginx runs, in a container perhaps.
                Health::Unresolved => index >= behind.backends.len(),
                // The answer itself was slow, and little time is left.
                Health::Timeout | Health::Hangs => !has_time,
                _ => false,
            };
            if proves_nothing {
                one.health = Health::Unverified;
            }
        }
        holders::find(&mut backing.members, net, watch).await;
    }
    backing
}

impl Backing {
    /// Notes what nginx's files say of this request; who it is passed on to.
    fn routed(&mut self, sites: &Sites, spec: &Spec, ask: &Ask) -> Vec<Member> {
        let mut ports = vec![ask.endpoint(spec).port, ask::port(&ask.url)];
        ports.extend(&spec.behind.inner_ports);
        let host = ask.headers.get(http::header::HOST).and_then(|value| value.to_str().ok());
        let asked = host.unwrap_or_else(|| ask::host(&ask.url));
        let name = without_port(asked);
        let Some(route) = sites.route(name, &ports, ask.url.path()) else { return Vec::new() };
        self.limits = route.limits().map(ToString::to_string);
        self.own_answer = route
            .answer()
            .filter(|answer| answer.status == 503)
            .map(|answer| answer.place.to_string());
        let Some(pass) = route.pass() else { return Vec::new() };
        self.place = Some(pass.place.to_string());
        if pass.by == "proxy_pass" {
            let default = pass.written.split_once("://").map_or(&*pass.written, |(_, rest)| rest);
            let place = pass.place.to_string();
            self.host = sent_host(pass.host.as_deref(), default, asked).map(|sent| (sent, place));
        }
        let is_plain = pass.by == "proxy_pass" && !pass.written.starts_with("https://");
        let member = |address: &Address| match address {
            Address::Unix(path) => Member::Unix(path.clone()),
            Address::Socket(ip, port) => of(Target::Address(*ip), *port, is_plain),
            Address::Name(name, port) => of(Target::Name(name.as_str().into()), *port, is_plain),
        };
        pass.to.iter().map(member).collect()
    }

    /// Where nginx limits requests, for who recognises the answer.
    pub(super) fn limits(&self) -> Option<&str> {
        self.limits.as_deref()
    }

    /// Where nginx is told to answer 503 by itself, for the same.
    pub(super) fn own_answer(&self) -> Option<&str> {
        self.own_answer.as_deref()
    }

    /// What those behind add to what was found: dead members of a group that still answers, and the name
    /// that an application was sent.
    pub(super) fn add_to(&self, reply: &Reply, findings: &mut Vec<Finding>) {
        for finding in &mut *findings {
            if finding.code == Code::HttpHostRejected {
                self.name_host(finding);
            }
            if let Some(trouble) = &self.trouble {
                finding.evidence.insert("nginx".to_owned(), trouble.as_str().into());
            }
        }
        if findings.iter().any(|finding| finding.code == Code::HttpBadGateway) {
            return;
        }
        let status = reply.status.as_u16();
        let (at_fault, others): (Vec<&Upstream>, Vec<&Upstream>) = self
            .members
            .iter()
            .partition(|one| gateway::blame(std::slice::from_ref(one)).is_some());
        let well = others.iter().filter(|one| one.health != Health::Unverified).count();
        for one in at_fault {
            // What all of them answer alike was told of the page.
            if well > 0 || one.health != Health::Answers(status) {
                findings.push(self.half_dead(reply, one, well));
            }
        }
    }

    fn half_dead(&self, reply: &Reply, one: &Upstream, left: usize) -> Finding {
        let (url, who, how) = (&reply.subject, &one.subject, gateway::how(one));
        let count = self.members.len();
        let finding = Finding::new(
            Code::HttpUpstream,
            &**who,
            text!(
                "{who}, one of {count} upstreams of {url}, {en}; {left} of {count} are well",
                "{url}의 업스트림 {count}개 중 하나인 {who}: {ko}. {count}개 중 {left}개가 정상입니다",
                en = how.en,
                ko = how.ko
            ),
            gateway::remedy(one),
        )
        .severity(Severity::Warning)
        .evidence("url", url.as_str())
        .evidence("upstream", gateway::evidence(&self.members));
        let finding = match &self.place {
            Some(place) => finding.evidence("written", place.as_str()),
            None => finding,
        };
        holders::told(finding, one)
    }

    fn name_host(&self, finding: &mut Finding) {
        let Some((sent, place)) = &self.host else { return };
        finding.evidence.insert("sent".to_owned(), sent.as_str().into());
        finding.evidence.insert("written".to_owned(), place.as_str().into());
        let asked = finding.evidence.get("host").and_then(|host| host.as_str()).unwrap_or_default();
        if without_port(asked).eq_ignore_ascii_case(without_port(sent)) {
            return;
        }
        let dropped = text!(
            "the proxy does not pass the name on: the application is sent Host {sent} ({place})",
            "프록시가 이름을 그대로 넘기지 않습니다. 애플리케이션이 받는 Host는 {sent}입니다({place})"
        );
        finding.summary.en = format!("{}; {}", finding.summary.en, dropped.en);
        finding.summary.ko = format!("{}. {}", finding.summary.ko, dropped.ko);
        finding.remedy = text!(
            "At {place} add `proxy_set_header Host $host;` to that location, and any other `proxy_set_header` that it should keep: one of its own drops all of those above. Then `nginx -t && nginx -s reload`.",
            "{place}의 location에 `proxy_set_header Host $host;`를 추가하세요. 그 안에 `proxy_set_header`가 하나라도 있으면 상위의 것은 모두 사라지니 필요한 것을 함께 적으세요. 그다음 `nginx -t && nginx -s reload`를 실행하세요."
        );
    }
}

/// What nginx sends as Host; `None` where that depends on a variable.
fn sent_host(written: Option<&str>, default: &str, asked: &str) -> Option<String> {
    const PASSED_ON: [&str; 4] = ["$host", "$http_host", "$server_name", "$ssl_server_name"];
    match written {
        None | Some("$proxy_host") => Some(default.to_owned()),
        Some(words) if PASSED_ON.iter().any(|known| words.starts_with(known)) => {
            Some(asked.to_owned())
        }
        Some(words) => Some(words.to_owned()),
    }
    .filter(|sent| !sent.contains('$'))
}

/// `shop.example:8443`, `[::1]:80` and the like, without the port.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

fn of(host: Target, port: u16, is_plain: bool) -> Member {
    let endpoint = Endpoint { host, port };
    if is_plain { Member::Http(endpoint) } else { Member::Other(endpoint) }
}

impl Member {
    async fn ask(&self, spec: &Spec, ask: &Ask, net: &Net, watch: &Stopwatch) -> Upstream {
        match self {
            Self::Http(endpoint) => gateway::probe(spec, ask, endpoint, net, watch.left()).await,
            Self::Other(endpoint) => touch(spec, endpoint, net, watch).await,
            Self::Unix(path) => knock(path, watch).await,
        }
    }
}

async fn touch(spec: &Spec, endpoint: &Endpoint, net: &Net, watch: &Stopwatch) -> Upstream {
    let (mut watch, mut facts) = (Stopwatch::start(watch.left()), Facts::default());
    let health = match net.dial(endpoint, spec.source, &mut watch, &mut facts).await {
        Ok(_) => Health::Accepts,
        Err(_) if facts.blind.is_some() => Health::Unverified,
        Err(finding) => gateway::unreached(&finding),
    };
    Upstream {
        subject: facts
            .address
            .map_or_else(|| endpoint.to_string(), |address| subject(endpoint, address)),
        port: endpoint.port,
        health,
        address: facts.address,
        asked: (Duration::ZERO, watch.elapsed(), watch.phases().clone()),
        ..Upstream::default()
    }
}

/// A socket in the file system. One that this user may not open is not verified.
async fn knock(path: &str, watch: &Stopwatch) -> Upstream {
    let begun = watch.elapsed();
    let connecting = tokio::net::UnixStream::connect(path);
    let health = match tokio::time::timeout_at(watch.deadline(), connecting).await {
        Err(_) => Health::Timeout,
        Ok(Ok(_)) => Health::Accepts,
        Ok(Err(error)) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Health::Refused,
            std::io::ErrorKind::NotFound => Health::Missing,
            _ => Health::Unverified,
        },
    };
    Upstream {
        subject: path.to_owned(),
        health,
        asked: (begun, watch.elapsed().saturating_sub(begun), Phases::default()),
        ..Upstream::default()
    }
}

/// Where the page is not the right one: whether the nearest upstream, asked without the proxy, has it.
pub(super) async fn compare(
    spec: &Spec,
    ask: &Ask,
    reply: &Reply,
    findings: Vec<Finding>,
    net: &Net,
    watch: &Stopwatch,
) -> Vec<Finding> {
    let is_of_the_page = |finding: &Finding| {
        matches!(finding.code, Code::HttpBody | Code::HttpJson | Code::HttpHeader)
    };
    let Some(nearest) = spec.upstream.first() else { return findings };
    if !reply.status.is_success() || !findings.iter().any(is_of_the_page) {
        return findings;
    }
    let (who, own) = judged(spec, ask, nearest, net, watch).await;
    let tell = |finding: Finding| {
        if !is_of_the_page(&finding) {
            return finding;
        }
        let is_well = own.as_ref().map(|own| {
            !own.iter().any(|(code, subject)| {
                *code == finding.code && tail(subject) == tail(&finding.subject)
            })
        });
        recognised::compared(finding, &who, is_well)
    };
    findings.into_iter().map(tell).collect()
}

/// What a subject names within the page: the header, or the place in the JSON.
fn tail(subject: &str) -> Option<&str> {
    subject.find([' ', '#']).map(|at| &subject[at..])
}

/// What is wrong with the answer of an upstream, by the same expectations; `None` without one.
async fn judged(
    spec: &Spec,
    ask: &Ask,
    endpoint: &Endpoint,
    net: &Net,
    watch: &Stopwatch,
) -> (String, Option<Vec<(Code, String)>>) {
    let (mut watch, mut facts) = (Stopwatch::start(watch.left()), Facts::default());
    let dialled = net.dial(endpoint, spec.source, &mut watch, &mut facts).await;
    let who =
        facts.address.map_or_else(|| endpoint.to_string(), |address| subject(endpoint, address));
    // Whoever changes something by being asked is not asked twice.
    if !matches!(ask.method, Method::GET | Method::HEAD) {
        return (who, None);
    }
    let Ok(stream) = dialled else { return (who, None) };
    let appetite = Appetite {
        cap_bytes: spec.max_body_bytes,
        keep_bytes: usize::try_from(spec.max_body_bytes).unwrap_or(usize::MAX),
        skip_redirects: false,
    };
    let Ok(answer) = exchange(Wire::Plain(stream), ask.written(), appetite, &mut watch).await
    else {
        return (who, None);
    };
    if answer.broken.is_some() || !judge::accepts(spec, answer.status) {
        return (who, None);
    }
    let reply = Reply::of(ask::subject(&ask.url), &ask.url, answer, &watch);
    let findings = judge::judge(spec, &reply);
    (who, Some(findings.into_iter().map(|one| (one.code, one.subject)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_sends_as_host() {
        for (written, expected) in [
            (None, Some("app")),
            (Some("$proxy_host"), Some("app")),
            (Some("$host"), Some("shop.example:8443")),
            (Some("$http_host"), Some("shop.example:8443")),
            (Some("$host:$server_port"), Some("shop.example:8443")),
            (Some("$host:8443"), Some("shop.example:8443")),
            (Some("inner.example"), Some("inner.example")),
            (Some("$elsewhere"), None),
        ] {
            let sent = sent_host(written, "app", "shop.example:8443");
            assert_eq!(sent.as_deref(), expected, "{written:?}");
        }
        assert_eq!(sent_host(None, "$target", "shop.example"), None);
    }

    #[test]
    fn a_name_that_is_passed_on_without_its_port_is_passed_on() {
        let told = |sent: &str| {
            let backing = Backing {
                host: Some((sent.to_owned(), "nginx.conf:3".to_owned())),
                ..Backing::default()
            };
            let rejected =
                Finding::new(Code::HttpHostRejected, "x", text!("rejected", "거절"), text!("", ""));
            let mut finding = rejected.evidence("host", "Shop.example:8443");
            backing.name_host(&mut finding);
            finding.summary.en
        };
        assert_eq!(told("shop.example"), "rejected");
        assert_eq!(told("shop.example:443"), "rejected");
        assert!(told("app").contains("does not pass the name on"));
        for (written, expected) in
            [("a:1", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")]
        {
            assert_eq!(without_port(written), expected);
        }
    }
}
