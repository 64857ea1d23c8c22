//! One request: the plan's own, or the one a redirect leads to.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use health::facts::RequestFacts;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_LOCATION, CONTENT_TYPE, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT,
};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};

use super::kept::Prepared;
use super::written::Written;
use super::{Connect, EXCERPT_CHARS, Spec, by_hand, redact};
use crate::net::{Proxy, printable};
use crate::plan::{Endpoint, Target};

/// How many headers a request has beside those of the plan.
const OWN_HEADERS: usize = 5;
pub(super) const AGENT: &str = concat!("portwarden/", env!("CARGO_PKG_VERSION"));

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(super) url: Uri,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What follows from the above, where it is known from the probe before.
    pub(super) prepared: Option<Arc<Prepared>>,
}

impl Ask {
    /// The plan's own.
    pub(in crate::probe) fn first(spec: &Spec) -> Self {
        Self { prepared: Some(spec.kept.prepared(spec)), ..Self::planned(spec) }
    }

    /// The plan's own, with nothing prepared.
    pub(super) fn planned(spec: &Spec) -> Self {
        Self {
            url: spec.url.clone(),
            method: spec.method.clone(),
            headers: spec.headers.clone(),
            body: spec.body.clone(),
            prepared: None,
        }
    }

    /// The same way of asking for another URL.
    pub(in crate::probe) fn of(&self, url: Uri) -> Self {
        Self { url, prepared: None, ..self.clone() }
    }

    /// Whom it asks, and for what.
    pub(crate) fn url(&self) -> &Uri {
        &self.url
    }

    /// Its method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Another value of a header.
    pub(in crate::probe) fn replace_header(&mut self, name: &HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
        self.prepared = None;
    }

    /// Another body.
    pub(in crate::probe) fn replace_body(&mut self, body: Bytes) {
        self.body = body;
        self.prepared = None;
    }

    /// The one that a redirect leads to: the method as RFC 9110 section 15.4 has it, and secrets
    /// only for whom they were meant.
    pub(super) fn redirected(mut self, status: StatusCode, to: Uri) -> Self {
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            for name in [
                CONTENT_TYPE,
                CONTENT_LENGTH,
                CONTENT_ENCODING,
                CONTENT_LANGUAGE,
                CONTENT_LOCATION,
                TRANSFER_ENCODING,
            ] {
                self.headers.remove(name);
            }
        }
        if !is_same_place(&self.url, &to) {
            self.headers.remove(HOST);
            let secret: Vec<_> =
                self.headers.keys().filter(|name| !redact::is_harmless(name)).cloned().collect();
            for name in secret {
                self.headers.remove(name);
            }
        }
        self.of(to)
    }

    /// The request for people.
    pub(super) fn facts(&self, spec: &Spec) -> Arc<RequestFacts> {
        match &self.prepared {
            Some(prepared) => Arc::clone(&prepared.facts),
            None => Arc::new(self.described(spec)),
        }
    }

    /// The same, written anew.
    pub(super) fn described(&self, spec: &Spec) -> RequestFacts {
        RequestFacts {
            method: self.method.as_str().to_owned().into(),
            headers: redact::sent(self.request(Version::HTTP_11).headers()),
            body: redact::body(&self.body, &spec.hidden, EXCERPT_CHARS),
            by_hand: by_hand::command(spec),
        }
    }

    /// Whom to dial: as the URL says, unless `connect` says otherwise.
    pub(super) fn endpoint(&self, spec: &Spec) -> Endpoint {
        if let Some(prepared) = &self.prepared {
            return prepared.endpoint.clone();
        }
        let (host, port) = (host(&self.url), port(&self.url));
        let instead = spec.instead(&self.url);
        instead.map_or_else(|| Endpoint { host: target(host), port }, |connect| connect.to.clone())
    }

    /// What goes over the wire with HTTP/1.1.
    pub(super) fn written(&self) -> Written {
        match &self.prepared {
            Some(prepared) => prepared.written.clone(),
            None => Written::of(&self.request(Version::HTTP_11)),
        }
    }

    /// What a proxy is sent that is asked for the URL itself (RFC 9112 section 3.2.2).
    pub(super) fn written_for(&self, proxy: &Proxy) -> Written {
        let mut request = self.request(Version::HTTP_11);
        if let Some(value) = proxy.authorization()
            && let Ok(mut value) = HeaderValue::try_from(value)
        {
            value.set_sensitive(true);
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
        let path = request.uri().path_and_query().map_or("/".into(), ToString::to_string);
        Written::to(&format!("http://{}{path}", authority(&self.url)), &request)
    }

    /// The request as this version of HTTP wants it.
    pub(super) fn request(&self, version: Version) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        let mut headers = self.headers.clone();
        headers.reserve(OWN_HEADERS);
        for (name, value) in [(USER_AGENT, AGENT), (ACCEPT, "*/*"), (ACCEPT_ENCODING, "identity")] {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        let path = self.url.path_and_query().cloned();
        if version == Version::HTTP_2 {
            let named = headers.remove(HOST);
            let authority = named
                .and_then(|value| Authority::try_from(value.as_bytes()).ok())
                .or_else(|| Authority::try_from(authority(&self.url)).ok());
            headers.remove(CONNECTION);
            let mut parts = http::uri::Parts::default();
            parts.scheme = self.url.scheme().cloned();
            parts.authority = authority;
            parts.path_and_query = path;
            *request.version_mut() = Version::HTTP_2;
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        } else {
            if !headers.contains_key(HOST)
                && let Ok(value) = HeaderValue::from_str(authority(&self.url))
            {
                headers.insert(HOST, value);
            }
            headers.entry(CONNECTION).or_insert(HeaderValue::from_static("close"));
            *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        }
        *request.headers_mut() = headers;
        request
    }
}

impl Spec {
    /// What `connect` says of a URL's host and port.
    fn instead(&self, url: &Uri) -> Option<&Connect> {
        let (host, port) = (host(url), port(url));
        self.connect
            .iter()
            .find(|connect| connect.from.1 == port && connect.from.0.eq_ignore_ascii_case(host))
    }

    /// Whether `connect` says where to dial for a URL.
    pub(super) fn overrides(&self, url: &Uri) -> bool {
        self.instead(url).is_some()
    }
}

/// Secrets for the one are meant for the other too: the same host and port, or the same host in TLS.
pub(super) fn is_same_place(one: &Uri, other: &Uri) -> bool {
    let same_host = host(one).eq_ignore_ascii_case(host(other));
    let is_upgrade = !is_https(one) && is_https(other);
    let same_port = port(one) == port(other) && is_https(one) == is_https(other);
    same_host && (same_port || is_upgrade)
}

/// `https`, rather than `http`.
pub(super) fn is_https(url: &Uri) -> bool {
    url.scheme() == Some(&Scheme::HTTPS)
}

/// The host without the brackets of an IPv6 address.
pub(crate) fn host(url: &Uri) -> &str {
    url.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']')
}

/// The port, given or usual.
pub(crate) fn port(url: &Uri) -> u16 {
    url.port_u16().unwrap_or(if is_https(url) { 443 } else { 80 })
}

/// The URL for people: without user and password, and with at most 512 characters.
pub fn shown(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or("http");
    let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let whole = format!("{scheme}://{}{path}", authority(url));
    if whole.len() <= 512 { whole } else { printable(whole.as_bytes(), 512) }
}

/// The URL as findings name it: also without the query, which may change from probe to probe.
pub(super) fn subject(url: &Uri) -> String {
    without_query(&shown(url)).to_owned()
}

/// A URL as [`shown`], up to its query.
pub(crate) fn without_query(shown: &str) -> &str {
    shown.split_once('?').map_or(shown, |(before, _)| before)
}

/// Host and port as in a Host header: without user and password, and without the usual port.
pub(crate) fn authority(url: &Uri) -> &str {
    let whole = url.authority().map_or("", Authority::as_str);
    let whole = whole.rsplit_once('@').map_or(whole, |(_, after)| after);
    let usual = if is_https(url) { ":443" } else { ":80" };
    // Only a port that was written can be the usual one; an IPv6 address ends in a bracket.
    let whole = whole.strip_suffix(usual).unwrap_or(whole);
    whole.strip_suffix(':').unwrap_or(whole)
}

pub(super) fn target(host: &str) -> Target {
    match host.parse::<IpAddr>() {
        Ok(address) => Target::Address(address),
        Err(_) => Target::Name(host.into()),
    }
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, COOKIE};

    use super::*;

    fn url(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn host_port_and_authority() {
        for (text, expected) in [
            ("http://shop.example", ("shop.example", 80, "shop.example")),
            ("https://shop.example:443/x", ("shop.example", 443, "shop.example")),
            ("http://shop.example:443/", ("shop.example", 443, "shop.example:443")),
            ("http://me:secret@shop.example:81/", ("shop.example", 81, "shop.example:81")),
            ("https://[::1]:8443/", ("::1", 8443, "[::1]:8443")),
            ("http://[fe80::443]/", ("fe80::443", 80, "[fe80::443]")),
            ("https://[fe80::443]/", ("fe80::443", 443, "[fe80::443]")),
        ] {
            let url = url(text);
            assert_eq!((host(&url), port(&url), authority(&url)), expected, "{text}");
            assert!(!shown(&url).contains("secret"));
        }
        assert_eq!(subject(&url("http://a:secret@b/c?d=e")), "http://b/c");
    }

    #[test]
    fn methods_change_as_the_rfc_says() {
        for (status, method, expected) in [
            (301, Method::POST, Method::GET),
            (302, Method::POST, Method::GET),
            (302, Method::PUT, Method::PUT),
            (303, Method::PUT, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (307, Method::POST, Method::POST),
            (308, Method::POST, Method::POST),
            (301, Method::HEAD, Method::HEAD),
        ] {
            let ask = Ask {
                url: url("http://a/"),
                method: method.clone(),
                headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("x/y"))]),
                body: Bytes::from_static(b"x"),
                prepared: None,
            };
            let next = ask.redirected(StatusCode::from_u16(status).unwrap(), url("http://a/b"));
            assert_eq!(next.method, expected, "{status} {method}");
            assert_eq!(next.body.is_empty(), method != expected);
            assert_eq!(next.headers.contains_key(CONTENT_TYPE), method == expected);
        }
    }

    #[test]
    fn secrets_stay_with_whom_they_were_meant_for() {
        for (from, to, kept) in [
            ("http://a/", "http://a/b", true),
            ("http://a/", "https://a/b", true),
            ("https://a/", "http://a/b", false),
            ("http://a:81/", "http://a:82/", false),
            ("https://a/", "https://b/", false),
        ] {
            let headers = [(HOST, "x"), (AUTHORIZATION, "Bearer t"), (COOKIE, "a=b")];
            let ask = Ask {
                url: url(from),
                method: Method::GET,
                headers: headers
                    .into_iter()
                    .map(|(name, value)| (name, HeaderValue::from_static(value)))
                    .collect(),
                body: Bytes::new(),
                prepared: None,
            };
            let next = ask.redirected(StatusCode::FOUND, url(to));
            assert_eq!(next.headers.len(), if kept { 3 } else { 0 }, "{from} {to}");
        }
    }

    #[test]
    fn of_a_body_its_secrets_are_not_shown() {
        let mut spec = crate::probe::http::tests::spec("https://shop.example/");
        spec.body = Bytes::from_static(b"a=b");
        spec.hidden = vec![alerts::Secret(b"b".to_vec())];
        assert_eq!(Ask::planned(&spec).described(&spec).body, "a=(hidden)");
    }

    #[test]
    fn a_proxy_is_sent_the_whole_url() {
        let spec = crate::probe::http::tests::spec("http://shop.example:80/a?b");
        let endpoint = Endpoint { host: target("127.0.0.1"), port: 3128 };
        let user = Some(("me".to_owned(), alerts::Secret(b"pass".to_vec())));
        let proxy = Proxy { talk: crate::net::Talk::Http, endpoint, user };
        let written = Ask::planned(&spec).written_for(&proxy);
        let text = String::from_utf8(written.pieces[0].to_vec()).unwrap();
        assert!(text.starts_with("GET http://shop.example/a?b HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("host: shop.example\r\n"), "{text}");
        assert!(text.contains("proxy-authorization: Basic bWU6cGFzcw==\r\n"), "{text}");
    }

    #[test]
    fn a_request_names_the_host_once() {
        let ask = Ask {
            url: url("https://shop.example:8443/a?b"),
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            prepared: None,
        };
        let request = ask.request(Version::HTTP_11);
        assert_eq!(request.uri(), "/a?b");
        assert_eq!(request.headers()[HOST], "shop.example:8443");
        assert_eq!(request.headers()[ACCEPT_ENCODING], "identity");
        let request = ask.request(Version::HTTP_2);
        assert_eq!(request.uri(), "https://shop.example:8443/a?b");
        assert!(!request.headers().contains_key(HOST));
        assert!(!request.headers().contains_key(CONNECTION));
        let mut ask = ask;
        ask.headers.insert(HOST, HeaderValue::from_static("other.example"));
        assert_eq!(ask.request(Version::HTTP_11).headers()[HOST], "other.example");
        assert_eq!(ask.request(Version::HTTP_2).uri(), "https://other.example/a?b");
    }
}
