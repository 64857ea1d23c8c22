//! Snapshot → HTML: the pages people read. Pure: every page is a function of a [`View`].
//!
//! Each page is one file here and one template beside it; `frame` is what all of them share.
//! Deliberately absent: I/O, clocks, routing, and anything that would let text from outside reach a
//! page unescaped (see `escape`). Pages need no JavaScript; with it they stay current by themselves.

mod amount;
mod asset;
mod certificates;
mod chart;
mod check;
mod dns;
mod escape;
mod explain;
mod findings;
mod frame;
mod host;
mod incidents;
mod language;
mod link;
mod login;
mod markdown;
mod meaning;
mod notice;
mod overview;
mod pages;
mod ports;
mod quiet;
mod words;

pub use asset::{Asset, asset};
pub use certificates::{CertificatesQuery, certificate, certificates};
pub use check::check;
pub use dns::{DnsQuery, dns, dns_zone};
pub use explain::{explain, explain_index};
pub use host::{HostPast, host};
pub use incidents::{incident, incidents};
pub use language::language;
pub use login::{LoginForm, login};
pub use notice::{failed, not_found, refused};
pub use overview::{OverviewQuery, overview};
pub use ports::{PortsQuery, ports};
pub use quiet::silences;

use health::{Language, Snapshot};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The Content-Security-Policy header that every page is made for: nothing inline, nothing foreign.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; \
    script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// What every page is made from.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Everything at one moment.
    pub snapshot: &'a Snapshot,
    /// The language of the page.
    pub language: Language,
    /// The moment it is made for.
    pub now: Timestamp,
    /// The zone that absolute times are written in until the browser knows better.
    pub zone: &'a TimeZone,
    /// Path of the request, as it came: percent-encoded.
    pub path: &'a str,
    /// Query of the request, as it came, without the question mark; may be empty.
    pub query: &'a str,
    /// Who looks at it, where they have logged in: they may ask for quiet.
    pub visitor: Option<Visitor<'a>>,
}

/// Somebody who has logged in.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Who, as they said.
    pub name: &'a str,
    /// What each form has to carry, so that it is believed to come from a page of theirs.
    pub csrf: &'a str,
}

/// The path of the page of an incident.
#[must_use]
pub fn incident_path(id: &str) -> String {
    link::incident(id)
}

/// The path of the page where somebody logs in, to go on at `next`.
#[must_use]
pub fn login_path(next: &str) -> String {
    link::with_query("/login", &[("next", next)])
}

/// A page could not be made: a bug in a template.
#[derive(Debug, thiserror::Error)]
#[error("the page could not be rendered: {0}")]
pub struct Error(#[from] askama::Error);
