//! Each hop of a way by itself: where its time went and what came back. Only where there was a
//! redirect, or others were asked: of a single request the whole says as much.

use std::sync::Arc;
use std::time::Duration;

use health::Phases;
use health::facts::{HttpFacts, Role, VisitFacts};

use crate::probe::{Sight, Stopwatch};

/// Where the hop that is under way began.
#[derive(Debug, Default)]
pub(super) struct Hops {
    begun: Option<(Duration, Phases)>,
    made: usize,
}

impl Hops {
    /// A redirect that is now followed.
    pub(super) fn followed(&mut self, facts: HttpFacts, watch: &Stopwatch, sight: &mut Sight) {
        self.push(facts, watch, sight);
        self.begun = Some((watch.elapsed(), watch.phases().clone()));
    }

    /// The last hop, if it was not the only one.
    pub(super) fn last(&mut self, facts: &HttpFacts, watch: &Stopwatch, sight: &mut Sight) {
        if self.made > 0 {
            self.push(facts.clone(), watch, sight);
        }
    }

    /// The only request there was, which took so long, where others were asked about it: it stands before
    /// them.
    pub(super) fn only(
        &self,
        facts: &HttpFacts,
        took: Duration,
        watch: &Stopwatch,
        sight: &mut Sight,
    ) {
        if self.made > 0 || sight.facts.visits.is_empty() {
            return;
        }
        let visit = VisitFacts {
            role: Role::Way,
            name: facts.url.clone(),
            way: None,
            begun: Duration::ZERO,
            took,
            phases: watch.phases().clone(),
            address: sight.facts.address,
            failure: None,
            http: Some(Box::new(facts.clone())),
            codes: Vec::new(),
        };
        sight.facts.visits.insert(0, visit);
    }

    fn push(&mut self, facts: HttpFacts, watch: &Stopwatch, sight: &mut Sight) {
        let (begun, before) = self.begun.take().unwrap_or_default();
        let url: Arc<str> = facts.url.clone();
        sight.facts.visits.push(VisitFacts {
            role: if self.made == 0 { Role::Way } else { Role::Redirect },
            name: url,
            way: None,
            begun,
            took: watch.elapsed().saturating_sub(begun),
            phases: watch.phases().since(&before),
            address: sight.facts.address,
            failure: facts.status.is_none().then(|| "no answer".to_owned()),
            http: Some(Box::new(facts)),
            codes: Vec::new(),
        });
        self.made += 1;
    }
}

/// Tells the last hop what only came out after it: how the body begins, and what is wrong.
pub(super) fn conclude(facts: &HttpFacts, sight: &mut Sight) {
    let is_of_the_way =
        |visit: &&mut VisitFacts| matches!(visit.role, Role::Way | Role::Redirect | Role::Step);
    let Some(last) = sight.facts.visits.iter_mut().rfind(is_of_the_way) else { return };
    if let Some(http) = &mut last.http {
        http.excerpt.clone_from(&facts.excerpt);
    }
    if last.codes.is_empty() {
        last.codes = sight.findings.iter().map(|finding| finding.code).collect();
    }
}
