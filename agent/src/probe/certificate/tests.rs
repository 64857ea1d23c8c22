//! Real files of every state, and what is said of them.

mod forms;
mod swaps;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::tls::workshop::{Authority, Leaf, days, issued_by_openssl, noon, openssl, pem, plain};

async fn look(spec: &Spec) -> Sight {
    let mut watch = Stopwatch::start(Duration::from_secs(5));
    observe(spec, &mut watch, noon()).await
}

fn spec(path: &Path) -> Spec {
    Spec {
        path: path.display().to_string(),
        key: None,
        password: None,
        expiring: Expiring::default(),
        renewal: Default::default(),
    }
}

/// A folder that nobody else may enter, as keys are kept in.
fn closed_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder.path(), closed).unwrap();
    folder
}

fn said(sight: &Sight) -> Vec<String> {
    let mut said: Vec<String> = sight
        .findings
        .iter()
        .map(|finding| format!("{}/{}", finding.code.label(), finding.severity.label()))
        .collect();
    said.sort();
    said
}

#[tokio::test]
async fn every_file_of_a_pattern_has_its_own_findings() {
    let root = Authority::root("Test Root");
    let issuer = root.intermediate("Test R3", &plain);
    let folder = closed_folder();
    let live = |name: &str| folder.path().join(name).join("fullchain.pem");
    let sites: [(&str, i64, i64); 4] =
        [("good", -30, 60), ("ending", -80, 10), ("ended", -90, -1), ("future", 1, 91)];
    for (name, from, to) in sites {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        let leaf = issuer.leaf(&["shop.example"], &|params| days(params, from, to));
        std::fs::write(live(name), pem(&[&leaf.der, &issuer.der(), &root.der()])).unwrap();
        let key = live(name).with_file_name("privkey.pem");
        std::fs::write(key, leaf.key.serialize_pem()).unwrap();
    }
    let sight = look(&spec(&folder.path().join("*/fullchain.pem"))).await;
    let mut told: Vec<(String, &str)> = sight
        .findings
        .iter()
        .map(|finding| (finding.subject.clone(), finding.code.label()))
        .collect();
    told.sort();
    let of = |name: &str| live(name).display().to_string();
    assert_eq!(
        told,
        [
            (of("ended"), "cert.expired"),
            (of("ending"), "cert.expiring"),
            (of("future"), "cert.not-yet-valid"),
        ]
    );
    assert_eq!(sight.facts.files.len(), 4);
    for file in &sight.facts.files {
        assert_eq!(file.key_matches, Some(true), "{file:?}");
        assert_eq!(file.chain.len(), 3);
        assert!(file.modified.is_some());
    }
}

#[tokio::test]
async fn keys_are_compared_where_they_can_be_read() {
    let root = Authority::root("Test Root");
    let folder = closed_folder();
    let folder = folder.path();
    let (path, key) = (folder.join("shop.crt"), folder.join("shop.key"));
    let leaf = root.leaf(&["shop.example"], &plain);
    let other = root.leaf(&["shop.example"], &plain);
    std::fs::write(&path, pem(&[&leaf.der])).unwrap();
    let spec = spec(&path);

    let sight = look(&spec).await;
    assert_eq!(said(&sight), [""; 0]);
    assert_eq!(sight.facts.files[0].key_path, None);

    std::fs::write(&key, leaf.key.serialize_pem()).unwrap();
    assert_eq!(look(&spec).await.facts.files[0].key_matches, Some(true));
    std::fs::write(&key, leaf.key.serialize_der()).unwrap();
    assert_eq!(look(&spec).await.facts.files[0].key_matches, Some(true), "DER");

    std::fs::write(&key, other.key.serialize_pem()).unwrap();
    let sight = look(&spec).await;
    assert_eq!(said(&sight), ["cert.key-mismatch/critical"]);
    assert_eq!(sight.facts.files[0].key_matches, Some(false));

    // The right key, but the chain upside down.
    std::fs::write(&key, leaf.key.serialize_pem()).unwrap();
    std::fs::write(&path, pem(&[&root.der(), &leaf.der])).unwrap();
    let sight = look(&spec).await;
    assert_eq!(said(&sight), ["cert.key-mismatch/critical"]);
    assert_eq!(sight.findings[0].evidence["belongs_to_element"], 2);

    // Key and certificate in one file, as HAProxy has it.
    std::fs::remove_file(&key).unwrap();
    std::fs::write(&path, leaf.key.serialize_pem() + &pem(&[&leaf.der])).unwrap();
    let sight = look(&spec).await;
    assert_eq!(said(&sight), [""; 0]);
    assert_eq!(sight.facts.files[0].key_matches, Some(true));

    // Named in the plan, and not there.
    let mut named = spec.clone();
    named.key = Some(folder.join("nowhere.key"));
    assert_eq!(said(&look(&named).await), ["cert.unreadable/critical"]);
}

#[tokio::test]
async fn keys_of_every_kind() {
    let root = Authority::root("Test Root");
    let folder = closed_folder();
    let folder = folder.path();
    let kinds = [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", Some(true), None),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", Some(true), None),
        ("ecparam -name prime256v1 -genkey -noout", Some(true), None),
        ("ecparam -name secp384r1 -genkey -noout", Some(true), None),
        ("ecparam -name secp521r1 -genkey -noout", Some(true), None),
        ("genpkey -algorithm ED25519", Some(true), None),
        (
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass pass:x",
            None,
            Some("encrypted with a passphrase"),
        ),
    ];
    for (kind, matches, unread) in kinds {
        if unread.is_some() {
            // Encrypted after the certificate was issued: openssl would ask for the passphrase.
            openssl(folder, "pkcs8 -topk8 -in leaf.key -passout pass:x -out encrypted.key");
            std::fs::rename(folder.join("encrypted.key"), folder.join("leaf.key")).unwrap();
        } else {
            issued_by_openssl(folder, &root, kind, "");
        }
        let mut spec = spec(&folder.join("leaf.pem"));
        spec.key = Some(folder.join("leaf.key"));
        let sight = look(&spec).await;
        let file = &sight.facts.files[0];
        assert_eq!(file.key_matches, matches, "{kind}: {file:?}");
        assert_eq!(file.key_unread.as_deref(), unread, "{kind}");
        assert!(said(&sight).iter().all(|code| !code.contains("mismatch")), "{kind}");
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_told() {
    let folder = closed_folder();
    let folder = folder.path();
    let leaf = Leaf::self_signed(&["shop.example"], &plain);
    let whole = pem(&[&leaf.der]);
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("empty.pem", Vec::new(), "an empty file"),
        ("text.pem", b"hello".to_vec(), "neither PEM nor DER"),
        ("key.pem", leaf.key.serialize_pem().into_bytes(), "a private key alone"),
        ("cut.pem", whole.as_bytes()[..whole.len() / 2].to_vec(), "truncated or damaged"),
        ("cut.der", leaf.der[..leaf.der.len() / 2].to_vec(), "is damaged"),
        ("large.pem", vec![b'x'; 2_000_000], "larger than 1 MiB"),
        ("damaged.pem", whole.replacen("MII", "AAA", 1).into_bytes(), "damaged"),
    ];
    for (name, contents, expected) in cases {
        std::fs::write(folder.join(name), contents).unwrap();
        let sight = look(&spec(&folder.join(name))).await;
        assert_eq!(said(&sight), ["cert.unreadable/critical"], "{name}");
        let summary = &sight.findings[0].summary.en;
        assert!(summary.contains(expected), "{name}: {summary}");
        assert_eq!(sight.facts.files.len(), 1, "{name}");
    }
    let others: [(&str, &str); 4] = [
        ("nowhere.pem", "no such file"),
        ("*/nothing.pem", "no file matches"),
        ("/dev/null", "not a regular file"),
        ("", "not a regular file"),
    ];
    for (path, expected) in others {
        let sight = look(&spec(&folder.join(path))).await;
        assert_eq!(said(&sight), ["cert.unreadable/critical"], "{path}");
        let summary = &sight.findings[0].summary.en;
        assert!(summary.contains(expected), "{path}: {summary}");
    }
    std::fs::write(folder.join("good.der"), &leaf.der).unwrap();
    assert_eq!(said(&look(&spec(&folder.join("good.der"))).await), [""; 0]);
}

#[tokio::test]
async fn a_folder_that_may_not_be_looked_into_is_not_an_empty_one() {
    let folder = closed_folder();
    let live = folder.path().join("live");
    std::fs::create_dir(&live).unwrap();
    std::fs::set_permissions(&live, std::fs::Permissions::from_mode(0o000)).unwrap();
    let may_anyway = std::fs::read_dir(&live).is_ok();
    let sight = look(&spec(&live.join("*/fullchain.pem"))).await;
    std::fs::set_permissions(&live, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(said(&sight), ["cert.unreadable/critical"]);
    // Root may look anywhere, and sees that it is empty.
    let expected = if may_anyway { "no file matches" } else { "may not read it" };
    assert!(sight.findings[0].summary.en.contains(expected), "{}", sight.findings[0].summary.en);
}
