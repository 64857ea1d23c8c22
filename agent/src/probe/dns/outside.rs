//! Names outside the zone that its records lead to: followed through the agent's resolver, alias by
//! alias, to see whether they end somewhere. Remembered for as long as the answers are good. A
//! resolver that fails says nothing about a record.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

use super::reply::Outcome;
use super::shelf::Shelf;
use super::survey::Survey;
use super::values::render_name;
use crate::clock::monotonic;
use crate::net::Net;

/// The longest chain that is followed; resolvers give up at about as many.
const MOST_ALIASES: usize = 12;
/// Targets looked up by one probe; the others have their turn at the next.
const MOST_AT_ONCE: usize = 16;
/// How long a probe may wait for the resolver.
const WITHIN: Duration = Duration::from_secs(2);
/// A target that is there is looked up again after its TTL, but not sooner and not later.
const KEPT: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(3600));
/// One that is missing, that goes in circles, or that the resolver failed at.
const DOUBT_KEPT: Duration = Duration::from_secs(120);

/// What is known of names outside, each by itself.
pub(super) type Targets = Shelf<Name, End>;

/// Where a name outside the zone leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// To a name that exists.
    There,
    /// To this one, which does not exist.
    Missing(String),
    /// Back to where it was, by these.
    Loop(Vec<String>),
    /// The resolver could not tell.
    Unknown,
}

/// Takes what is known of names outside into what the servers said of names that lead there.
pub(super) async fn complete(survey: &mut Survey, net: &Net, deadline: Instant) {
    let mut targets: Vec<Name> = survey.outside().map(|(_, _, target)| target.clone()).collect();
    if targets.is_empty() {
        return;
    }
    targets.sort_unstable();
    targets.dedup();
    let unknown: Vec<&Name> = targets
        .iter()
        .filter(|target| net.dns.targets.recall(*target, monotonic()).is_none())
        .take(MOST_AT_ONCE)
        .collect();
    let until = deadline.min(Instant::from_std(monotonic()) + WITHIN);
    join_all(unknown.into_iter().map(|target| look_up(target, net, until))).await;
    let places: Vec<(usize, usize, Name)> = survey
        .outside()
        .map(|(server, question, target)| (server, question, target.clone()))
        .collect();
    for (server, question, target) in places {
        let end = net.dns.targets.recall(&target, monotonic());
        let outcome = match end.as_deref() {
            Some(End::Missing(name)) => Outcome::Dangling(name.clone()),
            Some(End::Loop(names)) => Outcome::Loop(names.clone()),
            Some(End::There | End::Unknown) | None => continue,
        };
        survey.replies[server][question].outcome = outcome;
    }
}

async fn look_up(target: &Name, net: &Net, deadline: Instant) {
    let (end, lasting) = match timeout_at(deadline, follow(target, net)).await {
        Ok(found) => found,
        Err(_) => (End::Unknown, DOUBT_KEPT),
    };
    net.dns.targets.keep(target.clone(), Arc::new(end), monotonic(), lasting);
}

/// Follows a name to its end, one alias at a time: a resolver asked for more fails at a loop as it
/// fails at anything else.
async fn follow(target: &Name, net: &Net) -> (End, Duration) {
    let (shortest, longest) = KEPT;
    let mut lasting = longest;
    let mut way = vec![target.clone()];
    while let Some(here) = way.last().filter(|_| way.len() <= MOST_ALIASES) {
        let next = match net.resolver().lookup(here.clone(), RecordType::CNAME).await {
            Ok(lookup) => lookup.answers().iter().find_map(|record| match &record.data {
                RData::CNAME(next) if record.name.eq_ignore_root(here) => {
                    Some((next.0.to_lowercase(), record.ttl))
                }
                _ => None,
            }),
            Err(error) if error.is_nx_domain() => {
                return (End::Missing(render_name(here)), DOUBT_KEPT);
            }
            Err(error) if error.is_no_records_found() => None,
            Err(_) => return (End::Unknown, DOUBT_KEPT),
        };
        let Some((mut next, ttl)) = next else { return (End::There, lasting.max(shortest)) };
        next.set_fqdn(true);
        lasting = lasting.min(Duration::from_secs(ttl.into()));
        if way.contains(&next) {
            way.push(next);
            return (End::Loop(way.iter().map(render_name).collect()), DOUBT_KEPT);
        }
        way.push(next);
    }
    (End::Unknown, DOUBT_KEPT)
}
