//! One outage, told once: an incident that another explains is told below that one. Pure.
//!
//! Whoever was told of the cause is not told of what follows from it, unless that is worse. What is
//! explained by a check that is about to open its incident waits for that; what outlives its cause
//! waits until it had time to recover, and is then told. Each wait is bounded, and begins anew only
//! after the cause was told: so whoever the routes name is told of the incident, or of its cause.
//!
//! Deliberately absent: what explains what, which the board knows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use health::incident::MOST_CONSEQUENCES;
use health::{Check, Consequence, Explanation, Timing};
use jiff::{SignedDuration, Timestamp};

use super::{Engine, OpenIncident, Step};
use crate::retry::later;

/// Nobody waits longer than this, however seldom a check is looked at.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// What is known of who explains whom, beside the incidents themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    /// By the name of a check, the checks whose incidents it explains, or explained until they stand
    /// alone or are over.
    effects: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Open incidents with an explanation, whether it still holds or not.
    explained: BTreeSet<Arc<str>>,
    /// When a wait ends; may name waits that are over.
    deadlines: BTreeSet<(Timestamp, Arc<str>)>,
    /// How long it takes a check to recover once its cause is gone.
    recovery: BTreeMap<Arc<str>, SignedDuration>,
    /// Incidents whose consequences, or whose explanation, changed.
    touched: BTreeSet<Arc<str>>,
    /// Something changed that may release what is held back.
    is_unsettled: bool,
}

impl Causes {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Incidents of which something may be told that was held back.
    pub(super) fn unsettled(&mut self, now: Timestamp) -> BTreeSet<Arc<str>> {
        while let Some((at, _)) = self.deadlines.first()
            && *at <= now
        {
            self.deadlines.pop_first();
            self.is_unsettled = true;
        }
        let is_unsettled = std::mem::take(&mut self.is_unsettled);
        if is_unsettled { self.explained.clone() } else { BTreeSet::new() }
    }

    /// When something is to be told that was held back.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.is_unsettled || !self.touched.is_empty() {
            return Some(Timestamp::MIN);
        }
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn unsettle(&mut self) {
        self.is_unsettled |= !self.explained.is_empty();
    }
}

impl Engine {
    /// Open incidents that this check explains directly, or did, by their checks' names.
    #[must_use]
    pub fn explained_by(&self, cause: &str) -> Vec<Arc<str>> {
        self.causes.effects.get(cause).into_iter().flatten().cloned().collect()
    }

    /// Takes in what explains the open incident of a check now; tells nobody yet: [`Engine::due`] does.
    pub fn explain(&mut self, check: &Check, cause: Option<&Check>, now: Timestamp) {
        let name = &check.name;
        let Some(open) = self.open.get(name) else { return };
        self.causes.recovery.insert(Arc::clone(name), recovery(check));
        if open.incident.cause() == cause.map(|cause| &cause.name) {
            return;
        }
        let mut concerned = self.below(name);
        concerned.push(Arc::clone(name));
        let told_above: Vec<Arc<str>> =
            concerned.iter().filter(|one| self.is_told_above(one, now)).cloned().collect();
        self.touch_above(name);
        self.set_explanation(name, cause, now);
        self.touch_above(name);
        self.causes.touched.extend(concerned);
        for one in told_above {
            if !self.is_told_above(&one, now) {
                self.wait(&one, self.recovery_of(&one), now);
            }
        }
        self.causes.unsettle();
    }

    /// Emits every incident whose consequences, or whose explanation, changed.
    pub(super) fn show_touched(&mut self, steps: &mut Vec<Step>) {
        let touched = std::mem::take(&mut self.causes.touched);
        if touched.is_empty() {
            return;
        }
        let told: BTreeMap<Arc<str>, usize> = (0..)
            .zip(steps.iter())
            .filter_map(|(at, step)| Some((Arc::clone(&step.decisions.first()?.0), at)))
            .collect();
        for name in touched {
            let consequences = self.consequences_of(&name);
            let Some(open) = self.open.get_mut(&name) else { continue };
            open.incident.consequences = consequences;
            let incident = Some(open.incident.clone());
            match told.get(&open.incident.id).and_then(|&at| steps.get_mut(at)) {
                Some(step) => step.incident = incident,
                None => steps.push(Step { incident, ..Step::default() }),
            }
        }
    }

    pub(super) fn touch(&mut self, name: &Arc<str>) {
        self.causes.touched.insert(Arc::clone(name));
    }

    /// It has outlived what explained it, or was never told below it.
    pub(super) fn stands_alone(&mut self, open: &mut OpenIncident) {
        self.causes.touched.insert(Arc::clone(&open.incident.check));
        open.incident.waits_until = None;
        if open.incident.cause().is_none() {
            self.unlink(open);
            open.incident.explained_by = None;
        }
    }

    /// An incident opens: what explains it, and whether that is to be waited for.
    pub(super) fn explain_opened(
        &mut self,
        open: &mut OpenIncident,
        check: &Check,
        cause: Option<&Check>,
        now: Timestamp,
    ) {
        let name = &check.name;
        self.causes.recovery.insert(Arc::clone(name), recovery(check));
        // What it explained before it was an incident is linked to it from now on.
        for effect in self.explained_by(name) {
            if let Some(effect) = self.open.get_mut(&effect)
                && let Some(explanation) = &mut effect.incident.explained_by
                && explanation.ended_at.is_none()
            {
                explanation.incident = Some(Arc::clone(&open.incident.id));
                self.causes.touched.insert(Arc::clone(&effect.incident.check));
            }
        }
        if let Some(cause) = cause {
            self.link(open, cause);
            if self.is_pending(&cause.name, now) {
                let until = later(now, opening(cause));
                open.incident.waits_until = Some(until);
                self.causes.deadlines.insert((until, Arc::clone(name)));
            }
        }
        open.incident.consequences = self.consequences_of(name);
        self.causes.unsettle();
    }

    /// An incident is over: it stays below what explains it, and what it explained gets time to recover.
    pub(super) fn close_explained(
        &mut self,
        closing: &str,
        now: Timestamp,
    ) -> Option<OpenIncident> {
        let told_above: Vec<Arc<str>> =
            self.below(closing).into_iter().filter(|one| self.is_told_above(one, now)).collect();
        let consequences = self.consequences_of(closing);
        let above = self.above(closing);
        let mut open = self.open.remove(closing)?;
        open.incident.consequences = consequences;
        let mut resolved = open.incident.as_consequence();
        resolved.resolved_at = Some(now.max(open.incident.opened_at));
        for name in above {
            if let Some(cause) = self.open.get_mut(&name) {
                let listed = &mut cause.incident.consequences;
                listed.retain(|known| known.incident != resolved.incident);
                listed.push(resolved.clone());
                if listed.len() > 2 * MOST_CONSEQUENCES {
                    // Very many at once: those that are open are listed anew in a moment.
                    listed.retain(|known| known.resolved_at.is_some());
                    listed.sort_by_key(|known| Reverse(known.resolved_at));
                    listed.truncate(MOST_CONSEQUENCES);
                }
                self.causes.touched.insert(name);
            }
        }
        self.unlink(&open);
        self.causes.recovery.remove(closing);
        for one in told_above {
            if !self.is_told_above(&one, now) {
                self.wait(&one, self.recovery_of(&one), now);
            }
        }
        self.causes.unsettle();
        Some(open)
    }

    /// Takes up who explained whom when the agent last ran.
    pub(super) fn resume_explained(&mut self) {
        self.causes.clear();
        for open in self.open.values() {
            let (incident, name) = (&open.incident, &open.incident.check);
            if incident.explained_by.is_some() {
                self.causes.explained.insert(Arc::clone(name));
            }
            if let Some(explanation) = &incident.explained_by {
                let effects =
                    self.causes.effects.entry(Arc::clone(&explanation.check)).or_default();
                effects.insert(Arc::clone(name));
            }
            if let Some(until) = incident.waits_until {
                self.causes.deadlines.insert((until, Arc::clone(name)));
            }
        }
        self.causes.unsettle();
    }

    /// What changes in an incident is shown below those that explain it too.
    pub(super) fn touch_above(&mut self, name: &str) {
        let above = self.above(name);
        self.causes.touched.extend(above);
        self.causes.unsettle();
    }

    /// Everything below an incident: what it explains now, and what was over before it.
    pub(super) fn consequences_of(&self, name: &str) -> Vec<Consequence> {
        let stored = self.open.get(name).map(|open| &open.incident.consequences);
        let resolved = stored.into_iter().flatten().filter(|one| one.resolved_at.is_some());
        let mut all: Vec<Consequence> = resolved.cloned().collect();
        let below = self.below(name);
        let open = below.iter().filter_map(|name| self.open.get(name));
        all.extend(open.map(|open| open.incident.as_consequence()));
        if all.len() > MOST_CONSEQUENCES {
            // What is wrong now before what is over, and of that the latest.
            all.sort_by_key(|one| (one.resolved_at.is_some(), Reverse(one.resolved_at)));
            all.truncate(MOST_CONSEQUENCES);
        }
        all.sort_by(|a, b| (a.opened_at, &a.check).cmp(&(b.opened_at, &b.check)));
        all
    }

    /// Whether a receiver knows of an open incident that explains this one and is, or was, as bad.
    pub(super) fn was_told_above(&self, open: &OpenIncident, receiver: &str) -> bool {
        self.chain(open.incident.cause())
            .iter()
            .filter_map(|name| self.open.get(name))
            .any(|above| above.peak >= open.incident.severity && above.told_to(receiver).is_some())
    }

    /// Whether all who should be told of an incident were told of its cause instead.
    fn is_told_above(&self, name: &str, now: Timestamp) -> bool {
        let Some(open) = self.open.get(name) else { return false };
        let mut new = self.policy.routed(&open.incident, now);
        new.retain(|receiver| open.told_to(receiver).is_none());
        !new.is_empty() && new.iter().all(|receiver| self.was_told_above(open, receiver))
    }

    /// Whether a cause, or what explains that in turn, is yet to open or waits itself.
    pub(super) fn is_pending(&self, cause: &Arc<str>, now: Timestamp) -> bool {
        self.chain(Some(cause)).iter().any(|name| match self.open.get(name) {
            None => true,
            Some(above) => above.incident.waits_until.is_some_and(|until| now < until),
        })
    }

    /// The checks below whose incidents this one is listed, the nearest first.
    pub(super) fn above(&self, name: &str) -> Vec<Arc<str>> {
        let mut above: Vec<Arc<str>> = Vec::new();
        let mut next = self.open.get(name);
        while let Some(open) = next
            && let Some(explanation) = &open.incident.explained_by
            && self.is_listed(open, explanation)
            && &*explanation.check != name
            && !above.contains(&explanation.check)
        {
            above.push(Arc::clone(&explanation.check));
            next = self.open.get(&explanation.check);
        }
        above
    }

    /// An explanation that has ended counts until the incident that gave it is over.
    fn is_listed(&self, open: &OpenIncident, explanation: &Explanation) -> bool {
        let cause = self.open.get(&explanation.check).map(|cause| &cause.incident.id);
        open.incident.cause().is_some()
            || (cause.is_some() && cause == explanation.incident.as_ref())
    }

    /// This check and what explains it, each once: who explain each other end nowhere.
    pub(super) fn chain(&self, first: Option<&Arc<str>>) -> Vec<Arc<str>> {
        let mut chain: Vec<Arc<str>> = Vec::new();
        let mut next = first;
        while let Some(name) = next
            && !chain.contains(name)
        {
            chain.push(Arc::clone(name));
            next = self.open.get(name).and_then(|open| open.incident.cause());
        }
        chain
    }

    /// Open incidents that are listed below this check's, directly or by way of others.
    fn below(&self, name: &str) -> Vec<Arc<str>> {
        let mut seen: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut ahead = self.explained_by(name);
        while let Some(effect) = ahead.pop() {
            let is_listed = self.open.get(&effect).is_some_and(|open| {
                let explanation = open.incident.explained_by.as_ref();
                explanation.is_some_and(|explanation| self.is_listed(open, explanation))
            });
            if is_listed && &*effect != name && seen.insert(Arc::clone(&effect)) {
                ahead.extend(self.explained_by(&effect));
            }
        }
        seen.into_iter().collect()
    }

    fn set_explanation(&mut self, name: &Arc<str>, cause: Option<&Check>, now: Timestamp) {
        let Some(mut open) = self.open.remove(name) else { return };
        match cause {
            Some(cause) => {
                self.unlink(&open);
                self.link(&mut open, cause);
            }
            None => {
                if let Some(explanation) = &mut open.incident.explained_by {
                    explanation.ended_at = Some(now);
                }
                open.incident.findings.iter_mut().for_each(|one| one.explained_by = None);
            }
        }
        self.open.insert(Arc::clone(name), open);
    }

    fn link(&mut self, open: &mut OpenIncident, cause: &Check) {
        let name = &open.incident.check;
        let incident = self.open.get(&cause.name).map(|cause| Arc::clone(&cause.incident.id));
        let check = Arc::clone(&cause.name);
        for standing in &mut open.incident.findings {
            standing.explained_by = Some(Arc::clone(&check));
        }
        self.causes.effects.entry(Arc::clone(&check)).or_default().insert(Arc::clone(name));
        self.causes.explained.insert(Arc::clone(name));
        open.incident.explained_by = Some(Explanation { check, incident, ended_at: None });
        let above = self.chain(Some(&cause.name));
        self.causes.touched.extend(above);
        self.causes.is_unsettled = true;
    }

    /// Takes an incident out of the books of what explains what; it keeps what it says itself.
    fn unlink(&mut self, open: &OpenIncident) {
        let name = &open.incident.check;
        if let Some(explanation) = &open.incident.explained_by
            && let Some(effects) = self.causes.effects.get_mut(&explanation.check)
        {
            effects.remove(name);
            if effects.is_empty() {
                self.causes.effects.remove(&explanation.check);
            }
            let above = self.above(&explanation.check);
            self.causes.touched.extend(above);
            self.causes.touched.insert(Arc::clone(&explanation.check));
        }
        self.causes.explained.remove(name);
    }

    fn wait(&mut self, name: &Arc<str>, pause: SignedDuration, now: Timestamp) {
        if let Some(open) = self.open.get_mut(name) {
            let until = later(now, pause);
            open.incident.waits_until = Some(until);
            self.causes.deadlines.insert((until, Arc::clone(name)));
            self.causes.touched.insert(Arc::clone(name));
        }
    }

    fn recovery_of(&self, name: &str) -> SignedDuration {
        self.causes.recovery.get(name).copied().unwrap_or(LONGEST_WAIT)
    }
}

/// How long it takes a check to be seen well once it is.
fn recovery(check: &Check) -> SignedDuration {
    looks(check, check.thresholds.recover_after)
}

/// How long it takes a check that was seen bad to open its incident.
fn opening(check: &Check) -> SignedDuration {
    looks(check, check.thresholds.fail_after)
}

/// How long so many looks take, and a little more for those that come late; bounded.
fn looks(check: &Check, times: u32) -> SignedDuration {
    let Timing::Every(interval) = check.timing else { return LONGEST_WAIT };
    let all = interval.saturating_mul(times).saturating_add(check.timeout.saturating_mul(2));
    SignedDuration::try_from(all).map_or(LONGEST_WAIT, |all| all.min(LONGEST_WAIT))
}
