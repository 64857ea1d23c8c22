//! The whole exposition of one snapshot that has something of everything.

use std::sync::Arc;
use std::time::Duration;

use health::facts::{
    AcmeFacts, AnswerFacts, CertificateFacts, DnsFacts, DnssecFacts, FileFacts, Flags, Headers,
    HttpFacts, RecordFacts, Redirect, RenewalFacts, RenewalSource, RevocationFacts,
    RevocationSource, RevocationStanding, Security, ServedFacts, ServerFacts, SignatureFacts,
    TlsFacts, TrialFacts,
};
use health::snapshot::{CheckStanding, Last, PlanStanding, ReceiverStanding};
use health::{
    Check, Code, Facts, Finding, Incident, Phase, Phases, PortKey, Protocol, StandingFinding,
    State, Text, Thresholds, Timing,
};
use jiff::Timestamp;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn standing(name: &str, kind: Kind, state: State, facts: Facts) -> CheckStanding {
    let mut phases = Phases::default();
    if kind == Kind::Dns {
        phases.add(Phase::Request, Duration::from_millis(8));
    } else {
        phases.add(Phase::Resolve, Duration::from_millis(1));
        phases.add(Phase::Connect, Duration::from_millis(2));
    }
    if kind == Kind::Http {
        phases.add(Phase::Processing, Duration::from_millis(4));
    }
    CheckStanding {
        check: Arc::new(Check {
            name: name.into(),
            kind,
            instance: format!("{name}.example:1").into(),
            host: None,
            timing: Timing::Every(Duration::from_secs(30)),
            timeout: Duration::from_secs(5),
            thresholds: Thresholds::default(),
            depends_on: Vec::new(),
            labels: std::collections::BTreeMap::new(),
        }),
        port: None,
        claim: None,
        state,
        since: at(0),
        flapping: false,
        tenure: None,
        upstream: Vec::new(),
        outer_port: None,
        contrast: None,
        last: Some(Arc::new(Last {
            at: at(10),
            duration: Duration::from_millis(12),
            phases,
            facts,
            findings: Vec::new(),
            success: state == State::Up,
        })),
        findings: Vec::new(),
        incident: None,
        next_due: None,
    }
}

fn finding(code: Code, severity: Severity) -> StandingFinding {
    let finding = Finding::new(code, "subject", Text::same("what"), Text::same("do"));
    StandingFinding {
        finding: Arc::new(finding.severity(severity)),
        since: at(0),
        confirmed: true,
        explained_by: None,
    }
}

fn certificate(name: &str, not_after: i64) -> CertificateFacts {
    CertificateFacts {
        fingerprint: "ab".repeat(32),
        serial: "01:02".into(),
        subject: format!("CN={name}"),
        issuer: "CN=\"R\", O=back\\slash\nline".into(),
        names: vec![name.into(), format!("www.{name}")],
        not_before: at(-1000),
        not_after: at(not_after),
        key: "ECDSA P-256".into(),
        signature: "ecdsa-with-SHA256".into(),
        is_ca: false,
        ..CertificateFacts::default()
    }
}

fn file(path: &str) -> FileFacts {
    FileFacts {
        path: path.into(),
        modified: None,
        chain: Arc::new(vec![certificate("shop.example", 9000)]),
        ..FileFacts::default()
    }
}

fn handshake() -> Box<TlsFacts> {
    Box::new(TlsFacts {
        protocol: "TLS 1.3".into(),
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        alpn: None,
        server_name: "shop.example".into(),
        chain: Arc::new(vec![certificate("shop.example", 5000), certificate("between", 4000)]),
        trusted: true,
        path_not_after: Some(at(5000)),
        file: Some(file("/tls/shop.pem")),
        ..TlsFacts::default()
    })
}

/// Of one server at two addresses, by name and without, one of them silent.
fn handshakes() -> Facts {
    let leaf = certificate("shop.example", 5000);
    let served = |address: &str, name: Option<&str>, chain| ServedFacts {
        address: address.parse().unwrap(),
        server_name: name.map(ToOwned::to_owned),
        protocol: "TLS 1.3".into(),
        chain: Arc::new(chain),
        file: None,
        named_in: None,
        failure: None,
    };
    let mut tls = handshake();
    // Chains repeat themselves now and then.
    Arc::make_mut(&mut tls.chain).push(leaf.clone());
    tls.revocation = Some(Box::new(RevocationFacts {
        standing: RevocationStanding::Good,
        source: RevocationSource::Staple,
        url: None,
        this_update: at(0),
        next_update: Some(at(700)),
        revoked_at: None,
        reason: None,
    }));
    let renewal = RenewalFacts {
        fingerprint: leaf.fingerprint.clone(),
        due: at(2000),
        overdue: at(3000),
        source: RenewalSource::Lifetime,
        path: None,
        tried_at: None,
        failure: None,
        explanation: None,
    };
    let trial = |address: &str, passed| TrialFacts {
        domain: "shop.example".into(),
        address: address.parse().ok(),
        passed,
        ..TrialFacts::default()
    };
    let trials = vec![trial("127.0.0.1:80", true), trial("[::1]:80", false)];
    Facts {
        tls: Some(tls),
        served: vec![
            served("127.0.0.2:443", Some("shop.example"), vec![leaf.clone()]),
            served("127.0.0.1:443", None, vec![leaf]),
            served("127.0.0.3:443", Some("shop.example"), Vec::new()),
        ],
        renewals: vec![renewal.clone(), renewal],
        acme: Some(Box::new(AcmeFacts { file: "/webroot/x".into(), trials })),
        ..Facts::default()
    }
}

fn web() -> CheckStanding {
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
        content_length: None,
        headers: Headers::default(),
        request: None,
        excerpt: None,
        failed_due_to_regex: true,
    };
    let facts = Facts {
        address: Some("127.0.0.1:8443".parse().unwrap()),
        http: Some(Box::new(http)),
        tls: Some(handshake()),
        ..Facts::default()
    };
    let mut web = standing("상점", Kind::Http, State::Down, facts);
    web.findings = vec![
        finding(Code::HttpBadGateway, Severity::Critical),
        finding(Code::CertExpiring, Severity::Warning),
        finding(Code::CertExpiring, Severity::Warning),
    ];
    web
}

fn silent_web() -> CheckStanding {
    let facts = Facts { http: Some(Box::default()), ..Facts::default() };
    standing("silent", Kind::Http, State::Down, facts)
}

fn zone() -> CheckStanding {
    let server = |name: &str, address: &str, is_resolver, serial| ServerFacts {
        name: name.into(),
        address: address.parse().ok(),
        is_resolver,
        serial,
        reachable: serial.is_some(),
        rtt_seconds: Some(0.002),
        counts: [1, 4, 2],
        ..ServerFacts::default()
    };
    let answer = |server, matches| AnswerFacts {
        server,
        outcome: "values".into(),
        values: Arc::new(vec!["192.0.2.10".into()]),
        ttl: Some(300),
        flags: Flags::from_iter(["aa"]),
        rtt_seconds: Some(0.002),
        over_tcp: false,
        matches,
        ..AnswerFacts::default()
    };
    let dns = DnsFacts {
        zone: "shop.example".into(),
        servers: vec![
            server("ns1.shop.example", "127.53.0.1:53", false, Some(2026)),
            server("127.53.0.2:5353", "127.53.0.2:5353", false, Some(2027)),
            server("lost.shop.example", "nowhere", false, None),
            server("127.0.0.1:53", "127.0.0.1:53", true, Some(9999)),
            // It serves the zone above, too, and is asked there for the DS.
            ServerFacts {
                is_above: true,
                reachable: true,
                ..server("127.53.0.2:5353", "127.53.0.2:5353", false, None)
            },
        ],
        records: vec![RecordFacts {
            name: "shop.example".into(),
            record_type: "A".into(),
            expected: "192.0.2.10".into(),
            // The last server does not exist: a bug elsewhere must not end the scrape.
            answers: vec![
                answer(0, true),
                answer(1, false),
                answer(2, false),
                answer(3, false),
                answer(9, true),
            ],
        }],
        dnssec: Some(Box::new(DnssecFacts {
            state: Security::Secure,
            reason: None,
            anchor: None,
            examined_at: at(0),
            keys: Vec::new(),
            ds: Vec::new(),
            signatures: vec![SignatureFacts {
                server: "ns1.shop.example".into(),
                address: "127.53.0.1:53".parse().unwrap(),
                sets: [3, 3],
                earliest_end: Some(at(86_400)),
                earliest_set: None,
            }],
        })),
    };
    standing(
        "zone",
        Kind::Dns,
        State::Degraded,
        Facts { dns: Some(Box::new(dns)), ..Facts::default() },
    )
}

fn port(number: u16, protocol: Protocol, state: State) -> CheckStanding {
    let key = PortKey { host: "web".into(), port: number, protocol };
    let mut port = standing(&key.to_string(), Kind::Port, state, Facts::default());
    port.port = Some(key);
    port
}

fn snapshot() -> Snapshot {
    let mut never = standing(&"긴 이름 ".repeat(40), Kind::Tcp, State::Unknown, Facts::default());
    never.last = None;
    let files = Facts { files: vec![file("/tls/a.pem")], ..Facts::default() };
    let checks = vec![
        web(),
        silent_web(),
        standing("shop certificate", Kind::Tls, State::Up, handshakes()),
        standing("on disk", Kind::Certificate, State::Up, files),
        zone(),
        never,
        port(3011, Protocol::Tcp, State::Up),
        port(53, Protocol::Udp, State::Down),
    ];
    Snapshot {
        agent: "edge".into(),
        at: at(20),
        started_at: at(0),
        plan: PlanStanding { path: "probes.toml".into(), loaded_at: at(0), refused: None },
        checks: checks.into_iter().map(Arc::new).collect(),
        hosts: Vec::new(),
        ephemeral: None,
        swept: Vec::new(),
        listen: None,
        incidents: vec![Arc::new(Incident {
            id: "i1".into(),
            check: "상점".into(),
            kind: Kind::Http,
            instance: "shop".into(),
            host: None,
            severity: Severity::Critical,
            state: State::Down,
            opened_at: at(5),
            updated_at: at(5),
            resolved_at: None,
            findings: Vec::new(),
            explained_by: None,
            waits_until: None,
            consequences: Vec::new(),
            labels: std::collections::BTreeMap::new(),
            flapping: None,
            acknowledged: None,
        })],
        receivers: Vec::new(),
        silences: Vec::new(),
        maintenance: Vec::new(),
        troubles: Vec::new(),
    }
}

#[test]
fn a_very_large_zone_has_no_more_series_than_promised() {
    let server = |n: u8| ServerFacts {
        name: format!("ns{n}.shop.example").into(),
        address: format!("192.0.2.{n}:53").parse().ok(),
        asked: 9,
        lost: 2,
        repeated: 1,
        ..ServerFacts::default()
    };
    let record = |n: usize| RecordFacts {
        name: format!("host-{n}.shop.example").into(),
        record_type: "A".into(),
        answers: (0..40).map(|server| AnswerFacts { server, ..AnswerFacts::default() }).collect(),
        ..RecordFacts::default()
    };
    let dns = DnsFacts {
        servers: (0..40).map(server).collect(),
        records: (0..230).map(record).collect(),
        ..DnsFacts::default()
    };
    let facts = Facts { dns: Some(Box::new(dns)), ..Facts::default() };
    let zone = standing("large", Kind::Dns, State::Up, facts);
    let (_sender, receiver) =
        watch::channel(Arc::new(Snapshot { checks: vec![Arc::new(zone.clone())], ..snapshot() }));
    let metrics = Metrics::new(receiver);
    let dns = || zone.last.as_ref().unwrap().facts.dns.as_deref().unwrap();
    for _ in 0..2 {
        metrics.counters.dns_queries(&"large".into(), dns());
    }
    let text = metrics.render(Format::Text004).unwrap();
    let count = |family: &str| text.lines().filter(|line| line.starts_with(family)).count();
    assert_eq!(count("portwarden_dns_record_matches{"), 200 * 32);
    assert_eq!(count("portwarden_dns_server_up{"), 32);
    assert_eq!(count("portwarden_dns_queries_total{"), 32 * 3);
    for line in [
        r#"portwarden_dns_left_out{check="large",what="records"} 30"#,
        r#"portwarden_dns_left_out{check="large",what="servers"} 8"#,
        r#"portwarden_dns_queries_total{check="large",nameserver="ns7.shop.example (192.0.2.7:53)",outcome="lost"} 4"#,
        r#"portwarden_dns_queries_total{check="large",nameserver="ns7.shop.example (192.0.2.7:53)",outcome="answered"} 12"#,
    ] {
        assert!(text.contains(line), "{line}");
    }
    metrics.counters.plan_changed(&[]);
    assert!(!metrics.render(Format::Text004).unwrap().contains("dns_queries_total{"));
}

#[test]
fn strangers_are_counted_where_they_are_looked_for() {
    let host = |name: &str, undeclared| health::Host {
        name: name.into(),
        address: "127.0.0.1".into(),
        local: true,
        undeclared,
        addresses: health::claim::Addresses::default(),
        ignore: Vec::new(),
        claims: Vec::new(),
    };
    let warn = health::Undeclared::Warn;
    let ignored = host("ignored", health::Undeclared::Ignore);
    let hosts = [host("web", warn), host("later", warn), ignored];
    let mut snapshot = snapshot();
    snapshot.hosts = hosts.into_iter().map(Arc::new).collect();
    snapshot.swept = vec!["ignored".into(), "web".into()];
    let (_, snapshot) = watch::channel(Arc::new(snapshot));
    let mut metrics = Metrics { registry: Registry::default(), counters: Counters::default() };
    metrics.registry.register_collector(Box::new(series::Series::new(
        snapshot,
        metrics.counters.spoken.clone(),
    )));
    let page = metrics.render(Format::Text004).unwrap();
    let told = |host: &str, claim: &str| {
        let series =
            format!("portwarden_listeners{{host=\"{host}\",protocol=\"tcp\",claim=\"{claim}\"}}");
        page.contains(&series)
    };
    for (host, strangers) in [("web", true), ("later", false), ("ignored", false)] {
        assert!(told(host, "allocated"), "{host}");
        assert_eq!(told(host, ""), strangers, "{host}");
    }
}

/// Everything but `process_*`, whose values are this very process's.
fn page(format: Format) -> String {
    let (_, snapshot) = watch::channel(Arc::new(snapshot()));
    let mut metrics = Metrics { registry: Registry::default(), counters: Counters::default() };
    metrics.counters.register(&mut metrics.registry);
    metrics.registry.register_collector(Box::new(series::Series::new(
        snapshot,
        metrics.counters.spoken.clone(),
    )));
    let counters = &metrics.counters;
    counters.probe(Kind::Http, ProbeOutcome::Failure);
    counters.probe(Kind::Http, ProbeOutcome::Panic);
    counters.incident(Severity::Critical);
    counters.know_receiver("quiet");
    let standing =
        ReceiverStanding { name: "ops".into(), pending: 2, ..ReceiverStanding::default() };
    let dispatch = alerts::Dispatch {
        standing,
        delivered: 3,
        retried: 1,
        failed: 0,
        expired: 2,
        gave_up_at: None,
    };
    counters.dispatches(&[dispatch]);
    counters.lag(Duration::from_millis(3));
    counters.plan_changed(&Vocabulary::ALL);
    counters.turns(4, 5);
    counters.turns(4, 6);
    counters.samples_dropped(7);
    in_order(&metrics.render(format).unwrap()).replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// Samples of one family in alphabetical order: the library keeps counters in a hash map.
fn in_order(page: &str) -> String {
    let mut lines: Vec<&str> = page.lines().collect();
    for family in lines.chunk_by_mut(|a, b| a.starts_with('#') == b.starts_with('#')) {
        if !family[0].starts_with('#') {
            family.sort_unstable();
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn text_004() {
    insta::assert_snapshot!(page(Format::Text004));
}

#[test]
fn open_metrics_has_the_same_samples() {
    let open = page(Format::OpenMetrics);
    assert!(open.ends_with("# EOF\n"));
    let samples = |page: &str| -> Vec<String> {
        page.lines().filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect()
    };
    assert_eq!(samples(&open), samples(&page(Format::Text004)));
}

#[test]
fn no_series_twice_and_every_family_has_help_and_type() {
    let page = page(Format::Text004);
    let mut seen = std::collections::HashSet::new();
    let mut families = std::collections::HashSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(families.insert(rest.split(' ').next().unwrap()), "{line}");
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').unwrap();
            assert!(seen.insert(series.to_owned()), "twice: {series}");
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .filter(|family| families.contains(family))
                .unwrap_or(name);
            assert!(families.contains(family), "{line}");
        }
    }
}

#[test]
fn names_of_other_exporters_are_written_where_they_are_wanted() {
    let (_sender, receiver) = watch::channel(Arc::new(snapshot()));
    let metrics = Metrics::new(receiver);
    let theirs = |wanted: &[Vocabulary]| {
        metrics.counters.plan_changed(wanted);
        let page = metrics.render(Format::Text004).unwrap();
        ["ssl_cert_not_after{", "x509_cert_not_after{"].map(|name| page.contains(name))
    };
    assert_eq!(theirs(&[]), [false, false]);
    assert_eq!(theirs(&[Vocabulary::SslExporter]), [true, false]);
    assert_eq!(theirs(&[Vocabulary::X509CertificateExporter]), [false, true]);
    assert_eq!(theirs(&Vocabulary::ALL), [true, true]);
}
