//! One row of the port table: what is claimed beside what is there.

use std::net::IpAddr;

use health::ports::{Observed, Tenure};
use health::snapshot::CheckStanding;
use health::{Claim, ClaimKind, Code, PortKey, Protocol, StandingFinding, State};

use crate::words::Words;

/// Ports of a folded row that are listed when it is opened.
const LISTED: usize = 200;

/// A port, or a stretch of one claim's ports that are all alike.
pub(crate) struct Row<'a> {
    pub(crate) standing: &'a CheckStanding,
    pub(crate) key: &'a PortKey,
    /// The further ports of the stretch.
    pub(crate) rest: Vec<&'a CheckStanding>,
    pub(crate) last_port: u16,
    /// Where the map leads.
    pub(crate) anchor: String,
}

/// The rows of one host's ports, which are sorted by port: alike ones folded.
pub(crate) fn rows<'a>(
    ports: impl IntoIterator<Item = (&'a PortKey, &'a CheckStanding)>,
    place: usize,
) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    // TCP and UDP take turns where both are claimed: each has a row that is still open.
    let (mut tcp, mut udp) = (None, None);
    for (key, standing) in ports {
        let open = if key.protocol == Protocol::Udp { &mut udp } else { &mut tcp };
        match open.and_then(|at: usize| rows.get_mut(at)) {
            Some(row) if row.takes(standing, key) => {
                row.rest.push(standing);
                row.last_port = key.port;
            }
            _ => {
                let suffix = if key.protocol == Protocol::Udp { "u" } else { "" };
                let anchor = format!("h{place}-{}{suffix}", key.port);
                *open = Some(rows.len());
                rows.push(Row { standing, key, rest: Vec::new(), last_port: key.port, anchor });
            }
        }
    }
    rows
}

impl<'a> Row<'a> {
    /// Whether the next port is more of the same claim, with nothing to tell of either.
    fn takes(&self, next: &CheckStanding, key: &PortKey) -> bool {
        let (Some(mine), Some(theirs)) = (&self.standing.claim, &next.claim) else { return false };
        let is_quiet = |standing: &CheckStanding| {
            standing.findings.is_empty() && matches!(standing.state, State::Up | State::Unknown)
        };
        mine.range == theirs.range
            && mine.claim == theirs.claim
            && self.key.protocol == key.protocol
            && self.last_port.checked_add(1) == Some(key.port)
            && self.standing.state == next.state
            && is_quiet(self.standing)
            && is_quiet(next)
            && looks_like(self.observed(), next.observed())
    }

    pub(crate) fn is_folded(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(crate) fn port(&self) -> String {
        if self.is_folded() {
            format!("{}–{}", self.key.port, self.last_port)
        } else {
            self.key.port.to_string()
        }
    }

    /// The ports of a folded row, each with its check.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (u16, &'a CheckStanding)> {
        let all = std::iter::once(self.standing).chain(self.rest.iter().copied());
        (self.key.port..).zip(all).take(LISTED)
    }

    /// Ports of a folded row that are not listed.
    pub(crate) fn unlisted(&self) -> usize {
        (self.rest.len() + 1).saturating_sub(LISTED)
    }

    pub(crate) fn is_udp(&self) -> bool {
        self.key.protocol == Protocol::Udp
    }

    pub(crate) fn claim(&self) -> Option<&'a Claim> {
        self.standing.claim.as_deref()
    }

    pub(crate) fn observed(&self) -> Option<&'a Observed> {
        self.standing.observed()
    }

    /// What was seen of it where there is anybody to reach.
    pub(crate) fn reached(&self) -> Option<&'a Observed> {
        self.observed().filter(|seen| seen.listening != Some(false) || seen.reachable == Some(true))
    }

    pub(crate) fn findings(&self) -> &'a [StandingFinding] {
        &self.standing.findings
    }

    /// Who has it since when, where it ever changed hands.
    pub(crate) fn tenure(&self) -> Option<&'a Tenure> {
        let tenure = self.standing.tenure.as_deref()?;
        (!self.is_folded() && tenure.before.is_some()).then_some(tenure)
    }

    /// The addresses it is bound to; the port has a column of its own.
    pub(crate) fn binds(&self) -> Vec<IpAddr> {
        let mut binds: Vec<IpAddr> = self
            .observed()
            .map(|seen| seen.bind.iter().map(|bind| bind.ip()).collect())
            .unwrap_or_default();
        binds.dedup();
        binds
    }

    /// Bound to `::`, and v4 connections arrive there as well.
    pub(crate) fn takes_v4_too(&self) -> bool {
        let has_v4 = self.binds().iter().any(IpAddr::is_ipv4);
        !has_v4 && self.observed().is_some_and(|seen| seen.also_v4 == Some(true))
    }

    /// Who may own it, as the plan says: processes, units, users.
    pub(crate) fn wanted(&self) -> String {
        let Some(claim) = self.claim() else { return String::new() };
        let all = claim.processes.iter().chain(&claim.units).chain(&claim.users);
        all.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// What is seen of it, in a word; the addresses come beside it.
    pub(crate) fn sight(&self, t: &Words) -> &'static str {
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

    /// ` off` for a cell that one of its findings is about.
    pub(crate) fn where_binding_is_wrong(&self) -> &'static str {
        self.off(&[Code::PortDead, Code::PortTaken, Code::PortUndeclared])
    }

    pub(crate) fn where_reach_is_wrong(&self) -> &'static str {
        self.off(&[Code::PortExposed, Code::PortHidden])
    }

    pub(crate) fn where_owner_is_wrong(&self) -> &'static str {
        self.off(&[Code::PortWrongOwner, Code::PortTaken])
    }

    fn off(&self, codes: &[Code]) -> &'static str {
        let is_off = self.findings().iter().any(|found| codes.contains(&found.finding.code));
        if is_off { " off" } else { "" }
    }

    /// How the map paints it: what ails it, or else what it is for.
    pub(crate) fn colour(&self) -> &'static str {
        match (self.standing.state, self.claim().map(|claim| claim.claim)) {
            (State::Down, _) => "down",
            (State::Degraded, Some(_)) => "degraded",
            (_, None) => "undeclared",
            (_, Some(claim)) => claim.label(),
        }
    }
}

/// Whether two ports look alike from outside.
fn looks_like(mine: Option<&Observed>, theirs: Option<&Observed>) -> bool {
    let (Some(mine), Some(theirs)) = (mine, theirs) else { return mine == theirs };
    let addresses = |seen: &'_ Observed| seen.bind.iter().map(|bind| bind.ip()).collect::<Vec<_>>();
    let owner = |seen: &'_ Observed| seen.owners.first().map(|owner| owner.name.clone());
    mine.listening == theirs.listening
        && mine.reachable == theirs.reachable
        && mine.exposure == theirs.exposure
        && (mine.listening != Some(true)
            || (addresses(mine) == addresses(theirs) && owner(mine) == owner(theirs)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ports::map::tests::standing;

    #[test]
    fn a_range_for_both_protocols_folds_into_two_rows() {
        let standing = CheckStanding {
            claim: Some(Arc::new(Claim {
                key: PortKey { host: "web".into(), port: 10_000, protocol: Protocol::Tcp },
                range: (10_000, 10_249),
                service: String::new(),
                description: String::new(),
                claim: ClaimKind::Allocated,
                exposure: None,
                processes: Vec::new(),
                units: Vec::new(),
                users: Vec::new(),
                dialled: false,
            })),
            ..standing()
        };
        let both = |port| {
            [Protocol::Tcp, Protocol::Udp].map(|protocol| PortKey {
                host: "web".into(),
                port,
                protocol,
            })
        };
        let keys: Vec<PortKey> = (10_000..10_250).flat_map(both).collect();
        let rows = rows(keys.iter().map(|key| (key, &standing)), 0);
        let told: Vec<_> = rows.iter().map(|row| (row.port(), row.is_udp())).collect();
        let range = || "10000–10249".to_owned();
        assert_eq!(told, [(range(), false), (range(), true)]);
    }
}
