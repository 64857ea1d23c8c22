//! Echo requests and datagrams: in a network of the test's own, where routes can be broken and rights
//! taken away, and nobody else is there.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::agent::Agent;
use crate::support::command::portwarden;
use crate::support::daemon;

/// Set where the test runs in its own network.
const APART: &str = "PORTWARDEN_TEST_APART";

/// Runs one of these tests once more in a network of its own, after these commands; says whether this is
/// that run.
fn is_apart(test: &str, before: &str) -> bool {
    if std::env::var_os(APART).is_some() {
        return true;
    }
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--net", "sh", "-c"])
        .arg(format!("ip link set lo up && {before} && exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("signals::{test}"), "--nocapture"])
        .env(APART, "1")
        .stdin(Stdio::null());
    let ended = daemon::spawn(&mut command).unwrap().wait().unwrap();
    assert!(ended.success(), "{test} failed in its own network");
    false
}

/// What `once` finds, as (check, code).
fn found(folder: &Path, plan: &str) -> Vec<Value> {
    let text =
        format!("[agent]\nresolver = \"127.53.255.254:9\"\n[defaults]\ntimeout = \"1s\"\n{plan}");
    std::fs::write(folder.join("probes.toml"), text).unwrap();
    let ended = portwarden(folder, &["once", "--format", "json"]);
    all(&ended.json())
}

/// Every finding of a report, with the name of its check.
fn all(report: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    for check in report["checks"].as_array().unwrap_or_else(|| panic!("{report}")) {
        for finding in check["findings"].as_array().unwrap() {
            let mut finding = finding.clone();
            finding["check"] = check["name"].clone();
            found.push(finding);
        }
    }
    found
}

fn codes(found: &[Value]) -> Vec<(&str, &str)> {
    found
        .iter()
        .map(|found| (found["check"].as_str().unwrap(), found["code"].as_str().unwrap()))
        .collect()
}

#[test]
fn echo_requests_are_answered_lost_or_refused() {
    let routes = "ip route add unreachable 10.8.0.1 && ip route add prohibit 10.8.0.2 && ip route add blackhole 10.8.0.3";
    if !is_apart("echo_requests_are_answered_lost_or_refused", routes) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plan = r#"
        [[icmp]]
        name = "here"
        address = "127.0.0.5"
        expect.loss = "0%"

        [[icmp]]
        name = "here by IPv6"
        address = "::1"
        source = "::1"
        expect.loss = "0%"

        [[icmp]]
        name = "no way"
        address = "10.8.0.1"

        [[icmp]]
        name = "forbidden"
        address = "10.8.0.2"

        [[icmp]]
        name = "no route"
        address = "10.7.0.1"

        [[icmp]]
        name = "not ours"
        address = "127.0.0.5"
        source = "192.0.2.7"

        [[icmp]]
        name = "too slow"
        address = "127.0.0.5"
        expect.within = "0ms"

        [[icmp]]
        name = "no name"
        address = "router.example"
    "#;
    let seen = found(folder.path(), plan);
    let mut known = codes(&seen);
    known.sort_unstable();
    assert_eq!(
        known,
        [
            ("forbidden", "icmp.unreachable"),
            ("no name", "resolve.failed"),
            ("no route", "icmp.unreachable"),
            ("no way", "icmp.unreachable"),
            ("not ours", "icmp.unreachable"),
            ("too slow", "icmp.slow"),
        ],
        "{seen:#?}"
    );
    // Neither the right to raw sockets nor a group that may, as in every new network: nothing is said of the target.
    let said = without_raw_sockets(folder.path(), &["here"], &["icmp.not-permitted"]);
    assert!(said.contains("sysctl -w net.ipv4.ping_group_range="), "{said}");
    // Without the right, but with a group that may: the same.
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
    without_raw_sockets(folder.path(), &["no way", "here", "here by IPv6"], &["icmp.unreachable"]);
    // Nobody replies.
    std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").unwrap();
    let seen = found(folder.path(), "[[icmp]]\nname = \"dead\"\naddress = \"127.0.0.5\"\n");
    assert_eq!(codes(&seen), [("dead", "icmp.timeout")]);
    assert_eq!(seen[0]["severity"], "critical");
    assert!(seen[0]["remedy"].as_str().unwrap().contains("ip neigh show 127.0.0.5"), "{seen:?}");
    without_raw_sockets(folder.path(), &["dead"], &["icmp.timeout"]);
}

/// `once` over the plan in the folder as a user without CAP_NET_RAW would run it.
fn without_raw_sockets(folder: &Path, checks: &[&str], expected: &[&str]) -> String {
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set=-net_raw", env!("CARGO_BIN_EXE_portwarden")])
        .args(["once", "--format", "json"])
        .args(checks)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let output = daemon::spawn(&mut command).unwrap().wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = all(&report);
    let known: Vec<&str> = found.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(known, expected, "{report:#}");
    report.to_string()
}

#[test]
fn what_stands_behind_a_dead_router_is_explained_by_it() {
    if !is_apart("what_stands_behind_a_dead_router_is_explained_by_it", "true") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let plan = r#"
            [defaults]
            interval = "1s"
            timeout = "500ms"
            fail_after = 2

            [[icmp]]
            name = "router"
            address = "127.0.0.5"
            expect.within = "10s"

            [[udp]]
            name = "names behind it"
            address = "127.0.0.5:53"
            send = "?"
            expect = "!"
            depends_on = ["router"]
        "#;
        let agent = Agent::start(folder.path(), "", plan).await;
        agent.state("router", "up").await;
        let facts = agent.check("router").await["last"]["facts"]["icmp"].clone();
        assert_eq!((&facts["sent"], &facts["received"]), (&3.into(), &3.into()), "{facts}");
        let refused = agent.finding("names behind it", "udp.refused").await;
        assert!(refused["explained_by"].is_null(), "{refused}");

        std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").unwrap();
        agent.state("router", "down").await;
        agent.finding("router", "icmp.timeout").await;
        agent.explained("names behind it", "udp.refused", "router").await;
        std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0").unwrap();
        agent.state("router", "up").await;
        agent.healed("router", "icmp.timeout").await;
    });
}

#[test]
fn an_agent_that_may_not_ask_says_so_and_blames_nobody() {
    if !is_apart("an_agent_that_may_not_ask_says_so_and_blames_nobody", "true") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let plan = "[defaults]\ninterval = \"500ms\"\nfail_after = 1\n\
                    [[icmp]]\nname = \"router\"\naddress = \"127.0.0.5\"\n";
        let listen = crate::support::agent::write_plan(folder.path(), "", plan);
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-net_raw", env!("CARGO_BIN_EXE_portwarden")]);
        let agent = Agent::start_by(command, folder.path(), listen, "/readyz").await;
        let page = async || agent.fetch("/").await.unwrap().1;
        crate::support::agent::eventually("the banner says how to permit it", async || {
            page().await.contains("net.ipv4.ping_group_range")
        })
        .await;
        assert_eq!(agent.check("router").await["state"], "unknown");
        assert_eq!(agent.findings().await, []);
        // Permitted while it runs: no restart is needed.
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
        agent.state("router", "up").await;
        crate::support::agent::eventually("the banner has gone", async || {
            !page().await.contains("net.ipv4.ping_group_range")
        })
        .await;
    });
}
