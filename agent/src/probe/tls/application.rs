//! `alpn = […]`: what the server has to settle on (RFC 7301). Pure.

use health::{Code, Finding, Severity, text};

/// `tls.alpn` unless the server settled on one of those planned. One that refused the handshake over
/// it turns away every client that insists as the plan does; one that ignored it serves something else.
pub(super) fn judge(
    planned: &[String],
    settled: Option<&str>,
    refusal: Option<&str>,
    subject: &str,
) -> Option<Finding> {
    if planned.is_empty() || settled.is_some_and(|name| planned.iter().any(|one| one == name)) {
        return None;
    }
    let wanted = planned.join(", ");
    let summary = match (refusal, settled) {
        (Some(alert), _) => text!(
            "{subject} refuses every client that speaks {wanted} alone (the alert {alert})",
            "{subject}에서 {wanted}만 지원하는 클라이언트를 모두 거부합니다({alert} 경고)"
        ),
        (None, Some(settled)) => text!(
            "{subject} settles on {settled}; the plan wants {wanted}",
            "{subject}에서 {settled}을(를) 선택합니다. 설정은 {wanted}을(를) 요구합니다"
        ),
        (None, None) => text!(
            "{subject} settles on no application protocol (ALPN); the plan wants {wanted}",
            "{subject}에서 애플리케이션 프로토콜(ALPN)을 선택하지 않습니다. 설정은 {wanted}을(를) 요구합니다"
        ),
    };
    let offers = planned.join(",");
    let severity = if refusal.is_some() { Severity::Critical } else { Severity::Warning };
    let finding = Finding::new(
        Code::TlsAlpn,
        subject,
        summary,
        text!(
            "Turn it on where TLS ends: nginx `http2 on;` (before 1.25.1 `listen 443 ssl http2;`), HAProxy `alpn h2,http/1.1` on the `bind` line, Apache `Protocols h2 http/1.1`; then reload it. See it by hand: `openssl s_client -alpn {offers} -connect HOST:PORT </dev/null | grep ALPN`.",
            "TLS를 처리하는 서버에서 켜세요: nginx는 `http2 on;`(1.25.1 이전은 `listen 443 ssl http2;`), HAProxy는 `bind` 줄의 `alpn h2,http/1.1`, Apache는 `Protocols h2 http/1.1`. 그다음 다시 읽게 하세요. 직접 확인하려면: `openssl s_client -alpn {offers} -connect HOST:PORT </dev/null | grep ALPN`."
        ),
    )
    .severity(severity)
    .evidence("expected", planned.to_vec())
    .evidence("got", settled.map(str::to_owned));
    Some(match refusal {
        Some(alert) => finding.evidence("alert", alert),
        None => finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_table() {
        let both = &["h2", "http/1.1"][..];
        for (planned, settled, refusal, expected) in [
            (&[][..], None, None, None),
            (both, Some("h2"), None, None),
            (both, Some("http/1.1"), None, None),
            (&["h2"], Some("http/1.1"), None, Some(Severity::Warning)),
            (both, None, None, Some(Severity::Warning)),
            (&["mqtt"], None, Some("no_application_protocol"), Some(Severity::Critical)),
        ] {
            let planned: Vec<String> = planned.iter().map(|&name| name.to_owned()).collect();
            let found = judge(&planned, settled, refusal, "127.0.0.1:443");
            let severity = found.as_ref().map(|finding| finding.severity);
            assert_eq!(severity, expected, "{planned:?} {settled:?} {found:#?}");
        }
    }
}
