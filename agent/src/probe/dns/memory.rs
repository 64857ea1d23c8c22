//! What dns probes remember from one to the next, shared by all checks of the plan. Every part is
//! bounded, locks for itself and never over I/O. Deliberately absent: anything that a restart may
//! not forget; that is the store's.

use health::{Code, Finding};
use jiff::Timestamp;

use super::above::Parents;
use super::caa;
use super::caches::Caches;
use super::challenge::Challenges;
use super::delegation::{Cuts, Delegations, SilentParents};
use super::dnssec::Remembered;
use super::exchange::Wire;
use super::outside::Targets;
use super::serial::Lags;
use super::server::Addresses;
use super::told::Outputs;
use super::wildcard::Controls;
use super::{Spec, inquiry::Inquiry, values::render_name};

/// What dns probes remember from one to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// Who is authoritative for the zones of the plan, as their parents said last.
    pub(super) delegations: Delegations,
    /// Sockets to servers, and how each of them answered of late.
    pub(super) wire: Wire,
    /// Parents that could not be asked a moment ago.
    pub(super) silent_parents: SilentParents,
    /// Whether CAA permits the certificates in use, as it was found last.
    pub(super) caa: caa::Watch,
    /// What the servers above said of the zones' own DS.
    pub(super) parents: Parents,
    /// Zones met on walks from root hints.
    pub(super) cuts: Cuts,
    /// Where the nameservers are that the plan gives by name.
    pub(super) addresses: Addresses,
    /// Nameservers whose copy of a zone is behind.
    pub(super) lags: Lags,
    /// What wildcards answer beside planned records.
    pub(super) controls: Controls,
    /// Where records lead that leave their zone.
    pub(super) targets: Targets,
    /// Which caches hold old answers, and until when.
    pub(super) caches: Caches,
    /// Since when challenges are there, and where they lead.
    pub(super) challenges: Challenges,
    /// What the commands printed that say what records should be.
    pub(super) outputs: Outputs,
    /// What DNSSEC made of the zones of the plan, and of those above them.
    pub(super) dnssec: Remembered,
}

impl Memory {
    /// For somebody who looks once, now: nothing is waited for.
    #[must_use]
    pub fn for_one_look() -> Self {
        Self { lags: Lags::without_patience(), ..Self::default() }
    }

    /// Takes over from a finding that stood when the agent last ran what it says of the past: since
    /// when a challenge has been there, and that a server's grace is over.
    pub(crate) fn believe(&self, spec: &Spec, finding: &Finding, now: Timestamp) {
        if finding.code == Code::DnsSerial {
            self.lags.believe(&finding.subject);
        }
        let told = |key: &str| finding.evidence.get(key).and_then(|value| value.as_str());
        let since = told("first_seen").and_then(|text| text.parse::<Timestamp>().ok());
        let (Some(name), Some(value), Some(since)) = (told("challenge"), told("oldest"), since)
        else {
            return;
        };
        for planned in &Inquiry::of(spec).records {
            if planned.is_challenge && render_name(&planned.name) == name && since <= now {
                self.challenges.believe(planned.key, value, since, now);
            }
        }
    }
}
