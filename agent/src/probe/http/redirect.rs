//! Whether an answer leads on, and where to.

use health::{Code, Finding, Text, text};
use http::StatusCode;
use http::header::{LOCATION, SET_COOKIE};

use super::Spec;
use super::along::Along;
use super::ask::{Ask, host, is_same_place, port, shown, subject};
use super::exchange::Answer;
use super::reference;
use crate::net::printable;

/// Most redirects followed.
const MAX_REDIRECTS: usize = 10;
const SHOWN_CHARS: usize = 512;

/// What an answer means for the way.
pub(super) enum Next {
    /// It is the last one: to be judged.
    Judge,
    /// It leads there.
    Follow { ask: Box<Ask>, location: String },
    /// It should lead on, and does not.
    Wrong(Box<Finding>),
}

/// Statuses with which a server sends a client elsewhere (RFC 9110 section 15.4).
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Redirects are followed. Where the redirect itself is what is expected, it is judged instead.
pub(super) fn are_followed(spec: &Spec) -> bool {
    let only_redirects = !spec.expect.status.is_empty()
        && spec.expect.status.iter().all(|&(low, high)| low >= 300 && high < 400);
    spec.follow_redirects && spec.expect.location.is_none() && !only_redirects
}

/// Where the answer to the last of `asked` leads.
pub(super) fn next(spec: &Spec, asked: &[Ask], answer: &Answer, along: &mut Along<'_>) -> Next {
    let Some(ask) = asked.last() else { return Next::Judge };
    if !is_redirect(answer.status) || !are_followed(spec) {
        return Next::Judge;
    }
    let Some(location) = answer.headers.get(LOCATION) else {
        return Next::Wrong(Box::new(missing(ask, answer.status)));
    };
    let location_shown = printable(location.as_bytes(), SHOWN_CHARS);
    let to = match reference::resolve(&ask.url, location.as_bytes()) {
        Ok(to) => to,
        Err(reason) => {
            return Next::Wrong(Box::new(unusable(ask, answer.status, &location_shown, reason)));
        }
    };
    let next = along.dressed(ask.clone().redirected(answer.status, to));
    let carries_secrets = !spec.hidden.is_empty() && !next.body.is_empty();
    if carries_secrets && !is_same_place(&ask.url, &next.url) {
        return Next::Wrong(Box::new(untrusted(ask, answer.status, &next)));
    }
    if asked.iter().any(|earlier| along.is_again(earlier, &next)) {
        let remedy = if answer.headers.contains_key(SET_COOKIE) && along.jar().is_none() {
            without_its_cookie()
        } else {
            between_two_rules(&subject(&next.url))
        };
        return Next::Wrong(Box::new(looping(asked, &next, remedy)));
    }
    if asked.len() > MAX_REDIRECTS {
        return Next::Wrong(Box::new(endless(asked, &next)));
    }
    Next::Follow { ask: Box::new(next), location: location_shown }
}

/// Says of a hop that failed who sent the client there, and, where the first was dialled
/// elsewhere, how to have this one dialled elsewhere as well.
pub(super) fn led_here(mut finding: Finding, spec: &Spec, sender: &Ask, ask: &Ask) -> Finding {
    let (from, to) = (subject(&sender.url), subject(&ask.url));
    finding.summary.en.push_str(&format!(" ({from} redirects to {to})"));
    finding.summary.ko.push_str(&format!(" ({from}에서 {to}(으)로 리다이렉트)"));
    let (host, port) = (host(&ask.url), port(&ask.url));
    let is_covered = spec
        .connect
        .iter()
        .any(|connect| connect.from.1 == port && connect.from.0.eq_ignore_ascii_case(host));
    if !spec.connect.is_empty() && !is_covered {
        let advice = text!(
            " `connect` of this check does not cover {host}:{port}: if the redirect is right, add it there, `connect = {{ \"{host}:{port}\" = \"…\" }}`, beside the first.",
            " 이 체크의 `connect`에는 {host}:{port}이(가) 없습니다. 리다이렉트가 맞다면 기존 항목 옆에 추가하세요: `connect = {{ \"{host}:{port}\" = \"…\" }}`."
        );
        finding.remedy.en.push_str(&advice.en);
        finding.remedy.ko.push_str(&advice.ko);
    }
    finding.evidence("redirected_from", from)
}

fn missing(ask: &Ask, status: StatusCode) -> Finding {
    let (subject, status) = (subject(&ask.url), status.as_u16());
    Finding::new(
        Code::HttpRedirect,
        &*subject,
        text!(
            "{subject} answers {status} without a Location: the redirect leads nowhere",
            "{subject}에서 {status}로 응답했지만 Location 헤더가 없어 리다이렉트할 곳이 없습니다"
        ),
        remedy(ask),
    )
    .evidence("status", status)
    .evidence("expected", "a Location header")
    .evidence("got", "none")
}

fn unusable(ask: &Ask, status: StatusCode, location: &str, reason: &str) -> Finding {
    let (subject, status) = (subject(&ask.url), status.as_u16());
    Finding::new(
        Code::HttpRedirect,
        &*subject,
        text!(
            "{subject} redirects to \"{location}\", which leads nowhere: {reason}",
            "{subject}에서 \"{location}\"(으)로 리다이렉트하지만 갈 수 없는 주소입니다: {reason}"
        ),
        remedy(ask),
    )
    .evidence("status", status)
    .evidence("location", location)
    .evidence("error", reason)
}

/// With 307 and 308 the body goes along, and its secrets to somebody they were not meant for.
fn untrusted(ask: &Ask, status: StatusCode, next: &Ask) -> Finding {
    let (url, to, status) = (subject(&ask.url), subject(&next.url), status.as_u16());
    Finding::new(
        Code::HttpRedirect,
        &*url,
        text!(
            "{url} answers {status} to a request with secrets in its body, and with it {to} would be sent them: not followed",
            "{url}에서 비밀 값이 담긴 요청에 {status}로 응답합니다. 따라가면 {to}에 비밀 값이 전달되므로 따라가지 않았습니다"
        ),
        text!(
            "307 and 308 have the body sent again, elsewhere (RFC 9110 section 15.4). If {to} is right, let the check ask there itself; a login that only leads on answers 303. Otherwise look at the rule: `curl -sI {url}`.",
            "307과 308은 본문을 다른 곳으로 다시 보내게 합니다(RFC 9110 15.4절). {to}가 맞다면 체크에서 그 주소로 직접 요청하세요. 다른 페이지로 안내만 하는 로그인은 303으로 응답해야 합니다. 아니라면 리다이렉트 규칙을 확인하세요: `curl -sI {url}`."
        ),
    )
    .evidence("status", status)
    .evidence("to", to)
}

/// A client that brings no cookies along is sent back for ever.
fn without_its_cookie() -> Text {
    text!(
        "It sets a cookie and sends the client back; this check sends no cookies along. Make it a `[[journey]]`, which keeps them, or point the check at an address that needs none.",
        "쿠키를 설정한 뒤 되돌려 보내고 있습니다. 이 체크는 쿠키를 보내지 않습니다. 쿠키를 간직하는 `[[journey]]`로 바꾸거나, 쿠키가 필요 없는 주소를 점검하세요."
    )
}

fn between_two_rules(url: &str) -> Text {
    text!(
        "Two rules send the client to each other. Usual: the proxy ends TLS and speaks plain HTTP to the application, which redirects to https again (set `X-Forwarded-Proto` and let the application trust it); or www and the bare name point at each other. See it: `curl -sIL --max-redirs 5 {url}`.",
        "두 규칙이 서로에게 되돌려 보내고 있습니다. 흔한 원인: 프록시가 TLS를 끝내고 HTTP로 넘기면 애플리케이션이 다시 https로 보내는 경우(`X-Forwarded-Proto`를 넘기고 애플리케이션이 이를 신뢰하게 하세요), 또는 www와 기본 도메인이 서로를 가리키는 경우입니다. 확인: `curl -sIL --max-redirs 5 {url}`."
    )
}

fn looping(asked: &[Ask], next: &Ask, remedy: Text) -> Finding {
    let url = subject(&next.url);
    Finding::new(
        Code::HttpRedirect,
        first_subject(asked),
        text!(
            "the redirect loops: it leads back to {url}",
            "리다이렉트가 반복됩니다: {url}(으)로 되돌아옵니다"
        ),
        remedy,
    )
    .evidence("chain", chain(asked, next))
}

fn endless(asked: &[Ask], next: &Ask) -> Finding {
    let url = first_subject(asked);
    Finding::new(
        Code::HttpRedirect,
        &*url,
        text!(
            "{url} redirects more than {MAX_REDIRECTS} times",
            "{url}에서 {MAX_REDIRECTS}번 넘게 리다이렉트합니다"
        ),
        text!(
            "See the chain: `curl -sIL --max-redirs 12 {url}`. Each hop should lead closer; let the first rule lead to the last address.",
            "전체 경로를 확인하세요: `curl -sIL --max-redirs 12 {url}`. 첫 규칙이 곧바로 최종 주소로 보내게 하세요."
        ),
    )
    .evidence("chain", chain(asked, next))
}

fn remedy(ask: &Ask) -> Text {
    text!(
        "See the header: `curl -sI {url}`. Then look at the rule that makes it (nginx: `return 301 https://$host$request_uri;`).",
        "헤더를 확인하세요: `curl -sI {url}`. 그다음 리다이렉트를 만드는 규칙을 보세요(nginx: `return 301 https://$host$request_uri;`).",
        url = shown(&ask.url)
    )
}

fn first_subject(asked: &[Ask]) -> String {
    asked.first().map(|ask| subject(&ask.url)).unwrap_or_default()
}

fn chain(asked: &[Ask], next: &Ask) -> Vec<String> {
    asked.iter().chain([next]).map(|ask| shown(&ask.url)).collect()
}
