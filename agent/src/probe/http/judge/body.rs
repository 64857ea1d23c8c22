//! The body: words in it, its size, and what it is a document of.

use health::{Code, Finding, text};
use http::header::CONTENT_TYPE;

use super::{Reply, SHOWN_CHARS, form, json, too_large, unchanged};
use crate::net::printable;
use crate::probe::http::expect::Expect;
use crate::probe::http::{Spec, content};

/// Most bytes shown before and behind a text that should not be there.
const AROUND_BYTES: usize = 80;

/// Words are expected in the body.
pub(super) fn reads_words(expect: &Expect) -> bool {
    expect.body.is_some() || !expect.contains.is_empty() || !expect.absent.is_empty()
}

/// Adds what is wrong with a body that came whole, or up to the cap.
pub(super) fn judge(spec: &Spec, reply: &Reply, findings: &mut Vec<Finding>) {
    findings.extend(size(&spec.expect, reply));
    if !super::reads_body(spec) {
        return;
    }
    let bytes = match content::decoded(&reply.headers, &reply.body.kept, spec.max_body_bytes) {
        Ok(bytes) => bytes,
        Err(content::Undecodable::TooLarge) if !reply.body.is_over_cap => {
            return findings.push(too_large(spec, reply));
        }
        // Cut at the cap, a compressed body cannot be read to its end: that was said already.
        Err(_) if reply.body.is_over_cap => return,
        Err(reason) => return undecodable(&spec.expect, reply, &reason.to_string(), findings),
    };
    findings.extend(words(&spec.expect, &bytes, reply));
    findings.extend(form::charset(&spec.expect, reply, &bytes));
    if reply.body.is_over_cap {
        return;
    }
    if !spec.expect.json.is_empty() {
        json::judge(&spec.expect, &bytes, reply, findings);
    }
    findings.extend(unchanged::judge(&spec.expect, &bytes, reply));
}

fn undecodable(expect: &Expect, reply: &Reply, reason: &str, findings: &mut Vec<Finding>) {
    if reads_words(expect) || expect.unchanged.is_some() {
        let url = &reply.subject;
        let summary = text!(
            "the body of {url} cannot be read: {reason}",
            "{url}의 본문을 읽을 수 없습니다: {reason}"
        );
        let expected = expect.body.as_ref().map_or("a readable body", |body| body.as_str());
        let finding = about(reply, summary).evidence("expected", expected);
        let got = printable(&reply.body.kept, SHOWN_CHARS);
        findings.push(finding.evidence("got", got).evidence("error", reason));
    }
    if !expect.json.is_empty() {
        findings.push(json::not_json(reply, reason, &reply.body.kept));
    }
}

/// What is wrong with the words of the body, all of it in one finding.
fn words(expect: &Expect, bytes: &[u8], reply: &Reply) -> Option<Finding> {
    if !reads_words(expect) {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    // Of a body cut at the cap, what is there counts; what is not says nothing.
    let is_whole = !reply.body.is_over_cap;
    let unmatched = expect.body.as_ref().filter(|body| is_whole && !body.is_match(&text));
    let is_missing = |wanted: &&String| is_whole && !text.contains(wanted.as_str());
    let missing: Vec<&str> =
        expect.contains.iter().filter(is_missing).map(String::as_str).collect();
    let found: Vec<(&str, usize)> = expect
        .absent
        .iter()
        .filter_map(|unwanted| Some((unwanted.as_str(), text.find(unwanted.as_str())?)))
        .collect();
    let mut en = Vec::new();
    let mut ko = Vec::new();
    let url = &reply.subject;
    if let Some(pattern) = unmatched {
        let pattern = pattern.as_str();
        en.push(format!("does not match /{pattern}/"));
        ko.push(format!("/{pattern}/와 맞지 않습니다"));
    }
    if !missing.is_empty() {
        let list = quoted(missing.iter().copied());
        en.push(format!("lacks {list}"));
        ko.push(format!("{list}이(가) 없습니다"));
    }
    if !found.is_empty() {
        let list = quoted(found.iter().map(|&(unwanted, _)| unwanted));
        en.push(format!("has {list} in it, which must not be there"));
        ko.push(format!("있으면 안 되는 {list}이(가) 있습니다"));
    }
    if en.is_empty() {
        return None;
    }
    let (en, ko) = (en.join(", and "), ko.join(", "));
    let summary = text!("the body of {url} {en}", "{url}의 본문: {ko}");
    let mut finding = about(reply, summary);
    if let Some(pattern) = unmatched {
        finding = finding.evidence("expected", pattern.as_str());
    }
    if !missing.is_empty() {
        finding = finding.evidence("missing", missing);
    }
    match found.first() {
        Some(&(unwanted, at)) => {
            let end = text.len().min(at + unwanted.len() + AROUND_BYTES);
            let around = &text.as_bytes()[at.saturating_sub(AROUND_BYTES)..end];
            let all: Vec<&str> = found.iter().map(|&(unwanted, _)| unwanted).collect();
            finding = finding.evidence("unwanted", all);
            Some(finding.evidence("got", printable(around, SHOWN_CHARS)))
        }
        None => Some(finding.evidence("got", printable(bytes, SHOWN_CHARS))),
    }
}

fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let each: Vec<String> =
        texts.map(|text| format!("\"{}\"", printable(text.as_bytes(), 80))).collect();
    each.join(", ")
}

fn about(reply: &Reply, summary: health::Text) -> Finding {
    let url = &reply.subject;
    let finding = Finding::new(
        Code::HttpBody,
        &**url,
        summary,
        text!(
            "See the body: `curl -s {url}`. Usual: an error or login page with status 200, another virtual host that answers, or a new version of the page.",
            "본문을 확인하세요: `curl -s {url}`. 흔한 원인: 상태 200으로 나오는 오류·로그인 페이지, 다른 가상 호스트의 응답, 바뀐 페이지."
        ),
    );
    match reply.headers.get(CONTENT_TYPE) {
        Some(kind) => finding.evidence("content_type", printable(kind.as_bytes(), 128)),
        None => finding,
    }
}

fn size(expect: &Expect, reply: &Reply) -> Option<Finding> {
    let bounds = expect.size?;
    let (url, got) = (&reply.subject, reply.body.received);
    // Cut at the cap it is larger than that, and by how much is not known: said already.
    if bounds.hold(got as f64) || reply.body.is_over_cap {
        return None;
    }
    let remedy = if bounds.are_exceeded_by(got as f64) {
        text!(
            "See what grew: `curl -s {url} | head -c 2000`. Usual: compression that is off (`curl -sI -H 'Accept-Encoding: gzip' {url}`), a list without pages, a debug page.",
            "무엇이 커졌는지 보세요: `curl -s {url} | head -c 2000`. 흔한 원인: 꺼진 압축(`curl -sI -H 'Accept-Encoding: gzip' {url}`), 페이지 나누기가 없는 목록, 디버그 페이지."
        )
    } else {
        text!(
            "See what is left of it: `curl -s {url}`. Usual: an empty page with status 200 after an error in a template, a maintenance page, a file cut short by a full disk (`df -h`).",
            "무엇이 남았는지 보세요: `curl -s {url}`. 흔한 원인: 템플릿 오류 뒤 상태 200으로 나온 빈 페이지, 점검 페이지, 디스크가 차서 잘린 파일(`df -h`)."
        )
    };
    let finding = Finding::new(
        Code::HttpBody,
        format!("{url} [size]"),
        text!(
            "the body of {url} has {got} bytes, expected {bounds}",
            "{url}의 본문이 {got}바이트입니다. 기대: {bounds}"
        ),
        remedy,
    )
    .evidence("expected", bounds.to_string())
    .evidence("got", got);
    Some(finding)
}
