//! Caches that hold what the zone no longer says, against unbound.

use std::time::Duration;

use health::{Code, Severity};
use hickory_proto::rr::RecordType;
use jiff::Timestamp;
use portwarden::clock::{monotonic, now};
use portwarden::probe::dns;

use super::scene::{codes, exactly, net, observe, record, run, spec, zone};
use crate::support::agent::Agent;
use crate::support::nameserver::{Keys, Nameserver, Zone};
use crate::support::resolver::Resolver;
use crate::support::tree::{Signing, Tree, ZONE};

fn records(network: u8, more: &str) -> String {
    format!("@ NS ns1\nns1 A 127.53.{network}.1\n{more}")
}

/// A server of `shop.example` and a cache of it.
fn pair(network: u8, before: &str) -> (Nameserver, Resolver) {
    let server =
        Nameserver::start(&format!("127.53.{network}.1"), &[zone(1, &records(network, before))]);
    let cache = Resolver::start(&format!("127.53.{network}.53"), &[(ZONE, server.address())]);
    (server, cache)
}

fn plan(server: &Nameserver, cache: &Resolver, name: &str, values: &[&str]) -> dns::Spec {
    let mut plan = spec(&[server.address()]);
    plan.resolvers = vec![cache.address()];
    plan.records = vec![record(name, RecordType::A, exactly(values))];
    plan
}

#[tokio::test]
async fn an_old_answer_tells_when_it_ends() {
    let network = 51;
    let (mut server, cache) = pair(network, "www 2520 A 192.0.2.99");
    cache.warm("www.shop.example", RecordType::A);
    server.publish(zone(2, &records(network, "www 2520 A 192.0.2.10")));
    let plan = || plan(&server, &cache, "www.shop.example", &["192.0.2.10"]);
    let net = net();
    let first = run(plan(), Duration::from_secs(5), &net).await;
    assert_eq!(codes(&first), [Code::DnsStaleCache]);
    let finding = &first.findings[0];
    let told = format!(
        "www.shop.example A: the zone is right (192.0.2.10); {} serves the old answer, 192.0.2.99, for 42 more minutes",
        cache.address()
    );
    assert_eq!(finding.summary.en, told);
    let evidence =
        |name: &str| finding.evidence[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    let end = evidence("expires_at");
    let left = end.duration_since(now()).as_secs();
    assert!((2400..=2520).contains(&left), "{left}");
    let facts = first.facts.dns.unwrap();
    let answers = &facts.records[0].answers;
    assert_eq!(answers[0].expires_at, None, "it is no cache's");
    let counted = answers[1].expires_at.unwrap().duration_since(end).unsigned_abs();
    assert!(counted < Duration::from_secs(2), "{counted:?}");

    let later = run(plan(), Duration::from_secs(5), &net).await;
    assert_eq!(later.findings[0].evidence["expires_at"], finding.evidence["expires_at"]);
    assert_eq!(later.findings[0].evidence["stale_since"], finding.evidence["stale_since"]);
}

#[tokio::test]
async fn a_name_that_a_cache_believes_is_not_there() {
    let network = 52;
    let (mut server, cache) = pair(network, "mail A 192.0.2.25");
    cache.warm("www.shop.example", RecordType::A);
    cache.warm("mail.shop.example", RecordType::TXT);
    server.publish(zone(2, &records(network, "www A 192.0.2.10\nmail A 192.0.2.25\nmail TXT x")));
    let absent = observe(plan(&server, &cache, "www.shop.example", &["192.0.2.10"])).await;
    assert_eq!(codes(&absent), [Code::DnsStaleCache]);
    let told = &absent.findings[0].summary.en;
    assert!(told.contains("still says that the name does not exist, for at most "), "{told}");
    assert!(told.ends_with("more seconds"), "the zone's SOA says 60: {told}");
    assert_eq!(absent.findings[0].evidence["got"], "nxdomain");
    let mut no_text = plan(&server, &cache, "mail.shop.example", &[]);
    no_text.records = vec![record("mail.shop.example", RecordType::TXT, exactly(&["x"]))];
    let told = observe(no_text).await.findings[0].summary.en.clone();
    assert!(told.contains("still says that there is no such record, for at most "), "{told}");
}

#[tokio::test]
async fn an_old_cname_to_the_right_address_is_worth_a_word() {
    let network = 53;
    let (mut server, cache) = pair(network, "@ A 192.0.2.10\nwww CNAME @");
    cache.warm("www.shop.example", RecordType::A);
    let plan = || plan(&server, &cache, "www.shop.example", &["192.0.2.10"]);
    assert_eq!(codes(&observe(plan()).await), [], "it is what the zone says");
    let plan = plan();
    server.publish(zone(2, &records(network, "@ A 192.0.2.10\nwww A 192.0.2.10")));
    let old = observe(plan).await;
    assert_eq!(codes(&old), [Code::DnsStaleCache]);
    assert_eq!(old.findings[0].severity, Severity::Notice);
    let told = &old.findings[0].summary.en;
    assert!(told.contains("gets there by the old answer, a CNAME to shop.example, for "), "{told}");
}

#[tokio::test]
async fn a_cache_that_does_not_let_go_in_time() {
    let network = 54;
    let old = Nameserver::start("127.53.54.2", &[zone(1, &records(network, "www 1 A 192.0.2.99"))]);
    let server =
        Nameserver::start("127.53.54.1", &[zone(2, &records(network, "www 1 A 192.0.2.10"))]);
    // As behind a cache that is itself fed by another one.
    let cache = Resolver::start("127.53.54.53", &[(ZONE, old.address())]);
    let net = net();
    let start = monotonic();
    loop {
        let plan = plan(&server, &cache, "www.shop.example", &["192.0.2.10"]);
        let stale = run(plan, Duration::from_secs(5), &net).await;
        assert_eq!(codes(&stale), [Code::DnsStaleCache]);
        let finding = &stale.findings[0];
        if finding.evidence.contains_key("had_to_expire_at") {
            assert!(
                finding.summary.en.contains("by its own words it had to be gone at"),
                "{finding:?}"
            );
            assert!(finding.remedy.en.starts_with("Waiting does not help"), "{finding:?}");
            break;
        }
        assert!(monotonic() - start < Duration::from_secs(30), "{finding:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_resolver_that_withholds_what_does_not_validate() {
    let mut tree = Tree::grow(Signing::Signed, "www A 192.0.2.10");
    let cache = tree.resolver();
    let plan = |tree: &Tree| {
        let mut plan = spec(&[tree.servers[0].address()]);
        plan.resolvers = vec![cache.address()];
        plan.records = vec![record("www.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
        plan
    };
    let own = tree.zone(2, "www A 192.0.2.10").records;
    tree.servers[0].publish(Keys::generate(ZONE).sign(&Zone::new(ZONE, 3, &own)));
    let bogus = observe(plan(&tree)).await;
    let finding = bogus.findings.iter().find(|finding| finding.code == Code::DnsBogus).unwrap();
    assert_eq!(finding.subject, cache.address().to_string());
    assert!(finding.summary.en.contains("withholds"), "{finding:?}");
    assert!(!codes(&bogus).contains(&Code::DnsUnreachable), "{bogus:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_stale_and_then_is_not() {
    let network = 56;
    let folder = tempfile::tempdir().unwrap();
    let (mut server, cache) = pair(network, "www 3 A 192.0.2.99");
    let plan = format!(
        "[defaults]\ninterval = \"200ms\"\ntimeout = \"2s\"\nfail_after = 1\n\
         [[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [\"{}\"]\nresolvers = [\"{}\"]\n\
         [[dns.record]]\nname = \"www\"\ntype = \"A\"\nvalues = [\"192.0.2.10\"]\n",
        server.address(),
        cache.address()
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.finding("zone", "dns.drift").await;
    server.publish(zone(2, &records(network, "www 3 A 192.0.2.10")));
    let stale = agent.finding("zone", "dns.stale-cache").await;
    assert!(stale["evidence"]["expires_at"].is_string(), "{stale}");
    agent.healed("zone", "dns.stale-cache").await;
    agent.healed("zone", "dns.drift").await;
}
