//! Ports: a claim against the socket table and, where the plan says so, a connection; and the
//! sweep for listeners that no claim names.
//!
//! Deliberately absent: every rule. What is right and wrong is judged in [`health::ports`]; here
//! is only the looking, and the choice of the address that is dialled.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use health::ports::{
    Answer, Dial, Dials, Local, Machine, judge_local, judge_remote, others_to_dial, undeclared,
};
use health::{
    Claim, ClaimKind, Code, Facts, Finding, Host, Listener, Observation, Phase, PortKey, Protocol,
    Severity, Thresholds,
};
use tokio::time::Instant;

use super::{Sight, Stopwatch};
use crate::listeners::Table;
use crate::net::{self, Failure, Net, could_not_look};
use crate::plan::{Endpoint, Target};

/// How old a socket table may be that a claim is judged by.
const MAX_AGE: Duration = Duration::from_millis(250);
/// How long one of this machine's own addresses may take to answer beside the service.
const OWN_WITHIN: Duration = Duration::from_secs(1);
/// The same on the network, where one lost packet is sent again after a second.
const FAR_WITHIN: Duration = Duration::from_secs(2);

/// `[[host.port]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The host it belongs to.
    pub host: Arc<Host>,
    /// The claim.
    pub claim: Arc<Claim>,
    /// What is dialled.
    pub target: Endpoint,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// Every local host of the plan: a listener bound to one exact address belongs to the hosts
    /// that own it.
    pub neighbours: Vec<Arc<Host>>,
}

/// The search for undeclared listeners of one local host.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The host.
    pub host: Arc<Host>,
    /// How often.
    pub interval: Duration,
    /// When to believe a listener is there to stay, or gone.
    pub thresholds: Thresholds,
    /// Every local host of the plan.
    pub neighbours: Vec<Arc<Host>>,
    /// Where this agent itself listens: the plan knows that one, it says so under `[agent]`.
    pub dashboard: SocketAddr,
    /// Labels of its host, which whatever is found on it bears.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

/// Runs one probe of one claim.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    if !spec.host.local {
        return observe_remote(spec, net, watch).await;
    }
    let table = tokio::time::timeout_at(watch.deadline(), net.sockets.table(MAX_AGE)).await;
    watch.lap(Phase::Read);
    match table.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(table) => observe_local(spec, &table, watch).await,
        // Said aloud by the sweep; here it would be said once a claim and turn. A connection could
        // not stand in for the table: it does not know who answers, nor from which of all addresses.
        Err(error) => {
            tracing::debug!(%error, claim = %spec.claim.key, "the socket table cannot be read");
            let lack = format!("the socket table cannot be read: {error}");
            blind(&spec.claim, Facts::default(), lack)
        }
    }
}

async fn observe_local(spec: &Spec, table: &Table, watch: &mut Stopwatch) -> Sight {
    let Spec { host, claim, neighbours, .. } = spec;
    let machine = table.machine();
    let local = Local { host, neighbours, machine };
    let mut facts = Facts::default();
    let (mut dial, mut others) = (None, Vec::new());
    if is_dialled(claim) {
        let listeners = local.listeners(claim.key.protocol, claim.key.port);
        let address = address_to_dial(spec, machine, &listeners);
        facts.address = Some(address);
        let service = match self::dial(address, spec.source, watch.deadline()).await {
            Ok(service) => service,
            Err(lack) => return blind(claim, facts, lack),
        };
        watch.lap(Phase::Connect);
        // A service that did not answer in time has left none for the others.
        if service.answer != Answer::Timeout {
            let mut addresses = other_addresses(spec, Some(address));
            // Somebody else's address, such as the router's, answers for somebody else.
            if spec.source.is_none() {
                addresses.retain(|other| is_own(other.ip(), machine));
            }
            match dial_all(addresses, spec.source, watch.deadline(), OWN_WITHIN).await {
                Ok(dialled) => others = dialled,
                Err(lack) => return blind(claim, facts, lack),
            }
        }
        dial = Some(service);
    }
    let paths = follow_links(&claim.processes).await;
    let dials = Dials { service: dial.as_ref(), others: &others, source: spec.source };
    let (observed, findings) = judge_local(claim, &local, &paths, dials);
    facts.port = Some(Box::new(observed));
    Sight { facts, findings }
}

/// By a connection alone. A reserved port is dialled too: nothing else can tell that it is taken.
async fn observe_remote(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let Spec { host, claim, target, source, .. } = spec;
    let mut facts = Facts::default();
    let (mut dial, mut others) = (None, Vec::new());
    if is_dialled(claim) || (claim.claim == ClaimKind::Reserved && is_tcp(claim)) {
        let known = match target.host {
            Target::Address(ip) => Some(SocketAddr::new(ip, target.port)),
            Target::Name(_) => None,
        };
        // Side by side: a service behind a firewall that drops would leave no time for the others.
        let until = watch.deadline();
        let beside = dial_all(other_addresses(spec, known), *source, until, FAR_WITHIN);
        let (answer, beside) = join(net.dial(target, *source, watch, &mut facts), beside).await;
        let answer = match answer {
            Ok(_) => Ok(Answer::Accepted),
            Err(failure) => answer_of(failure),
        };
        match (answer, facts.address) {
            _ if facts.blind.is_some() => {
                let lack = facts.blind.take().unwrap_or_default();
                return blind(claim, facts, lack);
            }
            (Ok(answer), Some(address)) => dial = Some(Dial { address, answer }),
            (Err(unresolved), _) => {
                facts.port = Some(Box::default());
                return Sight { facts, findings: vec![unresolved_claim(claim, *unresolved)] };
            }
            (Ok(_), None) => {}
        }
        match beside {
            Ok(dialled) => others = dialled,
            Err(lack) => return blind(claim, facts, lack),
        }
        others.retain(|other| dial.as_ref().is_none_or(|dial| dial.address != other.address));
    }
    let dials = Dials { service: dial.as_ref(), others: &others, source: *source };
    let (observed, findings) = judge_remote(claim, host, dials);
    facts.port = Some(Box::new(observed));
    Sight { facts, findings }
}

/// Looks for undeclared listeners once: one bad observation for each that is there. When the
/// socket table cannot be read, what was seen last still stands: an error of ours heals nothing.
/// `None` when nothing was ever seen.
pub async fn sweep(sweep: &Sweep, net: &Net) -> Option<Vec<(PortKey, Observation)>> {
    let at = crate::clock::now();
    let mut watch = Stopwatch::start(sweep.interval);
    let table = match net.sockets.table(MAX_AGE).await {
        Ok(table) => Some(table),
        Err(error) => {
            tracing::warn!(%error, host = %sweep.host.name, "the socket table cannot be read");
            net.sockets.last()
        }
    };
    watch.lap(Phase::Read);
    let table = table?;
    let local =
        Local { host: &sweep.host, neighbours: &sweep.neighbours, machine: table.machine() };
    let found = undeclared(&local)
        .into_iter()
        .filter(|stranger| {
            stranger.key.protocol != Protocol::Tcp || stranger.observed.bind != [sweep.dashboard]
        })
        .map(|stranger| {
            let facts = Facts { port: Some(Box::new(stranger.observed)), ..Facts::default() };
            let observation = Observation {
                at,
                duration: watch.elapsed(),
                phases: watch.phases().clone(),
                facts,
                findings: stranger.findings,
            };
            (stranger.key, observation)
        })
        .collect();
    Some(found)
}

fn is_tcp(claim: &Claim) -> bool {
    claim.key.protocol == Protocol::Tcp
}

fn is_dialled(claim: &Claim) -> bool {
    claim.dialled && is_tcp(claim) && claim.claim != ClaimKind::Reserved
}

/// Where a local service should answer: at the host's address if that is this machine's and
/// somebody listens there, else at the address somebody listens on. A public address that only
/// the router has is not dialled: many routers do not lead back inside, and that is no outage.
fn address_to_dial(spec: &Spec, machine: Machine<'_>, listeners: &[&Listener]) -> SocketAddr {
    let port = spec.claim.key.port;
    let own = match spec.target.host {
        Target::Address(ip) if is_own(ip, machine) => Some(ip),
        Target::Address(_) | Target::Name(_) => None,
    };
    let is_served = |own| listeners.iter().any(|one| covers(one, own));
    // A socket for every address that still does not take the host's own is one for the other
    // family alone, as nginx makes of `listen [::]:80`: clients find nobody.
    let is_missed = listeners.iter().all(|one| one.bind.ip().is_unspecified());
    if let Some(own) = own.filter(|&own| is_served(own) || is_missed) {
        return SocketAddr::new(own, port);
    }
    let Some(listener) = listeners.first() else {
        return SocketAddr::new(own.unwrap_or(Ipv4Addr::LOCALHOST.into()), port);
    };
    match listener.bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, port).into(),
        IpAddr::V6(ip) if ip.is_unspecified() && listener.v6_only == Some(true) => {
            (Ipv6Addr::LOCALHOST, port).into()
        }
        // Takes v4 too, and v4 loopback is there even where v6 is switched off.
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, port).into(),
        _ => listener.bind,
    }
}

fn covers(listener: &Listener, ip: IpAddr) -> bool {
    let (bind, ip) = (listener.bind.ip().to_canonical(), ip.to_canonical());
    match bind {
        _ if bind == ip => true,
        IpAddr::V4(bind) => bind.is_unspecified() && ip.is_ipv4(),
        IpAddr::V6(bind) => {
            bind.is_unspecified() && (ip.is_ipv6() || listener.v6_only != Some(true))
        }
    }
}

fn is_own(ip: IpAddr, machine: Machine<'_>) -> bool {
    ip.is_loopback() || machine.addresses.contains(&ip)
}

/// The host's addresses beside the service's at which its exposure can be tried. From a v4 address
/// nobody can dial a v6 one, and what another source sees says nothing of the one that is named.
fn other_addresses(spec: &Spec, service: Option<SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = others_to_dial(&spec.claim, &spec.host);
    addresses.retain(|address| {
        Some(*address) != service
            && spec.source.is_none_or(|source| source.is_ipv4() == address.is_ipv4())
    });
    addresses
}

/// How all of these answered, dialled side by side; or what this machine has run out of, so that
/// they could not be asked.
async fn dial_all(
    addresses: Vec<SocketAddr>,
    source: Option<IpAddr>,
    deadline: Instant,
    patience: Duration,
) -> Result<Vec<Dial>, String> {
    let until = deadline.min(Instant::from_std(crate::clock::monotonic() + patience));
    let dials = addresses.into_iter().map(|address| dial(address, source, until));
    join_all(dials).await.into_iter().collect()
}

async fn dial(address: SocketAddr, source: Option<IpAddr>, until: Instant) -> Result<Dial, String> {
    // From a v4 address nobody can dial a v6 one.
    let source = source.filter(|source| source.is_ipv4() == address.is_ipv4());
    let answer = match net::touch(address, source, until).await {
        Ok(()) => Answer::Accepted,
        Err(Failure::Refused) => Answer::Refused,
        Err(Failure::Timeout) => Answer::Timeout,
        Err(Failure::Unreachable(error)) => Answer::Unreachable(error),
        Err(Failure::Reset) => Answer::Reset,
        Err(Failure::Exhausted(lack)) => return Err(lack),
    };
    Ok(Dial { address, answer })
}

fn blind(claim: &Claim, mut facts: Facts, lack: String) -> Sight {
    let findings = vec![could_not_look(&claim.key.to_string(), &lack)];
    facts.blind = Some(lack);
    Sight { facts, findings }
}

/// What a failed dial says of the port, or the finding itself when the name did not resolve.
fn answer_of(failure: Box<Finding>) -> Result<Answer, Box<Finding>> {
    match failure.code {
        Code::TcpRefused => Ok(Answer::Refused),
        Code::TcpTimeout => Ok(Answer::Timeout),
        Code::TcpReset => Ok(Answer::Reset),
        Code::ResolveFailed => Err(failure),
        _ => {
            let error = failure.evidence.get("error").and_then(serde_json::Value::as_str);
            Ok(Answer::Unreachable(error.unwrap_or("no route").to_owned()))
        }
    }
}

/// A reserved port that cannot be looked at is no outage.
fn unresolved_claim(claim: &Claim, finding: Finding) -> Finding {
    match claim.claim {
        ClaimKind::Reserved => finding.severity(Severity::Notice),
        ClaimKind::Allocated | ClaimKind::System => finding,
    }
}

/// The paths among process names, with symbolic links followed: /usr/bin/python3 is seldom the
/// executable itself.
async fn follow_links(names: &[String]) -> Vec<String> {
    let mut followed = Vec::new();
    for path in names.iter().filter(|name| name.contains('/')) {
        if let Ok(target) = tokio::fs::canonicalize(path).await {
            followed.push(target.to_string_lossy().into_owned());
        }
    }
    followed
}

#[cfg(test)]
mod tests;
