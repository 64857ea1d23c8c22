//! The dns probe, run in this process, against real nameservers (Knot) and a real resolver (unbound).

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Severity};
use hickory_proto::rr::RecordType;
use portwarden::net::Net;
use portwarden::plan::{Endpoint, Target};
use portwarden::probe::dns;

use crate::scene::{HEALTHY, codes, exactly, fqdn, net, observe, record, run, spec, zone};
use crate::support::daemon::free_port;
use crate::support::nameserver::{Nameserver, Zone, query};
use crate::support::resolver::Resolver;

/// Four servers of one zone.
fn quartet(network: u8) -> [Nameserver; 4] {
    [1, 2, 3, 4].map(|n| Nameserver::start(&format!("127.53.{network}.{n}"), &[zone(1, HEALTHY)]))
}

fn addresses(servers: &[Nameserver]) -> Vec<SocketAddr> {
    servers.iter().map(Nameserver::address).collect()
}

#[tokio::test]
async fn a_healthy_zone_is_silent_however_it_is_spelt() {
    let server = Nameserver::start("127.53.1.1", &[zone(7, HEALTHY)]);
    let mut spec = spec(&[server.address(), server.address()]);
    let txt = "v=spf1 ip4:192.0.2.10 -all";
    let soa = "ns1.shop.example admin.shop.example 7 7200 900 1209600 60";
    spec.records = vec![
        record("shop.example", RecordType::A, exactly(&["192.0.2.10", "192.0.2.11"])),
        record(
            "shop.example",
            RecordType::A,
            dns::Expectation::Contains(vec!["192.0.2.11".into()]),
        ),
        record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"])),
        record("shop.shop.example", RecordType::CNAME, exactly(&["SHOP.example."])),
        record("shop.shop.example", RecordType::A, exactly(&["192.0.2.10", "192.0.2.11"])),
        record("v6.shop.example", RecordType::AAAA, exactly(&["2001:db8:0::10"])),
        record("shop.example", RecordType::MX, exactly(&["10 mail.shop.example"])),
        record("shop.example", RecordType::TXT, exactly(&[txt])),
        record("shop.example", RecordType::NS, exactly(&["ns2.shop.example", "ns1.shop.example."])),
        record("shop.example", RecordType::SOA, exactly(&[soa])),
        record("shop.example", RecordType::CAA, exactly(&["0 issue \"letsencrypt.org\""])),
        record("_sip._tcp.shop.example", RecordType::SRV, exactly(&["10 5 5060 sip.shop.example"])),
        record("_acme-challenge.shop.example", RecordType::TXT, exactly(&["new"])),
        record("www.shop.example", RecordType::TXT, dns::Expectation::Absent),
        record("nobody.shop.example", RecordType::A, dns::Expectation::Absent),
        record("shop.example", RecordType::AAAA, dns::Expectation::Anything),
    ];
    let observation = observe(spec).await;
    assert_eq!(observation.findings, []);
    let facts = observation.facts.dns.unwrap();
    assert_eq!(&*facts.zone, "shop.example");
    assert_eq!(facts.servers.len(), 2);
    assert_eq!(facts.servers[0].serial, Some(7));
    assert!(facts.servers[0].reachable && facts.servers[0].rtt_seconds.is_some());
    assert_eq!(facts.records.len(), 16);
    assert!(facts.records.iter().flat_map(|record| &record.answers).all(|answer| answer.matches));
    let first = &facts.records[0].answers[0];
    assert_eq!(first.outcome, "values");
    assert_eq!(*first.values, ["192.0.2.10", "192.0.2.11"]);
    assert_eq!((first.ttl, first.flags.to_string().as_str()), (Some(300), "aa"));
}

#[tokio::test]
async fn an_old_challenge_on_one_of_four_then_on_all() {
    let mut servers = quartet(2);
    let asked = addresses(&servers);
    let plan = |expectation| {
        let mut spec = spec(&asked);
        spec.records = vec![record("_acme-challenge.shop.example", RecordType::TXT, expectation)];
        spec
    };
    assert_eq!(observe(plan(exactly(&["new"]))).await.findings, []);

    let old = HEALTHY.replace("\"new\"", "\"old\"");
    servers[2].publish(zone(2, &old));
    for server in [0, 1, 3] {
        servers[server].publish(zone(2, &format!("{HEALTHY}\n more TXT x")));
    }
    let observation = observe(plan(exactly(&["new"]))).await;
    assert_eq!(codes(&observation), [Code::DnsInconsistent]);
    let finding = &observation.findings[0];
    assert!(finding.subject.ends_with(&format!("@ {}", asked[2])), "{}", finding.subject);
    assert!(finding.summary.en.starts_with(&asked[2].to_string()), "{}", finding.summary.en);
    assert_eq!(finding.evidence["got"], serde_json::json!(["old"]));
    assert_eq!(finding.evidence["address"], asked[2].to_string());

    let leftover = observe(plan(dns::Expectation::Absent)).await;
    assert!(codes(&leftover).contains(&Code::DnsAcmeLeftover));

    for server in [0, 1, 3] {
        servers[server].publish(zone(3, &old));
    }
    servers[2].publish(zone(3, &old));
    assert_eq!(codes(&observe(plan(exactly(&["new"]))).await), [Code::DnsAcmeMismatch]);

    let clean = HEALTHY.replace("_acme-challenge TXT \"new\"", "");
    for server in [0, 1, 3] {
        servers[server].publish(zone(4, &clean));
    }
    servers[2].publish(zone(4, &old));
    let observation = observe(plan(dns::Expectation::Absent)).await;
    assert_eq!(codes(&observation), [Code::DnsInconsistent, Code::DnsAcmeLeftover]);
    assert!(observation.findings[1].subject.contains(&asked[2].to_string()));
}

#[tokio::test]
async fn every_other_way_in_which_a_record_can_be_wrong() {
    let mut servers = quartet(3);
    let asked = addresses(&servers);
    let plan = |name: &str, record_type, expectation| {
        let mut spec = spec(&asked);
        spec.records = vec![record(name, record_type, expectation)];
        spec
    };
    let a = |name: &str, values: &[&str]| plan(name, RecordType::A, exactly(values));

    let drift = observe(a("www.shop.example", &["192.0.2.99"])).await;
    assert_eq!(codes(&drift), [Code::DnsDrift]);
    assert_eq!(drift.findings[0].subject, "www.shop.example A");
    assert_eq!(drift.findings[0].evidence["expected"], "192.0.2.99");
    assert_eq!(drift.findings[0].evidence["nameservers"].as_object().unwrap().len(), 4);
    let few = observe(a("shop.example", &["192.0.2.10"])).await;
    assert_eq!(codes(&few), [Code::DnsDrift], "one value more than planned");
    let gone = observe(a("nobody.shop.example", &["192.0.2.10"])).await;
    assert_eq!(codes(&gone), [Code::DnsNxdomain]);
    let nodata = observe(a("v6.shop.example", &["192.0.2.10"])).await;
    assert_eq!(codes(&nodata), [Code::DnsMissing]);
    let there = observe(plan("www.shop.example", RecordType::A, dns::Expectation::Absent)).await;
    assert_eq!(codes(&there), [Code::DnsUnexpected]);

    // One server lacks the name, and its serial shows that it is behind.
    for server in [0, 1, 2] {
        servers[server].publish(zone(3, HEALTHY));
    }
    servers[3].publish(zone(2, &HEALTHY.replace("WWW A 192.0.2.10", "")));
    let behind = observe(a("www.shop.example", &["192.0.2.10"])).await;
    assert_eq!(codes(&behind), [Code::DnsSerial, Code::DnsInconsistent]);
    for finding in &behind.findings {
        assert!(finding.subject.contains(&asked[3].to_string()), "{}", finding.subject);
    }
    assert_eq!(behind.findings[0].severity, Severity::Warning);

    // One server stops.
    servers[1].stop();
    servers[3].publish(zone(3, HEALTHY));
    let stopped = observe(a("www.shop.example", &["192.0.2.10"])).await;
    assert_eq!(codes(&stopped), [Code::DnsUnreachable]);
    assert_eq!(stopped.findings[0].subject, asked[1].to_string());
    assert!(!stopped.facts.dns.unwrap().servers[1].reachable);
    servers[1].start_again();
    assert_eq!(observe(a("www.shop.example", &["192.0.2.10"])).await.findings, []);
}

#[tokio::test]
async fn aliases_that_lead_nowhere_and_wildcards() {
    let records = format!(
        "{HEALTHY}
        away CNAME web.elsewhere.example.
        dangling CNAME gone
        ring CNAME round
        round CNAME ring
        *.wild A 192.0.2.66
        *.wild TXT \"wild\""
    );
    let server = Nameserver::start("127.53.4.1", &[zone(1, &records)]);
    let table = [
        ("away.shop.example", RecordType::A, exactly(&["192.0.2.10"]), Some(Code::DnsDrift)),
        ("away.shop.example", RecordType::CNAME, exactly(&["web.elsewhere.example"]), None),
        ("dangling.shop.example", RecordType::A, exactly(&["192.0.2.10"]), Some(Code::DnsDangling)),
        (
            "dangling.shop.example",
            RecordType::CNAME,
            exactly(&["gone.shop.example"]),
            Some(Code::DnsDangling),
        ),
        ("ring.shop.example", RecordType::A, exactly(&["192.0.2.10"]), Some(Code::DnsCnameLoop)),
        (
            "ring.shop.example",
            RecordType::CNAME,
            exactly(&["round.shop.example"]),
            Some(Code::DnsCnameLoop),
        ),
        ("x.wild.shop.example", RecordType::A, exactly(&["192.0.2.10"]), Some(Code::DnsWildcard)),
        (
            "_acme-challenge.wild.shop.example",
            RecordType::TXT,
            dns::Expectation::Absent,
            Some(Code::DnsWildcard),
        ),
    ];
    for (name, record_type, expectation, code) in table {
        let mut spec = spec(&[server.address()]);
        spec.records = vec![record(name, record_type, expectation)];
        let observation = observe(spec).await;
        assert_eq!(codes(&observation), Vec::from_iter(code), "{name} {record_type}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_serve_the_zone_is_lame() {
    let good = Nameserver::start("127.53.5.1", &[zone(1, HEALTHY)]);
    let other = Nameserver::start(
        "127.53.5.2",
        &[Zone::new("other.example", 1, "@ NS ns1\nns1 A 127.53.5.2")],
    );
    let above = Nameserver::start(
        "127.53.5.3",
        &[Zone::new("example", 1, "@ NS ns\nns A 127.53.5.3\nshop NS ns.host.example.")],
    );
    let mut spec = spec(&[good.address(), other.address(), above.address()]);
    spec.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    let observation = observe(spec).await;
    assert_eq!(codes(&observation), [Code::DnsLame, Code::DnsLame]);
    assert_eq!(observation.findings[0].subject, other.address().to_string());
    assert_eq!(observation.findings[0].evidence["got"], "refused");
    assert_eq!(observation.findings[1].subject, above.address().to_string());
    assert_eq!(observation.findings[1].evidence["got"], "not-authoritative");
}

#[tokio::test]
async fn a_long_answer_comes_over_tcp() {
    let values: Vec<String> = (0..40).map(|n| format!("value {n:03} {}", "x".repeat(80))).collect();
    let mut records = HEALTHY.to_owned();
    for value in &values {
        records.push_str(&format!("\nlong TXT \"{value}\""));
    }
    let server = Nameserver::start("127.53.6.1", &[zone(1, &records)]);
    let mut spec = spec(&[server.address()]);
    let plan = dns::Expectation::Exactly(values);
    spec.records = vec![record("long.shop.example", RecordType::TXT, plan)];
    let observation = observe(spec).await;
    assert_eq!(observation.findings, []);
    let facts = observation.facts.dns.unwrap();
    assert!(facts.records[0].answers[0].over_tcp);
    assert_eq!(facts.records[0].answers[0].values.len(), 40);
}

#[tokio::test]
async fn a_zone_without_planned_records_must_still_agree() {
    let servers = [
        Nameserver::start("127.53.7.1", &[zone(1, HEALTHY)]),
        Nameserver::start("127.53.7.2", &[zone(1, &HEALTHY.replace("@ NS ns2", ""))]),
        Nameserver::start("127.53.7.3", &[zone(1, HEALTHY)]),
    ];
    let mut spec = spec(&addresses(&servers));
    let observation = observe(spec.clone()).await;
    assert_eq!(codes(&observation), [Code::DnsInconsistent]);
    assert!(observation.findings[0].subject.contains(&servers[1].address().to_string()));
    spec.consistent = false;
    assert_eq!(observe(spec).await.findings, []);
}

#[tokio::test]
async fn a_cache_that_still_holds_the_old_alias() {
    let before = HEALTHY.replace("WWW A 192.0.2.10", "www 2520 CNAME old\nold 2520 A 192.0.2.99");
    let mut server = Nameserver::start("127.53.8.1", &[zone(1, &before)]);
    let resolver = Resolver::start("127.53.8.53", &[("shop.example", server.address())]);
    let plan = || {
        let mut spec = spec(&[server.address()]);
        spec.resolvers = vec![resolver.address()];
        spec.records = vec![
            record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"])),
            record("shop.example", RecordType::A, exactly(&["192.0.2.10", "192.0.2.11"])),
        ];
        spec
    };
    assert!(query(resolver.address(), "www.shop.example", RecordType::A).is_some());
    let old_zone = plan();
    assert_eq!(codes(&observe(old_zone).await), [Code::DnsDrift], "the zone itself is wrong");
    let spec = plan();
    server.publish(zone(2, HEALTHY));
    let observation = observe(spec).await;
    assert_eq!(codes(&observation), [Code::DnsStaleCache]);
    let finding = &observation.findings[0];
    assert!(finding.subject.ends_with(&resolver.address().to_string()), "{}", finding.subject);
    assert!(finding.summary.en.contains("a CNAME to old.shop.example"), "{}", finding.summary.en);
    assert!(finding.summary.en.contains("42 more minutes"), "{}", finding.summary.en);
    assert_eq!(finding.evidence["got"], serde_json::json!(["192.0.2.99"]));
    let facts = observation.facts.dns.unwrap();
    assert!(facts.servers[1].is_resolver && facts.servers[1].reachable);
    assert!(!facts.records[0].answers[1].matches);
}

#[tokio::test]
async fn a_resolver_that_fails_is_its_own_trouble() {
    let server = Nameserver::start("127.53.9.1", &[zone(1, HEALTHY)]);
    let resolver = Resolver::start("127.53.9.53", &[]);
    let mut spec = spec(&[server.address()]);
    spec.resolvers = vec![resolver.address()];
    spec.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    let observation = observe(spec.clone()).await;
    assert_eq!(codes(&observation), [Code::DnsUnreachable]);
    assert_eq!(observation.findings[0].subject, resolver.address().to_string());
    assert_eq!(observation.findings[0].evidence["got"], "refused");
    spec.resolvers = vec![([127, 53, 9, 54], free_port(&["127.53.9.54"])).into()];
    assert_eq!(codes(&observe(spec).await), [Code::DnsUnreachable]);
}

#[tokio::test]
async fn nameservers_by_name_are_resolved_to_every_address() {
    let port = free_port(&["127.53.10.1", "127.53.10.2"]);
    let names = "@ NS ns\nns A 127.53.10.1\nns A 127.53.10.2\nns AAAA ::1";
    let dns = Nameserver::start("127.53.10.53", &[Zone::new("host.example", 1, names)]);
    let resolver = Resolver::start("127.53.10.54", &[("host.example", dns.address())]);
    let _servers = ["127.53.10.1", "127.53.10.2", "::1"].map(|ip| {
        Nameserver::start_on(SocketAddr::new(ip.parse().unwrap(), port), &[zone(1, HEALTHY)])
    });
    let mut spec = spec(&[]);
    let by_name = |name: &str| Endpoint { host: Target::Name(name.into()), port };
    spec.nameservers = vec![by_name("ns.host.example"), by_name("missing.host.example")];
    spec.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    let net = Net::new(Some(resolver.address())).unwrap();
    let observation = run(spec, Duration::from_secs(5), &net).await;
    assert_eq!(codes(&observation), [Code::ResolveFailed]);
    assert_eq!(observation.findings[0].subject, "missing.host.example");
    let facts = observation.facts.dns.unwrap();
    assert_eq!(facts.servers.len(), 4);
    assert!(
        facts.servers[..3]
            .iter()
            .all(|server| &*server.name == "ns.host.example" && server.reachable)
    );
    assert_eq!(facts.servers[3].address, None);
    assert_eq!(facts.records[0].answers[3].outcome, "unresolved");
}

#[tokio::test]
async fn the_delegation_says_whom_to_ask() {
    let ips = ["127.53.11.10", "127.53.11.1", "127.53.11.2"];
    let port = free_port(&ips);
    let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
    let above = "@ NS ns\nns A 127.53.11.10\nshop NS ns1.shop\nshop NS ns2.shop
        ns1.shop A 127.53.11.1\nns2.shop A 127.53.11.2";
    let mut parent = Nameserver::start_on(at(ips[0]), &[Zone::new("example", 1, above)]);
    let own = HEALTHY.replace("127.53.0.", "127.53.11.");
    let _servers = [ips[1], ips[2]].map(|ip| Nameserver::start_on(at(ip), &[zone(1, &own)]));
    let mut spec = spec(&[]);
    spec.parent = vec![parent.address()];
    spec.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    let net = net();
    let observation = run(spec.clone(), Duration::from_secs(5), &net).await;
    assert_eq!(observation.findings, []);
    let facts = observation.facts.dns.unwrap();
    let asked: Vec<_> =
        facts.servers.iter().map(|server| (&*server.name, server.address)).collect();
    assert_eq!(
        asked,
        [("ns1.shop.example", Some(at(ips[1]))), ("ns2.shop.example", Some(at(ips[2])))]
    );

    // Remembered while its TTL lasts, whatever becomes of the parent.
    parent.stop();
    assert_eq!(run(spec.clone(), Duration::from_secs(5), &net).await.findings, []);
    parent.start_again();
    let more = format!("{above}\nshop NS ns3.shop\nns3.shop A 127.53.11.2");
    parent.publish(Zone::new("example", 2, &more));
    let more = observe(spec.clone()).await;
    // The glue of a nameserver that the zone does not name is not told as well.
    assert_eq!(codes(&more), [Code::DnsDelegation]);
    assert_eq!(more.findings[0].subject, "shop.example NS");
    parent.publish(Zone::new("example", 3, "@ NS ns\nns A 127.53.11.10"));
    let removed = observe(spec.clone()).await;
    assert_eq!(codes(&removed), [Code::DnsNxdomain]);
    parent.stop();
    let silent = observe(spec).await;
    assert_eq!(codes(&silent), [Code::DnsUnreachable]);
    assert_eq!(silent.findings[0].subject, parent.address().to_string());
}

#[tokio::test]
async fn without_a_parent_in_the_plan_the_resolver_finds_it() {
    // The zone above `deep.shop.example` is `shop.example`: `shop` alone is no zone of its own.
    let above = "@ NS ns\nns A 127.53.12.10\nx.deep NS ns.x.deep\nns.x.deep A 127.53.12.1";
    let server = Nameserver::start("127.53.12.53", &[zone(1, above)]);
    let resolver = Resolver::start("127.53.12.54", &[("shop.example", server.address())]);
    let net = Net::new(Some(resolver.address())).unwrap();
    let mut spec = spec(&[]);
    spec.zone = fqdn("x.deep.shop.example");
    // Nobody listens at the parent's address: the finding shows that it was found and asked.
    let observation = run(spec.clone(), Duration::from_secs(5), &net).await;
    assert_eq!(codes(&observation), [Code::DnsUnreachable]);
    assert_eq!(observation.findings[0].subject, "127.53.12.10:53");
    spec.zone = fqdn("shop.elsewhere");
    let lost = run(spec, Duration::from_secs(5), &net).await;
    assert_eq!(codes(&lost), [Code::ResolveFailed]);
    assert_eq!(lost.findings[0].subject, "elsewhere.");
}
