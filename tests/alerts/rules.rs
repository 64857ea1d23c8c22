//! Rules made from plans, before their judges: promtool, and a real Prometheus that fires.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::agent::{Agent, eventually, free_address};
use crate::support::command::portwarden;
use crate::support::prometheus::Prometheus;

/// Names that are somebody else's syntax, checks that depend on each other, paces of every length.
const HOSTILE: &str = r#"
[agent]
name = "edge {{ $value }} \"x\""
url = "https://watch.example/a{{b}}"

[defaults]
labels = { team = "{{ $labels.check }}", note = "a: b # c | \"d\" \\ 'e'" }

[[host]]
name = "web.{{1}}"
local = true
[[host.port]]
port = "3012-3014"
fail_after = 1
[[host.port]]
port = 53
protocol = "udp"
fail_after = 3

[[tcp]]
name = "a \"quoted\" \\ back\\\\slash"
address = "web.{{1}}:6379"
depends_on = ["web.{{1}}:3012"]

[[tcp]]
name = "a|b.*[c](d)+?^${e}"
address = "127.0.0.1:1"
fail_after = 4
interval = "45s"
depends_on = ["a \"quoted\" \\ back\\\\slash", "web.{{1}}:3013"]
labels = { tier = "yes" }

[[http]]
name = "{{ .Nope }} {{ $labels.x | nothing }} }}"
url = "https://shop.example/"
interval = "90m"

[[http]]
name = "결제 – ünï 🚀 - : no"
url = "https://shop.example/"
depends_on = ["{{ .Nope }} {{ $labels.x | nothing }} }}"]

[[icmp]]
name = "on"
address = "127.0.0.1"
interval = "250ms"

[[icmp]]
name = "~"
address = "127.0.0.1"

[[dns]]
name = "zone"
zone = "shop.example"
cron = "0 */12 * * *"

[[tls]]
name = "seldom"
address = "shop.example"
cron = "0 9 1 * *"

[[heartbeat]]
name = "backup"
period = "1d"
depends_on = ["on", "~"]

[[receiver]]
name = "ops"
webhook.url = "http://127.0.0.1:1/"
"#;

/// What `portwarden rules` prints of the plan of a folder, in files that promtool is shown.
fn judged(folder: &Path, plan: &str) -> Value {
    let print = |arguments: &[&str]| {
        portwarden(folder, &[&["rules", "--config", plan], arguments].concat()).expect(0).out
    };
    fs::write(folder.join("portwarden.rules.yml"), print(&[])).unwrap();
    fs::write(folder.join("rules.test.yml"), print(&["--tests"])).unwrap();
    // JSON is YAML as well.
    fs::write(folder.join("rules.json"), print(&["--format", "json"])).unwrap();
    let tests = print(&["--tests", "rules.json", "--format", "json"]);
    fs::write(folder.join("rules.test.json"), tests).unwrap();
    for arguments in [
        ["check", "rules", "portwarden.rules.yml"],
        ["test", "rules", "rules.test.yml"],
        ["check", "rules", "rules.json"],
        ["test", "rules", "rules.test.json"],
    ] {
        let done = Command::new("promtool")
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("promtool: apt-get install prometheus");
        let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {said}");
        assert!(!said.contains("duplicate"), "{said}");
    }
    serde_json::from_str(&fs::read_to_string(folder.join("rules.json")).unwrap()).unwrap()
}

#[test]
fn rules_of_the_plan_that_comes_along_fire_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/../probes.toml");
    let rules = judged(folder.path(), plan);
    let groups: Vec<&str> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|group| group["name"].as_str())
        .collect();
    assert_eq!(groups, ["portwarden", "portwarden-http", "portwarden-tcp", "portwarden-port"]);
}

#[test]
fn rules_of_hostile_names_fire_and_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("probes.toml"), HOSTILE).unwrap();
    let rules = judged(folder.path(), "probes.toml");
    let all: Vec<&Value> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    // The agent's own, two of each check, and one of listeners without a claim.
    assert_eq!(all.len(), 5 + 2 * 13 + 1);
    let held = all.iter().filter(|rule| rule["expr"].as_str().unwrap().contains(" unless "));
    assert_eq!(held.count(), 2 * 4);
}

#[test]
fn a_plan_with_mistakes_makes_no_rules() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("probes.toml"), "[[tcp]]\nname = \"a\"").unwrap();
    let ended = portwarden(folder.path(), &["rules"]).expect(2);
    assert!(ended.out.is_empty() && ended.err.contains("needs `address`"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_fires_what_is_wrong_and_holds_what_that_explains() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, shop) = (free_address("127.91.5.1"), free_address("127.91.5.2"));
    let plan = format!(
        "[defaults]\ninterval = \"500ms\"\nlabels = {{ team = \"shop\" }}\n\
         [[tcp]]\nname = \"cache {{{{x}}}}\"\naddress = \"{cache}\"\n\
         [[tcp]]\nname = \"shop\"\naddress = \"{shop}\"\ndepends_on = [\"cache {{{{x}}}}\"]\n"
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let rules = portwarden(folder.path(), &["rules"]).expect(0).out;
    fs::write(folder.path().join("portwarden.rules.yml"), rules).unwrap();
    let prometheus =
        Prometheus::start("127.91.5.9", agent.listen, folder.path(), &["portwarden.rules.yml"])
            .await;

    fires(&prometheus, &[("cache {{x}}", "tcp.refused", "shop")]).await;
    let listener = TcpListener::bind(cache).await.unwrap();
    fires(&prometheus, &[("shop", "tcp.refused", "shop")]).await;
    let other = TcpListener::bind(shop).await.unwrap();
    fires(&prometheus, &[]).await;
    drop((listener, other));
}

/// Waits until these alerts fire and no others: check, code and team.
async fn fires(prometheus: &Prometheus, expected: &[(&str, &str, &str)]) {
    eventually(&format!("{expected:?} fire"), async || {
        let alerts = prometheus.api("alerts").await.unwrap_or_default();
        let Some(alerts) = alerts["alerts"].as_array() else { return false };
        let firing: Vec<&Value> = alerts
            .iter()
            .filter(|alert| alert["state"] == "firing")
            .map(|alert| &alert["labels"])
            .collect();
        firing.len() == expected.len()
            && firing.iter().zip(expected).all(|(labels, (check, code, team))| {
                labels["check"] == *check
                    && labels["code"] == *code
                    && labels["team"] == *team
                    && labels["alertname"] == "PortwardenCriticalFinding"
                    && labels["severity"] == "critical"
            })
    })
    .await;
}
