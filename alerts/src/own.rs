//! Incidents of the agent's own: a receiver that messages do not reach is told to the others. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use health::{Code, Incident};
use jiff::Timestamp;

use crate::policy::Routing;
use crate::{Engine, Policy};

impl Policy {
    /// Whom an incident goes to at this moment. That messages to somebody do not arrive is told to anybody
    /// else whom messages reach: where the routes name nobody of them, to all.
    pub(crate) fn routing(&self, incident: &Incident, now: Timestamp) -> Routing {
        let routing = self.routing_by_plan(incident, now);
        let Some(subject) = unreached(incident) else { return routing };
        let may_be_told = |name: &Arc<str>| **name != *subject && !self.failing.contains(name);
        if let Routing::To { receivers, route } = routing {
            let receivers: Vec<Arc<str>> = receivers.into_iter().filter(may_be_told).collect();
            if !receivers.is_empty() {
                return Routing::To { receivers, route };
            }
        }
        let all = self.receivers.iter().map(|receiver| Arc::from(receiver.name.as_str()));
        let receivers: Vec<Arc<str>> = all.filter(may_be_told).collect();
        if receivers.is_empty() { Routing::Nobody } else { Routing::To { receivers, route: None } }
    }
}

impl Engine {
    /// Takes in which receivers messages do not reach now.
    pub fn note_failing(&mut self, receivers: BTreeSet<Arc<str>>) {
        self.policy.failing = receivers;
    }
}

/// The receiver that an incident says is not reached.
fn unreached(incident: &Incident) -> Option<&str> {
    let standing = incident.findings.first()?;
    (standing.finding.code == Code::AgentReceiver).then_some(&*standing.finding.subject)
}

#[cfg(test)]
mod tests {
    use health::{
        Check, Finding, Kind, Severity, StandingFinding, State, Text, Timing, Transition,
    };

    use super::*;
    use crate::{Channel, Receiver, Route, Webhook};

    fn told(routes: &[&[&str]], failing: &[&str]) -> Vec<String> {
        let receiver = |name: &str| {
            let webhook = Webhook { url: "http://127.0.0.1/".to_owned(), secret: None };
            Arc::new(Receiver::new(name, Channel::Webhook(webhook)))
        };
        let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let policy = Policy {
            receivers: ["ops", "boss", "chat"].map(receiver).into(),
            routes: routes
                .iter()
                .map(|to| Route { receivers: named(to), ..Route::default() })
                .collect(),
            failing: failing.iter().map(|&name| name.into()).collect(),
            ..Policy::default()
        };
        let check = Check {
            name: "receiver ops".into(),
            kind: Kind::Agent,
            instance: "webhook".into(),
            host: None,
            timing: Timing::Every(std::time::Duration::from_secs(60)),
            timeout: std::time::Duration::from_secs(10),
            thresholds: health::Thresholds::default(),
            depends_on: Vec::new(),
            labels: std::collections::BTreeMap::new(),
        };
        let text = || Text::same("");
        let finding = Finding::new(Code::AgentReceiver, "ops", text(), text());
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let standing = StandingFinding {
            finding: Arc::new(finding.severity(Severity::Warning)),
            since: now,
            confirmed: true,
            explained_by: None,
        };
        let opened = Transition::Opened(vec![standing]);
        let step = Engine::new(policy).advance(&check, State::Degraded, &opened, None, now);
        step.notifications.iter().map(|one| one.receiver.to_string()).collect()
    }

    #[test]
    fn others_are_told_of_a_receiver_that_messages_do_not_reach() {
        let none: [&str; 0] = [];
        assert_eq!(told(&[], &["ops"]), ["boss", "chat"]);
        assert_eq!(told(&[&["ops", "chat"]], &["ops"]), ["chat"]);
        assert_eq!(told(&[&["ops"]], &["ops"]), ["boss", "chat"]);
        // Who is not reached either is told nothing, and where nobody is, nothing is written.
        assert_eq!(told(&[], &["ops", "boss"]), ["chat"]);
        assert_eq!(told(&[&["ops", "chat"]], &["ops", "chat"]), ["boss"]);
        assert_eq!(told(&[], &["ops", "boss", "chat"]), none);
    }
}
