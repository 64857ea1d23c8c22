//! One claim against what was seen: the verdicts.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::{Claim, ClaimKind, Exposure, Finding, Host, Listener, Owner};

use super::finding::{self, Scene};
use super::words::{also_v4, group};
use super::{Dials, Local, Machine, Observed, ephemeral, owner, reach};

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Whom.
    pub address: SocketAddr,
    /// What came of it.
    pub answer: Answer,
}

/// What came of an attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Somebody answers.
    Accepted,
    /// RST in answer to SYN.
    Refused,
    /// No answer in time.
    Timeout,
    /// No route, or an ICMP answer that says so; in the operating system's words.
    Unreachable(String),
    /// Accepted, then cut.
    Reset,
}

impl Answer {
    /// The word in evidence: `accepted`, `refused`, `timeout`, `unreachable` or `reset`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Reset => "reset",
        }
    }
}

impl Dial {
    pub(super) fn is_accepted(&self) -> bool {
        self.answer == Answer::Accepted
    }
}

/// Judges a claim of a local host by the socket table, and by connections where they were tried.
/// `paths` are the claim's process paths with symbolic links followed.
#[must_use]
pub fn judge_local(
    claim: &Claim,
    local: &Local<'_>,
    paths: &[String],
    dials: Dials<'_>,
) -> (Observed, Vec<Finding>) {
    let listeners = local.listeners(claim.key.protocol, claim.key.port);
    let observed = Observed {
        reachable: dials.service.map(Dial::is_accepted),
        ..observe(&listeners, |listener| local.reach(listener))
    };
    let scene = Scene { claim, machine: Some(local.machine), host: local.host };
    let mut findings = match claim.claim {
        ClaimKind::Reserved => {
            group(&listeners).iter().map(|group| finding::taken(&scene, group)).collect()
        }
        ClaimKind::Allocated | ClaimKind::System if listeners.is_empty() => match dials.service {
            // Nobody holds a socket and yet there is an answer: packet filter rules lead elsewhere,
            // as Docker's do without its userland proxy.
            Some(dial) if dial.is_accepted() => reach::judge_here(&scene, &[], local, dials),
            dial => vec![finding::not_listening(&scene, dial, &elsewhere(claim, local))],
        },
        ClaimKind::Allocated | ClaimKind::System => {
            let mut findings = Vec::new();
            if let Some(dial) = dials.service.filter(|dial| !dial.is_accepted()) {
                findings.push(finding::mute(&scene, &group(&listeners)[0], dial));
            }
            findings.extend(wrong_owners(&scene, &listeners, paths, local.machine));
            findings.extend(reach::judge_here(&scene, &listeners, local, dials));
            findings
        }
    };
    findings.extend(ephemeral::judge(claim, local));
    (observed, findings)
}

/// Judges a claim by connections alone: on another host, or where the socket table cannot be read.
#[must_use]
pub fn judge_remote(claim: &Claim, host: &Host, dials: Dials<'_>) -> (Observed, Vec<Finding>) {
    let observed = Observed {
        listening: dials.service.and_then(|dial| match dial.answer {
            Answer::Accepted | Answer::Reset => Some(true),
            Answer::Refused => Some(false),
            // A firewall on the way hides whether anybody listens.
            Answer::Timeout | Answer::Unreachable(_) => None,
        }),
        reachable: dials.service.map(Dial::is_accepted),
        ..Observed::default()
    };
    let scene = Scene { claim, machine: None, host };
    let findings = match (claim.claim, dials.service) {
        (ClaimKind::Reserved, Some(dial)) if dial.is_accepted() => {
            vec![finding::taken_there(&scene, dial)]
        }
        (ClaimKind::Reserved, _) => Vec::new(),
        (ClaimKind::Allocated | ClaimKind::System, _) => reach::judge_there(&scene, dials),
    };
    (observed, findings)
}

/// What a set of listeners on one port amounts to.
pub(super) fn observe(listeners: &[&Listener], reach: impl Fn(&Listener) -> Exposure) -> Observed {
    let mut owners: Vec<Arc<crate::Process>> = Vec::new();
    let mut owner_unknown = None;
    for listener in listeners {
        match &listener.owner {
            Owner::Processes(processes) => owners.extend(processes.iter().cloned()),
            Owner::Hidden { .. } => owner_unknown = Some("permission".to_owned()),
            Owner::Kernel => {
                owner_unknown.get_or_insert_with(|| "kernel".to_owned());
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    owners.retain(|process| seen.insert(process.pid));
    let mut bind: Vec<SocketAddr> = listeners.iter().map(|listener| listener.bind).collect();
    bind.sort_unstable();
    bind.dedup();
    Observed {
        listening: Some(!listeners.is_empty()),
        bind,
        owners,
        owner_unknown,
        reachable: None,
        also_v4: also_v4(listeners),
        exposure: listeners.iter().map(|listener| reach(listener)).max(),
    }
}

/// Where the process that should be here listens instead: on the same port but at an address that
/// is not this host's, or on another port. What a claim of any host speaks of is where it belongs.
fn elsewhere<'a>(claim: &'a Claim, local: &Local<'a>) -> Vec<&'a Listener> {
    let machine = local.machine;
    let beside = machine.on(claim.key.protocol, claim.key.port).iter();
    let mut found: Vec<&Listener> =
        beside.filter(|listener| !local.is_claimed(listener)).take(1).collect();
    let moved = machine
        .owned_by(claim)
        .filter(|listener| listener.protocol == claim.key.protocol)
        .filter(|listener| listener.bind.port() != claim.key.port)
        .filter(|listener| local.owns(listener.bind.ip()))
        // A busy machine has a process of that name on every port; a few are enough to look at.
        .take(8)
        .find(|listener| !local.is_claimed(listener));
    found.extend(moved);
    found
}

/// One finding for each process that may not own the port. Owners that cannot be seen are not
/// judged.
fn wrong_owners(
    scene: &Scene<'_>,
    listeners: &[&Listener],
    paths: &[String],
    machine: Machine<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in group(listeners) {
        let Owner::Processes(processes) = group.owner else { continue };
        // Socket activation: systemd holds the socket for a service that may not have started yet.
        let wrong =
            processes.iter().filter(|process| !owner::is_activator(process)).find_map(|process| {
                Some((process, owner::mismatch(process, scene.claim, paths, machine)?))
            });
        if let Some((process, mismatch)) = wrong {
            findings.push(finding::wrong_owner(scene, &group, process, mismatch));
        }
    }
    findings
}
