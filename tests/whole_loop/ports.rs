//! The ports of this machine against what was allocated and reserved.

use serde_json::Value;

use crate::support::agent::{Agent, eventually};
use crate::support::loopback::{on, own_address, own_ip};
use crate::support::receiver::Receiver;
use crate::support::squatter;

const PACE: &str = "[defaults]\ninterval = \"300ms\"\ntimeout = \"1s\"\n";

fn port_row(ports: &Value, port: u16) -> Value {
    let rows = ports["ports"].as_array().unwrap();
    rows.iter().find(|row| row["port"] == port).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_squatter_on_a_reserved_port_is_named_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let (ip, port) = (address.ip(), address.port());
    let plan = format!(
        r#"{PACE}
        [[host]]
        name = "web"
        address = "{ip}"
        local = true
        undeclared = "ignore"

        [[host.port]]
        port = {port}
        service = "admin API"
        claim = "reserved"
        {}"#,
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let claim = format!("web:{port}");
    agent.state(&claim, "up").await;

    let squatter = squatter::listen(address, folder.path());
    let opened = ops.expect("incident.opened", &claim).await;
    assert!(opened.is_signed());
    let told = &opened.message["findings"][0];
    assert_eq!(told["code"], "port.taken", "{told}");
    assert_eq!(told["evidence"]["pid"], squatter.pid(), "{told}");
    assert_eq!(told["evidence"]["process"], squatter::NAME, "{told}");
    let summary = told["summary"].as_str().unwrap();
    for word in [squatter::NAME, &squatter.pid().to_string(), &address.to_string(), "admin API"] {
        assert!(summary.contains(word), "{word} in {summary}");
    }
    let row = port_row(&agent.api("/ports").await, port);
    assert_eq!(row["observed"]["pid"], squatter.pid(), "{row}");
    assert_eq!(row["claim"], "reserved", "{row}");

    squatter.terminate();
    let resolved = ops.expect("incident.resolved", &claim).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    agent.state(&claim, "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_no_claim_names_is_told_and_forgotten_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let address = own_address();
    let (ip, port) = (address.ip(), address.port());
    let plan = format!(
        "{PACE}[[host]]\nname = \"web\"\naddress = \"{ip}\"\nlocal = true\nundeclared = \"warn\"\n{}",
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let name = format!("web:{port}");
    assert!(agent.check(&name).await.is_null());

    let stranger = squatter::listen(address, folder.path());
    let opened = ops.expect("incident.opened", &name).await;
    let told = &opened.message["findings"][0];
    assert_eq!(told["code"], "port.undeclared", "{told}");
    assert_eq!(told["severity"], "warning", "{told}");
    assert_eq!(told["evidence"]["pid"], stranger.pid(), "{told}");
    let row = port_row(&agent.api("/ports").await, port);
    assert!(row["claim"].is_null() && row["observed"]["listening"] == true, "{row}");

    stranger.terminate();
    let resolved = ops.expect("incident.resolved", &name).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    eventually("it is forgotten", async || agent.check(&name).await.is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_owner_and_a_bind_too_wide_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let wide_folder = tempfile::tempdir().unwrap();
    let own = own_ip();
    let owned = on(own);
    // Free everywhere: one of them will be bound to 0.0.0.0.
    let wide = on("0.0.0.0".parse().unwrap());
    let plan = format!(
        r#"{PACE}
        [[host]]
        name = "web"
        address = "{own}"
        local = true
        undeclared = "ignore"
        addresses = {{ public = ["127.0.99.7"] }}

        [[host.port]]
        port = {}
        service = "shop"
        process = ["node", "/usr/bin/deno"]
        exposure = "loopback"

        [[host.port]]
        port = {}
        service = "database"
        process = "python3"
        exposure = "loopback"
        "#,
        owned.port(),
        wide.port()
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let (shop, database) = (format!("web:{}", owned.port()), format!("web:{}", wide.port()));
    agent.finding(&shop, "port.dead").await;
    agent.finding(&database, "port.dead").await;

    let stranger = squatter::listen(owned, folder.path());
    let finding = agent.finding(&shop, "port.wrong-owner").await;
    assert_eq!(finding["evidence"]["pid"], stranger.pid(), "{finding}");
    assert_eq!(finding["evidence"]["got"], squatter::NAME, "{finding}");
    assert!(finding["evidence"]["expected"].as_str().unwrap().contains("node"), "{finding}");

    let open = squatter::listen(wide, wide_folder.path());
    // It is seen by its socket and by dialling it, in whichever order.
    let mut finding = Value::Null;
    eventually("the socket is told as too wide", async || {
        finding = agent.finding(&database, "port.exposed").await;
        finding["evidence"]["bind"].to_string().contains("0.0.0.0")
    })
    .await;
    assert_eq!(finding["evidence"]["expected"], "loopback", "{finding}");
    assert!(finding["remedy"].as_str().unwrap().contains("127.0.0.1"), "{finding}");
    open.terminate();
    let narrow = squatter::listen((own, wide.port()).into(), wide_folder.path());
    agent.healed(&database, "port.exposed").await;
    agent.state(&database, "up").await;
    narrow.terminate();
    agent.finding(&database, "port.dead").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datagram_sockets_and_ipv6_are_seen_too() {
    let folder = tempfile::tempdir().unwrap();
    let (four, six) = (own_address(), on("::1".parse().unwrap()));
    let plan = format!(
        r#"{PACE}
        [[host]]
        name = "web"
        address = "{}"
        local = true
        undeclared = "ignore"

        [[host.port]]
        port = {}
        service = "resolver"
        claim = "reserved"
        protocol = "udp"

        [[host]]
        name = "six"
        address = "::1"
        local = true
        undeclared = "ignore"

        [[host.port]]
        port = {}
        service = "shop"
        process = "python3"
        exposure = "loopback"
        "#,
        four.ip(),
        four.port(),
        six.port()
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let (resolver, shop) = (format!("web:{}/udp", four.port()), format!("six:{}", six.port()));
    agent.state(&resolver, "up").await;
    agent.finding(&shop, "port.dead").await;

    let socket = std::net::UdpSocket::bind(four).unwrap();
    let taken = agent.finding(&resolver, "port.taken").await;
    assert_eq!(taken["evidence"]["pid"], std::process::id(), "{taken}");
    drop(socket);
    agent.state(&resolver, "up").await;

    let _shop = squatter::listen(six, folder.path());
    agent.state(&shop, "up").await;
    eventually("the listener is seen where it is", async || {
        let row = port_row(&agent.api("/ports").await, six.port());
        row["observed"]["bind"].to_string().contains(&six.to_string())
    })
    .await;
}
