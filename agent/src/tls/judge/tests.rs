//! What is said of chains, word by word; which chains are good, and which are not, is the table of
//! `agreement`.

use std::sync::LazyLock;

use health::{Code, Finding};
use jiff::Timestamp;
use rcgen::{CustomExtension, SanType};
use rustls_pki_types::CertificateDer;

use super::*;
use crate::clock::monotonic;
use crate::tls::workshop::{Authority, Leaf, days, noon, plain, trusting};

const SHOP: &[&str] = &["shop.example", "www.shop.example"];

fn presented(chain: &[CertificateDer<'static>]) -> Presented {
    Presented {
        chain: chain.to_vec(),
        protocol: "TLS 1.3".to_owned(),
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        ..Presented::default()
    }
}

fn judged(
    chain: &[CertificateDer<'static>],
    name: &str,
    roots: &Roots,
    now: Timestamp,
) -> (TlsFacts, Vec<Finding>) {
    judge(&presented(chain), name, roots, "127.0.0.1:8443 (shop.example)", now)
}

/// `cert.expired/critical`, sorted.
fn said(findings: &[Finding]) -> Vec<String> {
    let mut said: Vec<String> = findings
        .iter()
        .map(|finding| format!("{}/{}", finding.code.label(), finding.severity.label()))
        .collect();
    said.sort();
    said
}

struct Family {
    issuer: Authority,
    leaf: Leaf,
    roots: Roots,
}

impl Family {
    fn new() -> Self {
        let root = Authority::root("Test Root");
        let issuer = root.intermediate("Test R3", &plain);
        let leaf = issuer.leaf(SHOP, &plain);
        let roots = trusting(&[root.der()]);
        Self { issuer, leaf, roots }
    }
}

/// Name of the case, chain, roots, name asked, what must be found.
type Case<'a> = (&'a str, Vec<CertificateDer<'static>>, Roots, &'a str, &'a [&'a str]);

fn check(cases: Vec<Case<'_>>, now: Timestamp) {
    for (case, chain, roots, name, expected) in cases {
        let (facts, findings) = judged(&chain, name, &roots, now);
        assert_eq!(said(&findings), expected, "{case}: {findings:#?}");
        assert_eq!(facts.server_name, name, "{case}");
        let (again, findings_again) = judged(&chain, name, &roots, now);
        assert!(Arc::ptr_eq(&facts.chain, &again.chain), "{case}: worked out twice");
        assert_eq!(findings, findings_again, "{case}");
    }
}

#[test]
fn what_openssl_cannot_be_asked_is_told_too() {
    let Family { issuer, leaf, roots } = Family::new();
    let good = || vec![leaf.der.clone(), issuer.der()];
    let garbage = || CertificateDer::from(vec![0x30, 0x82, 0xff]);
    let wrong: &[&str] = &["cert.wrong-name/critical"];
    let untrusted: &[&str] = &["tls.untrusted/critical"];
    let address = issuer.leaf(&["::1"], &plain);
    check(
        vec![
            ("absolute", good(), roots.clone(), "shop.example.", &[]),
            ("brackets", vec![address.der, issuer.der()], roots.clone(), "[::1]", &[]),
            ("not in ASCII", good(), roots.clone(), "가게.example", wrong),
            ("no name", good(), roots.clone(), "", wrong),
            (
                "garbage for an intermediate, and nothing else",
                vec![leaf.der.clone(), garbage()],
                roots.clone(),
                "shop.example",
                &["tls.incomplete-chain/critical"],
            ),
            (
                "garbage beside a good chain",
                vec![leaf.der.clone(), garbage(), issuer.der()],
                roots.clone(),
                "shop.example",
                &["tls.untrusted/warning"],
            ),
            (
                "garbage for a leaf",
                vec![vec![7; 100].into()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            ("nothing at all", Vec::new(), roots, "shop.example", untrusted),
        ],
        noon(),
    );
}

#[test]
fn what_is_odd_is_told_in_one_sentence() {
    let Family { issuer, leaf, roots } = Family::new();
    let strange = Authority::root("Stranger").der();
    let chain = [leaf.der.clone(), leaf.der.clone(), strange, issuer.der()];
    let (facts, findings) = judged(&chain, "shop.example", &roots, noon());
    assert!(facts.trusted);
    let [finding] = &*findings else { panic!("{findings:#?}") };
    assert_eq!(finding.code, Code::TlsSuperfluous);
    let summary = &finding.summary.en;
    assert!(summary.contains("it holds \"shop.example\" twice; \"Stranger\", which"), "{summary}");
    assert_eq!(finding.evidence["doubled"], serde_json::json!(["shop.example"]));
    assert_eq!(finding.evidence["strangers"], serde_json::json!(["Stranger"]));
    assert_eq!(finding.evidence.get("order"), None);
}

#[test]
fn an_end_is_told_to_the_second_within_the_hour_that_is_remembered() {
    let Family { issuer, leaf, roots } = Family::new();
    let chain = [leaf.der.clone(), issuer.der()];
    let end = noon() + SignedDuration::from_hours(60 * 24);
    for (seconds, expected) in [(-2, 0), (-1, 0), (0, 0), (1, 1), (-1, 0), (3_000, 1)] {
        let now = end + SignedDuration::from_secs(seconds);
        let (facts, findings) = judged(&chain, "shop.example", &roots, now);
        assert_eq!(findings.len(), expected, "{seconds} seconds after its end");
        assert!(facts.trusted);
        assert_eq!(facts.path_not_after, Some(end));
    }
}

#[test]
fn the_missing_issuer_is_named_and_where_to_fetch_it() {
    let root = Authority::root("Test Root");
    let issuer = root.intermediate("Test R3", &plain);
    // AuthorityInfoAccess with one caIssuers location (RFC 5280 section 4.2.2.1).
    let url = b"http://r3.example/r3.der";
    let leaf = issuer.leaf(SHOP, &|params| {
        let length = u8::try_from(url.len()).unwrap();
        let mut access = vec![0x30, length + 14, 0x30, length + 12, 6, 8];
        access.extend([0x2b, 6, 1, 5, 5, 7, 48, 2, 0x86, length]);
        access.extend(url);
        let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, access)];
    });
    // Even where the plan names no roots of its own: who can be fetched was forgotten.
    let (facts, findings) = judged(&[leaf.der], "shop.example", &trusting(&[]), noon());
    assert_eq!(said(&findings), ["tls.incomplete-chain/critical"]);
    assert_eq!(findings[0].evidence["missing"], "CN=Test R3");
    assert_eq!(findings[0].evidence["fetch"], "http://r3.example/r3.der");
    assert!(findings[0].summary.en.contains("\"Test R3\""), "{}", findings[0].summary.en);
    assert!(!facts.trusted);
    assert_eq!(facts.path_not_after, None);
}

#[test]
fn findings_name_the_element() {
    let root = Authority::root("Test Root");
    let old = root.intermediate("Old R1", &|params| days(params, -900, -2));
    let leaf = old.leaf(SHOP, &plain);
    let roots = trusting(&[root.der()]);
    let (_, findings) = judged(&[leaf.der, old.der()], "shop.example", &roots, noon());
    assert_eq!(findings[0].code, Code::CertExpired);
    assert_eq!(findings[0].subject, "127.0.0.1:8443 (shop.example), intermediate \"Old R1\"");
    assert!(findings[0].summary.en.contains("ended 48 hours ago"), "{}", findings[0].summary.en);
    assert!(findings[0].summary.ko.contains("48시간 전"), "{}", findings[0].summary.ko);
}

#[test]
fn thousands_of_names_are_bounded() {
    let Family { issuer, roots, .. } = Family::new();
    let names: Vec<String> = (0..10_000).map(|n| format!("host-{n}.shop.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let leaf = issuer.leaf(&names[..2_000], &plain);
    let chain = [leaf.der, issuer.der()];
    let (facts, findings) = judged(&chain, "host-1999.shop.example", &roots, noon());
    assert_eq!(findings, []);
    assert_eq!(facts.chain[0].names.len(), 200);
    let (_, findings) = judged(&chain, "shop.example", &roots, noon());
    assert_eq!(said(&findings), ["cert.wrong-name/critical"]);
    assert!(findings[0].summary.en.len() < 400, "{}", findings[0].summary.en);

    // Larger than any handshake could carry.
    let leaf = issuer.leaf(&names, &plain);
    let (facts, findings) =
        judged(&[leaf.der, issuer.der()], "host-9999.shop.example", &roots, noon());
    assert_eq!(said(&findings), ["tls.untrusted/critical"]);
    assert!(findings[0].summary.en.contains("64 KiB"), "{}", findings[0].summary.en);
    assert_eq!(facts.chain[0].names.len(), 200);
}

#[test]
fn what_a_server_may_make_large_is_remembered_for_less_long() {
    let Family { issuer, leaf, .. } = Family::new();
    let facts = |der: &CertificateDer<'_>| crate::tls::facts_of(der).unwrap();
    let ordinary = vec![facts(&leaf.der), facts(&issuer.der()), facts(&issuer.der())];
    assert_eq!(weight(&ordinary), 1);
    let names: Vec<String> = (0..200).map(|n| format!("{n:0>40}.shop.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let large = vec![facts(&issuer.leaf(&names, &plain).der); 5];
    // What all that are remembered take, in bytes, whatever is presented.
    assert!(weight(&large) > 5, "{}", weight(&large));
}

#[test]
fn hostile_names_cannot_hide() {
    let Family { issuer, roots, .. } = Family::new();
    let leaf = issuer.leaf(SHOP, &|params| {
        let name = "bank.example\0.evil.example".try_into().unwrap();
        params.subject_alt_names.push(SanType::DnsName(name));
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "a\u{202e}b,CN=x");
    });
    let (facts, _) = judged(&[leaf.der, issuer.der()], "shop.example", &roots, noon());
    let facts = &facts.chain[0];
    assert!(facts.names.contains(&"bank.example\\00.evil.example".to_owned()), "{facts:?}");
    assert_eq!(facts.subject, "O=a\\E2\\80\\AEb\\,CN\\=x,CN=shop.example".replace("\\=", "="));
}

#[test]
fn an_unchanged_chain_costs_next_to_nothing_again() {
    const ROUNDS: u32 = 40;
    let Family { issuer, leaf, roots } = Family::new();
    let chain = [leaf.der.clone(), issuer.der()];
    // The quickest of many: whatever else the machine does, it does not do it all the time.
    let timed = |roots: &Roots, now: Timestamp| {
        let start = monotonic();
        judged(&chain, "shop.example", roots, now);
        monotonic() - start
    };
    let fresh: Vec<Roots> = (0..ROUNDS).map(|_| trusting(&[issuer.der()])).collect();
    let new = fresh.iter().map(|roots| timed(roots, noon())).min().unwrap();
    judged(&chain, "shop.example", &roots, noon());
    // Hours pass, and the other name is asked for: nothing of that makes a new chain.
    judged(&chain, "www.shop.example", &roots, noon());
    let later = |round: u32| noon() + SignedDuration::from_hours(i64::from(round));
    let again = (0..ROUNDS).map(|round| timed(&roots, later(round))).min().unwrap();
    assert!(again * 5 < new, "{new:?} at first, {again:?} again");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_chains_are_judged_and_never_trusted_by_mistake(
        flips in proptest::collection::vec(
            (proptest::num::usize::ANY, proptest::num::usize::ANY, 1_u8..), 1..4
        ),
    ) {
        static FAMILY: LazyLock<Family> = LazyLock::new(Family::new);
        let Family { issuer, leaf, roots } = &*FAMILY;
        let mut chain = [leaf.der.to_vec(), issuer.der().to_vec()];
        for (element, place, flip) in flips {
            let element = &mut chain[element % 2];
            let place = place % element.len();
            element[place] ^= flip;
        }
        let is_whole = chain == [leaf.der.to_vec(), issuer.der().to_vec()];
        let chain = chain.map(CertificateDer::from);
        let (facts, findings) = judged(&chain, "shop.example", roots, noon());
        proptest::prop_assert_eq!(facts.trusted, is_whole, "{:#?}", findings);
        proptest::prop_assert_eq!(findings.is_empty(), is_whole);
    }
}
