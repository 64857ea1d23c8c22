//! Where an answer leads, and where redirects ended.

use health::{Code, Finding, Text, text};
use http::header::LOCATION;
use serde_json::Value;

use super::{Reply, SHOWN_CHARS, value_matches};
use crate::net::printable;
use crate::probe::http::Spec;
use crate::probe::http::ask::{shown, without_query};
use crate::probe::http::expect::{Expect, Pattern};

/// What is wrong with the way. One of them: of a way that ended elsewhere the number of hops is
/// no finding of its own.
pub(super) fn judge(spec: &Spec, reply: &Reply) -> Option<Finding> {
    misplaced(&spec.expect, reply)
        .or_else(|| ended_elsewhere(spec, reply))
        .or_else(|| hops(spec, reply))
}

/// The Location is not the one expected.
pub(super) fn misplaced(expect: &Expect, reply: &Reply) -> Option<Finding> {
    expect.location.as_ref().and_then(|expected| location(expected, reply))
}

fn ended_elsewhere(spec: &Spec, reply: &Reply) -> Option<Finding> {
    let expected = spec.expect.url.as_ref()?;
    let first = without_query(&spec.shown);
    let whole = shown(&reply.url);
    if expected.is_match(&whole) {
        return None;
    }
    let (got, wanted) = (without_query(&whole), expected.as_str());
    let summary = match reply.hops {
        0 => text!(
            "{first} answers itself instead of redirecting to /{wanted}/",
            "{first}에서 /{wanted}/(으)로 리다이렉트하지 않고 직접 응답합니다"
        ),
        1 => text!(
            "the redirect of {first} ends at {got}, expected /{wanted}/",
            "{first}의 리다이렉트가 {got}에서 끝납니다. 기대: /{wanted}/"
        ),
        hops => text!(
            "{hops} redirects from {first} end at {got}, expected /{wanted}/",
            "{first}에서 리다이렉트 {hops}번 끝에 {got}에 도착합니다. 기대: /{wanted}/"
        ),
    };
    let finding = Finding::new(Code::HttpRedirect, first, summary, follow_by_hand(first));
    Some(
        finding.evidence("expected", wanted).evidence("got", got).evidence("redirects", reply.hops),
    )
}

fn hops(spec: &Spec, reply: &Reply) -> Option<Finding> {
    let bounds = spec.expect.hops?;
    if bounds.hold(reply.hops as f64) {
        return None;
    }
    let (first, url, got) = (without_query(&spec.shown), &reply.subject, reply.hops);
    Some(
        Finding::new(
            Code::HttpRedirect,
            first,
            text!(
                "{first} redirects {got} times, to {url}; expected {bounds}",
                "{first}에서 {url}까지 리다이렉트가 {got}번 있습니다. 기대: {bounds}"
            ),
            follow_by_hand(first),
        )
        .evidence("expected", bounds.to_string())
        .evidence("got", got),
    )
}

fn follow_by_hand(first: &str) -> Text {
    text!(
        "Follow it hop by hop: `curl -sIL {first} | grep -iE '^(HTTP|location)'`. Each Location stands in a rule of the server that sent it, or of the application behind it.",
        "한 단계씩 따라가 보세요: `curl -sIL {first} | grep -iE '^(HTTP|location)'`. Location마다 그것을 보낸 서버나 그 뒤의 애플리케이션에 규칙이 있습니다."
    )
}

fn location(expected: &Pattern, reply: &Reply) -> Option<Finding> {
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
