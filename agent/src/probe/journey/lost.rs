//! Whether a step failed because the session of an earlier one is gone, and why.
//!
//! Deliberately absent: a guess. That the application forgot a session it was shown is said only
//! where the step is answered as a stranger is.

use std::collections::HashSet;

use health::{Code, Finding, Severity, Text, text};
use serde_json::{Value, json};

use super::{Step, capture, take_out};
use crate::clock;
use crate::net::Net;
use crate::probe::Stopwatch;
use crate::probe::http::jar::{Jar, Line, Outcome, Standing, Unsent, Visit};
use crate::probe::http::{self as hop, Ask, Heard, Walked, inner, session};

/// Most cookies looked at.
const MOST_COOKIES: usize = 8;
/// The rank of a cookie that a step expects.
const EXPECTED: u8 = 3;

/// A step that was made, and what led to it.
pub(super) struct Made<'a> {
    /// The steps of the journey up to this one, which is the last.
    pub(super) steps: &'a [Step],
    /// What each of them asked, with the cookies that came along.
    pub(super) asked: &'a [Ask],
    /// What this one asked, without.
    pub(super) ask: &'a Ask,
    pub(super) jar: &'a Jar,
    pub(super) net: &'a Net,
    pub(super) watch: &'a Stopwatch,
}

/// A cookie that may make the session.
struct Candidate<'a> {
    line: &'a Line,
    standing: &'a Standing,
    /// How much it looks like the one.
    rank: u8,
}

impl Made<'_> {
    fn step(&self) -> Option<&Step> {
        self.steps.last()
    }

    /// The step itself brought it.
    fn is_new(&self, one: &Candidate<'_>) -> bool {
        self.step().is_some_and(|step| step.name == one.line.stage)
    }

    /// Cookies that may make the session, the likeliest first.
    fn candidates(&self) -> Vec<Candidate<'_>> {
        let expected: Vec<&str> = self
            .steps
            .iter()
            .flat_map(|step| &step.http.expect.cookies)
            .map(|cookie| &*cookie.name)
            .collect();
        let logs_in = |line: &Line| {
            let setter = self.steps.iter().find(|step| step.name == line.stage);
            setter.is_some_and(|step| !step.http.method.is_safe())
        };
        // Every visitor gets some cookie on the way: of those that the step itself brought, one
        // that is expected, or that a login brought.
        let may_be = |one: &Candidate<'_>| {
            one.rank == EXPECTED || (one.rank > 0 && (!self.is_new(one) || logs_in(one.line)))
        };
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        for (line, standing) in self.jar.stood() {
            let is_expected = expected.contains(&line.cookie.name.as_str());
            let one = Candidate { line, standing, rank: rank(line, is_expected, logs_in(line)) };
            candidates.extend(Some(one).filter(may_be));
        }
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.rank));
        candidates.truncate(MOST_COOKIES);
        candidates
    }
}

/// A cookie that a step expects; one that is called a session; one that looks like it, or that a
/// login brought; any other.
fn rank(line: &Line, is_expected: bool, is_of_login: bool) -> u8 {
    let name = line.cookie.name.to_ascii_lowercase();
    let is_called = |words: &[&str]| words.iter().any(|word| name.contains(word));
    // Beside the session: proof that a form is the site's own.
    if is_called(&["csrf", "xsrf"]) {
        return 0;
    }
    if is_expected {
        return EXPECTED;
    }
    // For a path of their own by right, to make a new session with.
    if is_called(&["refresh", "remember"]) {
        return 0;
    }
    if is_called(&["sess", "sid"]) {
        return 2;
    }
    let looks_like_it = line.cookie.http_only || is_called(&["auth", "token", "jwt"]);
    u8::from(looks_like_it || is_of_login)
}

/// Puts `http.session-lost` in the place of what a step was found to answer, where that is why.
pub(super) async fn explain(walked: &mut Walked, made: &Made<'_>) {
    let (Some(heard), Some(step)) = (&walked.heard, made.step()) else { return };
    let mut bad =
        walked.sight.findings.iter().filter(|finding| finding.severity == Severity::Critical);
    let (Some(seen), true) = (bad.next().cloned(), bad.all(|other| may_be_lost(other, heard)))
    else {
        return;
    };
    if !may_be_lost(&seen, heard) {
        return;
    }
    let candidates = made.candidates();
    let is_sent = |one: &&Candidate<'_>| *one.standing == Standing::Sent;
    let sent = candidates.iter().find(is_sent);
    let unsent = candidates.iter().find(|one| !is_sent(one) && may_be_it(one, sent));
    let found = match (sent, unsent) {
        (None, None) => return,
        (None, Some(one)) => not_sent(one, step, made).await,
        // Another cookie that browsers dropped says more than the one that they did send.
        (Some(known), Some(one)) => {
            let is_surer = one.rank > known.rank && asks_who(heard);
            if !is_surer && !is_forgotten(known, walked, heard, step, made).await {
                return;
            }
            not_sent(one, step, made).await
        }
        (Some(known), None) => {
            if !is_forgotten(known, walked, heard, step, made).await {
                return;
            }
            let lines: Vec<&Line> = candidates
                .iter()
                .filter(|one| is_sent(one) && one.rank == known.rank)
                .map(|one| one.line)
                .collect();
            forgotten(&lines, heard, step, made).await
        }
    };
    let found = found
        .evidence("instead", seen.code.label())
        .evidence("seen", seen.summary.en.as_str())
        .evidence("status", heard.status.as_u16());
    walked.sight.findings.retain(|finding| finding.severity != Severity::Critical);
    walked.sight.findings.push(found);
}

/// That this cookie did not come along may be why.
fn may_be_it(one: &Candidate<'_>, sent: Option<&Candidate<'_>>) -> bool {
    let is_elsewhere =
        matches!(one.standing, Standing::HeldBack(Unsent::OtherHost(_) | Unsent::OtherDomain(_)));
    match sent {
        // Beside a cookie of its own a site does without that of another.
        Some(sent) => one.rank >= sent.rank && !is_elsewhere,
        None => true,
    }
}

/// The answer itself says that it does not know who asks.
fn asks_who(heard: &Heard) -> bool {
    matches!(heard.status.as_u16(), 401 | 403 | 419 | 440)
}

/// What a stranger is answered: asked to log in, sent there, or told nothing of substance.
fn may_be_lost(finding: &Finding, heard: &Heard) -> bool {
    match finding.code {
        Code::HttpStatus => asks_who(heard) || heard.status.is_redirection(),
        Code::HttpRedirect | Code::HttpBody => true,
        // A value of substance is an answer to somebody: the application knows who asks.
        Code::HttpJson => match finding.evidence.get("got") {
            Some(Value::String(got)) => {
                matches!(got.as_str(), "false" | "null" | "0" | "\"\"" | "[]" | "{}")
                    || finding.evidence.contains_key("error")
                    || capture::is_missing(finding)
            }
            _ => true,
        },
        _ => false,
    }
}

/// A cookie was sent, and the step is answered as one is who sends none.
async fn is_forgotten(
    known: &Candidate<'_>,
    walked: &Walked,
    heard: &Heard,
    step: &Step,
    made: &Made<'_>,
) -> bool {
    // A stranger would get the same cookie on the same way.
    if made.is_new(known) {
        return matches!(heard.status.as_u16(), 401 | 419 | 440);
    }
    let is_dropped = |line: &Line| {
        let is_of_session = |one: &Candidate<'_>| one.line.cookie.name == line.cookie.name;
        line.outcome == Outcome::Deleted && made.candidates().iter().any(is_of_session)
    };
    if heard.status.as_u16() == 401 || made.jar.lines_of_stage().iter().any(is_dropped) {
        return true;
    }
    let Made { ask, net, watch, .. } = made;
    // To ask twice for what changes something is not for a monitor to do.
    if !ask.method().is_safe() || watch.left().is_zero() {
        return matches!(heard.status.as_u16(), 419 | 440);
    }
    let mut nobody = Jar::default();
    let mut own = Stopwatch::start(watch.left());
    let ask = (*ask).clone();
    let walk = hop::walk_with(&step.http, ask, Some(&mut nobody), net, &mut own);
    let mut stranger = Box::pin(walk).await;
    take_out(step, &mut stranger, &nobody);
    let told = |walked: &Walked| -> Vec<(Code, String, Option<Value>)> {
        let findings = walked.sight.findings.iter();
        let bad = findings.filter(|finding| finding.severity == Severity::Critical);
        let got = |finding: &Finding| match finding.code {
            // Bodies differ in numbers of requests and times: see `is_one_page`.
            Code::HttpBody => None,
            _ => finding.evidence.get("got").cloned(),
        };
        bad.map(|finding| (finding.code, finding.subject.clone(), got(finding))).collect()
    };
    stranger.heard.as_ref().is_some_and(|other| {
        other.status == heard.status
            && told(&stranger) == told(walked)
            && is_one_page(&text_of(heard), &text_of(other))
    })
}

fn text_of(heard: &Heard) -> String {
    heard.text().unwrap_or_default()
}

/// Most words of the one are in the other, whatever the numbers and tokens between them. Two pages
/// that lack the same words need not be one.
fn is_one_page(one: &str, other: &str) -> bool {
    fn words(text: &str) -> HashSet<&str> {
        let is_word = |word: &&str| !word.is_empty() && word.chars().all(char::is_alphabetic);
        text.split(|c: char| !c.is_alphanumeric()).filter(is_word).collect()
    }
    let (one, other) = (words(one), words(other));
    let shared = one.intersection(&other).count();
    shared * 5 >= one.union(&other).count() * 4
}

/// Sent, and forgotten: by the application, or lost on its way through the proxy.
async fn forgotten(lines: &[&Line], heard: &Heard, step: &Step, made: &Made<'_>) -> Finding {
    let url = hop::without_query(&step.http.shown);
    let names = names(lines);
    let stage = lines.first().map_or("", |line| &*line.stage);
    let Made { jar, net, watch, .. } = made;
    // As it was asked last: its answer may have ended the cookie.
    let inner = match jar.last_asked().filter(|ask| ask.method().is_safe()) {
        Some(ask) => inner::asked(&step.http, ask, net, watch).await,
        None => None,
    };
    let has_all =
        |heard: &Heard| step.captures.iter().all(|capture| capture.taken(heard, url, jar).is_ok());
    let knows = |inner: &inner::Inner| {
        inner.is_well && inner.heard.status.is_success() && has_all(&inner.heard)
    };
    let is_alike = |inner: &inner::Inner| inner.heard.status == heard.status;
    let (why, who, remedy) = match &inner {
        Some((upstream, inner)) if knows(inner) => (
            "dropped by the proxy on the way in",
            text!(
                "{upstream} behind the proxy knows it: the proxy does not pass the Cookie header on",
                "프록시 뒤의 {upstream}에서는 세션을 알아봅니다. 프록시가 Cookie 헤더를 전달하지 않습니다"
            ),
            text!(
                "In the proxy's configuration look for what touches it: `nginx -T | grep -niE 'proxy_set_header +cookie|proxy_pass_request_headers'`, or a cache that answers everybody alike (`proxy_cache` without `proxy_cache_bypass $cookie_…`).",
                "프록시 설정에서 Cookie를 건드리는 부분을 찾으세요: `nginx -T | grep -niE 'proxy_set_header +cookie|proxy_pass_request_headers'`, 또는 모두에게 같은 응답을 주는 캐시(`proxy_cache_bypass $cookie_…`가 없는 `proxy_cache`)."
            ),
        ),
        _ => (
            "forgotten by the application",
            match &inner {
                Some((upstream, inner)) if is_alike(inner) => text!(
                    "{upstream} behind the proxy answers alike: it is the application",
                    "프록시 뒤의 {upstream}에서도 같으므로 애플리케이션의 문제입니다"
                ),
                _ => {
                    text!("the answer is that for a stranger", "처음 온 방문자와 같은 응답입니다")
                }
            },
            text!(
                "Where are sessions kept? In the memory of one process: several workers or instances, or a restart, forget them (a shared store, or `ip_hash` in the upstream). In Redis or a database: is it there, and is it the same for all (`redis-cli ping`)? A secret key made anew at every start has the same effect.",
                "세션을 어디에 두는지 확인하세요. 한 프로세스의 메모리라면 워커나 인스턴스가 여럿이거나 재시작할 때 사라집니다(공유 저장소를 쓰거나 upstream에 `ip_hash`). Redis나 데이터베이스라면 살아 있는지, 모두가 같은 곳을 쓰는지 보세요(`redis-cli ping`). 시작할 때마다 새로 만드는 비밀 키도 같은 결과를 냅니다."
            ),
        ),
    };
    let Text { en, ko } = who;
    let finding = lost(
        step,
        text!(
            "{url} does not know the session any more: the cookie {names}, set by \"{stage}\", was sent; {en}",
            "{url}에서 세션을 알아보지 못합니다. \"{stage}\" 단계에서 받은 쿠키 {names}을(를) 보냈습니다. {ko}"
        ),
        remedy,
    );
    let guilty = if why.contains("proxy") { "proxy" } else { "application" };
    let finding = finding
        .evidence("why", why)
        .evidence("cookie", names.as_str())
        .evidence("set_by", stage)
        .evidence("sent", true);
    match &inner {
        Some((upstream, inner)) if knows(inner) || is_alike(inner) => {
            finding.evidence("guilty", guilty).evidence("upstream", upstream.to_string())
        }
        Some((upstream, inner)) => {
            let status = inner.heard.status.as_u16();
            finding.evidence("upstream", format!("{upstream}: {status}"))
        }
        None => finding,
    }
}

async fn not_sent(one: &Candidate<'_>, step: &Step, made: &Made<'_>) -> Finding {
    let (line, standing) = (one.line, one.standing);
    let url = hop::without_query(&step.http.shown);
    let (why, reason, remedy) = match (standing, &line.outcome) {
        (Standing::HeldBack(unsent), _) => session::held_back(unsent, &line.cookie.name),
        (_, Outcome::Refused(refusal)) => {
            let (reason, remedy) = session::refused(refusal, line);
            (session::why(&line.outcome), reason, remedy)
        }
        _ => (
            "deleted",
            text!(
                "\"{stage}\" deleted it",
                "\"{stage}\" 단계에서 삭제되었습니다",
                stage = line.stage
            ),
            text!(
                "That step ends the session: a logout, an error page, or a login that failed half-way. See its answer in this check's page.",
                "그 단계에서 세션이 끝났습니다. 로그아웃, 오류 페이지, 또는 중간에 실패한 로그인일 수 있습니다. 이 체크의 페이지에서 그 응답을 확인하세요."
            ),
        ),
    };
    let (name, stage) = (names(&[line]), &*line.stage);
    let mut finding = lost(
        step,
        text!(
            "{url} does not know the session: browsers do not send the cookie {name}, set by \"{stage}\"; {en}",
            "{url}에서 세션을 알아보지 못합니다. \"{stage}\" 단계에서 받은 쿠키 {name}을(를) 브라우저가 보내지 않습니다: {ko}",
            en = reason.en,
            ko = reason.ko
        ),
        remedy,
    )
    .evidence("why", why)
    .evidence("cookie", name)
    .evidence("set_by", stage)
    .evidence("set_cookie", line.cookie.shown())
    .evidence("sent", json!(false));
    blame(&mut finding, line, made).await;
    finding
}

/// Says whether the proxy or the application makes the cookie so that it does not come along, by
/// asking the upstream what the step asked that got it.
async fn blame(finding: &mut Finding, line: &Line, made: &Made<'_>) {
    let steps = made.steps.iter().zip(made.asked);
    let Some((setter, ask)) = steps.rev().find(|(step, _)| step.name == line.stage) else {
        return;
    };
    let Some((upstream, inner)) = inner::asked(&setter.http, ask, made.net, made.watch).await
    else {
        return;
    };
    let jar = inner.jar(&line.url);
    let name = &line.cookie.name;
    let Some(other) = jar.lines().iter().rev().find(|other| other.cookie.name == *name) else {
        return;
    };
    let visit = Visit { url: made.ask.url(), method: made.ask.method() };
    let comes_along = jar.has(other) && jar.held_back(name, visit, clock::now()).is_none();
    let hop = upstream.to_string();
    if comes_along {
        session::by_the_proxy(finding, &hop, other);
    } else {
        session::by_the_application(finding, &hop, &other.cookie.shown());
    }
}

fn lost(step: &Step, summary: Text, remedy: Text) -> Finding {
    let url = hop::without_query(&step.http.shown);
    Finding::new(Code::HttpSessionLost, url, summary, remedy)
}

fn names(lines: &[&Line]) -> String {
    let names = lines.iter().map(|line| crate::net::printable(line.cookie.name.as_bytes(), 64));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_again_by_its_words() {
        let form = "<form>Please log in<input name=csrf value=a1b2c3></form>";
        assert!(is_one_page(form, &form.replace("a1b2c3", "0f9e8d")));
        assert!(is_one_page("", "") && is_one_page("17", "18"));
        assert!(!is_one_page(form, "<h1>Your orders</h1> Welcome back, Kim: log out"));
        assert!(!is_one_page(form, ""));
    }

    #[test]
    fn some_cookies_make_a_session_sooner_than_others() {
        let ranked = |line: &str, is_expected, is_of_login| {
            let mut jar = Jar::default();
            let mut headers = http::HeaderMap::new();
            headers.insert(http::header::SET_COOKIE, line.parse().unwrap());
            jar.take(&"https://shop.example/".parse().unwrap(), &headers, clock::now());
            rank(&jar.lines()[0], is_expected, is_of_login)
        };
        for (line, is_expected, is_of_login, expected) in [
            ("csrftoken=1", true, true, 0),
            ("lang=ko", true, false, 3),
            ("refresh_token=1; HttpOnly", false, true, 0),
            ("PHPSESSID=1", false, false, 2),
            ("connect.sid=1", false, false, 2),
            ("access_token=1", false, false, 1),
            ("seen=1; HttpOnly", false, false, 1),
            ("shop=1", false, true, 1),
            ("lang=ko", false, false, 0),
        ] {
            assert_eq!(ranked(line, is_expected, is_of_login), expected, "{line}");
        }
    }
}
