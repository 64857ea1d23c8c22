//! The DS of the zone itself: it lives in the zone above, whose servers are asked for it
//! (RFC 4035 §3.1.4.1). What they said is believed for a while, for they serve many.
//! Deliberately absent: whether the DS fits the zone's keys.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use health::Finding;
use health::facts::{DnsFacts, ServerFacts};
use hickory_proto::rr::Name;
use tokio::time::Instant as Deadline;

use super::inquiry::Inquiry;
use super::judge;
use super::question::Role;
use super::reply::Reply;
use super::server::Server;
use super::shelf::Shelf;
use super::survey::{Asked, Survey};
use super::{Spec, delegation};
use crate::clock::monotonic;
use crate::net::Net;

/// Servers above that are asked at most.
const MOST_SERVERS: usize = 16;
/// An answer as planned is believed no longer than this, whatever its TTL.
const LONGEST_HELD: Duration = Duration::from_secs(600);

/// A zone, and the servers of its parent where the plan names them.
type Key = (Name, Vec<SocketAddr>);

/// What the servers above said last.
pub(super) type Parents = Shelf<Key, Said>;

/// What the servers above said.
#[derive(Debug)]
pub(super) struct Said {
    servers: Vec<SocketAddr>,
    replies: Vec<Vec<Reply>>,
}

/// What came of asking above.
#[derive(Debug)]
pub(super) struct Above {
    survey: Option<Survey>,
    asked: Asking,
    findings: Vec<Finding>,
}

/// Whether this probe asked, or remembers what another one was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Now,
    Before,
}

/// Asks the servers above for the DS that is planned, or remembers what they said. `None` where
/// none is planned.
pub(super) async fn look(spec: &Spec, net: &Net, deadline: Deadline) -> Option<Above> {
    let inquiry = Inquiry::of(spec).above.clone()?;
    let key = (spec.zone.clone(), spec.parent.clone());
    if let Some(said) = net.dns.parents.recall(&key, monotonic()) {
        return Some(Above::new(survey(spec, inquiry, &said), Asking::Before));
    }
    // Seldom: most probes should not carry the room for it.
    Some(Box::pin(ask(spec, net, inquiry, key, deadline)).await)
}

async fn ask(spec: &Spec, net: &Net, inquiry: Arc<Inquiry>, key: Key, deadline: Deadline) -> Above {
    let left = deadline.saturating_duration_since(Deadline::from_std(monotonic()));
    let mut servers = match delegation::parents(spec, net, deadline - left / 2).await {
        Ok(servers) => servers,
        // Where the delegation is walked too, it says so already.
        Err(finding) => {
            let findings = spec.nameservers.first().map(|_| *finding).into_iter().collect();
            return Above { survey: None, asked: Asking::Now, findings };
        }
    };
    servers.truncate(MOST_SERVERS);
    let mut survey = survey(spec, inquiry, &Said { servers, replies: Vec::new() });
    survey.replies = survey.ask_all(spec, net, &survey.inquiry.questions, deadline, |_| true).await;
    if let Some(lasting) = lifetime(&survey) {
        let servers = survey.servers.iter().filter_map(|server| server.address).collect();
        let said = Arc::new(Said { servers, replies: survey.replies.clone() });
        net.dns.parents.keep(key, said, monotonic(), lasting);
    }
    Above::new(survey, Asking::Now)
}

/// A survey of the servers above, about the one record.
fn survey(spec: &Spec, inquiry: Arc<Inquiry>, said: &Said) -> Survey {
    let server = |&address: &SocketAddr| Server {
        name: address.to_string().into(),
        address: Some(address),
        role: Role::Authoritative,
        failure: None,
    };
    Survey {
        zone: spec.zone.base_name(),
        replies: said.replies.clone(),
        records: inquiry.records.iter().map(Asked::from).collect(),
        apex_ns: None,
        inquiry,
        ..Survey::plan(spec, said.servers.iter().map(server).collect())
    }
}

impl Above {
    fn new(survey: Survey, asked: Asking) -> Self {
        let findings = judge::above(&survey);
        Self { survey: Some(survey), asked, findings }
    }

    /// Adds the servers above and what they said to what was seen of the zone; what is wrong.
    pub(super) fn report(self, facts: &mut DnsFacts) -> Vec<Finding> {
        if let Some(survey) = self.survey {
            let seen = survey.facts();
            let before = facts.servers.len();
            facts.servers.extend(seen.servers.into_iter().map(|server| above(server, self.asked)));
            facts.records.extend(seen.records.into_iter().map(|mut record| {
                for answer in &mut record.answers {
                    answer.server += before;
                }
                record
            }));
        }
        self.findings
    }
}

/// A server above as facts. It was asked for the DS alone: the serial is no serial of this zone, and
/// what another probe asked was counted then.
fn above(server: ServerFacts, asked: Asking) -> ServerFacts {
    let server = ServerFacts { is_above: true, serial: None, counts: [0; 3], ..server };
    match asked {
        Asking::Now => server,
        Asking::Before => ServerFacts { asked: 0, repeated: 0, lost: 0, ..server },
    }
}

/// How long it may be believed: only what is as planned; anything else is asked for again.
fn lifetime(survey: &Survey) -> Option<Duration> {
    let replies = || survey.replies.iter().flatten();
    let expected = &survey.inquiry.records[0].expected;
    let is_planned = replies().all(|reply| expected.holds(&reply.outcome));
    let ttl = replies().filter_map(|reply| reply.ttl).min().filter(|_| is_planned)?;
    Some(Duration::from_secs(ttl.into()).min(LONGEST_HELD))
}
