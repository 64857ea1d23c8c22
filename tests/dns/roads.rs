//! Every code about servers and the way to them: stopped, frozen, refusing, lossy, without TCP.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::support::relay::{Fate, Relay, Tcp};
use crate::support::tree::{Signing, Tree, ZONE};
use crate::watched::{Watched, listed};

/// A dozen records, one of them too long for UDP.
fn records() -> String {
    let few: String = (0..12).map(|n| format!("n{n} A 192.0.2.{n}\n")).collect();
    let long: String =
        (0..40).map(|n| format!("long TXT \"{n:03} {}\"\n", "x".repeat(80))).collect();
    few + &long
}

fn plan(nameservers: &[SocketAddr]) -> String {
    let names = (0..12).map(|n| (format!("n{n}"), "A")).chain([("long".to_owned(), "TXT")]);
    let records: String = names
        .map(|(name, kind)| format!("[[dns.record]]\nname = \"{name}\"\ntype = \"{kind}\"\n"))
        .collect();
    format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [{}]\n{records}",
        listed(nameservers)
    )
}

fn got(finding: &Value) -> &str {
    finding["evidence"]["got"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_frozen_or_without_the_zone_is_named() {
    let mut tree = Tree::grow(Signing::Unsigned, &records());
    let addresses: Vec<SocketAddr> = tree.servers.iter().map(|server| server.address()).collect();
    let watched = Watched::start(&plan(&addresses)).await;
    watched.is_well().await;
    // Knot, then NSD.
    for server in [0, 1] {
        let subject = addresses[server].to_string();
        tree.servers[server].stop();
        watched.says(&[("dns.unreachable", &subject)]).await;
        let finding = watched.agent.finding("zone", "dns.unreachable").await;
        assert_eq!(got(&finding), "unreachable", "{finding}");
        assert_eq!(finding["severity"], "warning", "three others answer");
        tree.servers[server].start_again();
        watched.is_well().await;

        tree.servers[server].freeze();
        watched.says(&[("dns.unreachable", &subject)]).await;
        let finding = watched.agent.finding("zone", "dns.unreachable").await;
        assert_eq!(got(&finding), "timeout", "{finding}");
        tree.servers[server].thaw();
        watched.is_well().await;

        tree.servers[server].spoil(ZONE);
        watched.says(&[("dns.lame", &subject)]).await;
        let finding = watched.agent.finding("zone", "dns.lame").await;
        assert_eq!(got(&finding), "servfail", "{finding}");
        tree.servers[server].stop();
        tree.servers[server].start_again();
        watched.is_well().await;

        tree.servers[server].withdraw(ZONE);
        watched.says(&[("dns.lame", &subject)]).await;
        let finding = watched.agent.finding("zone", "dns.lame").await;
        assert_eq!(got(&finding), "refused", "{finding}");
        tree.publish_on(server, 1, &records());
        watched.is_well().await;
    }
    for server in &tree.servers {
        server.freeze();
    }
    watched.says(&addresses.iter().map(|_| ("dns.unreachable", "")).collect::<Vec<_>>()).await;
    let finding = watched.agent.finding("zone", "dns.unreachable").await;
    assert_eq!(finding["severity"], "critical", "nobody answers");
    for server in &tree.servers {
        server.thaw();
    }
    watched.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_road_to_a_server_is_told_from_a_bad_server() {
    let tree = Tree::grow(Signing::Unsigned, &records());
    let relay = Relay::start(&tree.ip(9), tree.servers[0].address(), Tcp::Passed);
    let subject = relay.address().to_string();
    let watched = Watched::start(&plan(&[relay.address(), tree.servers[1].address()])).await;
    watched.is_well().await;

    relay.cycle(&[Fate::Change(|packet| packet[2] &= !0x04)]);
    watched.says(&[("dns.lame", &subject)]).await;
    let finding = watched.agent.finding("zone", "dns.lame").await;
    assert_eq!(got(&finding), "not-authoritative", "{finding}");
    relay.cycle(&[Fate::Pass]);
    watched.is_well().await;

    relay.tcp(Tcp::Refused);
    watched.says(&[("dns.no-tcp", &subject)]).await;
    relay.tcp(Tcp::Silent);
    watched.looks_again("zone", 2).await;
    watched.says(&[("dns.no-tcp", &subject)]).await;
    relay.tcp(Tcp::Passed);
    watched.is_well().await;

    relay.cycle(&[Fate::Drop, Fate::Pass]);
    watched.says(&[("dns.slow", &subject)]).await;
    relay.cycle(&[Fate::Pass]);
    watched.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_packet_or_a_slow_or_doubled_answer_is_no_news() {
    let tree = Tree::grow(Signing::Unsigned, &records());
    let relay = Relay::start(&tree.ip(9), tree.servers[0].address(), Tcp::Passed);
    let watched = Watched::start(&plan(&[relay.address(), tree.servers[1].address()])).await;
    watched.is_well().await;
    relay.rule(|count, _| if count == 5 { Fate::Drop } else { Fate::Pass });
    watched.looks_again("zone", 3).await;
    relay.cycle(&[Fate::Delay(Duration::from_millis(40))]);
    watched.looks_again("zone", 3).await;
    relay.cycle(&[Fate::Twice]);
    watched.looks_again("zone", 3).await;
    watched.is_well().await;
    assert_eq!(watched.incidents().await, 0);
}
