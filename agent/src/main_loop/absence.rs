//! The time in which the agent was not running, and what is found to be otherwise after it: told once,
//! when everything has been looked at again.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::{Missed, MissedLook};
use health::{Check, Incident, Timing};
use jiff::{SignedDuration, Timestamp};

use super::MainLoop;
use crate::schedule::read_cron;

/// A restart that takes no longer is none that anything is missed in: signs of life are further apart.
const SHORT: SignedDuration = SignedDuration::from_secs(90);
/// How long everything gets to be looked at again, at least and at most.
const LOOKS: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(15), SignedDuration::from_mins(3));
/// Looks of one check that are counted, and checks that are named.
const MOST: (usize, usize) = (1000, 50);
/// Incidents that are named.
const MOST_INCIDENTS: usize = 200;

/// The time in which the agent was not running.
#[derive(Debug)]
pub(super) struct Absence {
    from: Timestamp,
    until: Timestamp,
    /// When it is told, if there is anything to tell.
    told_at: Timestamp,
    /// What opened or was over since then, by id.
    incidents: BTreeMap<Arc<str>, Arc<Incident>>,
}

impl MainLoop {
    /// Takes in when the agent was last alive.
    pub(super) fn note_absence(&mut self, alive_at: Option<Timestamp>, now: Timestamp) {
        let Some(from) = alive_at.filter(|from| now.duration_since(*from) > SHORT) else { return };
        let looks = self.plan.checks.iter().map(|check| looks(&check.frame)).max();
        let pause = looks.unwrap_or(LOOKS.0).clamp(LOOKS.0, LOOKS.1);
        let told_at = now.saturating_add(pause).unwrap_or(now);
        tracing::warn!(%from, "the agent was not running");
        self.absence = Some(Absence { from, until: now, told_at, incidents: BTreeMap::new() });
    }

    /// An incident that opened, or is over, may have done so in that time.
    pub(super) fn note_missed(&mut self, incident: &Arc<Incident>) {
        let Some(absence) = &mut self.absence else { return };
        let since = absence.until;
        let changed = incident.opened_at >= since || incident.resolved_at.is_some();
        let incidents = &mut absence.incidents;
        if changed && (incidents.len() < MOST_INCIDENTS || incidents.contains_key(&incident.id)) {
            incidents.insert(Arc::clone(&incident.id), Arc::clone(incident));
        }
    }

    /// Tells what was missed, once everything has been looked at again.
    pub(super) fn tell_absence(&mut self, now: Timestamp) {
        let Some(absence) = self.absence.take_if(|absence| absence.told_at <= now) else { return };
        let Absence { from, until, incidents, .. } = absence;
        let checks = self.plan.checks.iter().map(|check| &check.frame);
        let looks = checks.filter_map(|check| missed_look(check, from, until)).take(MOST.1);
        let missed = Missed {
            from,
            until,
            incidents: incidents.into_values().collect(),
            looks: looks.collect(),
        };
        self.batch.notifications.extend(self.engine.missed(&missed, now));
        // The sign of life has been withheld until now.
        self.sign_given = None;
    }
}

/// How long it takes a check to be believed again.
fn looks(check: &Check) -> SignedDuration {
    let Timing::Every(interval) = check.timing else { return LOOKS.0 };
    let all = interval.saturating_mul(check.thresholds.fail_after).saturating_add(check.timeout);
    SignedDuration::try_from(all).unwrap_or(LOOKS.1)
}

/// Looks by cron that fell into a time.
fn missed_look(check: &Check, from: Timestamp, until: Timestamp) -> Option<MissedLook> {
    let Timing::Cron { expression, timezone } = &check.timing else { return None };
    let (cron, zone) = read_cron(expression, timezone).ok()?;
    let (mut at, mut count, mut last) = (from, 0, None);
    for _ in 0..MOST.0 {
        let next = cron.find_next_occurrence(&at.to_zoned(zone.clone()), false).ok()?.timestamp();
        if next >= until {
            break;
        }
        (at, count, last) = (next, count + 1, Some(next));
    }
    last.map(|last| MissedLook { check: Arc::clone(&check.name), count, last })
}
