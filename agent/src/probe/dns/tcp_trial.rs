//! Every nameserver is asked over TCP once in a while, though nothing makes it: an answer that
//! grows long one day would be the first to find out. Deliberately absent: servers that do not
//! answer over UDP either, and caches, which their users ask on their own account.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::exchange::{Errand, Loss, Wire};
use super::inquiry::SOA;
use super::reply::Outcome;
use super::survey::Survey;
use super::{Spec, over_tcp};
use crate::clock::monotonic;

/// An attempt may take this long, so that a lost packet or two do not fail it.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(3);
/// With less time than this left, it is for the next probe.
const LEAST_LEFT: Duration = Duration::from_millis(300);

/// Asks those whose turn it is.
pub(super) async fn conduct(survey: &Survey, spec: &Spec, wire: &Wire, deadline: Instant) {
    let now = Instant::from_std(monotonic());
    if now + LEAST_LEFT > deadline {
        return;
    }
    let is_due = |&index: &usize| {
        let server = &survey.servers[index];
        let is_heard = survey.replies[index]
            .iter()
            .any(|reply| !matches!(reply.outcome, Outcome::Lost(_)) && !reply.over_tcp);
        is_heard
            && spec.asking.over_tls(server).is_none()
            && server
                .address
                .is_some_and(|address| wire.peers.claim_tcp((address, spec.source), now.into_std()))
    };
    let due: Vec<usize> = survey.authorities().filter(is_due).collect();
    if due.is_empty() {
        return;
    }
    let deadline = deadline.min(now + LONGEST_ATTEMPT);
    join_all(due.into_iter().map(async |index| {
        let server = &survey.servers[index];
        let Some(address) = server.address else { return };
        let errand = Errand {
            server: address,
            source: spec.source,
            role: server.role,
            questions: &survey.questions()[SOA..=SOA],
            deadline,
        };
        let failure = match over_tcp::ask(&errand, 0).await {
            Ok(_) => None,
            // This machine's own lack says nothing of the server.
            Err(Loss::Exhausted(_)) => return,
            Err(Loss::NoTcp(error)) => Some(error),
            Err(other) => Some(other.label().to_owned()),
        };
        wire.peers.note_tcp(errand.way(), failure.as_deref(), monotonic());
    }))
    .await;
}
