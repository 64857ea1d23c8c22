//! Which sites an nginx configuration makes, and at which doors each of them can be met. Pure.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustls_pki_types::ServerName;

use crate::nginx::{Address, Listen, Place, Server, Sites};
use crate::plan::{Endpoint, Target};

/// Asked for where a server answers to all names below one.
const ANY_LABEL: &str = "portwarden";

/// One `server` that speaks TLS.
#[derive(Debug)]
pub(super) struct Site {
    /// Where it begins.
    pub(super) place: Place,
    /// The names that a certificate can be valid for.
    pub(super) names: Vec<Name>,
    /// Its certificates; empty where their names depend on variables.
    pub(super) pairs: Vec<Pair>,
    /// Where it can be met, and by asking for what.
    pub(super) doors: Vec<(Door, Asked)>,
}

/// A name of a site.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// One name.
    Exact(String),
    /// Every name below this one: `*.shop.example`.
    Below(String),
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) path: PathBuf,
    pub(super) key: Option<PathBuf>,
    /// Where the certificate is named.
    pub(super) place: Place,
}

/// Where to knock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    pub(super) endpoint: Endpoint,
    /// Who enters has to say on whose behalf.
    pub(super) proxy_protocol: bool,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    /// This name (SNI).
    Name(String),
    /// No name at all: the default server's certificate.
    Nobody,
}

impl Asked {
    /// What a certificate is held against: the name, or without one the address that answered.
    pub(super) fn name(&self, peer: SocketAddr) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Nobody => peer.ip().to_string(),
        }
    }
}

impl Name {
    /// A name that this one stands for.
    pub(super) fn sample(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Below(name) => format!("{ANY_LABEL}.{name}"),
        }
    }

    /// As people write it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Below(name) => format!("*.{name}"),
        }
    }
}

/// Every TLS site, in the order of the files.
pub(super) fn sites(configuration: &Sites) -> Vec<Site> {
    let tls = |server: &Server| server.listens.iter().any(|one| one.tls && !one.quic);
    let servers: Vec<&Server> = configuration.servers.iter().filter(|one| tls(one)).collect();
    let defaults = defaults(&servers);
    let listens = configuration.servers.iter().flat_map(|server| &server.listens);
    let own: HashSet<&Address> =
        listens.filter(|one| !one.quic).map(|listen| &listen.address).collect();
    let mut taken = HashSet::new();
    servers
        .iter()
        .enumerate()
        .filter(|(_, server)| !server.rejects && !server.certificates.is_empty())
        .map(|(index, server)| site(index, server, &defaults, &own, &mut taken))
        .collect()
}

/// Who answers at each address when no name fits: who says so, or else whoever comes first.
fn defaults<'a>(servers: &[&'a Server]) -> HashMap<&'a Address, usize> {
    let mut first = HashMap::new();
    let mut said = HashMap::new();
    for (index, server) in servers.iter().enumerate() {
        for listen in server.listens.iter().filter(|one| one.tls && !one.quic) {
            first.entry(&listen.address).or_insert(index);
            if listen.is_default {
                said.entry(&listen.address).or_insert(index);
            }
        }
    }
    first.extend(said);
    first
}

fn site<'a>(
    index: usize,
    server: &'a Server,
    defaults: &HashMap<&'a Address, usize>,
    own: &HashSet<&'a Address>,
    taken: &mut HashSet<(&'a Address, Name)>,
) -> Site {
    let names: Vec<Name> = server.names.iter().flat_map(|written| names(written)).collect();
    let mut doors = Vec::new();
    for listen in server.listens.iter().filter(|one| one.tls && !one.quic) {
        // Of two servers with one name at one address nginx ignores the second.
        let first: Vec<&Name> =
            names.iter().filter(|name| taken.insert((&listen.address, (*name).clone()))).collect();
        let is_default = defaults.get(&listen.address) == Some(&index);
        let exact = first.iter().find(|name| matches!(name, Name::Exact(_)));
        let asked = match exact.or(first.first()) {
            Some(name) => Asked::Name(name.sample()),
            None if is_default => Asked::Nobody,
            None => continue,
        };
        doors.extend(door(listen, own).map(|door| (door, asked)));
    }
    let pairs = server.certificates.iter().enumerate().filter_map(|(index, (path, place))| {
        let key = server.keys.get(index).map(|(key, _)| key.clone());
        (!is_variable(path)).then(|| Pair {
            path: path.clone(),
            key: key.filter(|key| !is_variable(key)),
            place: place.clone(),
        })
    });
    Site { place: server.place.clone(), names, pairs: pairs.collect(), doors }
}

/// Names that depend on variables, keys in engines and providers, and data in the configuration itself.
fn is_variable(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let named = text.rsplit('/').next().unwrap_or_default();
    text.contains('$')
        || ["data:", "engine:", "store:"]
            .iter()
            .any(|scheme| named.starts_with(scheme) || text.contains(&format!("/{scheme}")))
}

/// What a certificate would have to be valid for; nothing for regular expressions, for addresses, which
/// no client asks for by SNI, and for names such as `_` that nobody asks for at all.
fn names(written: &str) -> Vec<Name> {
    let lower = written.trim_end_matches('.').to_ascii_lowercase();
    let is_domain = |name: &str| {
        name.contains('.') && matches!(ServerName::try_from(name), Ok(ServerName::DnsName(_)))
    };
    let known = |name: &str, make: fn(String) -> Name| {
        is_domain(name).then(|| make(name.to_owned())).into_iter().collect::<Vec<_>>()
    };
    if let Some(below) = lower.strip_prefix("*.") {
        known(below, Name::Below)
    } else if let Some(both) = lower.strip_prefix('.') {
        [known(both, Name::Exact), known(both, Name::Below)].concat()
    } else {
        known(&lower, Name::Exact)
    }
}

/// Where a listening address is entered from this machine; `None` for sockets in the file system, and
/// where there is no way in. `own` are addresses that have servers of their own: those who listen
/// everywhere are not met there.
fn door(listen: &Listen, own: &HashSet<&Address>) -> Option<Door> {
    let free = |ip: &IpAddr, port| !own.contains(&Address::Socket(*ip, port));
    let (host, port) = match &listen.address {
        Address::Socket(IpAddr::V4(ip), port) if ip.is_unspecified() => {
            // All of 127.0.0.0/8 is this machine.
            let mut ways = (1..=u8::MAX).map(|last| Ipv4Addr::new(127, 0, 0, last).into());
            (Target::Address(ways.find(|ip| free(ip, *port))?), *port)
        }
        Address::Socket(IpAddr::V6(ip), port) if ip.is_unspecified() => {
            let way = Some(IpAddr::from(Ipv6Addr::LOCALHOST));
            (Target::Address(way.filter(|ip| free(ip, *port))?), *port)
        }
        Address::Socket(ip, port) => (Target::Address(*ip), *port),
        Address::Name(name, port) => (Target::Name(name.as_str().into()), *port),
        Address::Unix(_) => return None,
    };
    let endpoint = Endpoint { host, port };
    Some(Door { endpoint, proxy_protocol: listen.proxy_protocol })
}
