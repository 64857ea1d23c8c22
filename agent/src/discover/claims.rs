//! Listeners to claims. Pure: a function of the socket table and of what else is known.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use health::claim::Addresses;
use health::ports::is_for_clients;
use health::{ClaimKind, Exposure, Host, Listener, Protocol, Undeclared};

use super::compose::Published;
use super::entry::{one_line, plain_name};
use super::{Scope, local, owner};
use crate::listeners::Table;
use crate::nginx::{Address, Sites};

/// Where the dashboard is, unless a plan says otherwise.
const DASHBOARD: u16 = 9740;
/// Comments above one range.
const MOST_SOURCES: usize = 8;
/// Places named in one comment.
const MOST_PLACES: usize = 4;
/// A plan takes no wider range in one claim.
const WIDEST: u16 = 10_000;

/// One `[[host]]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostDraft {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) undeclared: Undeclared,
    /// Listeners on ports for clients that nobody else names: they come and go.
    pub(super) passing: Vec<String>,
    /// The ports that the kernel gives to clients, first and last.
    pub(super) ephemeral: (u16, u16),
    /// Allocated and system ones by port, then what is reserved.
    pub(super) claims: Vec<ClaimDraft>,
}

/// One `[[host.port]]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClaimDraft {
    pub(super) ports: (u16, u16),
    pub(super) protocol: Protocol,
    pub(super) kind: ClaimKind,
    pub(super) service: String,
    pub(super) exposure: Option<Exposure>,
    pub(super) processes: Vec<String>,
    /// Listens, but takes no connection from here.
    pub(super) mute: bool,
    pub(super) sources: Vec<String>,
    /// What it finds already, by code.
    pub(super) finds: Vec<String>,
}

/// What else is known of ports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) published: &'a [Published],
    pub(super) sites: &'a Sites,
    pub(super) services: &'a HashMap<(Protocol, u16), String>,
}

impl HostDraft {
    /// The names its checks will have.
    pub(super) fn check_names(&self) -> impl Iterator<Item = String> + '_ {
        self.claims.iter().flat_map(move |claim| {
            let ending = if claim.protocol == Protocol::Udp { "/udp" } else { "" };
            (claim.ports.0..=claim.ports.1).map(move |port| format!("{}:{port}{ending}", self.name))
        })
    }
}

/// The local hosts of the plan: this machine, or one for each address that was asked for.
pub(super) fn hosts(
    scope: &Scope,
    machine: &str,
    table: &Table,
    known: &Known<'_>,
    remarks: &mut Vec<String>,
) -> Vec<HostDraft> {
    let name = machine.replace([':', '/', '[', ']', '@'], "-");
    let name = if reads_otherwise(&name) { "this-machine".to_owned() } else { name };
    let (mut hosts, is_whole) = match &scope.addresses[..] {
        [] => (vec![empty(&name, Ipv4Addr::LOCALHOST.into(), Undeclared::Warn)], true),
        [one] => (vec![empty(&name, *one, Undeclared::Ignore)], false),
        several => {
            let host = |ip: &IpAddr| {
                empty(&format!("{name}-{ip}").replace(':', "-"), *ip, Undeclared::Ignore)
            };
            (several.iter().map(host).collect(), false)
        }
    };
    for (at, host) in hosts.iter_mut().enumerate() {
        let model = model(host);
        let asked = scope.addresses.get(at).map(IpAddr::to_canonical);
        let is_meant = |listener: &Listener| {
            let ip = listener.bind.ip().to_canonical();
            asked.map_or_else(|| local(&model, table).owns(ip), |asked| asked == ip)
        };
        host.ephemeral = table.ephemeral;
        (host.claims, host.passing) = claims(&model, table, known, is_meant);
        reserve(host, asked, known, table);
    }
    if is_whole {
        leave_out(&model(&hosts[0]), table, remarks);
    }
    hosts
}

/// A machine called like an address or a port: a plan takes neither for the name of a host.
fn reads_otherwise(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || name.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn empty(name: &str, address: IpAddr, undeclared: Undeclared) -> HostDraft {
    let address = if address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address };
    HostDraft {
        name: name.to_owned(),
        address: address.to_string(),
        undeclared,
        passing: Vec::new(),
        ephemeral: (0, 0),
        claims: Vec::new(),
    }
}

fn model(host: &HostDraft) -> Host {
    Host {
        name: host.name.as_str().into(),
        address: host.address.clone(),
        local: true,
        undeclared: host.undeclared,
        addresses: Addresses::default(),
        ignore: Vec::new(),
        claims: Vec::new(),
    }
}

fn claims(
    host: &Host,
    table: &Table,
    known: &Known<'_>,
    is_meant: impl Fn(&Listener) -> bool,
) -> (Vec<ClaimDraft>, Vec<String>) {
    let mut ports: BTreeMap<(u16, Protocol), Vec<&Listener>> = BTreeMap::new();
    for listener in table.listeners.iter().filter(|listener| is_meant(listener)) {
        let key = (listener.bind.port(), listener.protocol);
        // A question of a resolver or a browser looks like a service there.
        if key.1 == Protocol::Tcp || !table.machine().is_ephemeral(key.0) {
            ports.entry(key).or_default().push(listener);
        }
    }
    let (mut drafts, mut passing) = (Vec::new(), Vec::new());
    for ((port, protocol), seen) in ports {
        if is_dashboard(&seen) {
            continue;
        }
        let local = local(host, table);
        // Judgement sees everything of the port that is the host's: infer from the same.
        let judged = local.listeners(protocol, port);
        if is_for_clients(&local, protocol, port) && !is_named(port, protocol, &judged, known) {
            passing.push(format!("{} on {port}", owner::described(&judged, table)));
        } else {
            drafts.push(claim(port, protocol, &judged, host, table, known));
        }
    }
    (drafts, passing)
}

/// A compose file or nginx counts on the port.
fn is_named(port: u16, protocol: Protocol, listeners: &[&Listener], known: &Known<'_>) -> bool {
    known.published.iter().any(|one| one.covers(protocol, port, listeners))
        || passed_to(port, listeners, known.sites).1.is_some()
}

fn claim(
    port: u16,
    protocol: Protocol,
    listeners: &[&Listener],
    host: &Host,
    table: &Table,
    known: &Known<'_>,
) -> ClaimDraft {
    let processes = owner::processes(listeners);
    let published = known.published.iter().find(|one| one.covers(protocol, port, listeners));
    let (upstream, passed) = passed_to(port, listeners, known.sites);
    let well_known = known.services.get(&(protocol, port)).cloned();
    let service = published
        .map(|one| one.service.clone())
        .or(upstream)
        .or_else(|| owner::service(&processes))
        .or(well_known)
        .unwrap_or_else(|| format!("port {port}"));
    let mut binds: Vec<String> = listeners.iter().map(|one| one.bind.to_string()).collect();
    binds.dedup();
    let mut sources =
        vec![format!("listening: {} on {}", owner::described(listeners, table), few(&binds))];
    sources.extend(published.map(|one| format!("published by {}", one.place)));
    sources.extend(passed);
    if protocol == Protocol::Tcp && table.machine().is_ephemeral(port) {
        sources.push(
            "in the range that the kernel gives to clients: `portwarden explain port.ephemeral`"
                .to_owned(),
        );
    }
    // Whoever cannot be seen may be anybody.
    let is_hidden = listeners.iter().any(|one| !matches!(one.owner, health::Owner::Processes(_)));
    let kind = match owner::is_of_the_system(port, listeners) {
        true => ClaimKind::System,
        false => ClaimKind::Allocated,
    };
    ClaimDraft {
        ports: (port, port),
        protocol,
        kind,
        service: plain_name(&service, "service"),
        exposure: listeners.iter().map(|one| local(host, table).reach(one)).max(),
        processes: if is_hidden { Vec::new() } else { owner::names(&processes) },
        mute: false,
        sources,
        finds: Vec::new(),
    }
}

/// The `upstream` a port is called after, and who passes requests to it.
fn passed_to(
    port: u16,
    listeners: &[&Listener],
    sites: &Sites,
) -> (Option<String>, Option<String>) {
    let is_here = |address: &Address| match address {
        Address::Socket(ip, to) => {
            *to == port
                && listeners.iter().any(|one| {
                    let bind = one.bind.ip().to_canonical();
                    bind == ip.to_canonical() || (bind.is_unspecified() && ip.is_loopback())
                })
        }
        Address::Name(name, to) => *to == port && name == "localhost",
        Address::Unix(_) => false,
    };
    let locations = sites.servers.iter().flat_map(|server| &server.locations);
    let passes = locations.filter_map(|location| location.pass.as_ref());
    let passes: Vec<_> = passes.filter(|pass| pass.to.iter().any(is_here)).collect();
    // One name for several servers names none of them.
    let upstream =
        passes.iter().find(|pass| pass.to.len() == 1).and_then(|pass| pass.upstream.clone());
    let mut places: Vec<String> = passes.iter().map(|pass| pass.place.to_string()).collect();
    places.dedup();
    let passed = (!places.is_empty()).then(|| format!("behind nginx: {}", few(&places)));
    (upstream, passed)
}

/// What compose files publish and nobody listens on now: nobody else should take it.
fn reserve(host: &mut HostDraft, asked: Option<IpAddr>, known: &Known<'_>, table: &Table) {
    for published in known.published {
        if asked.is_some_and(|asked| asked != published.bind.to_canonical()) {
            continue;
        }
        let (first, last) = published.ports;
        let is_taken = host.claims.iter().any(|claim| {
            claim.protocol == published.protocol && claim.ports.0 <= last && first <= claim.ports.1
        });
        let is_free = |port: u16| table.machine().on(published.protocol, port).is_empty();
        if is_taken || !(first..=last).all(is_free) {
            continue;
        }
        let claim = |from: u16| ClaimDraft {
            ports: (from, from.saturating_add(WIDEST - 1).min(last)),
            protocol: published.protocol,
            kind: ClaimKind::Reserved,
            service: plain_name(&published.service, "service"),
            exposure: None,
            processes: Vec::new(),
            mute: false,
            sources: vec![format!(
                "published by {}, nobody listens now: make it \"allocated\" when it runs",
                published.place
            )],
            finds: Vec::new(),
        };
        host.claims.extend((first..=last).step_by(usize::from(WIDEST)).map(claim));
    }
}

/// Addresses such as 127.0.0.53 are somebody's own: only a host that names one owns it.
fn leave_out(host: &Host, table: &Table, remarks: &mut Vec<String>) {
    let mut others: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    for listener in &table.listeners {
        let (bind, protocol) = (listener.bind, listener.protocol);
        let is_client = protocol == Protocol::Udp && table.machine().is_ephemeral(bind.port());
        if !is_client && !local(host, table).owns(bind.ip()) {
            let who = owner::described(&[listener], table);
            let line = format!("{who} on {}/{}", bind.port(), protocol.label());
            others.entry(bind.ip()).or_default().push(line);
        }
    }
    remarks.extend(others.into_iter().map(|(ip, who)| {
        format!(
            "{ip} is a loopback address of its own ({}): `portwarden discover --address {ip}`",
            few(&who)
        )
    }));
}

/// Neighbouring ports that are alike in everything become one range.
pub(super) fn fold(claims: Vec<ClaimDraft>) -> Vec<ClaimDraft> {
    let mut folded: Vec<ClaimDraft> = Vec::new();
    for claim in claims {
        let is_next = |last: &ClaimDraft| {
            last.ports.1.checked_add(1) == Some(claim.ports.0)
                && claim.ports.1 - last.ports.0 < WIDEST
                && (last.protocol, last.kind, last.exposure, last.mute)
                    == (claim.protocol, claim.kind, claim.exposure, claim.mute)
                && (&last.service, &last.processes) == (&claim.service, &claim.processes)
        };
        match folded.last_mut().filter(|last| is_next(last)) {
            Some(last) => {
                last.ports.1 = claim.ports.1;
                if last.sources.len() < MOST_SOURCES {
                    last.sources.extend(claim.sources);
                }
                last.finds.extend(claim.finds);
            }
            None => folded.push(claim),
        }
    }
    folded
}

/// The agent that runs here knows its own dashboard.
fn is_dashboard(listeners: &[&Listener]) -> bool {
    listeners.iter().all(|one| {
        let bind = one.bind;
        bind.ip() == Ipv4Addr::LOCALHOST
            && bind.port() == DASHBOARD
            && owner::processes(&[one]).iter().any(|process| process.name == "portwarden")
    })
}

pub(super) fn few(words: &[String]) -> String {
    let mut text = words.iter().take(MOST_PLACES).cloned().collect::<Vec<_>>().join(", ");
    if words.len() > MOST_PLACES {
        text.push_str(", …");
    }
    one_line(&text)
}

#[cfg(test)]
mod tests;
