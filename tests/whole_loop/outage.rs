//! A server stops and comes back.

use std::time::Duration;

use portwarden::clock::monotonic;

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);
const FAIL_AFTER: u32 = 2;
/// For writing it down and sending it, on a busy machine.
const SLACK: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_told_in_time_and_resolved_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let (ip, port) = (address.ip(), address.port());
    let server = format!("server {{ listen {address}; location / {{ return 200 'well\\n'; }} }}");
    let mut nginx = Nginx::start(folder.path(), &[address], &server);
    let plan = format!(
        r#"
        [defaults]
        interval = "1s"
        timeout = "1s"
        fail_after = {FAIL_AFTER}

        [[host]]
        name = "web"
        address = "{ip}"
        local = true
        undeclared = "ignore"

        [[host.port]]
        port = {port}
        service = "shop"
        process = "nginx"
        exposure = "loopback"

        [[tcp]]
        name = "shop port"
        address = "web:{port}"

        [[http]]
        name = "shop"
        url = "http://{address}/health"
        expect.body = "^well"

        [[http]]
        name = "basket"
        url = "http://{address}/basket"
        depends_on = ["shop"]
        {}"#,
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let claim = format!("web:{port}");
    for check in ["shop port", "shop", "basket", &claim] {
        agent.state(check, "up").await;
    }
    assert!(ops.heard().is_empty(), "nothing has happened yet");

    let stopped_at = monotonic();
    nginx.stop();
    let opened = ops.expect("incident.opened", &claim).await;
    let took = monotonic() - stopped_at;
    assert!(took <= FAIL_AFTER * INTERVAL + TIMEOUT + SLACK, "told after {took:?}");
    assert!(opened.is_signed(), "{:?}", opened.headers);
    let message = &opened.message;
    assert_eq!(message["agent"], "test");
    assert_eq!(message["kind"], "port");
    assert_eq!(message["severity"], "critical");
    assert_eq!(message["state"], "down");
    assert!(message["resolved_at"].is_null(), "{message}");
    assert_eq!(message["findings"][0]["code"], "port.dead");
    assert_eq!(message["findings"][0]["confirmed"], true);
    let told = message["findings"][0]["summary"].as_str().unwrap();
    assert!(told.contains(&address.to_string()), "{told}");

    // The claim says it as what it is; what follows from it is listed below, each with its cause.
    agent.explained("shop port", "tcp.refused", &claim).await;
    agent.explained("shop", "tcp.refused", &claim).await;
    agent.explained("basket", "tcp.refused", "shop").await;
    let id = message["id"].as_str().unwrap();
    eventually("all three are listed below it", async || {
        agent.incident(id).await["consequences"].as_array().unwrap().len() == 3
    })
    .await;
    let below = agent.check("shop port").await["incident"].as_str().unwrap().to_owned();
    assert_eq!(agent.incident(&below).await["cause"], id);
    let link = message["url"].as_str().unwrap();
    let path = link.split_once("/incidents/").expect("a link to the incident").1;
    let (status, page) = agent.fetch(&format!("/incidents/{path}")).await.unwrap();
    assert!(status == 200 && page.contains("port.dead"), "{page}");
    let (status, page) = agent.fetch(&format!("/incidents/{below}")).await.unwrap();
    assert!(status == 200 && page.contains("tcp.refused"), "{page}");
    agent.metric("probe_success", "check=\"shop port\"", "0").await;

    nginx.start_again();
    let resolved = ops.expect("incident.resolved", &claim).await;
    assert!(resolved.is_signed(), "{:?}", resolved.headers);
    assert_eq!(resolved.message["id"], *id);
    assert!(!resolved.message["resolved_at"].is_null(), "{}", resolved.message);
    assert_ne!(resolved.id(), opened.id(), "another message has another webhook-id");
    eventually("nothing is wrong any more", async || agent.findings().await.is_empty()).await;
    agent.metric("probe_success", "check=\"shop port\"", "1").await;
    assert!(!agent.incident(id).await["resolved_at"].is_null());
    assert!(!agent.incident(&below).await["resolved_at"].is_null());
    let heard: Vec<String> =
        ops.taken().iter().map(|one| format!("{} {}", one.kind(), one.check())).collect();
    let expected = [format!("incident.opened {claim}"), format!("incident.resolved {claim}")];
    assert_eq!(heard, expected, "one outage, told once");
}
