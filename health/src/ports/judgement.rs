//! One claim against what was seen: the verdicts.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::{Claim, ClaimKind, Exposure, Finding, Host, Listener, Owner, Protocol};

use super::finding::{self, Scene};
use super::local::class;
use super::words::group;
use super::{Local, Observed, owner};

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
    fn is_accepted(&self) -> bool {
        self.answer == Answer::Accepted
    }
}

/// Judges a claim of a local host by the socket table, and by a connection where one was tried.
/// `paths` are the claim's process paths with symbolic links followed.
#[must_use]
pub fn judge_local(
    claim: &Claim,
    local: &Local<'_>,
    paths: &[String],
    dial: Option<&Dial>,
) -> (Observed, Vec<Finding>) {
    let listeners = local.listeners(claim.key.protocol, claim.key.port);
    let observed = Observed {
        reachable: dial.map(Dial::is_accepted),
        ..observe(&listeners, |listener| local.reach(listener))
    };
    let scene = Scene { claim, machine: Some(local.machine), host: local.host };
    let findings = match claim.claim {
        ClaimKind::Reserved => {
            group(&listeners).iter().map(|group| finding::taken(&scene, group)).collect()
        }
        ClaimKind::Allocated | ClaimKind::System if listeners.is_empty() => match dial {
            // Nobody holds a socket and yet there is an answer: packet filter rules lead elsewhere,
            // as Docker's do without its userland proxy.
            Some(dial) if dial.is_accepted() => Vec::new(),
            _ => vec![finding::not_listening(&scene, dial, &elsewhere(claim, local))],
        },
        ClaimKind::Allocated | ClaimKind::System => {
            let mut findings = Vec::new();
            if let Some(dial) = dial.filter(|dial| !dial.is_accepted()) {
                findings.push(finding::mute(&scene, &group(&listeners)[0], dial));
            }
            findings.extend(wrong_owners(&scene, &listeners, paths));
            findings.extend(wrong_reach(&scene, &listeners, local));
            findings
        }
    };
    (observed, findings)
}

/// Judges a claim by a connection alone: on another host, or where the socket table cannot be read.
#[must_use]
pub fn judge_remote(claim: &Claim, host: &Host, dial: Option<&Dial>) -> (Observed, Vec<Finding>) {
    let observed = Observed {
        listening: dial.and_then(|dial| match dial.answer {
            Answer::Accepted | Answer::Reset => Some(true),
            Answer::Refused => Some(false),
            // A firewall on the way hides whether anybody listens.
            Answer::Timeout | Answer::Unreachable(_) => None,
        }),
        reachable: dial.map(Dial::is_accepted),
        ..Observed::default()
    };
    let scene = Scene { claim, machine: None, host };
    let Some(dial) = dial else { return (observed, Vec::new()) };
    let from_afar = class(&host.addresses, dial.address.ip()) > Exposure::Loopback;
    let is_loopback_service = claim.exposure == Some(Exposure::Loopback) && from_afar;
    let findings = match (claim.claim, dial.is_accepted()) {
        (ClaimKind::Reserved, true) => vec![finding::taken_there(&scene, dial)],
        (ClaimKind::Reserved, false) => Vec::new(),
        (ClaimKind::Allocated | ClaimKind::System, true) if is_loopback_service => {
            vec![finding::reachable_from_afar(&scene, dial)]
        }
        // That a loopback service does not answer from here is as it should be; whether it lives
        // cannot be told.
        (ClaimKind::Allocated | ClaimKind::System, false) if !is_loopback_service => {
            vec![finding::dead_there(&scene, dial)]
        }
        (ClaimKind::Allocated | ClaimKind::System, _) => Vec::new(),
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
        exposure: listeners.iter().map(|listener| reach(listener)).max(),
    }
}

/// Where the process that should be here listens instead: on the same port but at an address that
/// is not this host's, or on a port that no claim of the host speaks of.
fn elsewhere<'a>(claim: &'a Claim, local: &Local<'a>) -> Vec<&'a Listener> {
    let machine = local.machine;
    let mut found: Vec<&Listener> =
        machine.on(claim.key.protocol, claim.key.port).iter().take(1).collect();
    let is_claimed = |port: u16, protocol: Protocol| {
        let keys = local.host.claims.iter().map(|other| &other.key);
        keys.clone().any(|key| key.port == port && key.protocol == protocol)
    };
    let moved = machine
        .owned_by(&claim.processes)
        .map(|(listener, _)| listener)
        .filter(|listener| listener.protocol == claim.key.protocol)
        .filter(|listener| local.owns(listener.bind.ip()))
        // A busy machine has a process of that name on every port; a few are enough to look at.
        .take(8)
        .find(|listener| !is_claimed(listener.bind.port(), listener.protocol));
    found.extend(moved);
    found
}

/// One finding for each process that may not own the port. Owners that cannot be seen are not
/// judged.
fn wrong_owners(scene: &Scene<'_>, listeners: &[&Listener], paths: &[String]) -> Vec<Finding> {
    let names = &scene.claim.processes;
    if names.is_empty() {
        return Vec::new();
    }
    let fits =
        |process: &crate::Process| owner::matches(process, names) || owner::matches(process, paths);
    let mut findings = Vec::new();
    for group in group(listeners) {
        let Owner::Processes(processes) = group.owner else { continue };
        // Socket activation: systemd holds the socket for a service that may not have started yet.
        let wrong =
            processes.iter().find(|process| !fits(process) && !owner::is_activator(process));
        if let Some(process) = wrong {
            findings.push(finding::wrong_owner(scene, &group, process));
        }
    }
    findings
}

/// The widest bind decides: wider than claimed is exposed, narrower is hidden. Who listens on
/// every address has done what binding can do, so that is never hidden.
fn wrong_reach(scene: &Scene<'_>, listeners: &[&Listener], local: &Local<'_>) -> Option<Finding> {
    let claimed = scene.claim.exposure?;
    let widest = listeners.iter().map(|listener| local.reach(listener)).max()?;
    if widest > claimed {
        let wide: Vec<&Listener> =
            listeners.iter().copied().filter(|listener| local.reach(listener) > claimed).collect();
        return Some(finding::exposed(scene, &group(&wide)[0], &wide, claimed, widest));
    }
    let everywhere = listeners.iter().any(|listener| listener.bind.ip().is_unspecified());
    (widest < claimed && !everywhere)
        .then(|| finding::hidden(scene, &group(listeners)[0], listeners, claimed, widest))
}
