//! Jobs that report by themselves: a call is judged at once and written down, and the agent leaves
//! signs of life, so that it knows afterwards when it was not there to hear one.

use health::Observation;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use super::MainLoop;
use crate::probe::{Spec, heartbeat};
use crate::schedule::{Key, Moment};
use crate::store::{Batch, Restored};

/// A sign of life is written down this often.
const SIGN_EVERY: SignedDuration = SignedDuration::from_secs(30);

impl MainLoop {
    /// Brings what is remembered of jobs in line with the plan.
    pub(super) fn adopt_heartbeats(&self, now: Timestamp) {
        let specs = self.plan.checks.iter().filter_map(|check| match &check.spec {
            Spec::Heartbeat(spec) => Some(&**spec),
            _ => None,
        });
        self.net.heartbeats.adopt(specs, now);
    }

    /// Believes what jobs had reported when the agent last ran.
    pub(super) fn recall_heartbeats(&self, restored: &mut Restored, now: Timestamp) {
        let pulses = std::mem::take(&mut restored.pulses);
        self.net.heartbeats.recall(pulses, restored.alive_at, now);
    }

    /// A job has called: how it stands is known at once, and whoever waits is told once that is
    /// written down.
    pub(super) fn called(&mut self, name: &str, written: oneshot::Sender<()>, moment: Moment) {
        if let Some(key) = self.board.key(name)
            && let Some(observation) = self.heard_now(key, moment.wall)
        {
            self.observed(key, observation, moment);
        }
        if let Some(receipt) = self.write_heartbeats(moment.wall) {
            tokio::spawn(async move {
                if receipt.written().await.is_ok() {
                    // Who called may have hung up.
                    let _ = written.send(());
                }
            });
        }
    }

    /// How a job stands now. A probe that began before a call, and ends after it, would tell of the past.
    pub(super) fn heard_now(&self, key: Key, now: Timestamp) -> Option<Observation> {
        match &self.board.planned(key)?.spec {
            Spec::Heartbeat(spec) => {
                self.net.heartbeats.alive(now);
                Some(heartbeat::observation(spec, &self.net.heartbeats, now))
            }
            _ => None,
        }
    }

    /// Leaves a sign of life where one is due.
    pub(super) fn give_sign(&mut self, now: Timestamp) {
        let has_jobs = self.net.heartbeats.is_used();
        if has_jobs {
            self.net.heartbeats.alive(now);
        }
        if self.sign_given.is_none_or(|given| now.duration_since(given).abs() >= SIGN_EVERY) {
            self.sign_given = Some(now);
            // Until it is told what was missed, the next start is to find the same time.
            if self.absence.is_none() {
                self.store.note_alive(now);
            }
            if has_jobs {
                drop(self.write_heartbeats(now));
            }
        }
    }

    /// The last sign of life, and whatever has not been written down.
    pub(super) fn take_leave(&mut self, now: Timestamp) {
        self.sign_given = None;
        self.give_sign(now);
    }

    fn write_heartbeats(&self, now: Timestamp) -> Option<crate::store::Receipt> {
        let pulses = self.net.heartbeats.take_news();
        (!pulses.is_empty())
            .then(|| self.store.commit(Batch { at: now, pulses, ..Batch::default() }))
    }
}
