//! The port plan beside reality, host by host.

use askama::Template;
use health::ports::Observed;
use health::snapshot::CheckStanding;
use health::{Claim, ClaimKind, PortKey, Protocol, StandingFinding, State};
use serde::Deserialize;

use crate::frame::{Frame, Tab};
use crate::pages::Slice;
use crate::words::Words;
use crate::{Error, View, link, overview};

/// What the table is narrowed to. Anything unknown narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PortsQuery {
    /// Name of a host.
    pub host: Option<String>,
    /// `allocated`, `reserved`, `system`, or `undeclared`.
    pub claim: Option<String>,
    /// `up`, `degraded`, `down`, `unknown`, or `sick` for whatever is not well.
    pub state: Option<String>,
    /// Words to look for in port, service, host and owner.
    pub q: Option<String>,
    /// Page of the table, from 1.
    pub page: Option<String>,
}

/// One line of the table: a port, or a range of reserved ones that all lie quiet.
struct Row<'a> {
    standing: &'a CheckStanding,
    key: &'a PortKey,
    last_port: u16,
}

struct HostPorts<'a> {
    name: &'a str,
    address: &'a str,
    rows: Vec<Row<'a>>,
}

#[derive(Template)]
#[template(path = "ports.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    hosts: Vec<HostPorts<'a>>,
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
    let ports = || {
        let with_key = |standing: &'_ std::sync::Arc<CheckStanding>| standing.port.is_some();
        view.snapshot.checks.iter().filter(move |standing| with_key(standing))
    };
    let mut rows: Vec<Row<'_>> = Vec::new();
    for standing in ports() {
        let Some(key) = &standing.port else { continue };
        if !query.admits(standing, key, words.as_deref()) {
            continue;
        }
        match rows.last_mut() {
            Some(row) if row.takes(standing, key) => row.last_port = key.port,
            _ => rows.push(Row { standing, key, last_port: key.port }),
        }
    }
    let order: std::collections::HashMap<&str, usize> =
        view.snapshot.hosts.iter().enumerate().map(|(at, host)| (&*host.name, at)).collect();
    rows.sort_by_key(|row| {
        let place = order.get(&*row.key.host).copied().unwrap_or(usize::MAX);
        (place, &row.key.host, row.key.port, row.key.protocol)
    });
    let slice = Slice::of(rows.len(), query.page.as_deref());
    let mut hosts: Vec<HostPorts<'_>> = Vec::new();
    for row in rows.drain(slice.range()) {
        let name: &str = &row.key.host;
        match hosts.last_mut() {
            Some(host) if host.name == name => host.rows.push(row),
            _ => {
                let known = order.get(name).map(|&at| &*view.snapshot.hosts[at].address);
                let address = known.unwrap_or_default();
                hosts.push(HostPorts { name, address, rows: vec![row] });
            }
        }
    }
    let page = Page {
        page: Frame::new(view, Tab::Ports, t.ports()),
        t,
        hosts,
        host_names: view.snapshot.hosts.iter().map(|host| &*host.name).collect(),
        any_port: ports().next().is_some(),
        slice,
        query,
        is_filtered: query.is_narrowing(),
    };
    Ok(page.render()?)
}

impl PortsQuery {
    /// Whether the table shows this one: what the downloads beside it hold is the same.
    #[must_use]
    pub fn selects(&self, standing: &CheckStanding) -> bool {
        let words = self.words();
        standing.port.as_ref().is_some_and(|key| self.admits(standing, key, words.as_deref()))
    }

    fn words(&self) -> Option<String> {
        let words = self.typed().trim();
        (!words.is_empty()).then(|| words.to_lowercase())
    }

    fn typed(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    fn host_asked(&self) -> &str {
        self.host.as_deref().unwrap_or_default()
    }

    fn claim_asked(&self) -> &str {
        let asked = self.claim.as_deref().unwrap_or_default();
        let known = ["allocated", "reserved", "system", "undeclared"];
        if known.contains(&asked) { asked } else { "" }
    }

    fn state_asked(&self) -> &str {
        let asked = self.state.as_deref().unwrap_or_default();
        let known = ["up", "degraded", "down", "unknown", "sick"];
        if known.contains(&asked) { asked } else { "" }
    }

    fn is_narrowing(&self) -> bool {
        self.words().is_some()
            || [self.host_asked(), self.claim_asked(), self.state_asked()] != ["", "", ""]
    }

    fn address(&self, path: &str, page: &str) -> String {
        let parameters = [
            ("host", self.host_asked()),
            ("claim", self.claim_asked()),
            ("state", self.state_asked()),
            ("q", self.typed()),
            ("page", page),
        ];
        link::with_query(path, &parameters)
    }

    fn at_page(&self, page: &usize) -> String {
        self.address("/ports", &page.to_string())
    }

    fn admits(&self, standing: &CheckStanding, key: &PortKey, words: Option<&str>) -> bool {
        let claim = standing.claim.as_ref().map_or("undeclared", |claim| claim.claim.label());
        let is_sick = || {
            !standing.findings.is_empty() || matches!(standing.state, State::Down | State::Degraded)
        };
        let state = match self.state_asked() {
            "" => true,
            "sick" => is_sick(),
            label => standing.state.label() == label,
        };
        state
            && (self.host_asked().is_empty() || *key.host == *self.host_asked())
            && (self.claim_asked().is_empty() || claim == self.claim_asked())
            && words.is_none_or(|words| {
                overview::mentions(standing, words)
                    || standing.observed().is_some_and(|seen| {
                        seen.owners.iter().any(|owner| owner.name.to_lowercase().contains(words))
                    })
            })
    }
}

impl Row<'_> {
    /// Whether the next port is more of the same quiet reserved range.
    fn takes(&self, next: &CheckStanding, key: &PortKey) -> bool {
        let (Some(mine), Some(theirs)) = (&self.standing.claim, &next.claim) else { return false };
        let is_quiet = |standing: &CheckStanding| {
            standing.findings.is_empty() && matches!(standing.state, State::Up | State::Unknown)
        };
        mine.claim == ClaimKind::Reserved
            && mine.range == theirs.range
            && mine.claim == theirs.claim
            && self.key.host == key.host
            && self.key.protocol == key.protocol
            && self.last_port.checked_add(1) == Some(key.port)
            && self.standing.state == next.state
            && is_quiet(self.standing)
            && is_quiet(next)
    }

    fn port(&self) -> String {
        if self.last_port == self.key.port {
            self.key.port.to_string()
        } else {
            format!("{}–{}", self.key.port, self.last_port)
        }
    }

    fn is_udp(&self) -> bool {
        self.key.protocol == Protocol::Udp
    }

    fn claim(&self) -> Option<&Claim> {
        self.standing.claim.as_deref()
    }

    fn observed(&self) -> Option<&Observed> {
        self.standing.observed()
    }

    fn findings(&self) -> &[StandingFinding] {
        &self.standing.findings
    }

    /// What is seen of it, in a word; the addresses come beside it.
    fn sight(&self, t: &Words) -> &'static str {
        let is_reserved = self.claim().is_some_and(|claim| claim.claim == ClaimKind::Reserved);
        match self.observed() {
            None => t.not_looked(),
            Some(seen) => match seen.listening {
                Some(true) => t.listening(),
                Some(false) if is_reserved => t.free(),
                Some(false) => t.not_listening(),
                None => t.cannot_tell(),
            },
        }
    }
}
