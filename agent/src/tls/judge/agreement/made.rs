//! Keys and signatures that only openssl makes. It dates by the clock of the machine, so these are judged
//! now.

use std::path::Path;

use super::{Der, Row, row};
use crate::clock;
use crate::tls::workshop::{Authority, openssl};

const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:";
const CURVE: &str = "ecparam -noout -genkey -name ";
const NAMES: &str = "subjectAltName=DNS:shop.example\n";
const WEAK_KEY: &[&str] = &["cert.weak-key/warning"];
const BROKEN: &[&str] = &["cert.weak-signature/critical"];
const KEY_TOO_WEAK: &str = "EE certificate key too weak";
const DIGEST_TOO_WEAK: &str = "CA signature digest algorithm too weak";

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    let root = Authority::root("Test Root");
    std::fs::write(folder.join("root.pem"), root.pem()).unwrap();
    std::fs::write(folder.join("root.key"), root.key_pem()).unwrap();
    let own = [root.der()];
    let by_root = |key: &str, options: &str| made(folder, "root", "leaf", key, NAMES, options);
    let p256 = format!("{CURVE}prime256v1");
    let rsa = format!("{RSA}2048");
    let row = |case, chain, own: &[Der]| row(case, chain, own).at(clock::now());
    let mut rows = vec![
        row("RSA 3072", vec![by_root(&format!("{RSA}3072"), "-sha256")], &own),
        row("RSA 1024", vec![by_root(&format!("{RSA}1024"), "-sha256")], &own)
            .says(WEAK_KEY, KEY_TOO_WEAK),
        row("P-521", vec![by_root(&format!("{CURVE}secp521r1"), "-sha256")], &own),
        row("P-192", vec![by_root(&format!("{CURVE}prime192v1"), "-sha256")], &own)
            .says(WEAK_KEY, KEY_TOO_WEAK),
        row("P-224", vec![by_root(&format!("{CURVE}secp224r1"), "-sha256")], &own)
            .says(WEAK_KEY, "OK")
            .because("no browser ever spoke P-224"),
        row("Ed448", vec![by_root("genpkey -algorithm ED448", "-sha256")], &own),
        row("ECDSA with SHA-1", vec![by_root(&p256, "-sha1")], &own).says(BROKEN, DIGEST_TOO_WEAK),
    ];
    rows.push(
        row("version 1", vec![version_one(folder)], &own)
            .says(&["tls.untrusted/critical"], "OK")
            .because("a version without subjectAltName; openssl falls back to the common name"),
    );
    // Signed by RSA, in every way.
    let authority = "basicConstraints=critical,CA:TRUE\n";
    let ca = made(folder, "root", "rsa", &rsa, authority, "-sha256");
    let by_rsa =
        |options: &str| vec![made(folder, "rsa", "leaf", &p256, NAMES, options), ca.clone()];
    let pss = "-sigopt rsa_padding_mode:pss";
    rows.extend([
        row("RSA with SHA-256", by_rsa("-sha256"), &own),
        row("RSA with SHA-512", by_rsa("-sha512"), &own),
        row(
            "RSASSA-PSS with SHA-256",
            by_rsa(&format!("-sha256 {pss} -sigopt rsa_pss_saltlen:32")),
            &own,
        ),
        row("RSASSA-PSS with SHA-1", by_rsa(&format!("-sha1 {pss}")), &own)
            .says(BROKEN, DIGEST_TOO_WEAK),
        row("RSA with SHA-1", by_rsa("-sha1"), &own).says(BROKEN, DIGEST_TOO_WEAK),
        row("RSA with MD5", by_rsa("-md5"), &own).says(BROKEN, DIGEST_TOO_WEAK),
    ]);
    // An intermediate that is weak itself.
    for (case, name, key, options, found, openssl) in [
        (
            "an intermediate of RSA 1024",
            "small",
            format!("{RSA}1024"),
            "-sha256",
            &["cert.weak-key/critical"][..],
            "CA certificate key too weak",
        ),
        (
            "an intermediate signed with SHA-1",
            "old",
            p256.clone(),
            "-sha1",
            BROKEN,
            DIGEST_TOO_WEAK,
        ),
    ] {
        let ca = made(folder, "root", name, &key, authority, options);
        let leaf = made(folder, name, "leaf", &p256, NAMES, "-sha256");
        rows.push(row(case, vec![leaf, ca], &own).says(found, openssl));
    }
    // A root on a curve that ring cannot verify.
    openssl(folder, &format!("{CURVE}secp521r1 -out big.key"));
    openssl(folder, "req -x509 -new -key big.key -subj /CN=Big -days 900 -out big.pem");
    let below_big = made(folder, "big", "leaf", &p256, NAMES, "-sha512");
    rows.push(
        row("signed by P-521: cannot be said", vec![below_big], &[read(folder, "big")])
            .says(&["tls.untrusted/notice"], "OK"),
    );
    rows
}

/// A certificate `NAME.pem` with `NAME.key`, issued by `ISSUER.pem`.
fn made(
    folder: &Path,
    issuer: &str,
    name: &str,
    key: &str,
    extensions: &str,
    options: &str,
) -> Der {
    std::fs::write(folder.join("ext"), extensions).unwrap();
    openssl(folder, &format!("{key} -out {name}.key"));
    openssl(folder, &format!("req -new -key {name}.key -subj /CN={name} -out {name}.csr"));
    openssl(
        folder,
        &format!(
            "x509 -req {options} -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -days 90 -extfile ext -out {name}.pem"
        ),
    );
    read(folder, name)
}

/// What `x509 -req` makes without an extension file.
fn version_one(folder: &Path) -> Der {
    openssl(folder, "req -new -key leaf.key -subj /CN=shop.example -out v1.csr");
    openssl(
        folder,
        "x509 -req -sha256 -in v1.csr -CA root.pem -CAkey root.key -CAcreateserial -days 90 -out v1.pem",
    );
    read(folder, "v1")
}

fn read(folder: &Path, name: &str) -> Der {
    let bytes = std::fs::read(folder.join(format!("{name}.pem"))).unwrap();
    crate::tls::files::certificates(&bytes).remove(0)
}
