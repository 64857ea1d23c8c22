//! Whether the CA has revoked what is served, and whether the OCSP answer stapled to it is any use.
//!
//! Soft where nothing can be had: a list that cannot be fetched is no fault of the server's. Judged
//! only below a trusted root; what others say of themselves proves nothing.

use std::sync::Arc;

use health::facts::{
    CertificateFacts, RevocationFacts, RevocationSource, RevocationStanding, TlsFacts,
};
use health::{Code, Finding, Text, text};
use jiff::{SignedDuration, Timestamp};

use super::Stopwatch;
use crate::authority::{self, Answer, Fault, Inquiry, Standing, Staple};
use crate::net::Net;
use crate::tls::{self, Presented, Roots, span};

/// How far clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What is known from the CA about one certificate.
#[derive(Debug, Default)]
struct Told<'a> {
    staple: Option<&'a Staple>,
    /// The certificate demands a staple.
    demanded: bool,
    list: Option<&'a Standing>,
}

/// What may be asked, and whom to believe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) inquiry: Inquiry,
    pub(super) roots: &'a Roots,
}

/// A chain that is served besides the one that is looked at in full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elsewhere<'a> {
    pub(super) presented: &'a Presented,
    /// The name that was asked for.
    pub(super) server_name: &'a str,
    /// What findings name.
    pub(super) subject: &'a str,
}

impl Elsewhere<'_> {
    /// What is wrong with its leaf by what the CA says. Only of a handshake that came to its good end:
    /// of another, nobody knows whether a staple came with it.
    pub(super) async fn judge(
        &self,
        terms: Terms<'_>,
        net: &Net,
        watch: &Stopwatch,
        now: Timestamp,
    ) -> Vec<Finding> {
        let Self { presented, server_name, subject } = *self;
        // Judged before, and remembered: what is wrong with the chain itself has been said.
        let (mut facts, _) = tls::judge(presented, server_name, terms.roots, subject, now);
        learn(terms, net, presented, &mut facts, subject, watch, now).await
    }
}

/// Enters into the facts what the CA says of the leaf, and returns what is wrong.
pub(super) async fn learn(
    terms: Terms<'_>,
    net: &Net,
    presented: &Presented,
    facts: &mut TlsFacts,
    subject: &str,
    watch: &Stopwatch,
    now: Timestamp,
) -> Vec<Finding> {
    let chain = Arc::clone(&facts.chain);
    let Some(leaf) = chain.first().filter(|_| facts.trusted) else { return Vec::new() };
    let Terms { inquiry, roots } = terms;
    if inquiry == Inquiry::Off {
        return Vec::new();
    }
    let has_staple = !presented.staple.is_empty();
    let staple = has_staple.then(|| net.authority.staple(presented, leaf, roots));
    let demanded = !has_staple && net.authority.demands_staple(presented, leaf);
    let list = match inquiry {
        Inquiry::Lists if !leaf.crls.is_empty() => {
            let until = watch.soon();
            authority::standing(net, leaf, &presented.chain, roots, now, until).await
        }
        Inquiry::Lists | Inquiry::Staple | Inquiry::Off => None,
    };
    let told = Told { staple: staple.as_deref(), demanded, list: list.as_ref() };
    facts.revocation = newest(&told, now).map(Box::new);
    facts.revocation_unread = match &list {
        Some(Standing { says: Err(why), .. }) if facts.revocation.is_none() => {
            Some(why.to_string())
        }
        _ => None,
    };
    judge(&told, facts.revocation.as_deref(), leaf, subject, now)
}

/// What counts of all that was said: that it is revoked, else the newest.
fn newest(told: &Told<'_>, now: Timestamp) -> Option<RevocationFacts> {
    let stapled = told
        .staple
        .and_then(|staple| staple.as_ref().ok())
        .filter(|answer| answer.standing == RevocationStanding::Revoked || is_fresh(answer, now))
        .map(from_staple);
    let listed = told.list.and_then(|list| list.says.as_ref().ok());
    let all = stapled.into_iter().chain(listed.map(|facts| RevocationFacts::clone(facts)));
    all.max_by_key(|facts| {
        let is_revoked = facts.standing == RevocationStanding::Revoked;
        let is_known = facts.standing != RevocationStanding::Unknown;
        (is_revoked, is_known, facts.this_update)
    })
}

fn from_staple(answer: &Answer) -> RevocationFacts {
    RevocationFacts {
        standing: answer.standing,
        source: RevocationSource::Staple,
        url: None,
        this_update: answer.this_update,
        next_update: answer.next_update,
        revoked_at: answer.revoked_at,
        reason: answer.reason.map(str::to_owned),
    }
}

fn is_fresh(answer: &Answer, now: Timestamp) -> bool {
    now.duration_since(answer.this_update) >= -SKEW
        && answer.next_update.is_none_or(|end| now.duration_since(end) <= SKEW)
}

fn judge(
    told: &Told<'_>,
    facts: Option<&RevocationFacts>,
    leaf: &CertificateFacts,
    subject: &str,
    now: Timestamp,
) -> Vec<Finding> {
    let revoked = facts.filter(|facts| facts.standing == RevocationStanding::Revoked);
    let mut findings: Vec<Finding> =
        revoked.map(|facts| revoked_finding(facts, leaf, subject, now)).into_iter().collect();
    match told.staple {
        Some(Ok(answer)) if is_fresh(answer, now) => {
            let is_unknown = answer.standing == RevocationStanding::Unknown;
            findings.extend(is_unknown.then(|| unknown(leaf, subject)));
        }
        Some(Ok(answer)) => findings.push(stale(answer, leaf, subject, now)),
        Some(Err(fault)) => findings.extend(useless(fault, leaf, subject)),
        None if told.demanded => findings.push(missing(leaf, subject)),
        None => {}
    }
    findings
}

fn revoked_finding(
    facts: &RevocationFacts,
    leaf: &CertificateFacts,
    subject: &str,
    now: Timestamp,
) -> Finding {
    let serial = &leaf.serial;
    let why = reason(facts.reason.as_deref());
    let ago = facts.revoked_at.map(|at| span(at, now));
    let (since_en, since_ko) = ago.map_or_else(Default::default, |ago| {
        (format!(" {} ago", ago.en), format!("{} 전에 ", ago.ko))
    });
    let by_hand = match &facts.url {
        Some(url) => format!(
            "`curl -s {url} | openssl crl -inform DER -noout -text | grep -iA3 {}`",
            // As openssl prints it: without the byte that only says that the number is positive.
            serial.strip_prefix("00:").unwrap_or(serial).replace(':', "")
        ),
        None => {
            "`openssl s_client -connect HOST:PORT -servername NAME -status </dev/null`".to_owned()
        }
    };
    Finding::new(
        Code::TlsRevoked,
        subject,
        text!(
            "{subject}: the CA revoked this certificate{since_en} ({why_en}), serial {serial}; browsers refuse it, or will as soon as they hear of it",
            "{subject}: CA가 이 인증서를 {since_ko}폐기했습니다({why_ko}), 일련번호 {serial}. 브라우저는 이미 거부하거나, 폐기 사실을 아는 대로 거부합니다",
            why_en = why.en,
            why_ko = why.ko,
        ),
        text!(
            "Get another one with a new key and have the server load it: `certbot renew --cert-name NAME --force-renewal --new-key`, then reload (`nginx -s reload`). If you did not revoke it yourself, ask the CA why, and treat the old key as known to others. Check by hand: {by_hand}.",
            "새 키로 다시 발급받아 서버가 읽게 하세요: `certbot renew --cert-name 이름 --force-renewal --new-key` 실행 후 reload(`nginx -s reload`). 직접 폐기한 것이 아니라면 CA에 이유를 묻고, 이전 키는 유출된 것으로 보세요. 직접 확인: {by_hand}."
        ),
    )
    .evidence("serial", serial.as_str())
    .evidence("issuer", leaf.issuer.as_str())
    .evidence("revoked_at", facts.revoked_at.map(|at| at.to_string()))
    .evidence("reason", facts.reason.clone())
    .evidence("said_at", facts.this_update.to_string())
    .evidence(
        "said_by",
        facts.url.clone().unwrap_or_else(|| "the OCSP answer stapled to the handshake".to_owned()),
    )
}

fn reason(name: Option<&str>) -> Text {
    match name {
        Some("keyCompromise") => text!("its key is known to others", "키 유출"),
        Some("cACompromise" | "aACompromise") => {
            text!("the CA itself was compromised", "CA 침해")
        }
        Some("affiliationChanged") => text!("its names belong to others now", "이름의 소유 변경"),
        Some("superseded") => text!("it was replaced by another one", "다른 인증서로 교체됨"),
        Some("cessationOfOperation") => {
            text!("its names are said to be no longer in use", "더 이상 쓰지 않는 이름")
        }
        Some("certificateHold") => text!("it is on hold for now", "일시 정지"),
        Some("privilegeWithdrawn") => {
            text!("its owner may not have it any more", "보유 자격 상실")
        }
        Some(_) | None => text!("no reason given", "사유 미기재"),
    }
}

/// A finding about the staple: what it is, and what to do about it.
fn staple(subject: &str, leaf: &CertificateFacts, summary: Text, remedy: Text) -> Finding {
    let finding = Finding::new(Code::TlsStaple, subject, summary, remedy)
        .evidence("serial", leaf.serial.as_str());
    match &leaf.ocsp {
        Some(responder) => finding.evidence("responder", responder.as_str()),
        None => finding,
    }
}

/// The usual ways out.
fn refresh_remedy() -> Text {
    text!(
        "See what the server hands out: `openssl s_client -connect HOST:PORT -servername NAME -status </dev/null | sed -n '/OCSP/,/---/p'`. nginx with `ssl_stapling_file`: fetch a new answer and reload. nginx with `ssl_stapling on`: its `resolver` must resolve the responder's name and the firewall let it out; its error log says which fails. Or switch stapling off, which no certificate without must-staple needs.",
        "서버가 내보내는 응답을 보세요: `openssl s_client -connect 호스트:포트 -servername 이름 -status </dev/null | sed -n '/OCSP/,/---/p'`. nginx에서 `ssl_stapling_file`을 쓰면 새 응답을 받아 reload하세요. `ssl_stapling on`이면 `resolver`가 응답 서버의 이름을 찾을 수 있고 방화벽이 나가는 연결을 막지 않아야 합니다. 어느 쪽인지 error log에 나옵니다. must-staple이 아닌 인증서라면 stapling을 꺼도 됩니다."
    )
}

fn stale(answer: &Answer, leaf: &CertificateFacts, subject: &str, now: Timestamp) -> Finding {
    let this_update = answer.this_update;
    let summary = match answer.next_update.filter(|&end| end < now) {
        Some(end) => {
            let ago = span(end, now);
            text!(
                "{subject}: the OCSP answer stapled to the certificate ended {ago_en} ago, at {end}: the server has not fetched a newer one",
                "{subject}: 인증서에 붙어 오는 OCSP 응답의 유효 기간이 {ago_ko} 전({end})에 끝났습니다. 서버가 새 응답을 받아 오지 못하고 있습니다",
                ago_en = ago.en,
                ago_ko = ago.ko,
            )
        }
        None => text!(
            "{subject}: the OCSP answer stapled to the certificate begins only at {this_update}: the clock here or at the CA is wrong",
            "{subject}: 인증서에 붙어 오는 OCSP 응답이 {this_update}부터 유효합니다. 이 컴퓨터나 CA의 시계가 틀렸습니다"
        ),
    };
    staple(subject, leaf, summary, refresh_remedy())
        .evidence("this_update", this_update.to_string())
        .evidence("next_update", answer.next_update.map(|at| at.to_string()))
}

fn unknown(leaf: &CertificateFacts, subject: &str) -> Finding {
    let summary = text!(
        "{subject}: the OCSP answer stapled to the certificate says that its CA does not know it; some clients refuse that",
        "{subject}: 인증서에 붙어 오는 OCSP 응답에서 CA가 이 인증서를 모른다고 합니다. 거부하는 클라이언트가 있습니다"
    );
    staple(subject, leaf, summary, refresh_remedy())
}

fn useless(fault: &Fault, leaf: &CertificateFacts, subject: &str) -> Option<Finding> {
    let serial = &leaf.serial;
    let (summary, got) = match fault {
        Fault::NoIssuer => return None,
        Fault::Unreadable => (
            text!(
                "{subject}: what is stapled to the certificate is no OCSP answer; some clients refuse that",
                "{subject}: 인증서에 붙어 오는 것이 OCSP 응답이 아닙니다. 거부하는 클라이언트가 있습니다"
            ),
            None,
        ),
        Fault::Refusal(code, name) => (
            text!(
                "{subject}: the OCSP answer stapled to the certificate is a refusal of the responder's: {name} ({code})",
                "{subject}: 인증서에 붙어 오는 OCSP 응답이 응답 서버의 거절입니다: {name} ({code})"
            ),
            Some((*name).to_owned()),
        ),
        Fault::Other(serials) => {
            let others = serials.join(", ");
            (
                text!(
                    "{subject}: the OCSP answer stapled to the certificate is about another one (serial {others}, not {serial}); some clients refuse that",
                    "{subject}: 인증서에 붙어 오는 OCSP 응답이 다른 인증서에 대한 것입니다(일련번호 {serial}이(가) 아니라 {others}). 거부하는 클라이언트가 있습니다"
                ),
                Some(others),
            )
        }
        Fault::Unsigned => (
            text!(
                "{subject}: the OCSP answer stapled to the certificate is signed neither by its CA nor by a responder that the CA named; some clients refuse that",
                "{subject}: 인증서에 붙어 오는 OCSP 응답의 서명이 CA의 것도, CA가 지정한 응답 서버의 것도 아닙니다. 거부하는 클라이언트가 있습니다"
            ),
            None,
        ),
    };
    Some(
        staple(subject, leaf, summary, refresh_remedy())
            .evidence("expected", serial.as_str())
            .evidence("got", got),
    )
}

fn missing(leaf: &CertificateFacts, subject: &str) -> Finding {
    let summary = text!(
        "{subject}: the certificate demands an OCSP answer with every handshake (must-staple), and none came; Firefox refuses it so",
        "{subject}: 연결마다 OCSP 응답이 붙어 와야 하는 인증서(must-staple)인데 오지 않았습니다. Firefox는 이런 연결을 거부합니다"
    );
    let remedy = match &leaf.ocsp {
        None => text!(
            "Its CA names no OCSP responder, so that no server can meet the demand: issue it anew without must-staple (in certbot's file about it set `must_staple = False`, then `certbot renew --cert-name NAME --force-renewal`).",
            "CA에 OCSP 응답 서버가 없어서 어떤 서버도 이 요구를 채울 수 없습니다. must-staple 없이 다시 발급하세요(certbot의 해당 설정 파일에서 `must_staple = False`로 바꾼 뒤 `certbot renew --cert-name 이름 --force-renewal`)."
        ),
        Some(responder) => text!(
            "Switch stapling on. nginx: `ssl_stapling on;` with a `resolver`; it fetches only after the first visitor of each worker, so that `ssl_stapling_file`, renewed by cron, is the sure way: `openssl ocsp -issuer chain.pem -cert cert.pem -url {responder} -respout staple.der`. Or issue the certificate anew without must-staple.",
            "stapling을 켜세요. nginx: `ssl_stapling on;`과 `resolver`. 다만 워커마다 첫 방문자 뒤에야 응답을 받아 오므로, cron으로 갱신하는 `ssl_stapling_file`이 확실합니다: `openssl ocsp -issuer chain.pem -cert cert.pem -url {responder} -respout staple.der`. 또는 must-staple 없이 다시 발급하세요."
        ),
    };
    staple(subject, leaf, summary, remedy).evidence("expected", "an OCSP staple")
}

#[cfg(test)]
mod tests;
