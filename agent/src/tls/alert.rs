//! TLS alerts by their IANA names, and what they usually mean for the one who reads them.

use health::{Text, text};

/// An alert's name (RFC 8446 section 6) and what it usually means.
pub(super) fn explain(number: u8) -> (String, Text) {
    let (name, meaning) = match number {
        0 => (
            "close_notify",
            text!(
                "the server ended the connection before the handshake did",
                "핸드셰이크가 끝나기 전에 서버가 연결을 닫았습니다"
            ),
        ),
        10 => (
            "unexpected_message",
            text!(
                "the server did not expect a TLS handshake here: perhaps STARTTLS is needed first",
                "서버가 여기서 TLS 핸드셰이크를 예상하지 않았습니다. STARTTLS가 먼저 필요할 수 있습니다"
            ),
        ),
        40 => (
            "handshake_failure",
            text!(
                "the server and this client share no cipher suite, curve or key kind; often the server has no certificate configured for this address",
                "서버와 클라이언트가 공유하는 암호 스위트, 곡선, 키 종류가 없습니다. 이 주소에 인증서가 설정되지 않은 경우가 많습니다"
            ),
        ),
        42..=46 => (
            match number {
                42 => "bad_certificate",
                43 => "unsupported_certificate",
                44 => "certificate_revoked",
                45 => "certificate_expired",
                _ => "certificate_unknown",
            },
            text!(
                "the server asks for a client certificate and refuses ours, or none",
                "서버가 클라이언트 인증서를 요구하며 이를 거부했습니다"
            ),
        ),
        47 => (
            "illegal_parameter",
            text!(
                "the server cannot make sense of a current ClientHello: very old, or something in between mangles it",
                "서버가 최신 ClientHello를 이해하지 못합니다. 매우 오래되었거나 중간 장비가 변조하고 있습니다"
            ),
        ),
        48 => (
            "unknown_ca",
            text!(
                "the server does not trust the client's certificate",
                "서버가 클라이언트 인증서를 신뢰하지 않습니다"
            ),
        ),
        49 => (
            "access_denied",
            text!(
                "the server's access rules forbid this client",
                "서버의 접근 규칙이 이 클라이언트를 막았습니다"
            ),
        ),
        50 => (
            "decode_error",
            text!(
                "the server cannot read a current ClientHello: very old, or something in between mangles it",
                "서버가 최신 ClientHello를 읽지 못합니다. 매우 오래되었거나 중간 장비가 변조하고 있습니다"
            ),
        ),
        70 => (
            "protocol_version",
            text!(
                "the server speaks neither TLS 1.2 nor 1.3",
                "서버가 TLS 1.2도 1.3도 지원하지 않습니다"
            ),
        ),
        71 => (
            "insufficient_security",
            text!(
                "the server wants stronger ciphers than were offered",
                "서버가 제안된 것보다 강한 암호를 요구합니다"
            ),
        ),
        80 => (
            "internal_error",
            text!(
                "the server failed on its side: a certificate without its key, or nothing configured for this name; its error log says which",
                "서버 내부 오류입니다. 키가 없는 인증서이거나 이 이름에 설정이 없습니다. 서버 오류 로그를 확인하세요"
            ),
        ),
        86 => (
            "inappropriate_fallback",
            text!(
                "the server supports a newer version than was offered",
                "서버가 제안된 것보다 새로운 버전을 지원합니다"
            ),
        ),
        90 => (
            "user_canceled",
            text!("the server gave up the handshake", "서버가 핸드셰이크를 취소했습니다"),
        ),
        109 => (
            "missing_extension",
            text!(
                "the server wants something that was not offered, often SNI: a name rather than an address",
                "제안되지 않은 것을 서버가 요구합니다. 주로 SNI(주소가 아닌 이름)입니다"
            ),
        ),
        112 => (
            "unrecognized_name",
            text!(
                "the server has no site of this name: SNI matches no `server_name`, or the site rejects handshakes on purpose",
                "서버에 이 이름의 사이트가 없습니다. SNI와 맞는 `server_name`이 없거나 일부러 핸드셰이크를 거부합니다"
            ),
        ),
        116 => (
            "certificate_required",
            text!(
                "the server demands a client certificate",
                "서버가 클라이언트 인증서를 요구합니다"
            ),
        ),
        120 => (
            "no_application_protocol",
            text!(
                "the server speaks none of the application protocols offered (ALPN)",
                "제안된 애플리케이션 프로토콜(ALPN)을 서버가 지원하지 않습니다"
            ),
        ),
        other => {
            return (
                format!("alert {other}"),
                text!("the server refused the handshake", "서버가 핸드셰이크를 거부했습니다"),
            );
        }
    };
    (name.to_owned(), meaning)
}
