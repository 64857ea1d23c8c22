use std::time::Duration;

use super::*;
use crate::facts::{AcmeFacts, RenewalFacts, RenewalSource, TlsFacts, TrialFacts};
use crate::snapshot::{Last, PlanStanding};
use crate::{Check, Code, Facts, Finding, Kind, Phases, Text, Thresholds, Timing};

fn day(day: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + day * 86_400).unwrap()
}

fn leaf(name: &str, from: i64, to: i64) -> CertificateFacts {
    CertificateFacts {
        fingerprint: format!("{name}/{from}"),
        serial: format!("0a:{from}"),
        subject: format!("CN={name}"),
        issuer: "CN=R11,O=A CA".to_owned(),
        names: vec![name.to_owned()],
        not_before: day(from),
        not_after: day(to),
        key: "ECDSA P-256".to_owned(),
        ..CertificateFacts::default()
    }
}

fn issuing() -> CertificateFacts {
    CertificateFacts {
        names: Vec::new(),
        fingerprint: "r11".to_owned(),
        serial: "ff".to_owned(),
        subject: "CN=R11,O=A CA".to_owned(),
        issuer: "CN=Root".to_owned(),
        ..leaf("r11", -900, 900)
    }
}

fn chain(leaf: CertificateFacts) -> Arc<Vec<CertificateFacts>> {
    Arc::new(vec![leaf, issuing()])
}

fn served(address: &str, name: Option<&str>, leaf: Option<CertificateFacts>) -> ServedFacts {
    ServedFacts {
        address: address.parse().unwrap(),
        server_name: name.map(str::to_owned),
        protocol: String::new(),
        failure: leaf.is_none().then(|| "cut".to_owned()),
        chain: leaf.map(chain).unwrap_or_default(),
        file: None,
        named_in: None,
    }
}

fn file(path: &str, leaf: Option<CertificateFacts>) -> FileFacts {
    FileFacts {
        path: path.to_owned(),
        chain: leaf.map(chain).unwrap_or_default(),
        ..FileFacts::default()
    }
}

fn tls(address: &str, name: &str, leaf: CertificateFacts) -> Facts {
    Facts {
        address: Some(address.parse().unwrap()),
        tls: Some(Box::new(TlsFacts {
            server_name: name.to_owned(),
            chain: chain(leaf),
            trusted: true,
            ..TlsFacts::default()
        })),
        ..Facts::default()
    }
}

fn finding(code: Code, subject: &str) -> Finding {
    Finding::new(code, subject, Text::same("what"), Text::same("do"))
}

fn standing(name: &str, facts: Facts, findings: Vec<Finding>) -> Arc<CheckStanding> {
    Arc::new(CheckStanding {
        check: Arc::new(Check {
            name: name.into(),
            kind: Kind::Tls,
            instance: format!("{name}:443").into(),
            host: None,
            timing: Timing::Every(Duration::from_secs(30)),
            timeout: Duration::from_secs(5),
            thresholds: Thresholds::default(),
            depends_on: Vec::new(),
            labels: std::collections::BTreeMap::new(),
        }),
        port: None,
        claim: None,
        state: State::Up,
        since: day(0),
        flapping: false,
        tenure: None,
        upstream: Vec::new(),
        outer_port: None,
        contrast: None,
        last: Some(Arc::new(Last {
            at: day(0),
            duration: Duration::ZERO,
            phases: Phases::default(),
            facts,
            findings: Vec::new(),
            success: true,
        })),
        findings: findings
            .into_iter()
            .map(|finding| StandingFinding {
                finding: Arc::new(finding),
                since: day(0),
                confirmed: true,
                explained_by: None,
            })
            .collect(),
        incident: None,
        next_due: None,
    })
}

fn snapshot(checks: Vec<Arc<CheckStanding>>) -> Snapshot {
    Snapshot {
        agent: "edge".into(),
        at: day(0),
        started_at: day(0),
        plan: PlanStanding { path: String::new(), loaded_at: day(0), refused: None },
        checks,
        hosts: Vec::new(),
        ephemeral: None,
        swept: Vec::new(),
        listen: None,
        incidents: Vec::new(),
        receivers: Vec::new(),
        silences: Vec::new(),
        maintenance: Vec::new(),
        troubles: Vec::new(),
    }
}

fn named<'c, 'a>(all: &'c Certificates<'a>, fingerprint: &str) -> &'c Certificate<'a> {
    all.by_fingerprint(fingerprint).unwrap()
}

fn codes(certificate: &Certificate<'_>) -> Vec<&'static str> {
    certificate.findings.iter().map(|(_, found)| found.finding.code.label()).collect()
}

#[test]
fn each_certificate_once_with_all_its_places() {
    let one = leaf("a", 0, 90);
    let mut facts = tls("192.0.2.1:443", "a", one.clone());
    facts.served = vec![
        // The one that the check is mainly about, told again.
        served("192.0.2.1:443", Some("a"), Some(one.clone())),
        served("192.0.2.2:443", Some("a"), Some(one.clone())),
        served("192.0.2.1:443", None, Some(leaf("fallback", 0, 90))),
        served("192.0.2.3:443", Some("a"), None),
    ];
    let files = vec![file("/live/a.pem", Some(one)), file("/live/gone.pem", None)];
    let stored = Facts { files, ..Facts::default() };
    let snapshot =
        snapshot(vec![standing("shop", facts, Vec::new()), standing("disk", stored, Vec::new())]);
    let all = Certificates::of(&snapshot, day(1));
    assert_eq!((all.leaves.len(), all.issuing.len()), (2, 1));
    let places: Vec<String> = named(&all, "a/0").places.iter().map(Place::at).collect();
    assert_eq!(places, ["192.0.2.1:443", "192.0.2.2:443", "/live/a.pem"]);
    let fallback = named(&all, "FALLBACK/0");
    assert_eq!(fallback.places[0].served().unwrap().server_name, None);
    assert_eq!(named(&all, "r11").places.len(), 4);
    let unseen: Vec<String> = all.unseen.iter().map(Unseen::at).collect();
    assert_eq!(unseen, ["192.0.2.3:443", "/live/gone.pem"]);
}

#[test]
fn a_finding_lies_beside_what_it_names() {
    let mut facts = tls("192.0.2.1:443", "a", leaf("a", 0, 90));
    facts.served = vec![
        served("192.0.2.2:443", Some("a"), Some(leaf("a", -80, 10))),
        served("192.0.2.2:443", Some("b"), Some(leaf("b", 0, 90))),
        served("192.0.2.3:443", Some("c"), None),
    ];
    facts.files = vec![file("/live/b, old.pem", Some(leaf("b", -99, -9)))];
    let findings = vec![
        finding(Code::CertExpiring, "192.0.2.2:443 (a)"),
        finding(Code::CertWeakKey, "192.0.2.2:443 (b)"),
        finding(Code::CertExpired, "/live/b, old.pem"),
        finding(Code::CertWrongName, "192.0.2.1:443 (a), root \"X\""),
        finding(Code::CertWeakSignature, "192.0.2.1:443 (a), intermediate \"R11\"")
            .evidence("serial", "ff"),
        finding(Code::TlsOldProtocol, "shop as a whole"),
        // Of a place where none was seen, a file that is not there, and what is no certificate's.
        finding(Code::TlsHandshake, "192.0.2.3:443 (c)"),
        finding(Code::CertUnreadable, "/live/gone.pem"),
        finding(Code::HttpStatus, "192.0.2.1:443 (a)"),
    ];
    let snapshot = snapshot(vec![standing("shop", facts, findings)]);
    let all = Certificates::of(&snapshot, day(1));
    assert_eq!(
        codes(named(&all, "a/0")),
        ["cert.wrong-name", "cert.weak-signature", "tls.old-protocol"]
    );
    assert_eq!(codes(named(&all, "a/-80")), ["cert.expiring"]);
    assert_eq!(codes(named(&all, "b/0")), ["cert.weak-key"]);
    assert_eq!(codes(named(&all, "b/-99")), ["cert.expired"]);
    assert_eq!(codes(named(&all, "r11")), ["cert.weak-signature"]);
}

#[test]
fn what_one_certificate_is_all_of_is_about_it() {
    let facts = Facts { files: vec![file("/a.pem", Some(leaf("a", 0, 90)))], ..Facts::default() };
    let findings = vec![finding(Code::CertKeyMismatch, "/a.key")];
    let snapshot = snapshot(vec![standing("disk", facts, findings)]);
    let all = Certificates::of(&snapshot, day(1));
    assert_eq!(codes(named(&all, "a/0")), ["cert.key-mismatch"]);
    assert_eq!(named(&all, "a/0").state(), State::Down);
}

#[test]
fn a_life_has_its_stations() {
    let facts = leaf("a", 0, 90);
    let renewals = vec![RenewalFacts {
        fingerprint: facts.fingerprint.clone(),
        due: day(60),
        overdue: day(63),
        source: RenewalSource::Certbot,
        path: None,
        tried_at: None,
        failure: None,
        explanation: None,
    }];
    let files = vec![file("/a.pem", Some(facts))];
    let snapshot =
        snapshot(vec![standing("disk", Facts { files, renewals, ..Facts::default() }, Vec::new())]);
    for (now, life, state) in [
        (-1, Life::Early, State::Down),
        (0, Life::Fresh, State::Up),
        (60, Life::Due, State::Up),
        (63, Life::Overdue, State::Degraded),
        (90, Life::Overdue, State::Degraded),
        (91, Life::Over, State::Down),
    ] {
        let all = Certificates::of(&snapshot, day(now));
        assert_eq!((all.leaves[0].life(), all.leaves[0].state()), (life, state), "day {now}");
    }
}

#[test]
fn a_lifetime_alone_says_when_to_renew() {
    for (from, to, due) in [(0, 90, 60), (0, 6, 3), (0, 45, 30), (0, 398, 265)] {
        let renewal = Renewal::by_lifetime(&leaf("a", from, to));
        let hours = renewal.due.duration_since(day(due)).as_hours();
        assert!((0..24).contains(&hours), "{to} days: {}", renewal.due);
        assert_eq!(renewal.overdue, None, "no check has said");
    }
}

#[test]
fn what_has_been_replaced_is_not_due_and_nothing_blocks_it() {
    let trial = TrialFacts { domain: "a".to_owned(), ..TrialFacts::default() };
    let acme = AcmeFacts { file: String::new(), trials: vec![trial] };
    let path = standing(
        "renewal path",
        Facts { acme: Some(Box::new(acme)), ..Facts::default() },
        vec![finding(Code::AcmeHttp01, "/var/www: not writable")],
    );
    let of = |leaves: Vec<CertificateFacts>| {
        let files = leaves.into_iter().enumerate();
        let files = files.map(|(at, leaf)| file(&format!("/{at}.pem"), Some(leaf))).collect();
        let files = standing("disk", Facts { files, ..Facts::default() }, Vec::new());
        snapshot(vec![files, path.clone()])
    };
    let old = || leaf("a", -80, 10);
    let alone = of(vec![old()]);
    let all = Certificates::of(&alone, day(1));
    assert_eq!((all.leaves[0].life(), all.leaves[0].blocks.len()), (Life::Due, 1));
    assert_eq!(all.leaves[0].state(), State::Degraded, "its renewal will fail");

    let replaced = of(vec![old(), leaf("a", 0, 90)]);
    let all = Certificates::of(&replaced, day(1));
    let it = named(&all, "a/-80");
    assert_eq!((it.life(), it.blocks.len(), it.state()), (Life::Replaced, 0, State::Up));
    assert_eq!(named(&all, "a/0").blocks.len(), 1, "its own renewal would fail");

    let twin = CertificateFacts { key: "RSA 2048".to_owned(), ..leaf("a", 0, 90) };
    let wider = CertificateFacts {
        names: vec!["a".to_owned(), "b".to_owned()],
        fingerprint: "wide".to_owned(),
        ..old()
    };
    for (other, why) in [
        (twin, "a key of another kind stands beside it"),
        (leaf("a", 2, 90), "not valid yet"),
        (leaf("b", 0, 90), "another name"),
    ] {
        let snapshot = of(vec![wider.clone(), other]);
        let all = Certificates::of(&snapshot, day(1));
        assert!(named(&all, "wide").successor.is_none(), "{why}");
    }
}

#[test]
fn only_what_a_finding_says_of_a_challenge_is_in_the_way() {
    let address = "[2001:db8::7]:80".parse().unwrap();
    let trial = |domain: &str, passed| TrialFacts {
        domain: domain.to_owned(),
        address: Some(address),
        passed,
        ..TrialFacts::default()
    };
    let trials = vec![trial("a", false), trial("b", false), trial("c", true)];
    let acme = AcmeFacts { file: String::new(), trials };
    let facts = Facts { acme: Some(Box::new(acme)), ..Facts::default() };
    let findings = vec![
        finding(Code::AcmeHttp01, "[2001:db8::7]:80 (a)").evidence("domain", "a"),
        finding(Code::AcmeHttp01, "[2001:db8::7]:80 (b)")
            .severity(Severity::Notice)
            .evidence("domain", "b"),
    ];
    let path = standing("renewal path", facts, findings);
    let states: Vec<State> = {
        let acme = path.last.as_ref().unwrap().facts.acme.as_ref().unwrap();
        acme.trials.iter().map(|trial| tried(&path, trial)).collect()
    };
    assert_eq!(states, [State::Down, State::Unknown, State::Up]);
    let files = ["a", "b", "c"].map(|name| file(&format!("/{name}"), Some(leaf(name, 0, 90))));
    let files = Facts { files: files.to_vec(), ..Facts::default() };
    let snapshot = snapshot(vec![path, standing("disk", files, Vec::new())]);
    let all = Certificates::of(&snapshot, day(1));
    let blocks = |name: &str| named(&all, name).blocks.len();
    assert_eq!([blocks("a/0"), blocks("b/0"), blocks("c/0")], [1, 0, 0]);
}

#[test]
fn what_forbids_a_renewal_is_told_of_the_certificate_in_use() {
    let shop = standing("shop", tls("192.0.2.1:443", "a", leaf("a", 0, 90)), Vec::new());
    let other = standing("other", tls("192.0.2.2:443", "b", leaf("b", 0, 90)), Vec::new());
    let said = finding(Code::DnsCaa, "a CAA").evidence("certificate", vec!["shop".to_owned()]);
    let zone = standing("zone", Facts::default(), vec![said]);
    let snapshot = snapshot(vec![shop, other, zone]);
    let all = Certificates::of(&snapshot, day(1));
    let blocks = &named(&all, "a/0").blocks;
    assert!(matches!(blocks[..], [Block::Said((zone, _))] if &*zone.check.name == "zone"));
    assert!(named(&all, "b/0").blocks.is_empty());
}

#[test]
fn a_common_name_is_found_where_it_stands() {
    for (distinguished, name) in [
        ("CN=R11,O=Let's Encrypt,C=US", "R11"),
        ("O=A CA, CN=A\\, B", "A\\, B"),
        ("O=None", "O=None"),
        ("", ""),
    ] {
        assert_eq!(common_name(distinguished), name);
    }
}

#[test]
fn ten_thousand_are_gathered_in_one_pass() {
    let checks = (0..20).map(|check| {
        let files = (0..500).map(|n| {
            let name = format!("customer-{check}-{n}.example");
            file(&format!("/live/{name}.pem"), Some(leaf(&name, 0, 90)))
        });
        let findings = (0..500).map(|n| {
            finding(Code::CertExpiring, &format!("/live/customer-{check}-{n}.example.pem"))
        });
        let facts = Facts { files: files.collect(), ..Facts::default() };
        standing(&format!("disk {check}"), facts, findings.collect())
    });
    let snapshot = snapshot(checks.collect());
    let all = Certificates::of(&snapshot, day(1));
    assert_eq!((all.leaves.len(), all.issuing.len()), (10_000, 1));
    assert!(all.leaves.iter().all(|leaf| codes(leaf) == ["cert.expiring"]));
    assert_eq!(all.issuing[0].places.len(), 10_000);
}
