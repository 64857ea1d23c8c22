//! Records over time: transfers, wildcards behind planned values, aliases out of the zone, TTLs.

use std::time::Duration;

use health::{Code, Observation, Severity};
use hickory_proto::rr::RecordType;
use portwarden::net::Net;
use portwarden::probe::dns::{Expectation, Spec, TtlLimits};

use crate::scene::{codes, exactly, net, observe, record, run, spec};
use crate::support::command::portwarden;
use crate::support::nameserver::{Nameserver, Zone};
use crate::support::relay::{Relay, Tcp};
use crate::support::resolver::Resolver;
use crate::support::tree::{Signing, Tree};

const HOUR: Duration = Duration::from_secs(3600);

async fn look(spec: &Spec, net: &Net) -> Observation {
    run(spec.clone(), Duration::from_secs(5), net).await
}

fn four(tree: &Tree) -> Vec<std::net::SocketAddr> {
    tree.servers.iter().map(Nameserver::address).collect()
}

#[tokio::test]
async fn a_transfer_has_its_time_and_a_challenge_has_none() {
    let before = "www A 192.0.2.99\n_acme-challenge TXT \"old\"";
    let after = "www A 192.0.2.10\n_acme-challenge TXT \"new\"";
    let mut tree = Tree::grow(Signing::Unsigned, before);
    let mut plan = spec(&four(&tree));
    plan.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    plan.serial_grace = HOUR;
    let shared = net();
    assert_eq!(codes(&look(&plan, &shared).await), [Code::DnsDrift]);
    let new = tree.zone(2, after);
    for server in [0, 1, 3] {
        tree.servers[server].publish(new.clone());
    }
    assert_eq!(look(&plan, &shared).await.findings, [], "a transfer is under way");
    let mut challenge = plan.clone();
    challenge.records =
        vec![record("_acme-challenge.shop.example", RecordType::TXT, exactly(&["new"]))];
    let told = look(&challenge, &shared).await;
    assert_eq!(codes(&told), [Code::DnsInconsistent]);
    assert!(told.findings[0].subject.ends_with(&tree.servers[2].address().to_string()));
    let mut impatient = plan.clone();
    impatient.serial_grace = Duration::from_millis(1);
    let late = look(&impatient, &shared).await;
    assert_eq!(codes(&late), [Code::DnsSerial, Code::DnsInconsistent], "it took too long");
    tree.servers[2].publish(new);
    assert_eq!(look(&impatient, &shared).await.findings, []);
    // The next transfer has a time of its own.
    let newer = tree.zone(3, after);
    for server in [0, 1, 3] {
        tree.servers[server].publish(newer.clone());
    }
    assert_eq!(look(&plan, &shared).await.findings, []);

    // Who looks once is told what is there now.
    let folder = tempfile::tempdir().unwrap();
    let check = format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [{}]\nserial_grace = \"1h\"",
        tree.listed()
    );
    std::fs::write(folder.path().join("probes.toml"), check).unwrap();
    let once = portwarden(folder.path(), &["once"]).expect(1);
    assert!(once.out.contains("dns.serial"), "{once:?}");
}

#[tokio::test]
async fn a_wildcard_that_gives_what_is_planned_is_noted_now_and_then() {
    let mut server = Nameserver::start(
        "127.53.61.1",
        &[Zone::new("shop.example", 1, "@ NS ns1\nns1 A 127.53.61.1\n* A 192.0.2.10")],
    );
    let relay = Relay::start("127.53.61.9", server.address(), Tcp::Passed);
    let mut plan = spec(&[relay.address()]);
    plan.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    let shared = net();
    for queries in [3, 5, 7] {
        let observation = look(&plan, &shared).await;
        assert_eq!(codes(&observation), [Code::DnsWildcard]);
        assert_eq!(observation.findings[0].severity, Severity::Notice);
        assert_eq!(relay.queries(), queries, "the first look asks once more than the others");
    }
    // With the record there, a wildcard that says the same is nobody's business.
    let records = "@ NS ns1\nns1 A 127.53.61.1\n* A 192.0.2.10\nwww A 192.0.2.10";
    server.publish(Zone::new("shop.example", 2, records));
    assert_eq!(observe(plan.clone()).await.findings, []);
    plan.records = vec![record("*.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    assert_eq!(observe(plan).await.findings, [], "the wildcard itself is planned");
}

#[tokio::test]
async fn aliases_are_followed_out_of_the_zone() {
    let own = "@ NS ns1\nns1 A 127.53.62.1
        good CNAME shop.cdn.test.\ngone CNAME left.cdn.test.\nfar CNAME hop.cdn.test.
        ring CNAME ring.cdn.test.\nlame CNAME www.unknown.test.";
    let other = "@ NS ns1\nns1 A 127.53.62.2\nshop A 192.0.2.10
        hop CNAME lost.cdn.test.\nring CNAME ring.shop.example.";
    let server = Nameserver::start("127.53.62.1", &[Zone::new("shop.example", 1, own)]);
    let cdn = Nameserver::start("127.53.62.2", &[Zone::new("cdn.test", 1, other)]);
    let resolver = Resolver::start(
        "127.53.62.53",
        &[("shop.example", server.address()), ("cdn.test", cdn.address())],
    );
    let shared = Net::new(Some(resolver.address())).unwrap();
    let plan = |name: &str, record_type, expectation| {
        let mut spec = spec(&[server.address()]);
        spec.records = vec![record(&format!("{name}.shop.example"), record_type, expectation)];
        spec
    };
    let table = [
        ("good", "shop.cdn.test", None),
        ("gone", "left.cdn.test", Some(Code::DnsDangling)),
        ("far", "hop.cdn.test", Some(Code::DnsDangling)),
        ("ring", "ring.cdn.test", Some(Code::DnsCnameLoop)),
        // The resolver refuses to say: nothing follows from that.
        ("lame", "www.unknown.test", None),
    ];
    for (name, target, code) in table {
        let planned = look(&plan(name, RecordType::CNAME, exactly(&[target])), &shared).await;
        assert_eq!(codes(&planned), Vec::from_iter(code), "{name} CNAME");
        let other = look(&plan(name, RecordType::A, Expectation::Anything), &shared).await;
        assert_eq!(codes(&other), Vec::from_iter(code), "{name} A");
    }
    let gone = look(&plan("gone", RecordType::CNAME, exactly(&["left.cdn.test"])), &shared).await;
    assert_eq!(gone.findings[0].severity, Severity::Critical);
    assert!(gone.findings[0].remedy.en.contains("whoever registers left.cdn.test"));
    // A resolver that is down is no finding about the record, and is waited for once.
    let down = net();
    let unknown = plan("gone", RecordType::CNAME, exactly(&["left.cdn.test"]));
    assert_eq!(look(&unknown, &down).await.findings, []);
}

#[tokio::test]
async fn a_ttl_out_of_its_limits() {
    let mut tree = Tree::grow(Signing::Unsigned, "www 300 A 192.0.2.10");
    let mut plan = spec(&four(&tree));
    plan.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    plan.records[0].ttl = TtlLimits { min_seconds: Some(60), max_seconds: Some(3600) };
    assert_eq!(observe(plan.clone()).await.findings, []);
    let long = tree.zone(1, "www 86400 A 192.0.2.10").at(2);
    for server in &mut tree.servers {
        server.publish(long.clone());
    }
    let observation = observe(plan.clone()).await;
    assert_eq!(codes(&observation), [Code::DnsTtl]);
    let finding = &observation.findings[0];
    assert_eq!(finding.subject, "www.shop.example A");
    assert_eq!(finding.evidence["got_seconds"], "86400");
    let short = tree.zone(3, "www 60 A 192.0.2.10");
    for server in &mut tree.servers {
        server.publish(short.clone());
    }
    assert_eq!(observe(plan).await.findings, []);
}
