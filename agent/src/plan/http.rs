//! `[[http]]`

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Dialled, Hosts, Names};
use super::notes::{At, Wrong, shown};
use super::request::Body;
use super::row::Row;
use super::schema::HEADER;
use super::{Endpoint, expect, receivers, request, road, values};
use crate::net::Road;
use crate::probe::{self, http as probed};
use crate::tls::Roots;

pub(super) mod ways;

/// Headers that the connection itself sets.
const OWN_HEADERS: [&str; 4] = ["content-length", "transfer-encoding", "connection", "upgrade"];

/// Headers whose whole purpose is a secret.
const SECRET_HEADERS: [&str; 2] = ["authorization", "proxy-authorization"];

/// Reads one `[[http]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let url = row.need("url", row.parsed("url", url));
    let written = row.text("url");
    let place = url.as_ref().and_then(|url| place(&url.value));
    let there = there(row, hosts, place.as_ref());
    let roots = pace.roots(row);
    let owner = there.owner.clone();
    let asking = asking(row, &pace, hosts);
    let ways = ways::read(row, hosts, url.as_ref().map(|url| &url.value), &there);
    let (url, written) = (url?, written?);
    let frame = named.frame(&pace, Kind::Http, written.value, owner)?;
    let mut spec = spec(url.value, &there, asking, roots?);
    spec.stub_status = row.switch("stub_status").unwrap_or(false).then(|| frame.name.clone());
    spec.ways = ways.map(|ways| ways.of(&spec));
    Some(probe::Check { frame, spec: probe::Spec::Http(Box::new(spec)) })
}

/// How a server is reached, whatever is asked there.
#[derive(Clone)]
pub(super) struct There {
    connect: Vec<probed::Connect>,
    source: Option<IpAddr>,
    road: Option<Arc<Road>>,
    /// The plan's host that is dialled.
    pub(super) owner: Option<Arc<str>>,
}

/// Reads how a server is reached; `place` is the host and port of the URL.
pub(super) fn there(row: &Row<'_>, hosts: &Hosts, place: Option<&(String, u16)>) -> There {
    let (connect, dialled) = connect(row, hosts, place);
    let target = place.and_then(|(host, port)| {
        let written =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        hosts.endpoint(&written, None).ok()
    });
    let dialled = dialled.or(target);
    let target = dialled.as_ref().map(|dialled| &dialled.endpoint.host);
    let road = road::road(row, target, hosts);
    let source = frame::source(row, target.filter(|_| !row.has("proxy")));
    There { connect, source, road, owner: dialled.and_then(|dialled| dialled.owner) }
}

/// What is asked, and what is expected of the answer.
pub(super) struct Asking {
    method: Method,
    headers: HeaderMap,
    pub(super) body: Body,
    grant: Option<Arc<probed::Grant>>,
    version: Option<probed::Spoken>,
    expect: probed::Expect,
    follow_redirects: bool,
    max_body_bytes: u64,
    pub(super) upstream: Vec<Endpoint>,
    pub(super) behind: probed::Behind,
}

/// Reads what is asked and expected: of a check, or of a step of a journey.
pub(super) fn asking(row: &Row<'_>, pace: &Pace, hosts: &Hosts) -> Asking {
    let mut headers = headers(row);
    let body = request::body(row, &mut headers);
    let usual = if body.is_posted { Method::POST } else { Method::GET };
    let method = row.parsed("method", method).map_or(usual, |at| at.value);
    let grant = request::manners(row, &mut headers).map(Arc::new);
    let version = request::version(row);
    let expect = expect::expect(row, pace.timeout, &method);
    expect::ask_for_encoding(&expect, &mut headers);
    let follow_redirects =
        row.switch("follow_redirects").unwrap_or_else(|| !expect::judges_redirect(&expect));
    let max_body_bytes = row.whole("max_body_bytes").map_or(1024 * 1024, |at| at.value);
    let upstream = frame::endpoints(row, "upstream", hosts, None);
    let behind = behind(row, hosts);
    Asking {
        method,
        headers,
        body,
        grant,
        version,
        expect,
        follow_redirects,
        max_body_bytes,
        upstream,
        behind,
    }
}

/// A request whose answer is judged elsewhere: its headers, and who stands behind a proxy.
pub(super) fn bare(row: &Row<'_>, upstream: Vec<Endpoint>) -> Asking {
    Asking {
        method: Method::GET,
        headers: headers(row),
        body: Body::default(),
        grant: None,
        version: None,
        expect: probed::Expect::default(),
        follow_redirects: false,
        max_body_bytes: 1024 * 1024,
        upstream,
        behind: probed::Behind::default(),
    }
}

/// Who stands behind the proxy.
pub(super) fn behind(row: &Row<'_>, hosts: &Hosts) -> probed::Behind {
    let nginx = row.text("nginx").and_then(|text| frame::path(row, "nginx", &text));
    let backends = frame::endpoints(row, "backends", hosts, None);
    probed::Behind { nginx, backends, inner_ports: Vec::new() }
}

/// All of it together.
pub(super) fn spec(url: Uri, there: &There, asking: Asking, roots: Roots) -> probed::Spec {
    let Asking {
        method,
        headers,
        body,
        grant,
        version,
        expect,
        follow_redirects,
        max_body_bytes,
        upstream,
        behind,
    } = asking;
    probed::Spec {
        shown: probed::shown(&url).into(),
        url,
        connect: there.connect.clone(),
        source: there.source,
        road: there.road.clone(),
        version,
        grant,
        method,
        headers,
        body: body.bytes.into(),
        hidden: body.hidden,
        follow_redirects,
        max_body_bytes,
        expect,
        upstream,
        stub_status: None,
        behind,
        keeps_body: false,
        in_plain: None,
        ways: None,
        roots,
        kept: probed::Kept::default(),
    }
}

/// An absolute http or https URL without user, password and fragment.
pub(super) fn url(text: &str) -> Result<Uri, Wrong> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Wrong::new(format!("{text:?} is not a whole URL"))
            .help(format!("write \"http://{text}\" or \"https://{text}\"")));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Wrong::secret("a URL here has no user and password").help(
            "a secret is never in the file: headers = { authorization = { value_env = \"NAME\" } }",
        ));
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(Wrong::new(format!("{text:?} has no host")));
    }
    if !matches!(scheme, "http" | "https") {
        return Err(Wrong::new(format!("{scheme:?} is neither http nor https")));
    }
    if text.contains('#') {
        return Err(Wrong::new("what follows # is never sent to a server").help("remove it"));
    }
    if text.len() > 2048 || text.chars().any(|c| c.is_control() || c == ' ') {
        return Err(Wrong::new(format!("{} is not a URL", shown(text)))
            .help("at most 2048 bytes, no blanks and control characters: write %20 for a blank"));
    }
    let uri: Uri = encoded(text)
        .parse()
        .map_err(|error| Wrong::new(format!("{} is not a URL: {error}", shown(text))))?;
    match uri.host() {
        None | Some("") => return Err(Wrong::new(format!("{text:?} has no host"))),
        Some(host) if host.starts_with('[') => {
            values::ip(host.trim_matches(['[', ']']))?;
        }
        Some(host) if values::ip(host).is_err() => {
            values::domain(host)?;
        }
        Some(_) => {}
    }
    match authority.rsplit_once(':') {
        Some((_, port)) if !authority.ends_with(']') => values::port(port).map(|_| uri),
        _ => Ok(uri),
    }
}

/// Letters beyond ASCII as a browser would send them; a host is left for the check that follows.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The host (lower case, without brackets) and port of a URL.
pub(super) fn place(url: &Uri) -> Option<(String, u16)> {
    let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let host = url.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
    Some((host, url.port_u16().unwrap_or(default)))
}

/// Where to dial instead; and whom the URL's own host and port lead to.
fn connect(
    row: &Row<'_>,
    hosts: &Hosts,
    place: Option<&(String, u16)>,
) -> (Vec<probed::Connect>, Option<Dialled>) {
    let Some(value) = row.value("connect") else { return (Vec::new(), None) };
    let mut list: Vec<probed::Connect> = Vec::new();
    let mut own = None;
    let mut add = |from: (String, u16), dialled: Dialled| {
        if Some(&from) == place {
            own = Some(dialled.clone());
        }
        list.push(probed::Connect { from, to: dialled.endpoint });
    };
    if let Some(text) = value.get_ref().as_str() {
        let text = At { value: text, span: value.span() };
        let port = place.map(|(_, port)| *port);
        let dialled = frame::endpoint(row, "connect", &text, hosts, port.or(Some(443)));
        if let (Some(place), Some(dialled)) = (place, dialled) {
            add(place.clone(), dialled);
        }
        return (list, own);
    }
    for (from, to) in row.entries("connect").unwrap_or_default() {
        let Some(text) = to.get_ref().as_str() else {
            row.mismatch("connect", to);
            continue;
        };
        let from = row.understood("connect", &from, |from| {
            let (host, port) = values::host_and_port(from, None)?;
            super::names::target(host)?;
            Ok((host.to_ascii_lowercase(), port))
        });
        let text = At { value: text, span: to.span() };
        let port = from.as_ref().map(|from| from.value.1);
        let to = frame::endpoint(row, "connect", &text, hosts, port.or(Some(443)));
        if let (Some(from), Some(to)) = (from, to) {
            add(from.value, to);
        }
    }
    (list, own)
}

fn method(text: &str) -> Result<Method, Wrong> {
    let accepted = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let upper = text.to_ascii_uppercase();
    let wrong = || Wrong::new(format!("{text:?} is not a method a check can use"));
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if accepted.contains(&text) => Ok(method),
        _ if accepted.contains(&&*upper) => Err(wrong().help(format!("write \"{upper}\""))),
        _ => Err(wrong().help(format!("accepted: {}", accepted.join(", ")))),
    }
}

pub(super) fn headers(row: &Row<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (key, value) in row.entries("headers").unwrap_or_default() {
        let name = row.understood("headers", &key, header_name);
        let value = match value.get_ref().as_str() {
            Some(text) => {
                let text = At { value: text, span: value.span() };
                row.understood("headers", &text, |text| {
                    plain_value(key.value, text, &|text| super::journey::has_place(row, text))
                })
                .map(|at| at.value)
            }
            None if value.get_ref().is_table() => secret_value(row, value),
            None => {
                row.mismatch("headers", value);
                None
            }
        };
        let (Some(name), Some(value)) = (name, value) else { continue };
        if headers.insert(name.value.clone(), value).is_some() {
            let wrong = Wrong::new(format!("the header {} is there twice", name.value));
            row.note_key("headers", &name.span, wrong.help("upper and lower case are the same"));
        }
    }
    headers
}

/// A header name that a plan may set.
pub(super) fn header_name(text: &str) -> Result<HeaderName, Wrong> {
    let name = HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| Wrong::new(format!("{} is not a header's name", shown(text))))?;
    Ok(name)
}

fn plain_value(
    name: &str,
    text: &str,
    has_place: &dyn Fn(&str) -> bool,
) -> Result<HeaderValue, Wrong> {
    let lower = name.to_ascii_lowercase();
    if OWN_HEADERS.contains(&&*lower) {
        return Err(Wrong::new(format!("the header {lower} is set by the connection itself"))
            .help("remove it"));
    }
    if SECRET_HEADERS.contains(&&*lower) && !has_place(text) {
        return Err(Wrong::secret(format!("the value of {lower} is a secret")).help(format!(
            "a secret is never in the file: {lower} = {{ value_env = \"NAME\" }}, or value_file"
        )));
    }
    HeaderValue::from_str(text)
        .map_err(|_| Wrong::new(format!("{} is not a header's value", shown(text))))
}

fn secret_value(
    row: &Row<'_>,
    value: &'_ toml::Spanned<toml::de::DeValue<'_>>,
) -> Option<HeaderValue> {
    let row = row.open_row(&HEADER, "headers", value)?;
    frame::exclusive(&row, &["value_env", "value_file"]);
    let held = receivers::outside(&row, "value_env", "value_file");
    let Some((text, span)) = held else {
        if !row.has("value_env") && !row.has("value_file") {
            row.note_missing("the header has no value".to_owned(), "value_env or value_file");
        }
        return None;
    };
    match HeaderValue::from_str(&text) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Some(value)
        }
        Err(_) => {
            row.note(&span, Wrong::new("what it holds is not a header's value"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let good = [
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
            ("https://shop.example", "https://shop.example/"),
            ("https://shop.example?a=b", "https://shop.example/?a=b"),
            ("http://[::1]:80/x", "http://[::1]:80/x"),
            ("http://[::1]/x", "http://[::1]/x"),
            ("http://shop.example/주문", "http://shop.example/%EC%A3%BC%EB%AC%B8"),
        ];
        for (text, expected) in good {
            assert_eq!(url(text).map(|uri| uri.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "shop.example",
            "/x",
            "ftp://shop.example",
            "ws://shop.example",
            "http://",
            "http:///x",
            "http://:80/",
            "http://shop.example:0/",
            "http://shop.example:99999/",
            "http://shop.example:/",
            "http://u:p@shop.example/",
            "http://shop.example/#a",
            "http://shop.example/a b",
            "http://한국.kr/",
            "http://127.0.0.256/",
            "http://[::1/",
            "http://[zz]/",
            "http://-a/",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn places() {
        let place = |text| place(&url(text).unwrap());
        assert_eq!(place("https://Shop.Example/"), Some(("shop.example".to_owned(), 443)));
        assert_eq!(place("http://[::1]:81/"), Some(("::1".to_owned(), 81)));
    }

    #[test]
    fn headers_a_plan_may_set() {
        assert!(plain_value("Accept", "application/json", &|_| false).is_ok());
        assert!(plain_value("Host", "shop.example", &|_| false).is_ok());
        for (name, value) in
            [("Content-Length", "3"), ("Authorization", "Basic eDp5"), ("accept", "a\nb")]
        {
            assert!(plain_value(name, value, &|_| false).is_err(), "{name}");
        }
        assert!(header_name("x y").is_err());
    }
}
