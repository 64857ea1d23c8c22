//! Who is authoritative, as the parent zone says: all of its servers are asked for the zone's NS with
//! RD=0, and answer with a referral and glue (RFC 1034 §4.3.2). Which servers those are is in the
//! plan, or found by a walk from root hints, or through the agent's resolver. Deliberately absent:
//! any opinion on whether they agree with each other and with the zone.

mod from_hints;
mod own;
mod referral;
mod through_resolver;
mod wording;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use health::{Finding, Severity};
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout_at};

use super::exchange::{self, Arrival, Errand, Loss};
use super::question::{Question, Role};
use super::server::{self, Resolved};
use super::shelf::Shelf;
use super::{Spec, Stopwatch};
use crate::clock::monotonic;
use crate::net::Net;

pub(super) use from_hints::Cuts;
use from_hints::Walk;
pub(super) use own::Own;
pub(super) use referral::{Glued, Referral, Said};
pub(super) use wording::no_answer as unanswered;

/// Addresses of the parent's servers that are asked at most; those of com are 26.
const MOST_PARENTS: usize = 32;
/// Nameservers of one zone that are believed at most.
const MOST_NAMESERVERS: usize = 32;
/// Addresses of one nameserver that are asked at most.
pub(super) const MOST_ADDRESSES: usize = 16;
/// A delegation is looked up again after this time, however long its TTL.
const LONGEST_KEPT: Duration = Duration::from_secs(3600);
/// It is kept for this time, however short its TTL: until it has been renewed in the background.
/// One with something wrong is kept no longer either, so that mending it is seen soon.
pub(super) const SHORTEST_KEPT: Duration = Duration::from_secs(6 * 60);
/// A known delegation that ends within this time is renewed; the clock asks every five minutes.
const RENEWED_BEFORE: Duration = Duration::from_secs(15 * 60);
/// How long a renewal may take.
const RENEWED_WITHIN: Duration = Duration::from_secs(10);
/// A parent that could not be asked is asked again after this time, where it is only compared.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// When one of the parent's servers has answered, the others have this long.
const STRAGGLERS_WITHIN: Duration = Duration::from_secs(1);

/// One nameserver of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delegated {
    /// Lower case, without the final dot.
    pub(super) name: Arc<str>,
    /// Where it is asked. A delegation carries no ports: it is the port its parent was asked on,
    /// which differs from 53 only where a whole tree was set up on another one.
    pub(super) port: u16,
    /// Where it is.
    pub(super) addresses: Vec<SocketAddr>,
    /// Why there is no address, where one was looked for.
    pub(super) failure: Option<String>,
}

/// The nameservers of a zone as its parent has them.
#[derive(Clone, Debug)]
pub(super) struct Delegation {
    /// Whom to ask: those that most of the parent's servers name.
    pub(super) servers: Vec<Delegated>,
    /// What each of the parent's servers said.
    pub(super) words: Vec<Word>,
    /// What the zone's own servers say of nameservers within the zone.
    pub(super) own: Vec<Own>,
    lasting: Duration,
}

/// What one of the parent's servers said.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) server: SocketAddr,
    pub(super) said: Said,
}

/// A zone above another, and every address of its servers.
#[derive(Debug)]
struct Parent {
    zone: Name,
    servers: Vec<SocketAddr>,
}

/// Delegations by zone and by the servers that were asked about it.
pub(super) type Delegations = Shelf<Key, Delegation>;
/// Why a parent could not be asked.
pub(super) type SilentParents = Shelf<Key, Finding>;
/// A zone, its parent's servers and the root servers, as in the plan.
type Key = (Name, Vec<SocketAddr>, Vec<SocketAddr>);

/// What a delegation is known by.
pub(super) fn key(spec: &Spec) -> Key {
    (spec.zone.clone(), spec.parent.clone(), spec.hints.clone())
}

/// The zone's delegation, from memory or from the parent's servers; takes at most half the time.
///
/// # Errors
/// One finding that says at which step it broke.
pub(super) async fn find(
    spec: &Spec,
    net: &Net,
    watch: &Stopwatch,
) -> Result<Arc<Delegation>, Box<Finding>> {
    let key = key(spec);
    if let Some(delegation) = net.dns.delegations.recall(&key, monotonic()) {
        return Ok(delegation);
    }
    look_up(key, spec, net, watch.deadline() - watch.left() / 2).await
}

/// The delegation as it was known last, though its time may be over.
pub(super) fn last(spec: &Spec, net: &Net) -> Option<Arc<Delegation>> {
    net.dns.delegations.last(&key(spec)).map(|(_, delegation)| delegation)
}

/// As [`find`], for a zone whose nameservers are known without: a parent that fails is asked again
/// only after a while, so that not every probe waits for it.
///
/// # Errors
/// As there, as a warning.
pub(super) async fn compare(
    spec: &Spec,
    net: &Net,
    watch: &Stopwatch,
) -> Result<Arc<Delegation>, Box<Finding>> {
    let key = key(spec);
    if let Some(failure) = net.dns.silent_parents.recall(&key, monotonic()) {
        return Err(Box::new((*failure).clone()));
    }
    let found = find(spec, net, watch).await;
    found.map_err(|finding| {
        let finding = finding.severity(Severity::Warning);
        let kept = Arc::new(finding.clone());
        net.dns.silent_parents.keep(key, kept, monotonic(), ASKED_AGAIN_AFTER);
        Box::new(finding)
    })
}

/// Looks a delegation up again that is known and soon to be forgotten, with the addresses of its
/// nameservers, so that no probe has to wait for it; and the addresses of nameservers that the plan
/// names. What cannot be looked up stays known until its end.
pub async fn renew(spec: &Spec, net: &Net) {
    let deadline = Stopwatch::start(RENEWED_WITHIN).deadline();
    server::renew(spec, net, RENEWED_BEFORE, deadline).await;
    let (key, now) = (key(spec), monotonic());
    let is_known = |at| net.dns.delegations.recall(&key, at).is_some();
    if is_known(now)
        && !is_known(now + RENEWED_BEFORE)
        && let Err(finding) = look_up(key, spec, net, deadline).await
    {
        tracing::debug!(zone = %spec.zone, why = finding.summary.en, "the delegation was not renewed");
    }
}

async fn look_up(
    key: Key,
    spec: &Spec,
    net: &Net,
    deadline: Instant,
) -> Result<Arc<Delegation>, Box<Finding>> {
    let asker = Asker { source: spec.source, deadline };
    let walk = Walk::new(&spec.hints, &net.dns.cuts, asker);
    let parent = parent(spec, net, &walk, deadline).await?;
    let mut delegation = ask(spec, &parent, asker).await?;
    find_addresses(&mut delegation, spec, net, &walk, deadline).await;
    delegation.own = own::ask(&spec.zone, &delegation, asker).await;
    if delegation.is_doubtful() {
        delegation.lasting = SHORTEST_KEPT;
    }
    let lasting = delegation.lasting.clamp(SHORTEST_KEPT, LONGEST_KEPT);
    let delegation = Arc::new(delegation);
    net.dns.delegations.keep(key, delegation.clone(), monotonic(), lasting);
    Ok(delegation)
}

async fn parent(
    spec: &Spec,
    net: &Net,
    walk: &Walk<'_>,
    deadline: Instant,
) -> Result<Parent, Box<Finding>> {
    let parent = if !spec.parent.is_empty() {
        // Whatever zone these serve: the plan names them, and they are believed.
        Ok(Parent { zone: Name::root(), servers: spec.parent.clone() })
    } else if spec.hints.is_empty() {
        through_resolver::parent(&spec.zone, net, deadline).await
    } else {
        walk.parent(&spec.zone).await
    };
    parent.map_err(|(above, why)| wording::lost_above(spec, &above, &why))
}

/// The servers of the zone above, as the plan names them or as they are found.
///
/// # Errors
/// One finding that says at which step it broke.
pub(super) async fn parents(
    spec: &Spec,
    net: &Net,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Box<Finding>> {
    let asker = Asker { source: spec.source, deadline };
    let walk = Walk::new(&spec.hints, &net.dns.cuts, asker);
    Ok(parent(spec, net, &walk, deadline).await?.servers)
}

/// Asks all of the parent's servers at once.
async fn ask(spec: &Spec, parent: &Parent, asker: Asker) -> Result<Delegation, Box<Finding>> {
    let zone = &spec.zone;
    let questions = [Question::new(zone, RecordType::NS)];
    let servers = parent.servers.iter().take(MOST_PARENTS);
    let mut under_way: FuturesUnordered<_> = servers
        .map(async |&server| {
            let said = match asker.put(server, &questions).await.pop() {
                Some(Ok(arrival)) => Said::of(zone, &parent.zone, &arrival.message),
                Some(Err(loss)) => Said::Lost(loss.label()),
                None => Said::Lost(Loss::Timeout.label()),
            };
            Word { server, said }
        })
        .collect();
    let mut words = Vec::new();
    let mut until = asker.deadline;
    while let Ok(Some(word)) = timeout_at(until, under_way.next()).await {
        if matches!(word.said, Said::Referral(_)) {
            until = until.min(Instant::from_std(monotonic()) + STRAGGLERS_WITHIN);
        }
        words.push(word);
    }
    drop(under_way);
    let order = |word: &Word| parent.servers.iter().position(|&server| server == word.server);
    words.sort_by_key(order);
    Delegation::of(words).map_err(|words| {
        // One that answers says more than one that does not.
        let says_more = |word: &&Word| !matches!(word.said, Said::Lost(_));
        match words.iter().find(says_more).or(words.first()) {
            Some(word) => wording::not_delegated(zone, word.server, &word.said),
            None => wording::lost_above(spec, &parent.zone, "nobody answers in time"),
        }
    })
}

/// Looks up the nameservers that came without glue.
async fn find_addresses(
    delegation: &mut Delegation,
    spec: &Spec,
    net: &Net,
    walk: &Walk<'_>,
    deadline: Instant,
) {
    let lookups = delegation.servers.iter_mut().filter(|server| server.addresses.is_empty());
    let lookups = lookups.map(async |server| {
        let found = if spec.hints.is_empty() {
            server::resolve(&server.name, server.port, net, deadline).await
        } else {
            match server::absolute(&server.name) {
                Ok(name) => walk.addresses(&name, 0).await,
                Err(error) => Err(error),
            }
        };
        match found {
            Ok(Resolved { addresses, lasting }) => {
                server.addresses = addresses;
                Some(lasting)
            }
            Err(failure) => {
                server.failure = Some(failure);
                None
            }
        }
    });
    let found = join_all(lookups).await;
    let shortest = found.into_iter().flatten().min();
    delegation.lasting = delegation.lasting.min(shortest.unwrap_or(delegation.lasting));
}

impl Delegation {
    /// What the parent's servers say together; handed back where none of them delegates the zone.
    pub(super) fn of(words: Vec<Word>) -> Result<Self, Vec<Word>> {
        let Some((word, referral)) = norm(&words) else { return Err(words) };
        let port = word.server.port();
        let address = |&ip: &IpAddr| SocketAddr::new(ip, port);
        let servers = referral.servers.iter().map(|server| Delegated {
            name: server.name.clone(),
            port,
            addresses: server.glue.iter().map(address).collect(),
            failure: None,
        });
        let (servers, lasting) = (servers.collect(), Duration::from_secs(referral.ttl.into()));
        Ok(Self { servers, words, own: Vec::new(), lasting })
    }

    /// What most of the parent's servers say.
    pub(super) fn norm(&self) -> Option<&Referral> {
        norm(&self.words).map(|(_, referral)| referral)
    }

    /// One of the parent's servers that say what most of them say.
    pub(super) fn parent(&self) -> Option<SocketAddr> {
        norm(&self.words).map(|(word, _)| word.server)
    }

    /// The parent's servers disagree, or an address is missing.
    fn is_doubtful(&self) -> bool {
        let Some(norm) = self.norm() else { return true };
        self.servers.iter().any(|server| server.failure.is_some())
            || self.words.iter().any(|word| match &word.said {
                Said::Referral(referral) => !referral.is_same(norm),
                Said::Denied(_) => true,
                Said::Lame(_) | Said::Lost(_) => false,
            })
    }
}

/// The referral that most servers give, the first of those where several are given as often, and
/// the first server that gives it.
fn norm(words: &[Word]) -> Option<(&Word, &Referral)> {
    let referrals: Vec<(&Word, &Referral)> = words
        .iter()
        .filter_map(|word| match &word.said {
            Said::Referral(referral) => Some((word, referral)),
            _ => None,
        })
        .collect();
    let weight = |(_, one): &(&Word, &Referral)| {
        referrals.iter().filter(|(_, other)| one.is_same(other)).count()
    };
    // `max_by_key` would take the last of equals.
    referrals.iter().rev().max_by_key(|one| weight(one)).copied()
}

/// Puts questions to authoritative servers.
#[derive(Clone, Copy, Debug)]
struct Asker {
    source: Option<IpAddr>,
    deadline: Instant,
}

impl Asker {
    async fn put(&self, server: SocketAddr, questions: &[Question]) -> Vec<Result<Arrival, Loss>> {
        let errand = Errand {
            server,
            source: self.source,
            role: Role::Authoritative,
            questions,
            deadline: self.deadline,
        };
        exchange::ask(errand, |_, arrival| arrival).await
    }
}

#[cfg(test)]
mod tests;
