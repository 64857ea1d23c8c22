//! Who refuses an upgrade: nginx, or the application behind it.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::PACE;
use crate::support::agent::Agent;
use crate::support::applications::Program;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

const PASSED_ON: &str = "proxy_set_header Upgrade $http_upgrade;";

fn proxy(folder: &Path, app: SocketAddr) -> (Nginx, SocketAddr) {
    let listen = own_address();
    let servers = format!(
        "server {{ listen {listen}; server_name shop.example; location = /page {{ return 200 hello; }}\n\
         location = /away {{ return 301 https://shop.example/live; }}\n\
         location / {{ proxy_pass http://{app}; proxy_http_version 1.1; {PASSED_ON}\n\
         proxy_set_header Connection $http_connection; proxy_set_header Host $host; }} }}"
    );
    (Nginx::start(folder, &[listen], &servers), listen)
}

fn check(name: &str, path: &str, proxy: SocketAddr, keys: &str) -> String {
    format!(
        "[[websocket]]\nname = \"{name}\"\nurl = \"ws://shop.example{path}\"\nconnect = \"{proxy}\"\n{keys}\n"
    )
}

fn words<'a>(finding: &'a Value, key: &str) -> &'a str {
    finding["evidence"][key].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_that_loses_the_upgrade_is_named_and_the_application_that_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = Program::talk("live");
    let (nginx, listen) = proxy(folder.path(), app.address);
    let upstream = format!("upstream = \"{}\"", app.address);
    let plan = [
        PACE.to_owned(),
        check("live", "/live", listen, &upstream),
        check("blind", "/live", listen, ""),
        check("forbidden", "/forbidden", listen, &upstream),
        check("origin", "/live", listen, "origin = \"https://evil.example\""),
        check("page", "/page", listen, &upstream),
        check("away", "/away", listen, ""),
    ]
    .concat();
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("live", "up").await;
    agent.state("blind", "up").await;
    let code = "http.upgrade-refused";

    let finding = agent.finding("forbidden", code).await;
    assert_eq!(words(&finding, "refused_by"), format!("the application: {}", app.address));
    assert_eq!(finding["subject"], "ws://shop.example/forbidden");
    assert_eq!(
        (&finding["evidence"]["expected"], &finding["evidence"]["got"]),
        (&101.into(), &403.into())
    );
    assert!(words(&finding, "by_hand").contains("--http1.1"), "{finding}");
    let finding = agent.finding("origin", code).await;
    assert_eq!(words(&finding, "refused_by"), "whoever guards that path", "{finding}");
    assert!(finding["remedy"].to_string().contains("https://evil.example"), "{finding}");
    // nginx has a page of its own there, and the application behind it would have upgraded.
    let finding = agent.finding("page", code).await;
    assert!(words(&finding, "refused_by").contains("the proxy: nginx at"), "{finding}");
    let finding = agent.finding("away", code).await;
    assert!(finding["summary"].to_string().contains("https://shop.example/live"), "{finding}");

    nginx.rewrite(PASSED_ON, "");
    let finding = agent.finding("live", code).await;
    let by = format!("the proxy: nginx at {listen} (shop.example)");
    assert_eq!(words(&finding, "refused_by"), by, "{finding}");
    assert!(finding["remedy"].to_string().contains(PASSED_ON), "{finding}");
    let finding = agent.finding("blind", code).await;
    assert_eq!(words(&finding, "refused_by"), "a hop before the application", "{finding}");
    let visits = agent.check("live").await["last"]["facts"]["visits"].clone();
    let roles: Vec<&str> =
        visits.as_array().unwrap().iter().filter_map(|visit| visit["role"].as_str()).collect();
    assert!(roles.starts_with(&["way", "control"]), "{visits}");

    nginx.rewrite("proxy_pass", &format!("{PASSED_ON} proxy_pass"));
    agent.healed("live", code).await;
    agent.healed("blind", code).await;

    app.stop();
    let finding = agent.finding("live", "http.bad-gateway").await;
    assert_eq!(finding["subject"], app.address.to_string());
    app.start_again();
    agent.healed("live", "http.bad-gateway").await;
    agent.state("live", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_io_says_itself_that_the_upgrade_did_not_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let app = Program::live("websocket");
    let (nginx, listen) = proxy(folder.path(), app.address);
    let path = "/socket.io/?EIO=4&transport=websocket";
    let other = Program::talk("another");
    let misled =
        format!("[[websocket]]\nname = \"misled\"\nurl = \"ws://{}{path}\"\n", other.address);
    let plan = [PACE.to_owned(), check("live", path, listen, ""), misled].concat();
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("live", "up").await;
    let said = agent.check("live").await["last"]["facts"]["websocket"]["said"][0]["text"].clone();
    assert!(said.as_str().unwrap().starts_with(r#"0{"sid":"(hidden)""#), "{said}");
    // Another application at that path upgrades too, and does not open as engine.io does.
    let finding = agent.finding("misled", "websocket.unexpected-reply").await;
    assert_eq!(words(&finding, "got"), "this is another");

    nginx.rewrite(PASSED_ON, "");
    let finding = agent.finding("live", "http.upgrade-refused").await;
    assert_eq!(words(&finding, "refused_by"), "a hop before the application", "{finding}");
    nginx.rewrite("proxy_pass", &format!("{PASSED_ON} proxy_pass"));
    agent.healed("live", "http.upgrade-refused").await;
}
