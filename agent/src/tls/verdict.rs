//! A verdict in words: the findings about a presented chain. Pure.

use health::{Code, Finding, Severity, Text, text};
use jiff::Timestamp;

use super::Roots;
use super::element::{calling_name, labels};
use super::expiry::outside_validity;
use super::judge::{NameVerdict, Verdict};
use super::path::{Forbidden, Trust};
use super::span;

/// Most names listed in a sentence.
const MOST_NAMES_SAID: usize = 5;

/// Everything that is wrong with a presented chain, as of now.
pub(super) fn findings(
    verdict: &Verdict,
    server_name: &str,
    roots: &Roots,
    subject: &str,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = dates(verdict, subject, now);
    match verdict.name {
        NameVerdict::Valid => {}
        NameVerdict::Wrong => findings.push(wrong_name(verdict, server_name, subject)),
        NameVerdict::NotAName => findings.push(not_a_name(server_name, subject)),
    }
    findings.extend(trust(verdict, roots, subject));
    findings.extend(weaknesses(verdict, subject));
    findings
}

fn dates(verdict: &Verdict, subject: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings: Vec<Finding> = (0..verdict.chain.len())
        .filter_map(|index| {
            let finding = outside_validity(&verdict.chain, index, subject, now)?;
            // An element that no path needs, such as an old cross-signature, harms nobody.
            let matters = verdict.path.elements.contains(&index);
            Some(if matters { finding } else { finding.severity(Severity::Notice) })
        })
        .collect();
    if let Some(end) = verdict.path.root_not_after
        && now > end
    {
        findings.push(root_expired(verdict, end, subject, now));
    }
    findings
}

fn root_expired(verdict: &Verdict, end: Timestamp, subject: &str, now: Timestamp) -> Finding {
    let top = verdict.path.elements.last().and_then(|&index| verdict.chain.get(index));
    let root = top.map_or("", |top| calling_name(&top.issuer));
    let ago = span(end, now);
    Finding::new(
        Code::CertExpired,
        format!("{subject}, root \"{root}\""),
        text!(
            "{subject}: the trusted root \"{root}\" itself ended {ago_en} ago, at {end}; most clients refuse everything below it",
            "{subject}: 신뢰하는 루트 \"{root}\" 자체의 유효 기간이 {ago_ko} 전({end})에 끝났습니다. 대부분의 클라이언트가 그 아래 인증서를 모두 거부합니다",
            ago_en = ago.en,
            ago_ko = ago.ko,
        ),
        text!(
            "Issue a new root, have it trusted wherever the old one is (here: `ca` in the plan, or `update-ca-certificates`), then issue the certificates below it anew.",
            "새 루트를 만들어 이전 루트를 신뢰하던 모든 곳에 등록하고(여기서는 설정의 `ca` 또는 `update-ca-certificates`), 그 아래 인증서를 다시 발급하세요."
        ),
    )
    .evidence("root", root)
    .evidence("not_after", end.to_string())
}

fn wrong_name(verdict: &Verdict, server_name: &str, subject: &str) -> Finding {
    let names = verdict.chain.first().map(|leaf| leaf.names.as_slice()).unwrap_or_default();
    let said = said_names(names);
    Finding::new(
        Code::CertWrongName,
        subject,
        text!(
            "{subject}: the certificate is not valid for {server_name}; it is for {said_en}",
            "{subject}: 인증서가 {server_name}에 유효하지 않습니다. 유효한 이름: {said_ko}",
            said_en = said.en,
            said_ko = said.ko,
        ),
        text!(
            "Either the server picked another site's certificate (compare `server_name` and `ssl_certificate` in its configuration: `nginx -T | grep -E 'server_name|ssl_certificate'`), or the certificate lacks the name: issue it anew with `certbot certonly --expand -d {server_name} …`.",
            "서버가 다른 사이트의 인증서를 골랐거나(설정의 `server_name`과 `ssl_certificate`를 비교하세요: `nginx -T | grep -E 'server_name|ssl_certificate'`), 인증서에 그 이름이 없습니다. 그렇다면 `certbot certonly --expand -d {server_name} …`으로 다시 발급하세요."
        ),
    )
    .evidence("expected", server_name)
    .evidence("got", names.to_vec())
}

fn said_names(names: &[String]) -> Text {
    if names.is_empty() {
        return text!(
            "no name at all (it has no subjectAltName, and clients ignore the common name)",
            "없음(subjectAltName이 없고, 클라이언트는 CN을 보지 않습니다)"
        );
    }
    let said = names.iter().take(MOST_NAMES_SAID).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES_SAID) {
        0 => Text::same(said),
        more => text!("{said} and {more} more", "{said} 외 {more}개"),
    }
}

fn not_a_name(server_name: &str, subject: &str) -> Finding {
    Finding::new(
        Code::CertWrongName,
        subject,
        text!(
            "{subject}: \"{server_name}\" is neither a DNS name nor an address, so no certificate can be valid for it",
            "{subject}: \"{server_name}\"은(는) DNS 이름도 주소도 아니므로 어떤 인증서도 유효할 수 없습니다"
        ),
        text!(
            "Write the name in its ASCII form (`xn--…`) as `server_name`: `python3 -c \"print('{server_name}'.encode('idna').decode())\"` prints it.",
            "`server_name`을 ASCII 형식(`xn--…`)으로 쓰세요: `python3 -c \"print('{server_name}'.encode('idna').decode())\"`로 볼 수 있습니다."
        ),
    )
    .evidence("expected", server_name)
}

fn trust(verdict: &Verdict, roots: &Roots, subject: &str) -> Option<Finding> {
    if verdict.chain.is_empty() {
        let why = verdict.unreadable.as_ref().map_or("no certificate", |(_, why)| why);
        return Some(unreadable_leaf(subject, why));
    }
    let finding = match &verdict.path.trust {
        Trust::Anchored | Trust::Pinned => return None,
        // Told by the weak key or signature itself.
        Trust::TooWeak => return None,
        Trust::SelfSigned => self_signed(subject),
        Trust::UntrustedRoot(top) => untrusted_root(verdict, *top, roots, subject),
        Trust::MissingIssuer(below) => missing_issuer(verdict, *below, roots, subject),
        Trust::Unverifiable(signatures) => unverifiable(signatures, subject),
        Trust::Forbidden(rule) => forbidden(rule, subject),
    };
    let presented: Vec<String> = verdict.chain.iter().map(|one| one.subject.clone()).collect();
    let finding = finding.evidence("presented", presented);
    Some(match &verdict.unreadable {
        Some((index, why)) => {
            finding.evidence("unreadable", format!("element {}: {why}", index + 1))
        }
        None => finding,
    })
}

fn unreadable_leaf(subject: &str, why: &str) -> Finding {
    Finding::new(
        Code::TlsUntrusted,
        subject,
        text!(
            "{subject}: what the server presents cannot be read: {why}",
            "{subject}: 서버가 제공하는 인증서를 읽을 수 없습니다: {why}"
        ),
        text!(
            "Look at the file the server is configured with: `openssl x509 -in FILE -noout -text`.",
            "서버에 설정된 파일을 확인하세요: `openssl x509 -in 파일 -noout -text`."
        ),
    )
    .evidence("error", why)
}

fn self_signed(subject: &str) -> Finding {
    Finding::new(
        Code::CertSelfSigned,
        subject,
        text!(
            "{subject}: the certificate is signed by itself, and it is not among the trusted ones",
            "{subject}: 자체 서명된 인증서이고, 신뢰 목록에 없습니다"
        ),
        text!(
            "If it is meant to be: save it (`openssl s_client -connect HOST:PORT </dev/null | openssl x509 > own.pem`), compare its fingerprint with the server's, and name it as `ca = \"own.pem\"` in the check. If visitors come here, get one from a CA: `certbot certonly`.",
            "의도한 것이라면: 저장하고(`openssl s_client -connect 호스트:포트 </dev/null | openssl x509 > own.pem`) 지문을 서버의 것과 비교한 뒤 점검 항목에 `ca = \"own.pem\"`으로 적으세요. 방문자가 오는 곳이라면 CA에서 발급받으세요: `certbot certonly`."
        ),
    )
}

fn untrusted_root(verdict: &Verdict, top: usize, roots: &Roots, subject: &str) -> Finding {
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

/// A leaf alone usually means a forgotten intermediate; a leaf with its intermediate usually a
/// private root. Where neither the certificate says where its issuer can be fetched nor the plan
/// names roots of its own, the likelier story is a private CA.
fn missing_issuer(verdict: &Verdict, below: usize, roots: &Roots, subject: &str) -> Finding {
    let element = verdict.chain.get(below);
    let issuer = element.map_or("", |element| calling_name(&element.issuer));
    let full = element.map_or("", |element| &element.issuer);
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
            text!(
                "Serve the whole chain: in nginx, `ssl_certificate` must be `fullchain.pem`, not `cert.pem`; then `nginx -s reload` (with systemd `systemctl reload nginx`). If \"{issuer}\" is a root of your own, name it as `ca` in the check.",
                "전체 체인을 제공하세요: nginx라면 `ssl_certificate`에 `cert.pem`이 아니라 `fullchain.pem`을 쓰고 `nginx -s reload`를 실행하세요(systemd는 `systemctl reload nginx`). \"{issuer}\"이(가) 자체 루트라면 점검 항목의 `ca`에 적으세요."
            ),
        )
    } else {
        Finding::new(
            Code::TlsUntrusted,
            subject,
            text!(
                "{subject}: the chain leads to \"{issuer}\", which is not trusted here",
                "{subject}: 체인이 \"{issuer}\"(으)로 이어지는데, 여기서는 신뢰하지 않습니다"
            ),
            trust_remedy(issuer),
        )
    };
    let finding = finding.evidence("missing", full);
    let finding = match &verdict.ca_issuers {
        Some(url) => finding.evidence("fetch", &**url),
        None => finding,
    };
    with_roots(finding, roots)
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

fn unverifiable(signatures: &str, subject: &str) -> Finding {
    Finding::new(
        Code::TlsUntrusted,
        subject,
        text!(
            "{subject}: the chain could not be verified here: this program does not know one of its signature algorithms ({signatures})",
            "{subject}: 여기서는 체인을 검증할 수 없습니다: 이 프로그램이 모르는 서명 알고리즘이 있습니다({signatures})"
        ),
        text!(
            "Not necessarily wrong, but many clients do not know them either. Check by hand: `openssl s_client -connect HOST:PORT -verify_return_error`.",
            "반드시 잘못된 것은 아니지만 많은 클라이언트도 모르는 알고리즘입니다. 직접 확인하세요: `openssl s_client -connect 호스트:포트 -verify_return_error`."
        ),
    )
    .severity(Severity::Notice)
    .evidence("signatures", signatures)
}

fn forbidden(rule: &Forbidden, subject: &str) -> Finding {
    let why = match rule {
        Forbidden::AuthorityAsLeaf => text!(
            "the certificate is a CA certificate (CA:TRUE), which Firefox and others refuse for a server",
            "서버 인증서가 CA 인증서(CA:TRUE)입니다. Firefox 등은 이를 거부합니다"
        ),
        Forbidden::LeafAsAuthority => text!(
            "an issuer in the chain is not a CA certificate",
            "체인 안의 발급 인증서가 CA 인증서가 아닙니다"
        ),
        Forbidden::NotForServers => text!(
            "the certificate is not meant for servers: its extended key usage lacks serverAuth",
            "서버용 인증서가 아닙니다: 확장 키 용도에 serverAuth가 없습니다"
        ),
        Forbidden::OldVersion => text!(
            "it is an X.509 version 1 certificate, which has no place for the names it is valid for",
            "유효한 이름을 담을 수 없는 X.509 버전 1 인증서입니다"
        ),
        Forbidden::OtherKey => text!(
            "a signature in the chain was not made by the key of the issuer it names: an issuer of the same name but with another key",
            "체인의 서명이 명시된 발급자의 키로 만들어지지 않았습니다: 이름은 같지만 키가 다른 발급자입니다"
        ),
        Forbidden::TooLarge => text!(
            "the certificate is larger than 64 KiB, more than any client reads",
            "인증서가 64KiB를 넘습니다. 어떤 클라이언트도 읽지 않는 크기입니다"
        ),
        Forbidden::Other(words) => Text::same(words.clone()),
    };
    Finding::new(
        Code::TlsUntrusted,
        subject,
        text!(
            "{subject}: the chain is not acceptable: {why_en}",
            "{subject}: 체인을 받아들일 수 없습니다: {why_ko}",
            why_en = why.en,
            why_ko = why.ko,
        ),
        text!(
            "Issue a proper server certificate (CA:FALSE, serverAuth, subjectAltName) and serve it with the intermediates it was issued under. See what is served: `openssl s_client -connect HOST:PORT -showcerts </dev/null`.",
            "올바른 서버 인증서(CA:FALSE, serverAuth, subjectAltName)를 발급해 중간 인증서와 함께 제공하세요. 지금 제공되는 것은 `openssl s_client -connect 호스트:포트 -showcerts </dev/null`로 볼 수 있습니다."
        ),
    )
    .evidence("reason", why.en)
}

fn weaknesses(verdict: &Verdict, subject: &str) -> Vec<Finding> {
    let broken = verdict.path.trust == Trust::TooWeak;
    // Where nothing can be verified because of it, visitors are turned away now.
    let severity = if broken { Severity::Critical } else { Severity::Warning };
    let keys = verdict.weak_keys.iter().map(|&index| {
        let (element, labels) = (&verdict.chain[index], labels(&verdict.chain, index, subject));
        weak_key(&labels.subject, &labels.noun, &element.key).severity(severity)
    });
    let signatures = verdict.weak_signatures.iter().map(|&index| {
        let (element, labels) = (&verdict.chain[index], labels(&verdict.chain, index, subject));
        weak_signature(&labels.subject, &labels.noun, &element.signature).severity(severity)
    });
    keys.chain(signatures).collect()
}

/// `cert.weak-key`.
pub(crate) fn weak_key(subject: &str, noun: &Text, key: &str) -> Finding {
    Finding::new(
        Code::CertWeakKey,
        subject,
        text!(
            "{subject}: {noun_en} has a weak key, {key}; clients refuse RSA below 2048 bits and curves below 256",
            "{subject}: {noun_ko}의 키가 약합니다({key}). 클라이언트는 2048비트 미만 RSA와 256비트 미만 곡선을 거부합니다",
            noun_en = noun.en,
            noun_ko = noun.ko,
        ),
        text!(
            "Make a new key and have the certificate issued for it: `certbot renew --force-renewal --key-type ecdsa`, or `openssl ecparam -genkey -name prime256v1 -noout -out key.pem`.",
            "새 키로 인증서를 다시 발급하세요: `certbot renew --force-renewal --key-type ecdsa` 또는 `openssl ecparam -genkey -name prime256v1 -noout -out key.pem`."
        ),
    )
    .evidence("expected", "RSA 2048 or ECDSA P-256 at least")
    .evidence("got", key)
}

fn weak_signature(subject: &str, noun: &Text, signature: &str) -> Finding {
    Finding::new(
        Code::CertWeakSignature,
        subject,
        text!(
            "{subject}: {noun_en} is signed with {signature}, which clients refuse",
            "{subject}: {noun_ko}가 클라이언트들이 거부하는 {signature}(으)로 서명되어 있습니다",
            noun_en = noun.en,
            noun_ko = noun.ko,
        ),
        text!(
            "Have it issued anew with SHA-256 (with `openssl x509 -req` or `openssl ca`: `-sha256`).",
            "SHA-256으로 다시 발급하세요(`openssl x509 -req`나 `openssl ca`라면 `-sha256`)."
        ),
    )
    .evidence("expected", "SHA-256 or better")
    .evidence("got", signature)
}
