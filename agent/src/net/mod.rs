//! The network as probes use it: names resolved, connections dialled, failures told as findings.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::{Code, Facts, Finding, Phase, text};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::listeners::Sockets;
use crate::plan::{Endpoint, Target};
use crate::probe::Stopwatch;
use crate::probe::dns::Delegations;

/// What all probes share: the resolver for target names, and the socket table.
#[derive(Debug)]
pub struct Net {
    resolver: TokioResolver,
    /// This machine's listening sockets.
    pub sockets: Sockets,
    /// Who is authoritative for the zones of the plan, as their parents said last.
    pub delegations: Delegations,
}

impl Net {
    /// Resolves target names through `resolver`, or as the system does.
    ///
    /// # Errors
    /// One sentence for people when the system's resolver settings cannot be used.
    pub fn new(resolver: Option<SocketAddr>) -> Result<Self, String> {
        let mut builder = match resolver {
            Some(address) => {
                let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
                udp.port = address.port();
                tcp.port = address.port();
                let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
                TokioResolver::builder_with_config(
                    ResolverConfig::from_parts(None, Vec::new(), vec![server]),
                    TokioRuntimeProvider::default(),
                )
            }
            None => TokioResolver::builder_tokio().map_err(|error| {
                format!("the system's resolver settings cannot be read: {error}")
            })?,
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = Duration::from_secs(2);
        options.attempts = 2;
        let resolver =
            builder.build().map_err(|error| format!("the resolver cannot be set up: {error}"))?;
        Ok(Self { resolver, sockets: Sockets::default(), delegations: Delegations::default() })
    }

    /// The resolver itself, for walks and comparisons.
    #[must_use]
    pub fn resolver(&self) -> &TokioResolver {
        &self.resolver
    }

    /// Every address of an endpoint's name, in the order they should be tried. Lapped as
    /// [`Phase::Resolve`]; ends at the deadline.
    ///
    /// # Errors
    /// `resolve.failed`.
    pub async fn resolve(
        &self,
        endpoint: &Endpoint,
        watch: &mut Stopwatch,
    ) -> Result<Vec<SocketAddr>, Box<Finding>> {
        let name = match &endpoint.host {
            Target::Address(address) => return Ok(vec![SocketAddr::new(*address, endpoint.port)]),
            Target::Name(name) => name,
        };
        let answer =
            tokio::time::timeout_at(watch.deadline(), self.resolver.lookup_ip(&**name)).await;
        watch.lap(Phase::Resolve);
        let failure = match answer {
            Ok(Ok(lookup)) => {
                let addresses: Vec<SocketAddr> =
                    lookup.iter().map(|ip| SocketAddr::new(ip, endpoint.port)).collect();
                if !addresses.is_empty() {
                    return Ok(addresses);
                }
                "no address".to_owned()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", watch.timeout()),
        };
        Err(Box::new(
            Finding::new(
                Code::ResolveFailed,
                &**name,
                text!("{name} does not resolve: {failure}", "{name}의 주소를 찾을 수 없습니다: {failure}"),
                text!(
                    "Check the name and the resolver: `dig {name}`. If the name is right, ask its authoritative servers: `dig +trace {name}`.",
                    "이름과 리졸버를 확인하세요: `dig {name}`. 이름이 맞다면 권한 서버에 직접 물어보세요: `dig +trace {name}`."
                ),
            )
            .evidence("name", &**name)
            .evidence("error", failure),
        ))
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
    ) -> Result<TcpStream, Box<Finding>> {
        let addresses = self.resolve(endpoint, watch).await?;
        if matches!(endpoint.host, Target::Name(_)) {
            facts.resolved = addresses.iter().map(SocketAddr::ip).collect();
        }
        let count = addresses.len();
        let mut failed = None;
        for (index, address) in addresses.into_iter().enumerate() {
            // Every address left gets an equal share of the time left.
            let share = watch.left() / u32::try_from(count - index).unwrap_or(1);
            let until = Instant::from_std(crate::clock::monotonic() + share);
            facts.address = Some(address);
            match connect(address, source, until).await {
                Ok(stream) => {
                    watch.lap(Phase::Connect);
                    return Ok(stream);
                }
                Err(failure) => {
                    failed = Some(failure.into_finding(endpoint, address, watch.timeout()))
                }
            }
        }
        watch.lap(Phase::Connect);
        // `resolve` never hands back an empty list, so there was at least one attempt.
        Err(Box::new(failed.unwrap_or_else(|| {
            let nowhere = SocketAddr::from(([0, 0, 0, 0], endpoint.port));
            Failure::Timeout.into_finding(endpoint, nowhere, watch.timeout())
        })))
    }
}

/// Opens one connection, without Nagle's delay, until the deadline.
///
/// # Errors
/// How it failed.
pub async fn connect(
    address: SocketAddr,
    source: Option<IpAddr>,
    until: Instant,
) -> Result<TcpStream, Failure> {
    let attempt = async {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(source) = source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    match tokio::time::timeout_at(until, attempt).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Failure::of(&error)),
        Err(_) => Err(Failure::Timeout),
    }
}

/// How a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// RST in answer to SYN.
    Refused,
    /// No answer in time.
    Timeout,
    /// No route, or an ICMP answer that says so; in the operating system's words.
    Unreachable(String),
    /// Accepted, then cut.
    Reset,
}

impl Failure {
    /// Sorts an error of the operating system.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Unreachable(error.to_string()),
        }
    }

    /// The finding for a failure to reach `address`, which `endpoint` stands for.
    #[must_use]
    pub fn into_finding(
        self,
        endpoint: &Endpoint,
        address: SocketAddr,
        timeout: Duration,
    ) -> Finding {
        let subject = match &endpoint.host {
            Target::Name(name) => format!("{address} ({name})"),
            Target::Address(_) => address.to_string(),
        };
        let port = address.port();
        let finding = match self {
            Self::Refused => Finding::new(
                Code::TcpRefused,
                &*subject,
                text!(
                    "{subject} refused the connection: nothing listens there",
                    "{subject}에서 연결을 거부했습니다: 그 포트에서 듣고 있는 프로세스가 없습니다"
                ),
                text!(
                    "On that machine, see who listens on the port: `ss -ltnp 'sport = :{port}'`. If nobody does, start the service and read its log.",
                    "해당 서버에서 포트를 듣는 프로세스를 확인하세요: `ss -ltnp 'sport = :{port}'`. 없으면 서비스를 시작하고 로그를 확인하세요."
                ),
            ),
            Self::Timeout => Finding::new(
                Code::TcpTimeout,
                &*subject,
                text!(
                    "{subject} did not answer the connection attempt within {timeout:?}",
                    "{subject}에서 {timeout:?} 안에 연결 응답이 없습니다"
                ),
                text!(
                    "A firewall that drops, a machine that is down, or a full accept queue. Compare from the machine itself: `nc -zv 127.0.0.1 {port}`; then look at the firewall: `nft list ruleset` or `iptables -nvL`.",
                    "방화벽이 패킷을 버리거나, 서버가 꺼졌거나, 접속 대기열이 가득 찼을 수 있습니다. 서버 안에서 비교해 보세요: `nc -zv 127.0.0.1 {port}`. 그다음 방화벽을 확인하세요: `nft list ruleset` 또는 `iptables -nvL`."
                ),
            ),
            Self::Unreachable(error) => Finding::new(
                Code::TcpUnreachable,
                &*subject,
                text!("{subject} cannot be reached: {error}", "{subject}에 도달할 수 없습니다: {error}"),
                text!(
                    "Look at the route: `ip route get {ip}`, and whether the network it names is up.",
                    "경로를 확인하세요: `ip route get {ip}`. 그 네트워크가 살아 있는지도 보세요.",
                    ip = address.ip()
                ),
            )
            .evidence("error", error),
            Self::Reset => Finding::new(
                Code::TcpReset,
                &*subject,
                text!(
                    "{subject} accepted the connection and cut it at once",
                    "{subject}에서 연결을 받자마자 끊었습니다"
                ),
                text!(
                    "The service or something before it (a proxy, TCP wrappers, a connection limit) closes on purpose: read the service's log.",
                    "서비스나 그 앞단(프록시, TCP wrapper, 연결 수 제한)이 일부러 끊고 있습니다. 서비스 로그를 확인하세요."
                ),
            ),
        };
        finding.evidence("address", address.to_string())
    }
}
