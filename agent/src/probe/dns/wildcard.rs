//! Does a value come from a wildcard? The same servers are asked for a name below the record's own
//! that nobody has: where the record exists no wildcard reaches below it, and where it does not, the
//! wildcard that answers for it answers there too (RFC 4592 §3.3.1).
//!
//! Asked at once where a value is not the planned one, and now and then where it is.

use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use super::Spec;
use super::expectation::Expected;
use super::inquiry::Planned;
use super::question::{Question, Role};
use super::reply::Outcome;
use super::shelf::Shelf;
use super::survey::Survey;
use crate::clock::monotonic;
use crate::net::Net;

/// How long a control is believed at least; up to half of it more, so that the many of one plan
/// do not come together again.
const KEPT: Duration = Duration::from_secs(45 * 60);
/// The same where a wildcard answered: that is told, and must not be told for long when the record
/// has been added.
const FOUND_KEPT: Duration = Duration::from_secs(4 * 60);

/// What a wildcard answers for planned records, by their keys; `None` where no wildcard does.
pub(super) type Controls = Shelf<u64, Option<Outcome>>;

/// Which records are controlled, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Its value is not the planned one.
    Doubt,
    /// It was not controlled for long.
    Turn,
}

/// What each server answers to a name that cannot exist, by the index of the record; only of
/// records where that is to be known.
pub(super) type Found = Vec<(usize, Vec<Option<Outcome>>)>;

/// Finds out what a name that cannot exist is answered with, where that is to be known.
pub(super) async fn control(survey: &Survey, spec: &Spec, net: &Net, deadline: Instant) -> Found {
    let controls = &net.dns.controls;
    let now = monotonic();
    let (mut found, mut due) = (Vec::new(), Vec::new());
    let everywhere = |outcome: &Outcome| vec![Some(outcome.clone()); survey.servers.len()];
    for index in 0..survey.records.len() {
        let record = &survey.records[index].planned;
        let Some(cause) = cause(survey, record) else { continue };
        match controls.recall(&record.key, now).filter(|_| cause == Cause::Turn) {
            None => due.push((index, cause)),
            Some(known) => {
                found.extend(known.iter().map(|outcome| (index, everywhere(outcome))));
            }
        }
    }
    if due.is_empty() {
        return found;
    }
    let label = random_label();
    due.retain(|&(index, _)| survey.records[index].planned.name.prepend_label(&*label).is_ok());
    let questions: Vec<Question> = due
        .iter()
        .filter_map(|&(index, _)| {
            let record = &survey.records[index].planned;
            let name = record.name.prepend_label(&*label).ok()?;
            Some(Question::new(&name, record.record_type))
        })
        .collect();
    let is_asked = |server: usize| {
        survey.servers[server].role == Role::Authoritative
            && survey.replies[server].iter().any(|reply| reply.outcome.is_statement())
    };
    let replies = survey.ask_all(spec, net, &questions, deadline, is_asked).await;
    for (column, &(index, cause)) in due.iter().enumerate() {
        let control: Vec<Option<Outcome>> =
            replies.iter().map(|row| row.get(column).map(|reply| reply.outcome.clone())).collect();
        let record = &survey.records[index].planned;
        let is_answered = control.iter().flatten().any(Outcome::is_statement);
        if cause == Cause::Turn && !is_answered {
            // What was known stands until somebody says otherwise.
            let last = controls.last(&record.key);
            let known = last.as_ref().and_then(|(_, known)| known.as_ref().as_ref());
            found.extend(known.map(|outcome| (index, everywhere(outcome))));
            continue;
        }
        if cause == Cause::Turn {
            let of_wildcard = survey
                .authorities()
                .find(|&server| {
                    control[server].as_ref()
                        == Some(&survey.replies[server][record.question].outcome)
                })
                .and_then(|server| control[server].clone());
            let lasting = if of_wildcard.is_some() { FOUND_KEPT } else { KEPT };
            let lasting = lasting + lasting.mul_f64(0.5 * share(record.key));
            controls.keep(record.key, Arc::new(of_wildcard), now, lasting);
        }
        found.push((index, control));
    }
    found
}

/// Why a record would be controlled, if at all.
fn cause(survey: &Survey, record: &Planned) -> Option<Cause> {
    if record.name.eq_ignore_root(&survey.zone) || record.name.is_wildcard() {
        return None;
    }
    let mut is_there = false;
    for server in survey.authorities() {
        let outcome = &survey.replies[server][record.question].outcome;
        if matches!(outcome, Outcome::Values(_)) {
            if !record.holds(outcome) {
                return Some(Cause::Doubt);
            }
            is_there = true;
        }
    }
    let is_planned = matches!(record.expected, Expected::Exactly(_) | Expected::Contains(_));
    (is_there && is_planned).then_some(Cause::Turn)
}

/// A number from 0 to 1 that is spread evenly over keys.
fn share(key: u64) -> f64 {
    f64::from(u32::try_from(key >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// A label that nobody has in a zone.
pub(super) fn random_label() -> String {
    let mut bytes = [0; 8];
    // Without randomness the label is still one that nobody has.
    let _ = SystemRandom::new().fill(&mut bytes);
    format!("portwarden-{:016x}", u64::from_be_bytes(bytes))
}
