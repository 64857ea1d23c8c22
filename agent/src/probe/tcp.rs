//! TCP: connect, and where the plan says so a dialogue: in its own words, or a hello in a protocol.
//!
//! Deliberately absent: guessing. Nothing is sent or waited for that the plan does not name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::{Code, Facts, Finding, Phase, text};
use regex::bytes::Regex;

use super::{Sight, Stopwatch};
use crate::net::{Connection, Net, printable, subject};
use crate::plan::Endpoint;

mod dialogue;
pub mod speaks;
#[cfg(test)]
mod tests;

use dialogue::Outcome;
use speaks::Speaks;

/// Most characters of a banner or of evidence.
const SHOWN_CHARS: usize = 256;

/// `[[tcp]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Whom to dial.
    pub target: Endpoint,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// It must not accept.
    pub expect_closed: bool,
    /// Dialogue; `expect` alone is one step that sends nothing. Empty: connecting is enough.
    pub steps: Vec<Step>,
    /// A hello instead of a dialogue.
    pub speaks: Option<Speaks>,
}

/// One step of a dialogue.
#[derive(Clone, Debug)]
pub struct Step {
    /// Bytes to send first; empty: nothing.
    pub send: Vec<u8>,
    /// What must come back; `None`: nothing is waited for.
    pub expect: Option<Regex>,
}

/// What came back; never leaves this room.
#[derive(Debug)]
struct Reply {
    /// What findings name.
    subject: String,
    address: SocketAddr,
    /// How the dialogue ended; `None` where there was none to be held.
    outcome: Option<Outcome>,
    timeout: Duration,
}

/// What is wrong with the reply of a target that accepted.
fn judge(spec: &Spec, reply: &Reply) -> Vec<Finding> {
    if spec.expect_closed {
        return vec![open(reply)];
    }
    let Some(outcome) = &reply.outcome else { return Vec::new() };
    let found = match outcome {
        Outcome::Spoken => return Vec::new(),
        Outcome::Silent { step } => silent(reply).evidence("step", step + 1),
        Outcome::Cut { step, how } => {
            cut(reply).evidence("step", step + 1).evidence("error", how.as_str())
        }
        Outcome::Unexpected { step, got, ended } => {
            let expected = spec.steps.get(*step).and_then(|step| step.expect.as_ref());
            unexpected(reply, expected.map_or("", Regex::as_str), got)
                .evidence("step", step + 1)
                .evidence("ended", *ended)
        }
    };
    vec![found.evidence("address", reply.address.to_string())]
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let mut facts = Facts::default();
    let dialled = net.attempt(&spec.target, spec.source, watch, &mut facts).await;
    let opened = match dialled {
        Ok(opened) => opened,
        Err(missed) if spec.expect_closed && missed.is_closed() => {
            return Sight { facts, findings: Vec::new() };
        }
        Err(missed) => {
            let finding = missed.into_finding(&spec.target, watch.timeout());
            return Sight { facts, findings: vec![*finding] };
        }
    };
    if let Some(protocol) = &spec.speaks {
        // In a box: most checks have none, and none should have to be as large as this.
        return Box::pin(speaks::observe(spec, protocol, opened, net, watch, facts)).await;
    }
    if spec.steps.is_empty() && !spec.expect_closed {
        return Sight { facts, findings: Vec::new() };
    }
    let outcome = if spec.expect_closed {
        None
    } else {
        match opened.into_connection(&facts) {
            Ok(mut stream) => Some(speak(spec, &mut stream, watch, &mut facts).await),
            Err(missed) => {
                let finding = missed.into_finding(&spec.target, watch.timeout());
                return Sight { facts, findings: vec![*finding] };
            }
        }
    };
    let findings = match facts.address {
        Some(address) if outcome != Some(Outcome::Spoken) => {
            let subject = subject(&spec.target, address);
            judge(spec, &Reply { subject, address, outcome, timeout: watch.timeout() })
        }
        _ => Vec::new(),
    };
    Sight { facts, findings }
}

async fn speak(
    spec: &Spec,
    stream: &mut Connection,
    watch: &mut Stopwatch,
    facts: &mut Facts,
) -> Outcome {
    let (outcome, first) = dialogue::hold(stream, &spec.steps, watch.deadline()).await;
    watch.lap(Phase::Dialogue);
    if !first.is_empty() {
        facts.banner = Some(printable(first.trim_ascii_end(), SHOWN_CHARS));
    }
    outcome
}

fn open(reply: &Reply) -> Finding {
    let (subject, port) = (&reply.subject, reply.address.port());
    Finding::new(
        Code::TcpOpen,
        subject,
        text!(
            "{subject} accepts connections, and must be closed",
            "{subject}에서 연결을 받습니다. 닫혀 있어야 하는 포트입니다"
        ),
        text!(
            "On that machine, see who listens: `ss -ltnp 'sport = :{port}'`. Stop it, bind it to 127.0.0.1, or close the port in the firewall.",
            "해당 서버에서 누가 듣는지 확인하세요: `ss -ltnp 'sport = :{port}'`. 프로세스를 멈추거나, 127.0.0.1에만 바인드하거나, 방화벽에서 포트를 닫으세요."
        ),
    )
    .evidence("expected", "closed")
    .evidence("got", "open")
    .evidence("address", reply.address.to_string())
}

fn silent(reply: &Reply) -> Finding {
    let (subject, timeout) = (&reply.subject, reply.timeout);
    Finding::new(
        Code::TcpSilent,
        subject,
        text!(
            "{subject} accepted the connection, then said nothing for what was left of {timeout:?}",
            "{subject}에서 연결은 받았지만 제한 시간 {timeout:?} 안에 아무 응답이 없습니다"
        ),
        text!(
            "The process is stuck or too busy to answer, or waits for another protocol (TLS?). Try by hand: `nc -v {ip} {port}`, and look at the process: its log, its open files, its CPU.",
            "프로세스가 멈췄거나 너무 바쁘거나, 다른 프로토콜(TLS 등)을 기다리고 있습니다. 직접 확인해 보세요: `nc -v {ip} {port}`. 그다음 프로세스의 로그, 열린 파일 수, CPU를 확인하세요.",
            ip = reply.address.ip(),
            port = reply.address.port()
        ),
    )
}

fn cut(reply: &Reply) -> Finding {
    let subject = &reply.subject;
    Finding::new(
        Code::TcpReset,
        subject,
        text!(
            "{subject} accepted the connection, then closed it without the reply that was due",
            "{subject}에서 연결을 받은 뒤, 와야 할 응답 없이 연결을 끊었습니다"
        ),
        text!(
            "The service or something before it (a proxy without a backend, TCP wrappers, a connection limit) closes on purpose: read the service's log.",
            "서비스나 그 앞단(백엔드가 없는 프록시, TCP wrapper, 연결 수 제한)이 일부러 끊고 있습니다. 서비스 로그를 확인하세요."
        ),
    )
}

fn unexpected(reply: &Reply, expected: &str, got: &[u8]) -> Finding {
    let subject = &reply.subject;
    let got = printable(got, SHOWN_CHARS);
    Finding::new(
        Code::TcpUnexpectedReply,
        subject,
        text!(
            "{subject} answers, but not what should: expected /{expected}/, got \"{got}\"",
            "{subject}에서 예상과 다른 응답이 왔습니다: 기대 /{expected}/, 실제 \"{got}\""
        ),
        text!(
            "Probably another service took the port, or this one was upgraded and greets differently. On that machine: `ss -ltnp 'sport = :{port}'`.",
            "다른 서비스가 이 포트를 쓰고 있거나, 업그레이드로 인사말이 바뀌었을 수 있습니다. 해당 서버에서 확인하세요: `ss -ltnp 'sport = :{port}'`.",
            port = reply.address.port()
        ),
    )
    .evidence("expected", expected)
    .evidence("got", got)
}
