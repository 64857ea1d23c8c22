//! What ails the agent itself and is told like anything else: receivers that messages do not reach.
//! Deliberately absent: who is told, which the engine decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use alerts::Dispatch;
use health::{
    Check, Code, Finding, Incident, Kind, StandingFinding, State, Thresholds, Timing, Transition,
    text,
};
use jiff::Timestamp;

use super::MainLoop;

impl MainLoop {
    /// Opens an incident for each receiver that messages do not reach, and resolves it when they do.
    pub(super) fn watch_receivers(&mut self, now: Timestamp) {
        let dispatches = self.dispatches.borrow().clone();
        let failing: BTreeSet<Arc<str>> = dispatches
            .iter()
            .filter(|one| one.failing_since(now).is_some())
            .map(|one| Arc::clone(&one.standing.name))
            .collect();
        self.engine.note_failing(failing);
        self.troubles.receivers(&dispatches, now);
        let later = dispatches.iter().filter_map(Dispatch::failing_from).filter(|at| *at > now);
        self.receivers_due = later.min();
        for dispatch in &dispatches {
            let check = check_of(dispatch);
            let is_open =
                self.engine.incident_of(&check.name).is_some_and(|open| open.kind == Kind::Agent);
            let (state, transition) = match dispatch.failing_since(now) {
                Some(since) if !is_open && !self.plans(&check.name) => {
                    (State::Degraded, Transition::Opened(vec![found(dispatch, since)]))
                }
                None if is_open && dispatch.standing.failing_since.is_none() => {
                    (State::Up, Transition::Resolved)
                }
                _ => continue,
            };
            let step = self.engine.advance(&check, state, &transition, None, now);
            if let (Transition::Opened(_), Some(incident)) = (&transition, &step.incident) {
                self.counters.incident(incident.severity);
            }
            self.decided(step);
        }
        self.forget_receivers(now);
    }

    /// Incidents of receivers that left the plan are over.
    fn forget_receivers(&mut self, now: Timestamp) {
        let is_over = |incident: &&Incident| {
            let mut planned = self.plan.receivers.iter();
            incident.kind == Kind::Agent
                && !planned.any(|one| name_of(&one.name) == *incident.check)
        };
        let over: Vec<Arc<str>> = self
            .engine
            .open_incidents()
            .filter(is_over)
            .map(|one| Arc::clone(&one.check))
            .collect();
        for check in over {
            let step = self.engine.removed(&check, now);
            self.decided(step);
        }
    }

    /// A check of the plan has this name.
    fn plans(&self, name: &str) -> bool {
        self.board.key(name).is_some()
    }
}

/// What an incident of a receiver is listed under, as checks are by their names.
fn name_of(receiver: &str) -> String {
    format!("receiver {receiver}")
}

fn check_of(dispatch: &Dispatch) -> Check {
    Check {
        name: name_of(&dispatch.standing.name).into(),
        kind: Kind::Agent,
        instance: dispatch.standing.channel.into(),
        host: None,
        timing: Timing::Every(Duration::from_secs(60)),
        timeout: Duration::from_secs(10),
        thresholds: Thresholds { fail_after: 1, recover_after: 1 },
        depends_on: Vec::new(),
        labels: BTreeMap::new(),
    }
}

fn found(dispatch: &Dispatch, since: Timestamp) -> StandingFinding {
    let (name, pending) = (&dispatch.standing.name, dispatch.standing.pending);
    let answer = dispatch.standing.failed.as_ref().map_or("", |(_, words)| &**words);
    let summary = text!(
        "messages to {name} do not arrive: {answer}",
        "{name} 수신자에게 알림이 전달되지 않습니다: {answer}"
    );
    // A name may hold blanks, and this is typed.
    let is_word = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'));
    let typed = if is_word { name.to_string() } else { format!("'{name}'") };
    let remedy = text!(
        "Try it with `portwarden notify {typed}`, and look at its address and secret. What waits is kept and tried again.",
        "`portwarden notify {typed}`으로 시험해 보고 주소와 비밀을 확인하세요. 대기 중인 알림은 보관되며 다시 시도합니다."
    );
    let finding = Finding::new(Code::AgentReceiver, &**name, summary, remedy)
        .evidence("channel", dispatch.standing.channel)
        .evidence("answer", answer)
        .evidence("since", since.to_string())
        .evidence("pending", pending);
    StandingFinding { finding: Arc::new(finding), since, confirmed: true, explained_by: None }
}
