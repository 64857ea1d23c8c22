//! Very many at once: each is told once, what belongs together shares a window, and nothing takes
//! longer the more there are (ten thousand would take minutes if it did).

use super::*;
use crate::Bundling;

const MANY: usize = 10_000;

fn for_people(mut policy: Policy) -> Policy {
    for receiver in &mut policy.receivers {
        Arc::make_mut(receiver).bundling = Bundling::Window;
    }
    policy
}

fn names() -> impl Iterator<Item = String> {
    (0..MANY).map(|number| format!("check {number}"))
}

#[test]
fn ten_thousand_open_wait_for_a_window_and_are_told_once_at_its_end() {
    let policy = for_people(maintained(ops(), Matcher::default(), 0.0, 10.0));
    let mut it = Timeline::new(policy, Killing::Never);
    for name in names() {
        it.bad(1.0, &name);
    }
    it.quiet(9.9).until(minute(10.0));
    assert_eq!(it.said.len(), MANY);
    let ends: BTreeSet<(Timestamp, Option<Arc<str>>)> =
        it.ledger.notifications.iter().map(|one| (one.due_at, one.thread.clone())).collect();
    let due = crate::retry::later(minute(10.0), SignedDuration::from_secs(5));
    assert_eq!(ends, BTreeSet::from([(due, Some("host web".into()))]));
    let ids: Vec<Arc<str>> = it.ledger.incidents.keys().cloned().collect();
    for id in &ids {
        let somebody = Acknowledgement { author: "kim".into(), at: minute(11.0), note: None };
        assert!(it.engine.acknowledge(id, Some(somebody), minute(11.0)).is_some());
    }
    it.said.clear();
    for name in names() {
        it.well(12.0, &name);
    }
    assert_eq!(it.said.len(), MANY);
    assert_eq!(it.engine.next_due(), None);
}

#[test]
fn ten_thousand_consequences_of_one_cause_are_one_message() {
    let mut it = Timeline::new(for_people(ops()), Killing::Never);
    it.bad(1.0, "router");
    let opened = Transition::Opened(vec![standing("a", CRITICAL)]);
    for name in names() {
        let (effect, cause) = (check(&name), check("router"));
        let step = it.engine.advance(&effect, State::Down, &opened, Some(&cause), minute(2.0));
        it.take(vec![step]);
    }
    it.until(minute(2.0));
    assert_eq!(it.ledger.notifications.len(), 1);
    assert_eq!(it.engine.incident_of("router").unwrap().consequences.len(), 200);
    for name in names() {
        let step =
            it.engine.advance(&check(&name), State::Up, &Transition::Resolved, None, minute(3.0));
        it.take(vec![step]);
    }
    it.until(minute(3.0));
    assert_eq!(it.ledger.notifications.len(), 1);
    let consequences = &it.engine.incident_of("router").unwrap().consequences;
    assert_eq!(consequences.len(), 200);
    assert!(consequences.iter().all(|one| one.resolved_at == Some(minute(3.0))));
}

#[test]
fn ten_thousand_of_whom_half_are_somebody_elses_end_one_by_one() {
    let boss = (Some(CRITICAL), &["boss"][..]);
    let mut it = Timeline::new(
        for_people(policy(&["boss", "ops"], &[boss, (None, &["ops"])])),
        Killing::Never,
    );
    for (number, name) in (0..).zip(names()) {
        if number < MANY / 2 {
            it.warned(1.0, &name)
        } else {
            it.bad(1.0, &name)
        };
    }
    for name in names().skip(MANY / 2) {
        it.well(2.0, &name);
    }
    assert_eq!(it.said.len(), MANY + MANY / 2);
    // The last of the boss's has nobody to wait for.
    assert_eq!(it.complete.len(), 1);
    assert_eq!(&*it.complete[0].receiver, "boss");
}

#[test]
fn what_belongs_together_shares_a_window_and_the_next_one_comes_a_minute_later() {
    let mut it = Timeline::new(for_people(ops()), Killing::Never);
    let seconds = |seconds: f64| seconds / 60.0;
    it.bad(seconds(0.0), "a").bad(seconds(3.0), "b").bad(seconds(20.0), "c");
    it.bad(seconds(30.0), "d").well(seconds(31.0), "a").well(seconds(40.0), "b");
    it.well(seconds(50.0), "c").well(seconds(60.0), "d");
    let dues = it
        .ledger
        .notifications
        .iter()
        .map(|one| (one.event.label(), one.due_at.duration_since(at(0)).as_secs()));
    let dues: Vec<_> = dues.collect();
    assert_eq!(
        dues,
        [
            ("opened", 5),
            ("opened", 5),
            ("opened", 65),
            ("opened", 65),
            // Others of the same host are still open: they are waited for.
            ("resolved", 91),
            ("resolved", 91),
            ("resolved", 91),
            // The last one has nobody to wait for, and neither have those before it.
            ("resolved", 60),
        ]
    );
    assert_eq!(it.complete.len(), 1);
    let gathered = &it.complete[0];
    assert_eq!((&*gathered.thread, gathered.event), ("host web", Event::Resolved));
}
