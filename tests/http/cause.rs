//! Whose fault it is: upstreams, names refused, limits, and one incident with what follows from it.

use tempfile::TempDir;

use crate::support::agent::{Agent, eventually};
use crate::support::applications::Program;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;

const PACE: &str = "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\nfail_after = 2\n";

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_upstreams_is_named_while_the_proxy_still_answers() {
    let folder = TempDir::new().unwrap();
    let front = own_address();
    let mut programs = ["a", "b", "c"].map(Program::plain);
    let servers: String =
        programs.iter().map(|one| format!("    server {};\n", one.address)).collect();
    let _nginx = Nginx::start(
        folder.path(),
        &[front],
        &format!(
            "upstream app {{\n{servers}  }}\n  server {{ listen {front}; server_name shop.example;\n    \
             location / {{ proxy_pass http://app; proxy_set_header Host $host; }} }}"
        ),
    );
    let plan = format!(
        "{PACE}[[http]]\nname = \"shop\"\nurl = \"http://shop.example/\"\nconnect = \"{front}\"\n\
         nginx = \"nginx.conf\"\nexpect.body = \"name\"\n"
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("shop", "up").await;
    let check = agent.check("shop").await;
    let visits = check["last"]["facts"]["visits"].as_array().unwrap().clone();
    let roles: Vec<&str> = visits.iter().filter_map(|visit| visit["role"].as_str()).collect();
    assert_eq!(roles, ["way", "upstream", "upstream", "upstream"], "{check:#}");

    programs[1].stop();
    let found = agent.finding("shop", "http.upstream").await;
    assert_eq!(found["subject"], programs[1].address.to_string());
    assert_eq!(found["severity"], "warning");
    let summary = found["summary"].as_str().unwrap();
    assert!(summary.contains("one of 3 upstreams"), "{summary}");
    assert!(summary.contains("nobody listens"), "{summary}");
    assert!(found["evidence"]["written"].as_str().unwrap().contains("nginx.conf:"), "{found:#}");
    agent.state("shop", "degraded").await;

    // All of them: the proxy has nobody left, and the finding says so of one.
    programs[0].stop();
    programs[2].stop();
    let found = agent.finding("shop", "http.bad-gateway").await;
    let summary = found["summary"].as_str().unwrap();
    assert!(summary.contains("refuses connections"), "{summary}");
    for program in &mut programs {
        program.start_again();
    }
    agent.state("shop", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_maintenance_and_swapped_backends_are_recognised() {
    let folder = TempDir::new().unwrap();
    let [limited, closed, swapped] = [own_address(), own_address(), own_address()];
    let (mut right, wrong) = (Program::plain("shop"), Program::plain("blog"));
    let _nginx = Nginx::start(
        folder.path(),
        &[limited, closed, swapped],
        &format!(
            "limit_req_zone $server_port zone=tight:1m rate=1r/m;\n\
             server {{ listen {limited}; location / {{ limit_req zone=tight; return 204; \
             try_files /none =404; }} location /x {{ limit_req zone=tight; proxy_pass http://{right}; }} }}\n\
             server {{ listen {closed}; default_type text/html; location / {{ \
             return 200 '<html><title>서비스 점검 중입니다</title></html>'; }} \
             location /shut {{ limit_req zone=tight; return 503; }} }}\n\
             server {{ listen {swapped}; location / {{ proxy_pass http://{wrong}; }} }}",
            right = right.address,
            wrong = wrong.address,
        ),
    );
    let plan = format!(
        "{PACE}[[http]]\nname = \"limited\"\nurl = \"http://{limited}/x\"\nnginx = \"nginx.conf\"\n\
         [[http]]\nname = \"closed\"\nurl = \"http://{closed}/\"\nexpect.body = \"Welcome\"\n\
         [[http]]\nname = \"shut\"\nurl = \"http://{closed}/shut\"\nnginx = \"nginx.conf\"\n\
         [[http]]\nname = \"swapped\"\nurl = \"http://{swapped}/\"\nexpect.json = {{ \"/name\" = \"shop\" }}\n\
         upstream = \"{}\"\n",
        right.address
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let found = agent.finding("limited", "http.rate-limited").await;
    assert!(found["evidence"]["limit"].as_str().unwrap().contains("nginx.conf:"), "{found:#}");
    let found = agent.finding("closed", "http.maintenance").await;
    assert!(found["summary"].as_str().unwrap().contains("서비스 점검 중입니다"), "{found:#}");
    let found = agent.finding("shut", "http.maintenance").await;
    assert!(found["evidence"]["written"].as_str().unwrap().contains("nginx.conf:"), "{found:#}");
    let found = agent.finding("swapped", "http.json").await;
    let summary = found["summary"].as_str().unwrap();
    assert!(summary.contains("asked without the proxy, answers as expected"), "{summary}");
    right.change("other");
    eventually("the application itself is at fault", async || {
        let found = agent.finding("swapped", "http.json").await;
        found["summary"].as_str().unwrap().contains("the application itself")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_incident_is_told_with_its_consequences_below_it() {
    let folder = TempDir::new().unwrap();
    let receiver = Receiver::start().await;
    let mut database = Program::plain("db");
    let shops = ["a", "b", "c", "d"];
    let address = database.address;
    let mut plan = format!(
        "{PACE}{}[[tcp]]\nname = \"db\"\naddress = \"{address}\"\n",
        receiver.in_plan(folder.path())
    );
    for name in shops {
        plan.push_str(&format!(
            "[[http]]\nname = \"{name}\"\nurl = \"http://{address}/{name}\"\ndepends_on = [\"db\"]\n"
        ));
    }
    let agent = Agent::start(folder.path(), "", &plan).await;
    for name in shops {
        agent.state(name, "up").await;
    }
    database.stop();
    let opened = receiver.expect("incident.opened", "db").await;
    let id = opened.message["id"].as_str().unwrap().to_owned();
    eventually("all four are listed below it", async || {
        let incident = agent.incident(&id).await;
        incident["consequences"].as_array().unwrap().len() == shops.len()
    })
    .await;
    for name in shops {
        let incident = agent.check(name).await["incident"].as_str().unwrap().to_owned();
        let incident = agent.incident(&incident).await;
        assert_eq!(incident["explained_by"], "db", "{incident:#}");
        assert_eq!(incident["cause"], id, "{incident:#}");
    }
    database.start_again();
    let resolved = receiver.expect("incident.resolved", "db").await;
    assert_eq!(resolved.message["id"], id);
    assert_eq!(resolved.message["consequences"].as_array().unwrap().len(), shops.len());
    for name in shops {
        agent.state(name, "up").await;
    }
    let heard: Vec<String> =
        receiver.taken().iter().map(|one| format!("{} {}", one.kind(), one.check())).collect();
    assert_eq!(heard, ["incident.opened db", "incident.resolved db"]);
}
