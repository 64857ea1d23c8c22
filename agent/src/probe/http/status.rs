//! An unexpected status: what it usually means, and who can say more.

use health::{Code, Finding, Text, text};
use http::StatusCode;
use http::header::LOCATION;

use super::Spec;
use super::gateway;
use super::judge::Reply;
use crate::net::printable;

/// What the same Host got for another path, where the answer was 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// This status.
    Answered(StatusCode),
    /// None that could be used.
    Unverified,
}

/// The finding for a status that was not expected.
pub(super) fn unexpected(spec: &Spec, reply: &Reply) -> Finding {
    let finding = match reply.status.as_u16() {
        502..=504 => match gateway::blame(&reply.upstream) {
            Some(culprit) => {
                let (url, status) = (&reply.subject, reply.status);
                return gateway::bad_gateway(url, status, &reply.upstream, culprit);
            }
            None => differs(spec, reply, gateway_advice(reply)),
        },
        400 if speaks_tls(&reply.body.kept) => differs(spec, reply, tls_advice(reply)),
        400 if is_about_the_certificate(&reply.body.kept) => {
            differs(spec, reply, client_certificate_advice())
        }
        400 | 421 if rejects_host(reply) => host_rejected(spec, reply),
        _ => differs(spec, reply, advice(reply)),
    };
    let finding = match reply.control {
        Some(Control::Answered(status)) => finding.evidence("other_path", status.as_u16()),
        Some(Control::Unverified) => finding.evidence("other_path", "not verified"),
        None => finding,
    };
    if reply.upstream.is_empty() {
        finding
    } else {
        finding.evidence("upstream", gateway::evidence(&reply.upstream))
    }
}

/// A 400 is put down to the Host where every path gets it; a request that was wrong in itself
/// gets it on one path alone. A 421 says so itself (RFC 9110 section 15.5.20).
fn rejects_host(reply: &Reply) -> bool {
    match reply.control {
        _ if reply.status == StatusCode::MISDIRECTED_REQUEST => true,
        Some(Control::Answered(status)) => matches!(status.as_u16(), 400 | 421),
        Some(Control::Unverified) | None => true,
    }
}

fn differs(spec: &Spec, reply: &Reply, remedy: Text) -> Finding {
    let (url, got, expected) = (&reply.subject, reply.status.as_u16(), expected(spec));
    let finding = Finding::new(
        Code::HttpStatus,
        &**url,
        text!(
            "{url} answers {got}, expected {expected}",
            "{url}에서 {got} 응답이 옵니다. 기대: {expected}"
        ),
        remedy,
    )
    .evidence("expected", expected)
    .evidence("got", got);
    match reply.headers.get(LOCATION) {
        Some(location) => finding.evidence("location", printable(location.as_bytes(), 256)),
        None => finding,
    }
}

fn host_rejected(spec: &Spec, reply: &Reply) -> Finding {
    let (url, got, host) = (&reply.subject, reply.status.as_u16(), host(spec, reply));
    Finding::new(
        Code::HttpHostRejected,
        &**url,
        text!(
            "{url} answers {got}: the application does not know the name {host}",
            "{url}에서 {got} 응답이 옵니다: 애플리케이션이 {host} 이름을 모릅니다"
        ),
        text!(
            "Add {host} to the application's list of allowed hosts (Django `ALLOWED_HOSTS`, Rails `config.hosts`, Vite `server.allowedHosts`) and to `server_name` of the proxy, and let the proxy pass it on: `proxy_set_header Host $host;`. If the check asks by the wrong name, give the right one in `url` and dial with `connect`.",
            "애플리케이션의 허용 호스트 목록(Django `ALLOWED_HOSTS`, Rails `config.hosts`, Vite `server.allowedHosts`)과 프록시의 `server_name`에 {host}을(를) 추가하고, 프록시가 이름을 그대로 넘기게 하세요: `proxy_set_header Host $host;`. 체크가 잘못된 이름으로 묻는다면 `url`에 올바른 이름을 쓰고 `connect`로 접속할 곳을 지정하세요."
        ),
    )
    .evidence("host", host)
    .evidence("expected", expected(spec))
    .evidence("got", got)
}

fn host(spec: &Spec, reply: &Reply) -> String {
    let of_url = || {
        let after = reply.subject.split_once("://").map_or("", |(_, after)| after);
        after.split('/').next().unwrap_or_default().to_owned()
    };
    match spec.headers.get(http::header::HOST) {
        Some(value) => printable(value.as_bytes(), 253),
        None => of_url(),
    }
}

fn expected(spec: &Spec) -> String {
    if spec.expect.status.is_empty() {
        let redirects_too = !super::redirect::are_followed(spec);
        return if redirects_too { "200-399" } else { "200-299" }.to_owned();
    }
    let ranges: Vec<String> = spec
        .expect
        .status
        .iter()
        .map(|&(low, high)| if low == high { low.to_string() } else { format!("{low}-{high}") })
        .collect();
    ranges.join(", ")
}

fn contains(body: &[u8], words: &[u8]) -> bool {
    body.windows(words.len()).take(2048).any(|window| window.eq_ignore_ascii_case(words))
}

/// nginx, Go and Apache answer plain HTTP on a TLS port with 400 and these words.
pub(super) fn speaks_tls(body: &[u8]) -> bool {
    [
        &b"plain HTTP request was sent to HTTPS port"[..],
        b"HTTP request to an HTTPS server",
        b"speaking plain HTTP to an SSL-enabled server port",
    ]
    .iter()
    .any(|words| contains(body, words))
}

/// nginx on a missing or wrong client certificate.
fn is_about_the_certificate(body: &[u8]) -> bool {
    contains(body, b"SSL certificate was sent") || contains(body, b"The SSL certificate error")
}

fn tls_advice(reply: &Reply) -> Text {
    text!(
        "That port speaks TLS and was asked in plain HTTP: write {url} with https://, or dial the plain port.",
        "TLS 포트에 평문 HTTP로 요청했습니다. {url}을(를) https://로 쓰거나 평문 포트로 접속하세요.",
        url = reply.subject
    )
}

fn client_certificate_advice() -> Text {
    text!(
        "The server asks for a client certificate, and this check shows none that it takes: give it one with `client_certificate` and `client_key`, exempt the checked path (nginx: `ssl_verify_client optional;`), or expect 400.",
        "서버가 클라이언트 인증서를 요구하지만 이 체크는 받아들일 만한 것을 보이지 않았습니다. `client_certificate`와 `client_key`로 지정하거나, 점검할 경로를 예외로 두거나(nginx: `ssl_verify_client optional;`) 400을 기대값으로 두세요."
    )
}

fn gateway_advice(reply: &Reply) -> Text {
    if reply.upstream.is_empty() {
        text!(
            "The proxy did not get an answer from whom it passes this on to. Its error log names it (nginx: `tail /var/log/nginx/error.log`). Give it as `upstream = \"host:port\"` and this check will say what is wrong with it.",
            "프록시가 뒤쪽 서비스에서 응답을 받지 못했습니다. 프록시 오류 로그에 그 주소가 있습니다(nginx: `tail /var/log/nginx/error.log`). `upstream = \"host:port\"`로 적어 두면 이 체크가 무엇이 잘못되었는지 알려 줍니다."
        )
    } else {
        text!(
            "No upstream named in the plan is at fault as seen from here: the proxy passes on to another address, cannot reach it from its own machine, gives up too early (`proxy_read_timeout`), or refuses by itself (limits, maintenance). Its error log says which: `tail /var/log/nginx/error.log`.",
            "여기서 보기에는 계획에 적힌 업스트림에 문제가 없습니다. 프록시가 다른 주소로 넘기거나, 프록시 서버에서는 닿지 않거나, 너무 일찍 포기하거나(`proxy_read_timeout`), 스스로 거절하고 있습니다(제한, 점검 모드). 프록시 오류 로그를 확인하세요: `tail /var/log/nginx/error.log`."
        )
    }
}

fn advice(reply: &Reply) -> Text {
    let url = &reply.subject;
    match reply.status.as_u16() {
        300..=399 => text!(
            "It redirects, and this check does not follow: let it follow (`follow_redirects = true`), or expect this status.",
            "리다이렉트하지만 이 체크는 따라가지 않습니다. 따라가게 하거나(`follow_redirects = true`) 이 상태를 기대값으로 두세요."
        ),
        401 | 403 => text!(
            "The server wants to know who asks, or does not let this agent in (an address list, file permissions, a WAF), or the application does not know the name (Rails and Vite answer 403 to an unknown Host): `curl -v {url}`. Give what it needs in `headers`, or check a path that is open.",
            "인증이 필요하거나 이 에이전트의 접근을 막고 있습니다(주소 제한, 파일 권한, WAF). 애플리케이션이 이름을 모를 수도 있습니다(Rails와 Vite는 모르는 Host에 403으로 응답합니다): `curl -v {url}`. 필요한 것을 `headers`에 넣거나 열려 있는 경로를 점검하세요."
        ),
        404 | 410 => text!(
            "The server is there, the page is not: a changed route, a wrong `root` or `alias`, or another virtual host answers. Compare `curl -v {url}` with what the application serves.",
            "서버는 살아 있지만 페이지가 없습니다. 경로가 바뀌었거나 `root`·`alias`가 잘못되었거나 다른 가상 호스트가 응답하고 있습니다: `curl -v {url}`."
        ),
        408 | 429 => text!(
            "The server holds this agent back: check less often, or exempt its address from the limit.",
            "서버가 이 에이전트의 요청을 제한하고 있습니다. 점검 간격을 늘리거나 제한에서 이 주소를 제외하세요."
        ),
        500..=599 => text!(
            "The application failed on the request: its log of this moment says why.",
            "애플리케이션이 요청을 처리하다 실패했습니다. 이 시각의 로그를 확인하세요."
        ),
        _ => text!(
            "See the whole answer: `curl -v {url}`. If it is right, expect this status.",
            "전체 응답을 확인하세요: `curl -v {url}`. 맞는 응답이라면 이 상태를 기대값으로 두세요."
        ),
    }
}
