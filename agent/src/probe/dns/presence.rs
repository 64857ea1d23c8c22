//! Who has one record as it should be, right now: every server that decides, along delegations of a
//! challenge too, and every cache named. For whoever waits for it. Deliberately absent: findings.

use std::sync::Arc;
use std::time::Duration;

use health::{Text, text};

use super::challenge::{self, Dead};
use super::exchange::Loss;
use super::inquiry::{Inquiry, Planned};
use super::question::Role;
use super::reply::{Outcome, Reply};
use super::server;
use super::survey::Survey;
use super::values::render_name;
use super::wording::said;
use super::{Spec, Stopwatch};
use crate::net::Net;

/// What one look has shown.
#[derive(Debug, Default)]
pub struct Presence {
    /// Every server asked; those of the zone first, then those of zones that it leads to.
    pub places: Vec<Place>,
    /// Why there may be others that could not be asked.
    pub obstacle: Option<Text>,
}

/// One server and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The server for people: name and address.
    pub server: String,
    /// The zone it was asked for.
    pub zone: Arc<str>,
    /// A cache rather than a server that decides.
    pub is_cache: bool,
    /// It has what it should have.
    pub holds: bool,
    /// What it says, for people.
    pub says: Text,
}

impl Presence {
    /// Everybody who decides was asked, and everybody asked has it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.obstacle.is_none()
            && self.places.iter().any(|place| !place.is_cache)
            && self.places.iter().all(|place| place.holds)
    }
}

/// Looks once for the first record of the spec; takes no longer than `within`.
pub async fn look(spec: &Spec, net: &Net, within: Duration) -> Presence {
    let mut watch = Stopwatch::start(within);
    let inquiry = Inquiry::of(spec);
    let roll = server::call(spec, net, &mut watch).await;
    let mut presence = Presence {
        // A parent that does not answer is none where the servers are named.
        obstacle: (roll.findings.first().filter(|_| spec.nameservers.is_empty()))
            .map(|finding| finding.summary.clone()),
        ..Presence::default()
    };
    // A server that is silent takes all the time it gets; where a challenge leads is asked after it.
    let deadline = watch.deadline() - watch.left() / 3;
    let survey = Survey::conduct(spec, roll.servers, &inquiry.records, net, deadline).await;
    let Some(record) = survey.records.first() else { return presence };
    let planned = record.planned.clone();
    presence.places.extend(places(&survey, &planned));
    if !planned.is_challenge {
        return presence;
    }
    for way in challenge::ways(spec, &survey, &planned, net, &watch).await {
        match way.end {
            Ok(there) => {
                let asked = there.records.first().map(|record| record.planned.clone());
                presence.places.extend(asked.iter().flat_map(|asked| places(&there, asked)));
            }
            Err(dead) => presence.obstacle = Some(words(&dead, &render_name(&way.target))),
        }
    }
    presence
}

fn places(survey: &Survey, planned: &Planned) -> Vec<Place> {
    let asked = survey.servers.iter().zip(&survey.replies);
    asked
        .filter(|(server, replies)| {
            let is_out_of_reach =
                matches!(replies[planned.question].outcome, Outcome::Lost(Loss::NoRoute(_)));
            !(is_out_of_reach && survey.has_other_way(server))
        })
        .map(|(server, replies)| {
            let reply = &replies[planned.question];
            Place {
                server: server.title(),
                zone: survey.inquiry.title.clone(),
                is_cache: server.role == Role::Resolver,
                holds: planned.holds(&reply.outcome),
                says: says(reply, planned),
            }
        })
        .collect()
}

fn says(reply: &Reply, planned: &Planned) -> Text {
    match &reply.outcome {
        Outcome::Lost(loss) => {
            let how = loss.label();
            text!("no answer ({how})", "응답 없음({how})")
        }
        outcome => said(outcome, planned.record_type),
    }
}

fn words(dead: &Dead, target: &str) -> Text {
    match dead {
        Dead::Nowhere => text!(
            "it is delegated to {target}, which lies in no zone that exists",
            "존재하지 않는 존의 {target}(으)로 위임되어 있습니다"
        ),
        Dead::Round(_) => text!(
            "it is delegated to {target}, and its CNAMEs never end",
            "{target}(으)로 위임되어 있는데 CNAME이 끝나지 않습니다"
        ),
        Dead::Lost(finding) => finding.summary.clone(),
    }
}
