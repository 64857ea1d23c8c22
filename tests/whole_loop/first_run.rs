//! What a newcomer sees: the plan in the repository's root, on a machine that it has never seen.

use std::time::Duration;

use portwarden::clock::monotonic;

use crate::support::agent::{Agent, eventually};
use crate::support::command::portwarden;
use crate::support::loopback::on;

const PLAN: &str = include_str!("../../probes.toml");
/// From the start of the program to the first finding.
const PROMISE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn within_ten_seconds_there_is_a_page_a_scrape_and_a_first_finding() {
    let folder = tempfile::tempdir().unwrap();
    let listen = on("127.0.0.1".parse().unwrap());
    // Its own port and the one of the example may be in use where the tests run.
    let example = on("127.0.0.1".parse().unwrap()).port();
    let plan = PLAN
        .replace("9740", &listen.port().to_string())
        .replace("port = 3011", &format!("port = {example}"));
    std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
    portwarden(folder.path(), &["validate"]).expect(0);

    let start = monotonic();
    let agent = Agent::start_on(folder.path(), listen).await;
    let example = format!("this-machine:{example}");
    let finding = agent.finding(&example, "port.dead").await;
    assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{finding}");
    eventually("the finding is on the page", async || {
        let (status, page) = agent.fetch("/").await.unwrap();
        status == 200 && page.contains("port.dead") && page.contains(&example)
    })
    .await;
    agent.metric("portwarden_findings", "code=\"port.dead\"", "1").await;
    let took = monotonic() - start;
    assert!(took < PROMISE, "it took {took:?}");

    // What is well is seen to be well.
    agent.state(&format!("this-machine:{}", listen.port()), "up").await;
    agent.state("portwarden answers", "up").await;
    agent.state("no telnet", "up").await;
    for path in ["/ports", "/certificates", "/dns", "/incidents", "/explain", "/explain/port.dead"]
    {
        assert_eq!(agent.fetch(path).await.unwrap().0, 200, "{path}");
    }
}
