//! One challenge asked for at one address of one domain, hop by hop, as a CA asks.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use health::facts::{HopFacts, TrialFacts};
use health::{Facts, Finding};
use http::{StatusCode, Uri};

use super::Spec;
use super::aim::Aim;
use super::body::{self, Instead};
use super::detour::{self, Detour};
use super::reached::Outlook;
use super::token::Challenge;
use crate::net::{Failure, Net, printable};
use crate::plan::{Endpoint, Target};
use crate::probe::Stopwatch;
use crate::probe::http::{Unfetched, fetch, host, port, shown};

/// Most bytes of a body that are looked at: enough for the title of a page.
const MOST_BYTES: usize = 8 * 1024;
const SHOWN_CHARS: usize = 512;
/// Domains that are tried side by side.
const SIDE_BY_SIDE: usize = 32;
/// Addresses of one domain that are tried.
const MOST_ADDRESSES: usize = 8;

/// What became of one challenge at one address.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) aim: Arc<Aim>,
    /// Whom the first request went to.
    pub(super) address: Option<SocketAddr>,
    /// Every request that was sent, or would have been.
    pub(super) hops: Vec<HopFacts>,
    pub(super) end: Result<(), Stumble>,
}

/// Where a challenge does not come back, at the last hop.
#[derive(Debug)]
pub(super) enum Stumble {
    /// The name has no address, and why, in the words of `resolve.failed`.
    Unresolved(Box<Finding>),
    /// No connection.
    Closed(Failure, Outlook),
    /// No TLS to be had, and why.
    NoTls(Box<Finding>),
    /// Connected, and no full answer in time.
    Silent,
    /// Closed or reset before the answer was whole.
    Cut(String),
    /// Not HTTP: why, and what came instead.
    NotHttp(String, String),
    /// A redirect that a CA does not follow.
    Detour(Detour),
    /// An answer that is neither the challenge nor a redirect; and who says so, by the Server header.
    Status(StatusCode, Option<String>),
    /// 200, and something else.
    Instead(Instead, Option<String>),
}

/// What all trials of one probe share.
pub(super) struct Ground<'a> {
    pub(super) spec: &'a Spec,
    pub(super) challenge: &'a Challenge,
    pub(super) net: &'a Net,
    pub(super) watch: &'a Stopwatch,
}

/// Tries every aim at every address, until the deadline.
pub(super) async fn all(ground: &Ground<'_>, aims: Vec<Aim>) -> Vec<Trial> {
    let tried = stream::iter(aims)
        .map(|aim| of_domain(ground, Arc::new(aim)))
        .buffered(SIDE_BY_SIDE)
        .collect::<Vec<_>>();
    tried.await.into_iter().flatten().collect()
}

async fn of_domain(ground: &Ground<'_>, aim: Arc<Aim>) -> Vec<Trial> {
    let first =
        format!("http://{}/.well-known/acme-challenge/{}", aim.domain, ground.challenge.name);
    let Ok(first) = first.parse::<Uri>() else { return Vec::new() };
    if ground.watch.left().is_zero() {
        // Nothing can be said of it, and those that took all the time are told.
        return Vec::new();
    }
    let addresses = match ground.addresses(&first).await {
        Ok(addresses) => addresses,
        Err(stumble) => {
            let hop = unasked(&first, &stumble);
            return vec![Trial { aim, address: None, hops: vec![hop], end: Err(stumble) }];
        }
    };
    let walks = addresses.into_iter().take(MOST_ADDRESSES).map(|address| {
        let (aim, first) = (aim.clone(), first.clone());
        async move {
            let (hops, end) = ground.walk(first, address).await;
            Trial { aim, address: Some(address), hops, end }
        }
    });
    futures_util::future::join_all(walks).await
}

/// A request that could not even be sent.
fn unasked(url: &Uri, stumble: &Stumble) -> HopFacts {
    let failure = Some(stumble.words());
    HopFacts { url: shown(url), failure, ..HopFacts::default() }
}

impl Ground<'_> {
    /// Whom a URL leads to: as `connect` says, or by name.
    async fn addresses(&self, url: &Uri) -> Result<Vec<SocketAddr>, Stumble> {
        let endpoint = self
            .spec
            .endpoint(host(url), port(url))
            .cloned()
            .unwrap_or_else(|| Endpoint { host: Target::Name(host(url).into()), port: port(url) });
        let mut watch = self.watch.beside();
        let mut facts = Facts::default();
        let resolved = self.net.resolve(&endpoint, &mut watch, &mut facts).await;
        let mut addresses = resolved.map_err(|finding| match facts.blind {
            Some(lack) => Stumble::Closed(Failure::Exhausted(lack), Outlook::Fair),
            None => Stumble::Unresolved(finding),
        })?;
        // As CAs prefer them.
        addresses.sort_by_key(SocketAddr::is_ipv4);
        Ok(addresses)
    }

    async fn walk(&self, first: Uri, address: SocketAddr) -> (Vec<HopFacts>, Result<(), Stumble>) {
        let mut asked = vec![first];
        let mut hops = Vec::new();
        let mut candidates = vec![address];
        loop {
            let Some(url) = asked.last() else { return (hops, Ok(())) };
            let mut hop = HopFacts { url: shown(url), ..HopFacts::default() };
            let step = self.ask(url, &candidates, &asked, &mut hop).await;
            if let Err(stumble) = &step {
                hop.failure = Some(stumble.words());
            }
            hops.push(hop);
            let next = match step {
                Ok(Some(next)) => next,
                Ok(None) => return (hops, Ok(())),
                Err(stumble) => return (hops, Err(stumble)),
            };
            candidates = match self.candidates(&next, &asked, address).await {
                Ok(candidates) => candidates,
                Err(stumble) => {
                    hops.push(unasked(&next, &stumble));
                    return (hops, Err(stumble));
                }
            };
            asked.push(next);
        }
    }

    /// Whom to ask next. Another URL of the same name is asked of the same machine, so that each of
    /// its addresses is tried to the end.
    async fn candidates(
        &self,
        next: &Uri,
        asked: &[Uri],
        first: SocketAddr,
    ) -> Result<Vec<SocketAddr>, Stumble> {
        let is_same = asked.first().is_some_and(|url| host(url).eq_ignore_ascii_case(host(next)));
        let first_dialled = asked.first().and_then(|url| self.spec.endpoint(host(url), port(url)));
        if is_same && first_dialled == self.spec.endpoint(host(next), port(next)) {
            let port = first_dialled.map_or(port(next), |_| first.port());
            return Ok(vec![SocketAddr::new(first.ip(), port)]);
        }
        self.addresses(next).await
    }

    /// One request; the URL it leads to, or `None` where the challenge came.
    async fn ask(
        &self,
        url: &Uri,
        candidates: &[SocketAddr],
        asked: &[Uri],
        hop: &mut HopFacts,
    ) -> Result<Option<Uri>, Stumble> {
        let Spec { source, roots, .. } = self.spec;
        let mut unreached = Stumble::Silent;
        for (index, &address) in candidates.iter().enumerate() {
            hop.address = Some(address);
            // Every address left gets an equal share of the time left.
            let mut watch = match u32::try_from(candidates.len() - index) {
                Ok(left @ 2..) => Stopwatch::start(self.watch.left() / left),
                _ => self.watch.beside(),
            };
            let answer = fetch(url, (address, *source), roots, MOST_BYTES, &mut watch).await;
            if !matches!(answer, Err(Unfetched::Closed(_))) {
                self.net.acme.note(address);
            }
            let answer = match answer {
                Ok(answer) => answer,
                Err(Unfetched::Closed(failure)) => {
                    unreached = Stumble::Closed(failure, Outlook::towards(address, *source));
                    continue;
                }
                Err(unfetched) => return Err(unfetched.into()),
            };
            hop.status = Some(answer.status.as_u16());
            let text = |name| {
                let value: &http::HeaderValue = answer.headers.get(name)?;
                Some(printable(value.as_bytes(), SHOWN_CHARS))
            };
            hop.location = text(http::header::LOCATION);
            if detour::is_redirect(answer.status) {
                return detour::next(asked, &answer).map(Some).map_err(Stumble::Detour);
            }
            let server = text(http::header::SERVER);
            if answer.status != StatusCode::OK {
                return Err(Stumble::Status(answer.status, server));
            }
            return match body::weigh(self.challenge, &answer) {
                Ok(()) => Ok(None),
                Err(instead) => Err(Stumble::Instead(instead, server)),
            };
        }
        Err(unreached)
    }
}

impl From<Unfetched> for Stumble {
    fn from(unfetched: Unfetched) -> Self {
        match unfetched {
            Unfetched::Closed(failure) => Self::Closed(failure, Outlook::Fair),
            Unfetched::NoTls(finding) => Self::NoTls(finding),
            Unfetched::Silent => Self::Silent,
            Unfetched::Cut(how) => Self::Cut(how),
            Unfetched::NotHttp { reason, first } => {
                Self::NotHttp(reason, printable(&first, SHOWN_CHARS))
            }
        }
    }
}

impl Trial {
    /// The same for people and pages.
    pub(super) fn facts(&self) -> TrialFacts {
        TrialFacts {
            domain: self.aim.domain.to_string(),
            address: self.address,
            hops: self.hops.clone(),
            passed: self.end.is_ok(),
        }
    }

    /// What this machine had run out of, so that it could not ask.
    pub(super) fn lack(&self) -> Option<&str> {
        match &self.end {
            Err(Stumble::Closed(Failure::Exhausted(lack), _)) => Some(lack),
            _ => None,
        }
    }
}
