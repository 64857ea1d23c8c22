//! Whose fault a 502 is: every upstream that the plan names, or nginx's own files, asked from here.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use health::facts::{HttpFacts, Role, VisitFacts};
use health::{Code, Facts, Finding, Phases, Text, text};
use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::Spec;
use super::ask::Ask;
use super::exchange::{Appetite, Cause, exchange};
use super::holders::{self, Holder};
use super::status;
use super::wire::Wire;
use crate::net::{Net, subject};
use crate::plan::Endpoint;
use crate::probe::Stopwatch;

/// Most upstreams asked.
const MAX_UPSTREAMS: usize = 8;
/// How an alert of TLS begins, with which most servers answer plain HTTP.
const TLS_ALERT: &[u8] = &[0x15, 0x03];
/// With less time than this left, no answer proves nothing.
const MIN_BUDGET: Duration = Duration::from_millis(100);
const APPETITE: Appetite =
    Appetite { cap_bytes: 64 * 1024, keep_bytes: 2048, skip_redirects: true };

/// One upstream as seen from here.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstream {
    /// Its address, and the name it stands for.
    pub(super) subject: String,
    pub(super) port: u16,
    pub(super) health: Health,
    /// The proxy itself passes on to it; those farther on are asked by it in turn.
    pub(super) is_nearest: bool,
    /// What was dialled.
    pub(super) address: Option<SocketAddr>,
    /// Who holds its port, or who listens near it where nobody does.
    pub(super) holder: Option<Holder>,
    /// After so long, for so long, and where that time went.
    pub(super) asked: (Duration, Duration, Phases),
}

/// How an upstream is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    /// Answers with this status.
    Answers(u16),
    /// Nothing listens.
    Refused,
    /// No answer to the connection attempt.
    Timeout,
    /// Accepts and cuts.
    Reset,
    /// No way there, in the system's words.
    Unreachable(String),
    /// Its name does not resolve.
    Unresolved,
    /// Accepts, takes the request, and gives no full answer.
    Hangs,
    /// Accepts, and speaks something else.
    NotHttp(String),
    /// Accepts, and speaks TLS where the proxy speaks plain HTTP.
    SpeaksTls,
    /// Accepts; in its own protocol it is not asked.
    Accepts,
    /// Its socket is not there.
    Missing,
    /// There was no time left to find out, or nothing on this machine to ask with.
    #[default]
    Unverified,
}

impl Health {
    /// In few words, for evidence.
    fn words(&self) -> String {
        match self {
            Self::Answers(status) => format!("answers {status}"),
            Self::Refused => "refuses connections".to_owned(),
            Self::Timeout => "does not answer the connection attempt".to_owned(),
            Self::Reset => "accepts and cuts".to_owned(),
            Self::Unreachable(error) => format!("cannot be reached: {error}"),
            Self::Unresolved => "does not resolve".to_owned(),
            Self::Hangs => "accepts, but gives no answer".to_owned(),
            Self::NotHttp(reason) => format!("accepts, but answers no HTTP: {reason}"),
            Self::SpeaksTls => "speaks TLS, and is asked in plain HTTP".to_owned(),
            Self::Accepts => "accepts connections".to_owned(),
            Self::Missing => "has no socket there".to_owned(),
            Self::Unverified => "not verified".to_owned(),
        }
    }
}

/// Asks every upstream at once, each within the time left. They are given the same path and Host
/// as the proxy would pass on.
pub(super) async fn examine(
    spec: &Spec,
    ask: &Ask,
    upstream: &[Endpoint],
    net: &Net,
    watch: &Stopwatch,
) -> Vec<Upstream> {
    let (budget, begun) = (watch.left(), watch.elapsed());
    let probes = upstream
        .iter()
        .take(MAX_UPSTREAMS)
        .map(|endpoint| Box::pin(probe(spec, ask, endpoint, net, budget)));
    let mut all = join_all(probes).await;
    for (index, one) in all.iter_mut().enumerate() {
        one.is_nearest = index == 0;
        one.asked.0 = begun;
    }
    holders::find(&mut all, net, watch).await;
    all
}

/// Asks one upstream.
pub(super) async fn probe(
    spec: &Spec,
    ask: &Ask,
    endpoint: &Endpoint,
    net: &Net,
    budget: Duration,
) -> Upstream {
    let (mut watch, mut facts) = (Stopwatch::start(budget), Facts::default());
    let dialled = net.dial(endpoint, spec.source, &mut watch, &mut facts).await;
    let health = match dialled {
        Ok(stream) => {
            let ask = Ask { method: Method::GET, body: bytes::Bytes::new(), ..ask.clone() };
            let answer = exchange(Wire::Plain(stream), ask.written(), APPETITE, &mut watch).await;
            match answer {
                Ok(answer) => match answer.broken.map(|broken| broken.cause) {
                    Some(Cause::Timeout) => Health::Hangs,
                    Some(Cause::Cut(_)) => Health::Reset,
                    Some(Cause::Protocol(reason)) => Health::NotHttp(reason),
                    None if status::speaks_tls(&answer.body.kept) => Health::SpeaksTls,
                    None => Health::Answers(answer.status.as_u16()),
                },
                Err(broken) if broken.first.starts_with(TLS_ALERT) => Health::SpeaksTls,
                Err(broken) => match broken.cause {
                    Cause::Timeout => Health::Hangs,
                    Cause::Cut(_) => Health::Reset,
                    Cause::Protocol(reason) => Health::NotHttp(reason),
                },
            }
        }
        Err(_) if facts.blind.is_some() => Health::Unverified,
        Err(finding) => unreached(&finding),
    };
    let health = match health {
        Health::Timeout | Health::Hangs if budget < MIN_BUDGET => Health::Unverified,
        health => health,
    };
    let subject = match facts.address {
        Some(address) => subject(endpoint, address),
        None => endpoint.to_string(),
    };
    Upstream {
        subject,
        port: endpoint.port,
        health,
        is_nearest: false,
        address: facts.address,
        holder: None,
        asked: (Duration::ZERO, watch.elapsed(), watch.phases().clone()),
    }
}

/// How an upstream is that no connection came about with.
pub(super) fn unreached(finding: &Finding) -> Health {
    match finding.code {
        Code::TcpRefused => Health::Refused,
        Code::TcpTimeout => Health::Timeout,
        Code::TcpReset => Health::Reset,
        Code::ResolveFailed => Health::Unresolved,
        _ => Health::Unreachable(
            finding.evidence.get("error").and_then(Value::as_str).unwrap_or("").to_owned(),
        ),
    }
}

impl Upstream {
    /// The same for the waterfall.
    pub(super) fn visit(&self) -> VisitFacts {
        let (begun, took, phases) = self.asked.clone();
        let status = match self.health {
            Health::Answers(status) => Some(status),
            _ => None,
        };
        VisitFacts {
            role: Role::Upstream,
            name: self.subject.as_str().into(),
            way: None,
            begun,
            took,
            phases,
            address: self.address,
            http: status
                .map(|status| Box::new(HttpFacts { status: Some(status), ..HttpFacts::default() })),
            codes: Vec::new(),
            failure: status.is_none().then(|| self.health.words()),
        }
    }
}

/// The upstream at fault, or `None` where each seems well from here. Nearest first: one that
/// cannot be talked to at all; then one that hangs; then the farthest that reports an error
/// itself, because those before it only pass it on.
pub(super) fn blame(upstream: &[Upstream]) -> Option<&Upstream> {
    let is_dead = |upstream: &Upstream| match &upstream.health {
        Health::Refused
        | Health::Timeout
        | Health::Unreachable(_)
        | Health::Unresolved
        | Health::Missing => true,
        // Only the nearest has to speak HTTP: a database farther on cuts or hangs on it by right.
        Health::Reset | Health::NotHttp(_) | Health::SpeaksTls => upstream.is_nearest,
        Health::Answers(_) | Health::Hangs | Health::Accepts | Health::Unverified => false,
    };
    let hangs = |upstream: &&Upstream| upstream.is_nearest && upstream.health == Health::Hangs;
    let dead = upstream.iter().find(|upstream| is_dead(upstream));
    dead.or_else(|| upstream.iter().find(hangs)).or_else(|| {
        upstream.iter().rfind(|upstream| matches!(upstream.health, Health::Answers(500..)))
    })
}

/// How every upstream is, for evidence.
pub(super) fn evidence(upstream: &[Upstream]) -> Value {
    let lines = upstream.iter().map(|one| (one.subject.clone(), one.health.words().into()));
    Value::Object(lines.collect::<Map<_, _>>())
}

/// The finding where `culprit` is at fault.
pub(super) fn bad_gateway(
    url: &str,
    status: StatusCode,
    upstream: &[Upstream],
    culprit: &Upstream,
) -> Finding {
    let (status, who) = (status.as_u16(), &culprit.subject);
    let how = how(culprit);
    let finding = Finding::new(
        Code::HttpBadGateway,
        &**who,
        text!(
            "{url} answers {status} because its upstream {who} {en}",
            "{url}에서 {status} 응답이 옵니다. 업스트림 {who}: {ko}",
            en = how.en,
            ko = how.ko
        ),
        remedy(culprit),
    )
    .evidence("url", url)
    .evidence("status", status)
    .evidence("upstream", evidence(upstream));
    holders::told(finding, culprit)
}

/// How an upstream fails, and who holds its port.
pub(super) fn how(upstream: &Upstream) -> Text {
    let how = of_health(&upstream.health);
    match &upstream.holder {
        Some(holder) => Text {
            en: format!("{}: {}", how.en, holder.words.en),
            ko: format!("{}. {}", how.ko, holder.words.ko),
        },
        None => how,
    }
}

fn of_health(health: &Health) -> Text {
    let ko = match health {
        Health::Answers(status) => format!("스스로 {status} 응답을 보냅니다"),
        Health::Refused => "연결을 거부합니다".to_owned(),
        Health::Timeout => "연결 시도에 응답이 없습니다".to_owned(),
        Health::Reset => "연결을 받고 끊어 버립니다".to_owned(),
        Health::Unreachable(error) => format!("도달할 수 없습니다({error})"),
        Health::Unresolved => "이름의 주소를 찾을 수 없습니다".to_owned(),
        Health::Hangs => "연결은 받지만 응답하지 않습니다".to_owned(),
        Health::NotHttp(reason) => format!("HTTP가 아닌 응답을 보냅니다({reason})"),
        Health::SpeaksTls => "TLS 포트인데 평문 HTTP 요청을 받고 있습니다".to_owned(),
        Health::Accepts => "연결을 받습니다".to_owned(),
        Health::Missing => "소켓 파일이 없습니다".to_owned(),
        Health::Unverified => "확인하지 못했습니다".to_owned(),
    };
    Text { en: health.words(), ko }
}

/// What to do about an upstream.
pub(super) fn remedy(culprit: &Upstream) -> Text {
    let (who, port) = (&culprit.subject, culprit.port);
    match &culprit.health {
        Health::SpeaksTls => text!(
            "Let the proxy speak TLS to it (nginx: `proxy_pass https://…;`), or let the application listen in plain HTTP there.",
            "프록시가 TLS로 말하게 하거나(nginx: `proxy_pass https://…;`), 애플리케이션이 그 포트에서 평문 HTTP로 듣게 하세요."
        ),
        Health::Missing => text!(
            "The application is not running, or makes its socket elsewhere: `ls -l {who}` and `ss -lxp`. Start it and read its log; in a container, mount the folder of the socket.",
            "애플리케이션이 실행 중이 아니거나 소켓을 다른 곳에 만듭니다. `ls -l {who}`와 `ss -lxp`로 확인하고, 다시 시작해 로그를 보세요. 컨테이너라면 소켓이 있는 폴더를 마운트하세요."
        ),
        Health::Refused if port == 0 => text!(
            "The socket is there, and nobody listens on it any more: the application ended without removing it. Start it again and read why it ended: its log, `ss -lxp`.",
            "소켓 파일은 있지만 듣는 프로세스가 없습니다. 애플리케이션이 소켓을 남긴 채 끝났습니다. 다시 시작하고 왜 끝났는지 확인하세요: 로그, `ss -lxp`."
        ),
        Health::Refused => text!(
            "The application is not running. On that machine: `ss -ltnp 'sport = :{port}'` shows nobody; start it and read why it ended (its log, a wrong virtualenv path, a failed deployment).",
            "애플리케이션이 실행되고 있지 않습니다. 해당 서버에서 `ss -ltnp 'sport = :{port}'`에 아무것도 나오지 않을 것입니다. 다시 시작하고 왜 끝났는지 로그를 확인하세요(잘못된 virtualenv 경로, 배포 실패 등)."
        ),
        Health::Timeout | Health::Unreachable(_) => text!(
            "The machine is down or a firewall is between: from the proxy's machine `nc -zv` to {who}, then `nft list ruleset` or `iptables -nvL`.",
            "서버가 꺼졌거나 중간에 방화벽이 있습니다. 프록시 서버에서 {who}(으)로 `nc -zv`를 해 보고, `nft list ruleset` 또는 `iptables -nvL`을 확인하세요."
        ),
        Health::Reset | Health::NotHttp(_) => text!(
            "Another program may hold that port, the worker dies on every request, or the proxy must speak another protocol to it (https, FastCGI, uwsgi). See who listens: `ss -ltnp 'sport = :{port}'`, and its log.",
            "다른 프로그램이 그 포트를 쓰고 있거나, 요청마다 워커가 죽거나, 프록시가 다른 프로토콜(https, FastCGI, uwsgi)로 말해야 할 수 있습니다. `ss -ltnp 'sport = :{port}'`와 로그를 확인하세요."
        ),
        Health::Unresolved => text!(
            "Correct the name in `upstream` and in the proxy's own settings.",
            "`upstream`과 프록시 설정에 있는 이름을 고치세요."
        ),
        Health::Hangs => text!(
            "Every worker is busy or stuck: look at its log, at CPU, and at what it waits for (database, another service): `ss -tnp 'sport = :{port}'`. A restart frees it, the cause remains.",
            "모든 워커가 바쁘거나 멈췄습니다. 로그와 CPU, 무엇을 기다리는지(데이터베이스, 다른 서비스) 확인하세요: `ss -tnp 'sport = :{port}'`. 재시작하면 풀리지만 원인은 남습니다."
        ),
        Health::Answers(_) | Health::Accepts | Health::Unverified => text!(
            "The error is its own, the proxy only passes it on: read the log of {who}.",
            "오류는 업스트림 자신의 것이고 프록시는 전달만 합니다. {who}의 로그를 확인하세요."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blame_falls_on_the_one_that_explains_the_rest() {
        use Health::{Answers, Hangs, NotHttp, Refused, Reset, Timeout, Unverified};
        for (chain, expected) in [
            (vec![Refused], Some(0)),
            (vec![Answers(200)], None),
            (vec![Answers(502), Refused], Some(1)),
            (vec![Refused, Refused], Some(0)),
            (vec![Hangs, Refused], Some(1)),
            (vec![Hangs, Answers(200)], Some(0)),
            (vec![Hangs, Hangs], Some(0)),
            (vec![Answers(502), Answers(503)], Some(1)),
            (vec![Answers(500), Answers(200)], Some(0)),
            (vec![Answers(200), Reset], None),
            (vec![Answers(200), NotHttp(String::new())], None),
            (vec![Reset], Some(0)),
            (vec![Timeout], Some(0)),
            (vec![Answers(404), Unverified], None),
            (vec![], None),
        ] {
            let upstream: Vec<Upstream> = chain
                .iter()
                .enumerate()
                .map(|(index, health)| Upstream {
                    subject: index.to_string(),
                    port: 80,
                    health: health.clone(),
                    is_nearest: index == 0,
                    ..Upstream::default()
                })
                .collect();
            let blamed = blame(&upstream).map(|upstream| upstream.subject.clone());
            assert_eq!(blamed, expected.map(|index: usize| index.to_string()), "{chain:?}");
        }
    }
}
