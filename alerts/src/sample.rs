//! A message about an incident that is made up, to see what one looks like where it arrives.

use std::collections::BTreeMap;
use std::sync::Arc;

use health::{Code, Event, Finding, Incident, Kind, Severity, StandingFinding, State};
use jiff::{SignedDuration, Timestamp};

use crate::{Notification, Policy, payload, retry};

/// How long the made-up incident lasts.
const LASTS: SignedDuration = SignedDuration::from_mins(12);

impl Notification {
    /// A message that says this of a made-up incident, and that it is one. Its id is the same in all of
    /// them, so that `resolved` closes what `opened` began.
    #[must_use]
    pub fn sample(policy: &Policy, receiver: &str, event: Event, now: Timestamp) -> Self {
        let language = policy.receiver(receiver).map(|known| known.language).unwrap_or_default();
        let incident = incident(event, now);
        Self {
            incident: Arc::clone(&incident.id),
            event,
            body: payload::incident(policy, language, &incident, event).into(),
            expires_at: retry::expires_at(now),
            ..Self::test(policy, receiver, now)
        }
    }
}

fn incident(event: Event, now: Timestamp) -> Incident {
    let began = now.saturating_sub(LASTS).unwrap_or(now);
    let over = event == Event::Resolved;
    let opened_at = if event == Event::Opened { now } else { began };
    let finding = Finding::new(
        Code::TcpRefused,
        "127.0.0.1:3011",
        health::text!(
            "this is a sample, nothing is wrong: 127.0.0.1:3011 refuses connections",
            "예시 알림이며 실제 문제가 아닙니다: 127.0.0.1:3011에서 연결을 거부합니다"
        ),
        health::text!(
            "Nothing is to be done. Of a real one, the next step stands here: `ss -ltnp 'sport = :3011'`.",
            "하실 일은 없습니다. 실제 알림에는 다음에 할 일이 여기에 나옵니다: `ss -ltnp 'sport = :3011'`."
        ),
    )
    .evidence("expected", "a connection")
    .evidence("got", "connection refused");
    Incident {
        id: "sample".into(),
        check: "sample".into(),
        kind: Kind::Tcp,
        instance: "127.0.0.1:3011".into(),
        host: None,
        severity: Severity::Critical,
        state: if over { State::Up } else { State::Down },
        opened_at,
        updated_at: now,
        resolved_at: over.then_some(now),
        findings: vec![StandingFinding {
            finding: Arc::new(finding),
            since: opened_at,
            confirmed: true,
            explained_by: None,
        }],
        explained_by: None,
        waits_until: None,
        consequences: Vec::new(),
        labels: BTreeMap::new(),
        flapping: None,
        acknowledged: None,
    }
}
