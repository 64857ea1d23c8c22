//! Whether it was fast enough, as a whole and phase by phase.

use std::time::Duration;

use health::{Code, Finding, Phase, Text, text};

use super::Reply;
use crate::probe::http::expect::{Expect, Spoken};

/// Adds a finding for the whole, and one for each phase that took too long.
pub(super) fn judge(expect: &Expect, reply: &Reply, findings: &mut Vec<Finding>) {
    findings.extend(expect.within.and_then(|within| slow(within, reply)));
    for &(phase, within) in &expect.phases {
        findings.extend(slow_phase(phase, within, reply));
    }
}

fn slow(within: Duration, reply: &Reply) -> Option<Finding> {
    if reply.elapsed <= within {
        return None;
    }
    let (url, took) = (&reply.subject, milliseconds(reply.elapsed));
    let within = format!("{:?}", Spoken(within));
    let slowest = reply.phases.iter().max_by_key(|&(_, took)| took);
    let (phase, phase_took) =
        slowest.map_or(("", took), |(phase, phase_took)| (phase.label(), milliseconds(phase_took)));
    let finding = Finding::new(
        Code::HttpSlow,
        &**url,
        text!(
            "{url} took {took} ms, expected {within}; most of it in {phase} ({phase_took} ms)",
            "{url} 응답에 {took} ms 걸렸습니다. 기대: {within}. 가장 오래 걸린 단계: {phase} ({phase_took} ms)"
        ),
        text!(
            "resolve: the resolver; connect: the way there; tls: a busy server; processing: the application; transfer: the size of the body. Time it: `curl -so /dev/null -w '%{{time_namelookup}} %{{time_connect}} %{{time_appconnect}} %{{time_starttransfer}} %{{time_total}}\\n' {url}`.",
            "resolve는 리졸버, connect는 네트워크 경로, tls는 바쁜 서버, processing은 애플리케이션, transfer는 본문 크기를 뜻합니다. 시간을 재 보세요: `curl -so /dev/null -w '%{{time_namelookup}} %{{time_connect}} %{{time_appconnect}} %{{time_starttransfer}} %{{time_total}}\\n' {url}`."
        ),
    )
    .evidence("expected", within)
    .evidence("got_seconds", reply.elapsed.as_secs_f64())
    .evidence("slowest_phase", phase);
    Some(finding)
}

fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis()
}

fn slow_phase(phase: Phase, within: Duration, reply: &Reply) -> Option<Finding> {
    let took = reply.phases.of(phase).filter(|&took| took > within)?;
    let (url, label, milliseconds) = (&reply.subject, phase.label(), milliseconds(took));
    let within = format!("{:?}", Spoken(within));
    let finding = Finding::new(
        Code::HttpSlow,
        format!("{url} [{label}]"),
        text!(
            "{label} of {url} took {milliseconds} ms, expected {within}",
            "{url}의 {label} 단계에 {milliseconds} ms 걸렸습니다. 기대: {within}"
        ),
        advice(phase, url),
    )
    .evidence("expected", within)
    .evidence("got_seconds", took.as_secs_f64())
    .evidence("slowest_phase", label);
    Some(finding)
}

fn advice(phase: Phase, url: &str) -> Text {
    match phase {
        Phase::Resolve => text!(
            "The resolver took that long: time each of those in /etc/resolv.conf with `dig @ADDRESS NAME | grep 'Query time'`. A dead first one costs its timeout every time.",
            "리졸버가 느립니다. /etc/resolv.conf의 서버를 하나씩 재 보세요: `dig @주소 이름 | grep 'Query time'`. 첫 번째 서버가 죽어 있으면 매번 그 제한 시간만큼 늦어집니다."
        ),
        Phase::Connect => text!(
            "The way there, or a server that accepts too slowly: `ss -ltn` on the server (Recv-Q near Send-Q is a full queue), `mtr -rwc 20 HOST` for loss on the way.",
            "네트워크 경로가 느리거나 서버가 연결을 늦게 받습니다. 서버에서 `ss -ltn`(Recv-Q가 Send-Q에 가까우면 대기열이 찬 것), 경로 손실은 `mtr -rwc 20 호스트`로 확인하세요."
        ),
        Phase::Tls => text!(
            "The handshake: a busy processor on the server that ends TLS (`uptime`), an RSA key of 4096 bits, or a chain too long for one round trip.",
            "핸드셰이크가 느립니다. TLS를 처리하는 서버의 CPU(`uptime`), 4096비트 RSA 키, 한 번에 보내기에 너무 긴 체인을 확인하세요."
        ),
        Phase::Transfer => text!(
            "The body: see how large it is and whether it is compressed: `curl -so /dev/null --compressed -w '%{{size_download}} %{{speed_download}}\\n' {url}`.",
            "본문 전송이 느립니다. 크기와 압축 여부를 확인하세요: `curl -so /dev/null --compressed -w '%{{size_download}} %{{speed_download}}\\n' {url}`."
        ),
        _ => text!(
            "The application took that long until it began to answer: its own log of slow requests and queries, the number of its workers, the processor (`uptime`). Time it without the proxy: `curl -so /dev/null -w '%{{time_starttransfer}}\\n' http://UPSTREAM/`.",
            "애플리케이션이 응답을 시작하기까지 걸린 시간입니다. 느린 요청·쿼리 로그, 워커 수, CPU(`uptime`)를 확인하세요. 프록시 없이 재 보려면: `curl -so /dev/null -w '%{{time_starttransfer}}\\n' http://업스트림/`."
        ),
    }
}
