//! What the pages, the API and the command line show of a request: every hop, and the last failure
//! beside the last success.

use std::path::Path;

use serde_json::Value;

use crate::support::agent::{Agent, eventually};
use crate::support::browser::Browser;
use crate::support::command;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

/// A front that redirects to a page behind it.
fn site(address: &str, page: &str) -> String {
    format!(
        "server {{ listen {address}; location = / {{ return 302 /shop; }} location /shop {{ {page} }} }}"
    )
}

const WELL: &str =
    "add_header strict-transport-security max-age=31536000; return 200 'all is well';";
const SICK: &str = "return 503 'the shelves are empty';";

fn plan(address: &str) -> String {
    format!(
        "[[http]]\nname = \"shop\"\nurl = \"http://{address}/\"\ninterval = \"300ms\"\nfail_after = 1\n\
         headers = {{ x-shop-door = \"squeamish-ossifrage\" }}\n"
    )
}

async fn change(nginx: &Nginx, folder: &Path, from: &str, to: &str) {
    let file = folder.join("nginx.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from));
    std::fs::write(&file, text.replace(from, to)).unwrap();
    nginx.reload();
}

fn status(look: &Value) -> Option<u64> {
    look["facts"]["http"]["status"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_failure_stands_beside_the_last_success_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let nginx = Nginx::start(folder.path(), &[address], &site(&address.to_string(), WELL));
    let mut agent = Agent::start(folder.path(), "", &plan(&address.to_string())).await;
    agent.state("shop", "up").await;
    let check = agent.check("shop").await;
    assert_eq!(status(&check["last_success"]), Some(200), "{check:#}");
    assert_eq!(check["last_failure"], Value::Null);
    let visits = check["last"]["facts"]["visits"].as_array().unwrap();
    let roles: Vec<&str> = visits.iter().map(|visit| visit["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["way", "redirect"]);
    assert!(visits.iter().all(|visit| visit["duration_seconds"].is_f64()), "{visits:#?}");

    change(&nginx, folder.path(), WELL, SICK).await;
    agent.state("shop", "down").await;
    let check = agent.check("shop").await;
    assert_eq!(status(&check["last_failure"]), Some(503), "{check:#}");
    assert_eq!(check["last_failure"]["findings"][0]["code"], "http.status");
    assert_eq!(status(&check["last_success"]), Some(200));
    let codes = |at: usize| check["last"]["facts"]["visits"][at]["codes"].clone();
    assert_eq!((codes(0), codes(1)), (Value::Null, serde_json::json!(["http.status"])));

    let browser = Browser::start("en").await;
    for (width, height) in [(1280, 900), (390, 844)] {
        browser.resize(width, height).await;
        browser.open(&format!("http://{}/checks/shop", agent.listen)).await;
        let text = browser.text().await;
        for words in [
            "Every request of the last look",
            "Last failure",
            "the shelves are empty",
            "Last success",
            "all is well",
            "strict-transport-security: max-age=31536000 ← missing here",
            "Ask it yourself",
            "x-shop-door: (hidden)",
        ] {
            assert!(text.contains(words), "{words} is missing:\n{text}");
        }
        assert!(!text.contains("squeamish"), "{text}");
        let bars =
            browser.run("return document.querySelectorAll('.visits rect[class^=p-]').length");
        assert!(bars.await.as_i64().unwrap() >= 4);
        let overflow = "return document.documentElement.scrollWidth - innerWidth";
        assert!(browser.run(overflow).await.as_i64().unwrap() <= 0);
        assert!(browser.console().await.is_empty());
    }
    // Without a script there is the command itself, selected by one click.
    let by_hand = "return document.querySelector('.by-hand code').textContent";
    let by_hand = browser.run(by_hand).await;
    assert!(by_hand.as_str().unwrap().starts_with("curl -v"), "{by_hand}");

    change(&nginx, folder.path(), SICK, WELL).await;
    agent.state("shop", "up").await;
    agent.terminate();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    eventually("both are known again", async || {
        let check = agent.check("shop").await;
        status(&check["last_failure"]) == Some(503) && status(&check["last_success"]) == Some(200)
    })
    .await;
    let (_, page) = agent.fetch("/checks/shop").await.unwrap();
    assert!(page.contains("the shelves are empty") && page.contains("all is well"));
    let stored = std::fs::read(folder.path().join("portwarden.db")).unwrap();
    let secret = b"squeamish-ossifrage";
    assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret), "kept secret on disk too");
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_http_draws_every_hop() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address();
    let _nginx = Nginx::start(folder.path(), &[address], &site(&address.to_string(), WELL));
    let url = format!("http://{address}/");
    let said = command::portwarden(folder.path(), &["probe", "http", &url]).expect(0).out;
    let hop = said.lines().find(|line| line.starts_with("redirect ")).unwrap();
    assert!(hop.contains("  200 ") && hop.contains('p'), "{said}");
    assert!(said.contains("c connect · p processing"), "{said}");
}
