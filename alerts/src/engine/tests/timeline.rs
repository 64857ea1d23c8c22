//! A language for timelines: what happens at which minute, and between which minutes what is wanted.
//!
//! ```text
//! bad 1          the check `a` goes bad at minute 1     worse, eased, well: as they say
//! want 2..2.5    between these minutes exactly these messages, in this order
//! ```
//! Whatever is said outside of every wanted span is a mistake too. After each happening, and whenever
//! something is due, the engine is also thrown away and resumed from what was written down: every
//! timeline is a restart test.

use super::*;
use jiff::SignedDuration;

/// Minutes, as floating as a timeline reads best.
fn minute(minutes: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a test")]
    let milliseconds = (minutes * 60_000.0).round() as i64;
    crate::retry::later(at(0), SignedDuration::from_millis(milliseconds))
}

#[derive(Clone, Copy, PartialEq)]
enum Killing {
    Never,
    /// After every step, and before every wake.
    Always,
}

struct Timeline {
    engine: Engine,
    ledger: Ledger,
    killing: Killing,
    now: Timestamp,
    states: BTreeMap<String, (State, Severity)>,
    said: Vec<(Timestamp, String)>,
    labels: BTreeMap<Arc<str>, Arc<str>>,
    complete: Vec<Gathered>,
}

impl Timeline {
    fn new(policy: Policy, killing: Killing) -> Self {
        Self {
            engine: Engine::new(policy),
            ledger: Ledger::default(),
            killing,
            now: at(0),
            states: BTreeMap::new(),
            said: Vec::new(),
            labels: BTreeMap::new(),
            complete: Vec::new(),
        }
    }

    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            for message in &step.notifications {
                let body: Value = serde_json::from_str(&message.body).unwrap();
                let check = body["check"].as_str().unwrap();
                let said = format!("{} {check} {}", message.receiver, message.event.label());
                self.said.push((message.created_at, said));
            }
            self.ledger.commit(&step);
            self.complete.extend(step.complete);
        }
        self.restart();
    }

    fn restart(&mut self) {
        if self.killing == Killing::Always {
            self.engine = self.ledger.resumed(self.engine.policy.clone());
        }
    }

    /// Lets time pass, waking exactly when the engine asks for it.
    fn until(&mut self, moment: Timestamp) {
        for _ in 0..10_000 {
            let Some(due) = self.engine.next_due().filter(|due| *due <= moment) else {
                self.now = moment;
                return;
            };
            self.now = due.max(self.now);
            let steps = self.engine.due(self.now);
            self.take(steps);
            if self.killing == Killing::Always {
                // What a restart looks at again says nothing new.
                let again = self.engine.due(self.now);
                assert!(again.iter().all(|step| step.notifications.is_empty()), "{again:#?}");
                assert!(again.iter().all(|step| step.decisions.is_empty()), "{again:#?}");
            }
            assert!(self.engine.next_due().is_none_or(|due| due > self.now), "due for ever");
        }
        panic!("woken too often");
    }

    fn goes(&mut self, minutes: f64, name: &str, state: State, severity: Severity) -> &mut Self {
        let now = minute(minutes);
        self.until(now);
        let known = self.states.insert(name.to_owned(), (state, severity));
        let transition = match (known.map(|(state, _)| state), state) {
            (_, State::Up) => Transition::Resolved,
            (Some(State::Down | State::Degraded), _) => {
                Transition::Updated(vec![standing("a", severity)])
            }
            _ => Transition::Opened(vec![standing("a", severity)]),
        };
        self.ledger.turns.push((name.into(), now, state));
        let check = Check { labels: self.labels.clone(), ..check(name) };
        let step = self.engine.advance(&check, state, &transition, None, now);
        self.take(vec![step]);
        self.until(now);
        self
    }

    fn bad(&mut self, minutes: f64, name: &str) -> &mut Self {
        self.goes(minutes, name, State::Down, CRITICAL)
    }

    fn warned(&mut self, minutes: f64, name: &str) -> &mut Self {
        self.goes(minutes, name, State::Degraded, WARNING)
    }

    fn well(&mut self, minutes: f64, name: &str) -> &mut Self {
        self.goes(minutes, name, State::Up, Severity::Notice)
    }

    fn silence(&mut self, minutes: f64, about: Matcher, until: f64) -> &mut Self {
        let now = minute(minutes);
        self.until(now);
        let silence = Silence {
            id: "s1".into(),
            about,
            starts_at: now,
            ends_at: minute(until),
            author: "kim".into(),
            reason: "disk swap".into(),
            created_at: now,
        };
        self.ledger.silences.insert("s1".into(), silence.clone());
        self.engine.silence(silence);
        self.until(now);
        self
    }

    fn end_silence(&mut self, minutes: f64) -> &mut Self {
        let now = minute(minutes);
        self.until(now);
        let ended = self.engine.end_silence("s1", now).unwrap();
        self.ledger.silences.insert("s1".into(), ended);
        self.until(now);
        self
    }

    fn acknowledged(&mut self, minutes: f64, name: &str, author: Option<&str>) -> &mut Self {
        let now = minute(minutes);
        self.until(now);
        let id = Arc::clone(&self.engine.incident_of(name).unwrap().id);
        let acknowledgement =
            author.map(|author| Acknowledgement { author: author.into(), at: now, note: None });
        let step = self.engine.acknowledge(&id, acknowledgement, now).unwrap();
        self.take(vec![step]);
        self.until(now);
        self
    }

    fn reload(&mut self, minutes: f64, policy: Policy) -> &mut Self {
        let now = minute(minutes);
        self.until(now);
        self.engine.replace_policy(policy);
        self.restart();
        self.until(now);
        self
    }

    /// Between these minutes exactly these messages come, and up to the first of them none.
    fn want(&mut self, from: f64, until: f64, wanted: &[&str]) -> &mut Self {
        self.until(minute(until));
        let said = std::mem::take(&mut self.said);
        for (moment, message) in &said {
            assert!(*moment >= minute(from), "{message} at {moment}, before minute {from}");
        }
        let said: Vec<String> = said.into_iter().map(|(_, message)| message).collect();
        assert_eq!(said, wanted, "between minutes {from} and {until}");
        self
    }

    fn quiet(&mut self, until: f64) -> &mut Self {
        self.want(until, until, &[])
    }

    /// Why nobody, or somebody, was told: everything decided about this receiver, in order.
    fn whys(&self, receiver: Option<&str>) -> Vec<String> {
        let decisions = self.ledger.decisions.iter().map(|(_, decision)| decision);
        let mine = decisions.filter(|decision| decision.receiver.as_deref() == receiver);
        mine.map(|decision| format!("{} {}", decision.event.label(), name(&decision.why))).collect()
    }
}

fn name(why: &Why) -> String {
    match why {
        Why::Released { held } => format!("released from {}", name(held)),
        Why::OverBefore { held } => format!("over before {}", name(held)),
        Why::Escalated { after_seconds } => format!("escalated after {after_seconds}"),
        Why::Maintenance { name, .. } => format!("maintenance {name}"),
        Why::Silenced { author, .. } => format!("silenced by {author}"),
        Why::Acknowledged { author } => format!("acknowledged by {author}"),
        Why::Routed { route } => format!("routed {}", route.unwrap_or(0)),
        Why::Reminds { nth } => format!("reminds {nth}"),
        other => {
            let json = serde_json::to_value(other).unwrap();
            json["because"].as_str().unwrap().to_owned()
        }
    }
}

/// Plays a timeline twice: in one piece, and killed after everything that happens.
fn play(policy: &Policy, timeline: impl Fn(&mut Timeline)) {
    let mut decided = Vec::new();
    for killing in [Killing::Never, Killing::Always] {
        let mut played = Timeline::new(policy.clone(), killing);
        timeline(&mut played);
        decided.push(played.ledger.decisions);
    }
    assert_eq!(decided[0], decided[1], "a restart decides otherwise");
}

fn ops() -> Policy {
    policy(&["ops"], &[])
}

fn about(check: &str) -> Matcher {
    Matcher { check: vec![check.into()], ..Matcher::default() }
}

fn maintained(policy: Policy, about: Matcher, from: f64, until: f64) -> Policy {
    let window = crate::Window::Once { from: minute(from), until: minute(until) };
    let maintenance = vec![crate::Maintenance { name: "nightly".into(), about, window }];
    Policy { maintenance, ..policy }
}

mod flapping;
mod holds;
mod many;
mod routes;
