//! What the agent itself lacks (a store, room on the disk, open files) is its own trouble: it says so,
//! goes on, and blames no target.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::support::agent::{Agent, PATIENCE, client_within, eventually, free_address, write_plan};
use super::support::certificates::{Authority, DAY, Order};
use super::support::nameserver::{Nameserver, Zone};
use super::support::postgres::is_root;
use super::support::receiver::Receiver;
use super::target::Target;
use super::telling::{incidents, judge, metric, plan};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_usable_store_everything_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("portwarden.db")).unwrap();
    goes_on_without_a_store(folder, "127.41.5.1").await;

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portwarden.db"), "not a database ".repeat(4096)).unwrap();
    goes_on_without_a_store(folder, "127.41.5.2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_store_that_may_only_be_read_everything_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portwarden.db");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    let mut binary = Command::new(env!("CARGO_BIN_EXE_portwarden"));
    if is_root() {
        // Without its rights root is refused like anybody.
        binary = Command::new("setpriv");
        binary.args(["--bounding-set=-all", "--inh-caps=-all", env!("CARGO_BIN_EXE_portwarden")]);
    }
    goes_on_by(binary, folder, "127.41.5.3").await;
}

async fn goes_on_without_a_store(folder: TempDir, ip: &str) {
    goes_on_by(Command::new(env!("CARGO_BIN_EXE_portwarden")), folder, ip).await;
}

async fn goes_on_by(binary: Command, folder: TempDir, ip: &str) {
    let mut target = Target::open(ip).await;
    let receiver = Receiver::start().await;
    let plan = plan(receiver.address, [("door", target.address)]);
    let listen = write_plan(folder.path(), "", &plan);
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

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_left_to_open_nothing_new_is_believed_of_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let well = TcpListener::bind("127.41.10.1:0").await.unwrap();
    let (well, _hold) = (well.local_addr().unwrap(), well);
    let mut sick = Target::open("127.41.10.2").await;
    let silent = free_address("127.41.10.3");
    let zones = [Zone::new("shop.example", 7, "@ NS ns1\nns1 A 192.0.2.1\nwell 0 A 127.41.10.1")];
    let nameserver = Nameserver::start("127.41.10.4", &zones);
    let plan = format!(
        "[defaults]\ninterval = \"1s\"\nfail_after = 1\nrecover_after = 1\n\
         [[tcp]]\nname = \"well\"\naddress = \"{well}\"\n\
         [[tcp]]\nname = \"sick\"\naddress = \"{sick}\"\n\
         [[tcp]]\nname = \"named\"\naddress = \"well.shop.example:{port}\"\n\
         [[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [\"{silent}\"]\ntimeout = \"1s\"\n\
         [[certificate]]\nname = \"files\"\npath = \"certificates/*.pem\"\n\
         [[host]]\nname = \"here\"\naddress = \"{ip}\"\nlocal = true\nundeclared = \"ignore\"\n\
         [[host.port]]\nport = {port}\nservice = \"well\"\n",
        sick = sick.address,
        ip = well.ip(),
        port = well.port(),
    );
    let kept = folder.path().join("certificates");
    std::fs::create_dir(&kept).unwrap();
    let order = Order { names: &["shop.example"], serial: 1, valid: (-DAY, 80 * DAY) };
    Authority::new("Test Root").issue(&order, &kept);
    std::fs::remove_file(kept.join("privkey.pem")).unwrap();
    sick.close().await;
    let resolver = format!("resolver = \"{}\"", nameserver.address());
    let agent = Agent::start(folder.path(), &resolver, &plan).await;
    for (check, state) in [
        ("well", "up"),
        ("named", "up"),
        ("files", "up"),
        ("sick", "down"),
        ("zone", "down"),
        (&format!("here:{}", well.port()), "up"),
    ] {
        agent.state(check, state).await;
    }
    let stand = async || {
        let checks = agent.api("/checks").await;
        let checks = checks["checks"].as_array().unwrap().clone();
        let others = checks.into_iter().filter(|check| check["name"] != "sick");
        others.map(|check| [check["state"].clone(), check["since"].clone()]).collect::<Vec<_>>()
    };
    let before = stand().await;
    let url = format!("http://{}/api/v1/events", agent.listen);
    // Opened while there is a file for it: nothing else can be asked later on.
    let mut events = client_within(PATIENCE).get(url).send().await.unwrap();

    limit_open_files(agent.pid(), "3");
    eventually("the log says so", async || agent.log().contains("could not look")).await;
    sick.reopen().await;
    // One a second: by the last of them every check has been due several times.
    for _ in 0..6 {
        let event = events.chunk().await.unwrap().expect("an event");
        let event = String::from_utf8_lossy(&event);
        assert_eq!(
            event.matches("\"open\":2,").count(),
            event.matches("\"open\":").count(),
            "{event}"
        );
    }

    limit_open_files(agent.pid(), "1024");
    agent.state("sick", "up").await;
    let (_, page) = agent.fetch("/").await.unwrap();
    assert!(page.contains("probes cannot look"), "no banner:\n{page}");
    assert_eq!(stand().await, before);
    assert_eq!(incidents(&agent).await.len(), 2, "the two that were there before");
}

/// The largest file that a process may write from now on; what was may be had again.
fn limit_file_size(pid: u32, bytes: &str) {
    limit(pid, &format!("--fsize={bytes}:unlimited"));
}

/// How many files a process may have open when it opens another.
fn limit_open_files(pid: u32, count: &str) {
    limit(pid, &format!("--nofile={count}:"));
}

fn limit(pid: u32, limits: &str) {
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), limits]).status();
    assert!(done.unwrap().success(), "prlimit {limits}");
}
