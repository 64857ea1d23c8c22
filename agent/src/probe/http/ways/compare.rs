//! Two answers to the same request, by a way and by the one behind it: what the hop between them
//! takes away or makes worse. Pure.
//!
//! Deliberately absent: what a hop adds. Proxies are there to add things.

use std::borrow::Cow;

use health::{Text, text};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, Uri};

use super::cookies::{self, Cookie};
use super::{Answered, Sameness};
use crate::net::printable;
use crate::probe::http::{ask, content, redirect, resolve};

const VALUE_CHARS: usize = 128;
const LINE_CHARS: usize = 80;

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
            let url = &outer.heard.url;
            let before = cookies::set_by(&outer.heard.headers);
            let behind = cookies::set_by(&inner.heard.headers);
            differences.extend(behind.iter().filter_map(|cookie| worse(cookie, &before, url)));
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

/// In what a cookie of the inner answer fares worse in the outer one.
fn worse(cookie: &Cookie, outer: &[Cookie], url: &Uri) -> Option<Difference> {
    let name = &cookie.name;
    let difference = |told: Text, outer: String, inner: String| {
        Some(Difference { what: What::Cookie, key: "cookies".to_owned(), told, outer, inner })
    };
    let words = |cookie: &Cookie| {
        let mut words = vec![cookie.name.clone()];
        words.extend(cookie.domain.as_ref().map(|domain| format!("Domain={domain}")));
        words.extend(cookie.path.as_ref().map(|path| format!("Path={path}")));
        words.extend(cookie.secure.then(|| "Secure".to_owned()));
        words.extend(cookie.http_only.then(|| "HttpOnly".to_owned()));
        words.extend(cookie.same_site.as_ref().map(|site| format!("SameSite={site}")));
        words.join("; ")
    };
    let Some(other) = outer.iter().find(|other| other.name == *name) else {
        let told = text!("the cookie {name} is dropped", "쿠키 {name}이(가) 사라집니다");
        return difference(told, "not set".to_owned(), words(cookie));
    };
    let strictness = |cookie: &Cookie| match cookie.same_site.as_deref() {
        Some("strict") => 2,
        Some("none") => 0,
        _ => 1,
    };
    let lost: Vec<&str> = [
        (cookie.secure && !other.secure && ask::is_https(url), "Secure"),
        (cookie.http_only && !other.http_only, "HttpOnly"),
        (strictness(cookie) > strictness(other), "SameSite"),
    ]
    .into_iter()
    .filter_map(|(is_lost, name)| is_lost.then_some(name))
    .collect();
    let told = if !other.fits_host(ask::host(url)) && cookie.fits_host(ask::host(url)) {
        let domain = other.domain.as_deref().unwrap_or("");
        text!(
            "the cookie {name} gets Domain={domain}, which no browser takes from {host}",
            "쿠키 {name}에 Domain={domain}이(가) 붙어 브라우저가 {host}에서 받지 않습니다",
            host = ask::host(url)
        )
    } else if !other.fits_path(url.path()) && cookie.fits_path(url.path()) {
        let path = other.path.as_deref().unwrap_or("");
        text!(
            "the cookie {name} gets Path={path}, and is not sent back for {own}",
            "쿠키 {name}에 Path={path}이(가) 붙어 {own}에는 보내지지 않습니다",
            own = url.path()
        )
    } else if !lost.is_empty() {
        let lost = lost.join(", ");
        text!("the cookie {name} loses {lost}", "쿠키 {name}에서 {lost} 속성이 사라집니다")
    } else {
        return None;
    };
    difference(told, words(other), words(cookie))
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
        let shown = line.map(|line| printable(line, LINE_CHARS)).unwrap_or_default();
        format!("{} bytes: {shown}", bytes.len())
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
