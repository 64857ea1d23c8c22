//! Echo requests, as `ping` sends them: whether replies come, how many, and how long they take.
//!
//! Deliberately absent: tracing the way. Where echo is not permitted here, nothing is said of the target.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::facts::IcmpFacts;
use health::{Code, Facts, Finding, Phase, text};

mod echo;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod packet;
#[cfg(test)]
mod tests;

use super::{Sight, Stopwatch};
use crate::net::{Net, could_not_look, is_exhausted};
use crate::plan::{Endpoint, Target};
use echo::{Echoes, Rounds};

/// `[[icmp]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Whom to ask.
    pub target: Target,
    /// Ask from this address.
    pub source: Option<IpAddr>,
    /// How many requests a probe sends.
    pub count: u32,
    /// The time between two of them.
    pub gap: Duration,
    /// How long a round trip may take, on average.
    pub within: Option<Duration>,
    /// The share that may be lost, from 0 to 1.
    pub loss: f64,
}

/// What came of it; never leaves this room.
#[derive(Debug)]
enum Reply {
    /// Requests went out.
    Asked(IcmpFacts),
    /// None could be sent to this address.
    Unsent(IpAddr, io::Error),
    /// This machine does not let us, in the system's words.
    NotPermitted(String),
    /// This machine has nothing left to ask with.
    Exhausted(String),
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let mut facts = Facts::default();
    let endpoint = Endpoint { host: spec.target.clone(), port: 0 };
    let addresses = match net.resolve(&endpoint, watch, &mut facts).await {
        Ok(addresses) => addresses,
        Err(finding) => return Sight { facts, findings: vec![*finding] },
    };
    if let Target::Name(_) = spec.target {
        facts.resolved = addresses.iter().map(SocketAddr::ip).collect();
    }
    let reply = ask(spec, &addresses, watch).await;
    watch.lap(Phase::Request);
    match &reply {
        Reply::Asked(seen) => facts.icmp = Some(Box::new(seen.clone())),
        Reply::NotPermitted(words) | Reply::Exhausted(words) => facts.blind = Some(words.clone()),
        Reply::Unsent(..) => {}
    }
    Sight { facts, findings: judge(spec, &reply, watch.timeout()) }
}

/// Asks the first address that can be asked from here.
async fn ask(spec: &Spec, addresses: &[SocketAddr], watch: &Stopwatch) -> Reply {
    let usable = |address: &&SocketAddr| {
        spec.source.is_none_or(|source| source.is_ipv4() == address.is_ipv4())
    };
    let any = addresses.iter().filter(usable).count() > 0;
    let mut failed = None;
    for address in addresses.iter().filter(|address| !any || usable(address)) {
        let address = address.ip();
        let echoes = match Echoes::open(address, spec.source) {
            Ok(echoes) => echoes,
            Err(error) if is_not_permitted(&error) => {
                return Reply::NotPermitted(error.to_string());
            }
            Err(error) if is_exhausted(&error, SocketAddr::new(address, 0)) => {
                return Reply::Exhausted(error.to_string());
            }
            Err(error) => {
                failed = Some((address, error));
                continue;
            }
        };
        let rounds = Rounds { count: spec.count, gap: spec.gap };
        match echoes.ask(rounds, watch).await {
            Ok(seen) => return Reply::Asked(seen),
            Err(error) => failed = Some((address, error)),
        }
    }
    let nobody = || (IpAddr::from([0, 0, 0, 0]), io::ErrorKind::AddrNotAvailable.into());
    let (address, error) = failed.unwrap_or_else(nobody);
    Reply::Unsent(address, error)
}

/// Of sending, the same error means a rule for this address; of opening, that nobody may be asked.
fn is_not_permitted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// What is wrong.
fn judge(spec: &Spec, reply: &Reply, timeout: Duration) -> Vec<Finding> {
    match reply {
        Reply::NotPermitted(error) => vec![not_permitted(&spec.target, error)],
        Reply::Exhausted(error) => vec![could_not_look(&written(&spec.target), error)],
        Reply::Unsent(address, error) => {
            vec![unreachable(&subject(&spec.target, *address), *address, &error.to_string())]
        }
        Reply::Asked(seen) => {
            let Some(address) = seen.address else { return Vec::new() };
            let subject = subject(&spec.target, address);
            match (&seen.error, seen.received) {
                (Some(error), 0) => vec![unreachable(&subject, address, error)],
                (None, 0) => vec![silent(&subject, address, seen, timeout)],
                _ => [lossy(spec, &subject, address, seen), slow(spec, &subject, address, seen)]
                    .into_iter()
                    .flatten()
                    .collect(),
            }
        }
    }
}

fn written(target: &Target) -> String {
    match target {
        Target::Name(name) => name.to_string(),
        Target::Address(address) => address.to_string(),
    }
}

fn subject(target: &Target, address: IpAddr) -> String {
    match target {
        Target::Name(name) => format!("{address} ({name})"),
        Target::Address(address) => address.to_string(),
    }
}

fn silent(subject: &str, address: IpAddr, seen: &IcmpFacts, timeout: Duration) -> Finding {
    let sent = seen.sent;
    Finding::new(
        Code::IcmpTimeout,
        subject,
        text!(
            "{subject} replies to none of {sent} echo requests within {timeout:?}",
            "{subject}에서 에코 요청 {sent}개에 {timeout:?} 안에 하나도 응답하지 않았습니다"
        ),
        text!(
            "The machine is off or cut off, or a firewall drops echo requests. On its own network: `ip neigh show {address}` (FAILED: nobody has the address). If TCP answers, `nc -zv -w 3 {address} 22`, only echo is dropped; then watch a port with [[tcp]] instead.",
            "장비가 꺼졌거나 네트워크가 끊겼거나, 방화벽이 에코 요청을 버리고 있습니다. 같은 네트워크에서 확인하세요: `ip neigh show {address}` (FAILED면 그 주소를 쓰는 장비가 없습니다). TCP는 응답한다면(`nc -zv -w 3 {address} 22`) 에코만 막힌 것이니 [[tcp]]로 포트를 살펴보세요."
        ),
    )
    .evidence("expected", format!("{sent} replies"))
    .evidence("got", "none")
    .evidence("address", address.to_string())
}

fn unreachable(subject: &str, address: IpAddr, error: &str) -> Finding {
    Finding::new(
        Code::IcmpUnreachable,
        subject,
        text!(
            "{subject} cannot be reached: {error}",
            "{subject}에 도달할 수 없습니다: {error}"
        ),
        text!(
            "Look at the route: `ip route get {address}`, and at the link it names: `ip -br link`. Where the way ends: `traceroute -n {address}`. If the check sets `source`, that address must be this machine's own: `ip address`.",
            "경로를 확인하세요: `ip route get {address}`. 거기 나오는 링크 상태도 보세요: `ip -br link`. 길이 어디서 끊기는지: `traceroute -n {address}`. 체크에 `source`가 있다면 이 서버가 가진 주소여야 합니다: `ip address`."
        ),
    )
    .evidence("error", error)
    .evidence("address", address.to_string())
}

fn lossy(spec: &Spec, subject: &str, address: IpAddr, seen: &IcmpFacts) -> Option<Finding> {
    let (loss, allowed) = (percent(seen.loss()), percent(spec.loss));
    let (sent, received) = (seen.sent, seen.received);
    (seen.loss() > spec.loss).then(|| {
        Finding::new(
            Code::IcmpLoss,
            subject,
            text!(
                "{subject} replies to {received} of {sent} echo requests: {loss} % are lost, {allowed} % may be",
                "{subject}에서 에코 요청 {sent}개 중 {received}개에만 응답했습니다. 유실 {loss}%, 허용 {allowed}%"
            ),
            text!(
                "See where the loss begins: `mtr -n -r -c 50 {address}`, and whether this machine's own interface counts errors: `ip -s link`. Wi-Fi, a bad cable or a full line are the usual reasons.",
                "유실이 어디서 시작하는지 보세요: `mtr -n -r -c 50 {address}`. 이 서버의 인터페이스 오류도 확인하세요: `ip -s link`. 흔한 원인은 Wi-Fi, 불량 케이블, 가득 찬 회선입니다."
            ),
        )
        .evidence("expected", format!("at most {allowed} % lost"))
        .evidence("got", format!("{received} of {sent} replies"))
        .evidence("address", address.to_string())
    })
}

fn slow(spec: &Spec, subject: &str, address: IpAddr, seen: &IcmpFacts) -> Option<Finding> {
    let within = spec.within?;
    let (shortest, mean, longest) = seen.spread_seconds()?;
    let milliseconds = |seconds: f64| format!("{:.1} ms", seconds * 1000.0);
    let (took, spread) =
        (milliseconds(mean), format!("{} to {}", milliseconds(shortest), milliseconds(longest)));
    (mean > within.as_secs_f64()).then(|| {
        Finding::new(
            Code::IcmpSlow,
            subject,
            text!(
                "{subject} replies after {took} on average, more than {within:?}",
                "{subject}의 에코 응답이 평균 {took} 걸립니다. 기준: {within:?}"
            ),
            text!(
                "See which hop adds the time: `traceroute -n {address}`. If the spread is wide, a line is full and queues; if not, the way became longer: compare routes with an earlier day, look for a VPN or a failover line.",
                "어느 구간에서 늦어지는지 보세요: `traceroute -n {address}`. 편차가 크면 회선이 가득 차 대기열이 쌓인 것이고, 아니면 경로가 길어진 것입니다. 예전 경로와 비교하고 VPN이나 예비 회선을 쓰고 있는지 확인하세요."
            ),
        )
        .evidence("expected", format!("at most {within:?}"))
        .evidence("got", format!("{took} ({spread})"))
        .evidence("address", address.to_string())
    })
}

fn not_permitted(target: &Target, error: &str) -> Finding {
    let subject = written(target);
    Finding::new(
        Code::IcmpNotPermitted,
        &*subject,
        text!(
            "this machine does not let the agent send echo requests ({error}): whether {subject} is there cannot be told",
            "이 서버에서 에이전트가 에코 요청을 보낼 수 없습니다({error}). {subject}의 상태는 알 수 없습니다"
        ),
        text!(
            "Permit it: `sysctl -w net.ipv4.ping_group_range='0 2147483647'` (and the same line in /etc/sysctl.d/60-ping.conf to keep it); for a container: `docker run --sysctl net.ipv4.ping_group_range='0 2147483647' …`. Or `setcap cap_net_raw+ep $(command -v portwarden)`. Or watch a port of it with [[tcp]], which takes no permission.",
            "허용하세요: `sysctl -w net.ipv4.ping_group_range='0 2147483647'` (유지하려면 같은 줄을 /etc/sysctl.d/60-ping.conf에 넣으세요). 컨테이너라면: `docker run --sysctl net.ipv4.ping_group_range='0 2147483647' …`. 또는 `setcap cap_net_raw+ep $(command -v portwarden)`. 또는 권한이 필요 없는 [[tcp]]로 포트를 살펴보세요."
        ),
    )
    .evidence("error", error)
}

/// A share as whole percents for people.
fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}
