//! Names outside the zone that its records lead to: followed through the agent's resolver, alias by
//! alias, to see whether they end somewhere. What was found stands until the name is looked up
//! again, and a resolver that fails says nothing about a record: it takes nothing back either.

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
/// With less time than this left, it is for the next probe.
const LEAST_LEFT: Duration = Duration::from_millis(200);
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

/// Looks up those names outside that records lead to and whose turn it is.
pub(super) async fn look(survey: &Survey, net: &Net, deadline: Instant) {
    let mut targets: Vec<&Name> = survey.outside().map(|(_, _, target)| target).collect();
    let now = Instant::from_std(monotonic());
    if targets.is_empty() || now + LEAST_LEFT > deadline {
        return;
    }
    targets.sort_unstable();
    targets.dedup();
    let until = deadline.min(now + WITHIN);
    let due = due(targets, &net.dns.targets, now.into_std());
    join_all(due.into_iter().map(|target| look_up(target, net, until))).await;
}

/// Those not looked up yet, then those whose time was over first: with more of them than one probe
/// looks up, each has its turn.
fn due<'a>(targets: Vec<&'a Name>, known: &Targets, now: std::time::Instant) -> Vec<&'a Name> {
    let ends = targets.into_iter().map(|target| (known.last(target).map(|(end, _)| end), target));
    let mut due: Vec<_> = ends.filter(|(end, _)| end.is_none_or(|end| end <= now)).collect();
    due.sort_by_key(|&(end, _)| end);
    due.into_iter().take(MOST_AT_ONCE).map(|(_, target)| target).collect()
}

/// Takes what is known of names outside into what the servers said of names that lead there.
pub(super) fn complete(survey: &mut Survey, net: &Net) {
    let places: Vec<(usize, usize, Name)> = survey
        .outside()
        .map(|(server, question, target)| (server, question, target.clone()))
        .collect();
    for (server, question, target) in places {
        let known = net.dns.targets.last(&target).map(|(_, end)| end);
        let outcome = match known.as_deref() {
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
    note(&net.dns.targets, target, end, monotonic(), lasting);
}

fn note(known: &Targets, target: &Name, end: End, now: std::time::Instant, lasting: Duration) {
    let end = match known.last(target).filter(|_| end == End::Unknown) {
        Some((_, last)) => last,
        None => Arc::new(end),
    };
    known.keep(target.clone(), end, now, lasting);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<Name> {
        (0..count).map(|n| Name::from_ascii(format!("n{n:02}.cdn.test.")).unwrap()).collect()
    }

    #[test]
    fn every_target_has_its_turn_however_many_there_are() {
        let (known, start, names) = (Targets::default(), monotonic(), names(100));
        let mut looked_up = std::collections::HashSet::new();
        // Each is due again before the last of them was looked up for the first time.
        for probe in 0..7 {
            let now = start + Duration::from_secs(probe * 60);
            let due = due(names.iter().collect(), &known, now);
            assert_eq!(due.len(), MOST_AT_ONCE);
            for target in due {
                looked_up.insert(target);
                note(&known, target, End::There, now, DOUBT_KEPT);
            }
        }
        assert_eq!(looked_up.len(), names.len());
        let now = start + Duration::from_secs(7 * 60);
        let first = due(names.iter().collect(), &known, now);
        assert!(first.iter().all(|target| !names[MOST_AT_ONCE * 2..].contains(target)));
    }

    #[test]
    fn a_resolver_that_fails_takes_nothing_back() {
        let (known, start) = (Targets::default(), monotonic());
        let target = &names(1)[0];
        let said = || known.last(target).map(|(_, end)| (*end).clone());
        note(&known, target, End::Unknown, start, DOUBT_KEPT);
        assert_eq!(said(), Some(End::Unknown));
        let missing = End::Missing("n00.cdn.test".to_owned());
        note(&known, target, missing.clone(), start, DOUBT_KEPT);
        let later = start + DOUBT_KEPT;
        assert_eq!(due(vec![target], &known, later), [target]);
        note(&known, target, End::Unknown, later, DOUBT_KEPT);
        assert_eq!(said(), Some(missing));
        assert!(due(vec![target], &known, later).is_empty(), "asked again only after a while");
        note(&known, target, End::There, later + DOUBT_KEPT, DOUBT_KEPT);
        assert_eq!(said(), Some(End::There));
    }
}
