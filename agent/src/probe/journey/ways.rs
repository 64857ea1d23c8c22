//! A journey made by several ways at once, each with cookies of its own: at which hop it breaks.

use std::sync::Arc;

use futures_util::future::{join, join_all};

use super::{Spec, Travelled, travel};
use crate::net::Net;
use crate::probe::http::veil;
use crate::probe::http::ways::{
    Answered, Sameness, Taken, Way, Ways as AnyWays, judge, look_behind_once, mark,
};
use crate::probe::{Sight, Stopwatch};

/// The ways of one journey.
pub type Ways = AnyWays<Spec>;

impl Ways {
    /// The journey by each of these ways.
    pub(crate) fn of_journey(journey: &Spec, ways: &[Way], sameness: Sameness) -> Self {
        Self::made(ways, sameness, |index, way, sameness| {
            let mut spec = journey.clone();
            for step in &mut spec.steps {
                step.http = way.applied(&step.http, sameness);
                look_behind_once(ways, index, &mut step.http);
            }
            spec
        })
    }
}

/// Makes the journey by every way, and judges them together.
pub(super) async fn observe(ways: &Ways, net: &Net, watch: &mut Stopwatch) -> Sight {
    let Some(((outer, spec), inner)) = ways.each.split_first() else { return Sight::default() };
    let besides: Vec<Stopwatch> = inner.iter().map(|_| watch.beside()).collect();
    let others = inner.iter().zip(besides).map(|((way, spec), mut watch)| {
        Box::pin(async move { take(way, spec, net, &mut watch).await })
    });
    let (first, others) = join(Box::pin(take(outer, spec, net, watch)), join_all(others)).await;
    let (mut sight, taken, mut veils) = first;
    let mut all = vec![taken];
    for (other, taken, more) in others {
        sight.facts.visits.extend(other.facts.visits);
        sight.facts.blind = sight.facts.blind.or(other.facts.blind);
        veils.extend(more);
        all.push(taken);
    }
    sight.findings = judge(&all, &ways.sameness);
    veil(&veils, &mut sight);
    sight
}

/// Makes it by one way.
async fn take(
    way: &Way,
    spec: &Spec,
    net: &Net,
    watch: &mut Stopwatch,
) -> (Sight, Taken, Vec<crate::probe::http::Veil>) {
    let Travelled { mut sight, heard, veils } = travel(spec, net, watch).await;
    mark(&mut sight, &way.name);
    let mut answers: Vec<Answered> = Vec::with_capacity(heard.len());
    for (step, heard) in spec.steps.iter().zip(heard) {
        let Some(heard) = heard else { continue };
        // A certificate is the same by every step of a way: it is compared once.
        answers.iter_mut().for_each(|answer| answer.chain = None);
        answers.push(Answered::of(Some(Arc::clone(&step.name)), &step.http, heard, &sight));
    }
    let taken = Taken {
        name: Arc::clone(&way.name),
        address: sight.facts.address,
        findings: std::mem::take(&mut sight.findings),
        answers,
    };
    (sight, taken, veils)
}
