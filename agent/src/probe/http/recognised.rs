//! Error pages and refusals by whose hand they are: a limit that was reached, a maintenance page, a
//! proxy that has nobody left to ask.
//!
//! Only where an expectation does not hold: a page about maintenance windows is a page like any other.

use health::{Code, Finding, Text, text};
use http::StatusCode;
use http::header::{HeaderName, RETRY_AFTER};

use super::content;
use super::judge::Reply;
use crate::net::printable;

/// Bytes of a page that are looked at.
const LOOK_BYTES: usize = 16 * 1024;
/// What the title or the first heading of a maintenance page says.
const MAINTENANCE: [&str; 14] = [
    "maintenance",
    "be right back",
    "be back soon",
    "under construction",
    "temporarily closed",
    "scheduled downtime",
    "upgrade in progress",
    "점검",
    "유지보수",
    "유지 보수",
    "서비스 준비",
    "잠시 중단",
    "일시 중단",
    "공사 중",
];

/// Puts what was recognised in the place of findings that only say how the page differs.
pub(super) fn retell(
    reply: &Reply,
    limits: Option<&str>,
    own_answer: Option<&str>,
    findings: &mut Vec<Finding>,
) {
    let is_of_the_page = |finding: &Finding| match finding.code {
        Code::HttpStatus => true,
        Code::HttpBody | Code::HttpJson | Code::HttpHeader => reply.status.is_success(),
        _ => false,
    };
    let Some(first) = findings.iter().position(is_of_the_page) else { return };
    let page = page(reply);
    let Some(told) = recognised(reply, &page, limits, own_answer) else {
        if let Some(speaker) = speaker(&page) {
            let told = findings.remove(first);
            findings.insert(first, by_hand_of(told, reply.status, speaker));
        }
        return;
    };
    let known = findings.remove(first);
    findings.retain(|finding| !is_of_the_page(finding));
    let mut told = told;
    for name in ["expected", "got", "upstream"] {
        if let Some(value) = known.evidence.get(name) {
            told.evidence.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
    findings.insert(first.min(findings.len()), told);
}

fn recognised(
    reply: &Reply,
    page: &str,
    limits: Option<&str>,
    own_answer: Option<&str>,
) -> Option<Finding> {
    let retry_after = header(reply, &RETRY_AFTER);
    let is_unavailable = reply.status == StatusCode::SERVICE_UNAVAILABLE;
    if reply.status == StatusCode::TOO_MANY_REQUESTS {
        return Some(rate_limited(reply, retry_after.as_deref(), limits));
    }
    if let Some(words) = heading(page).filter(|words| is_about_maintenance(words))
        && (is_unavailable || reply.status.is_success())
    {
        return Some(maintenance(reply, &words, retry_after.as_deref()));
    }
    if is_unavailable {
        if let Some(place) = own_answer {
            let words = format!("return 503; ({place})");
            let told = maintenance(reply, &words, retry_after.as_deref());
            return Some(told.evidence("written", place));
        }
        if limits.is_some() && speaker(page) == Some(Speaker::Nginx) {
            return Some(rate_limited(reply, retry_after.as_deref(), limits));
        }
        if let Some(after) = &retry_after {
            return Some(maintenance(reply, "", Some(after)));
        }
    }
    None
}

fn rate_limited(reply: &Reply, retry_after: Option<&str>, limits: Option<&str>) -> Finding {
    let (url, status) = (&reply.subject, reply.status.as_u16());
    let finding = Finding::new(
        Code::HttpRateLimited,
        &**url,
        text!(
            "{url} answers {status}: the limit on requests is reached, for this agent at least",
            "{url}에서 {status} 응답이 옵니다. 적어도 이 에이전트는 요청 제한에 걸렸습니다"
        ),
        text!(
            "See who reached it: nginx `grep limiting /var/log/nginx/error.log | tail`. If visitors are hit, raise `rate` or `burst` (`limit_req zone=… burst=20 nodelay;`); if only checks are, exempt their address with a `geo` block, or raise `interval`.",
            "누가 제한에 걸렸는지 확인하세요: nginx라면 `grep limiting /var/log/nginx/error.log | tail`. 방문자도 걸린다면 `rate`나 `burst`를 올리세요(`limit_req zone=… burst=20 nodelay;`). 점검만 걸린다면 `geo` 블록으로 이 주소를 예외로 두거나 `interval`을 늘리세요."
        ),
    )
    .evidence("status", status);
    let finding = match limits {
        Some(place) => finding.evidence("limit", place),
        None => finding,
    };
    with_retry_after(finding, retry_after)
}

fn maintenance(reply: &Reply, words: &str, retry_after: Option<&str>) -> Finding {
    let (url, status) = (&reply.subject, reply.status.as_u16());
    let (en, ko) = match (words, retry_after) {
        ("", after) => {
            let after = after.unwrap_or_default();
            (format!("come back later (Retry-After: {after})"), format!("Retry-After: {after}"))
        }
        (words, _) => (format!("\"{words}\""), format!("\"{words}\"")),
    };
    let finding = Finding::new(
        Code::HttpMaintenance,
        &**url,
        text!(
            "{url} answers {status} with a maintenance page: {en}",
            "{url}에서 점검 안내 페이지가 {status}(으)로 나옵니다: {ko}"
        ),
        text!(
            "If the work is over, take the page away: the flag file or `return 503` in nginx (`nginx -T | grep -n -E 'maintenance|return 503'`), Laravel `php artisan up`, WordPress `rm .maintenance`. If it goes on, all is as it should be.",
            "작업이 끝났다면 안내 페이지를 내리세요. nginx의 플래그 파일이나 `return 503`(`nginx -T | grep -n -E 'maintenance|return 503'`), Laravel은 `php artisan up`, WordPress는 `rm .maintenance`입니다. 아직 작업 중이라면 정상입니다."
        ),
    )
    .evidence("status", status)
    .evidence("page", words);
    with_retry_after(finding, retry_after)
}

fn with_retry_after(finding: Finding, retry_after: Option<&str>) -> Finding {
    match retry_after {
        Some(after) => finding.evidence("retry_after", after),
        None => finding,
    }
}

/// Whose own error page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Nginx,
    Haproxy,
    Gunicorn,
}

/// The programs' own pages, word for word; one that was written for a site is nobody's.
fn speaker(page: &str) -> Option<Speaker> {
    let has = |words: &str| page.contains(words);
    if has("<hr><center>nginx") || has("<hr><center>openresty") {
        return Some(Speaker::Nginx);
    }
    if has("No server is available to handle this request.")
        || has("The server returned an invalid or incomplete response.")
        || has("The server didn't respond in time.")
    {
        return Some(Speaker::Haproxy);
    }
    let is_gunicorn = has("<h1><p>Internal Server Error</p></h1>");
    is_gunicorn.then_some(Speaker::Gunicorn)
}

fn by_hand_of(finding: Finding, status: StatusCode, speaker: Speaker) -> Finding {
    let name = match speaker {
        Speaker::Nginx => "nginx",
        Speaker::Haproxy => "HAProxy",
        Speaker::Gunicorn => "gunicorn",
    };
    let remedy = match (speaker, status.as_u16()) {
        (Speaker::Haproxy, 503) => text!(
            "HAProxy has no server left that passes its health check: `echo 'show stat' | socat - /run/haproxy/admin.sock | cut -d, -f1,2,18` shows which are DOWN. Start those, or mend the check (`option httpchk`).",
            "HAProxy에 상태 검사를 통과한 서버가 하나도 없습니다. `echo 'show stat' | socat - /run/haproxy/admin.sock | cut -d, -f1,2,18`로 DOWN인 서버를 확인해 다시 띄우거나, 검사(`option httpchk`)를 고치세요."
        ),
        (Speaker::Haproxy, 504) => text!(
            "The server behind HAProxy took longer than `timeout server`: look at the application and what it waits for before raising it. HAProxy's log names the server (`sH--`).",
            "HAProxy 뒤의 서버가 `timeout server`보다 오래 걸렸습니다. 값을 올리기 전에 애플리케이션과 그것이 기다리는 것을 보세요. HAProxy 로그에 서버 이름이 있습니다(`sH--`)."
        ),
        (Speaker::Haproxy, _) => text!(
            "The server behind HAProxy closed the connection or answered no HTTP: its log, and HAProxy's (`SH--`, `PH--`) name it.",
            "HAProxy 뒤의 서버가 연결을 끊었거나 HTTP가 아닌 응답을 보냈습니다. 그 서버의 로그와 HAProxy 로그(`SH--`, `PH--`)를 보세요."
        ),
        (Speaker::Gunicorn, _) => text!(
            "gunicorn itself says so: the application raised before it could answer (an import or a setting at its start, middleware). Its log has the traceback; without one: `gunicorn --check-config MODULE:APP`.",
            "gunicorn이 직접 낸 오류입니다. 애플리케이션이 응답하기 전에 예외가 났습니다(시작할 때의 import나 설정, 미들웨어). 로그의 traceback을 보고, 없으면 `gunicorn --check-config 모듈:앱`을 실행하세요."
        ),
        (Speaker::Nginx, 503) => text!(
            "nginx says so itself: `limit_req` or `limit_conn` (503 unless `limit_req_status` says otherwise), or `return 503`. `tail /var/log/nginx/error.log` names a limit; `nginx -T | grep -n -E 'limit_|return 503'` shows both. With `nginx = \"/etc/nginx/nginx.conf\"` in the check it is told which.",
            "nginx가 직접 낸 응답입니다. `limit_req`나 `limit_conn`(`limit_req_status`가 없으면 503) 또는 `return 503`입니다. 제한이라면 `tail /var/log/nginx/error.log`에 나오고, `nginx -T | grep -n -E 'limit_|return 503'`로 둘 다 볼 수 있습니다. 체크에 `nginx = \"/etc/nginx/nginx.conf\"`를 적어 두면 어느 쪽인지 알려 줍니다."
        ),
        (Speaker::Nginx, _) => finding.remedy.clone(),
    };
    Finding { remedy, ..finding }.evidence("answered_by", name)
}

fn page(reply: &Reply) -> String {
    let kept = &reply.body.kept[..reply.body.kept.len().min(LOOK_BYTES)];
    match content::decoded(&reply.headers, kept, LOOK_BYTES as u64) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// The title, or the first heading, of a page.
fn heading(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    ["title", "h1", "h2"].into_iter().find_map(|tag| {
        let begins = lower.find(&format!("<{tag}"))?;
        let inner = begins + lower[begins..].find('>')? + 1;
        let ends = inner + lower[inner..].find('<')?;
        let words = printable(page[inner..ends].trim().as_bytes(), 120);
        (!words.is_empty() && (tag != "title" || is_about_maintenance(&words))).then_some(words)
    })
}

fn is_about_maintenance(words: &str) -> bool {
    let words = words.to_lowercase();
    MAINTENANCE.iter().any(|known| words.contains(known))
}

fn header(reply: &Reply, name: &HeaderName) -> Option<String> {
    reply.headers.get(name).map(|value| printable(value.as_bytes(), 64))
}

/// Says of a finding about a page what the upstream says when it is asked without the proxy.
pub(super) fn compared(finding: Finding, who: &str, is_well: Option<bool>) -> Finding {
    let (words, remedy): (Text, Option<Text>) = match is_well {
        Some(true) => (
            text!(
                "{who}, asked without the proxy, answers as expected",
                "프록시 없이 직접 물으면 {who}의 응답은 정상입니다"
            ),
            Some(text!(
                "The application is well: the proxy passes on to somebody else or changes the answer. Compare `proxy_pass` and `server_name` of this very site with {who} (`nginx -T | grep -n -E 'server_name|proxy_pass|upstream'`): two backends are often swapped, or another virtual host answers.",
                "애플리케이션은 정상입니다. 프록시가 다른 곳으로 넘기거나 응답을 바꾸고 있습니다. 이 사이트의 `proxy_pass`와 `server_name`이 {who}을(를) 가리키는지 확인하세요(`nginx -T | grep -n -E 'server_name|proxy_pass|upstream'`). 두 백엔드가 뒤바뀌었거나 다른 가상 호스트가 응답하는 경우가 많습니다."
            )),
        ),
        // Headers are often the proxy's to add: that the application has none says little.
        Some(false) if finding.code == Code::HttpHeader => {
            return finding.evidence("upstream", format!("{who}: the same without the proxy"));
        }
        Some(false) => (
            text!(
                "{who}, asked without the proxy, answers the same way: the application itself",
                "프록시 없이 직접 물어도 {who}의 응답이 같습니다. 애플리케이션 자체의 문제입니다"
            ),
            None,
        ),
        None => return finding.evidence("upstream", format!("{who}: not verified")),
    };
    let summary = Text {
        en: format!("{}; {}", finding.summary.en, words.en),
        ko: format!("{}. {}", finding.summary.ko, words.ko),
    };
    let remedy = remedy.unwrap_or_else(|| finding.remedy.clone());
    Finding { summary, remedy, ..finding }.evidence("upstream", words.en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_apart() {
        let nginx = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx/1.26.3</center>";
        let haproxy = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>";
        let gunicorn = "<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n    <h1><p>Internal Server Error</p></h1>";
        for (page, expected) in [
            (nginx, Some(Speaker::Nginx)),
            (haproxy, Some(Speaker::Haproxy)),
            (gunicorn, Some(Speaker::Gunicorn)),
            ("<h1>Server Error (500)</h1>", None),
            ("", None),
        ] {
            assert_eq!(speaker(page), expected, "{page}");
            assert!(heading(page).is_none_or(|words| !is_about_maintenance(&words)), "{page}");
        }
    }

    #[test]
    fn headings_of_maintenance_pages() {
        for (page, expected) in [
            ("<title>Down for Maintenance</title>", true),
            ("<TITLE>서비스 점검 중입니다</TITLE>", true),
            ("<title>Shop</title><h1 class=\"x\">We'll be right back</h1>", true),
            ("<title>Shop</title><h1>Welcome</h1><p>maintenance plans from 3 €</p>", false),
            ("{\"maintenance\":false}", false),
            ("<title", false),
            ("<title>", false),
        ] {
            let found = heading(page).is_some_and(|words| is_about_maintenance(&words));
            assert_eq!(found, expected, "{page}");
        }
    }
}
