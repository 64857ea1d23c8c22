//! The climb from a name to the CAA set that counts for it (RFC 8659 §3): every name up to the
//! zone's own is asked of all of its servers; where a CNAME leads out of the zone, and above it,
//! the agent's resolver is asked. Deliberately absent: what a set permits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

use crate::clock::monotonic;
use crate::net::Net;
use crate::probe::dns::Spec;
use crate::probe::dns::exchange::Loss;
use crate::probe::dns::question::Question;
use crate::probe::dns::reply::{Outcome, Reply};
use crate::probe::dns::server::Server;
use crate::probe::dns::survey::Survey;
use crate::probe::dns::values::{render, render_name};

/// Names of one zone that are asked at most.
const MOST_PLACES: usize = 256;
/// Names outside of the zone that the resolver is asked for at most.
const MOST_OUTSIDE: usize = 16;

/// What everybody said.
#[derive(Debug, Default)]
pub(in crate::probe::dns) struct Answers {
    pub(in crate::probe::dns) zone: Name,
    pub(in crate::probe::dns) servers: Vec<Server>,
    /// Which column of `replies` belongs to a name.
    pub(super) places: HashMap<Name, usize>,
    /// One row per server, one reply per name.
    pub(super) replies: Vec<Vec<Reply>>,
    /// What the resolver has at the ends of CNAMEs that lead out of the zone.
    pub(super) outside: BTreeMap<String, Resolved>,
    /// What it has at the names above the zone, the nearest first.
    pub(super) above: Vec<(String, Resolved)>,
}

/// What the resolver has: values, maybe none; or nothing is known.
pub(super) type Resolved = Option<Vec<String>>;

/// Where a climb ends.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::probe::dns) enum Found<'a> {
    /// This set counts.
    Set {
        /// The name it stands at.
        at: String,
        values: &'a [String],
    },
    /// No name on the way has any: everybody may issue.
    Nothing,
    /// This name was not answered, so nobody may issue.
    Unanswered {
        /// The name asked about.
        at: String,
        outcome: &'a Outcome,
    },
    /// It cannot be told from here.
    Unknown,
}

impl Answers {
    /// Asks every server for every name on the way up from `names`, until the deadline.
    pub(super) async fn gather(
        spec: &Spec,
        net: &Net,
        servers: Vec<Server>,
        names: impl Iterator<Item = Name>,
        deadline: Instant,
    ) -> Self {
        let mut places = HashMap::new();
        let mut questions = Vec::new();
        for mut place in names {
            while places.len() < MOST_PLACES && !places.contains_key(&place) {
                questions.push(Question::new(&place, RecordType::CAA));
                places.insert(place.clone(), questions.len() - 1);
                if place.eq_ignore_root(&spec.zone) || place.is_root() {
                    break;
                }
                place = place.base_name();
            }
        }
        let survey = Survey::plan(spec, servers);
        let replies = survey.ask_all(spec, net, &questions, deadline, |_| true).await;
        let mut answers = Self {
            zone: spec.zone.clone(),
            servers: survey.servers,
            places,
            replies,
            ..Self::default()
        };
        answers.look_outside(net, deadline).await;
        answers
    }

    /// Asks the resolver for what the zone's servers cannot know.
    async fn look_outside(&mut self, net: &Net, deadline: Instant) {
        // A resolver that does not answer must not take the time of everything else.
        let left = deadline.saturating_duration_since(Instant::from_std(monotonic()));
        let deadline = deadline - left / 2;
        let replies = self.replies.iter().flatten();
        let targets: BTreeSet<String> = replies
            .filter_map(|reply| match &reply.outcome {
                Outcome::Alias(target) => Some(target.clone()),
                _ => None,
            })
            .take(MOST_OUTSIDE)
            .collect();
        let found = join_all(targets.iter().map(|name| resolved(name, net, deadline))).await;
        self.outside = targets.into_iter().zip(found).collect();
        let Some(&apex) = self.places.get(&self.zone) else { return };
        if self.replies.iter().any(|row| is_empty(row.get(apex))) {
            let mut above = self.zone.base_name();
            while !above.is_root() && self.above.len() < MOST_OUTSIDE {
                let name = render_name(&above);
                let found = resolved(&name, net, deadline).await;
                let is_last = found.as_ref().is_none_or(|values| !values.is_empty());
                self.above.push((name, found));
                if is_last {
                    break;
                }
                above = above.base_name();
            }
        }
    }

    /// The set that counts for a name, as one server has it.
    pub(in crate::probe::dns) fn climb(&self, server: usize, name: &Name) -> Found<'_> {
        let mut place = name.clone();
        loop {
            let reply =
                self.places.get(&place).and_then(|&column| self.replies[server].get(column));
            let Some(reply) = reply else { return Found::Unknown };
            let here = || render_name(&place);
            match &reply.outcome {
                Outcome::Values(values) => {
                    let at = reply.alias.clone().unwrap_or_else(here);
                    return Found::Set { at, values };
                }
                Outcome::Alias(target) => match self.outside.get(target) {
                    Some(Some(values)) if values.is_empty() => {}
                    Some(Some(values)) => return Found::Set { at: target.clone(), values },
                    Some(None) | None => return Found::Unknown,
                },
                Outcome::Nodata | Outcome::Nxdomain | Outcome::Dangling(_) => {}
                Outcome::Delegated(_) | Outcome::Lost(Loss::Exhausted(_)) => return Found::Unknown,
                outcome => return Found::Unanswered { at: here(), outcome },
            }
            if place.eq_ignore_root(&self.zone) {
                return self.climb_above();
            }
            place = place.base_name();
        }
    }

    fn climb_above(&self) -> Found<'_> {
        for (name, found) in &self.above {
            match found {
                Some(values) if values.is_empty() => {}
                Some(values) => return Found::Set { at: name.clone(), values },
                None => return Found::Unknown,
            }
        }
        Found::Nothing
    }

    /// How long what was found may be believed; nothing where something was not answered.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        let replies = self.replies.iter().flatten();
        let mut lowest = u32::MAX;
        for reply in replies {
            if !reply.outcome.is_statement() {
                return None;
            }
            lowest = lowest.min(reply.ttl.unwrap_or(u32::MAX));
        }
        Some(Duration::from_secs(lowest.into()))
    }
}

fn is_empty(reply: Option<&Reply>) -> bool {
    matches!(reply.map(|reply| &reply.outcome), Some(Outcome::Nodata | Outcome::Nxdomain))
}

/// The CAA set at a name, as the agent's resolver has it.
async fn resolved(name: &str, net: &Net, deadline: Instant) -> Resolved {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    match timeout_at(deadline, net.resolver().lookup(name, RecordType::CAA)).await {
        Ok(Ok(lookup)) => {
            let records = lookup.answers().iter().map(|record| &record.data);
            Some(records.filter(|data| matches!(data, RData::CAA(_))).map(render).collect())
        }
        Ok(Err(error)) if error.is_no_records_found() => Some(Vec::new()),
        Ok(Err(_)) | Err(_) => None,
    }
}
