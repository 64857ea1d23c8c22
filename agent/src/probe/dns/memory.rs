//! What dns probes remember from one to the next, shared by all checks of the plan. Every part is
//! bounded, locks for itself and never over I/O. Deliberately absent: anything that a restart may
//! not forget; that is the store's.

use super::caches::Caches;
use super::challenge::Challenges;
use super::delegation::Delegations;
use super::told::Outputs;

/// What dns probes remember from one to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// Who is authoritative for the zones of the plan, as their parents said last.
    pub(super) delegations: Delegations,
    /// Which caches hold old answers, and until when.
    pub(super) caches: Caches,
    /// Since when challenges are there, and where they lead.
    pub(super) challenges: Challenges,
    /// What the commands printed that say what records should be.
    pub(super) outputs: Outputs,
}
