//! What dns probes remember from one to the next, shared by all checks of the plan. Every part is
//! bounded, locks for itself and never over I/O. Deliberately absent: anything that a restart may
//! not forget; that is the store's.

use super::delegation::{Cuts, Delegations};
use super::server::Addresses;

/// What dns probes remember from one to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// Who is authoritative for the zones of the plan, as their parents said last.
    pub(super) delegations: Delegations,
    /// Zones met on walks from root hints.
    pub(super) cuts: Cuts,
    /// Where the nameservers are that the plan gives by name.
    pub(super) addresses: Addresses,
}
