//! Rules of a small plan, to the letter; and how long they wait.

use std::path::Path;

use super::*;
use crate::plan::{ThisMachine, parse};

const PLAN: &str = r#"
[agent]
name = "edge"
url = "https://watch.example"
[defaults]
labels = { team = "platform" }
[[host]]
name = "web"
local = true
labels = { team = "shop" }
[[host.port]]
port = 443
fail_after = 3
[[tcp]]
name = "a {{ $value }} \"quoted\" | .* \\ name"
address = "web:6379"
depends_on = ["web:443"]
fail_after = 1
[[tcp]]
name = "twice"
address = "127.0.0.1:1"
cron = "0 */12 * * *"
depends_on = ["web:443", "a {{ $value }} \"quoted\" | .* \\ name"]
[[receiver]]
name = "ops"
webhook.url = "http://127.0.0.1:1/"
"#;

fn plan(text: &str) -> Plan {
    match parse(text, Path::new("probes.toml"), Path::new("/plans"), &ThisMachine) {
        Ok(plan) => plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[test]
fn rules_of_a_small_plan() {
    insta::assert_snapshot!(written(&rules(&plan(PLAN))).unwrap());
}

#[test]
fn tests_of_a_small_plan() {
    let plan = plan(PLAN);
    insta::assert_snapshot!(written(&trial(&plan, &rules(&plan), "portwarden.rules.yml")).unwrap());
}

#[test]
fn a_plan_of_nothing_has_rules_about_the_agent() {
    let plan = plan("[agent]\nname = \"edge\"");
    let rules = rules(&plan);
    let names: Vec<&str> = rules.groups[0].rules.iter().map(|rule| rule.alert).collect();
    assert_eq!(rules.groups.len(), 1);
    assert_eq!(names, ["PortwardenDown", "PortwardenPlanNotReloaded"]);
    assert_eq!(rules.groups[0].rules[0].expr, "absent(portwarden_build_info)");
}

#[test]
fn rules_wait_as_long_as_portwarden_would() {
    let every = |seconds| Timing::Every(Duration::from_secs(seconds));
    let cron = |expression: &str| Timing::Cron {
        expression: expression.to_owned(),
        timezone: "Asia/Seoul".to_owned(),
    };
    let table = [
        (every(30), 2, "30s"),
        (every(30), 1, "0s"),
        (every(1800), 4, "1h30m"),
        (Timing::Every(Duration::from_millis(500)), 4, "1s500ms"),
        (cron("0 */12 * * *"), 2, "12h"),
        (cron("0 9 * * mon-fri"), 2, "72h"),
        (cron("0 9 * * *"), 1, "0s"),
    ];
    for (timing, fail_after, expected) in table {
        assert_eq!(duration(waits(&timing, fail_after)), expected, "{timing:?} {fail_after}");
    }
}
