//! Who is asked: every address of every nameserver, given or delegated, and the resolvers named.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use health::{Code, Finding, Phase, text};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

use super::delegation::{self, Delegated, Delegation, MOST_ADDRESSES, SHORTEST_KEPT};
use super::inquiry::Inquiry;
use super::question::Role;
use super::shelf::Shelf;
use super::values::render_name;
use super::{Spec, Stopwatch};
use crate::clock::monotonic;
use crate::net::Net;
use crate::plan::{Endpoint, Target};

/// The port that a nameserver is shown without.
pub(super) const USUAL_PORT: u16 = 53;
/// The addresses of a name are looked up again after this time, however long their TTL.
const LONGEST_KEPT: Duration = Duration::from_secs(3600);

/// Addresses of nameservers that the plan gives by name and port.
pub(super) type Addresses = Shelf<(Arc<str>, u16), Vec<SocketAddr>>;

/// Where a name is, and for how long that is good.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) lasting: Duration,
}

/// One address of one nameserver or resolver.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Name as delegated or as in the plan.
    pub(super) name: Arc<str>,
    /// `None` when the name did not resolve.
    pub(super) address: Option<SocketAddr>,
    pub(super) role: Role,
    /// Why the name did not resolve.
    pub(super) failure: Option<String>,
}

impl Server {
    fn at(name: Arc<str>, address: SocketAddr, role: Role) -> Self {
        Self { name, address: Some(address), role, failure: None }
    }

    /// The server for people: `ns3.host.example (192.0.2.3)`; the port where it is unusual.
    pub(super) fn title(&self) -> String {
        match self.address {
            None => self.name.to_string(),
            Some(address) if *self.name == *address.to_string() => {
                if address.port() == USUAL_PORT {
                    address.ip().to_string()
                } else {
                    self.name.to_string()
                }
            }
            Some(address) if address.port() == USUAL_PORT => {
                format!("{} ({})", self.name, address.ip())
            }
            Some(address) => format!("{} ({address})", self.name),
        }
    }
}

/// Everybody to ask, and what was wrong on the way to knowing that.
#[derive(Debug, Default)]
pub(super) struct Roll {
    pub(super) servers: Vec<Server>,
    /// The nameservers as the parent has them, where it was asked.
    pub(super) delegation: Option<Arc<Delegation>>,
    pub(super) findings: Vec<Finding>,
}

/// Finds out whom to ask. Laps [`Phase::Delegation`] and [`Phase::Resolve`] where there was
/// something to find out.
pub(super) async fn call(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Roll {
    let mut roll = Roll::default();
    if spec.nameservers.is_empty() {
        match delegation::find(spec, net, watch).await {
            Ok(delegation) => {
                roll.servers = delegation.servers.iter().flat_map(appointed).collect();
                roll.delegation = Some(delegation);
            }
            Err(finding) => {
                roll.findings.push(*finding);
                // A parent or resolver in trouble must not hide what is wrong with the zone.
                let last = delegation::last(spec, net);
                roll.servers =
                    last.iter().flat_map(|last| &last.servers).flat_map(appointed).collect();
            }
        }
        watch.lap(Phase::Delegation);
    } else {
        let inquiry = Inquiry::of(spec);
        let given = &inquiry.nameservers;
        let has_names = given.iter().any(|nameserver| nameserver.addresses.is_empty());
        let found = look_up(given, net, watch);
        let found = if spec.parent.is_empty() {
            found.await
        } else {
            let (found, delegation) = tokio::join!(found, delegation::compare(spec, net, watch));
            match delegation {
                Ok(delegation) => roll.delegation = Some(delegation),
                Err(finding) => roll.findings.push(*finding),
            }
            found
        };
        roll.servers = found.iter().flat_map(appointed).collect();
        if has_names || !spec.parent.is_empty() {
            watch.lap(Phase::Resolve);
        }
    }
    let resolvers = spec.resolvers.iter();
    roll.servers.extend(
        resolvers.map(|&address| Server::at(address.to_string().into(), address, Role::Resolver)),
    );
    roll
}

impl From<&Endpoint> for Delegated {
    fn from(endpoint: &Endpoint) -> Self {
        let addresses = match endpoint.host {
            Target::Address(ip) => vec![SocketAddr::new(ip, endpoint.port)],
            Target::Name(_) => Vec::new(),
        };
        let name = match &endpoint.host {
            Target::Address(_) => endpoint.to_string(),
            Target::Name(name) => name.trim_end_matches('.').to_lowercase(),
        };
        Self { name: name.into(), port: endpoint.port, addresses, failure: None }
    }
}

/// Every address of one nameserver; one without address, where it has none.
fn appointed(nameserver: &Delegated) -> Vec<Server> {
    let (name, role) = (&nameserver.name, Role::Authoritative);
    if nameserver.addresses.is_empty() {
        let failure = nameserver.failure.clone().unwrap_or_default();
        return vec![Server { name: name.clone(), address: None, role, failure: Some(failure) }];
    }
    let addresses = nameserver.addresses.iter();
    addresses.map(|&address| Server::at(name.clone(), address, role)).collect()
}

/// Looks up the nameservers that the plan gives by name, unless their addresses are known.
async fn look_up(nameservers: &[Delegated], net: &Net, watch: &Stopwatch) -> Vec<Delegated> {
    // A name that does not resolve must leave time for those that do.
    let deadline = watch.deadline() - watch.left() / 2;
    join_all(nameservers.iter().map(async |nameserver| {
        let mut nameserver = nameserver.clone();
        if nameserver.addresses.is_empty() {
            let key = (nameserver.name.clone(), nameserver.port);
            match net.dns.addresses.recall(&key, monotonic()) {
                Some(known) => nameserver.addresses = known.to_vec(),
                None => match learn(key, net, deadline).await {
                    Ok(addresses) => nameserver.addresses = addresses,
                    Err(failure) => nameserver.failure = Some(failure),
                },
            }
        }
        nameserver
    }))
    .await
}

/// Looks up again what is soon to be forgotten of the nameservers that the plan gives by name.
pub(super) async fn renew(spec: &Spec, net: &Net, before: Duration, deadline: Instant) {
    let now = monotonic();
    for nameserver in &Inquiry::of(spec).nameservers {
        let key = (nameserver.name.clone(), nameserver.port);
        let is_known = |at| net.dns.addresses.recall(&key, at).is_some();
        if is_known(now) && !is_known(now + before) {
            // What cannot be looked up now is good until its end.
            let _ = learn(key, net, deadline).await;
        }
    }
}

async fn learn(
    key: (Arc<str>, u16),
    net: &Net,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, String> {
    let Resolved { addresses, lasting } = resolve(&key.0, key.1, net, deadline).await?;
    let lasting = lasting.clamp(SHORTEST_KEPT, LONGEST_KEPT);
    net.dns.addresses.keep(key, Arc::new(addresses.clone()), monotonic(), lasting);
    Ok(addresses)
}

/// A name as it is, whatever search list the system has.
pub(super) fn absolute(name: &str) -> Result<Name, String> {
    let mut name = Name::from_str_relaxed(name).map_err(|error| error.to_string())?;
    name.set_fqdn(true);
    Ok(name)
}

/// Every IPv4 and IPv6 address of a name, through the agent's resolver.
pub(super) async fn resolve(
    name: &str,
    port: u16,
    net: &Net,
    deadline: Instant,
) -> Result<Resolved, String> {
    let name = absolute(name)?;
    let ask = async |record_type| {
        let lookup = net.resolver().lookup(name.clone(), record_type);
        match timeout_at(deadline, lookup).await {
            Ok(Ok(lookup)) => {
                let records = lookup.answers().iter();
                Ok(records.filter_map(|record| Some((ip(&record.data)?, record.ttl))).collect())
            }
            Ok(Err(error)) if error.is_no_records_found() => Ok(Vec::new()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the resolver does not answer in time".to_owned()),
        }
    };
    let (v4, v6): (Result<Vec<(IpAddr, u32)>, String>, _) =
        tokio::join!(ask(RecordType::A), ask(RecordType::AAAA));
    let found = v4.iter().chain(&v6).flatten().take(MOST_ADDRESSES);
    let (addresses, ttls): (Vec<SocketAddr>, Vec<u32>) =
        found.map(|&(ip, ttl)| (SocketAddr::new(ip, port), ttl)).unzip();
    match (ttls.into_iter().min(), v4.err().or(v6.err())) {
        (Some(ttl), None) => Ok(Resolved { addresses, lasting: Duration::from_secs(ttl.into()) }),
        // Those of the other kind may only have failed to come: asked for again soon.
        (Some(_), Some(_)) => Ok(Resolved { addresses, lasting: Duration::ZERO }),
        (None, Some(error)) => Err(error),
        (None, None) => Err("the name has no address".to_owned()),
    }
}

fn ip(record: &RData) -> Option<IpAddr> {
    match record {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

/// The finding for a nameserver whose name has no address.
pub(super) fn unresolved(server: &Server, failure: &str, zone: &Name) -> Finding {
    let (name, zone) = (&server.name, render_name(zone));
    Finding::new(
        Code::ResolveFailed,
        &**name,
        text!(
            "nameserver {name} of {zone} does not resolve: {failure}",
            "{zone}의 네임서버 {name}의 주소를 찾을 수 없습니다: {failure}"
        ),
        text!(
            "Check the name for a typing mistake in the plan or at the registrar, and that it has an A record: `dig {name}`.",
            "계획이나 도메인 등록 정보에 이름이 바르게 적혀 있는지, A 레코드가 있는지 확인하세요: `dig {name}`."
        ),
    )
    .evidence("nameserver", &**name)
    .evidence("error", failure)
}
