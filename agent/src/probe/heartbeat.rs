//! A job that reports by itself: what it said last, held against when it has to say it.
//!
//! A probe connects to nobody. Calls come in by the agent's own server and are kept in [`Pulses`];
//! looking is a matter of the clock. Deliberately absent: starting or stopping the job.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use health::facts::{CallFacts, HeartbeatFacts};
use health::{Code, Facts, Finding, Observation, Phases, Severity, text};
use jiff::Timestamp;
use ring::digest::{SHA256, digest};

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod judge;
mod pulse;
mod pulses;
mod rhythm;
mod said;
#[cfg(test)]
mod tests;
mod wording;

pub use pulse::Pulse;
pub use pulses::{Deaf, Heard, Pulses};
pub use rhythm::Rhythm;
pub(crate) use said::{KEPT_BYTES, tail};

use super::{Sight, Stopwatch};
use crate::net::Net;

/// `[[heartbeat]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The check's name, by which calls are kept.
    pub name: Arc<str>,
    /// What the job calls.
    pub url: String,
    /// A `curl` command that does; a token is left to a variable or a file.
    pub by_hand: String,
    /// When it has to call.
    pub terms: Arc<Terms>,
}

/// When a job has to call, and what it has to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// How often it is due.
    pub rhythm: Rhythm,
    /// How long after that it may come.
    pub grace: Duration,
    /// How long it may run, where it says when it begins.
    pub runs_within: Duration,
    /// What every call has to bring along.
    pub token: Option<Token>,
}

/// A token as its digest, so that comparing it tells nobody how much of a guess was right.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// Of the text that the variable or the file holds.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The agent was not there to hear calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// Its last sign of life.
    pub from: Timestamp,
    /// When it was back.
    pub until: Timestamp,
}

/// Runs one probe.
pub fn observe(spec: &Spec, net: &Net, _watch: &mut Stopwatch) -> Sight {
    look(spec, &net.heartbeats, crate::clock::now())
}

/// What a probe would see at this moment; takes no time.
pub(crate) fn observation(spec: &Spec, pulses: &Pulses, now: Timestamp) -> Observation {
    let Sight { facts, findings } = look(spec, pulses, now);
    Observation { at: now, duration: Duration::ZERO, phases: Phases::default(), facts, findings }
}

fn look(spec: &Spec, pulses: &Pulses, now: Timestamp) -> Sight {
    let Some(heard) = pulses.heard(&spec.name) else {
        return Sight { facts: Facts::default(), findings: vec![unheard(spec)] };
    };
    let deadline = judge::deadline(&spec.terms, &heard.pulse, heard.away);
    let findings = judge::judge(spec, &heard, deadline, now);
    let calls: Vec<CallFacts> = heard.pulse.calls.iter().rev().cloned().collect();
    let facts = HeartbeatFacts {
        url: spec.url.clone(),
        by_hand: spec.by_hand.clone(),
        rhythm: spec.terms.rhythm.written.to_string(),
        grace_seconds: spec.terms.grace.as_secs_f64(),
        due: deadline.map(|deadline| deadline.due),
        missed_at: deadline.map(|deadline| deadline.missed_at),
        running_since: heard.pulse.running_since(),
        took_seconds: heard.pulse.took_seconds,
        succeeded_at: heard.pulse.succeeded_at,
        calls,
    };
    Sight { facts: Facts { heartbeat: Some(Box::new(facts)), ..Facts::default() }, findings }
}

/// Who looks once hears nobody.
fn unheard(spec: &Spec) -> Finding {
    let name = &spec.name;
    Finding::new(
        Code::HeartbeatMissed,
        &**name,
        text!(
            "whether {name} has reported cannot be told here: calls are heard by the running agent alone",
            "{name}의 보고 여부는 여기서 알 수 없습니다. 호출은 실행 중인 에이전트만 받습니다"
        ),
        text!(
            "Ask the running agent: its page, or `curl -s http://ADDRESS/api/v1/checks` with the address of `agent.listen`.",
            "실행 중인 에이전트에서 확인하세요: 대시보드 또는 `curl -s http://주소/api/v1/checks` (주소는 `agent.listen`)."
        ),
    )
    .severity(Severity::Notice)
}
