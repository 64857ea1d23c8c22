//! What dns probes remember from one to the next, shared by all checks of the plan. Every part is
//! bounded, locks for itself and never over I/O. Deliberately absent: anything that a restart may
//! not forget; that is the store's.

use super::delegation::Delegations;
use super::exchange::Wire;

/// What dns probes remember from one to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// Who is authoritative for the zones of the plan, as their parents said last.
    pub(super) delegations: Delegations,
    /// Sockets to servers, and how each of them answered of late.
    pub(super) wire: Wire,
}
