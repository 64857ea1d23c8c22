//! What the agent itself lacks (a store, room on the disk, open files) is its own trouble: it says so,
//! goes on, and blames no target.

use std::process::Command;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::support::agent::{Agent, eventually, write_plan};
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

/// The largest file that a process may write from now on; what was may be had again.
fn limit_file_size(pid: u32, bytes: &str) {
    let limits = format!("--fsize={bytes}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &limits]).status();
    assert!(done.unwrap().success(), "prlimit {limits}");
}
