//! A datagram and its answer. Deliberately absent: protocols; who knows one writes its bytes.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::time::Duration;

use health::facts::UdpFacts;
use health::{Code, Facts, Finding, Phase, text};
use regex::bytes::Regex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

#[cfg(test)]
mod tests;

use super::{Sight, Stopwatch};
use crate::net::{Failure, Net, not_ours, printable, subject};
use crate::plan::Endpoint;

/// A datagram may get lost; it is sent so often within the timeout.
const TRIES: u32 = 3;
/// A refusal comes at once; where no answer is expected, nothing else is waited for.
const REFUSED_WITHIN: Duration = Duration::from_millis(500);
/// Largest datagram there is.
const MOST_BYTES: usize = 65_535;
/// Most characters of an answer in facts and evidence.
const SHOWN_CHARS: usize = 256;

/// `[[udp]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Whom to ask.
    pub target: Endpoint,
    /// Ask from this address.
    pub source: Option<IpAddr>,
    /// What is sent.
    pub send: Vec<u8>,
    /// What the answer has to match; `None`: none has to come.
    pub expect: Option<Regex>,
}

/// What came back; never leaves this file.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Answered(Vec<u8>),
    Silent,
    Refused,
    /// Neither sent nor refused there: the operating system's error.
    Failed(Failure),
}

/// What is wrong.
fn judge(spec: &Spec, address: SocketAddr, outcome: Outcome, timeout: Duration) -> Vec<Finding> {
    let subject = subject(&spec.target, address);
    let finding = match (outcome, &spec.expect) {
        (Outcome::Answered(_), None) | (Outcome::Silent, None) => return Vec::new(),
        (Outcome::Answered(got), Some(expect)) if expect.is_match(&got) => return Vec::new(),
        (Outcome::Answered(got), Some(expect)) => unexpected(&subject, address, expect, &got),
        (Outcome::Silent, Some(expect)) => silent(&subject, address, expect, timeout),
        (Outcome::Refused, _) => refused(&subject, address),
        (Outcome::Failed(failure), _) => {
            return vec![failure.into_finding(&spec.target, address, timeout)];
        }
    };
    vec![finding.evidence("address", address.to_string())]
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let mut facts = Facts::default();
    let addresses = match net.resolve(&spec.target, watch, &mut facts).await {
        Ok(addresses) => addresses,
        Err(finding) => return Sight { facts, findings: vec![*finding] },
    };
    if spec.target.address().is_none() {
        facts.resolved = addresses.iter().map(SocketAddr::ip).collect();
    }
    let fits = |address: &&SocketAddr| {
        spec.source.is_none_or(|source| source.is_ipv4() == address.is_ipv4())
    };
    let Some(&address) = addresses.iter().find(fits).or(addresses.first()) else {
        return Sight { facts, findings: Vec::new() };
    };
    facts.address = Some(address);
    let mut seen = UdpFacts { sent_bytes: spec.send.len() as u64, ..UdpFacts::default() };
    let outcome = match ask(spec, address, watch, &mut seen).await {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Outcome::Refused,
        Err(error) => Outcome::Failed(Failure::of(&error, address)),
    };
    watch.lap(Phase::Dialogue);
    match &outcome {
        Outcome::Answered(answer) => {
            seen.answer = Some(printable(answer, SHOWN_CHARS));
            seen.answer_bytes = answer.len() as u64;
        }
        Outcome::Failed(Failure::Exhausted(lack)) => facts.blind = Some(lack.clone()),
        Outcome::Silent | Outcome::Refused | Outcome::Failed(_) => {}
    }
    facts.udp = Some(Box::new(seen));
    Sight { facts, findings: judge(spec, address, outcome, watch.timeout()) }
}

/// Sends until an answer comes, or the deadline.
async fn ask(
    spec: &Spec,
    address: SocketAddr,
    watch: &Stopwatch,
    seen: &mut UdpFacts,
) -> io::Result<Outcome> {
    let socket = open(address, spec.source)?;
    let is_answer_due = spec.expect.is_some();
    let patience = if is_answer_due { watch.left() } else { watch.left().min(REFUSED_WITHIN) };
    let mut buffer = vec![0; MOST_BYTES];
    for _ in 0..TRIES {
        let sent_at = watch.elapsed();
        socket.send(&spec.send).await?;
        seen.tries += 1;
        let until = Instant::from_std(crate::clock::monotonic()) + patience / TRIES;
        if let Ok(received) =
            timeout_at(until.min(watch.deadline()), socket.recv(&mut buffer)).await
        {
            buffer.truncate(received?);
            seen.round_trip_seconds = Some(watch.elapsed().saturating_sub(sent_at).as_secs_f64());
            return Ok(Outcome::Answered(buffer));
        }
    }
    Ok(Outcome::Silent)
}

/// A socket that hears this address alone, and is told when it refuses.
fn open(address: SocketAddr, source: Option<IpAddr>) -> io::Result<UdpSocket> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into()).map_err(|error| not_ours(source, error))?;
    }
    socket.connect(&address.into())?;
    UdpSocket::from_std(StdSocket::from(socket))
}

fn refused(subject: &str, address: SocketAddr) -> Finding {
    let port = address.port();
    Finding::new(
        Code::UdpRefused,
        subject,
        text!(
            "{subject} refused the datagram: nothing listens on that UDP port",
            "{subject}에서 데이터그램을 거부했습니다: 그 UDP 포트에서 듣는 프로세스가 없습니다"
        ),
        text!(
            "On that machine, see who has the port: `ss -lunp 'sport = :{port}'`. If nobody has, start the service and read its log; in a container, the port has to be published as {port}/udp.",
            "해당 서버에서 포트를 누가 쓰는지 확인하세요: `ss -lunp 'sport = :{port}'`. 없으면 서비스를 시작하고 로그를 확인하세요. 컨테이너라면 {port}/udp로 공개해야 합니다."
        ),
    )
    .evidence("expected", "an open port")
    .evidence("got", "ICMP port unreachable")
}

fn silent(subject: &str, address: SocketAddr, expect: &Regex, timeout: Duration) -> Finding {
    let port = address.port();
    Finding::new(
        Code::UdpSilent,
        subject,
        text!(
            "{subject} gives no answer within {timeout:?}, asked {TRIES} times",
            "{subject}에서 {timeout:?} 안에 응답이 없습니다. {TRIES}번 물었습니다"
        ),
        text!(
            "On that machine, see whether the question arrives: `tcpdump -n -i any udp port {port}`. If it does and nothing leaves, the process is stuck (`ss -lunp 'sport = :{port}'`: Recv-Q above 0) or does not take what `send` says; if it does not arrive, a firewall or the route: `nft list ruleset`.",
            "해당 서버에 질문이 도착하는지 확인하세요: `tcpdump -n -i any udp port {port}`. 도착하는데 답이 나가지 않으면 프로세스가 멈췄거나(`ss -lunp 'sport = :{port}'`에서 Recv-Q가 0보다 큼) `send`의 내용을 받아들이지 않는 것입니다. 도착하지 않으면 방화벽이나 경로를 보세요: `nft list ruleset`."
        ),
    )
    .evidence("expected", expect.as_str())
    .evidence("got", "no answer")
}

fn unexpected(subject: &str, address: SocketAddr, expect: &Regex, got: &[u8]) -> Finding {
    let (expected, got) = (expect.as_str(), printable(got, SHOWN_CHARS));
    Finding::new(
        Code::UdpUnexpectedReply,
        subject,
        text!(
            "{subject} answers, but not what should: expected /{expected}/, got \"{got}\"",
            "{subject}에서 예상과 다른 응답이 왔습니다: 기대 /{expected}/, 실제 \"{got}\""
        ),
        text!(
            "Another service has the port, or this one was changed or says that it cannot serve. On that machine: `ss -lunp 'sport = :{port}'`, then its log.",
            "다른 서비스가 이 포트를 쓰고 있거나, 서비스가 바뀌었거나, 서비스할 수 없다는 답입니다. 해당 서버에서 확인하세요: `ss -lunp 'sport = :{port}'`. 그다음 로그를 보세요.",
            port = address.port()
        ),
    )
    .evidence("expected", expected)
    .evidence("got", got)
}
