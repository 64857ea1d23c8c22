//! Maintenance, flapping, escalation and restarts, as a receiver hears of them from the real binary.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use portwarden::clock;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::own_address;
use crate::support::receiver::Receiver;

/// A plan of one check that looks five times a second, and one or more receivers.
fn plan(address: SocketAddr, folder: &Path, ops: &Receiver, more: &str) -> String {
    format!(
        r#"
        [defaults]
        interval = "200ms"
        timeout = "1s"
        fail_after = 1

        [[tcp]]
        name = "shop"
        address = "{address}"
        labels = {{ team = "shop" }}
        {more}
        {}"#,
        ops.in_plan(folder)
    )
}

fn another(name: &str, receiver: &Receiver) -> String {
    format!("[[receiver]]\nname = \"{name}\"\nwebhook = {{ url = \"{}\" }}\n", receiver.url())
}

/// What it was told, each message once: the one in flight at a kill comes again, under its id.
fn kinds(receiver: &Receiver) -> Vec<String> {
    let mut ids = HashSet::new();
    let taken = receiver.taken();
    let told = taken.iter().filter(|heard| ids.insert(heard.id().to_owned()));
    told.map(|heard| heard.kind().to_owned()).collect()
}

async fn hears(receiver: &Receiver, wanted: &[&str]) {
    eventually(&format!("{wanted:?} has arrived"), async || kinds(receiver).len() >= wanted.len())
        .await;
    assert_eq!(kinds(receiver), wanted);
}

/// Why somebody was told or not, oldest first: `opened maintenance`.
async fn whys(agent: &Agent, incident: &str) -> Vec<String> {
    let account = agent.api(&format!("/incidents/{incident}")).await;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let decisions = account["decisions"].as_array().unwrap().clone();
    decisions
        .iter()
        .map(|one| format!("{} {}", word(&one["event"]), word(&one["why"]["because"])))
        .collect()
}

async fn open_incident(agent: &Agent) -> String {
    let mut id = None;
    eventually("an incident is open", async || {
        let incidents = agent.api("/incidents").await;
        let incidents = incidents["incidents"].as_array().unwrap().clone();
        let open = incidents.iter().find(|incident| incident["resolved_at"].is_null());
        id = open.map(|incident| incident["id"].as_str().unwrap().to_owned());
        id.is_some()
    })
    .await;
    id.unwrap()
}

fn in_seconds(seconds: i64) -> Timestamp {
    clock::now().checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_in_maintenance_is_told_at_its_end_once_and_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let (from, until) = (in_seconds(-60), in_seconds(12));
    let window = format!(
        "[[maintenance]]\nname = \"move\"\nfrom = \"{from}\"\nuntil = \"{until}\"\nlabel = {{ team = \"shop\" }}\n"
    );
    let text = plan(address, folder.path(), &ops, &window);
    let mut agent = Agent::start(folder.path(), "", &text).await;
    let id = open_incident(&agent).await;
    eventually("the hold is written down", async || {
        whys(&agent, &id).await == ["opened maintenance"]
    })
    .await;
    let account = agent.api(&format!("/incidents/{id}")).await;
    assert_eq!(account["decisions"][0]["why"]["name"], "move");
    assert_eq!(account["state"], "down", "probing goes on");
    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    let opened = ops.expect("incident.opened", "shop").await;
    assert!(clock::now() >= until, "it was told before the window ended");
    assert_eq!(opened.message["id"], *id, "the incident of before the restart");
    assert_eq!(whys(&agent, &id).await, ["opened maintenance", "opened released"]);
    let listener = TcpListener::bind(address).await.unwrap();
    hears(&ops, &["incident.opened", "incident.resolved"]).await;
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flaps_is_told_once_more_and_summed_up_when_it_has_settled() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let more = "[alerts]\nsettled_after = \"5s\"\n";
    let text = plan(address, folder.path(), &ops, more);
    let mut agent = Agent::start(folder.path(), "", &text).await;
    for _ in 0..5 {
        agent.state("shop", "down").await;
        let listener = TcpListener::bind(address).await.unwrap();
        agent.state("shop", "up").await;
        drop(listener);
    }
    // Up for good, and killed meanwhile: that it flaps is not forgotten.
    agent.state("shop", "down").await;
    let listener = TcpListener::bind(address).await.unwrap();
    agent.state("shop", "up").await;
    let flapping = open_incident(&agent).await;
    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    let told = ["opened", "resolved", "opened", "resolved", "opened", "updated", "resolved"];
    let told = told.map(|event| format!("incident.{event}"));
    hears(&ops, &told.each_ref().map(|event| &**event)).await;
    let [.., updated, resolved] = &ops.taken()[..] else { panic!("too few messages") };
    assert_eq!(updated.message["id"], *flapping);
    assert_eq!(updated.message["flapping"]["turns"], 3);
    assert!(updated.message["flapping"]["settled_at"].is_null());
    assert_eq!(resolved.message["id"], *flapping);
    assert_eq!(resolved.message["flapping"]["turns"], 6);
    assert!(resolved.message["flapping"]["settled_at"].is_string());
    let whys = whys(&agent, &flapping).await;
    assert_eq!(whys, ["opened routed", "updated flaps-now", "resolved settled"]);
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_passed_over_and_the_boss_is_called_once() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, boss, night) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let address = own_address();
    let kitchen = own_address();
    let more = format!(
        "[[tcp]]\nname = \"stove\"\naddress = \"{kitchen}\"\nexpect_closed = true\n\
         labels = {{ team = \"kitchen\" }}\n\
         [[route]]\nlabel = {{ team = \"kitchen\" }}\nreceivers = [\"night\"]\n\
         [[route]]\nlabel = {{ team = \"sh*\" }}\ncode = \"tcp.*\"\nreceivers = [\"ops\"]\n\
         escalate = [{{ after = \"6s\", receivers = [\"boss\"] }}]\n{}{}",
        another("boss", &boss),
        another("night", &night)
    );
    let text = plan(address, folder.path(), &ops, &more);
    let mut agent = Agent::start(folder.path(), "", &text).await;
    let opened = ops.expect("incident.opened", "shop").await;
    assert!(boss.heard().is_empty());
    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    let called = boss.expect("incident.opened", "shop").await;
    assert_eq!(called.message["id"], opened.message["id"]);
    let id = called.message["id"].as_str().unwrap();
    let opened_at: Timestamp = opened.message["opened_at"].as_str().unwrap().parse().unwrap();
    assert!(clock::now().duration_since(opened_at) >= SignedDuration::from_secs(6));
    assert_eq!(whys(&agent, id).await, ["opened routed", "opened escalated"]);
    let listener = TcpListener::bind(address).await.unwrap();
    hears(&ops, &["incident.opened", "incident.resolved"]).await;
    hears(&boss, &["incident.opened", "incident.resolved"]).await;
    assert!(night.heard().is_empty(), "another team's");
    drop(listener);
}
