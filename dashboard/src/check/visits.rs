//! The requests of one probe as a waterfall: who was asked when, and where the time went.

use std::time::Duration;

use health::Phase;
use health::facts::VisitFacts;
use health::snapshot::Last;

use crate::amount;
use crate::chart::{self, Stretch};
use crate::words::Words;

/// Requests drawn on one page.
const DRAWN: usize = 100;

/// One request of the waterfall.
pub(crate) struct Visit<'a> {
    pub(crate) visit: &'a VisitFacts,
    pub(crate) stretches: Vec<Stretch>,
    /// `up`, `down`, or `unknown` of one that was not made.
    pub(crate) state: &'static str,
    /// `GET https://shop.example/login`, where that is known.
    pub(crate) asked: Option<String>,
    pub(crate) took: Option<String>,
    /// The phases in words, for whoever cannot see the picture.
    pub(crate) told: String,
}

/// All requests of one probe.
pub(crate) struct Waterfall<'a> {
    pub(crate) visits: Vec<Visit<'a>>,
    /// How many more there were.
    pub(crate) left: usize,
    /// The phases that are drawn, for the legend.
    pub(crate) phases: Vec<Phase>,
}

/// `None` of a probe that made a single request: its phases say as much.
pub(crate) fn waterfall(last: &Last, t: Words) -> Option<Waterfall<'_>> {
    let all = &last.facts.visits;
    let end = all.iter().map(|visit| visit.begun + visit.took).max()?;
    let whole = end.max(last.duration);
    let drawn = &all[..all.len().min(DRAWN)];
    let mut phases: Vec<Phase> = Vec::new();
    for (phase, _) in drawn.iter().flat_map(|visit| visit.phases.iter()) {
        if !phases.contains(&phase) {
            phases.push(phase);
        }
    }
    phases.sort_unstable();
    let visits = drawn.iter().map(|visit| one(visit, whole, t)).collect();
    Some(Waterfall { visits, left: all.len() - drawn.len(), phases })
}

fn one<'a>(visit: &'a VisitFacts, whole: Duration, t: Words) -> Visit<'a> {
    let was_made = visit.http.is_some() || !visit.took.is_zero();
    let answered = visit.http.as_ref().is_some_and(|http| http.status.is_some());
    let state = match () {
        () if !was_made => "unknown",
        () if !visit.codes.is_empty() || visit.failure.is_some() && !answered => "down",
        () => "up",
    };
    let told: Vec<String> = visit
        .phases
        .iter()
        .map(|(phase, took)| format!("{} {}", t.phase_of(phase), amount::took(took)))
        .collect();
    Visit {
        visit,
        stretches: if was_made {
            chart::stretches(&visit.phases, visit.begun, whole)
        } else {
            Vec::new()
        },
        state,
        asked: visit.http.as_ref().map(|http| {
            let method = http.request.as_ref().map_or("", |request| &*request.method);
            format!("{method} {}", http.url).trim().to_owned()
        }),
        took: was_made.then(|| amount::took(visit.took)),
        told: told.join(", "),
    }
}

impl Visit<'_> {
    /// The name says the address already.
    pub(crate) fn is_named_so(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.ends_with(&*self.visit.name))
    }
}

#[cfg(test)]
mod tests {
    use health::facts::{HttpFacts, Role};
    use health::{Code, Facts, Language, Phases};
    use jiff::Timestamp;

    use super::*;

    fn visit(begun: u64, took: u64) -> VisitFacts {
        let mut phases = Phases::default();
        phases.add(Phase::Processing, Duration::from_millis(took));
        VisitFacts {
            role: Role::Step,
            name: "step".into(),
            way: None,
            begun: Duration::from_millis(begun),
            took: Duration::from_millis(took),
            phases,
            address: None,
            http: Some(Box::new(HttpFacts { status: Some(200), ..HttpFacts::default() })),
            codes: Vec::new(),
            failure: None,
        }
    }

    fn last(visits: Vec<VisitFacts>) -> Last {
        Last {
            at: Timestamp::UNIX_EPOCH,
            duration: Duration::from_millis(100),
            phases: Phases::default(),
            facts: Facts { visits, ..Facts::default() },
            findings: Vec::new(),
            success: true,
        }
    }

    #[test]
    fn each_begins_where_it_began_and_none_leaves_the_box() {
        let seen = last(vec![visit(0, 25), visit(25, 25), visit(90, 30)]);
        let drawn = waterfall(&seen, Words(Language::En)).unwrap();
        let at: Vec<(&str, &str)> = drawn
            .visits
            .iter()
            .flat_map(|it| &it.stretches)
            .map(|it| (&*it.x, &*it.width))
            .collect();
        assert_eq!(at, [("0.00%", "20.83%"), ("20.83%", "20.83%"), ("75.00%", "25.00%")]);
        assert_eq!(drawn.phases, [Phase::Processing]);
        assert!(waterfall(&last(Vec::new()), Words(Language::En)).is_none());
    }

    #[test]
    fn what_was_not_made_is_neither_good_nor_bad() {
        let mut bad = visit(0, 10);
        bad.codes = vec![Code::HttpStatus];
        let mut silent = visit(10, 10);
        (silent.http, silent.failure) = (None, Some("refused".to_owned()));
        let mut unmade = visit(0, 0);
        (unmade.http, unmade.failure) = (None, Some("not made".to_owned()));
        let seen = last(vec![visit(0, 1), bad, silent, unmade]);
        let drawn = waterfall(&seen, Words(Language::En)).unwrap();
        let states: Vec<&str> = drawn.visits.iter().map(|it| it.state).collect();
        assert_eq!(states, ["up", "down", "down", "unknown"]);
        assert!(drawn.visits[3].stretches.is_empty() && drawn.visits[3].took.is_none());
    }

    #[test]
    fn very_many_requests_are_counted_and_not_drawn() {
        let seen = last((0..150).map(|n| visit(n, 1)).collect());
        let drawn = waterfall(&seen, Words(Language::En)).unwrap();
        assert_eq!((drawn.visits.len(), drawn.left), (100, 50));
    }
}
