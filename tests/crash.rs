//! What survives: kill -9 at the worst moments, SIGTERM, and a disk that takes nothing more.
//!
//! Killed and started again on the same store, the agent owes everybody every message of every
//! incident: none lost, none invented, in order within an incident, repeats under the same id.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use portwarden::clock;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use support::agent::{Agent, client, eventually, write_plan};
use support::receiver::{Heard, Receiver};

/// What a target may be seen late: one probe, and the turn of the loop after it.
const SEEN_WITHIN_SECONDS: i64 = 2;

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
    eventually("five refused messages", async || ids(&receiver.heard()).len() == 5).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_moments_lose_and_invent_nothing() {
    const KILLS: usize = 24;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let folder = tempfile::tempdir().unwrap();
    let mut targets = Vec::new();
    for last in 1..=4 {
        targets.push(Target::open(&format!("127.41.3.{last}")).await);
    }
    let receiver = Receiver::start().await;
    let names: Vec<String> = (1..=4).map(|number| format!("door {number}")).collect();
    let doors = names.iter().zip(&targets).map(|(name, target)| (&**name, target.address));
    let mut agent = Agent::start(folder.path(), "", &plan(receiver.address, doors)).await;
    for _ in 0..KILLS {
        for _ in 0..2 {
            targets[dice.below(4)].toggle().await;
            receiver.fail_with((dice.below(2) == 0).then_some(503));
            // The moment of the kill is what is random here; nothing is waited for.
            let pause = u64::try_from(dice.below(350)).unwrap();
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        agent.kill();
        agent = Agent::start_on(folder.path(), agent.listen).await;
    }

    // What is owed is told soon after the receiver has taken something new.
    receiver.fail_with(None);
    for target in &mut targets {
        target.close().await;
    }
    for name in &names {
        agent.state(name, "down").await;
    }
    for (name, target) in names.iter().zip(&mut targets) {
        target.reopen().await;
        agent.state(name, "up").await;
    }
    eventually("nothing is pending", async || {
        let all = incidents(&agent).await;
        let resolved = |heard: &Heard| heard.kind() == "incident.resolved";
        let told = receiver.taken().into_iter().filter(resolved).collect::<Vec<_>>();
        ids(&told).len() == all.len() && all.iter().all(|known| !known["resolved_at"].is_null())
    })
    .await;

    let all = incidents(&agent).await;
    assert!(all.len() < 100, "more incidents than the API looks back to");
    let told = judge(&receiver, &all);
    assert!(told >= 8, "only {told} incidents in {KILLS} lives");
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

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_at_once_with_streams_open() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::open("127.41.4.1").await;
    let receiver = Receiver::start().await;
    let mut agent =
        Agent::start(folder.path(), "", &plan(receiver.address, [("door", target.address)])).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let url = format!("http://{}/api/v1/events", agent.listen);
        let mut stream = client().get(url).send().await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some(), "a first event");
        streams.push(stream);
    }
    let start = clock::monotonic();
    let ended = agent.terminate();
    let took = clock::monotonic() - start;
    assert_eq!(ended.code(), Some(0), "{}", agent.log());
    assert!(took < Duration::from_secs(4), "it took {took:?}");
    for mut stream in streams {
        while let Ok(Some(_)) = stream.chunk().await {}
    }
    assert!(agent.log().contains("ended"), "{}", agent.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_waits_for_nobody_who_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::open("127.41.7.1").await;
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    let mut agent =
        Agent::start(folder.path(), "", &plan(address, [("door", target.address)])).await;
    agent.state("door", "up").await;
    let mut half = TcpStream::connect(agent.listen).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    target.close().await;
    let (connection, _) = mute.accept().await.unwrap();
    let before = first_bytes(&connection).await;

    let start = clock::monotonic();
    let ended = agent.terminate();
    let took = clock::monotonic() - start;
    assert_eq!(ended.code(), Some(0), "{}", agent.log());
    assert!(took < Duration::from_secs(8), "it took {took:?}");
    drop((connection, mute));

    let receiver = Receiver::start_on(address).await;
    let _agent = Agent::start_on(folder.path(), agent.listen).await;
    let opened = receiver.expect("incident.opened", "door").await;
    assert!(before.contains(opened.id()), "another id than before:\n{before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_never_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::open("127.41.8.1").await;
    let receiver = Receiver::start().await;
    let plan = plan(receiver.address, [("door", target.address)]);
    let _agent = Agent::start(folder.path(), "", &plan).await;
    let second = tempfile::tempdir().unwrap();
    let store = format!("store = \"{}\"", folder.path().join("portwarden.db").display());
    write_plan(second.path(), &store, &plan);
    let done = Command::new(env!("CARGO_BIN_EXE_portwarden"))
        .args(["run"])
        .current_dir(second.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("another portwarden is running with this database"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_usable_store_everything_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("portwarden.db")).unwrap();
    goes_on_without_a_store(folder, "127.41.5.1").await;

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portwarden.db"), "not a database ".repeat(4096)).unwrap();
    goes_on_without_a_store(folder, "127.41.5.2").await;
}

async fn goes_on_without_a_store(folder: TempDir, ip: &str) {
    let mut target = Target::open(ip).await;
    let receiver = Receiver::start().await;
    let plan = plan(receiver.address, [("door", target.address)]);
    let listen = write_plan(folder.path(), "", &plan);
    let binary = Command::new(env!("CARGO_BIN_EXE_portwarden"));
    let mut agent = Agent::start_by(binary, folder.path(), listen, "/healthz").await;

    agent.state("door", "up").await;
    target.close().await;
    receiver.expect("incident.opened", "door").await;
    let (ready, why) = agent.fetch("/readyz").await.unwrap();
    assert_eq!(ready, 503);
    assert!(why.contains("portwarden.db"), "{why}");
    assert_eq!(metric(&agent, "portwarden_store_up").await, Some(0.0));
    for page in ["/", "/ports", "/certificates", "/dns", "/incidents", "/checks/door"] {
        let (status, html) = agent.fetch(page).await.unwrap();
        assert_eq!(status, 200, "{page}");
        assert!(html.contains("Nothing is stored"), "{page} has no banner");
    }
    assert_eq!(agent.terminate().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_no_probe_and_is_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::open("127.41.6.1").await;
    let receiver = Receiver::start().await;
    let plan = plan(receiver.address, [("door", target.address)]);
    let listen = write_plan(folder.path(), "", &plan);
    // As on a full disk, writing fails and nothing more; by default the signal would end the process.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_portwarden")]);
    let mut agent = Agent::start_by(shell, folder.path(), listen, "/readyz").await;
    agent.state("door", "up").await;

    // Its log lies on the same disk, and fails too.
    limit_file_size(agent.pid(), "0");
    target.close().await;
    agent.state("door", "down").await;
    eventually("not ready", async || agent.fetch("/readyz").await.is_some_and(|a| a.0 == 503))
        .await;
    eventually("the metric says so", async || {
        metric(&agent, "portwarden_store_up").await == Some(0.0)
    })
    .await;
    let before = agent.api("/checks").await["checks"][0]["last"]["at"].clone();
    eventually("probing goes on", async || {
        agent.api("/checks").await["checks"][0]["last"]["at"] != before
    })
    .await;
    let (status, html) = agent.fetch("/").await.unwrap();
    assert_eq!(status, 200);
    assert!(html.contains("class=\"banner\""), "no banner:\n{html}");
    // Not durable, not told: after a kill now, it would be told under another id.
    assert!(receiver.heard().is_empty());

    limit_file_size(agent.pid(), "unlimited");
    let opened = receiver.expect("incident.opened", "door").await;
    eventually("ready", async || agent.fetch("/readyz").await.is_some_and(|a| a.0 == 200)).await;
    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    target.reopen().await;
    let resolved = receiver.expect("incident.resolved", "door").await;
    assert_eq!(opened.message["id"], resolved.message["id"]);
    assert_eq!(judge(&receiver, &incidents(&agent).await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_limit_on_open_files_makes_nobody_look_sick() {
    const CHECKS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    // Takes connections and says nothing: each probe holds its socket until the timeout.
    let silent = TcpListener::bind("127.41.9.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut plan = "[defaults]\ninterval = \"1s\"\ntimeout = \"3s\"\nfail_after = 1\n".to_owned();
    for number in 0..CHECKS {
        plan.push_str(&format!(
            "[[tcp]]\nname = \"silent {number}\"\naddress = \"{address}\"\nexpect = \"^x\"\n"
        ));
    }
    let listen = write_plan(folder.path(), "", &plan);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_portwarden")]);
    let agent = Agent::start_by(shell, folder.path(), listen, "/readyz").await;
    let mut codes = Vec::new();
    eventually("every check has its finding", async || {
        let findings = agent.findings().await;
        codes = findings.into_iter().map(|(_, code, _)| code).collect();
        codes.len() >= CHECKS
    })
    .await;
    assert!(codes.iter().all(|code| code == "tcp.silent"), "{codes:?}");
}

/// Holds everything the receiver took against the incidents the agent knows of, all of which must be
/// resolved; says how many there are.
fn judge(receiver: &Receiver, incidents: &[Value]) -> usize {
    let known: BTreeSet<&str> =
        incidents.iter().map(|incident| incident["id"].as_str().unwrap()).collect();
    let taken = receiver.taken();
    let mut told: BTreeMap<&str, Vec<&Heard>> = BTreeMap::new();
    let mut bodies: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for heard in &taken {
        let incident = heard.message["id"].as_str().unwrap();
        assert!(known.contains(incident), "an incident nobody knows: {}", heard.message);
        let first = bodies.entry(heard.id()).or_insert(&heard.body);
        assert_eq!(*first, &heard.body[..], "one id, two messages");
        let messages = told.entry(incident).or_default();
        // A repeat of the last message is what a kill before its record makes; of an earlier one not.
        if messages.last().is_none_or(|last| last.id() != heard.id()) {
            messages.push(heard);
        }
    }
    assert_eq!(told.len(), known.len(), "incidents nobody was told of");
    for (incident, messages) in told {
        let kinds: Vec<&str> = messages.iter().map(|heard| heard.kind()).collect();
        let (first, last) = (kinds.first().unwrap(), kinds.last().unwrap());
        assert_eq!((*first, *last), ("incident.opened", "incident.resolved"), "{incident}");
        let between = &kinds[1..kinds.len() - 1];
        assert!(between.iter().all(|kind| *kind == "incident.updated"), "{incident}: {kinds:?}");
    }
    known.len()
}

fn ids(heard: &[Heard]) -> BTreeSet<String> {
    heard.iter().map(|heard| heard.id().to_owned()).collect()
}

async fn incidents(agent: &Agent) -> Vec<Value> {
    agent.api("/incidents").await["incidents"].as_array().unwrap().clone()
}

/// The value of a metric without labels.
async fn metric(agent: &Agent, name: &str) -> Option<f64> {
    let (_, text) = agent.fetch("/metrics").await?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// Checks of these addresses that are looked at all the time, and one receiver.
fn plan<'a>(
    receiver: SocketAddr,
    doors: impl IntoIterator<Item = (&'a str, SocketAddr)>,
) -> String {
    let mut plan = format!(
        "[defaults]\ninterval = \"150ms\"\ntimeout = \"1s\"\nfail_after = 1\n\
         [[receiver]]\nname = \"ops\"\nwebhook = {{ url = \"http://{receiver}/hook\" }}\n"
    );
    for (name, address) in doors {
        plan.push_str(&format!("[[tcp]]\nname = \"{name}\"\naddress = \"{address}\"\n"));
    }
    plan
}

/// The first piece of a request, as text.
async fn first_bytes(connection: &TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    loop {
        connection.readable().await.unwrap();
        if let Ok(length) = connection.try_read(&mut bytes) {
            return String::from_utf8_lossy(&bytes[..length]).into_owned();
        }
    }
}

/// The largest file that a process may write from now on; what was may be had again.
fn limit_file_size(pid: u32, bytes: &str) {
    let limits = format!("--fsize={bytes}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &limits]).status();
    assert!(done.unwrap().success(), "prlimit {limits}");
}

/// A listener that comes and goes, and remembers when.
struct Target {
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
    /// From, and until when if it is over.
    closed: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Target {
    async fn open(ip: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, accepting: Some(accept(listener)), closed: Vec::new() }
    }

    async fn close(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.closed.push((clock::now(), None));
        accepting.abort();
        // The socket is closed once the task is gone.
        let _ = accepting.await;
    }

    async fn reopen(&mut self) {
        if self.accepting.is_some() {
            return;
        }
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accepting = Some(accept(listener));
        self.closed.last_mut().unwrap().1 = Some(clock::now());
    }

    async fn toggle(&mut self) {
        if self.accepting.is_some() {
            self.close().await;
        } else {
            self.reopen().await;
        }
    }

    fn was_closed_at(&self, at: Timestamp) -> bool {
        let late = jiff::SignedDuration::from_secs(SEEN_WITHIN_SECONDS);
        self.closed
            .iter()
            .any(|(from, until)| *from <= at && until.is_none_or(|until| at <= until + late))
    }
}

fn accept(listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    })
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
