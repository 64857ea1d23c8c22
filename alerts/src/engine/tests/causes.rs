//! One outage, told once, and nothing lost by that.

use super::*;

fn opened(severity: Severity) -> Transition {
    Transition::Opened(vec![standing("a", severity)])
}

/// Every receiver that the routes name knows of the incident, or of an open one above it that is as bad,
/// or will be told within a bounded time.
pub(super) fn nobody_is_forgotten(engine: &Engine, now: Timestamp) {
    for open in engine.open.values() {
        let incident = &open.incident;
        for receiver in engine.policy.routed(incident, now) {
            let is_quiet = open.held_from(Some(&receiver)).is_some_and(|held| {
                !matches!(held.why, Why::Explained { .. } | Why::AwaitsCause { .. })
            });
            if incident.explained_by.is_none() || open.told_to(&receiver).is_some() || is_quiet {
                continue;
            }
            let mut above = incident.cause();
            let mut hops = 0;
            let knows = loop {
                let Some(cause) = above.and_then(|name| engine.open.get(name)) else { break false };
                if cause.told_to(&receiver).is_some() && cause.peak >= incident.severity {
                    break true;
                }
                hops += 1;
                if hops > 10 {
                    break false;
                }
                above = cause.incident.cause();
            };
            let limit = crate::retry::later(now, jiff::SignedDuration::from_mins(5));
            let waits = incident.waits_until.is_some_and(|until| now < until && until <= limit);
            assert!(knows || waits, "{receiver} is not told of {incident:#?}");
            if !knows {
                assert!(engine.next_due().is_some_and(|due| due <= limit), "nothing is due");
            }
        }
    }
}

struct Scene {
    engine: Engine,
    told: Vec<String>,
    incidents: BTreeMap<Arc<str>, Incident>,
}

impl Scene {
    fn new(policy: Policy) -> Self {
        Self { engine: Engine::new(policy), told: Vec::new(), incidents: BTreeMap::new() }
    }

    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            for one in &step.notifications {
                let body: Value = serde_json::from_str(&one.body).unwrap();
                let check = body["check"].as_str().unwrap();
                self.told.push(format!("{} {check} {}", one.receiver, one.event.label()));
            }
            if let Some(incident) = step.incident {
                self.incidents.insert(incident.check.clone(), incident);
            }
        }
    }

    /// A transition at this second, then what is due.
    fn at(
        &mut self,
        second: i64,
        name: &str,
        transition: &Transition,
        cause: Option<&str>,
    ) -> &mut Self {
        let state = match transition {
            Transition::Resolved | Transition::Settled => State::Up,
            _ => State::Down,
        };
        let cause = cause.map(check);
        let step = self.engine.advance(&check(name), state, transition, cause.as_ref(), at(second));
        self.take(vec![step]);
        self.due(second)
    }

    fn explained(&mut self, second: i64, name: &str, cause: Option<&str>) -> &mut Self {
        self.engine.explain(&check(name), cause.map(check).as_ref(), at(second));
        self.due(second)
    }

    fn due(&mut self, second: i64) -> &mut Self {
        if self.engine.next_due().is_some_and(|due| due <= at(second)) {
            let steps = self.engine.due(at(second));
            self.take(steps);
        }
        assert!(self.engine.next_due().is_none_or(|due| due > at(second)), "due for ever");
        nobody_is_forgotten(&self.engine, at(second));
        self
    }

    /// What was told since the last call.
    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    fn listed(&self, name: &str) -> Vec<&str> {
        self.incidents[name].consequences.iter().map(|one| &*one.check).collect()
    }
}

#[test]
fn seven_consequences_of_a_told_cause_are_listed_and_not_told() {
    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "router", &opened(CRITICAL), None);
    for name in ["a", "b", "c", "d", "e", "f"] {
        scene.at(5, name, &opened(CRITICAL), Some("router"));
    }
    // One of them explains another.
    scene.at(6, "g", &opened(WARNING), Some("a"));
    assert_eq!(scene.told(), ["ops router opened"]);
    assert_eq!(scene.listed("router"), ["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(scene.listed("a"), ["g"]);
    let id = scene.incidents["router"].id.clone();
    let explained = scene.incidents["a"].explained_by.as_ref().unwrap();
    assert_eq!((&*explained.check, explained.incident.as_ref()), ("router", Some(&id)));
    assert_eq!(scene.incidents["a"].findings[0].explained_by.as_deref(), Some("router"));
    // The cause recovers, and with their next look so do they: two messages in all.
    scene.explained(60, "a", None);
    for name in ["b", "c", "d", "e", "f"] {
        scene.explained(60, name, None);
    }
    scene.at(60, "router", &Transition::Resolved, None);
    scene.explained(70, "g", None);
    for (name, second) in
        [("a", 70), ("b", 75), ("c", 80), ("d", 85), ("e", 88), ("f", 89), ("g", 89)]
    {
        scene.at(second, name, &Transition::Resolved, None);
    }
    scene.due(4000);
    assert_eq!(scene.told(), ["ops router resolved"]);
    // What was its consequence stays it in the past.
    assert_eq!(scene.incidents["b"].explained_by.as_ref().unwrap().incident, Some(id));
    assert_eq!(scene.listed("router").len(), 7);
}

#[test]
fn what_outlives_its_cause_is_told_once_it_had_time_to_recover() {
    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "db", &opened(CRITICAL), None).at(1, "shop", &opened(CRITICAL), Some("db"));
    scene.explained(100, "shop", None).at(100, "db", &Transition::Resolved, None);
    assert_eq!(scene.told(), ["ops db opened", "ops db resolved"]);
    assert_eq!(scene.incidents["shop"].waits_until, Some(at(140)), "30 s and two timeouts");
    scene.due(139);
    assert_eq!(scene.told(), [""; 0]);
    scene.due(140);
    assert_eq!(scene.told(), ["ops shop opened"]);
    assert_eq!(scene.incidents["shop"].explained_by, None);
    scene.at(200, "shop", &Transition::Resolved, None);
    assert_eq!(scene.told(), ["ops shop resolved"]);
}

#[test]
fn a_cause_that_closes_without_a_word_still_releases_what_it_explained() {
    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "db", &opened(CRITICAL), None).at(1, "shop", &opened(CRITICAL), Some("db"));
    let step = scene.engine.removed("db", at(50));
    scene.take(vec![step]);
    scene.due(50).due(89);
    assert_eq!(scene.told(), ["ops db opened", "ops db resolved"]);
    scene.due(90);
    assert_eq!(scene.told(), ["ops shop opened"]);
}

#[test]
fn a_consequence_seen_first_waits_for_its_cause_and_no_longer_than_that_takes() {
    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "shop", &opened(CRITICAL), Some("db")).due(20);
    assert_eq!(scene.told(), [""; 0]);
    scene.at(30, "db", &opened(CRITICAL), None).due(3000);
    assert_eq!(scene.told(), ["ops db opened"]);
    assert_eq!(scene.listed("db"), ["shop"]);
    assert!(scene.incidents["shop"].explained_by.as_ref().unwrap().incident.is_some());

    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "shop", &opened(CRITICAL), Some("db")).due(39);
    assert_eq!(scene.told(), [""; 0]);
    scene.due(40);
    assert_eq!(scene.told(), ["ops shop opened"]);
    // Told is told: its cause is told too, and its own end as well.
    scene.at(50, "db", &opened(CRITICAL), None).at(60, "shop", &Transition::Resolved, None);
    assert_eq!(scene.told(), ["ops db opened", "ops shop resolved"]);
}

#[test]
fn a_suspect_that_blinks_does_not_keep_an_incident_waiting() {
    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "shop", &opened(CRITICAL), Some("db"));
    for second in (5..40).step_by(5) {
        let cause = (second % 10 == 0).then_some("db");
        scene.explained(second, "shop", cause);
    }
    assert_eq!(scene.told(), [""; 0]);
    scene.due(40);
    assert_eq!(scene.told(), ["ops shop opened"]);
}

#[test]
fn whoever_was_not_told_of_the_cause_is_told_of_what_follows() {
    let routes: &[(Option<Severity>, &[&str])] = &[(Some(CRITICAL), &["pager"]), (None, &["chat"])];
    let mut scene = Scene::new(policy(&["pager", "chat"], routes));
    scene.at(0, "db", &opened(WARNING), None).at(1, "shop", &opened(CRITICAL), Some("db"));
    assert_eq!(scene.told(), ["chat db opened", "pager shop opened"]);
    // No worse than its cause, it is held back; once it is, it is told.
    scene.at(2, "blog", &opened(WARNING), Some("db"));
    assert_eq!(scene.told(), [""; 0]);
    let worse = Transition::Updated(vec![standing("a", CRITICAL)]);
    scene.at(3, "blog", &worse, Some("db"));
    assert_eq!(scene.told(), ["pager blog opened"]);

    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "db", &opened(WARNING), None).at(1, "shop", &opened(CRITICAL), Some("db"));
    assert_eq!(scene.told(), ["ops db opened", "ops shop opened"], "it is worse than its cause");
}

#[test]
fn two_that_explain_each_other_are_told_once() {
    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "a", &opened(CRITICAL), Some("b")).at(1, "b", &opened(CRITICAL), Some("a"));
    scene.due(3000);
    assert_eq!(scene.told(), ["ops a opened"]);
}

#[test]
fn a_long_list_keeps_what_is_still_wrong() {
    let mut policy = policy(&["ops"], &[]);
    policy.flaps.changes = 0;
    let mut scene = Scene::new(policy);
    scene.at(0, "db", &opened(CRITICAL), None);
    let most = i64::try_from(health::incident::MOST_CONSEQUENCES).unwrap();
    for second in 1..=most {
        scene.at(10 * second, "blinking", &opened(CRITICAL), Some("db"));
        scene.at(10 * second + 5, "blinking", &Transition::Resolved, None);
    }
    scene.at(9000, "shop", &opened(CRITICAL), Some("db"));
    let listed = scene.listed("db");
    assert_eq!(listed.len(), health::incident::MOST_CONSEQUENCES);
    assert_eq!(listed.last(), Some(&"shop"));
    assert_eq!(scene.incidents["db"].consequences[0].opened_at, at(20), "the oldest went");
}

#[test]
fn messages_about_the_cause_list_what_follows() {
    let mut scene = Scene::new(policy(&["ops"], &[]));
    scene.at(0, "shop", &opened(WARNING), Some("db"));
    let step = scene.engine.advance(&check("db"), State::Down, &opened(CRITICAL), None, at(9));
    insta::assert_snapshot!("opened_with_consequences", pretty(&step.notifications[0].body));
}
