//! What is expected of the last answer, and whether it holds. Pure.

use std::borrow::Cow;
use std::time::Duration;

use health::{Code, Finding, Phases, text};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use regex::Regex;
use serde_json::Value;

use super::exchange::Payload;
use super::gateway::Upstream;
use super::status::{self, Control};
use super::{Spec, content, redact, redirect};
use crate::net::printable;

const SHOWN_CHARS: usize = 256;

/// The last answer, and what was found out about it.
#[derive(Debug)]
pub(super) struct Reply {
    /// The URL as findings name it.
    pub(super) subject: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Payload,
    /// The body came whole (or up to the cap).
    pub(super) is_complete: bool,
    pub(super) elapsed: Duration,
    pub(super) phases: Phases,
    /// What the same Host got elsewhere, where the answer was 400.
    pub(super) control: Option<Control>,
    /// Whom a 502 is to be blamed on, as seen from here, nearest first.
    pub(super) upstream: Vec<Upstream>,
}

/// What is wrong with the answer.
pub(super) fn judge(spec: &Spec, reply: &Reply) -> Vec<Finding> {
    let mut findings = Vec::new();
    if accepts(spec, reply.status) {
        findings.extend(misplaced(spec, reply));
        for (name, expected) in &spec.expect.headers {
            findings.extend(header(name, expected, reply));
        }
        if reply.is_complete {
            findings.extend(body(spec, reply));
            findings.extend(spec.expect.within.and_then(|within| slow(within, reply)));
        }
    } else {
        findings.push(another_answer(spec, reply));
    }
    if reply.body.is_over_cap && !findings.iter().any(|known| known.code == Code::HttpTooLarge) {
        findings.push(too_large(spec, reply));
    }
    findings
}

/// Another answer than expected is one cause: an error page lacks the headers, the body and the
/// speed of the page, and to list them all would bury it. A page where a redirect should be, or
/// a redirect to elsewhere, is best told as such.
fn another_answer(spec: &Spec, reply: &Reply) -> Finding {
    let is_error = reply.status.is_client_error() || reply.status.is_server_error();
    match misplaced(spec, reply) {
        Some(finding) if !is_error => finding,
        _ => status::unexpected(spec, reply),
    }
}

fn misplaced(spec: &Spec, reply: &Reply) -> Option<Finding> {
    spec.expect.location.as_ref().and_then(|expected| location(expected, reply))
}

/// The status is one of those expected.
pub(super) fn accepts(spec: &Spec, status: StatusCode) -> bool {
    let status = status.as_u16();
    let expect = &spec.expect;
    if expect.status.is_empty() {
        let redirects_too = !redirect::are_followed(spec);
        return (200..300).contains(&status) || (redirects_too && (300..400).contains(&status));
    }
    expect.status.iter().any(|&(low, high)| (low..=high).contains(&status))
}

/// The body itself has to be looked at.
pub(super) fn reads_body(spec: &Spec) -> bool {
    spec.expect.body.is_some() || !spec.expect.json.is_empty()
}

/// One of these findings is about a regular expression (`probe_failed_due_to_regex`).
pub(super) fn is_due_to_regex(spec: &Spec, findings: &[Finding]) -> bool {
    findings.iter().any(|finding| match finding.code {
        Code::HttpBody | Code::HttpHeader => true,
        Code::HttpRedirect => spec.expect.location.is_some(),
        _ => false,
    })
}

fn location(expected: &Regex, reply: &Reply) -> Option<Finding> {
    let (url, status) = (&reply.subject, reply.status.as_u16());
    let got = reply.headers.get(LOCATION).map(|value| printable(value.as_bytes(), SHOWN_CHARS));
    let summary = match &got {
        Some(_) if value_matches(expected, &reply.headers, &LOCATION) => return None,
        Some(got) => text!(
            "{url} redirects to {got}, expected /{expected}/",
            "{url}에서 {got}(으)로 리다이렉트합니다. 기대: /{expected}/"
        ),
        None => text!(
            "{url} does not redirect: {status} without a Location, expected /{expected}/",
            "{url}에서 리다이렉트하지 않습니다: Location 없이 {status} 응답, 기대 /{expected}/"
        ),
    };
    let finding = Finding::new(
        Code::HttpRedirect,
        &**url,
        summary,
        text!(
            "See the header: `curl -sI {url}`, then the rule that should make it (nginx: `return 301 https://$host$request_uri;` in the server block of this very name and port).",
            "헤더를 확인하세요: `curl -sI {url}`. 그다음 이 이름과 포트의 server 블록에 리다이렉트 규칙이 있는지 보세요(nginx: `return 301 https://$host$request_uri;`)."
        ),
    )
    .evidence("status", status)
    .evidence("expected", expected.as_str())
    .evidence("got", got.map_or(Value::Null, Value::String));
    Some(finding)
}

fn header(name: &HeaderName, expected: &Regex, reply: &Reply) -> Option<Finding> {
    if value_matches(expected, &reply.headers, name) {
        return None;
    }
    let url = &reply.subject;
    let got: Vec<String> = reply
        .headers
        .get_all(name)
        .iter()
        .take(4)
        .map(|value| redact::header_value(name, value.as_bytes()).into_owned())
        .collect();
    let got = got.join(", ");
    let summary = if got.is_empty() {
        text!("{url} sends no {name} header", "{url}의 응답에 {name} 헤더가 없습니다")
    } else {
        text!(
            "{url} sends {name}: {got}, expected /{expected}/",
            "{url}의 {name} 헤더가 다릅니다: {got}, 기대 /{expected}/"
        )
    };
    let remedy = text!(
        "See the headers: `curl -sI {url}`. In nginx an `add_header` inside a location drops those of the level above, and without `always` errors go without.",
        "헤더를 확인하세요: `curl -sI {url}`. nginx에서는 location 안의 `add_header`가 상위 설정을 모두 대신하고, `always`가 없으면 오류 응답에는 붙지 않습니다."
    );
    let got = if got.is_empty() { Value::Null } else { got.into() };
    let finding = Finding::new(Code::HttpHeader, format!("{url} [{name}]"), summary, remedy)
        .evidence("expected", expected.as_str())
        .evidence("got", got);
    Some(finding)
}

fn value_matches(expected: &Regex, headers: &HeaderMap, name: &HeaderName) -> bool {
    headers
        .get_all(name)
        .iter()
        .any(|value| expected.is_match(&String::from_utf8_lossy(value.as_bytes())))
}

fn too_large(spec: &Spec, reply: &Reply) -> Finding {
    let (url, cap) = (&reply.subject, spec.max_body_bytes);
    let announced = content::length(&reply.headers);
    let finding = Finding::new(
        Code::HttpTooLarge,
        &**url,
        text!(
            "{url} sends more than the {cap} bytes this check reads",
            "{url}의 응답 본문이 이 체크가 읽는 한도 {cap}바이트보다 큽니다"
        ),
        text!(
            "If the answer may be that large, raise `max_body_bytes` of the check; otherwise see what it sends: `curl -s {url} | head -c 1000`.",
            "그만큼 큰 것이 맞다면 체크의 `max_body_bytes`를 올리세요. 아니라면 무엇을 보내는지 확인하세요: `curl -s {url} | head -c 1000`."
        ),
    )
    .evidence("cap_bytes", cap);
    match announced {
        Some(announced) => finding.evidence("content_length", announced),
        None => finding,
    }
}

fn body(spec: &Spec, reply: &Reply) -> Vec<Finding> {
    if !reads_body(spec) {
        return Vec::new();
    }
    let bytes = match content::decoded(&reply.headers, &reply.body.kept, spec.max_body_bytes) {
        Ok(bytes) => bytes,
        Err(content::Undecodable::TooLarge) if !reply.body.is_over_cap => {
            return vec![too_large(spec, reply)];
        }
        // Cut at the cap, a compressed body cannot be read to its end: that was said already.
        Err(_) if reply.body.is_over_cap => return Vec::new(),
        Err(reason) => return undecodable(spec, reply, &reason.to_string()),
    };
    let mut findings = Vec::new();
    if let Some(expected) = &spec.expect.body {
        // Of a body cut at the cap, a match counts; a miss says nothing.
        let text = String::from_utf8_lossy(&bytes);
        if !expected.is_match(&text) && !reply.body.is_over_cap {
            findings.push(body_differs(expected, &bytes, reply));
        }
    }
    if !spec.expect.json.is_empty() && !reply.body.is_over_cap {
        findings.extend(json(spec, &bytes, reply));
    }
    findings
}

fn undecodable(spec: &Spec, reply: &Reply, reason: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(expected) = &spec.expect.body {
        let finding = body_differs(expected, &reply.body.kept, reply);
        findings.push(finding.evidence("error", reason));
    }
    if !spec.expect.json.is_empty() {
        findings.push(not_json(reply, reason, &reply.body.kept));
    }
    findings
}

fn body_differs(expected: &Regex, bytes: &[u8], reply: &Reply) -> Finding {
    let url = &reply.subject;
    let finding = Finding::new(
        Code::HttpBody,
        &**url,
        text!(
            "the body of {url} does not match /{expected}/",
            "{url}의 본문이 /{expected}/와 맞지 않습니다"
        ),
        text!(
            "See the body: `curl -s {url}`. Usual: an error or login page with status 200, another virtual host that answers, or a new version of the page.",
            "본문을 확인하세요: `curl -s {url}`. 흔한 원인: 상태 200으로 나오는 오류·로그인 페이지, 다른 가상 호스트의 응답, 바뀐 페이지."
        ),
    )
    .evidence("expected", expected.as_str())
    .evidence("got", printable(bytes, SHOWN_CHARS));
    match reply.headers.get(CONTENT_TYPE) {
        Some(kind) => finding.evidence("content_type", printable(kind.as_bytes(), 128)),
        None => finding,
    }
}

fn json(spec: &Spec, bytes: &[u8], reply: &Reply) -> Vec<Finding> {
    let document: Value = match serde_json::from_slice(bytes) {
        Ok(document) => document,
        Err(error) => return vec![not_json(reply, &error.to_string(), bytes)],
    };
    spec.expect
        .json
        .iter()
        .filter_map(|(pointer, expected)| {
            let got = document.pointer(pointer);
            if got.is_some_and(|got| content::same(got, expected)) {
                return None;
            }
            Some(json_differs(pointer, expected, got, reply))
        })
        .collect()
}

fn json_differs(pointer: &str, expected: &Value, got: Option<&Value>, reply: &Reply) -> Finding {
    let url = &reply.subject;
    let wanted = shown(expected);
    let (got_en, got_ko): (Cow<'_, str>, Cow<'_, str>) = match got {
        Some(got) => (shown(got).into(), shown(got).into()),
        None => ("nothing".into(), "값 없음".into()),
    };
    Finding::new(
        Code::HttpJson,
        format!("{url}#{pointer}"),
        text!(
            "{url} says {got_en} at {pointer}, expected {wanted}",
            "{url}의 {pointer} 값이 다릅니다: {got_ko}, 기대 {wanted}"
        ),
        text!(
            "See the document: `curl -s {url} | jq .`. If the application reports itself sick, its log says why.",
            "문서를 확인하세요: `curl -s {url} | jq .`. 애플리케이션이 스스로 이상을 알린 것이라면 로그에 이유가 있습니다."
        ),
    )
    .evidence("pointer", pointer)
    .evidence("expected", wanted)
    .evidence("got", got.map_or(Value::Null, |got| shown(got).into()))
}

fn not_json(reply: &Reply, reason: &str, bytes: &[u8]) -> Finding {
    let url = &reply.subject;
    let finding = Finding::new(
        Code::HttpJson,
        &**url,
        text!("the body of {url} is not JSON: {reason}", "{url}의 본문이 JSON이 아닙니다: {reason}"),
        text!(
            "See the body: `curl -s {url}`. Usual: an HTML error page of the proxy, or the page of another virtual host.",
            "본문을 확인하세요: `curl -s {url}`. 흔한 원인: 프록시의 HTML 오류 페이지, 또는 다른 가상 호스트의 페이지."
        ),
    )
    .evidence("expected", "JSON")
    .evidence("got", printable(bytes, SHOWN_CHARS))
    .evidence("error", reason);
    match reply.headers.get(CONTENT_TYPE) {
        Some(kind) => finding.evidence("content_type", printable(kind.as_bytes(), 128)),
        None => finding,
    }
}

fn shown(value: &Value) -> String {
    printable(value.to_string().as_bytes(), SHOWN_CHARS)
}

fn slow(within: Duration, reply: &Reply) -> Option<Finding> {
    if reply.elapsed <= within {
        return None;
    }
    let (url, took) = (&reply.subject, milliseconds(reply.elapsed));
    let slowest = reply.phases.iter().max_by_key(|&(_, took)| took);
    let (phase, phase_took) =
        slowest.map_or(("", took), |(phase, phase_took)| (phase.label(), milliseconds(phase_took)));
    let finding = Finding::new(
        Code::HttpSlow,
        &**url,
        text!(
            "{url} took {took} ms, expected {within:?}; most of it in {phase} ({phase_took} ms)",
            "{url} 응답에 {took} ms 걸렸습니다. 기대: {within:?}. 가장 오래 걸린 단계: {phase} ({phase_took} ms)"
        ),
        text!(
            "resolve: the resolver; connect: the way there; tls: a busy server; processing: the application; transfer: the size of the body. Time it: `curl -so /dev/null -w '%{{time_namelookup}} %{{time_connect}} %{{time_appconnect}} %{{time_starttransfer}} %{{time_total}}\\n' {url}`.",
            "resolve는 리졸버, connect는 네트워크 경로, tls는 바쁜 서버, processing은 애플리케이션, transfer는 본문 크기를 뜻합니다. 시간을 재 보세요: `curl -so /dev/null -w '%{{time_namelookup}} %{{time_connect}} %{{time_appconnect}} %{{time_starttransfer}} %{{time_total}}\\n' {url}`."
        ),
    )
    .evidence("expected", format!("{within:?}"))
    .evidence("got_seconds", reply.elapsed.as_secs_f64())
    .evidence("slowest_phase", phase);
    Some(finding)
}

fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis()
}
