//! Answers that did not come, or not whole: what to call that.

use std::time::Duration;

use health::{Code, Finding, Phase, text};

use super::exchange::{Broken, Cause};
use crate::net::printable;

const SHOWN_CHARS: usize = 96;

/// Of whom an answer was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The URL as findings name it.
    pub(super) url: String,
    /// Address, and name it stands for.
    pub(super) peer: String,
    /// The bound on the whole probe.
    pub(super) timeout: Duration,
    /// What Content-Length said, once there was one.
    pub(super) announced: Option<u64>,
    /// Bytes of body received.
    pub(super) body_bytes: u64,
    pub(super) is_encrypted: bool,
}

impl Broken {
    /// The finding for it.
    pub(super) fn into_finding(self, asked: &Asked) -> Finding {
        let finding = match &self.cause {
            Cause::Timeout => self.timeout(asked),
            Cause::Cut(_) if self.received == 0 => self.cut_at_once(asked),
            Cause::Cut(how) => self.cut(asked, how),
            Cause::Protocol(reason) => self.protocol(asked, reason),
        };
        let finding = finding
            .evidence("address", asked.peer.as_str())
            .evidence("phase", self.phase.label())
            .evidence("received_bytes", self.received);
        match asked.announced {
            Some(announced) => finding.evidence("content_length", announced),
            None => finding,
        }
    }

    fn timeout(&self, asked: &Asked) -> Finding {
        let (url, timeout, phase) = (&asked.url, asked.timeout, self.phase.label());
        let received = self.received;
        let (so_far_en, so_far_ko) = match (self.phase, received) {
            (Phase::Transfer, _) => {
                let body = asked.body_bytes;
                let of = asked.announced.map(|all| format!("/{all}")).unwrap_or_default();
                (
                    format!("the body stopped at {body}{of} bytes"),
                    format!("본문을 {body}{of}바이트까지만 받았습니다"),
                )
            }
            (_, 0) => (
                "the request was taken, but not one byte came back".to_owned(),
                "요청은 받았지만 한 바이트도 응답하지 않았습니다".to_owned(),
            ),
            _ => (
                format!("the head was still not complete after {received} bytes"),
                format!("{received}바이트를 받았지만 헤더가 끝나지 않았습니다"),
            ),
        };
        Finding::new(
            Code::HttpTimeout,
            &**url,
            text!(
                "{url} gave no full answer within {timeout:?}, it hung in {phase}: {so_far_en}",
                "{url}에서 {timeout:?} 안에 응답을 마치지 못했습니다. 멈춘 단계: {phase} ({so_far_ko})"
            ),
            text!(
                "The connection works, so look at the application: is a worker free, is it waiting for a database or another service? Time it: `curl -so /dev/null -w '%{{time_connect}} %{{time_starttransfer}} %{{time_total}}\\n' {url}`.",
                "연결은 되므로 애플리케이션을 보세요: 워커가 모두 바쁘거나 데이터베이스나 다른 서비스를 기다리고 있을 수 있습니다. 시간을 재 보세요: `curl -so /dev/null -w '%{{time_connect}} %{{time_starttransfer}} %{{time_total}}\\n' {url}`."
            ),
        )
    }

    fn cut_at_once(&self, asked: &Asked) -> Finding {
        let (url, peer) = (&asked.url, &asked.peer);
        Finding::new(
            Code::TcpReset,
            &**peer,
            text!(
                "{peer} accepted the connection and the request for {url}, then cut it without a byte of answer",
                "{peer}에서 연결과 {url} 요청을 받은 뒤 응답 없이 연결을 끊었습니다"
            ),
            text!(
                "The process crashed on the request, closes on purpose (nginx `return 444`, a connection limit), or expects TLS. Read its log of this moment.",
                "요청을 처리하다 프로세스가 죽었거나, 일부러 끊었거나(nginx `return 444`, 연결 수 제한), TLS를 기다리는 포트일 수 있습니다. 이 시각의 로그를 확인하세요."
            ),
        )
    }

    fn cut(&self, asked: &Asked, how: &str) -> Finding {
        let url = &asked.url;
        let (where_en, where_ko) = match (self.phase, asked.announced) {
            (Phase::Transfer, Some(all)) => {
                let body = asked.body_bytes;
                (
                    format!("mid-body, after {body} of {all} bytes"),
                    format!("본문 {all}바이트 중 {body}바이트에서"),
                )
            }
            (Phase::Transfer, None) => {
                let body = asked.body_bytes;
                (format!("mid-body, after {body} bytes"), format!("본문 {body}바이트에서"))
            }
            _ => ("before its head was complete".to_owned(), "헤더가 끝나기 전에".to_owned()),
        };
        let finding = Finding::new(
            Code::HttpProtocol,
            &**url,
            text!(
                "the answer of {url} is truncated: the connection was {how} {where_en}",
                "{url}의 응답이 잘렸습니다: {where_ko} 연결이 끊겼습니다 ({how})"
            ),
            text!(
                "A worker died or was killed while answering, a proxy gave up on its upstream, or Content-Length is wrong. Read the logs of the application and of the proxy at this moment; see it: `curl -v {url} -o /dev/null`.",
                "응답하던 워커가 죽었거나, 프록시가 업스트림을 포기했거나, Content-Length가 잘못되었습니다. 이 시각의 애플리케이션과 프록시 로그를 확인하세요. 재현: `curl -v {url} -o /dev/null`."
            ),
        );
        if self.phase == Phase::Processing {
            finding.evidence("got", self.begins())
        } else {
            finding
        }
    }

    fn protocol(&self, asked: &Asked, reason: &str) -> Finding {
        let url = &asked.url;
        if !asked.is_encrypted && self.first.starts_with(&[0x15, 0x03]) {
            return Finding::new(
                Code::HttpProtocol,
                &**url,
                text!(
                    "{url} is asked in plain HTTP, but that port speaks TLS",
                    "{url}에 평문 HTTP로 요청했지만 이 포트는 TLS를 사용합니다"
                ),
                text!(
                    "Write the URL with https://, or dial the plain port.",
                    "URL을 https://로 쓰거나 평문 포트로 접속하세요."
                ),
            )
            .evidence("expected", "HTTP")
            .evidence("got", "a TLS alert");
        }
        let finding = Finding::new(
            Code::HttpProtocol,
            &**url,
            text!(
                "{url} does not answer in proper HTTP: {reason}",
                "{url}의 응답이 올바른 HTTP가 아닙니다: {reason}"
            ),
            text!(
                "See the raw answer: `curl -v --raw {url} -o /dev/null`. If it is another protocol, something else listens on that port: `ss -ltnp`.",
                "원본 응답을 확인하세요: `curl -v --raw {url} -o /dev/null`. 다른 프로토콜이라면 그 포트에서 다른 프로그램이 듣고 있습니다: `ss -ltnp`."
            ),
        )
        .evidence("error", reason);
        if self.phase == Phase::Processing {
            finding.evidence("got", self.begins())
        } else {
            finding
        }
    }

    /// The beginning of the answer; of something that begins like HTTP its first line alone,
    /// because headers may hold secrets.
    fn begins(&self) -> String {
        let line = if self.first.starts_with(b"HTTP/") {
            self.first.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default()
        } else {
            &self.first
        };
        printable(line, SHOWN_CHARS)
    }
}
