//! `once`: checks run once, now, with progress.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use futures_util::StreamExt;
use futures_util::stream;
use health::snapshot::{CheckStanding, Last};
use health::{Claim, Language, Observation, PortKey, Severity, State, Thresholds, Track};

use super::{Format, Outcome, paint};
use crate::net::Net;
use crate::plan::Plan;
use crate::probe;

/// So many names are listed when one is not known.
const MOST_NAMES: usize = 50;

/// `once`
#[derive(Debug, Args)]
pub struct Once {
    /// Only these checks; default: all.
    pub names: Vec<String>,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What one check saw.
pub(super) struct Seen {
    pub(super) frame: Arc<health::Check>,
    pub(super) observation: Observation,
    /// The port, for a claim or an undeclared listener.
    pub(super) port: Option<PortKey>,
    /// The claim.
    pub(super) claim: Option<Arc<Claim>>,
}

pub(super) fn execute(once: &Once, config: &Path, language: Language) -> anyhow::Result<Outcome> {
    let Some(plan) = super::load(config) else { return Ok(Outcome::Failed) };
    for name in &once.names {
        if !plan.checks.iter().any(|check| &*check.frame.name == name.as_str()) {
            bail!("the plan has no check named {name:?}; it has: {}", names(&plan));
        }
    }
    let wanted = |name: &str| once.names.is_empty() || once.names.iter().any(|known| known == name);
    let seen = super::runtime()?.block_on(look(&plan, wanted))?;
    let bad = seen.iter().filter(|seen| !seen.observation.is_good()).count();
    match once.format {
        Format::Json => {
            let checks: Vec<_> = seen.iter().map(Seen::to_json).collect();
            paint::line(&serde_json::json!({ "checks": checks }).to_string());
        }
        Format::Text => {
            for seen in &seen {
                print(seen, language);
            }
            paint::line(&verdict(seen.len(), bad, language));
        }
    }
    Ok(if bad == 0 { Outcome::Well } else { Outcome::Findings })
}

/// Looks at everything that is wanted, many at a time, and at undeclared listeners.
pub(super) async fn look(plan: &Plan, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Seen>> {
    let net = Net::for_one_look(plan.agent.resolver).map_err(anyhow::Error::msg)?;
    let checks: Vec<_> =
        plan.checks.iter().enumerate().filter(|(_, check)| wanted(&check.frame.name)).collect();
    let total = checks.len();
    let progress = std::io::stderr().is_terminal();
    let mut seen: Vec<(usize, Seen)> = Vec::with_capacity(total);
    // Zones come last: whether CAA permits a certificate can be asked once it has been seen.
    let is_zone = |(_, check): &(_, &Arc<probe::Check>)| matches!(check.spec, probe::Spec::Dns(_));
    let (zones, others): (Vec<_>, Vec<_>) = checks.into_iter().partition(is_zone);
    for wave in [others, zones] {
        let mut under_way = stream::iter(wave)
            .map(|(place, check)| {
                let net = &net;
                async move { (place, probe::guarded(check, net).await, check) }
            })
            .buffer_unordered(plan.agent.probes_in_flight);
        while let Some((place, observation, check)) = under_way.next().await {
            let claim = match &check.spec {
                probe::Spec::Port(spec) => Some(spec.claim.clone()),
                _ => None,
            };
            let port = claim.as_ref().map(|claim| claim.key.clone());
            seen.push((place, Seen { frame: check.frame.clone(), observation, port, claim }));
            if progress {
                let _ = write!(anstream::stderr(), "\r{}/{total} checks", seen.len());
            }
        }
    }
    if progress {
        let _ = write!(anstream::stderr(), "\r\x1b[K");
    }
    seen.sort_by_key(|(place, _)| *place);
    let mut seen: Vec<Seen> = seen.into_iter().map(|(_, seen)| seen).collect();
    for sweep in &plan.sweeps {
        for (port, observation) in probe::port::sweep(sweep, &net).await.unwrap_or_default() {
            let frame = crate::board::found_check(&port, sweep);
            if wanted(&frame.name) {
                seen.push(Seen { frame, observation, port: Some(port), claim: None });
            }
        }
    }
    Ok(seen)
}

fn print(seen: &Seen, language: Language) {
    let (style, mark) = match seen.observation.worst() {
        None | Some(Severity::Notice) => (paint::state(State::Up), "ok  "),
        Some(Severity::Warning) => (paint::state(State::Degraded), "BAD "),
        Some(Severity::Critical) => (paint::state(State::Down), "BAD "),
    };
    paint::line(&format!(
        "{style}{mark}{style:#} {:<12} {}  {}",
        seen.frame.kind.label(),
        paint::milliseconds(seen.observation.duration),
        paint::printable(&seen.frame.name),
    ));
    for finding in &seen.observation.findings {
        paint::finding(finding, language, "     ");
    }
}

fn verdict(checks: usize, bad: usize, language: Language) -> String {
    let style = paint::state(if bad == 0 { State::Up } else { State::Down });
    let words = match (bad, language) {
        (0, Language::En) => format!("{checks} checked, nothing is wrong"),
        (0, Language::Ko) => format!("{checks}개를 검사했고 이상이 없습니다"),
        (_, Language::En) => format!("{checks} checked, {bad} with something wrong"),
        (_, Language::Ko) => format!("{checks}개를 검사했고 {bad}개에 이상이 있습니다"),
    };
    format!("{style}{words}{style:#}")
}

fn names(plan: &Plan) -> String {
    let mut names: Vec<&str> =
        plan.checks.iter().take(MOST_NAMES).map(|check| &*check.frame.name).collect();
    if plan.checks.len() > names.len() {
        names.push("…");
    }
    names.join(", ")
}

impl Seen {
    /// How the check stands if this one observation is believed.
    pub(super) fn into_standing(self) -> CheckStanding {
        let Self { frame, observation, port, claim } = self;
        let mut track = Track::new(observation.at);
        track.advance(&observation, Thresholds { fail_after: 1, recover_after: 1 }, observation.at);
        CheckStanding {
            check: frame,
            port,
            claim,
            state: track.state(),
            since: observation.at,
            flapping: false,
            tenure: None,
            upstream: Vec::new(),
            outer_port: None,
            findings: track.findings().cloned().collect(),
            incident: None,
            next_due: None,
            contrast: None,
            last: Some(Arc::new(Last {
                at: observation.at,
                duration: observation.duration,
                success: observation.is_good(),
                phases: observation.phases,
                facts: observation.facts,
                findings: observation.findings,
            })),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        super::probe::to_json(&self.frame, &self.observation)
    }
}
