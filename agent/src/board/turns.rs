//! What nameservers say anew of their records: compared with the last observation alone, for the
//! store knows what was said before that.

use std::sync::Arc;

use health::Observation;
use health::records::{self, RecordTurn};

use super::{Board, Entry};

impl Board {
    /// What nameservers said anew of their records since the last call, by check name.
    pub fn take_turns(&mut self) -> Vec<(Arc<str>, Vec<RecordTurn>)> {
        std::mem::take(&mut self.turns)
    }
}

impl Entry {
    /// What is, or may be, news in an observation that is not recorded yet.
    pub(super) fn turns(&self, observation: &Observation) -> Option<Vec<RecordTurn>> {
        let dns = observation.facts.dns.as_deref()?;
        let last = self.standing.last.as_deref();
        let before = last.and_then(|last| last.facts.dns.as_deref());
        let turns = records::turns(before, dns, observation.at);
        (!turns.is_empty()).then_some(turns)
    }
}
