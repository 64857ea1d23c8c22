//! `[[host]]` and `[[host.port]]`: machines and the claims on their ports.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use health::claim::{Addresses, Network};
use health::{Claim, ClaimKind, Exposure, Host, Kind, PortKey, Protocol, Undeclared};

use super::frame::{self, Pace};
use super::labels::{self, Labels};
use super::names::{self, Hosts, Names};
use super::notes::{At, Span, Wrong, shown};
use super::row::{Row, integer};
use super::{Agent, Endpoint, Target, ignored, values};
use crate::probe::{self, port};

/// A claim's exposure is tried at every single address of its host.
const MOST_SINGLES: usize = 64;

/// Every host with its claims, and the checks and sweeps that come of them.
pub(super) struct Machines {
    /// That of all other checks: it knows what hosts hand down.
    pub(super) pace: Pace,
    pub(super) hosts: Vec<Arc<Host>>,
    pub(super) checks: Vec<Arc<probe::Check>>,
    pub(super) sweeps: Vec<Arc<port::Sweep>>,
}

struct Machine<'a> {
    host: Host,
    labels: Labels,
    target: Target,
    /// Where its ports are dialled from, unless they say otherwise.
    source: Option<IpAddr>,
    /// The claims of each row, by where they begin and how many there are.
    ports: Vec<(Row<'a>, std::ops::Range<usize>)>,
}

/// Reads every `[[host]]`. Hosts come first: everything else may name them.
pub(super) fn machines(
    plan: &Row<'_>,
    agent: &Agent,
    pace: Pace,
    names: &mut Names,
    known: &mut Hosts,
) -> Machines {
    let mut taken = HashMap::new();
    let read: Vec<Machine<'_>> =
        plan.rows("host").into_iter().map(|row| machine(&row, &mut taken)).collect();
    for machine in &read {
        known.declare(&machine.host, machine.target.clone());
    }
    let labels = |machine: &Machine<'_>| (machine.host.name.clone(), machine.labels.clone());
    let pace = pace.of_hosts(read.iter().map(labels).collect());
    let (mut own_checks, mut sweeps) = (Vec::new(), Vec::new());
    let shared: Vec<(Arc<Host>, &Machine<'_>)> =
        read.iter().map(|machine| (Arc::new(machine.host.clone()), machine)).collect();
    let locals: Vec<Arc<Host>> =
        shared.iter().map(|(host, _)| host.clone()).filter(|host| host.local).collect();
    for (host, machine) in &shared {
        let neighbours = if host.local { &locals[..] } else { &[] };
        for (row, range) in &machine.ports {
            checks(row, host, machine, &host.claims[range.clone()], neighbours, &pace, names)
                .into_iter()
                .for_each(|check| own_checks.push(Arc::new(check)));
        }
        if host.local && host.undeclared != Undeclared::Ignore {
            sweeps.push(Arc::new(port::Sweep {
                host: host.clone(),
                interval: pace.interval(),
                thresholds: pace.thresholds(),
                neighbours: neighbours.to_vec(),
                dashboard: agent.listen,
                labels: pace.labels(Some(&host.name)),
            }));
        }
    }
    let hosts = shared.into_iter().map(|(host, _)| host).collect();
    Machines { pace, hosts, checks: own_checks, sweeps }
}

/// Reads one `[[host]]`. One with mistakes is read on with placeholders, so that those of
/// its ports are found as well and references to them do not dangle.
fn machine<'a>(row: &Row<'a>, taken: &mut HashMap<String, Span>) -> Machine<'a> {
    let name = row.need("name", row.parsed("name", values::host_name));
    if let Some(name) = &name {
        first_use(row, name, taken);
    }
    let local = row.switch("local").unwrap_or(row.has("local"));
    let loopback = Target::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let (written, target) = if local && !row.has("address") {
        ("127.0.0.1".to_owned(), loopback)
    } else {
        address(row).unwrap_or_else(|| ("?".to_owned(), loopback))
    };
    if let Some(name) = &name {
        judge_name(row, name, &target);
    }
    let undeclared = match row.choice("undeclared") {
        Some("ignore") => Undeclared::Ignore,
        Some("critical") => Undeclared::Critical,
        _ => Undeclared::Warn,
    };
    if row.has("undeclared") && !local && undeclared != Undeclared::Ignore {
        let wrong = Wrong::new("`undeclared` needs `local = true`")
            .help("only this machine's own listening sockets can be listed");
        row.note(&row.span_of("undeclared"), wrong);
    }
    let addresses = row.row("addresses").map(|row| addresses(&row)).unwrap_or_default();
    let ignore = if local { ignored::read(row, undeclared) } else { ignored::refuse(row) };
    let own: Arc<str> = name.as_ref().map_or("?", |name| name.value.as_str()).into();
    let mut claims = Claims { host: own.clone(), local, list: Vec::new(), taken: HashMap::new() };
    let mut ports = Vec::new();
    for port in row.rows("port") {
        let range = claims.read(&port);
        ports.push((port, range));
    }
    let source = frame::source(row, Some(&target));
    let host = Host {
        name: own,
        address: written,
        local,
        undeclared,
        addresses,
        ignore,
        claims: claims.list,
    };
    Machine { host, labels: labels::read(row), target, source, ports }
}

/// A host named like an address has to have that address.
fn judge_name(row: &Row<'_>, name: &At<String>, target: &Target) {
    let own = match target {
        Target::Address(address) => Some(*address),
        Target::Name(_) => None,
    };
    if name.value.parse::<IpAddr>().is_ok_and(|named| own != Some(named)) {
        let message = format!("{} is an address, but not the host's own", shown(&name.value));
        row.note(&name.span, Wrong::new(message).help("name it after what it is"));
    }
}

fn first_use(row: &Row<'_>, name: &At<String>, taken: &mut HashMap<String, Span>) {
    if let Some(first) = taken.get(&name.value) {
        let wrong = Wrong::new(format!("there is another host {}", shown(&name.value)))
            .help("host names are unique");
        row.reading.notes.note_both(&name.span, wrong, "it is first used here", first);
    } else {
        taken.insert(name.value.clone(), name.span.clone());
    }
}

/// The address as written, and what it means.
fn address(row: &Row<'_>) -> Option<(String, Target)> {
    let target = row.parsed("address", |text| {
        if text.parse::<IpAddr>().is_err() && text.contains(':') {
            return Err(Wrong::new(format!("{text:?} has a port"))
                .help("a host's address has none; its ports are [[host.port]]"));
        }
        Ok((text.to_owned(), names::target(text)?))
    });
    row.need("address", target).map(|at| at.value)
}

fn addresses(row: &Row<'_>) -> Addresses {
    let mut taken: HashMap<Network, (&'static str, Span)> = HashMap::new();
    let mut list = |key: &'static str| {
        let mut networks = Vec::new();
        for text in row.texts(key).unwrap_or_default() {
            let Some(network) = row.understood(key, &text, values::network) else { continue };
            if let Some((other, first)) = taken.get(&network.value) {
                let wrong = Wrong::new(format!("{} is {other} already", network.value));
                let both = "it is first named here";
                row.reading.notes.note_both(&network.span, wrong.of_key(key), both, first);
                continue;
            }
            taken.insert(network.value, (key, network.span));
            networks.push(network.value);
        }
        networks
    };
    let addresses = Addresses {
        public: list("public"),
        internal: list("internal"),
        loopback: list("loopback"),
    };
    let singles = addresses.singles().count();
    if singles > MOST_SINGLES {
        let wrong = Wrong::new(format!("{singles} single addresses"))
            .help(format!("at most {MOST_SINGLES}, because each is dialled; write networks"));
        row.note(&row.span, wrong);
    }
    addresses
}

/// The claims of one host.
struct Claims {
    host: Arc<str>,
    local: bool,
    list: Vec<Arc<Claim>>,
    taken: HashMap<(Protocol, u16), Span>,
}

impl Claims {
    /// Reads one `[[host.port]]`; hands back which claims came of it.
    fn read(&mut self, row: &Row<'_>) -> std::ops::Range<usize> {
        let start = self.list.len();
        let protocol = match row.choice("protocol") {
            Some("udp") => Protocol::Udp,
            _ => Protocol::Tcp,
        };
        let kind = match row.choice("claim") {
            Some("reserved") => ClaimKind::Reserved,
            Some("system") => ClaimKind::System,
            _ => ClaimKind::Allocated,
        };
        let exposure = row.choice("exposure").map(|exposure| match exposure {
            "public" => Exposure::Public,
            "internal" => Exposure::Internal,
            _ => Exposure::Loopback,
        });
        let text = |key| row.text(key).map(|at| at.value.to_owned()).unwrap_or_default();
        let (service, description) = (text("service"), text("description"));
        let processes = processes(row);
        let (units, users) = (named(row, "unit", values::unit), named(row, "user", values::user));
        let dialled = self.dialled(row, kind, protocol);
        let Some(range) = row.need("port", range(row)) else { return start..start };
        self.clash(row, &range, protocol);
        let (first, last) = range.value;
        for port in first..=last {
            self.list.push(Arc::new(Claim {
                key: PortKey { host: self.host.clone(), port, protocol },
                range: range.value,
                service: service.clone(),
                description: description.clone(),
                claim: kind,
                exposure,
                processes: processes.clone(),
                units: units.clone(),
                users: users.clone(),
                dialled,
            }));
        }
        start..self.list.len()
    }

    /// Notes the first port of a range that another claim has already.
    fn clash(&mut self, row: &Row<'_>, range: &At<(u16, u16)>, protocol: Protocol) {
        let mut noted = false;
        for port in range.value.0..=range.value.1 {
            let Some(first) = self.taken.get(&(protocol, port)) else {
                self.taken.insert((protocol, port), range.span.clone());
                continue;
            };
            if !noted {
                let key = PortKey { host: self.host.clone(), port, protocol };
                let wrong = Wrong::new(format!("{} is claimed twice", shown(&key.to_string())))
                    .help("one claim per host, protocol and port");
                row.reading.notes.note_both(&range.span, wrong, "it is first claimed here", first);
                noted = true;
            }
        }
    }

    fn dialled(&self, row: &Row<'_>, kind: ClaimKind, protocol: Protocol) -> bool {
        let reserved_here = self.local && kind == ClaimKind::Reserved;
        let refuse = |message: &str, help: &str| {
            row.note_key("probe", &row.span_of("probe"), Wrong::new(message).help(help));
            false
        };
        match (row.choice("probe"), protocol) {
            (Some("tcp"), Protocol::Udp) => {
                refuse("a UDP port cannot be dialled over TCP", "remove it, or write \"none\"")
            }
            (Some("tcp"), Protocol::Tcp) if reserved_here => refuse(
                "a reserved port of a local host is not dialled",
                "the socket table says who listens, without a connection; remove it",
            ),
            (Some("none"), _) | (_, Protocol::Udp) => false,
            _ => !reserved_here,
        }
    }
}

fn range(row: &Row<'_>) -> Option<At<(u16, u16)>> {
    let item = row.value("port")?;
    if item.get_ref().is_str() {
        return row.parsed("port", values::port_range);
    }
    if let Some(number) = integer(item.get_ref()) {
        let port = u16::try_from(number).ok().filter(|&port| port > 0);
        if port.is_none() {
            let wrong = Wrong::new(format!("{number} is not a port")).help("ports are 1 to 65535");
            row.note_key("port", &item.span(), wrong);
        }
        return port.map(|port| At { value: (port, port), span: item.span() });
    }
    row.mismatch("port", item);
    None
}

fn processes(row: &Row<'_>) -> Vec<String> {
    named(row, "process", values::process)
}

/// One or several names, each once.
fn named(
    row: &Row<'_>,
    key: &'static str,
    read: impl Fn(&str) -> Result<String, Wrong>,
) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for text in row.texts(key).unwrap_or_default() {
        let name = row.understood(key, &text, &read);
        names.extend(name.map(|name| name.value).filter(|name| seen.insert(name.clone())));
    }
    names
}

fn checks(
    row: &Row<'_>,
    host: &Arc<Host>,
    machine: &Machine<'_>,
    claims: &[Arc<Claim>],
    neighbours: &[Arc<Host>],
    pace: &Pace,
    names: &mut Names,
) -> Vec<probe::Check> {
    let pace = pace.overridden(row);
    let target = &machine.target;
    let source = frame::source(row, Some(target)).or(machine.source);
    let span = row.span_of("port");
    let first: Arc<str> =
        claims.first().map_or_else(String::new, |claim| claim.key.to_string()).into();
    let depends_on = frame::depends_on(row, names, &first);
    let mut checks = Vec::with_capacity(claims.len());
    for claim in claims {
        let name: Arc<str> = claim.key.to_string().into();
        names.claim(&name, &span);
        if name != first {
            names.depends_alike(&first, &name);
        }
        let endpoint = Endpoint { host: target.clone(), port: claim.key.port };
        let instance = match claim.key.protocol {
            Protocol::Tcp => endpoint.to_string(),
            Protocol::Udp => format!("{endpoint}/udp"),
        };
        let named = frame::Named::claim(name, depends_on.clone());
        let owner = Some(host.name.clone());
        let Some(frame) = named.frame(&pace, Kind::Port, &instance, owner) else { continue };
        let spec = port::Spec {
            host: host.clone(),
            claim: claim.clone(),
            target: endpoint,
            source,
            neighbours: neighbours.to_vec(),
        };
        checks.push(probe::Check { frame, spec: probe::Spec::Port(spec) });
    }
    checks
}
