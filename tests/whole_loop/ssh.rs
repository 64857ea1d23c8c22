//! SSH servers by their host keys, against OpenSSH.

use std::process::Command;

use crate::support::agent::Agent;
use crate::support::hostile::Malice;
use crate::support::loopback::own_address;
use crate::support::receiver::Receiver;
use crate::support::squatter;
use crate::support::sshd::Machine;

const PACE: &str = "[defaults]\ninterval = \"400ms\"\ntimeout = \"5s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_at_the_planned_address_is_told_by_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let planned = Machine::new(&folder.path().join("planned"), &["ed25519", "ecdsa", "rsa"]);
    let other = Machine::new(&folder.path().join("other"), &["ed25519"]);
    let server = planned.serve(address);
    // The kind that is asked for last.
    let key = planned.fingerprint("rsa");
    let plan = format!(
        "{PACE}[[tcp]]\nname = \"ssh\"\naddress = \"{address}\"\nspeaks = \"ssh\"\nhost_key = \"{key}\"\n{}",
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("ssh", "up").await;

    server.terminate();
    let stranger = other.serve(address);
    agent.finding("ssh", "ssh.host-key").await;
    let opened = ops.expect("incident.opened", "ssh").await;
    assert!(opened.is_signed());
    let finding = agent.finding("ssh", "ssh.host-key").await;
    assert_eq!(finding["evidence"]["expected"], key, "{finding}");
    assert_eq!(finding["evidence"]["got"], other.fingerprint("ed25519"), "{finding}");
    assert_eq!(finding["severity"], "critical", "{finding}");
    assert!(finding["remedy"].as_str().unwrap().contains("ssh-keyscan"), "{finding}");

    stranger.terminate();
    let _server = planned.serve(address);
    let resolved = ops.expect("incident.resolved", "ssh").await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_kind_that_cannot_be_verified_is_no_other_machine() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let p521 = "ecdsa-sha2-nistp521";
    let machine = Machine::new(folder.path(), &["ed25519", p521]);
    let _server = machine.serve(address);
    let plan = format!(
        "{PACE}[[tcp]]\nname = \"ssh\"\naddress = \"{address}\"\nspeaks = \"ssh\"\nhost_key = \"{}\"\n",
        machine.fingerprint(p521)
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let found = agent.finding("ssh", "tcp.not-ready").await;
    assert_eq!(found["severity"], "warning", "{found}");
    assert_eq!(found["evidence"]["got"], p521, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fingerprint_for_the_plan_is_printed_as_ssh_keygen_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let machine = Machine::new(folder.path(), &["ecdsa"]);
    let _server = machine.serve(address);
    let seen = Command::new(env!("CARGO_BIN_EXE_portwarden"))
        .args(["probe", "tcp", &address.to_string(), "--speaks", "ssh"])
        .output()
        .unwrap();
    let printed = String::from_utf8(seen.stdout).unwrap();
    assert!(seen.status.success(), "{printed}");
    assert!(printed.contains(&machine.fingerprint("ecdsa")), "{printed}");
    assert!(printed.contains("OpenSSH"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_ssh_server_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let web = own_address();
    let _web = squatter::listen(web, folder.path());
    let silent = Malice::Silence.start().await;
    let endless = Malice::Babble(b"no end of it\r\n").start().await;
    let nonsense = Malice::Babble(b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff").start().await;
    let check = |name: &str, address| {
        format!("[[tcp]]\nname = \"{name}\"\naddress = \"{address}\"\nspeaks = \"ssh\"\n")
    };
    let plan = format!(
        "[defaults]\ninterval = \"400ms\"\ntimeout = \"1s\"\n{}{}{}{}",
        check("web", web),
        check("silent", silent),
        check("endless", endless),
        check("nonsense", nonsense)
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let found = agent.finding("web", "tcp.unexpected-reply").await;
    assert!(found["summary"].as_str().unwrap().contains("HTTP"), "{found}");
    agent.finding("silent", "tcp.silent").await;
    agent.finding("endless", "tcp.unexpected-reply").await;
    agent.finding("nonsense", "tcp.not-ready").await;
}
