//! What is said of a hop, in both languages.

use health::{Code, Finding, Severity, Text, text};

use super::judge::{Fault, is_gateway};
use super::{Answered, Taken};
use crate::probe::http::ask;

/// A finding of one of several ways: the same thing by another way is another finding.
pub(super) fn of_way(mut finding: Finding, index: usize, way: &Taken) -> Finding {
    if index > 0 && finding.code.label().starts_with("http.") {
        finding.subject.push_str(&format!(" [{}]", way.name));
    }
    finding.evidence("way", &*way.name)
}

/// A finding, and whose fault it is.
pub(super) fn told(finding: Finding, index: usize, way: &Taken, fault: &Fault<'_>) -> Finding {
    let finding = of_way(finding, index, way);
    match *fault {
        Fault::Hop { at, well } => of_hop(finding, at, well),
        Fault::Last(last) => of_last(finding, last),
        Fault::Behind { at, cause } if is_gateway(&finding) => {
            bad_gateway(&finding, way, at, cause)
        }
        Fault::Behind { at, cause } => {
            let said = text!(
                " — {place}, behind it: {en}",
                " — 그 뒤의 {place}: {ko}",
                place = at.place(),
                en = cause.summary.en,
                ko = cause.summary.ko
            );
            append(finding, &said).evidence("hop", &*at.name)
        }
        Fault::Unnoticed { at, well } => unnoticed(finding, at, well),
        Fault::Own(at) => {
            let place = at.place();
            let said = text!(" — by {place}", " — {place} 경로");
            append(finding, &said).evidence("hop", &*at.name)
        }
    }
}

fn append(mut finding: Finding, said: &Text) -> Finding {
    finding.summary = joined(&finding.summary, said);
    finding
}

fn joined(one: &Text, other: &Text) -> Text {
    Text { en: format!("{}{}", one.en, other.en), ko: format!("{}{}", one.ko, other.ko) }
}

/// What came by this way to the same question.
fn answer<'a>(finding: &Finding, way: &'a Taken) -> Option<&'a Answered> {
    let step = finding.evidence.get("step").and_then(|step| step.as_str());
    let is_asked = |answer: &&Answered| answer.step.as_deref() == step;
    way.answers.iter().find(is_asked).or(way.answers.last())
}

fn of_hop(finding: Finding, at: &Taken, well: &Taken) -> Finding {
    let (place, good) = (at.place(), well.place());
    let by_hand = answer(&finding, well).map(|answer| answer.by_hand.clone());
    let mut finding = match finding.code {
        Code::HttpHostRejected => host_dropped(finding, at, well),
        _ => {
            let said = text!(
                " — by {good} it is as it should be: {place} is at fault",
                " — {good} 경로는 정상이므로 {place}에 문제가 있습니다"
            );
            let remedy = joined(&look_at(&finding, at, well), &own_advice(&finding));
            Finding { remedy, ..append(finding, &said) }
        }
    };
    finding = finding.evidence("hop", &*at.name);
    if let Some(server) = at.server() {
        finding = finding.evidence("server", server);
    }
    match by_hand {
        Some(command) => finding.evidence("by_hand_well", command),
        None => finding,
    }
}

fn look_at(finding: &Finding, at: &Taken, well: &Taken) -> Text {
    let (place, good) = (at.place(), well.place());
    if !finding.code.label().starts_with("http.") {
        return text!(
            "{good} behind it answers as it should, so leave the application alone: look at {place} and the way there (the router's forward, a firewall, the proxy's listener).",
            "그 뒤의 {good}은(는) 정상으로 응답하므로 애플리케이션은 건드리지 마세요. {place}와(과) 그곳까지의 경로(공유기 포워딩, 방화벽, 프록시의 listen)를 확인하세요."
        );
    }
    text!(
        "{good} behind it answers as it should, so leave the application alone: read the configuration and the log of what answers at {place} (nginx: `nginx -T | grep -n -e server_name -e location -e proxy_pass`, `tail /var/log/nginx/error.log`).",
        "그 뒤의 {good}은(는) 정상으로 응답하므로 애플리케이션은 건드리지 마세요. {place}에서 응답하는 서버의 설정과 로그를 확인하세요(nginx: `nginx -T | grep -n -e server_name -e location -e proxy_pass`, `tail /var/log/nginx/error.log`)."
    )
}

/// What the finding itself advises, unless that is about the application, which is well.
fn own_advice(finding: &Finding) -> Text {
    let about = match finding.code {
        Code::HttpStatus | Code::HttpBody | Code::HttpJson | Code::HttpTimeout => None,
        Code::HttpSessionLost => Some(text!(
            "Usual: `proxy_hide_header Set-Cookie`, `proxy_cookie_domain` or `proxy_cookie_path` that no longer fit, no `X-Forwarded-Proto`, or requests spread over servers that do not share sessions.",
            "흔한 원인: `proxy_hide_header Set-Cookie`, 맞지 않는 `proxy_cookie_domain`·`proxy_cookie_path`, 빠진 `X-Forwarded-Proto`, 세션을 공유하지 않는 여러 서버로의 분산."
        )),
        _ => Some(finding.remedy.clone()),
    };
    about.map_or_else(|| text!("", ""), |advice| joined(&text!(" ", " "), &advice))
}

/// The application knows the name when it is told: the hop before does not tell.
fn host_dropped(mut finding: Finding, at: &Taken, well: &Taken) -> Finding {
    let (place, good) = (at.place(), well.place());
    let sent = |way: &Taken| answer(&finding, way).map(|answer| answer.host.clone());
    let (Some(host), Some(inner_host)) = (sent(at), sent(well)) else { return finding };
    if host != inner_host {
        let said = text!(
            " — by {good}, asked as {inner_host}, all is well",
            " — {good}에 {inner_host}(으)로 물으면 정상입니다"
        );
        return append(finding, &said).evidence("host_sent_inner", inner_host);
    }
    let url = answer(&finding, at).map(|answer| ask::subject(&answer.url)).unwrap_or_default();
    let status = finding.evidence.get("got").map(ToString::to_string).unwrap_or_default();
    if let Some((sent, written)) = by_its_files(&finding) {
        if sent != host {
            // Its files say so, and have told what to write where.
            finding.summary = text!(
                "{url} answers {status}: {place} does not pass the name {host} on but sends {sent} ({written}); {good}, asked with that Host, knows it",
                "{url}에서 {status} 응답이 옵니다: {place}이(가) {host} 이름을 넘기지 않고 {sent}을(를) 보냅니다({written}). 같은 Host로 {good}에 물으면 정상입니다"
            );
            return finding.evidence("host_sent_inner", inner_host);
        }
        finding.summary = text!(
            "{url} answers {status}: {place} refuses the name {host} itself, or still runs with older settings, for its files pass it on ({written}); {good}, asked with that Host, knows it",
            "{url}에서 {status} 응답이 옵니다: 설정 파일에는 {host} 이름을 넘기게 되어 있으므로({written}) {place}이(가) 스스로 거절하거나 예전 설정으로 실행 중입니다. 같은 Host로 {good}에 물으면 정상입니다"
        );
        finding.remedy = text!(
            "The application knows {host}, and {written} passes it on. Load the files as they are, `nginx -t && nginx -s reload`; if it stays, see that `server_name` of that very site has {host}: `nginx -T | grep -n -e server_name -e listen -e 'return 4'`.",
            "애플리케이션은 {host} 이름을 알고 있고 {written}에서 이름을 넘깁니다. `nginx -t && nginx -s reload`로 지금의 설정을 적용하세요. 그래도 같다면 해당 사이트의 `server_name`에 {host}이(가) 있는지 확인하세요: `nginx -T | grep -n -e server_name -e listen -e 'return 4'`."
        );
        return finding.evidence("host_sent_inner", inner_host);
    }
    finding.summary = text!(
        "{url} answers {status}: {place} does not pass the name {host} on, or refuses it itself; {good}, asked with that Host, knows it",
        "{url}에서 {status} 응답이 옵니다: {place}이(가) {host} 이름을 넘기지 않거나 스스로 거절합니다. 같은 Host로 {good}에 물으면 정상입니다"
    );
    finding.remedy = text!(
        "The application knows {host}. In the proxy's location that passes it on: `proxy_set_header Host $host;` — without it nginx sends the name in `proxy_pass` — and `server_name {host};` in its server block. See what it does: `nginx -T | grep -n -e server_name -e proxy_set_header -e proxy_pass`, then `nginx -s reload`.",
        "애플리케이션은 {host} 이름을 알고 있습니다. 프록시의 해당 location에 `proxy_set_header Host $host;`를 넣고(없으면 nginx는 `proxy_pass`에 적힌 이름을 보냅니다) server 블록의 `server_name {host};`도 확인하세요: `nginx -T | grep -n -e server_name -e proxy_set_header -e proxy_pass`, 그다음 `nginx -s reload`."
    );
    finding.evidence("host_sent_inner", inner_host)
}

/// What nginx sends as Host by its own files, and where they say so.
fn by_its_files(finding: &Finding) -> Option<(String, String)> {
    let told = |name: &str| Some(finding.evidence.get(name)?.as_str()?.to_owned());
    Some((told("sent")?, told("written")?))
}

fn of_last(finding: Finding, last: &Taken) -> Finding {
    let place = last.place();
    if matches!(finding.code, Code::HttpHeader | Code::HttpCookie) {
        // Any hop might send it.
        let said = text!(
            " — by every way alike: neither {place} nor a hop before it sends it",
            " — 모든 경로에서 같습니다. {place}도 그 앞의 프록시도 보내지 않습니다"
        );
        return append(finding, &said).evidence("hop", &*last.name);
    }
    let sent = answer(&finding, last).map(|answer| answer.host.clone());
    let said = text!(
        " — {place}, asked directly, says the same: it is its own, the hops before it only pass it on",
        " — {place}에 직접 물어도 같습니다. 앞의 프록시들은 전달만 할 뿐 {place} 자체의 문제입니다"
    );
    let is_host = finding.code == Code::HttpHostRejected;
    let is_dropped_too = by_its_files(&finding)
        .is_some_and(|(by_files, _)| sent.as_ref().is_some_and(|host| *host != by_files));
    let mut finding = append(finding, &said).evidence("hop", &*last.name);
    let Some(host) = sent.filter(|_| is_host) else { return finding };
    if is_dropped_too {
        let first = text!(
            "First let the application at {place} know {host} (its list of allowed hosts: Django `ALLOWED_HOSTS`, Rails `config.hosts`). ",
            "먼저 {place}의 애플리케이션이 {host}을(를) 알게 하세요(허용 호스트 목록: Django `ALLOWED_HOSTS`, Rails `config.hosts`). "
        );
        finding.remedy = joined(&first, &finding.remedy);
    }
    finding.evidence("host_sent_inner", host)
}

/// A proxy got no answer, and the way behind it says why.
fn bad_gateway(finding: &Finding, way: &Taken, at: &Taken, cause: &Finding) -> Finding {
    let url = answer(finding, way).map(|answer| ask::subject(&answer.url));
    let url = url.unwrap_or_else(|| finding.subject.clone());
    let got = finding.evidence.get("got").cloned().unwrap_or_default();
    let (by, behind) = (way.place(), at.place());
    let mut gateway = Finding::new(
        Code::HttpBadGateway,
        &*cause.subject,
        text!(
            "{url} answers {got} by {by}, because of {behind} behind it: {en}",
            "{url}에서 {got} 응답이 옵니다({by}). 원인은 그 뒤의 {behind}입니다: {ko}",
            en = cause.summary.en,
            ko = cause.summary.ko
        ),
        cause.remedy.clone(),
    )
    .evidence("url", url)
    .evidence("status", got)
    .evidence("way", &*way.name)
    .evidence("hop", &*at.name)
    .evidence("cause", cause.code.label());
    for name in ["by_hand", "error", "address"] {
        let source = if name == "by_hand" { finding } else { cause };
        if let Some(value) = source.evidence.get(name) {
            gateway = gateway.evidence(name, value.clone());
        }
    }
    gateway
}

fn unnoticed(mut finding: Finding, at: &Taken, well: &Taken) -> Finding {
    let (place, good) = (at.place(), well.place());
    finding.severity = finding.severity.min(Severity::Warning);
    let remedy = text!(
        " Visitors are served all the same, by a cache or by another machine, or `ways` names an address that is out of date.",
        " 그래도 방문자에게는 캐시나 다른 서버가 응답하고 있습니다. 또는 `ways`에 적힌 주소가 오래된 것일 수 있습니다."
    );
    finding.remedy = joined(&finding.remedy, &remedy);
    let said = text!(
        " — by {place} alone; by {good} visitors are served",
        " — {place} 경로에서만 그렇고 방문자는 {good} 경로로 정상 응답을 받습니다"
    );
    append(finding, &said).evidence("hop", &*at.name)
}
