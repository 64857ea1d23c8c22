//! Which program answered, as far as its answer tells. Pure.

use http::HeaderMap;
use http::header::{SERVER, VIA};

use crate::net::printable;

/// Programs that stand before applications, by what they call themselves in `Server` or `Via`.
const PROXIES: [(&str, &str); 11] = [
    ("openresty", "openresty"),
    ("nginx", "nginx"),
    ("haproxy", "HAProxy"),
    ("cloudflare", "Cloudflare"),
    ("cloudfront", "CloudFront"),
    ("awselb", "AWS load balancer"),
    ("envoy", "Envoy"),
    ("caddy", "Caddy"),
    ("traefik", "Traefik"),
    ("varnish", "Varnish"),
    ("apache", "Apache"),
];

/// Pages that proxies make themselves, by what only theirs say.
const PAGES: [(&str, &str); 8] = [
    ("<center>nginx", "nginx"),
    ("<center>openresty", "openresty"),
    ("no server is available to handle this request.", "HAProxy"),
    ("request forbidden by administrative rules.", "HAProxy"),
    ("your browser sent an invalid request.", "HAProxy"),
    ("<address>apache", "Apache"),
    ("upstream connect error or disconnect/reset before headers", "Envoy"),
    ("<center>cloudflare", "Cloudflare"),
];

/// The proxy that the answer came through, by its own words.
pub(super) fn proxy(headers: &HeaderMap) -> Option<&'static str> {
    let said = headers.get_all(VIA).iter().chain(headers.get_all(SERVER));
    let said: Vec<String> =
        said.map(|value| printable(value.as_bytes(), 128).to_ascii_lowercase()).collect();
    let named = |words: &str| said.iter().any(|said| said.contains(words));
    PROXIES.iter().find(|(words, _)| named(words)).map(|(_, name)| *name)
}

/// What the answer calls its sender, for people: `nginx`, or what `Server` says.
pub(super) fn named(headers: &HeaderMap) -> Option<String> {
    let said = || headers.get(SERVER).map(|server| printable(server.as_bytes(), 64));
    proxy(headers).map(ToOwned::to_owned).or_else(said)
}

/// The proxy whose own error page this is.
pub(super) fn own_page(body: &[u8]) -> Option<&'static str> {
    PAGES.iter().find(|(words, _)| contains(body, words)).map(|(_, name)| *name)
}

/// The words are among these bytes; upper and lower case are the same.
pub(super) fn contains(body: &[u8], words: &str) -> bool {
    body.windows(words.len()).any(|window| window.eq_ignore_ascii_case(words.as_bytes()))
}
