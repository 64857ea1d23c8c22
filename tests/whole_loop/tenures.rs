//! Who held a port, and since when: told, and remembered over a restart.

use serde_json::Value;

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::own_address;
use crate::support::squatter;

/// How the port is held now, once that is by this process or by nobody.
async fn held(agent: &Agent, port: u16, pid: Option<u32>) -> Value {
    let mut observed = Value::Null;
    eventually("the port has changed hands", async || {
        let ports = agent.api("/ports").await;
        let rows = ports["ports"].as_array().unwrap();
        let row = rows.iter().find(|row| row["port"] == port).cloned().unwrap_or_default();
        observed = row["observed"].clone();
        observed["since"].is_string() && observed["pid"] == Value::from(pid)
    })
    .await;
    observed
}

#[tokio::test(flavor = "multi_thread")]
async fn who_held_a_port_is_told_and_outlasts_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let (ip, port) = (address.ip(), address.port());
    let plan = format!(
        r#"
        [defaults]
        interval = "300ms"
        timeout = "1s"
        fail_after = 1

        [[host]]
        name = "web"
        address = "{ip}"
        local = true
        undeclared = "ignore"

        [[host.port]]
        port = {port}
        claim = "reserved"
        "#
    );
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    agent.state(&format!("web:{port}"), "up").await;
    let squatter = squatter::listen(address, folder.path());
    let pid = squatter.pid();
    let taken = held(&agent, port, Some(pid)).await;
    assert_eq!(taken["before"]["listening"], false, "{taken}");
    let path = format!("/ports/web/{port}/changes");
    eventually("it is written down", async || {
        agent.api(&path).await["changes"].as_array().unwrap().len() == 2
    })
    .await;
    for page in [format!("/checks/web%3A{port}"), "/hosts/web".to_owned()] {
        let (status, html) = agent.fetch(&page).await.unwrap();
        assert_eq!(status, 200);
        let told = format!("{} (pid {pid})", squatter::NAME);
        assert!(html.contains(&told) && html.contains("nobody"), "{page}");
    }

    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    let after = held(&agent, port, Some(pid)).await;
    assert_eq!(after["since"], taken["since"], "a restart begins nothing anew");
    assert_eq!(after["before"], taken["before"]);

    squatter.terminate();
    let left = held(&agent, port, None).await;
    assert_eq!(left["before"]["pid"], pid, "{left}");
    eventually("that is written down too", async || {
        let changes = agent.api(&path).await["changes"].clone();
        let pids: Vec<&Value> =
            changes.as_array().unwrap().iter().map(|change| &change["holding"]["pid"]).collect();
        pids == [&Value::Null, &Value::from(pid), &Value::Null]
    })
    .await;
}
