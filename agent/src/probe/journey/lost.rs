//! Whether a step failed because the session of an earlier one is gone, and why.
//!
//! Deliberately absent: a guess. That the application forgot a session it was shown is said only
//! where the step is answered as a stranger is.

use std::sync::Arc;

use health::{Code, Finding, Severity, Text, text};
use serde_json::{Value, json};

use super::Step;
use crate::clock;
use crate::net::Net;
use crate::probe::Stopwatch;
use crate::probe::http::jar::{Jar, Line, Outcome, Unsent, Visit};
use crate::probe::http::{self as hop, Ask, Heard, Walked, inner, session};

/// Most cookies looked at.
const MOST_COOKIES: usize = 8;

/// How the cookies that make the session stood when a step was asked.
#[derive(Debug, Default)]
pub(super) struct Before(Vec<(Line, Standing)>);

/// How one cookie stood.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Sent,
    HeldBack(Unsent),
    /// Refused when it was set, or deleted since.
    NotThere,
}

impl Before {
    /// Of the cookies that earlier steps were expected to set; else of those that look like a
    /// session; else of all.
    pub(super) fn of(jar: &Jar, earlier: &[Step], ask: &Ask) -> Self {
        let expected: Vec<&str> = earlier
            .iter()
            .flat_map(|step| &step.http.expect.cookies)
            .map(|cookie| &*cookie.name)
            .collect();
        let mut newest: Vec<&Line> = Vec::new();
        for line in jar.lines().iter().rev() {
            if !newest.iter().any(|known| known.cookie.name == line.cookie.name) {
                newest.push(line);
            }
        }
        let is_expected = |line: &&Line| expected.contains(&&*line.cookie.name);
        let looks_so = |line: &&Line| looks_like_session(line);
        let chosen: Vec<&Line> = if newest.iter().any(is_expected) {
            newest.into_iter().filter(is_expected).collect()
        } else if newest.iter().any(looks_so) {
            newest.into_iter().filter(looks_so).collect()
        } else {
            newest
        };
        let visit = Visit { url: ask.url(), method: ask.method() };
        let now = clock::now();
        let standing = |line: &Line| {
            if line.outcome != Outcome::Kept {
                return Standing::NotThere;
            }
            match jar.held_back(&line.cookie.name, visit, now) {
                Some(unsent) => Standing::HeldBack(unsent),
                None => Standing::Sent,
            }
        };
        let lines = chosen.into_iter().take(MOST_COOKIES);
        Self(lines.map(|line| (line.clone(), standing(line))).collect())
    }

    fn is_sent(&self) -> bool {
        self.0.iter().any(|(_, standing)| *standing == Standing::Sent)
    }
}

fn looks_like_session(line: &Line) -> bool {
    let name = line.cookie.name.to_ascii_lowercase();
    line.cookie.http_only
        || ["sess", "sid", "auth", "token", "jwt"].iter().any(|word| name.contains(word))
}

/// Puts `http.session-lost` in the place of what a step was found to answer, where that is why.
pub(super) async fn explain(
    walked: &mut Walked,
    before: &Before,
    step: &Step,
    ask: &Ask,
    jar: &Jar,
    net: &Net,
    watch: &Stopwatch,
) {
    let Some(heard) = &walked.heard else { return };
    let mut bad =
        walked.sight.findings.iter().filter(|finding| finding.severity == Severity::Critical);
    let (Some(seen), true) = (bad.next().cloned(), bad.all(|other| may_be_lost(other, heard)))
    else {
        return;
    };
    if before.0.is_empty() || !may_be_lost(&seen, heard) {
        return;
    }
    let found = if before.is_sent() {
        if !is_forgotten(walked, heard, before, step, ask, jar, net, watch).await {
            return;
        }
        // Another cookie that browsers dropped says more than the one that they did send.
        match before
            .0
            .iter()
            .find(|(line, standing)| *standing != Standing::Sent && looks_like_session(line))
        {
            Some((line, standing)) => not_sent(line, standing, step),
            None => forgotten(before, step, ask, jar, net, watch).await,
        }
    } else {
        match before.0.first() {
            Some((line, standing)) => not_sent(line, standing, step),
            None => return,
        }
    };
    let found = found
        .evidence("instead", seen.code.label())
        .evidence("seen", seen.summary.en.as_str())
        .evidence("status", heard.status.as_u16());
    walked.sight.findings.retain(|finding| finding.severity != Severity::Critical);
    walked.sight.findings.push(found);
}

/// What a stranger is answered: asked to log in, sent there, or told nothing of substance.
fn may_be_lost(finding: &Finding, heard: &Heard) -> bool {
    match finding.code {
        Code::HttpStatus => {
            matches!(heard.status.as_u16(), 300..=399 | 401 | 403 | 419 | 440)
        }
        Code::HttpRedirect | Code::HttpBody => true,
        // A value of substance is an answer to somebody: the application knows who asks.
        Code::HttpJson => match finding.evidence.get("got") {
            Some(Value::String(got)) => {
                matches!(got.as_str(), "false" | "null" | "0" | "\"\"" | "[]" | "{}")
                    || finding.evidence.contains_key("error")
            }
            _ => true,
        },
        _ => false,
    }
}

/// A cookie was sent, and the step is answered as one is who sends none.
#[expect(clippy::too_many_arguments, reason = "all of one step")]
async fn is_forgotten(
    walked: &Walked,
    heard: &Heard,
    before: &Before,
    step: &Step,
    ask: &Ask,
    jar: &Jar,
    net: &Net,
    watch: &Stopwatch,
) -> bool {
    let is_dropped = |line: &Line| {
        let of_session = before.0.iter().any(|(known, _)| known.cookie.name == line.cookie.name);
        of_session && line.outcome == Outcome::Deleted
    };
    if heard.status.as_u16() == 401 || jar.lines_of_stage().iter().any(is_dropped) {
        return true;
    }
    // To ask twice for what changes something is not for a monitor to do.
    if !ask.method().is_safe() || watch.left().is_zero() {
        return matches!(heard.status.as_u16(), 419 | 440);
    }
    let mut nobody = Jar::default();
    let mut own = Stopwatch::start(watch.left());
    let walk = hop::walk_with(&step.http, ask.clone(), Some(&mut nobody), net, &mut own);
    let stranger = Box::pin(walk).await;
    let told = |walked: &Walked| -> Vec<(Code, String, Option<Value>)> {
        let findings = walked.sight.findings.iter();
        let bad = findings.filter(|finding| finding.severity == Severity::Critical);
        let got = |finding: &Finding| match finding.code {
            // Bodies differ in numbers of requests and times; that they lack the same is enough.
            Code::HttpBody => None,
            _ => finding.evidence.get("got").cloned(),
        };
        bad.map(|finding| (finding.code, finding.subject.clone(), got(finding))).collect()
    };
    stranger.heard.as_ref().is_some_and(|other| other.status == heard.status)
        && told(&stranger) == told(walked)
}

/// Sent, and forgotten: by the application, or lost on its way through the proxy.
async fn forgotten(
    before: &Before,
    step: &Step,
    ask: &Ask,
    jar: &Jar,
    net: &Net,
    watch: &Stopwatch,
) -> Finding {
    let url = hop::without_query(&step.http.shown);
    let sent = before.0.iter().filter(|(_, standing)| *standing == Standing::Sent);
    let lines: Vec<&Line> = sent.map(|(line, _)| line).collect();
    let names = names(&lines);
    let stage = lines.first().map_or("", |line| &*line.stage);
    let dressed = jar.dressed(ask.clone());
    let inner = if ask.method().is_safe() {
        inner::asked(&step.http, &dressed, net, watch).await
    } else {
        None
    };
    let knows = |inner: &inner::Inner| inner.is_well && inner.heard.status.is_success();
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
                Some((upstream, _)) => text!(
                    "{upstream} behind the proxy answers alike: it is the application",
                    "프록시 뒤의 {upstream}에서도 같으므로 애플리케이션의 문제입니다"
                ),
                None => {
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
        Some((upstream, _)) => {
            finding.evidence("guilty", guilty).evidence("upstream", upstream.to_string())
        }
        None => finding,
    }
}

fn not_sent(line: &Line, standing: &Standing, step: &Step) -> Finding {
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
    let (name, stage) = (names(&[line]), Arc::clone(&line.stage));
    lost(
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
    .evidence("set_by", &*stage)
    .evidence("set_cookie", line.cookie.shown())
    .evidence("sent", json!(false))
}

fn lost(step: &Step, summary: Text, remedy: Text) -> Finding {
    let url = hop::without_query(&step.http.shown);
    Finding::new(Code::HttpSessionLost, url, summary, remedy)
}

fn names(lines: &[&Line]) -> String {
    let names = lines.iter().map(|line| crate::net::printable(line.cookie.name.as_bytes(), 64));
    names.collect::<Vec<_>>().join(", ")
}
