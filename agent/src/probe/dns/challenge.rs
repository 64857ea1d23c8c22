//! What a CA would find at `_acme-challenge` beyond the plain answer: where a CNAME or a delegation
//! leads, asked of the servers that decide there; whether the value sits at the doubled name that
//! panels make of a full one; and since when each value has been there. Deliberately absent: judgement.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use health::Finding;
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::expectation::Expected;
use super::inquiry::{Inquiry, Planned};
use super::question::{Question, Role};
use super::reply::{Outcome, Reply};
use super::server;
use super::survey::Survey;
use super::wildcard::random_label;
use super::{Expectation, Record, Spec, Stopwatch, TtlLimits};
use crate::net::Net;

/// CNAMEs that lead from zone to zone, one after another.
const MOST_HOPS: usize = 8;
/// Targets that the servers of one zone may name for one challenge.
const MOST_WAYS: usize = 4;
/// A doubled name is looked for this often where nothing is wrong.
const DOUBLED_EVERY: Duration = Duration::from_secs(3600);
/// Challenges that are followed at once: one that leads nowhere does not take the time of the others.
const MOST_AT_ONCE: usize = 16;
/// Challenges remembered, and values of each.
const MOST_KEPT: usize = 4096;
const MOST_VALUES: usize = 64;
/// A challenge that no probe has looked at for this long makes room for others.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

mod zones;

/// What was found out about one challenge.
#[derive(Debug)]
pub(super) struct Pursuit {
    /// Which of the survey's records it is.
    pub(super) record: usize,
    /// Where its servers send whoever asks.
    pub(super) ways: Vec<Way>,
    /// What is at the doubled name, where that is more than a wildcard's answer.
    pub(super) doubled: Option<Doubled>,
    /// Every value that is there now, and when it was first seen.
    pub(super) seen: BTreeMap<String, Timestamp>,
}

/// Where a delegated challenge leads.
#[derive(Debug)]
pub(super) struct Way {
    /// The name that a CA looks at in the end.
    pub(super) target: Name,
    /// What the servers there say, or why they could not be asked.
    pub(super) end: Result<Survey, Dead>,
}

/// Why a way does not lead to any server.
#[derive(Debug)]
pub(super) enum Dead {
    /// No zone has the name: nobody could ever publish there.
    Nowhere,
    /// It leads back to where it was.
    Round(Vec<Name>),
    /// The zone's servers could not be found out.
    Lost(Box<Finding>),
}

/// The name that results when a panel appends the zone to a full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubled {
    pub(super) name: Name,
    pub(super) values: Vec<String>,
}

/// What is remembered of challenges from probe to probe.
#[derive(Debug, Default)]
pub(super) struct Challenges {
    kept: Mutex<HashMap<Key, Past>>,
    zones: zones::Zones,
}

/// The key of a planned record: views of one zone, asked of other servers, are not mixed up.
type Key = u64;

/// Who has said what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// All who decide.
    Everybody,
    /// Not all: what nobody named may still be there.
    Some,
}

#[derive(Debug, Default)]
struct Past {
    used: Timestamp,
    seen: BTreeMap<String, Timestamp>,
    asked_doubled: Option<Timestamp>,
    doubled: Option<Doubled>,
}

/// Follows every challenge of the survey to where a CA would look. Ends at the deadline.
pub(super) async fn pursue(
    spec: &Spec,
    survey: &Survey,
    net: &Net,
    watch: &Stopwatch,
) -> Vec<Pursuit> {
    let due = survey.records.iter().enumerate().filter(|(_, asked)| {
        asked.planned.is_challenge && asked.planned.expected != Expected::Unknown
    });
    let under_way: Vec<_> =
        due.map(|(record, _)| pursue_one(record, spec, survey, net, watch)).collect();
    let pursuits: Vec<_> = stream::iter(under_way).buffered(MOST_AT_ONCE).collect().await;
    pursuits.into_iter().flatten().collect()
}

async fn pursue_one(
    record: usize,
    spec: &Spec,
    survey: &Survey,
    net: &Net,
    watch: &Stopwatch,
) -> Option<Pursuit> {
    let planned = &*survey.records[record].planned;
    let replies = || replies_to(survey, planned.question);
    if !replies().any(|reply| reply.outcome.is_statement()) {
        return None;
    }
    let ways = ways(spec, survey, planned, net, watch).await;
    let there = || ways.iter().filter_map(|way| way.end.as_ref().ok()).flat_map(challenge_of);
    let values: BTreeSet<&str> = replies()
        .chain(there())
        .filter(|reply| matches!(reply.outcome, Outcome::Values(_)))
        .flat_map(|reply| reply.outcome.values())
        .map(String::as_str)
        .collect();
    let is_silent = |reply: &Reply| !reply.outcome.is_statement();
    let heard =
        match replies().chain(there()).any(is_silent) || ways.iter().any(|way| way.end.is_err()) {
            true => Heard::Some,
            false => Heard::Everybody,
        };
    let seen = net.dns.challenges.see(planned.key, &values, heard, survey.asked_at);
    let doubled = doubled(spec, survey, planned, net, watch).await;
    Some(Pursuit { record, ways, doubled, seen })
}

/// Where the servers of the zone send whoever asks for a challenge, with what is there.
pub(super) async fn ways(
    spec: &Spec,
    survey: &Survey,
    planned: &Planned,
    net: &Net,
    watch: &Stopwatch,
) -> Vec<Way> {
    let replies = replies_to(survey, planned.question);
    let targets: BTreeSet<Name> =
        replies.filter_map(|reply| leads_to(reply, planned, &survey.zone)).collect();
    let mut ways = Vec::with_capacity(targets.len());
    for target in targets.into_iter().take(MOST_WAYS) {
        ways.push(follow(target, spec, survey, planned, net, watch).await);
    }
    ways
}

/// What is at the doubled name: looked for once in a while; at once where the challenge is not what
/// it should be, and each time while there is something, so that it is seen to go.
async fn doubled(
    spec: &Spec,
    survey: &Survey,
    planned: &Planned,
    net: &Net,
    watch: &Stopwatch,
) -> Option<Doubled> {
    let is_wanted = matches!(planned.expected, Expected::Exactly(_) | Expected::Contains(_));
    let is_wrong = replies_to(survey, planned.question)
        .any(|reply| reply.outcome.is_statement() && !planned.holds(&reply.outcome));
    let (memory, now) = (&net.dns.challenges, survey.asked_at);
    let is_due = memory.is_doubled_due(planned.key, now) || (is_wanted && is_wrong);
    if is_due && let Some(found) = look_doubled(spec, survey, planned, net, watch).await {
        memory.keep_doubled(planned.key, found, now);
    }
    memory.doubled(planned.key, now)
}

fn replies_to(survey: &Survey, question: usize) -> impl Iterator<Item = &Reply> {
    survey.authorities().map(move |at| &survey.replies[at][question])
}

/// What the servers of a survey of one record say to it.
fn challenge_of(survey: &Survey) -> impl Iterator<Item = &Reply> {
    let asked = survey.records.iter().take(1);
    asked.flat_map(|record| replies_to(survey, record.planned.question))
}

/// The name that decides instead, where a server of the zone says that another does. What a server
/// says of another zone is not believed, though it may serve that too: a CA asks that zone's own.
fn leads_to(reply: &Reply, planned: &Planned, zone: &Name) -> Option<Name> {
    if matches!(reply.outcome, Outcome::Delegated(_)) {
        return Some(planned.name.clone());
    }
    let mut target = Name::from_ascii(reply.alias.as_deref()?).ok()?;
    target.set_fqdn(true);
    let is_answered = zone.zone_of(&target) && !matches!(reply.outcome, Outcome::Alias(_));
    (reply.outcome.is_statement() && !is_answered).then_some(target)
}

/// Asks the servers that decide about a target, and on from there where they send us elsewhere.
async fn follow(
    first: Name,
    spec: &Spec,
    survey: &Survey,
    planned: &Planned,
    net: &Net,
    watch: &Stopwatch,
) -> Way {
    let mut walked = Vec::new();
    let mut target = first;
    loop {
        if walked.contains(&target) || walked.len() > MOST_HOPS {
            walked.push(target.clone());
            return Way { target, end: Err(Dead::Round(walked)) };
        }
        let there = match zones::of(&target, planned.key, spec, survey, net, watch).await {
            Ok(there) => there,
            Err(dead) => return Way { target, end: Err(dead) },
        };
        let end = match ask_at(&target, there, planned, net, watch).await {
            Ok(end) => end,
            Err(dead) => return Way { target, end: Err(dead) },
        };
        let asked = &end.records[0].planned;
        let next = challenge_of(&end).find_map(|reply| leads_to(reply, asked, &end.zone));
        match next {
            Some(next) if next != target => {
                walked.push(target);
                target = next;
            }
            _ => return Way { target, end: Ok(end) },
        }
    }
}

/// The same record, asked for at its target, of the servers of the zone that the target is in.
async fn ask_at(
    target: &Name,
    mut there: Spec,
    planned: &Planned,
    net: &Net,
    watch: &Stopwatch,
) -> Result<Survey, Dead> {
    there.records = vec![Record {
        name: target.clone(),
        record_type: RecordType::TXT,
        expectation: Expectation::Anything,
        ttl: TtlLimits::default(),
    }];
    let roll = server::call(&there, net, &mut Stopwatch::start(watch.left())).await;
    if roll.servers.is_empty()
        && let Some(finding) = roll.findings.into_iter().next()
    {
        return Err(Dead::Lost(Box::new(finding)));
    }
    let mut asked = Inquiry::of(&there).records[0].with_expected(planned.expected.clone());
    asked.is_challenge = true;
    Ok(Survey::conduct(&there, roll.servers, &[Arc::new(asked)], net, watch.deadline()).await)
}

/// What the servers of the zone have at the name that has the zone twice at its end; `None` where
/// that cannot be told this time.
async fn look_doubled(
    spec: &Spec,
    survey: &Survey,
    planned: &Planned,
    net: &Net,
    watch: &Stopwatch,
) -> Option<Option<Doubled>> {
    let within = |name: &Name| Name::from_labels(name.iter().chain(survey.zone.iter())).ok();
    // Only a wildcard answers for a name that nobody has written anywhere.
    let nobodys = planned.name.base_name().prepend_label(random_label()).ok();
    let names = (within(&planned.name), nobodys.and_then(|name| within(&name)));
    let (Some(name), Some(control)) = names else {
        // Longer than a name may be: nobody has published anything there.
        return Some(None);
    };
    let questions = [&name, &control].map(|name| Question::new(name, RecordType::TXT));
    let is_asked = |server: usize| {
        survey.servers[server].role == Role::Authoritative
            && survey.replies[server].iter().any(|reply| reply.outcome.is_statement())
    };
    let replies = survey.ask_all(spec, net, &questions, watch.deadline(), is_asked).await;
    let asked = replies.iter().enumerate().filter(|&(server, _)| is_asked(server));
    let values = beside_wildcards(asked.map(|(_, row)| &**row))?;
    let found = (!values.is_empty())
        .then(|| Doubled { name, values: values.into_iter().take(MOST_VALUES).collect() });
    Some(found)
}

/// Values that are there beside what a wildcard answers, from every server's replies to the name and
/// to one that nobody has written. Nothing found is only believed of those who answered both: without
/// the other a wildcard is not told from a record.
fn beside_wildcards<'a>(rows: impl Iterator<Item = &'a [Reply]>) -> Option<BTreeSet<String>> {
    let (mut values, mut is_whole) = (BTreeSet::new(), true);
    for row in rows {
        let [there, control] = row else { continue };
        if !(there.outcome.is_statement() && control.outcome.is_statement()) {
            is_whole = false;
        } else if there.outcome != control.outcome
            && let Outcome::Values(some) = &there.outcome
        {
            values.extend(some.iter().cloned());
        }
    }
    (is_whole || !values.is_empty()).then_some(values)
}

impl Challenges {
    /// Notes which values are there now; returns since when. One that has gone is forgotten, unless
    /// somebody who may have it was not heard.
    fn see(
        &self,
        key: Key,
        values: &BTreeSet<&str>,
        heard: Heard,
        now: Timestamp,
    ) -> BTreeMap<String, Timestamp> {
        self.with(key, now, |past| {
            if heard == Heard::Everybody || past.seen.len() > MOST_VALUES {
                past.seen.retain(|value, _| values.contains(&**value));
            }
            let dated = values.iter().take(MOST_VALUES).map(|&value| {
                (value.to_owned(), *past.seen.entry(value.to_owned()).or_insert(now))
            });
            dated.collect()
        })
        .unwrap_or_default()
    }

    /// Takes over what was known of a value before this program was started.
    pub(super) fn believe(&self, key: Key, value: &str, since: Timestamp, now: Timestamp) {
        self.with(key, now, |past| past.seen.insert(value.to_owned(), since));
    }

    /// Never looked for, found, or last looked for a while ago.
    fn is_doubled_due(&self, key: Key, now: Timestamp) -> bool {
        let is_known = self.with(key, now, |past| {
            let next = past.asked_doubled?.checked_add(DOUBLED_EVERY).ok()?;
            (now < next && past.doubled.is_none()).then_some(())
        });
        is_known.flatten().is_none()
    }

    /// What was found at the doubled name.
    fn doubled(&self, key: Key, now: Timestamp) -> Option<Doubled> {
        self.with(key, now, |past| past.doubled.clone()).flatten()
    }

    fn keep_doubled(&self, key: Key, doubled: Option<Doubled>, now: Timestamp) {
        self.with(key, now, |past| {
            past.asked_doubled = Some(now);
            past.doubled = doubled;
        });
    }

    fn with<T>(&self, key: Key, now: Timestamp, act: impl FnOnce(&mut Past) -> T) -> Option<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT && !kept.contains_key(&key) {
            let begin = now.checked_sub(FORGOTTEN_AFTER).unwrap_or(Timestamp::MIN);
            kept.retain(|_, past| past.used >= begin);
            if kept.len() >= MOST_KEPT {
                return None;
            }
        }
        let past = kept.entry(key).or_default();
        past.used = now;
        Some(act(past))
    }
}

#[cfg(test)]
mod tests;
