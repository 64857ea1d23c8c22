//! One of four nameservers keeps an old record.

use std::net::SocketAddr;

use crate::support::agent::Agent;
use crate::support::daemon::free_port;
use crate::support::nameserver::{Nameserver, Zone};
use crate::support::receiver::Receiver;

const ADDRESSES: [&str; 4] = ["127.53.0.1", "127.53.0.2", "127.53.0.3", "127.53.0.4"];

fn zone(challenge: &str) -> Zone {
    let servers: String = (1..=4).map(|n| format!("@ NS ns{n}\nns{n} A 127.53.0.{n}\n")).collect();
    let records = format!("{servers}@ A 192.0.2.10\n_acme-challenge TXT \"{challenge}\"\n");
    // Whoever has the old challenge has not heard of the new zone.
    let serial = if challenge == "old" { 6 } else { 7 };
    Zone::new("shop.example", serial, &records)
}

fn servers(challenges: [&str; 4]) -> (u16, Vec<Nameserver>) {
    let port = free_port(&ADDRESSES);
    let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
    let start = |(ip, challenge)| Nameserver::start_on(at(ip), &[zone(challenge)]);
    (port, ADDRESSES.into_iter().zip(challenges).map(start).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_nameserver_with_an_old_challenge_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let (port, mut servers) = servers(["new", "new", "old", "new"]);
    let names: Vec<String> = (1..=4).map(|n| format!("\"ns{n}.shop.example:{port}\"")).collect();
    let names = names.join(", ");
    let plan = format!(
        r#"
        [defaults]
        interval = "500ms"
        timeout = "2s"

        [[dns]]
        name = "zone"
        zone = "shop.example"
        nameservers = [{names}]

        [[dns.record]]
        name = "@"
        type = "A"
        values = ["192.0.2.10"]

        [[dns.record]]
        name = "_acme-challenge"
        type = "TXT"
        {}"#,
        ops.in_plan(folder.path())
    );
    // The names of the nameservers are in the zone itself.
    let resolver = format!("resolver = \"{}\"", servers[0].address());
    let agent = Agent::start(folder.path(), &resolver, &plan).await;
    let opened = ops.expect("incident.opened", "zone").await;
    assert!(opened.is_signed());
    let finding = agent.finding("zone", "dns.inconsistent").await;
    let address = servers[2].address().to_string();
    let subject = finding["subject"].as_str().unwrap();
    assert!(subject.contains(&format!("ns3.shop.example ({address})")), "{subject}");
    let evidence = &finding["evidence"];
    assert_eq!(evidence["address"], *address, "{evidence}");
    assert!(evidence["got"].to_string().contains("old"), "{evidence}");
    assert!(evidence["expected"].to_string().contains("new"), "{evidence}");
    assert!(finding["remedy"].as_str().unwrap().contains("dig"), "{finding}");
    let findings = agent.findings().await;
    assert!(findings.iter().all(|(.., subject)| subject.contains("ns3")), "{findings:?}");
    let rows = agent.api("/dns").await;
    assert_eq!(rows["dns"][0]["check"], "zone");

    servers[2].publish(zone("new"));
    let resolved = ops.expect("incident.resolved", "zone").await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_left_behind_and_a_silent_nameserver_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (_, mut servers) = servers(["old"; 4]);
    let addresses: Vec<String> = servers.iter().map(|s| format!("\"{}\"", s.address())).collect();
    let addresses = addresses.join(", ");
    let plan = format!(
        r#"
        [defaults]
        interval = "500ms"
        timeout = "1s"

        [[dns]]
        name = "zone"
        zone = "shop.example"
        nameservers = [{addresses}]

        [[dns.record]]
        name = "_acme-challenge"
        type = "TXT"
        absent = true
        "#
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let leftover = agent.finding("zone", "dns.acme-leftover").await;
    assert!(leftover["evidence"].to_string().contains("old"), "{leftover}");
    let silent = servers[3].address().to_string();
    servers[3].stop();
    let unreachable = agent.finding("zone", "dns.unreachable").await;
    assert!(unreachable["subject"].as_str().unwrap().contains(&silent), "{unreachable}");
    servers[3].start_again();
    agent.healed("zone", "dns.unreachable").await;
    agent.finding("zone", "dns.acme-leftover").await;
}
