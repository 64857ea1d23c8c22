//! DNSSEC on real servers: zones signed by ldns, served by Knot and NSD, beside what unbound says.

use std::net::SocketAddr;
use std::time::Duration;

use health::facts::{DnssecFacts, Security};
use health::{Code, Finding, Observation, Severity};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use portwarden::clock::now;
use portwarden::net::Net;
use portwarden::probe::dns::{self, dnssec::Mode};

use crate::scene::{exactly, record, run};
use crate::support::agent::{Agent, eventually};
use crate::support::nameserver::{Keys, Zone, query};
use crate::support::tree::{Signing, Tree};

const DAY: Duration = Duration::from_secs(86_400);
const RECORDS: &str = "
    @ A 192.0.2.10
    www A 192.0.2.10
    WWW A 192.0.2.9
    @ MX 20 Mail.SHOP.example.
    @ MX 10 mail2.shop.example.
    shop CNAME www
    @ TXT \"v=spf1 -all\"
    *.wild A 192.0.2.10
    deep.er A 192.0.2.10
";

/// All four servers of the tree, the records above, and names that are not there.
fn spec(tree: &Tree) -> dns::Spec {
    let addresses: Vec<SocketAddr> = tree.servers.iter().map(|server| server.address()).collect();
    let mut spec = crate::scene::spec(&addresses);
    let absent = dns::Expectation::Absent;
    spec.records = vec![
        record("shop.example", RecordType::A, exactly(&["192.0.2.10"])),
        record("shop.example", RecordType::MX, dns::Expectation::Anything),
        record("www.shop.example", RecordType::A, exactly(&["192.0.2.9", "192.0.2.10"])),
        record("shop.shop.example", RecordType::CNAME, exactly(&["www.shop.example"])),
        record("shop.example", RecordType::TXT, exactly(&["v=spf1 -all"])),
        record("_acme-challenge.shop.example", RecordType::TXT, absent.clone()),
        record("www.shop.example", RecordType::AAAA, absent.clone()),
        record("er.shop.example", RecordType::A, absent.clone()),
        record("x.wild.shop.example", RecordType::AAAA, absent),
    ];
    spec.parent = vec![tree.parent.address()];
    spec.dnssec.trusted = vec![tree.anchor().parse().unwrap()].into();
    spec
}

/// One probe through a resolver of the tree, remembering nothing.
async fn look(tree: &Tree, spec: &dns::Spec) -> Observation {
    let resolver = tree.resolver();
    let net = Net::new(Some(resolver.address())).unwrap();
    run(spec.clone(), Duration::from_secs(5), &net).await
}

fn dnssec(observation: &Observation) -> &DnssecFacts {
    observation.facts.dns.as_ref().unwrap().dnssec.as_ref().expect("facts of DNSSEC")
}

fn only(observation: &Observation) -> &Finding {
    match &observation.findings[..] {
        [finding] => finding,
        others => panic!("one finding: {others:#?}"),
    }
}

/// What a validating resolver with an empty cache answers.
fn validated(tree: &Tree, name: &str) -> ResponseCode {
    let resolver = tree.resolver();
    query(resolver.address(), name, RecordType::A).expect("an answer").metadata.response_code
}

#[tokio::test]
async fn a_signed_zone_is_secure_from_the_root_down() {
    let tree = Tree::grow(Signing::Signed, RECORDS);
    let spec = spec(&tree);
    let seen = look(&tree, &spec).await;
    assert_eq!(seen.findings, [], "{:?}", dnssec(&seen));
    let facts = dnssec(&seen);
    assert_eq!((facts.state, facts.anchor.as_deref()), (Security::Secure, Some(".")));
    assert_eq!(facts.keys.len(), 2);
    assert!(facts.ds.iter().all(|ds| ds.matches) && !facts.ds.is_empty());
    assert_eq!(facts.signatures.len(), 4);
    for server in &facts.signatures {
        assert_eq!(server.sets[0], server.sets[1]);
        assert!(server.sets[0] >= 10, "{server:?}");
        assert!(server.earliest_end.unwrap() > now() + 27 * DAY);
    }
    // The resolver alone knows the zones above.
    let seen = look(&tree, &dns::Spec { parent: Vec::new(), ..spec.clone() }).await;
    assert_eq!((seen.findings.len(), dnssec(&seen).state), (0, Security::Secure));
    // What is made from a wildcard needs a proof that nothing is nearer, which is there.
    let mut expanded = spec.clone();
    expanded.records = vec![record("y.wild.shop.example", RecordType::A, exactly(&["192.0.2.10"]))];
    let seen = look(&tree, &expanded).await;
    assert_eq!(dnssec(&seen).state, Security::Secure, "{:#?}", seen.findings);
    // Found by a walk, the parent's servers are asked for the DS themselves.
    let walked = dns::Spec {
        nameservers: Vec::new(),
        parent: Vec::new(),
        hints: vec![tree.root.address()],
        ..spec.clone()
    };
    let seen = look(&tree, &walked).await;
    assert_eq!((dnssec(&seen).state, dnssec(&seen).signatures.len()), (Security::Secure, 4));
    // The zone's own anchor needs nobody above.
    let mut alone = spec.clone();
    alone.parent = Vec::new();
    alone.dnssec.trusted = vec![tree.ds().parse().unwrap()].into();
    let seen = run(alone, Duration::from_secs(5), &crate::scene::net()).await;
    assert_eq!(seen.findings, []);
    assert_eq!(dnssec(&seen).anchor.as_deref(), Some("shop.example"));
    assert_eq!(validated(&tree, "www.shop.example"), ResponseCode::NoError);
}

#[tokio::test]
async fn zones_signed_with_any_algorithm_in_use_hold_and_others_are_named() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let mut spec = spec(&tree);
    spec.parent = Vec::new();
    let table = [
        ("RSASHA256", Security::Secure, None),
        ("RSASHA512", Security::Secure, None),
        ("ECDSAP384SHA384", Security::Secure, None),
        ("ED25519", Security::Secure, None),
        ("RSASHA1-NSEC3-SHA1", Security::Secure, Some("RFC 9905")),
        ("ED448", Security::Insecure, Some("ED448")),
    ];
    for (serial, (algorithm, state, words)) in (2..).zip(table) {
        let keys = Keys::of_algorithm("shop.example", algorithm);
        let zone = keys.sign(&unsigned(&tree, serial));
        for server in &mut tree.servers {
            server.publish(zone.clone());
        }
        spec.dnssec.trusted = vec![keys.ds().parse().unwrap()].into();
        let seen = run(spec.clone(), Duration::from_secs(5), &crate::scene::net()).await;
        assert_eq!(dnssec(&seen).state, state, "{algorithm}: {:#?}", seen.findings);
        match words {
            None => assert_eq!(seen.findings, [], "{algorithm}"),
            Some(words) => {
                let finding = only(&seen);
                assert_eq!(
                    (finding.code, finding.severity),
                    (Code::DnsInsecure, Severity::Warning)
                );
                assert!(finding.summary.en.contains(words), "{}", finding.summary.en);
            }
        }
    }
}

#[tokio::test]
async fn denial_by_hashes_holds_too() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let zone = tree.keys.as_ref().unwrap()[2].sign_nsec3(&unsigned(&tree, 2));
    for server in &mut tree.servers {
        server.publish(zone.clone());
    }
    let seen = look(&tree, &spec(&tree)).await;
    assert_eq!(seen.findings, []);
    assert_eq!(dnssec(&seen).state, Security::Secure);
}

#[tokio::test]
async fn expired_signatures_on_one_server_name_it_and_on_all_blame_the_signer() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let keys = &tree.keys.as_ref().unwrap()[2];
    let expired = keys.sign_from(&unsigned(&tree, 2), now() - 9 * DAY, now() - 2 * DAY);
    let spec = spec(&tree);
    // NSD serves a copy that was signed long ago without a word.
    tree.servers[1].publish(expired);
    let tolerant = dns::Spec { consistent: false, ..spec.clone() };
    let seen = look(&tree, &tolerant).await;
    let finding = only(&seen);
    assert_eq!((finding.code, finding.severity), (Code::DnsBogus, Severity::Warning));
    assert!(finding.subject.starts_with("shop.example RRSIG @ "), "{}", finding.subject);
    assert!(finding.subject.contains(&tree.servers[1].address().to_string()));
    assert_eq!(finding.evidence["reason"], "expired");
    assert!(finding.evidence["sets"].as_array().unwrap().len() == 1, "{finding:#?}");
    assert_eq!(dnssec(&seen).state, Security::Bogus);

    let keys = &tree.keys.as_ref().unwrap()[2];
    let expired = keys.sign_from(&unsigned(&tree, 3), now() - 9 * DAY, now() - 2 * DAY);
    for server in &mut tree.servers {
        server.publish(expired.clone());
    }
    let seen = look(&tree, &spec).await;
    let finding = only(&seen);
    assert_eq!((finding.code, finding.severity), (Code::DnsBogus, Severity::Critical));
    assert_eq!(finding.subject, "shop.example RRSIG");
    assert!(finding.summary.en.contains("expired at "), "{}", finding.summary.en);
    assert_eq!(validated(&tree, "www.shop.example"), ResponseCode::ServFail);

    // Signed again, the very next probe is content.
    tree.publish(4, RECORDS);
    assert_eq!(look(&tree, &spec).await.findings, []);
}

#[tokio::test]
async fn a_ds_without_keys_or_of_an_old_key_is_told_apart() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let spec = spec(&tree);
    let stranger = Keys::generate("shop.example").sign(&unsigned(&tree, 2));
    let bare = unsigned(&tree, 3);
    let table = [(stranger, "ds-mismatch", "old key"), (bare, "no-dnskey", "is not signed")];
    for (zone, reason, words) in table {
        for server in &mut tree.servers {
            server.publish(zone.clone());
        }
        let seen = look(&tree, &spec).await;
        let finding = only(&seen);
        assert_eq!((finding.code, finding.severity), (Code::DnsBogus, Severity::Critical));
        assert_eq!(finding.subject, "shop.example DS");
        assert_eq!(finding.evidence["reason"], reason);
        assert!(finding.summary.en.contains(words), "{}", finding.summary.en);
        assert_eq!(validated(&tree, "www.shop.example"), ResponseCode::ServFail, "{reason}");
    }
    // One server keeps an unsigned copy, the others are right.
    let right = tree.zone(4, RECORDS);
    for server in [0, 2, 3] {
        tree.servers[server].publish(right.clone());
    }
    let mut tolerant = spec.clone();
    tolerant.consistent = false;
    let seen = look(&tree, &tolerant).await;
    let finding = only(&seen);
    assert!(finding.subject.starts_with("shop.example DS @ "), "{}", finding.subject);
    assert!(finding.summary.en.contains("unsigned"), "{}", finding.summary.en);
}

#[tokio::test]
async fn an_unsigned_zone_is_a_finding_only_where_the_plan_says_signed() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let without_ds = tree.delegation();
    tree.delegate(2, &without_ds);
    let mut spec = spec(&tree);
    let seen = look(&tree, &spec).await;
    assert_eq!(seen.findings, []);
    assert_eq!(dnssec(&seen).state, Security::Insecure);
    assert!(dnssec(&seen).reason.as_ref().unwrap().en.contains("no DS"));
    spec.dnssec.mode = Mode::Signed;
    let seen = look(&tree, &spec).await;
    assert_eq!(only(&seen).code, Code::DnsInsecure);
    assert_eq!(only(&seen).subject, "shop.example DS");
    spec.dnssec.mode = Mode::Off;
    let seen = look(&tree, &spec).await;
    assert_eq!(seen.findings, []);
    assert!(seen.facts.dns.unwrap().dnssec.is_none());
}

#[tokio::test]
async fn what_is_wrong_above_the_zone_is_told_as_that() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let mut spec = spec(&tree);
    let above = format!("@ NS ns1\nns1 A {}\n{}\n{}", tree.ip(10), tree.delegation(), tree.ds());
    let strange = Keys::generate("example").sign(&Zone::new("example", 2, &above));
    tree.parent.publish(strange);
    let seen = look(&tree, &spec).await;
    let finding = only(&seen);
    assert_eq!((finding.code, &*finding.subject), (Code::DnsBogus, "shop.example < example."));
    assert_eq!(finding.evidence["reason"], "ds-mismatch");
    assert_eq!(validated(&tree, "www.shop.example"), ResponseCode::ServFail);

    // The root has no DS for it: then nothing below is signed to anybody.
    let top = format!(
        "@ NS ns1\nns1 A {}\nexample NS ns1.example\nns1.example A {}",
        tree.ip(20),
        tree.ip(10)
    );
    let open = tree.keys.as_ref().unwrap()[0].sign(&Zone::new(".", 2, &top));
    tree.root.publish(open);
    let seen = look(&tree, &spec).await;
    assert_eq!(seen.findings, []);
    assert_eq!(dnssec(&seen).state, Security::Insecure);
    assert!(dnssec(&seen).reason.as_ref().unwrap().en.starts_with("example. above it"));
    assert_eq!(validated(&tree, "www.shop.example"), ResponseCode::NoError);

    // Nobody tells about the zones above: the zone is held against its DS all the same.
    let net = || crate::scene::net();
    let seen = run(spec.clone(), Duration::from_secs(5), &net()).await;
    assert_eq!((seen.findings.len(), dnssec(&seen).state), (0, Security::Unknown));
    assert!(dnssec(&seen).ds.iter().all(|ds| ds.matches));
    spec.dnssec.mode = Mode::Signed;
    let seen = run(spec.clone(), Duration::from_secs(5), &net()).await;
    assert_eq!((only(&seen).code, only(&seen).severity), (Code::DnsInsecure, Severity::Notice));
    tree.publish(2, "www A 192.0.2.10");
    let strange = Keys::generate("shop.example").sign(&unsigned(&tree, 3));
    for server in &mut tree.servers {
        server.publish(strange.clone());
    }
    let seen = run(spec, Duration::from_secs(5), &net()).await;
    assert_eq!(only(&seen).evidence["reason"], "ds-mismatch");
}

#[tokio::test]
async fn the_end_of_signatures_is_told_before_it_comes() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let spec = spec(&tree);
    let table =
        [(3 * DAY, None), (DAY, Some(Severity::Warning)), (DAY / 4, Some(Severity::Critical))];
    for (serial, (left, severity)) in (2..).zip(table) {
        let keys = &tree.keys.as_ref().unwrap()[2];
        let zone = keys.sign_from(&unsigned(&tree, serial), now() - 13 * DAY, now() + left);
        for server in &mut tree.servers {
            server.publish(zone.clone());
        }
        let seen = look(&tree, &spec).await;
        assert_eq!(dnssec(&seen).state, Security::Secure);
        match severity {
            None => assert_eq!(seen.findings, []),
            Some(severity) => {
                let finding = only(&seen);
                assert_eq!(finding.code, Code::DnsSignatureExpiring);
                assert_eq!((finding.severity, &*finding.subject), (severity, "shop.example RRSIG"));
            }
        }
    }
}

#[tokio::test]
async fn a_resolver_that_refuses_a_bogus_zone_is_explained_by_it() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let zone = Keys::generate("shop.example").sign(&unsigned(&tree, 2));
    for server in &mut tree.servers {
        server.publish(zone.clone());
    }
    let resolver = tree.resolver();
    let mut spec = spec(&tree);
    spec.resolvers = vec![resolver.address()];
    let seen = look(&tree, &spec).await;
    let finding = only(&seen);
    assert_eq!(finding.code, Code::DnsBogus);
    assert_eq!(finding.evidence["servfail"][0], resolver.address().to_string());
}

#[tokio::test]
async fn what_was_found_out_stands_until_the_zone_changes() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let resolver = tree.resolver();
    let net = Net::new(Some(resolver.address())).unwrap();
    let spec = spec(&tree);
    let probe = async || run(spec.clone(), Duration::from_secs(5), &net).await;
    let first = probe().await;
    assert_eq!(first.findings, []);
    let second = probe().await;
    assert_eq!(dnssec(&first).examined_at, dnssec(&second).examined_at);
    let zone = Keys::generate("shop.example").sign(&unsigned(&tree, 2));
    for server in &mut tree.servers {
        server.publish(zone.clone());
    }
    let third = probe().await;
    assert_eq!(only(&third).code, Code::DnsBogus);
    tree.publish(3, RECORDS);
    let fourth = probe().await;
    assert_eq!(fourth.findings, []);
}

#[tokio::test]
async fn silence_above_does_not_mend_a_bogus_zone() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let resolver = tree.resolver();
    let net = Net::new(Some(resolver.address())).unwrap();
    let spec = spec(&tree);
    let probe = async || run(spec.clone(), Duration::from_secs(4), &net).await;
    assert_eq!(probe().await.findings, []);
    let zone = Keys::generate("shop.example").sign(&unsigned(&tree, 2));
    for server in &mut tree.servers {
        server.publish(zone.clone());
    }
    let told = only(&probe().await).clone();
    assert_eq!(told.code, Code::DnsBogus);
    tree.parent.stop();
    let seen = probe().await;
    assert_eq!((only(&seen), dnssec(&seen).state), (&told, Security::Bogus), "as it was known");
    // What is found out counts, also while the parent is silent.
    tree.publish(3, RECORDS);
    let seen = probe().await;
    assert_eq!((&seen.findings[..], dnssec(&seen).state), (&[][..], Security::Secure));
}

/// The tree's zone with the records above, not signed.
fn unsigned(tree: &Tree, serial: u32) -> Zone {
    tree.unsigned(serial, RECORDS)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_tells_a_stale_signed_copy_and_its_end() {
    let mut tree = Tree::grow(Signing::Signed, RECORDS);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("root.key"), tree.anchor()).unwrap();
    let resolver = tree.resolver();
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\n[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\n\
         nameservers = [{}]\nparent = [\"{}\"]\nresolvers = [\"{}\"]\nconsistent = false\ndnssec = \"signed\"\n\
         trust_anchor = \"root.key\"\n[[dns.record]]\nname = \"www\"\ntype = \"A\"\n",
        tree.listed(),
        tree.parent.address(),
        resolver.address()
    );
    let keys = format!("resolver = \"{}\"", resolver.address());
    let agent = Agent::start(folder.path(), &keys, &plan).await;
    eventually("the zone is secure", async || state(&agent).await == "secure").await;
    assert_eq!(agent.findings().await, []);

    let keys = &tree.keys.as_ref().unwrap()[2];
    let expired = keys.sign_from(&unsigned(&tree, 2), now() - 9 * DAY, now() - 2 * DAY);
    tree.servers[3].publish(expired);
    let finding = agent.finding("zone", "dns.bogus").await;
    let (subject, address) = (finding["subject"].as_str().unwrap(), tree.servers[3].address());
    assert_eq!(subject, format!("shop.example RRSIG @ {address}"));
    assert_eq!(finding["evidence"]["address"], address.to_string());
    assert!(finding["remedy"].as_str().unwrap().contains("force_transfer"), "{finding}");
    assert_eq!(state(&agent).await, "bogus");

    tree.publish(3, RECORDS);
    eventually("it is over", async || agent.findings().await.is_empty()).await;
    assert_eq!(state(&agent).await, "secure");
}

async fn state(agent: &Agent) -> String {
    let rows = agent.api("/dns").await;
    rows["dns"][0]["dnssec"]["state"].as_str().unwrap_or_default().to_owned()
}
