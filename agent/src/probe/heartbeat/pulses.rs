//! What all jobs have said, as the agent remembers it from call to call. The one thing that the
//! server writes and the loop reads. Deliberately absent: clocks, and the file it is kept in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use health::facts::CallFacts;
use jiff::{SignedDuration, Timestamp};

use super::{Away, Pulse, Spec, Terms, Token, judge};

/// The loop turns far more often: a longer silence of the clock was a suspended machine.
const ASLEEP: SignedDuration = SignedDuration::from_secs(60);

/// What all jobs have said.
#[derive(Debug, Default)]
pub struct Pulses {
    inner: Mutex<Inner>,
    /// There are jobs to be heard.
    is_used: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Arc<str>, Known>,
    /// Jobs that have left the plan, to be forgotten in the file too.
    gone: Vec<Arc<str>>,
    alive_at: Option<Timestamp>,
    away: Option<Away>,
}

#[derive(Debug)]
struct Known {
    terms: Arc<Terms>,
    pulse: Pulse,
    /// Not written down yet.
    is_news: bool,
    /// When somebody last called without the right token.
    refused_at: Option<Timestamp>,
}

/// What is known of one job.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Its calls.
    pub pulse: Pulse,
    /// When somebody last called in its name without the right token.
    pub refused_at: Option<Timestamp>,
    /// When the agent was last away.
    pub away: Option<Away>,
}

/// Why a call does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deaf {
    /// The plan has no such job.
    Unknown,
    /// It did not bring the job's token along.
    Token,
}

impl Pulses {
    /// Takes the jobs of a plan: those that are still there keep what they said.
    pub fn adopt<'a>(&self, jobs: impl Iterator<Item = &'a Spec>, now: Timestamp) {
        let mut inner = self.inner();
        let mut before = std::mem::take(&mut inner.known);
        for spec in jobs {
            let known = before.remove(&spec.name).map_or_else(
                || {
                    let pulse = Pulse::new(&spec.terms.rhythm.written, now);
                    Known { terms: spec.terms.clone(), pulse, is_news: true, refused_at: None }
                },
                |known| Known { terms: spec.terms.clone(), ..known },
            );
            inner.known.insert(spec.name.clone(), known.expected(now));
        }
        inner.gone.extend(before.into_keys());
        inner.alive_at.get_or_insert(now);
        self.note_use(&inner);
    }

    /// Believes what was written down before this agent started, and when it was last alive.
    pub fn recall(
        &self,
        stored: HashMap<Arc<str>, Pulse>,
        alive_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        let mut inner = self.inner();
        for (name, pulse) in stored {
            match inner.known.get_mut(&name) {
                Some(known) => {
                    let recalled = Known {
                        terms: known.terms.clone(),
                        pulse,
                        is_news: false,
                        refused_at: None,
                    };
                    *known = recalled.expected(now);
                }
                None => inner.gone.push(name),
            }
        }
        if let Some(from) = alive_at.filter(|from| *from < now) {
            inner.was_away(Away { from, until: now });
        }
        self.note_use(&inner);
    }

    /// Whether there is anybody to hear, or to be forgotten.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// A sign of life. A long time since the last one was a machine that slept, and heard no calls.
    pub fn alive(&self, now: Timestamp) {
        let mut inner = self.inner();
        let before = inner.alive_at.replace(now);
        if let Some(from) = before
            && now.duration_since(from) > ASLEEP
        {
            inner.was_away(Away { from, until: now });
        }
    }

    /// The job that a call means, where the call may speak for it. A blank in a name may be called `-`,
    /// because `%` means something else in a crontab.
    ///
    /// # Errors
    /// Why the call does not count.
    pub fn admit(
        &self,
        called: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<str>, Deaf> {
        let mut inner = self.inner();
        let exact = inner.known.get_key_value(called).map(|(name, _)| name.clone());
        let name = exact
            .or_else(|| inner.known.keys().find(|name| name.replace(' ', "-") == called).cloned());
        let name = name.ok_or(Deaf::Unknown)?;
        let Some(known) = inner.known.get_mut(&name) else { return Err(Deaf::Unknown) };
        if let Some(wanted) = &known.terms.token
            && token.map(Token::new).as_ref() != Some(wanted)
        {
            known.refused_at = Some(now);
            return Err(Deaf::Token);
        }
        Ok(name)
    }

    /// Takes in a call that was admitted.
    pub fn take(&self, name: &str, call: CallFacts) {
        if let Some(known) = self.inner().known.get_mut(name) {
            known.pulse.take(call);
            known.is_news = true;
            known.refused_at = None;
        }
    }

    /// What is known of one job.
    #[must_use]
    pub fn heard(&self, name: &str) -> Option<Heard> {
        let inner = self.inner();
        let known = inner.known.get(name)?;
        let (pulse, refused_at) = (known.pulse.clone(), known.refused_at);
        Some(Heard { pulse, refused_at, away: inner.away })
    }

    /// What is to be written down, each once; `None`: to be forgotten.
    #[must_use]
    pub fn take_news(&self) -> Vec<(Arc<str>, Option<Pulse>)> {
        let mut inner = self.inner();
        let gone: Vec<_> = inner.gone.drain(..).map(|name| (name, None)).collect();
        let news = inner.known.iter_mut().filter_map(|(name, known)| {
            std::mem::take(&mut known.is_news).then(|| (name.clone(), Some(known.pulse.clone())))
        });
        let all = gone.into_iter().chain(news).collect();
        self.note_use(&inner);
        all
    }

    fn note_use(&self, inner: &Inner) {
        let is_used = !inner.known.is_empty() || !inner.gone.is_empty();
        self.is_used.store(is_used, Ordering::Relaxed);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn was_away(&mut self, away: Away) {
        for known in self.known.values_mut() {
            if judge::is_excused(&known.terms, &known.pulse, away) {
                known.pulse.excused_until = Some(away.until);
                known.is_news = true;
            }
        }
        self.away = Some(away);
    }
}

impl Known {
    /// Another rhythm is counted from now on: nobody had promised it before.
    fn expected(mut self, now: Timestamp) -> Self {
        if *self.terms.rhythm.written != *self.pulse.rhythm {
            self.pulse.rhythm = self.terms.rhythm.written.to_string();
            self.pulse.expected_since = now;
            self.is_news = true;
        }
        self
    }
}
