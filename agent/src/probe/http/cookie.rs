//! Cookies that an answer is expected to set, and the attributes they are expected to have. Pure.

use std::time::Duration;

use health::{Code, Finding, text};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::jar::{Jar, Line, Outcome};
use super::session;
use super::set_cookie::{SameSite, SetCookie};

/// A cookie that must be set, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its name, as it is written.
    pub name: String,
    /// It has `Secure`, or has it not.
    pub secure: Option<bool>,
    /// It has `HttpOnly`, or has it not.
    pub http_only: Option<bool>,
    /// Its `SameSite`.
    pub same_site: Option<SameSite>,
    /// Its `Domain`, lower case and without a leading dot; empty: it has none.
    pub domain: Option<String>,
    /// Its `Path`.
    pub path: Option<String>,
    /// It lives longer than this.
    pub above: Option<Duration>,
    /// It lives shorter than this; one that ends with the browser does not.
    pub below: Option<Duration>,
}

/// What is wrong with the cookies that the answers of this stage set.
pub(super) fn judge(expected: &[Expected], url: &str, jar: &Jar, now: Timestamp) -> Vec<Finding> {
    let one = |expected: &Expected| match latest(&expected.name, jar) {
        Some(line) if line.outcome == Outcome::Kept => attributes(expected, &line.cookie, url, now),
        // Set earlier, and not again: a browser has it all the same.
        None if jar.value(&expected.name).is_some() => None,
        line => Some(session::unset(&expected.name, url, line, jar)),
    };
    expected.iter().filter_map(one).collect()
}

/// The last line about this cookie that the answers of this stage held; one that ends another of
/// the same name, for an old path or domain, does not count beside it.
fn latest<'a>(name: &str, jar: &'a Jar) -> Option<&'a Line> {
    let lines = || jar.lines_of_stage().iter().rev().filter(|line| line.cookie.name == name);
    let last = lines().next()?;
    if !last.is_end() {
        return Some(last);
    }
    lines().find(|line| jar.has(line)).or(Some(last))
}

fn attributes(
    expected: &Expected,
    cookie: &SetCookie,
    url: &str,
    now: Timestamp,
) -> Option<Finding> {
    let mut wanted = Map::new();
    let mut differs = |name: &str, expected: String, got: String| {
        if expected != got {
            wanted.insert(name.to_owned(), Value::String(expected));
        }
    };
    let presence = |is_there: bool| if is_there { "yes" } else { "no" }.to_owned();
    let absent = || "none".to_owned();
    if let Some(secure) = expected.secure {
        differs("Secure", presence(secure), presence(cookie.secure));
    }
    if let Some(http_only) = expected.http_only {
        differs("HttpOnly", presence(http_only), presence(cookie.http_only));
    }
    if let Some(same_site) = expected.same_site {
        let got = cookie.same_site.map_or_else(absent, |got| got.label().to_owned());
        differs("SameSite", same_site.label().to_owned(), got);
    }
    if let Some(domain) = &expected.domain {
        let shown = if domain.is_empty() { absent() } else { domain.clone() };
        differs("Domain", shown, cookie.domain.clone().unwrap_or_else(absent));
    }
    if let Some(path) = &expected.path {
        differs("Path", path.clone(), cookie.path.clone().unwrap_or_else(absent));
    }
    let life = cookie.end(now).map(|end| end.duration_since(now).unsigned_abs());
    let is_longer = |bound: &Duration| life.is_none_or(|life| life >= *bound);
    if let Some(above) = expected.above.filter(|above| life.is_some_and(|life| life <= *above)) {
        wanted.insert("Max-Age above".to_owned(), above.as_secs().into());
    }
    if let Some(below) = expected.below.filter(is_longer) {
        wanted.insert("Max-Age below".to_owned(), below.as_secs().into());
    }
    if wanted.is_empty() {
        return None;
    }
    let (name, got) = (&expected.name, cookie.shown());
    let list: Vec<String> = wanted.iter().map(|(name, value)| words(name, value)).collect();
    let list = list.join(", ");
    let finding = Finding::new(
        Code::HttpCookie,
        format!("{url} [{name}]"),
        text!(
            "{url} sets the cookie {name} otherwise than expected ({list}): {got}",
            "{url}에서 설정하는 쿠키 {name}의 속성이 기대({list})와 다릅니다: {got}"
        ),
        text!(
            "See it: `curl -sD - -o /dev/null {url} | grep -i '^set-cookie'`. Attributes are the application's to set (Django: `SESSION_COOKIE_SECURE`, Express: `cookie: {{ secure: true }}` with `trust proxy`); a proxy can add them: nginx `proxy_cookie_flags {name} secure httponly samesite=lax;`.",
            "확인: `curl -sD - -o /dev/null {url} | grep -i '^set-cookie'`. 속성은 애플리케이션에서 설정합니다(Django: `SESSION_COOKIE_SECURE`, Express: `trust proxy`와 함께 `cookie: {{ secure: true }}`). 프록시에서 더할 수도 있습니다: nginx `proxy_cookie_flags {name} secure httponly samesite=lax;`."
        ),
    );
    Some(
        finding.evidence("cookie", name.as_str()).evidence("expected", wanted).evidence("got", got),
    )
}

fn words(name: &str, value: &Value) -> String {
    match value {
        Value::String(value) => format!("{name}: {value}"),
        value => format!("{name} {value} s"),
    }
}
