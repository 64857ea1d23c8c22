//! `[[grpc]]`

use ::http::header::{CONTENT_TYPE, TE};
use ::http::uri::PathAndQuery;
use ::http::{HeaderValue, Method, Uri};
use health::Kind;

use super::frame::{self, Pace};
use super::http;
use super::names::{Hosts, Names};
use super::notes::{Wrong, shown};
use super::row::Row;
use crate::probe::http::Spoken;
use crate::probe::{self, grpc};

/// Reads one `[[grpc]]`.
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
    let place = url.as_ref().and_then(|url| http::place(&url.value));
    let there = http::there(row, hosts, place.as_ref());
    let roots = pace.roots(row);
    let owner = there.owner.clone();
    let asking = http::bare(row, Vec::new());
    let service = row.parsed("service", service);
    let (url, written) = (url?.value, written?);
    let frame = named.frame(&pace, Kind::Grpc, written.value, owner)?;
    let service = service.map_or_else(String::new, |at| at.value.to_owned());
    let mut request = http::spec(url, &there, asking, roots?);
    request.method = Method::POST;
    request.body = grpc::check_request(&service);
    request.version = Some(Spoken::Http2);
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers.insert(TE, HeaderValue::from_static("trailers"));
    let spec = grpc::Spec { request, service };
    Some(probe::Check { frame, spec: probe::Spec::Grpc(Box::new(spec)) })
}

/// The URL of the health check on this server.
fn url(text: &str) -> Result<Uri, Wrong> {
    let base = http::url(text)?;
    if base.query().is_some() || base.path() != "/" {
        return Err(Wrong::new(format!("{} has a path", shown(text)))
            .help("scheme, host and port alone: the path of a call is its method"));
    }
    let mut parts = base.into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static(grpc::PATH));
    Uri::from_parts(parts).map_err(|error| Wrong::new(format!("{}: {error}", shown(text))))
}

/// The full name of a service, as in its .proto file.
fn service(text: &str) -> Result<&str, Wrong> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if (1..=256).contains(&text.len()) && text.chars().all(is_allowed) {
        return Ok(text);
    }
    Err(Wrong::new(format!("{} is not the name of a service", shown(text)))
        .help("the full one with its package, such as \"shop.v1.Orders\"; leave it out to ask for the server as a whole"))
}
