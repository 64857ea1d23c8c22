//! Who refuses an upgrade: the proxy, which has to pass on headers that are meant for one hop alone
//! (RFC 9110 section 7.6.1), or the application. Pure.

use health::{Code, Finding, Text, text};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::super::gateway::{self, Health, Upstream};
use super::hop;
use crate::net::printable;

const SHOWN_CHARS: usize = 256;

/// What applications say to who does not ask for an upgrade. It was asked for, so that somebody on the
/// way has kept it to himself.
const NOT_ASKED: [&str; 13] = [
    // engine.io and socket.io, where the URL says transport=websocket
    "\"code\":3,\"message\":\"bad request\"",
    // Python: websockets, aiohttp, Tornado, wsproto
    "you cannot access a websocket server directly with a browser",
    "did not receive a valid http request",
    "no websocket upgrade hdr",
    "can \"upgrade\" only to \"websocket\"",
    "missing header, 'upgrade",
    // Go: gorilla, coder
    "'upgrade' token not found",
    "does not contain upgrade",
    "does not contain websocket",
    // Rust: axum
    "connection header did not include 'upgrade'",
    "`upgrade` header did not include 'websocket'",
    // JVM: Undertow, Jetty
    "no upgrade header",
    "not a websocket upgrade",
];

/// An answer to a request for an upgrade that is none, and what was found out about it.
#[derive(Debug)]
pub(super) struct Refusal<'a> {
    /// The URL as findings name it.
    pub(super) url: &'a str,
    /// The address that was dialled, and the name it stands for.
    pub(super) peer: &'a str,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// Its beginning.
    pub(super) body: &'a [u8],
    /// What the same URL answers when no upgrade is asked for.
    pub(super) without: &'a Without,
    /// Those behind the proxy, asked for the upgrade themselves.
    pub(super) upstream: &'a [Upstream],
    /// What was sent as Origin.
    pub(super) origin: Option<&'a HeaderValue>,
}

/// What came back when no upgrade was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// A status, and the beginning of the body.
    Answered(StatusCode, Vec<u8>),
    /// No answer, or no time left to ask.
    Unverified,
}

/// Who refuses, and by what it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Culprit {
    /// It sends elsewhere.
    Redirect(String),
    /// The application upgrades when it is asked without this proxy: it loses the headers.
    Lost { by: String, upgrades: String },
    /// The application upgrades when it is asked without this proxy: it refuses by itself.
    ProxyRefuses { by: String, upgrades: String },
    /// What answers says that no upgrade was asked for.
    NotAsked,
    /// The application refuses also when it is asked without the proxy, with this status.
    Application(String, u16),
    /// A proxy's own error page.
    Page(&'static str),
    /// One behind the proxy does not serve at all.
    Dead(String),
    /// Who asks is refused, whether for an upgrade or not.
    Guarded,
    /// The same answer whether an upgrade is asked for or not.
    Ignored,
    /// Another answer than without: whoever gives it has understood what was asked.
    Understood,
    /// That cannot be told.
    Unknown,
}

/// The finding for it.
pub(super) fn judge(refusal: &Refusal<'_>) -> Finding {
    let culprit = culprit(refusal);
    let (url, status) = (refusal.url, refusal.status.as_u16());
    let Text { en, ko } = because(&culprit, refusal);
    let finding = Finding::new(
        Code::HttpUpgradeRefused,
        url,
        text!(
            "{url} does not upgrade to WebSocket, it answers {status}: {en}",
            "{url}에서 WebSocket 업그레이드 대신 {status} 응답이 옵니다: {ko}"
        ),
        remedy(&culprit, refusal),
    )
    .evidence("expected", 101)
    .evidence("got", status)
    .evidence("refused_by", refused_by(&culprit, refusal));
    let finding = match refusal.without {
        Without::Answered(status, _) => finding.evidence("without_upgrade", status.as_u16()),
        Without::Unverified => finding.evidence("without_upgrade", "not verified"),
    };
    let finding = match refusal.upstream {
        [] => finding,
        upstream => finding.evidence("upstream", gateway::evidence(upstream)),
    };
    match refusal.body.trim_ascii() {
        [] => finding,
        body => finding.evidence("says", printable(body, SHOWN_CHARS)),
    }
}

/// The strongest evidence decides: what was seen without the proxy, then what is said, then what
/// differs.
fn culprit(refusal: &Refusal<'_>) -> Culprit {
    if refusal.status.is_redirection()
        && let Some(location) = refusal.headers.get(LOCATION)
    {
        return Culprit::Redirect(printable(location.as_bytes(), SHOWN_CHARS));
    }
    let own_page = hop::own_page(refusal.body);
    let upgrades = |one: &Upstream| one.health == Health::Answers(101);
    if let Some(at) = refusal.upstream.iter().position(upgrades) {
        let upgrades = refusal.upstream[at].subject.clone();
        // Of a chain, the one before the first that upgrades.
        return match (refusal.upstream[..at].last(), own_page) {
            (Some(before), _) => Culprit::Lost { by: before.subject.clone(), upgrades },
            (None, None) => Culprit::Lost { by: proxy(refusal), upgrades },
            (None, Some(_)) => Culprit::ProxyRefuses { by: proxy(refusal), upgrades },
        };
    }
    // Of a chain, the farthest that speaks HTTP: those before it only pass its answer on. One that
    // redirects wants to be asked in another way, as by a proxy that speaks TLS for it.
    let answers = |one: &&Upstream| matches!(one.health, Health::Answers(_));
    if let Some(Upstream { subject, health: Health::Answers(status), .. }) =
        refusal.upstream.iter().rfind(answers).filter(|one| !is_redirecting(one))
    {
        return Culprit::Application(subject.clone(), *status);
    }
    let says_so = NOT_ASKED.iter().any(|words| hop::contains(refusal.body, words));
    if says_so || refusal.status == StatusCode::UPGRADE_REQUIRED {
        return Culprit::NotAsked;
    }
    if let Some(name) = own_page {
        return Culprit::Page(name);
    }
    if let Some(dead) = gateway::blame(refusal.upstream) {
        return Culprit::Dead(dead.subject.clone());
    }
    match refusal.without {
        Without::Answered(status, body)
            if *status == refusal.status && is_same_page(body, refusal.body) =>
        {
            match status.as_u16() {
                401 | 403 => Culprit::Guarded,
                _ => Culprit::Ignored,
            }
        }
        Without::Answered(..) => Culprit::Understood,
        Without::Unverified => Culprit::Unknown,
    }
}

fn is_redirecting(one: &Upstream) -> bool {
    matches!(one.health, Health::Answers(300..=399))
}

/// The same but for what a page says anew every time: the hour, the number of a request, a nonce.
fn is_same_page(one: &[u8], other: &[u8]) -> bool {
    let words = |page: &[u8]| -> Vec<Vec<u8>> {
        let words = page.split(|byte| !byte.is_ascii_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        let steady = words.filter(|word| !is_anew(word));
        steady.map(<[u8]>::to_ascii_lowercase).collect()
    };
    words(one) == words(other)
}

/// A number, or so long that it is no word.
fn is_anew(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_digit) || word.len() > 24
}

/// The proxy as people call it: its address, and its program where it tells.
fn proxy(refusal: &Refusal<'_>) -> String {
    match hop::proxy(refusal.headers).or_else(|| hop::own_page(refusal.body)) {
        Some(name) => format!("{name} at {}", refusal.peer),
        None => refusal.peer.to_owned(),
    }
}

fn refused_by(culprit: &Culprit, refusal: &Refusal<'_>) -> String {
    match culprit {
        Culprit::Redirect(_) => refusal.peer.to_owned(),
        Culprit::Lost { by, .. } | Culprit::ProxyRefuses { by, .. } => format!("the proxy: {by}"),
        Culprit::Page(name) => format!("the proxy: {name} at {}", refusal.peer),
        Culprit::NotAsked => "a hop before the application".to_owned(),
        Culprit::Application(subject, _) => format!("the application: {subject}"),
        Culprit::Dead(upstream) => format!("nobody behind it: {upstream} does not serve"),
        Culprit::Guarded => "whoever guards that path".to_owned(),
        Culprit::Understood => "the application, or a rule about upgrades before it".to_owned(),
        Culprit::Ignored | Culprit::Unknown => "cannot be told from here".to_owned(),
    }
}

fn because(culprit: &Culprit, refusal: &Refusal<'_>) -> Text {
    match culprit {
        Culprit::Redirect(location) => text!(
            "it redirects to {location}, and no browser follows a redirect here",
            "{location}(으)로 리다이렉트하지만, WebSocket에서는 어떤 브라우저도 리다이렉트를 따라가지 않습니다"
        ),
        Culprit::Lost { by, upgrades } => text!(
            "the proxy ({by}) does not pass the upgrade on; {upgrades} behind it upgrades when it is asked directly",
            "프록시({by})가 업그레이드 요청을 넘기지 않습니다. 그 뒤의 {upgrades}에 직접 물으면 업그레이드합니다"
        ),
        Culprit::ProxyRefuses { by, upgrades } => text!(
            "the proxy ({by}) refuses by itself; {upgrades} behind it upgrades when it is asked directly",
            "프록시({by})가 스스로 거절합니다. 그 뒤의 {upgrades}에 직접 물으면 업그레이드합니다"
        ),
        Culprit::NotAsked => text!(
            "the application says that no upgrade was asked for, so a proxy before it has dropped `Upgrade` and `Connection`",
            "애플리케이션이 업그레이드 요청을 받지 못했다고 답합니다. 앞단의 프록시가 `Upgrade`와 `Connection` 헤더를 버린 것입니다"
        ),
        Culprit::Application(upstream, status) => text!(
            "the application refuses it; {upstream} answers {status} also when it is asked without the proxy",
            "애플리케이션이 거절합니다. 프록시 없이 {upstream}에 직접 물어도 {status} 응답이 옵니다"
        ),
        Culprit::Page(name) => text!(
            "{name} at {peer} answers by itself and asks nobody behind it",
            "{peer}의 {name}이(가) 뒤쪽에 묻지 않고 스스로 응답합니다",
            peer = refusal.peer
        ),
        Culprit::Dead(upstream) => text!(
            "the application behind it, {upstream}, does not serve",
            "그 뒤의 애플리케이션 {upstream}이(가) 서비스하지 않습니다"
        ),
        Culprit::Guarded => text!(
            "the same answer as without asking for an upgrade, so it is who asks that is refused: the Origin, or a login that is missing",
            "업그레이드를 요청하지 않았을 때와 같은 응답이므로 요청한 쪽을 거절하는 것입니다. Origin이 맞지 않거나 인증이 없습니다"
        ),
        Culprit::Ignored => text!(
            "the same answer as without asking for an upgrade, so a proxy drops `Upgrade` and `Connection`, or there is no WebSocket at that path",
            "업그레이드를 요청하지 않았을 때와 같은 응답입니다. 프록시가 `Upgrade`와 `Connection`을 버리거나, 그 경로에 WebSocket이 없습니다"
        ),
        Culprit::Understood => text!(
            "another answer than without asking for an upgrade, so the application saw what was asked and refuses it",
            "업그레이드를 요청하지 않았을 때와 다른 응답입니다. 애플리케이션이 요청을 알아보고 거절한 것입니다"
        ),
        Culprit::Unknown => {
            text!(
                "who refuses it cannot be told from here",
                "누가 거절하는지 여기서는 알 수 없습니다"
            )
        }
    }
}

fn remedy(culprit: &Culprit, refusal: &Refusal<'_>) -> Text {
    match culprit {
        Culprit::Redirect(_) => text!(
            "Write the address that is redirected to as `url` (wss:// for https://), here and in the page that opens it; or answer the upgrade where it is asked.",
            "리다이렉트되는 주소를 `url`에 적고(https://는 wss://로), 연결을 여는 페이지에서도 그렇게 고치세요. 또는 요청한 곳에서 바로 업그레이드하게 하세요."
        ),
        Culprit::Lost { .. } | Culprit::NotAsked => pass_on(),
        Culprit::ProxyRefuses { .. } | Culprit::Page(_) => text!(
            "See which `location` and which rules of the proxy apply to that path (`nginx -T`, `allow`/`deny`, `limit_req`, `auth_request`; HAProxy `http-request deny`), and its error log. A path that no location passes on gets the proxy's own 404.",
            "프록시에서 그 경로에 어떤 `location`과 규칙이 적용되는지(`nginx -T`, `allow`/`deny`, `limit_req`, `auth_request`, HAProxy `http-request deny`), 그리고 오류 로그를 확인하세요. 넘겨주는 location이 없는 경로에는 프록시가 스스로 404를 냅니다."
        ),
        Culprit::Dead(upstream) => text!(
            "Start {upstream}, and read in its log why it ended: `ss -ltnp` shows whether anybody listens there. The evidence says how it was found.",
            "{upstream}을(를) 시작하고, 왜 끝났는지 로그를 확인하세요. 누가 듣고 있는지는 `ss -ltnp`로 볼 수 있습니다. 어떤 상태였는지는 증거에 있습니다."
        ),
        Culprit::Application(..) | Culprit::Guarded | Culprit::Understood => {
            of_application(refusal)
        }
        Culprit::Ignored | Culprit::Unknown => {
            let Text { en, ko } = pass_on();
            text!(
                "Name the application as `upstream = \"host:port\"` and this check asks it directly and says which of the two it is. {en}",
                "애플리케이션을 `upstream = \"host:port\"`로 적어 두면 이 체크가 직접 물어보고 둘 중 어느 쪽인지 알려 줍니다. {ko}"
            )
        }
    }
}

fn pass_on() -> Text {
    text!(
        "Let the proxy pass the upgrade on. nginx, in that location: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";`, then `nginx -t && nginx -s reload` (a `proxy_set_header` there replaces all those of the levels above: repeat Host). Apache: `ProxyPass … upgrade=websocket`. HAProxy passes it on by itself; look for `del-header` and `option httpclose`.",
        "프록시가 업그레이드를 넘기게 하세요. nginx는 해당 location에 `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";`를 쓰고 `nginx -t && nginx -s reload`를 실행하세요(location에 `proxy_set_header`가 있으면 상위 설정은 모두 무시되므로 Host도 다시 적으세요). Apache는 `ProxyPass … upgrade=websocket`입니다. HAProxy는 그대로 넘기므로 `del-header`와 `option httpclose`를 확인하세요."
    )
}

fn of_application(refusal: &Refusal<'_>) -> Text {
    let url = refusal.url;
    match refusal.status.as_u16() {
        401 => text!(
            "The application wants to know who asks: give what it needs in `headers` (a token by `value_env`), or check an endpoint that is open.",
            "애플리케이션이 인증을 요구합니다. 필요한 것을 `headers`에 넣거나(토큰은 `value_env`로), 열려 있는 엔드포인트를 점검하세요."
        ),
        403 => {
            let sent = refusal.origin.map_or_else(
                || "none".to_owned(),
                |origin| printable(origin.as_bytes(), SHOWN_CHARS),
            );
            text!(
                "Usually the Origin, which was {sent}: give the page's own as `origin = \"https://shop.example\"`, and allow it in the application (Django Channels `AllowedHostsOriginValidator`, Rails `config.action_cable.allowed_request_origins`, socket.io `cors.origin`). Else it wants to know who asks.",
                "보통 Origin 때문입니다(보낸 값: {sent}). 페이지의 주소를 `origin = \"https://shop.example\"`로 적고, 애플리케이션에서 허용하세요(Django Channels `AllowedHostsOriginValidator`, Rails `config.action_cable.allowed_request_origins`, socket.io `cors.origin`). 아니라면 인증이 필요한 것입니다."
            )
        }
        404 => text!(
            "The application has no WebSocket at {url}: compare with the path that the page opens (browser, developer tools, Network, WS); a proxy that rewrites paths may change it on the way.",
            "애플리케이션에 {url} WebSocket이 없습니다. 페이지가 여는 경로(브라우저 개발자 도구, Network, WS)와 비교하세요. 프록시가 경로를 바꿔 넘길 수도 있습니다."
        ),
        500..=599 => text!(
            "The application failed on the request: its log of this moment says why.",
            "애플리케이션이 요청을 처리하다 실패했습니다. 이 시각의 로그를 확인하세요."
        ),
        _ => text!(
            "The application's log of this moment says what it dislikes: the path, a missing parameter or `subprotocol`, the Origin, who asks.",
            "이 시각의 애플리케이션 로그에 무엇이 맞지 않는지 나옵니다: 경로, 빠진 매개변수나 `subprotocol`, Origin, 인증 등입니다."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
                         <center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>";
    const SOCKET_IO: &str = r#"{"code":3,"message":"Bad request"}"#;

    const NONCE: &str = "<p>Not found at 12:00:01 <i nonce='9f2ce1Ab'>request 4071</i>";
    const OTHER_NONCE: &str = "<p>Not found at 12:00:02 <i nonce='Z1xx0y7q'>request 4072</i>";

    fn upstream(health: Health) -> Upstream {
        Upstream { subject: "127.0.0.1:3011".to_owned(), port: 3011, health, ..Upstream::default() }
    }

    fn found(
        (status, body): (u16, &str),
        without: Option<(u16, &str)>,
        health: Option<Health>,
    ) -> Finding {
        let mut headers = HeaderMap::new();
        headers.insert("server", HeaderValue::from_static("nginx/1.22.1"));
        if status == 301 {
            headers.insert(LOCATION, HeaderValue::from_static("https://shop.example/live"));
        }
        let without = match without {
            Some((status, body)) => {
                Without::Answered(StatusCode::from_u16(status).unwrap(), body.as_bytes().to_vec())
            }
            None => Without::Unverified,
        };
        let upstream: Vec<Upstream> = health.map(upstream).into_iter().collect();
        judge(&Refusal {
            url: "ws://shop.example/live",
            peer: "127.0.0.1:80",
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            body: body.as_bytes(),
            without: &without,
            upstream: &upstream,
            origin: None,
        })
    }

    #[test]
    fn the_proxy_and_the_application_are_told_apart() {
        use Health::{Answers, Refused, Unverified};
        let same = Some((400, "no"));
        for (answer, without, health, by, words) in [
            ((400, "no"), same, Some(Answers(101)), "nginx at 127.0.0.1:80", "does not pass"),
            ((400, SOCKET_IO), same, Some(Answers(101)), "nginx at 127.0.0.1:80", "does not pass"),
            ((404, NGINX), None, Some(Answers(101)), "the proxy: nginx at", "refuses by itself"),
            (
                (403, "no"),
                None,
                Some(Answers(403)),
                "the application: 127.0.0.1:3011",
                "answers 403",
            ),
            (
                (403, NGINX),
                None,
                Some(Answers(404)),
                "the application: 127.0.0.1:3011",
                "answers 404",
            ),
            ((400, SOCKET_IO), None, None, "a hop before the application", "was asked for"),
            ((426, "Upgrade Required"), None, None, "a hop before", "no upgrade was asked for"),
            ((400, SOCKET_IO), None, Some(Answers(301)), "a hop before", "no upgrade was asked"),
            ((404, NGINX), Some((404, NGINX)), None, "the proxy: nginx", "answers by itself"),
            ((404, NGINX), None, Some(Refused), "the proxy: nginx", "asks nobody behind it"),
            ((400, "no"), same, None, "cannot be told", "the same answer"),
            ((400, "no"), same, Some(Unverified), "cannot be told", "the same answer"),
            ((403, "no"), same, None, "the application, or", "another answer"),
            ((403, "no"), Some((403, "no")), None, "whoever guards", "it is who asks"),
            ((404, "no"), Some((404, "no")), Some(Refused), "127.0.0.1:3011 does not", "not serve"),
            ((400, "no"), Some((400, "yes")), None, "the application, or", "another answer"),
            // What is said anew every time is no other answer.
            ((404, NONCE), Some((404, OTHER_NONCE)), None, "cannot be told", "the same answer"),
            ((403, NONCE), Some((403, OTHER_NONCE)), None, "whoever guards", "it is who asks"),
            ((400, "no"), None, None, "cannot be told", "cannot be told"),
            ((301, "no"), same, Some(Answers(101)), "127.0.0.1:80", "no browser follows"),
        ] {
            let finding = found(answer, without, health.clone());
            let refused_by = finding.evidence["refused_by"].as_str().unwrap().to_owned();
            assert!(refused_by.contains(by), "{answer:?} {health:?}: {refused_by}");
            assert!(finding.summary.en.contains(words), "{}", finding.summary.en);
            assert_eq!(&*finding.subject, "ws://shop.example/live");
        }
    }

    #[test]
    fn of_a_chain_the_one_that_refuses_by_itself_is_named() {
        use Health::{Answers, NotHttp};
        let (headers, without) = (HeaderMap::new(), Without::Unverified);
        for (chain, by) in [
            // The one before the first that upgrades.
            ([Answers(400), Answers(101)], "the proxy: 127.0.0.1:3011"),
            // The farthest that speaks HTTP, because those before it only pass its answer on.
            ([Answers(403), Answers(403)], "the application: 127.0.0.1:3012"),
            ([Answers(403), NotHttp(String::new())], "the application: 127.0.0.1:3011"),
        ] {
            let [nearest, mut inner] = chain.clone().map(upstream);
            inner.subject = "127.0.0.1:3012".to_owned();
            let finding = judge(&Refusal {
                url: "ws://shop.example/live",
                peer: "127.0.0.1:80",
                status: StatusCode::BAD_REQUEST,
                headers: &headers,
                body: b"",
                without: &without,
                upstream: &[nearest, inner],
                origin: None,
            });
            assert_eq!(finding.evidence["refused_by"], by, "{chain:?}");
        }
    }

    #[test]
    fn the_remedy_is_for_whom_it_concerns() {
        for (finding, words) in [
            (found((400, SOCKET_IO), None, None), "proxy_set_header Upgrade $http_upgrade"),
            (found((403, "no"), None, Some(Health::Answers(403))), "origin = "),
            (found((401, "no"), None, Some(Health::Answers(401))), "who asks"),
            (found((404, "no"), None, Some(Health::Answers(404))), "no WebSocket at ws://shop"),
            (found((404, NGINX), None, None), "nginx -T"),
            (found((200, "<html>"), Some((200, "<html>")), None), "upstream = "),
            (found((301, ""), None, None), "wss://"),
        ] {
            assert!(finding.remedy.en.contains(words), "{}", finding.remedy.en);
            assert!(!finding.remedy.ko.is_empty());
        }
    }
}
