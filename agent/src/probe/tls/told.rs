//! What the CA is asked in one probe, and what it has said so far.

use std::time::Duration;

use health::facts::TlsFacts;
use health::{Finding, Phase};
use jiff::Timestamp;

use super::{Spec, Stopwatch, revocation};
use crate::authority;
use crate::net::Net;
use crate::tls::Presented;

/// What is remembered takes less, and is no phase of a probe.
const A_WAIT: Duration = Duration::from_millis(1);

/// Asks what the plan wants asked, where it is time to, and enters into the facts what is known.
/// Returns what is wrong.
pub(super) async fn hear(
    spec: &Spec,
    net: &Net,
    presented: &Presented,
    facts: &mut TlsFacts,
    subject: &str,
    watch: &mut Stopwatch,
    now: Timestamp,
) -> Vec<Finding> {
    let before = watch.elapsed();
    if let (Some(directory), Some(leaf)) = (&spec.ari, facts.chain.first()) {
        authority::ask(net, directory, leaf, &spec.roots, now, watch.soon()).await;
    }
    let found = revocation::learn(spec.terms(), net, presented, facts, subject, watch, now).await;
    if watch.elapsed().saturating_sub(before) > A_WAIT {
        watch.lap(Phase::Dialogue);
    }
    found
}
