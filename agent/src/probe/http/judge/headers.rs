//! Headers that the plan names, and those of a set that protects visitors.

use health::{Code, Finding, Text, text};
use http::HeaderName;
use http::header::LAST_MODIFIED;
use serde_json::Value;

use super::{Reply, security, value_matches};
use crate::net::printable;
use crate::probe::http::expect::{Expect, HeaderRule, HeaderWanted, Spoken};
use crate::probe::http::redact;

/// Most values of one header that are shown.
const SHOWN_VALUES: usize = 4;

/// Adds a finding for each header that is not as it should be.
pub(super) fn judge(expect: &Expect, reply: &Reply, findings: &mut Vec<Finding>) {
    findings.extend(expect.headers.iter().filter_map(|rule| differs(rule, reply)));
    if let Some(level) = expect.security {
        let is_named = |name: &str| expect.headers.iter().any(|rule| rule.name == name);
        security::judge(level, reply, is_named, findings);
    }
    findings.extend(stale(expect, reply));
}

fn differs(rule: &HeaderRule, reply: &Reply) -> Option<Finding> {
    let (name, url) = (&rule.name, &reply.subject);
    let is_sent = reply.headers.contains_key(name);
    let wanted = match &rule.wanted {
        HeaderWanted::Sent if !is_sent => Text::same("sent"),
        HeaderWanted::NotSent if is_sent => Text::same("not sent"),
        HeaderWanted::Matches(pattern) if !value_matches(pattern, &reply.headers, name) => {
            Text::same(format!("/{}/", pattern.as_str()))
        }
        HeaderWanted::Never(pattern) if value_matches(pattern, &reply.headers, name) => {
            text!("not /{pattern}/", "/{pattern}/와 맞지 않는 값", pattern = pattern.as_str())
        }
        _ => return None,
    };
    let got = values(name, reply);
    let summary = match (&rule.wanted, &got) {
        (HeaderWanted::NotSent, Some(got)) => text!(
            "{url} sends {name}: {got}, which it should not send",
            "{url}의 응답에 있으면 안 되는 {name} 헤더가 있습니다: {got}"
        ),
        (_, Some(got)) => text!(
            "{url} sends {name}: {got}, expected {wanted_en}",
            "{url}의 {name} 헤더가 다릅니다: {got}, 기대 {wanted_ko}",
            wanted_en = wanted.en,
            wanted_ko = wanted.ko
        ),
        (_, None) => text!("{url} sends no {name} header", "{url}의 응답에 {name} 헤더가 없습니다"),
    };
    let remedy = match rule.wanted {
        HeaderWanted::NotSent | HeaderWanted::Never(_) => to_hide(name, url),
        HeaderWanted::Sent | HeaderWanted::Matches(_) => to_add(url),
    };
    let expected = match &rule.wanted {
        // As before there were other wishes: the pattern alone.
        HeaderWanted::Matches(pattern) => pattern.as_str().to_owned(),
        _ => wanted.en,
    };
    let finding = Finding::new(Code::HttpHeader, subject(reply, name.as_str()), summary, remedy);
    Some(finding.evidence("expected", expected).evidence("got", shown(got)))
}

/// The name of a header within an answer, as findings write it.
pub(super) fn subject(reply: &Reply, name: &str) -> String {
    format!("{} [{name}]", reply.subject)
}

/// The values of a header for people, if it was sent.
pub(super) fn values(name: &HeaderName, reply: &Reply) -> Option<String> {
    let values = reply.headers.get_all(name);
    let shown: Vec<_> = values
        .iter()
        .take(SHOWN_VALUES)
        .map(|value| redact::header_value(name, value.as_bytes()))
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// For evidence: nothing is null.
pub(super) fn shown(got: Option<String>) -> Value {
    got.map_or(Value::Null, Value::String)
}

/// What makes a server send a header.
pub(super) fn to_add(url: &str) -> Text {
    text!(
        "See the headers: `curl -sI {url}`. In nginx an `add_header` inside a location drops those of the level above, and without `always` errors go without.",
        "헤더를 확인하세요: `curl -sI {url}`. nginx에서는 location 안의 `add_header`가 상위 설정을 모두 대신하고, `always`가 없으면 오류 응답에는 붙지 않습니다."
    )
}

/// What makes a server send it no more.
pub(super) fn to_hide(name: &HeaderName, url: &str) -> Text {
    if name == http::header::SERVER {
        return text!(
            "See the header: `curl -sI {url}`. nginx: `server_tokens off;`. Apache: `ServerTokens Prod`. Set by the application behind nginx, it is passed on with `proxy_pass_header Server` alone.",
            "헤더를 확인하세요: `curl -sI {url}`. nginx는 `server_tokens off;`, Apache는 `ServerTokens Prod`로 버전을 숨깁니다. nginx 뒤의 애플리케이션이 보낸 값은 `proxy_pass_header Server`가 있을 때만 전달됩니다."
        );
    }
    text!(
        "See who sends it: `curl -sI {url}`, then the same at the application itself. nginx hides what the application sends with `proxy_hide_header {name};` (FastCGI: `fastcgi_hide_header`); PHP: `expose_php = Off`; Express: `app.disable('x-powered-by')`.",
        "누가 보내는지 확인하세요: `curl -sI {url}`, 그다음 애플리케이션에 직접. nginx에서는 `proxy_hide_header {name};`(FastCGI는 `fastcgi_hide_header`)으로 숨깁니다. PHP는 `expose_php = Off`, Express는 `app.disable('x-powered-by')`입니다."
    )
}

fn stale(expect: &Expect, reply: &Reply) -> Option<Finding> {
    let most = expect.modified_within?;
    let url = &reply.subject;
    let said = reply.headers.get(LAST_MODIFIED);
    let got = said.map(|value| printable(value.as_bytes(), 64));
    let time = said
        .and_then(|value| jiff::fmt::rfc2822::parse(value.to_str().ok()?).ok())
        .map(|date| date.timestamp());
    let wanted = format!("{:?}", Spoken(most));
    let summary = match (time, &got) {
        (Some(time), Some(got)) => {
            let age = reply.now.duration_since(time).unsigned_abs();
            if time >= reply.now || age <= most {
                return None;
            }
            let hours = age.as_secs() / 3600;
            let age_en =
                if hours >= 48 { format!("{} days", hours / 24) } else { format!("{hours} hours") };
            let age_ko =
                if hours >= 48 { format!("{}일", hours / 24) } else { format!("{hours}시간") };
            text!(
                "{url} was last modified {age_en} ago ({got}), expected at most {wanted}",
                "{url}이(가) 마지막으로 바뀐 지 {age_ko} 되었습니다({got}). 기대: {wanted} 이내"
            )
        }
        (None, Some(got)) => text!(
            "{url} sends Last-Modified: {got}, which is not a date",
            "{url}의 Last-Modified 값이 날짜가 아닙니다: {got}"
        ),
        (_, None) => text!(
            "{url} sends no Last-Modified, so its age is not known",
            "{url}의 응답에 Last-Modified 헤더가 없어 언제 바뀌었는지 알 수 없습니다"
        ),
    };
    let finding = Finding::new(
        Code::HttpHeader,
        subject(reply, "last-modified"),
        summary,
        text!(
            "What writes it did not run, or a cache kept the old one: look at the job (`crontab -l`, its log) and the file (`ls -l`), then at `curl -sI {url} | grep -iE 'last-modified|age|cache'`. After a restart of a container, is cron running: `pgrep -a cron`?",
            "내용을 만드는 작업이 돌지 않았거나 캐시가 옛것을 주고 있습니다. 작업(`crontab -l`과 로그)과 파일(`ls -l`)을 보고, `curl -sI {url} | grep -iE 'last-modified|age|cache'`로 캐시를 확인하세요. 컨테이너를 다시 시작했다면 cron이 도는지도 보세요: `pgrep -a cron`."
        ),
    )
    .evidence("expected", format!("at most {wanted} old"))
    .evidence("got", shown(got));
    Some(finding)
}
