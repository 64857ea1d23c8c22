//! Why a cookie that should be there is not: what browsers do with what a server sends, and which
//! hop is at fault.

use health::{Code, Finding, Text, text};
use serde_json::Value;

use super::ask::{self, Ask, host};
use super::jar::{Jar, Line, Outcome, Refusal, Unsent};
use super::{Spec, inner, redirect};
use crate::net::{Net, printable};
use crate::probe::Stopwatch;

/// A cookie was to be set, and is not in the jar; `line` is what the answer said of it.
pub(super) fn unset(name: &str, url: &str, line: Option<&Line>, jar: &Jar) -> Finding {
    let subject = format!("{url} [{name}]");
    let Some(line) = line else {
        return never_set(name, url, subject, jar);
    };
    let got = line.cookie.shown();
    let (reason, remedy) = match &line.outcome {
        Outcome::Refused(refusal) => refused(refusal, line),
        Outcome::Kept | Outcome::Deleted => deleted(line),
    };
    Finding::new(
        Code::HttpSessionLost,
        subject,
        text!(
            "{url} sets the cookie {name}, but browsers drop it: {en}",
            "{url}에서 쿠키 {name}을(를) 설정하지만 브라우저가 버립니다: {ko}",
            en = reason.en,
            ko = reason.ko
        ),
        remedy,
    )
    .evidence("cookie", name)
    .evidence("why", why(&line.outcome))
    .evidence("got", got)
    .evidence("set_by", ask::subject(&line.url))
}

fn never_set(name: &str, url: &str, subject: String, jar: &Jar) -> Finding {
    let mut others: Vec<String> = jar
        .lines_of_stage()
        .iter()
        .map(|line| printable(line.cookie.name.as_bytes(), 64))
        .collect();
    others.dedup();
    others.truncate(8);
    let listed = others.join(", ");
    let summary = if others.is_empty() {
        text!(
            "{url} sets no cookie {name}: its answer has no Set-Cookie at all",
            "{url}에서 쿠키 {name}을(를) 설정하지 않습니다: 응답에 Set-Cookie가 전혀 없습니다"
        )
    } else {
        text!(
            "{url} sets no cookie {name}, only {listed}",
            "{url}에서 쿠키 {name}을(를) 설정하지 않습니다. 설정한 쿠키: {listed}"
        )
    };
    Finding::new(
        Code::HttpSessionLost,
        subject,
        summary,
        text!(
            "Ask the application itself, without the proxy: `curl -sD - -o /dev/null http://APPLICATION/… | grep -i '^set-cookie'`. There it is: the proxy drops it (nginx: `proxy_hide_header Set-Cookie`, or a cached answer). There it is not: the login did not succeed, or its session middleware is off; read its log. Name the application in `upstream`, and this check asks it itself.",
            "프록시를 거치지 않고 애플리케이션에 직접 물어보세요: `curl -sD - -o /dev/null http://애플리케이션/… | grep -i '^set-cookie'`. 거기에 있으면 프록시가 버린 것입니다(nginx: `proxy_hide_header Set-Cookie`, 또는 캐시된 응답). 없으면 로그인이 실패했거나 세션 미들웨어가 꺼져 있습니다. 애플리케이션 로그를 확인하세요. `upstream`에 애플리케이션을 적으면 이 체크가 직접 물어봅니다."
        ),
    )
    .evidence("cookie", name)
    .evidence("why", "never set")
    .evidence("expected", format!("Set-Cookie: {name}=…"))
    .evidence("got", others)
}

fn deleted(line: &Line) -> (Text, Text) {
    let name = &line.cookie.name;
    (
        text!("this answer deletes it again", "같은 응답에서 다시 삭제됩니다"),
        text!(
            "The answer ends the cookie it had set: the application logs out at once. Look for a second Set-Cookie: {name} on the way (a redirect to a logout or an error page), and at its log.",
            "설정했던 쿠키를 응답에서 다시 끝내고 있습니다. 로그인 직후 로그아웃되는 셈입니다. 중간(로그아웃이나 오류 페이지로의 리다이렉트)에 두 번째 Set-Cookie: {name}이(가) 있는지, 애플리케이션 로그를 확인하세요."
        ),
    )
}

/// The reason in few words that do not change, for evidence.
pub(crate) fn why(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Kept => "kept",
        Outcome::Deleted => "deleted",
        Outcome::Refused(refusal) => match refusal {
            Refusal::Domain | Refusal::PublicSuffix => "wrong domain",
            Refusal::Insecure => "Secure over http",
            Refusal::NoneWithoutSecure => "SameSite=None without Secure",
            Refusal::Prefix(_) => "broken prefix",
            Refusal::TooLarge(_) => "too large",
            Refusal::Ended { .. } => "expired at once",
            Refusal::WouldReplaceSecure => "would replace a Secure cookie over http",
            Refusal::TooMany => "too many cookies",
        },
    }
}

/// Why browsers ignore it, and what to do about it.
pub(crate) fn refused(refusal: &Refusal, line: &Line) -> (Text, Text) {
    let (cookie, from) = (&line.cookie, host(&line.url));
    let name = printable(cookie.name.as_bytes(), 64);
    let domain = printable(cookie.domain.as_deref().unwrap_or(from).as_bytes(), 128);
    match refusal {
        Refusal::Domain => (
            text!(
                "its Domain={domain} is not {from}, nor a domain above it",
                "Domain={domain}이(가) {from}의 도메인이 아닙니다"
            ),
            text!(
                "The application sets an inner or an old name. Let it set no Domain at all (Django: `SESSION_COOKIE_DOMAIN = None`), or have the proxy rewrite it: nginx `proxy_cookie_domain {domain} $host;`.",
                "애플리케이션이 내부 이름이나 예전 이름을 쓰고 있습니다. Domain을 아예 설정하지 않게 하거나(Django: `SESSION_COOKIE_DOMAIN = None`), 프록시에서 바꾸세요: nginx `proxy_cookie_domain {domain} $host;`."
            ),
        ),
        Refusal::PublicSuffix => (
            text!(
                "its Domain={domain} is one under which strangers register names",
                "Domain={domain}은(는) 누구나 이름을 등록할 수 있는 공용 도메인입니다"
            ),
            text!(
                "Set Domain to the site's own name, or leave it out: the cookie is then for {from} alone.",
                "Domain을 사이트 자신의 이름으로 설정하거나 생략하세요. 생략하면 {from}에만 쓰입니다."
            ),
        ),
        Refusal::Insecure => (
            text!(
                "it is Secure, and this answer came over plain http",
                "Secure 쿠키인데 이 응답은 암호화되지 않은 http로 왔습니다"
            ),
            text!(
                "Serve the login over https alone (redirect http to https before it), or look at why visitors arrive over http. Behind a proxy that ends TLS the visitor's side counts: it must be https there.",
                "로그인을 https로만 제공하거나(http는 먼저 https로 리다이렉트), 왜 http로 들어오는지 확인하세요. TLS를 끝내는 프록시 뒤라면 방문자 쪽이 https여야 합니다."
            ),
        ),
        Refusal::NoneWithoutSecure => (
            text!(
                "it is SameSite=None, which browsers take with Secure alone",
                "SameSite=None은 Secure와 함께일 때만 브라우저가 받아들입니다"
            ),
            text!(
                "Add Secure, or use SameSite=Lax: nginx `proxy_cookie_flags {name} secure samesite=none;`.",
                "Secure를 더하거나 SameSite=Lax를 쓰세요: nginx `proxy_cookie_flags {name} secure samesite=none;`."
            ),
        ),
        Refusal::Prefix(needs) => (
            text!(
                "its name promises {needs} by its prefix, and it is not so",
                "이름의 접두사에 필요한 조건({needs})을 지키지 않습니다"
            ),
            text!(
                "__Host- needs Secure, Path=/ and no Domain; __Secure- needs Secure. A proxy that rewrites path or domain breaks it.",
                "__Host-에는 Secure, Path=/가 있고 Domain이 없어야 하며, __Secure-에는 Secure가 있어야 합니다. 경로나 도메인을 바꾸는 프록시가 이를 깨뜨립니다."
            ),
        ),
        Refusal::TooLarge(bytes) => (
            text!(
                "it has {bytes} bytes, and browsers ignore a cookie over 4096",
                "크기가 {bytes}바이트인데 브라우저는 4096바이트를 넘는 쿠키를 무시합니다"
            ),
            text!(
                "Keep the session on the server and only its number in the cookie, or put less into the token.",
                "세션은 서버에 두고 쿠키에는 번호만 담거나, 토큰에 담는 내용을 줄이세요."
            ),
        ),
        Refusal::Ended { server_clock: Some(clock) } => (
            text!(
                "it ended before it came: the server's clock says {clock}, and that is behind",
                "도착하기 전에 이미 만료되었습니다. 서버 시계({clock})가 늦습니다"
            ),
            text!(
                "Set the server's clock: `date -u` there, then `chronyc makestep` or `ntpdate -u pool.ntp.org`. Max-Age instead of Expires does not depend on it.",
                "서버 시계를 맞추세요: 서버에서 `date -u`를 보고 `chronyc makestep` 또는 `ntpdate -u pool.ntp.org`. Expires 대신 Max-Age를 쓰면 시계의 영향을 받지 않습니다."
            ),
        ),
        Refusal::Ended { server_clock: None } => (
            text!(
                "it expires at once ({shown})",
                "설정되자마자 만료됩니다({shown})",
                shown = cookie.shown()
            ),
            text!(
                "Max-Age is zero or less, or Expires is past: that is how a cookie is deleted. Look at the lifetime in the application's settings, and whether the login failed and it logs out instead.",
                "Max-Age가 0 이하이거나 Expires가 과거입니다. 쿠키를 지우는 방법입니다. 애플리케이션의 수명 설정과, 로그인이 실패해 로그아웃 처리된 것은 아닌지 확인하세요."
            ),
        ),
        Refusal::WouldReplaceSecure => (
            text!(
                "over plain http it may not take the place of the Secure cookie of that name",
                "암호화되지 않은 http에서는 같은 이름의 Secure 쿠키를 대신할 수 없습니다"
            ),
            text!(
                "Stay on https after the login: find the link or redirect that leads to http.",
                "로그인 뒤에는 https에 머물러야 합니다. http로 이끄는 링크나 리다이렉트를 찾으세요."
            ),
        ),
        Refusal::TooMany => (
            text!("there are too many cookies already", "이미 쿠키가 너무 많습니다"),
            text!(
                "Find what sets a new cookie at each request: `curl -sD - -o /dev/null {url} | grep -ci '^set-cookie'`.",
                "요청마다 새 쿠키를 만드는 것을 찾으세요: `curl -sD - -o /dev/null {url} | grep -ci '^set-cookie'`.",
                url = ask::subject(&line.url)
            ),
        ),
    }
}

/// Why a cookie of the jar does not come along, and what to do about it.
pub(crate) fn held_back(unsent: &Unsent, name: &str) -> (&'static str, Text, Text) {
    match unsent {
        Unsent::OtherHost(host) => (
            "wrong domain",
            text!("it is for {host} alone", "{host}에만 쓰이는 쿠키입니다"),
            text!(
                "Both steps have to be on one name: use relative URLs through one proxy, or give the cookie a Domain above both.",
                "두 단계가 같은 이름이어야 합니다. 한 프록시를 통한 상대 URL을 쓰거나, 쿠키의 Domain을 두 이름의 상위로 설정하세요."
            ),
        ),
        Unsent::OtherDomain(domain) => (
            "wrong domain",
            text!("it is for {domain} and below", "{domain}과 그 하위에만 쓰이는 쿠키입니다"),
            text!(
                "This step is elsewhere: use one domain for both, or a Domain above both.",
                "이 단계는 다른 곳에 있습니다. 같은 도메인을 쓰거나 Domain을 두 이름의 상위로 설정하세요."
            ),
        ),
        Unsent::OtherPath(path) => (
            "wrong path",
            text!("it is for {path} and below", "{path}과 그 하위에만 쓰이는 쿠키입니다"),
            text!(
                "Set Path=/ (a cookie without Path is for the folder it was set in), or have the proxy rewrite an inner path: nginx `proxy_cookie_path {path} /;`.",
                "Path=/로 설정하세요(Path가 없는 쿠키는 설정된 폴더에만 쓰입니다). 내부 경로라면 프록시에서 바꾸세요: nginx `proxy_cookie_path {path} /;`."
            ),
        ),
        Unsent::Insecure => (
            "Secure over http",
            text!(
                "it is Secure, and this step goes over plain http",
                "Secure 쿠키인데 이 단계는 http입니다"
            ),
            text!(
                "Stay on https after the login: find the link or redirect that leads to http.",
                "로그인 뒤에는 https에 머물러야 합니다. http로 이끄는 링크나 리다이렉트를 찾으세요."
            ),
        ),
        Unsent::CrossSite(same_site) => (
            "SameSite",
            text!(
                "it is SameSite={label}, and another site led here",
                "SameSite={label}인데 다른 사이트에서 넘어왔습니다",
                label = same_site.label()
            ),
            text!(
                "A login that comes back from another site needs SameSite=Lax (for a GET) or SameSite=None; Secure (for a POST) on {name}.",
                "다른 사이트에서 돌아오는 로그인에는 {name}에 SameSite=Lax(GET) 또는 SameSite=None; Secure(POST)가 필요합니다."
            ),
        ),
        Unsent::Ended => (
            "expired",
            text!("it has expired since", "그사이 만료되었습니다"),
            text!(
                "It lives shorter than this journey takes: raise its Max-Age.",
                "쿠키의 수명이 이 여정보다 짧습니다. Max-Age를 늘리세요."
            ),
        ),
    }
}

/// Says of cookies that are missing whether the proxy or the application is at fault, by asking
/// the upstream the same.
pub(super) async fn blame(
    findings: &mut [Finding],
    spec: &Spec,
    first: &Ask,
    net: &Net,
    watch: &Stopwatch,
) {
    let is_lost = |finding: &&mut Finding| finding.code == Code::HttpSessionLost;
    let mut lost: Vec<&mut Finding> = findings.iter_mut().filter(is_lost).collect();
    if lost.is_empty() {
        return;
    }
    let Some((upstream, inner)) = inner::asked(spec, first, net, watch).await else { return };
    let jar = inner.jar(&first.url);
    let (hop, status) = (upstream.to_string(), inner.heard.status.as_u16());
    for finding in &mut lost {
        let name = finding.evidence.get("cookie").and_then(Value::as_str).unwrap_or_default();
        let line = jar.lines().iter().rev().find(|line| line.cookie.name == name);
        match line {
            Some(line) if line.outcome == Outcome::Kept => by_the_proxy(finding, &hop, line),
            Some(line) => {
                let shown = line.cookie.shown();
                by_the_application(finding, &hop, &shown);
            }
            None => {
                let said = format!("{status} without this cookie");
                // A form that is taken once alone is refused the second time, and what a redirect
                // leads to was not asked: neither says anything about the cookie.
                let leads_on = redirect::is_redirect(inner.heard.status);
                if inner.is_well && !(leads_on && redirect::are_followed(spec)) {
                    by_the_application(finding, &hop, &said);
                } else {
                    finding.evidence.insert("upstream".to_owned(), format!("{hop}: {said}").into());
                }
            }
        }
    }
}

/// The cookie is present behind the proxy, and not before it.
pub(crate) fn by_the_proxy(finding: &mut Finding, upstream: &str, line: &Line) {
    let (name, shown) = (printable(line.cookie.name.as_bytes(), 64), line.cookie.shown());
    let is_absent = finding.evidence.get("why").and_then(Value::as_str) == Some("never set");
    let (en, ko) = if is_absent { ("drops", "버립니다") } else { ("changes", "바꿉니다") };
    finding
        .summary
        .en
        .push_str(&format!("; {upstream} behind the proxy sets it well: the proxy {en} it"));
    finding.summary.ko.push_str(&format!(
        ". 프록시 뒤의 {upstream}에서는 올바르게 설정합니다. 프록시가 쿠키를 {ko}"
    ));
    finding.remedy = text!(
        "In the proxy's configuration look for what touches the cookie: nginx `proxy_hide_header Set-Cookie`, `proxy_ignore_headers Set-Cookie` with a cache, `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags` (`nginx -T | grep -niE 'set-cookie|proxy_cookie'`); HAProxy `http-response del-header Set-Cookie`. Compare: `curl -sD - -o /dev/null -H 'Host: …' http://{upstream}/… | grep -i '^set-cookie: {name}'`.",
        "프록시 설정에서 쿠키를 건드리는 부분을 찾으세요: nginx의 `proxy_hide_header Set-Cookie`, 캐시와 함께 쓰는 `proxy_ignore_headers Set-Cookie`, `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`(`nginx -T | grep -niE 'set-cookie|proxy_cookie'`), HAProxy의 `http-response del-header Set-Cookie`. 비교: `curl -sD - -o /dev/null -H 'Host: …' http://{upstream}/… | grep -i '^set-cookie: {name}'`."
    );
    let before = finding.evidence.insert("why".to_owned(), "dropped by the proxy".into());
    if !is_absent && let Some(before) = before {
        finding.evidence.insert("why".to_owned(), "changed by the proxy".into());
        finding.evidence.insert("how".to_owned(), before);
    }
    finding.evidence.insert("guilty".to_owned(), "proxy".into());
    finding.evidence.insert("upstream".to_owned(), format!("{upstream}: {shown}").into());
}

/// Behind the proxy it is no better.
pub(crate) fn by_the_application(finding: &mut Finding, upstream: &str, said: &str) {
    finding
        .summary
        .en
        .push_str(&format!("; {upstream} behind the proxy does no better: it is the application"));
    finding
        .summary
        .ko
        .push_str(&format!(". 프록시 뒤의 {upstream}에서도 같으므로 애플리케이션의 문제입니다"));
    finding.evidence.insert("guilty".to_owned(), "application".into());
    finding.evidence.insert("upstream".to_owned(), format!("{upstream}: {said}").into());
}
