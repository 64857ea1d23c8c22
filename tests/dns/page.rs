//! What pages, API and metrics tell of a zone on real servers, and what of it a restart leaves.

use serde_json::Value;

use crate::support::agent::{Agent, eventually};
use crate::support::nameserver::{Nameserver, Zone};
use crate::watched::listed;

const RECORDS: &str = "@ NS ns1\nns1 A 127.53.91.1\nwww 300 A 192.0.2.10\n";

fn old() -> Zone {
    Zone::new("shop.example", 7, &RECORDS.replace("192.0.2.10", "192.0.2.9"))
}

/// What was said of `www`, newest first.
async fn turns(agent: &Agent) -> Vec<Value> {
    let told = agent.api("/dns/zone/turns").await;
    let turns = told["turns"].as_array().unwrap().iter();
    turns.filter(|turn| turn["record"] == "www.shop.example A").cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drift_is_told_cell_by_cell_and_remembered_over_a_restart() {
    let well = || Zone::new("shop.example", 7, RECORDS);
    let first = Nameserver::start("127.53.91.1", &[well()]);
    let mut second = Nameserver::start("127.53.91.2", &[old()]);
    let folder = tempfile::tempdir().unwrap();
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"1s\"\nfail_after = 1\n[[dns]]\nname = \"zone\"\n\
         zone = \"shop.example\"\nnameservers = [{}]\n\
         [[dns.record]]\nname = \"www\"\ntype = \"A\"\nvalues = [\"192.0.2.10\"]\n",
        listed(&[first.address(), second.address()])
    );
    let mut agent = Agent::start(folder.path(), "", &plan).await;
    agent.finding("zone", "dns.inconsistent").await;

    let odd = second.address();
    let dig = format!("dig @{} -p {} +norecurse", odd.ip(), odd.port());
    for path in ["/dns?only=wrong", "/dns/zone", "/checks/zone"] {
        let (code, page) = agent.fetch(path).await.unwrap();
        assert_eq!(code, 200, "{path}");
        assert!(
            page.contains(
                "<td class=\"bad\"><button type=\"button\" class=\"cell\" popovertarget="
            )
        );
        assert!(page.contains(&dig), "{path}: {dig}");
    }
    let told = agent.api("/dns?check=zone&only=wrong").await;
    let answer = &told["dns"][0]["records"][0]["answers"][1];
    let command = answer["dig"].as_str().unwrap();
    assert!(command.starts_with(&dig) && command.ends_with(" www.shop.example A"), "{command}");
    assert_eq!(answer["rcode"], "NOERROR", "{told:#}");
    assert_eq!(told["dns"][0]["servers"][1]["lost"], 0);
    let matches = agent.metrics("portwarden_dns_record_matches{").await;
    let is_odd = |line: &&String| line.contains(&odd.to_string()) && line.ends_with(" 0");
    assert_eq!(matches.iter().filter(is_odd).count(), 1, "{matches:?}");

    second.publish(Zone::new("shop.example", 8, RECORDS));
    eventually("the end of the drift is written down", async || turns(&agent).await.len() == 2)
        .await;
    let before = turns(&agent).await;
    assert!(before[0]["odd"].is_null() && before[0]["matches"] == true, "{before:#?}");
    assert_eq!(before[1]["odd"][0]["values"][0], "192.0.2.9", "{before:#?}");

    agent.terminate();
    agent = Agent::start_on(folder.path(), agent.listen).await;
    eventually("it has looked again", async || {
        agent.api("/dns").await["dns"].as_array().is_some_and(|zones| !zones.is_empty())
    })
    .await;
    second.publish(Zone::new("shop.example", 9, &RECORDS.replace(".10", ".11")));
    eventually("the next drift is written down", async || turns(&agent).await.len() == 3).await;
    assert_eq!(turns(&agent).await[1..], before, "the first look after a restart is no news");
}
