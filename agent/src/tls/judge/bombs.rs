//! Certificates made to cost: each is judged at once, and nothing large is kept of it.

use std::time::Duration;

use rcgen::{GeneralSubtree, KeyPair, NameConstraints};

use super::*;
use crate::clock::monotonic;
use crate::tls::workshop::{Authority, noon, plain, trusting};

/// How long one judgement may take on a slow and busy machine, without optimisation.
const AT_ONCE: Duration = Duration::from_secs(4);
/// Most bytes of facts and findings, as JSON.
const MOST_KEPT: usize = 256 * 1024;
/// A certificate as large as a handshake lets through.
const LARGE: usize = 60_000;

type Der = CertificateDer<'static>;

/// Tag, length, contents.
fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, contents].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

const OID: u8 = 6;
/// ecdsa-with-SHA256.
const SIGNATURE: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

/// The parts of a certificate that are changed.
struct Parts {
    serial: Vec<u8>,
    algorithm: Vec<u8>,
    name: Vec<u8>,
    key: Vec<u8>,
    extensions: Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        let point = [&[0, 4][..], &[7; 64]].concat();
        let curve = [
            &[0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1][..],
            &[6, 8],
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        ]
        .concat();
        Self {
            serial: tlv(2, &[1]),
            algorithm: SIGNATURE.to_vec(),
            name: sequence(&[]),
            key: sequence(&[&curve, &tlv(3, &point)]),
            extensions: Vec::new(),
        }
    }
}

impl Parts {
    fn made(&self) -> Der {
        let date = |words: &[u8]| tlv(0x17, words);
        let validity = sequence(&[&date(b"260101000000Z"), &date(b"270101000000Z")]);
        let extensions = tlv(0xa3, &tlv(0x30, &self.extensions));
        let tbs = sequence(&[
            &tlv(0xa0, &[2, 1, 2]),
            &self.serial,
            &self.algorithm,
            &self.name,
            &validity,
            &self.name,
            &self.key,
            &extensions,
        ]);
        sequence(&[&tbs, &self.algorithm, &tlv(3, &[&[0][..], &[9; 64]].concat())]).into()
    }
}

fn extension(oid: &[u8], contents: &[u8]) -> Vec<u8> {
    sequence(&[&tlv(OID, oid), &tlv(4, contents)])
}

fn repeated(part: &[u8]) -> Vec<u8> {
    part.repeat(LARGE / part.len())
}

fn made_by_hand() -> Vec<(&'static str, Der)> {
    let of = |parts: Parts| parts.made();
    let endless_oid = tlv(OID, &[&[0x2a][..], &vec![0xff; LARGE], &[1]].concat());
    let many_arcs = tlv(OID, &vec![1; LARGE]);
    let nested = |tag: u8| {
        (0..LARGE / 6).fold(Vec::new(), |inner, _| {
            // Only the innermost few have room for their lengths: all the others lie.
            let mut outer = vec![tag, 0x84, 0, 0, 0xff, 0xff];
            if inner.len() < LARGE {
                outer.extend(inner);
            }
            outer
        })
    };
    let attribute = |kind: &[u8]| tlv(0x31, &sequence(&[kind, &tlv(12, b"x")]));
    let access = sequence(&[&tlv(OID, &[0x2b, 6, 1, 5, 5, 7, 48, 2]), &tlv(0x86, b"http://x/")]);
    let point = sequence(&[&tlv(0xa0, &tlv(0xa0, &tlv(0x86, b"http://x/")))]);
    let modulus = [&[0][..], &vec![0xff; LARGE]].concat();
    let rsa =
        [&[0x30, 13, 6, 9][..], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1], &[5, 0]].concat();
    let rsa_key = sequence(&[&tlv(2, &modulus), &tlv(2, &vec![0x7f; 1000])]);
    let key = sequence(&[&rsa, &tlv(3, &[&[0][..], &rsa_key].concat())]);
    let rsa_signature =
        [&[0x30, 13, 6, 9][..], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11], &[5, 0]].concat();
    vec![
        ("sequences within sequences", nested(0x30).into()),
        ("sets within sets", nested(0x31).into()),
        ("a length of 4 GiB", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30].into()),
        ("an indefinite length", vec![0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0].into()),
        ("one endless arc", of(Parts { algorithm: sequence(&[&endless_oid]), ..Parts::default() })),
        ("arcs without end", of(Parts { algorithm: sequence(&[&many_arcs]), ..Parts::default() })),
        ("a serial number", of(Parts { serial: tlv(2, &vec![0x55; LARGE]), ..Parts::default() })),
        (
            "a name of attributes",
            of(Parts {
                name: sequence(
                    &[&repeated(&attribute(&[6, 3, 0x55, 4, 3]))[..LARGE / 2 / 23 * 23]],
                ),
                ..Parts::default()
            }),
        ),
        (
            "a name of one endless kind",
            of(Parts {
                name: sequence(&[&attribute(&tlv(OID, &vec![0xff; LARGE / 3]))]),
                ..Parts::default()
            }),
        ),
        ("an RSA key", of(Parts { key, algorithm: rsa_signature, ..Parts::default() })),
        (
            "extensions",
            of(Parts { extensions: repeated(&extension(&[0x2a, 3], b"")), ..Parts::default() }),
        ),
        (
            "an extension of an endless kind",
            of(Parts {
                extensions: [&sequence(&[&endless_oid, &[1, 1, 0xff], &tlv(4, b"")])[..]].concat(),
                ..Parts::default()
            }),
        ),
        (
            "names",
            of(Parts {
                extensions: extension(&[0x55, 0x1d, 17], &sequence(&[&repeated(b"\x82\x01x")])),
                ..Parts::default()
            }),
        ),
        (
            "places of issuers",
            of(Parts {
                extensions: extension(
                    &[0x2b, 6, 1, 5, 5, 7, 1, 1],
                    &sequence(&[&repeated(&access)]),
                ),
                ..Parts::default()
            }),
        ),
        (
            "places of lists",
            of(Parts {
                extensions: extension(&[0x55, 0x1d, 31], &sequence(&[&repeated(&point)])),
                ..Parts::default()
            }),
        ),
    ]
}

/// Judges it, looks at the time and at what is left of it.
fn assert_harmless(case: &str, chain: Vec<Der>, roots: &Roots) {
    let presented = Presented { chain, protocol: "TLS 1.3".to_owned(), ..Presented::default() };
    let start = monotonic();
    let (facts, findings) = judge(&presented, "shop.example", roots, "shop", noon());
    let took = monotonic() - start;
    assert!(took < AT_ONCE, "{case}: {took:?}");
    assert!(!facts.trusted && !findings.is_empty(), "{case}: {facts:?}");
    let kept = serde_json::to_string(&facts).unwrap().len();
    let said: usize = findings.iter().map(|one| serde_json::to_string(one).unwrap().len()).sum();
    assert!(kept + said < MOST_KEPT, "{case}: {kept} bytes of facts, {said} of findings");
}

#[test]
fn a_certificate_made_to_cost_costs_nothing() {
    let root = Authority::root("Test Root");
    let roots = trusting(&[root.der()]);
    for (case, bomb) in made_by_hand() {
        let leaf = Authority::root("Nobody").leaf(&["shop.example"], &plain).der;
        assert_harmless(case, vec![bomb.clone()], &roots);
        assert_harmless(case, vec![leaf, bomb], &roots);
    }
}

#[test]
fn a_chain_made_to_cost_costs_nothing() {
    let root = Authority::root("Test Root");
    let roots = trusting(&[root.der()]);
    // Everybody may have issued everybody: as many ways up as there are orders of them.
    let key = KeyPair::generate().unwrap().serialize_pem();
    let maze: Vec<Der> = (0..40)
        .map(|serial: u64| {
            let key = KeyPair::from_pem(&key).unwrap();
            let one = Authority::root("Maze").intermediate_with_key("Maze", key, &|params| {
                params.serial_number = Some(serial.into());
            });
            one.der()
        })
        .collect();
    let lost = Authority::root("Maze").leaf(&["shop.example"], &plain).der;
    assert_harmless("a maze", std::iter::once(lost).chain(maze).collect(), &roots);

    let names: Vec<String> = (0..1_000).map(|n| format!("host-{n}.shop.example")).collect();
    let limits = names.iter().map(|name| GeneralSubtree::DnsName(format!("x.{name}"))).collect();
    let limited = root.intermediate("Limited", &|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: Vec::clone(&limits),
        });
    });
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let leaf = limited.leaf(&names, &plain).der;
    assert_harmless("a million comparisons", vec![leaf, limited.der()], &roots);
}
