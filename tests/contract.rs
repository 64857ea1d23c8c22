//! The names that people's files, dashboards, scripts and rules depend on, held against a running
//! agent with a check of every kind. More may be there; nothing of this may go or change.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use portwarden::clock;
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use support::agent::{Agent, client, eventually, free_address};
use support::nameserver::{Nameserver, Zone};
use support::receiver::Receiver;
use support::secure::{Authority, SecureServer};

const SECRET: &str = "a secret of this test";

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
    ("portwarden_certificate_not_after_timestamp_seconds", &["*"]),
    ("portwarden_certificate_not_before_timestamp_seconds", &["*"]),
    ("portwarden_dns_record_matches", &["check", "name", "type", "nameserver"]),
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

const FINDING_KEYS: &[&str] = &[
    "check",
    "kind",
    "code",
    "severity",
    "subject",
    "summary",
    "evidence",
    "remedy",
    "since",
    "confirmed",
    "explained_by",
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

/// One check of every kind, sick and healthy, and one receiver.
struct Scene {
    agent: Agent,
    receiver: Receiver,
    open: TcpListener,
    _undeclared: TcpListener,
    _secure: SecureServer,
    _nameserver: Nameserver,
    _folder: TempDir,
}

impl Scene {
    /// Every test has addresses of its own: 127.43.`net`.x.
    async fn start(net: u8) -> Self {
        let ip = |last: u8| format!("127.43.{net}.{last}");
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        std::fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let secure = authority.serve(&ip(1), "shop.example", 60).await;
        let open = TcpListener::bind((ip(2), 0)).await.unwrap();
        let undeclared = TcpListener::bind((ip(2), 0)).await.unwrap();
        let receiver = Receiver::start().await;
        let records = format!("@ NS ns1\nns1 A 192.0.2.1\n@ A {}\n", ip(1));
        let nameserver = Nameserver::start(&ip(3), &[Zone::new("shop.example", 7, &records)]);
        let plan = PLAN
            .replace("RECEIVER", &receiver.url())
            .replace("HERE", &ip(2))
            .replace("OPEN", &open.local_addr().unwrap().port().to_string())
            .replace("CLOSED", &free_address(&ip(2)).port().to_string())
            .replace("REFUSED", &free_address(&ip(4)).to_string())
            .replace("SECURE", &secure.address.port().to_string())
            .replace("NAMESERVER", &nameserver.address().to_string());
        // Names of targets come from the test's own nameserver: all phases are there to be seen.
        let resolver = format!("resolver = \"{}\"", nameserver.address());
        let agent = Agent::start(folder.path(), &resolver, &plan).await;
        for (check, state) in [
            ("refused", "down"),
            ("plain", "down"),
            ("shop", "up"),
            ("certificate", "up"),
            ("zone", "up"),
            ("on disk", "up"),
        ] {
            agent.state(check, state).await;
        }
        agent
            .finding(
                &format!("here:{}", undeclared.local_addr().unwrap().port()),
                "port.undeclared",
            )
            .await;
        Self {
            agent,
            receiver,
            open,
            _undeclared: undeclared,
            _secure: secure,
            _nameserver: nameserver,
            _folder: folder,
        }
    }
}

const PLAN: &str = r#"
[defaults]
interval = "300ms"
timeout = "2s"
fail_after = 1
ca = "roots.pem"

[[host]]
name = "here"
address = "HERE"
local = true
undeclared = "warn"

  [[host.port]]
  port = OPEN
  service = "main"

  [[host.port]]
  port = CLOSED
  service = "gone"

[[tcp]]
name = "refused"
address = "REFUSED"

[[http]]
name = "shop"
url = "https://shop.example:SECURE/"
expect.body = "ok"

[[http]]
name = "plain"
url = "http://HERE:OPEN/"

[[tls]]
name = "certificate"
address = "shop.example:SECURE"

[[certificate]]
name = "on disk"
path = "roots.pem"

[[dns]]
name = "zone"
zone = "shop.example"
nameservers = ["NAMESERVER"]
consistent = false

  [[dns.record]]
  name = "www"
  type = "A"
  absent = true

[[receiver]]
name = "ops"
webhook = { url = "RECEIVER", secret_file = "secret" }
"#;

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

    for (name, keys) in [
        ("certificates", &["subject", "issuer", "names", "not_before", "not_after"][..]),
        ("dns", &["check", "zone", "servers", "records", "findings"]),
        ("incidents", &["id", "check", "kind", "severity", "opened_at", "resolved_at", "findings"]),
    ] {
        let rows = list(&scene.agent, name).await;
        assert!(!rows.is_empty(), "no {name}");
        rows.iter().for_each(|row| has(row, keys));
    }
    for name in ["findings", "checks", "ports", "certificates", "dns", "incidents"] {
        times_are_rfc3339(&scene.agent.api(&format!("/{name}")).await);
    }
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
    let hangul = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
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

fn has(row: &Value, keys: &[&str]) {
    for key in keys {
        assert!(row.get(key).is_some(), "no {key} in {row:#}");
    }
}

fn one_of(value: &Value, words: &[&str]) {
    assert!(words.iter().any(|word| value == word), "{value} is none of {words:?}");
}

fn is_finding(finding: &Value) {
    has(finding, FINDING_KEYS);
    one_of(&finding["severity"], &["critical", "warning", "notice"]);
    assert!(finding["evidence"].is_object(), "{finding:#}");
    assert!(finding["confirmed"].is_boolean(), "{finding:#}");
    for key in ["check", "kind", "code", "subject", "summary", "remedy"] {
        assert!(finding[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {finding:#}");
    }
}

async fn list(agent: &Agent, name: &str) -> Vec<Value> {
    agent.api(&format!("/{name}")).await[name].as_array().unwrap().clone()
}

/// Everything that is a time by its name is one, in UTC.
fn times_are_rfc3339(value: &Value) {
    const NAMES: &[&str] = &[
        "at",
        "since",
        "opened_at",
        "updated_at",
        "resolved_at",
        "not_before",
        "not_after",
        "next_due",
        "modified",
        "created_at",
    ];
    let utc = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$").unwrap();
    match value {
        Value::Array(items) => items.iter().for_each(times_are_rfc3339),
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Some(text)) = (NAMES.contains(&&**name), field.as_str()) {
                    assert!(
                        utc.is_match(text) && text.parse::<Timestamp>().is_ok(),
                        "{name}: {text}"
                    );
                }
                times_are_rfc3339(field);
            }
        }
        _ => {}
    }
}

/// Every series of a page in the text format, by name.
fn series(text: &str) -> BTreeMap<&str, Vec<BTreeMap<String, String>>> {
    let line = Regex::new(r"^([a-z_]+)(?:\{(.*)\})? \S+$").unwrap();
    let label = Regex::new(r#"([a-z0-9_]+)="((?:[^"\\]|\\.)*)""#).unwrap();
    let mut series: BTreeMap<&str, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for row in text.lines().filter(|row| !row.starts_with('#')) {
        let parts = line.captures(row).unwrap_or_else(|| panic!("not a series: {row}"));
        let labels = parts.get(2).map_or("", |labels| labels.as_str());
        let labels = label.captures_iter(labels).map(|l| (l[1].to_owned(), l[2].to_owned()));
        series.entry(parts.get(1).unwrap().as_str()).or_default().push(labels.collect());
    }
    series
}
