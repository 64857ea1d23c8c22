//! Killed and started again on the same store, the agent owes everybody every message of every
//! incident: none lost, none invented, in order within an incident, repeats under the same id.

use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;

use super::support::agent::{Agent, eventually};
use super::support::receiver::Receiver;
use super::target::Target;
use super::telling::{first_bytes, ids, incidents, judge, metric, plan, written_incidents};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_its_way_at_the_kill_arrives_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::open("127.41.1.1").await;
    // Takes the message and never says so: at the kill nobody knows whether it has arrived.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    let plan = plan(address, [("door", target.address)]);
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("door", "up").await;

    target.close().await;
    let (connection, _) = mute.accept().await.unwrap();
    let before = first_bytes(&connection).await;
    agent.kill();
    drop((connection, mute));

    let receiver = Receiver::start_on(address).await;
    let mut agent = Agent::start_on(folder.path(), agent.listen).await;
    let opened = receiver.expect("incident.opened", "door").await;
    assert!(before.contains(opened.id()), "another id than before the kill:\n{before}");

    // During an outage of the receiver, too: everything decided in it is told after it, in order.
    receiver.fail_with(Some(503));
    target.reopen().await;
    agent.state("door", "up").await;
    eventually("the refused message", async || {
        receiver.heard().iter().any(|heard| heard.kind() == "incident.resolved")
    })
    .await;
    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    target.close().await;
    agent.state("door", "down").await;
    receiver.fail_with(None);
    receiver.expect("incident.resolved", "door").await;
    target.reopen().await;
    eventually("both incidents are told from beginning to end", async || {
        receiver.taken().iter().filter(|heard| heard.kind() == "incident.resolved").count() >= 2
    })
    .await;
    assert_eq!(judge(&receiver, &incidents(&agent).await), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_receiver_over_restarts_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut targets = Vec::new();
    for last in 1..=5 {
        targets.push(Target::open(&format!("127.41.2.{last}")).await);
    }
    let receiver = Receiver::start().await;
    receiver.fail_with(Some(503));
    let names: Vec<String> = (1..=5).map(|number| format!("door {number}")).collect();
    let doors = names.iter().zip(&targets).map(|(name, target)| (&**name, target.address));
    let mut agent = Agent::start(folder.path(), "", &plan(receiver.address, doors)).await;

    for (name, target) in names.iter().zip(&mut targets) {
        agent.state(name, "up").await;
        target.close().await;
        agent.state(name, "down").await;
    }
    // With the third it is clear that it is not the message: what is new waits untried.
    eventually("three refused messages", async || ids(&receiver.heard()).len() >= 3).await;
    agent.kill();
    let mut agent = Agent::start_on(folder.path(), agent.listen).await;
    for (name, target) in names.iter().zip(&mut targets) {
        agent.state(name, "down").await;
        target.reopen().await;
        agent.state(name, "up").await;
    }
    // Durable once the store has taken a later write, which /readyz asks for.
    eventually("ready", async || agent.fetch("/readyz").await.is_some_and(|a| a.0 == 200)).await;
    agent.kill();
    assert!(receiver.taken().is_empty());

    receiver.fail_with(None);
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    for name in &names {
        receiver.expect("incident.opened", name).await;
        receiver.expect("incident.resolved", name).await;
    }
    assert_eq!(judge(&receiver, &incidents(&agent).await), 5);
    eventually("nothing is pending", async || {
        metric(&agent, "portwarden_outbox_pending").await == Some(0.0)
    })
    .await;
}

/// How often the agent is killed at a random moment.
const KILLS: usize = 200;
/// How many doors open and close meanwhile, each seldom enough that none of them flaps; and one more, for
/// the end.
const DOORS: usize = 111;

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_moments_lose_and_invent_nothing() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let folder = tempfile::tempdir().unwrap();
    let mut targets = Vec::new();
    for last in 1..=DOORS {
        targets.push(Target::open(&format!("127.41.3.{last}")).await);
    }
    let receiver = Receiver::start().await;
    let names: Vec<String> = (1..=DOORS).map(|number| format!("door {number}")).collect();
    let doors = names.iter().zip(&targets).map(|(name, target)| (&**name, target.address));
    let plan = plan(receiver.address, doors).replace("150ms", "300ms");
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    for life in 0..KILLS {
        for half in 0..2 {
            // One after the other, far from each other.
            targets[(2 * life + half) * 37 % (DOORS - 1)].toggle().await;
            receiver.fail_with((dice.below(2) == 0).then_some(503));
            // The moment of the kill is what is random here; nothing is waited for.
            let pause = u64::try_from(dice.below(250)).unwrap();
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        agent.kill();
        agent = Agent::start_on(folder.path(), agent.listen).await;
    }

    // What is owed is told soon after the receiver has taken something new.
    receiver.fail_with(None);
    for target in &mut targets {
        target.reopen().await;
    }
    all_are_up(&agent).await;
    targets[DOORS - 1].close().await;
    agent.state(&names[DOORS - 1], "down").await;
    targets[DOORS - 1].reopen().await;
    all_are_up(&agent).await;
    eventually("nothing is pending", async || {
        metric(&agent, "portwarden_outbox_pending").await == Some(0.0)
    })
    .await;
    agent.terminate();

    let all = written_incidents(&folder.path().join("portwarden.db"));
    let told = judge(&receiver, &all);
    assert!(told >= KILLS / 3, "only {told} incidents in {KILLS} lives");
    for incident in &all {
        let number = names.iter().position(|name| incident["check"] == **name).unwrap();
        let opened_at: Timestamp = incident["opened_at"].as_str().unwrap().parse().unwrap();
        assert!(
            targets[number].was_closed_at(opened_at),
            "an incident of nothing: {incident:#}\n{:?}",
            targets[number].closed
        );
    }
}

async fn all_are_up(agent: &Agent) {
    eventually("all doors are up", async || {
        let checks = agent.api("/checks").await;
        checks["checks"].as_array().unwrap().iter().all(|check| check["state"] == "up")
    })
    .await;
}

/// The same throws every time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}
