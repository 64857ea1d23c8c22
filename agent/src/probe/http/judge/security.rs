//! Headers that protect visitors against the page, as a set.
//!
//! Deliberately absent: headers whose right value differs from site to site (Permissions-Policy,
//! the Cross-Origin ones); a plan names those itself.

use std::time::Duration;

use health::{Code, Finding, Text, text};
use http::header::{
    REFERRER_POLICY, SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName};

use super::headers::{self, shown, values};
use super::{Reply, form};
use crate::net::printable;
use crate::probe::http::ask::is_https;
use crate::probe::http::expect::Security;

mod cookie;
mod policy;

const HALF_A_YEAR: Duration = Duration::from_secs(15_768_000);
const A_YEAR: Duration = Duration::from_secs(31_536_000);
/// Headers that do nothing but name the software behind.
const TELLING: [&str; 3] = ["x-powered-by", "x-aspnet-version", "x-aspnetmvc-version"];

/// What a header lacks: in both languages, and what to send instead.
struct Lack {
    name: HeaderName,
    what: Text,
    /// A value that would do.
    better: &'static str,
}

/// Adds a finding for each header of the set that is missing or does not protect, but for those
/// that the plan names itself.
pub(super) fn judge(
    level: Security,
    reply: &Reply,
    is_named: impl Fn(&str) -> bool,
    findings: &mut Vec<Finding>,
) {
    let mut lacks = Vec::new();
    let sent = &reply.headers;
    if is_https(&reply.url) {
        lacks.extend(transport(level, sent));
    }
    lacks.extend(sniffing(sent));
    if is_page(reply) {
        // Either of two headers will do: the plan's word on one of them is not about the other.
        lacks.extend(framing(sent));
        if level == Security::Strict {
            lacks.extend(policy::lack(sent));
            lacks.extend(referrer(sent));
        }
    }
    let lacks = lacks.into_iter().filter(|lack| !is_named(lack.name.as_str()));
    findings.extend(lacks.map(|lack| lacking(lack, level, reply)));
    if is_https(&reply.url) && !is_named(SET_COOKIE.as_str()) {
        cookie::judge(level, reply, findings);
    }
    if level == Security::Strict {
        let told = TELLING.map(HeaderName::from_static).into_iter();
        let told = told.chain([SERVER]).filter(|name| !is_named(name.as_str()));
        findings.extend(told.filter_map(|name| telling(&name, reply)));
    }
}

/// HTML that a browser shows, rather than follows.
fn is_page(reply: &Reply) -> bool {
    let kind = form::media_type(&reply.headers);
    !reply.status.is_redirection()
        && matches!(kind.as_deref(), Some("text/html" | "application/xhtml+xml"))
}

fn lacking(lack: Lack, level: Security, reply: &Reply) -> Finding {
    let Lack { name, what, better } = lack;
    let (url, got) = (&reply.subject, values(&name, reply));
    let summary = match &got {
        Some(got) => text!(
            "{url} sends {name}: {got}: {en}",
            "{url}의 {name} 헤더({got}): {ko}",
            en = what.en,
            ko = what.ko
        ),
        None => text!(
            "{url} sends no {name} header: {en}",
            "{url}의 응답에 {name} 헤더가 없습니다: {ko}",
            en = what.en,
            ko = what.ko
        ),
    };
    let remedy = text!(
        "nginx: `add_header {name} \"{better}\" always;`, in every block that has an `add_header` of its own, then `nginx -t && nginx -s reload`. See the headers: `curl -sI {url}`. If this one is meant to be so, name it in `expect.headers`.",
        "nginx에서는 자체 `add_header`가 있는 블록마다 `add_header {name} \"{better}\" always;`를 넣고 `nginx -t && nginx -s reload` 하세요. 확인: `curl -sI {url}`. 의도한 것이라면 `expect.headers`에 이 헤더를 적으세요."
    );
    let subject = headers::subject(reply, name.as_str());
    Finding::new(Code::HttpHeader, subject, summary, remedy)
        .evidence("expected", better)
        .evidence("got", shown(got))
        .evidence("set", label(level))
}

fn label(level: Security) -> &'static str {
    match level {
        Security::Basic => "basic",
        Security::Strict => "strict",
    }
}

/// RFC 6797: only the first header counts, and directives may be quoted.
fn transport(level: Security, sent: &HeaderMap) -> Option<Lack> {
    let (least, better, months) = match level {
        Security::Basic => (HALF_A_YEAR, "max-age=31536000", 6),
        Security::Strict => (A_YEAR, "max-age=31536000; includeSubDomains", 12),
    };
    let lack = |what| Some(Lack { name: STRICT_TRANSPORT_SECURITY, what, better });
    let Some(value) = text_of(sent, &STRICT_TRANSPORT_SECURITY) else {
        return lack(text!(
            "the first plain request of a visitor can be redirected anywhere",
            "방문자의 첫 평문 요청을 누구나 다른 곳으로 돌릴 수 있습니다"
        ));
    };
    let directives = || value.split(';').map(|part| part.split_once('=').unwrap_or((part, "")));
    let age = directives()
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))
        .and_then(|(_, age)| age.trim().trim_matches('"').parse::<u64>().ok());
    let has_subdomains =
        directives().any(|(name, _)| name.trim().eq_ignore_ascii_case("includesubdomains"));
    match age {
        None => lack(text!(
            "without a max-age browsers ignore it",
            "max-age가 없으면 브라우저가 무시합니다"
        )),
        Some(0) => lack(text!(
            "max-age=0 tells browsers to forget it",
            "max-age=0은 브라우저에게 잊으라는 뜻입니다"
        )),
        Some(age) if age < least.as_secs() => lack(text!(
            "kept for less than {months} months",
            "유지 기간이 {months}개월보다 짧습니다"
        )),
        Some(_) if level == Security::Strict && !has_subdomains => {
            lack(text!("subdomains are left out", "하위 도메인이 빠져 있습니다"))
        }
        Some(_) => None,
    }
}

fn sniffing(sent: &HeaderMap) -> Option<Lack> {
    let value = text_of(sent, &X_CONTENT_TYPE_OPTIONS).unwrap_or_default();
    let first = value.split(',').next().unwrap_or_default().trim();
    (!first.eq_ignore_ascii_case("nosniff")).then(|| Lack {
        name: X_CONTENT_TYPE_OPTIONS,
        what: text!(
            "browsers may take an upload or a text for a script",
            "브라우저가 업로드 파일이나 텍스트를 스크립트로 여길 수 있습니다"
        ),
        better: "nosniff",
    })
}

fn framing(sent: &HeaderMap) -> Option<Lack> {
    if policy::limits_framing(sent) {
        return None;
    }
    let mut values: Vec<String> = sent
        .get_all(X_FRAME_OPTIONS)
        .iter()
        .flat_map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_uppercase();
            value.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    values.dedup();
    let what = match &values[..] {
        [one] if one == "DENY" || one == "SAMEORIGIN" => return None,
        [] => text!(
            "any site may show this page in a frame and catch clicks",
            "어느 사이트든 이 페이지를 프레임에 넣어 클릭을 가로챌 수 있습니다"
        ),
        [_] => text!(
            "browsers know DENY and SAMEORIGIN alone and ignore it",
            "브라우저는 DENY와 SAMEORIGIN만 알고 나머지는 무시합니다"
        ),
        _ => text!(
            "values that contradict each other are of no use",
            "서로 다른 값이 함께 있어 소용이 없습니다"
        ),
    };
    Some(Lack { name: X_FRAME_OPTIONS, what, better: "SAMEORIGIN" })
}

/// Of several policies the last that a browser knows counts.
fn referrer(sent: &HeaderMap) -> Option<Lack> {
    const CAREFUL: [&str; 6] = [
        "no-referrer",
        "same-origin",
        "origin",
        "strict-origin",
        "origin-when-cross-origin",
        "strict-origin-when-cross-origin",
    ];
    const TELLING: [&str; 2] = ["unsafe-url", "no-referrer-when-downgrade"];
    let all: Vec<String> = sent
        .get_all(REFERRER_POLICY)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .collect();
    let mut tokens = all.iter().flat_map(|value| value.split(',')).map(str::trim);
    let last = tokens.rfind(|token| CAREFUL.contains(token) || TELLING.contains(token));
    let what = match last {
        Some(known) if CAREFUL.contains(&known) => return None,
        Some(_) => text!(
            "other sites are told whole addresses, with whatever stands in them",
            "다른 사이트에 주소 전체가 그 안의 내용까지 전달됩니다"
        ),
        None => text!(
            "what other sites are told is left to each browser",
            "다른 사이트에 무엇을 알릴지가 브라우저마다 다릅니다"
        ),
    };
    Some(Lack { name: REFERRER_POLICY, what, better: "strict-origin-when-cross-origin" })
}

/// A header that names software; of Server only a version is too much.
fn telling(name: &HeaderName, reply: &Reply) -> Option<Finding> {
    let value = reply.headers.get(name)?;
    let says_version = value.as_bytes().iter().any(u8::is_ascii_digit);
    if name == SERVER && !says_version {
        return None;
    }
    let (url, got) = (&reply.subject, printable(value.as_bytes(), 128));
    let summary = text!(
        "{url} tells everybody its software in {name}: {got}",
        "{url}의 {name} 헤더가 사용하는 소프트웨어를 모두에게 알립니다: {got}"
    );
    let subject = headers::subject(reply, name.as_str());
    Some(
        Finding::new(Code::HttpHeader, subject, summary, headers::to_hide(name, url))
            .evidence("expected", if *name == SERVER { "no version" } else { "not sent" })
            .evidence("got", got)
            .evidence("set", "strict"),
    )
}

fn text_of(sent: &HeaderMap, name: &HeaderName) -> Option<String> {
    sent.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
