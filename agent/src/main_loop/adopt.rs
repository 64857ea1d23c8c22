//! A new plan, and what was remembered: what they change for schedule, board and alert engine.

use std::collections::HashMap;
use std::sync::Arc;

use health::{Code, Facts, Incident, Kind, Timing};
use jiff::Timestamp;

use super::job::Job;
use super::{MainLoop, Message};
use crate::plan::Plan;
use crate::probe::Spec;
use crate::schedule::{Key, Moment};
use crate::store::Restored;

impl MainLoop {
    /// Runs another plan from now on.
    pub(super) fn reload(&mut self, plan: Plan, moment: Moment) {
        if plan.agent.resolver != self.plan.agent.resolver {
            match self.net.through(plan.agent.resolver) {
                Ok(net) => self.net = Arc::new(net),
                Err(error) => {
                    self.take(Message::Reloaded(Err(error)), moment);
                    return;
                }
            }
        }
        self.troubles.restart_needed(&plan.agent, moment.wall);
        self.plan = Arc::new(plan);
        self.plan_loaded_at = moment.wall;
        self.plan_refused = None;
        self.engine.replace_policy(policy(&self.plan));
        self.adopt(moment);
        tracing::info!(checks = self.plan.checks.len(), "the changed plan is running");
    }

    /// Brings board, schedule, engine and courier in line with the plan.
    pub(super) fn adopt(&mut self, moment: Moment) {
        let plan = self.plan.clone();
        let reconciled = self.board.reconcile(&plan, moment.wall);
        for key in reconciled.removed {
            self.schedule.remove(key);
            self.jobs.remove(&key);
        }
        for (key, check) in reconciled.kept {
            self.jobs.insert(key, Job::Check(check));
        }
        for (key, check) in reconciled.added {
            // A plan whose cron expressions cannot be read is refused before it comes here.
            match self.schedule.insert(key, &check.frame.name, &check.frame.timing, moment) {
                Ok(()) => drop(self.jobs.insert(key, Job::Check(check))),
                Err(error) => tracing::error!(check = &*check.frame.name, %error, "not scheduled"),
            }
        }
        for name in reconciled.removed_names {
            self.net.certificates.forget(&name);
            self.explain_below(&name, moment.wall);
            let step = self.engine.removed(&name, moment.wall);
            self.decided(step);
        }
        self.troubles.hosts(&plan.hosts, moment.wall);
        self.adopt_heartbeats(moment.wall);
        self.adopt_sweeps(&plan, moment);
        self.schedule.set_limit(plan.agent.probes_in_flight);
        let _ = self.addressees.send_replace(plan.receivers.clone());
        let sign = plan.alerting.heartbeat.clone();
        self.heartbeat.send_if_modified(|known| std::mem::replace(known, sign.clone()) != sign);
        self.counters.plan_changed(&plan.agent.metrics_also);
        for receiver in &plan.receivers {
            self.counters.know_receiver(&receiver.name);
        }
        let limit = i64::try_from(plan.agent.probes_in_flight).unwrap_or(i64::MAX);
        self.counters.in_flight_limit.set(limit);
        self.counters.reload_successful.set(1);
        #[expect(clippy::cast_precision_loss, reason = "a double holds microseconds until 2255")]
        self.counters.reload_seconds.set(self.plan_loaded_at.as_microsecond() as f64 / 1e6);
    }

    fn adopt_sweeps(&mut self, plan: &Plan, moment: Moment) {
        let old: HashMap<Arc<str>, Key> = self
            .jobs
            .iter()
            .filter_map(|(&key, job)| match job {
                Job::Sweep(sweep) => Some((sweep.host.name.clone(), key)),
                Job::Check(_) => None,
            })
            .collect();
        for (name, &key) in &old {
            if !plan.sweeps.iter().any(|sweep| sweep.host.name == *name) {
                self.schedule.remove(key);
                self.jobs.remove(&key);
            }
        }
        for sweep in &plan.sweeps {
            let name = &sweep.host.name;
            let kept = old.get(name).copied().filter(|key| {
                matches!(self.jobs.get(key), Some(Job::Sweep(known)) if known.interval == sweep.interval)
            });
            let key = kept.unwrap_or_else(|| {
                self.last_sweep += 1;
                let timing = Timing::Every(sweep.interval);
                // Only cron expressions can be refused.
                let _ = self.schedule.insert(self.last_sweep, name, &timing, moment);
                self.last_sweep
            });
            if kept.is_none()
                && let Some(&key) = old.get(name)
            {
                self.schedule.remove(key);
                self.jobs.remove(&key);
            }
            self.jobs.insert(key, Job::Sweep(sweep.clone()));
        }
    }

    /// Believes incidents that were open when the agent last ran; those whose check is gone close.
    /// What has the state it had then has it since then.
    pub(super) fn resume(&mut self, mut restored: Restored, now: Timestamp) {
        self.note_absence(restored.alive_at, now);
        self.recall_heartbeats(&mut restored, now);
        let incidents: Vec<Incident> =
            restored.incidents.iter().map(|open| open.incident.clone()).collect();
        self.engine.resume_turns(restored.turns);
        self.engine.resume_silences(restored.silences);
        self.engine.resume(restored.incidents);
        for incident in incidents {
            if incident.kind == Kind::Agent {
                // How deliveries stand tells whether it is over.
                self.open.insert(incident.id.clone(), Arc::new(incident));
                continue;
            }
            self.believe_in_zone(&incident, now);
            if self.board.resume(&incident, &self.plan, now) {
                self.believe_in_passage(&incident);
                incident
                    .findings
                    .iter()
                    .for_each(|standing| self.net.acme.believe(&standing.finding));
                self.board.note_incident(&incident.check, Some(incident.id.clone()));
                self.open.insert(incident.id.clone(), Arc::new(incident));
            } else {
                let step = self.engine.removed(&incident.check, now);
                self.decided(step);
            }
        }
        self.board.recall(&restored.states, now);
        self.board.recall_tenures(restored.tenures);
        for check in &self.plan.checks {
            let seen = restored.certificates.get(&check.frame.name);
            if let Some(seen) = seen.filter(|seen| *seen.instance == *check.frame.instance) {
                let (tls, files) = (seen.tls.clone(), seen.files.clone());
                check.note_certificates(&self.net, &Facts { tls, files, ..Facts::default() });
            }
        }
        self.net.authority.recall(restored.certificates.values());
        self.board.recall_certificates(restored.certificates);
        self.board.recall_outcomes(restored.outcomes);
    }

    /// Since when a challenge has been left behind, or a serial old, is not forgotten with a restart.
    fn believe_in_zone(&self, incident: &Incident, now: Timestamp) {
        let check = self.plan.checks.iter().find(|check| check.frame.name == incident.check);
        if let Some(Spec::Dns(spec)) = check.map(|check| &check.spec) {
            for standing in &incident.findings {
                self.net.dns.believe(spec, &standing.finding, now);
            }
        }
    }

    /// A forward that is told to be at fault was seen to prove it: its outer way had worked from here.
    /// Forgetting that with a restart would make a notice of an outage, and resolve its incident.
    fn believe_in_passage(&self, incident: &Incident) {
        let is_at_fault =
            |code: Code| matches!(code, Code::ForwardBroken | Code::ForwardMisdirected);
        let check = self.plan.checks.iter().find(|check| check.frame.name == incident.check);
        if let Some(Spec::Forward(spec)) = check.map(|check| &check.spec)
            && incident.findings.iter().any(|standing| is_at_fault(standing.finding.code))
        {
            self.net.passages.note(spec);
        }
    }
}

/// What the alert engine takes from the plan.
#[must_use]
pub fn policy(plan: &Plan) -> alerts::Policy {
    alerts::Policy {
        agent: plan.agent.name.clone(),
        url: plan.agent.url.clone(),
        receivers: plan.receivers.clone(),
        routes: plan.routes.clone(),
        maintenance: plan.maintenance.clone(),
        reminders: plan.alerting.reminders.clone(),
        grouping: plan.alerting.grouping,
        flaps: plan.alerting.flaps,
        failing: std::collections::BTreeSet::new(),
    }
}
