//! What is expected of the last answer, and whether it holds. Pure.

use std::time::Duration;

use health::{Code, Finding, Phases, text};
use http::{HeaderMap, HeaderName, StatusCode, Uri, Version};
use jiff::Timestamp;
use regex::Regex;

use super::exchange::{Answer, Payload};
use super::gateway::Upstream;
use super::status::{self, Control};
use super::{Spec, content, grant, redirect};
use crate::clock;
use crate::probe::Stopwatch;

mod body;
mod compare;
mod form;
mod headers;
mod json;
mod leads;
mod pace;
mod security;
mod unchanged;

pub use unchanged::Bodies;

const SHOWN_CHARS: usize = 256;

/// The last answer, and what was found out about it.
#[derive(Debug)]
pub(super) struct Reply {
    /// The URL as findings name it.
    pub(super) subject: String,
    /// The URL that was asked last.
    pub(super) url: Uri,
    /// How many redirects led there.
    pub(super) hops: usize,
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Payload,
    /// The body came whole (or up to the cap).
    pub(super) is_complete: bool,
    pub(super) elapsed: Duration,
    pub(super) phases: Phases,
    /// When it came.
    pub(super) now: Timestamp,
    /// What the body was when it was last as planned, where that is known.
    pub(super) as_planned: Option<std::sync::Arc<[u8]>>,
    /// What the same Host got elsewhere, where the answer was 400.
    pub(super) control: Option<Control>,
    /// Whom a 502 is to be blamed on, as seen from here, nearest first.
    pub(super) upstream: Vec<Upstream>,
}

impl Reply {
    /// An answer, and nothing else known of it yet.
    pub(super) fn of(subject: String, url: &Uri, answer: Answer, watch: &Stopwatch) -> Self {
        Self {
            subject,
            url: url.clone(),
            hops: 0,
            status: answer.status,
            version: answer.version,
            headers: answer.headers,
            body: answer.body,
            is_complete: answer.broken.is_none(),
            elapsed: grant::elapsed(watch),
            phases: watch.phases().clone(),
            now: clock::now(),
            as_planned: None,
            control: None,
            upstream: Vec::new(),
        }
    }
}

/// What is wrong with the answer.
pub(super) fn judge(spec: &Spec, reply: &Reply) -> Vec<Finding> {
    let mut findings = Vec::new();
    if accepts(spec, reply.status) {
        findings.extend(leads::judge(spec, reply));
        headers::judge(&spec.expect, reply, &mut findings);
        form::judge(&spec.expect, reply, &mut findings);
        if reply.is_complete {
            body::judge(spec, reply, &mut findings);
            pace::judge(&spec.expect, reply, &mut findings);
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
    match leads::misplaced(&spec.expect, reply) {
        Some(finding) if !is_error => finding,
        _ => status::unexpected(spec, reply),
    }
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
    let expect = &spec.expect;
    body::reads_words(expect)
        || !expect.json.is_empty()
        || expect.charset.is_some()
        || expect.unchanged.is_some()
}

/// One of these findings is about a regular expression (`probe_failed_due_to_regex`).
pub(super) fn is_due_to_regex(spec: &Spec, findings: &[Finding]) -> bool {
    findings.iter().any(|finding| match finding.code {
        Code::HttpBody | Code::HttpHeader => true,
        Code::HttpRedirect => spec.expect.location.is_some() || spec.expect.url.is_some(),
        _ => false,
    })
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
