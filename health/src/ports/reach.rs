//! How widely a port may be reached: by what it is bound to, and by dialling the host's other
//! addresses. `port.exposed` and `port.hidden`.
//!
//! **What is dialled** ([`others_to_dial`]): the single addresses in `addresses` that reach as
//! widely as the claim or wider. An answer at a wider one is exposed, unless it may be another
//! machine's: a router's address often answers from inside with the router's own pages. No answer at any of those
//! that reach as widely as claimed is hidden, but only where that can be told from here: a local
//! host's address that only the router has often does not lead back inside, and that is no
//! verdict unless the plan names the address to dial from.

use std::net::{IpAddr, SocketAddr};

use crate::{Claim, ClaimKind, Code, Exposure, Finding, Host, Listener, Protocol};

use super::finding::{self, Scene};
use super::judgement::Dial;
use super::local::{Local, class};
use super::words::group;

/// What came of dialling.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dials<'a> {
    /// The service, where it should answer; `None` when it was not tried.
    pub service: Option<&'a Dial>,
    /// The host's other addresses.
    pub others: &'a [Dial],
    /// Where from, when the plan says.
    pub source: Option<IpAddr>,
}

/// The other addresses of a host at which a claim's exposure can be tried.
#[must_use]
pub fn others_to_dial(claim: &Claim, host: &Host) -> Vec<SocketAddr> {
    let Some(claimed) = claim.exposure else { return Vec::new() };
    if !claim.dialled || claim.key.protocol != Protocol::Tcp || claim.claim == ClaimKind::Reserved {
        return Vec::new();
    }
    let reach = |ip: IpAddr| class(&host.addresses, ip);
    let mut all: Vec<SocketAddr> = host
        .addresses
        .singles()
        .filter(|&ip| reach(ip) >= claimed && reach(ip) > Exposure::Loopback)
        .map(|ip| SocketAddr::new(ip, claim.key.port))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The dials that reached further than claimed, and those that should have been answered.
struct Tried<'a> {
    /// Where it can be told that it was this host who answered.
    accepted_beyond: Vec<&'a Dial>,
    /// As wide as claimed, and not one of them answered.
    unanswered: Vec<&'a Dial>,
}

fn tried<'a>(
    claimed: Exposure,
    host: &Host,
    dials: Dials<'a>,
    is_told: impl Fn(&Dial) -> bool,
) -> Tried<'a> {
    let all = || dials.service.into_iter().chain(dials.others);
    let reach = |dial: &Dial| class(&host.addresses, dial.address.ip());
    let is_answered = all().any(|dial| reach(dial) >= claimed && dial.is_accepted());
    Tried {
        accepted_beyond: all()
            .filter(|dial| reach(dial) > claimed && dial.is_accepted() && is_told(dial))
            .collect(),
        unanswered: dials
            .others
            .iter()
            .filter(|dial| !is_answered && reach(dial) == claimed && !dial.is_accepted())
            .collect(),
    }
}

/// A claim of a local host whose service lives. The widest bind decides: wider than claimed is
/// exposed, narrower is hidden. Who listens on every address has done what binding can do, so
/// that is never hidden by its bind. What dialling adds to the same verdict becomes evidence.
pub(super) fn judge_here(
    scene: &Scene<'_>,
    listeners: &[&Listener],
    local: &Local<'_>,
    dials: Dials<'_>,
) -> Vec<Finding> {
    let Some(claimed) = scene.claim.exposure else { return Vec::new() };
    let can_be_told = |dial: &Dial| {
        let ip = dial.address.ip();
        dials.source.is_some() || ip.is_loopback() || local.machine.addresses.contains(&ip)
    };
    let tried = tried(claimed, scene.host, dials, can_be_told);
    let mut findings = Vec::new();
    let by_bind = by_bind(scene, listeners, local, claimed);
    let code = by_bind.as_ref().map(|finding| finding.code);
    if let Some(finding) = by_bind {
        let tried = if code == Some(Code::PortExposed) {
            &tried.accepted_beyond
        } else {
            &tried.unanswered
        };
        findings.push(finding::tried_at(finding, tried, dials.source));
    }
    if code != Some(Code::PortExposed) && !tried.accepted_beyond.is_empty() {
        findings.push(finding::reached_beyond(
            scene,
            claimed,
            &tried.accepted_beyond,
            dials.source,
        ));
    }
    let lives = dials.service.is_some_and(Dial::is_accepted);
    if code != Some(Code::PortHidden)
        && lives
        && !tried.unanswered.is_empty()
        && tried.unanswered.iter().all(|dial| can_be_told(dial))
    {
        findings.push(finding::unanswered(scene, claimed, &tried.unanswered, dials.source));
    }
    findings
}

/// A claim of another host.
pub(super) fn judge_there(scene: &Scene<'_>, dials: Dials<'_>) -> Vec<Finding> {
    let Some(service) = dials.service else { return Vec::new() };
    let reach = class(&scene.host.addresses, service.address.ip());
    let is_beyond = scene.claim.exposure.is_some_and(|claimed| reach > claimed);
    let Some(claimed) = scene.claim.exposure.filter(|_| is_beyond || service.is_accepted()) else {
        let is_dead = !service.is_accepted();
        return is_dead.then(|| finding::dead_there(scene, service)).into_iter().collect();
    };
    // Without the socket table nothing tells which addresses of this machine are its own.
    let can_be_told = !scene.host.local || dials.source.is_some();
    let is_told = |dial: &Dial| can_be_told || dial.address.ip().is_loopback();
    let tried = tried(claimed, scene.host, dials, is_told);
    let mut findings = Vec::new();
    if !tried.accepted_beyond.is_empty() {
        findings.push(finding::reached_beyond(
            scene,
            claimed,
            &tried.accepted_beyond,
            dials.source,
        ));
    }
    match &tried.unanswered[..] {
        [] => {}
        _ if !can_be_told => {}
        // It does not answer anywhere: not hidden, as far as can be told from here, but dead.
        [first, ..] if !service.is_accepted() => findings.push(finding::dead_there(scene, first)),
        unanswered => findings.push(finding::unanswered(scene, claimed, unanswered, dials.source)),
    }
    // That a service does not answer where it is not for us to reach is as it should be; whether
    // it lives cannot be told.
    findings
}

fn by_bind(
    scene: &Scene<'_>,
    listeners: &[&Listener],
    local: &Local<'_>,
    claimed: Exposure,
) -> Option<Finding> {
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
