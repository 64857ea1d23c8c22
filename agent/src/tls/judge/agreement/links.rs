//! Chains with a link missing, a link too many, or one that may not be.

use rcgen::{
    BasicConstraints, CidrSubnet, CustomExtension, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints,
};

use super::{Der, Row, row};
use crate::tls::workshop::{Authority, Leaf, plain};

const SHOP: &[&str] = &["shop.example"];
const UNTRUSTED: &[&str] = &["tls.untrusted/critical"];
const INCOMPLETE: &[&str] = &["tls.incomplete-chain/critical"];
const NO_ISSUER: &str = "unable to get local issuer certificate";

pub(super) fn rows() -> Vec<Row> {
    let root = Authority::root("Test Root");
    let issuer = root.intermediate("Test R3", &plain);
    let mut rows = missing(&root, &issuer);
    rows.extend(strangers(&root, &issuer));
    rows.extend(may_not_be_issuers(&root, &issuer));
    rows.extend(may_not_be_servers(&root, &issuer));
    rows.extend(constrained(&root));
    rows
}

fn missing(root: &Authority, issuer: &Authority) -> Vec<Row> {
    let own = [root.der()];
    let leaf = issuer.leaf(SHOP, &plain).der;
    let other = Authority::root("Other Root").intermediate("Other R3", &plain).der();
    let r5 = issuer.intermediate("Test R4", &plain).intermediate("Test R5", &plain);
    let deep = r5.leaf(SHOP, &plain).der;
    // Each vouches for the other, and nobody for the two.
    let (one, two) = (Authority::root("One"), Authority::root("Two"));
    let circle =
        [one.cross_signed_by(&two, "One", &plain), two.cross_signed_by(&one, "Two", &plain)];
    let [by_two, by_one] = circle.map(|authority| authority.der());
    vec![
        row("missing intermediate", vec![leaf.clone()], &own).says(INCOMPLETE, NO_ISSUER),
        row("the wrong intermediate", vec![leaf.clone(), other], &own).says(INCOMPLETE, NO_ISSUER),
        row("missing in the middle", vec![deep, r5.der(), issuer.der()], &own)
            .says(UNTRUSTED, NO_ISSUER),
        row("the root instead of the intermediate", vec![leaf, root.der()], &own)
            .says(INCOMPLETE, NO_ISSUER),
        row("a circle", vec![one.leaf(SHOP, &plain).der, by_two, by_one], &own)
            .says(UNTRUSTED, NO_ISSUER),
    ]
}

fn strangers(root: &Authority, issuer: &Authority) -> Vec<Row> {
    let own = [root.der()];
    let other = Authority::root("Other Root");
    let other_issuer = other.intermediate("Other R3", &plain);
    let stray = other_issuer.leaf(SHOP, &plain).der;
    let self_signed = Leaf::self_signed(SHOP, &plain).der;
    let as_authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    let own_authority = Leaf::self_signed(SHOP, &as_authority).der;
    let impostor = Authority::root("Test Root");
    let mut damaged = issuer.leaf(SHOP, &plain).der.to_vec();
    // The last byte belongs to the signature.
    *damaged.last_mut().unwrap() ^= 1;
    let failed = "certificate signature failure";
    vec![
        row(
            "an untrusted root, presented",
            vec![stray.clone(), other_issuer.der(), other.der()],
            &own,
        )
        .says(UNTRUSTED, "self-signed certificate in certificate chain"),
        row("an untrusted root, not presented", vec![stray, other_issuer.der()], &own)
            .says(UNTRUSTED, NO_ISSUER),
        row("a private CA nobody told us of", vec![other.leaf(SHOP, &plain).der], &[])
            .says(UNTRUSTED, NO_ISSUER),
        row("self-signed", vec![self_signed], &own)
            .says(&["cert.self-signed/critical"], "self-signed certificate"),
        row("self-signed, as openssl req -x509 makes it", vec![own_authority.clone()], &[])
            .says(&["cert.self-signed/critical"], "self-signed certificate"),
        row("the same, pinned", vec![own_authority.clone()], &[own_authority]),
        row(
            "a root of the right name with another key",
            vec![impostor.leaf(SHOP, &plain).der],
            &own,
        )
        .says(UNTRUSTED, NO_ISSUER),
        row("a damaged signature", vec![Der::from(damaged), issuer.der()], &own)
            .says(UNTRUSTED, failed),
    ]
}

fn may_not_be_issuers(root: &Authority, issuer: &Authority) -> Vec<Row> {
    let own = [root.der()];
    let below = |authority: &Authority| vec![authority.leaf(SHOP, &plain).der, authority.der()];
    let no_authority = root.intermediate("No CA", &|params| params.is_ca = IsCa::ExplicitNoCa);
    let short = root.intermediate("Short", &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let below_short = short.intermediate("Below Short", &plain);
    let short_root = Authority::root_with("Short Root", &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let below_root = short_root.intermediate("Below Root", &plain);
    let signs_nothing = root.intermediate("Signs Nothing", &|params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    });
    let for_clients = root.intermediate("For Clients", &|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let odd = root.intermediate("Odd", &critical);
    let other_spelling = spelt_otherwise(root);
    let too_long = "path length constraint exceeded";
    let mut through_short = below(&below_short);
    through_short.push(short.der());
    let unused = vec![issuer.leaf(SHOP, &plain).der, issuer.der(), signs_nothing.der()];
    vec![
        row("an issuer that is no CA", below(&no_authority), &own)
            .says(UNTRUSTED, "invalid CA certificate"),
        row("path length of an intermediate", through_short, &own).says(UNTRUSTED, too_long),
        row("path length of the root", below(&below_root), &[short_root.der()])
            .says(UNTRUSTED, too_long),
        row("path length 0, and no CA below", below(&short), &own),
        row("an issuer that may not sign certificates", below(&signs_nothing), &own)
            .says(UNTRUSTED, "invalid CA certificate"),
        row("the same, as a stranger", unused, &own).says(&["tls.superfluous/notice"], "OK"),
        row("an issuer for clients alone", below(&for_clients), &own)
            .says(UNTRUSTED, "unsuitable certificate purpose"),
        row("an issuer with a critical extension", below(&odd), &own)
            .says(UNTRUSTED, "unhandled critical extension"),
        row("an issuer whose name is encoded otherwise", other_spelling, &own)
            .says(&["tls.untrusted/warning"], "OK")
            .because("Go and rustls compare names byte by byte, openssl folds them"),
    ]
}

fn may_not_be_servers(root: &Authority, issuer: &Authority) -> Vec<Row> {
    let own = [root.der()];
    let of = |edit: &dyn Fn(&mut rcgen::CertificateParams)| {
        vec![issuer.leaf(SHOP, edit).der, issuer.der()]
    };
    let purpose = "unsuitable certificate purpose";
    vec![
        row(
            "a CA as a leaf",
            of(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            &own,
        )
        .says(UNTRUSTED, "OK")
        .because("Firefox, Go and rustls refuse a CA certificate for a server"),
        row(
            "for clients alone",
            of(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            &own,
        )
        .says(UNTRUSTED, purpose),
        row(
            "for anything",
            of(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
            &own,
        )
        .says(UNTRUSTED, purpose),
        row(
            "for nothing that proves a server",
            of(&|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]),
            &own,
        )
        .says(UNTRUSTED, purpose),
        row(
            "for signatures, as it should be",
            of(&|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
            &own,
        ),
        row("a critical extension that nobody knows", of(&critical), &own)
            .says(UNTRUSTED, "unhandled critical extension"),
    ]
}

fn constrained(root: &Authority) -> Vec<Row> {
    let own = [root.der()];
    let to = |permitted: Vec<GeneralSubtree>, excluded: Vec<GeneralSubtree>| {
        root.intermediate("Constrained", &|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: permitted.clone(),
                excluded_subtrees: excluded.clone(),
            });
        })
    };
    let dns = |name: &str| vec![GeneralSubtree::DnsName(name.to_owned())];
    let net = || vec![GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8))];
    let below = |authority: &Authority, names: &[&str]| {
        vec![
            authority
                .leaf(names, &|params| params.distinguished_name = DistinguishedName::new())
                .der,
            authority.der(),
        ]
    };
    let (permitted, excluded) = ("permitted subtree violation", "excluded subtree violation");
    let other = to(dns("other.example"), Vec::new());
    let but_shop = to(Vec::new(), dns("shop.example"));
    let ten = to(net(), Vec::new());
    vec![
        row("outside the names permitted", below(&other, SHOP), &own).says(UNTRUSTED, permitted),
        row("among the names excluded", below(&but_shop, SHOP), &own).says(UNTRUSTED, excluded),
        row("outside the addresses permitted", below(&ten, &["127.0.0.1"]), &own)
            .asked("127.0.0.1")
            .says(UNTRUSTED, permitted),
        row("a name, where addresses are limited", below(&ten, SHOP), &own),
    ]
}

/// A critical extension that nobody knows.
fn critical(params: &mut rcgen::CertificateParams) {
    let mut extension =
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions = vec![extension];
}

/// The intermediate calls itself by a PrintableString, and is called by an UTF8String.
fn spelt_otherwise(root: &Authority) -> Vec<Der> {
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = key.serialize_pem();
    let called = |value: DnValue| {
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, value);
        name
    };
    let printable = called(DnValue::PrintableString("Test R9".try_into().unwrap()));
    let presented = root
        .intermediate_with_key("", key, &|params| params.distinguished_name = printable.clone());
    let utf8 = called(DnValue::Utf8String("Test R9".to_owned()));
    let again = rcgen::KeyPair::from_pem(&pem).unwrap();
    let signing =
        root.intermediate_with_key("", again, &|params| params.distinguished_name = utf8.clone());
    vec![signing.leaf(SHOP, &plain).der, presented.der()]
}
