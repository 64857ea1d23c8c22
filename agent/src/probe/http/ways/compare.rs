//! Two answers to the same request, by a way and by the one behind it: what the hop between them
//! takes away or makes worse. Pure.
//!
//! Deliberately absent: what a hop adds. Proxies are there to add things.

use std::borrow::Cow;

use health::{Text, text};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, Uri};

use super::{Answered, Sameness};
use crate::net::printable;
use crate::probe::http::set_cookie::{SameSite, SetCookie};
use crate::probe::http::{ask, content, jar, redirect, resolve};

const VALUE_CHARS: usize = 128;
const LINE_CHARS: usize = 80;
const NAME_CHARS: usize = 64;
const MAX_COOKIES: usize = 64;
/// Shorter values of cookies are too common to be taken for an echo of one.
const MIN_SECRET_BYTES: usize = 6;

/// Headers that are compared.
static COMPARED: [HeaderName; 13] = [
    STRICT_TRANSPORT_SECURITY,
    CONTENT_SECURITY_POLICY,
    X_FRAME_OPTIONS,
    X_CONTENT_TYPE_OPTIONS,
    REFERRER_POLICY,
    HeaderName::from_static("permissions-policy"),
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderName::from_static("cross-origin-embedder-policy"),
    HeaderName::from_static("cross-origin-resource-policy"),
    CONTENT_TYPE,
    CACHE_CONTROL,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
];

/// Of these a browser takes one, and refuses or ignores an answer with more.
static SENT_ONCE: [HeaderName; 3] =
    [X_FRAME_OPTIONS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS];

/// One thing that differs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) what: What,
    /// As `may_differ` calls it.
    pub(super) key: String,
    pub(super) told: Text,
    pub(super) outer: String,
    pub(super) inner: String,
}

/// What differs, as far as the remedy depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Status,
    Location,
    Cookie,
    Header,
    Certificate,
    Body,
}

/// Everything in which the outer answer is worse than the inner one, or another.
pub(super) fn differences(
    outer: &Answered,
    inner: &Answered,
    sameness: &Sameness,
) -> Vec<Difference> {
    let may = &sameness.may_differ;
    let mut differences = Vec::new();
    if outer.heard.status != inner.heard.status && !may.status {
        differences.push(status(outer, inner));
    }
    if !may.location {
        differences.extend(location(outer, inner));
    }
    // Of answers of two kinds nothing else can be expected to be the same.
    if outer.heard.status == inner.heard.status {
        if !may.cookies {
            let (here, there) = (cookies(outer), cookies(inner));
            let worse = |cookie| worse(cookie, &here, &outer.heard.url);
            differences.extend(there.iter().filter_map(worse));
        }
        let compared = COMPARED.iter().filter(|name| !may.headers.contains(name));
        differences.extend(compared.filter_map(|name| header(name, outer, inner)));
        if sameness.same_body {
            differences.extend(body(outer, inner));
        }
    }
    if !may.certificate {
        differences.extend(certificate(outer, inner));
    }
    differences
}

fn status(outer: &Answered, inner: &Answered) -> Difference {
    let (here, there) = (outer.heard.status.as_u16(), inner.heard.status.as_u16());
    Difference {
        what: What::Status,
        key: "status".to_owned(),
        told: text!("{here} instead of {there}", "상태 {there} 대신 {here}"),
        outer: here.to_string(),
        inner: there.to_string(),
    }
}

/// Where an answer leads: its Location, or where it came from, where that was followed.
fn destination(answered: &Answered) -> Option<Uri> {
    let heard = &answered.heard;
    match heard.headers.get(LOCATION) {
        Some(location) if redirect::is_redirect(heard.status) => {
            resolve(&heard.url, location.as_bytes()).ok()
        }
        _ => Some(heard.url.clone()),
    }
}

fn location(outer: &Answered, inner: &Answered) -> Option<Difference> {
    let (here, there) = (destination(outer)?, destination(inner)?);
    // The query may be of the moment: a state, a nonce.
    let place = |url: &Uri| (ask::is_https(url), ask::host(url).to_lowercase(), ask::port(url));
    // An address of the inside that becomes the public one on the way out is as it should be.
    let is_own = place(&here) == place(&outer.url);
    let is_same = here.path() == there.path() && (place(&here) == place(&there) || is_own);
    if is_same {
        return None;
    }
    let (here, there) = (ask::subject(&here), ask::subject(&there));
    Some(Difference {
        what: What::Location,
        key: "location".to_owned(),
        told: text!("leads to {here} instead of {there}", "{there} 대신 {here}(으)로 이동"),
        outer: here,
        inner: there,
    })
}

/// The cookies that an answer sets, the last of each name.
fn cookies(answered: &Answered) -> Vec<SetCookie> {
    let lines = answered.heard.headers.get_all(SET_COOKIE).iter().take(MAX_COOKIES);
    let mut cookies: Vec<SetCookie> = Vec::new();
    for cookie in lines.filter_map(|line| SetCookie::parse(line.as_bytes())) {
        match cookies.iter_mut().find(|known| known.name == cookie.name) {
            Some(known) => *known = cookie,
            None => cookies.push(cookie),
        }
    }
    cookies
}

/// In what a cookie of the inner answer fares worse in the outer one.
fn worse(cookie: &SetCookie, outer: &[SetCookie], url: &Uri) -> Option<Difference> {
    let name = printable(cookie.name.as_bytes(), NAME_CHARS);
    let other = outer.iter().find(|other| other.name == cookie.name);
    let told = match other {
        None => text!("the cookie {name} is dropped", "쿠키 {name}이(가) 사라집니다"),
        Some(other) => made_worse(&name, cookie, other, url)?,
    };
    Some(Difference {
        what: What::Cookie,
        key: "cookies".to_owned(),
        told,
        outer: other.map_or_else(|| format!("{name} is not set"), SetCookie::shown),
        inner: cookie.shown(),
    })
}

fn made_worse(name: &str, cookie: &SetCookie, other: &SetCookie, url: &Uri) -> Option<Text> {
    let is_kept = |cookie: &SetCookie| jar::refusal(cookie, url).is_none();
    let comes_back = |cookie: &SetCookie| {
        cookie.path.as_deref().is_none_or(|path| jar::path_matches(url.path(), path))
    };
    if is_kept(cookie) && !is_kept(other) {
        let shown = other.shown();
        return Some(text!(
            "the cookie {name} becomes one that browsers drop ({shown})",
            "쿠키 {name}이(가) 브라우저가 버리는 형태로 바뀝니다({shown})"
        ));
    }
    if comes_back(cookie) && !comes_back(other) {
        let (path, own) = (other.path.as_deref().unwrap_or(""), url.path());
        let path = printable(path.as_bytes(), NAME_CHARS);
        return Some(text!(
            "the cookie {name} gets Path={path}, and is not sent back for {own}",
            "쿠키 {name}에 Path={path}이(가) 붙어 {own}에는 보내지지 않습니다"
        ));
    }
    let strictness = |cookie: &SetCookie| match cookie.same_site {
        Some(SameSite::Strict) => 2,
        Some(SameSite::None) => 0,
        Some(SameSite::Lax) | None => 1,
    };
    let lost: Vec<&str> = [
        (cookie.secure && !other.secure && ask::is_https(url), "Secure"),
        (cookie.http_only && !other.http_only, "HttpOnly"),
        (strictness(cookie) > strictness(other), "SameSite"),
    ]
    .into_iter()
    .filter_map(|(is_lost, name)| is_lost.then_some(name))
    .collect();
    if lost.is_empty() {
        return None;
    }
    let lost = lost.join(", ");
    Some(text!("the cookie {name} loses {lost}", "쿠키 {name}에서 {lost} 속성이 사라집니다"))
}

fn header(name: &HeaderName, outer: &Answered, inner: &Answered) -> Option<Difference> {
    let here = values(&outer.heard.headers, name);
    let there = values(&inner.heard.headers, name);
    let repeats = SENT_ONCE.contains(name) && here.len() > 1 && there.len() == 1;
    let is_kept = there.iter().all(|value| here.contains(value));
    if there.is_empty() || (is_kept && !repeats) {
        return None;
    }
    let joined = |values: &[Cow<'_, str>]| match values {
        [] => "absent".to_owned(),
        values => printable(values.join(", ").as_bytes(), VALUE_CHARS),
    };
    let told = if repeats {
        text!(
            "{name} is sent {count} times",
            "{name} 헤더가 {count}번 전송됩니다",
            count = here.len()
        )
    } else if here.is_empty() {
        text!("{name} is dropped", "{name} 헤더가 사라집니다")
    } else {
        text!("{name} is another", "{name} 헤더 값이 다릅니다")
    };
    Some(Difference {
        what: What::Header,
        key: name.to_string(),
        told,
        outer: joined(&here),
        inner: joined(&there),
    })
}

/// The values of a header as they are compared.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<Cow<'a, str>> {
    let each = headers.get_all(name).iter();
    let mut values: Vec<_> = each
        .map(|value| String::from_utf8_lossy(value.as_bytes().trim_ascii()))
        .filter(|value| !value.is_empty())
        .collect();
    if *name == CONTENT_TYPE {
        // A charset that is added is welcome, and how it is spelt is nobody's business.
        for value in &mut values {
            let essence = value.split(';').next().unwrap_or_default();
            *value = Cow::Owned(essence.trim().to_ascii_lowercase());
        }
    } else if *name == CONTENT_SECURITY_POLICY {
        for value in &mut values {
            *value = Cow::Owned(without_nonces(value));
        }
    } else if *name == CACHE_CONTROL {
        // A set of directives, in whatever order and in however many lines (RFC 9110 section 5.3).
        let directives = values.iter().flat_map(|value| value.split(','));
        let mut directives: Vec<Cow<'a, str>> =
            directives.map(|one| Cow::Owned(one.trim().to_ascii_lowercase())).collect();
        directives.sort_unstable();
        directives.dedup();
        values = directives;
    }
    values
}

/// A nonce is another in every answer (CSP level 3, section 2.3.1).
fn without_nonces(policy: &str) -> String {
    let word = |word: &str| match word.to_ascii_lowercase().starts_with("'nonce-") {
        true => "'nonce-…'".to_owned(),
        false => word.to_owned(),
    };
    policy.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn certificate(outer: &Answered, inner: &Answered) -> Option<Difference> {
    let leaf = |answered: &Answered| answered.chain.as_ref()?.first().cloned();
    let (here, there) = (leaf(outer)?, leaf(inner)?);
    let names = |names: &[String]| {
        let mut names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        names.sort_unstable();
        names
    };
    // One for other names belongs to a hop that ends TLS by itself: a CDN, a balancer.
    let is_meant_alike =
        here.spki_sha256 == there.spki_sha256 || names(&here.names) == names(&there.names);
    if here.fingerprint == there.fingerprint || !is_meant_alike {
        return None;
    }
    let words = |serial: &str, ends: jiff::Timestamp| {
        format!("serial {}, ends {}", printable(serial.as_bytes(), 32), ends.strftime("%Y-%m-%d"))
    };
    let is_older = here.not_before < there.not_before;
    Some(Difference {
        what: What::Certificate,
        key: "certificate".to_owned(),
        told: if is_older {
            text!("an older certificate for the same names", "같은 이름의 이전 인증서")
        } else {
            text!("another certificate for the same names", "같은 이름의 다른 인증서")
        },
        outer: words(&here.serial, here.not_after),
        inner: words(&there.serial, there.not_after),
    })
}

fn body(outer: &Answered, inner: &Answered) -> Option<Difference> {
    let unpacked = |answered: &'_ Answered| {
        let heard = &answered.heard;
        // Wrapped in a way that cannot be read here, it is compared as it came.
        content::decoded(&heard.headers, &heard.body, answered.cap_bytes)
            .map_or_else(|_| heard.body.clone(), Cow::into_owned)
    };
    let (here, there) = (unpacked(outer), unpacked(inner));
    if here == there {
        return None;
    }
    let mut lines = here.split(|byte| *byte == b'\n').zip(there.split(|byte| *byte == b'\n'));
    let first = lines.position(|(here, there)| here != there);
    let of = |bytes: &[u8]| {
        let line = first.and_then(|at| bytes.split(|byte| *byte == b'\n').nth(at));
        let mut line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
        for cookie in cookies(outer).iter().chain(&cookies(inner)) {
            let value = String::from_utf8_lossy(&cookie.value);
            if value.len() >= MIN_SECRET_BYTES {
                line = line.replace(&*value, "(hidden)");
            }
        }
        format!("{} bytes: {}", bytes.len(), printable(line.as_bytes(), LINE_CHARS))
    };
    let told = match first {
        Some(at) => text!(
            "the body differs from line {line} on",
            "본문이 {line}번째 줄부터 다릅니다",
            line = at + 1
        ),
        None => text!(
            "the body has {here} bytes instead of {there}",
            "본문이 {there}바이트가 아니라 {here}바이트입니다",
            here = here.len(),
            there = there.len()
        ),
    };
    Some(Difference {
        what: What::Body,
        key: "same_body".to_owned(),
        told,
        outer: of(&here),
        inner: of(&there),
    })
}
