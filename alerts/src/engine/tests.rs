//! Days of incidents in simulated time.

mod causes;
mod timeline;

use std::time::Duration;

use health::{
    Acknowledgement, Finding, Kind, Language, Observation, Phases, Text, Thresholds, Timing, Track,
};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use health::Matcher;

use crate::{Channel, Receiver, Route, Webhook};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn policy(receivers: &[&str], routes: &[(Option<Severity>, &[&str])]) -> Policy {
    let webhook = Webhook { url: "http://127.0.0.1:9/".to_owned(), secret: None };
    let receiver = |name: &&str| Arc::new(Receiver::new(*name, Channel::Webhook(webhook.clone())));
    let route = |(severity, names): &(Option<Severity>, &[&str])| Route {
        about: Matcher { severity: *severity, ..Matcher::default() },
        receivers: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Route::default()
    };
    Policy {
        agent: "edge".into(),
        url: "http://127.0.0.1:9740".to_owned(),
        receivers: receivers.iter().map(receiver).collect(),
        routes: routes.iter().map(route).collect(),
        ..Policy::default()
    }
}

fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        kind: Kind::Port,
        instance: "127.0.0.1:3011".into(),
        host: Some("web".into()),
        timing: Timing::Every(Duration::from_secs(30)),
        timeout: Duration::from_secs(5),
        thresholds: Thresholds { fail_after: 1, recover_after: 1 },
        depends_on: Vec::new(),
        labels: BTreeMap::new(),
    }
}

fn finding(subject: &str, severity: Severity) -> Finding {
    Finding::new(
        Code::PortDead,
        subject,
        health::text!("nobody listens on {subject}", "{subject}에서 응답하지 않습니다"),
        Text::same("ss -ltnp"),
    )
    .severity(severity)
    .evidence("expected", "listening")
}

fn standing(subject: &str, severity: Severity) -> StandingFinding {
    StandingFinding {
        finding: Arc::new(finding(subject, severity)),
        since: at(0),
        confirmed: true,
        explained_by: None,
    }
}

fn told(step: &Step) -> Vec<String> {
    let name = |n: &Notification| format!("{} {}", n.receiver, n.event.label());
    step.notifications.iter().map(name).collect()
}

const CRITICAL: Severity = Severity::Critical;
const WARNING: Severity = Severity::Warning;

#[test]
fn an_incident_has_one_id_and_the_worst_severity_it_had() {
    let mut engine = Engine::new(policy(&["ops"], &[]));
    let check = check("web:3011");
    let opened = Transition::Opened(vec![standing("a", CRITICAL)]);
    let first = engine.advance(&check, State::Down, &opened, None, at(0));
    assert_eq!(told(&first), ["ops opened"]);
    let eased = Transition::Updated(vec![standing("a", WARNING)]);
    let second = engine.advance(&check, State::Degraded, &eased, None, at(60));
    assert_eq!(told(&second), ["ops updated"]);
    let third = engine.advance(&check, State::Up, &Transition::Resolved, None, at(90));
    assert_eq!(told(&third), ["ops resolved"]);
    let incidents = [first, second, third].map(|step| step.incident.unwrap());
    assert!(incidents.iter().all(|incident| incident.id == incidents[0].id));
    assert_eq!(incidents.each_ref().map(|i| i.severity), [CRITICAL, WARNING, CRITICAL]);
    assert_eq!(incidents[2].resolved_at, Some(at(90)));
    assert_eq!(incidents[2].state, State::Up);
    assert_eq!(engine.incident_of("web:3011"), None);
    assert!(incidents[0].id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
}

#[test]
fn other_evidence_is_kept_and_not_told() {
    let mut engine = Engine::new(policy(&["ops"], &[]));
    let check = check("c");
    engine.advance(
        &check,
        State::Down,
        &Transition::Opened(vec![standing("a", CRITICAL)]),
        None,
        at(0),
    );
    let mut same = standing("a", CRITICAL);
    same.finding = Arc::new(finding("a", CRITICAL).evidence("got", "closed"));
    let step = engine.advance(&check, State::Down, &Transition::Updated(vec![same]), None, at(60));
    assert_eq!(told(&step), [""; 0]);
    let incident = step.incident.unwrap();
    assert_eq!(incident.updated_at, at(0));
    assert_eq!(incident.findings[0].finding.evidence["got"], "closed");
}

#[test]
fn routes_follow_the_severity_up_and_forget_nobody_on_the_way_down() {
    let routes: &[(Option<Severity>, &[&str])] = &[(Some(CRITICAL), &["pager"]), (None, &["chat"])];
    let mut engine = Engine::new(policy(&["pager", "chat", "never"], routes));
    let check = check("c");
    let mut tell = |state, transition: Transition, seconds| {
        told(&engine.advance(&check, state, &transition, None, at(seconds)))
    };
    let warning = || vec![standing("a", WARNING)];
    let critical = || vec![standing("a", CRITICAL)];
    assert_eq!(tell(State::Degraded, Transition::Opened(warning()), 0), ["chat opened"]);
    let escalated = tell(State::Down, Transition::Updated(critical()), 1);
    assert_eq!(escalated, ["chat updated", "pager opened"]);
    let eased = tell(State::Degraded, Transition::Updated(warning()), 2);
    assert_eq!(eased, ["chat updated", "pager updated"]);
    assert_eq!(tell(State::Up, Transition::Resolved, 3), ["chat resolved", "pager resolved"]);
}

#[test]
fn the_first_matching_route_wins_and_no_match_tells_nobody() {
    let both: &[(Option<Severity>, &[&str])] =
        &[(Some(WARNING), &["b", "gone", "b"]), (None, &["a"])];
    let opened = Transition::Opened(vec![standing("a", CRITICAL)]);
    let mut engine = Engine::new(policy(&["a", "b"], both));
    assert_eq!(told(&engine.advance(&check("c"), State::Down, &opened, None, at(0))), ["b opened"]);
    let none: &[(Option<Severity>, &[&str])] = &[(Some(CRITICAL), &["a"])];
    let mut engine = Engine::new(policy(&["a"], none));
    let warned = Transition::Opened(vec![standing("a", WARNING)]);
    let step = engine.advance(&check("c"), State::Degraded, &warned, None, at(0));
    assert!(step.incident.is_some() && step.notifications.is_empty());
    assert_eq!(engine.next_due(), None);
}

#[test]
fn a_reload_tells_nothing_by_itself_and_resolved_goes_to_who_heard_opened() {
    let mut engine = Engine::new(policy(&["old", "gone"], &[]));
    let opened = Transition::Opened(vec![standing("a", CRITICAL)]);
    engine.advance(&check("c"), State::Down, &opened, None, at(0));
    engine.replace_policy(policy(&["old", "new"], &[(None, &["new"])]));
    let steps = engine.due(at(4 * 3600));
    assert_eq!(steps.len(), 1);
    assert_eq!(told(&steps[0]), ["old reminder", "new opened"]);
    let resolved =
        engine.advance(&check("c"), State::Up, &Transition::Resolved, None, at(5 * 3600));
    assert_eq!(told(&resolved), ["old resolved", "new resolved"]);
}

#[test]
fn a_check_that_leaves_the_plan_closes_its_incident() {
    let mut engine = Engine::new(policy(&["ops"], &[]));
    let opened = Transition::Opened(vec![standing("a", CRITICAL)]);
    engine.advance(&check("c"), State::Down, &opened, None, at(0));
    let step = engine.removed("c", at(9));
    assert_eq!(told(&step), ["ops resolved"]);
    assert_eq!(step.incident.unwrap().state, State::Unknown);
    assert_eq!(engine.removed("c", at(10)), Step::default());
    assert_eq!(engine.next_due(), None);
}

#[test]
fn reminders_come_at_growing_pauses_and_missed_ones_only_once() {
    let mut engine = Engine::new(policy(&["ops"], &[]));
    let opened = Transition::Opened(vec![standing("a", CRITICAL)]);
    engine.advance(&check("c"), State::Down, &opened, None, at(0));
    let mut calls = Vec::new();
    while calls.len() < 4 {
        let due = engine.next_due().unwrap();
        assert!(
            engine.due(due.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap()).is_empty()
        );
        assert_eq!(engine.due(due).len(), 1);
        calls.push(due.duration_since(at(0)).as_hours());
    }
    assert_eq!(calls, [4, 16, 40, 64]);
    assert_eq!(engine.due(at(200 * 3600)).len(), 1);
    assert_eq!(engine.next_due(), Some(at(208 * 3600)));
}

#[test]
fn the_body_is_what_the_contract_says() {
    let mut policy = policy(&["ops"], &[]);
    let opened = Transition::Opened(vec![standing("127.0.0.1:3011", CRITICAL)]);
    let mut engine = Engine::new(policy.clone());
    let step = engine.advance(&check("web:3011"), State::Down, &opened, None, at(0));
    insta::assert_snapshot!("opened", pretty(&step.notifications[0].body));
    let step = engine.advance(&check("web:3011"), State::Up, &Transition::Resolved, None, at(61));
    insta::assert_snapshot!("resolved", pretty(&step.notifications[0].body));
    let korean = Receiver { language: Language::Ko, ..Receiver::clone(&policy.receivers[0]) };
    policy.receivers = vec![Arc::new(korean)];
    let step = Engine::new(policy.clone()).advance(&check("c"), State::Down, &opened, None, at(0));
    assert!(step.notifications[0].body.contains("127.0.0.1:3011에서 응답하지 않습니다"));
    insta::assert_snapshot!("test", pretty(&Notification::test(&policy, "ops", at(0)).body));
}

fn pretty(body: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(body).unwrap()).unwrap()
}

/// What a store would have written down.
#[derive(Default)]
struct Ledger {
    incidents: BTreeMap<Arc<str>, (Incident, Severity)>,
    notifications: Vec<Notification>,
    decisions: Vec<(Arc<str>, Decision)>,
    turns: Vec<(Arc<str>, Timestamp, State)>,
    silences: BTreeMap<Arc<str>, Silence>,
}

impl Ledger {
    fn commit(&mut self, step: &Step) {
        if let Some(incident) = &step.incident {
            let known = self.incidents.entry(Arc::clone(&incident.id));
            known
                .and_modify(|(stored, peak)| {
                    *stored = incident.clone();
                    *peak = (*peak).max(incident.severity);
                })
                .or_insert_with(|| (incident.clone(), incident.severity));
        }
        self.notifications.extend(step.notifications.iter().cloned());
        self.decisions.extend(step.decisions.iter().cloned());
    }

    /// An engine as it begins after a crash.
    fn resumed(&self, policy: Policy) -> Engine {
        let mut engine = Engine::new(policy);
        engine.resume_turns(self.turns.iter().cloned());
        engine.resume_silences(self.silences.values().cloned());
        engine.resume(self.open());
        engine
    }

    fn open(&self) -> Vec<OpenIncident> {
        let open = self.incidents.values().filter(|(incident, _)| incident.resolved_at.is_none());
        open.map(|(incident, peak)| {
            let mine = self.notifications.iter().filter(|n| n.incident == incident.id);
            let remembered = mine.map(|n| Remembered {
                receiver: &n.receiver,
                event: n.event,
                created_at: n.created_at,
                body: &n.body,
            });
            let decisions = self.decisions.iter().filter(|(id, _)| *id == incident.id);
            let decisions: Vec<Decision> = decisions.map(|(_, one)| one.clone()).collect();
            OpenIncident::recall(incident.clone(), *peak, remembered, &decisions)
        })
        .collect()
    }
}

#[derive(Clone, Debug)]
enum Happening {
    /// The check, and what its next observation finds.
    Seen(usize, Vec<(usize, Severity)>),
    /// The check leaves the plan and comes back unknown.
    Removed(usize),
    /// Nothing, for this many minutes.
    Quiet(i64),
    /// Another set of receivers and routes.
    Reload(usize),
    /// Somebody asks for quiet about a check, for this many minutes.
    Silence(usize, i64),
    /// Somebody ends it.
    EndSilence,
    /// Somebody is on what is open of a check, or is not any more.
    Acknowledge(usize, bool),
    /// The process is killed and started again.
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    let severity = prop_oneof![Just(Severity::Notice), Just(WARNING), Just(CRITICAL)];
    let findings = proptest::collection::vec((0_usize..3, severity), 0..3);
    prop_oneof![
        8 => (0_usize..3, findings).prop_map(|(check, found)| Happening::Seen(check, found)),
        1 => (0_usize..3).prop_map(Happening::Removed),
        3 => (1_i64..3000).prop_map(Happening::Quiet),
        1 => (0_usize..6).prop_map(Happening::Reload),
        1 => (0_usize..3, 1_i64..600).prop_map(|(check, long)| Happening::Silence(check, long)),
        1 => Just(Happening::EndSilence),
        1 => (0_usize..3, any::<bool>()).prop_map(|(check, is)| Happening::Acknowledge(check, is)),
        2 => Just(Happening::Restart),
    ]
}

fn policies() -> [Policy; 6] {
    let window = crate::Window::Cron {
        expression: "30 */5 * * *".to_owned(),
        timezone: jiff::tz::TimeZone::UTC,
        lasts: jiff::SignedDuration::from_mins(50),
    };
    let about = Matcher { check: vec!["y".into()], ..Matcher::default() };
    let maintenance = vec![crate::Maintenance { name: "nightly".into(), about, window }];
    let mut escalating = policy(&["a", "b", "c"], &[(Some(CRITICAL), &["a"]), (None, &["b"])]);
    for route in &mut escalating.routes {
        let after = jiff::SignedDuration::from_mins(20);
        route.escalation = vec![crate::Escalation { after, receivers: vec!["c".to_owned()] }];
    }
    [
        policy(&["a", "b"], &[]),
        policy(&["a", "b"], &[(Some(CRITICAL), &["a"]), (None, &["b"])]),
        policy(&["b"], &[]),
        policy(&["a", "c"], &[(Some(CRITICAL), &["a", "c"])]),
        Policy { maintenance, ..policy(&["a", "b"], &[]) },
        escalating,
    ]
}

/// What is held back is held back by something now, and whoever knows of an incident was told how it is,
/// or is not for a reason that is written down.
fn nothing_is_lost(engine: &Engine, now: Timestamp) {
    for open in engine.open.values() {
        for held in open.held.iter().filter(|held| held.why.is_hold()) {
            let Some(receiver) = &held.receiver else { continue };
            let is_held = [holds::Named::ByRoute, holds::Named::ByEscalation]
                .iter()
                .any(|&named| engine.hold(open, receiver, (named, open.known()), now).is_some());
            assert!(is_held, "held for nothing: {held:#?}");
        }
        for told in open.told.iter().filter(|told| engine.policy.knows(&told.receiver)) {
            let is_told = !open::Said::of(&open.incident).differs(told);
            let is_held = open.held_from(Some(&told.receiver)).is_some();
            assert!(is_told || is_held, "{} is not told of {open:#?}", told.receiver);
        }
    }
}

/// Whether a check was seen bad, as the board asks before it calls it a cause.
fn is_sick(track: &Track) -> bool {
    track.findings().any(|standing| standing.finding.severity > Severity::Notice)
}

/// Runs a history through an engine; `restarts` says whether restarts really happen. The second check
/// depends on the first, the third on the second.
fn run(start: usize, happenings: &[Happening], restarts: Restarts) -> (Ledger, Vec<(usize, bool)>) {
    let mut checks = ["x", "y", "z"].map(check);
    checks[0].thresholds.fail_after = 2;
    let mut tracks = checks.each_ref().map(|_| Track::new(at(0)));
    let mut ledger = Ledger::default();
    let mut current = policies()[start].clone();
    let is_reloaded = happenings.iter().any(|one| matches!(one, Happening::Reload(_)));
    let mut engine = Engine::new(current.clone());
    let mut causes = Vec::new();
    let mut now = at(0);
    for happening in happenings {
        now = crate::retry::later(now, jiff::SignedDuration::from_secs(30));
        let mut steps: Vec<Step> = Vec::new();
        let mut is_cause = false;
        match happening {
            Happening::Seen(which, found) => {
                let check = &checks[*which];
                let found = found.iter().map(|(n, severity)| finding(&n.to_string(), *severity));
                let observation = Observation {
                    at: now,
                    duration: Duration::ZERO,
                    phases: Phases::default(),
                    facts: health::Facts::default(),
                    findings: found.collect(),
                };
                let before = tracks[*which].state();
                let transition = tracks[*which].advance(&observation, check.thresholds, now);
                let after = tracks[*which].state();
                let has_settled = (before, after) == (State::Unknown, State::Up);
                if transition.is_some() && before != after && !has_settled {
                    ledger.turns.push((Arc::clone(&check.name), now, after));
                }
                explain(&mut engine, &checks, &tracks, now);
                if let Some(transition) = transition {
                    is_cause = true;
                    let cause = cause(*which, &checks, &tracks);
                    let state = tracks[*which].state();
                    steps.push(engine.advance(check, state, &transition, cause, now));
                }
            }
            Happening::Removed(which) => {
                is_cause = true;
                tracks[*which] = Track::new(now);
                explain(&mut engine, &checks, &tracks, now);
                steps.push(engine.removed(&checks[*which].name, now));
            }
            Happening::Quiet(minutes) => {
                now = crate::retry::later(now, jiff::SignedDuration::from_mins(*minutes));
            }
            Happening::Reload(which) => {
                current = policies()[*which].clone();
                engine.replace_policy(current.clone());
            }
            Happening::Silence(which, minutes) => {
                is_cause = true;
                let silence = Silence {
                    id: "s1".into(),
                    about: Matcher {
                        check: vec![Arc::clone(&checks[*which].name)],
                        ..Matcher::default()
                    },
                    starts_at: now,
                    ends_at: crate::retry::later(now, jiff::SignedDuration::from_mins(*minutes)),
                    author: "kim".into(),
                    reason: "".into(),
                    created_at: now,
                };
                ledger.silences.insert("s1".into(), silence.clone());
                engine.silence(silence);
            }
            Happening::EndSilence => {
                is_cause = true;
                if let Some(ended) = engine.end_silence("s1", now) {
                    ledger.silences.insert("s1".into(), ended);
                }
            }
            Happening::Acknowledge(which, is_on_it) => {
                is_cause = true;
                let id = engine.incident_of(&checks[*which].name).map(|it| Arc::clone(&it.id));
                let author = Acknowledgement { author: "kim".into(), at: now, note: None };
                let author = is_on_it.then_some(author);
                steps.extend(id.and_then(|id| engine.acknowledge(&id, author, now)));
            }
            Happening::Restart if restarts == Restarts::Real => {
                engine = ledger.resumed(current.clone());
                explain(&mut engine, &checks, &tracks, now);
            }
            Happening::Restart => {}
        }
        is_cause |= engine.next_due().is_some_and(|due| due <= now);
        steps.extend(engine.due(now));
        // A receiver that left the plan and came back is told with the next change.
        if !is_reloaded {
            nothing_is_lost(&engine, now);
        }
        causes::nobody_is_forgotten(&engine, now);
        causes.push((steps.iter().map(|step| step.notifications.len()).sum(), is_cause));
        steps.iter().for_each(|step| ledger.commit(step));
    }
    (ledger, causes)
}

fn cause<'a>(which: usize, checks: &'a [Check; 3], tracks: &[Track; 3]) -> Option<&'a Check> {
    let before = which.checked_sub(1)?;
    is_sick(&tracks[before]).then_some(&checks[before])
}

/// What the loop does whenever something changed.
fn explain(engine: &mut Engine, checks: &[Check; 3], tracks: &[Track; 3], now: Timestamp) {
    for (which, check) in checks.iter().enumerate() {
        engine.explain(check, cause(which, checks, tracks), now);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Restarts {
    Real,
    Ignored,
}

#[test]
fn what_settles_in_the_moment_of_a_reminder_is_remembered_as_that() {
    let (opened, worse) = (vec![(0, WARNING)], vec![(0, CRITICAL)]);
    let happenings = [
        Happening::Seen(2, opened.clone()),
        Happening::Seen(1, opened.clone()),
        Happening::Seen(2, vec![]),
        Happening::Seen(2, opened.clone()),
        Happening::Seen(2, worse),
        Happening::Seen(2, vec![]),
        Happening::Seen(2, opened),
        Happening::Quiet(240),
        Happening::Restart,
        Happening::Quiet(1),
    ];
    for start in 0..policies().len() {
        let (never_stopped, _) = run(start, &happenings, Restarts::Ignored);
        let (restarted, _) = run(start, &happenings, Restarts::Real);
        assert!(never_stopped.incidents.values().any(|(one, _)| one.flapping.is_some()));
        assert_eq!(never_stopped.notifications, restarted.notifications);
        assert_eq!(never_stopped.decisions, restarted.decisions);
        assert_eq!(never_stopped.incidents, restarted.incidents);
    }
}

proptest! {
    #[test]
    fn opened_and_resolved_alternate_per_incident_and_receiver(
        start in 0_usize..6,
        happenings in proptest::collection::vec(happening(), 1..120),
    ) {
        let (ledger, causes) = run(start, &happenings, Restarts::Ignored);
        for (messages, is_cause) in causes {
            prop_assert!(messages == 0 || is_cause, "a message without a transition or due reminder");
        }
        let mut ids = BTreeSet::new();
        let mut threads: BTreeMap<_, Vec<Event>> = BTreeMap::new();
        for n in &ledger.notifications {
            prop_assert!(ids.insert(Arc::clone(&n.id)), "an id twice");
            threads.entry((&n.incident, &n.receiver)).or_default().push(n.event);
        }
        for (thread, events) in threads {
            prop_assert_eq!(events[0], Event::Opened, "{:?}", thread);
            prop_assert_eq!(events.iter().filter(|e| **e == Event::Opened).count(), 1);
            let resolved = events.iter().position(|e| *e == Event::Resolved);
            prop_assert!(resolved.is_none_or(|at| at == events.len() - 1));
        }
        for (incident, _) in ledger.incidents.values() {
            prop_assert!(incident.resolved_at.is_none_or(|end| end >= incident.opened_at));
        }
    }

    #[test]
    fn a_resumed_engine_goes_on_as_if_it_had_never_stopped(
        start in 0_usize..6,
        happenings in proptest::collection::vec(happening(), 1..120),
    ) {
        let (never_stopped, _) = run(start, &happenings, Restarts::Ignored);
        let (restarted, _) = run(start, &happenings, Restarts::Real);
        for (one, other) in never_stopped.notifications.iter().zip(&restarted.notifications) {
            prop_assert_eq!(one, other);
        }
        for (one, other) in never_stopped.decisions.iter().zip(&restarted.decisions) {
            prop_assert_eq!(one, other);
        }
        prop_assert_eq!(never_stopped.notifications.len(), restarted.notifications.len());
        let (more, less) = (&never_stopped.decisions, &restarted.decisions);
        let all = more.len().min(less.len());
        prop_assert_eq!(&more[all..], &less[all..]);
        prop_assert_eq!(never_stopped.incidents, restarted.incidents);
    }
}
