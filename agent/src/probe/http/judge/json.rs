//! Values within a JSON document, by pointer or path.

use std::borrow::Cow;

use health::{Code, Finding, Text, text};
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::{Reply, SHOWN_CHARS, compare};
use crate::net::printable;
use crate::probe::http::expect::{Expect, JsonRule, Place};

/// Adds a finding for each rule that does not hold.
pub(super) fn judge(expect: &Expect, bytes: &[u8], reply: &Reply, findings: &mut Vec<Finding>) {
    // The mark is allowed to be ignored (RFC 8259 section 8.1), and some servers send it.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice(bytes) {
        Ok(document) => {
            let found = expect.json.iter().filter_map(|rule| differs(rule, &document, reply));
            findings.extend(found);
        }
        Err(error) => findings.push(not_json(reply, &error.to_string(), bytes)),
    }
}

fn differs(rule: &JsonRule, document: &Value, reply: &Reply) -> Option<Finding> {
    let found: Vec<&Value> = match &rule.place {
        Place::Pointer(pointer) => document.pointer(pointer).into_iter().collect(),
        // Without their places: of a deep document those would take far more room than itself.
        Place::Path(path, _) => path.query(document).all(),
    };
    if !rule.count.hold(found.len() as f64) {
        return Some(miscounted(rule, &found, reply));
    }
    let failed =
        |value: &Value| rule.tests.iter().find(|test| !compare::holds(test, value, reply.now));
    let mut failing = found.into_iter().filter_map(|value| Some((value, failed(value)?)));
    let (first, test) = failing.next()?;
    let others = failing.count();
    let at = match &rule.place {
        Place::Pointer(pointer) => pointer.clone(),
        Place::Path(_, written) => place_of(document, first).unwrap_or_else(|| written.clone()),
    };
    let finding = told(rule, &at, Some(first), &test.describe(), reply);
    Some(if others > 0 { finding.evidence("wrong_values", others + 1) } else { finding })
}

/// Where in a document this very value stands, as a JSONPath.
fn place_of(document: &Value, wanted: &Value) -> Option<String> {
    /// Writes the steps from the last to the first, so that nothing is written for those that lead nowhere.
    fn look(value: &Value, wanted: &Value, steps: &mut Vec<String>) -> bool {
        if std::ptr::eq(value, wanted) {
            return true;
        }
        let step = match value {
            Value::Array(values) => values
                .iter()
                .position(|value| look(value, wanted, steps))
                .map(|number| format!("[{number}]")),
            Value::Object(map) => map
                .iter()
                .find(|(_, value)| look(value, wanted, steps))
                .map(|(name, _)| member(name)),
            _ => None,
        };
        let is_found = step.is_some();
        steps.extend(step);
        is_found
    }
    let mut steps = Vec::new();
    look(document, wanted, &mut steps).then(|| {
        let path: String = steps.into_iter().rev().collect();
        format!("${path}")
    })
}

fn member(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|letter: char| !letter.is_ascii_digit());
    if is_plain { format!(".{name}") } else { format!("['{}']", cut(name)) }
}

/// There are too few or too many of them.
fn miscounted(rule: &JsonRule, found: &[&Value], reply: &Reply) -> Finding {
    let wanted = rule.tests.first().map(|test| test.describe());
    match (found.first(), wanted) {
        // Nothing where one value should be is best told as that value missing.
        (None, Some(wanted)) => told(rule, rule.place.written(), None, &wanted, reply),
        (None, None) if rule.count.hold(1.0) => {
            told(rule, rule.place.written(), None, &text!("a value", "값"), reply)
        }
        (Some(first), None) if matches!(rule.place, Place::Pointer(_)) => {
            told(rule, rule.place.written(), Some(first), &text!("nothing", "값 없음"), reply)
        }
        (first, _) => {
            let (url, at) = (&reply.subject, rule.place.written());
            let (got, bounds) = (found.len(), rule.count);
            let summary = text!(
                "{url} has {got} values at {at}, expected {bounds}",
                "{url}의 {at}에 값이 {got}개 있습니다. 기대: {bounds}"
            );
            let finding = finding(rule, summary, reply)
                .evidence("expected", format!("{bounds} values"))
                .evidence("got", got);
            match first {
                Some(first) => finding.evidence("first", shown(first)),
                None => finding,
            }
        }
    }
}

fn told(rule: &JsonRule, at: &str, got: Option<&Value>, wanted: &Text, reply: &Reply) -> Finding {
    let url = &reply.subject;
    let at = if at.is_empty() { "/" } else { at };
    let (en, ko) = (cut(&wanted.en), cut(&wanted.ko));
    let (got_en, got_ko): (Cow<'_, str>, Cow<'_, str>) = match got {
        Some(got) => (shown(got).into(), shown(got).into()),
        None => ("nothing".into(), "값 없음".into()),
    };
    let summary = text!(
        "{url} says {got_en} at {at}, expected {en}",
        "{url}의 {at} 값이 다릅니다: {got_ko}, 기대 {ko}"
    );
    let finding = finding(rule, summary, reply)
        .evidence("expected", en)
        .evidence("got", got.map_or(Value::Null, |got| shown(got).into()));
    match &rule.place {
        Place::Path(..) if got.is_some() => finding.evidence("at", at),
        _ => finding,
    }
}

fn finding(rule: &JsonRule, summary: Text, reply: &Reply) -> Finding {
    let url = &reply.subject;
    let written = rule.place.written();
    let (kind, place) = match rule.place {
        Place::Pointer(_) => ("pointer", format!("{url}#{written}")),
        Place::Path(..) => ("path", format!("{url}#{written}")),
    };
    Finding::new(
        Code::HttpJson,
        place,
        summary,
        text!(
            "See the document: `curl -s {url} | jq .`. If the application reports itself sick, its log says why.",
            "문서를 확인하세요: `curl -s {url} | jq .`. 애플리케이션이 스스로 이상을 알린 것이라면 로그에 이유가 있습니다."
        ),
    )
    .evidence(kind, written)
}

/// The body is no JSON document.
pub(super) fn not_json(reply: &Reply, reason: &str, bytes: &[u8]) -> Finding {
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
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    printable(text.as_bytes(), SHOWN_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_it_stands() {
        let document: Value =
            serde_json::from_str(r#"{"a":[1,{"b c":[true,null]},{"d_1":2}],"e":1}"#).unwrap();
        for (pointer, place) in [
            ("", "$"),
            ("/a/0", "$.a[0]"),
            ("/a/1/b c/1", "$.a[1]['b c'][1]"),
            ("/a/2/d_1", "$.a[2].d_1"),
            ("/e", "$.e"),
        ] {
            let value = document.pointer(pointer).unwrap();
            assert_eq!(place_of(&document, value).as_deref(), Some(place));
        }
        assert_eq!(place_of(&document, &Value::Null), None);
    }

    #[test]
    fn a_deep_document_takes_no_more_room_than_itself() {
        let deep = format!("{}{}{}", "[".repeat(120), "0,".repeat(400_000) + "0", "]".repeat(120));
        let document: Value = serde_json::from_str(&deep).unwrap();
        let path = serde_json_path::JsonPath::parse("$..*").unwrap();
        assert_eq!(path.query(&document).all().len(), 400_120);
    }
}
