//! The metrics before their judges: promtool, and a real Prometheus that scrapes and is asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tokio::net::TcpListener;

use support::agent::{client, free_address};
use support::prometheus::Prometheus;
use support::scene::{Cast, Scene};

/// Everything that a metric can speak of, sick and healthy. Every test has addresses of its own:
/// 127.42.`net`.x. The listener is the open port.
async fn scene(net: u8) -> (Scene, TcpListener) {
    let net = format!("127.42.{net}");
    let listener = TcpListener::bind(format!("{net}.2:0")).await.unwrap();
    let refused = free_address(&format!("{net}.4"));
    let plan = format!(
        r#"
  [[dns.record]]
  name = "@"
  type = "A"
  values = ["{net}.1"]

[[tcp]]
name = "refused"
address = "{refused}"
"#
    );
    let cast = Cast {
        net: &net,
        open: listener.local_addr().unwrap().port(),
        claim: "service = \"a \\\"quoted\\\" \\\\ name\"\nexposure = \"loopback\"",
        undeclared: "ignore",
        records: "",
        plan: &plan,
        states: &[("refused", "down"), ("zone", "up")],
    };
    (Scene::start(tempfile::tempdir().unwrap(), cast).await, listener)
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_to_complain_about() {
    let (scene, _listener) = scene(1).await;
    let (status, text) = scene.agent.fetch("/metrics").await.unwrap();
    assert_eq!(status, 200);
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool: apt-get install prometheus");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.trim().is_empty(), "{said}\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn openmetrics_by_negotiation() {
    let (scene, _listener) = scene(2).await;
    let url = format!("http://{}/metrics", scene.agent.listen);
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let answer = client().get(&url).header("accept", accept).send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("\n# EOF\n"), "no end mark");
    assert!(text.contains("# TYPE portwarden_probes counter"), "counters without their suffix");

    let answer = client().get(&url).send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(!text.contains("# EOF"));
    assert!(text.contains("# TYPE portwarden_probes_total counter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_and_answers() {
    let (scene, listener) = scene(3).await;
    let Scene { agent, secure, nameserver: _nameserver, folder } = scene;
    let prometheus = Prometheus::start("127.42.3.9", agent.listen, folder.path(), &[]).await;

    for (query, value) in [
        (r#"probe_success{check="shop"}"#, 1.0),
        (r#"probe_success{check="refused",kind="tcp"}"#, 0.0),
        (r#"portwarden_findings{code="tcp.refused",check="refused",severity="critical"}"#, 1.0),
        (r#"portwarden_port_state{host="here",claim="allocated",service="gone"}"#, 3.0),
        (r#"portwarden_port_state{service="a \"quoted\" \\ name",protocol="tcp"}"#, 1.0),
        (r#"portwarden_listeners{host="here",protocol="tcp",claim="allocated"} > bool 0"#, 1.0),
        (r#"absent(portwarden_listeners{host="here",claim=""})"#, 1.0),
        (r#"probe_http_status_code{check="shop"}"#, 200.0),
        (r#"portwarden_dns_record_matches{check="zone",type="A"}"#, 1.0),
        (r#"probe_dns_serial{check="zone"}"#, 7.0),
        ("portwarden_store_up", 1.0),
        ("portwarden_plan_last_reload_successful", 1.0),
        (r#"up{job="portwarden"}"#, 1.0),
        (r#"histogram_quantile(0.5, portwarden_schedule_lag_seconds_bucket) < bool 5"#, 1.0),
        (r#"portwarden_probes_total{kind="http",outcome="success"} > bool 0"#, 1.0),
    ] {
        prometheus.answers(query, value).await;
    }
    let expiry = r#"probe_ssl_earliest_cert_expiry{check="certificate"}"#;
    let not_after = f64::from(u32::try_from(secure.not_after).unwrap());
    prometheus.answers(expiry, not_after).await;

    // A known expiry must not vanish exactly when nobody can be asked any more.
    secure.stop().await;
    prometheus.answers(r#"probe_success{check="certificate"}"#, 0.0).await;
    prometheus.answers(expiry, not_after).await;
    let stored = r#"max(portwarden_certificate_not_after_timestamp_seconds{check="certificate"})"#;
    prometheus.answers(stored, not_after).await;

    drop(listener);
    let dead = r#"sum(portwarden_findings{code="port.dead"})"#;
    prometheus.answers(dead, 2.0).await;
}

#[test]
fn the_rules_we_ship_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus");
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]] {
        let done = Command::new("promtool")
            .args(arguments)
            .current_dir(&folder)
            .output()
            .expect("promtool: apt-get install prometheus");
        let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {said}");
    }
}
