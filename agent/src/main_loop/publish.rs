//! What the loop shows of itself: counters, and the snapshot that all pages are made from.
//! Deliberately absent: who reads it.

use std::sync::Arc;
use std::time::Duration;

use health::snapshot::PlanStanding;
use health::{Incident, Snapshot};

use super::MainLoop;
use crate::schedule::Moment;

/// The snapshot is made anew at most this often;
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// and with many checks at most once in so much time for each, because every one of them is touched.
const PUBLISH_PER_CHECK: Duration = Duration::from_micros(100);

impl MainLoop {
    /// When the next snapshot may be made.
    pub(super) fn publish_due(&self) -> Duration {
        let checks = u32::try_from(self.plan.checks.len()).unwrap_or(u32::MAX);
        self.published + PUBLISH_EVERY.max(PUBLISH_PER_CHECK * checks)
    }

    /// Makes the snapshot anew.
    pub(super) fn publish(&mut self, moment: Moment) {
        let mut incidents: Vec<Arc<Incident>> = self.open.values().cloned().collect();
        incidents.sort_by(|a, b| b.opened_at.cmp(&a.opened_at).then_with(|| a.id.cmp(&b.id)));
        let troubles = self.troubles.all();
        self.counters.store_up.set(i64::from(!self.troubles.is_store_failing()));
        let dispatches = self.dispatches.borrow_and_update().clone();
        self.counters.dispatches(&dispatches);
        self.counters.samples_dropped(self.store.samples_dropped());
        let receivers = dispatches.into_iter().map(|dispatch| dispatch.standing).collect();
        let snapshot = Snapshot {
            agent: self.plan.agent.name.clone(),
            at: moment.wall,
            started_at: self.started_at,
            plan: PlanStanding {
                path: self.plan.path.display().to_string(),
                loaded_at: self.plan_loaded_at,
                refused: self.plan_refused.clone(),
            },
            checks: self.board.standings(),
            hosts: self.plan.hosts.clone(),
            ephemeral: self.net.sockets.last().map(|table| table.ephemeral),
            swept: self.board.swept(),
            listen: Some(self.plan.agent.listen),
            incidents,
            receivers,
            silences: self.engine.silences(moment.wall),
            maintenance: self.engine.maintenance(moment.wall),
            troubles,
        };
        let _ = self.snapshot.send_replace(Arc::new(snapshot));
        self.published = moment.tick;
        self.dirty = false;
    }
}
