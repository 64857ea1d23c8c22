//! The same request behind the proxy: plain HTTP to the upstream that the plan names, with the Host
//! that the visitor used and the forwarding headers a proxy adds.

use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Uri};

use super::ask::{authority, host, is_https};
use super::jar::Jar;
use super::{Ask, Connect, Heard, Spec, walk_with};
use crate::net::Net;
use crate::plan::Endpoint;
use crate::probe::Stopwatch;

/// What the nearest upstream itself answers, if the plan names one and it answers; the cookies that
/// the request carries go along, redirects are not followed.
pub(crate) async fn asked(
    spec: &Spec,
    ask: &Ask,
    net: &Net,
    watch: &Stopwatch,
) -> Option<(Endpoint, Inner)> {
    let upstream = spec.upstream.first()?.clone();
    if watch.left().is_zero() {
        return None;
    }
    let outer = &ask.url;
    let name = HeaderValue::from_str(authority(outer)).ok()?;
    let path = outer.path_and_query().map_or("/", PathAndQuery::as_str);
    let url: Uri =
        format!("{}://{}{path}", Scheme::HTTP, outer.authority()?.as_str()).parse().ok()?;
    let connect =
        Connect { from: (host(&url).to_owned(), super::port(&url)), to: upstream.clone() };
    let mut inner = spec.clone();
    inner.connect = vec![connect];
    (inner.follow_redirects, inner.upstream) = (false, Vec::new());
    (inner.road, inner.version) = (None, None);
    inner.expect.cookies.clear();
    inner.expect.within = None;
    let mut ask = ask.of(url);
    let scheme = if is_https(outer) { "https" } else { "http" };
    ask.headers.entry(HOST).or_insert(name);
    ask.headers
        .insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static(scheme));
    let mut watch = Stopwatch::start(watch.left());
    let walked = Box::pin(walk_with(&inner, ask, None, net, &mut watch)).await;
    let heard = walked.heard?;
    Some((upstream, Inner { is_well: walked.sight.findings.is_empty(), heard }))
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Inner {
    /// It is as expected.
    pub(crate) is_well: bool,
    pub(crate) heard: Heard,
}

impl Inner {
    /// What a browser would make of its cookies, had they come from there.
    pub(crate) fn jar(&self, outer: &Uri) -> Jar {
        let mut jar = Jar::default();
        jar.take(outer, &self.heard.headers, crate::clock::now());
        jar
    }
}
