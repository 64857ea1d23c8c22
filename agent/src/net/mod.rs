//! The network as probes use it: names resolved, connections dialled, failures told as findings.
//!
//! Deliberately absent: racing addresses against each other. They are tried in turn, so that a
//! probe says which one it reached and costs one connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use health::{Code, Facts, Finding, Phase, text};
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio::time::Instant;

use crate::authority;
use crate::listeners::Sockets;
use crate::plan::{Endpoint, Target};
use crate::probe::dns;
use crate::probe::forward::Passages;
use crate::probe::http::{NginxMemory, Tokens};
use crate::probe::tls::Nameless;
use crate::probe::{Stopwatch, acme, heartbeat, http};
use crate::renewal;
use crate::tls;

mod failure;
mod open;
mod printable;
mod proxy;
mod road;
#[cfg(test)]
pub(crate) mod tests;

pub use failure::{Failure, could_not_look, is_exhausted, is_lack, subject};
pub use open::{Connection, connect, touch};
pub(crate) use open::{Opened, not_ours};
pub use printable::{printable, printed};
pub use proxy::{Proxy, Talk};
pub(crate) use proxy::{does_not_allow, gave_up, wants_login};
pub use road::{Family, Resolver, Road};

/// What all probes share: the resolver for target names, and the socket table.
#[derive(Debug)]
pub struct Net {
    resolver: TokioResolver,
    upstreams: Vec<SocketAddr>,
    /// This machine's listening sockets.
    pub sockets: Sockets,
    /// What dns probes remember from one to the next.
    pub dns: Arc<dns::Memory>,
    /// The certificates that checks have seen in use.
    pub certificates: Arc<tls::Ledger>,
    /// What CAs have said of certificates in use.
    pub authority: Arc<authority::Memory>,
    /// What renewers of certificates say.
    pub renewals: Arc<renewal::Memory>,
    /// What servers present to who names nobody.
    pub nameless: Arc<Nameless>,
    /// Which forwards of the plan have been seen to work from here.
    pub passages: Passages,
    /// Whom challenges were fetched from.
    pub acme: Arc<acme::Reached>,
    /// What jobs have reported.
    pub heartbeats: Arc<heartbeat::Pulses>,
    /// Bodies that were as the plan has them.
    pub bodies: Arc<http::Bodies>,
    /// nginx configurations, as they were read last.
    pub configurations: Arc<http::Configurations>,
    /// Access tokens that checks ask with.
    pub(crate) tokens: Arc<Tokens>,
    /// What each nginx has counted of its connections.
    pub nginx: Arc<NginxMemory>,
}

impl Net {
    /// Resolves target names through `resolver`, or as the system does.
    ///
    /// # Errors
    /// One sentence for people when the system's resolver settings cannot be used.
    pub fn new(resolver: Option<SocketAddr>) -> Result<Self, String> {
        let unreadable = |error| format!("the system's resolver settings cannot be read: {error}");
        let (resolver, upstreams) = match resolver {
            Some(address) => (resolver_at(address)?, vec![address]),
            None => {
                let (known, _) = read_system_conf().map_err(unreadable)?;
                let servers = known.name_servers().iter();
                let upstreams = servers.map(|server| SocketAddr::new(server.ip, 53)).collect();
                (built(TokioResolver::builder_tokio().map_err(unreadable)?)?, upstreams)
            }
        };
        Ok(Self {
            resolver,
            upstreams,
            sockets: Sockets::default(),
            dns: Arc::default(),
            certificates: Arc::default(),
            authority: Arc::default(),
            renewals: Arc::default(),
            nameless: Arc::default(),
            passages: Passages::default(),
            acme: Arc::default(),
            heartbeats: Arc::default(),
            bodies: Arc::default(),
            configurations: Arc::default(),
            tokens: Arc::default(),
            nginx: Arc::default(),
        })
    }

    /// As [`Net::new`], for somebody who looks once, now, and waits for nothing.
    ///
    /// # Errors
    /// As there.
    pub fn for_one_look(resolver: Option<SocketAddr>) -> Result<Self, String> {
        let (dns, nameless) =
            (Arc::new(dns::Memory::for_one_look()), Arc::new(Nameless::for_one_look()));
        Ok(Self { dns, nameless, ..Self::new(resolver)? })
    }

    /// As [`Net::new`], with all that was remembered here.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn through(&self, resolver: Option<SocketAddr>) -> Result<Self, String> {
        Ok(Self {
            dns: Arc::clone(&self.dns),
            certificates: Arc::clone(&self.certificates),
            authority: Arc::clone(&self.authority),
            renewals: Arc::clone(&self.renewals),
            nameless: Arc::clone(&self.nameless),
            passages: self.passages.clone(),
            acme: Arc::clone(&self.acme),
            heartbeats: Arc::clone(&self.heartbeats),
            bodies: Arc::clone(&self.bodies),
            configurations: Arc::clone(&self.configurations),
            tokens: Arc::clone(&self.tokens),
            nginx: Arc::clone(&self.nginx),
            ..Self::new(resolver)?
        })
    }

    /// The resolver itself, for walks and comparisons.
    #[must_use]
    pub fn resolver(&self) -> &TokioResolver {
        &self.resolver
    }

    /// The servers behind the resolver, for questions that it cannot put: signatures, unvalidated.
    #[must_use]
    pub fn upstreams(&self) -> &[SocketAddr] {
        &self.upstreams
    }

    /// Every address of an endpoint's name, in the order they should be tried. Lapped as
    /// [`Phase::Resolve`]; ends at the deadline. When nobody could be asked, because this machine has
    /// run out of something, `facts` say so.
    ///
    /// # Errors
    /// `resolve.failed`.
    pub async fn resolve(
        &self,
        endpoint: &Endpoint,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Vec<SocketAddr>, Box<Finding>> {
        self.resolve_by(endpoint, (None, None), watch, facts).await
    }

    /// As [`Net::resolve`], by another resolver and of one family.
    async fn resolve_by(
        &self,
        endpoint: &Endpoint,
        (resolver, family): (Option<&Resolver>, Option<Family>),
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Vec<SocketAddr>, Box<Finding>> {
        let name = match &endpoint.host {
            Target::Address(address) => return Ok(vec![SocketAddr::new(*address, endpoint.port)]),
            Target::Name(name) => name,
        };
        let resolver = match resolver {
            Some(own) => own.get().map_err(|reason| Box::new(unresolved(name, reason)))?,
            None => &self.resolver,
        };
        let lookup = Box::pin(resolver.lookup_ip(&**name));
        let answer = tokio::time::timeout_at(watch.deadline(), lookup).await;
        watch.lap(Phase::Resolve);
        let reason = match answer {
            Ok(Ok(lookup)) => {
                let is_wanted = |ip: &IpAddr| family.is_none_or(|family| family.includes(*ip));
                let wanted = lookup.iter().filter(is_wanted);
                let addresses: Vec<SocketAddr> =
                    wanted.map(|ip| SocketAddr::new(ip, endpoint.port)).collect();
                if !addresses.is_empty() {
                    return Ok(addresses);
                }
                match family {
                    Some(family) => format!("it has no {} address", family.label()),
                    None => "it has no address".to_owned(),
                }
            }
            Ok(Err(error)) => {
                if let Some(lack) = lack_behind(&error) {
                    let finding = could_not_look(name, &lack);
                    facts.blind = Some(lack);
                    return Err(Box::new(finding));
                }
                reason(&error)
            }
            Err(_) => format!("no answer within {:?}", watch.timeout()),
        };
        Err(Box::new(unresolved(name, reason)))
    }

    /// Dials an endpoint: every address in turn until one accepts. Laps [`Phase::Resolve`] and
    /// [`Phase::Connect`], and notes addresses in `facts`.
    ///
    /// # Errors
    /// `resolve.failed`, or how the connection failed: `tcp.refused`, `tcp.timeout`,
    /// `tcp.unreachable`, `tcp.reset`.
    pub async fn dial(
        &self,
        endpoint: &Endpoint,
        source: Option<IpAddr>,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Connection, Box<Finding>> {
        let attempt = self.attempt(endpoint, source, watch, facts).await;
        attempt
            .and_then(|opened| opened.into_connection(facts))
            .map_err(|missed| missed.into_finding(endpoint, watch.timeout()))
    }

    /// As [`Net::dial`], with the operating system's own error for those who tell a closed port
    /// from one that could not be tried.
    ///
    /// # Errors
    /// Which address was tried last, and its error. When that says nothing of the target, because
    /// this machine has run out of something, `facts` say so.
    pub(crate) async fn attempt(
        &self,
        endpoint: &Endpoint,
        source: Option<IpAddr>,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Opened, Missed> {
        self.attempt_by(endpoint, source, (None, None), watch, facts).await
    }

    async fn attempt_by(
        &self,
        endpoint: &Endpoint,
        source: Option<IpAddr>,
        by: (Option<&Resolver>, Option<Family>),
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Opened, Missed> {
        let tried = self.try_each(endpoint, source, by, watch, facts).await;
        if let Err(Missed::Closed(address, error)) = &tried
            && is_exhausted(error, *address)
        {
            facts.blind = Some(error.to_string());
        }
        tried
    }

    async fn try_each(
        &self,
        endpoint: &Endpoint,
        source: Option<IpAddr>,
        by: (Option<&Resolver>, Option<Family>),
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Opened, Missed> {
        // An address needs no list: this is the way of most probes.
        if let Target::Address(ip) = endpoint.host {
            let address = SocketAddr::new(ip, endpoint.port);
            facts.address = Some(address);
            facts.resolved.clear();
            let opened = open::open(address, source, watch.deadline()).await;
            watch.lap(Phase::Connect);
            return opened.map_err(|error| Missed::Closed(address, error));
        }
        let mut addresses =
            self.resolve_by(endpoint, by, watch, facts).await.map_err(Missed::Unresolved)?;
        facts.resolved = addresses.iter().map(SocketAddr::ip).collect();
        if let Some(source) = source {
            // Those of the other family cannot be dialled from there; if all are, the attempt says so.
            let same = |address: &SocketAddr| address.is_ipv4() == source.is_ipv4();
            if addresses.iter().any(same) {
                addresses.retain(same);
            }
        }
        let count = addresses.len();
        let nowhere = SocketAddr::from(([0, 0, 0, 0], endpoint.port));
        let mut failed = Missed::Closed(nowhere, io::ErrorKind::TimedOut.into());
        for (index, address) in addresses.into_iter().enumerate() {
            // Every address left gets an equal share of the time left.
            let share = watch.left() / u32::try_from(count - index).unwrap_or(1);
            let until = Instant::from_std(crate::clock::monotonic() + share);
            facts.address = Some(address);
            match open::open(address, source, until).await {
                Ok(opened) => {
                    watch.lap(Phase::Connect);
                    return Ok(opened);
                }
                Err(error) => failed = Missed::Closed(address, error),
            }
        }
        watch.lap(Phase::Connect);
        Err(failed)
    }
}

/// A resolver that asks this server.
fn resolver_at(address: SocketAddr) -> Result<TokioResolver, String> {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
    built(TokioResolver::builder_with_config(
        ResolverConfig::from_parts(None, Vec::new(), vec![server]),
        TokioRuntimeProvider::default(),
    ))
}

fn built(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, String> {
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = Duration::from_secs(2);
    options.attempts = 2;
    // Both families, so that a name whose first family is dead still has another to try.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build().map_err(|error| format!("the resolver cannot be set up: {error}"))
}

/// Why an endpoint could not be dialled.
#[derive(Debug)]
pub(crate) enum Missed {
    /// Its name has no address.
    Unresolved(Box<Finding>),
    /// The address tried last, and the operating system's error.
    Closed(SocketAddr, io::Error),
}

impl Missed {
    /// Nothing accepts connections there, as far as can be seen from here: refused, dropped or
    /// rejected. An error of this machine's own (no such source address, no network) says nothing
    /// about the target and is not that.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Unresolved(_) => false,
            Self::Closed(_, error) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::HostUnreachable
            ),
        }
    }

    /// The finding for it.
    pub(crate) fn into_finding(self, endpoint: &Endpoint, timeout: Duration) -> Box<Finding> {
        match self {
            Self::Unresolved(finding) => finding,
            Self::Closed(address, error) => {
                Box::new(Failure::of(&error, address).into_finding(endpoint, address, timeout))
            }
        }
    }
}

/// What this machine has run out of, where that is why no resolver could be asked. The resolver keeps
/// the system's words to itself, so a socket is asked for once more.
fn lack_behind(error: &NetError) -> Option<String> {
    if !matches!(error, NetError::NoConnections | NetError::Io(_)) {
        return None;
    }
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let error = UdpSocket::bind(any).err().filter(|error| is_exhausted(error, any))?;
    Some(error.to_string())
}

/// What the resolver's error means, in few words.
fn reason(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) if error.is_nx_domain() => {
            "the name does not exist (NXDOMAIN)".to_owned()
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code.low() {
            0 => "the name exists, but has no A or AAAA record".to_owned(),
            _ => format!("the resolver answered: {}", none.response_code),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the resolver answered: {code}"),
        NetError::Timeout => "the resolver does not answer".to_owned(),
        other => printable(other.to_string().as_bytes(), 256),
    }
}

fn unresolved(name: &str, reason: String) -> Finding {
    Finding::new(
        Code::ResolveFailed,
        name,
        text!("{name} does not resolve: {reason}", "{name}의 주소를 찾을 수 없습니다: {reason}"),
        text!(
            "Check the name and the resolver: `dig {name}`. If the name is right, ask its authoritative servers: `dig +trace {name}`.",
            "이름과 리졸버를 확인하세요: `dig {name}`. 이름이 맞다면 권한 서버에 직접 물어보세요: `dig +trace {name}`."
        ),
    )
    .evidence("name", name)
    .evidence("error", reason)
}
