//! Who is asked: the walk from root hints, and what parent, glue and zone say of each other.

use std::net::SocketAddr;
use std::time::Duration;

use health::Code;
use portwarden::net::Net;
use portwarden::probe::dns;
use serde_json::Value;

use crate::scene::{codes, fqdn, net, run, spec};
use crate::support::command::portwarden;
use crate::support::nameserver::{Nameserver, Zone};
use crate::support::relay::{Relay, Tcp};
use crate::support::tree::{Signing, Tree, ZONE};

/// What `once` says of the zone with these keys of `[agent]` and of `[[dns]]`: subjects of
/// `dns.delegation`, other codes, and the servers asked. The resolver is one that nobody is.
fn once(agent: &str, check: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let plan = format!(
        "[agent]\nresolver = \"127.53.255.254:9\"\n{agent}\n[[dns]]\nname = \"zone\"\nzone = \"{ZONE}\"\n{check}"
    );
    std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
    let ended = portwarden(folder.path(), &["once", "--format", "json"]);
    let check = ended.json()["checks"][0].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (mut delegation, mut others) = (Vec::new(), Vec::new());
    for finding in check["findings"].as_array().unwrap() {
        match finding["code"].as_str() {
            Some("dns.delegation") => delegation.push(text(&finding["subject"])),
            _ => others.push(text(&finding["code"])),
        }
    }
    let servers = check["facts"]["dns"]["servers"].as_array().cloned().unwrap_or_default();
    let servers = servers.iter().map(|server| text(&server["address"])).collect();
    (delegation, others, servers)
}

fn hints(tree: &Tree) -> String {
    format!("hints = [\"{}\"]", tree.root.address())
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn the_walk_begins_at_the_root_and_needs_no_resolver() {
    let mut tree = Tree::grow(Signing::Unsigned, "www A 192.0.2.10");
    let addresses: Vec<String> =
        tree.servers.iter().map(|server| server.address().to_string()).collect();
    let record = "[[dns.record]]\nname = \"www\"\ntype = \"A\"\nvalues = [\"192.0.2.10\"]";
    assert_eq!(once(&hints(&tree), record), (none(), none(), addresses.clone()));

    // The registrar has an old address for one server, and none for another.
    let wrong = tree
        .delegation()
        .replace(&format!("ns2.shop A {}", tree.ip(2)), &format!("ns2.shop A {}", tree.ip(99)));
    let wrong = wrong.replace(&format!("ns3.shop A {}", tree.ip(3)), "");
    tree.delegate(2, &wrong);
    let (delegation, others, asked) = once(&hints(&tree), record);
    assert_eq!(delegation, ["ns2.shop.example A", "ns3.shop.example glue"]);
    assert_eq!(others, ["dns.unreachable"], "nobody is at the old address");
    assert_eq!(asked[2], addresses[2], "found by the same walk, without glue");

    // The registrar has a server that the zone does not know, and the zone has one more.
    let other = format!(
        "{}shop NS ns5.shop\nns5.shop A {}",
        tree.delegation().replace("shop NS ns4.shop\n", ""),
        tree.ip(4)
    );
    tree.delegate(3, &other);
    let (delegation, others, _) = once(&hints(&tree), record);
    assert_eq!(
        delegation,
        ["shop.example NS"],
        "and no word on the glue of one that the zone has not"
    );
    assert_eq!(others, none());

    let delegation = tree.delegation();
    tree.delegate(4, &delegation);
    assert_eq!(once(&hints(&tree), record), (none(), none(), addresses));
    tree.delegate(5, "");
    assert_eq!(once(&hints(&tree), record).1, ["dns.nxdomain"]);
    tree.root.stop();
    assert_eq!(once(&hints(&tree), record).1, ["resolve.failed"]);
}

#[test]
fn nameservers_elsewhere_are_looked_up_by_the_same_walk() {
    let mut tree = Tree::grow(Signing::Unsigned, "");
    let top = format!(
        "@ NS ns1\nns1 A {}\nexample NS ns1.example\nns1.example A {}\ntest NS ns1.example.",
        tree.ip(20),
        tree.ip(10)
    );
    tree.root.publish(Zone::new(".", 2, &top));
    let hosts = format!("@ NS ns1.example.\nns.host A {}\nalias.host CNAME ns.host", tree.ip(1));
    tree.parent.publish(Zone::new("test", 1, &hosts));
    tree.delegate(2, "shop NS ns.host.test.");
    tree.servers[0].publish(Zone::new(ZONE, 2, "@ NS ns.host.test."));
    let there = vec![tree.servers[0].address().to_string()];
    assert_eq!(once(&hints(&tree), ""), (none(), none(), there));
    // A name that is not there, one that no nameserver may have, and names that lead in a circle.
    tree.delegate(
        3,
        "shop NS gone.host.test.\nshop NS alias.host.test.\nshop NS ns.ring\n\
         ring NS ns.round\nround NS ns.ring",
    );
    let (_, others, _) = once(&hints(&tree), "timeout = \"10s\"");
    assert_eq!(others, ["resolve.failed"; 3]);
}

#[test]
fn the_parents_servers_are_all_asked_and_the_stale_one_is_named() {
    let tree = Tree::grow(Signing::Unsigned, "");
    let above = |serial, delegation: &str| {
        Zone::new("example", serial, &format!("@ NS ns1\nns1 A {}\n{delegation}", tree.ip(10)))
    };
    let at = |host| SocketAddr::new(tree.ip(host).parse().unwrap(), tree.port());
    let _second = Nameserver::start_on(at(11), &[above(1, &tree.delegation())]);
    let old = tree.delegation().replace("ns4.shop", "old.shop");
    let mut stale = Nameserver::start_on(at(12), &[above(7, &old)]);
    let parents = format!("parent = [\"{}\", \"{}\", \"{}\"]", at(10), at(12), at(11));
    let odd = vec![format!("shop.example NS @ parent {}", at(12))];
    // The same whether the nameservers are given or found.
    let given = format!("nameservers = [{}]\n{parents}", tree.listed());
    for check in [&parents, &given] {
        let (delegation, others, asked) = once("", check);
        assert_eq!((delegation, others), (odd.clone(), none()));
        assert_eq!(asked.len(), 4);
    }
    stale.publish(above(8, ""));
    assert_eq!(once("", &given).0, odd, "it says that there is no such zone");
    stale.publish(above(9, &tree.delegation()));
    assert_eq!(once("", &given).0, none());
    stale.stop();
    let (delegation, others, _) = once("", &given);
    assert_eq!((delegation, others), (none(), none()), "the others have answered");
}

#[tokio::test]
async fn a_known_delegation_costs_no_query() {
    let tree = Tree::grow(Signing::Unsigned, "");
    let relay = Relay::start(&tree.ip(30), tree.parent.address(), Tcp::Passed);
    let mut spec = spec(&[]);
    spec.parent = vec![relay.address()];
    // That would ask the parent for a DS as well.
    spec.dnssec.mode = dns::dnssec::Mode::Off;
    let shared = net();
    for _ in 0..3 {
        let observation = run(spec.clone(), Duration::from_secs(5), &shared).await;
        // A delegation carries no ports: the road has another one than the servers.
        assert!(codes(&observation).contains(&Code::DnsUnreachable));
    }
    assert_eq!(relay.queries(), 3, "nobody answered, so it was looked up anew each time");

    let mut walked = spec.clone();
    walked.parent = Vec::new();
    walked.hints = vec![tree.root.address()];
    let shared = Net::new(Some(([127, 53, 255, 254], 9).into())).unwrap();
    assert_eq!(run(walked.clone(), Duration::from_secs(5), &shared).await.findings, []);
    let (mut root, mut parent) = (tree.root, tree.parent);
    root.stop();
    parent.stop();
    assert_eq!(run(walked.clone(), Duration::from_secs(5), &shared).await.findings, []);
    // Another zone below the same parent begins where the way is known.
    parent.start_again();
    walked.zone = fqdn("other.example");
    let other = run(walked, Duration::from_secs(5), &shared).await;
    assert_eq!(codes(&other), [Code::DnsNxdomain]);
}
