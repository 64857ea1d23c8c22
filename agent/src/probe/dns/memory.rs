//! What dns probes remember from one to the next, shared by all checks of the plan. Every part is
//! bounded, locks for itself and never over I/O. Deliberately absent: anything that a restart may
//! not forget; that is the store's.

use super::above::Parents;
use super::caa;
use super::delegation::Delegations;

/// What dns probes remember from one to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// Who is authoritative for the zones of the plan, as their parents said last.
    pub(super) delegations: Delegations,
    /// Whether CAA permits the certificates in use, as it was found last.
    pub(super) caa: caa::Watch,
    /// What the servers above said of the zones' own DS.
    pub(super) parents: Parents,
}
