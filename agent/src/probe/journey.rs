//! HTTP requests one after another that share cookies, each with expectations of its own: the way
//! of a visitor, told by the step at which it breaks.
//!
//! Deliberately absent: cookies kept from probe to probe, scripts, and pages fetched for what a page
//! refers to. Every probe is a first visit.

use std::sync::Arc;
use std::time::Duration;

use health::facts::{HttpFacts, Role, VisitFacts};
use health::{Code, Finding, Severity, text};
use http::{HeaderName, Uri};
use serde_json::Value;

use super::http::jar::Jar;
use super::http::{self as hop, Heard};
use super::{Sight, Stopwatch};
use crate::net::Net;

pub mod capture;
mod filled;
mod lost;
pub mod template;
pub mod ways;

use capture::Capture;
use filled::Values;
use lost::Made;
use template::Template;

/// `[[journey]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Values that are known from the beginning: of the plan, or from outside of it.
    pub values: Vec<(Arc<str>, Known)>,
    /// At least one.
    pub steps: Vec<Step>,
    /// Several ways to make it, where there are: then it is made by each of them.
    pub ways: Option<Box<ways::Ways>>,
}

/// A value that is known from the beginning.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    /// The value itself.
    pub text: String,
    /// It must not be shown.
    pub is_secret: bool,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_secret { f.write_str("…") } else { self.text.fmt(f) }
    }
}

/// `[[journey.step]]`
#[derive(Clone, Debug)]
pub struct Step {
    /// What people call it.
    pub name: Arc<str>,
    /// The request and what is expected of its answer; where there are places for values, they
    /// stand in it as they are written.
    pub http: hop::Spec,
    /// The URL, where it has places.
    pub url: Option<Template>,
    /// Headers that have places.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body, where it has places.
    pub body: Option<Template>,
    /// What is taken out of its answer for later steps.
    pub captures: Vec<Capture>,
}

/// What one way of making the journey showed.
#[derive(Debug, Default)]
pub(crate) struct Travelled {
    /// Facts and findings.
    pub(crate) sight: Sight,
    /// The answers, step by step, as far as they came.
    pub(crate) heard: Vec<Option<Heard>>,
    /// What must not be shown of it.
    pub(crate) veils: Vec<hop::Veil>,
}

/// What is carried from step to step.
struct Trip {
    values: Values,
    jar: Jar,
    /// What every step asked, with the cookies that came along.
    asked: Vec<hop::Ask>,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    match &spec.ways {
        None => travel(spec, net, watch).await.sight,
        Some(ways) => Box::pin(ways::observe(ways, net, watch)).await,
    }
}

/// Makes the journey once, with a jar of its own.
pub(crate) async fn travel(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Travelled {
    let mut travelled = Travelled::default();
    let mut trip = Trip { values: Values::of(spec), jar: Jar::default(), asked: Vec::new() };
    let mut from: Option<Uri> = None;
    let mut ended: Option<&Step> = None;
    for (index, step) in spec.steps.iter().enumerate() {
        if let Some(at) = ended {
            travelled.sight.facts.visits.push(not_made(step, at, watch.elapsed()));
            travelled.heard.push(None);
            continue;
        }
        trip.jar.enter(Arc::clone(&step.name), from.take());
        let begun = watch.elapsed();
        let mut own = Stopwatch::start(watch.left());
        let walked = Box::pin(made(spec, index, &mut trip, net, &mut own)).await;
        let (mut sight, heard) = (walked.sight, walked.heard);
        travelled.veils = trip.values.veils();
        hop::veil(&travelled.veils, &mut sight);
        named(step, &mut sight.findings);
        let is_end = heard.is_none()
            || sight.facts.blind.is_some()
            || sight.findings.iter().any(|finding| finding.severity == Severity::Critical);
        travelled.sight.facts.visits.extend(visits(step, &mut sight, begun, &own));
        take_in(&mut travelled.sight, sight);
        watch.take_in(&own);
        from = heard.as_ref().map(|heard| heard.url.clone());
        travelled.heard.push(heard);
        ended = is_end.then_some(step);
    }
    travelled.veils.extend(trip.jar.veils());
    travelled
}

/// One step: asked, judged, and what later steps need taken out of it.
async fn made(
    spec: &Spec,
    index: usize,
    trip: &mut Trip,
    net: &Net,
    watch: &mut Stopwatch,
) -> hop::Walked {
    let step = &spec.steps[index];
    if watch.left().is_zero() {
        return hop::Walked { sight: wrong(step, no_time_left(step)), heard: None };
    }
    let ask = match trip.values.ask(step) {
        Ok(ask) => ask,
        Err(finding) => return hop::Walked { sight: wrong(step, *finding), heard: None },
    };
    trip.asked.push(trip.jar.dressed(ask.clone()));
    let mut walked = hop::walk_with(&step.http, ask.clone(), Some(&mut trip.jar), net, watch).await;
    let taken = take_out(step, &mut walked, &trip.jar);
    if walked.sight.facts.blind.is_none() {
        let (steps, asked, jar) = (&spec.steps[..=index], &*trip.asked, &trip.jar);
        let made = Made { steps, asked, ask: &ask, jar, net, watch };
        lost::explain(&mut walked, &made).await;
    }
    taken.into_iter().for_each(|(name, value)| trip.values.learn(&name, value));
    walked
}

/// What the step takes out of its answer for later ones. What is not there becomes a finding.
fn take_out(step: &Step, walked: &mut hop::Walked, jar: &Jar) -> Vec<(Arc<str>, String)> {
    let hop::Walked { sight, heard: Some(heard) } = walked else { return Vec::new() };
    if sight.findings.iter().any(|finding| finding.severity == Severity::Critical) {
        return Vec::new();
    }
    let url = hop::without_query(&step.http.shown);
    let mut taken = Vec::new();
    for capture in &step.captures {
        match capture.taken(heard, url, jar) {
            Ok(value) => taken.push((Arc::clone(&capture.name), value)),
            Err(finding) => sight.findings.push(*finding),
        }
    }
    taken
}

/// A step about which this alone can be said.
fn wrong(step: &Step, finding: Finding) -> Sight {
    let mut sight = Sight { findings: vec![finding], ..Sight::default() };
    let facts = HttpFacts { url: step.http.shown.clone(), ..HttpFacts::default() };
    sight.facts.http = Some(Box::new(facts));
    sight
}

fn no_time_left(step: &Step) -> Finding {
    let url = hop::without_query(&step.http.shown);
    Finding::new(
        Code::HttpTimeout,
        url,
        text!(
            "there was no time left to ask {url}: the steps before took all of the journey's timeout",
            "앞 단계들이 여정의 timeout을 모두 써서 {url}에 물어볼 시간이 없었습니다"
        ),
        text!(
            "See which step took so long in the waterfall of this check; `timeout` bounds all steps together.",
            "이 체크의 단계별 시간에서 어느 단계가 오래 걸렸는지 확인하세요. `timeout`은 모든 단계를 합한 시간입니다."
        ),
    )
}

/// Says in every finding about HTTP at which step it was made.
fn named(step: &Step, findings: &mut [Finding]) {
    let name = &step.name;
    for finding in findings {
        if finding.code.label().starts_with("http.") && finding.code != Code::HttpBadGateway {
            finding.subject.push_str(&format!(" ({name})"));
        }
        finding.summary.en.insert_str(0, &format!("step \"{name}\": "));
        finding.summary.ko.insert_str(0, &format!("\"{name}\" 단계: "));
        finding.evidence.insert("step".to_owned(), (&**name).into());
        if let Some(Value::String(command)) = finding.evidence.get_mut("by_hand") {
            *command = with_jar(command);
        }
    }
}

/// The command by hand with a jar: those of all steps, one after another, make the journey.
fn with_jar(command: &str) -> String {
    command.replacen("curl -v", "curl -v -b jar -c jar", 1)
}

/// The step's requests: itself, and the redirects that were followed.
fn visits(step: &Step, sight: &mut Sight, begun: Duration, own: &Stopwatch) -> Vec<VisitFacts> {
    let codes: Vec<Code> = sight.findings.iter().map(|finding| finding.code).collect();
    let mut visits = std::mem::take(&mut sight.facts.visits);
    if visits.is_empty() {
        visits.push(VisitFacts {
            role: Role::Step,
            name: Arc::clone(&step.name),
            way: None,
            begun: Duration::ZERO,
            took: own.elapsed(),
            phases: own.phases().clone(),
            address: sight.facts.address,
            failure: None,
            http: sight.facts.http.clone(),
            codes: Vec::new(),
        });
    }
    for visit in &mut visits {
        visit.begun += begun;
        if visit.role == Role::Way {
            (visit.role, visit.name) = (Role::Step, Arc::clone(&step.name));
        }
        let request = visit.http.as_mut().and_then(|http| http.request.as_mut());
        if let Some(request) = request.filter(|_| visit.role == Role::Step) {
            let request = Arc::make_mut(request);
            request.by_hand = with_jar(&request.by_hand);
        }
        let has_answer = visit.http.as_ref().is_some_and(|http| http.status.is_some());
        if !has_answer && visit.failure.is_none() {
            visit.failure = Some("no answer".to_owned());
        }
    }
    if let Some(last) =
        visits.iter_mut().rfind(|visit| matches!(visit.role, Role::Step | Role::Redirect))
    {
        last.codes = codes;
    }
    visits
}

fn not_made(step: &Step, ended: &Step, at: Duration) -> VisitFacts {
    VisitFacts {
        role: Role::Step,
        name: Arc::clone(&step.name),
        way: None,
        begun: at,
        took: Duration::ZERO,
        phases: health::Phases::default(),
        address: None,
        http: None,
        codes: Vec::new(),
        failure: Some(format!("not made: the journey ended at \"{}\"", ended.name)),
    }
}

/// What the newest step saw takes the place of what those before saw; findings add up.
fn take_in(whole: &mut Sight, step: Sight) {
    let visits = std::mem::take(&mut whole.facts.visits);
    whole.facts = health::Facts { visits, ..step.facts };
    for finding in step.findings {
        if !whole.findings.iter().any(|known| known.is_same_as(&finding)) {
            whole.findings.push(finding);
        }
    }
}
