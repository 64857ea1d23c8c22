//! The cookies of one visitor: what a browser keeps, what it sends along, and, where it does not,
//! why (RFC 6265bis sections 5.7 and 5.8). Pure; begins empty and ends with the probe.
//!
//! Deliberately absent: the list of public suffixes, of which what a country's registry calls
//! `co`, `or`, `com` … stands in; and third parties, for a visitor here follows links.

use std::sync::Arc;

use http::header::{COOKIE, DATE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Uri};
use jiff::Timestamp;

use super::ask::{Ask, host, is_https};
use super::redact::{MASK, MIN_SECRET_BYTES, Veil};
use super::set_cookie::{MOST_PAIR_BYTES, SameSite, SetCookie, date};

mod standing;

pub(crate) use standing::Standing;

/// Most cookies kept, and most lines remembered of what servers wanted set.
const MOST_COOKIES: usize = 200;
const MOST_LINES: usize = 400;

/// The cookies of one visitor.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    /// What is being done, for what is remembered of each line.
    stage: Arc<str>,
    /// How many lines there were when it began.
    before: usize,
    /// Where the visitor was before.
    from: Option<Uri>,
    kept: Vec<Kept>,
    lines: Vec<Line>,
    /// How they stood at the first request of what is being done.
    stood: Vec<(usize, Standing)>,
    /// The last request, with its cookies.
    last: Option<Ask>,
}

/// One that is kept.
#[derive(Clone, Debug)]
struct Kept {
    cookie: SetCookie,
    /// The host it is for, or the domain that all hosts under it share.
    domain: String,
    is_host_only: bool,
    path: String,
    end: Option<Timestamp>,
}

/// One Set-Cookie line, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The step that got it.
    pub(crate) stage: Arc<str>,
    /// Where it came from.
    pub(crate) url: Uri,
    pub(crate) cookie: SetCookie,
    pub(crate) outcome: Outcome,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the jar.
    Kept,
    /// It was in the jar, and is not any more.
    Deleted,
    /// Browsers ignore it.
    Refused(Refusal),
}

/// Why browsers ignore a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `Domain` is not the host's own, nor one above it.
    Domain,
    /// `Domain` is one under which strangers register names.
    PublicSuffix,
    /// `Secure`, and set over plain http.
    Insecure,
    /// `SameSite=None` without `Secure`.
    NoneWithoutSecure,
    /// What its name's prefix promises does not hold.
    Prefix(&'static str),
    /// Name and value have this many bytes.
    TooLarge(usize),
    /// It ended before it began; by the server's own clock as well, unless that is behind.
    Ended { server_clock: Option<Timestamp> },
    /// Over plain http nothing takes the place of a `Secure` cookie.
    WouldReplaceSecure,
    /// There are too many already.
    TooMany,
}

/// Why a cookie of the jar does not come along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// It is for this host alone.
    OtherHost(String),
    /// It is for this domain.
    OtherDomain(String),
    /// It is for this path and what is below.
    OtherPath(String),
    /// It is for https alone.
    Insecure,
    /// Its `SameSite` keeps it back: another site led here.
    CrossSite(SameSite),
    /// It has ended since.
    Ended,
}

/// A request that is about to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) url: &'a Uri,
    pub(crate) method: &'a Method,
}

impl Jar {
    /// What is done from now on goes under this name; the visitor comes from there.
    pub(crate) fn enter(&mut self, stage: Arc<str>, from: Option<Uri>) {
        (self.stage, self.from, self.before) = (stage, from, self.lines.len());
        self.stood.clear();
    }

    /// Takes in what an answer sets.
    pub(crate) fn take(&mut self, url: &Uri, headers: &HeaderMap, now: Timestamp) {
        let server_clock = headers.get(DATE).and_then(|value| date(value.to_str().ok()?));
        for line in headers.get_all(SET_COOKIE) {
            let Some(cookie) = SetCookie::parse(line.as_bytes()) else { continue };
            let outcome = self.set(cookie.clone(), url, server_clock, now);
            if self.lines.len() < MOST_LINES {
                let (stage, url) = (Arc::clone(&self.stage), url.clone());
                self.lines.push(Line { stage, url, cookie, outcome });
            }
        }
    }

    fn set(
        &mut self,
        cookie: SetCookie,
        url: &Uri,
        server_clock: Option<Timestamp>,
        now: Timestamp,
    ) -> Outcome {
        if let Some(refusal) = refusal(&cookie, url) {
            return Outcome::Refused(refusal);
        }
        let from = host(url).to_ascii_lowercase();
        // A name under which others register is taken for the host alone, if it is the host.
        let shared = cookie.domain.clone().filter(|domain| !is_public_suffix(domain));
        let new = Kept {
            is_host_only: shared.is_none(),
            domain: shared.unwrap_or(from),
            path: cookie.path.clone().unwrap_or_else(|| default_path(url)),
            end: cookie.end(now),
            cookie,
        };
        let would_replace_secure = |old: &Kept| {
            old.cookie.secure
                && !new.cookie.secure
                && old.cookie.name == new.cookie.name
                && (domain_matches(&old.domain, &new.domain)
                    || domain_matches(&new.domain, &old.domain))
                && path_matches(&new.path, &old.path)
        };
        if !is_https(url) && self.kept.iter().any(would_replace_secure) {
            return Outcome::Refused(Refusal::WouldReplaceSecure);
        }
        let same = self.kept.iter().position(|old| {
            old.cookie.name == new.cookie.name
                && old.domain == new.domain
                && old.is_host_only == new.is_host_only
                && old.path == new.path
        });
        let has_ended = new.end.is_some_and(|end| end <= now);
        match (same, has_ended) {
            (Some(index), true) => {
                self.kept.remove(index);
                Outcome::Deleted
            }
            (Some(index), false) => {
                self.kept[index] = new;
                Outcome::Kept
            }
            (None, true) => {
                let is_behind = |clock: &Timestamp| new.end.is_some_and(|end| end > *clock);
                let server_clock = server_clock.filter(is_behind);
                Outcome::Refused(Refusal::Ended { server_clock })
            }
            (None, false) if self.kept.len() >= MOST_COOKIES => Outcome::Refused(Refusal::TooMany),
            (None, false) => {
                self.kept.push(new);
                Outcome::Kept
            }
        }
    }

    /// The Cookie header of a request, behind what the plan itself sends.
    pub(crate) fn header(
        &self,
        visit: Visit<'_>,
        planned: Option<&HeaderValue>,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let mut along: Vec<&Kept> =
            self.kept.iter().filter(|kept| self.unsent(kept, visit, now).is_none()).collect();
        if along.is_empty() {
            return planned.cloned();
        }
        // RFC 6265bis section 5.8.3: longer paths first, else as they came.
        along.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        let mut line = planned.map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        for Kept { cookie, .. } in along {
            if !line.is_empty() {
                line.extend_from_slice(b"; ");
            }
            if !cookie.name.is_empty() {
                line.extend_from_slice(cookie.name.as_bytes());
                line.push(b'=');
            }
            line.extend_from_slice(&cookie.value);
        }
        let mut value = HeaderValue::from_bytes(&line).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The request with the cookies that belong to it.
    pub(crate) fn dressed(&self, mut ask: Ask) -> Ask {
        let planned = ask.headers.get(COOKIE);
        let visit = Visit { url: &ask.url, method: &ask.method };
        if let Some(value) = self.header(visit, planned, crate::clock::now()) {
            ask.headers.insert(COOKIE, value);
            ask.prepared = None;
        }
        ask
    }

    /// Why no cookie of this name comes along; `None` where one does, or none is in the jar.
    pub(crate) fn held_back(&self, name: &str, visit: Visit<'_>, now: Timestamp) -> Option<Unsent> {
        let mut reasons = self
            .kept
            .iter()
            .filter(|kept| kept.cookie.name == name)
            .map(|kept| self.unsent(kept, visit, now));
        let first = reasons.next()??;
        reasons.all(|reason| reason.is_some()).then_some(first)
    }

    /// The value of a cookie of this name, the newest where there are several.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let kept = self.kept.iter().rev().find(|kept| kept.cookie.name == name)?;
        Some(&kept.cookie.value)
    }

    /// What must not be shown: every value that a server wanted kept. Words are no secrets.
    pub(crate) fn veils(&self) -> Vec<Veil> {
        let is_word = |value: &[u8]| value.len() < 16 && !value.iter().any(u8::is_ascii_digit);
        let is_secret = |line: &&Line| {
            let is_gone =
                matches!(line.outcome, Outcome::Deleted | Outcome::Refused(Refusal::Ended { .. }));
            let value = &line.cookie.value;
            !is_gone && value.len() >= MIN_SECRET_BYTES && !is_word(value)
        };
        let secret = self.lines.iter().filter(is_secret);
        secret
            .map(|line| String::from_utf8_lossy(&line.cookie.value).into_owned())
            .map(|value| (value, MASK.to_owned()))
            .collect()
    }

    fn unsent(&self, kept: &Kept, visit: Visit<'_>, now: Timestamp) -> Option<Unsent> {
        let host = host(visit.url).to_ascii_lowercase();
        if kept.is_host_only && kept.domain != host {
            return Some(Unsent::OtherHost(kept.domain.clone()));
        }
        if !domain_matches(&host, &kept.domain) {
            return Some(Unsent::OtherDomain(kept.domain.clone()));
        }
        if !path_matches(visit.url.path(), &kept.path) {
            return Some(Unsent::OtherPath(kept.path.clone()));
        }
        if kept.cookie.secure && !is_https(visit.url) {
            return Some(Unsent::Insecure);
        }
        if kept.end.is_some_and(|end| end <= now) {
            return Some(Unsent::Ended);
        }
        let is_cross_site = self.from.as_ref().is_some_and(|from| !is_same_site(from, visit.url));
        match kept.cookie.same_site {
            Some(SameSite::Strict) if is_cross_site => Some(Unsent::CrossSite(SameSite::Strict)),
            Some(SameSite::Lax) if is_cross_site && !visit.method.is_safe() => {
                Some(Unsent::CrossSite(SameSite::Lax))
            }
            _ => None,
        }
    }
}

/// Why browsers ignore a cookie that came from this URL, whatever else is in the jar.
pub(super) fn refusal(cookie: &SetCookie, url: &Uri) -> Option<Refusal> {
    let bytes = cookie.name.len() + cookie.value.len();
    if bytes > MOST_PAIR_BYTES {
        return Some(Refusal::TooLarge(bytes));
    }
    let from = host(url).to_ascii_lowercase();
    if let Some(domain) = &cookie.domain {
        if is_public_suffix(domain) && *domain != from {
            return Some(Refusal::PublicSuffix);
        }
        if !domain_matches(&from, domain) {
            return Some(Refusal::Domain);
        }
    }
    if cookie.secure && !is_https(url) {
        return Some(Refusal::Insecure);
    }
    if cookie.same_site == Some(SameSite::None) && !cookie.secure {
        return Some(Refusal::NoneWithoutSecure);
    }
    let begins = |prefix: &str| {
        let start = cookie.name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if begins("__Secure-") && !cookie.secure {
        return Some(Refusal::Prefix("Secure"));
    }
    if begins("__Host-") {
        if !cookie.secure {
            return Some(Refusal::Prefix("Secure"));
        }
        if cookie.domain.is_some() {
            return Some(Refusal::Prefix("no Domain"));
        }
        if cookie.path.as_deref() != Some("/") {
            return Some(Refusal::Prefix("Path=/"));
        }
    }
    None
}

/// RFC 6265bis section 5.1.3.
fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain
        || (host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')) && !is_address(host))
}

/// RFC 6265bis section 5.1.4.
pub(super) fn path_matches(path: &str, kept: &str) -> bool {
    path.strip_prefix(kept)
        .is_some_and(|rest| rest.is_empty() || kept.ends_with('/') || rest.starts_with('/'))
}

fn default_path(url: &Uri) -> String {
    let path = url.path();
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

fn is_address(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok()
}

/// One under which strangers register names, as far as that shows in the name.
fn is_public_suffix(domain: &str) -> bool {
    const SECOND: [&str; 14] =
        ["co", "or", "ne", "re", "pe", "go", "ac", "com", "net", "org", "gov", "edu", "mil", "gob"];
    match domain.rsplit_once('.') {
        None => true,
        Some((before, country)) => country.len() == 2 && SECOND.contains(&before),
    }
}

/// The same scheme, and the same name as registered.
fn is_same_site(one: &Uri, other: &Uri) -> bool {
    let site = |url: &Uri| {
        let host = host(url).to_ascii_lowercase();
        if is_address(&host) {
            return host;
        }
        let starts = host.rmatch_indices('.').map(|(at, _)| &host[at + 1..]);
        let found = starts.chain([&*host]).find(|domain| !is_public_suffix(domain));
        found.unwrap_or(&host).to_owned()
    };
    one.scheme() == other.scheme() && site(one) == site(other)
}

#[cfg(test)]
mod tests;
