//! What `probe` prints, without colour.

use std::sync::Arc;
use std::time::Duration;

use health::facts::*;
use health::{Code, Facts, Finding, Phases};
use jiff::{SignedDuration, Timestamp};

use super::*;

fn at() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn seen(facts: Facts) -> Observation {
    Observation {
        at: at(),
        duration: Duration::from_millis(12),
        phases: Phases::default(),
        facts,
        findings: Vec::new(),
    }
}

/// The blocks of facts as they reach a pipe.
fn plain(kind: &str, facts: Facts, language: Language) -> String {
    let text = format!("[[{kind}]]\nname = \"a\"\n");
    let text =
        text + if kind == "dns" { "zone = \"shop.example\"" } else { "address = \"127.0.0.1:1\"" };
    let plan = plan::parse(&text, Path::new("p"), Path::new("/"), &plan::ThisMachine).unwrap();
    let text =
        facts::blocks(&plan.checks[0].spec, &seen(facts), Detail::Brief, language).join("\n");
    anstream::adapter::strip_str(&text).to_string()
}

fn certificate(subject: &str, from_days: i64, to_days: i64) -> CertificateFacts {
    let ahead = |days: i64| at() + SignedDuration::from_hours(24 * days);
    CertificateFacts {
        fingerprint: "ab".repeat(32),
        serial: "01:02".into(),
        subject: subject.into(),
        issuer: "CN=R12, O=Let's Encrypt\u{1b}[31m".into(),
        names: vec!["shop.example".into(), "www.shop.example".into()],
        not_before: ahead(from_days),
        not_after: ahead(to_days),
        key: "ECDSA P-256".into(),
        signature: "sha256WithRSAEncryption".into(),
        is_ca: false,
        is_self_signed: subject.contains("root"),
        ..CertificateFacts::default()
    }
}

#[test]
fn a_handshake_certificate_by_certificate() {
    let tls = TlsFacts {
        protocol: "TLS 1.3".into(),
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        alpn: Some("h2".into()),
        server_name: "shop.example".into(),
        chain: Arc::new(vec![
            certificate("CN=shop.example", -10, 80),
            certificate("CN=old", -90, -3),
            certificate("CN=root", 1, 4000),
        ]),
        trusted: false,
        path_not_after: None,
        file: Some(FileFacts {
            path: "/tls/shop.pem".into(),
            modified: None,
            chain: Arc::new(vec![certificate("CN=shop.example", -1, 4)]),
            ..FileFacts::default()
        }),
        ..TlsFacts::default()
    };
    let facts = Facts {
        address: Some("127.0.0.1:8443".parse().unwrap()),
        tls: Some(Box::new(tls)),
        ..Facts::default()
    };
    insta::assert_snapshot!(plain("tls", facts.clone(), Language::En));
    assert!(plain("tls", facts, Language::Ko).contains("90일 중 80일 남음"));
}

#[test]
fn what_is_well_and_what_is_served_elsewhere() {
    let leaf = CertificateFacts {
        spki_sha256: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into(),
        timestamps: Some(2),
        ..certificate("CN=shop.example", -10, 80)
    };
    let issuer =
        CertificateFacts { issuer: "CN=ISRG Root X1".into(), ..certificate("CN=R12", -90, 900) };
    let chain = Arc::new(vec![leaf.clone(), certificate("CN=spare", -9, 90), issuer]);
    let place =
        |address: &str, name: Option<&str>, chain: &Arc<Vec<CertificateFacts>>| ServedFacts {
            address: address.parse().unwrap(),
            server_name: name.map(str::to_owned),
            protocol: "TLS 1.3".into(),
            chain: chain.clone(),
            file: None,
            named_in: None,
            failure: None,
        };
    let (name, other) = (
        Some("shop.example"),
        CertificateFacts { fingerprint: "cd".repeat(32), ..certificate("CN=old", -90, -3) },
    );
    let dead = ServedFacts {
        protocol: String::new(),
        failure: Some("[::1]:443 (shop.example) refused the connection".into()),
        ..place("[::1]:443", name, &Arc::default())
    };
    let tls = TlsFacts {
        protocol: "TLS 1.3".into(),
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        server_name: "shop.example".into(),
        path_not_after: Some(leaf.not_after),
        path: vec![0, 2],
        chain: chain.clone(),
        trusted: true,
        ..TlsFacts::default()
    };
    let facts = Facts {
        address: Some("127.0.0.1:443".parse().unwrap()),
        tls: Some(Box::new(tls)),
        served: vec![
            place("127.0.0.1:443", None, &Arc::new(vec![other.clone()])),
            place("127.0.0.2:443", name, &chain),
            place("127.0.0.3:443", name, &Arc::new(vec![leaf])),
            place("127.0.0.4:443", name, &Arc::new(vec![other])),
            dead,
        ],
        ..Facts::default()
    };
    insta::assert_snapshot!(plain("tls", facts.clone(), Language::En));
    let korean = plain("tls", facts, Language::Ko);
    assert!(korean.contains("127.0.0.1:443 SNI 없이"), "{korean}");
    assert!(korean.contains("✓ addresses"), "{korean}");
}

#[test]
fn nothing_is_called_well_that_was_not_looked_at() {
    let text = "[[tls]]\nname = \"a\"\naddress = \"127.0.0.1:1\"\nmin_version = \"1.2\"\nclient_certificate = \"/tls/client.pem\"";
    let plan = plan::parse(text, Path::new("p"), Path::new("/"), &plan::ThisMachine).unwrap();
    let file = |path: &str| Some(FileFacts { path: path.into(), ..FileFacts::default() });
    let tls = TlsFacts {
        protocol: "TLS 1.3".into(),
        server_name: "shop.example".into(),
        chain: Arc::new(vec![certificate("CN=shop.example", -10, 80)]),
        file: file("/tls/shop.pem"),
        ..TlsFacts::default()
    };
    let said = |tls: &TlsFacts, found: &[(Code, &str)]| {
        let facts = Facts {
            address: Some("127.0.0.1:443".parse().unwrap()),
            tls: Some(Box::new(tls.clone())),
            ..Facts::default()
        };
        let nothing = || health::Text::same("a");
        let findings = found
            .iter()
            .map(|(code, subject)| Finding::new(*code, *subject, nothing(), nothing()))
            .collect();
        let seen = Observation { findings, ..seen(facts) };
        let spec = &plan.checks[0].spec;
        let text = facts::blocks(spec, &seen, Detail::Brief, Language::En).join("\n");
        anstream::adapter::strip_str(&text).to_string()
    };
    let well = said(&tls, &[]);
    assert!(well.contains("✓ file      /tls/shop.pem is what is served"), "{well}");
    assert!(well.contains("✓ versions  nothing below TLS 1.2"), "{well}");

    // The file is another site's: that says nothing of what is served.
    let other = said(&tls, &[(Code::CertWrongName, "/tls/shop.pem")]);
    assert!(other.contains("✗ file      cert.wrong-name\n"), "{other}");
    assert!(other.contains("✓ name"), "{other}");

    // Our own certificate has ended, not the server's.
    let ours = said(&tls, &[(Code::CertExpired, "/tls/client.pem, intermediate \"R1\"")]);
    assert!(ours.contains("✗ client    cert.expired\n"), "{ours}");
    assert!(ours.contains("✓ dates") && ours.contains("✓ file"), "{ours}");

    // The handshake broke off: no other version was asked for.
    let cut = said(&tls, &[(Code::TlsHandshake, "127.0.0.1:443 (shop.example)")]);
    assert!(!cut.contains("versions"), "{cut}");
    let cut = said(&TlsFacts { protocol: String::new(), ..tls.clone() }, &[]);
    assert!(!cut.contains("versions"), "{cut}");
    let other = said(&tls, &[(Code::TlsHandshake, "127.0.0.2:443 (shop.example)")]);
    assert!(other.contains("✓ versions"), "{other}");
}

#[test]
fn an_answer_with_its_way_and_its_headers() {
    let http = HttpFacts {
        status: Some(502),
        version: "1.1".into(),
        url: "https://shop.example/live".into(),
        redirects: vec![Redirect {
            url: "http://shop.example/live".into(),
            status: 301,
            location: "https://shop.example/live".into(),
        }],
        body_bytes: 16,
        content_length: Some(20),
        headers: Headers::from_iter([("server", "nginx\u{7}")]),
        request: None,
        excerpt: Some("502 Bad\nGateway".into()),
        failed_due_to_regex: false,
    };
    let facts = Facts {
        address: Some("127.0.0.1:80".parse().unwrap()),
        resolved: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        http: Some(Box::new(http)),
        ..Facts::default()
    };
    insta::assert_snapshot!(plain("tcp", facts, Language::En));
}

#[test]
fn a_zone_server_by_server() {
    let server = |name: &str, address: Option<&str>, serial| ServerFacts {
        name: name.into(),
        address: address.map(|address| address.parse().unwrap()),
        is_resolver: name.starts_with("127"),
        serial,
        reachable: serial.is_some(),
        rtt_seconds: serial.map(|_| 0.0021),
        counts: [1, 0, 0],
        ..ServerFacts::default()
    };
    let answer = |server, outcome: &'static str, values: &[&str], matches| AnswerFacts {
        server,
        outcome: outcome.into(),
        values: Arc::new(values.iter().map(ToString::to_string).collect()),
        ttl: (!values.is_empty()).then_some(300),
        flags: Flags::from_iter(["aa", "rd"]),
        rtt_seconds: Some(0.0004),
        over_tcp: server == 1,
        matches,
        ..AnswerFacts::default()
    };
    let dns = DnsFacts {
        zone: "shop.example".into(),
        servers: vec![
            server("ns1.shop.example", Some("127.53.0.1:53"), Some(2026)),
            server("이름.shop.example", Some("[::1]:53"), Some(2027)),
            server("lost.shop.example", None, None),
            server("127.0.0.1:53", Some("127.0.0.1:53"), Some(2026)),
        ],
        records: vec![RecordFacts {
            name: "shop.example".into(),
            record_type: "A".into(),
            expected: "192.0.2.10".into(),
            answers: vec![
                answer(0, "values", &["192.0.2.10"], true),
                answer(1, "values", &["192.0.2.10", "192.0.2.11"], false),
                answer(2, "timeout", &[], false),
                answer(3, "nxdomain", &[], false),
            ],
        }],
        ..DnsFacts::default()
    };
    let facts = Facts {
        address: Some("127.53.0.1:53".parse().unwrap()),
        dns: Some(Box::new(dns)),
        ..Facts::default()
    };
    insta::assert_snapshot!(plain("dns", facts.clone(), Language::En));

    let on = |width, detail, language| {
        let paper = matrix::Paper { width, detail, language };
        let blocks = matrix::blocks(facts.dns.as_deref().unwrap(), at(), paper);
        anstream::adapter::strip_str(&blocks.join("\n")).to_string()
    };
    let numbered = on(80, Detail::Brief, Language::En);
    assert!(numbered.contains("#1  #2                        #3"), "{numbered}");
    let narrow = on(40, Detail::Brief, Language::Ko);
    assert!(narrow.contains("✗ 192.0.2.10, 192.0.2.11\n    #2 이름.shop.example\n"), "{narrow}");
    assert!(narrow.contains("✗ 응답 없음"), "{narrow}");
    let raw = on(80, Detail::Raw, Language::En);
    assert!(raw.contains("      NOERROR, flags aa rd, TTL 300 s, TCP 0.4 ms, 0/0/0\n"), "{raw}");
    assert!(raw.contains("      $ dig @::1 +norecurse shop.example A\n"), "{raw}");

    // A server of the zone above is asked for the DS alone, and nobody else is asked for that.
    let mut above = *facts.dns.clone().unwrap();
    above.servers.push(ServerFacts {
        is_above: true,
        reachable: true,
        ..server("127.53.0.9:53", Some("127.53.0.9:53"), None)
    });
    above.servers[4].is_resolver = false;
    above.records.push(RecordFacts {
        name: "shop.example".into(),
        record_type: "DS".into(),
        expected: "1 13 2 AB".into(),
        answers: vec![answer(4, "values", &["1 13 2 AB"], true)],
    });
    let paper = matrix::Paper { width: 200, detail: Detail::Brief, language: Language::En };
    let blocks = matrix::blocks(&above, at(), paper);
    let told = anstream::adapter::strip_str(&blocks.join("\n")).to_string();
    assert_eq!(told.matches("shop.example DS").count(), 1, "{told}");
    assert_eq!(told.matches("shop.example A").count(), 2, "{told}");
    assert!(told.contains("at the zone above\n"), "{told}");
    let row = told.lines().find(|line| line.contains("127.53.0.9")).unwrap();
    assert!(row.contains("parent") && !row.contains("no answer"), "{row}");
}
