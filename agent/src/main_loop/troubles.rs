//! What ails the agent itself: each is a banner on every page until it has passed.

use std::sync::Arc;

use health::snapshot::Trouble;
use health::{Code, Host, Observation, text};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::listeners;
use crate::plan::Agent;

/// What ails the agent itself.
#[derive(Debug)]
pub(super) struct Troubles {
    store: watch::Receiver<Option<Trouble>>,
    /// What the agent was started with.
    started_with: Agent,
    waiting: Option<Trouble>,
    restart: Option<Trouble>,
    owners: Option<Trouble>,
    network: Option<Trouble>,
    blind: Option<Trouble>,
    /// Echo requests may not be sent.
    echo: Option<Trouble>,
    /// Receivers that messages do not reach.
    receivers: Vec<Trouble>,
    /// The sign to somebody else that the agent is well.
    heartbeat: watch::Receiver<Option<Trouble>>,
    /// When a probe last could not look.
    blind_at: Timestamp,
}

/// Without a probe that could not look for so long, all is well again.
const BLIND_FOR: SignedDuration = SignedDuration::from_secs(60);

impl Troubles {
    pub(super) fn new(
        store: watch::Receiver<Option<Trouble>>,
        heartbeat: watch::Receiver<Option<Trouble>>,
        started_with: Agent,
    ) -> Self {
        Self {
            store,
            started_with,
            waiting: None,
            restart: None,
            owners: None,
            network: None,
            blind: None,
            echo: None,
            receivers: Vec::new(),
            heartbeat,
            blind_at: Timestamp::MIN,
        }
    }

    /// Ends when the trouble of the store, or of the sign to somebody else, has changed.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            () = super::changed(&mut self.store) => {}
            () = super::changed(&mut self.heartbeat) => {}
        }
    }

    /// Everything that ails the agent now.
    pub(super) fn all(&self) -> Vec<Trouble> {
        let store = self.store.borrow().clone();
        let others =
            [&self.blind, &self.echo, &self.waiting, &self.restart, &self.network, &self.owners];
        let heartbeat = self.heartbeat.borrow().clone();
        let receivers = self.receivers.iter().cloned();
        let others = others.into_iter().flatten().cloned();
        store.into_iter().chain(receivers).chain(heartbeat).chain(others).collect()
    }

    pub(super) fn is_store_failing(&self) -> bool {
        self.store.borrow().is_some()
    }

    /// The bound on probes in flight binds: checks run later than planned.
    pub(super) fn waiting(&mut self, waiting: usize, limit: usize, now: Timestamp) {
        if waiting < limit {
            self.waiting = None;
        } else if self.waiting.is_none() {
            let message = text!(
                "{waiting} checks are due and wait, because {limit} probes are under way at once. Raise agent.probes_in_flight, or let slow checks run less often.",
                "동시에 실행 중인 검사가 {limit}개라서 {waiting}개의 검사가 기다리고 있습니다. agent.probes_in_flight 값을 늘리거나 느린 검사의 주기를 늘리세요."
            );
            self.waiting = Some(Trouble { since: now, message });
        }
    }

    /// Receivers that messages do not reach: each is said, because whoever would be told of it may be
    /// the one who cannot be.
    pub(super) fn receivers(&mut self, dispatches: &[alerts::Dispatch], now: Timestamp) {
        let trouble = |dispatch: &alerts::Dispatch| {
            let since = dispatch.failing_since(now)?;
            let name = &dispatch.standing.name;
            let answer = dispatch.standing.failed.as_ref().map_or("", |(_, words)| &**words);
            let message = match dispatch.standing.pending {
                0 => text!(
                    "Messages to {name} do not arrive: {answer}. None waits: what was refused for good is not sent again. See `portwarden explain agent.receiver`.",
                    "{name} 수신자에게 알림이 전달되지 않습니다: {answer}. 대기 중인 알림은 없으며, 거절된 알림은 다시 보내지 않습니다. `portwarden explain agent.receiver`를 참고하세요."
                ),
                pending => text!(
                    "Messages to {name} do not arrive: {answer}. Waiting to be tried again: {pending}. See `portwarden explain agent.receiver`.",
                    "{name} 수신자에게 알림이 전달되지 않습니다: {answer}. {pending}건이 대기 중이며 다시 시도합니다. `portwarden explain agent.receiver`를 참고하세요."
                ),
            };
            Some(Trouble { since, message })
        };
        self.receivers = dispatches.iter().filter_map(trouble).collect();
    }

    /// Some settings are read only at the start.
    pub(super) fn restart_needed(&mut self, planned: &Agent, now: Timestamp) {
        let running = &self.started_with;
        let mut keys = Vec::new();
        if running.listen != planned.listen {
            keys.push("agent.listen");
        }
        if running.store != planned.store {
            keys.push("agent.store");
        }
        if keys.is_empty() {
            self.restart = None;
            return;
        }
        let keys = keys.join(", ");
        let message = text!(
            "The plan has another {keys} now; that takes a restart. Everything else of the new plan is running.",
            "계획 파일의 {keys} 값이 바뀌었습니다. 이 값은 재시작해야 적용되며, 나머지는 이미 적용되었습니다."
        );
        let since = self.restart.as_ref().map_or(now, |trouble| trouble.since);
        self.restart = Some(Trouble { since, message });
    }

    /// Whose network is seen, where the plan has a host that is this machine.
    pub(super) fn hosts(&mut self, hosts: &[Arc<Host>], now: Timestamp) {
        let is_asked = hosts.iter().any(|host| host.local);
        let message = is_asked.then(listeners::limits).flatten();
        let since = self.network.as_ref().map_or(now, |trouble| trouble.since);
        self.network = message.map(|message| Trouble { since, message });
    }

    /// What one probe says of the agent itself.
    pub(super) fn observed(&mut self, observation: &Observation, now: Timestamp) {
        self.owners(observation, now);
        if !self.echo(observation, now) {
            self.blind(observation, now);
        }
    }

    /// Echo requests that may not be sent: said once, with the way to permit it, until one may. Says
    /// whether that is why this probe could not look.
    fn echo(&mut self, observation: &Observation, now: Timestamp) -> bool {
        let refused =
            observation.findings.iter().find(|finding| finding.code == Code::IcmpNotPermitted);
        match refused {
            Some(finding) if self.echo.is_none() => {
                let mut message = finding.summary.clone();
                message.en = format!("{}. {}", message.en, finding.remedy.en);
                message.ko = format!("{}. {}", message.ko, finding.remedy.ko);
                self.echo = Some(Trouble { since: now, message });
            }
            None if observation.facts.icmp.is_some() => self.echo = None,
            _ => {}
        }
        refused.is_some()
    }

    /// Probes that could not look, because this machine has run out of something.
    fn blind(&mut self, observation: &Observation, now: Timestamp) {
        let Some(lack) = &observation.facts.blind else {
            if self.blind.is_some() && now.duration_since(self.blind_at) >= BLIND_FOR {
                tracing::info!("probes can look again");
                self.blind = None;
            }
            return;
        };
        self.blind_at = now;
        if self.blind.is_none() {
            tracing::warn!(error = &**lack, "a probe could not look: this machine has run out");
            let message = text!(
                "This machine has run out of something, and probes cannot look: {lack}. What they saw last still stands. See `ulimit -n`, `ss -s` and `free -m`.",
                "이 서버의 자원이 부족해 검사하지 못하고 있습니다: {lack}. 마지막으로 확인한 상태를 그대로 보여 줍니다. `ulimit -n`, `ss -s`, `free -m`을 확인하세요."
            );
            self.blind = Some(Trouble { since: now, message });
        }
    }

    /// Owners of sockets that may not be seen: said once, with the way to grant it.
    fn owners(&mut self, observation: &Observation, now: Timestamp) {
        let hidden = observation
            .facts
            .port
            .as_ref()
            .is_some_and(|port| port.owner_unknown.as_deref() == Some("permission"));
        if hidden && self.owners.is_none() {
            let message = listeners::owners_hidden();
            self.owners = Some(Trouble { since: now, message });
        }
    }
}
