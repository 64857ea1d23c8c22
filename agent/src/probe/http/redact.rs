//! Secrets stay out of facts and findings.

use std::borrow::Cow;

use health::facts::{Headers, HttpFacts};
use health::{Finding, Text};
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::net::{printable, printed};
use crate::probe::Sight;

/// Most headers kept as facts, and most characters of each value.
const MAX_HEADERS: usize = 50;
const MAX_VALUE_CHARS: usize = 256;
/// Shorter values are too common to be taken for an echo of a secret.
const MIN_SECRET_BYTES: usize = 6;
const MASK: &str = "(hidden)";

/// Request headers that say nothing only their sender should know. Of every other one the plan
/// may hold a key in it, whatever its name.
pub(super) fn is_harmless(name: &HeaderName) -> bool {
    let name = name.as_str();
    ["accept", "x-forwarded-", "if-", "sec-"].iter().any(|start| name.starts_with(start))
        || matches!(
            name,
            "host"
                | "user-agent"
                | "content-type"
                | "content-length"
                | "connection"
                | "upgrade"
                | "origin"
                | "referer"
                | "cache-control"
                | "pragma"
                | "range"
                | "x-requested-with"
                | "upgrade-insecure-requests"
        )
}

/// Headers of an answer whose values are nobody's business.
pub(super) fn is_secret(name: &HeaderName) -> bool {
    const NAMES: [&str; 9] = [
        "authorization",
        "cookie",
        "set-cookie",
        "proxy-authorization",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-amz-security-token",
        "authentication-info",
    ];
    NAMES.contains(&name.as_str())
}

/// One header of a request for people.
pub(super) fn sent_value(name: &HeaderName, value: &[u8]) -> String {
    if is_harmless(name) { printable(value, MAX_VALUE_CHARS) } else { MASK.to_owned() }
}

/// Header names and values for facts: bounded, printable, secrets masked.
pub(super) fn headers(sent: &HeaderMap) -> Headers {
    let taken = || sent.iter().take(MAX_HEADERS);
    let length = |value: &[u8]| value.len().min(MAX_VALUE_CHARS);
    let bytes = taken().map(|(name, value)| name.as_str().len() + length(value.as_bytes()) + 3);
    let mut headers = Headers::with_capacity(bytes.sum());
    for (name, value) in taken() {
        headers.push(name.as_str(), &header_value(name, value.as_bytes()));
    }
    headers
}

/// The same of a request.
pub(super) fn sent(sent: &HeaderMap) -> Headers {
    let shown = sent.iter().take(MAX_HEADERS);
    shown.map(|(name, value)| (name.as_str(), sent_value(name, value.as_bytes()))).collect()
}

/// One header's value for people.
pub(super) fn header_value<'a>(name: &HeaderName, value: &'a [u8]) -> Cow<'a, str> {
    if is_secret(name) { MASK.into() } else { printed(value, MAX_VALUE_CHARS) }
}

/// Masks what a server echoed of the secrets sent to it.
pub(super) fn scrub(sent: &HeaderMap, facts: &mut HttpFacts, sight: &mut Sight) {
    let secrets = secrets(sent);
    if secrets.is_empty() {
        return;
    }
    scrub_facts(facts, &secrets);
    for visit in &mut sight.facts.visits {
        visit.http.iter_mut().for_each(|http| scrub_facts(http, &secrets));
    }
    for finding in &mut sight.findings {
        conceal_in(finding, &secrets);
    }
}

/// Masks these words in what was seen, wherever they were echoed.
pub(crate) fn conceal(secrets: &[String], sight: &mut Sight) {
    let secrets: Vec<String> =
        secrets.iter().filter(|secret| secret.len() >= MIN_SECRET_BYTES).cloned().collect();
    if secrets.is_empty() {
        return;
    }
    for said in sight.facts.websocket.iter_mut().flat_map(|facts| &mut facts.said) {
        mask(&mut said.text, &secrets);
    }
    sight.facts.grpc.iter_mut().for_each(|facts| mask(&mut facts.message, &secrets));
    for finding in &mut sight.findings {
        conceal_in(finding, &secrets);
    }
}

fn conceal_in(finding: &mut Finding, secrets: &[String]) {
    for Text { en, ko } in [&mut finding.summary, &mut finding.remedy] {
        mask(en, secrets);
        mask(ko, secrets);
    }
    finding.evidence.iter_mut().for_each(|(_, value)| mask_value(value, secrets));
}

fn scrub_facts(facts: &mut HttpFacts, secrets: &[String]) {
    let masked = facts.headers.iter().map(|(name, value)| {
        let mut value = value.to_owned();
        mask(&mut value, secrets);
        (name, value)
    });
    facts.headers = masked.collect();
    facts.excerpt.iter_mut().for_each(|excerpt| mask(excerpt, secrets));
    facts.redirects.iter_mut().for_each(|redirect| mask(&mut redirect.location, secrets));
}

/// Every value of a header that may be secret, whole and in its parts: after the scheme, and per cookie.
pub(crate) fn secrets(sent: &HeaderMap) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in sent.iter().filter(|(name, _)| !is_harmless(name)) {
        let Ok(value) = value.to_str() else { continue };
        secrets.push(value.to_owned());
        if name == http::header::COOKIE {
            let values = value.split(';').filter_map(|pair| pair.split_once('='));
            secrets.extend(values.map(|(_, value)| value.trim().to_owned()));
        } else if let Some((_, token)) = value.split_once(' ') {
            secrets.push(token.trim().to_owned());
        }
    }
    secrets.retain(|secret| secret.len() >= MIN_SECRET_BYTES);
    secrets
}

fn mask(text: &mut String, secrets: &[String]) {
    for secret in secrets {
        if text.contains(&**secret) {
            *text = text.replace(&**secret, MASK);
        }
    }
}

fn mask_value(value: &mut Value, secrets: &[String]) {
    match value {
        Value::String(text) => mask(text, secrets),
        Value::Array(values) => values.iter_mut().for_each(|value| mask_value(value, secrets)),
        Value::Object(map) => {
            map.iter_mut().for_each(|(_, value)| mask_value(value, secrets));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use health::{Code, Finding, text};
    use http::HeaderValue;
    use http::header::{AUTHORIZATION, COOKIE, SERVER, SET_COOKIE};

    use super::*;

    #[test]
    fn secret_headers_are_masked_and_the_rest_bounded() {
        let mut map = HeaderMap::new();
        map.insert(SET_COOKIE, HeaderValue::from_static("sid=12345678; Secure"));
        map.insert(SERVER, HeaderValue::from_bytes(&[b'x'; 1000]).unwrap());
        for index in 0..100 {
            let name = HeaderName::from_bytes(format!("x-{index}").as_bytes()).unwrap();
            map.insert(name, HeaderValue::from_static("v"));
        }
        let shown = headers(&map);
        assert_eq!(shown.len(), 50);
        let first: Vec<(&str, &str)> = shown.iter().take(2).collect();
        assert_eq!(first[0], ("set-cookie", "(hidden)"));
        assert_eq!(first[1].1.chars().count(), 257);
    }

    #[test]
    fn echoes_are_masked_everywhere() {
        let mut sent = HeaderMap::new();
        sent.insert(AUTHORIZATION, HeaderValue::from_static("Bearer tok-123456"));
        sent.insert(COOKIE, HeaderValue::from_static("a=1; sid=abcdef123"));
        let mut facts = HttpFacts {
            excerpt: Some("you sent tok-123456 and abcdef123 and a=1".to_owned()),
            headers: Headers::from_iter([("x-echo", "Bearer tok-123456")]),
            ..HttpFacts::default()
        };
        let finding = Finding::new(
            Code::HttpBody,
            "x",
            text!("got {got}", "{got}", got = "tok-123456"),
            text!("", ""),
        )
        .evidence("got", serde_json::json!({ "sid": ["abcdef123"] }));
        let mut sight = Sight { findings: vec![finding], ..Sight::default() };
        scrub(&sent, &mut facts, &mut sight);
        let seen = format!("{facts:?} {sight:?}");
        assert!(!seen.contains("tok-123456") && !seen.contains("abcdef123"), "{seen}");
        assert_eq!(facts.excerpt.as_deref(), Some("you sent (hidden) and (hidden) and a=1"));
    }
}
