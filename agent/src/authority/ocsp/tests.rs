//! Answers of openssl's responder, right and wrong.

use health::facts::RevocationStanding;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{Answer, Fault, Issuer, Parts, verify};
use crate::authority::office::Office;
use crate::tls::files::certificates;
use crate::tls::workshop::trusting;

fn chain(office: &Office, names: &[&str]) -> Vec<CertificateDer<'static>> {
    names.iter().map(|name| certificates(&office.read(&format!("{name}.pem"))).remove(0)).collect()
}

struct Scene {
    _folder: tempfile::TempDir,
    office: Office,
    now: Timestamp,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path());
        office.issue("shop", "");
        Self { office, _folder: folder, now: crate::clock::now() }
    }

    fn verified(&self, answer: &[u8]) -> Result<Answer, Fault> {
        let roots = trusting(&chain(&self.office, &["ca"]));
        // The issuer is known as a trusted root alone; the server sends none.
        verify(answer, &chain(&self.office, &["shop"]), roots.anchors())
    }

    fn answer(&self, name: &str, signer: &str, options: &str) -> Vec<u8> {
        self.office.answer(name, signer, "answer.der", options);
        self.office.read("answer.der")
    }
}

#[test]
fn believes_the_ca_and_whom_it_names() {
    let scene = Scene::new();
    let good = scene.answer("shop", "ca", "-ndays 7");
    let answer = scene.verified(&good).unwrap();
    assert_eq!((answer.standing, answer.revoked_at), (RevocationStanding::Good, None));
    let days = answer.next_update.unwrap().duration_since(answer.this_update);
    assert_eq!(days.as_hours(), 7 * 24);

    scene.office.issue("delegate", "extendedKeyUsage = OCSPSigning");
    let delegated = scene.answer("shop", "delegate", "-ndays 7");
    assert_eq!(scene.verified(&delegated).unwrap().standing, RevocationStanding::Good);
    let presented = chain(&scene.office, &["shop", "ca"]);
    assert!(verify(&delegated, &presented, &[]).is_ok(), "the issuer is in the chain");
    let strangers = chain(&scene.office, &["shop", "delegate"]);
    assert_eq!(verify(&good, &strangers, &[]), Err(Fault::NoIssuer));

    scene.office.revoke("shop", "keyCompromise");
    let revoked = scene.verified(&scene.answer("shop", "ca", "-ndays 7")).unwrap();
    assert_eq!(revoked.standing, RevocationStanding::Revoked);
    assert_eq!(revoked.reason, Some("keyCompromise"));
    assert!(revoked.revoked_at.unwrap().duration_since(scene.now).as_mins().abs() < 5);

    scene.office.write("index.txt", "");
    let unknown = scene.verified(&scene.answer("shop", "ca", "")).unwrap();
    assert_eq!((unknown.standing, unknown.next_update), (RevocationStanding::Unknown, None));
}

#[test]
fn believes_nobody_else() {
    let scene = Scene::new();
    let good = scene.answer("shop", "ca", "-ndays 7");
    scene.office.issue("other", "extendedKeyUsage = serverAuth");
    let other = scene.answer("other", "ca", "-ndays 7");
    assert_eq!(scene.verified(&other), Err(Fault::Other(vec!["10:01".to_owned()])));
    let by_a_leaf = scene.answer("shop", "other", "-ndays 7");
    assert_eq!(scene.verified(&by_a_leaf), Err(Fault::Unsigned), "no responder's certificate");

    // A responder whose certificate had ended before it spoke.
    let past = "-startdate 20200101000000Z -enddate 20200201000000Z";
    scene.office.issue("delegate", "extendedKeyUsage = OCSPSigning");
    scene.office.openssl(&format!(
        "ca -batch -notext -config leaf.cnf -extensions leaf -in delegate.req -out delegate.pem {past}"
    ));
    let by_the_past = scene.answer("shop", "delegate", "-ndays 7");
    assert_eq!(scene.verified(&by_the_past), Err(Fault::Unsigned));

    // Without certificates behind it, the signature is the last there is.
    let mut forged = scene.answer("shop", "ca", "-ndays 7 -resp_no_certs");
    assert!(scene.verified(&forged).is_ok());
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(scene.verified(&forged), Err(Fault::Unsigned));

    let cases: [(&[u8], Fault); 5] = [
        (&[], Fault::Unreadable),
        (b"<html>", Fault::Unreadable),
        (&[0x30, 3, 0x0a, 1, 0], Fault::Unreadable),
        (&[0x30, 3, 0x0a, 1, 3], Fault::Refusal(3, "tryLater")),
        (&[0x30, 3, 0x0a, 1, 6], Fault::Refusal(6, "unauthorized")),
    ];
    for (bytes, expected) in cases {
        assert_eq!(scene.verified(bytes), Err(expected), "{bytes:02x?}");
    }
    for end in 0..good.len() {
        assert!(scene.verified(&good[..end]).is_err(), "cut after {end} bytes");
    }
}

#[test]
fn one_that_answers_nothing_is_no_answer() {
    let scene = Scene::new();
    let shop = chain(&scene.office, &["shop", "ca"]);
    let (_, leaf) = X509Certificate::from_der(&shop[0]).unwrap();
    let issuer = Issuer::of(&leaf, &shop, &[]).unwrap();
    let empty =
        Parts { signed: &[], answers: &[], algorithm: &[], signature: &[], signers: Vec::new() };
    assert_eq!(empty.about(&leaf, &issuer), Err(Fault::Unreadable));
}
