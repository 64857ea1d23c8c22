//! One message to one receiver, written once and never changed.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::Arc;

use health::{Event, Incident};
use jiff::Timestamp;
use ring::digest;

use crate::{Policy, payload, retry};

/// One message to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Unique and stable: the `webhook-id` of every attempt.
    pub id: Arc<str>,
    /// The incident's id; `test` for a test.
    pub incident: Arc<str>,
    /// Name of the receiver.
    pub receiver: Arc<str>,
    /// What it says.
    pub event: Event,
    /// The exact JSON that is sent and signed.
    pub body: Arc<str>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When the last attempt is made.
    pub expires_at: Timestamp,
    /// When the first attempt is made: later than `created_at` where others are waited for.
    pub due_at: Timestamp,
    /// What it belongs together with; `None`: it goes alone.
    pub thread: Option<Arc<str>>,
}

/// What goes out as one message: one notification, or several of one receiver that say the same of
/// incidents that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The same for every attempt, over restarts: the `webhook-id`. That of its notification where it
    /// is one.
    pub id: Arc<str>,
    /// What it says.
    pub event: Event,
    /// At least one, the worst first, and then in the order in which they were decided.
    pub notifications: Vec<Notification>,
}

impl Bundle {
    /// A notification that goes alone.
    #[must_use]
    pub fn of(notification: Notification) -> Self {
        Self {
            id: Arc::clone(&notification.id),
            event: notification.event,
            notifications: vec![notification],
        }
    }

    /// Notifications that go out under one id; given in the order in which they were decided.
    #[must_use]
    pub fn joined(id: Arc<str>, mut notifications: Vec<Notification>) -> Self {
        let event = notifications.first().map_or(Event::Updated, |first| first.event);
        if notifications.len() > 1 {
            notifications.sort_by_cached_key(|one| Reverse(payload::severity(&one.body)));
        }
        Self { id, event, notifications }
    }

    /// The JSON that programs are sent: the body of its first notification, and with it, where there
    /// are any, `others`: those of all that follow.
    #[must_use]
    pub fn body(&self) -> String {
        let Some((first, others)) = self.notifications.split_first() else { return String::new() };
        match first.body.strip_suffix('}') {
            Some(open) if !others.is_empty() => {
                let others: Vec<&str> = others.iter().map(|one| &*one.body).collect();
                format!("{open},\"others\":[{}]}}", others.join(","))
            }
            _ => first.body.to_string(),
        }
    }

    /// The notification that it begins with.
    #[must_use]
    pub fn first(&self) -> Option<&Notification> {
        self.notifications.first()
    }
}

impl Notification {
    /// A message that is no incident, to see whether messages arrive.
    #[must_use]
    pub fn test(policy: &Policy, receiver: &str, now: Timestamp) -> Self {
        let id = message_id(&[&policy.agent, receiver, "test", &now.as_nanosecond().to_string()]);
        Self {
            id,
            incident: "test".into(),
            receiver: receiver.into(),
            event: Event::Test,
            body: payload::test(policy).into(),
            created_at: now,
            expires_at: retry::expires_at(now),
            due_at: now,
            thread: None,
        }
    }

    /// The `number`th message about an incident. The id follows from whom it tells about what, so
    /// that an engine that decides the same again after a crash repeats it instead of inventing one.
    pub(crate) fn new(
        policy: &Policy,
        incident: &Incident,
        receiver: &Arc<str>,
        event: Event,
        number: u32,
        now: Timestamp,
    ) -> Self {
        let language = policy.receiver(receiver).map(|known| known.language).unwrap_or_default();
        Self {
            id: message_id(&[&incident.id, receiver, &number.to_string()]),
            incident: Arc::clone(&incident.id),
            receiver: Arc::clone(receiver),
            event,
            body: payload::incident(policy, language, incident, event).into(),
            created_at: now,
            expires_at: retry::expires_at(now),
            due_at: now,
            thread: None,
        }
    }
}

/// The id of an incident: when it opened, for people, and a hash of what makes it unique. `nth` tells
/// apart incidents of one check that opened at the very same nanosecond.
pub(crate) fn incident_id(agent: &str, check: &str, opened_at: Timestamp, nth: u32) -> Arc<str> {
    let parts = [agent, check, &opened_at.as_nanosecond().to_string(), &nth.to_string()];
    format!("{}-{}", opened_at.strftime("%Y%m%d-%H%M%S"), &hash(&parts)[..12]).into()
}

/// The id of what goes out as one message: it follows from what does.
pub(crate) fn bundle_id(members: &[Arc<str>]) -> Arc<str> {
    let parts: Vec<&str> = members.iter().map(|id| &**id).collect();
    message_id(&parts)
}

/// What messages about one time of absence are filed under.
pub(crate) fn missed_id(from: Timestamp) -> Arc<str> {
    format!("missed-{}", from.strftime("%Y%m%d-%H%M%S")).into()
}

pub(crate) fn message_id(parts: &[&str]) -> Arc<str> {
    format!("msg_{}", &hash(parts)[..32]).into()
}

fn hash(parts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    context.finish().as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
