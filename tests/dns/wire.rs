//! How servers are asked: over bad roads, with TCP blocked, over TLS, and without EDNS. Each
//! becomes a finding and goes away again, and what means nothing stays silent.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Finding};
use hickory_proto::rr::RecordType;
use portwarden::net::Net;
use portwarden::plan::{Endpoint, Target};
use portwarden::probe::dns;
use portwarden::tls::Roots;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::scene::{HEALTHY, exactly, net, record, run, spec, zone};
use crate::support::agent::PATIENCE;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::daemon::free_port;
use crate::support::nameserver::{Nameserver, Zone};
use crate::support::relay::{Fate, Relay, Tcp};
use crate::support::resolver::Resolver;

const TIMEOUT: Duration = Duration::from_millis(600);

/// A plan of some records on one server.
fn plan(server: SocketAddr) -> dns::Spec {
    let mut spec = spec(&[server]);
    spec.records = vec![
        record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"])),
        record("_acme-challenge.shop.example", RecordType::TXT, exactly(&["new"])),
    ];
    spec
}

async fn findings(spec: &dns::Spec, net: &Net) -> Vec<Finding> {
    run(spec.clone(), TIMEOUT, net).await.findings
}

/// Probes again and again until it finds this, or nothing.
async fn until(spec: &dns::Spec, net: &Net, expected: Option<Code>) -> Vec<Finding> {
    let start = portwarden::clock::monotonic();
    loop {
        let findings = findings(spec, net).await;
        let is_there = match expected {
            Some(code) => findings.iter().any(|finding| finding.code == code),
            None => findings.is_empty(),
        };
        if is_there {
            return findings;
        }
        let waited = portwarden::clock::monotonic() - start;
        assert!(waited < PATIENCE, "{expected:?} does not come: {findings:?}");
    }
}

#[tokio::test]
async fn losses_are_counted_over_time_and_one_means_nothing() {
    let server = Nameserver::start("127.53.60.1", &[zone(1, HEALTHY)]);
    let relay = Relay::start("127.53.60.2", server.address(), Tcp::Passed);
    let (spec, net) = (plan(relay.address()), net());
    relay.rule(|count, _| if count == 0 { Fate::Drop } else { Fate::Pass });
    for _ in 0..10 {
        assert_eq!(findings(&spec, &net).await, []);
    }
    assert!(relay.queries() > 30);
    relay.cycle(&[Fate::Drop, Fate::Pass, Fate::Pass, Fate::Pass]);
    let found = until(&spec, &net, Some(Code::DnsSlow)).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].subject, relay.address().to_string());
    assert!(found[0].summary.en.contains("were never answered"), "{}", found[0].summary.en);
    assert!(found[0].evidence["lost"].as_u64() >= Some(3), "{found:?}");
    relay.cycle(&[Fate::Pass]);
    assert_eq!(until(&spec, &net, None).await, []);
}

#[tokio::test]
async fn a_steady_delay_is_told_with_its_median() {
    let server = Nameserver::start("127.53.60.3", &[zone(1, HEALTHY)]);
    let relay = Relay::start("127.53.60.4", server.address(), Tcp::Passed);
    let (mut spec, net) = (plan(relay.address()), net());
    spec.asking.slow_after = Duration::from_millis(60);
    assert_eq!(findings(&spec, &net).await, []);
    relay.cycle(&[Fate::Delay(Duration::from_millis(90))]);
    let found = until(&spec, &net, Some(Code::DnsSlow)).await;
    assert!(found[0].summary.en.contains("took longer than 60 ms"), "{}", found[0].summary.en);
    relay.cycle(&[Fate::Pass]);
    assert_eq!(until(&spec, &net, None).await, []);
}

#[tokio::test]
async fn an_outage_is_no_loss_when_it_is_over() {
    let mut server = Nameserver::start("127.53.60.5", &[zone(1, HEALTHY)]);
    let (spec, net) = (plan(server.address()), net());
    assert_eq!(findings(&spec, &net).await, []);
    server.freeze();
    for _ in 0..3 {
        let found = findings(&spec, &net).await;
        assert_eq!(found[0].code, Code::DnsUnreachable, "{found:?}");
    }
    server.thaw();
    // What it has kept waiting may be answered now; nobody waits for it any more.
    until(&spec, &net, None).await;
    server.stop();
    let started = portwarden::clock::monotonic();
    let found = findings(&spec, &net).await;
    assert!(
        portwarden::clock::monotonic() - started < TIMEOUT / 2,
        "a closed port is known at once"
    );
    assert_eq!(found[0].code, Code::DnsUnreachable);
    server.start_again();
    assert_eq!(findings(&spec, &net).await, []);
}

#[tokio::test]
async fn tcp_is_tried_without_need() {
    let server = Nameserver::start("127.53.60.6", &[zone(1, HEALTHY)]);
    let relay = Relay::start("127.53.60.7", server.address(), Tcp::Refused);
    let (spec, net) = (plan(relay.address()), net());
    for _ in 0..2 {
        let found = findings(&spec, &net).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].code, Code::DnsNoTcp);
        assert_eq!(found[0].evidence["error"], "connection refused");
    }
    let listener = TcpListener::bind(relay.address()).await.unwrap();
    let upstream = server.address();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(upstream).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    });
    assert_eq!(until(&spec, &net, None).await, []);
}

#[tokio::test]
async fn tcp_that_swallows_everything_is_told_as_well() {
    let server = Nameserver::start("127.53.60.8", &[zone(1, HEALTHY)]);
    let relay = Relay::start("127.53.60.9", server.address(), Tcp::Silent);
    let found = findings(&plan(relay.address()), &net()).await;
    assert_eq!(found[0].code, Code::DnsNoTcp, "{found:?}");
    assert_eq!(found[0].evidence["error"], "accepted, but no full answer in time");
}

#[tokio::test]
async fn answers_that_are_none_do_no_harm() {
    let server = Nameserver::start("127.53.60.10", &[zone(1, HEALTHY)]);
    let relay = Relay::start("127.53.60.11", server.address(), Tcp::Passed);
    let (spec, net) = (plan(relay.address()), net());
    let deadly: [&[Fate]; 5] = [
        &[Fate::FromElsewhere],
        &[Fate::Change(|packet| packet[0] ^= 0x55)],
        &[Fate::Change(|packet| packet[13] ^= 0x01)],
        &[Fate::Change(|packet| packet.truncate(11))],
        // Later than the deadline, while others already ask.
        &[Fate::Delay(Duration::from_millis(700))],
    ];
    for fates in deadly {
        relay.cycle(fates);
        let found = findings(&spec, &net).await;
        assert_eq!(found[0].code, Code::DnsUnreachable, "{fates:?}: {found:?}");
        relay.cycle(&[Fate::Twice, Fate::Pass]);
        assert_eq!(until(&spec, &net, None).await, [], "{fates:?}");
    }
}

/// unbound, also over TLS on the port handed back.
fn secure_resolver(
    ip: &str,
    upstream: SocketAddr,
    folder: &std::path::Path,
) -> (Resolver, SocketAddr) {
    let port = free_port(&[ip]);
    let [key, pem] = ["privkey.pem", "fullchain.pem"].map(|file| folder.join(file));
    let keys = format!(
        "  module-config: \"iterator\"\n  interface: {ip}@{port}\n  tls-port: {port}\n  \
         tls-service-key: \"{}\"\n  tls-service-pem: \"{}\"\n",
        key.display(),
        pem.display()
    );
    let resolver = Resolver::start_with(ip, &[("shop.example", upstream)], &keys);
    (resolver, SocketAddr::new(ip.parse().unwrap(), port))
}

#[tokio::test]
async fn a_resolver_is_asked_over_tls_and_its_certificate_verified() {
    let server = Nameserver::start("127.53.60.12", &[zone(1, HEALTHY)]);
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("root of the test");
    let order = Order { names: &["dns.example"], serial: 1, valid: (-DAY, DAY) };
    authority.issue(&order, folder.path());
    let root = folder.path().join("root.pem");
    std::fs::write(&root, authority.pem()).unwrap();
    let (_resolver, secure) = secure_resolver("127.53.60.53", server.address(), folder.path());
    let ask = |name: Option<&str>, roots: &Roots| {
        let mut spec = plan(server.address());
        spec.resolvers = vec![secure];
        spec.asking.over_tls = vec![dns::OverTls {
            endpoint: Endpoint { host: Target::Address(secure.ip()), port: secure.port() },
            name: name.map(Into::into),
            roots: roots.clone(),
        }];
        spec
    };
    let (net, timeout) = (net(), Duration::from_secs(5));
    let trusting = Roots::load(std::slice::from_ref(&root)).unwrap();
    let strange = Roots::load(&[]).unwrap();
    for (name, roots) in [(Some("dns.example"), &trusting), (None, &strange)] {
        let observation = run(ask(name, roots), timeout, &net).await;
        assert_eq!(observation.findings, []);
        let facts = observation.facts.dns.unwrap();
        let answers = &facts.records[0].answers;
        assert!(answers[1].matches && answers[1].over_tcp, "{answers:?}");
    }
    for (name, roots, said) in [
        ("other.example", &trusting, "other.example"),
        ("dns.example", &strange, "cannot be asked over TLS"),
    ] {
        let found = run(ask(Some(name), roots), timeout, &net).await.findings;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].code, Code::DnsUnreachable);
        assert!(found[0].summary.en.contains(said), "{}", found[0].summary.en);
    }
}

#[tokio::test]
async fn each_server_says_which_instance_it_is() {
    let server = Nameserver::start("127.53.60.13", &[zone(1, HEALTHY)]);
    let facts = run(plan(server.address()), TIMEOUT, &net()).await.facts.dns.unwrap();
    assert_eq!(facts.servers[0].nsid.as_deref(), Some("127.53.60.13"));
}

#[tokio::test]
async fn a_silent_server_takes_no_time_from_what_the_others_give_rise_to() {
    let records = format!("{HEALTHY}\naway CNAME gone.cdn.test.\n*.wild A 192.0.2.66");
    let servers =
        ["127.53.60.20", "127.53.60.21"].map(|ip| Nameserver::start(ip, &[zone(1, &records)]));
    let cdn = Nameserver::start("127.53.60.22", &[Zone::new("cdn.test", 1, "@ NS ns1")]);
    let resolver = Resolver::start("127.53.60.23", &[("cdn.test", cdn.address())]);
    let net = Net::new(Some(resolver.address())).unwrap();
    // In front of the other, without TCP.
    let relay = Relay::start("127.53.60.24", servers[1].address(), Tcp::Refused);
    let mut spec = spec(&[servers[0].address(), relay.address()]);
    spec.records = vec![
        record("x.wild.shop.example", RecordType::A, exactly(&["192.0.2.10"])),
        record("away.shop.example", RecordType::CNAME, exactly(&["gone.cdn.test"])),
        record("www.shop.example", RecordType::A, exactly(&["192.0.2.99"])),
    ];
    servers[0].freeze();
    for _ in 0..4 {
        let observation = run(spec.clone(), Duration::from_millis(1200), &net).await;
        let mut found: Vec<(Code, &str)> =
            observation.findings.iter().map(|finding| (finding.code, &*finding.subject)).collect();
        found.sort_unstable();
        let (silent, blocked) = (servers[0].address().to_string(), relay.address().to_string());
        let mut expected = [
            (Code::DnsUnreachable, &*silent),
            (Code::DnsNoTcp, &*blocked),
            (Code::DnsWildcard, "x.wild.shop.example A"),
            (Code::DnsDangling, "away.shop.example CNAME"),
            (Code::DnsDrift, "www.shop.example A"),
        ];
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    servers[0].thaw();
}
