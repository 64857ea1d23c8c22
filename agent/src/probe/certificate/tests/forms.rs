//! Files in every form that certificates are kept in.

use super::*;

/// A leaf and its key as PEM beside each other, and the chain above it: `leaf.pem`, `leaf.key`,
/// `above.pem` with the root before the intermediate.
fn made(folder: &Path) -> Leaf {
    let root = Authority::root("Test Root");
    let issuer = root.intermediate("Test R3", &plain);
    let leaf = issuer.leaf(&["shop.example"], &plain);
    std::fs::write(folder.join("leaf.pem"), pem(&[&leaf.der])).unwrap();
    std::fs::write(folder.join("leaf.key"), leaf.key.serialize_pem()).unwrap();
    std::fs::write(folder.join("above.pem"), pem(&[&root.der(), &issuer.der()])).unwrap();
    leaf
}

#[tokio::test]
async fn pkcs12_as_old_and_new_programs_write_it() {
    let folder = closed_folder();
    let folder = folder.path();
    let leaf = made(folder);
    let path = folder.join("store.p12");
    let whole = "-inkey leaf.key -in leaf.pem -certfile above.pem";
    // How it is written, with which password, and how many certificates are in it.
    let cases: [(&str, Option<&str>, usize); 7] = [
        (whole, Some("correct-horse"), 3),
        (whole, Some("암호"), 3),
        (whole, None, 3),
        (
            "-inkey leaf.key -in leaf.pem -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
            Some("x"),
            1,
        ),
        ("-inkey leaf.key -in leaf.pem -legacy", Some("x"), 1),
        ("-inkey leaf.key -in leaf.pem -keypbe NONE -certpbe NONE", Some("x"), 1),
        ("-inkey leaf.key -in leaf.pem -iter 10000 -name tomcat", Some("x"), 1),
    ];
    for (how, password, count) in cases {
        let passout = format!("-passout pass:{}", password.unwrap_or_default());
        openssl(folder, &format!("pkcs12 -export {how} {passout} -out store.p12"));
        let mut spec = spec(&path);
        spec.password = password.map(|password| Password(password.into()));
        let sight = look(&spec).await;
        assert_eq!(said(&sight), [""; 0], "{how}: {:#?}", sight.findings);
        let file = &sight.facts.files[0];
        assert_eq!(file.chain.len(), count, "{how}");
        assert_eq!(
            file.chain[0].names,
            ["shop.example"],
            "{how}: what the key belongs to is first"
        );
        assert_eq!(file.key_matches, Some(true), "{how}");
        assert_eq!(file.key_path.as_deref(), path.to_str(), "{how}");

        if password.is_some_and(|password| password == "x" && !how.contains("NONE")) {
            spec.password = None;
            let sight = look(&spec).await;
            assert_eq!(
                said(&sight),
                ["cert.unreadable/critical"],
                "{how}: though it was opened before"
            );
            assert!(sight.findings[0].summary.en.contains("the plan names none"), "{how}");
            assert!(sight.findings[0].remedy.en.contains("`password_env"), "{how}");
            spec.password = Some(Password("y".into()));
            let sight = look(&spec).await;
            assert_eq!(said(&sight), ["cert.unreadable/critical"], "{how}");
            assert!(sight.findings[0].summary.en.contains("another password"), "{how}");
        }
    }
    assert_eq!(crate::tls::facts_of(&leaf.der).unwrap().names, ["shop.example"]);
}

#[tokio::test]
async fn pkcs12_with_something_wrong() {
    let folder = closed_folder();
    let folder = folder.path();
    made(folder);
    let root = Authority::root("Test Root");
    let other = root.leaf(&["shop.example"], &plain);
    std::fs::write(folder.join("other.key"), other.key.serialize_pem()).unwrap();
    for (how, expected) in [
        ("-nocerts -inkey leaf.key -in leaf.pem", "a PKCS#12 file with a key alone"),
        ("-nokeys -in leaf.pem", ""),
    ] {
        openssl(folder, &format!("pkcs12 -export {how} -passout pass: -out store.p12"));
        let sight = look(&spec(&folder.join("store.p12"))).await;
        let summary = sight.findings.first().map_or("", |finding| &finding.summary.en);
        assert!(
            summary.contains(expected) && summary.is_empty() == expected.is_empty(),
            "{how}: {summary}"
        );
    }
    openssl(folder, "pkcs12 -export -inkey leaf.key -in leaf.pem -passout pass: -out store.p12");
    let path = folder.join("store.p12");
    let mut named = spec(&path);
    named.key = Some(folder.join("other.key"));
    assert_eq!(said(&look(&named).await), ["cert.key-mismatch/critical"]);

    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let sight = look(&spec(&path)).await;
    assert_eq!(said(&sight), ["cert.unreadable/critical"]);
    assert!(sight.findings[0].summary.en.contains("PKCS#12"), "{:?}", sight.findings[0].summary);
}

#[tokio::test]
async fn other_forms_are_named() {
    let folder = closed_folder();
    let folder = folder.path();
    made(folder);
    openssl(folder, "crl2pkcs7 -nocrl -certfile leaf.pem -out bundle.p7b");
    openssl(folder, "x509 -in leaf.pem -trustout -out trusted.pem");
    let utf16: Vec<u8> = std::fs::read_to_string(folder.join("leaf.pem"))
        .unwrap()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(folder.join("windows.pem"), [vec![0xff, 0xfe], utf16].concat()).unwrap();
    std::fs::write(folder.join("store.jks"), [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]).unwrap();
    for (name, expected) in [
        ("bundle.p7b", "a PKCS#7 bundle; `openssl pkcs7 -print_certs`"),
        ("trusted.pem", "OpenSSL's own form"),
        ("windows.pem", "text in UTF-16"),
        ("store.jks", "a Java keystore (JKS); `keytool -importkeystore"),
    ] {
        let sight = look(&spec(&folder.join(name))).await;
        assert_eq!(said(&sight), ["cert.unreadable/critical"], "{name}");
        let summary = &sight.findings[0].summary.en;
        assert!(summary.contains(expected), "{name}: {summary}");
    }
}

#[tokio::test]
async fn a_chain_that_is_cut_off_is_no_chain() {
    let folder = closed_folder();
    let path = folder.path().join("fullchain.pem");
    let leaf = made(folder.path());
    let above = std::fs::read_to_string(folder.path().join("above.pem")).unwrap();
    let whole = pem(&[&leaf.der]) + &above;
    let cases: [(&str, String, &str); 5] = [
        ("whole", format!("Bag Attributes: none\n{}", whole.replace('\n', "\r\n")), ""),
        ("cut off", whole[..whole.len() - 60].to_owned(), "only 2 of the 3 certificates"),
        ("leaf damaged", whole.replacen("MII", "M!I", 1), "only 2 of the 3 certificates"),
        (
            "an encrypted key before it",
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA\n-----END RSA PRIVATE KEY-----\n{whole}"
            ),
            "",
        ),
        (
            "more begun than there is",
            format!("{whole}-----BEGIN CERTIFICATE-----\n"),
            "only 3 of the 4",
        ),
    ];
    for (how, contents, expected) in cases {
        std::fs::write(&path, contents).unwrap();
        let sight = look(&spec(&path)).await;
        let summary = sight.findings.first().map_or("", |finding| &finding.summary.en);
        assert!(
            summary.contains(expected) && summary.is_empty() == expected.is_empty(),
            "{how}: {summary}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_surely_no_key_is_told() {
    let folder = closed_folder();
    let folder = folder.path();
    let leaf = made(folder);
    let whole = leaf.key.serialize_pem();
    let uri = "-----BEGIN PKCS#11 PROVIDER URI-----\nAAAA\n-----END PKCS#11 PROVIDER URI-----\n";
    for (contents, expected) in [
        (whole.clone(), None),
        ("\n".to_owned(), Some("an empty file")),
        (pem(&[&leaf.der]), Some("a certificate alone")),
        (whole[..whole.len() / 2].to_owned(), Some("a truncated PEM file")),
        // What is not known here may be known to the server.
        (uri.to_owned(), None),
        ("engine data".to_owned(), None),
    ] {
        std::fs::write(folder.join("leaf.key"), &contents).unwrap();
        let sight = look(&spec(&folder.join("leaf.pem"))).await;
        let told: Vec<&str> = expected.iter().map(|_| "cert.unreadable/critical").collect();
        assert_eq!(said(&sight), told, "{contents}");
        if let (Some(finding), Some(expected)) = (sight.findings.first(), expected) {
            assert!(finding.summary.en.contains(expected), "{:?}", finding.summary);
            assert_eq!(finding.subject, folder.join("leaf.key").display().to_string());
            assert!(finding.remedy.en.contains("openssl pkey"), "{:?}", finding.remedy);
        }
    }
}

#[tokio::test]
async fn a_key_that_everybody_may_read_is_noted() {
    let folder = closed_folder();
    let leaf = made(folder.path());
    let set = |name: &str, mode| {
        let path = folder.path().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("", 0o755);
    let both = pem(&[&leaf.der]) + &leaf.key.serialize_pem();
    std::fs::write(folder.path().join("haproxy.pem"), both).unwrap();
    openssl(folder.path(), "pkcs8 -topk8 -in leaf.key -passout pass:x -out encrypted.key");
    let shut = std::fs::read_to_string(folder.path().join("encrypted.key")).unwrap();
    std::fs::write(folder.path().join("shut.pem"), pem(&[&leaf.der]) + &shut).unwrap();
    openssl(
        folder.path(),
        "pkcs12 -export -inkey leaf.key -in leaf.pem -passout pass:x -out s.p12",
    );
    openssl(
        folder.path(),
        "pkcs12 -export -inkey leaf.key -in leaf.pem -passout pass: -out open.p12",
    );
    for (file, key, password, mode, expected) in [
        ("leaf.pem", "leaf.key", None, 0o600, None),
        ("leaf.pem", "leaf.key", None, 0o640, None),
        ("leaf.pem", "leaf.key", None, 0o644, Some("may read")),
        ("leaf.pem", "leaf.key", None, 0o666, Some("may change")),
        ("haproxy.pem", "haproxy.pem", None, 0o600, None),
        ("haproxy.pem", "haproxy.pem", None, 0o644, Some("may read")),
        ("shut.pem", "shut.pem", None, 0o644, None),
        ("s.p12", "s.p12", Some("x"), 0o644, None),
        ("open.p12", "open.p12", None, 0o644, Some("may read")),
    ] {
        set(key, mode);
        let mut spec = spec(&folder.path().join(file));
        spec.password = password.map(|password: &str| Password(password.into()));
        let sight = look(&spec).await;
        let told: Vec<&str> = expected.iter().map(|_| "cert.key-permissions/notice").collect();
        assert_eq!(said(&sight), told, "{file} {mode:o}");
        if let (Some(finding), Some(expected)) = (sight.findings.first(), expected) {
            assert!(finding.summary.en.contains(expected), "{:?}", finding.summary);
            assert_eq!(finding.subject, folder.path().join(key).display().to_string());
            assert_eq!(finding.evidence["mode"], format!("{mode:04o}"));
        }
    }
    set("leaf.key", 0o644);
    set("", 0o700);
    let sight = look(&spec(&folder.path().join("leaf.pem"))).await;
    assert_eq!(said(&sight), [""; 0], "nobody gets as far as the key");
}
