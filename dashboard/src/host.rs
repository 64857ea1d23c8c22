//! One host: what it is, its ports beside reality, who holds which, and what leads to it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use askama::Template;
use health::claim::Network;
use health::ports::Tenure;
use health::snapshot::CheckStanding;
use health::{ClaimKind, Host, Kind, PortKey, Process, Protocol, State, Undeclared};

use crate::findings::{self, Card};
use crate::frame::{Frame, Tab};
use crate::pages::Slice;
use crate::ports::{self, Between, GapKind, HostPorts, Line};
use crate::words::Words;
use crate::{Error, View, link};

/// Findings shown; the first of them with their remedies open.
const CARDS: (usize, usize) = (20, 3);
/// Ports listed of one process.
const PORTS: usize = 40;
/// Processes, and checks that lead here.
const LISTED: usize = 200;

/// What is remembered of a host: its ports that changed hands, newest first, by check name.
pub type HostPast = [(Arc<str>, Tenure)];

/// A process and the ports it holds.
struct Owner<'a> {
    process: &'a Process,
    ports: Vec<(&'a PortKey, &'a CheckStanding)>,
}

#[derive(Template)]
#[template(path = "host.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    host: &'a Host,
    tone: &'static str,
    cards: Vec<Card<'a>>,
    cards_left: usize,
    hosts: Vec<HostPorts<'a>>,
    owners: Vec<Owner<'a>>,
    leading: Vec<&'a CheckStanding>,
    past: &'a HostPast,
    slice: Slice,
}

/// The page of the host with this name (decoded), with this page of its ports; `None` when the plan
/// has no such host.
///
/// # Errors
/// When the template fails.
pub fn host(
    view: &View<'_>,
    name: &str,
    past: &HostPast,
    page: Option<&str>,
) -> Result<Option<String>, Error> {
    let Some(host) = view.snapshot.hosts.iter().find(|host| &*host.name == name) else {
        return Ok(None);
    };
    let t = Words(view.language);
    let own = |standing: &&Arc<CheckStanding>| is_of(standing, host);
    let mut cards: Vec<Card<'_>> =
        view.snapshot.checks.iter().filter(own).flat_map(|one| findings::of_check(one)).collect();
    cards.sort_by_key(|card| std::cmp::Reverse((card.found.finding.severity, card.found.since)));
    let cards_left = cards.len().saturating_sub(CARDS.0);
    cards.truncate(CARDS.0);
    cards.iter_mut().skip(CARDS.1).for_each(|card| card.is_folded = true);
    let asked = ports::by_host(view, |_, key| key.host == host.name).pop();
    let rows = asked.as_ref().map_or(0, |asked| asked.rows.len());
    let slice = Slice::of(rows, page);
    let shown = asked.map(|asked| asked.shown(view, slice.range(), Between::Told));
    let page = Page {
        page: Frame::new(view, Tab::Ports, &*host.name),
        t,
        host,
        tone: tone(view, host),
        cards,
        cards_left,
        owners: owners(view, host),
        leading: leading(view, host),
        hosts: shown.into_iter().collect(),
        past,
        slice,
    };
    Ok(Some(page.render()?))
}

fn is_of(standing: &CheckStanding, host: &Host) -> bool {
    standing.port.as_ref().is_some_and(|key| key.host == host.name)
}

/// The worst state of its ports.
fn tone(view: &View<'_>, host: &Host) -> &'static str {
    let states = view.snapshot.checks.iter().filter(|standing| is_of(standing, host));
    let worst = states.map(|standing| standing.state).max_by_key(|state| match state {
        State::Down => 3,
        State::Degraded => 2,
        State::Up => 1,
        State::Unknown => 0,
    });
    worst.unwrap_or_default().label()
}

/// Processes by name, the ports of each in order.
fn owners<'a>(view: &View<'a>, host: &Host) -> Vec<Owner<'a>> {
    let mut owners: BTreeMap<(&str, u32), Owner<'a>> = BTreeMap::new();
    for standing in view.snapshot.checks.iter().filter(|standing| is_of(standing, host)) {
        let (Some(key), Some(seen)) = (&standing.port, standing.observed()) else { continue };
        // Workers hold what their parent holds.
        if let Some(process) = seen.owners.first() {
            let owner = owners
                .entry((&process.name, process.pid))
                .or_insert_with(|| Owner { process, ports: Vec::new() });
            owner.ports.push((key, standing));
        }
    }
    let mut owners: Vec<Owner<'a>> = owners.into_values().collect();
    for owner in &mut owners {
        owner.ports.sort_by_key(|(key, _)| (key.port, key.protocol));
    }
    owners.truncate(LISTED);
    owners
}

/// Checks of other kinds that look at this host: named so, dialled there, by way of a
/// proxy, or leaning on its ports.
fn leading<'a>(view: &View<'a>, host: &Host) -> Vec<&'a CheckStanding> {
    let addresses = addresses(host);
    let is_here = |address: &SocketAddr| addresses.contains(&address.ip().to_canonical());
    let prefix = format!("{}:", host.name);
    let leads = |standing: &&CheckStanding| {
        let check = &standing.check;
        let dialled = standing.last.as_ref().and_then(|last| last.facts.address);
        check.host.as_ref() == Some(&host.name)
            || dialled.iter().chain(&standing.upstream).any(is_here)
            || check.depends_on.iter().any(|name| name.starts_with(&prefix))
            || standing.findings.iter().any(|found| {
                found.explained_by.as_ref().is_some_and(|cause| cause.starts_with(&prefix))
            })
    };
    let others = view.snapshot.checks.iter().map(|standing| &**standing);
    others.filter(|one| one.check.kind != Kind::Port).filter(leads).take(LISTED).collect()
}

/// The exact addresses that the plan gives a host.
fn addresses(host: &Host) -> Vec<IpAddr> {
    let lists = [&host.addresses.public, &host.addresses.internal, &host.addresses.loopback];
    let single = lists.into_iter().flatten().filter_map(Network::single);
    let own = host.address.parse::<IpAddr>().ok();
    own.into_iter().chain(single).map(|address| address.to_canonical()).collect()
}

impl Owner<'_> {
    fn left(&self) -> usize {
        self.ports.len().saturating_sub(PORTS)
    }
}

/// `3011`, or `53/udp`.
fn port_words(key: &PortKey) -> String {
    match key.protocol {
        Protocol::Tcp => key.port.to_string(),
        Protocol::Udp => format!("{}/udp", key.port),
    }
}

impl Page<'_> {
    fn networks(&self) -> Vec<(&'static str, String)> {
        let host = self.host;
        let lists = [
            (health::Exposure::Public, &host.addresses.public),
            (health::Exposure::Internal, &host.addresses.internal),
            (health::Exposure::Loopback, &host.addresses.loopback),
        ];
        let words = |networks: &[Network]| {
            networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let shown = lists.into_iter().filter(|(_, networks)| !networks.is_empty());
        shown.map(|(exposure, list)| (self.t.exposure_of(exposure), words(list))).collect()
    }

    fn policy(&self, policy: &Undeclared) -> &'static str {
        match policy {
            Undeclared::Ignore => self.t.policy_ignore(),
            Undeclared::Warn => self.t.policy_warn(),
            Undeclared::Critical => self.t.policy_critical(),
        }
    }

    fn at_page(&self, page: &usize) -> String {
        link::with_query(&link::host(&self.host.name), &[("page", &page.to_string())])
    }

    /// The port of a check's name, for a line of the history.
    fn port_of<'n>(&self, check: &'n str) -> &'n str {
        check
            .strip_prefix(&*self.host.name)
            .and_then(|rest| rest.strip_prefix(':'))
            .unwrap_or(check)
    }
}
