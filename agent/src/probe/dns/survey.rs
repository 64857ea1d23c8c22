//! The same questions to everybody, side by side, and what came of it as facts. Deliberately
//! absent: judgement.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use health::facts::{AnswerFacts, DnsFacts, RecordFacts, ServerFacts};
use hickory_proto::rr::Name;
use jiff::Timestamp;
use tokio::time::Instant;

use super::exchange::Loss;
use super::inquiry::{Inquiry, Planned, SOA};
use super::peers::Repute;
use super::question::{Question, Role};
use super::reply::{Outcome, Reply};
use super::serial::Standing;
use super::server::Server;
use super::{Spec, asking};
use crate::clock::monotonic;
use crate::net::Net;

/// Values of one answer kept as facts, and bytes of each: a page shows no more.
const MOST_VALUES: usize = 64;
const LONGEST_VALUE_BYTES: usize = 1024;

/// All answers to all questions of one probe.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) zone: Name,
    pub(super) consistent: bool,
    /// When the asking began.
    pub(super) asked_at: Timestamp,
    pub(super) servers: Vec<Server>,
    pub(super) inquiry: Arc<Inquiry>,
    /// An answer later than this is a slow one.
    pub(super) slow_after: Duration,
    /// What is remembered of each server; empty before anybody was asked.
    pub(super) reputes: Vec<Repute>,
    /// One row per server, one reply per question.
    pub(super) replies: Vec<Vec<Reply>>,
    pub(super) records: Vec<Asked>,
    /// Index of the question for the zone's own NS, where that was asked.
    pub(super) apex_ns: Option<usize>,
    /// How each server's copy of the zone stands; empty where all are current.
    pub(super) standings: Vec<Standing>,
}

/// A planned record that was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) planned: Arc<Planned>,
    /// What each server says to a name that cannot exist, where that is known: only a wildcard
    /// answers with values.
    pub(super) control: Vec<Option<Outcome>>,
}

impl From<&Arc<Planned>> for Asked {
    fn from(planned: &Arc<Planned>) -> Self {
        Self { planned: planned.clone(), control: Vec::new() }
    }
}

impl Survey {
    /// Asks everybody everything, until the deadline.
    pub(super) async fn conduct(
        spec: &Spec,
        servers: Vec<Server>,
        records: &[Arc<Planned>],
        net: &Net,
        deadline: Instant,
    ) -> Self {
        let mut survey = Self::plan(spec, servers);
        survey.records = records.iter().map(Asked::from).collect();
        survey.asked_at = crate::clock::now();
        survey.replies = survey.ask_all(spec, net, survey.questions(), deadline, |_| true).await;
        survey
    }

    /// The questions, before anybody is asked.
    pub(super) fn plan(spec: &Spec, servers: Vec<Server>) -> Self {
        let inquiry = Inquiry::of(spec);
        let authorities = servers.iter().filter(|server| server.role == Role::Authoritative);
        // One server alone has nobody to disagree with, unless the parent is asked too.
        let is_delegation_known = spec.nameservers.is_empty() || !spec.parent.is_empty();
        let apex_ns =
            (authorities.count() > 1 || is_delegation_known).then_some(inquiry.apex.question);
        Self {
            zone: spec.zone.clone(),
            consistent: spec.consistent,
            asked_at: Timestamp::UNIX_EPOCH,
            servers,
            replies: Vec::new(),
            records: inquiry.records.iter().map(Asked::from).collect(),
            apex_ns,
            standings: Vec::new(),
            inquiry,
            slow_after: spec.asking.slow_after,
            reputes: Vec::new(),
        }
    }

    /// What everybody is asked.
    pub(super) fn questions(&self) -> &[Question] {
        match self.apex_ns {
            Some(_) => &self.inquiry.questions,
            None => &self.inquiry.questions[..self.inquiry.planned],
        }
    }

    /// What is known of each server by now.
    pub(super) fn recall(&mut self, spec: &Spec, net: &Net) {
        let now = monotonic();
        let reputes = self.servers.iter().map(|server| match server.address {
            Some(address) => {
                let way = (address, spec.source);
                net.dns.wire.peers.repute(way, self.slow_after, now)
            }
            None => Repute::default(),
        });
        self.reputes = reputes.collect();
    }

    /// Puts questions to those servers that are to be asked.
    pub(super) async fn ask_all(
        &self,
        spec: &Spec,
        net: &Net,
        questions: &[Question],
        deadline: Instant,
        is_asked: impl Fn(usize) -> bool,
    ) -> Vec<Vec<Reply>> {
        let zone = &self.zone;
        let rows = self.servers.iter().enumerate().map(async |(index, server)| {
            if !is_asked(index) {
                return vec![Reply::lost(Loss::Unresolved); questions.len()];
            }
            let digest =
                |question: &Question, arrival| Reply::of(arrival, question, server.role, zone);
            asking::put(spec, net, server, questions, deadline, digest).await
        });
        join_all(rows).await
    }

    /// Indices of the authoritative servers.
    pub(super) fn authorities(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.servers.len()).filter(|&index| self.servers[index].role == Role::Authoritative)
    }

    /// A transfer to this server is under way: what it says is not yet its last word.
    pub(super) fn is_following(&self, server: usize) -> bool {
        self.standings.get(server) == Some(&Standing::Following)
    }

    /// Answers that lead out of the zone: server, question, and the first name outside.
    pub(super) fn outside(&self) -> impl Iterator<Item = (usize, usize, &Name)> {
        // Where a challenge leads is asked of those who decide there.
        let is_pursued = |question: usize| {
            let mut records = self.records.iter().map(|record| &record.planned);
            records.any(|planned| planned.question == question && planned.is_challenge)
        };
        self.authorities().flat_map(move |server| {
            let row = self.replies[server].iter().enumerate();
            row.filter_map(move |(question, reply)| {
                let outside = reply.outside.as_ref().filter(|_| !is_pursued(question))?;
                Some((server, question, outside))
            })
        })
    }

    /// At least one authoritative server has answered something.
    pub(super) fn is_any_authority_heard(&self) -> bool {
        self.authorities().any(|index| {
            self.replies[index].iter().any(|reply| !matches!(reply.outcome, Outcome::Lost(_)))
        })
    }

    /// Another address of the same nameserver answers, where this one is IPv6: an agent without IPv6
    /// has nothing to say about IPv6.
    pub(super) fn has_other_way(&self, server: &Server) -> bool {
        server.address.is_some_and(|address| address.is_ipv6())
            && self.servers.iter().zip(&self.replies).any(|(other, replies)| {
                other.name == server.name
                    && other.role == server.role
                    && replies.iter().any(|reply| !matches!(reply.outcome, Outcome::Lost(_)))
            })
    }

    /// What this machine had run out of, where it could not ask: then nothing follows from silence.
    pub(super) fn lack(&self) -> Option<&str> {
        self.replies.iter().flatten().find_map(|reply| match &reply.outcome {
            Outcome::Lost(Loss::Exhausted(error)) => Some(&**error),
            _ => None,
        })
    }

    /// Everything that was seen, for pages and metrics.
    pub(super) fn facts(&self) -> DnsFacts {
        DnsFacts {
            zone: self.inquiry.title.clone(),
            servers: self.servers.iter().zip(&self.replies).map(server_facts).collect(),
            records: self.records.iter().map(|record| self.record_facts(&record.planned)).collect(),
            dnssec: None,
        }
    }

    /// When the server must have let go of its answer, if it is a cache.
    pub(super) fn end(&self, server: usize, reply: &Reply) -> Option<Timestamp> {
        let ttl = reply.ttl.filter(|_| self.servers[server].role == Role::Resolver)?;
        self.asked_at.checked_add(Duration::from_secs(ttl.into())).ok()
    }

    fn record_facts(&self, record: &Planned) -> RecordFacts {
        let mut answers: Vec<AnswerFacts> = Vec::with_capacity(self.replies.len());
        for (server, row) in self.replies.iter().enumerate() {
            let reply = &row[record.question];
            let values = shown(reply.outcome.values());
            let known =
                answers.iter().map(|answer| &answer.values).find(|known| known.iter().eq(&values));
            answers.push(AnswerFacts {
                server,
                outcome: reply.outcome.label(),
                values: known.cloned().unwrap_or_else(|| Arc::new(values)),
                ttl: reply.ttl,
                flags: reply.flags.iter().collect(),
                rtt_seconds: reply.rtt.map(|rtt| rtt.as_secs_f64()),
                over_tcp: reply.over_tcp,
                matches: record.holds(&reply.outcome),
                counts: reply.counts,
                expires_at: self.end(server, reply),
            });
        }
        let [name, record_type, expected] = record.shown.clone();
        RecordFacts { name, record_type, expected, answers }
    }
}

fn server_facts((server, row): (&Server, &Vec<Reply>)) -> ServerFacts {
    let mut rtts: Vec<Duration> = row.iter().filter_map(|reply| reply.rtt).collect();
    rtts.sort_unstable();
    let soa = row.get(SOA);
    let count = |is_such: fn(&Reply) -> bool| {
        u32::try_from(row.iter().filter(|reply| is_such(reply)).count()).unwrap_or(u32::MAX)
    };
    ServerFacts {
        name: server.name.clone(),
        address: server.address,
        is_resolver: server.role == Role::Resolver,
        is_above: false,
        serial: soa.and_then(|soa| soa.serial),
        reachable: !rtts.is_empty(),
        rtt_seconds: rtts.get(rtts.len() / 2).map(Duration::as_secs_f64),
        counts: soa.map_or([0; 3], |soa| soa.counts),
        nsid: soa.and_then(|soa| soa.nsid.clone()),
        asked: count(|reply| reply.outcome != Outcome::Lost(Loss::Unresolved)),
        repeated: count(|reply| reply.repeated),
        lost: count(|reply| match &reply.outcome {
            Outcome::Lost(loss) => *loss != Loss::Unresolved,
            _ => false,
        }),
    }
}

/// Values as facts hold them.
fn shown(values: &[String]) -> Vec<String> {
    values.iter().take(MOST_VALUES).map(|value| clip(value)).collect()
}

/// The beginning of a value that is too long to show.
pub(super) fn clip(value: &str) -> String {
    match value.char_indices().find(|&(at, _)| at >= LONGEST_VALUE_BYTES) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}
