//! The port plan beside reality, host by host: the allocation document.
//!
//! A small plan is one table for each host. Where there is more than a page of it, hosts with
//! something to tell come first and open, and the others are a line each that leads to their page.

mod gap;
mod map;
mod query;
mod row;

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use health::snapshot::CheckStanding;
use health::{ClaimKind, Host, PortKey, State};

use crate::frame::{Frame, Tab};
use crate::overview::Tally;
use crate::pages::Slice;
use crate::words::Words;
use crate::{Error, View};

pub(crate) use gap::{GapKind, Line};
use map::Map;
pub use query::PortsQuery;
pub(crate) use query::is_sick;
use row::Row;

/// Rows of ports on one page; more than these fold hosts.
const ROWS: usize = 600;
/// Hosts on one page.
const HOSTS: usize = 100;

/// The ports of one host as the table shows them.
pub(crate) struct HostPorts<'a> {
    pub(crate) name: &'a str,
    pub(crate) address: &'a str,
    pub(crate) tally: Tally,
    /// How many are claimed as what: the class, and the words.
    pub(crate) census: Vec<(&'static str, String)>,
    /// Empty when the host is folded.
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) map: Option<Map>,
    /// Rows that are not shown.
    pub(crate) left: usize,
}

/// A host and the ports of it that were asked for, in order.
pub(crate) struct Asked<'a> {
    name: &'a str,
    host: Option<&'a Host>,
    pub(crate) rows: Vec<Row<'a>>,
    tally: Tally,
    census: Vec<(&'static str, String)>,
    is_sick: bool,
}

/// What is told of ports that have no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Free stretches are lines of their own.
    Told,
    /// Nothing: rows are missing that would be there.
    Silent,
}

#[derive(Template)]
#[template(path = "ports.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    hosts: Vec<HostPorts<'a>>,
    folded: Vec<HostPorts<'a>>,
    host_names: Vec<&'a str>,
    any_port: bool,
    slice: Slice,
    query: &'a PortsQuery,
    is_filtered: bool,
}

/// The port table.
///
/// # Errors
/// When the template fails.
pub fn ports(view: &View<'_>, query: &PortsQuery) -> Result<String, Error> {
    let t = Words(view.language);
    let words = query.words();
    let mut asked = by_host(view, |standing, key| query.admits(standing, key, words.as_deref()));
    let is_long = asked.iter().map(|host| host.rows.len()).sum::<usize>() > ROWS;
    if is_long {
        asked.sort_by_key(|host| !host.is_sick);
    }
    let slice = Slice::of_size(asked.len(), query.page.as_deref(), HOSTS);
    let between = if query.picks_ports() { Between::Silent } else { Between::Told };
    let (mut hosts, mut folded) = (Vec::new(), Vec::new());
    let mut room = ROWS;
    for host in asked.drain(slice.range()) {
        let opens = !is_long || host.is_sick || query.is_narrowing();
        if opens && room > 0 {
            let shown = host.rows.len().min(room);
            room -= shown;
            hosts.push(host.shown(view, 0..shown, between));
        } else {
            folded.push(host.shown(view, 0..0, between));
        }
    }
    let page = Page {
        page: Frame::new(view, Tab::Ports, t.ports()),
        t,
        hosts,
        folded,
        host_names: view.snapshot.hosts.iter().map(|host| &*host.name).collect(),
        any_port: view.snapshot.checks.iter().any(|standing| standing.port.is_some()),
        slice,
        query,
        is_filtered: query.is_narrowing(),
    };
    Ok(page.render()?)
}

/// The ports that are admitted, host by host in the order of the plan.
pub(crate) fn by_host<'a>(
    view: &View<'a>,
    admits: impl Fn(&CheckStanding, &PortKey) -> bool,
) -> Vec<Asked<'a>> {
    let hosts = &view.snapshot.hosts;
    let order: HashMap<&str, usize> =
        hosts.iter().enumerate().map(|(at, host)| (&*host.name, at)).collect();
    let mut found: BTreeMap<(usize, &str), Vec<(&PortKey, &CheckStanding)>> = BTreeMap::new();
    for standing in &view.snapshot.checks {
        let Some(key) = &standing.port else { continue };
        if admits(standing, key) {
            let place = order.get(&*key.host).copied().unwrap_or(hosts.len());
            found.entry((place, &key.host)).or_default().push((key, standing));
        }
    }
    let asked =
        |((place, name), mut ports): ((usize, &'a str), Vec<(&'a PortKey, &'a CheckStanding)>)| {
            ports.sort_by_key(|(key, _)| (key.port, key.protocol));
            let mut tally = Tally::default();
            ports.iter().for_each(|(_, standing)| tally.count(standing.state));
            Asked {
                name,
                host: hosts.get(place).map(|host| &**host),
                tally,
                census: census(Words(view.language), &ports),
                is_sick: ports.iter().any(|(_, standing)| is_sick(standing)),
                rows: row::rows(ports, place),
            }
        };
    found.into_iter().map(asked).collect()
}

/// How many ports are claimed as what.
fn census(t: Words, ports: &[(&PortKey, &CheckStanding)]) -> Vec<(&'static str, String)> {
    let count = |kind: Option<ClaimKind>| {
        let is_kind = |standing: &CheckStanding| standing.claim.as_ref().map(|c| c.claim) == kind;
        ports.iter().filter(|(_, standing)| is_kind(standing)).count()
    };
    let counts = [
        ("allocated", count(Some(ClaimKind::Allocated))),
        ("system", count(Some(ClaimKind::System))),
        ("reserved", count(Some(ClaimKind::Reserved))),
        ("undeclared", count(None)),
    ];
    let words = |(class, count): (&'static str, usize)| {
        let words = match class {
            "allocated" => t.n_allocated(count),
            "system" => t.n_system(count),
            "reserved" => t.n_reserved(count),
            _ => t.n_undeclared(count),
        };
        (count > 0).then_some((class, words))
    };
    counts.into_iter().filter_map(words).collect()
}

impl<'a> Asked<'a> {
    /// Shows some of the rows; none: the host is folded.
    pub(crate) fn shown(
        mut self,
        view: &View<'a>,
        shown: std::ops::Range<usize>,
        between: Between,
    ) -> HostPorts<'a> {
        let ephemeral =
            view.snapshot.ephemeral.filter(|_| self.host.is_some_and(|host| host.local));
        let is_whole = shown == (0..self.rows.len());
        let left = self.rows.len() - shown.len();
        let rows: Vec<Row<'a>> = self.rows.drain(shown).collect();
        let lines = match self.host {
            Some(host) if is_whole && between == Between::Told => {
                gap::with_gaps(rows, host, view.snapshot)
            }
            _ => rows.into_iter().map(Line::Row).collect(),
        };
        HostPorts {
            name: self.name,
            address: self.host.map(|host| &*host.address).unwrap_or_default(),
            tally: self.tally,
            census: self.census,
            map: map::map(Words(view.language), &lines, ephemeral),
            lines,
            left,
        }
    }
}
