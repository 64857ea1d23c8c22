//! The way down from root servers that the plan names: each is asked with RD=0, and every referral
//! is followed one zone further (RFC 1034 §5.3.3). Nameservers without glue are looked up by the
//! same walk. What was learnt of the zones on the way is remembered. Deliberately absent: any
//! resolver.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;

use super::referral::Referral;
use super::{Asker, MOST_ADDRESSES, MOST_PARENTS, Parent};
use crate::clock::monotonic;
use crate::probe::dns::exchange::Arrival;
use crate::probe::dns::question::Question;
use crate::probe::dns::server::Resolved;
use crate::probe::dns::shelf::Shelf;
use crate::probe::dns::values::render_name;

/// Queries that one walk may cost, with all the names it has to look up.
const MOST_QUERIES: usize = 128;
/// Names that are looked up to look up a name, and so on.
const DEEPEST: usize = 4;
/// Servers asked at once; the others when these do not answer.
const ASKED_AT_ONCE: usize = 2;
/// Nameservers without glue that are looked up at most, to ask one zone.
const MOST_LOOKED_UP: usize = 4;
/// How long one step may take before other servers are tried.
const LONGEST_STEP: Duration = Duration::from_millis(1500);
/// How long what was learnt on the way is believed, whatever its TTL.
const LONGEST_KEPT: Duration = Duration::from_secs(3600);

/// Root servers, and a zone below them.
type Place = (Vec<SocketAddr>, Name);
/// Zones met on the way from hints.
pub(in crate::probe::dns) type Cuts = Shelf<Place, Cut>;

/// A zone and those who serve it.
#[derive(Clone, Debug)]
pub(in crate::probe::dns) struct Cut {
    zone: Name,
    servers: Vec<SocketAddr>,
    /// Nameservers whose addresses did not come along.
    unglued: Vec<Name>,
}

/// One search from the root servers.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    hints: &'a [SocketAddr],
    known: &'a Cuts,
    asker: Asker,
    queries: AtomicUsize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(hints: &'a [SocketAddr], known: &'a Cuts, asker: Asker) -> Self {
        Self { hints, known, asker, queries: AtomicUsize::new(0) }
    }

    /// The zone above, with every address of every server.
    ///
    /// # Errors
    /// The zone at which the search ended, and why.
    pub(super) async fn parent(&self, zone: &Name) -> Result<Parent, (Name, String)> {
        let cut = self.cut(&zone.base_name(), 0).await?;
        let others = cut.unglued.iter().take(MOST_PARENTS).map(|name| self.addresses(name, 0));
        let mut servers = cut.servers.clone();
        for found in join_all(others).await {
            servers.extend(found.map(|found| found.addresses).unwrap_or_default());
        }
        servers.sort_unstable();
        servers.dedup();
        servers.truncate(MOST_PARENTS);
        if servers.is_empty() {
            return Err((cut.zone.clone(), "none of its nameservers has an address".to_owned()));
        }
        Ok(Parent { zone: cut.zone.clone(), servers })
    }

    /// Every IPv4 and IPv6 address of a nameserver, from the servers of its own zone. The port is
    /// that of the root servers.
    ///
    /// # Errors
    /// Why there is none, in a few words.
    pub(super) fn addresses<'s>(
        &'s self,
        name: &'s Name,
        depth: usize,
    ) -> BoxFuture<'s, Result<Resolved, String>> {
        Box::pin(async move {
            if depth >= DEEPEST {
                return Err("too many names to look up on the way to it".to_owned());
            }
            let cut = self
                .cut(name, depth)
                .await
                .map_err(|(at, why)| format!("at {}: {why}", render_name(&at)))?;
            let questions = [RecordType::A, RecordType::AAAA].map(|kind| Question::new(name, kind));
            let arrivals = self.ask(&cut, depth, &questions).await?;
            let port = self.port();
            let mut found = Resolved { addresses: Vec::new(), lasting: LONGEST_KEPT };
            for record in arrivals.iter().flat_map(|arrival| &arrival.message.answers) {
                if !record.name.eq_ignore_root(name) {
                    continue;
                }
                let ip: IpAddr = match &record.data {
                    RData::A(address) => address.0.into(),
                    RData::AAAA(address) => address.0.into(),
                    RData::CNAME(_) => {
                        return Err(
                            "it is a CNAME, which no nameserver may be (RFC 2181 §10.3)".to_owned()
                        );
                    }
                    _ => continue,
                };
                found.addresses.push(SocketAddr::new(ip, port));
                found.lasting = found.lasting.min(Duration::from_secs(record.ttl.into()));
            }
            found.addresses.sort_unstable();
            found.addresses.dedup();
            found.addresses.truncate(MOST_ADDRESSES);
            if found.addresses.is_empty() {
                return Err("the name has no address".to_owned());
            }
            Ok(found)
        })
    }

    /// The nearest zone at or above a name.
    async fn cut(&self, name: &Name, depth: usize) -> Result<Arc<Cut>, (Name, String)> {
        let mut name = name.to_lowercase();
        name.set_fqdn(true);
        let deepest = name.iter().count();
        let mut here = self.nearest_known(&name, deepest);
        for labels in here.zone.iter().count() + 1..=deepest {
            let next = name.trim_to(labels);
            let questions = [Question::new(&next, RecordType::NS)];
            let arrivals = match self.ask(&here, depth, &questions).await {
                Ok(arrivals) => arrivals,
                Err(why) => {
                    // Its servers may have moved: the next search begins further up.
                    self.known.forget(&(self.hints.to_vec(), here.zone.clone()));
                    return Err((here.zone.clone(), why));
                }
            };
            let Some(arrival) = arrivals.first() else { break };
            match Referral::read(&next, &here.zone, &arrival.message) {
                Some(referral) => here = self.enter(next, &referral),
                // No such name, and so nothing below it either (RFC 8020).
                None if arrival.message.metadata.response_code == ResponseCode::NXDomain => break,
                None => {}
            }
        }
        Ok(here)
    }

    fn nearest_known(&self, name: &Name, deepest: usize) -> Arc<Cut> {
        let now = monotonic();
        let known = (1..=deepest).rev().find_map(|labels| {
            self.known.recall(&(self.hints.to_vec(), name.trim_to(labels)), now)
        });
        known.unwrap_or_else(|| {
            let servers = self.hints.to_vec();
            Arc::new(Cut { zone: Name::root(), servers, unglued: Vec::new() })
        })
    }

    fn enter(&self, zone: Name, referral: &Referral) -> Arc<Cut> {
        let mut cut = Cut { zone: zone.clone(), servers: Vec::new(), unglued: Vec::new() };
        for server in &referral.servers {
            let addresses = server.glue.iter().map(|&ip| SocketAddr::new(ip, self.port()));
            cut.servers.extend(addresses);
            if server.glue.is_empty()
                && let Ok(mut name) = Name::from_ascii(&*server.name)
            {
                name.set_fqdn(true);
                cut.unglued.push(name);
            }
        }
        let cut = Arc::new(cut);
        let lasting = Duration::from_secs(referral.ttl.into()).min(LONGEST_KEPT);
        self.known.keep((self.hints.to_vec(), zone), cut.clone(), monotonic(), lasting);
        cut
    }

    /// Asks the servers of a zone, a few at a time, until one answers as a server of it must.
    async fn ask(
        &self,
        cut: &Cut,
        depth: usize,
        questions: &[Question],
    ) -> Result<Vec<Arrival>, String> {
        let mut servers = cut.servers.clone();
        if servers.is_empty() {
            // A name within the zone cannot be looked up by asking that same zone.
            let others = cut.unglued.iter().filter(|name| !cut.zone.zone_of(name));
            let others = others.take(MOST_LOOKED_UP).map(|name| self.addresses(name, depth + 1));
            for found in join_all(others).await {
                servers.extend(found.map(|found| found.addresses).unwrap_or_default());
            }
        }
        if servers.is_empty() {
            return Err("none of its nameservers has an address".to_owned());
        }
        for some in servers.chunks(ASKED_AT_ONCE) {
            let cost = some.len() * questions.len();
            if self.queries.fetch_add(cost, Ordering::Relaxed) + cost > MOST_QUERIES {
                return Err("the walk takes too many queries".to_owned());
            }
            let now = Instant::from_std(monotonic());
            if now >= self.asker.deadline {
                return Err("no answer in time".to_owned());
            }
            let until = self.asker.deadline.min(now + LONGEST_STEP);
            let asker = Asker { deadline: until, ..self.asker };
            let mut asked: FuturesUnordered<_> =
                some.iter().map(|&server| asker.put(server, questions)).collect();
            while let Some(arrivals) = asked.next().await {
                let arrivals: Result<Vec<_>, _> = arrivals.into_iter().collect();
                if let Ok(arrivals) = arrivals
                    && arrivals.iter().all(|arrival| is_usable(arrival, &cut.zone))
                {
                    return Ok(arrivals);
                }
            }
        }
        let asked = servers.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(format!("no usable answer from its servers ({asked})"))
    }

    fn port(&self) -> u16 {
        self.hints.first().map_or(crate::probe::dns::server::USUAL_PORT, SocketAddr::port)
    }
}

/// An answer with authority, or a referral further down.
fn is_usable(arrival: &Arrival, zone: &Name) -> bool {
    let message = &arrival.message;
    let is_referral = || {
        message.authorities.iter().any(|record| {
            record.record_type() == RecordType::NS
                && zone.zone_of(&record.name)
                && !zone.eq_ignore_root(&record.name)
        })
    };
    match message.metadata.response_code {
        ResponseCode::NoError => message.metadata.authoritative || is_referral(),
        ResponseCode::NXDomain => message.metadata.authoritative,
        _ => false,
    }
}
