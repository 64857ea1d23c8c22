//! What a request must be before it may change anything: meant for this agent by the name it goes by, sent
//! by a page of its own or by no page at all, and short.
//!
//! A page somewhere else can make a browser send a form here, and a name that is turned to this address
//! (DNS rebinding) can make it believe that it is at home: the one says so in `Origin` and
//! `Sec-Fetch-Site`, the other in `Host`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use health::text;
use http_body_util::{BodyExt as _, Limited};

use super::Served;
use super::heartbeat::Peer;
use super::refusal::Refusal;
use crate::clock;

/// Most bytes of what is sent along.
const MOST_BYTES: usize = 64 * 1024;
/// How long that may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// For programs: whatever is not only looked at takes the token.
pub(super) async fn programs(
    State(served): State<Arc<Served>>,
    request: Request,
    next: Next,
) -> Response {
    if only_looks(request.method()) {
        return next.run(request).await;
    }
    let admitted = is_meant(request.headers(), served.access.own())
        .and_then(|()| served.access.admit(request.headers(), from(&request), clock::now()));
    let whole = match admitted {
        Ok(()) => whole(request).await,
        Err(refusal) => Err(refusal),
    };
    match whole {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.json(health::Language::En),
    }
}

/// For people: forms come from pages of this agent. Who sent one is for each form to judge.
pub(super) async fn people(
    State(served): State<Arc<Served>>,
    request: Request,
    next: Next,
) -> Response {
    if only_looks(request.method()) {
        return next.run(request).await;
    }
    let whole = match is_meant(request.headers(), served.access.own()) {
        Ok(()) => whole(request).await,
        Err(refusal) => Err(refusal),
    };
    match whole {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.plain(),
    }
}

/// Where a request comes from.
pub(super) fn from(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    peer.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

fn only_looks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a request is meant for this agent, and was not sent by a page of somebody else.
fn is_meant(headers: &HeaderMap, own: Option<&Authority>) -> Result<(), Refusal> {
    let forbidden = |why| Err(Refusal::new(StatusCode::FORBIDDEN, why));
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap_or_default().to_lowercase());
        (first, values.next().is_some())
    };
    let (host, hosts) = only(header::HOST);
    let host = host.and_then(|host| host.parse::<Authority>().ok()).filter(|_| !hosts);
    let (origin, origins) = only(header::ORIGIN);
    // A proxy may ask for the name it knows this agent by; a browser still says whose page sent it.
    let is_own = |origin: &String| !origins && own.is_some_and(|own| is_at(origin, own));
    let from_own_page = origin.as_ref().is_some_and(is_own);
    let Some(host) = host.filter(|host| from_own_page || is_known(host, own)) else {
        return forbidden(text!(
            "this agent does not go by the name in `Host`: use its address, or set `agent.url` in the plan to the one people use",
            "`Host`에 적힌 이름은 이 에이전트의 이름이 아닙니다. IP 주소로 접속하거나 계획 파일의 `agent.url`에 실제로 쓰는 주소를 지정하십시오"
        ));
    };
    let is_foreign =
        origin.is_some_and(|origin| !from_own_page && (origins || !is_at(&origin, &host)));
    let (site, _) = only(header::HeaderName::from_static("sec-fetch-site"));
    if is_foreign || site.is_some_and(|site| !matches!(&*site, "same-origin" | "none")) {
        return forbidden(text!(
            "a page of another site sent this; open the dashboard itself, and where a proxy stands before it, set `agent.url` in the plan",
            "다른 사이트의 페이지에서 보낸 요청입니다. 대시보드를 직접 여십시오. 앞에 프록시가 있다면 계획 파일의 `agent.url`을 지정하십시오"
        ));
    }
    Ok(())
}

/// An address needs no name that could be turned; of names only those that are certain to be this machine.
fn is_known(host: &Authority, own: Option<&Authority>) -> bool {
    let name = host.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || own.is_some_and(|own| own.host() == name)
}

/// Whether an origin is at this host and port.
fn is_at(origin: &str, host: &Authority) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let Ok(origin) = rest.parse::<Authority>() else { return false };
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let place = |it: &Authority| (it.host().to_owned(), it.port_u16().unwrap_or(usual));
    place(&origin) == place(host)
}

/// The same request with all of its body read.
async fn whole(request: Request) -> Result<Request, Refusal> {
    let (parts, body) = request.into_parts();
    let reading = Limited::new(body, MOST_BYTES).collect();
    match tokio::time::timeout(BODY_WITHIN, reading).await {
        Ok(Ok(body)) => Ok(Request::from_parts(parts, Body::from(body.to_bytes()))),
        Ok(Err(_)) => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            text!(
                "it broke off, or is larger than 64 KiB",
                "본문이 중간에 끊겼거나 64 KiB보다 큽니다"
            ),
        )),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            text!("the body took longer than 10 s", "본문이 10초 안에 도착하지 않았습니다"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_this_agent_gets_in() {
        let own: Authority = "watch.example".parse().unwrap();
        let here = "127.0.0.1:9740";
        let table: [(&[(&str, &str)], bool); 28] = [
            (&[("host", here)], true),
            (&[("host", "[::1]:9740")], true),
            (&[("host", "localhost:9740")], true),
            (&[("host", "a.localhost")], true),
            (&[("host", "Watch.example")], true),
            (&[("host", "watch.example:8443")], true),
            (&[], false),
            (&[("host", "evil.example")], false),
            (&[("host", "evil.example:9740")], false),
            (&[("host", "127.0.0.1.evil.example")], false),
            (&[("host", "notlocalhost")], false),
            (&[("host", here), ("host", "evil.example")], false),
            (&[("host", here), ("origin", "http://127.0.0.1:9740")], true),
            (&[("host", here), ("origin", "https://watch.example")], true),
            (&[("host", "watch.example"), ("origin", "https://watch.example")], true),
            // A proxy that asks for the name it knows.
            (&[("host", "upstream:9740"), ("origin", "https://watch.example")], true),
            (&[("host", "upstream:9740")], false),
            (&[("host", "upstream:9740"), ("origin", "http://upstream:9740")], false),
            (
                &[
                    ("host", "upstream:9740"),
                    ("origin", "https://watch.example"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (
                &[
                    ("host", here),
                    ("origin", "https://watch.example"),
                    ("origin", "http://evil.example"),
                ],
                false,
            ),
            (
                &[("host", "upstream:9740"), ("host", here), ("origin", "https://watch.example")],
                false,
            ),
            (&[("host", here), ("origin", "http://127.0.0.1:8080")], false),
            (&[("host", here), ("origin", "null")], false),
            (&[("host", here), ("origin", "http://evil.example")], false),
            (&[("host", here), ("sec-fetch-site", "same-origin")], true),
            (&[("host", here), ("sec-fetch-site", "none")], true),
            (&[("host", here), ("sec-fetch-site", "same-site")], false),
            (&[("host", here), ("sec-fetch-site", "cross-site")], false),
        ];
        for (said, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in said {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(is_meant(&headers, Some(&own)).is_ok(), expected, "{said:?}");
        }
    }
}
