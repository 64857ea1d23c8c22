//! Caches from probe to probe: since when each holds an old answer and when it must let go; and the
//! question again without validation, where a validating one fails. Deliberately absent: judgement.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::question::{Question, Role};
use super::reply::{Outcome, Reply};
use super::survey::Survey;
use super::{Spec, Stopwatch, asking};
use crate::net::Net;

/// Old answers remembered at most.
const MOST_KEPT: usize = 4096;
/// TTLs are whole seconds: two ends this close are the same.
const SAME_END: Duration = Duration::from_secs(2);

/// What is remembered of caches that hold something old.
#[derive(Debug, Default)]
pub(super) struct Caches {
    kept: Mutex<HashMap<Key, Past>>,
}

/// A record in one cache.
pub(super) type Key = (SocketAddr, Name, RecordType);

/// One old answer in one cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    /// When it was first seen to be old.
    pub(super) since: Timestamp,
    /// The latest end that the cache has told, where it tells any.
    pub(super) end: Option<Timestamp>,
    /// An end that it has told and let pass, still holding it.
    pub(super) missed: Option<Timestamp>,
}

impl Caches {
    /// Notes what is old now and what is right; returns what is known of each that is old. One that
    /// is right again is forgotten once its end has passed: behind one address there may be several
    /// caches that answer in turn.
    pub(super) fn note(
        &self,
        old: &[(Key, Option<Timestamp>)],
        right: impl Iterator<Item = Key>,
        now: Timestamp,
    ) -> Vec<Past> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.is_empty() {
            for key in right {
                let is_over = |past: &Past| past.end.is_none_or(|end| end <= now);
                if kept.get(&key).is_some_and(is_over) {
                    kept.remove(&key);
                }
            }
        }
        let noted = old.iter().map(|(key, end)| {
            let new = Past { since: now, end: *end, missed: None };
            let past = kept.get(key).map_or(new, |past| past.again(*end, now));
            if kept.len() < MOST_KEPT || kept.contains_key(key) {
                kept.insert(key.clone(), past);
            }
            past
        });
        noted.collect()
    }
}

impl Past {
    fn again(self, told: Option<Timestamp>, now: Timestamp) -> Self {
        let is_same =
            |one: Timestamp, other: Timestamp| one.duration_since(other).unsigned_abs() <= SAME_END;
        match (self.end, told) {
            (Some(end), Some(told)) if is_same(end, told) => self,
            (Some(end), _) if now > end => Self { end: told, missed: Some(end), ..self },
            (Some(end), told) => Self { end: Some(told.map_or(end, |told| told.max(end))), ..self },
            (None, told) => Self { end: told, ..self },
        }
    }
}

/// What a resolver that fails says when it need not validate.
#[derive(Debug)]
pub(super) struct Unchecked {
    /// Index among the survey's servers.
    pub(super) server: usize,
    /// Index among its questions.
    pub(super) question: usize,
    pub(super) outcome: Outcome,
}

/// Asks every resolver that has failed with SERVFAIL once more without validation, while the zone
/// itself answers: what then comes was withheld because of DNSSEC (RFC 4035 §5.5).
pub(super) async fn ask_unchecked(
    spec: &Spec,
    survey: &Survey,
    net: &Net,
    watch: &Stopwatch,
) -> Vec<Unchecked> {
    let is_answered = |question: usize| {
        survey.authorities().any(|server| survey.replies[server][question].outcome.is_statement())
    };
    let failed = survey.servers.iter().enumerate().filter_map(|(server, of)| {
        let question = (of.role == Role::Resolver).then(|| {
            survey.replies[server].iter().enumerate().position(|(question, reply)| {
                matches!(&reply.outcome, Outcome::Failed(code) if code == "servfail")
                    && is_answered(question)
            })
        })??;
        Some((server, question))
    });
    let asked = failed.map(async |(server, question)| {
        let asked = &survey.questions()[question];
        let questions = [Question::unchecked(&asked.name, asked.record_type)];
        let digest = |question: &Question, arrival| {
            Reply::of(arrival, question, Role::Resolver, &survey.zone)
        };
        let whom = &survey.servers[server];
        let reply = asking::put(spec, net, whom, &questions, watch.deadline(), digest);
        let outcome = reply.await.pop()?.outcome;
        outcome.is_statement().then_some(Unchecked { server, question, outcome })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_old_answer_over_time() {
        let caches = Caches::default();
        let key = || {
            let name = Name::from_ascii("www.shop.example.").unwrap();
            (SocketAddr::from(([127, 53, 0, 53], 53)), name, RecordType::A)
        };
        let see = |end: Option<i64>, now: i64| {
            caches.note(&[(key(), end.map(at))], std::iter::empty(), at(now)).pop().unwrap()
        };
        let past = |end: Option<i64>, missed: Option<i64>| Past {
            since: at(100),
            end: end.map(at),
            missed: missed.map(at),
        };
        assert_eq!(see(Some(400), 100), past(Some(400), None));
        assert_eq!(see(Some(401), 130), past(Some(400), None), "rounded otherwise");
        assert_eq!(see(Some(300), 160), past(Some(400), None), "another cache, earlier");
        assert_eq!(see(Some(500), 190), past(Some(500), None), "another cache, later");
        assert_eq!(see(Some(800), 510), past(Some(800), Some(500)), "it has not let go");
        assert_eq!(see(None, 600), past(Some(800), Some(500)));
        assert_eq!(caches.note(&[], std::iter::once(key()), at(700)), []);
        assert_eq!(caches.kept.lock().unwrap().len(), 1, "its end is yet to come");
        assert_eq!(caches.note(&[], std::iter::once(key()), at(801)), []);
        assert_eq!(caches.kept.lock().unwrap().len(), 0);
    }
}
