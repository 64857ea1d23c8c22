//! A verdict in words: the findings about a presented chain. Pure.

use health::{Code, Finding, Severity, Text, text};
use jiff::Timestamp;

use super::Roots;
use super::element::{calling_name, labels};
use super::expiry::outside_validity;
use super::forbidden::{self, Forbidden};
use super::judge::{NameVerdict, Verdict};
use super::missing;
use super::path::{Trust, Unverifiable};
use super::{presentation, span, web_rules};

/// Most names listed in a sentence.
const MOST_NAMES_SAID: usize = 5;

/// Everything that is wrong with a presented chain, as of now.
pub(super) fn findings(
    verdict: &Verdict,
    name: NameVerdict,
    server_name: &str,
    roots: &Roots,
    subject: &str,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = dates(verdict, subject, now);
    match name {
        NameVerdict::Valid => {}
        NameVerdict::Wrong => findings.push(wrong_name(verdict, server_name, subject)),
        NameVerdict::NotAName => findings.push(not_a_name(server_name, subject)),
    }
    findings.extend(trust(verdict, roots, subject));
    findings.extend(weaknesses(verdict, subject));
    if verdict.path.is_trusted() {
        findings.extend(blemishes(verdict, subject, now));
    }
    once_each(findings)
}

/// Of several findings about elements that are called alike, the worst.
fn once_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        match kept.iter_mut().find(|known| known.is_same_as(&finding)) {
            None => kept.push(finding),
            Some(known) if known.severity < finding.severity => *known = finding,
            Some(_) => {}
        }
    }
    kept
}

/// What is wrong with a chain that leads to a trusted root.
fn blemishes(verdict: &Verdict, subject: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((place, why)) = &verdict.unreadable {
        let rule = Forbidden::Unreadable(*place, why.clone());
        findings.push(forbidden::finding(&rule, &verdict.chain, subject));
    }
    findings.extend(presentation::finding(&verdict.oddities, &verdict.chain, subject, now));
    if verdict.path.is_of_the_web
        && let Some(leaf) = verdict.chain.first()
    {
        findings.extend(web_rules::findings(leaf, subject));
    }
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
        Trust::UntrustedRoot(top) => missing::untrusted_root(verdict, *top, roots, subject),
        Trust::MissingIssuer(below) => missing::issuer(verdict, *below, roots, subject),
        Trust::Unverifiable(why) => unverifiable(why, subject),
        Trust::Forbidden(rule) => forbidden::finding(rule, &verdict.chain, subject),
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

fn unverifiable(why: &Unverifiable, subject: &str) -> Finding {
    let (said, signatures) = match why {
        Unverifiable::Signatures(signatures) => (
            text!(
                "this program does not know one of its signature algorithms ({signatures})",
                "이 프로그램이 모르는 서명 알고리즘이 있습니다({signatures})"
            ),
            &**signatures,
        ),
        Unverifiable::Policies => (
            text!(
                "it marks certificate policies as critical, which this program does not judge",
                "이 프로그램이 판단하지 않는 인증서 정책(certificate policies)이 필수(critical)로 표시되어 있습니다"
            ),
            "",
        ),
    };
    let finding = Finding::new(
        Code::TlsUntrusted,
        subject,
        text!(
            "{subject}: the chain could not be verified here: {said_en}",
            "{subject}: 여기서는 체인을 검증할 수 없습니다: {said_ko}",
            said_en = said.en,
            said_ko = said.ko,
        ),
        text!(
            "Not necessarily wrong, but many clients do not know them either. Check by hand: `openssl s_client -connect HOST:PORT -verify_return_error`.",
            "반드시 잘못된 것은 아니지만 모르는 클라이언트가 많습니다. 직접 확인하세요: `openssl s_client -connect 호스트:포트 -verify_return_error`."
        ),
    )
    .severity(Severity::Notice);
    if signatures.is_empty() { finding } else { finding.evidence("signatures", signatures) }
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
