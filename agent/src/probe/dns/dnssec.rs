//! DNSSEC: from a trust anchor down to every authoritative server's own answers, judged as a
//! validating resolver would (RFC 4035 §5), but server by server and with the reason. It is done
//! once in a while, and at once when the zone changes; between, what was found out stands.
//! Deliberately absent: trust in the AD bit of any resolver, and the upkeep of anchors (RFC 5011).

mod anchor;
mod ascent;
mod ask;
mod chain_wording;
mod copy;
mod denial;
mod held;
mod keys;
mod remembered;
mod sets;
mod signature;
mod verdict;
mod wording;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use futures_util::future::join_all;
use health::Finding;
use health::facts::{DnssecFacts, Security};
use hickory_proto::rr::RecordType;

use super::delegation::Delegation;
use super::exchange::Arrival;
use super::inquiry::{Inquiry, SOA};
use super::question::{Question, Role};
use super::reply::Outcome;
use super::server::Server;
use super::survey::Survey;
use super::{Spec, asking};
use crate::clock::{monotonic, now};
use crate::net::Net;
use crate::tls::{Expiring, Remaining};

pub use anchor::Anchor;
pub(crate) use anchor::in_file as anchors_in_file;
pub(super) use remembered::Remembered;

use ascent::{Access, Ascent};
use ask::Way;
use held::{Copies, Found, Hearing};
use remembered::Again;
use verdict::Case;

/// Servers of the parent that are asked for a DS, one after the other.
const MOST_PARENTS: usize = 3;
/// Record sets of one zone that are verified, on each server.
const MOST_SETS: usize = 64;

/// What the plan wants of a zone's signatures.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Whether it must be signed.
    pub mode: Mode,
    /// Those of the plan; empty: the root's, which are built in.
    pub trusted: Arc<[Anchor]>,
    /// When the end of a signature is near.
    pub near_end: Expiring,
}

/// Whether a zone must be signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is judged when a DS at its parent, or an anchor, says that it is signed.
    #[default]
    Auto,
    /// It must be signed, and a chain of trust must lead to it.
    Signed,
    /// Nobody looks.
    Off,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            trusted: Arc::default(),
            // Knot renews when a tenth is left, others earlier: less means that the signer stopped.
            near_end: Expiring {
                warning: Remaining::Share(0.08),
                critical: Remaining::Share(0.03),
            },
        }
    }
}

impl Policy {
    fn anchors(&self) -> &[Anchor] {
        static ROOT: LazyLock<Vec<Anchor>> = LazyLock::new(anchor::built_in);
        if self.trusted.is_empty() { &ROOT } else { &self.trusted }
    }
}

/// What was found out about a zone.
#[derive(Clone, Debug)]
pub(super) struct Examination {
    verdict: Verdict,
    /// What that rests on, for when it cannot be found out again.
    access: Found<Access>,
    copies: Copies,
}

/// What it comes to.
#[derive(Clone, Debug)]
struct Verdict {
    facts: DnssecFacts,
    findings: Vec<Finding>,
    again: Again,
    /// What each server had when it was asked.
    serials: Vec<(SocketAddr, u32)>,
}

/// Tells the examinations of one check from those of others, and of the same check with another
/// plan.
pub(super) fn key(spec: &Spec) -> u64 {
    let mut hasher = DefaultHasher::new();
    spec.zone.hash(&mut hasher);
    spec.nameservers.iter().for_each(|server| server.to_string().hash(&mut hasher));
    (&spec.parent, &spec.hints, &spec.source, spec.dnssec.mode, &spec.dnssec.trusted)
        .hash(&mut hasher);
    // Shares are no hashable numbers; their text is.
    format!("{:?}", spec.dnssec.near_end).hash(&mut hasher);
    for record in &spec.records {
        (&record.name, record.record_type).hash(&mut hasher);
    }
    hasher.finish()
}

/// DNSSEC during one probe of one zone.
#[derive(Debug)]
pub(super) struct Attention<'a> {
    spec: &'a Spec,
    net: &'a Net,
    key: u64,
    delegation: Option<&'a Delegation>,
    known: Option<Arc<Examination>>,
    /// Whom to ask, where it is due.
    servers: Vec<Server>,
}

impl<'a> Attention<'a> {
    /// Sees whether the zone is due. `delegation` is how its servers were found, if they were.
    pub(super) fn of(
        spec: &'a Spec,
        net: &'a Net,
        servers: &[Server],
        delegation: Option<&'a Delegation>,
    ) -> Self {
        let mut attention =
            Self { spec, net, key: 0, delegation, known: None, servers: Vec::new() };
        if spec.dnssec.mode == Mode::Off {
            return attention;
        }
        attention.key = Inquiry::of(spec).dnssec;
        let recalled = net.dns.dnssec.recall(attention.key, monotonic());
        let is_due = !matches!(recalled, Some((_, true)));
        attention.known = recalled.map(|(known, _)| known);
        if is_due {
            attention.servers = authorities(servers);
        }
        attention
    }

    /// Examines the zone where that is due. Ends at the deadline.
    pub(super) async fn examine(&mut self, deadline: tokio::time::Instant) {
        if !self.servers.is_empty() {
            let servers = std::mem::take(&mut self.servers);
            self.known = Some(Box::pin(self.look(servers, deadline)).await);
        }
    }

    /// Examines it again if the survey shows another version than was examined.
    pub(super) async fn follow(&mut self, survey: &Survey, deadline: tokio::time::Instant) {
        let Some(known) = &self.known else { return };
        if known.verdict.again == Again::Unsigned || !has_changed(known, survey) {
            return;
        }
        let servers = authorities(&survey.servers);
        self.known = Some(Box::pin(self.look(servers, deadline)).await);
    }

    /// Adds what stands to the findings of the probe, and takes out what only follows from it.
    pub(super) fn conclude(
        self,
        survey: &Survey,
        findings: &mut Vec<Finding>,
    ) -> Option<Box<DnssecFacts>> {
        let known = self.known?;
        let verdict = &known.verdict;
        findings.extend(verdict.findings.iter().cloned());
        if verdict.facts.state == Security::Bogus {
            verdict::explain(findings, &failing_resolvers(survey));
        }
        Some(Box::new(verdict.facts.clone()))
    }

    async fn look(&self, servers: Vec<Server>, deadline: tokio::time::Instant) -> Arc<Examination> {
        let spec = self.spec;
        let way = Way { upstreams: self.net.upstreams(), source: spec.source, deadline };
        let (now, started) = (now(), monotonic());
        let known = self.known.as_deref();
        let access = Box::pin(self.climb(&way, started)).await;
        let access = held::access(access, known.map(|known| &known.access), started);
        let (mut copies, mut held) = (Vec::new(), Copies::default());
        let mut hearing = Hearing::Whole;
        if let Access::Vouched { vouchers, .. } = &access.what {
            held.vouchers.clone_from(vouchers);
            let questions = questions(spec);
            let answers = join_all(servers.iter().map(async |server| {
                if server.address.is_none() {
                    return Vec::new();
                }
                let digest = |_: &Question, arrival: Result<Arrival, _>| {
                    arrival.map(|arrival| arrival.message)
                };
                asking::put(spec, self.net, server, &questions, deadline, digest).await
            }))
            .await;
            for (server, answers) in servers.into_iter().zip(answers) {
                let Some(address) = server.address else { continue };
                let heard = Hearing::of(&answers);
                let copy = copy::examine(&spec.zone, vouchers, &questions, &answers, now);
                let before = known.and_then(|known| known.copies.known(address, vouchers));
                let copy = held::copy(copy, heard, before, started);
                copies.push((server, copy.as_ref().map(|found| found.what.clone())));
                held.of.extend(copy.map(|found| (address, found)));
                if heard == Hearing::Partial {
                    hearing = heard;
                }
                // Verifying takes time that others wait for.
                tokio::task::yield_now().await;
            }
        }
        let policy = &spec.dnssec;
        let case = Case { zone: &spec.zone, policy, access: &access.what, copies, hearing, now };
        let verdict = case.judge();
        let found = Arc::new(Examination { verdict, access, copies: held });
        self.net.dns.dnssec.keep(self.key, &found, monotonic());
        found
    }

    /// Some of the parent's servers, where they are known; always the same.
    fn parent(&self) -> Vec<SocketAddr> {
        let mut servers = self.spec.parent.clone();
        if let Some(delegation) = self.delegation.filter(|_| servers.is_empty()) {
            servers.extend(delegation.words.iter().map(|word| word.server));
            servers.sort_unstable();
            servers.truncate(MOST_PARENTS);
        }
        servers
    }

    /// Takes at most half of the time, so that a resolver that is silent leaves some for the servers.
    async fn climb(&self, way: &Way<'_>, started: Instant) -> Access {
        let left = way.deadline.into_std().saturating_duration_since(started);
        let way = Way { deadline: way.deadline - left / 2, ..*way };
        let anchors = self.spec.dnssec.anchors();
        let mut hasher = DefaultHasher::new();
        anchors.hash(&mut hasher);
        let parent = self.parent();
        let ascent = Ascent {
            zone: &self.spec.zone,
            parent: &parent,
            anchors,
            fingerprint: hasher.finish(),
            way,
            memory: &self.net.dns.dnssec,
            now: now(),
            monotonic: started,
        };
        ascent.climb().await
    }
}

fn authorities(servers: &[Server]) -> Vec<Server> {
    let ours = servers.iter().filter(|server| server.role == Role::Authoritative);
    ours.cloned().collect()
}

/// DNSKEY first, then SOA and what the plan has.
fn questions(spec: &Spec) -> Vec<Question> {
    let fixed = [(&spec.zone, RecordType::DNSKEY), (&spec.zone, RecordType::SOA)];
    let planned = spec.records.iter().map(|record| (&record.name, record.record_type));
    let mut seen = HashSet::new();
    fixed
        .into_iter()
        .chain(planned)
        .filter(|&asked| seen.insert(asked))
        .take(MOST_SETS)
        .map(|(name, record_type)| Question::signed(name, record_type))
        .collect()
}

/// A server has another serial than when it was examined, or was not heard then.
fn has_changed(known: &Examination, survey: &Survey) -> bool {
    survey.authorities().any(|index| {
        let heard = survey.servers[index].address.zip(survey.replies[index][SOA].serial);
        heard.is_some_and(|(address, serial)| {
            let examined = known.verdict.serials.iter().find(|(examined, _)| *examined == address);
            examined.is_some_and(|&(_, known)| known != serial)
        })
    })
}

/// Titles of resolvers that answer SERVFAIL.
fn failing_resolvers(survey: &Survey) -> Vec<String> {
    let rows = survey.servers.iter().zip(&survey.replies);
    rows.filter(|(server, replies)| {
        server.role == Role::Resolver
            && replies.iter().any(
                |reply| matches!(&reply.outcome, Outcome::Failed(label) if *label == "servfail"),
            )
    })
    .map(|(server, _)| server.title())
    .collect()
}
