//! Chains that everybody accepts, and those that are merely untidy.

use rcgen::{
    CidrSubnet, CustomExtension, GeneralSubtree, NameConstraints, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519,
};

use super::{Row, row};
use crate::tls::workshop::{Authority, Leaf, days, plain};

const SHOP: &[&str] = &["shop.example", "www.shop.example"];

pub(super) fn rows() -> Vec<Row> {
    let root = Authority::root("Test Root");
    let issuer = root.intermediate("Test R3", &plain);
    let leaf = issuer.leaf(SHOP, &plain);
    let own = [root.der()];
    let below = |leaf: Leaf| vec![leaf.der, issuer.der()];
    let short = issuer.leaf(SHOP, &|params| days(params, -1, 5));
    let no_usage = issuer.leaf(SHOP, &|params| params.extended_key_usages = Vec::new());
    let r4 = issuer.intermediate("Test R4", &plain);
    let r5 = r4.intermediate("Test R5", &plain);
    let deep = r5.leaf(SHOP, &plain).der;
    let constrained = root.intermediate("Constrained", &|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("shop.example".to_owned()),
                GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8)),
            ],
            excluded_subtrees: Vec::new(),
        });
    });
    let own_leaf = Leaf::self_signed(SHOP, &plain).der;
    let pinned = std::slice::from_ref(&leaf.der);
    let many: Vec<String> = (0..1_500).map(|n| format!("host-{n}.shop.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut rows = vec![
        row("leaf and intermediate", vec![leaf.der.clone(), issuer.der()], &own),
        row("its other name", vec![leaf.der.clone(), issuer.der()], &own).asked("www.shop.example"),
        row("in capitals", vec![leaf.der.clone(), issuer.der()], &own).asked("SHOP.Example"),
        row("six days", below(short), &own),
        row("straight from the root", vec![root.leaf(SHOP, &plain).der], &own),
        row("three intermediates", vec![deep, r5.der(), r4.der(), issuer.der()], &own),
        row("an intermediate is trusted itself", vec![leaf.der.clone()], &[issuer.der()]),
        row("a leaf, pinned", vec![leaf.der.clone()], pinned),
        row("self-signed, pinned", vec![own_leaf.clone()], &[own_leaf]),
        row("P-384", below(issuer.leaf_of(SHOP, &PKCS_ECDSA_P384_SHA384, &plain)), &own),
        row("Ed25519", below(issuer.leaf_of(SHOP, &PKCS_ED25519, &plain)), &own),
        row("no extended key usage", below(no_usage), &own),
        row(
            "within its issuer's name constraints",
            vec![constrained.leaf(SHOP, &plain).der, constrained.der()],
            &own,
        ),
        row("1,500 names", below(issuer.leaf(&many, &plain)), &own).asked("host-1499.shop.example"),
        row(
            "critical policies",
            below(issuer.leaf(SHOP, &|params| {
                // certificatePolicies: anyPolicy.
                let policies = vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0];
                let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 32], policies);
                extension.set_criticality(true);
                params.custom_extensions = vec![extension];
            })),
            &own,
        )
        .says(&["tls.untrusted/notice"], "OK"),
    ];
    rows.extend(untidy(&root, &issuer, &leaf));
    rows.extend(crossed());
    rows.extend(of_the_web(&root, &issuer));
    rows
}

fn untidy(root: &Authority, issuer: &Authority, leaf: &Leaf) -> Vec<Row> {
    let own = [root.der()];
    let (leaf, issuer_der) = (leaf.der.clone(), issuer.der());
    let other = Authority::root("Somebody Else").intermediate("Else R1", &plain).der();
    let ended = Authority::root_with("Ended", &|params| days(params, -900, -3)).der();
    let r4 = issuer.intermediate("Test R4", &plain);
    let deep = r4.leaf(SHOP, &plain).der;
    let strangers = (0..200).map(|n| Authority::root(&format!("Stranger {n}")).der());
    let crowd = [leaf.clone(), issuer_der.clone()].into_iter().chain(strangers).collect();
    let untidy: &[&str] = &["tls.superfluous/notice"];
    let said: [(&'static str, Vec<_>); 7] = [
        ("with its root", vec![leaf.clone(), issuer_der.clone(), root.der()]),
        ("the leaf twice", vec![leaf.clone(), leaf.clone(), issuer_der.clone()]),
        ("the intermediate twice", vec![leaf.clone(), issuer_der.clone(), issuer_der.clone()]),
        ("a stranger behind", vec![leaf.clone(), issuer_der.clone(), other.clone()]),
        ("a stranger between", vec![leaf.clone(), other, issuer_der.clone()]),
        ("out of order", vec![deep, issuer_der.clone(), r4.der()]),
        ("two hundred strangers", crowd),
    ];
    let mut rows: Vec<Row> =
        said.into_iter().map(|(case, chain)| row(case, chain, &own).says(untidy, "OK")).collect();
    let with_ended = vec![leaf, issuer_der, ended];
    rows.push(
        row("a stranger that has ended", with_ended, &own).says(&["cert.expired/notice"], "OK"),
    );
    rows
}

/// One CA, vouched for by itself and by an older one.
fn crossed() -> Vec<Row> {
    let (old, new) = (Authority::root("Old Root"), Authority::root("New Root"));
    let cross = new.cross_signed_by(&old, "New Root", &plain).der();
    let ended = new.cross_signed_by(&old, "New Root", &|params| days(params, -900, -5)).der();
    let issuer = new.intermediate("New R3", &plain);
    let leaf = issuer.leaf(SHOP, &plain).der;
    let chain = || vec![leaf.clone(), issuer.der(), cross.clone()];
    let with_ended = || vec![leaf.clone(), issuer.der(), ended.clone()];
    vec![
        row("crossed, the new root trusted", chain(), &[new.der()]),
        row("crossed, the old root trusted", chain(), &[old.der()]),
        row("crossed, both trusted", chain(), &[old.der(), new.der()]),
        row("an ended cross-signature that no path needs", with_ended(), &[new.der()])
            .says(&["cert.expired/notice"], "OK"),
        row("an ended cross-signature that the path needs", with_ended(), &[old.der()])
            .says(&["cert.expired/critical"], "certificate has expired"),
        row(
            "an ended cross-signature beside a new one",
            vec![leaf.clone(), issuer.der(), ended.clone(), cross.clone()],
            &[old.der()],
        )
        .says(&["cert.expired/notice"], "OK"),
    ]
}

/// Below a root that came with the system, more is asked for.
fn of_the_web(root: &Authority, issuer: &Authority) -> Vec<Row> {
    let timestamps = || {
        // One (RFC 6962 section 3.2): version, log, time, no extensions, an ECDSA signature of no worth.
        let head = [4, 55, 0, 53, 0, 51, 0];
        let tail = [0, 0, 4, 3, 0, 4, 1, 2, 3, 4];
        let list = [&head[..], &[7; 32 + 8], &tail].concat();
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2], list)
    };
    let logged = issuer.leaf(SHOP, &|params| params.custom_extensions = vec![timestamps()]);
    let unlogged = issuer.leaf(SHOP, &plain);
    let long = issuer.leaf(SHOP, &|params| {
        days(params, -30, 200);
        params.custom_extensions = vec![timestamps()];
    });
    let of_the_web = |case, leaf: Leaf| Row {
        system: vec![root.der()],
        ..row(case, vec![leaf.der, issuer.der()], &[])
    };
    vec![
        of_the_web("of the web: logged, 90 days", logged),
        of_the_web("of the web: not logged", unlogged).says(&["cert.no-timestamps/notice"], "OK"),
        of_the_web("of the web: 230 days", long).says(&["cert.lifetime/notice"], "OK"),
    ]
}
