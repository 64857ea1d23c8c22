//! What the port table is narrowed to: kept in the address, so that a filter can be sent to somebody.

use health::snapshot::CheckStanding;
use health::{PortKey, State};
use serde::Deserialize;

use crate::{link, overview};

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

impl PortsQuery {
    /// Whether the table shows this one: what the downloads beside it hold is the same.
    #[must_use]
    pub fn selects(&self, standing: &CheckStanding) -> bool {
        let words = self.words();
        standing.port.as_ref().is_some_and(|key| self.admits(standing, key, words.as_deref()))
    }

    pub(crate) fn words(&self) -> Option<String> {
        let words = self.typed().trim();
        (!words.is_empty()).then(|| words.to_lowercase())
    }

    pub(crate) fn typed(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    pub(crate) fn host_asked(&self) -> &str {
        self.host.as_deref().unwrap_or_default()
    }

    pub(crate) fn claim_asked(&self) -> &str {
        let asked = self.claim.as_deref().unwrap_or_default();
        let known = ["allocated", "reserved", "system", "undeclared"];
        if known.contains(&asked) { asked } else { "" }
    }

    pub(crate) fn state_asked(&self) -> &str {
        let asked = self.state.as_deref().unwrap_or_default();
        let known = ["up", "degraded", "down", "unknown", "sick"];
        if known.contains(&asked) { asked } else { "" }
    }

    pub(crate) fn is_narrowing(&self) -> bool {
        self.picks_ports() || !self.host_asked().is_empty()
    }

    /// Some ports of a host may be left out, so that what is not in the table may be in use.
    pub(crate) fn picks_ports(&self) -> bool {
        self.words().is_some() || [self.claim_asked(), self.state_asked()] != ["", ""]
    }

    pub(crate) fn address(&self, path: &str, page: &str) -> String {
        let parameters = [
            ("host", self.host_asked()),
            ("claim", self.claim_asked()),
            ("state", self.state_asked()),
            ("q", self.typed()),
            ("page", page),
        ];
        link::with_query(path, &parameters)
    }

    pub(crate) fn at_page(&self, page: &usize) -> String {
        self.address("/ports", &page.to_string())
    }

    pub(crate) fn admits(
        &self,
        standing: &CheckStanding,
        key: &PortKey,
        words: Option<&str>,
    ) -> bool {
        let claim = standing.claim.as_ref().map_or("undeclared", |claim| claim.claim.label());
        let state = match self.state_asked() {
            "" => true,
            "sick" => is_sick(standing),
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

/// Whether a port needs a look.
pub(crate) fn is_sick(standing: &CheckStanding) -> bool {
    !standing.findings.is_empty() || matches!(standing.state, State::Down | State::Degraded)
}
