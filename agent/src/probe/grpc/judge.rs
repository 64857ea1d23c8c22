//! What is wrong with an answer about health. Pure.

use health::{Code, Finding, Text, text};

use super::Spec;
use super::message::Said;
use crate::probe::http;

/// What is wrong, if anything.
pub(super) fn judge(spec: &Spec, said: &Said, peer: &str) -> Option<Finding> {
    let finding = match (said.grpc_status, said.serving()) {
        (Some(0), Some("SERVING")) => return None,
        (Some(0), Some(health)) => not_serving(spec, health),
        (Some(5), _) => not_serving(spec, "SERVICE_UNKNOWN"),
        (Some(0), None) => no_message(spec),
        (Some(code), _) => failed(spec, said, code),
        (None, _) => not_grpc(spec, said),
    };
    Some(finding.evidence("expected", "SERVING").evidence("address", peer))
}

/// Where it was asked, for people and as the subject: `https://api.example (shop.Orders)`.
fn subject(spec: &Spec) -> String {
    let url = &spec.request.url;
    let url = format!("{}://{}", url.scheme_str().unwrap_or("http"), http::authority(url));
    match &*spec.service {
        "" => url,
        service => format!("{url} ({service})"),
    }
}

fn not_serving(spec: &Spec, health: &str) -> Finding {
    let subject = subject(spec);
    let service = &spec.service;
    let (summary, remedy) = match health {
        "SERVICE_UNKNOWN" => (
            text!(
                "{subject} answers, but does not know this service",
                "{subject}에서 응답하지만 이 서비스를 모릅니다"
            ),
            text!(
                "Either the name is wrong: it is the full one with its package, as in the .proto file (`grpcurl … list` shows those of a server with reflection). Or the server was started without it: the application has to set its health too (`SetServingStatus(\"{service}\", SERVING)`).",
                "이름이 틀렸을 수 있습니다. .proto 파일에 있는 대로 패키지까지 적어야 합니다(리플렉션이 있는 서버라면 `grpcurl … list`로 확인). 또는 서버가 이 서비스 없이 시작된 것입니다. 애플리케이션이 상태도 등록해야 합니다(`SetServingStatus(\"{service}\", SERVING)`)."
            ),
        ),
        _ => (
            text!(
                "{subject} says of itself that it does not serve: {health}",
                "{subject}에서 서비스할 수 없다고 답합니다: {health}"
            ),
            text!(
                "The process lives and has set its own health so: it is starting or shutting down, or something that it needs (database, queue, another service) is gone. Its log of the moment when this began says which.",
                "프로세스는 살아 있고 스스로 그렇게 표시했습니다. 시작·종료 중이거나 필요한 것(데이터베이스, 큐, 다른 서비스)이 없는 상태입니다. 이렇게 바뀐 시각의 로그를 확인하세요."
            ),
        ),
    };
    Finding::new(Code::GrpcNotServing, subject, summary, remedy).evidence("got", health)
}

fn failed(spec: &Spec, said: &Said, code: u32) -> Finding {
    let subject = subject(spec);
    let name = name(code);
    let words = match &*said.message {
        "" => name.to_owned(),
        message => format!("{name}, \"{message}\""),
    };
    Finding::new(
        Code::GrpcCallFailed,
        &*subject,
        text!(
            "the health check of {subject} ends with status {code} ({words})",
            "{subject}의 상태 확인이 {code} 상태({words})로 끝났습니다"
        ),
        remedy(code),
    )
    .evidence("got", format!("grpc-status {code} ({name})"))
    .evidence("message", said.message.as_str())
}

fn remedy(code: u32) -> Text {
    match code {
        12 => text!(
            "The server runs, but has no health service: register `grpc.health.v1.Health` (Go `health.NewServer()`, Python `grpcio-health-checking`, Java `HealthStatusManager`, Node `grpc-health-check`). Behind a proxy, see that it passes that path on too.",
            "서버는 돌고 있지만 상태 확인 서비스가 없습니다. `grpc.health.v1.Health`를 등록하세요(Go `health.NewServer()`, Python `grpcio-health-checking`, Java `HealthStatusManager`, Node `grpc-health-check`). 프록시 뒤라면 그 경로도 넘기는지 확인하세요."
        ),
        7 | 16 => text!(
            "It wants to know who asks: exempt the health service from authentication, as usual, or give what it needs in `headers` (a token by `value_env`).",
            "인증을 요구합니다. 보통은 상태 확인 서비스를 인증에서 제외합니다. 아니면 필요한 것을 `headers`에 넣으세요(토큰은 `value_env`로)."
        ),
        14 => text!(
            "A proxy or sidecar before it (Envoy, nginx `grpc_pass`, a service mesh) does not reach the service, or the server is shutting down: look for the process and who listens, `ss -ltnp`, then at the proxy's log.",
            "앞단의 프록시나 사이드카(Envoy, nginx `grpc_pass`, 서비스 메시)가 서비스에 닿지 못하거나 서버가 종료 중입니다. 프로세스와 듣고 있는 포트(`ss -ltnp`)를 보고 프록시 로그를 확인하세요."
        ),
        4 | 8 => text!(
            "It is overloaded: no worker was free in time, or a limit was reached. Look at its CPU, its number of workers, and what they wait for.",
            "과부하 상태입니다. 제때 빈 워커가 없었거나 한도에 닿았습니다. CPU와 워커 수, 무엇을 기다리는지 확인하세요."
        ),
        _ => text!(
            "The application failed on the call: its log of this moment says why.",
            "애플리케이션이 호출을 처리하다 실패했습니다. 이 시각의 로그를 확인하세요."
        ),
    }
}

/// The names of statuses, as the gRPC specification has them.
fn name(code: u32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    usize::try_from(code).ok().and_then(|code| NAMES.get(code).copied()).unwrap_or("unknown")
}

fn no_message(spec: &Spec) -> Finding {
    let subject = subject(spec);
    Finding::new(
        Code::GrpcCallFailed,
        &*subject,
        text!(
            "{subject} ends the call well, but without a message about its health",
            "{subject}에서 호출은 정상으로 끝났지만 상태 메시지가 없습니다"
        ),
        text!(
            "The method there is another one than `grpc.health.v1.Health/Check`, or something on the way changes bodies. Ask the server itself, without the proxy.",
            "그 경로의 메서드가 `grpc.health.v1.Health/Check`가 아니거나 중간에서 본문을 바꿉니다. 프록시 없이 서버에 직접 물어보세요."
        ),
    )
    .evidence("got", "no message")
}

fn not_grpc(spec: &Spec, said: &Said) -> Finding {
    let subject = subject(spec);
    let status = said.status;
    let who = match &*said.server {
        "" => String::new(),
        server => format!(" ({server})"),
    };
    let remedy = match status {
        502..=504 => text!(
            "A proxy{who} answers, and does not reach the service behind it: see whether that runs (`ss -ltnp`), and the proxy's log (nginx: `tail /var/log/nginx/error.log`). nginx needs `grpc_pass`, not `proxy_pass`.",
            "프록시{who}가 응답하지만 뒤의 서비스에 닿지 못합니다. 서비스가 돌고 있는지(`ss -ltnp`), 프록시 로그(nginx: `tail /var/log/nginx/error.log`)를 확인하세요. nginx는 `proxy_pass`가 아니라 `grpc_pass`가 필요합니다."
        ),
        _ => text!(
            "Something that is no gRPC server{who} answers at that path: a web server without a location for it (nginx: `location /grpc.health.v1.Health/ {{ grpc_pass grpc://127.0.0.1:50051; }}`), another virtual host, or another program on the port.",
            "그 경로에서 gRPC 서버가 아닌 것{who}이 응답합니다. 해당 경로의 location이 없는 웹 서버(nginx: `location /grpc.health.v1.Health/ {{ grpc_pass grpc://127.0.0.1:50051; }}`), 다른 가상 호스트, 또는 포트를 쓰는 다른 프로그램입니다."
        ),
    };
    let finding = Finding::new(
        Code::GrpcCallFailed,
        &*subject,
        text!(
            "{subject} answers HTTP {status}{who}, and not gRPC",
            "{subject}에서 gRPC가 아니라 HTTP {status} 응답이 옵니다{who}"
        ),
        remedy,
    )
    .evidence("got", format!("HTTP {status}"))
    .evidence("content_type", said.content_type.as_str());
    match &*said.text {
        "" => finding,
        text => finding.evidence("says", text),
    }
}

/// The finding for a server that answers in HTTP/1.
pub(super) fn old_http(spec: &Spec) -> Finding {
    let subject = subject(spec);
    Finding::new(
        Code::GrpcCallFailed,
        &*subject,
        text!(
            "{subject} answers in HTTP/1, and gRPC needs HTTP/2",
            "{subject}에서 HTTP/1로 응답합니다. gRPC에는 HTTP/2가 필요합니다"
        ),
        text!(
            "Another program than the gRPC server holds that port (`ss -ltnp`), or a proxy before it does not speak HTTP/2 there: nginx `http2 on;` (before 1.25.1 `listen … http2;`) and `grpc_pass`, HAProxy `proto h2` or `alpn h2` on both sides.",
            "gRPC 서버가 아닌 프로그램이 그 포트를 쓰고 있거나(`ss -ltnp`), 앞단의 프록시가 HTTP/2를 쓰지 않습니다. nginx는 `http2 on;`(1.25.1 이전은 `listen … http2;`)과 `grpc_pass`, HAProxy는 양쪽에 `proto h2` 또는 `alpn h2`가 필요합니다."
        ),
    )
    .evidence("expected", "HTTP/2")
}

/// A command that asks the same by hand.
pub(super) fn by_hand(spec: &Spec) -> String {
    let request = &spec.request;
    let (host, port) = (http::host(&request.url), http::port(&request.url));
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let dialled = match request.connect.first() {
        Some(connect) => connect.to.to_string(),
        None => format!("{bracketed}:{port}"),
    };
    let mut command = format!("grpc_health_probe -addr={dialled}");
    if request.url.scheme_str() == Some("https") {
        command.push_str(&format!(" -tls -tls-server-name={host}"));
    }
    if !spec.service.is_empty() {
        command.push_str(&format!(" -service={}", spec.service));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, grpc_status: Option<u32>, health: Option<u64>) -> Said {
        Said {
            status,
            content_type: "application/grpc".to_owned(),
            server: "nginx".to_owned(),
            grpc_status,
            message: "why".to_owned(),
            health,
            text: String::new(),
        }
    }

    #[test]
    fn every_answer_has_its_finding() {
        let spec = super::super::tests::spec("http://127.0.0.1:50051/", "shop.Orders");
        assert_eq!(judge(&spec, &said(200, Some(0), Some(1)), "a"), None);
        for (said, code, words, advice) in [
            (said(200, Some(0), Some(2)), Code::GrpcNotServing, "NOT_SERVING", "log"),
            (said(200, Some(0), Some(0)), Code::GrpcNotServing, "UNKNOWN", "log"),
            (said(200, Some(0), Some(3)), Code::GrpcNotServing, "does not know", "SetServing"),
            (said(200, Some(5), None), Code::GrpcNotServing, "does not know", ".proto"),
            (said(200, Some(0), None), Code::GrpcCallFailed, "without a message", "itself"),
            (
                said(200, Some(12), None),
                Code::GrpcCallFailed,
                "12 (UNIMPLEMENTED, \"why\")",
                "register",
            ),
            (said(200, Some(16), None), Code::GrpcCallFailed, "UNAUTHENTICATED", "who asks"),
            (said(200, Some(14), None), Code::GrpcCallFailed, "UNAVAILABLE", "sidecar"),
            (said(200, Some(8), None), Code::GrpcCallFailed, "RESOURCE_EXHAUSTED", "overloaded"),
            (said(200, Some(99), None), Code::GrpcCallFailed, "99 (unknown", "log"),
            (said(502, None, None), Code::GrpcCallFailed, "HTTP 502 (nginx)", "grpc_pass"),
            (said(404, None, None), Code::GrpcCallFailed, "and not gRPC", "location"),
        ] {
            let finding = judge(&spec, &said, "a").unwrap();
            assert_eq!(finding.code, code, "{said:?}");
            assert_eq!(&*finding.subject, "http://127.0.0.1:50051 (shop.Orders)");
            assert!(finding.summary.en.contains(words), "{}", finding.summary.en);
            assert!(finding.remedy.en.contains(advice), "{}", finding.remedy.en);
        }
    }

    #[test]
    fn the_command_can_be_pasted() {
        for (url, service, expected) in [
            ("http://api.example:50051/", "a.B", "-addr=api.example:50051 -service=a.B"),
            ("https://api.example/", "", "-addr=api.example:443 -tls -tls-server-name=api.example"),
            ("http://[::1]:81/", "", "-addr=[::1]:81"),
        ] {
            let spec = super::super::tests::spec(url, service);
            assert_eq!(by_hand(&spec), format!("grpc_health_probe {expected}"));
        }
    }
}
