//! What the steps of journeys showed.

use std::fmt::Error;
use std::time::Duration;

use health::facts::{Role, VisitFacts};
use health::{Kind, Severity, Snapshot};
use prometheus_client::encoding::EncodeGaugeValue;

use super::{Out, bounded, labels, looked_at, with};

impl Out<'_> {
    pub(super) fn journeys(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.per_step(
            snapshot,
            "portwarden_journey_step_success",
            "1 when the step was made and nothing worse than a notice was found",
            |step| i64::from(step.is_well),
        )?;
        self.per_step(
            snapshot,
            "portwarden_journey_step_duration_seconds",
            "How long the step took, with its redirects; 0 when it was not made",
            |step| step.took.as_secs_f64(),
        )
    }

    fn per_step<V: EncodeGaugeValue>(
        &mut self,
        snapshot: &Snapshot,
        name: &str,
        help: &str,
        value: impl Fn(&Step<'_>) -> V,
    ) -> Result<(), Error> {
        let mut gauges = self.family(name, help)?;
        let journeys =
            looked_at(snapshot).filter(|(standing, _)| standing.check.kind == Kind::Journey);
        for (standing, last) in journeys {
            for step in steps(&last.facts.visits) {
                let labels = with(labels(standing), [("step", bounded(step.name))]);
                gauges.put(&labels, value(&step))?;
            }
        }
        Ok(())
    }
}

/// One step and the redirects that it was led by.
struct Step<'a> {
    name: &'a str,
    took: Duration,
    is_well: bool,
}

/// The steps by the first way in.
fn steps(visits: &[VisitFacts]) -> Vec<Step<'_>> {
    let first = visits.first().and_then(|visit| visit.way.as_deref());
    let mut steps: Vec<Step<'_>> = Vec::new();
    for visit in visits.iter().filter(|visit| visit.way.as_deref() == first) {
        let is_bad = |code: &health::Code| code.severity() != Severity::Notice;
        let is_well = visit.failure.is_none() && !visit.codes.iter().any(is_bad);
        match (visit.role, steps.last_mut()) {
            (Role::Step, _) => {
                steps.push(Step { name: &visit.name, took: visit.took, is_well });
            }
            (Role::Redirect, Some(step)) => {
                step.took += visit.took;
                step.is_well &= is_well;
            }
            (Role::Redirect | Role::Way | Role::Upstream | Role::Control, _) => {}
        }
    }
    steps
}
