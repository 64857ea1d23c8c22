//! What a scheduled key runs: a probe or a sweep, in a task of its own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use health::{Observation, PortKey};

use super::Message;
use crate::net::Net;
use crate::plan::Plan;
use crate::probe::{self, Spec, port::Sweep};
use crate::schedule::Key;

/// Reading the socket table takes milliseconds; a machine that takes this long is not well.
const SWEEP_WITHIN: Duration = Duration::from_secs(10);
/// Delegations that are looked up at the same time.
const MOST_RENEWED_AT_ONCE: usize = 8;

/// What a scheduled key runs.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// A check of the plan.
    Check(Arc<probe::Check>),
    /// The search for undeclared listeners of one host.
    Sweep(Arc<Sweep>),
}

impl Job {
    /// Runs it. There is always a message, whatever happens, or the schedule would wait for good.
    pub(super) async fn run(self, key: Key, net: &Net) -> Message {
        match self {
            Self::Check(check) => {
                let observation = Box::new(probe::guarded(&check, net).await);
                Message::Observed { key, observation }
            }
            Self::Sweep(sweep) => Message::Swept { key, found: guarded_sweep(&sweep, net).await },
        }
    }
}

/// Looks up again, a few at a time, the delegations and addresses that checks found their
/// nameservers by.
pub(super) async fn renew_delegations(plan: &Plan, net: &Net) {
    let zones = plan.checks.iter().filter_map(|check| match &check.spec {
        Spec::Dns(spec) => Some(spec),
        _ => None,
    });
    let renewals = zones.map(|spec| probe::dns::renew_delegation(spec, net));
    stream::iter(renewals).for_each_concurrent(MOST_RENEWED_AT_ONCE, |renewal| renewal).await;
}

/// `None` when nothing could be seen: an error of ours heals nothing.
async fn guarded_sweep(sweep: &Sweep, net: &Net) -> Option<Vec<(PortKey, Observation)>> {
    let host = &*sweep.host.name;
    let looking = AssertUnwindSafe(probe::port::sweep(sweep, net)).catch_unwind();
    match tokio::time::timeout(SWEEP_WITHIN, looking).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => {
            tracing::error!(host, "the search for undeclared listeners crashed");
            None
        }
        Err(_) => {
            tracing::error!(host, "the search for undeclared listeners did not end");
            None
        }
    }
}
