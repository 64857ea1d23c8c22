//! Quiet that somebody asks for: silences, and that somebody is on an incident. Pure. Deliberately absent:
//! who may ask, and what it holds back (see [`super::holds`]).

use std::sync::Arc;

use health::{Acknowledgement, Silence};
use jiff::Timestamp;

use super::{Engine, Step};

impl Engine {
    /// Takes up the silences that had not ended when the agent last ran.
    pub fn resume_silences(&mut self, silences: impl IntoIterator<Item = Silence>) {
        let known = silences.into_iter().map(|one| (Arc::clone(&one.id), Arc::new(one)));
        self.silences = known.collect();
        self.look_up_quiet();
    }

    /// Silences that have not ended, the one that ends first before the others.
    #[must_use]
    pub fn silences(&self, now: Timestamp) -> Vec<Arc<Silence>> {
        let mut all: Vec<Arc<Silence>> =
            self.silences.values().filter(|one| now < one.ends_at).cloned().collect();
        all.sort_by(|a, b| (a.ends_at, &a.id).cmp(&(b.ends_at, &b.id)));
        all
    }

    /// Holds back what a silence is about from now on, or changes one by its id.
    pub fn silence(&mut self, silence: Silence) {
        self.quiet_at =
            Some(self.quiet_at.map_or(silence.starts_at, |at| at.min(silence.starts_at)));
        self.silences.insert(Arc::clone(&silence.id), Arc::new(silence));
        self.ask_again();
    }

    /// Ends a silence before its time. Hands it back as it is to be remembered; `None`: there is none.
    pub fn end_silence(&mut self, id: &str, now: Timestamp) -> Option<Silence> {
        let silence = self.silences.remove(id)?;
        self.ask_again();
        Some(Silence { ends_at: now.min(silence.ends_at), ..Silence::clone(&silence) })
    }

    /// Somebody is on an incident; or, with `None`, nobody is any more. `None`: no such incident is open.
    pub fn acknowledge(
        &mut self,
        incident: &str,
        acknowledgement: Option<Acknowledgement>,
        now: Timestamp,
    ) -> Option<Step> {
        let check = self.checks.get(incident).cloned()?;
        self.open.get_mut(&check)?.incident.acknowledged = acknowledgement;
        let mut step = self.attend(&check, now).unwrap_or_default();
        if step.incident.is_none() {
            step.incident = self.incident_of(&check).cloned();
        }
        Some(step)
    }

    /// What holds messages back may have ended: looked at with what is due next.
    pub(super) fn ask_again(&mut self) {
        self.is_quiet_changed |= self.open.values().any(|open| !open.held.is_empty());
    }

    /// Windows or silences are others than before: looked at with what is due next.
    pub(super) fn look_up_quiet(&mut self) {
        let is_any = !(self.policy.maintenance.is_empty() && self.silences.is_empty());
        self.quiet_at = is_any.then_some(Timestamp::MIN);
        self.ask_again();
    }
}
