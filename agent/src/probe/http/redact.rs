//! Secrets stay out of facts and findings.

use std::borrow::Cow;
use std::sync::Arc;

use alerts::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use health::Text;
use health::facts::{Headers, HttpFacts};
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::net::{printable, printed};
use crate::probe::Sight;

/// Most headers kept as facts, and most characters of each value.
const MAX_HEADERS: usize = 50;
const MAX_VALUE_CHARS: usize = 256;
/// Shorter values are too common to be taken for an echo of a secret.
pub(crate) const MIN_SECRET_BYTES: usize = 6;
pub(super) const MASK: &str = "(hidden)";

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
    scrub_each(&secrets(sent), facts, sight);
}

/// Masks what a server echoed of the hidden parts of a body.
pub(super) fn scrub_hidden(hidden: &[Secret], facts: &mut HttpFacts, sight: &mut Sight) {
    if !hidden.is_empty() {
        scrub_each(&words(hidden), facts, sight);
    }
}

/// A body for people.
pub(super) fn body(bytes: &[u8], hidden: &[Secret], most_chars: usize) -> String {
    let mut text = printable(bytes, if hidden.is_empty() { most_chars } else { bytes.len() });
    if !hidden.is_empty() {
        // Of what stands between & and =, however short: nothing of it is for anybody.
        mask(&mut text, &hidden.iter().map(spelled).collect::<Vec<_>>());
        text = printable(text.as_bytes(), most_chars);
    }
    text
}

fn words(hidden: &[Secret]) -> Vec<String> {
    hidden.iter().map(spelled).filter(|secret| secret.len() >= MIN_SECRET_BYTES).collect()
}

fn spelled(Secret(bytes): &Secret) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn scrub_each(secrets: &[String], facts: &mut HttpFacts, sight: &mut Sight) {
    if secrets.is_empty() {
        return;
    }
    scrub_facts(facts, secrets);
    for visit in &mut sight.facts.visits {
        visit.http.iter_mut().for_each(|http| scrub_facts(http, secrets));
    }
    for finding in &mut sight.findings {
        for Text { en, ko } in [&mut finding.summary, &mut finding.remedy] {
            mask(en, secrets);
            mask(ko, secrets);
        }
        finding
            .evidence
            .iter_mut()
            .for_each(|(_, value)| change_value(value, &|text: &mut String| mask(text, secrets)));
    }
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

/// What must not be shown, and what is shown in its place.
pub(crate) type Veil = (String, String);

/// A mask for each of these words; shorter ones are too common to be taken for an echo.
pub(crate) fn masked(secrets: Vec<String>) -> Vec<Veil> {
    let long = secrets.into_iter().filter(|secret| secret.len() >= MIN_SECRET_BYTES);
    long.map(|secret| (secret, MASK.to_owned())).collect()
}

/// Puts something else in the place of every secret, wherever it appears.
pub(crate) fn veil(veils: &[Veil], sight: &mut Sight) {
    if veils.is_empty() {
        return;
    }
    let of = |text: &mut String| {
        for (secret, shown) in veils {
            if text.contains(&**secret) {
                *text = text.replace(&**secret, shown);
            }
        }
    };
    let Sight { facts, findings } = sight;
    let visited = facts.visits.iter_mut().filter_map(|visit| visit.http.as_mut());
    for http in facts.http.iter_mut().chain(visited) {
        veil_http(http, &of);
    }
    for visit in &mut facts.visits {
        visit.failure.iter_mut().for_each(of);
    }
    if let Some(websocket) = &mut facts.websocket {
        websocket.said.iter_mut().for_each(|said| of(&mut said.text));
        of(&mut websocket.close_reason);
    }
    facts.grpc.iter_mut().for_each(|grpc| of(&mut grpc.message));
    for finding in findings {
        let Text { en, ko } = &mut finding.summary;
        let (summary, remedy) = ([en, ko], &mut finding.remedy);
        summary.into_iter().chain([&mut remedy.en, &mut remedy.ko]).for_each(of);
        // A subject stays the same from probe to probe: there a name takes the place, never a mask.
        for (secret, shown) in veils.iter().filter(|(_, shown)| shown != MASK) {
            finding.subject = finding.subject.replace(&**secret, shown);
        }
        finding.evidence.iter_mut().for_each(|(_, value)| change_value(value, &of));
    }
}

fn veil_http(http: &mut HttpFacts, of: &impl Fn(&mut String)) {
    let changed = |text: &str| {
        let mut text = text.to_owned();
        of(&mut text);
        text
    };
    http.url = changed(&http.url).into();
    http.headers = http.headers.iter().map(|(name, value)| (name, changed(value))).collect();
    http.excerpt.iter_mut().for_each(of);
    for redirect in &mut http.redirects {
        of(&mut redirect.url);
        of(&mut redirect.location);
    }
    if let Some(request) = &mut http.request {
        let request = Arc::make_mut(request);
        request.headers =
            request.headers.iter().map(|(name, value)| (name, changed(value))).collect();
        of(&mut request.body);
        of(&mut request.by_hand);
    }
}

fn change_value(value: &mut Value, of: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => of(text),
        Value::Array(values) => values.iter_mut().for_each(|value| change_value(value, of)),
        Value::Object(map) => map.iter_mut().for_each(|(_, value)| change_value(value, of)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
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
            secrets.extend(password(token));
        }
    }
    secrets.retain(|secret| secret.len() >= MIN_SECRET_BYTES);
    secrets
}

/// The password of Basic credentials (RFC 7617).
fn password(token: &str) -> Option<String> {
    let both = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
    both.split_once(':').map(|(_, password)| password.to_owned())
}

fn mask(text: &mut String, secrets: &[String]) {
    for secret in secrets {
        if text.contains(&**secret) {
            *text = text.replace(&**secret, MASK);
        }
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
    fn the_password_of_basic_credentials_is_masked_as_well() {
        let mut sent = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode("monitor:hunter22"));
        sent.insert(AUTHORIZATION, HeaderValue::try_from(value).unwrap());
        let excerpt = Some("monitor said hunter22".to_owned());
        let mut facts = HttpFacts { excerpt, ..HttpFacts::default() };
        scrub(&sent, &mut facts, &mut Sight::default());
        assert_eq!(facts.excerpt.as_deref(), Some("monitor said (hidden)"));
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
