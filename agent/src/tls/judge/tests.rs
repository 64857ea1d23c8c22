//! Chains of every state, and what is said of them.

use health::{Code, Finding};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CidrSubnet, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    NameConstraints, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType,
};
use rustls_pki_types::CertificateDer;

use super::*;
use crate::tls::workshop::{
    Authority, Leaf, days, issued_by_openssl, noon, openssl, plain, trusting,
};

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
    root: Authority,
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
        Self { root, issuer, leaf, roots }
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
fn good_chains_are_good() {
    let Family { root, issuer, leaf, roots } = Family::new();
    let unrelated = Authority::root("Somebody Else").der();
    let p384 = issuer.leaf_of(SHOP, &PKCS_ECDSA_P384_SHA384, &plain);
    let ed25519 = issuer.leaf_of(SHOP, &PKCS_ED25519, &plain);
    let wildcard = issuer.leaf(&["*.shop.example"], &plain);
    let address = issuer.leaf(&["127.0.0.1", "::1"], &plain);
    let short = issuer.leaf(SHOP, &|params| days(params, -1, 5));
    let direct = root.leaf(SHOP, &plain);
    let r4 = issuer.intermediate("Test R4", &plain);
    let r5 = r4.intermediate("Test R5", &plain);
    let deep = r5.leaf(SHOP, &plain);
    let no_usage = issuer.leaf(SHOP, &|params| params.extended_key_usages = Vec::new());
    let chain = |leaf: &Leaf| vec![leaf.der.clone(), issuer.der()];
    check(
        vec![
            ("leaf and intermediate", chain(&leaf), roots.clone(), "shop.example", &[]),
            ("the other name", chain(&leaf), roots.clone(), "www.shop.example", &[]),
            ("in capitals, absolute", chain(&leaf), roots.clone(), "SHOP.example.", &[]),
            (
                "with its root",
                vec![leaf.der.clone(), issuer.der(), root.der()],
                roots.clone(),
                "shop.example",
                &[],
            ),
            (
                "out of order, with a stranger",
                vec![leaf.der.clone(), root.der(), unrelated, issuer.der()],
                roots.clone(),
                "shop.example",
                &[],
            ),
            ("P-384", chain(&p384), roots.clone(), "shop.example", &[]),
            ("Ed25519", chain(&ed25519), roots.clone(), "shop.example", &[]),
            ("wildcard", chain(&wildcard), roots.clone(), "api.shop.example", &[]),
            ("IPv4", chain(&address), roots.clone(), "127.0.0.1", &[]),
            ("IPv6", chain(&address), roots.clone(), "::1", &[]),
            ("IPv6 in brackets", chain(&address), roots.clone(), "[::1]", &[]),
            ("six days", chain(&short), roots.clone(), "shop.example", &[]),
            ("straight from the root", vec![direct.der], roots.clone(), "shop.example", &[]),
            ("no extended key usage", chain(&no_usage), roots.clone(), "shop.example", &[]),
            (
                "three intermediates",
                vec![deep.der, r5.der(), r4.der(), issuer.der()],
                roots.clone(),
                "shop.example",
                &[],
            ),
            (
                "an intermediate is trusted itself",
                vec![leaf.der],
                trusting(&[issuer.der()]),
                "shop.example",
                &[],
            ),
        ],
        noon(),
    );
}

#[test]
fn dates_are_told_as_dates() {
    let Family { root, issuer, leaf, roots } = Family::new();
    let expired = issuer.leaf(SHOP, &|params| days(params, -90, -1));
    let future = issuer.leaf(SHOP, &|params| days(params, 1, 90));
    let old_issuer = root.intermediate("Old R1", &|params| days(params, -900, -2));
    let below_old = old_issuer.leaf(SHOP, &plain);
    let young_issuer = root.intermediate("Young R9", &|params| days(params, 2, 900));
    let below_young = young_issuer.leaf(SHOP, &plain);
    let dead_issuer = root.intermediate("Dead R0", &|params| days(params, -900, -400));
    let below_dead = dead_issuer.leaf(SHOP, &|params| days(params, -30, 60));
    let other = Authority::root("Other Root");
    let stray = other.leaf(SHOP, &|params| days(params, -90, -1));
    let ended_root = Authority::root_with("Ended Root", &|params| days(params, -900, -3));
    let below_ended = ended_root.leaf(SHOP, &plain);
    let cross = root.cross_signed_by(&other, "Test Root", &|params| days(params, -900, -5));
    let self_expired = Leaf::self_signed(SHOP, &|params| days(params, -90, -1));
    check(
        vec![
            (
                "expired leaf, and nothing but expired",
                vec![expired.der.clone(), issuer.der()],
                roots.clone(),
                "shop.example",
                &["cert.expired/critical"],
            ),
            (
                "not yet valid leaf",
                vec![future.der, issuer.der()],
                roots.clone(),
                "shop.example",
                &["cert.not-yet-valid/critical"],
            ),
            (
                "expired intermediate",
                vec![below_old.der, old_issuer.der()],
                roots.clone(),
                "shop.example",
                &["cert.expired/critical"],
            ),
            (
                "intermediate not yet valid",
                vec![below_young.der, young_issuer.der()],
                roots.clone(),
                "shop.example",
                &["cert.not-yet-valid/critical"],
            ),
            (
                "intermediate that ended before the leaf began",
                vec![below_dead.der, dead_issuer.der()],
                roots.clone(),
                "shop.example",
                &["cert.expired/critical"],
            ),
            (
                "expired and from nowhere: both",
                vec![stray.der, other.der()],
                roots.clone(),
                "shop.example",
                &["cert.expired/critical", "tls.untrusted/critical"],
            ),
            (
                "an expired cross-signature that no path needs",
                vec![leaf.der.clone(), issuer.der(), cross.der()],
                roots.clone(),
                "shop.example",
                &["cert.expired/notice"],
            ),
            (
                "expired root, along for the ride of another path",
                vec![leaf.der.clone(), issuer.der(), ended_root.der()],
                roots.clone(),
                "shop.example",
                &["cert.expired/notice"],
            ),
            (
                "expired root that everything hangs on",
                vec![below_ended.der],
                trusting(&[ended_root.der()]),
                "shop.example",
                &["cert.expired/critical"],
            ),
            (
                "self-signed and expired",
                vec![self_expired.der],
                roots.clone(),
                "shop.example",
                &["cert.expired/critical", "cert.self-signed/critical"],
            ),
            (
                "expired and for another name",
                vec![expired.der, issuer.der()],
                roots,
                "bank.example",
                &["cert.expired/critical", "cert.wrong-name/critical"],
            ),
        ],
        noon(),
    );
}

#[test]
fn an_end_is_told_to_the_second_within_the_hour_that_is_remembered() {
    let Family { issuer, leaf, roots, .. } = Family::new();
    let chain = [leaf.der.clone(), issuer.der()];
    let end = noon() + jiff::SignedDuration::from_hours(60 * 24);
    for (seconds, expected) in [(-2, 0), (-1, 0), (0, 0), (1, 1), (-1, 0), (3_000, 1)] {
        let now = end + jiff::SignedDuration::from_secs(seconds);
        let (facts, findings) = judged(&chain, "shop.example", &roots, now);
        assert_eq!(findings.len(), expected, "{seconds} seconds after its end");
        assert!(facts.trusted);
        assert_eq!(facts.path_not_after, Some(end));
    }
}

#[test]
fn names_are_told_as_names() {
    let Family { issuer, leaf, roots, .. } = Family::new();
    let wildcard = issuer.leaf(&["*.shop.example"], &plain);
    let nameless = issuer.leaf(&[], &plain);
    let address = issuer.leaf(&["127.0.0.1"], &plain);
    let wrong: &[&str] = &["cert.wrong-name/critical"];
    let chain = |leaf: &Leaf| vec![leaf.der.clone(), issuer.der()];
    check(
        vec![
            ("another name", chain(&leaf), roots.clone(), "bank.example", wrong),
            ("wildcard, too deep", chain(&wildcard), roots.clone(), "a.b.shop.example", wrong),
            ("wildcard, not deep enough", chain(&wildcard), roots.clone(), "shop.example", wrong),
            ("no names at all", chain(&nameless), roots.clone(), "nameless", wrong),
            ("another address", chain(&address), roots.clone(), "127.0.0.2", wrong),
            ("an address, asked of names", chain(&leaf), roots.clone(), "127.0.0.1", wrong),
            ("not in ASCII", chain(&leaf), roots.clone(), "가게.example", wrong),
            ("no name", chain(&leaf), roots, "", wrong),
        ],
        noon(),
    );
}

#[test]
fn distrust_says_which_link() {
    let Family { root, issuer, leaf, roots } = Family::new();
    let other = Authority::root("Other Root");
    let other_issuer = other.intermediate("Other R3", &plain);
    let stray = other_issuer.leaf(SHOP, &plain);
    let own = Leaf::self_signed(SHOP, &plain);
    let own_authority =
        Leaf::self_signed(SHOP, &|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let authority =
        issuer.leaf(SHOP, &|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let client = issuer.leaf(SHOP, &|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let impostor = Authority::root("Test Root");
    let impostors = impostor.leaf(SHOP, &plain);
    let constrained = root.intermediate("Constrained", &|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("other.example".to_owned()),
                GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8)),
            ],
            excluded_subtrees: Vec::new(),
        });
    });
    let outside = constrained.leaf(SHOP, &plain);
    let r5 = issuer.intermediate("Test R4", &plain).intermediate("Test R5", &plain);
    let deep = r5.leaf(SHOP, &plain);
    let untrusted: &[&str] = &["tls.untrusted/critical"];
    let nobody = trusting(&[]);
    check(
        vec![
            (
                "missing intermediate",
                vec![leaf.der.clone()],
                roots.clone(),
                "shop.example",
                &["tls.incomplete-chain/critical"],
            ),
            (
                "the wrong intermediate",
                vec![leaf.der.clone(), other_issuer.der()],
                roots.clone(),
                "shop.example",
                &["tls.incomplete-chain/critical"],
            ),
            (
                "a root that is not trusted, presented",
                vec![stray.der.clone(), other_issuer.der(), other.der()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "a root that is not trusted, not presented",
                vec![stray.der.clone(), other_issuer.der()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "an intermediate missing in the middle",
                vec![deep.der, r5.der(), issuer.der()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "a private CA that nobody told us of",
                vec![other.leaf(SHOP, &plain).der],
                nobody.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "self-signed",
                vec![own.der.clone()],
                roots.clone(),
                "shop.example",
                &["cert.self-signed/critical"],
            ),
            (
                "self-signed, as openssl req -x509 makes it",
                vec![own_authority.der.clone()],
                nobody,
                "shop.example",
                &["cert.self-signed/critical"],
            ),
            (
                "self-signed, pinned",
                vec![own.der.clone()],
                trusting(&[own.der]),
                "shop.example",
                &[],
            ),
            (
                "self-signed as a CA, pinned",
                vec![own_authority.der.clone()],
                trusting(&[own_authority.der]),
                "shop.example",
                &[],
            ),
            (
                "a leaf, pinned",
                vec![leaf.der.clone()],
                trusting(std::slice::from_ref(&leaf.der)),
                "shop.example",
                &[],
            ),
            (
                "a CA as a leaf",
                vec![authority.der, issuer.der()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "for clients alone",
                vec![client.der, issuer.der()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "a CA of the same name with another key",
                vec![impostors.der, impostor.der()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "outside its issuer's name constraints",
                vec![outside.der, constrained.der()],
                roots.clone(),
                "shop.example",
                untrusted,
            ),
            (
                "garbage for an intermediate, and nothing else",
                vec![leaf.der.clone(), vec![0x30, 0x82, 0xff].into()],
                roots.clone(),
                "shop.example",
                &["tls.incomplete-chain/critical"],
            ),
            (
                "garbage beside a good chain",
                vec![leaf.der, vec![1, 2, 3].into(), issuer.der()],
                roots.clone(),
                "shop.example",
                &[],
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
fn what_only_openssl_makes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = Authority::root("Test Root");
    let roots = trusting(&[root.der()]);
    let rsa_1024 = issued_by_openssl(
        folder,
        &root,
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
        "-sha256",
    );
    let rsa_3072 = issued_by_openssl(
        folder,
        &root,
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072",
        "-sha256",
    );
    let sha1 = issued_by_openssl(
        folder,
        &root,
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        "-sha1",
    );
    let p521 =
        issued_by_openssl(folder, &root, "ecparam -name secp521r1 -genkey -noout", "-sha256");
    let p192 =
        issued_by_openssl(folder, &root, "ecparam -name prime192v1 -genkey -noout", "-sha256");
    openssl(folder, "ecparam -name prime256v1 -genkey -noout -out leaf.key");
    openssl(folder, "req -new -key leaf.key -subj /CN=shop.example -out leaf.csr");
    // A root on P-521, which ring cannot verify.
    openssl(folder, "ecparam -name secp521r1 -genkey -noout -out big.key");
    openssl(folder, "req -x509 -new -key big.key -subj /CN=Big -days 900 -out big.pem");
    openssl(
        folder,
        "x509 -req -sha512 -in leaf.csr -CA big.pem -CAkey big.key -CAcreateserial -days 90 -extfile ext -out leaf.pem",
    );
    let read = |name: &str| {
        crate::tls::files::certificates(&std::fs::read(folder.join(name)).unwrap()).remove(0)
    };
    let (big, below_big) = (read("big.pem"), read("leaf.pem"));
    // Version 1: what `x509 -req` makes without an extension file.
    openssl(
        folder,
        "x509 -req -sha256 -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -out v1.pem",
    );
    let v1 = read("v1.pem");
    openssl(
        folder,
        "req -x509 -newkey rsa:1024 -nodes -keyout own.key -subj /CN=own -days 90 -addext subjectAltName=DNS:shop.example -out own.pem",
    );
    let own = read("own.pem");
    let now = crate::clock::now();
    check(
        vec![
            ("RSA 3072", vec![rsa_3072], roots.clone(), "shop.example", &[]),
            ("RSA 1024", vec![rsa_1024], roots.clone(), "shop.example", &["cert.weak-key/warning"]),
            ("P-192", vec![p192], roots.clone(), "shop.example", &["cert.weak-key/warning"]),
            (
                "SHA-1: nobody can verify it",
                vec![sha1],
                roots.clone(),
                "shop.example",
                &["cert.weak-signature/critical"],
            ),
            ("P-521 as a leaf", vec![p521], roots.clone(), "shop.example", &[]),
            (
                "signed by P-521: cannot be said",
                vec![below_big],
                trusting(&[big]),
                "shop.example",
                &["tls.untrusted/notice"],
            ),
            ("version 1", vec![v1], roots.clone(), "shop.example", &["tls.untrusted/critical"]),
            (
                "self-signed with a weak key",
                vec![own.clone()],
                roots,
                "shop.example",
                &["cert.self-signed/critical", "cert.weak-key/warning"],
            ),
            (
                "the same, pinned",
                vec![own.clone()],
                trusting(&[own]),
                "shop.example",
                &["cert.weak-key/warning"],
            ),
        ],
        now,
    );
}
