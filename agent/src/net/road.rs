//! The road to a server, where it is not the ordinary one: by a proxy, by one family of addresses
//! alone, by names of another resolver, with a certificate of our own.
//!
//! Deliberately absent: what is said at the proxy's door, which is `proxy`'s, and proxies that have
//! to be spoken to in TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use health::{Facts, Finding, Phase};
use hickory_resolver::TokioResolver;

use super::proxy::{self, Proxy};
use super::{Connection, Net, Opened};
use crate::plan::{Endpoint, Target};
use crate::probe::Stopwatch;
use crate::tls::ClientCertificate;

/// How a server is reached, beside `connect` and `source`. A check without any of it has no road.
#[derive(Debug, Default)]
pub struct Road {
    /// Through this proxy.
    pub proxy: Option<Proxy>,
    /// By addresses of this family alone.
    pub family: Option<Family>,
    /// Names are resolved by this server.
    pub resolver: Option<Resolver>,
    /// Who we are, for a server that asks during the handshake.
    pub client: Option<Arc<ClientCertificate>>,
}

/// One family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A resolver of a check's own.
#[derive(Debug)]
pub struct Resolver {
    address: SocketAddr,
    // Made at the first probe: it needs the runtime.
    made: OnceLock<TokioResolver>,
}

impl Road {
    /// The ordinary one.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        let Self { proxy, family, resolver, client } = self;
        proxy.is_none() && family.is_none() && resolver.is_none() && client.is_none()
    }

    /// Whether it is the same road.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let Self { proxy, family, resolver, client } = self;
        let is_same_client = match (client, &other.client) {
            (Some(one), Some(other)) => one.is_same_as(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        *proxy == other.proxy
            && *family == other.family
            && resolver.as_ref().map(|one| one.address)
                == other.resolver.as_ref().map(|one| one.address)
            && is_same_client
    }
}

impl Family {
    /// Whether an address is of it.
    #[must_use]
    pub const fn includes(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// The name of the family.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl Resolver {
    /// The server at this address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self { address, made: OnceLock::new() }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn get(&self) -> Result<&TokioResolver, String> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = super::resolver_at(self.address)?;
        Ok(self.made.get_or_init(|| made))
    }
}

impl Net {
    /// As [`Net::dial`], by a road. Where that leads through a proxy, a tunnel to the endpoint is
    /// made there, and its making belongs to [`Phase::Connect`].
    ///
    /// # Errors
    /// As there; and `http.proxy` where the proxy is why there is no connection.
    pub async fn reach(
        &self,
        endpoint: &Endpoint,
        (source, road): (Option<IpAddr>, Option<&Road>),
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Connection, Box<Finding>> {
        let Some(road) = road else { return self.dial(endpoint, source, watch, facts).await };
        let Some(proxy) = &road.proxy else {
            return self.dial_by(endpoint, (source, road, road.family), watch, facts).await;
        };
        let mut target = endpoint.clone();
        if let (true, Target::Name(_)) = (proxy.is_told_addresses(), &endpoint.host) {
            let mut own = Facts::default();
            let by = (road.resolver.as_ref(), road.family);
            let found = self.resolve_by(endpoint, by, watch, &mut own).await;
            facts.blind = own.blind;
            if let Some(address) = found?.first() {
                target.host = Target::Address(address.ip());
            }
        }
        let mut stream = self.reach_proxy(proxy, (source, road), endpoint, watch, facts).await?;
        let deadline = watch.deadline();
        let opened =
            tokio::time::timeout_at(deadline, Box::pin(proxy.open(&mut stream, &target))).await;
        watch.lap(Phase::Connect);
        let peer = facts.address.map_or_else(|| proxy.endpoint.to_string(), |at| at.to_string());
        match opened.unwrap_or(Err(proxy::Refusal::Silent)) {
            Ok(()) => Ok(stream.beyond_a_proxy()),
            Err(refusal) => {
                Err(Box::new(refusal.into_finding(proxy, &peer, endpoint, watch.timeout())))
            }
        }
    }

    /// Dials the proxy itself, for who asks it in plain HTTP to fetch something from `endpoint`.
    ///
    /// # Errors
    /// `http.proxy`.
    pub(crate) async fn reach_proxy(
        &self,
        proxy: &Proxy,
        by: (Option<IpAddr>, &Road),
        endpoint: &Endpoint,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Connection, Box<Finding>> {
        // Who is told addresses is told those of the family; his own may be of either.
        let (source, road) = by;
        let family = road.family.filter(|_| !proxy.is_told_addresses());
        let dialled = self.dial_by(&proxy.endpoint, (source, road, family), watch, facts).await;
        dialled.map_err(|finding| {
            // What this machine has run out of is no fault of the proxy.
            match facts.blind {
                Some(_) => finding,
                None => Box::new(proxy::unreached(proxy, endpoint, *finding)),
            }
        })
    }

    async fn dial_by(
        &self,
        endpoint: &Endpoint,
        (source, road, family): (Option<IpAddr>, &Road, Option<Family>),
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Connection, Box<Finding>> {
        let by = (road.resolver.as_ref(), family);
        let tried = Box::pin(self.attempt_by(endpoint, source, by, watch, facts)).await;
        tried
            .and_then(|opened: Opened| opened.into_connection(facts))
            .map_err(|missed| missed.into_finding(endpoint, watch.timeout()))
    }
}
