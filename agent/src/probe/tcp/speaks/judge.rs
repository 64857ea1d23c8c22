//! What a hello that did not come to its good end means, in words.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Finding, Severity, Text, text};

use super::stranger::recognised;
use super::{Reason, Refusal, SHOWN_CHARS, Speaks, Trouble};
use crate::net::printable;

/// The finding for it.
pub(super) fn judge(
    protocol: &Speaks,
    subject: &str,
    address: SocketAddr,
    timeout: Duration,
    trouble: &Trouble,
) -> Finding {
    let title = protocol.title();
    let found = match trouble {
        Trouble::Silent => silent(title, subject, address, timeout),
        Trouble::Cut(how) => cut(title, subject).evidence("error", how.as_str()),
        Trouble::Stranger { got, ended } => {
            stranger(title, subject, address.port(), got).evidence("ended", *ended)
        }
        Trouble::Refused(refusal) => refused(title, subject, refusal),
    };
    found.evidence("expected", title).evidence("address", address.to_string())
}

fn silent(title: &str, subject: &str, address: SocketAddr, timeout: Duration) -> Finding {
    let (ip, port) = (address.ip(), address.port());
    Finding::new(
        Code::TcpSilent,
        subject,
        text!(
            "{subject} accepted the connection, then did not answer a {title} hello in what was left of {timeout:?}",
            "{subject}에서 연결은 받았지만 제한 시간 {timeout:?} 안에 {title} 인사에 답하지 않았습니다"
        ),
        text!(
            "The process is stuck or too busy, or another service has the port that waits for its own protocol (TLS, HTTP). On that machine, see who listens: `ss -ltnp 'sport = :{port}'`; then try by hand: `nc -v {ip} {port}`, `curl -v http://{address}/`.",
            "프로세스가 멈췄거나 너무 바쁘거나, 자기 프로토콜(TLS, HTTP)을 기다리는 다른 서비스가 이 포트를 쓰고 있습니다. 해당 서버에서 누가 듣는지 확인하세요: `ss -ltnp 'sport = :{port}'`. 그다음 직접 말을 걸어 보세요: `nc -v {ip} {port}`, `curl -v http://{address}/`."
        ),
    )
}

fn cut(title: &str, subject: &str) -> Finding {
    Finding::new(
        Code::TcpReset,
        subject,
        text!(
            "{subject} accepted the connection, then closed it without answering a {title} hello",
            "{subject}에서 연결을 받은 뒤, {title} 인사에 답하지 않고 연결을 끊었습니다"
        ),
        text!(
            "The service or something before it (a proxy without a backend, TCP wrappers, a connection limit) closes on purpose, or another service has the port: read the service's log.",
            "서비스나 그 앞단(백엔드가 없는 프록시, TCP wrapper, 연결 수 제한)이 일부러 끊고 있거나, 다른 서비스가 이 포트를 쓰고 있습니다. 서비스 로그를 확인하세요."
        ),
    )
}

fn stranger(title: &str, subject: &str, port: u16, got: &[u8]) -> Finding {
    let got_words = printable(got, SHOWN_CHARS);
    // A broken answer of the right protocol is not somebody else's.
    let other = recognised(got).filter(|other| *other != title);
    let summary = match other {
        Some(other) => text!(
            "{subject} does not speak {title}: {other} answers there (\"{got_words}\")",
            "{subject}에서 {title}이(가) 아니라 {other}이(가) 답합니다 (\"{got_words}\")"
        ),
        None => text!(
            "{subject} answers a {title} hello with something else: \"{got_words}\"",
            "{subject}에서 {title} 인사에 맞지 않는 답이 왔습니다: \"{got_words}\""
        ),
    };
    let finding = Finding::new(
        Code::TcpUnexpectedReply,
        subject,
        summary,
        text!(
            "Another service has the port, or the address is wrong. On that machine, see who listens: `ss -ltnp 'sport = :{port}'`; then correct the service's port, or `address` and `speaks` in the plan.",
            "다른 서비스가 이 포트를 쓰고 있거나 주소가 잘못되었습니다. 해당 서버에서 누가 듣는지 확인하세요: `ss -ltnp 'sport = :{port}'`. 그다음 서비스의 포트나 계획의 `address`와 `speaks`를 바로잡으세요."
        ),
    );
    let finding = match other {
        Some(other) => finding.evidence("speaks", other),
        None => finding,
    };
    finding.evidence("got", got_words)
}

fn refused(title: &str, subject: &str, refusal: &Refusal) -> Finding {
    let said = printable(&refusal.said, SHOWN_CHARS);
    let (summary, remedy) = match &refusal.reason {
        Reason::Full => full(title, subject, &said),
        Reason::NotYet => not_yet(title, subject, &said),
        Reason::Unavailable => unavailable(title, subject, &said),
        Reason::HostRefused => host_refused(title, subject, &said),
    };
    let severity = match &refusal.reason {
        Reason::HostRefused => Severity::Notice,
        Reason::Full | Reason::NotYet | Reason::Unavailable => Severity::Critical,
    };
    Finding::new(Code::TcpNotReady, subject, summary, remedy)
        .severity(severity)
        .evidence("got", said)
}

fn full(title: &str, subject: &str, said: &str) -> (Text, Text) {
    (
        text!(
            "{title} on {subject} takes no more clients: \"{said}\"",
            "{subject}의 {title}이(가) 접속을 더 받지 못합니다: \"{said}\""
        ),
        text!(
            "See who holds the connections and whether they are idle; raise the server's limit, or put a pool between it and its clients.",
            "누가 연결을 쥐고 있는지, 놀고 있는 연결인지 확인하세요. 서버의 한도를 올리거나 클라이언트와의 사이에 커넥션 풀을 두세요."
        ),
    )
}

fn not_yet(title: &str, subject: &str, said: &str) -> (Text, Text) {
    (
        text!(
            "{title} on {subject} is starting, stopping or recovering: \"{said}\"",
            "{subject}의 {title}이(가) 시작, 종료 또는 복구 중입니다: \"{said}\""
        ),
        text!(
            "If it lasts, read the server's log for how far it has come and what it waits for.",
            "오래 계속되면 서버 로그에서 어디까지 진행됐고 무엇을 기다리는지 확인하세요."
        ),
    )
}

fn unavailable(title: &str, subject: &str, said: &str) -> (Text, Text) {
    (
        text!(
            "{title} on {subject} answers, and says that it does not serve: \"{said}\"",
            "{subject}의 {title}이(가) 답은 하지만 서비스하지 못한다고 합니다: \"{said}\""
        ),
        text!(
            "Its own words say why; read the server's log for what stands before them.",
            "이유는 그 응답에 있습니다. 서버 로그에서 그 앞의 내용을 확인하세요."
        ),
    )
}

fn host_refused(title: &str, subject: &str, said: &str) -> (Text, Text) {
    (
        text!(
            "{title} on {subject} answers, and does not let this host in: \"{said}\"",
            "{subject}의 {title}이(가) 답은 하지만 이 호스트의 접속을 허용하지 않습니다: \"{said}\""
        ),
        text!(
            "It lives; whether it serves cannot be told from here. To see more, allow this host there.",
            "서버는 살아 있지만 서비스 여부는 여기서 알 수 없습니다. 더 확인하려면 서버에서 이 호스트를 허용하세요."
        ),
    )
}
