//! Lists that openssl made, and who may be believed about whom.

use health::facts::RevocationStanding;
use jiff::SignedDuration;
use rustls_pki_types::CertificateDer;

use super::List;
use crate::authority::office::Office;
use crate::tls::Roots;
use crate::tls::files::certificates;
use crate::tls::workshop::trusting;

const URL: &str = "http://127.0.0.1/list.crl";

fn one(office: &Office, name: &str) -> CertificateDer<'static> {
    certificates(&office.read(&format!("{name}.pem"))).remove(0)
}

fn list(office: &Office, options: &str) -> List {
    office.publish("list.crl", options);
    List::of(office.read("list.crl")).unwrap()
}

fn standing(
    list: &List,
    leaf: &CertificateDer<'static>,
    roots: &Roots,
) -> Result<RevocationStanding, String> {
    let now = crate::clock::now();
    list.judge(std::slice::from_ref(leaf), roots, URL, now).map(|facts| facts.standing)
}

#[test]
fn says_of_each_what_its_ca_says() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let named = format!("crlDistributionPoints = URI:{URL}");
    office.issue("shop", &named);
    office.issue("other", &named);
    office.revoke("shop", "superseded");
    let (shop, other) = (one(&office, "shop"), one(&office, "other"));
    let roots = trusting(&[one(&office, "ca")]);
    let long = list(&office, "-crldays 7 -crlexts list");
    assert_eq!(standing(&long, &other, &roots), Ok(RevocationStanding::Good));
    let now = crate::clock::now();
    let facts = long.judge(std::slice::from_ref(&shop), &roots, URL, now).unwrap();
    assert_eq!(facts.standing, RevocationStanding::Revoked);
    assert_eq!((facts.reason.as_deref(), facts.url.as_deref()), (Some("superseded"), Some(URL)));
    assert!(facts.revoked_at.unwrap().duration_since(now).as_mins().abs() < 5);
    assert_eq!(long.next_update.duration_since(facts.this_update).as_hours(), 7 * 24);
    assert!(List::of(office.read("list.pem")).is_ok(), "as PEM too");

    let after = now + SignedDuration::from_hours(8 * 24);
    let ended = long.judge(std::slice::from_ref(&shop), &roots, URL, after).unwrap_err();
    assert!(ended.contains("has ended"), "{ended}");
}

#[test]
fn believes_no_list_but_the_cas_own_for_this_certificate() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (office, impostor) = (Office::open(first.path()), Office::open(second.path()));
    office.issue("shop", &format!("crlDistributionPoints = URI:{URL}"));
    let shop = one(&office, "shop");
    let roots = trusting(&[one(&office, "ca")]);
    // The same name, another key.
    let forged = list(&impostor, "-crldays 7 -crlexts list");
    let refused = standing(&forged, &shop, &roots).unwrap_err();
    assert!(refused.contains("not signed by the CA"), "{refused}");
    assert!(standing(&list(&office, "-crldays 7 -crlexts list"), &shop, &trusting(&[])).is_err());

    let part = "[part]\nissuingDistributionPoint = critical, @place\n[place]\nfullname = URI:http://127.0.0.1/other.crl\n";
    let configuration = String::from_utf8(office.read("ca.cnf")).unwrap();
    office.write("ca.cnf", &format!("{configuration}{part}"));
    let elsewhere = list(&office, "-crldays 7 -crlexts part");
    let refused = standing(&elsewhere, &shop, &roots).unwrap_err();
    assert!(refused.contains("for other certificates"), "{refused}");

    let unnumbered = configuration.replace("crlnumber = crlnumber\n", "");
    office.write("ca.cnf", &unnumbered);
    office.publish("list.crl", "-crldays 7");
    let first_version = List::of(office.read("list.crl"));
    assert!(first_version.unwrap_err().contains("version 1"));
    for bytes in [&b"<html>"[..], &[], &[0x30, 0x80]] {
        assert!(List::of(bytes.to_vec()).unwrap_err().contains("no list"), "{bytes:02x?}");
    }
}
