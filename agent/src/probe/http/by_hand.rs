//! A command for people that asks the same: with `curl`, which everybody has.
//!
//! Deliberately absent: secrets, and roots of the plan's own.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};

use super::arrival::Spoken;
use super::ask::{host, is_https, port, target};
use super::{Spec, redact, redirect, ways};
use crate::net::{Family, Road};
use crate::plan::Target;

/// Longer bodies are left to a file.
const INLINE_BYTES: usize = 1024;
/// What curl says that a body is, unless told otherwise.
const FORM: &str = "application/x-www-form-urlencoded";

/// A command that asks the same by hand. Secrets are left to whoever types it, and so is a body with
/// secrets in it.
pub(super) fn command(spec: &Spec) -> String {
    let mut command = "curl -v -o /dev/null".to_owned();
    if redirect::are_followed(spec) {
        command.push_str(" -L");
    }
    let url = ways::spoken(spec);
    let after_host = spec.url.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    if after_host.contains(['[', ']', '{', '}']) {
        // Otherwise these stand for several URLs.
        command.push_str(" -g");
    }
    match spec.method {
        Method::GET if spec.body.is_empty() => {}
        Method::HEAD => command.push_str(" -I"),
        // Said by what is posted, so that a redirect may make a GET of it (RFC 9110 section 15.4).
        Method::POST => {}
        ref method => command.push_str(&format!(" -X {}", quoted(method.as_str()))),
    }
    if let Some(source) = spec.source {
        command.push_str(&format!(" --interface {source}"));
    }
    match (spec.version, is_https(&spec.url)) {
        (None, _) => {}
        (Some(Spoken::Http1), _) => command.push_str(" --http1.1"),
        (Some(Spoken::Http2), true) => command.push_str(" --http2"),
        (Some(Spoken::Http2), false) => command.push_str(" --http2-prior-knowledge"),
    }
    if let Some(road) = &spec.road {
        command.push_str(&by_road(road, spec));
    }
    for connect in &spec.connect {
        let (host, port) = &connect.from;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let rule = format!("{host}:{port}:{}", connect.to);
        command.push_str(&format!(" --connect-to {}", quoted(&rule)));
    }
    let sends = sends_body(spec);
    for (name, value) in &spec.headers {
        // What curl says by itself it also leaves out where a redirect makes a GET of it.
        if !(sends && name == CONTENT_TYPE && value == FORM) {
            command.push_str(&header(name, value));
        }
    }
    if spec.grant.is_some() {
        command.push_str(" -H \"authorization: Bearer $TOKEN\"");
    }
    if sends {
        command.push_str(&body(spec));
    }
    format!("{command} {}", quoted(&url))
}

fn header(name: &HeaderName, value: &HeaderValue) -> String {
    let value = redact::sent_value(name, value.as_bytes());
    // With a colon and nothing behind it a header is left out.
    let field = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
    format!(" -H {}", quoted(&field))
}

/// It has a body, be it an empty one.
fn sends_body(spec: &Spec) -> bool {
    match spec.method {
        Method::POST => true,
        // curl cannot.
        Method::HEAD => false,
        _ => !spec.body.is_empty(),
    }
}

/// The options for a body.
fn body(spec: &Spec) -> String {
    let mut options = String::new();
    if !spec.headers.contains_key(CONTENT_TYPE) {
        // Otherwise it would say that it is a form.
        options.push_str(" -H 'content-type:'");
    }
    let is_plain = |text: &str| {
        text.len() <= INLINE_BYTES
            && spec.hidden.is_empty()
            && !text.contains(|letter: char| letter.is_control() && letter != '\n')
    };
    match str::from_utf8(&spec.body) {
        Ok(text) if is_plain(text) => options.push_str(&format!(" --data-raw {}", quoted(text))),
        _ => options.push_str(" --data-binary @BODY"),
    }
    options
}

/// The options for a road.
fn by_road(road: &Road, spec: &Spec) -> String {
    let mut options = String::new();
    match road.family {
        Some(Family::V4) => options.push_str(" -4"),
        Some(Family::V6) => options.push_str(" -6"),
        None => {}
    }
    if let Some(proxy) = &road.proxy {
        options.push_str(&format!(" -x {}", quoted(&proxy.shown())));
        if let Some((user, _)) = &proxy.user {
            options.push_str(&format!(" -U {}", quoted(user)));
        }
    }
    let (host, port) = (host(&spec.url), port(&spec.url));
    if let (Some(resolver), Target::Name(_)) = (&road.resolver, target(host))
        && !spec.overrides(&spec.url)
    {
        // Most builds of curl know no --dns-servers.
        let server = resolver.address();
        let (kind, open, close) = match road.family {
            Some(Family::V6) => ("AAAA", "[", "]"),
            _ => ("A", "", ""),
        };
        options.push_str(&format!(
            " --connect-to \"{host}:{port}:{open}$(dig +short @{} -p {} {host} {kind} | tail -n 1){close}:{port}\"",
            server.ip(),
            server.port()
        ));
    }
    if let Some(client) = &road.client {
        let (certificate, key) = client.paths();
        options.push_str(&format!(" --cert {}", quoted(&certificate.display().to_string())));
        if key != certificate {
            options.push_str(&format!(" --key {}", quoted(&key.display().to_string())));
        }
    }
    options
}

pub(super) fn quoted(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use http::header::ACCEPT;

    use super::super::Connect;
    use super::*;
    use crate::net::Proxy;
    use crate::plan::Endpoint;

    #[test]
    fn the_command_by_hand_can_be_pasted() {
        let mut spec = crate::probe::http::tests::spec("https://me:pw@shop.example/it's?a=b&c");
        let to = Endpoint { host: target("::1"), port: 8443 };
        let from = ("shop.example".to_owned(), 443);
        spec.connect = vec![Connect { from, to }];
        spec.method = Method::POST;
        spec.headers.insert(ACCEPT, HeaderValue::from_static("a/b"));
        spec.headers.insert("x-token", HeaderValue::from_static("secret"));
        assert_eq!(
            command(&spec),
            "curl -v -o /dev/null -L --connect-to 'shop.example:443:[::1]:8443' -H 'accept: a/b' \
             -H 'x-token: (hidden)' -H 'content-type:' --data-raw '' 'https://shop.example/it'\\''s?a=b&c'"
        );
    }

    #[test]
    fn the_command_by_hand_goes_the_same_road() {
        let resolver = Some(crate::net::Resolver::at("127.0.0.1:5353".parse().unwrap()));
        let mut spec = crate::probe::http::tests::spec("https://shop.example/");
        let endpoint = Endpoint { host: target("127.0.0.1"), port: 1080 };
        let user = Some(("me".to_owned(), alerts::Secret(b"pass".to_vec())));
        let proxy = Some(Proxy { talk: crate::net::Talk::Socks5, endpoint, user });
        let family = Some(Family::V6);
        spec.road = Some(Arc::new(Road { proxy, family, resolver, client: None }));
        spec.version = Some(Spoken::Http1);
        spec.body = Bytes::from_static(b"a=b");
        assert_eq!(
            command(&spec),
            "curl -v -o /dev/null -L -X 'GET' --http1.1 -6 -x 'socks5://127.0.0.1:1080' -U 'me' --connect-to \
             \"shop.example:443:[$(dig +short @127.0.0.1 -p 5353 shop.example AAAA | tail -n 1)]:443\" \
             -H 'content-type:' --data-raw 'a=b' 'https://shop.example/'"
        );
        assert!(!format!("{spec:?}").contains("pass"));
        spec.hidden = vec![alerts::Secret(b"b".to_vec())];
        assert!(command(&spec).contains("--data-binary @BODY"));
    }
}
