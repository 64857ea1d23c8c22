//! What is wrong with a conversation over a WebSocket. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Finding, Text, text};

use super::Spec;
use super::conversation::{Awaited, Heard, NO_FRAME, Outcome};

/// Where it was held.
#[derive(Debug)]
pub(super) struct Place {
    /// The URL as findings name it.
    pub(super) url: String,
    /// The address that was dialled.
    pub(super) address: Option<SocketAddr>,
    /// The bound on the whole probe.
    pub(super) timeout: Duration,
}

/// What is wrong.
pub(super) fn judge(spec: &Spec, place: &Place, heard: &Heard) -> Option<Finding> {
    let finding = match &heard.outcome {
        Outcome::Held => return None,
        Outcome::Silent(awaited) => silent(spec, place, *awaited),
        Outcome::Closed(awaited) => closed(spec, place, heard, *awaited),
        Outcome::Unexpected { step, got, messages, ended } => {
            let expected = pattern(spec, *step);
            unexpected(place, expected, got)
                .evidence("step", step + 1)
                .evidence("messages", *messages)
                .evidence("ended", *ended)
        }
        Outcome::Broken(why) => broken(place, why),
    };
    Some(match place.address {
        Some(address) => finding.evidence("address", address.to_string()),
        None => finding,
    })
}

fn pattern(spec: &Spec, step: usize) -> &str {
    spec.steps.get(step).and_then(|step| step.expect.as_ref()).map_or("", |expect| expect.as_str())
}

/// What was waited for, for evidence.
fn expected(spec: &Spec, awaited: Awaited) -> String {
    match awaited {
        Awaited::Step(step) => format!("/{}/", pattern(spec, step)),
        Awaited::Pong => "a pong".to_owned(),
    }
}

fn located(finding: Finding, awaited: Awaited) -> Finding {
    match awaited {
        Awaited::Step(step) => finding.evidence("step", step + 1),
        Awaited::Pong => finding,
    }
}

fn silent(spec: &Spec, place: &Place, awaited: Awaited) -> Finding {
    let Place { url, timeout, .. } = place;
    let (summary, remedy) = match awaited {
        Awaited::Step(_) => (
            text!(
                "{url} upgrades, then says nothing for what was left of {timeout:?}",
                "{url}에서 업그레이드는 되지만 제한 시간 {timeout:?} 안에 아무 메시지도 오지 않습니다"
            ),
            text!(
                "The connection stands, so look behind it: does the application have something to say to this client (a subscription, a login sent first), is its worker or message broker (Redis, NATS) alive, does a proxy hold messages back (`proxy_buffering`)? Its log of this moment says whether it saw the connection.",
                "연결은 되어 있으므로 그 뒤를 보세요. 애플리케이션이 이 클라이언트에 보낼 것이 있는지(구독이나 로그인 메시지가 먼저 필요한지), 워커와 메시지 브로커(Redis, NATS)가 살아 있는지, 프록시가 메시지를 붙잡고 있지 않은지(`proxy_buffering`) 확인하세요. 연결을 보았는지는 이 시각의 로그에 나옵니다."
            ),
        ),
        Awaited::Pong => (
            text!(
                "{url} upgrades, but does not answer a ping within {timeout:?}",
                "{url}에서 업그레이드는 되지만 {timeout:?} 안에 ping에 응답하지 않습니다"
            ),
            text!(
                "Every WebSocket server answers a ping by itself (RFC 6455 section 5.5.2): this one accepts and is stuck, as when its event loop is blocked. Look at its CPU and log; `kill -QUIT` or `py-spy dump --pid PID` shows where it stands. One that is known never to answer: `ping = false`.",
                "모든 WebSocket 서버는 ping에 스스로 응답합니다(RFC 6455 5.5.2절). 이 서버는 연결만 받고 멈춰 있습니다(이벤트 루프가 막힌 경우 등). CPU와 로그를 확인하고, `kill -QUIT`이나 `py-spy dump --pid PID`로 어디서 멈췄는지 보세요. 원래 응답하지 않는 서버라면 `ping = false`를 쓰세요."
            ),
        ),
    };
    let finding = Finding::new(Code::WebsocketSilent, &**url, summary, remedy);
    located(finding, awaited).evidence("expected", expected(spec, awaited))
}

fn closed(spec: &Spec, place: &Place, heard: &Heard, awaited: Awaited) -> Finding {
    let url = &place.url;
    let code = heard.facts.close_code.unwrap_or(NO_FRAME);
    let reason = &heard.facts.close_reason;
    let means = meaning(code);
    let because = if reason.is_empty() { String::new() } else { format!(" \"{reason}\"") };
    let summary = match code {
        NO_FRAME => text!(
            "{url} upgrades, then the connection is cut without a word of farewell",
            "{url}에서 업그레이드된 뒤 닫는다는 말 없이 연결이 끊깁니다"
        ),
        _ => text!(
            "{url} upgrades, then closes with {code}{because}: {en}",
            "{url}에서 업그레이드된 뒤 {code}{because} 코드로 닫힙니다: {ko}",
            en = means.en,
            ko = means.ko
        ),
    };
    let finding = Finding::new(Code::WebsocketClosed, &**url, summary, farewell(code))
        .evidence("close_code", code)
        .evidence("expected", expected(spec, awaited));
    let finding =
        if reason.is_empty() { finding } else { finding.evidence("reason", reason.as_str()) };
    located(finding, awaited)
}

/// What a close code says (RFC 6455 section 7.4, and the IANA registry).
fn meaning(code: u16) -> Text {
    match code {
        1000 => text!("as if all had been said", "할 말을 다 했다는 뜻입니다"),
        1001 => text!("it is going away", "서버가 내려가는 중입니다"),
        1002 | 1003 | 1007 => {
            text!("it did not understand what was said", "보낸 내용을 이해하지 못했습니다")
        }
        1008 | 3000 | 3003 => {
            text!("it does not let this client in", "이 클라이언트를 허용하지 않습니다")
        }
        1009 => text!("what was said is too long for it", "보낸 메시지가 너무 깁니다"),
        1011 => text!("it failed", "서버에서 오류가 났습니다"),
        1012 | 1013 => text!("it restarts or is overloaded", "재시작 중이거나 과부하 상태입니다"),
        1014 => text!("a gateway got no good answer", "게이트웨이가 올바른 응답을 받지 못했습니다"),
        1005 => text!("it does not say why", "이유를 밝히지 않았습니다"),
        _ => text!("a code of the application's own", "애플리케이션이 정한 코드입니다"),
    }
}

fn farewell(code: u16) -> Text {
    match code {
        NO_FRAME => text!(
            "The process died, or a proxy or load balancer gave it up: read the log of the application and of the proxy at this moment (nginx: `upstream prematurely closed`, `proxy_read_timeout`). A worker that is killed for memory stands in `dmesg`.",
            "프로세스가 죽었거나 프록시·로드 밸런서가 연결을 포기했습니다. 이 시각의 애플리케이션 로그와 프록시 로그(nginx: `upstream prematurely closed`, `proxy_read_timeout`)를 확인하세요. 메모리 부족으로 죽은 워커는 `dmesg`에 남습니다."
        ),
        1008 | 3000 | 3003 | 4400..=4403 => text!(
            "The application wants to know who this is, or does not like the Origin: give what it needs in `headers`, `origin`, or in the first `send` (a secret by `value_env`).",
            "애플리케이션이 인증을 요구하거나 Origin을 허용하지 않습니다. 필요한 것을 `headers`, `origin` 또는 첫 `send`(비밀은 `value_env`)에 넣으세요."
        ),
        1001 | 1012 | 1013 => text!(
            "If it lasts, it restarts again and again or is out of room: see how long the process has lived (`ps -o pid,etime,cmd -C NAME`, `docker ps`) and its log.",
            "계속된다면 재시작을 반복하거나 여력이 없는 것입니다. 프로세스가 언제 시작했는지(`ps -o pid,etime,cmd -C 이름`, `docker ps`)와 로그를 확인하세요."
        ),
        1002 | 1003 | 1007 | 1009 => text!(
            "Compare what `send` says with what the page sends (browser, developer tools, Network, WS, Messages), the subprotocol too.",
            "`send`의 내용을 페이지가 보내는 것(브라우저 개발자 도구, Network, WS, Messages)과 비교하고 서브프로토콜도 확인하세요."
        ),
        _ => text!(
            "The application closes on purpose or fails: its log of this moment says why.",
            "애플리케이션이 일부러 닫았거나 오류가 났습니다. 이 시각의 로그를 확인하세요."
        ),
    }
}

fn unexpected(place: &Place, expected: &str, got: &str) -> Finding {
    let url = &place.url;
    Finding::new(
        Code::WebsocketUnexpectedReply,
        &**url,
        text!(
            "{url} answers over the WebSocket, but not what should: expected /{expected}/, got \"{got}\"",
            "{url}의 WebSocket에서 예상과 다른 메시지가 왔습니다: 기대 /{expected}/, 실제 \"{got}\""
        ),
        text!(
            "If the message reports an error, it is the application's: read its log. If it belongs to another application, the proxy leads elsewhere, or the path is another's. If the message is right, correct `expect`.",
            "메시지가 오류를 알린다면 애플리케이션의 문제이니 로그를 확인하세요. 다른 애플리케이션의 메시지라면 프록시가 다른 곳으로 보내거나 경로가 다른 것입니다. 맞는 메시지라면 `expect`를 고치세요."
        ),
    )
    .evidence("expected", expected)
    .evidence("got", got)
}

fn broken(place: &Place, why: &str) -> Finding {
    let url = &place.url;
    Finding::new(
        Code::WebsocketUnexpectedReply,
        &**url,
        text!(
            "{url} upgrades, but what follows is no proper WebSocket: {why}",
            "{url}에서 업그레이드되지만 그 뒤에 오는 것이 올바른 WebSocket이 아닙니다: {why}"
        ),
        text!(
            "Whoever answers 101 does not speak WebSocket afterwards: a proxy that changes what passes (compression, inspection), an application that writes to the connection by itself, or a message larger than anybody should send. Compare with the application itself, without the proxy.",
            "101로 답한 쪽이 그 뒤에 WebSocket을 쓰지 않습니다. 지나가는 내용을 바꾸는 프록시(압축, 검사), 연결에 직접 쓰는 애플리케이션, 또는 지나치게 큰 메시지일 수 있습니다. 프록시 없이 애플리케이션에 직접 물어 비교하세요."
        ),
    )
    .evidence("error", why)
}
