//! The names that people's files, dashboards, scripts and rules depend on, held against a running
//! agent with a check of every kind. More may be there; nothing of this may go or change.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod scene;
mod shape;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portwarden::clock;
use serde_json::Value;
use tokio::net::TcpListener;

use scene::{SECRET, Scene};
use shape::{hangul, has, is_finding, list, one_of, series, times_are_rfc3339};
use support::agent::{client, eventually};

/// Metrics with the labels they have at least, `*` for those of every check.
const METRICS: &[(&str, &[&str])] = &[
    ("probe_success", &["*"]),
    ("probe_duration_seconds", &["*"]),
    ("probe_dns_lookup_time_seconds", &["*"]),
    ("probe_http_duration_seconds", &["*", "phase"]),
    ("probe_http_status_code", &["*"]),
    ("probe_http_version", &["*"]),
    ("probe_http_redirects", &["*"]),
    ("probe_http_ssl", &["*"]),
    ("probe_http_content_length", &["*"]),
    ("probe_ssl_earliest_cert_expiry", &["*"]),
    ("probe_ssl_last_chain_expiry_timestamp_seconds", &["*"]),
    ("probe_ssl_last_chain_info", &["*"]),
    ("probe_tls_version_info", &["*"]),
    ("probe_tls_cipher_info", &["*"]),
    ("probe_dns_duration_seconds", &["*", "phase"]),
    ("probe_dns_answer_rrs", &["*"]),
    ("probe_dns_serial", &["*"]),
    ("probe_failed_due_to_regex", &["*"]),
    ("probe_ip_protocol", &["*"]),
    ("portwarden_findings", &["check", "kind", "code", "severity"]),
    ("portwarden_check_state", &["*"]),
    ("portwarden_port_state", &["host", "port", "protocol", "service", "claim"]),
    ("portwarden_listeners", &["host", "protocol", "claim"]),
    ("portwarden_certificate_not_after_timestamp_seconds", &["*"]),
    ("portwarden_certificate_not_before_timestamp_seconds", &["*"]),
    ("portwarden_dns_record_matches", &["check", "name", "type", "nameserver"]),
    ("portwarden_dns_record_ttl_seconds", &["check", "name", "type", "nameserver"]),
    ("portwarden_dns_server_up", &["check", "zone", "nameserver", "role"]),
    ("portwarden_dns_server_rtt_seconds", &["check", "zone", "nameserver", "role"]),
    ("portwarden_dns_server_serial", &["check", "zone", "nameserver", "role"]),
    ("portwarden_dns_queries_total", &["check", "nameserver", "outcome"]),
    ("portwarden_dns_left_out", &["check", "what"]),
    ("portwarden_incidents_total", &[]),
    ("portwarden_notifications_total", &["receiver", "outcome"]),
    ("portwarden_outbox_pending", &[]),
    ("portwarden_schedule_lag_seconds_bucket", &["le"]),
    ("portwarden_schedule_lag_seconds_sum", &[]),
    ("portwarden_schedule_lag_seconds_count", &[]),
    ("portwarden_probes_total", &["kind", "outcome"]),
    ("portwarden_plan_last_reload_successful", &[]),
    ("portwarden_build_info", &["version"]),
    ("process_cpu_seconds_total", &[]),
    ("process_resident_memory_bytes", &[]),
    ("process_open_fds", &[]),
    ("process_start_time_seconds", &[]),
];

const WEBHOOK_KEYS: &[&str] = &[
    "type",
    "id",
    "agent",
    "check",
    "kind",
    "severity",
    "state",
    "opened_at",
    "resolved_at",
    "findings",
    "url",
];

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_their_names_and_labels() {
    let scene = Scene::start(1).await;
    let (_, text) = scene.agent.fetch("/metrics").await.unwrap();
    let series = series(&text);
    for (name, wanted) in METRICS {
        let Some(all) = series.get(*name) else { panic!("no {name}\n{text}") };
        for labels in all {
            for label in *wanted {
                let needed: &[&str] = match *label {
                    "*" => &["check", "kind", "instance"],
                    _ => &[label],
                };
                for label in needed {
                    assert!(labels.contains_key(*label), "{name} without {label}: {labels:?}");
                }
            }
        }
    }
    let phases = |name: &str, check: &str| -> BTreeSet<String> {
        let of_check = series[name].iter().filter(|labels| labels["check"] == check);
        of_check.map(|labels| labels["phase"].clone()).collect()
    };
    let all = ["connect", "processing", "resolve", "tls", "transfer"].map(str::to_owned);
    assert_eq!(phases("probe_http_duration_seconds", "shop"), all.into());
    assert!(!phases("probe_dns_duration_seconds", "zone").is_empty());
    let of = |name: &str, label: &str| -> BTreeSet<&str> {
        series[name].iter().map(|labels| &*labels[label]).collect()
    };
    assert!(of("portwarden_notifications_total", "outcome").contains("delivered"));
    let kinds = of("portwarden_check_state", "kind");
    assert!(
        kinds.is_superset(&["tcp", "http", "tls", "dns", "certificate", "port"].into()),
        "{kinds:?}"
    );
    assert!(of("portwarden_findings", "code").is_superset(&["tcp.refused", "port.dead"].into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_has_its_shapes() {
    let scene = Scene::start(2).await;
    let findings = list(&scene.agent, "findings").await;
    for finding in &findings {
        is_finding(finding);
    }
    let checks = list(&scene.agent, "checks").await;
    for check in &checks {
        has(check, &["name", "kind", "instance", "state", "flapping", "since", "last", "findings"]);
        one_of(&check["state"], &["unknown", "up", "degraded", "down"]);
        assert!(check["flapping"].is_boolean(), "{check}");
        check["findings"].as_array().unwrap().iter().for_each(is_finding);
        if check["kind"] != "port" {
            has(&check["last"], &["at", "duration_seconds", "phases", "facts"]);
        }
    }
    let shop = checks.iter().find(|check| check["name"] == "shop").unwrap();
    assert!(shop["last"]["duration_seconds"].is_number(), "{shop}");
    let phases = shop["last"]["phases"].as_object().unwrap();
    assert!(phases.values().all(Value::is_number) && phases.contains_key("connect"), "{shop}");
    assert_eq!(shop["last"]["facts"]["http"]["status"], 200);

    let ports = list(&scene.agent, "ports").await;
    for port in &ports {
        let keys =
            ["host", "port", "protocol", "service", "claim", "exposure", "observed", "findings"];
        has(port, &keys);
        has(&port["observed"], &["listening", "bind", "process", "pid", "reachable"]);
        has(&port["observed"], &["since", "before"]);
        port["findings"].as_array().unwrap().iter().for_each(is_finding);
    }
    let number = scene.open.local_addr().unwrap().port();
    let open = ports.iter().find(|port| port["port"] == number).unwrap();
    assert_eq!(open["claim"], "allocated");
    assert_eq!(open["protocol"], "tcp");
    assert_eq!(open["observed"]["listening"], true);
    assert_eq!(open["observed"]["bind"][0], scene.open.local_addr().unwrap().to_string());
    assert_eq!(open["observed"]["pid"], std::process::id());
    assert!(ports.iter().any(|port| port["claim"].is_null()), "no undeclared listener");
    let path = format!("/ports/here/{number}/changes");
    let mut changes = Value::Null;
    eventually("what was seen first is written down", async || {
        changes = scene.agent.api(&path).await;
        changes["changes"].as_array().is_some_and(|changes| !changes.is_empty())
    })
    .await;
    assert_eq!(changes["port"]["port"], number);
    has(&changes["changes"][0], &["since", "holding", "before"]);
    let holding = &changes["changes"][0]["holding"];
    has(holding, &["listening", "process", "pid", "bind"]);
    assert_eq!(holding["pid"], std::process::id());
    times_are_rfc3339(&changes);

    for (name, keys) in [
        (
            "certificates",
            &[
                "subject",
                "issuer",
                "names",
                "not_before",
                "not_after",
                "fingerprint",
                "serial",
                "position",
                "state",
                "life",
                "renewal",
                "revocation",
                "successor",
                "blocks",
                "findings",
                "places",
            ][..],
        ),
        ("dns", &["check", "zone", "servers", "records", "findings"]),
        ("incidents", &["id", "check", "kind", "severity", "opened_at", "resolved_at", "findings"]),
    ] {
        let rows = list(&scene.agent, name).await;
        assert!(!rows.is_empty(), "no {name}");
        rows.iter().for_each(|row| has(row, keys));
    }
    zones_have_their_shape(&scene).await;
    for name in ["findings", "checks", "ports", "certificates", "dns", "incidents"] {
        times_are_rfc3339(&scene.agent.api(&format!("/{name}")).await);
    }
}

async fn zones_have_their_shape(scene: &Scene) {
    let zone = list(&scene.agent, "dns").await.remove(0);
    has(&zone, &["state", "since", "at", "dnssec"]);
    has(&zone["servers"][0], &["name", "address", "is_resolver", "serial", "reachable", "asked"]);
    let record = &zone["records"][0];
    has(record, &["name", "type", "record_type", "expected", "matches"]);
    let answer = &record["answers"][0];
    has(answer, &["server", "nameserver", "address", "is_resolver", "outcome", "rcode", "values"]);
    has(answer, &["ttl", "flags", "rtt_seconds", "over_tcp", "matches", "counts"]);
    assert_eq!(answer["flags"][0], "aa", "{answer:#}");
    assert!(answer["dig"].as_str().unwrap().starts_with("dig @127."), "{answer:#}");
    let none = scene.agent.api("/dns?zone=nowhere.example").await;
    assert_eq!(none["dns"].as_array().unwrap().len(), 0);

    let mut turns = Value::Null;
    eventually("what was said first is written down", async || {
        turns = scene.agent.api("/dns/zone/turns").await;
        turns["turns"].as_array().is_some_and(|turns| !turns.is_empty())
    })
    .await;
    has(&turns["turns"][0], &["record", "since", "outcome", "values", "matches"]);
    times_are_rfc3339(&turns);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_have_their_shape_and_their_signature() {
    let scene = Scene::start(3).await;
    let port = scene.open.local_addr().unwrap().port();
    let name = format!("here:{port}");
    drop(scene.open);
    let heard = scene.receiver.expect("incident.opened", &name).await;
    has(&heard.message, WEBHOOK_KEYS);
    times_are_rfc3339(&heard.message);
    assert_eq!(heard.message["agent"], "test");
    assert_eq!(heard.message["kind"], "port");
    assert_eq!(heard.message["state"], "down");
    assert!(heard.message["resolved_at"].is_null());
    let findings = heard.message["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["code"] == "port.dead"));
    findings.iter().for_each(is_finding);
    let id = heard.message["id"].as_str().unwrap();
    let url = heard.message["url"].as_str().unwrap();
    assert!(url.starts_with("http://") && url.ends_with(id), "{url}");
    let page = url.strip_prefix(&format!("http://{}", scene.agent.listen)).unwrap();
    assert_eq!(scene.agent.fetch(page).await.unwrap().0, 200, "{url}");

    let header = |name: &str| heard.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    let seconds: i64 = header("webhook-timestamp").parse().unwrap();
    assert!((clock::now().as_second() - seconds).abs() < 60);
    let signed = [header("webhook-id"), ".", header("webhook-timestamp"), "."].concat();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    let mut context = ring::hmac::Context::with_key(&key);
    context.update(signed.as_bytes());
    context.update(&heard.body);
    let expected = format!("v1,{}", STANDARD.encode(context.sign()));
    assert_eq!(header("webhook-signature"), expected);

    let address = ("127.43.3.2", port);
    let _open = TcpListener::bind(address).await.unwrap();
    let resolved = scene.receiver.expect("incident.resolved", &name).await;
    assert_eq!(resolved.message["id"], heard.message["id"]);
    assert_eq!(resolved.message["state"], "up");
    assert!(resolved.message["resolved_at"].is_string());
    assert_ne!(resolved.id(), heard.id(), "another message, another id");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_probes_of_life_and_events() {
    let scene = Scene::start(4).await;
    let get = async |path: &str, language: &str| {
        let url = format!("http://{}{path}", scene.agent.listen);
        client().get(url).header("accept-language", language).send().await.unwrap()
    };
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(path, "en").await.status(), 200, "{path}");
    }
    for path in ["/", "/ports", "/metrics", "/api/v1/findings", "/nothing", "/assets/nothing"] {
        let answer = get(path, "en").await;
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value.unwrap_or_else(|| panic!("{path} without {name}")).to_str().unwrap().to_owned()
        };
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
    }
    assert_eq!(get("/nothing", "en").await.status(), 404);
    assert_eq!(get("/api/v1/nothing", "en").await.status(), 404);
    assert_eq!(get("/checks/nothing", "en").await.status(), 404);

    for (path, accepted, language) in [
        ("/", "en-GB,en;q=0.9", "en"),
        ("/", "ko-KR,ko;q=0.9,en;q=0.5", "ko"),
        ("/?lang=ko", "en", "ko"),
        ("/?lang=en", "ko", "en"),
    ] {
        let html = get(path, accepted).await.text().await.unwrap();
        assert!(html.contains(&format!("<html lang=\"{language}\"")), "{path} {accepted}");
    }
    for finding in scene.agent.api("/findings?lang=ko").await["findings"].as_array().unwrap() {
        assert!(hangul(finding["summary"].as_str().unwrap()), "{finding}");
        assert!(hangul(finding["remedy"].as_str().unwrap()), "{finding}");
    }
    for finding in list(&scene.agent, "findings").await {
        assert!(!hangul(finding["summary"].as_str().unwrap()), "{finding}");
    }

    let mut events = get("/api/v1/events", "en").await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut said = String::new();
    while !said.contains("\n\n") {
        said += &String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap());
    }
    let data = said.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert!(said.lines().any(|line| line == "event: snapshot"), "{said}");
    times_are_rfc3339(&serde_json::from_str(data).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_comes_and_goes_is_seen_everywhere() {
    let scene = Scene::start(5).await;
    let port = scene.open.local_addr().unwrap().port();
    let name = format!("here:{port}");
    drop(scene.open);
    scene.agent.finding(&name, "port.dead").await;
    eventually("the metric says down", async || {
        let (_, text) = scene.agent.fetch("/metrics").await.unwrap();
        let line = text.lines().find(|line| {
            line.starts_with("portwarden_port_state{") && line.contains(&format!("\"{port}\""))
        });
        line.is_some_and(|line| line.ends_with(" 3"))
    })
    .await;
    let (_, html) = scene.agent.fetch("/ports").await.unwrap();
    assert!(html.contains("port.dead"));
}
