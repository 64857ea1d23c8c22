//! Who is authoritative, as the parent zone says: its servers are asked for the zone's NS with
//! RD=0, and answer with a referral and glue (RFC 1034 §4.3.2). Deliberately absent: any opinion
//! on whether the zone itself agrees.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use health::{Code, Finding, text};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::timeout_at;

use super::exchange::{self, Arrival, Errand, Loss};
use super::question::{Question, Role};
use super::server::{USUAL_PORT, resolve};
use super::values::render_name;
use super::{Spec, Stopwatch};
use crate::clock::monotonic;
use crate::net::Net;

/// Servers of the parent that are asked at most.
const MOST_PARENTS: usize = 8;
/// Nameservers of one zone that are believed at most.
const MOST_NAMESERVERS: usize = 32;
/// Addresses of one nameserver that are asked at most.
pub(super) const MOST_ADDRESSES: usize = 16;
/// A delegation is looked up again after this time, however long its TTL.
const LONGEST_KEPT: Duration = Duration::from_secs(3600);
/// A known delegation that ends within this time may be renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(15 * 60);
/// How long a renewal may take.
const RENEWED_WITHIN: Duration = Duration::from_secs(10);
/// Delegations kept at most.
const MOST_KEPT: usize = 4096;

/// One nameserver of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delegated {
    /// Lower case, without the final dot.
    pub(super) name: Arc<str>,
    /// Where it is asked. A delegation carries no ports: it is the port its parent was asked on,
    /// which differs from 53 only where a whole tree was set up on another one.
    pub(super) port: u16,
    /// Glue; empty: to be resolved.
    pub(super) addresses: Vec<SocketAddr>,
}

/// The nameservers of a zone as its parent has them.
#[derive(Clone, Debug)]
pub(super) struct Delegation {
    pub(super) servers: Vec<Delegated>,
    ttl: Duration,
}

impl Delegation {
    /// The names, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.servers.iter().map(|server| server.name.to_string()).collect();
        names.sort_unstable();
        names
    }
}

/// A zone and the servers that were asked about it.
type Key = (Name, Vec<SocketAddr>);

/// Delegations that need not be walked again before their TTL ends.
#[derive(Debug, Default)]
pub(super) struct Delegations {
    kept: Mutex<HashMap<Key, (Instant, Arc<Delegation>)>>,
}

impl Delegations {
    fn recall(&self, key: &Key, now: Instant) -> Option<Arc<Delegation>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(end, _)| *end > now).map(|(_, delegation)| Arc::clone(delegation))
    }

    fn keep(&self, key: Key, delegation: &Arc<Delegation>, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (end, _)| *end > now);
        }
        if kept.len() < MOST_KEPT {
            kept.insert(key, (now + delegation.ttl.min(LONGEST_KEPT), Arc::clone(delegation)));
        }
    }

    /// Has the next probe ask the parent again.
    pub(super) fn forget(&self, spec: &Spec) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&(spec.zone.clone(), spec.parent.clone()));
    }
}

/// The zone's delegation, from memory or from the parent's servers; takes at most half the time.
///
/// # Errors
/// One finding that says at which step it broke.
pub(super) async fn find(
    spec: &Spec,
    net: &Net,
    watch: &Stopwatch,
) -> Result<Arc<Delegation>, Box<Finding>> {
    let key = (spec.zone.clone(), spec.parent.clone());
    if let Some(delegation) = net.dns.delegations.recall(&key, monotonic()) {
        return Ok(delegation);
    }
    look_up(key, spec, net, watch.deadline() - watch.left() / 2).await
}

/// Looks a delegation up again that is known and soon to be forgotten, so that no probe has to wait
/// for it. One that cannot be looked up stays known until its end.
pub async fn renew(spec: &Spec, net: &Net) {
    let key = (spec.zone.clone(), spec.parent.clone());
    let soon = monotonic() + RENEWED_BEFORE;
    let is_known = net.dns.delegations.recall(&key, monotonic()).is_some();
    if is_known && net.dns.delegations.recall(&key, soon).is_none() {
        let deadline = Stopwatch::start(RENEWED_WITHIN).deadline();
        if let Err(finding) = look_up(key, spec, net, deadline).await {
            tracing::debug!(zone = %spec.zone, why = finding.summary.en, "the delegation was not renewed");
        }
    }
}

async fn look_up(
    key: Key,
    spec: &Spec,
    net: &Net,
    deadline: tokio::time::Instant,
) -> Result<Arc<Delegation>, Box<Finding>> {
    let parents = parents(spec, net, deadline).await?;
    let delegation = Arc::new(ask(spec, &parents, deadline).await?);
    net.dns.delegations.keep(key, &delegation, monotonic());
    Ok(delegation)
}

/// The servers of the zone above, as the plan names them or as the resolver finds them.
///
/// # Errors
/// One finding that says at which step it broke.
pub(super) async fn parents(
    spec: &Spec,
    net: &Net,
    deadline: tokio::time::Instant,
) -> Result<Vec<SocketAddr>, Box<Finding>> {
    if spec.parent.is_empty() {
        walk(&spec.zone, net, deadline).await
    } else {
        Ok(spec.parent.clone())
    }
}

/// The addresses of the servers of the zone above: the nearest name above that has NS records.
async fn walk(
    zone: &Name,
    net: &Net,
    deadline: tokio::time::Instant,
) -> Result<Vec<SocketAddr>, Box<Finding>> {
    let mut above = zone.base_name();
    above.set_fqdn(true);
    loop {
        let lookup = net.resolver().lookup(above.clone(), RecordType::NS);
        let failure = match timeout_at(deadline, lookup).await {
            Ok(Ok(lookup)) => {
                let names: Vec<String> = lookup
                    .answers()
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::NS(server) => Some(render_name(&server.0)),
                        _ => None,
                    })
                    .take(MOST_PARENTS)
                    .collect();
                if !names.is_empty() {
                    return addresses(zone, &above, &names, net, deadline).await;
                }
                None
            }
            Ok(Err(error)) if error.is_no_records_found() => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the resolver does not answer in time".to_owned()),
        };
        match failure {
            None if !above.is_root() => above = above.base_name(),
            None => return Err(lost_above(zone, &above, "no NS records")),
            Some(error) => return Err(lost_above(zone, &above, &error)),
        }
    }
}

async fn addresses(
    zone: &Name,
    parent: &Name,
    names: &[String],
    net: &Net,
    deadline: tokio::time::Instant,
) -> Result<Vec<SocketAddr>, Box<Finding>> {
    let found = join_all(names.iter().map(|name| resolve(name, USUAL_PORT, net, deadline))).await;
    let mut failure = String::from("no address");
    let mut addresses = Vec::new();
    for each in found {
        match each {
            Ok(some) => addresses.extend(some),
            Err(error) => failure = error,
        }
    }
    addresses.truncate(MOST_PARENTS);
    if addresses.is_empty() {
        return Err(lost_above(zone, parent, &failure));
    }
    Ok(addresses)
}

/// Asks all of the parent's servers at once; the first usable answer counts.
async fn ask(
    spec: &Spec,
    parents: &[SocketAddr],
    deadline: tokio::time::Instant,
) -> Result<Delegation, Box<Finding>> {
    let questions = [Question::new(&spec.zone, RecordType::NS)];
    let mut under_way: FuturesUnordered<_> = parents
        .iter()
        .take(MOST_PARENTS)
        .map(async |&server| {
            let errand = Errand {
                server,
                source: spec.source,
                role: Role::Authoritative,
                questions: &questions,
                deadline,
            };
            (server, exchange::ask(errand, |_, arrival| arrival).await.pop())
        })
        .collect();
    let mut failure = None;
    while let Some((server, answer)) = under_way.next().await {
        match read(&spec.zone, server, answer.unwrap_or(Err(Loss::Timeout))) {
            Ok(delegation) => return Ok(delegation),
            Err(finding) => failure = Some(finding),
        }
    }
    Err(failure.unwrap_or_else(|| lost_above(&spec.zone, &spec.zone.base_name(), "nobody to ask")))
}

/// Reads a referral (or, from a parent that serves the zone itself, the answer) with its glue.
fn read(
    zone: &Name,
    server: SocketAddr,
    answer: Result<Arrival, Loss>,
) -> Result<Delegation, Box<Finding>> {
    let message = answer.map_err(|loss| no_answer(zone, server, loss.label()))?.message;
    let records = message.answers.iter().chain(&message.authorities);
    let mut names: Vec<(&Name, u32)> = records
        .filter(|record| record.name.eq_ignore_root(zone))
        .filter_map(|record| match &record.data {
            RData::NS(server) => Some((&server.0, record.ttl)),
            _ => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup_by(|one, other| one.0.eq_ignore_root(other.0));
    names.truncate(MOST_NAMESERVERS);
    if names.is_empty() {
        return Err(not_delegated(zone, server, &message));
    }
    let ttl = names.iter().map(|&(_, ttl)| ttl).min().unwrap_or(0);
    let servers = names
        .into_iter()
        .map(|(name, _)| Delegated {
            name: render_name(name).into(),
            port: server.port(),
            addresses: glue(name, server.port(), &message),
        })
        .collect();
    Ok(Delegation { servers, ttl: Duration::from_secs(ttl.into()) })
}

fn glue(name: &Name, port: u16, message: &Message) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = message
        .additionals
        .iter()
        .filter(|record| record.name.eq_ignore_root(name))
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::from(address.0)),
            RData::AAAA(address) => Some(IpAddr::from(address.0)),
            _ => None,
        })
        .map(|ip| SocketAddr::new(ip, port))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MOST_ADDRESSES);
    addresses
}

fn lost_above(zone: &Name, above: &Name, error: &str) -> Box<Finding> {
    let (zone, above) = (render_name(zone), render_name(above));
    Box::new(
        Finding::new(
            Code::ResolveFailed,
            &*above,
            text!(
                "the servers of {above}, which delegate {zone}, cannot be found: {error}",
                "{zone}을(를) 위임하는 {above}의 네임서버를 찾을 수 없습니다: {error}"
            ),
            text!(
                "Check the agent's resolver: `dig {above} NS`. Or name the servers in the plan: `nameservers = [...]` or `parent = [...]`.",
                "에이전트가 쓰는 리졸버를 확인하세요: `dig {above} NS`. 또는 계획에 서버를 직접 적으세요: `nameservers = [...]` 또는 `parent = [...]`."
            ),
        )
        .evidence("zone", zone)
        .evidence("error", error),
    )
}

/// A server above says nothing that could be used.
pub(super) fn no_answer(zone: &Name, server: SocketAddr, how: &str) -> Box<Finding> {
    let (zone, port, ip) = (render_name(zone), server.port(), server.ip());
    Box::new(
        Finding::new(
            Code::DnsUnreachable,
            server.to_string(),
            text!(
                "{server}, a server of the zone above {zone}, does not answer ({how}): who serves {zone} is unknown",
                "{zone}의 상위 존 서버 {server}에서 답이 없어({how}) {zone}의 네임서버를 알 수 없습니다"
            ),
            text!(
                "Ask it by hand: `dig @{ip} -p {port} +norecurse {zone} NS`. If the address is right, look at the network and its firewall (UDP and TCP {port}).",
                "직접 물어보세요: `dig @{ip} -p {port} +norecurse {zone} NS`. 주소가 맞다면 네트워크와 방화벽(UDP·TCP {port})을 확인하세요."
            ),
        )
        .severity(health::Severity::Critical)
        .evidence("zone", zone)
        .evidence("address", server.to_string())
        .evidence("got", how),
    )
}

fn not_delegated(zone: &Name, server: SocketAddr, message: &Message) -> Box<Finding> {
    let (zone, port, ip) = (render_name(zone), server.port(), server.ip());
    let (code, says) = match message.metadata.response_code {
        ResponseCode::NXDomain => (Code::DnsNxdomain, "NXDOMAIN".to_owned()),
        ResponseCode::NoError if message.metadata.authoritative => {
            (Code::DnsMissing, "NODATA".to_owned())
        }
        ResponseCode::NoError => (Code::DnsLame, "no referral".to_owned()),
        other => (Code::DnsLame, other.to_str().to_owned()),
    };
    let subject = match code {
        Code::DnsLame => server.to_string(),
        _ => format!("{zone} NS"),
    };
    Box::new(
        Finding::new(
            code,
            subject,
            text!(
                "{server}, a server of the zone above, does not delegate {zone}: {says}",
                "상위 존 서버 {server}에 {zone}의 위임이 없습니다: {says}"
            ),
            text!(
                "See what the parent has: `dig @{ip} -p {port} +norecurse {zone} NS`. If the domain has expired or lost its nameservers, put that right at the registrar.",
                "상위 존에 무엇이 있는지 확인하세요: `dig @{ip} -p {port} +norecurse {zone} NS`. 도메인이 만료되었거나 네임서버가 빠졌다면 등록 대행사에서 바로잡으세요."
            ),
        )
        .evidence("zone", zone)
        .evidence("address", server.to_string())
        .evidence("got", says),
    )
}

#[cfg(test)]
mod tests;
