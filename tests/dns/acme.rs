//! Challenges for CAs: left behind, too many, in the wrong place, delegated to other zones, and named
//! by a file or a program.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Observation, Severity};
use hickory_proto::rr::RecordType;
use portwarden::probe::dns;

use super::scene::{codes, exactly, net, observe, record, run, spec, zone};
use crate::support::agent::Agent;
use crate::support::command::portwarden;
use crate::support::daemon::free_port;
use crate::support::nameserver::{Nameserver, Zone};

const NAME: &str = "_acme-challenge.shop.example";

fn plan(servers: &[SocketAddr], expectation: dns::Expectation) -> dns::Spec {
    let mut spec = spec(servers);
    spec.records = vec![record(NAME, RecordType::TXT, expectation)];
    spec
}

fn subjects(observation: &Observation) -> Vec<String> {
    let findings = observation.findings.iter();
    findings.map(|finding| format!("{} {}", finding.code, finding.subject)).collect()
}

/// A world where `shop.example` and `acme.example` are neighbours: the server above them, the shop's
/// own, and two of the other zone.
struct Neighbours {
    above: Nameserver,
    shop: Nameserver,
    acme: [Nameserver; 2],
}

fn above(network: u8, serial: u32, more: &str) -> Zone {
    let records = format!(
        "@ NS ns1\nns1 A 127.53.{network}.10\nshop NS ns1.shop\nns1.shop A 127.53.{network}.1\n\
         acme NS ns1.acme\nacme NS ns2.acme\nns1.acme A 127.53.{network}.2\nns2.acme A 127.53.{network}.3\n{more}"
    );
    Zone::new("example", serial, &records)
}

fn acme(network: u8, serial: u32, records: &str) -> Zone {
    let own = format!(
        "@ NS ns1\n@ NS ns2\nns1 A 127.53.{network}.2\nns2 A 127.53.{network}.3\n{records}"
    );
    Zone::new("acme.example", serial, &own)
}

fn shop(network: u8, serial: u32, records: &str) -> Zone {
    zone(serial, &format!("@ NS ns1\nns1 A 127.53.{network}.1\n{records}"))
}

impl Neighbours {
    fn start(network: u8, shop_records: &str, acme_records: &str) -> Self {
        let ips = [1, 2, 3, 10].map(|host| format!("127.53.{network}.{host}"));
        let port = free_port(&ips.each_ref().map(String::as_str));
        let at = |host: usize| SocketAddr::new(ips[host].parse().unwrap(), port);
        let acme = |host| Nameserver::start_on(at(host), &[acme(network, 1, acme_records)]);
        Self {
            above: Nameserver::start_on(at(3), &[above(network, 1, "")]),
            shop: Nameserver::start_on(at(0), &[shop(network, 1, shop_records)]),
            acme: [acme(1), acme(2)],
        }
    }

    fn plan(&self, expectation: dns::Expectation) -> dns::Spec {
        let mut plan = plan(&[self.shop.address()], expectation);
        plan.parent = vec![self.above.address()];
        plan
    }
}

#[tokio::test]
async fn a_delegated_challenge_is_asked_of_the_servers_that_decide() {
    let network = 41;
    let cname = "_acme-challenge CNAME shop.acme.example.";
    let mut world = Neighbours::start(network, cname, "shop TXT new");
    assert_eq!(subjects(&observe(world.plan(exactly(&["new"]))).await), [""; 0]);

    // One of the other zone's servers is behind: it is named, with its zone.
    world.acme[1].publish(acme(network, 2, "shop TXT old"));
    let behind = observe(world.plan(exactly(&["new"]))).await;
    let second = format!("ns2.acme.example ({})", world.acme[1].address());
    assert_eq!(subjects(&behind), [format!("dns.inconsistent shop.acme.example TXT @ {second}")]);
    let finding = &behind.findings[0];
    assert!(finding.summary.en.contains("in the zone acme.example"), "{}", finding.summary.en);
    assert!(finding.summary.en.contains(&format!("{second} answers")), "{}", finding.summary.en);
    assert!(finding.remedy.en.contains("before asking the CA"), "{}", finding.remedy.en);
    assert_eq!(finding.evidence["zone"], "acme.example");
    assert_eq!(finding.evidence["challenge"], NAME);

    // Between renewals the name behind the CNAME is gone, and that is right.
    for server in &mut world.acme {
        server.publish(acme(network, 3, ""));
    }
    assert_eq!(subjects(&observe(world.plan(dns::Expectation::Absent)).await), [""; 0]);
    let missing = observe(world.plan(exactly(&["new"]))).await;
    assert_eq!(subjects(&missing), ["dns.dangling shop.acme.example TXT"]);

    for server in &mut world.acme {
        server.publish(acme(network, 4, "shop TXT one\nshop TXT two"));
    }
    let left = observe(world.plan(dns::Expectation::Absent)).await;
    assert_eq!(subjects(&left), ["dns.acme-leftover shop.acme.example TXT"]);
    assert_eq!(left.findings[0].evidence["count"], 2);
}

#[tokio::test]
async fn a_delegation_to_nowhere_or_in_circles() {
    let network = 42;
    let mut world =
        Neighbours::start(network, "_acme-challenge CNAME x.gone.example.", "shop TXT new");
    for expectation in [dns::Expectation::Absent, exactly(&["new"])] {
        let dead = observe(world.plan(expectation)).await;
        assert_eq!(subjects(&dead), [format!("dns.dangling {NAME} CNAME")]);
        assert!(dead.findings[0].summary.en.contains("x.gone.example"), "{dead:?}");
    }
    let round = "_acme-challenge CNAME round.acme.example.";
    world.shop.publish(shop(network, 2, round));
    for server in &mut world.acme {
        server.publish(acme(network, 2, &format!("round CNAME {NAME}.")));
    }
    let circle = observe(world.plan(exactly(&["new"]))).await;
    assert_eq!(subjects(&circle), [format!("dns.cname-loop {NAME} CNAME")]);
}

#[tokio::test]
async fn a_challenge_delegated_to_a_zone_below() {
    let network = 43;
    let to_child = "_acme-challenge NS ns1.acme.example.";
    let world = Neighbours::start(network, to_child, "");
    let mut world = Neighbours { ..world };
    let child = |value: &str| Zone::new(NAME, 1, &format!("@ NS ns1.acme.example.\n@ TXT {value}"));
    // Its name has no glue below shop.example: the plan's resolver has to know it.
    let resolver = crate::support::resolver::Resolver::start(
        &format!("127.53.{network}.53"),
        &[("acme.example", world.acme[0].address())],
    );
    world.acme[0].publish(child("new"));
    let net = portwarden::net::Net::new(Some(resolver.address())).unwrap();
    let told = run(world.plan(exactly(&["new"])), Duration::from_secs(5), &net).await;
    assert_eq!(subjects(&told), [""; 0]);
    let other = run(world.plan(exactly(&["other"])), Duration::from_secs(5), &net).await;
    assert_eq!(subjects(&other), [format!("dns.acme-mismatch {NAME} TXT")]);
}

#[tokio::test]
async fn leftovers_are_counted_and_dated() {
    let mut server = Nameserver::start(
        "127.53.44.1",
        &[zone(1, "@ NS ns1\nns1 A 127.53.44.1\n_acme-challenge TXT one")],
    );
    let plan = || plan(&[server.address()], dns::Expectation::Absent);
    let net = net();
    let within = Duration::from_secs(5);
    let first = run(plan(), within, &net).await;
    assert_eq!(codes(&first), [Code::DnsAcmeLeftover]);
    let since = first.findings[0].evidence["first_seen"].clone();
    assert_eq!(first.findings[0].evidence["count"], 1);
    assert!(first.findings[0].summary.en.contains("seen for"), "{first:?}");

    let many: String = (0..12).map(|n| format!("_acme-challenge TXT value{n:038}\n")).collect();
    let more = format!("@ NS ns1\nns1 A 127.53.44.1\n_acme-challenge TXT one\n{many}");
    let spec = plan();
    server.publish(zone(2, &more));
    let later = run(spec, within, &net).await;
    assert_eq!(
        subjects(&later),
        [
            format!("dns.acme-leftover {NAME} TXT"),
            format!("dns.acme-leftover {NAME} TXT, too many")
        ]
    );
    assert_eq!(later.findings[0].evidence["first_seen"], since, "the oldest is still there");
    assert_eq!(later.findings[0].evidence["count"], 13);
    assert_eq!(later.findings[1].evidence["limit"], 8);
}

#[tokio::test]
async fn a_value_at_the_doubled_name_explains_why_it_is_missing() {
    let doubled = "_acme-challenge.shop.example TXT new";
    let records = |more: &str| format!("@ NS ns1\nns1 A 127.53.45.1\n{more}");
    let mut server = Nameserver::start("127.53.45.1", &[zone(1, &records(doubled))]);
    let address = server.address();
    for (serial, missing) in [(2, ""), (3, "_acme-challenge TXT old\n")] {
        server.publish(zone(serial, &records(&format!("{missing}{doubled}"))));
        let wrong = observe(plan(&[address], exactly(&["new"]))).await;
        assert_eq!(subjects(&wrong), [format!("dns.acme-mismatch {NAME} TXT")], "{missing}");
        let finding = &wrong.findings[0];
        assert_eq!(finding.evidence["doubled_name"], "_acme-challenge.shop.example.shop.example");
        assert!(finding.remedy.en.contains("only `_acme-challenge`"), "{}", finding.remedy.en);
    }
    let other = observe(plan(&[address], exactly(&["other"]))).await;
    assert_eq!(other.findings[0].code, Code::DnsAcmeMismatch);
    assert_eq!(other.findings[1].severity, Severity::Notice);

    // Nothing is due: an old mistake is worth knowing, and a wildcard is none.
    server.publish(zone(70_000, &records(doubled)));
    let old = observe(plan(&[address], dns::Expectation::Absent)).await;
    assert_eq!(subjects(&old), ["dns.acme-leftover _acme-challenge.shop.example.shop.example TXT"]);
    assert_eq!(old.findings[0].severity, Severity::Notice);
    server.publish(zone(70_001, &records("*.www TXT any\n*.example TXT any")));
    assert_eq!(codes(&observe(plan(&[address], dns::Expectation::Absent)).await), []);
    server.publish(zone(70_002, &records("* TXT any")));
    let wild = observe(plan(&[address], dns::Expectation::Absent)).await;
    assert_eq!(subjects(&wild), [format!("dns.wildcard {NAME} TXT")]);
    assert!(wild.findings[0].remedy.en.contains("`*.shop.example`"), "{wild:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hooks_file_says_what_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let records = |value: &str| format!("@ NS ns1\nns1 A 127.53.46.1\n{value}");
    let mut server = Nameserver::start("127.53.46.1", &[zone(1, &records(""))]);
    let address = server.address();
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\nfail_after = 1\n\
         [[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [\"{address}\"]\n\
         [[dns.record]]\nname = \"_acme-challenge\"\ntype = \"TXT\"\nvalues_file = \"due\"\n"
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let due = folder.path().join("due");
    let says = |values: &str| std::fs::write(&due, values).unwrap();

    says("secret\n");
    agent.finding("zone", "dns.nxdomain").await;
    server.publish(zone(2, &records("_acme-challenge TXT secret")));
    agent.healed("zone", "dns.nxdomain").await;
    std::fs::remove_file(&due).unwrap();
    agent.finding("zone", "dns.acme-leftover").await;
    says("\"no end\n");
    let unknown = agent.finding("zone", "dns.values-unknown").await;
    assert!(unknown["summary"].as_str().unwrap().contains("line 1"), "{unknown}");
    agent.healed("zone", "dns.acme-leftover").await;
    std::fs::remove_file(&due).unwrap();
    server.publish(zone(3, &records("")));
    agent.healed("zone", "dns.values-unknown").await;
    agent.healed("zone", "dns.acme-leftover").await;
}

#[tokio::test]
async fn a_program_says_what_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let records = "@ NS ns1\nns1 A 127.53.47.1\n_acme-challenge TXT two\n_acme-challenge TXT one";
    let server = Nameserver::start("127.53.47.1", &[zone(1, records)]);
    let once = |command: &str| {
        let plan = format!(
            "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [\"{}\"]\n\
             [[dns.record]]\nname = \"_acme-challenge\"\ntype = \"TXT\"\nvalues_command = {command}\n",
            server.address()
        );
        std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
        portwarden(folder.path(), &["once"])
    };
    let right = once("[\"/usr/bin/printf\", \"one\\\\ntwo\\\\n\"]").expect(0);
    assert!(right.out.contains("nothing is wrong"), "{right:?}");
    let wrong = once("[\"/usr/bin/printf\", \"%s\", \"$(echo one)\"]").expect(1);
    assert!(wrong.out.contains("dns.acme-mismatch"), "no shell has seen it: {wrong:?}");
    let failed = once("[\"/bin/false\"]").expect(1);
    assert!(failed.out.contains("dns.values-unknown"), "{failed:?}");
    assert!(!failed.out.contains("acme-mismatch"), "nothing is judged: {failed:?}");
    let bare = once("[\"printf\", \"one\"]").expect(2);
    assert!(bare.err.contains("whole path of a program"), "{bare:?}");
}

#[tokio::test]
async fn a_silent_server_takes_no_time_from_those_that_a_challenge_leads_to() {
    let network = 48;
    let world =
        Neighbours::start(network, "_acme-challenge CNAME shop.acme.example.", "shop TXT new");
    // Takes what is sent and never says anything.
    let silent = std::net::UdpSocket::bind(format!("127.53.{network}.9:0")).unwrap();
    let address = silent.local_addr().unwrap();
    let mut spec = world.plan(exactly(&["new"]));
    spec.nameservers.extend(super::scene::spec(&[address]).nameservers);
    let net = net();
    for round in ["found out", "remembered"] {
        let seen = run(spec.clone(), Duration::from_secs(2), &net).await;
        assert_eq!(subjects(&seen), [format!("dns.unreachable {address}")], "{round}");
    }
}

#[tokio::test]
async fn what_leads_nowhere_is_not_looked_for_at_every_probe() {
    use crate::support::tree::{Signing, Tree};
    let mut tree = Tree::grow(Signing::Unsigned, "_acme-challenge CNAME x.gone.nowhere.");
    let net = net();
    let servers: Vec<SocketAddr> = tree.servers.iter().map(Nameserver::address).collect();
    let mut spec = plan(&servers, dns::Expectation::Absent);
    spec.hints = vec![tree.root.address()];
    let nowhere = [format!("dns.dangling {NAME} CNAME")];
    let within = Duration::from_secs(5);
    assert_eq!(subjects(&run(spec.clone(), within, &net).await), nowhere);
    // Whoever would be asked on the way up is away.
    tree.root.stop();
    assert_eq!(subjects(&run(spec, within, &net).await), nowhere);
}

#[tokio::test]
async fn a_doubled_name_that_is_removed_is_no_longer_told() {
    let records = |more: &str| format!("@ NS ns1\nns1 A 127.53.50.1\n{more}");
    let doubled = records("_acme-challenge.shop.example TXT new");
    let mut server = Nameserver::start("127.53.50.1", &[zone(1, &doubled)]);
    let net = net();
    let spec = plan(&[server.address()], dns::Expectation::Absent);
    let within = Duration::from_secs(5);
    let left = run(spec.clone(), within, &net).await;
    assert_eq!(codes(&left), [Code::DnsAcmeLeftover]);
    server.publish(zone(2, &records("")));
    assert_eq!(subjects(&run(spec, within, &net).await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_forget_since_when_a_challenge_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let records = "@ NS ns1\nns1 A 127.53.51.1\n_acme-challenge TXT left";
    let server = Nameserver::start("127.53.51.1", &[zone(1, records)]);
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\nfail_after = 1\n\
         [[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [\"{}\"]\n\
         [[dns.record]]\nname = \"_acme-challenge\"\ntype = \"TXT\"\nabsent = true\n",
        server.address()
    );
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    let first = agent.finding("zone", "dns.acme-leftover").await;
    let listen = agent.listen;
    // So that now is another second than then.
    let then = first["evidence"]["first_seen"].clone();
    crate::support::agent::eventually("another second", async || {
        let now = agent.finding("zone", "dns.acme-leftover").await;
        now["evidence"]["age_seconds"].as_u64().is_some_and(|age| age > 1)
    })
    .await;
    agent.terminate();
    let agent = Agent::start_on(folder.path(), listen).await;
    crate::support::agent::eventually("a probe of its own", async || {
        let now = agent.finding("zone", "dns.acme-leftover").await;
        assert_eq!(now["evidence"]["first_seen"], then);
        now["evidence"]["age_seconds"].as_u64() > first["evidence"]["age_seconds"].as_u64()
    })
    .await;
}
