//! What the board knows of causes, told to the alert engine: at once below a check that changed, and
//! for all open incidents before a snapshot is made, because a check may be seen sick without being
//! believed yet. Deliberately absent: what follows from it.

use std::sync::Arc;

use jiff::Timestamp;

use super::MainLoop;

impl MainLoop {
    /// Looks again at what this check explains, before its own incident changes: whoever was told of
    /// that incident is not to be told of each of them in the moment it resolves.
    pub(super) fn explain_below(&mut self, cause: &str, now: Timestamp) {
        for name in self.engine.explained_by(cause) {
            self.explain_incident(&name, now);
        }
    }

    /// Looks again at what explains every open incident.
    pub(super) fn explain_all(&mut self, now: Timestamp) {
        let names: Vec<Arc<str>> =
            self.engine.open_incidents().map(|incident| incident.check.clone()).collect();
        for name in names {
            self.explain_incident(&name, now);
        }
    }

    fn explain_incident(&mut self, name: &str, now: Timestamp) {
        let Some(check) = self.board.frame(name).cloned() else { return };
        let cause = self.board.cause_of(name);
        self.engine.explain(&check, cause.as_deref(), now);
    }
}
