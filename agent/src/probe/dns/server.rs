//! Who is asked: every address of every nameserver, given or delegated, and the resolvers named.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::join_all;
use health::{Code, Finding, Phase, text};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

use super::delegation::{self, Delegated, MOST_ADDRESSES};
use super::inquiry::Inquiry;
use super::question::Role;
use super::values::render_name;
use super::{Spec, Stopwatch};
use crate::net::Net;
use crate::plan::{Endpoint, Target};

/// The port that a nameserver is shown without.
pub(super) const USUAL_PORT: u16 = 53;

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
    /// The nameservers as the parent has them, where it was asked; sorted.
    pub(super) delegated: Option<Vec<String>>,
    pub(super) findings: Vec<Finding>,
}

/// Finds out whom to ask. Laps [`Phase::Delegation`] and [`Phase::Resolve`] where there was
/// something to find out.
pub(super) async fn call(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Roll {
    let mut roll = Roll::default();
    if spec.nameservers.is_empty() {
        match delegation::find(spec, net, watch).await {
            Ok(delegation) => {
                roll.delegated = Some(delegation.names());
                appoint(&delegation.servers, net, watch, &mut roll).await;
            }
            Err(finding) => roll.findings.push(*finding),
        }
        watch.lap(Phase::Delegation);
    } else {
        let inquiry = Inquiry::of(spec);
        let given = &inquiry.nameservers;
        let has_names = given.iter().any(|nameserver| nameserver.addresses.is_empty());
        appoint(given, net, watch, &mut roll).await;
        if has_names {
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
        Self { name: name.into(), port: endpoint.port, addresses }
    }
}

async fn appoint(nameservers: &[Delegated], net: &Net, watch: &Stopwatch, roll: &mut Roll) {
    // A name that does not resolve must leave time for those that do.
    let deadline = watch.deadline() - watch.left() / 2;
    let found = join_all(nameservers.iter().map(async |nameserver| {
        if nameserver.addresses.is_empty() {
            resolve(&nameserver.name, nameserver.port, net, deadline).await
        } else {
            Ok(nameserver.addresses.clone())
        }
    }))
    .await;
    for (nameserver, found) in nameservers.iter().zip(found) {
        let name = nameserver.name.clone();
        match found {
            Ok(addresses) => roll.servers.extend(
                addresses
                    .into_iter()
                    .map(|address| Server::at(name.clone(), address, Role::Authoritative)),
            ),
            Err(failure) => roll.servers.push(Server {
                name,
                address: None,
                role: Role::Authoritative,
                failure: Some(failure),
            }),
        }
    }
}

/// Every IPv4 and IPv6 address of a name.
pub(super) async fn resolve(
    name: &str,
    port: u16,
    net: &Net,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, String> {
    let mut name = Name::from_str_relaxed(name).map_err(|error| error.to_string())?;
    name.set_fqdn(true);
    let ask = async |record_type| {
        let lookup = net.resolver().lookup(name.clone(), record_type);
        match timeout_at(deadline, lookup).await {
            Ok(Ok(lookup)) => {
                Ok(lookup.answers().iter().filter_map(|record| ip(&record.data)).collect())
            }
            Ok(Err(error)) if error.is_no_records_found() => Ok(Vec::new()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the resolver does not answer in time".to_owned()),
        }
    };
    let (v4, v6): (Result<Vec<IpAddr>, String>, _) =
        tokio::join!(ask(RecordType::A), ask(RecordType::AAAA));
    let addresses: Vec<SocketAddr> = v4
        .iter()
        .chain(&v6)
        .flatten()
        .map(|&ip| SocketAddr::new(ip, port))
        .take(MOST_ADDRESSES)
        .collect();
    match (addresses.is_empty(), v4.err().or(v6.err())) {
        (false, _) => Ok(addresses),
        (true, Some(error)) => Err(error),
        (true, None) => Err("the name has no address".to_owned()),
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
