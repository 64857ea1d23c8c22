//! From a sick PostgreSQL to a webhook, and back.

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::postgres::Postgres;
use crate::support::receiver::{Heard, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_a_stopped_and_a_replaced_postgres_are_told_and_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    // One for the check itself, which may overlap with the next while the server lets go of it.
    let mut server = Postgres::start(
        address,
        "max_connections = 3\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0\nautovacuum = off",
    );
    let plan = format!(
        r#"
        [defaults]
        interval = "1s"
        timeout = "1s"
        fail_after = 2

        [alerts]
        flapping = false

        [[tcp]]
        name = "database"
        address = "{address}"
        speaks = "postgres"
        user = "postgres"
        {}"#,
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("database", "up").await;
    let hello = agent.check("database").await["last"]["facts"]["hello"].clone();
    assert_eq!(hello["protocol"], "PostgreSQL", "{hello}");

    // Three clients take the three places as soon as the check is not on one of them.
    let mut held = vec![server.session(), server.session()];
    eventually("it is full", async || {
        held.extend(server.try_session());
        held.len() >= 3
    })
    .await;
    let full = opened(&ops, 1).await;
    let finding = &full.message["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["severity"]),
        (&"tcp.not-ready".into(), &"critical".into())
    );
    assert!(finding["evidence"]["got"].as_str().unwrap().starts_with("53300: "), "{finding}");
    assert!(finding["remedy"].as_str().unwrap().contains("pg_stat_activity"), "{finding}");
    drop(held);
    resolved(&ops, &full).await;

    server.stop();
    let stopped = opened(&ops, 2).await;
    assert_eq!(stopped.message["findings"][0]["code"], "tcp.refused");
    server.start_again();
    resolved(&ops, &stopped).await;

    server.stop();
    let web = format!("server {{ listen {address}; }}");
    let mut squatter = Nginx::start(folder.path(), &[address], &web);
    agent.finding("database", "tcp.unexpected-reply").await;
    let replaced = opened(&ops, 3).await;
    let finding = agent.finding("database", "tcp.unexpected-reply").await;
    assert_eq!(finding["evidence"]["speaks"], "HTTP", "{finding}");
    assert_eq!(finding["evidence"]["expected"], "PostgreSQL", "{finding}");
    squatter.stop();
    server.start_again();
    resolved(&ops, &replaced).await;
    eventually("nothing is wrong any more", async || agent.findings().await.is_empty()).await;
}

/// The `count`th incident that was opened.
async fn opened(ops: &Receiver, count: usize) -> Heard {
    let mut found = None;
    eventually(&format!("incident {count} opens"), async || {
        let mut all = ops.taken().into_iter().filter(|heard| heard.kind() == "incident.opened");
        found = all.nth(count - 1);
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// Waits until the message comes that this incident is over.
async fn resolved(ops: &Receiver, incident: &Heard) {
    eventually("the incident is resolved", async || {
        ops.taken().iter().any(|heard| {
            heard.kind() == "incident.resolved" && heard.message["id"] == incident.message["id"]
        })
    })
    .await;
}
