//! Chains that break off, or end in a root that nobody here trusts: which link is missing, and where it
//! can be had. Pure.

use health::{Code, Finding, Text, text};

use super::Roots;
use super::element::{calling_name, labels};
use super::judge::Verdict;

/// `tls.untrusted` for a chain that ends in a root which is not trusted.
pub(super) fn untrusted_root(
    verdict: &Verdict,
    top: usize,
    roots: &Roots,
    subject: &str,
) -> Finding {
    let root = verdict.chain.get(top).map_or("", |top| calling_name(&top.subject));
    with_roots(
        Finding::new(
            Code::TlsUntrusted,
            subject,
            text!(
                "{subject}: the chain leads to the root \"{root}\", which is not trusted here",
                "{subject}: 체인이 루트 \"{root}\"(으)로 이어지는데, 여기서는 신뢰하지 않는 루트입니다"
            ),
            trust_remedy(root),
        )
        .evidence("root", root),
        roots,
    )
}

/// `tls.incomplete-chain` or `tls.untrusted` for a chain whose element `below` nobody here issued.
/// A leaf alone usually means a forgotten intermediate; a leaf with its intermediate usually a
/// private root. Where neither the certificate says where its issuer can be fetched nor the plan
/// names roots of its own, the likelier story is a private CA.
pub(super) fn issuer(verdict: &Verdict, below: usize, roots: &Roots, subject: &str) -> Finding {
    let element = verdict.chain.get(below);
    let issuer = element.map_or("", |element| calling_name(&element.issuer));
    let full = element.map_or("", |element| &element.issuer);
    let fetched = verdict.ca_issuers.as_deref().and_then(fetch);
    let finding = if below == 0 && (verdict.ca_issuers.is_some() || roots.has_extra()) {
        let noun = labels(&verdict.chain, below, subject).noun;
        Finding::new(
            Code::TlsIncompleteChain,
            subject,
            text!(
                "{subject}: the chain breaks off: {noun_en} was issued by \"{issuer}\", which the server does not send and which is no trusted root",
                "{subject}: 체인이 끊겼습니다: {noun_ko}를 발급한 \"{issuer}\"의 인증서를 서버가 보내지 않고, 신뢰하는 루트도 아닙니다",
                noun_en = noun.en,
                noun_ko = noun.ko,
            ),
            incomplete_remedy(issuer, fetched),
        )
    } else {
        Finding::new(
            Code::TlsUntrusted,
            subject,
            text!(
                "{subject}: the chain leads to \"{issuer}\", which the server does not send and which is not trusted here",
                "{subject}: 체인이 \"{issuer}\"(으)로 이어지는데, 서버가 보내지 않고 여기서 신뢰하지도 않습니다"
            ),
            with_fetch(trust_remedy(issuer), issuer, fetched),
        )
    };
    let finding = finding.evidence("missing", full);
    let finding = match &verdict.ca_issuers {
        Some(url) => finding.evidence("fetch", &**url),
        None => finding,
    };
    let strangers = verdict.oddities.strangers.iter().filter_map(|&place| verdict.chain.get(place));
    let strangers: Vec<&str> = strangers.map(|one| calling_name(&one.subject)).collect();
    let finding = if strangers.is_empty() {
        finding
    } else {
        finding.evidence("issued_nothing_here", strangers)
    };
    with_roots(finding, roots)
}

fn incomplete_remedy(issuer: &str, fetched: Option<String>) -> Text {
    let whole = text!(
        "Serve the whole chain: in nginx, `ssl_certificate` must be `fullchain.pem`, not `cert.pem`; then `nginx -s reload` (with systemd `systemctl reload nginx`). If \"{issuer}\" is a root of your own, name it as `ca` in the check.",
        "전체 체인을 제공하세요: nginx라면 `ssl_certificate`에 `cert.pem`이 아니라 `fullchain.pem`을 쓰고 `nginx -s reload`를 실행하세요(systemd는 `systemctl reload nginx`). \"{issuer}\"이(가) 자체 루트라면 점검 항목의 `ca`에 적으세요."
    );
    match fetched {
        None => whole,
        Some(command) => text!(
            "{whole_en} Without a `fullchain.pem`, its CA hands out the missing one: `{command} >> cert.pem`.",
            "{whole_ko} `fullchain.pem`이 없다면 CA에서 빠진 것을 받을 수 있습니다: `{command} >> cert.pem`.",
            whole_en = whole.en,
            whole_ko = whole.ko,
        ),
    }
}

fn with_fetch(remedy: Text, issuer: &str, fetched: Option<String>) -> Text {
    match fetched {
        None => remedy,
        Some(command) => text!(
            "If \"{issuer}\" is an intermediate as well, the server must send it: `{command} >> fullchain.pem`, then reload it. {remedy_en}",
            "\"{issuer}\"도 중간 인증서라면 서버가 보내야 합니다: `{command} >> fullchain.pem` 후 다시 읽게 하세요. {remedy_ko}",
            remedy_en = remedy.en,
            remedy_ko = remedy.ko,
        ),
    }
}

/// The command that fetches an issuer as PEM, where its address is fit to be pasted into a shell: it
/// comes out of a certificate that anybody may have made.
fn fetch(url: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/%+=".contains(&byte);
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if !is_web || !url.bytes().all(is_plain) {
        return None;
    }
    // RFC 5280 section 4.2.2.1: one certificate, or several in a PKCS#7 bundle.
    let bundled = [".p7c", ".p7b"].iter().any(|ending| url.ends_with(ending));
    let read = if bundled { "pkcs7 -inform der -print_certs" } else { "x509 -inform der" };
    Some(format!("curl -s {url} | openssl {read}"))
}

fn trust_remedy(root: &str) -> Text {
    text!(
        "If \"{root}\" is a CA of your own, name its certificate as `ca = \"root.pem\"` in the check (or install it: `update-ca-certificates`). If not, the server holds the wrong certificate, or somebody intercepts the connection: compare `openssl s_client -connect HOST:PORT -showcerts` from the server itself.",
        "\"{root}\"이(가) 직접 만든 CA라면 그 인증서를 점검 항목에 `ca = \"root.pem\"`으로 적으세요(또는 `update-ca-certificates`로 설치). 아니라면 서버에 잘못된 인증서가 있거나 누군가 연결을 가로채고 있습니다: 서버 안에서 `openssl s_client -connect 호스트:포트 -showcerts`로 비교하세요."
    )
}

fn with_roots(finding: Finding, roots: &Roots) -> Finding {
    match roots.anchors().len() {
        0 => finding.evidence(
            "trusted_roots",
            "none: this machine has no root certificates (`apt-get install ca-certificates`)",
        ),
        count => finding.evidence("trusted_roots", count),
    }
}

#[cfg(test)]
mod tests {
    use super::fetch;

    #[test]
    fn only_plain_addresses_become_commands() {
        let cases = [
            (
                "http://r3.i.lencr.org/",
                Some("curl -s http://r3.i.lencr.org/ | openssl x509 -inform der"),
            ),
            (
                "http://ca.example/all.p7c",
                Some("curl -s http://ca.example/all.p7c | openssl pkcs7 -inform der -print_certs"),
            ),
            ("http://ca.example/$(reboot)", None),
            ("http://ca.example/a;reboot", None),
            ("http://ca.example/a b", None),
            ("ldap://ca.example/cn=ca", None),
            ("-o /etc/passwd", None),
        ];
        for (url, command) in cases {
            assert_eq!(fetch(url).as_deref(), command, "{url}");
        }
    }
}
